//! A client over DTLS.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use openssl::{
    ssl::{Ssl, SslContext, SslMethod, SslOptions, SslStream, SslVerifyMode},
    x509::X509,
};
use turnd_wire::{Class, Message, Method, TransactionId};

use crate::{
    client::{ask_for_udp, message},
    pki::Issued,
};

/// Longer than an answer takes on loopback. The handshake has no second try of its own here.
const PATIENCE: Duration = Duration::from_millis(1500);

/// One datagram a read and a write.
#[derive(Debug)]
struct Datagrams(UdpSocket);

impl Read for Datagrams {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.0.recv(to)
    }
}

impl Write for Datagrams {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.0.send(datagram)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A client over DTLS.
pub(crate) struct Client(SslStream<Datagrams>);

impl Client {
    /// Shakes hands; `None` if nobody answers.
    pub(crate) fn connect(server: SocketAddr) -> Option<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut builder = SslContext::builder(SslMethod::dtls_client()).unwrap();
        builder.set_verify(SslVerifyMode::NONE);
        builder.set_options(SslOptions::NO_QUERY_MTU);
        let mut ssl = Ssl::new(&builder.build()).unwrap();
        ssl.set_mtu(1400).unwrap();
        let mut stream = SslStream::new(ssl, Datagrams(socket)).unwrap();
        stream.connect().ok()?;
        Some(Self(stream))
    }

    /// Whether this is the certificate that it was shown.
    pub(crate) fn was_shown(&self, issued: &Issued) -> bool {
        let shown = self.0.ssl().peer_certificate().unwrap();
        shown.to_der().unwrap()
            == X509::from_pem(issued.cert.as_bytes())
                .unwrap()
                .to_der()
                .unwrap()
    }

    /// Sends one message.
    pub(crate) fn send(&mut self, message: &[u8]) {
        self.0.ssl_write(message).unwrap();
    }

    /// The next message.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut buffer = [0; 1500];
        let length = self.0.ssl_read(&mut buffer).expect("a message");
        buffer[..length].to_vec()
    }

    /// Whether a request succeeds.
    fn succeeds(&mut self, (id, request): (TransactionId, Vec<u8>)) -> bool {
        self.send(&request);
        let reply = self.next();
        let reply = Message::parse(&reply).unwrap();
        assert_eq!(reply.transaction_id(), id);
        reply.class() == Class::Success
    }

    pub(crate) fn allocates(&mut self) -> bool {
        self.succeeds(message(Class::Request, Method::ALLOCATE, ask_for_udp))
    }

    pub(crate) fn refreshes(&mut self) -> bool {
        self.succeeds(message(Class::Request, Method::REFRESH, |_| ()))
    }
}
