//! Ports in a row.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
    sync::atomic::{AtomicU16, Ordering},
};

/// The first, an even one, of `count` ports in a row that nothing on loopback uses now, with UDP or TCP, and that the system
/// hands to nobody by itself. No two tests of a run get the same.
pub(crate) fn free_block(count: u16) -> u16 {
    const FIRST: u16 = 12_000;
    const LENGTH: u16 = 18_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Checkouts side by side begin at different places.
    let offset = u16::try_from(std::process::id() % 100).unwrap() * 150;
    loop {
        let next = NEXT.fetch_add(count.next_multiple_of(2), Ordering::Relaxed);
        let first = FIRST + (offset + next) % LENGTH;
        if (first..first + count).all(is_free) {
            return first;
        }
    }
}

/// A block of one.
pub(crate) fn free_port() -> u16 {
    free_block(1)
}

fn is_free(port: u16) -> bool {
    let addresses = [
        SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
    ];
    let is_free = |it: &SocketAddr| UdpSocket::bind(it).is_ok() && TcpListener::bind(it).is_ok();
    addresses.iter().all(is_free)
}
