//! Packets are relayed without touching the heap, in both directions and both forms.

use std::hint::black_box;

use turnd_proto::{Ask, PeerHop, RelayId, Run};
use turnd_wire::channel_data;

use crate::support::{Client, Network, PEER, PEER_V6, Request, Setup, at};

const PACKETS: u64 = 1000;

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(black_box(vec![1_u8]))), 1);
}

#[test]
fn channel_data_from_the_client() {
    let (mut net, client, _) = busy_server(false);
    for number in [0x4000, 0x4001] {
        let datagram = [&channel_data::header(number, 1200)[..], &[0xAB; 1200]].concat();
        let count = allocations(|| {
            for _ in 0..PACKETS {
                assert!(up(&mut net, &client, &datagram).is_some());
            }
        });
        assert_eq!(count, 0);
    }
}

#[test]
fn send_indications_from_the_client() {
    let (mut net, client, _) = busy_server(false);
    for peer in [PEER, PEER_V6] {
        let datagram = Request::send(peer, &[0xAB; 1200]).fingerprint().unsigned();
        let count = allocations(|| {
            for _ in 0..PACKETS {
                assert!(up(&mut net, &client, &datagram).is_some());
            }
        });
        assert_eq!(count, 0);
    }
}

#[test]
fn channel_data_to_the_client() {
    let (mut net, _, relays) = busy_server(true);
    for (relay, peer) in relays.into_iter().zip([PEER, PEER_V6]) {
        assert_eq!(frames(&mut net, relay, peer), 0);
    }
}

#[test]
fn data_indications_to_the_client() {
    for fingerprint in [false, true] {
        let (mut net, _, relays) = busy_server(fingerprint);
        let others = ["8.8.8.8:6000", "[2a00:1450::8]:6000"];
        for (relay, peer) in relays.into_iter().zip(others) {
            assert_eq!(frames(&mut net, relay, peer), 0);
        }
    }
}

#[test]
fn from_relay_to_relay() {
    let (mut net, alice, _) = busy_server(false);
    let mut alice = alice;
    let mut bob = Client::new("192.0.2.2:4002");
    let at_bob = bob.allocate(&mut net).to_string();
    alice.must_bind(&mut net, 0x4002, &at_bob);
    let probe = alice.channel(&mut net, 0x4002, b"x").expect("a way");
    bob.must_bind(&mut net, 0x4000, &probe.from.to_string());
    let data = [&channel_data::header(0x4002, 1200)[..], &[0xAB; 1200]].concat();
    let count = allocations(|| {
        for _ in 0..PACKETS {
            let hop = up(&mut net, &alice, &data).expect("a way to the peer");
            let way = hop.hairpin.expect("the peer is a relay");
            let run = Run::one(1200);
            let hop = net.servers[0].to_client(net.now, way.relay, way.from, run);
            black_box(hop.expect("a way to the client"));
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn what_is_dropped() {
    let (mut net, client, relays) = busy_server(false);
    let datagrams = [
        channel_data::header(0x4ABC, 0).to_vec(),
        channel_data::header(0x4000, 9).to_vec(),
        Request::send("1.2.3.4:5", b"not permitted").unsigned(),
        Request::send("127.0.0.1:5", b"forbidden").unsigned(),
        vec![0xFF; 1200],
    ];
    let strangers = [at("1.2.3.4:5"), at("10.0.0.5:22")];
    let count = allocations(|| {
        for datagram in &datagrams {
            assert!(up(&mut net, &client, datagram).is_none());
        }
        for stranger in strangers {
            let server = &mut net.servers[0];
            assert!(
                server
                    .to_client(net.now, relays[0], stranger, Run::one(9))
                    .is_none()
            );
        }
    });
    assert_eq!(count, 0);
}

/// A server with an allocation of both families, and channels and permissions in both; and the names
/// of its relays.
fn busy_server(fingerprint: bool) -> (Network, Client, [RelayId; 2]) {
    let mut net = Network::with(Setup {
        fingerprint,
        ..Setup::open()
    });
    let mut client = Client::new("192.0.2.1:4001");
    net.hold = true;
    let request = Request::allocate().dual();
    assert_eq!(client.try_call(&mut net, &request), None);
    let relays = [(); 2].map(|()| {
        let (index, id, ask) = net.asks.remove(0);
        net.answer_one(index, id, &ask);
        let Ask::OpenRelay { relay, .. } = ask else {
            panic!("{ask:?}");
        };
        relay
    });
    net.answer_asks();
    net.take_reply();
    client.must_bind(&mut net, 0x4000, PEER);
    client.must_bind(&mut net, 0x4001, PEER_V6);
    // The first packet may set something up, once in a process.
    frames(&mut net, relays[0], PEER);
    (net, client, relays)
}

fn up(net: &mut Network, client: &Client, datagram: &[u8]) -> Option<PeerHop> {
    net.servers[0].handle_datagram(net.now, client.from, datagram)
}

/// How often the heap is touched while packets from `peer` arrive and are framed.
fn frames(net: &mut Network, relay: RelayId, peer: &str) -> u64 {
    let (from, now) = (at(peer), net.now);
    let data = [0xCD; 1200];
    let run = Run {
        datagrams: 2,
        each: 1200,
        bytes: 2400,
    };
    let server = &mut net.servers[0];
    let count = allocations(|| {
        for nth in 0..PACKETS {
            let hop = server.to_client(now, relay, from, run);
            let frame = hop.expect("a way to the client").frame;
            let nth = u32::try_from(nth).expect("a few");
            let wrapping = frame.around(&data, nth).expect("data that fits");
            black_box((wrapping.prefix(), wrapping.suffix()));
        }
    });
    assert!(server.poll_output().is_none());
    count
}

fn allocations(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).count_total
}
