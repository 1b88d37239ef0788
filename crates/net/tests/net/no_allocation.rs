//! Receiving and sending allocate nothing once buffers have grown.

use crate::support::{V4, bind, send};
use turnd_net::{Offload, Outbox, Slots};

#[test]
fn the_counter_counts() {
    let count =
        allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8; 100]))).count_total;
    assert_eq!(count, 1);
}

#[test]
fn receiving_and_sending_allocate_nothing_in_the_long_run() {
    let offload = Offload::probe();
    let (client, server, peer) = (bind(V4, offload), bind(V4, offload), bind(V4, offload));
    let mut slots = Slots::new(64);
    let mut outbox = Outbox::new();
    let mut received = Vec::new();
    let datagrams = [[1; 300]; 20];
    let mut round = || {
        allocation_counter::opt_out(|| {
            send(
                &client,
                server.local_addr(),
                datagrams.iter().map(|data| &data[..]),
            );
        });
        received.clear();
        server.recv(&mut slots, 32, &mut received).unwrap();
        for (number, received) in received.iter().enumerate() {
            for segment in slots.segments(received) {
                let header = outbox.scratch(b"head");
                let socket = 1 - number as u64 % 2;
                outbox.push(socket, peer.local_addr(), None, [header, segment]);
            }
        }
        let flushed = outbox.flush(&slots, |_| Some(&server));
        assert_eq!(flushed.datagrams, 20);
        slots.clear();
        allocation_counter::opt_out(|| {
            let (mut slots, mut sink) = (Slots::new(64), Vec::new());
            while peer.recv(&mut slots, 64, &mut sink).unwrap() > 0 {
                slots.clear();
            }
        });
    };
    for _ in 0..4 {
        round();
    }
    let info = allocation_counter::measure(|| {
        for _ in 0..10 {
            round();
        }
    });
    assert_eq!(info.count_total, 0);
}
