//! Datagrams that no honest client sends: silence or the RFC's error, never a panic, never state.

use proptest::{collection::vec, prelude::*, sample::Index};
use turnd_proto::{Alternate, BindingRules, ListenerId, Origin, Redirects, Transport};
use turnd_wire::{Class, Message, Method, attr, channel_data, message::header};

use crate::support::{Client, Network, OK, OTHER_PEER, PEER, REALM, Request, Setup, at};

const ANSWERED: [Method; 5] = [
    Method::BINDING,
    Method::ALLOCATE,
    Method::REFRESH,
    Method::CREATE_PERMISSION,
    Method::CHANNEL_BIND,
];

#[test]
fn only_the_requests_of_five_methods_are_answered() {
    let mut net = Network::new();
    let client = Client::new("192.0.2.1:4001");
    for number in 0..=0xFFF {
        let method = Method::new(number).unwrap();
        for class in [
            Class::Request,
            Class::Indication,
            Class::Success,
            Class::Error,
        ] {
            let bytes = header(class, method, [1; 12].into(), 0);
            let answered = net.exchange(&client, &bytes).is_some();
            let expected = class == Class::Request && ANSWERED.contains(&method);
            assert_eq!(answered, expected, "{method:?} {class:?}");
        }
    }
    assert_eq!(net.keys.lookups, 0);
}

#[test]
fn a_broken_header_is_met_with_silence() {
    let mut net = Network::new();
    let client = Client::new("192.0.2.1:4001");
    let good = Request::binding().with(attr::SOFTWARE, b"abcd").unsigned();
    assert!(net.exchange(&client, &good).is_some());
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    for (what, bytes) in [
        ("nothing", vec![]),
        ("an RFC 3489 message", changed(4, 0)),
        ("length not a multiple of four", changed(3, 7)),
        ("length beyond the datagram", changed(3, 12)),
        ("length before its end", changed(3, 4)),
        ("an attribute beyond the end", changed(23, 5)),
        ("an attribute far beyond the end", changed(22, 0xFF)),
        ("a byte too many", [&good[..], &[0]].concat()),
        ("ZRTP", changed(0, 16)),
        ("DTLS", changed(0, 22)),
        ("a reserved channel", changed(0, 0x50)),
        ("RTP", changed(0, 0x80)),
        ("nobody's", changed(0, 0xC0)),
    ] {
        assert_eq!(net.exchange(&client, &bytes), None, "{what}");
    }
    for cut in 0..good.len() {
        assert_eq!(net.exchange(&client, &good[..cut]), None);
    }
}

#[test]
fn nobody_is_answered_who_cannot_be_reached() {
    let mut net = Network::new();
    for from in [
        "192.0.2.1:0",
        "0.0.0.0:4001",
        "224.0.0.1:4001",
        "255.255.255.255:4001",
        "[::]:4001",
        "[ff02::1]:4001",
        // Services that answer whatever they are sent.
        "192.0.2.1:7",
        "192.0.2.1:53",
        "[2001:db8::1]:123",
        "192.0.2.1:11211",
    ] {
        let client = Client::new(from);
        for request in [Request::binding(), Request::allocate()] {
            assert_eq!(net.exchange(&client, &request.unsigned()), None, "{from}");
        }
    }
}

/// Nor is there an option that makes it more.
#[test]
fn no_option_makes_answers_to_strangers_long() {
    let discovery = || {
        let mut rules = BindingRules::default();
        let origin = |host: u8, port| Origin {
            listener: ListenerId(7),
            address: ([192, 0, 2, host], port).into(),
            told: ([192, 0, 2, host], port).into(),
        };
        let own = [origin(99, 3478), origin(99, 3479)];
        rules
            .discovery
            .offer(false, own, [origin(98, 3478), origin(98, 3479)]);
        rules
    };
    let mapped = BindingRules {
        mapped_address: true,
        classic: true,
        ..BindingRules::default()
    };
    let secure = BindingRules {
        authenticated: true,
        ..BindingRules::default()
    };
    for fingerprint in [false, true] {
        for (what, binding) in [
            ("nothing", BindingRules::default()),
            ("stun-backward-compatibility", mapped.clone()),
            ("secure-stun", secure.clone()),
            ("rfc5780", discovery()),
        ] {
            let mut net = Network::with(Setup {
                fingerprint,
                redirects: Redirects {
                    any: vec![Alternate {
                        ip: [203, 0, 113, 1].into(),
                        port: None,
                        domain: None,
                    }],
                    ..Redirects::default()
                },
                binding,
                ..Setup::default()
            });
            for from in ["203.0.113.7:4001", "[2001:db8::1]:4001"] {
                let client = Client::new(from);
                // What is longer for a while, which discovery must be.
                for _ in 0..20 {
                    net.exchange(&client, &Request::binding().unsigned());
                }
                for request in [
                    Request::allocate(),
                    Request::allocate().fingerprint(),
                    Request::create_permission().peer(PEER),
                    Request::channel_bind().channel(0x4000).peer(PEER),
                    Request::refresh().lifetime(0),
                    Request::binding(),
                    Request::binding().fingerprint(),
                    Request::binding().with(attr::AttributeType(0x7F00), b""),
                    Request::binding().with(attr::SOFTWARE, b"a client"),
                ] {
                    let request = request.unsigned();
                    let reply = net.exchange(&client, &request).unwrap();
                    let (bytes, sent) = (reply.bytes.len(), request.len());
                    let asked = Message::parse(&request).unwrap().has(attr::FINGERPRINT);
                    assert!(!asked || reply.has(attr::FINGERPRINT), "who has it gets it");
                    // What is shorter than an Allocate is challenged three times a second.
                    let challenge = if what == "secure-stun" { 84 } else { 0 };
                    let most = challenge.max(3 * sent) + if asked { 8 } else { 0 };
                    assert!(
                        bytes <= most,
                        "{what}, {from}: {bytes} for {sent}: {reply:?}"
                    );
                }
                for method in &ANSWERED[1..] {
                    let request = Request::new(*method).unsigned();
                    let reply = net.exchange(&client, &request).unwrap();
                    assert_eq!(reply.bytes.len(), 84, "{what}, {from}");
                }
            }
            // With an account or over a connection nothing is left out.
            let mut carol = net.client("carol");
            let redirected = carol.call(&mut net, &Request::allocate());
            assert_eq!(redirected.has(attr::FINGERPRINT), fingerprint);
            let tcp = Client::new("203.0.113.9:4001").over(Transport::Tcp);
            let challenge = net.exchange(&tcp, &Request::allocate().unsigned()).unwrap();
            assert_eq!(challenge.has(attr::FINGERPRINT), fingerprint);
        }
    }
}

/// Whoever forges a source address must not get more than three times what it spends. The shortest
/// Allocate that makes sense has 28 bytes; a bare header, 20, is refused with the same 84.
#[test]
fn strangers_get_little_for_their_bytes() {
    let mut net = Network::new();
    let client = Client::new("[2001:db8::1]:4001");
    let nonce = net
        .client("alice")
        .say_hello(&mut net)
        .value(attr::NONCE)
        .unwrap();
    let key = turnd_wire::Key::from_bytes(b"wrong").unwrap();
    let claims = || {
        Request::allocate()
            .with(attr::USERNAME, b"a")
            .with(attr::REALM, REALM.as_bytes())
            .with(attr::NONCE, &nonce)
    };
    let signed = |request: Request| {
        request.build([3; 12].into(), |w| {
            w.integrity(turnd_wire::Integrity::Sha1, &key)
        })
    };
    for request in [
        Request::allocate().unsigned(),
        Request::allocate().fingerprint().unsigned(),
        Request::create_permission().peer(PEER).unsigned(),
        Request::channel_bind()
            .channel(0x4000)
            .peer(PEER)
            .unsigned(),
        Request::refresh().lifetime(0).unsigned(),
        Request::binding().unsigned(),
        Request::binding()
            .with(attr::AttributeType(0x7F00), b"")
            .unsigned(),
        signed(Request::allocate()),
        signed(claims()),
        signed(claims().with(attr::PASSWORD_ALGORITHM, &[0, 1, 0, 0])),
    ] {
        let reply = net.exchange(&client, &request).unwrap();
        assert!(reply.bytes.len() <= 3 * request.len(), "{reply:?}");
    }
    for method in &ANSWERED[1..] {
        let reply = net
            .exchange(&client, &Request::new(*method).unsigned())
            .unwrap();
        assert_eq!(reply.bytes.len(), 84);
    }
}

#[test]
fn a_request_of_absurd_length_is_not_kept() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    alice.say_hello(&mut net);
    net.hold = true;
    let long = Request::allocate().with(attr::SOFTWARE, &[b'x'; 3000]);
    assert_eq!(alice.try_call(&mut net, &long), None);
    assert!(net.asks.is_empty());
}

// What stands behind the signature.

/// RFC 8489 sections 14.5 and 14.6.
#[test]
fn what_follows_the_signature_has_no_effect() {
    for sha256 in [false, true] {
        let mut net = Network::new();
        let mut alice = net.client("alice");
        if sha256 {
            alice = alice.sha256();
        }
        let relay = alice.allocate(&mut net);
        let refresh = alice.signed(&Request::refresh().lifetime(900));
        let end = behind(&refresh, &Request::refresh().lifetime(0).unsigned()[20..]);
        assert_eq!(alice.deliver(&mut net, &end).unwrap().lifetime(), Some(900));

        let permit = alice.signed(&Request::create_permission().peer(PEER));
        let id = turnd_wire::Message::parse(&permit)
            .unwrap()
            .transaction_id();
        let more = Request::create_permission()
            .peer(OTHER_PEER)
            .id(id)
            .unsigned();
        let both = behind(&permit, &more[20..]);
        assert_eq!(alice.deliver(&mut net, &both).unwrap().code(), OK);
        assert!(net.peer_sends(relay, PEER, b"x").is_some());
        assert_eq!(net.peer_sends(relay, OTHER_PEER, b"x"), None);

        let unknown = behind(&alice.signed(&Request::refresh()), &[0x7F, 0, 0, 0]);
        assert_eq!(alice.deliver(&mut net, &unknown).unwrap().code(), OK);
    }
}

proptest! {
    #[test]
    fn no_attributes_behind_the_signature_change_the_answer(
        suffix in vec((any::<u16>(), vec(any::<u8>(), 0..24)), 1..4),
        sha256: bool,
    ) {
        // FINGERPRINT and, behind SHA-1, MESSAGE-INTEGRITY-SHA256 do count there.
        let counts = [attr::FINGERPRINT.0, attr::MESSAGE_INTEGRITY_SHA256.0];
        prop_assume!(suffix.iter().all(|(kind, _)| !counts.contains(kind)));
        let mut net = Network::new();
        let mut alice = net.client("alice");
        if sha256 {
            alice = alice.sha256();
        }
        alice.allocate(&mut net);
        let plain = alice.signed(&Request::refresh().lifetime(900));
        let attributes = suffix.iter().fold(Request::binding(), |request, (kind, value)| {
            request.with(attr::AttributeType(*kind), value)
        });
        let longer = behind(&plain, &attributes.unsigned()[20..]);
        let expected = alice.deliver(&mut net, &plain);
        prop_assert_eq!(alice.deliver(&mut net, &longer), expected);
    }

    /// Noise, and noise that starts like something known.
    #[test]
    fn noise_leaves_no_trace(
        start in prop_oneof![
            Just(vec![]),
            Just(vec![0x40, 0x00]),
            (0..0x4000_u16).prop_map(|kind| kind.to_be_bytes().to_vec()),
        ],
        noise in vec(any::<u8>(), 0..200),
        cookie: bool,
    ) {
        let mut net = Network::new();
        let client = Client::new("192.0.2.1:4001");
        let mut bytes = [start, noise].concat();
        if cookie && bytes.len() >= 20 {
            let length = bytes.len() / 4 * 4;
            bytes.truncate(length);
            bytes[2..4].copy_from_slice(&u16::try_from(length - 20).unwrap().to_be_bytes());
            bytes[4..8].copy_from_slice(&[0x21, 0x12, 0xA4, 0x42]);
        }
        net.exchange(&client, &bytes);
        prop_assert_eq!(net.allocations(), 0);
        prop_assert_eq!((net.keys.lookups, net.ports.opened), (0, 0));
        prop_assert_eq!(net.servers[0].next_timeout(), None);
    }

    /// A signed request with bits flipped, cut short, or with a lying length.
    #[test]
    fn a_damaged_request_changes_nothing(
        flips in vec((any::<Index>(), 0..8_u8), 1..4),
        cut in proptest::option::of(any::<Index>()),
        sha256: bool,
    ) {
        let mut net = Network::new();
        let mut alice = net.client("alice");
        if sha256 {
            alice = alice.sha256();
        }
        let relay = alice.allocate(&mut net);
        alice.must_permit(&mut net, PEER);
        let good = alice.signed(&Request::refresh().lifetime(0));
        let mut bytes = good.clone();
        for (index, bit) in flips {
            let at = index.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        prop_assume!(bytes != good);
        if let Some(reply) = net.exchange(&alice, &bytes) {
            // Binding needs no signature; everything else does.
            let is_binding = reply.message().method() == Method::BINDING;
            prop_assert!(is_binding || [400, 401, 438].contains(&reply.code()), "{reply:?}");
        }
        prop_assert!(net.peer_sends(relay, PEER, b"x").is_some());
        prop_assert_eq!(net.allocations(), 1);
    }

    /// A Send indication carries no signature: damaged or not, it goes to permitted peers only.
    #[test]
    fn damaged_data_goes_nowhere_new(
        flips in vec((any::<Index>(), 0..8_u8), 0..4),
        channel: bool,
    ) {
        let mut net = Network::open();
        let mut client = Client::new("192.0.2.1:4001");
        client.allocate(&mut net);
        client.must_bind(&mut net, 0x4000, PEER);
        let mut bytes = if channel {
            [&channel_data::header(0x4000, 8)[..], b"12345678"].concat()
        } else {
            Request::send(PEER, b"12345678").unsigned()
        };
        for (index, bit) in flips {
            let at = index.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        let length = bytes.len();
        if let Some(sent) = net.relay_up(&client, &bytes) {
            prop_assert_eq!(sent.to.ip(), at(PEER).ip());
            prop_assert!(sent.data.len() <= length);
        }
    }
}

/// Puts attributes behind everything else, and makes the length true.
fn behind(message: &[u8], attributes: &[u8]) -> Vec<u8> {
    let mut bytes = [message, attributes].concat();
    let length = u16::try_from(bytes.len() - 20).unwrap();
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    bytes
}
