//! What the kernel can do for runs of datagrams.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::AsFd,
};

use crate::{Outbox, Slots, UdpOptions, UdpSocket, sys};

/// Which segmentation offloads to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offload {
    /// Send runs of equal datagrams in one go (UDP_SEGMENT, Linux 4.18).
    pub gso: bool,
    /// Receive runs of equal datagrams in one go (UDP_GRO, Linux 5.0).
    pub gro: bool,
}

impl Offload {
    /// Every datagram by itself.
    pub const NONE: Self = Self {
        gso: false,
        gro: false,
    };

    /// Tries both on sockets of its own, over loopback.
    #[must_use]
    pub fn probe() -> Self {
        let loopbacks = [
            SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            SocketAddr::from((Ipv6Addr::LOCALHOST, 0)),
        ];
        let options = UdpOptions {
            offload: Self {
                gso: true,
                gro: false,
            },
            ..UdpOptions::default()
        };
        let socket = loopbacks
            .into_iter()
            .find_map(|address| UdpSocket::bind(address, &options).ok());
        socket.map_or(Self::NONE, |socket| Self {
            gso: can_send_runs(&socket),
            gro: sys::set_option(socket.as_fd(), libc::SOL_UDP, libc::UDP_GRO, 1).is_ok(),
        })
    }
}

/// Sends two datagrams to itself as a run.
fn can_send_runs(socket: &UdpSocket) -> bool {
    let mut outbox = Outbox::new();
    let bytes = outbox.scratch(&[0; 64]);
    for _ in 0..2 {
        outbox.push(0, socket.local_addr(), None, [bytes]);
    }
    let flushed = outbox.flush(&Slots::new(1), |_| Some(socket));
    flushed.gso_datagrams == 2
}
