//! Connect (RFC 6062 sections 4.3 and 5.2).

use turnd_proto::{Event, Limits, PeerRules, Transport};
use turnd_wire::{Class, Message, Method, attr};

use super::{
    PEER, alice, attempt, bind, connect, connected, data_connection, for_tcp, network, setup,
};
use crate::support::{Client, Network, OK, Request, Setup};

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

/// Connections have the same five-tuple if a client, or a proxy before it, uses its port again at once.
#[test]
fn a_socket_that_was_asked_for_on_the_connection_before_is_not_that_of_the_next() {
    let mut net = Network::with(Setup {
        open: true,
        ..setup()
    });
    net.hold = true;
    let alice = Client::new("192.0.2.1:4001").over(Transport::Tcp);
    for id in [1, 2] {
        net.client_disconnects(&alice);
        let bytes = Request::allocate().build([id; 12].into(), |_| ());
        assert_eq!(net.exchange(&alice, &bytes), None);
    }
    let asks = core::mem::take(&mut net.asks);
    let [(_, first, socket), (_, second, next)] = &asks[..] else {
        panic!("one for each: {asks:?}");
    };
    net.answer_one(0, *first, socket);
    assert_eq!(net.take_reply(), None, "nobody asked for that here");
    assert_eq!((net.allocations(), net.ports.in_use()), (0, 0));
    net.answer_one(0, *second, next);
    let reply = net.take_reply().expect("the answer to the second");
    let reply = Message::parse(&reply).expect("a message");
    assert_eq!(reply.transaction_id(), [2; 12].into());
    assert_eq!((net.allocations(), net.ports.in_use()), (1, 1));
}

/// A service of this machine that was in reach by a rule is not any more when the rule is gone; another client's relay is.
#[test]
fn connections_to_this_machine_end_with_the_rule_that_allowed_them() {
    const OWN: &str = "10.0.0.5:8080";
    let own = OWN.parse::<std::net::SocketAddr>().unwrap().ip();
    let mut net = Network::with(Setup {
        rules: PeerRules {
            allowed: vec![own..=own],
            ..PeerRules::default()
        },
        ..setup()
    });
    let (mut alice, _) = alice(&mut net);
    let mut carol = net.client("carol").over(Transport::Tcp);
    let relay = carol.call(&mut net, &for_tcp()).relay();
    for peer in [OWN, PEER, &relay.to_string()] {
        connected(&mut net, &mut alice, peer, true).expect("a connection");
    }
    let withdrawn = net.reconfigure(setup());
    assert_eq!(withdrawn.iter().map(|it| it.connections).sum::<usize>(), 1);
}
