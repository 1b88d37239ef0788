//! ICMP messages of a router on the way (RFC 8656 section 11.5), for which no client has a permission.

use std::net::SocketAddr;

use crate::{
    routed::{PEER, PEER_V6, at, inside, peer, receive, start},
    session::Session,
    told,
};

/// The MTU of the peer's link, as the attribute has it, and that of our own.
const NARROW: [u8; 4] = [0, 0, 5, 0];
const OWN: [u8; 4] = [0, 0, 5, 220];

fn about(peer: SocketAddr, kind: u8, code: u8, mtu: [u8; 4]) -> (SocketAddr, Vec<u8>) {
    (peer, [&[0, 0, kind, code][..], &mtu].concat())
}

/// A client of the relay of this family, with permissions for these.
fn permitted(server: SocketAddr, peers: &[SocketAddr]) -> Session {
    let session = Session::new(server, "alice", "secret");
    let reply = if peers[0].is_ipv4() {
        session.allocate()
    } else {
        session.allocate_v6()
    };
    reply.relayed();
    for peer in peers {
        assert_eq!(session.permit(*peer).error(), None);
    }
    session
}

#[test]
fn a_router_that_cannot_go_on_is_heard() {
    if !inside("routers::a_router_that_cannot_go_on_is_heard") {
        return;
    }
    let turnd = start();
    for (unreachable, far, expected) in [
        ("8.8.7.7:7000", "8.8.4.4:4000", [(3, 1), (11, 0)]),
        ("[2a00:7::7]:7000", "[2a00:4::4]:4000", [(1, 0), (3, 0)]),
    ] {
        let peers = [at(unreachable), at(far)];
        let session = permitted(turnd.udp_v4(), &peers);
        for _ in 0..3 {
            for (peer, (kind, code)) in peers.into_iter().zip(expected) {
                session.send_indication(peer, b"anyone?", false);
                let expected = about(peer, kind, code, [0; 4]);
                assert_eq!(told(&session.datagram()), expected);
            }
        }
        // Who has no permission any more hears nothing: another client, which never had one.
        let other = permitted(turnd.udp_v4(), &peers[..1]);
        other.send_indication(peers[1], b"anyone?", false);
        assert!(other.hears_nothing());
    }
}

#[test]
fn the_mtu_of_the_path_is_told_whenever_a_datagram_may_not_be_fragmented() {
    if !inside("routers::the_mtu_of_the_path_is_told_whenever_a_datagram_may_not_be_fragmented") {
        return;
    }
    let turnd = start();
    let (receiver, address) = (peer(PEER), at(PEER));
    // Our own link is as wide as that.
    let router = at("9.9.9.254:7");
    let session = permitted(turnd.udp_v4(), &[address, router]);
    for round in 0..3 {
        // 20 bytes of IP, 8 of UDP.
        for (length, fits) in [(1253, false), (1252, true), (1400, false)] {
            let data = vec![round; length];
            session.send_indication(address, &data, true);
            if fits {
                assert_eq!(receive(&receiver).0, data);
            } else {
                assert_eq!(told(&session.datagram()), about(address, 3, 4, NARROW));
            }
            // Without DONT-FRAGMENT what has arrived before goes on arriving, whatever was told.
            session.send_indication(address, &data, false);
            assert_eq!(receive(&receiver).0, data);
        }
        session.send_indication(router, &[round; 2000], true);
        assert_eq!(told(&session.datagram()), about(router, 3, 4, OWN));
        assert!(session.hears_nothing(), "it is told once");
        session.send_indication(address, &[round; 2000], false);
        assert_eq!(receive(&receiver).0, [round; 2000]);
    }
}

/// There routers fragment nothing. The client is told of what is lost, and the kernel learns of it.
#[test]
fn a_datagram_over_ipv6_that_is_too_big_is_told_and_the_next_one_arrives() {
    if !inside("routers::a_datagram_over_ipv6_that_is_too_big_is_told_and_the_next_one_arrives") {
        return;
    }
    let turnd = start();
    let (receiver, address) = (peer(PEER_V6), at(PEER_V6));
    let session = permitted(turnd.udp_v4(), &[address]);
    session.send_indication(address, &[1; 1400], false);
    assert_eq!(told(&session.datagram()), about(address, 2, 0, NARROW));
    for length in [1400, 1233, 5000] {
        // DONT-FRAGMENT is ignored between families.
        for dont_fragment in [true, false] {
            session.send_indication(address, &vec![2; length], dont_fragment);
            assert_eq!(receive(&receiver).0, vec![2; length]);
        }
    }
    assert!(session.hears_nothing());
}
