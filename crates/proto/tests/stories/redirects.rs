//! Clients that are sent to another server (RFC 8489 section 10, RFC 8155 section 6).

use core::net::SocketAddr;

use turnd_proto::{Alternate, Redirects, Transport};
use turnd_wire::attr;

use crate::support::{Client, Network, OK, Reply, Request, Setup, at};

fn alternate(address: &str) -> Alternate {
    let address = at(address);
    Alternate {
        ip: address.ip(),
        port: Some(address.port()),
        domain: None,
    }
}

fn with_name(address: &str, domain: &str) -> Alternate {
    Alternate {
        domain: Some(domain.into()),
        ..alternate(address)
    }
}

fn list(addresses: &[&str]) -> Vec<Alternate> {
    addresses.iter().map(|address| alternate(address)).collect()
}

fn network(redirects: Redirects) -> Network {
    Network::with(Setup {
        redirects,
        ..Setup::default()
    })
}

fn any(addresses: &[&str]) -> Redirects {
    Redirects {
        any: list(addresses),
        ..Redirects::default()
    }
}

fn targets(reply: &Reply) -> Vec<SocketAddr> {
    assert_eq!(reply.code(), 300);
    assert_eq!(reply.signatures().len(), 1, "who sends it must be known");
    reply.addresses(attr::ALTERNATE_SERVER)
}

fn allocate(net: &mut Network, client: &mut Client) -> Reply {
    client.call(net, &Request::allocate())
}

const OTHER: &str = "203.0.113.1:3478";

#[test]
fn only_who_has_an_account_is_told_where_to_go() {
    let mut net = network(any(&[OTHER]));
    let mut alice = net.client("alice");
    let challenge = alice.say_hello(&mut net);
    assert_eq!(challenge.code(), 401);
    assert!(!challenge.has(attr::ALTERNATE_SERVER));
    let reply = allocate(&mut net, &mut alice);
    assert_eq!(targets(&reply), [at(OTHER)]);
    assert_eq!(net.ports.opened, 0);
    assert_eq!(net.servers[0].counters(net.now).errors.try_alternate, 1);

    let mut mallory = net.client("bob");
    mallory.password = "guessed".to_owned();
    mallory.say_hello(&mut net);
    let bytes = mallory.signed(&Request::allocate());
    let reply = net.exchange(&mallory, &bytes).unwrap();
    assert_eq!(reply.code(), 401);
    assert!(!reply.has(attr::ALTERNATE_SERVER));
    // Everything but an Allocate is served here.
    assert_eq!(alice.call(&mut net, &Request::binding()).code(), OK);
    assert_eq!(alice.refresh(&mut net, 600).code(), 437);
}

/// RFC 8489 section 9.2.5: as the request was signed.
#[test]
fn the_answer_is_signed_like_the_request() {
    let mut net = network(any(&[OTHER]));
    let mut alice = net.client("alice").sha256().anonymous();
    let reply = allocate(&mut net, &mut alice);
    assert_eq!(targets(&reply), [at(OTHER)]);
    assert_eq!(reply.signatures(), [turnd_wire::Integrity::Sha256]);
}

#[test]
fn an_open_relay_sends_nobody_away_for_nobody_could_believe_it() {
    let mut net = Network::with(Setup {
        redirects: any(&[OTHER]),
        ..Setup::open()
    });
    let client = Client::new("192.0.2.1:4001");
    let reply = net
        .exchange(&client, &Request::allocate().unsigned())
        .unwrap();
    assert_eq!(reply.code(), OK);
}

#[test]
fn servers_take_turns() {
    let all = ["203.0.113.1:1", "203.0.113.2:2", "203.0.113.3:3"];
    let mut net = network(any(&all));
    let mut alice = net.client("alice");
    for _ in 0..2 {
        for address in all {
            let reply = allocate(&mut net, &mut alice);
            assert_eq!(targets(&reply), [at(address)]);
        }
    }
}

/// RFC 8489 section 10: first the family that the client uses, then the other.
#[test]
fn the_first_address_is_of_the_clients_family() {
    let (v4, v6) = ("203.0.113.1:3478", "[2001:db8:1::1]:3478");
    let mut net = network(any(&[v6, v4]));
    let mut alice = net.client("alice");
    let reply = allocate(&mut net, &mut alice);
    assert_eq!(targets(&reply), [at(v4), at(v6)]);
    let mut over_v6 = Client::new("[2001:db8::7]:4001").user("bob", "builder");
    let reply = allocate(&mut net, &mut over_v6);
    assert_eq!(targets(&reply), [at(v6), at(v4)]);
    // With no server of its family the client stays.
    let mut net = network(any(&[v6]));
    let mut alice = net.client("alice");
    assert_eq!(allocate(&mut net, &mut alice).code(), OK);
}

#[test]
fn each_transport_may_have_servers_of_its_own() {
    let mut net = network(Redirects {
        any: list(&["203.0.113.9:9"]),
        udp: list(&["203.0.113.1:1"]),
        tls: list(&["203.0.113.3:3"]),
        ..Redirects::default()
    });
    for (transport, address) in [
        (Transport::Udp, "203.0.113.1:1"),
        (Transport::Tcp, "203.0.113.9:9"),
        (Transport::Tls, "203.0.113.3:3"),
        (Transport::Dtls, "203.0.113.3:3"),
    ] {
        let mut client = net.client("alice").over(transport);
        let reply = allocate(&mut net, &mut client);
        assert_eq!(targets(&reply), [at(address)], "{transport:?}");
    }
}

#[test]
fn a_port_that_is_not_written_is_the_registered_one() {
    let mut net = network(Redirects {
        any: vec![Alternate {
            port: None,
            ..alternate(OTHER)
        }],
        ..Redirects::default()
    });
    for (transport, port) in [
        (Transport::Udp, 3478),
        (Transport::Tcp, 3478),
        (Transport::Tls, 5349),
        (Transport::Dtls, 5349),
    ] {
        let mut client = net.client("alice").over(transport);
        let reply = allocate(&mut net, &mut client);
        assert_eq!(targets(&reply)[0].port(), port, "{transport:?}");
    }
}

/// RFC 8489 section 10: a client that checks a certificate must know the name in it.
#[test]
fn another_certificate_is_told_where_certificates_are_checked() {
    let (v4, v6) = ("203.0.113.1:5349", "[2001:db8:1::1]:5349");
    let mut net = network(Redirects {
        any: vec![
            with_name(v4, "two.example.org"),
            with_name("[2001:db8:1::3]:1", "three.example.org"),
            with_name(v6, "two.example.org"),
        ],
        ..Redirects::default()
    });
    for transport in [Transport::Tls, Transport::Dtls] {
        let mut client = net.client("alice").sha256().over(transport);
        let reply = allocate(&mut net, &mut client);
        // There is one name for both addresses.
        assert_eq!(targets(&reply), [at(v4), at(v6)]);
        let domain = reply.value(attr::ALTERNATE_DOMAIN).unwrap();
        assert_eq!(domain, b"two.example.org");
    }
    let mut client = net.client("bob");
    let reply = allocate(&mut net, &mut client);
    assert_eq!(targets(&reply), [at(v4), at(v6)]);
    assert!(!reply.has(attr::ALTERNATE_DOMAIN));
}

/// One list for all servers of a group sends nobody in circles.
#[test]
fn a_list_with_this_server_in_it_is_for_the_drain() {
    // The address as clients see it counts, and the one that it is bound to.
    for own in ["192.0.2.99:3478", "9.9.9.9:3478"] {
        let mut net = network(any(&["203.0.113.1:3478", own, "203.0.113.2:3478"]));
        let mut alice = net.client("alice");
        if own.starts_with('9') {
            alice.from.path.server = at("10.0.0.5:3478");
        }
        let relayed = alice.allocate(&mut net);
        net.servers[0].refuse_allocations(true);
        let mut bob = net.client("bob");
        bob.from.path.server = alice.from.path.server;
        for address in ["203.0.113.1:3478", "203.0.113.2:3478", "203.0.113.1:3478"] {
            let reply = allocate(&mut net, &mut bob);
            assert_eq!(targets(&reply), [at(address)], "{own}");
        }
        // Who has an allocation keeps it.
        assert_eq!(alice.refresh(&mut net, 600).code(), OK);
        assert!(net.ports.in_use() == 1 && relayed.port() > 0);
    }
}

#[test]
fn a_drain_can_have_servers_of_its_own() {
    let mut net = network(Redirects {
        drain: list(&[OTHER]),
        ..Redirects::default()
    });
    let mut alice = net.client("alice");
    alice.allocate(&mut net);
    net.servers[0].refuse_allocations(true);
    let mut bob = net.client("bob");
    assert_eq!(targets(&allocate(&mut net, &mut bob)), [at(OTHER)]);
    // With no server of his family he is refused as ever.
    let mut carol = Client::new("[2001:db8::7]:4001").user("carol", "christmas");
    assert_eq!(allocate(&mut net, &mut carol).code(), 508);
    net.servers[0].refuse_allocations(false);
    assert_eq!(allocate(&mut net, &mut bob).code(), OK);
}

/// RFC 8155 section 6: the next packet to an anycast address may reach another server.
#[test]
fn a_client_of_an_anycast_address_is_sent_to_this_very_server() {
    let mut net = network(Redirects {
        anycast: vec![
            (at("192.0.2.99:0").ip(), at("198.51.100.9:0").ip()),
            (at("[2001:db8::99]:0").ip(), at("[2001:db8:9::9]:0").ip()),
        ],
        any: list(&[OTHER]),
        ..Redirects::default()
    });
    let mut alice = net.client("alice");
    let challenge = alice.say_hello(&mut net);
    assert_eq!(challenge.code(), 401);
    let reply = allocate(&mut net, &mut alice);
    assert_eq!(targets(&reply), [at("198.51.100.9:3478")]);
    let mut bob = Client::new("[2001:db8::7]:4001").user("bob", "builder");
    let reply = allocate(&mut net, &mut bob);
    assert_eq!(targets(&reply), [at("[2001:db8:9::9]:3478")]);
    // STUN is anycast's use: one packet there and one back.
    assert_eq!(alice.call(&mut net, &Request::binding()).code(), OK);
    assert_eq!(net.ports.opened, 0);
}
