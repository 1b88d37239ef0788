//! Datagrams that wait, in the order they leave in.

use std::{
    net::{IpAddr, SocketAddr},
    ops::Range,
};

use crate::{
    kept_room::Left,
    slots::{Piece, Place},
};

/// What a datagram is to whoever sends it, what goes first before the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// His own.
    Answer,
    /// Somebody else's.
    Data,
}

/// One datagram that waits.
#[derive(Clone, Copy)]
pub(super) struct Datagram {
    pub(super) socket: u64,
    pub(super) to: SocketAddr,
    pub(super) from: Option<IpAddr>,
    pub(super) length: u32,
    pub(super) kind: Kind,
    /// The same for equal destinations.
    direction: u32,
    first_piece: u32,
    pieces: u32,
}

/// The datagrams, and memory for the small parts of them.
#[derive(Default)]
pub(super) struct Queue {
    datagrams: Vec<Datagram>,
    pieces: Vec<Piece>,
    scratch: Vec<u8>,
    order: Vec<u32>,
}

impl Queue {
    pub(super) fn scratch(&mut self, bytes: &[u8]) -> Piece {
        let start = u32::try_from(self.scratch.len()).expect("less than 4 GiB waits");
        self.scratch.extend_from_slice(bytes);
        let length = u32::try_from(bytes.len()).expect("less than 4 GiB");
        Piece::new(Place::Scratch, start, length)
    }

    pub(super) fn scratch_bytes(&self, piece: Piece) -> &[u8] {
        &self.scratch[piece.range()]
    }

    pub(super) fn push(
        &mut self,
        socket: u64,
        to: SocketAddr,
        from: Option<IpAddr>,
        pieces: impl IntoIterator<Item = Piece>,
        kind: Kind,
    ) {
        let first = self.pieces.len();
        self.pieces.extend(pieces);
        let pieces = &self.pieces[first..];
        self.datagrams.push(Datagram {
            socket,
            to,
            from,
            kind,
            direction: direction(to),
            first_piece: first as u32,
            pieces: pieces.len() as u32,
            length: pieces.iter().map(|piece| piece.length).sum(),
        });
    }

    pub(super) fn len(&self) -> usize {
        self.datagrams.len()
    }

    pub(super) fn has(&self, socket: u64) -> bool {
        self.datagrams
            .iter()
            .any(|datagram| datagram.socket == socket)
    }

    pub(super) fn clear(&mut self) {
        self.datagrams.clear();
        self.pieces.clear();
        self.scratch.clear();
    }

    /// Brings what goes through one socket together, and of that what goes to one destination, in the order
    /// it was pushed: clients that send in turn would break each other's runs. Answers go before data, for which
    /// the buffer may turn out to be too small.
    pub(super) fn sort(&mut self) {
        self.order.clear();
        self.order.extend(0..self.datagrams.len() as u32);
        let datagrams = &self.datagrams;
        let key = |datagram: &Datagram| (datagram.socket, datagram.kind, datagram.direction);
        if !datagrams.is_sorted_by_key(key) {
            self.order
                .sort_unstable_by_key(|&at| (key(&datagrams[at as usize]), at));
        }
    }

    /// The datagram at a place of the order.
    pub(super) fn at(&self, place: usize) -> &Datagram {
        &self.datagrams[self.order[place] as usize]
    }

    /// How many have a place in the order.
    pub(super) fn in_order(&self) -> usize {
        self.order.len()
    }

    /// Leaves out of a range of the order the data that there is no room for; returns how much.
    pub(super) fn drop_data_beyond(&mut self, range: &Range<usize>, mut left: Left) -> usize {
        let mut kept = range.start;
        for place in range.clone() {
            let datagram = self.at(place);
            if datagram.kind == Kind::Answer || left.take(datagram.length as usize) {
                self.order.swap(kept, place);
                kept += 1;
            }
        }
        self.order.drain(kept..range.end).count()
    }

    pub(super) fn pieces(&self, datagram: &Datagram) -> &[Piece] {
        let first = datagram.first_piece as usize;
        &self.pieces[first..first + datagram.pieces as usize]
    }

    /// How many from `place` on leave through the socket of the first of them.
    pub(super) fn group(&self, place: usize) -> usize {
        let socket = self.at(place).socket;
        let rest = place..self.order.len();
        rest.take_while(|&next| self.at(next).socket == socket)
            .count()
    }
}

fn direction(to: SocketAddr) -> u32 {
    let ip = match to.ip() {
        IpAddr::V4(ip) => ip.to_bits(),
        IpAddr::V6(ip) => {
            let bits = ip.to_bits();
            let folded = (bits >> 64) as u64 ^ bits as u64;
            (folded >> 32) as u32 ^ folded as u32
        }
    };
    ip.wrapping_mul(65_599).wrapping_add(to.port().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_a_socket_go_before_data_that_may_not_fit() {
        let mut queue = Queue::default();
        let to: SocketAddr = "127.0.0.1:4000".parse().unwrap();
        let pushed = [
            (2, Kind::Data),
            (1, Kind::Data),
            (1, Kind::Answer),
            (1, Kind::Data),
            (1, Kind::Answer),
        ];
        for (number, (socket, kind)) in pushed.into_iter().enumerate() {
            let piece = queue.scratch(&[number as u8]);
            queue.push(socket, to, None, [piece], kind);
        }
        queue.sort();
        let order: Vec<u8> = (0..queue.in_order())
            .map(|place| queue.scratch_bytes(queue.pieces(queue.at(place))[0])[0])
            .collect();
        assert_eq!(order, [2, 4, 1, 3, 0]);
    }
}
