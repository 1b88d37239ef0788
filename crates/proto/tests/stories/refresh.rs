//! Refresh (RFC 8656 section 8).

use turnd_proto::{Ending, Event};
use turnd_wire::{Family, attr};

use crate::support::{Client, Network, OK, PEER, PEER_V6, Request, at};

#[test]
fn the_life_time_is_kept_within_the_bounds_of_allocate() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    for (asked, granted) in [
        (None, 600),
        (Some(1), 600),
        (Some(599), 600),
        (Some(3000), 3000),
        (Some(u32::MAX), 3600),
        (Some(0), 0),
    ] {
        let request = asked
            .into_iter()
            .fold(Request::refresh(), Request::lifetime);
        let reply = client.call(&mut net, &request);
        assert_eq!(reply.code(), OK);
        assert_eq!(reply.lifetime(), Some(granted), "{asked:?}");
        assert_eq!(reply.kinds(), [attr::LIFETIME]);
    }
}

#[test]
fn life_time_zero_ends_an_allocation_at_once() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    let relay = client.allocate(&mut net);
    client.must_permit(&mut net, PEER);
    client.must_bind(&mut net, 0x4000, PEER);
    let reply = client.refresh(&mut net, 0);
    assert_eq!((reply.code(), reply.lifetime()), (OK, Some(0)));

    assert_eq!(net.allocations(), 0);
    assert_eq!(net.ports.in_use(), 0);
    assert_eq!(net.peer_sends(relay, PEER, b"x"), None);
    assert_eq!(client.channel(&mut net, 0x4000, b"x"), None);
    assert_eq!(client.send(&mut net, PEER, b"x"), None);
    assert_eq!(client.refresh(&mut net, 0).code(), 437);
    assert_eq!(net.servers[0].next_timeout(), None);
    let ended = |event: &Event| {
        matches!(
            event,
            Event::Deleted {
                cause: Ending::Deleted,
                ..
            }
        )
    };
    assert_eq!(net.events.iter().filter(|event| ended(event)).count(), 1);

    // Nothing of it is left for the next one.
    client.allocate(&mut net);
    assert_eq!(client.send(&mut net, PEER, b"x"), None);
    assert_eq!(client.channel(&mut net, 0x4000, b"x"), None);
}

#[test]
fn a_family_that_the_allocation_lacks_does_not_match() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    let refresh = |value: &[u8]| Request::refresh().with(attr::REQUESTED_ADDRESS_FAMILY, value);
    assert_eq!(client.call(&mut net, &refresh(&[2, 0, 0, 0])).code(), 443);
    assert_eq!(client.call(&mut net, &refresh(&[9, 0, 0, 0])).code(), 443);
    assert_eq!(client.call(&mut net, &refresh(&[1])).code(), 400);
    assert_eq!(client.call(&mut net, &refresh(&[1, 0, 0, 0])).code(), OK);
    let misshapen = Request::refresh().with(attr::LIFETIME, &[0; 3]);
    assert_eq!(client.call(&mut net, &misshapen).code(), 400);
    assert_eq!(net.allocations(), 1);
}

/// RFC 8656 section 8.1.
#[test]
fn one_half_of_a_dual_allocation_may_end_alone() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.call(&mut net, &Request::allocate().dual());
    client.must_bind(&mut net, 0x4000, PEER);
    client.must_bind(&mut net, 0x4001, PEER_V6);
    let end = Request::refresh().family(Family::V6).lifetime(0);
    assert_eq!(client.call(&mut net, &end).code(), OK);

    assert_eq!(net.ports.in_use(), 1);
    assert_eq!(client.permit(&mut net, PEER_V6), 443);
    assert_eq!(client.bind(&mut net, 0x4002, PEER_V6), 443);
    assert_eq!(client.call(&mut net, &end).code(), 443);
    assert_eq!(client.channel(&mut net, 0x4001, b"x"), None);
    assert_eq!(client.send(&mut net, PEER_V6, b"x"), None);
    assert!(client.channel(&mut net, 0x4000, b"x").is_some());
    assert!(net.peer_sends(at("9.9.9.9:50000"), PEER, b"x").is_some());

    let end = Request::refresh().family(Family::V4).lifetime(0);
    assert_eq!(client.call(&mut net, &end).code(), OK);
    assert_eq!((net.allocations(), net.ports.in_use()), (0, 0));
}

#[test]
fn without_a_family_both_halves_are_meant() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.call(&mut net, &Request::allocate().dual());
    net.wait(500);
    assert_eq!(client.refresh(&mut net, 600).code(), OK);
    net.wait(599);
    assert_eq!(net.ports.in_use(), 2);
    assert_eq!(client.refresh(&mut net, 0).code(), OK);
    assert_eq!((net.allocations(), net.ports.in_use()), (0, 0));
}

#[test]
fn a_refresh_may_shorten_a_life() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.call(&mut net, &Request::allocate().lifetime(3600));
    assert_eq!(client.refresh(&mut net, 600).lifetime(), Some(600));
    net.wait(600);
    assert_eq!(net.allocations(), 0);
}
