//! A server that begins anew, after a panic of the program around it.

use turnd_proto::{Ending, Event};
use turnd_wire::attr;

use crate::support::{Client, Network, OK, PEER, Request, Setup};

#[test]
fn everything_has_ended_and_everybody_may_come_back_at_once() {
    let mut net = Network::with(Setup {
        quota: Some(2),
        max_bps: Some(1000),
        bps_capacity: Some(9000),
        ..Setup::default()
    });
    let mut alice = net.client("alice");
    let reserving = Request::allocate().even_port(true);
    let first = alice.call(&mut net, &reserving);
    let (relay, token) = (first.relay(), first.token().expect("a token"));
    alice.must_bind(&mut net, 0x4000, PEER);
    let mut bob = net.client("bob");
    bob.allocate(&mut net);

    let now = net.now;
    net.servers[0].begin_anew(now);
    assert_eq!(net.allocations(), 0);
    let events: Vec<Event> = std::iter::from_fn(|| net.servers[0].poll_output())
        .map(|output| match output {
            turnd_proto::Output::Event(event) => event,
            other => panic!("nothing is to be done: {other:?}"),
        })
        .collect();
    let failed = |event: &&Event| {
        matches!(
            event,
            Event::Deleted {
                cause: Ending::Failed,
                ..
            }
        )
    };
    assert_eq!(events.iter().filter(failed).count(), 2);
    assert_eq!(net.servers[0].next_timeout(), None);
    let counters = net.servers[0].counters(now);
    assert_eq!(
        (counters.allocations_made, counters.allocations_ended.failed),
        (2, 2)
    );
    assert_eq!((counters.allocations.sum(), counters.channels), (0, 0));
    assert_eq!(
        (counters.permissions, counters.allocation_seconds.count()),
        (0, 2)
    );
    assert_eq!(net.settings.bandwidth.granted(), 0);
    assert_eq!(net.settings.relays.find(relay), None);

    // Names of before reach nobody, also when others are there.
    assert_eq!(net.peer_sends(relay, PEER, b"late"), None);
    let mut carol = net.client("carol");
    carol.allocate(&mut net);
    carol.must_permit(&mut net, PEER);
    assert_eq!(net.peer_sends(relay, PEER, b"late"), None);
    assert!(alice.channel(&mut net, 0x4000, b"x").is_none());
    assert_eq!(alice.refresh(&mut net, 600).code(), 437);

    // The quota, the port and the five-tuple are free.
    let again = alice.call(&mut net, &reserving);
    assert_eq!(again.code(), OK);
    assert_ne!(again.token(), Some(token.clone()));
    let mut redeemer = Client::new("192.0.2.9:4009").user("bob", "builder");
    let redeem = Request::allocate().with(turnd_wire::attr::RESERVATION_TOKEN, &token);
    assert_eq!(redeemer.call(&mut net, &redeem).code(), 508);
}

#[test]
fn what_waits_for_an_answer_waits_in_vain() {
    let mut net = Network::new();
    net.hold = true;
    let mut alice = net.client("alice");
    let hello = alice.try_call(&mut net, &Request::allocate());
    assert!(hello.is_none(), "the key is asked for: {hello:?}");
    let now = net.now;
    net.servers[0].begin_anew(now);
    net.answer_asks();
    assert_eq!(net.take_reply(), None);
    assert_eq!(net.allocations(), 0);
    alice.allocate(&mut net);
}

/// A client with an allocation, and himself after he has moved to another server that hears him, with what he resumed by.
fn moved() -> (Network, Client, Client, Request) {
    let mut net = Network::with(Setup {
        mobility: true,
        servers: 2,
        ..Setup::default()
    });
    let mut alice = net.client("alice");
    let reply = alice.call(&mut net, &mobile());
    let ticket = reply.value(attr::MOBILITY_TICKET).expect("a ticket");
    let resume = Request::refresh().with(attr::MOBILITY_TICKET, &ticket);
    let mut there = alice.clone().on_server(1);
    there.from.path.client.set_port(5005);
    there.nonce = None;
    assert_eq!(there.call(&mut net, &resume).code(), OK);
    (net, alice, there, resume)
}

fn mobile() -> Request {
    Request::allocate().with(attr::MOBILITY_TICKET, &[])
}

/// Whoever hears a client that had moved is told that he is not to be handed on any more.
#[test]
fn a_client_that_had_moved_is_served_where_he_is_heard() {
    let (mut net, _, mut there, _) = moved();
    assert!(!net.forwarded.is_empty());
    net.begin_anew(0);
    assert!(net.forwarded.is_empty(), "{:?}", net.forwarded);
    there.allocate(&mut net);
    let allocations = net.servers.iter().map(|it| it.allocations());
    assert_eq!(allocations.collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_ticket_of_before_matches_nothing() {
    let (mut net, mut alice, mut there, resume) = moved();
    net.begin_anew(0);
    assert_eq!((net.allocations(), net.ports.in_use()), (0, 0));
    assert_eq!(there.call(&mut net, &resume).code(), 437);
    // Nor that of whoever has its place now.
    alice.call(&mut net, &mobile());
    assert_eq!(there.call(&mut net, &resume).code(), 437);
    assert_eq!(net.settings.quotas.total(), 1);
}
