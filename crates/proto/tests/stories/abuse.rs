//! What is allowed once and not a thousand times.

use turnd_proto::{AbuseLimits, Event, Transport};
use turnd_wire::{Method, attr};

use crate::support::{Client, Network, OK, Request, Setup, at};

fn with(abuse: AbuseLimits) -> Setup {
    Setup {
        abuse,
        ..Setup::default()
    }
}

fn few_peers() -> Setup {
    with(AbuseLimits {
        new_peers: Some(10),
        ..AbuseLimits::default()
    })
}

fn few_challenges() -> Setup {
    with(AbuseLimits {
        challenges: Some(10),
        ..AbuseLimits::default()
    })
}

fn few_failures() -> Setup {
    with(AbuseLimits {
        failed_logins: Some(20),
        ..AbuseLimits::default()
    })
}

#[test]
fn an_allocation_meets_so_many_peers_a_second() {
    let mut net = Network::with(few_peers());
    let mut alice = net.client("alice");
    alice.allocate(&mut net);
    alice.must_permit(&mut net, "8.8.8.8:1");
    let scan = |net: &mut Network, alice: &mut Client, ports: core::ops::Range<u16>| {
        ports
            .filter(|port| {
                let peer = format!("8.8.8.8:{port}");
                alice.send(net, &peer, b"probe").is_some()
            })
            .count()
    };
    assert_eq!(scan(&mut net, &mut alice, 1..1001), 50);
    // Those that it knows are reached as ever.
    assert_eq!(scan(&mut net, &mut alice, 1..51), 50);
    assert_eq!(
        net.servers[0].counters(net.now).drops_to_peer.new_peers,
        950
    );
    assert_eq!(alice.bind(&mut net, 0x4000, "8.8.8.8:2000"), 508);
    assert_eq!(alice.bind(&mut net, 0x4000, "8.8.8.8:1"), OK);
    net.wait(1);
    assert_eq!(scan(&mut net, &mut alice, 2000..3000), 10);
    net.wait(1);
    assert_eq!(alice.bind(&mut net, 0x4001, "8.8.8.8:9999"), OK);
    // What is bound is known, however many were met since.
    for round in 0..40 {
        scan(
            &mut net,
            &mut alice,
            10_000 + round * 10..10_010 + round * 10,
        );
        net.wait(1);
    }
    scan(&mut net, &mut alice, 20_000..20_100);
    assert_eq!(alice.bind(&mut net, 0x4002, "8.8.8.8:30000"), 508);
    assert_eq!(alice.bind(&mut net, 0x4001, "8.8.8.8:9999"), OK);
    // Another allocation has its own.
    let mut bob = net.client("bob");
    bob.allocate(&mut net);
    bob.must_permit(&mut net, "8.8.8.8:1");
    assert_eq!(scan(&mut net, &mut bob, 1..1001), 50);
}

#[test]
fn connections_count_as_peers_too() {
    let mut net = Network::with(Setup {
        tcp_relay: true,
        abuse: AbuseLimits {
            new_peers: Some(1),
            ..AbuseLimits::default()
        },
        ..Setup::default()
    });
    let mut alice = net.client("alice").over(Transport::Tcp);
    let allocate = Request::bare_allocate().with(attr::REQUESTED_TRANSPORT, &[6, 0, 0, 0]);
    assert_eq!(alice.call(&mut net, &allocate).code(), OK);
    let connect = |peer: &str| Request::new(Method::CONNECT).peer(peer);
    for port in 1..=5 {
        let peer = format!("8.8.8.8:{port}");
        let asked = alice.try_call(&mut net, &connect(&peer));
        assert!(asked.is_none(), "the peer is waited for: {asked:?}");
    }
    let refused = alice.call(&mut net, &connect("8.8.8.8:6"));
    assert_eq!(refused.code(), 508);
}

#[test]
fn a_source_that_answers_no_challenge_gets_no_more_bytes_than_it_sends() {
    let mut net = Network::with(few_challenges());
    let (mut sent, mut received) = (0, 0);
    for nth in 0..5000_u32 {
        let client = Client::new(&format!("203.0.113.{}:{}", 1 + nth % 20, 20_000 + nth));
        let request = Request::allocate().unsigned();
        sent += request.len();
        if let Some(reply) = net.exchange(&client, &request) {
            received += reply.bytes.len();
        }
        if nth % 10 == 0 {
            net.wait_millis(1);
        }
    }
    assert!(received <= sent, "{received} of {sent}");
    let counters = net.servers[0].counters(net.now);
    let answered = u64::try_from(received / 84).unwrap();
    assert_eq!(counters.challenges_withheld, 5000 - answered);
    // An honest client of the same network.
    let mut alice = Client::new("203.0.113.200:4001").user("alice", "wonderland");
    alice.allocate(&mut net);
}

#[test]
fn what_a_challenge_weighs_is_what_it_weighs() {
    for (sha256, fingerprint, realm, third_party) in [
        (true, false, "turn.org", None),
        (false, true, "r", None),
        (true, true, "four", None),
        (false, false, "r", Some("name")),
    ] {
        let mut net = Network::with(Setup {
            sha256,
            fingerprint,
            realm,
            third_party,
            ..few_challenges()
        });
        // Loopback is not counted, and everybody else is: a hundred at once, and then no more than is paid for.
        let client = Client::new("203.0.113.1:4001");
        let request = Request::allocate().unsigned();
        let mut paid = 0;
        let (mut replies, mut length) = (0, 0);
        for _ in 0..1000 {
            paid += request.len();
            if let Some(reply) = net.exchange(&client, &request) {
                replies += 1;
                length = reply.bytes.len();
                assert!(replies <= 100 || replies * length <= paid);
            }
        }
        assert!(
            (replies + 12) * length > paid,
            "{replies} of {length} for {paid}"
        );
    }
}

/// What makes challenges longer makes them fewer, so that in bytes it is the same.
#[test]
fn longer_challenges_are_fewer() {
    let sent = |realm: &'static str, third_party, per_second: u64| {
        let mut net = Network::with(Setup {
            realm,
            third_party,
            ..few_challenges()
        });
        let client = Client::new("203.0.113.1:4001");
        let mut bytes = 0;
        for _ in 0..10 * per_second {
            let reply = net.exchange(&client, &Request::allocate().unsigned());
            bytes += reply.map_or(0, |reply| reply.bytes.len());
            net.wait_millis(1000 / per_second);
        }
        bytes
    };
    const LONG: &str = "a.very.long.name.of.a.realm.that.somebody.has.chosen.because.it.is.the.name.of.a.machine.example.org";
    // A hundred at once, and ten a second.
    let most = (100 + 10 * 10) * 84;
    for per_second in [10, 20] {
        for (realm, third_party) in [
            ("turn.org", None),
            (LONG, None),
            ("turn.org", Some(LONG)),
            (LONG, Some(LONG)),
        ] {
            let bytes = sent(realm, third_party, per_second);
            assert!(bytes <= most, "{bytes} bytes, not {most}");
            assert!(bytes >= 84 * 50, "{bytes} bytes");
        }
    }
}

#[test]
fn streams_dtls_and_loopback_are_challenged_as_often_as_they_like() {
    let mut net = Network::with(few_challenges());
    for (address, transport) in [
        ("203.0.113.1:4001", Transport::Tcp),
        ("203.0.113.1:4001", Transport::Tls),
        ("203.0.113.1:4001", Transport::Dtls),
        ("127.0.0.1:4001", Transport::Udp),
        ("[::1]:4001", Transport::Udp),
    ] {
        let client = Client::new(address).over(transport);
        for _ in 0..100 {
            let reply = net.exchange(&client, &Request::allocate().unsigned());
            assert!(reply.is_some_and(|reply| reply.has(attr::NONCE)));
        }
    }
}

#[test]
fn many_behind_one_address_are_served() {
    let mut net = Network::with(few_challenges());
    for port in 0..500 {
        let mut client = Client::new(&format!("203.0.113.1:{}", 2000 + port));
        client = client.user("alice", "wonderland");
        client.allocate(&mut net);
        net.wait_millis(2);
    }
    assert_eq!(net.servers[0].counters(net.now).challenges_withheld, 0);
}

#[test]
fn passwords_are_tried_twenty_times_a_minute_from_one_source() {
    let mut net = Network::with(few_failures());
    let guess = |net: &mut Network, from: &str, password: &str| {
        let mut client = Client::new(from).user("alice", password);
        client.call(net, &Request::allocate()).code()
    };
    for nth in 0..200 {
        let from = format!("203.0.113.1:{}", 1000 + nth);
        assert_eq!(guess(&mut net, &from, &format!("guess {nth}")), 401);
    }
    assert_eq!(net.keys.lookups, 20);
    let failures = net.servers[0].counters(net.now).auth_failures;
    assert_eq!((failures.wrong_password, failures.too_many), (20, 180));
    // Also the right one is not looked at there now, and it is elsewhere.
    assert_eq!(guess(&mut net, "203.0.113.1:999", "wonderland"), 401);
    assert_eq!(guess(&mut net, "203.0.113.2:999", "wonderland"), OK);
    let told = |event: &&Event| matches!(event, Event::Refused { user: Some(user), .. } if user == "alice");
    assert_eq!(net.events.iter().filter(told).count(), 201);
    net.wait(60);
    assert_eq!(guess(&mut net, "203.0.113.1:998", "wonderland"), OK);
}

#[test]
fn whoever_has_an_allocation_goes_on_beside_a_guesser_of_the_same_address() {
    let mut net = Network::with(few_failures());
    let mut alice = Client::new("203.0.113.1:4001").user("alice", "wonderland");
    alice.allocate(&mut net);
    for port in 1000..1100 {
        let mut guesser = Client::new(&format!("203.0.113.1:{port}")).user("alice", "guess");
        assert_eq!(guesser.call(&mut net, &Request::allocate()).code(), 401);
    }
    assert_eq!(alice.refresh(&mut net, 600).code(), OK);
    alice.must_permit(&mut net, "8.8.8.8:1");
    assert_eq!(at("8.8.8.8:1").port(), 1);
}
