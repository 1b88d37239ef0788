//! A client that shares no code with OpenSSL, and whose clock the tests move too.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use dimpl::{Config, Dtls, DtlsCertificate, Output};

use super::Pki;

pub(crate) struct Independent {
    dtls: Dtls,
    now: Instant,
    pub(crate) connected: bool,
    pub(crate) closed: bool,
    /// The server's certificate, in DER.
    pub(crate) certificate: Vec<u8>,
    pub(crate) messages: Vec<Vec<u8>>,
}

impl Independent {
    pub(crate) fn new() -> Self {
        let own = Pki::other_ecdsa();
        let own = DtlsCertificate {
            certificate: own.leaf.to_der().unwrap(),
            private_key: own.key.private_key_to_pkcs8().unwrap(),
        };
        let now = Instant::now();
        let mut dtls = Dtls::new_12(Arc::new(Config::default()), own, now);
        dtls.set_active(true);
        Self {
            dtls,
            now,
            connected: false,
            closed: false,
            certificate: Vec::new(),
            messages: Vec::new(),
        }
    }

    /// Lets time pass, and gives the datagrams that the client sends when it is over.
    pub(crate) fn wait(&mut self, duration: Duration) -> Vec<Vec<u8>> {
        self.now += duration;
        self.dtls.handle_timeout(self.now).unwrap();
        self.outputs()
    }

    /// Takes a datagram, and gives those that the client sends then.
    pub(crate) fn receive(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        self.dtls.handle_packet(datagram).unwrap();
        self.outputs()
    }

    /// The datagram of a message.
    pub(crate) fn send(&mut self, message: &[u8]) -> Vec<u8> {
        self.dtls.send_application_data(message).unwrap();
        self.outputs().remove(0)
    }

    /// The datagram with the close_notify.
    pub(crate) fn close(&mut self) -> Vec<u8> {
        self.dtls.close().unwrap();
        self.outputs().remove(0)
    }

    fn outputs(&mut self) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::new();
        let mut buffer = vec![0; 1 << 14];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(datagram) => datagrams.push(datagram.to_vec()),
                Output::Connected => self.connected = true,
                Output::PeerCert(certificate) => self.certificate = certificate.to_vec(),
                Output::ApplicationData(message) => self.messages.push(message.to_vec()),
                Output::CloseNotify => self.closed = true,
                Output::Timeout(_) => return datagrams,
                _ => {}
            }
        }
    }
}
