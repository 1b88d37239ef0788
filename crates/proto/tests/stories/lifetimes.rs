//! What lasts how long (RFC 8656 sections 3.2, 9 and 12), and that data prolongs nothing.

use turnd_proto::{Ending, Event, Transport};
use turnd_wire::Family;

use crate::support::{
    Client, ClientGets, Network, OK, OTHER_PEER, PEER, PEER_V6, Reply, Request, at,
};

#[test]
fn a_permission_lasts_five_minutes_whatever_flows() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    let relay = client.allocate(&mut net);
    client.must_permit(&mut net, PEER);
    for _ in 0..299 {
        net.wait(1);
        assert!(client.send(&mut net, PEER, b"x").is_some());
        assert!(net.peer_sends(relay, PEER, b"x").is_some());
    }
    net.wait(1);
    assert_eq!(client.send(&mut net, PEER, b"x"), None);
    assert_eq!(net.peer_sends(relay, PEER, b"x"), None);
}

#[test]
fn a_refreshed_permission_lasts_five_minutes_more() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    client.must_permit(&mut net, PEER);
    net.wait(200);
    client.must_permit(&mut net, PEER);
    net.wait(299);
    assert!(client.send(&mut net, PEER, b"x").is_some());
    net.wait(2);
    assert_eq!(client.send(&mut net, PEER, b"x"), None);
}

#[test]
fn an_allocation_lasts_as_long_as_granted_whatever_flows() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    let relay = client.allocate(&mut net);
    for _ in 0..5 {
        client.must_permit(&mut net, PEER);
        net.wait(119);
        assert!(client.send(&mut net, PEER, b"x").is_some());
        assert!(net.peer_sends(relay, PEER, b"x").is_some());
    }
    assert_eq!(client.permit(&mut net, PEER), OK);
    net.wait(5);
    assert_eq!(client.permit(&mut net, PEER), 437);
    assert_eq!(client.send(&mut net, PEER, b"x"), None);
    assert_eq!(net.peer_sends(relay, PEER, b"x"), None);
    assert_eq!((net.allocations(), net.ports.in_use()), (0, 0));
    let ended = |event: &Event| {
        matches!(
            event,
            Event::Deleted {
                cause: Ending::Expired,
                ..
            }
        )
    };
    assert_eq!(net.events.iter().filter(|event| ended(event)).count(), 1);
}

/// RFC 8656 section 12: the channel's permission must be refreshed more often than the channel.
#[test]
fn a_channel_lasts_ten_minutes_and_its_permission_five() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    let relay = client
        .call(&mut net, &Request::allocate().lifetime(3600))
        .relay();
    client.must_bind(&mut net, 0x4000, PEER);
    net.wait(299);
    assert!(client.channel(&mut net, 0x4000, b"x").is_some());
    net.wait(2);
    // Bound, but not permitted.
    assert_eq!(client.channel(&mut net, 0x4000, b"x"), None);
    assert_eq!(net.peer_sends(relay, PEER, b"x"), None);
    assert_eq!(client.bind(&mut net, 0x4000, OTHER_PEER), 400);
    assert_eq!(client.bind(&mut net, 0x4001, PEER), 400);

    // A permission alone brings it back.
    client.must_permit(&mut net, PEER);
    assert!(client.channel(&mut net, 0x4000, b"x").is_some());
    let got = net.peer_sends(relay, PEER, b"x");
    assert!(matches!(got, Some(ClientGets::Channel { .. })));

    net.wait(298);
    assert_eq!(client.bind(&mut net, 0x4000, OTHER_PEER), 400, "599 s");
    net.wait(1);
    assert_eq!(client.channel(&mut net, 0x4000, b"x"), None, "600 s");
    let got = net.peer_sends(relay, PEER, b"x");
    assert!(matches!(got, Some(ClientGets::Indication { .. })));
    client.must_bind(&mut net, 0x4000, OTHER_PEER);
    client.must_bind(&mut net, 0x4001, PEER);
}

#[test]
fn binding_again_refreshes_both() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    let relay = client
        .call(&mut net, &Request::allocate().lifetime(3600))
        .relay();
    client.must_bind(&mut net, 0x4000, PEER);
    for _ in 0..5 {
        net.wait(299);
        assert!(client.channel(&mut net, 0x4000, b"x").is_some());
        client.must_bind(&mut net, 0x4000, PEER);
    }
    net.wait(299);
    assert!(net.peer_sends(relay, PEER, b"x").is_some());
}

#[test]
fn channel_data_prolongs_neither_channel_nor_permission() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    let relay = client
        .call(&mut net, &Request::allocate().lifetime(3600))
        .relay();
    client.must_bind(&mut net, 0x4000, PEER);
    for _ in 0..299 {
        net.wait(1);
        assert!(client.channel(&mut net, 0x4000, b"x").is_some());
        assert!(net.peer_sends(relay, PEER, b"x").is_some());
    }
    net.wait(2);
    assert_eq!(client.channel(&mut net, 0x4000, b"x"), None);
    assert_eq!(net.peer_sends(relay, PEER, b"x"), None);
}

#[test]
fn the_halves_of_a_dual_allocation_live_their_own_lives() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.call(&mut net, &Request::allocate().dual());
    let longer = Request::refresh().family(Family::V4).lifetime(3600);
    assert_eq!(client.call(&mut net, &longer).code(), OK);
    net.wait(400);
    client.must_bind(&mut net, 0x4000, PEER);
    client.must_bind(&mut net, 0x4001, PEER_V6);
    net.wait(199);
    assert!(client.channel(&mut net, 0x4001, b"x").is_some());
    net.wait(1);
    assert_eq!(client.channel(&mut net, 0x4001, b"x"), None);
    assert_eq!(net.peer_sends(at("[2606::5]:50000"), PEER_V6, b"x"), None);
    assert!(client.channel(&mut net, 0x4000, b"x").is_some());
    assert_eq!((net.allocations(), net.ports.in_use()), (1, 1));
}

// Whoever drives the server may be late with the timers; nobody may notice.

#[test]
fn what_has_expired_is_gone_before_its_timer_was_run() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    let relay = client.allocate(&mut net);
    net.wait(500);
    client.must_bind(&mut net, 0x4000, PEER);
    net.wait_without_timers(100);
    assert_eq!(client.channel(&mut net, 0x4000, b"x"), None);
    assert_eq!(client.send(&mut net, PEER, b"x"), None);
    assert_eq!(net.peer_sends(relay, PEER, b"x"), None);
    assert_eq!(client.permit(&mut net, PEER), 437);
    assert_eq!(client.bind(&mut net, 0x4000, PEER), 437);
}

#[test]
fn a_channel_ends_on_time_even_if_its_permission_lasts() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    let request = Request::allocate().lifetime(3600);
    let relay = client.call(&mut net, &request).relay();
    client.must_bind(&mut net, 0x4000, PEER);
    net.wait(400);
    client.must_permit(&mut net, PEER);
    net.wait_without_timers(200);
    assert_eq!(client.channel(&mut net, 0x4000, b"x"), None);
    let got = net.peer_sends(relay, PEER, b"x");
    assert!(matches!(got, Some(ClientGets::Indication { .. })));
}

#[test]
fn an_allocation_may_end_while_a_request_waits_for_its_key() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    alice.allocate(&mut net);
    net.wait(599);
    // A new password, so that the key of the allocation will not do.
    net.keys.change_password("alice", "looking-glass");
    alice.password = "looking-glass".to_owned();
    net.hold = true;
    let bytes = alice.signed(&Request::refresh());
    assert_eq!(alice.deliver(&mut net, &bytes), None);
    net.wait_without_timers(1);
    net.answer_asks();
    let reply = Reply::to(&bytes, net.take_reply().unwrap());
    assert_eq!(reply.code(), 437);
}

/// Another client may come by the same path before its keys do.
#[test]
fn a_request_that_waits_for_its_key_ends_with_the_connection_that_brought_it() {
    let mut net = Network::new();
    let over_tcp = |client: Client| client.over(Transport::Tcp);
    let (mut alice, mut bob) = (over_tcp(net.client("alice")), over_tcp(net.client("bob")));
    bob.from = alice.from;
    net.hold = true;
    assert_eq!(alice.try_call(&mut net, &Request::allocate()), None);
    assert_eq!(net.asks.len(), 1, "{:?}", net.asks);
    net.client_disconnects(&alice);
    assert_eq!(net.servers[0].next_timeout(), None);
    net.answer_asks();
    assert_eq!(net.take_reply(), None);
    assert_eq!((net.allocations(), net.ports.in_use()), (0, 0));
    // The next one's goes on.
    net.hold = true;
    assert_eq!(bob.try_call(&mut net, &Request::allocate()), None);
    let mut carol = over_tcp(net.client("carol"));
    assert_eq!(carol.try_call(&mut net, &Request::allocate()), None);
    net.client_disconnects(&carol);
    net.answer_asks();
    assert!(net.take_reply().is_some());
    assert_eq!((net.allocations(), net.take_reply()), (1, None));
}

#[test]
fn a_refresh_does_not_revive_the_dead() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    net.wait_without_timers(600);
    assert_eq!(client.refresh(&mut net, 600).code(), 437);
    assert_eq!((net.allocations(), net.ports.in_use()), (0, 0));
    client.allocate(&mut net);
    net.wait(600);
    assert_eq!(net.servers[0].next_timeout(), None);
}

#[test]
fn a_refresh_of_both_halves_does_not_revive_the_dead_one() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.call(&mut net, &Request::allocate().dual());
    let longer = Request::refresh().family(Family::V4).lifetime(3600);
    assert_eq!(client.call(&mut net, &longer).code(), OK);
    net.wait_without_timers(600);
    assert_eq!(client.refresh(&mut net, 600).code(), OK);
    assert_eq!(client.permit(&mut net, PEER_V6), 443);
    assert_eq!(net.ports.in_use(), 1);
}

/// F10 of the faults: only credentials with a time look at the wall clock, and only when they are made use of.
#[test]
fn steps_of_the_wall_clock_change_nothing_that_is_there() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    let relay = alice.allocate(&mut net);
    alice.must_bind(&mut net, 0x4000, PEER);
    let day = 86_400;
    for step in [day, -2 * day, 1, -1] {
        net.now.unix = net.now.unix.checked_add_signed(step).expect("a time");
        assert_eq!(
            alice.refresh(&mut net, 600).code(),
            OK,
            "no new nonce either"
        );
        assert!(net.peer_sends(relay, PEER, b"x").is_some());
        net.wait(60);
    }
    // Nothing lasts longer either: the permission began 240 seconds ago, the life time 60.
    net.wait(59);
    assert!(net.peer_sends(relay, PEER, b"x").is_some());
    net.wait(1);
    assert!(net.peer_sends(relay, PEER, b"x").is_none());
    net.wait(479);
    assert_eq!(net.allocations(), 1);
    net.wait(1);
    assert_eq!(net.allocations(), 0);
}

#[test]
fn a_clock_that_jumps_far_ends_everything_once() {
    let mut net = Network::open();
    for port in 1..=100 {
        let mut client = Client::new(&format!("192.0.2.1:4{port:03}"));
        client.call(&mut net, &Request::allocate().even_port(true));
        client.must_bind(&mut net, 0x4000, PEER);
    }
    net.wait_without_timers(1_000_000);
    net.wait(0);
    assert_eq!((net.allocations(), net.ports.in_use()), (0, 0));
    assert_eq!(net.servers[0].next_timeout(), None);
    let ended = |event: &Event| matches!(event, Event::Deleted { .. });
    assert_eq!(net.events.iter().filter(|event| ended(event)).count(), 100);
}

#[test]
fn of_many_that_end_at_once_some_end_at_a_time_and_none_is_served_meanwhile() {
    let mut net = Network::open();
    let client = |number| Client::new(&format!("192.0.2.1:4{number:03}"));
    let mut clients: Vec<Client> = (0..200).map(client).collect();
    for client in &mut clients {
        client.allocate(&mut net);
    }
    net.wait_without_timers(601);
    while net.allocations() > 0 {
        let before = net.allocations();
        let due = net.servers[0].next_timeout();
        assert!(due.is_some_and(|due| due <= net.now.instant));
        net.run_timers();
        let ended = before - net.allocations();
        assert!((1..=32).contains(&ended), "{ended}");
        let mut late = clients.pop().expect("one whose allocation is over");
        assert_eq!(late.refresh(&mut net, 600).code(), 437);
    }
    assert_eq!(net.servers[0].next_timeout(), None);
}
