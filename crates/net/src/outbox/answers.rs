//! Answers when a socket's buffer is full of data, which may all be on its way to one slow link: part of the buffer is
//! kept for them.

use std::{
    io,
    ops::Range,
    os::fd::{BorrowedFd, RawFd},
};

use socket2::SockRef;

use super::{Flushed, Outbox, count_blocked, count_sent, send};
use crate::{slots::Place, udp::set_send_buffer};

/// Of four parts of a buffer, those that everything gets.
const USUAL: usize = 3;
const ALL: usize = 4;
/// By so much a run of data may go beyond its part: the kernel takes it whole where there is room for its first byte.
const RUN: usize = 65_536;

/// Leaves a part of a socket's send buffer to answers.
pub(crate) fn keep_room(socket: BorrowedFd<'_>) {
    if let Ok(size) = size(socket) {
        set_send_buffer(socket, size * USUAL / ALL);
    }
}

fn size(socket: BorrowedFd<'_>) -> io::Result<usize> {
    // The kernel tells twice of what it was asked for.
    Ok(SockRef::from(&socket).send_buffer_size()? / 2)
}

impl Outbox {
    /// The buffer of a socket is full: of these messages only answers are tried again, with all of it.
    pub(super) fn send_answers(
        &mut self,
        fd: RawFd,
        messages: Range<usize>,
        flushed: &mut Flushed,
    ) {
        // SAFETY: it is the socket of a group, which the caller of `flush` has lent until that returns.
        let socket = unsafe { BorrowedFd::borrow_raw(fd) };
        let mut usual = None;
        for at in messages {
            let message = self.messages.list[at];
            if self.is_answer(message.first) {
                if usual.is_none()
                    && let Ok(size) = size(socket)
                {
                    set_send_buffer(socket, size * ALL / USUAL + RUN);
                    usual = Some(size);
                }
                flushed.calls += 1;
                if send(fd, &mut self.messages.headers[at..=at]).is_ok() {
                    count_sent(flushed, &message);
                    continue;
                }
            }
            count_blocked(flushed, &message);
        }
        if let Some(size) = usual {
            set_send_buffer(socket, size);
        }
    }

    /// Whether a datagram holds nothing that came from elsewhere.
    fn is_answer(&self, place: usize) -> bool {
        let pieces = self.queue.pieces(self.queue.at(place));
        pieces.iter().all(|piece| piece.place == Place::Scratch)
    }
}
