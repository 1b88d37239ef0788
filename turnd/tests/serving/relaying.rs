//! Datagrams of every size, both ways, over channels and indications, and between workers.

use std::{
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use crate::{session::Session, support::turnd::Turnd};

const CONFIG: &str = "listening-ip=127.0.0.1\nlistening-ip=::1\nlistening-port=0\nrealm=example.org\nuser=alice:secret\n";

fn start() -> Turnd {
    Turnd::start(&format!("{CONFIG}allow-loopback-peers\n"))
}

fn peer(address: &str) -> UdpSocket {
    let peer = UdpSocket::bind(address).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    peer
}

fn receive(peer: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_536];
    let (length, from) = peer.recv_from(&mut buffer).unwrap();
    buffer.truncate(length);
    (buffer, from)
}

/// Bytes that tell place and length.
fn pattern(length: usize, salt: u8) -> Vec<u8> {
    (0..length)
        .map(|at| (at as u8).wrapping_mul(31).wrapping_add(salt))
        .collect()
}

#[test]
fn every_size_goes_both_ways_over_channels_and_indications() {
    let turnd = start();
    for (any, server) in [("127.0.0.1:0", turnd.udp_v4()), ("[::1]:0", turnd.udp_v6())] {
        for by_channel in [true, false] {
            let (session, peer) = (Session::new(server, "alice", "secret"), peer(any));
            let address = peer.local_addr().unwrap();
            let relayed = if address.is_ipv4() {
                session.allocate()
            } else {
                session.allocate_v6()
            }
            .relayed();
            let opened = if by_channel {
                session.bind(address)
            } else {
                session.permit(address)
            };
            assert_eq!(opened.error(), None);
            for length in [0, 1, 2, 3, 4, 1400, 9000, 60_000] {
                let data = pattern(length, 1);
                if by_channel {
                    session.send_channel(&data);
                } else {
                    session.send_indication(address, &data, false);
                }
                assert_eq!(receive(&peer), (data, relayed));
                let data = pattern(length, 2);
                peer.send_to(&data, relayed).unwrap();
                assert_eq!(session.receive(), data);
            }
        }
    }
}

#[test]
fn a_run_arrives_whole_and_in_order_both_ways() {
    let turnd = start();
    let (session, peer) = (
        Session::new(turnd.udp_v4(), "alice", "secret"),
        peer("127.0.0.1:0"),
    );
    let relayed = session.allocate().relayed();
    assert_eq!(session.bind(peer.local_addr().unwrap()).error(), None);
    for round in 0..5 {
        for n in 0..40 {
            session.send_channel(&pattern(1000, n + round));
        }
        for n in 0..40 {
            assert_eq!(receive(&peer).0, pattern(1000, n + round), "up {n}");
        }
        for n in 0..40 {
            peer.send_to(&pattern(1000, n + round), relayed).unwrap();
        }
        for n in 0..40 {
            assert_eq!(session.receive(), pattern(1000, n + round), "down {n}");
        }
    }
}

#[test]
fn dont_fragment_is_for_one_datagram_and_keeps_the_order() {
    let turnd = start();
    let (session, peer) = (
        Session::new(turnd.udp_v4(), "alice", "secret"),
        peer("127.0.0.1:0"),
    );
    session.allocate().relayed();
    let address = peer.local_addr().unwrap();
    assert_eq!(session.permit(address).error(), None);
    for n in 0..10 {
        session.send_indication(address, &[n], n % 3 == 1);
    }
    for n in 0..10 {
        assert_eq!(receive(&peer).0, [n]);
    }
}

#[test]
fn a_permission_is_for_an_address_whatever_the_port_and_for_nobody_else() {
    let turnd = start();
    let session = Session::new(turnd.udp_v4(), "alice", "secret");
    let relayed = session.allocate().relayed();
    let (known, neighbour, stranger) = (
        peer("127.0.0.1:0"),
        peer("127.0.0.1:0"),
        peer("127.0.0.2:0"),
    );
    neighbour.send_to(b"too early", relayed).unwrap();
    assert!(session.hears_nothing());
    assert_eq!(session.permit(known.local_addr().unwrap()).error(), None);
    stranger.send_to(b"no", relayed).unwrap();
    neighbour.send_to(b"yes", relayed).unwrap();
    assert_eq!(session.receive(), b"yes");
    assert!(session.hears_nothing());
}

#[test]
fn two_clients_reach_each_other_without_any_rule_and_nothing_else_of_this_machine() {
    let turnd = Turnd::start(&format!("{CONFIG}relay-threads=4\n"));
    for _ in 0..8 {
        let (one, two) = (
            Session::new(turnd.udp_v4(), "alice", "secret"),
            Session::new(turnd.udp_v4(), "alice", "secret"),
        );
        let (first, second) = (one.allocate().relayed(), two.allocate().relayed());
        assert_eq!(one.bind(second).error(), None);
        assert_eq!(two.permit(first).error(), None);
        one.send_channel(b"hello");
        assert_eq!(two.receive(), b"hello");
        two.send_indication(first, b"hello yourself", false);
        assert_eq!(one.receive(), b"hello yourself");

        let service = peer("127.0.0.1:0");
        assert_eq!(one.permit(service.local_addr().unwrap()).error(), Some(403));
        assert_eq!(one.permit(turnd.udp_v4()).error(), Some(403));
        // The permission for the other relay's address opens no other port.
        one.send_indication(service.local_addr().unwrap(), b"intruder", false);
        one.send_channel(b"again");
        assert_eq!(two.receive(), b"again");
        service.set_nonblocking(true).unwrap();
        assert!(service.recv(&mut [0; 16]).is_err());
        for session in [one, two] {
            assert_eq!(session.delete().error(), None);
        }
    }
}

#[test]
fn a_deleted_allocation_is_silent_at_once() {
    let turnd = start();
    let session = Session::new(turnd.udp_v4(), "alice", "secret");
    let relayed = session.allocate().relayed();
    let peer = peer("127.0.0.1:0");
    assert_eq!(session.permit(peer.local_addr().unwrap()).error(), None);
    assert_eq!(session.delete().error(), None);
    peer.connect(relayed).unwrap();
    peer.send(b"anyone?").unwrap();
    assert!(session.hears_nothing());
    // The port is closed: the kernel says so.
    let refused = peer.send(b"anyone?").and_then(|_| peer.recv(&mut [0; 16]));
    assert_eq!(
        refused.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
    assert_eq!(session.delete().error(), Some(437));
}
