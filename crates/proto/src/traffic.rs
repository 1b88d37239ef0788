//! What passed through an allocation, or through all of them.
//!
//! A message that carries data counts where it arrives, whatever becomes of it, and where it is handed
//! on. On the client's side its bytes are those of the whole message (ChannelData or an indication),
//! on the peer's side those of the data alone. Of a TCP connection with a peer (RFC 6062) the bytes
//! are the same on both sides, and what one read brought is one packet. Requests and their answers
//! are no traffic.

use core::ops::{AddAssign, Sub};

/// Packets and the bytes of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Messages, datagrams or, of a TCP connection, reads.
    pub packets: u64,
    /// Bytes, without IP, UDP, TCP and TLS headers.
    pub bytes: u64,
}

/// Both directions of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// What arrived from there.
    pub received: Flow,
    /// What was handed on to there.
    pub sent: Flow,
}

/// Both sides of an allocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Between client and server.
    pub client: Side,
    /// Between server and peers.
    pub peer: Side,
}

impl Flow {
    /// Counts packets.
    #[inline]
    pub const fn add(&mut self, packets: u64, bytes: u64) {
        self.packets += packets;
        self.bytes += bytes;
    }
}

impl Traffic {
    /// What connections with peers carry is the same on both sides.
    pub(crate) const fn of_streams(to_peer: Flow, to_client: Flow) -> Self {
        Self {
            client: Side {
                received: to_peer,
                sent: to_client,
            },
            peer: Side {
                received: to_client,
                sent: to_peer,
            },
        }
    }

    /// Bytes of data that were relayed, both ways.
    #[must_use]
    pub const fn relayed(&self) -> u64 {
        self.peer.sent.bytes + self.peer.received.bytes
    }
}

impl AddAssign for Flow {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

impl AddAssign for Side {
    fn add_assign(&mut self, other: Self) {
        self.received += other.received;
        self.sent += other.sent;
    }
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.client += other.client;
        self.peer += other.peer;
    }
}

impl Sub for Flow {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            packets: self.packets.saturating_sub(earlier.packets),
            bytes: self.bytes.saturating_sub(earlier.bytes),
        }
    }
}

impl Sub for Side {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            received: self.received - earlier.received,
            sent: self.sent - earlier.sent,
        }
    }
}

impl Sub for Traffic {
    type Output = Self;

    /// What came since `earlier`, which is a former state of the same counts.
    fn sub(self, earlier: Self) -> Self {
        Self {
            client: self.client - earlier.client,
            peer: self.peer - earlier.peer,
        }
    }
}
