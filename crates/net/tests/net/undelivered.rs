//! What comes back about datagrams that went nowhere, and that it costs no other datagram.

use std::net::SocketAddr;

use crate::support::{OFFLOADS, V4, V6, bind, receive, run_in_namespace};
use turnd_net::{
    Events, Interest, Offload, Outbox, Poller, Slots, Token, UdpOptions, UdpSocket, Undelivered,
};

const TOKEN: Token = Token {
    slot: 0,
    generation: 1,
};

fn bind_hearing(address: &str, offload: Offload) -> UdpSocket {
    let options = UdpOptions {
        hears_errors: true,
        offload,
        ..UdpOptions::default()
    };
    UdpSocket::bind(address.parse().unwrap(), &options).unwrap()
}

/// A port of this machine that nobody has, as few have those below 1024.
fn closed(like: &str) -> SocketAddr {
    let mut address: SocketAddr = like.parse().unwrap();
    address.set_port(9);
    address
}

fn push(outbox: &mut Outbox, socket: u64, to: SocketAddr, count: usize, length: usize) {
    let piece = outbox.scratch(&vec![7; length]);
    for _ in 0..count {
        outbox.push(socket, to, None, [piece]);
    }
}

fn flush(outbox: &mut Outbox, sockets: &[UdpSocket]) -> turnd_net::Flushed {
    outbox.flush(&Slots::new(1), |number| sockets.get(number as usize))
}

/// Whether the poller reports an error of the socket now.
fn has_error(socket: &UdpSocket) -> bool {
    let poller = Poller::new().unwrap();
    poller.add(socket, TOKEN, Interest::READABLE).unwrap();
    let mut events = Events::with_capacity(1);
    poller.look(&mut events).unwrap();
    let event = events.iter().next();
    event.is_some_and(|(_, readiness)| readiness.error && readiness.readable)
}

/// Everything that has come back, by so many at a time.
fn drain(socket: &UdpSocket, most: usize) -> Vec<Undelivered> {
    let mut all = Vec::new();
    while socket.recv_undelivered(most, &mut all).unwrap() == most {}
    all
}

#[test]
fn a_closed_port_is_heard_of_in_both_families_by_who_wants_to() {
    for (address, kind, code) in [(V4, 3, 3), (V6, 1, 4)] {
        let to = closed(address);
        let sockets = [
            bind_hearing(address, Offload::NONE),
            bind(address, Offload::NONE),
        ];
        let mut outbox = Outbox::new();
        for socket in 0..2 {
            push(&mut outbox, socket, to, 1, 10);
        }
        assert_eq!(flush(&mut outbox, &sockets).dropped, 0);
        assert!(has_error(&sockets[0]) && !has_error(&sockets[1]));
        let [undelivered] = drain(&sockets[0], 4)[..] else {
            panic!("one datagram, one message");
        };
        assert_eq!(
            (undelivered.to, undelivered.kind, undelivered.code),
            (to, kind, code)
        );
        assert!(!has_error(&sockets[0]));
        assert_eq!(drain(&sockets[1], 4), []);
    }
}

/// However many there are: as few are taken at a time as are asked for, and then the poller is quiet, also if the
/// queue could not hold them all.
#[test]
fn the_poller_is_quiet_when_all_is_read() {
    for receive_buffer in [None, Some(1)] {
        let options = UdpOptions {
            hears_errors: true,
            receive_buffer,
            ..UdpOptions::default()
        };
        let sockets = [UdpSocket::bind(V4.parse().unwrap(), &options).unwrap()];
        let mut outbox = Outbox::new();
        for _ in 0..100 {
            push(&mut outbox, 0, closed(V4), 1, 10);
            assert_eq!(flush(&mut outbox, &sockets).dropped, 0);
        }
        let mut some = Vec::new();
        assert_eq!(sockets[0].recv_undelivered(2, &mut some).unwrap(), 2);
        assert_eq!(some.len(), 2);
        let all = 2 + drain(&sockets[0], 16).len();
        assert!(
            if receive_buffer.is_none() {
                all == 100
            } else {
                (2..100).contains(&all)
            },
            "{all} of 100"
        );
        // What the queue did not take is still to be seen, once.
        let mut slots = Slots::new(1);
        assert_eq!(sockets[0].recv(&mut slots, 1, &mut Vec::new()).unwrap(), 0);
        assert!(!has_error(&sockets[0]));
    }
}

/// Each of them is found by the next send through that socket, or the next receive.
#[test]
fn an_error_costs_no_datagram_to_others_whichever_way_it_leaves() {
    for offload in OFFLOADS {
        for mut outbox in [Outbox::new(), Outbox::without_ring()] {
            let sockets: Vec<_> = (0..8).map(|_| bind_hearing(V4, offload)).collect();
            let sink = bind(V4, offload);
            for count in [1, 5] {
                for socket in 0..8 {
                    push(&mut outbox, socket, closed(V4), 1, 10);
                }
                assert_eq!(flush(&mut outbox, &sockets).dropped, 0);
                assert!(sockets.iter().all(has_error));
                for socket in 0..8 {
                    push(&mut outbox, socket, sink.local_addr(), count, 100);
                }
                let flushed = flush(&mut outbox, &sockets);
                let sent = 8 * count as u64;
                assert_eq!((flushed.datagrams, flushed.dropped), (sent, 0));
                if offload.gso && count > 1 {
                    assert_eq!(flushed.gso_datagrams, sent, "runs stay runs");
                }
                assert_eq!(receive(&sink, 8 * count).datagrams().len(), 8 * count);
            }
            // And what has come is received.
            push(&mut outbox, 0, closed(V4), 1, 10);
            push(&mut outbox, 1, sockets[0].local_addr(), 1, 10);
            flush(&mut outbox, &sockets);
            assert_eq!(receive(&sockets[0], 1).datagrams().len(), 1);
        }
    }
}

const INSIDE: &str = "TURND_NET_UNDELIVERED_INSIDE";

#[test]
fn what_is_too_long_for_our_own_link_is_heard_of_once() {
    if std::env::var_os(INSIDE).is_none() {
        return run_in_namespace(
            "ip link set lo mtu 1500 up",
            INSIDE,
            "undelivered::what_is_too_long_for_our_own_link_is_heard_of_once",
        );
    }
    for (address, kind, code) in [(V4, 3, 4), (V6, 2, 0)] {
        let sockets = [bind_hearing(address, Offload::NONE)];
        let sink = bind(address, Offload::NONE);
        let mut outbox = Outbox::new();
        sockets[0].set_dont_fragment(true).unwrap();
        push(&mut outbox, 0, sink.local_addr(), 1, 2000);
        assert_eq!(flush(&mut outbox, &sockets).dropped, 1);
        let undelivered = drain(&sockets[0], 16);
        let to = match sink.local_addr() {
            SocketAddr::V4(to) => SocketAddr::new((*to.ip()).into(), 0),
            to @ SocketAddr::V6(_) => to,
        };
        let expected = Undelivered {
            to,
            kind,
            code,
            mtu: 1500,
        };
        assert_eq!(undelivered, [expected]);
        assert!(!has_error(&sockets[0]));

        // With DF clear it is fragmented again.
        sockets[0].set_dont_fragment(false).unwrap();
        push(&mut outbox, 0, sink.local_addr(), 1, 2000);
        assert_eq!(flush(&mut outbox, &sockets).dropped, 0);
        assert_eq!(receive(&sink, 1).datagrams(), [vec![7; 2000]]);
    }
}
