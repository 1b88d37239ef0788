//! What stands behind the signature is nobody's word (RFC 8489 sections 14.5 and 14.6): a server that sees it does
//! and answers the same as one that does not.

use proptest::{collection::vec, prelude::*};
use turnd_proto::Transport;
use turnd_wire::attr;

use crate::{
    config,
    support::{Client, Network, OTHER_PEER, PEER, Request, Setup},
};

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn any_suffix_changes_nothing(
        requests in vec((0..7_usize, vec(attribute(), 1..4)), 1..6),
        sha256: bool,
    ) {
        let (mut plain, mut longer) = (Pair::new(sha256), Pair::new(sha256));
        for (which, suffix) in requests {
            let request = request(which);
            let expected = plain.send(&request, &[]);
            prop_assert_eq!(longer.send(&request, &suffix), expected, "{:?}", request);
            prop_assert_eq!(longer.seen(), plain.seen());
        }
    }
}

fn request(which: usize) -> Request {
    match which {
        0 => Request::allocate(),
        1 => Request::refresh().lifetime(900),
        2 => Request::refresh().lifetime(0),
        3 => Request::create_permission().peer(PEER),
        4 => Request::channel_bind().channel(0x4001).peer(OTHER_PEER),
        5 => Request::create_permission(),
        _ => Request::allocate().even_port(true),
    }
}

/// An attribute that does not count there: any but FINGERPRINT and the stronger integrity.
fn attribute() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let known = prop::sample::select(attr::TABLE).prop_map(|row| row.number.0);
    let kind = prop_oneof![3 => known, 1 => any::<u16>()];
    let counts = [attr::FINGERPRINT.0, attr::MESSAGE_INTEGRITY_SHA256.0];
    let kind = kind.prop_map(move |kind| if counts.contains(&kind) { 0x7F00 } else { kind });
    (kind, vec(any::<u8>(), 0..24))
}

/// A server and its client.
struct Pair {
    net: Network,
    alice: Client,
}

impl Pair {
    fn new(sha256: bool) -> Self {
        let mut net = Network::with(Setup::default());
        let mut alice = net.client("alice").over(Transport::Dtls);
        if sha256 {
            alice = alice.sha256();
        }
        alice.say_hello(&mut net);
        Self { net, alice }
    }

    /// The answer, and what happened.
    fn send(&mut self, request: &Request, suffix: &[(u16, Vec<u8>)]) -> (Option<Vec<u8>>, String) {
        self.net.events.clear();
        let mut bytes = self.alice.signed(request);
        for (kind, value) in suffix {
            let length = u16::try_from(value.len()).expect("a short one");
            bytes.extend([&kind.to_be_bytes()[..], &length.to_be_bytes(), value].concat());
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        let length = u16::try_from(bytes.len() - 20).expect("a short message");
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        let reply = self.alice.deliver(&mut self.net, &bytes);
        (
            reply.map(|reply| reply.bytes),
            format!("{:?}", self.net.events),
        )
    }

    /// What the server holds.
    fn seen(&self) -> (usize, usize, u64, u64) {
        let counters = self.net.servers[0].counters(self.net.now);
        (
            self.net.allocations(),
            self.net.ports.in_use(),
            counters.permissions,
            counters.channels,
        )
    }
}
