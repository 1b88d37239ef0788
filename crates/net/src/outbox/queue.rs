//! Datagrams that wait, in the order they leave in.

use std::net::{IpAddr, SocketAddr};

use crate::slots::{Piece, Place};

/// One datagram that waits.
#[derive(Clone, Copy)]
pub(super) struct Datagram {
    pub(super) socket: u64,
    pub(super) to: SocketAddr,
    pub(super) from: Option<IpAddr>,
    pub(super) length: u32,
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
        Piece {
            place: Place::Scratch,
            start,
            length: u32::try_from(bytes.len()).expect("less than 4 GiB"),
        }
    }

    pub(super) fn scratch_bytes(&self, piece: Piece) -> &[u8] {
        &self.scratch[piece.range()]
    }

    pub(super) fn push(
        &mut self,
        socket: u64,
        to: SocketAddr,
        from: Option<IpAddr>,
        pieces: &[Piece],
    ) {
        self.datagrams.push(Datagram {
            socket,
            to,
            from,
            first_piece: self.pieces.len() as u32,
            pieces: pieces.len() as u32,
            length: pieces.iter().map(|piece| piece.length).sum(),
        });
        self.pieces.extend_from_slice(pieces);
    }

    pub(super) fn len(&self) -> usize {
        self.datagrams.len()
    }

    pub(super) fn clear(&mut self) {
        self.datagrams.clear();
        self.pieces.clear();
        self.scratch.clear();
    }

    /// Brings what goes through one socket together, in the order it was pushed.
    pub(super) fn sort(&mut self) {
        self.order.clear();
        self.order.extend(0..self.datagrams.len() as u32);
        let datagrams = &self.datagrams;
        if datagrams
            .windows(2)
            .any(|pair| pair[0].socket > pair[1].socket)
        {
            self.order
                .sort_unstable_by_key(|&at| (datagrams[at as usize].socket, at));
        }
    }

    /// The datagram at a place of the order.
    pub(super) fn at(&self, place: usize) -> &Datagram {
        &self.datagrams[self.order[place] as usize]
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
