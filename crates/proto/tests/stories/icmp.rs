//! ICMP messages about what relays sent (RFC 8656 section 11.5).

use core::net::SocketAddr;

use turnd_proto::{Icmp, Transport};
use turnd_wire::{Class, Message, Method, attr};

use crate::support::{Client, Network, OTHER_PEER, PEER, PEER_V6, Request, Setup, at};

const UNREACHABLE: Icmp = icmp(3, 3);

const fn icmp(kind: u8, code: u8) -> Icmp {
    Icmp {
        kind,
        code,
        mtu: 1280,
    }
}

/// What a client is told of an ICMP message about what its relay sent to `about`: whom it is about and the
/// attribute's value.
fn told(
    net: &mut Network,
    client: &Client,
    relay: SocketAddr,
    about: &str,
    icmp: Icmp,
) -> Option<(SocketAddr, Vec<u8>)> {
    let (index, id) = net.socket(relay).expect("a live relay");
    let hop = net.servers[index].handle_icmp(net.now, id, at(about), icmp)?;
    assert!(net.servers[index].poll_output().is_none());
    assert_eq!(hop.to, client.from);
    let message = Message::parse(&hop.bytes).expect("a message");
    assert_eq!(
        (message.class(), message.method()),
        (Class::Indication, Method::DATA)
    );
    assert_ne!(message.fingerprint(), Some(false));
    assert_eq!(
        message.fingerprint().is_some(),
        net.settings.fingerprint,
        "FINGERPRINT as in other indications"
    );
    assert_eq!(message.attribute(attr::DATA), Some(&[][..]));
    let peer = message.xor_address(attr::XOR_PEER_ADDRESS);
    let value = message.attribute(attr::ICMP).expect("ICMP");
    Some((peer.expect("a peer"), value.to_vec()))
}

#[test]
fn each_type_that_clients_are_told_of_has_its_form() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    let reply = client.call(&mut net, &Request::allocate().dual());
    for (peer, messages) in [
        (
            PEER,
            &[
                (icmp(3, 0), Some([0, 0, 3, 0, 0, 0, 0, 0])),
                (icmp(3, 3), Some([0, 0, 3, 3, 0, 0, 0, 0])),
                (icmp(3, 4), Some([0, 0, 3, 4, 0, 0, 5, 0])),
                (icmp(3, 255), Some([0, 0, 3, 255, 0, 0, 0, 0])),
                (icmp(11, 0), Some([0, 0, 11, 0, 0, 0, 0, 0])),
                (icmp(0, 0), None),
                (icmp(1, 0), None),
                (icmp(2, 0), None),
                (icmp(4, 0), None),
                (icmp(5, 1), None),
                (icmp(12, 0), None),
            ][..],
        ),
        (
            PEER_V6,
            &[
                (icmp(1, 4), Some([0, 0, 1, 4, 0, 0, 0, 0])),
                (icmp(2, 0), Some([0, 0, 2, 0, 0, 0, 5, 0])),
                (icmp(3, 1), Some([0, 0, 3, 1, 0, 0, 0, 0])),
                (icmp(4, 0), None),
                (icmp(11, 0), None),
                (icmp(128, 0), None),
            ],
        ),
    ] {
        client.must_permit(&mut net, peer);
        let mut relays = reply.relayed().into_iter();
        let relay = relays.find(|relay| relay.is_ipv4() == at(peer).is_ipv4());
        for (icmp, expected) in messages {
            let expected = expected.map(|value| (at(peer), value.to_vec()));
            let told = told(&mut net, &client, relay.unwrap(), peer, *icmp);
            assert_eq!(told, expected, "{icmp:?}");
        }
    }
    let counts = net.servers[0].counters(net.now).icmp;
    assert_eq!((counts.told, counts.other_type), (8, 9));
}

#[test]
fn the_permission_of_whom_the_datagram_was_for_decides_and_no_port() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    let relay = client.allocate(&mut net);
    assert_eq!(told(&mut net, &client, relay, PEER, UNREACHABLE), None);
    client.must_permit(&mut net, PEER);
    assert_eq!(
        told(&mut net, &client, relay, OTHER_PEER, UNREACHABLE),
        None
    );
    assert_eq!(told(&mut net, &client, relay, PEER_V6, icmp(1, 4)), None);
    let elsewhere = SocketAddr::new(at(PEER).ip(), 9);
    let about = told(
        &mut net,
        &client,
        relay,
        &elsewhere.to_string(),
        UNREACHABLE,
    );
    assert_eq!(about.unwrap().0, elsewhere);

    net.wait(299);
    assert!(told(&mut net, &client, relay, PEER, UNREACHABLE).is_some());
    net.wait(1);
    assert_eq!(told(&mut net, &client, relay, PEER, UNREACHABLE), None);
    // A channel outlives the permission, and is none.
    client.refresh(&mut net, 3000);
    client.must_bind(&mut net, 0x4000, PEER);
    assert!(told(&mut net, &client, relay, PEER, UNREACHABLE).is_some());
    net.wait(301);
    assert_eq!(told(&mut net, &client, relay, PEER, UNREACHABLE), None);
    let counts = net.servers[0].counters(net.now).icmp;
    assert_eq!((counts.told, counts.no_permission), (3, 4));
    // What is relayed counts as it did.
    let traffic = net.servers[0].counters(net.now).traffic;
    assert_eq!(traffic.client.sent.packets, 0);
}

#[test]
fn it_is_an_indication_for_every_client_and_has_its_fingerprint() {
    let mut net = Network::with(Setup {
        fingerprint: true,
        ..Setup::open()
    });
    for (address, transport) in [
        ("192.0.2.1:4001", Transport::Udp),
        ("192.0.2.2:4001", Transport::Tcp),
        ("[2001:db8::1]:4001", Transport::Tls),
        ("192.0.2.3:4001", Transport::Dtls),
    ] {
        let mut client = Client::new(address).over(transport);
        let reply = client.call(&mut net, &Request::allocate().dual());
        for (number, peer, icmp) in [(0x4000, PEER, icmp(3, 1)), (0x4001, PEER_V6, icmp(1, 3))] {
            client.must_bind(&mut net, number, peer);
            let mut relays = reply.relayed().into_iter();
            let relay = relays.find(|relay| relay.is_ipv4() == at(peer).is_ipv4());
            let told = told(&mut net, &client, relay.unwrap(), peer, icmp);
            assert_eq!(told.unwrap().0, at(peer));
        }
    }
}

#[test]
fn a_client_is_told_ten_times_a_second_and_others_all_the_same() {
    let mut net = Network::open();
    let mut flooded = Client::new("192.0.2.1:4001");
    let mut other = Client::new("192.0.2.2:4001");
    let relays = [&mut flooded, &mut other].map(|client| {
        let relay = client.allocate(&mut net);
        client.must_permit(&mut net, PEER);
        relay
    });
    let mut count = 0;
    for _ in 0..100 {
        for _ in 0..100 {
            let told = told(&mut net, &flooded, relays[0], PEER, UNREACHABLE);
            count += u32::from(told.is_some());
        }
        net.wait_millis(100);
    }
    assert_eq!(count, 10 + 99);
    let counts = net.servers[0].counters(net.now).icmp;
    assert_eq!(counts.told + counts.rate_limit, 10_000);
    assert!(told(&mut net, &other, relays[1], PEER, UNREACHABLE).is_some());
}

/// The other relay's port may have been closed a moment ago: the client knows it by its outside address.
#[test]
fn a_relay_of_this_server_is_named_as_the_client_knows_it() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    let mut other = Client::new("192.0.2.2:4001");
    let relay = client.allocate(&mut net);
    let outside = other.allocate(&mut net);
    client.must_permit(&mut net, &outside.to_string());
    let inside = net.settings.relays.find(outside).unwrap().address;
    assert_ne!(inside, outside);
    let told = told(&mut net, &client, relay, &inside.to_string(), UNREACHABLE);
    assert_eq!(told.unwrap().0, outside);
}

#[test]
fn nobody_is_told_of_a_relay_that_is_over() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    let relay = client.allocate(&mut net);
    client.must_permit(&mut net, PEER);
    let (index, id) = net.socket(relay).unwrap();
    client.refresh(&mut net, 0);
    let hop = net.servers[index].handle_icmp(net.now, id, at(PEER), UNREACHABLE);
    assert_eq!(hop, None);
    assert_eq!(net.servers[0].counters(net.now).icmp.no_allocation, 1);
}

/// The five-tuple of a connection that has ended may be somebody else's by now (RFC 8016).
#[test]
fn nobody_is_told_while_the_client_is_away() {
    let mut net = Network::with(Setup {
        mobility: true,
        ..Setup::open()
    });
    let mut client = Client::new("192.0.2.1:4001").over(Transport::Tcp);
    let mobile = Request::allocate().with(attr::MOBILITY_TICKET, &[]);
    let reply = client.call(&mut net, &mobile);
    let ticket = reply.value(attr::MOBILITY_TICKET).expect("a ticket");
    client.must_permit(&mut net, PEER);
    net.client_disconnects(&client);
    let relay = reply.relay();
    assert_eq!(told(&mut net, &client, relay, PEER, UNREACHABLE), None);
    assert_eq!(net.servers[0].counters(net.now).icmp.client_away, 1);

    client.from.path.client = at("198.51.100.7:7007");
    let resume = Request::refresh().with(attr::MOBILITY_TICKET, &ticket);
    client.call(&mut net, &resume);
    assert!(told(&mut net, &client, relay, PEER, UNREACHABLE).is_some());
}
