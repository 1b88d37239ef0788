//! What only a path with a small MTU shows: loopback in a namespace of its own, which ends with the test.

use crate::support::{V4, bind, do_it, receive, run_in_namespace, send};
use turnd_net::{Flushed, Offload, Outbox, Slots, UdpSocket};

/// A child process of this test binary runs inside the namespace.
const INSIDE: &str = "TURND_NET_MTU_INSIDE";

#[test]
fn runs_with_segments_longer_than_the_mtu_are_sent_one_by_one() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    run_in_namespace(
        "ip link set lo mtu 1500 up",
        INSIDE,
        "mtu::runs_with_segments_longer_than_the_mtu_are_sent_one_by_one",
    );
}

/// Loopback with an MTU of 1500: segments of 2000 bytes do not fit a run, and fragmented they do.
fn inside() {
    let offload = Offload {
        gso: true,
        gro: true,
    };
    let (one, two) = (bind(V4, offload), bind(V4, offload));
    for _ in 0..2 {
        let long: Vec<Vec<u8>> = (0..5).map(|n| vec![n; 2000]).collect();
        send(&one, two.local_addr(), long.iter().map(Vec::as_slice));
        assert_eq!(receive(&two, 5).datagrams(), long);
    }
    // Shorter ones still leave as runs.
    let mut outbox = Outbox::new();
    let piece = outbox.scratch(&[1; 1000]);
    for _ in 0..5 {
        outbox.push(0, two.local_addr(), None, [piece]);
    }
    let flushed = outbox.flush(&Slots::new(1), |_| Some(&one));
    assert_eq!((flushed.gso_datagrams, flushed.calls), (5, 1));

    // With DF, what is too long is dropped and said.
    one.set_dont_fragment(true).unwrap();
    let piece = outbox.scratch(&[1; 2000]);
    outbox.push(0, two.local_addr(), None, [piece]);
    let flushed = outbox.flush(&Slots::new(1), |_| Some(&one));
    assert_eq!((flushed.datagrams, flushed.dropped), (0, 1));
}

/// One client says that its path is narrow; nobody else is slowed down by that, nor it for ever.
#[test]
fn a_refused_run_is_about_its_destination_and_not_for_ever() {
    if std::env::var_os(INSIDE).is_some() {
        return two_destinations();
    }
    run_in_namespace(
        "ip link set lo up",
        INSIDE,
        "mtu::a_refused_run_is_about_its_destination_and_not_for_ever",
    );
}

fn two_destinations() {
    let offload = Offload {
        gso: true,
        gro: true,
    };
    do_it("ip route add local 127.0.0.2/32 dev lo table local mtu 1000");
    let sender = bind(V4, offload);
    let (wide, narrow) = (bind("127.0.0.1:0", offload), bind("127.0.0.2:0", offload));
    let mut outbox = Outbox::new();

    // Both in one flush: only the narrow one is refused, and what is for it goes one by one.
    for to in [&narrow, &wide] {
        push_five(&mut outbox, to);
    }
    let flushed = flush(&mut outbox, &sender);
    assert_eq!((flushed.datagrams, flushed.gso_datagrams), (10, 5));
    assert_eq!(receive(&narrow, 5).datagrams().len(), 5);
    assert_eq!(receive(&wide, 5).datagrams().len(), 5);

    // From then on without another refusal: one call for the five.
    push_five(&mut outbox, &narrow);
    let flushed = flush(&mut outbox, &sender);
    assert_eq!((flushed.gso_datagrams, flushed.calls), (0, 1));
    push_five(&mut outbox, &wide);
    let flushed = flush(&mut outbox, &sender);
    assert_eq!((flushed.gso_datagrams, flushed.calls), (5, 1));

    // The path is wide again. That is found out, and soon.
    do_it("ip route del local 127.0.0.2/32 dev lo table local mtu 1000");
    let rounds = (1..=300).find(|_| {
        push_five(&mut outbox, &narrow);
        flush(&mut outbox, &sender).gso_datagrams > 0
    });
    assert!((200..=205).contains(&rounds.unwrap()), "{rounds:?}");
    push_five(&mut outbox, &narrow);
    assert_eq!(flush(&mut outbox, &sender).gso_datagrams, 5);
}

fn push_five(outbox: &mut Outbox, to: &UdpSocket) {
    let piece = outbox.scratch(&[1; 1200]);
    for _ in 0..5 {
        outbox.push(0, to.local_addr(), None, [piece]);
    }
}

fn flush(outbox: &mut Outbox, sender: &UdpSocket) -> Flushed {
    let flushed = outbox.flush(&Slots::new(1), |_| Some(sender));
    assert_eq!(flushed.dropped, 0, "{flushed:?}");
    flushed
}
