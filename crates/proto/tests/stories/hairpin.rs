//! Data between two allocations of one process: it needs no socket, and nobody may notice.

use core::net::SocketAddr;

use turnd_proto::{Flow, Frame, Now, Run};
use turnd_wire::attr;

use crate::support::{Client, ClientGets, Network, OK, PEER, PEER_V6, Request, Setup, at};

/// Two clients with a relay each, of the family of `alice`, and the addresses of those relays.
fn pair(net: &mut Network, alice: &str, bob: &str) -> [(Client, SocketAddr); 2] {
    let is_v4 = at(alice).is_ipv4();
    [alice, bob].map(|address| {
        let mut client = Client::new(address);
        let reply = client.call(net, &Request::allocate().dual());
        let mut relayed = reply.relayed().into_iter();
        let relay = relayed.find(|it| it.is_ipv4() == is_v4).expect("a relay");
        (client, relay)
    })
}

fn two(net: &mut Network) -> [(Client, SocketAddr); 2] {
    pair(net, "192.0.2.1:4001", "192.0.2.2:4002")
}

fn indication(to: &Client, peer: SocketAddr, data: &[u8]) -> Option<ClientGets> {
    Some(ClientGets::Indication {
        client: to.address(),
        peer,
        data: data.to_vec(),
    })
}

#[test]
fn data_goes_both_ways_in_both_families_under_the_address_that_clients_know() {
    for (a, b) in [
        ("192.0.2.1:4001", "192.0.2.2:4002"),
        ("[2001:db8::1]:4001", "[2001:db8::2]:4002"),
    ] {
        let mut net = Network::open();
        let [(mut alice, at_alice), (mut bob, at_bob)] = pair(&mut net, a, b);
        alice.must_permit(&mut net, &at_bob.to_string());
        bob.must_bind(&mut net, 0x4001, &at_alice.to_string());

        let sent = alice.send(&mut net, &at_bob.to_string(), b"ping").unwrap();
        let hairpin = sent.hairpin.expect("a relay of this process");
        assert_eq!(hairpin.from, sent.from);
        let gets = ClientGets::Channel {
            client: bob.address(),
            number: 0x4001,
            data: b"ping".to_vec(),
        };
        assert_eq!(net.pass_on(&sent), Some(gets));

        let sent = bob.channel(&mut net, 0x4001, b"pong").unwrap();
        assert_eq!(net.pass_on(&sent), indication(&alice, at_bob, b"pong"));
    }
}

/// With `external-ip` clients may know a relay by either address, and are told that which they gave.
#[test]
fn the_inside_address_leads_there_too() {
    let mut net = Network::open();
    let [(mut alice, at_alice), (mut bob, at_bob)] = two(&mut net);
    let inside = |outside: SocketAddr| format!("10.0.0.5:{}", outside.port());
    alice.must_permit(&mut net, &inside(at_bob));
    bob.must_permit(&mut net, &inside(at_alice));
    for to in [inside(at_bob), at_bob.to_string()] {
        if to != inside(at_bob) {
            alice.must_permit(&mut net, &to);
        }
        let sent = alice.send(&mut net, &to, b"x").unwrap();
        assert_eq!(sent.to, at(&inside(at_bob)));
        let peer = at(&inside(at_alice));
        assert_eq!(net.pass_on(&sent), indication(&bob, peer, b"x"));
    }
}

#[test]
fn a_client_reaches_its_own_relay() {
    let mut net = Network::open();
    let mut alice = Client::new("192.0.2.1:4001");
    let relay = alice.allocate(&mut net);
    alice.must_permit(&mut net, &relay.to_string());
    let sent = alice.send(&mut net, &relay.to_string(), b"me").unwrap();
    assert_eq!(net.pass_on(&sent), indication(&alice, relay, b"me"));
}

#[test]
fn whoever_permits_nothing_gets_nothing() {
    let mut net = Network::open();
    let [(mut alice, _), (mut bob, at_bob)] = two(&mut net);
    alice.must_permit(&mut net, &at_bob.to_string());
    bob.must_permit(&mut net, PEER);
    let sent = alice.send(&mut net, &at_bob.to_string(), b"x").unwrap();
    assert!(sent.hairpin.is_some());
    assert_eq!(net.pass_on(&sent), None);
    let counters = net.servers[0].counters(net.now);
    assert_eq!(counters.drops_to_client.no_permission, 1);
    // Nor does he get anything on a permission that is over.
    bob.must_permit(&mut net, &sent.from.to_string());
    assert!(net.pass_on(&sent).is_some());
    net.wait(301);
    assert_eq!(net.pass_on(&sent), None);
}

#[test]
fn somebody_else_takes_the_way_through_a_socket() {
    let mut net = Network::open();
    let [(mut alice, _), _] = two(&mut net);
    for peer in [PEER, PEER_V6] {
        alice.must_permit(&mut net, peer);
        let sent = alice.send(&mut net, peer, b"x").unwrap();
        assert_eq!(sent.hairpin, None);
    }
}

/// What no socket could send is left to the socket, which refuses it.
#[test]
fn what_is_longer_than_a_datagram_takes_the_way_through_a_socket() {
    let mut net = Network::open();
    let [(mut alice, _), (_, at_bob)] = two(&mut net);
    alice.must_bind(&mut net, 0x4000, &at_bob.to_string());
    for (length, turns) in [(65_507, true), (65_508, false), (65_535, false)] {
        let data = vec![0; length];
        let sent = alice.channel(&mut net, 0x4000, &data).unwrap();
        assert_eq!(sent.hairpin.is_some(), turns, "{length}");
    }
}

#[test]
fn a_relay_that_has_ended_gets_nothing_and_neither_does_who_has_its_port_now() {
    let mut net = Network::open();
    let [(mut alice, at_alice), (mut bob, at_bob)] = two(&mut net);
    alice.must_bind(&mut net, 0x4000, &at_bob.to_string());
    bob.must_permit(&mut net, &at_alice.to_string());
    let under_way = alice.channel(&mut net, 0x4000, b"x").unwrap();
    assert!(net.pass_on(&under_way).is_some());
    assert_eq!(bob.refresh(&mut net, 0).code(), OK);
    assert_eq!(alice.channel(&mut net, 0x4000, b"x"), None);
    let mut carol = Client::new("192.0.2.3:4003");
    assert_eq!(carol.call(&mut net, &Request::allocate().dual()).code(), OK);
    carol.must_permit(&mut net, PEER);
    assert_eq!(net.turn_around(&under_way), None);
    let counters = net.servers[0].counters(net.now);
    assert_eq!(counters.drops_to_client.no_allocation, 1);
}

#[test]
fn a_relay_whose_time_is_over_gets_nothing_before_its_timer_runs() {
    let mut net = Network::open();
    let [(mut alice, at_alice), (mut bob, at_bob)] = two(&mut net);
    bob.must_permit(&mut net, &at_alice.to_string());
    net.wait(200);
    assert_eq!(alice.refresh(&mut net, 3600).code(), OK);
    alice.must_bind(&mut net, 0x4000, &at_bob.to_string());
    net.wait_without_timers(500);
    alice.must_bind(&mut net, 0x4000, &at_bob.to_string());
    let sent = alice.channel(&mut net, 0x4000, b"x").unwrap();
    assert_eq!(net.pass_on(&sent), None);
    let counters = net.servers[0].counters(net.now);
    assert_eq!(counters.drops_to_client.no_relay, 1);
}

#[test]
fn the_relay_of_another_server_of_the_process_is_named() {
    let mut net = Network::with(Setup {
        servers: 2,
        ..Setup::open()
    });
    let mut alice = Client::new("192.0.2.1:4001");
    let mut bob = Client::new("192.0.2.2:4002").on_server(1);
    let [at_alice, at_bob] = [alice.allocate(&mut net), bob.allocate(&mut net)];
    alice.must_permit(&mut net, &at_bob.to_string());
    bob.must_permit(&mut net, &at_alice.to_string());
    let sent = alice.send(&mut net, &at_bob.to_string(), b"x").unwrap();
    assert_eq!(sent.hairpin.map(|it| it.server), Some(1));
    assert_eq!(net.pass_on(&sent), indication(&bob, at_alice, b"x"));
    let sent = bob.send(&mut net, &at_alice.to_string(), b"y").unwrap();
    assert_eq!(sent.hairpin.map(|it| it.server), Some(0));
    assert_eq!(net.pass_on(&sent), indication(&alice, at_bob, b"y"));
}

/// A reserved port (EVEN-PORT) is nobody's yet; who redeems it at another server has it there.
#[test]
fn a_reserved_port_is_found_where_it_was_redeemed() {
    let mut net = Network::with(Setup {
        servers: 2,
        ..Setup::open()
    });
    let mut alice = Client::new("192.0.2.1:4001");
    let mut bob = Client::new("192.0.2.2:4002").on_server(1);
    let reply = alice.call(&mut net, &Request::allocate().even_port(true));
    let next = SocketAddr::new(reply.relay().ip(), reply.relay().port() + 1);
    assert_eq!(alice.permit(&mut net, &next.to_string()), 403);
    let token = reply.token().expect("a reservation");
    let request = Request::allocate().with(attr::RESERVATION_TOKEN, &token);
    assert_eq!(bob.call(&mut net, &request).relay(), next);
    alice.must_permit(&mut net, &next.to_string());
    bob.must_permit(&mut net, &reply.relay().to_string());
    let sent = alice.send(&mut net, &next.to_string(), b"x").unwrap();
    assert_eq!(sent.hairpin.map(|it| it.server), Some(1));
    assert_eq!(net.pass_on(&sent), indication(&bob, reply.relay(), b"x"));
}

#[test]
fn both_allocations_count_it_and_both_paces_hold() {
    let mut net = Network::with(Setup {
        max_bps: Some(1000),
        ..Setup::open()
    });
    let [(mut alice, at_alice), (mut bob, at_bob)] = two(&mut net);
    alice.must_bind(&mut net, 0x4000, &at_bob.to_string());
    bob.must_bind(&mut net, 0x4000, &at_alice.to_string());
    let sent = alice.channel(&mut net, 0x4000, &[1; 600]).unwrap();
    assert!(net.pass_on(&sent).is_some());
    let traffic = net.servers[0].counters(net.now).traffic;
    let flow = |packets, bytes| Flow { packets, bytes };
    assert_eq!(traffic.client.received, flow(1, 604));
    assert_eq!(traffic.peer.sent, flow(1, 600));
    assert_eq!(traffic.peer.received, flow(1, 600));
    assert_eq!(traffic.client.sent, flow(1, 604));
    // The last one may be larger than what is left. Then Bob gets no more either, from whomever.
    let sent = alice.channel(&mut net, 0x4000, &[1; 600]).unwrap();
    assert!(net.pass_on(&sent).is_some());
    assert_eq!(alice.channel(&mut net, 0x4000, &[1; 600]), None);
    let carols = {
        let mut carol = Client::new("192.0.2.3:4003");
        let at_carol = carol.allocate(&mut net);
        bob.must_permit(&mut net, &at_carol.to_string());
        carol.must_bind(&mut net, 0x4000, &at_bob.to_string());
        carol.channel(&mut net, 0x4000, &[1; 600]).unwrap()
    };
    assert_eq!(net.pass_on(&carols), None);
    let counters = net.servers[0].counters(net.now);
    assert_eq!(counters.drops_to_peer.rate_limit, 1);
    assert_eq!(counters.drops_to_client.rate_limit, 1);
}

/// A run of ChannelData is asked for once on each side.
#[test]
fn a_run_stays_a_run() {
    let mut net = Network::open();
    let [(mut alice, at_alice), (mut bob, at_bob)] = two(&mut net);
    alice.must_bind(&mut net, 0x4000, &at_bob.to_string());
    bob.must_bind(&mut net, 0x4001, &at_alice.to_string());
    let now: Now = net.now;
    let server = &mut net.servers[0];
    let datagram = [&[0x40, 0, 0, 100][..], &[7; 100]].concat();
    let hop = server.handle_datagram(now, alice.from, &datagram).unwrap();
    assert!(hop.may_repeat);
    server.count_repeated(&hop, 4, datagram.len());
    let hairpin = hop.hairpin.unwrap();
    let run = Run {
        datagrams: 5,
        each: 100,
        bytes: 500,
    };
    let to_bob = server.to_client(now, hairpin.relay, hairpin.from, run);
    let to_bob = to_bob.unwrap();
    assert_eq!(to_bob.datagrams, 5);
    let expected = Frame::Channel {
        number: 0x4001,
        padded: false,
    };
    assert_eq!(to_bob.frame, expected);
    let traffic = server.counters(now).traffic;
    assert_eq!(traffic.peer.sent, traffic.peer.received);
    assert_eq!(traffic.client.sent, traffic.client.received);
}
