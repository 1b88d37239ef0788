//! Memory that datagrams are received into, and the names of byte ranges in it.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    ops::Range,
};

use crate::{
    cmsg::Control,
    sys::{RawAddress, no_address},
};

/// Bytes left free in front of each datagram, for a header ([`Slots::prepend`]).
pub const HEADROOM: usize = 64;
/// Bytes that a slot holds: a full UDP payload, or a run put together by the kernel.
pub const SLOT_CAPACITY: usize = 65_536;
const CAPACITY: usize = SLOT_CAPACITY;
const STRIDE: usize = HEADROOM + CAPACITY;

/// What was received in one go: a datagram, or several of equal size from one sender that the kernel
/// put together, of which the last may be shorter.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    pub(crate) slot: u32,
    /// Bytes in all.
    pub len: usize,
    /// Bytes of each datagram; the same as `len` when there is only one.
    pub stride: usize,
    /// Who sent it.
    pub from: SocketAddr,
    /// The address it was sent to, if the socket was told to find out.
    pub local: Option<IpAddr>,
}

impl Received {
    /// How many datagrams it is.
    #[must_use]
    pub const fn datagrams(&self) -> usize {
        if self.len <= self.stride {
            // An empty datagram is one, too.
            return 1;
        }
        self.len.div_ceil(self.stride)
    }
}

/// The name of a byte range, in the slots or in an outbox's own memory. Good until that memory is
/// cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    pub(crate) place: Place,
    pub(crate) start: u32,
    pub(crate) length: u32,
    /// Bytes in front of it that nobody needs any more.
    pub(crate) room: u16,
}

/// Which memory a piece lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Slots,
    Kept,
    /// Which of the buffers that were adopted.
    Adopted(u16),
    Scratch,
}

impl Piece {
    pub(crate) const fn new(place: Place, start: u32, length: u32) -> Self {
        Self {
            place,
            start,
            length,
            room: 0,
        }
    }

    /// A part of it.
    ///
    /// # Panics
    /// If the range is not inside.
    #[must_use]
    pub fn slice(self, range: Range<usize>) -> Self {
        assert!(
            range.start <= range.end && range.end <= self.len(),
            "a part of a piece lies inside it"
        );
        Self {
            place: self.place,
            start: self.start + range.start as u32,
            length: (range.end - range.start) as u32,
            room: if range.start == 0 { self.room } else { 0 },
        }
    }

    /// A part of it, such as the data of a message, after which what is in front is needed no more: another header may
    /// be written there ([`Slots::prepend`]).
    ///
    /// # Panics
    /// If the range is not inside.
    #[must_use]
    pub fn unwrapped(self, range: Range<usize>) -> Self {
        let room = usize::from(self.room) + range.start;
        Self {
            room: u16::try_from(room).unwrap_or(u16::MAX),
            ..self.slice(range)
        }
    }

    /// Datagrams of `each` bytes that lie in it one after the other; the last may be shorter. Nothing is one
    /// empty datagram.
    #[must_use]
    pub fn segments(self, each: usize) -> Segments {
        Segments {
            rest: Some(self),
            stride: each.max(1),
        }
    }

    /// How many bytes it names.
    #[must_use]
    pub const fn len(self) -> usize {
        self.length as usize
    }

    /// Whether it names none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.length == 0
    }

    pub(crate) const fn range(self) -> Range<usize> {
        self.start as usize..self.start as usize + self.length as usize
    }
}

/// The datagrams of something received, in order.
#[derive(Clone, Debug)]
pub struct Segments {
    rest: Option<Piece>,
    stride: usize,
}

impl Iterator for Segments {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let rest = self.rest.take()?;
        if rest.len() > self.stride {
            self.rest = Some(rest.slice(self.stride..rest.len()));
            return Some(rest.slice(0..self.stride));
        }
        Some(rest)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match self.rest {
            None => 0,
            // An empty datagram is one datagram.
            Some(rest) => rest.len().div_ceil(self.stride).max(1),
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for Segments {}

/// A fixed number of slots. Received datagrams take the next free ones; [`Slots::clear`] frees all.
pub struct Slots {
    /// Zeroed by the kernel when first touched, so that slots never used cost nothing.
    memory: Box<[u8]>,
    used: usize,
    /// What was copied here until everything is forgotten.
    kept: Vec<u8>,
    /// Buffers of somebody else's, in the order they came.
    adopted: Vec<Vec<u8>>,
    pub(crate) headers: Vec<libc::mmsghdr>,
    pub(crate) vectors: Vec<libc::iovec>,
    pub(crate) addresses: Vec<RawAddress>,
    pub(crate) controls: Vec<Control>,
}

// SAFETY: the raw pointers in `headers` and `vectors` point into the other fields, all on the heap, are
// written anew before each system call and read by nobody else.
unsafe impl Send for Slots {}

impl Slots {
    /// Room for `count` datagrams or runs, 1 to 1024.
    ///
    /// # Panics
    /// If `count` is out of range.
    #[must_use]
    pub fn new(count: usize) -> Self {
        assert!((1..=1024).contains(&count), "1 to 1024 slots");
        // SAFETY: all bytes zero is a valid mmsghdr (null pointers, lengths 0).
        let header: libc::mmsghdr = unsafe { std::mem::zeroed() };
        let vector = libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: 0,
        };
        Self {
            memory: vec![0; count * STRIDE].into_boxed_slice(),
            used: 0,
            kept: Vec::new(),
            adopted: Vec::new(),
            headers: vec![header; count],
            vectors: vec![vector; count],
            addresses: vec![no_address(); count],
            controls: vec![Control::EMPTY; count],
        }
    }

    /// How many more can be received before [`Self::clear`].
    #[must_use]
    pub fn free(&self) -> usize {
        self.headers.len() - self.used
    }

    /// Forgets everything received, and everything kept.
    pub fn clear(&mut self) {
        self.used = 0;
        self.kept.clear();
    }

    /// Copies bytes that lie nowhere else, such as what was decrypted. Unlike an outbox's scratch memory they
    /// stay as long as what was received.
    ///
    /// # Panics
    /// If 4 GiB are kept already.
    pub fn keep(&mut self, bytes: &[u8]) -> Piece {
        let start = u32::try_from(self.kept.len()).expect("less than 4 GiB is kept");
        self.kept.extend_from_slice(bytes);
        let length = u32::try_from(bytes.len()).expect("less than 4 GiB");
        Piece::new(Place::Kept, start, length)
    }

    /// Takes a buffer in, so that what lies there can be sent. It stays until it is given back.
    ///
    /// # Panics
    /// If 65 535 buffers are here, or it holds 4 GiB.
    pub fn adopt(&mut self, bytes: Vec<u8>) -> Piece {
        let index = u16::try_from(self.adopted.len()).expect("fewer than 65 536 buffers");
        let length = u32::try_from(bytes.len()).expect("less than 4 GiB");
        self.adopted.push(bytes);
        Piece::new(Place::Adopted(index), 0, length)
    }

    /// Gives back the buffer that was taken in last; pieces that lie there are good no more.
    pub fn give_back(&mut self) -> Option<Vec<u8>> {
        self.adopted.pop()
    }

    /// The bytes of a piece that names a part of something received, kept or adopted.
    ///
    /// # Panics
    /// If the piece lies elsewhere.
    #[must_use]
    pub fn bytes(&self, piece: Piece) -> &[u8] {
        match piece.place {
            Place::Slots => &self.memory[piece.range()],
            Place::Kept => &self.kept[piece.range()],
            Place::Adopted(index) => &self.adopted[usize::from(index)][piece.range()],
            Place::Scratch => panic!("this piece lies in an outbox"),
        }
    }

    /// Writes `header` right in front of a piece and names both as one, if there is room of which nobody needs the
    /// bytes any more: what leaves from one place is copied once by the kernel, and a run from one place too.
    ///
    /// # Panics
    /// If the piece lies in an outbox.
    pub fn prepend(&mut self, header: &[u8], piece: Piece) -> Option<Piece> {
        let room = usize::from(piece.room).checked_sub(header.len())?;
        let whole = Piece {
            start: piece.start - header.len() as u32,
            length: piece.length + header.len() as u32,
            room: room as u16,
            place: piece.place,
        };
        let memory = match piece.place {
            Place::Slots => &mut self.memory[whole.range()],
            Place::Kept => &mut self.kept[whole.range()],
            Place::Adopted(index) => &mut self.adopted[usize::from(index)][whole.range()],
            Place::Scratch => panic!("this piece lies in an outbox"),
        };
        memory[..header.len()].copy_from_slice(header);
        Some(whole)
    }

    /// The datagrams of something received.
    #[must_use]
    pub fn segments(&self, received: &Received) -> Segments {
        let start = received.slot as usize * STRIDE + HEADROOM;
        let whole = Piece {
            room: HEADROOM as u16,
            ..Piece::new(Place::Slots, start as u32, received.len as u32)
        };
        whole.segments(received.stride)
    }

    /// Lets `fill` write into a free slot and names what it wrote, for bytes that come from a stream.
    /// The slot is taken if that is at least one byte. `None` when no slot is free or nothing was
    /// written.
    ///
    /// # Errors
    /// Those of `fill`.
    ///
    /// # Panics
    /// If `fill` says that it wrote more than there was room for.
    pub fn fill(
        &mut self,
        fill: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<Option<Piece>> {
        if self.free() == 0 {
            return Ok(None);
        }
        let start = self.used * STRIDE + HEADROOM;
        let length = fill(&mut self.memory[start..start + CAPACITY])?;
        assert!(length <= CAPACITY, "a slot holds no more than that");
        if length == 0 {
            return Ok(None);
        }
        self.take(1);
        Ok(Some(Piece::new(Place::Slots, start as u32, length as u32)))
    }

    /// Points the headers of up to `max` free slots at their memory; returns which.
    pub(crate) fn prepare(&mut self, max: usize) -> Range<usize> {
        let range = self.used..self.used + max.min(self.free());
        for at in range.clone() {
            let start = at * STRIDE + HEADROOM;
            let room = &mut self.memory[start..start + CAPACITY];
            self.vectors[at] = libc::iovec {
                iov_base: room.as_mut_ptr().cast(),
                iov_len: room.len(),
            };
            let header = &mut self.headers[at].msg_hdr;
            header.msg_name = (&raw mut self.addresses[at]).cast();
            header.msg_namelen = crate::sys::length_of::<RawAddress>();
            header.msg_iov = &raw mut self.vectors[at];
            header.msg_iovlen = 1;
            header.msg_control = self.controls[at].0.as_mut_ptr().cast();
            header.msg_controllen = Control::LENGTH;
            header.msg_flags = 0;
        }
        range
    }

    /// The kernel filled this many.
    pub(crate) fn take(&mut self, count: usize) {
        self.used += count;
    }
}
