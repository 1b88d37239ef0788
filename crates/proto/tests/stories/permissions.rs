//! Permissions (RFC 8656 sections 9 and 10).

use turnd_wire::attr;

use crate::support::{
    Client, ClientGets, Network, OK, OTHER_PEER, PEER, PEER_V6, Request, SAME_HOST, at,
};

#[test]
fn without_a_permission_nothing_comes_or_goes() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    let relay = client.allocate(&mut net);
    assert_eq!(net.peer_sends(relay, PEER, b"x"), None);
    assert_eq!(client.send(&mut net, PEER, b"x"), None);
    client.must_permit(&mut net, OTHER_PEER);
    assert_eq!(net.peer_sends(relay, PEER, b"x"), None);
    assert_eq!(client.send(&mut net, PEER, b"x"), None);
}

#[test]
fn a_permission_is_for_a_host_whatever_its_port() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    let relay = client.allocate(&mut net);
    client.must_permit(&mut net, "8.8.8.8:0");
    for peer in [PEER, SAME_HOST] {
        assert!(client.send(&mut net, peer, b"x").is_some());
        let got = net.peer_sends(relay, peer, b"x").unwrap();
        let ClientGets::Indication { peer: sender, .. } = got else {
            panic!("{got:?}");
        };
        assert_eq!(sender, at(peer));
    }
}

#[test]
fn one_request_may_name_many_peers() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.call(&mut net, &Request::allocate().dual());
    let request = Request::create_permission()
        .peer(PEER)
        .peer(PEER_V6)
        .peer(SAME_HOST)
        .peer(OTHER_PEER);
    let reply = client.call(&mut net, &request);
    assert_eq!(reply.code(), OK);
    assert_eq!(reply.kinds(), []);
    for peer in [PEER, PEER_V6, OTHER_PEER] {
        assert!(client.send(&mut net, peer, b"x").is_some(), "{peer}");
    }
}

#[test]
fn a_request_without_a_readable_peer_is_bad() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    for request in [
        Request::create_permission(),
        Request::create_permission().with(attr::XOR_PEER_ADDRESS, &[]),
        Request::create_permission().with(attr::XOR_PEER_ADDRESS, &[0, 1, 0, 0, 1, 2, 3]),
        Request::create_permission().with(attr::XOR_PEER_ADDRESS, &[0, 2, 0, 0, 1, 2, 3, 4]),
        Request::create_permission().with(attr::XOR_PEER_ADDRESS, &[0, 7, 0, 0, 1, 2, 3, 4]),
    ] {
        assert_eq!(client.call(&mut net, &request).code(), 400);
    }
}

#[test]
fn a_peer_of_the_other_family_does_not_match() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    assert_eq!(client.permit(&mut net, PEER_V6), 443);
}

#[test]
fn all_peers_of_a_request_are_permitted_or_none() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    let good = Request::create_permission().peer(PEER);
    for (request, code) in [
        (good.clone().peer("127.0.0.1:9"), 403),
        (good.clone().peer(PEER_V6), 443),
        (good.with(attr::XOR_PEER_ADDRESS, b"?"), 400),
    ] {
        assert_eq!(client.call(&mut net, &request).code(), code);
        assert_eq!(client.send(&mut net, PEER, b"x"), None);
    }
}

/// RFC 8656 section 9.
#[test]
fn a_permission_belongs_to_one_allocation() {
    let mut net = Network::open();
    let mut one = Client::new("192.0.2.1:4001");
    let mut two = Client::new("192.0.2.1:4002");
    one.allocate(&mut net);
    let relay = two.allocate(&mut net);
    one.must_permit(&mut net, PEER);
    assert_eq!(two.send(&mut net, PEER, b"x"), None);
    assert_eq!(net.peer_sends(relay, PEER, b"x"), None);
}

#[test]
fn the_server_address_is_part_of_whose_allocation_it_is() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    client.must_permit(&mut net, PEER);
    let mut elsewhere = client.clone();
    elsewhere.from.path.server = at("192.0.2.98:3478");
    assert_eq!(elsewhere.send(&mut net, PEER, b"x"), None);
    assert_eq!(elsewhere.permit(&mut net, PEER), 437);
}
