//! Application data, both ways (RFC 8656 sections 11 and 12).

use turnd_proto::{Run, Transport};
use turnd_wire::{Method, attr, attr::AttributeType};

use crate::support::{
    Client, ClientGets, Network, OK, OTHER_PEER, PEER, PEER_V6, Request, Setup, at,
};

#[test]
fn indications_carry_data_both_ways() {
    for (setup, peer) in [("192.0.2.1:4001", PEER), ("[2001:db8::1]:4001", PEER_V6)] {
        let mut net = Network::open();
        let mut client = Client::new(setup);
        let reply = client.call(&mut net, &Request::allocate().dual());
        client.must_permit(&mut net, peer);
        for data in [&b""[..], b"a", b"ab", b"abc", b"abcd", &[7; 1400]] {
            let sent = client.send(&mut net, peer, data).unwrap();
            assert_eq!((sent.to, &sent.data[..]), (at(peer), data));
            assert_eq!(sent.from.is_ipv4(), at(peer).is_ipv4());
            let mut relayed = reply.relayed().into_iter();
            let relay = relayed.find(|relay| relay.is_ipv4() == at(peer).is_ipv4());
            let expected = ClientGets::Indication {
                client: client.address(),
                peer: at(peer),
                data: data.to_vec(),
            };
            assert_eq!(net.peer_sends(relay.unwrap(), peer, data), Some(expected));
        }
    }
}

#[test]
fn channels_carry_data_of_every_length_in_both_families() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    let reply = client.call(&mut net, &Request::allocate().dual());
    for (number, peer) in [(0x4000, PEER), (0x4001, PEER_V6)] {
        client.must_bind(&mut net, number, peer);
        let mut relayed = reply.relayed().into_iter();
        let relay = relayed
            .find(|relay| relay.is_ipv4() == at(peer).is_ipv4())
            .unwrap();
        for length in (0..9).chain([1200, 65_000]) {
            let data = vec![9; length];
            assert_eq!(client.channel(&mut net, number, &data).unwrap().data, data);
            let expected = ClientGets::Channel {
                client: client.address(),
                number,
                data: data.clone(),
            };
            assert_eq!(net.peer_sends(relay, peer, &data), Some(expected));
        }
    }
}

/// RFC 8656 section 11.2: nothing is answered, whatever is wrong.
#[test]
fn a_send_indication_that_breaks_a_rule_is_dropped() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    client.must_permit(&mut net, PEER);
    let send = || Request::indication(Method::SEND);
    for (what, request) in [
        ("no peer", send().with(attr::DATA, b"x")),
        ("no data", send().peer(PEER)),
        (
            "a peer of a strange form",
            send()
                .with(attr::XOR_PEER_ADDRESS, b"?")
                .with(attr::DATA, b"x"),
        ),
        ("not permitted", Request::send(OTHER_PEER, b"x")),
        ("the other family", Request::send(PEER_V6, b"x")),
        ("port 0", Request::send("8.8.8.8:0", b"x")),
        (
            "an unknown attribute",
            Request::send(PEER, b"x").with(AttributeType(0x7F01), b""),
        ),
    ] {
        assert_eq!(net.exchange(&client, &request.unsigned()), None, "{what}");
    }
    let mut wrong = Request::send(PEER, b"x").fingerprint().unsigned();
    *wrong.last_mut().unwrap() ^= 1;
    assert_eq!(net.relay_up(&client, &wrong), None);
    let right = Request::send(PEER, b"x").fingerprint().unsigned();
    assert!(net.relay_up(&client, &right).is_some());
}

#[test]
fn the_first_peer_and_the_first_data_count() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    client.must_permit(&mut net, PEER);
    client.must_permit(&mut net, OTHER_PEER);
    let request = Request::send(PEER, b"first")
        .peer(OTHER_PEER)
        .with(attr::DATA, b"second");
    let sent = net.relay_up(&client, &request.unsigned()).unwrap();
    assert_eq!((sent.to, &sent.data[..]), (at(PEER), &b"first"[..]));
}

#[test]
fn dont_fragment_is_passed_on() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    client.must_permit(&mut net, PEER);
    let request = Request::send(PEER, b"x").with(attr::DONT_FRAGMENT, &[]);
    assert!(
        net.relay_up(&client, &request.unsigned())
            .unwrap()
            .dont_fragment
    );
    assert!(!client.send(&mut net, PEER, b"x").unwrap().dont_fragment);
}

/// RFC 8656 sections 13 to 15: between families it is ignored, as from IPv6 to IPv6, unless a client's stream
/// comes over IPv6.
#[test]
fn dont_fragment_has_no_meaning_where_datagrams_are_translated() {
    let (v4, v6) = ("192.0.2.1:4001", "[2001:db8::1]:4001");
    for (address, transport, to_v4, to_v6) in [
        (v4, Transport::Udp, true, false),
        (v4, Transport::Dtls, true, false),
        (v4, Transport::Tcp, true, false),
        (v6, Transport::Udp, false, false),
        (v6, Transport::Dtls, false, false),
        (v6, Transport::Tcp, true, true),
        (v6, Transport::Tls, true, true),
    ] {
        let mut net = Network::open();
        let mut client = Client::new(address).over(transport);
        client.call(&mut net, &Request::allocate().dual());
        for (peer, expected) in [(PEER, to_v4), (PEER_V6, to_v6)] {
            client.must_permit(&mut net, peer);
            let request = Request::send(peer, b"x").with(attr::DONT_FRAGMENT, &[]);
            let sent = net.relay_up(&client, &request.unsigned()).unwrap();
            let what = format!("{transport:?} from {address} to {peer}");
            assert_eq!(sent.dont_fragment, expected, "{what}");
        }
    }
}

#[test]
fn without_an_allocation_there_is_silence() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    assert_eq!(client.send(&mut net, PEER, b"x"), None);
    assert_eq!(client.channel(&mut net, 0x4000, b"x"), None);
}

#[test]
fn data_too_long_for_a_message_is_dropped() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    client.must_permit(&mut net, PEER);
    let frame = turnd_proto::Frame::Indication {
        id: [0; 12].into(),
        peer: at(PEER_V6),
        fingerprint: true,
    };
    assert!(frame.around(&[0; 65_535], 0).is_none());
    assert!(
        turnd_proto::Frame::Channel {
            number: 0x4000,
            padded: false
        }
        .around(&[0; 65_536], 0)
        .is_none()
    );
}

#[test]
fn no_two_indications_share_a_transaction_id() {
    let frame = turnd_proto::Frame::Indication {
        id: [0xFF; 12].into(),
        peer: at(PEER),
        fingerprint: false,
    };
    let mut seen = std::collections::HashSet::new();
    for nth in 0..100 {
        let wrapping = frame.around(b"", nth).unwrap();
        assert!(seen.insert(wrapping.prefix()[8..20].to_vec()));
    }
}

#[test]
fn nor_do_those_of_one_run_and_the_next() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    let relay = client.allocate(&mut net);
    client.must_permit(&mut net, PEER);
    let (index, id) = net.socket(relay).unwrap();
    let mut seen = std::collections::HashSet::new();
    for run in [3, 1, 64] {
        let of_nothing = Run {
            datagrams: run,
            ..Run::one(0)
        };
        let hop = net.servers[index].to_client(net.now, id, at(PEER), of_nothing);
        let frame = hop.unwrap().frame;
        for nth in 0..run {
            let wrapping = frame.around(b"", nth).unwrap();
            assert!(seen.insert(wrapping.prefix()[8..20].to_vec()));
        }
    }
}

#[test]
fn a_server_that_always_adds_fingerprint_adds_it_to_indications() {
    let mut net = Network::with(Setup {
        fingerprint: true,
        ..Setup::open()
    });
    let mut client = Client::new("192.0.2.1:4001");
    let relay = client.allocate(&mut net);
    client.must_permit(&mut net, PEER);
    for length in 0..5 {
        assert!(net.peer_sends(relay, PEER, &vec![1; length]).is_some());
    }
}

// Two clients of one server.

#[test]
fn two_relays_of_one_server_reach_each_other_by_their_outside_addresses() {
    let mut net = Network::with(Setup {
        servers: 2,
        ..Setup::open()
    });
    let mut one = Client::new("192.0.2.1:4001");
    let mut two = Client::new("192.0.2.2:4002").on_server(1);
    let (relay_one, relay_two) = (one.allocate(&mut net), two.allocate(&mut net));
    assert_eq!(one.permit(&mut net, &relay_two.to_string()), OK);
    assert_eq!(two.permit(&mut net, &relay_one.to_string()), OK);

    let sent = one
        .send(&mut net, &relay_two.to_string(), b"hello")
        .unwrap();
    // No detour over the NAT: straight to the socket.
    assert_eq!(
        (sent.from, sent.to),
        (at("10.0.0.5:50000"), at("10.0.0.5:50001"))
    );
    let expected = ClientGets::Indication {
        client: two.address(),
        peer: relay_one,
        data: b"hello".to_vec(),
    };
    assert_eq!(net.pass_on(&sent), Some(expected));

    one.must_bind(&mut net, 0x4000, &relay_two.to_string());
    two.must_bind(&mut net, 0x4ABC, &relay_one.to_string());
    let sent = one.channel(&mut net, 0x4000, b"hello").unwrap();
    let expected = ClientGets::Channel {
        client: two.address(),
        number: 0x4ABC,
        data: b"hello".to_vec(),
    };
    assert_eq!(net.pass_on(&sent), Some(expected));
}

#[test]
fn a_relay_that_has_not_permitted_the_other_hears_nothing() {
    let mut net = Network::open();
    let mut one = Client::new("192.0.2.1:4001");
    let mut two = Client::new("192.0.2.2:4002");
    one.allocate(&mut net);
    let relay_two = two.allocate(&mut net).to_string();
    one.must_permit(&mut net, &relay_two);
    let sent = one.send(&mut net, &relay_two, b"x").unwrap();
    assert_eq!(net.pass_on(&sent), None);
}
