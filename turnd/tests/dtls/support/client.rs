//! OpenSSL's client.

use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslStream, SslVerifyMode,
};
use turnd::dtls::Path;

use super::{Pki, Server, wire::Wire};

pub(crate) struct Client {
    stream: SslStream<Wire>,
    pub(crate) connected: bool,
    /// The peer has closed the association.
    pub(crate) closed: bool,
    /// The error that ended the association, if one did.
    pub(crate) error: Option<String>,
    pub(crate) messages: Vec<Vec<u8>>,
}

impl Client {
    /// A client that trusts the root of `pki` alone.
    pub(crate) fn new(pki: &Pki) -> Self {
        Self::with(pki, |_| {})
    }

    /// One with further settings.
    pub(crate) fn with(pki: &Pki, set: impl FnOnce(&mut SslContextBuilder)) -> Self {
        let mut builder = SslContext::builder(SslMethod::dtls_client()).unwrap();
        builder.set_verify(SslVerifyMode::PEER);
        builder.set_options(SslOptions::NO_QUERY_MTU);
        builder.cert_store_mut().add_cert(pki.root.clone()).unwrap();
        set(&mut builder);
        let mut ssl = Ssl::new(&builder.build()).unwrap();
        ssl.set_mtu(1400).unwrap();
        let stream = SslStream::new(ssl, Wire::default()).unwrap();
        Self {
            stream,
            connected: false,
            closed: false,
            error: None,
            messages: Vec::new(),
        }
    }

    /// The first ClientHello.
    pub(crate) fn hello(&mut self) -> Vec<u8> {
        let mut hello = self.receive(&[]);
        assert_eq!(hello.len(), 1);
        hello.remove(0)
    }

    /// Takes datagrams, and gives those that the client sends then.
    pub(crate) fn receive(&mut self, datagrams: &[Vec<u8>]) -> Vec<Vec<u8>> {
        self.stream
            .get_mut()
            .incoming
            .extend(datagrams.iter().cloned());
        let mut plain = vec![0; 1 << 14];
        let result = loop {
            if !self.connected {
                match self.stream.connect() {
                    Ok(()) => self.connected = true,
                    Err(error) => break error,
                }
            }
            match self.stream.ssl_read(&mut plain) {
                Ok(length) => self.messages.push(plain[..length].to_vec()),
                Err(error) => break error,
            }
        };
        match result.code() {
            ErrorCode::WANT_READ => {}
            ErrorCode::ZERO_RETURN => self.closed = true,
            _ => drop(self.error.get_or_insert(result.to_string())),
        }
        std::mem::take(&mut self.stream.get_mut().outgoing)
    }

    /// The datagram of a message.
    pub(crate) fn send(&mut self, message: &[u8]) -> Vec<u8> {
        assert_eq!(self.stream.ssl_write(message).unwrap(), message.len());
        self.stream.get_mut().outgoing.pop().unwrap()
    }

    /// The datagram with the close_notify.
    pub(crate) fn close(&mut self) -> Vec<u8> {
        self.stream.shutdown().unwrap();
        self.stream.get_mut().outgoing.pop().unwrap()
    }

    /// The hello with the server's cookie.
    pub(crate) fn hello_with_cookie(&mut self, server: &mut Server, path: Path) -> Vec<u8> {
        let first = self.hello();
        let request = server.answers(path, &first);
        let mut second = self.receive(&request);
        assert_eq!(second.len(), 1);
        second.remove(0)
    }

    /// Exchanges flights until both are silent.
    pub(crate) fn shake_hands(&mut self, server: &mut Server, path: Path) {
        let mut to_server = self.receive(&[]);
        while !to_server.is_empty() {
            let mut to_client = Vec::new();
            for datagram in &to_server {
                to_client.extend(server.answers(path, datagram));
            }
            to_server = self.receive(&to_client);
        }
    }

    /// A client that has an association with the server.
    pub(crate) fn connected(server: &mut Server, path: Path) -> Self {
        let mut client = Self::new(Pki::ecdsa());
        client.shake_hands(server, path);
        assert!(client.connected, "{:?}", client.error);
        client
    }

    /// Asserts that data passes both ways.
    pub(crate) fn talk(&mut self, server: &mut Server, path: Path) {
        let there = self.send(b"to the server");
        assert_eq!(server.messages(path, &there), [b"to the server"]);
        let back = server.send(path, b"to the client").unwrap();
        assert!(self.receive(&[back]).is_empty());
        assert_eq!(self.messages.pop().unwrap(), b"to the client");
    }

    pub(crate) fn ssl(&self) -> &openssl::ssl::SslRef {
        self.stream.ssl()
    }
}
