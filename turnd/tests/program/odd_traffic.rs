//! Sizes, orders and ends that calls do not have every day: nothing is lost, mixed up, or said to the wrong one.

use std::net::{SocketAddr, UdpSocket};

use turnd_wire::{Method, attr};

use crate::{
    session::{Arrival, Numbers, Session, channel_and_peer, peer, receive, signed},
    support::turnd::Turnd,
};

const CHANNEL: u16 = 0x4001;
/// Many equal ones, so that runs form, and many that break them.
const SIZES: [usize; 14] = [0, 1, 2, 3, 4, 5, 100, 100, 100, 100, 1200, 1200, 1200, 1400];
/// Fewer bytes than a socket's buffer holds by default, whatever the kernel adds to each.
const BURST: usize = 30;

fn start() -> Turnd {
    Turnd::start(
        "listening-ip=127.0.0.1\nlistening-ip=::1\nlistening-port=0\nrealm=example.org\nuser=alice:secret\n\
         relay-threads=2\nallow-loopback-peers\n",
    )
}

#[test]
fn sizes_in_any_order_arrive_whole_and_in_order_both_ways() {
    let turnd = start();
    for by_channel in [true, false] {
        let (session, peer) = (Session::alice(turnd.udp_v4()), peer("127.0.0.1:0"));
        let address = peer.local_addr().unwrap();
        let relayed = session.allocate().relayed();
        let opened = if by_channel {
            session.bind_channel(CHANNEL, address)
        } else {
            session.permit(address)
        };
        assert_eq!(opened.error(), None);

        let mut numbers = Numbers(0x2545_F491_4F6C_DD1D);
        for round in 0..20 {
            let burst = burst(&mut numbers);
            for data in &burst {
                if by_channel {
                    session.send_on(CHANNEL, data);
                } else {
                    session.send_indication(address, data, false);
                }
            }
            for (nth, data) in burst.iter().enumerate() {
                assert_eq!(
                    receive(&peer),
                    (data.clone(), relayed),
                    "up, round {round}, datagram {nth}"
                );
            }
            for data in &burst {
                peer.send_to(data, relayed).unwrap();
            }
            for (nth, data) in burst.into_iter().enumerate() {
                let expected = if by_channel {
                    Arrival::Channel(CHANNEL, data)
                } else {
                    Arrival::Indication(address, data)
                };
                assert_eq!(
                    session.arrival(),
                    expected,
                    "down, round {round}, datagram {nth}"
                );
            }
        }
    }
}

#[test]
fn forty_equal_datagrams_arrive_as_indications_in_order_both_ways() {
    let turnd = start();
    for (any, server) in [("127.0.0.1:0", turnd.udp_v4()), ("[::1]:0", turnd.udp_v6())] {
        let (session, peer) = (Session::alice(server), peer(any));
        let address = peer.local_addr().unwrap();
        let relayed = allocate_like(&session, address).relayed();
        assert_eq!(session.permit(address).error(), None);
        for nth in 0..40 {
            session.send_indication(address, &[nth; 1001], nth == 20);
        }
        for nth in 0..40 {
            assert_eq!(receive(&peer), (vec![nth; 1001], relayed));
        }
        for nth in 0..40 {
            peer.send_to(&[nth; 1001], relayed).unwrap();
        }
        for nth in 0..40 {
            assert_eq!(
                session.arrival(),
                Arrival::Indication(address, vec![nth; 1001])
            );
        }
    }
}

#[test]
fn what_follows_the_data_of_a_channel_message_is_not_relayed() {
    let turnd = start();
    let (session, peer) = (Session::alice(turnd.udp_v4()), peer("127.0.0.1:0"));
    session.allocate().relayed();
    assert_eq!(
        session
            .bind_channel(CHANNEL, peer.local_addr().unwrap())
            .error(),
        None
    );
    // Equal lengths of data in equal and in different datagrams.
    for padding in [0, 3, 3, 3, 0, 1, 2, 3, 4, 40, 40, 0] {
        session.send_padded(CHANNEL, b"sound", padding);
    }
    for _ in 0..12 {
        assert_eq!(receive(&peer).0, b"sound");
    }
    // Less data than the header says: dropped, and the next one is not.
    session.socket.send(&[0x40, 0x01, 0, 9, 1, 2, 3]).unwrap();
    session.send_on(CHANNEL, b"after");
    assert_eq!(receive(&peer).0, b"after");
}

#[test]
fn the_longest_datagram_passes_and_what_its_header_makes_too_long_is_dropped_alone() {
    /// What fits into an IPv4 packet behind the headers of IP and UDP.
    const LONGEST: usize = 65_507;
    let turnd = start();
    let (session, peer) = (Session::alice(turnd.udp_v4()), peer("127.0.0.1:0"));
    let address = peer.local_addr().unwrap();
    let relayed = session.allocate().relayed();
    assert_eq!(session.permit(address).error(), None);
    // An indication has 20 + 12 + 4 bytes in front of the data, and padding behind it.
    let fits = LONGEST - 36 - 3;
    session.send_indication(address, &vec![1; fits], false);
    assert_eq!(receive(&peer).0, vec![1; fits]);
    for length in [LONGEST, fits] {
        peer.send_to(&vec![2; length], relayed).unwrap();
    }
    assert_eq!(
        session.arrival(),
        Arrival::Indication(address, vec![2; fits])
    );

    assert_eq!(session.bind_channel(CHANNEL, address).error(), None);
    let fits = LONGEST - 4;
    session.send_on(CHANNEL, &vec![3; fits]);
    assert_eq!(receive(&peer).0, vec![3; fits]);
    for length in [LONGEST, fits] {
        peer.send_to(&vec![4; length], relayed).unwrap();
    }
    assert_eq!(session.arrival(), Arrival::Channel(CHANNEL, vec![4; fits]));
}

#[test]
fn peers_that_are_gone_or_out_of_reach_take_nothing_from_the_others() {
    let turnd = start();
    let (session, here) = (Session::alice(turnd.udp_v4()), peer("127.0.0.1:0"));
    let relayed = session.allocate().relayed();
    let gone = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    // A relay on loopback has no way there: the kernel refuses to send.
    let out_of_reach: SocketAddr = "8.8.4.4:9".parse().unwrap();
    for (channel, peer) in [
        (0x4001, here.local_addr().unwrap()),
        (0x4002, gone),
        (0x4003, out_of_reach),
    ] {
        assert_eq!(session.bind_channel(channel, peer).error(), None);
    }
    let log = turnd.log().len();
    for round in 0..20_u8 {
        for nth in 0..10_u8 {
            session.send_on(0x4003, &[nth; 50]);
            session.send_on(0x4001, &[round, nth]);
            session.send_on(0x4002, &[nth; 50]);
        }
        for nth in 0..10 {
            assert_eq!(receive(&here).0, [round, nth]);
        }
        here.send_to(&[round], relayed).unwrap();
        assert_eq!(session.arrival(), Arrival::Channel(0x4001, vec![round]));
    }
    let lines = turnd.log()[log..].to_owned();
    // One line a worker and minute.
    assert!(lines.lines().count() <= 2, "{lines}");
}

#[test]
fn a_channel_is_for_one_port_and_other_ports_of_the_peer_come_as_indications() {
    let turnd = start();
    let session = Session::alice(turnd.udp_v4());
    let (bound, neighbour) = (peer("127.0.0.1:0"), peer("127.0.0.1:0"));
    let relayed = session.allocate().relayed();
    assert_eq!(
        session
            .bind_channel(CHANNEL, bound.local_addr().unwrap())
            .error(),
        None
    );
    for _ in 0..5 {
        bound.send_to(b"one", relayed).unwrap();
        neighbour.send_to(b"two", relayed).unwrap();
    }
    for _ in 0..5 {
        assert_eq!(
            session.arrival(),
            Arrival::Channel(CHANNEL, b"one".to_vec())
        );
        let from = neighbour.local_addr().unwrap();
        assert_eq!(
            session.arrival(),
            Arrival::Indication(from, b"two".to_vec())
        );
    }
}

#[test]
fn what_was_sent_before_an_allocation_is_deleted_still_leaves() {
    let turnd = start();
    let (session, peer) = (Session::alice(turnd.udp_v4()), peer("127.0.0.1:0"));
    for _ in 0..50 {
        session.allocate().relayed();
        let address = peer.local_addr().unwrap();
        assert_eq!(session.bind_channel(CHANNEL, address).error(), None);
        let nonce = nonce(&session);
        let goodbye = signed(Method::REFRESH, &nonce, |writer| {
            writer.number32(attr::LIFETIME, 0);
        });
        // Back to back, so that the server may find them together.
        session.send_on(CHANNEL, b"last words");
        session.send_on(CHANNEL, b"very last");
        session.socket.send(&goodbye).unwrap();
        assert_eq!(receive(&peer).0, b"last words");
        assert_eq!(receive(&peer).0, b"very last");
        session.socket.recv(&mut [0; 500]).expect("a reply");
    }
}

#[test]
fn clients_and_peers_of_different_families_reach_each_other() {
    let turnd = start();
    for (server, any) in [(turnd.udp_v4(), "[::1]:0"), (turnd.udp_v6(), "127.0.0.1:0")] {
        let (session, peer) = (Session::alice(server), peer(any));
        let address = peer.local_addr().unwrap();
        let relayed = allocate_like(&session, address).relayed();
        assert_eq!(
            session
                .request(Method::CHANNEL_BIND, |writer| {
                    channel_and_peer(writer, CHANNEL, address);
                })
                .error(),
            None
        );
        session.send_on(CHANNEL, b"across");
        assert_eq!(receive(&peer), (b"across".to_vec(), relayed));
        peer.send_to(b"and back", relayed).unwrap();
        assert_eq!(
            session.arrival(),
            Arrival::Channel(CHANNEL, b"and back".to_vec())
        );
    }
}

/// An allocation in the family of this peer.
fn allocate_like(session: &Session, peer: SocketAddr) -> crate::session::Reply {
    let family = if peer.is_ipv4() { 1 } else { 2 };
    session.allocate_with(move |writer| {
        writer.bytes(attr::REQUESTED_ADDRESS_FAMILY, &[family, 0, 0, 0]);
    })
}

/// Datagrams of all sizes, each filled with its own byte, at most one of them long.
fn burst(numbers: &mut Numbers) -> Vec<Vec<u8>> {
    let long = numbers.below(2 * BURST);
    let size = |nth| {
        let any = SIZES[numbers.below(SIZES.len())];
        if nth == long { 9000 } else { any }
    };
    let sizes: Vec<usize> = (0..BURST).map(size).collect();
    (0..)
        .zip(sizes)
        .map(|(nth, size)| vec![nth; size])
        .collect()
}

/// A nonce for this client, from a request without one.
fn nonce(session: &Session) -> Vec<u8> {
    let challenge = session.exchange(Method::REFRESH, |_| ());
    let nonce = challenge.message().attribute(attr::NONCE);
    nonce.expect("a nonce").to_vec()
}
