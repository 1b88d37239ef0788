//! Allocations for TCP (RFC 6062), and the end of a client's connection.

use core::net::SocketAddr;

use turnd_proto::{ConnectionId, Ending, Event, Limits, Transport};
use turnd_wire::{Class, Message, Method, attr};

use super::support::{Client, Network, OK, Request, Setup, at};

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

/// T6062-5.2-1
#[test]
fn without_an_allocation_for_tcp_nothing_is_connected() {
    let mut net = network();
    let mut bob = net.client("bob").over(Transport::Tcp);
    assert_eq!(bob.call(&mut net, &connect(PEER)).code(), 437);
    bob.allocate(&mut net);
    assert_eq!(bob.call(&mut net, &connect(PEER)).code(), 437);
    assert!(net.connecting.is_empty());
}

/// T6062-5.2-2
#[test]
fn a_peer_is_connected_once_at_a_time() {
    let mut net = network();
    let (mut alice, relay) = alice(&mut net);
    assert_eq!(alice.try_call(&mut net, &connect(PEER)), None);
    assert_eq!(alice.call(&mut net, &connect(PEER)).code(), 446);
    let first = net.peer_answers(true).expect("a reply");
    assert_eq!(Message::parse(&first).unwrap().class(), Class::Success);
    assert_eq!(alice.call(&mut net, &connect(PEER)).code(), 446);
    assert!(net.connecting.is_empty());
    // Another port is another peer.
    connected(&mut net, &mut alice, "8.8.8.7:2001", true).unwrap();
    // So is one that has connected by itself.
    alice.must_permit(&mut net, PEER);
    net.peer_connects(relay, "8.8.8.7:2002").expect("permitted");
    attempt(&mut net);
    assert_eq!(alice.call(&mut net, &connect("8.8.8.7:2002")).code(), 446);
}

/// T6062-5.2-3
#[test]
fn connect_needs_a_peer_of_the_relays_family() {
    let mut net = network();
    let (mut alice, _) = alice(&mut net);
    let none = Request::new(Method::CONNECT);
    let bad = none.clone().with(attr::XOR_PEER_ADDRESS, &[0, 1, 0]);
    assert_eq!(alice.call(&mut net, &none).code(), 400);
    assert_eq!(alice.call(&mut net, &bad).code(), 400);
    assert_eq!(alice.call(&mut net, &connect("[2606::9]:2000")).code(), 443);
    assert!(net.connecting.is_empty());
}

/// T6062-5.2-4
#[test]
fn a_forbidden_peer_is_never_asked_for() {
    let mut net = network();
    let (mut alice, relay) = alice(&mut net);
    // A UDP relay's port may belong to another service over TCP.
    let udp = net.client("bob").allocate(&mut net);
    for peer in [
        "127.0.0.1:22",
        "10.1.2.3:80",
        "10.0.0.5:22",
        "9.9.9.9:22",
        &udp.to_string(),
        "8.8.8.7:0",
    ] {
        assert_eq!(alice.call(&mut net, &connect(peer)).code(), 403, "{peer}");
    }
    assert!(net.connecting.is_empty());
    assert!(
        net.events
            .iter()
            .any(|event| matches!(event, Event::PeerForbidden { .. }))
    );
    // Another client's relay for TCP is no secret service.
    let mut carol = net.client("carol").over(Transport::Tcp);
    carol.call(&mut net, &for_tcp());
    assert_eq!(carol.try_call(&mut net, &connect(&relay.to_string())), None);
}

/// T6062-5.2-5
#[test]
fn a_peer_that_refuses_is_told_at_once_and_one_that_is_silent_after_thirty_seconds() {
    let mut net = network();
    let (mut alice, _) = alice(&mut net);
    assert_eq!(connected(&mut net, &mut alice, PEER, false), Err(447));
    assert_eq!(net.closed, []);

    assert_eq!(alice.try_call(&mut net, &connect(PEER)), None);
    net.wait_millis(29_999);
    assert_eq!(net.take_reply(), None);
    net.wait_millis(1);
    let reply = net.take_reply().expect("447");
    let reply = Message::parse(&reply).unwrap();
    assert_eq!(
        &reply.attribute(attr::ERROR_CODE).unwrap()[..4],
        [0, 0, 4, 47]
    );
    let (_, _, id, _) = net.connecting.pop().unwrap();
    assert_eq!(net.closed, [id]);
    // It may be tried again.
    connected(&mut net, &mut alice, PEER, true).unwrap();
}

/// T6062-5.2-6
#[test]
fn connections_have_names_of_their_own_that_nobody_guesses() {
    let mut net = network();
    let (mut alice, _) = alice(&mut net);
    let mut ids: Vec<_> = (0..8)
        .map(|at| {
            connected(
                &mut net,
                &mut alice,
                &format!("8.8.8.7:{}", 2000 + at),
                true,
            )
            .unwrap()
            .0
        })
        .collect();
    let steps: Vec<u32> = ids
        .windows(2)
        .map(|pair| pair[1].wrapping_sub(pair[0]))
        .collect();
    assert!(
        steps.iter().any(|step| *step != steps[0]),
        "{ids:x?} count up"
    );
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 8);
}

/// T6062-5.2-7
#[test]
fn a_connection_that_nobody_binds_is_closed_after_thirty_seconds() {
    let mut net = network();
    let (mut alice, relay) = alice(&mut net);
    alice.must_permit(&mut net, PEER);
    let made = connected(&mut net, &mut alice, PEER, true).unwrap();
    let taken = net.peer_connects(relay, "8.8.8.7:999").unwrap();
    assert_eq!(attempt(&mut net), (taken, at("8.8.8.7:999")));
    net.wait_millis(29_999);
    assert_eq!(net.closed, []);
    net.wait_millis(1);
    net.closed.sort();
    let mut both = [made, taken];
    both.sort();
    assert_eq!(net.closed, both);
    let mut late = data_connection(&net, "alice", 5000, 0);
    assert_eq!(late.call(&mut net, &bind(made)).code(), 400);
}

/// T6062-5.3-1
#[test]
fn a_permitted_peer_may_connect_and_the_client_is_told() {
    let mut net = Network::with(Setup {
        fingerprint: true,
        ..setup()
    });
    let (mut alice, relay) = alice(&mut net);
    alice.must_permit(&mut net, "8.8.8.7:1");
    let id = net.peer_connects(relay, PEER).expect("permitted");
    assert_eq!(attempt(&mut net), (id, at(PEER)));
    let mut data = data_connection(&net, "alice", 5000, 0);
    assert_eq!(data.call(&mut net, &bind(id)).code(), OK);
    assert_eq!(net.joined, [(data.address(), id)]);
}

/// T6062-5.3-2
#[test]
fn a_peer_without_permission_is_turned_away_in_silence() {
    let mut net = network();
    let (mut alice, relay) = alice(&mut net);
    assert_eq!(net.peer_connects(relay, PEER), None);
    alice.must_permit(&mut net, PEER);
    assert_eq!(net.peer_connects(relay, "8.8.8.8:2000"), None);
    net.wait(301);
    assert_eq!(
        net.peer_connects(relay, PEER),
        None,
        "the permission is over"
    );
    assert_eq!(net.take_reply(), None);
}

/// T6062-5.4-1
#[test]
fn a_connection_is_bound_once_and_by_its_name() {
    let mut net = network();
    let (mut alice, _) = alice(&mut net);
    let id = connected(&mut net, &mut alice, PEER, true).unwrap();
    for transport in [Transport::Udp, Transport::Dtls] {
        let mut wrong = data_connection(&net, "alice", 5000, 0).over(transport);
        assert_eq!(wrong.call(&mut net, &bind(id)).code(), 400, "{transport:?}");
    }
    let mut data = data_connection(&net, "alice", 5001, 0);
    let nameless = Request::new(Method::CONNECTION_BIND);
    let short = nameless.clone().with(attr::CONNECTION_ID, &[0; 3]);
    for wrong in [
        nameless,
        short,
        bind(ConnectionId(id.0 ^ 1)),
        bind(ConnectionId(id.0 | 0xFF00_0000)),
    ] {
        assert_eq!(data.call(&mut net, &wrong).code(), 400);
    }
    // The control connection is none for data.
    assert_eq!(alice.call(&mut net, &bind(id)).code(), 400);
    assert_eq!(net.joined, []);
    assert_eq!(data.call(&mut net, &bind(id)).code(), OK);
    let mut second = data_connection(&net, "alice", 5002, 0);
    assert_eq!(second.call(&mut net, &bind(id)).code(), 400);
    assert_eq!(net.joined, [(data.address(), id)]);
}

/// T6062-5.4-1
#[test]
fn a_peer_that_has_not_answered_cannot_be_bound() {
    let mut net = network();
    let (mut alice, _) = alice(&mut net);
    assert_eq!(alice.try_call(&mut net, &connect(PEER)), None);
    let (_, _, id, _) = net.connecting[0];
    let mut data = data_connection(&net, "alice", 5000, 0);
    assert_eq!(data.call(&mut net, &bind(id)).code(), 400);
}

/// T6062-5.4-2
#[test]
fn a_connection_is_bound_by_its_owner_only() {
    let mut net = network();
    let (mut alice, _) = alice(&mut net);
    let id = connected(&mut net, &mut alice, PEER, true).unwrap();
    let mut bob = data_connection(&net, "bob", 5000, 0);
    assert_eq!(bob.call(&mut net, &bind(id)).code(), 441);
    assert_eq!(net.joined, []);
    let mut data = data_connection(&net, "alice", 5001, 0);
    assert_eq!(
        data.call(&mut net, &bind(id)).code(),
        OK,
        "bob has not spoiled it"
    );
}

#[test]
fn a_connection_is_found_from_every_server_of_the_process() {
    let mut net = Network::with(Setup {
        servers: 3,
        ..setup()
    });
    let mut alice = net.client("alice").over(Transport::Tcp).on_server(2);
    alice.call(&mut net, &for_tcp());
    let id = connected(&mut net, &mut alice, PEER, true).unwrap();
    assert_eq!(id.server(), 2);
    let mut data = data_connection(&net, "alice", 5000, 1);
    assert_eq!(data.call(&mut net, &bind(id)).code(), OK);
    assert_eq!(net.joined, [(data.address(), id)]);
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

/// T6062-5.5-1
#[test]
fn a_peer_whose_connection_has_ended_may_be_connected_again() {
    let mut net = network();
    let (mut alice, _) = alice(&mut net);
    let id = connected(&mut net, &mut alice, PEER, true).unwrap();
    let mut data = data_connection(&net, "alice", 5000, 0);
    assert_eq!(data.call(&mut net, &bind(id)).code(), OK);
    net.servers[0].handle_connection_closed(net.now, id);
    assert_ne!(connected(&mut net, &mut alice, PEER, true).unwrap(), id);
    assert_eq!(net.closed, []);
}

#[test]
fn connections_of_an_allocation_are_bounded() {
    let mut net = network();
    let (mut alice, relay) = alice(&mut net);
    alice.must_permit(&mut net, PEER);
    for at in 0..8 {
        connected(
            &mut net,
            &mut alice,
            &format!("8.8.8.7:{}", 2000 + at),
            true,
        )
        .unwrap();
    }
    assert_eq!(alice.call(&mut net, &connect("8.8.8.7:3000")).code(), 508);
    assert_eq!(net.peer_connects(relay, "8.8.8.7:4000"), None);
    net.wait(30);
    for at in 0..64 {
        let id = connected(
            &mut net,
            &mut alice,
            &format!("8.8.8.7:{}", 5000 + at),
            true,
        )
        .unwrap();
        let mut data = data_connection(&net, "alice", 6000 + at, 0);
        assert_eq!(data.call(&mut net, &bind(id)).code(), OK);
    }
    assert_eq!(alice.call(&mut net, &connect("8.8.8.7:3000")).code(), 508);
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

/// A client that asks for what never answers and goes away, again and again, must not leave a question
/// behind each time.
#[test]
fn a_connect_that_waits_ends_with_its_allocation() {
    for by_refresh in [true, false] {
        let mut net = network();
        let (mut alice, _) = alice(&mut net);
        assert_eq!(alice.try_call(&mut net, &connect(PEER)), None);
        let (server, ask, ..) = net.connecting[0];
        assert!(net.servers[server].is_waiting(ask));
        if by_refresh {
            assert_eq!(alice.refresh(&mut net, 0).code(), OK);
        } else {
            net.client_disconnects(&alice);
        }
        assert!(!net.servers[server].is_waiting(ask));
        assert_eq!(net.servers[server].next_timeout(), None);
    }
}

#[test]
fn a_socket_that_comes_for_a_connection_that_has_ended_is_closed() {
    for request in [
        Request::allocate(),
        for_tcp(),
        Request::allocate().dual(),
        Request::allocate().even_port(true),
    ] {
        let mut net = Network::with(Setup {
            open: true,
            ..setup()
        });
        net.hold = true;
        let alice = Client::new("192.0.2.1:4001").over(Transport::Tcp);
        let bytes = request.build([1; 12].into(), |_| ());
        assert_eq!(net.exchange(&alice, &bytes), None);
        net.client_disconnects(&alice);
        net.answer_asks();
        assert_eq!(net.take_reply(), None);
        net.wait(60);
        assert_eq!((net.allocations(), net.ports.in_use()), (0, 0));
    }
}

/// Both would be granted: what peers send over UDP would stand among the bytes of the TCP peer.
#[test]
fn a_connection_whose_allocation_is_on_its_way_cannot_be_bound() {
    let mut net = Network::with(Setup {
        open: true,
        ..setup()
    });
    net.hold = true;
    let alice = Client::new("192.0.2.1:4001").over(Transport::Tcp);
    let allocate = Request::allocate().build([1; 12].into(), |_| ());
    assert_eq!(net.exchange(&alice, &allocate), None);
    let bind = bind(ConnectionId(1)).build([2; 12].into(), |_| ());
    let reply = net.exchange(&alice, &bind).expect("a refusal at once");
    assert_eq!(reply.code(), 400);
}

/// Black holes are cheap to name: they must not keep others from being served.
#[test]
fn connects_that_wait_keep_nobody_out() {
    let mut net = Network::with(Setup {
        limits: Limits {
            waiting: 1,
            ..Limits::default()
        },
        ..setup()
    });
    let (mut alice, _) = alice(&mut net);
    for number in 1..=8 {
        let request = connect(&format!("8.8.8.{number}:80"));
        assert_eq!(alice.try_call(&mut net, &request), None);
    }
    net.client("bob").allocate(&mut net);
}

/// Of this machine only live relays are peers, and those of TCP are not those of UDP.
#[test]
fn a_tcp_allocation_may_permit_a_relay_of_tcp() {
    let mut net = network();
    let (mut alice, relay) = alice(&mut net);
    let mut bob = net.client("bob").over(Transport::Tcp);
    let of_tcp = bob.call(&mut net, &for_tcp()).relay().to_string();
    let of_udp = net.client("carol").allocate(&mut net).to_string();
    alice.must_permit(&mut net, &of_tcp);
    assert_eq!(alice.permit(&mut net, &of_udp), 403);
    let inside = of_tcp.replace("9.9.9.9", "10.0.0.5");
    net.peer_connects(relay, &inside).expect("permitted");
    assert_eq!(attempt(&mut net).1, at(&of_tcp));
}

#[test]
fn a_peer_that_comes_back_from_its_port_has_a_new_connection() {
    let mut net = network();
    let (mut alice, relay) = alice(&mut net);
    alice.must_permit(&mut net, PEER);
    let old = net.peer_connects(relay, PEER).expect("permitted");
    assert_eq!(attempt(&mut net).0, old);
    let new = net.peer_connects(relay, PEER).expect("permitted");
    assert_eq!(attempt(&mut net).0, new);
    let mut data = data_connection(&net, "alice", 9, 0);
    assert_eq!(data.call(&mut net, &bind(old)).code(), 400);
    assert_eq!(data.call(&mut net, &bind(new)).code(), OK);
}
