//! A `Dtls` and its clock.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use turnd::dtls::{Credentials, Dtls, DtlsContext, DtlsLimits, MAX_MESSAGE, Path, Received};
use turnd_proto::Instant;

use super::Pki;

/// The listener that all datagrams of the tests come in through.
const LISTENER: u32 = 7;

/// The path of client number `host`, each at an address of its own.
pub(crate) fn path(host: u32) -> Path {
    let [_, a, b, c] = host.to_be_bytes();
    Path {
        client: SocketAddr::from(([10, a, b, c], 50_000)),
        server: SocketAddr::from(([192, 0, 2, 1], 3478)),
    }
}

pub(crate) struct Server {
    pub(crate) dtls: Dtls,
    pub(crate) context: Arc<DtlsContext>,
    pub(crate) now: Instant,
    plain: Vec<u8>,
}

impl Server {
    pub(crate) fn new(credentials: &Credentials<'_>, limits: DtlsLimits) -> Self {
        let context = Arc::new(DtlsContext::new(credentials).unwrap());
        Self {
            dtls: Dtls::new(Arc::clone(&context), limits),
            context,
            now: Instant::from_millis(1_000_000),
            plain: vec![0; MAX_MESSAGE],
        }
    }

    /// With an ECDSA certificate and the default limits.
    pub(crate) fn usual() -> Self {
        Self::new(&Pki::ecdsa().credentials(), DtlsLimits::default())
    }

    /// What comes back to the client for this datagram, and which messages were in it.
    pub(crate) fn receive(&mut self, path: Path, datagram: &[u8]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let (mut sent, mut messages) = (Vec::new(), Vec::new());
        let mut send = |datagram: &[u8]| sent.push(datagram.to_vec());
        let plain = &mut self.plain;
        let mut received = self
            .dtls
            .receive(self.now, path, LISTENER, datagram, plain, &mut send);
        while let Received::Message(length) = received {
            messages.push(plain[..length].to_vec());
            received = self.dtls.next_message(self.now, path, plain, &mut send);
        }
        (sent, messages)
    }

    /// What comes back to the client for this datagram, which holds no message.
    pub(crate) fn answers(&mut self, path: Path, datagram: &[u8]) -> Vec<Vec<u8>> {
        let (sent, messages) = self.receive(path, datagram);
        assert!(messages.is_empty(), "{messages:?}");
        sent
    }

    /// The messages of a datagram that nothing comes back for.
    pub(crate) fn messages(&mut self, path: Path, datagram: &[u8]) -> Vec<Vec<u8>> {
        let (sent, messages) = self.receive(path, datagram);
        assert!(sent.is_empty(), "{sent:?}");
        messages
    }

    /// The datagram of a message to the client.
    pub(crate) fn send(&mut self, path: Path, message: &[u8]) -> Option<Vec<u8>> {
        let mut sent = Vec::new();
        let done = self
            .dtls
            .send(path, message, |datagram| sent.push(datagram.to_vec()));
        assert_eq!(sent.len(), usize::from(done));
        sent.pop()
    }

    /// Lets time pass, and gives what is sent when it is over. Nothing is in use.
    pub(crate) fn wait(&mut self, duration: Duration) -> Vec<(Path, Vec<u8>)> {
        self.wait_while(duration, |_| false)
    }

    pub(crate) fn wait_while(
        &mut self,
        duration: Duration,
        in_use: impl FnMut(Path) -> bool,
    ) -> Vec<(Path, Vec<u8>)> {
        self.now = self.now + duration;
        let mut sent = Vec::new();
        self.dtls
            .handle_timeout(self.now, in_use, |path, listener, datagram| {
                assert_eq!(listener, LISTENER);
                sent.push((path, datagram.to_vec()));
            });
        assert!(self.dtls.next_timeout().is_none_or(|next| next > self.now));
        sent
    }

    pub(crate) fn closed(&mut self) -> Vec<Path> {
        std::iter::from_fn(|| self.dtls.closed()).collect()
    }
}
