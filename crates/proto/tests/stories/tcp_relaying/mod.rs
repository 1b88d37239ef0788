//! Allocations for TCP (RFC 6062), and the end of a client's connection.

mod bind;
mod connect;
mod peers;

use core::net::SocketAddr;

use turnd_proto::{ConnectionId, Ending, Event, Transport};
use turnd_wire::{Class, Message, Method, attr};

use crate::support::{Client, Network, OK, Request, Setup};

const PEER: &str = "8.8.8.7:2000";

fn for_tcp() -> Request {
    Request::bare_allocate().with(attr::REQUESTED_TRANSPORT, &[6, 0, 0, 0])
}

fn connect(peer: &str) -> Request {
    Request::new(Method::CONNECT).peer(peer)
}

fn bind(connection: ConnectionId) -> Request {
    Request::new(Method::CONNECTION_BIND).with(attr::CONNECTION_ID, &connection.0.to_be_bytes())
}

fn setup() -> Setup {
    Setup {
        tcp_relay: true,
        ..Setup::default()
    }
}

fn network() -> Network {
    Network::with(setup())
}

/// Alice on a TCP connection, with an allocation for TCP.
fn alice(net: &mut Network) -> (Client, SocketAddr) {
    let mut alice = net.client("alice").over(Transport::Tcp);
    let relay = alice.call(net, &for_tcp()).relay();
    (alice, relay)
}

/// A further connection of a user, to any of the servers.
fn data_connection(net: &Network, user: &str, port: u16, server: usize) -> Client {
    let mut client = net.client(user).over(Transport::Tls).on_server(server);
    client.from.path.client.set_port(port);
    client
}

/// Asks for a connection; what comes back when the peer has answered.
fn connected(
    net: &mut Network,
    client: &mut Client,
    peer: &str,
    answers: bool,
) -> Result<ConnectionId, u16> {
    assert_eq!(client.try_call(net, &connect(peer)), None);
    let bytes = net.peer_answers(answers).expect("an answer to Connect");
    let reply = Message::parse(&bytes).expect("a message");
    assert_eq!(reply.method(), Method::CONNECT);
    match reply.class() {
        Class::Success => Ok(ConnectionId(
            reply.number32(attr::CONNECTION_ID).expect("CONNECTION-ID"),
        )),
        _ => {
            let code = reply.attribute(attr::ERROR_CODE).expect("ERROR-CODE");
            Err(u16::from(code[2]) * 100 + u16::from(code[3]))
        }
    }
}

/// The ConnectionAttempt that waits to be looked at.
fn attempt(net: &mut Network) -> (ConnectionId, SocketAddr) {
    let bytes = net.take_reply().expect("a ConnectionAttempt");
    let message = Message::parse(&bytes).expect("a message");
    assert_eq!(
        (message.class(), message.method()),
        (Class::Indication, Method::CONNECTION_ATTEMPT)
    );
    let id = message
        .number32(attr::CONNECTION_ID)
        .expect("CONNECTION-ID");
    let peer = message
        .xor_address(attr::XOR_PEER_ADDRESS)
        .expect("XOR-PEER-ADDRESS");
    (ConnectionId(id), peer)
}

/// T6062-5.1-1
#[test]
fn tcp_is_relayed_to_clients_on_streams_only() {
    for (transport, code) in [
        (Transport::Udp, 400),
        (Transport::Dtls, 400),
        (Transport::Tcp, OK),
        (Transport::Tls, OK),
    ] {
        let mut net = network();
        let mut alice = net.client("alice").over(transport);
        assert_eq!(
            alice.call(&mut net, &for_tcp()).code(),
            code,
            "{transport:?}"
        );
    }
}

/// T6062-5.1-2
#[test]
fn an_allocation_for_tcp_has_nothing_that_only_udp_has() {
    let mut net = network();
    let mut alice = net.client("alice").over(Transport::Tcp);
    for wrong in [
        for_tcp().with(attr::DONT_FRAGMENT, &[]),
        for_tcp().even_port(false),
        for_tcp().even_port(true),
        for_tcp().with(attr::RESERVATION_TOKEN, &[0; 8]),
        for_tcp().dual(),
    ] {
        assert_eq!(alice.call(&mut net, &wrong).code(), 400);
    }
    assert_eq!(net.ports.opened, 0);
}

/// T6062-5.1-3
#[test]
fn other_transports_are_not_relayed() {
    for (number, tcp_relay) in [(0, true), (5, true), (18, true), (132, true), (6, false)] {
        let mut net = Network::with(Setup {
            tcp_relay,
            ..setup()
        });
        let mut alice = net.client("alice").over(Transport::Tcp);
        let request = Request::bare_allocate().with(attr::REQUESTED_TRANSPORT, &[number, 0, 0, 0]);
        assert_eq!(alice.call(&mut net, &request).code(), 442);
    }
}

/// T6062-5.1-4
#[test]
fn udp_can_be_switched_off() {
    let mut net = Network::with(Setup {
        udp_relay: false,
        ..setup()
    });
    let mut bob = net.client("bob").over(Transport::Tcp);
    assert_eq!(bob.call(&mut net, &Request::allocate()).code(), 403);
    assert_eq!(bob.call(&mut net, &for_tcp()).code(), OK);
}

/// T6062-5.1-5
#[test]
fn the_success_reply_names_the_relay_and_no_reservation() {
    let mut net = network();
    let mut alice = net.client("alice").over(Transport::Tcp);
    let reply = alice.call(&mut net, &for_tcp());
    assert_eq!((reply.relayed().len(), reply.lifetime()), (1, Some(600)));
    assert!(!reply.has(attr::RESERVATION_TOKEN));
    assert_eq!(reply.mapped(), Some(alice.address()));
}

#[test]
fn data_of_a_tcp_allocation_goes_over_connections_only() {
    let mut net = network();
    let (mut alice, _) = alice(&mut net);
    alice.must_permit(&mut net, PEER);
    assert_eq!(alice.send(&mut net, PEER, b"data"), None);
    assert_eq!(alice.bind(&mut net, 0x4000, PEER), 400);
}

/// T6062-5.5-1
#[test]
fn the_end_of_an_allocation_ends_its_connections() {
    for end in ["refresh", "expiry", "disconnect"] {
        let mut net = network();
        let (mut alice, relay) = alice(&mut net);
        alice.must_permit(&mut net, PEER);
        let bound = connected(&mut net, &mut alice, PEER, true).unwrap();
        let mut data = data_connection(&net, "alice", 5000, 0);
        assert_eq!(data.call(&mut net, &bind(bound)).code(), OK);
        if end == "expiry" {
            net.wait(599);
            alice.must_permit(&mut net, PEER);
        }
        assert_eq!(alice.try_call(&mut net, &connect("8.8.8.7:2001")), None);
        let (_, _, connecting, _) = net.connecting[0];
        let unbound = net.peer_connects(relay, "8.8.8.7:2002").unwrap();
        attempt(&mut net);
        let cause = match end {
            "refresh" => {
                assert_eq!(alice.refresh(&mut net, 0).code(), OK);
                Ending::Deleted
            }
            "expiry" => {
                net.wait(1);
                Ending::Expired
            }
            _ => {
                net.client_disconnects(&alice);
                Ending::Disconnected
            }
        };
        let is_end = |event: &&Event| matches!(event, Event::Deleted { cause: because, .. } if *because == cause);
        assert_eq!(net.events.iter().filter(is_end).count(), 1, "{end}");
        let mut ended = [bound, connecting, unbound];
        ended.sort();
        net.closed.sort();
        assert_eq!(net.closed, ended, "{end}");
        assert_eq!((net.allocations(), net.ports.in_use()), (0, 0));
        // What comes too late changes nothing.
        assert_eq!(net.peer_answers(true), None);
        net.wait(60);
        assert_eq!(net.closed.len(), 3);
    }
}

#[test]
fn a_connection_that_ends_takes_its_udp_allocation_with_it() {
    let mut net = Network::with(Setup {
        quota: Some(1),
        ..setup()
    });
    let mut alice = net.client("alice").over(Transport::Tls);
    alice.allocate(&mut net);
    let path = alice.from.path;
    assert!(net.servers[0].has_allocation(&path));
    net.client_disconnects(&alice);
    assert!(!net.servers[0].has_allocation(&path));
    assert_eq!((net.allocations(), net.ports.in_use()), (0, 0));
    let mut again = data_connection(&net, "alice", 5000, 0);
    again.allocate(&mut net);
}
