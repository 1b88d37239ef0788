//! Channels (RFC 8656 section 12).

use turnd_wire::{attr, channel_data};

use crate::support::{
    Client, ClientGets, Network, OK, OTHER_PEER, PEER, PEER_V6, Request, SAME_HOST, Setup, at,
};

#[test]
fn a_channel_carries_data_both_ways() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    let relay = client.allocate(&mut net);
    client.must_bind(&mut net, 0x4000, PEER);
    let sent = client.channel(&mut net, 0x4000, b"ping").unwrap();
    assert_eq!((sent.from, sent.to), (at("10.0.0.5:50000"), at(PEER)));
    assert_eq!((&sent.data[..], sent.dont_fragment), (&b"ping"[..], false));
    let got = net.peer_sends(relay, PEER, b"pong");
    let expected = ClientGets::Channel {
        client: client.address(),
        number: 0x4000,
        data: b"pong".to_vec(),
    };
    assert_eq!(got, Some(expected));
}

#[test]
fn a_channel_brings_a_permission_for_its_host() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    let relay = client.allocate(&mut net);
    client.must_bind(&mut net, 0x4000, PEER);
    // Another port of the host is permitted, but it is not the channel's peer.
    let got = net.peer_sends(relay, SAME_HOST, b"x");
    assert!(matches!(got, Some(ClientGets::Indication { .. })));
    assert!(client.send(&mut net, SAME_HOST, b"x").is_some());
    // The client may still use indications for the channel's own peer.
    assert!(client.send(&mut net, PEER, b"x").is_some());
}

#[test]
fn numbers_have_a_range() {
    for (number, code) in [
        (0, 400),
        (0x3FFF, 400),
        (0x4000, OK),
        (0x4FFF, OK),
        (0x5000, 400),
        (0x7FFF, 400),
        (0x8000, 400),
        (0xFFFF, 400),
    ] {
        let mut net = Network::open();
        let mut client = Client::new("192.0.2.1:4001");
        client.allocate(&mut net);
        assert_eq!(client.bind(&mut net, number, PEER), code, "{number:#x}");
        assert_eq!(client.channel(&mut net, number, b"x").is_some(), code == OK);
    }
}

#[test]
fn old_clients_may_be_given_the_old_range() {
    let mut net = Network::with(Setup {
        legacy_channels: true,
        ..Setup::open()
    });
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    for (number, peer) in [(0x5000, PEER), (0x7FFF, OTHER_PEER)] {
        client.must_bind(&mut net, number, peer);
        assert!(client.channel(&mut net, number, b"x").is_some());
    }
    assert_eq!(client.bind(&mut net, 0x8000, SAME_HOST), 400);
    assert_eq!(client.channel(&mut net, 0x8000, b"x"), None);
}

#[test]
fn a_request_without_number_or_peer_is_bad() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    for request in [
        Request::channel_bind(),
        Request::channel_bind().channel(0x4000),
        Request::channel_bind().peer(PEER),
        Request::channel_bind()
            .with(attr::CHANNEL_NUMBER, &[0x40, 0])
            .peer(PEER),
        Request::channel_bind()
            .channel(0x4000)
            .with(attr::XOR_PEER_ADDRESS, b"?"),
    ] {
        assert_eq!(client.call(&mut net, &request).code(), 400);
    }
}

#[test]
fn one_number_means_one_peer_and_the_other_way_round() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    client.must_bind(&mut net, 0x4000, PEER);
    assert_eq!(client.bind(&mut net, 0x4000, SAME_HOST), 400);
    assert_eq!(client.bind(&mut net, 0x4000, OTHER_PEER), 400);
    assert_eq!(client.bind(&mut net, 0x4001, PEER), 400);
    client.must_bind(&mut net, 0x4001, SAME_HOST);
    client.must_bind(&mut net, 0x4000, PEER);
    // What was refused has no permission either.
    assert_eq!(client.send(&mut net, OTHER_PEER, b"x"), None);
    assert_eq!(client.channel(&mut net, 0x4000, b"x").unwrap().to, at(PEER));
    assert_eq!(
        client.channel(&mut net, 0x4001, b"x").unwrap().to,
        at(SAME_HOST)
    );
}

#[test]
fn the_first_of_two_attributes_decides() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    let request = Request::channel_bind()
        .channel(0x4000)
        .channel(0x4001)
        .peer(PEER)
        .peer(OTHER_PEER);
    assert_eq!(client.call(&mut net, &request).code(), OK);
    assert_eq!(client.channel(&mut net, 0x4000, b"x").unwrap().to, at(PEER));
    assert_eq!(client.channel(&mut net, 0x4001, b"x"), None);
}

#[test]
fn a_peer_of_the_other_family_or_a_forbidden_one_gets_no_channel() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    assert_eq!(client.bind(&mut net, 0x4000, PEER_V6), 443);
    assert_eq!(client.bind(&mut net, 0x4000, "192.168.1.1:9"), 403);
    assert_eq!(client.bind(&mut net, 0x4000, "8.8.8.8:0"), 403);
    client.must_bind(&mut net, 0x4000, PEER);
}

#[test]
fn a_channel_that_nobody_bound_is_met_with_silence() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    assert_eq!(client.channel(&mut net, 0x4000, b"x"), None);
    client.allocate(&mut net);
    client.must_bind(&mut net, 0x4000, PEER);
    for number in [0x4001, 0x4FFF, 0x5000, 0x7FFF, 0x8000, 0xFFFF] {
        assert_eq!(client.channel(&mut net, number, b"x"), None, "{number:#x}");
    }
}

/// RFC 8656 section 12.6.
#[test]
fn the_length_field_is_believed_only_within_the_datagram() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    client.must_bind(&mut net, 0x4000, PEER);
    for length in [5, 6, 0xFFFF] {
        let lie = [&channel_data::header(0x4000, length)[..], b"four"].concat();
        assert_eq!(net.relay_up(&client, &lie), None, "{length}");
    }
    let padded = [
        &channel_data::header(0x4000, 1)[..],
        b"x\xEE\xEE\xEE\xEE\xEE",
    ]
    .concat();
    assert_eq!(net.relay_up(&client, &padded).unwrap().data, b"x");
    assert_eq!(client.channel(&mut net, 0x4000, b"").unwrap().data, b"");
    for cut in 0..4 {
        assert_eq!(net.relay_up(&client, &padded[..cut]), None);
    }
}
