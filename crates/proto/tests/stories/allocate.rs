//! Allocate (RFC 8656 section 7).

use turnd_proto::{Ask, DefaultFamily, Lifetimes, PortWish, Transport};
use turnd_wire::{Algorithm, Family, Integrity, attr, attr::AttributeType};

use crate::support::{Client, Network, OK, PEER, PEER_V6, Request, Setup, at};

#[test]
fn a_success_tells_the_client_everything() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    let reply = alice.call(&mut net, &Request::allocate());
    // As peers see it, not as it is bound.
    assert_eq!(reply.relay(), at("9.9.9.9:50000"));
    assert_eq!(reply.mapped(), Some(alice.address()));
    assert_eq!(reply.lifetime(), Some(600));
    assert_eq!(reply.signatures(), [Integrity::Sha1]);
    assert!(!reply.has(attr::RESERVATION_TOKEN) && !reply.has(attr::SOFTWARE));
}

#[test]
fn every_reply_fits_into_the_smallest_datagram() {
    let mut net = Network::new();
    let mut alice = net.client("alice").sha256();
    alice.algorithm = Some(Algorithm::Sha256);
    let dual = Request::allocate().dual().even_port(false).fingerprint();
    assert!(alice.call(&mut net, &dual).bytes.len() <= 548);
}

// The order of checks: whoever breaks two rules hears about the first.

#[test]
fn an_allocation_that_is_there_comes_first() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    for request in [
        Request::allocate(),
        Request::bare_allocate(),
        Request::bare_allocate().with(attr::REQUESTED_TRANSPORT, &[99, 0, 0, 0]),
        Request::allocate().with(AttributeType(0x7F01), b""),
    ] {
        assert_eq!(client.call(&mut net, &request).code(), 437);
    }
    assert_eq!((net.allocations(), net.ports.opened), (1, 1));
}

#[test]
fn each_rule_has_its_code() {
    let bare = Request::bare_allocate;
    let udp = Request::allocate;
    let transport = |value: &[u8]| bare().with(attr::REQUESTED_TRANSPORT, value);
    let family = |value: &[u8]| udp().with(attr::REQUESTED_ADDRESS_FAMILY, value);
    let additional = |value: &[u8]| udp().with(attr::ADDITIONAL_ADDRESS_FAMILY, value);
    let token = |request: Request| request.with(attr::RESERVATION_TOKEN, &[0; 8]);
    for (what, request, code) in [
        ("no transport", bare(), 400),
        ("a short transport", transport(&[17]), 400),
        ("a long transport", transport(&[17, 0, 0, 0, 0]), 400),
        ("transport 99", transport(&[99, 0, 0, 0]), 442),
        ("TCP, which is not offered", transport(&[6, 0, 0, 0]), 442),
        (
            "bad transport before bad token",
            token(transport(&[99, 0, 0, 0]).dual()),
            442,
        ),
        (
            "unknown attribute before transport",
            bare().with(AttributeType(0x7F01), b""),
            420,
        ),
        ("a token with EVEN-PORT", token(udp().even_port(false)), 400),
        (
            "a token with a family",
            token(udp().family(Family::V4)),
            400,
        ),
        ("a token with another family", token(udp().dual()), 400),
        (
            "a short token",
            udp().with(attr::RESERVATION_TOKEN, &[0; 7]),
            400,
        ),
        ("an unknown token", token(udp()), 508),
        (
            "a token of nobody",
            udp().with(attr::RESERVATION_TOKEN, &[0xFF; 8]),
            508,
        ),
        (
            "both family attributes",
            udp().family(Family::V4).dual(),
            400,
        ),
        ("an unknown family", family(&[3, 0, 0, 0]), 440),
        ("a short family", family(&[1]), 400),
        ("IPv4 in addition", additional(&[1, 0, 0, 0]), 400),
        (
            "an unknown family in addition",
            additional(&[3, 0, 0, 0]),
            400,
        ),
        (
            "a pair of ports in two families",
            udp().dual().even_port(true),
            400,
        ),
        (
            "a long EVEN-PORT",
            udp().with(attr::EVEN_PORT, &[0x80, 0]),
            400,
        ),
        ("a short LIFETIME", udp().with(attr::LIFETIME, &[0]), 400),
        ("mobility", udp().with(attr::MOBILITY_TICKET, &[]), 405),
        (
            "somebody's ticket",
            udp().with(attr::MOBILITY_TICKET, &[1]),
            400,
        ),
        ("DONT-FRAGMENT", udp().with(attr::DONT_FRAGMENT, &[]), OK),
    ] {
        let mut net = Network::open();
        let mut client = Client::new("192.0.2.1:4001");
        assert_eq!(client.call(&mut net, &request).code(), code, "{what}");
        assert_eq!(net.allocations() == 1, code == OK);
        assert_eq!(net.ports.in_use(), net.allocations());
    }
}

/// RFC 8656 section 21.4, and packets must not circle.
#[test]
fn nobody_allocates_from_a_tunnel_or_from_a_relay() {
    let mut net = Network::open();
    for tunnel in ["[2002:c000:201::1]:4001", "[2001:0:c000:201::1]:4001"] {
        let reply = Client::new(tunnel).call(&mut net, &Request::allocate());
        assert_eq!(reply.code(), 403, "{tunnel}");
    }
    let relay = Client::new("192.0.2.1:4001").allocate(&mut net);
    let reply = Client::new(&relay.to_string()).call(&mut net, &Request::allocate());
    assert_eq!(reply.code(), 403);
}

/// A client on the server's own machine may get the number of a relay's UDP port for its connection.
#[test]
fn a_connection_does_not_come_from_a_udp_relay() {
    let mut net = Network::open();
    let relay = Client::new("192.0.2.1:4001").allocate(&mut net).to_string();
    for (transport, code) in [(Transport::Tcp, OK), (Transport::Dtls, 403)] {
        let reply = Client::new(&relay)
            .over(transport)
            .call(&mut net, &Request::allocate());
        assert_eq!(reply.code(), code, "{transport:?}");
    }
}

// Life time.

/// RFC 8656 section 7.2.
#[test]
fn the_life_time_is_kept_within_bounds() {
    for (asked, granted) in [
        (None, 600),
        (Some(0), 600),
        (Some(1), 600),
        (Some(599), 600),
        (Some(3000), 3000),
        (Some(3601), 3600),
        (Some(u32::MAX), 3600),
    ] {
        let mut net = Network::open();
        let mut client = Client::new("192.0.2.1:4001");
        let request = Request::allocate();
        let request = asked.into_iter().fold(request, Request::lifetime);
        let reply = client.call(&mut net, &request);
        assert_eq!(reply.lifetime(), Some(granted), "{asked:?}");
    }
}

#[test]
fn an_operator_may_want_short_lives() {
    let mut net = Network::with(Setup {
        lifetimes: Lifetimes {
            max_allocation: core::time::Duration::from_secs(120),
            ..Lifetimes::default()
        },
        ..Setup::open()
    });
    let mut client = Client::new("192.0.2.1:4001");
    let reply = client.call(&mut net, &Request::allocate());
    assert_eq!(reply.lifetime(), Some(120));
}

// Families.

#[test]
fn without_a_wish_the_relay_is_of_ipv4() {
    for client in ["192.0.2.1:4001", "[2001:db8::1]:4001"] {
        let mut net = Network::open();
        assert!(Client::new(client).allocate(&mut net).is_ipv4());
    }
}

#[test]
fn a_server_may_give_what_the_client_itself_uses() {
    let mut net = Network::with(Setup {
        default_family: DefaultFamily::AsClient,
        ..Setup::open()
    });
    assert!(Client::new("192.0.2.1:1").allocate(&mut net).is_ipv4());
    assert!(Client::new("[2001:db8::1]:1").allocate(&mut net).is_ipv6());
    let mut only_v4 = Network::with(Setup {
        default_family: DefaultFamily::AsClient,
        relays: vec![("10.0.0.5", "9.9.9.9")],
        ..Setup::open()
    });
    assert!(
        Client::new("[2001:db8::1]:1")
            .allocate(&mut only_v4)
            .is_ipv4()
    );
}

#[test]
fn a_family_that_is_not_there_is_refused() {
    let only = |relay| {
        Network::with(Setup {
            relays: vec![relay],
            ..Setup::open()
        })
    };
    let mut client = Client::new("192.0.2.1:4001");
    let mut v4 = only(("10.0.0.5", "9.9.9.9"));
    let wants_v6 = Request::allocate().family(Family::V6);
    assert_eq!(client.call(&mut v4, &wants_v6).code(), 440);
    let mut v6 = only(("2606::5", "2606::5"));
    assert_eq!(client.call(&mut v6, &Request::allocate()).code(), 440);
    assert_eq!(
        client.call(&mut v6, &wants_v6).relay(),
        at("[2606::5]:50000")
    );
}

#[test]
fn one_allocation_may_have_both_families() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    let reply = client.call(&mut net, &Request::allocate().dual());
    assert_eq!(
        reply.relayed(),
        [at("9.9.9.9:50000"), at("[2606::5]:50000")]
    );
    assert!(!reply.has(attr::ADDRESS_ERROR_CODE));
    assert_eq!((net.allocations(), net.ports.in_use()), (1, 2));
    for (peer, from) in [(PEER, "10.0.0.5:50000"), (PEER_V6, "[2606::5]:50000")] {
        client.must_permit(&mut net, peer);
        let got = client.send(&mut net, peer, b"x").unwrap();
        assert_eq!(got.from, at(from));
    }
}

/// RFC 8656 sections 7.2 and 18.12.
#[test]
fn half_a_pair_of_families_is_better_than_none() {
    let dual = Request::allocate().dual();
    let mut client = Client::new("192.0.2.1:4001");

    let mut net = Network::with(Setup {
        relays: vec![("10.0.0.5", "9.9.9.9")],
        ..Setup::open()
    });
    let reply = client.call(&mut net, &dual);
    assert_eq!(reply.relayed(), [at("9.9.9.9:50000")]);
    assert_eq!(
        reply.value(attr::ADDRESS_ERROR_CODE),
        Some(vec![2, 0, 4, 40])
    );

    for (full, left, error) in [
        (Family::V4, "[2606::5]:50000", [1, 0, 5, 8]),
        (Family::V6, "9.9.9.9:50000", [2, 0, 5, 8]),
    ] {
        let mut net = Network::open();
        net.ports.full = Some(full);
        let reply = client.call(&mut net, &dual);
        assert_eq!(reply.relayed(), [at(left)]);
        assert_eq!(reply.value(attr::ADDRESS_ERROR_CODE), Some(error.to_vec()));
    }

    let mut net = Network::open();
    net.ports.fail = 2;
    assert_eq!(client.call(&mut net, &dual).code(), 508);
    let mut net = Network::with(Setup {
        relays: vec![],
        ..Setup::open()
    });
    assert_eq!(client.call(&mut net, &dual).code(), 508);
}

/// Clients older than RFC 8656 know the attributes by the numbers of a draft, and no others.
#[test]
fn a_client_of_the_draft_is_answered_in_its_own_numbers() {
    let mut client = Client::new("192.0.2.1:4001");
    let dual = Request::allocate().with(attr::DRAFT_ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    let mut net = Network::open();
    let reply = client.call(&mut net, &dual);
    assert_eq!(
        reply.relayed(),
        [at("9.9.9.9:50000"), at("[2606::5]:50000")]
    );

    let mut net = Network::open();
    net.ports.full = Some(Family::V6);
    let reply = client.call(&mut net, &dual);
    assert_eq!(reply.relayed(), [at("9.9.9.9:50000")]);
    assert_eq!(
        reply.value(attr::DRAFT_ADDRESS_ERROR_CODE),
        Some(vec![2, 0, 5, 8])
    );
    assert!(!reply.has(attr::ADDRESS_ERROR_CODE));

    // The rules are those of the registered number, which comes first if both are there.
    let mut net = Network::open();
    let both = dual
        .clone()
        .with(attr::ADDITIONAL_ADDRESS_FAMILY, &[1, 0, 0, 0]);
    for request in [dual.clone().even_port(true), dual.family(Family::V4), both] {
        assert_eq!(client.call(&mut net, &request).code(), 400);
    }
}

// Ports.

#[test]
fn an_even_port_can_be_asked_for_and_its_neighbour_stays_free() {
    let mut net = Network::open();
    let odd = Client::new("192.0.2.1:1").allocate(&mut net);
    let mut client = Client::new("192.0.2.1:2");
    let reply = client.call(&mut net, &Request::allocate().even_port(false));
    assert_eq!((odd.port(), reply.relay().port()), (50_000, 50_002));
    assert!(!reply.has(attr::RESERVATION_TOKEN));
    assert_eq!(Client::new("192.0.2.1:3").allocate(&mut net).port(), 50_001);
    assert_eq!(Client::new("192.0.2.1:4").allocate(&mut net).port(), 50_003);
}

#[test]
fn without_ports_there_is_no_room_until_one_is_free_again() {
    let mut net = Network::open();
    net.ports.range = 50_000..=50_001;
    let [mut one, mut two, mut three] =
        ["192.0.2.1:1", "192.0.2.1:2", "192.0.2.1:3"].map(Client::new);
    one.allocate(&mut net);
    two.allocate(&mut net);
    assert_eq!(three.call(&mut net, &Request::allocate()).code(), 508);
    assert_eq!(one.refresh(&mut net, 0).code(), OK);
    assert_eq!(three.allocate(&mut net).port(), 50_000);
}

#[test]
fn a_socket_that_fails_once_is_not_the_end() {
    let mut net = Network::open();
    net.ports.fail = 1;
    let mut client = Client::new("192.0.2.1:1");
    assert_eq!(client.call(&mut net, &Request::allocate()).code(), 508);
    client.allocate(&mut net);
}

// The same request again.

/// RFC 8489 section 6.3.1, RFC 8656 section 7.2.
#[test]
fn the_same_allocate_again_gets_the_same_answer() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    alice.say_hello(&mut net);
    let bytes = alice.signed(&Request::allocate().even_port(true));
    let first = alice.deliver(&mut net, &bytes).unwrap();
    for millis in [100, 4900, 25_000] {
        net.wait_millis(millis);
        assert_eq!(alice.deliver(&mut net, &bytes).as_ref(), Some(&first));
    }
    assert_eq!((net.allocations(), net.ports.opened), (1, 2));
}

#[test]
fn the_same_allocate_while_the_socket_is_being_opened_opens_no_second_one() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    net.hold = true;
    let bytes = client.signed(&Request::allocate().dual());
    assert_eq!(client.deliver(&mut net, &bytes), None);
    assert_eq!(client.deliver(&mut net, &bytes), None);
    assert_eq!(client.try_call(&mut net, &Request::allocate()), None);
    let [(_, _, Ask::OpenRelay { family, port, .. })] = &net.asks[..] else {
        panic!("{:?}", net.asks);
    };
    assert_eq!((*family, *port), (Family::V4, PortWish::Any));
    net.answer_asks();
    assert!(net.take_reply().is_some());
    assert_eq!(net.take_reply(), None);
    assert_eq!((net.allocations(), net.ports.opened), (1, 2));
    assert!(client.deliver(&mut net, &bytes).is_some());
}

#[test]
fn the_life_of_a_slow_allocation_starts_with_its_answer() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    net.hold = true;
    client.try_call(&mut net, &Request::allocate().dual());
    // The first socket comes at once, the second after nine seconds.
    let (index, id, ask) = net.asks.remove(0);
    net.answer_one(index, id, &ask);
    net.wait(9);
    net.answer_asks();
    assert!(net.take_reply().is_some());
    client.must_permit(&mut net, PEER);
    net.wait(299);
    client.must_permit(&mut net, PEER);
    net.wait(299);
    assert!(client.send(&mut net, PEER, b"still promised").is_some());
}

#[test]
fn a_socket_that_never_comes_is_given_up_after_ten_seconds() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    net.hold = true;
    assert_eq!(client.try_call(&mut net, &Request::allocate()), None);
    net.wait(10);
    assert!(net.take_reply().is_some(), "508");
    // Late.
    net.answer_asks();
    assert_eq!((net.allocations(), net.ports.in_use()), (0, 0));
    client.allocate(&mut net);
}

#[test]
fn relayed_addresses_are_never_shared() {
    let mut net = Network::open();
    let mut seen = std::collections::HashSet::new();
    for port in 1..=500 {
        let relay = Client::new(&format!("192.0.2.1:4{port:03}")).allocate(&mut net);
        assert!(seen.insert(relay), "{relay}");
    }
}
