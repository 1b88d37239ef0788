//! Datagrams at a DTLS port: records, ClientHellos with and without a cookie, and what claims to be more.
//! Does nothing where turnd was built without DTLS.

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
    time::Duration,
};

use turnd::dtls::{self, Credentials, Dtls, DtlsContext, DtlsLimits, MAX_MESSAGE, Path, Received};
use turnd_proto::Instant;

use crate::input::Input;

/// Where the session id stands in a ClientHello that is the first record of a datagram.
const SESSION_ID: usize = 13 + 12 + 2 + 32;

static CONTEXT: LazyLock<Arc<DtlsContext>> = LazyLock::new(|| {
    let names = vec!["turn.example.org".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let credentials = Credentials {
        chain: chain.as_bytes(),
        key: key.as_bytes(),
        ..Credentials::default()
    };
    Arc::new(DtlsContext::new(&credentials).expect("credentials that fit"))
});

pub(crate) fn run(bytes: &[u8]) {
    if !dtls::AVAILABLE {
        return;
    }
    let mut port = Port::new();
    let mut input = Input::new(bytes);
    for _ in 0..8 {
        if input.is_empty() {
            break;
        }
        let flags = input.byte();
        let client = usize::from(flags & 1);
        let datagram = input.many().to_vec();
        if flags & 2 != 0 {
            port.proves_its_address(client, &datagram);
        } else {
            port.receives(client, &datagram);
        }
        port.wait(Duration::from_millis(u64::from(flags >> 4) * 700));
    }
    // Whatever was begun is over some day.
    port.wait(Duration::from_secs(200));
    assert_eq!((port.dtls.associations(), port.dtls.half_open()), (0, 0));
    assert_eq!(port.dtls.next_timeout(), None);
}

/// A port and the clients that write to it.
struct Port {
    dtls: Dtls,
    now: Instant,
    /// Addresses that have shown a cookie.
    proved: [bool; 2],
}

impl Port {
    fn new() -> Self {
        let limits = DtlsLimits {
            half_open: 4,
            ..DtlsLimits::default()
        };
        Self {
            dtls: Dtls::new(CONTEXT.clone(), limits),
            now: Instant::from_millis(5_000_000),
            proved: [false; 2],
        }
    }

    fn path(client: usize) -> Path {
        let client = ["192.0.2.1:4001", "[2a00::1]:4001"][client];
        Path {
            client: client.parse().expect("an address"),
            server: SocketAddr::from(([192, 0, 2, 9], 3478)),
        }
    }

    fn receives(&mut self, client: usize, datagram: &[u8]) -> Vec<Vec<u8>> {
        let path = Self::path(client);
        let (mut plain, mut answers) = (vec![0; MAX_MESSAGE], Vec::new());
        let send = |answer: &[u8]| answers.push(answer.to_vec());
        let received = self
            .dtls
            .receive(self.now, path, 0, datagram, &mut plain, send);
        assert_eq!(received, Received::Nothing, "nobody has agreed on keys");
        assert_eq!(self.dtls.closed(), None);
        assert!(self.dtls.half_open() <= self.proved.iter().filter(|it| **it).count());
        if !self.proved[client] {
            // One HelloVerifyRequest, shorter than the hello, and nothing kept.
            assert!(answers.len() <= 1);
            assert!(answers.iter().all(|answer| answer.len() < datagram.len()));
        }
        answers
    }

    /// The client sends this hello, and sends it again with the cookie that it got.
    fn proves_its_address(&mut self, client: usize, hello: &[u8]) {
        let answers = self.receives(client, hello);
        let cookie = answers.iter().find(|it| it.len() == 48 && it[13] == 3);
        let again = cookie.and_then(|answer| with_cookie(hello, &answer[28..]));
        if let Some(again) = again {
            self.proved[client] = true;
            self.receives(client, &again);
        }
    }

    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(next) = self.dtls.next_timeout().filter(|next| *next <= until) {
            self.now = next.max(self.now);
            self.dtls.handle_timeout(self.now, |_| false, |_, _, _| {});
        }
        self.now = until;
    }
}

/// The hello with this cookie in place of its own; nothing if it has no room for one.
fn with_cookie(hello: &[u8], cookie: &[u8]) -> Option<Vec<u8>> {
    let place = SESSION_ID + 1 + usize::from(*hello.get(SESSION_ID)?);
    let own = usize::from(*hello.get(place)?);
    let rest = hello.get(place + 1 + own..)?;
    let length = u8::try_from(cookie.len()).ok()?;
    let mut again = [&hello[..place], &[length], cookie, rest].concat();
    let fragment = u16::try_from(again.len() - 13).ok()?.to_be_bytes();
    let message = u16::try_from(again.len() - 25).ok()?.to_be_bytes();
    again[11..13].copy_from_slice(&fragment);
    again[15..17].copy_from_slice(&message);
    again[23..25].copy_from_slice(&message);
    // The second message of the client.
    again[10] = 1;
    again[18] = 1;
    Some(again)
}
