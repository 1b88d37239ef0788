//! Clients on connections, and clients that change the transport.

use turnd_proto::{Client as From, Ending, Event, ListenerId, Transport};
use turnd_wire::attr;

use super::{
    CHANNEL, SECOND, THIRD, alice, mobile, moved, network, reached, settle, setup, show, ticket_in,
};
use crate::support::{Network, OK, OTHER_PEER, PEER, Request, Setup, at};

/// T8016-D-2
#[test]
fn the_allocation_of_a_connection_waits_for_its_client_and_keeps_its_place() {
    let mut net = Network::with(Setup {
        quota: Some(1),
        ..setup()
    });
    let mut alice = net.client("alice").over(Transport::Tls);
    let (relay, ticket) = settle(&mut net, &mut alice);
    net.client_disconnects(&alice);
    assert_eq!(net.allocations(), 1);
    assert_eq!(net.peer_sends(relay, PEER, b"lost"), None);
    let lost = net.servers[0].counters(net.now).drops_to_client;
    assert_eq!(lost.client_away, 1);
    for port in 5000..5010 {
        let mut there = moved(&alice, &format!("192.0.2.1:{port}"), 0);
        assert_eq!(there.call(&mut net, &mobile()).code(), 486);
        net.client_disconnects(&there);
    }
    assert_eq!((net.allocations(), net.settings.quotas.total()), (1, 1));

    // It is reached from the moment that it comes back: there is no other path.
    let mut there = moved(&alice, SECOND, 0);
    let ticket = ticket_in(&there.call(&mut net, &show(&ticket).lifetime(900)));
    assert_eq!(reached(&mut net, relay), Some(there.address()));
    net.client_disconnects(&there);
    net.wait(899);
    assert_eq!(net.allocations(), 1);
    net.wait(1);
    assert_eq!((net.allocations(), net.settings.quotas.total()), (0, 0));
    let ended = |event: &Event| {
        matches!(
            event,
            Event::Deleted {
                cause: Ending::Expired,
                ..
            }
        )
    };
    assert!(net.events.iter().any(ended));
    let mut there = moved(&alice, THIRD, 0);
    assert_eq!(there.call(&mut net, &show(&ticket)).code(), 437);
}

/// The five-tuple of a connection that has ended may be somebody else's by now.
#[test]
fn who_has_the_address_of_a_client_that_is_away_disturbs_nobody() {
    let mut net = network();
    let mut alice = net.client("alice").over(Transport::Tcp);
    let (relay, ticket) = settle(&mut net, &mut alice);
    net.client_disconnects(&alice);
    let mut bob = net.client("bob").over(Transport::Tcp);
    bob.from.path.client = alice.address();
    let of_bob = bob.allocate(&mut net);
    bob.must_bind(&mut net, CHANNEL, PEER);
    assert_eq!(reached(&mut net, relay), None);
    net.wait(599);
    assert_eq!(bob.refresh(&mut net, 600).code(), OK);
    net.wait(1);
    assert_eq!(net.allocations(), 1);
    assert_eq!(
        reached(&mut net, of_bob),
        None,
        "the channel's permission is over"
    );
    bob.must_permit(&mut net, PEER);
    assert_eq!(reached(&mut net, of_bob), Some(bob.address()));
    let mut there = moved(&alice, SECOND, 0);
    assert_eq!(there.call(&mut net, &show(&ticket)).code(), 437);
}

/// T8016-3.2.2-6, the other way: the old connection ends before there is data on the new one.
#[test]
fn the_end_of_the_old_connection_makes_the_new_path_the_one() {
    for server in [0, 1] {
        let mut net = Network::with(Setup {
            servers: 2,
            ..setup()
        });
        let mut alice = net.client("alice").over(Transport::Tls);
        let (relay, ticket) = settle(&mut net, &mut alice);
        let mut there = moved(&alice, SECOND, server);
        let ticket = ticket_in(&there.call(&mut net, &show(&ticket)));
        assert_eq!(reached(&mut net, relay), Some(alice.address()));
        net.client_disconnects(&alice);
        assert_eq!(reached(&mut net, relay), Some(there.address()));
        // And that of one which was asked for and not used changes nothing.
        let mut third = moved(&alice, THIRD, server);
        let ticket = ticket_in(&third.call(&mut net, &show(&ticket)));
        net.client_disconnects(&third);
        assert_eq!(reached(&mut net, relay), Some(there.address()));
        net.client_disconnects(&there);
        assert_eq!(reached(&mut net, relay), None);
        ticket_in(&third.call(&mut net, &show(&ticket)));
        assert_eq!(reached(&mut net, relay), Some(third.address()));
        assert_eq!(third.refresh(&mut net, 0).code(), OK);
        assert!(net.forwarded.is_empty());
    }
}

/// From UDP to a stream and what is framed differently there.
#[test]
fn a_client_may_come_back_over_another_transport() {
    let mut net = network();
    let (alice, relay, ticket) = alice(&mut net);
    let mut there = moved(&alice, SECOND, 0).over(Transport::Tcp);
    there.from.listener = ListenerId(8);
    there.call(&mut net, &show(&ticket));
    assert!(there.channel(&mut net, CHANNEL, b"x").is_some());
    let kinds = |net: &Network| {
        let counters = net.servers[0].counters(net.now);
        let kinds = counters.allocations.each().filter(|(_, count)| *count > 0);
        kinds.map(|(kind, _)| kind.transport).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&net), [Transport::Tcp]);
    assert_eq!(
        net.servers[0].listener_of(&there.from.path),
        Some(ListenerId(8))
    );
    let (_, id) = net.socket(relay).unwrap();
    let run = turnd_proto::Run::one(4);
    let hop = net.servers[0]
        .to_client(net.now, id, at(PEER), run)
        .unwrap();
    assert_eq!(
        hop.to,
        From {
            listener: ListenerId(8),
            path: there.from.path
        }
    );
    assert_eq!(there.refresh(&mut net, 0).code(), OK);
    assert!(kinds(&net).is_empty());
}

/// RFC 6062: connections are reached by streams, and Connect is all that a client sends there.
#[test]
fn an_allocation_for_tcp_moves_to_a_stream_and_with_a_connect() {
    let mut net = Network::with(Setup {
        tcp_relay: true,
        ..setup()
    });
    let mut alice = net.client("alice").over(Transport::Tcp);
    let for_tcp = Request::bare_allocate()
        .with(attr::REQUESTED_TRANSPORT, &[6, 0, 0, 0])
        .with(attr::MOBILITY_TICKET, &[]);
    let reply = alice.call(&mut net, &for_tcp);
    let (relay, ticket) = (reply.relay(), ticket_in(&reply));
    alice.must_permit(&mut net, PEER);
    let mut there = moved(&alice, SECOND, 0).over(Transport::Udp);
    assert_eq!(there.call(&mut net, &show(&ticket)).code(), 400);
    let mut there = moved(&alice, SECOND, 0);
    there.call(&mut net, &show(&ticket));
    let connect = Request::new(turnd_wire::Method::CONNECT).peer(OTHER_PEER);
    assert_eq!(there.try_call(&mut net, &connect), None);
    assert!(net.peer_answers(true).is_some());
    assert_eq!(alice.refresh(&mut net, 600).code(), 437);
    // Nobody could be told of a peer that connects while the client is away.
    net.client_disconnects(&there);
    assert_eq!(net.peer_connects(relay, PEER), None);
    assert!(net.closed.is_empty(), "what is there goes on");
}

#[test]
fn with_mobility_off_the_end_of_a_connection_is_the_end() {
    let mut net = network();
    let mut alice = net.client("alice").over(Transport::Tcp);
    settle(&mut net, &mut alice);
    net.reconfigure(Setup::default());
    net.client_disconnects(&alice);
    assert_eq!((net.allocations(), net.ports.in_use()), (0, 0));
}

/// Where the path before is gone, the new one is taken at once, and its answer may be lost all the same: with it the client
/// would have lost its allocation.
#[test]
fn a_client_that_is_away_moves_once_more_when_its_answer_is_lost() {
    let mut net = network();
    let mut alice = net.client("alice").over(Transport::Tls);
    let (relay, ticket) = settle(&mut net, &mut alice);
    net.client_disconnects(&alice);
    let mut second = moved(&alice, SECOND, 0);
    second.call(&mut net, &show(&ticket));
    let mut third = moved(&alice, THIRD, 0);
    let newest = ticket_in(&third.call(&mut net, &show(&ticket)));
    assert!(third.channel(&mut net, CHANNEL, b"x").is_some());
    assert_eq!(reached(&mut net, relay), Some(third.address()));
    // Now its answer has come.
    assert_eq!(second.call(&mut net, &show(&ticket)).code(), 400);
    ticket_in(&second.call(&mut net, &show(&newest)));
}

/// The connection on which it asked broke before the answer was read; the one before still carries data, which says nothing
/// about that.
#[test]
fn a_client_whose_new_connection_breaks_at_once_moves_once_more() {
    let mut net = network();
    let mut alice = net.client("alice").over(Transport::Tls);
    let (relay, ticket) = settle(&mut net, &mut alice);
    let mut second = moved(&alice, SECOND, 0).over(Transport::Tcp);
    second.call(&mut net, &show(&ticket));
    net.client_disconnects(&second);
    assert!(alice.channel(&mut net, CHANNEL, b"x").is_some());
    let mut third = moved(&alice, THIRD, 0);
    ticket_in(&third.call(&mut net, &show(&ticket)));
    assert!(third.channel(&mut net, CHANNEL, b"x").is_some());
    assert_eq!(reached(&mut net, relay), Some(third.address()));
}
