//! Many ends of UDP flows: sharing one socket, each under an address of its own, or with a socket each.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use turnd_net::{Offload, Outbox, Piece, Received, Slots, UdpOptions, UdpSocket};

/// Runs received at once.
const SLOTS: usize = 64;
/// Bytes asked for: the generator shall not be where datagrams are lost.
const BUFFER: usize = 32 << 20;

/// The ends, by number.
pub(super) struct Ends {
    sockets: Vec<UdpSocket>,
    /// The address of end 0, where all share the one socket.
    first: Option<u32>,
    outbox: Outbox,
    slots: Slots,
    received: Vec<Received>,
}

impl Ends {
    /// Ends that share a socket. Their addresses follow each other from `first` on, which is of 127.0.0.0/8.
    pub(super) fn sharing(first: Ipv4Addr) -> io::Result<Self> {
        let options = UdpOptions {
            packet_info: true,
            ..Self::options()
        };
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0).into(), &options)?;
        Ok(Self::with(vec![socket], Some(first.to_bits())))
    }

    /// So many ends with a socket each, at this address.
    pub(super) fn each(count: usize, at: IpAddr) -> io::Result<Self> {
        let bind = |_| UdpSocket::bind((at, 0).into(), &Self::options());
        let sockets = (0..count).map(bind).collect::<io::Result<_>>()?;
        Ok(Self::with(sockets, None))
    }

    fn with(sockets: Vec<UdpSocket>, first: Option<u32>) -> Self {
        Self {
            sockets,
            first,
            outbox: Outbox::new(),
            slots: Slots::new(SLOTS),
            received: Vec::with_capacity(SLOTS),
        }
    }

    fn options() -> UdpOptions {
        UdpOptions {
            receive_buffer: Some(BUFFER),
            send_buffer: Some(BUFFER),
            offload: Offload::probe(),
            ..UdpOptions::default()
        }
    }

    /// The address that datagrams of an end come from.
    pub(super) fn address(&self, end: usize) -> SocketAddr {
        match self.first {
            Some(first) => {
                let ip = Ipv4Addr::from_bits(first + end as u32);
                (ip, self.sockets[0].local_addr().port()).into()
            }
            None => self.sockets[end].local_addr(),
        }
    }

    /// Keeps these bytes until the next [`Self::flush`], to be sent any number of times.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> Piece {
        self.outbox.scratch(bytes)
    }

    /// Puts a datagram made of pieces in line.
    pub(super) fn send(&mut self, end: usize, to: SocketAddr, pieces: &[Piece]) {
        let Some(first) = self.first else {
            self.outbox
                .push(end as u64, to, None, pieces.iter().copied());
            return;
        };
        let from = Ipv4Addr::from_bits(first + end as u32);
        self.outbox
            .push(0, to, Some(from.into()), pieces.iter().copied());
    }

    /// Sends what is in line; returns how many datagrams the kernel did not take.
    pub(super) fn flush(&mut self) -> u64 {
        let sockets = &self.sockets;
        let flushed = self
            .outbox
            .flush(&self.slots, |number| sockets.get(number as usize));
        flushed.dropped
    }

    /// Hands over every datagram that has come, with the end it came to.
    pub(super) fn receive(&mut self, mut each: impl FnMut(usize, &[u8])) -> io::Result<()> {
        for (number, socket) in self.sockets.iter().enumerate() {
            loop {
                self.slots.clear();
                self.received.clear();
                let count = socket.recv(&mut self.slots, SLOTS, &mut self.received)?;
                for received in &self.received {
                    let end = match (self.first, received.local) {
                        (Some(first), Some(IpAddr::V4(local))) => {
                            local.to_bits().wrapping_sub(first) as usize
                        }
                        _ => number,
                    };
                    for datagram in self.slots.segments(received) {
                        each(end, self.slots.bytes(datagram));
                    }
                }
                if count < SLOTS {
                    break;
                }
            }
        }
        Ok(())
    }
}
