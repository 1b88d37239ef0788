//! Datagrams in the form the kernel takes them: those that may leave as one run become one message.

use std::ops::Range;

use super::queue::Queue;
use crate::{
    cmsg::{self, Control},
    run_limits::RunLimits,
    slots::{Place, Slots},
    sys::{self, RawAddress},
};

/// The kernel cuts a run into no more pieces than this.
const MAX_SEGMENTS: usize = 64;
/// Longest run in bytes: below what fits one IP packet with any headers.
const MAX_RUN: usize = 65_000;

/// One system call's worth: a datagram, or a run of them.
#[derive(Clone, Copy)]
pub(super) struct Message {
    /// Where in the queue's order its datagrams stand.
    pub(super) first: usize,
    pub(super) datagrams: usize,
    pub(super) bytes: usize,
    pub(super) segment: Option<u16>,
    first_vector: usize,
    vectors: usize,
}

/// Messages and what they point at. Kept between flushes, so that sending allocates nothing once they have grown.
#[derive(Default)]
pub(super) struct Messages {
    pub(super) list: Vec<Message>,
    pub(super) headers: Vec<libc::mmsghdr>,
    vectors: Vec<libc::iovec>,
    addresses: Vec<RawAddress>,
    controls: Vec<Control>,
}

impl Messages {
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.vectors.clear();
    }

    /// Makes messages of the datagrams in `range` of the order, which leave through one socket; returns
    /// which ones. The headers are for [`Self::finish`].
    pub(super) fn add(
        &mut self,
        queue: &Queue,
        slots: &Slots,
        range: Range<usize>,
        sends_runs: bool,
        limits: &mut RunLimits,
    ) -> Range<usize> {
        let before = self.list.len();
        let mut at = range.start;
        while at < range.end {
            let head = queue.at(at);
            let may_run = sends_runs && limits.allow(head.to.ip(), head.length as usize);
            let message = self.gather(queue, slots, at..range.end, may_run);
            at += message.datagrams;
            self.list.push(message);
        }
        before..self.list.len()
    }

    /// The message that starts with the first datagram of `range`: it and those that can go with it.
    fn gather(
        &mut self,
        queue: &Queue,
        slots: &Slots,
        range: Range<usize>,
        may_run: bool,
    ) -> Message {
        let head = queue.at(range.start);
        let size = head.length as usize;
        let mut message = Message {
            first: range.start,
            datagrams: 0,
            bytes: 0,
            first_vector: self.vectors.len(),
            vectors: 0,
            segment: None,
        };
        for at in range {
            let next = queue.at(at);
            let length = next.length as usize;
            let fits = message.datagrams == 0
                || (may_run
                    && next.kind == head.kind
                    && next.to == head.to
                    && next.from == head.from
                    && (1..=size).contains(&length)
                    && message.datagrams < MAX_SEGMENTS
                    && message.bytes + length <= MAX_RUN);
            if !fits {
                break;
            }
            for piece in queue.pieces(next) {
                let bytes = match piece.place {
                    Place::Scratch => queue.scratch_bytes(*piece),
                    Place::Slots | Place::Kept | Place::Adopted(_) => slots.bytes(*piece),
                };
                self.add_bytes(message.first_vector, bytes);
            }
            message.datagrams += 1;
            message.bytes += length;
            // A shorter one can only be the last of a run.
            if length < size {
                break;
            }
        }
        message.vectors = self.vectors.len() - message.first_vector;
        if message.datagrams > 1 {
            message.segment = u16::try_from(size).ok();
        }
        message
    }

    /// Adds bytes to the message whose vectors begin at `first_vector`. What lies right behind the bytes before it needs
    /// no vector of its own.
    fn add_bytes(&mut self, first_vector: usize, bytes: &[u8]) {
        match self.vectors[first_vector..].last_mut() {
            Some(last)
                if bytes.as_ptr() == last.iov_base.cast::<u8>().wrapping_add(last.iov_len) =>
            {
                last.iov_len += bytes.len();
            }
            _ => self.vectors.push(libc::iovec {
                iov_base: bytes.as_ptr().cast_mut().cast(),
                iov_len: bytes.len(),
            }),
        }
    }

    /// Makes the headers of all messages. They point into this and the queue and the slots.
    pub(super) fn finish(&mut self, queue: &Queue) {
        self.headers.clear();
        self.addresses.clear();
        self.controls.clear();
        self.addresses.resize(self.list.len(), sys::no_address());
        self.controls.resize(self.list.len(), Control::EMPTY);
        for (index, message) in self.list.iter().enumerate() {
            let datagram = queue.at(message.first);
            let name_length = sys::write_address(datagram.to, &mut self.addresses[index]);
            let control_length =
                cmsg::write(&mut self.controls[index], datagram.from, message.segment);
            // SAFETY: all bytes zero is a valid mmsghdr.
            let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
            header.msg_hdr.msg_name = (&raw mut self.addresses[index]).cast();
            header.msg_hdr.msg_namelen = name_length;
            header.msg_hdr.msg_iov = self.vectors[message.first_vector..].as_mut_ptr();
            header.msg_hdr.msg_iovlen = message.vectors;
            if control_length > 0 {
                header.msg_hdr.msg_control = self.controls[index].0.as_mut_ptr().cast();
                header.msg_hdr.msg_controllen = control_length;
            }
            self.headers.push(header);
        }
    }
}

/// The bytes of a message that is nothing else: one piece of memory, and no control data.
///
/// # Safety
/// The header's vectors must be readable.
pub(super) unsafe fn only_part(header: &libc::msghdr) -> Option<libc::iovec> {
    if header.msg_iovlen != 1 || header.msg_controllen != 0 {
        return None;
    }
    // SAFETY: the caller's promise.
    Some(unsafe { *header.msg_iov })
}
