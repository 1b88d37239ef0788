//! Ports in a row.

use std::{
    net::UdpSocket,
    sync::atomic::{AtomicU16, Ordering},
};

/// The first, an even one, of `count` ports in a row that are free on 127.0.0.1 now and that the system hands to nobody by itself.
/// No two tests of a run get the same.
pub(crate) fn free_block(count: u16) -> u16 {
    const FIRST: u16 = 12_000;
    const LENGTH: u16 = 7_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Checkouts side by side begin at different places.
    let offset = u16::try_from(std::process::id() % 100).unwrap() * 60;
    loop {
        let next = NEXT.fetch_add(count.next_multiple_of(2), Ordering::Relaxed);
        let first = FIRST + (offset + next) % LENGTH;
        let is_free = |port| UdpSocket::bind(("127.0.0.1", port)).is_ok();
        if (first..first + count).all(is_free) {
            return first;
        }
    }
}
