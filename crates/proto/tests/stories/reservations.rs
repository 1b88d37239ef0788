//! EVEN-PORT with a reservation, and RESERVATION-TOKEN (RFC 8656 sections 7.2 and 18.10).

use turnd_wire::attr;

use crate::support::{Client, Network, OK, PEER, Request, Setup, at};

#[test]
fn a_pair_that_fails_at_its_second_half_leaves_no_first_half() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:1");
    let pair = Request::allocate().even_port(true);
    net.stick = true;
    assert_eq!(client.call(&mut net, &pair).code(), 508);
    assert_eq!((net.allocations(), net.ports.in_use()), (0, 0));
    assert_eq!(client.call(&mut net, &pair).relay().port(), 50_000);
}

#[test]
fn the_next_port_is_kept_for_whoever_has_the_token() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    let reply = alice.call(&mut net, &Request::allocate().even_port(true));
    let token = reply.token().unwrap();
    assert_eq!((reply.relay().port(), token.len()), (50_000, 8));
    assert_eq!(net.ports.in_use(), 2);

    let redeem = Request::allocate().with(attr::RESERVATION_TOKEN, &token);
    let mut bob = net.client("bob");
    assert_eq!(bob.call(&mut net, &redeem).relay().port(), 50_001);
    // Once.
    let mut carol = net.client("carol");
    assert_eq!(carol.call(&mut net, &redeem).code(), 508);
    assert_eq!((net.allocations(), net.ports.opened), (2, 2));

    // And it is a relay like any other.
    bob.must_permit(&mut net, PEER);
    let got = bob.send(&mut net, PEER, b"x").unwrap();
    assert_eq!(got.from, at("10.0.0.5:50001"));
    assert!(net.peer_sends(at("9.9.9.9:50001"), PEER, b"y").is_some());
    assert_eq!(bob.refresh(&mut net, 0).code(), OK);
    assert_eq!(net.ports.in_use(), 1);
}

#[test]
fn nothing_flows_through_a_port_that_only_waits() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:1");
    client.call(&mut net, &Request::allocate().even_port(true));
    client.must_permit(&mut net, PEER);
    assert_eq!(net.peer_sends(at("9.9.9.9:50001"), PEER, b"x"), None);
    assert_eq!(client.permit(&mut net, "9.9.9.9:50001"), 403);
}

#[test]
fn a_reservation_lasts_thirty_seconds_even_without_its_allocation() {
    for (seconds, code) in [(29, OK), (30, 508)] {
        let mut net = Network::open();
        let mut client = Client::new("192.0.2.1:1");
        let reply = client.call(&mut net, &Request::allocate().even_port(true));
        let redeem = Request::allocate().with(attr::RESERVATION_TOKEN, &reply.token().unwrap());
        assert_eq!(client.refresh(&mut net, 0).code(), OK);
        assert_eq!(net.ports.in_use(), 1);
        net.wait(seconds);
        assert_eq!(net.ports.in_use(), usize::from(code == OK));
        assert_eq!(client.call(&mut net, &redeem).code(), code);
    }
}

#[test]
fn an_expired_token_is_void_even_before_its_port_is_closed() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:1");
    let reply = client.call(&mut net, &Request::allocate().even_port(true));
    let redeem = Request::allocate().with(attr::RESERVATION_TOKEN, &reply.token().unwrap());
    net.wait_without_timers(30);
    let mut other = Client::new("192.0.2.1:2");
    assert_eq!(other.call(&mut net, &redeem).code(), 508);
}

#[test]
fn a_reservation_may_be_redeemed_at_another_server() {
    let mut net = Network::with(Setup {
        servers: 2,
        ..Setup::open()
    });
    let mut here = Client::new("192.0.2.1:1");
    let mut there = Client::new("192.0.2.1:2").on_server(1);
    let reply = here.call(&mut net, &Request::allocate().even_port(true));
    let redeem = Request::allocate().with(attr::RESERVATION_TOKEN, &reply.token().unwrap());
    assert_eq!(there.call(&mut net, &redeem).relay().port(), 50_001);
    there.must_permit(&mut net, PEER);
    assert_eq!(
        there.send(&mut net, PEER, b"x").unwrap().from,
        at("10.0.0.5:50001")
    );

    // Gone from here, and alive there for longer than the reservation was.
    let mut third = Client::new("192.0.2.1:3");
    assert_eq!(third.call(&mut net, &redeem).code(), 508);
    net.wait(60);
    assert!(net.peer_sends(at("9.9.9.9:50001"), PEER, b"y").is_some());
    net.wait(600);
    assert_eq!((net.allocations(), net.ports.in_use()), (0, 0));
}

#[test]
fn an_expired_reservation_is_not_handed_to_another_server() {
    let mut net = Network::with(Setup {
        servers: 2,
        ..Setup::open()
    });
    let mut here = Client::new("192.0.2.1:1");
    let reply = here.call(&mut net, &Request::allocate().even_port(true));
    let redeem = Request::allocate().with(attr::RESERVATION_TOKEN, &reply.token().unwrap());
    net.wait(30);
    let mut there = Client::new("192.0.2.1:2").on_server(1);
    assert_eq!(there.call(&mut net, &redeem).code(), 508);
    assert_eq!(net.ports.in_use(), 1);
}

#[test]
fn ten_thousand_reservations_leave_nothing_behind() {
    let mut net = Network::open();
    net.ports.range = 50_000..=50_063;
    let mut client = Client::new("192.0.2.1:1");
    for _ in 0..10_000 {
        let reply = client.call(&mut net, &Request::allocate().even_port(true));
        assert_eq!(reply.code(), OK);
        assert_eq!(client.refresh(&mut net, 0).code(), OK);
        net.wait(2);
    }
    net.wait(30);
    assert_eq!(net.ports.in_use(), 0);
    assert_eq!(net.servers[0].next_timeout(), None);
}
