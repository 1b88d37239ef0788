//! Peers that connect to a relay (RFC 6062 sections 4.5 and 5.3).

use turnd_proto::Transport;

use super::{PEER, alice, attempt, bind, data_connection, for_tcp, network, setup};
use crate::support::{Network, OK, Setup, at};

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
