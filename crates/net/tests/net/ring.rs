//! Single messages of many sockets, which leave by the ring where there is one.

use crate::support::{V4, V6, bind, receive};
use turnd_net::{Flushed, Offload, Outbox, Slots, UdpOptions, UdpSocket};

/// One datagram through each socket, to each of `sinks`.
fn send_singles(outbox: &mut Outbox, sockets: &[UdpSocket], sinks: &[UdpSocket]) -> Flushed {
    for (number, sink) in (0..).zip(sinks) {
        let (head, tail) = (outbox.scratch(b"number "), outbox.scratch(&[number as u8]));
        outbox.push(number, sink.local_addr(), None, [head, tail]);
    }
    outbox.flush(&Slots::new(1), |number| sockets.get(number as usize))
}

/// Loopback has delivered everything by now.
fn assert_each_has_its_own(sinks: &[UdpSocket]) {
    let mut slots = Slots::new(2);
    for (number, sink) in (0..).zip(sinks) {
        let mut received = Vec::new();
        assert_eq!(sink.recv(&mut slots, 2, &mut received).unwrap(), 1);
        let expected = [b"number ".as_slice(), &[number]].concat();
        let segments: Vec<_> = slots.segments(&received[0]).collect();
        assert_eq!(slots.bytes(segments[0]), expected);
        slots.clear();
    }
}

/// Whether the kernel lets us have a ring, which CI's does.
fn has_ring() -> bool {
    let sockets: Vec<_> = (0..10).map(|_| bind(V4, Offload::NONE)).collect();
    let has_ring = send_singles(&mut Outbox::new(), &sockets, &sockets).calls == 1;
    if !has_ring {
        assert!(std::env::var_os("CI").is_none(), "no io_uring here");
        eprintln!("SKIPPED: no io_uring here");
    }
    has_ring
}

#[test]
fn many_sockets_are_served_by_one_entry_into_the_kernel() {
    if !has_ring() {
        return;
    }
    let sockets: Vec<_> = (0..200).map(|_| bind(V4, Offload::NONE)).collect();
    let sinks: Vec<_> = (0..200).map(|_| bind(V4, Offload::NONE)).collect();
    let flushed = send_singles(&mut Outbox::new(), &sockets, &sinks);
    // One for each 128.
    assert_eq!(
        (flushed.calls, flushed.datagrams, flushed.dropped),
        (2, 200, 0)
    );
    assert_each_has_its_own(&sinks);

    let flushed = send_singles(&mut Outbox::without_ring(), &sockets, &sinks);
    assert_eq!((flushed.calls, flushed.datagrams), (200, 200));
    assert_each_has_its_own(&sinks);
}

#[test]
fn three_are_not_worth_the_ring() {
    let sockets: Vec<_> = (0..3).map(|_| bind(V4, Offload::NONE)).collect();
    let flushed = send_singles(&mut Outbox::new(), &sockets, &sockets);
    assert_eq!((flushed.calls, flushed.datagrams), (3, 3));
    assert_each_has_its_own(&sockets);
}

#[test]
fn both_families_and_runs_leave_together_and_order_is_kept_within_a_socket() {
    for offload in [Offload::NONE, Offload::probe()] {
        for mut outbox in [Outbox::new(), Outbox::without_ring()] {
            let addresses = [V4, V6, V4, V6, V4, V6];
            let sockets = addresses.map(|address| bind(address, offload));
            let sinks = addresses.map(|address| bind(address, Offload::NONE));
            let mut expected = vec![Vec::new(); 6];
            // The first has one datagram, the next a run of two, and the last ones of all lengths.
            for (number, count) in [(0_u64, 1), (1, 2), (2, 1), (3, 1), (4, 1), (5, 7)] {
                for nth in 0..count {
                    let length = if number == 5 { 10 + 7 * nth % 13 } else { 50 };
                    let data = vec![nth as u8; length];
                    let piece = outbox.scratch(&data);
                    let to = sinks[number as usize].local_addr();
                    outbox.push(number, to, None, [piece]);
                    expected[number as usize].push(data);
                }
            }
            let flushed = outbox.flush(&Slots::new(1), |number| sockets.get(number as usize));
            assert_eq!((flushed.datagrams, flushed.dropped), (13, 0), "{flushed:?}");
            for (sink, expected) in sinks.iter().zip(expected) {
                assert_eq!(receive(sink, expected.len()).datagrams(), expected);
            }
        }
    }
}

#[test]
fn an_answer_from_a_wildcard_leaves_from_the_address_it_is_told() {
    let any = UdpOptions {
        packet_info: true,
        ..UdpOptions::default()
    };
    let sockets: Vec<_> = (0..5)
        .map(|_| UdpSocket::bind("0.0.0.0:0".parse().unwrap(), &any).unwrap())
        .collect();
    let sink = bind(V4, Offload::NONE);
    let mut outbox = Outbox::new();
    let from = |number: u64| std::net::IpAddr::from([127, 0, 0, 2 + number as u8]);
    for number in 0..5 {
        let piece = outbox.scratch(b"x");
        outbox.push(number, sink.local_addr(), Some(from(number)), [piece]);
    }
    let flushed = outbox.flush(&Slots::new(1), |number| sockets.get(number as usize));
    assert_eq!(flushed.datagrams, 5);
    let inbox = receive(&sink, 5);
    let mut sources: Vec<_> = inbox.received.iter().map(|r| r.from.ip()).collect();
    sources.sort();
    assert_eq!(sources, (0..5).map(from).collect::<Vec<_>>());
}

/// One that cannot be reached, a closed port twice (the second send hears of the first), one that is gone, one whose
/// buffer is full, and one that works.
#[test]
fn each_failure_is_that_of_its_message_alone_and_is_counted_as_without_a_ring() {
    let narrow = UdpOptions {
        send_buffer: Some(1),
        ..UdpOptions::default()
    };
    let closed = bind(V4, Offload::NONE).local_addr();
    let counts = [Outbox::without_ring(), Outbox::new()].map(|mut outbox| {
        let mut sockets: Vec<_> = (0..5).map(|_| bind(V4, Offload::NONE)).collect();
        sockets.push(UdpSocket::bind(V4.parse().unwrap(), &narrow).unwrap());
        let sink = bind(V4, Offload::NONE);
        let (mut datagrams, mut dropped, mut gone) = (0, 0, 0);
        for _ in 0..2 {
            let small = outbox.scratch(b"x");
            let large = outbox.scratch(&[0; 60_000]);
            let unreachable = "[::1]:9".parse().unwrap();
            outbox.push(0, unreachable, None, [small]);
            outbox.push(1, closed, None, [small]);
            for number in [2, 3, 4, 9] {
                outbox.push(number, sink.local_addr(), None, [small]);
            }
            outbox.push(5, closed, None, [large]);
            let flushed = outbox.flush(&Slots::new(1), |number| sockets.get(number as usize));
            datagrams += flushed.datagrams;
            dropped += flushed.dropped;
            gone += flushed.closed;
            assert!(flushed.last_error.is_some());
        }
        assert_eq!(receive(&sink, 6).datagrams().len(), 6);
        (datagrams, dropped, gone)
    });
    assert_eq!(counts[0], counts[1]);
    assert_eq!(counts[0].2, 2);
}

/// The ring is of the thread that made it.
#[test]
fn an_outbox_goes_on_in_another_thread() {
    let sockets: Vec<_> = (0..8).map(|_| bind(V4, Offload::NONE)).collect();
    let mut outbox = Outbox::new();
    send_singles(&mut outbox, &sockets, &sockets);
    assert_each_has_its_own(&sockets);
    std::thread::scope(|scope| {
        let work = || {
            let flushed = send_singles(&mut outbox, &sockets, &sockets);
            assert_eq!((flushed.datagrams, flushed.dropped), (8, 0));
        };
        scope.spawn(work);
    });
    assert_each_has_its_own(&sockets);
    let nothing = outbox.flush(&Slots::new(1), |_| None);
    assert_eq!((nothing.calls, nothing.datagrams), (0, 0));
}
