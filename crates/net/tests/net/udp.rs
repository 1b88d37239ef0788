//! Datagrams over real sockets on loopback, with and without the kernel's help for runs.

use std::net::{IpAddr, SocketAddr};

use crate::support::{OFFLOADS, V4, V6, bind, receive, send};
use turnd_net::{HEADROOM, Offload, Outbox, Slots, UdpOptions, UdpSocket};

#[test]
fn a_datagram_goes_there_and_back_in_both_families() {
    for address in [V4, V6] {
        let (one, two) = (bind(address, Offload::NONE), bind(address, Offload::NONE));
        send(&one, two.local_addr(), [&b"there"[..]]);
        let inbox = receive(&two, 1);
        assert_eq!(inbox.datagrams(), [b"there"]);
        assert_eq!(inbox.received[0].from, one.local_addr());
        send(&two, inbox.received[0].from, [&b"back"[..]]);
        assert_eq!(receive(&one, 1).datagrams(), [b"back"]);
    }
}

#[test]
fn a_run_with_a_shorter_end_arrives_whole_and_in_order_whatever_the_kernel_can() {
    for offload in OFFLOADS {
        let (one, two) = (bind(V4, offload), bind(V4, offload));
        let mut run: Vec<Vec<u8>> = (0..20).map(|n| vec![n; 1000]).collect();
        run.push(vec![20; 7]);
        send(&one, two.local_addr(), run.iter().map(Vec::as_slice));
        assert_eq!(receive(&two, 21).datagrams(), run, "{offload:?}");
    }
}

#[test]
fn with_both_offloads_a_run_is_one_send_and_one_receive() {
    if Offload::probe()
        != (Offload {
            gso: true,
            gro: true,
        })
    {
        assert!(
            std::env::var_os("CI").is_none(),
            "this kernel has no UDP segmentation offload"
        );
        eprintln!("SKIPPED: this kernel has no UDP segmentation offload");
        return;
    }
    let offload = Offload::probe();
    let (one, two) = (bind(V4, offload), bind(V4, offload));
    let mut outbox = Outbox::new();
    let piece = outbox.scratch(&[7; 500]);
    for _ in 0..40 {
        outbox.push(0, two.local_addr(), None, [piece]);
    }
    let flushed = outbox.flush(&Slots::new(1), |_| Some(&one));
    assert_eq!(
        (flushed.calls, flushed.gso_datagrams, flushed.bytes),
        (1, 40, 20_000)
    );
    let inbox = receive(&two, 40);
    assert_eq!(inbox.received.len(), 1);
    assert_eq!(
        (inbox.received[0].len, inbox.received[0].stride),
        (20_000, 500)
    );
}

#[test]
fn a_longer_datagram_starts_a_run_of_its_own() {
    for offload in OFFLOADS {
        let (one, two) = (bind(V4, offload), bind(V4, offload));
        let lengths = [10, 10, 9, 10, 11, 11, 0, 11, 11, 1];
        let datagrams: Vec<Vec<u8>> = lengths.iter().map(|&length| vec![b'x'; length]).collect();
        send(&one, two.local_addr(), datagrams.iter().map(Vec::as_slice));
        assert_eq!(
            receive(&two, lengths.len()).datagrams(),
            datagrams,
            "{offload:?}"
        );
    }
}

#[test]
fn hundreds_of_equal_datagrams_are_cut_into_runs_that_the_kernel_takes() {
    for offload in OFFLOADS {
        let (one, two) = (bind(V4, offload), bind(V4, offload));
        // 200 of 1200 bytes pass the limit of bytes, 200 of 10 bytes the limit of segments.
        for length in [1200, 10] {
            let datagrams: Vec<Vec<u8>> = (0..200).map(|n| vec![n; length]).collect();
            send(&one, two.local_addr(), datagrams.iter().map(Vec::as_slice));
            assert_eq!(receive(&two, 200).datagrams(), datagrams, "{offload:?}");
        }
    }
}

#[test]
fn header_and_payload_are_gathered_from_where_they_lie() {
    for offload in OFFLOADS {
        let (client, server, peer) = (bind(V4, offload), bind(V4, offload), bind(V4, offload));
        let sent: Vec<Vec<u8>> = (0..5).map(|n| vec![n; 100]).collect();
        send(&peer, server.local_addr(), sent.iter().map(Vec::as_slice));
        let inbox = receive(&server, 5);
        let mut outbox = Outbox::new();
        for received in &inbox.received {
            for segment in inbox.slots.segments(received) {
                let (head, tail) = (outbox.scratch(b"head"), outbox.scratch(b"tail"));
                let middle = segment.slice(10..90);
                outbox.push(3, client.local_addr(), None, [head, middle, tail]);
            }
        }
        let flushed = outbox.flush(&inbox.slots, |number| (number == 3).then_some(&server));
        assert_eq!((flushed.datagrams, flushed.bytes), (5, 440));
        let expected: Vec<Vec<u8>> = sent
            .iter()
            .map(|data| [b"head", &data[10..90], b"tail"].concat())
            .collect();
        assert_eq!(receive(&client, 5).datagrams(), expected);
    }
}

/// One header in the place of another: what was received leaves from where it lies, a run in one stretch.
#[test]
fn a_header_is_written_over_the_one_that_is_needed_no_more() {
    for offload in OFFLOADS {
        let (client, server, peer) = (bind(V4, offload), bind(V4, offload), bind(V4, offload));
        let sent: Vec<Vec<u8>> = (0..5).map(|n| vec![n; 100 - n as usize / 4]).collect();
        send(&peer, server.local_addr(), sent.iter().map(Vec::as_slice));
        let mut inbox = receive(&server, 5);
        let mut outbox = Outbox::new();
        for received in &inbox.received {
            for segment in inbox.slots.segments(received) {
                let data = segment.unwrapped(10..segment.len());
                let whole = inbox.slots.prepend(b"head", data).unwrap();
                // What is only looked past is somebody's still.
                assert_eq!(inbox.slots.prepend(b"x", whole.slice(1..9)), None);
                outbox.push(3, client.local_addr(), None, [whole]);
            }
        }
        let flushed = outbox.flush(&inbox.slots, |number| (number == 3).then_some(&server));
        assert_eq!((flushed.datagrams, flushed.bytes), (5, 469));
        let expected: Vec<Vec<u8>> = sent
            .iter()
            .map(|it| [b"head", &it[10..]].concat())
            .collect();
        assert_eq!(receive(&client, 5).datagrams(), expected);
    }
}

#[test]
fn a_datagram_has_room_for_a_header_in_front_of_it_and_what_was_copied_has_none() {
    let (server, peer) = (bind(V4, Offload::NONE), bind(V4, Offload::NONE));
    send(&peer, server.local_addr(), [&b"data"[..]]);
    let mut inbox = receive(&server, 1);
    let data = inbox.slots.segments(&inbox.received[0]).next().unwrap();
    let whole = inbox.slots.prepend(&[7; HEADROOM], data).unwrap();
    assert_eq!(
        inbox.slots.bytes(whole),
        [&[7; HEADROOM][..], b"data"].concat()
    );
    assert_eq!(inbox.slots.prepend(b"x", whole), None);
    let kept = inbox.slots.keep(b"kept");
    assert_eq!(inbox.slots.prepend(b"x", kept), None);
    let data = kept.unwrapped(2..4);
    let whole = inbox.slots.prepend(b"x", data).unwrap();
    assert_eq!(inbox.slots.bytes(whole), b"xpt");
}

#[test]
fn order_is_kept_for_each_destination_when_sockets_and_destinations_mix() {
    for offload in OFFLOADS {
        let senders = [bind(V4, offload), bind(V4, offload)];
        let receivers = [bind(V4, offload), bind(V4, offload), bind(V4, offload)];
        let mut outbox = Outbox::new();
        for n in 0..60_u8 {
            let piece = outbox.scratch(&[n; 20]);
            let to = receivers[usize::from(n % 3)].local_addr();
            outbox.push(u64::from(n / 10 % 2), to, None, [piece]);
        }
        let flushed = outbox.flush(&Slots::new(1), |number| {
            senders.get(usize::try_from(number).unwrap())
        });
        assert_eq!((flushed.datagrams, flushed.dropped), (60, 0));
        for (at, receiver) in receivers.iter().enumerate() {
            let inbox = receive(receiver, 20);
            for sender in &senders {
                let of_sender = inbox
                    .received
                    .iter()
                    .filter(|received| received.from == sender.local_addr());
                let numbers: Vec<u8> = of_sender
                    .flat_map(|received| inbox.slots.segments(received))
                    .map(|segment| inbox.slots.bytes(segment)[0])
                    .collect();
                assert!(numbers.is_sorted(), "{numbers:?}");
                assert!(numbers.iter().all(|n| usize::from(n % 3) == at));
            }
        }
    }
}

#[test]
fn an_empty_datagram_is_a_datagram() {
    for offload in OFFLOADS {
        let (one, two) = (bind(V6, offload), bind(V6, offload));
        send(&one, two.local_addr(), [&b""[..], b"", b"end"]);
        assert_eq!(receive(&two, 3).datagrams(), [&b""[..], b"", b"end"]);
    }
}

#[test]
fn a_wildcard_socket_tells_the_address_and_answers_from_it() {
    for (any, to) in [("0.0.0.0:0", "127.0.0.2"), ("[::]:0", "::1")] {
        let options = UdpOptions {
            packet_info: true,
            offload: Offload::probe(),
            ..UdpOptions::default()
        };
        let server = UdpSocket::bind(any.parse().unwrap(), &options).unwrap();
        let to: IpAddr = to.parse().unwrap();
        let client = bind(if to.is_ipv4() { V4 } else { V6 }, Offload::NONE);
        let address = SocketAddr::new(to, server.local_addr().port());
        send(&client, address, [&b"question"[..]]);
        let received = receive(&server, 1).received[0];
        assert_eq!(received.local, Some(to));

        let mut outbox = Outbox::new();
        let piece = outbox.scratch(b"answer");
        for _ in 0..3 {
            outbox.push(0, received.from, received.local, [piece]);
        }
        outbox.flush(&Slots::new(1), |_| Some(&server));
        let inbox = receive(&client, 3);
        assert!(inbox.received.iter().all(|answer| answer.from == address));
    }
}

#[test]
fn several_sockets_share_an_address_and_each_sender_stays_with_one() {
    let shared = UdpOptions {
        reuse_port: true,
        ..UdpOptions::default()
    };
    let first = UdpSocket::bind(V4.parse().unwrap(), &shared).unwrap();
    let second = UdpSocket::bind(first.local_addr(), &shared).unwrap();
    let client = bind(V4, Offload::NONE);
    send(&client, first.local_addr(), [&b"1"[..], b"22", b"333"]);
    let mut slots = Slots::new(8);
    let mut counts = [0, 0];
    // Loopback delivers within the send.
    for (socket, count) in [&first, &second].into_iter().zip(&mut counts) {
        *count = socket.recv(&mut slots, 4, &mut Vec::new()).unwrap();
    }
    counts.sort_unstable();
    assert_eq!(counts, [0, 3]);
    assert!(UdpSocket::bind(first.local_addr(), &UdpOptions::default()).is_err());
}

#[test]
fn a_closed_port_breaks_neither_sending_nor_receiving() {
    let one = bind(V4, Offload::probe());
    let closed = bind(V4, Offload::NONE).local_addr();
    let two = bind(V4, Offload::NONE);
    for _ in 0..3 {
        send(&one, closed, [&b"lost"[..], b"lost"]);
        send(&one, two.local_addr(), [&b"found"[..]]);
    }
    assert_eq!(receive(&two, 3).datagrams().len(), 3);
    send(&two, one.local_addr(), [&b"still here"[..]]);
    assert_eq!(receive(&one, 1).datagrams(), [b"still here"]);
}

#[test]
fn what_is_for_a_socket_that_is_gone_is_dropped_and_the_rest_leaves() {
    let (one, two) = (bind(V4, Offload::NONE), bind(V4, Offload::NONE));
    let mut outbox = Outbox::new();
    let piece = outbox.scratch(b"x");
    for socket in [1, 9, 1, 9, 9] {
        outbox.push(socket, two.local_addr(), None, [piece]);
    }
    let flushed = outbox.flush(&Slots::new(1), |number| (number == 1).then_some(&one));
    assert_eq!((flushed.datagrams, flushed.dropped), (2, 3));
    assert!(outbox.is_empty());
}

#[test]
fn a_datagram_that_cannot_be_sent_does_not_stop_the_ones_behind_it() {
    for offload in OFFLOADS {
        let (one, two) = (bind(V4, offload), bind(V4, Offload::NONE));
        let unreachable: SocketAddr = "[::1]:9".parse().unwrap();
        let mut outbox = Outbox::new();
        let piece = outbox.scratch(b"x");
        for to in [
            unreachable,
            two.local_addr(),
            unreachable,
            unreachable,
            two.local_addr(),
        ] {
            outbox.push(0, to, None, [piece]);
        }
        let flushed = outbox.flush(&Slots::new(1), |_| Some(&one));
        assert_eq!((flushed.datagrams, flushed.dropped), (2, 3), "{offload:?}");
        assert!(flushed.last_error.is_some());
        assert_eq!(receive(&two, 2).datagrams(), [b"x", b"x"]);
    }
}

#[test]
fn a_full_send_buffer_drops_and_does_not_wait() {
    // Without a reader and with the smallest buffers something must give; the flush must come back,
    // and every datagram must be accounted for.
    let options = UdpOptions {
        send_buffer: Some(1),
        ..UdpOptions::default()
    };
    let one = UdpSocket::bind(V4.parse().unwrap(), &options).unwrap();
    let two = bind(V4, Offload::NONE);
    let mut outbox = Outbox::new();
    let piece = outbox.scratch(&[1; 60_000]);
    for _ in 0..500 {
        outbox.push(0, two.local_addr(), None, [piece]);
    }
    let flushed = outbox.flush(&Slots::new(1), |_| Some(&one));
    assert_eq!(flushed.datagrams + flushed.dropped, 500);
    assert!(flushed.calls <= 1000, "{flushed:?}");
}

#[test]
fn with_df_a_datagram_longer_than_the_path_is_refused_and_without_it_is_not() {
    // Loopback's MTU is 65 536: 65 507 bytes are the longest UDP payload over IPv4 and fit.
    let (one, two) = (bind(V4, Offload::NONE), bind(V4, Offload::NONE));
    one.set_dont_fragment(true).unwrap();
    send(&one, two.local_addr(), [&[0; 65_507][..]]);
    one.set_dont_fragment(false).unwrap();
    send(&one, two.local_addr(), [&[0; 65_507][..]]);
    assert_eq!(receive(&two, 2).datagrams().len(), 2);
    for socket in [&one, &bind(V6, Offload::NONE)] {
        socket.set_dont_fragment(true).unwrap();
        socket.set_ttl(7).unwrap();
        socket.set_dscp(46).unwrap();
        assert!(socket.set_dscp(64).is_err());
    }
}

#[test]
fn nothing_to_receive_is_no_error_and_no_free_slot_neither() {
    let socket = bind(V4, Offload::NONE);
    let mut slots = Slots::new(1);
    let mut received = Vec::new();
    assert_eq!(socket.recv(&mut slots, 8, &mut received).unwrap(), 0);
    send(&socket, socket.local_addr(), [&b"one"[..], b"two!"]);
    assert_eq!(socket.recv(&mut slots, 8, &mut received).unwrap(), 1);
    assert_eq!(slots.free(), 0);
    assert_eq!(socket.recv(&mut slots, 8, &mut received).unwrap(), 0);
    slots.clear();
    assert_eq!(socket.recv(&mut slots, 8, &mut received).unwrap(), 1);
}

/// What was received, what was copied aside, and a buffer of somebody else's leave together, and only what is
/// given back is gone before the rest.
#[test]
fn kept_and_adopted_bytes_leave_with_what_was_received() {
    for offload in OFFLOADS {
        let (one, two) = (bind(V4, offload), bind(V4, offload));
        let mut slots = Slots::new(1);
        let mut outbox = Outbox::new();
        let lodgers = [b"aabbc".to_vec(), b"ddee".to_vec()];
        let pieces = lodgers.clone().map(|bytes| slots.adopt(bytes));
        let kept = slots.keep(b"kk");
        let all = pieces.into_iter().flat_map(|piece| piece.segments(2));
        for piece in all.chain([kept]) {
            outbox.push(0, two.local_addr(), None, [piece]);
        }
        outbox.flush(&slots, |_| Some(&one));
        slots.clear();
        assert_eq!(slots.bytes(pieces[1]), b"ddee");
        assert_eq!(slots.give_back().as_ref(), Some(&lodgers[1]));
        assert_eq!(slots.give_back().as_ref(), Some(&lodgers[0]));
        assert_eq!(slots.give_back(), None);
        let expected = [&b"aa"[..], b"bb", b"c", b"dd", b"ee", b"kk"];
        assert_eq!(receive(&two, expected.len()).datagrams(), expected);
    }
}

/// Two receivers in turn: each gets a run, in order.
#[test]
fn datagrams_that_go_to_two_destinations_in_turn_leave_as_two_runs() {
    let offload = Offload::probe();
    for any in ["127.0.0.1:0", "[::1]:0"] {
        let sender = bind(any, offload);
        let receivers = [(); 2].map(|()| bind(any, Offload::NONE));
        let mut outbox = Outbox::new();
        for number in 0..20_u8 {
            for receiver in &receivers {
                let piece = outbox.scratch(&[number; 100]);
                outbox.push(0, receiver.local_addr(), None, [piece]);
            }
        }
        let flushed = outbox.flush(&Slots::new(1), |_| Some(&sender));
        assert_eq!((flushed.datagrams, flushed.dropped), (40, 0));
        if offload.gso {
            assert_eq!(flushed.gso_datagrams, 40);
        }
        for receiver in &receivers {
            let expected: Vec<_> = (0..20_u8).map(|number| vec![number; 100]).collect();
            assert_eq!(receive(receiver, 20).datagrams(), expected);
        }
    }
}
