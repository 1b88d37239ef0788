//! A DTLS client whose datagrams the row carries to and from the server itself.

use openssl::ssl::{Ssl, SslContext, SslMethod, SslOptions, SslStream, SslVerifyMode};
use wire::Wire;

#[path = "../../dtls/support/wire.rs"]
mod wire;

/// The client's half of a handshake.
pub(crate) struct ByHand {
    stream: SslStream<Wire>,
    pub(crate) is_connected: bool,
}

impl ByHand {
    pub(crate) fn new() -> Self {
        let mut builder = SslContext::builder(SslMethod::dtls_client()).expect("a context");
        builder.set_verify(SslVerifyMode::NONE);
        builder.set_options(SslOptions::NO_QUERY_MTU);
        let mut ssl = Ssl::new(&builder.build()).expect("a client");
        ssl.set_mtu(1400).expect("an MTU");
        Self {
            stream: SslStream::new(ssl, Wire::default()).expect("a stream"),
            is_connected: false,
        }
    }

    /// Takes a datagram, or none at the beginning, and gives those that it sends then.
    pub(crate) fn receive(&mut self, datagram: Option<&[u8]>) -> Vec<Vec<u8>> {
        let incoming = &mut self.stream.get_mut().incoming;
        incoming.extend(datagram.map(<[u8]>::to_vec));
        // What it waits for is not there: that is no failure.
        self.is_connected |= self.stream.connect().is_ok();
        std::mem::take(&mut self.stream.get_mut().outgoing)
    }

    /// The first ClientHello.
    pub(crate) fn hello(&mut self) -> Vec<u8> {
        self.receive(None).remove(0)
    }
}
