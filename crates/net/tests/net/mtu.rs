//! What only a path with a small MTU shows: loopback in a namespace of its own, which ends with the test.

use crate::support::{V4, bind, receive, run_in_namespace, send};
use turnd_net::{Offload, Outbox, Slots};

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
        outbox.push(0, two.local_addr(), None, &[piece]);
    }
    let flushed = outbox.flush(&Slots::new(1), |_| Some(&one));
    assert_eq!((flushed.gso_datagrams, flushed.calls), (5, 1));

    // With DF, what is too long is dropped and said.
    one.set_dont_fragment(true).unwrap();
    let piece = outbox.scratch(&[1; 2000]);
    outbox.push(0, two.local_addr(), None, &[piece]);
    let flushed = outbox.flush(&Slots::new(1), |_| Some(&one));
    assert_eq!((flushed.datagrams, flushed.dropped), (0, 1));
}
