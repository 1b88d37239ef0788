//! A quarter of a send buffer, kept for answers.
//!
//! All clients of a worker share a listener's socket. Data for one of them that waits for a slow link (a tunnel, a second
//! interface) can fill its buffer, and then nobody elsewhere would get an answer. How full a buffer is costs a system call
//! to find out, so it is asked only for a while after it was seen to be full.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
    sync::atomic::{AtomicU16, Ordering},
};

/// Flushes without anything left out after which a buffer is not watched any more.
const WATCHED: u16 = 1024;
/// What the kernel counts for a datagram beside twice its bytes, at most: its headers and the descriptions of it.
const OVERHEAD: usize = 1024;

/// What is known of one socket's buffer.
#[derive(Debug, Default)]
pub(crate) struct KeptRoom {
    /// Bytes of the buffer, as the kernel counts, that data may take; nothing is kept where there is no number.
    for_data: Option<usize>,
    /// Flushes for which it is watched still.
    watched: AtomicU16,
}

impl KeptRoom {
    /// Keeps a quarter of the socket's buffer, however large that is.
    pub(crate) fn of(socket: &socket2::Socket) -> io::Result<Self> {
        Ok(Self {
            for_data: Some(socket.send_buffer_size()? / 4 * 3),
            watched: AtomicU16::new(0),
        })
    }

    /// The buffer was full.
    pub(crate) fn was_full(&self) {
        self.watched.store(WATCHED, Ordering::Relaxed);
    }

    /// How much data may be sent in this flush; without a number all of it.
    pub(crate) fn left(&self, socket: BorrowedFd<'_>) -> Option<Left> {
        let for_data = self.for_data?;
        let watched = self.watched.load(Ordering::Relaxed).checked_sub(1)?;
        self.watched.store(watched, Ordering::Relaxed);
        let waits = waits(socket).ok()?;
        Some(Left {
            bytes: for_data.saturating_sub(waits),
            is_empty: waits == 0,
        })
    }
}

/// Room for data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    bytes: usize,
    is_empty: bool,
}

impl Left {
    /// Whether a datagram of so many bytes fits in, which it then takes. One for which an empty buffer is too small
    /// may try.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let counted = 2 * bytes + OVERHEAD;
        let fits = counted <= self.bytes || self.is_empty;
        self.is_empty = false;
        if fits {
            self.bytes = self.bytes.saturating_sub(counted);
        }
        fits
    }
}

/// Bytes of a socket's buffer, as the kernel counts, that are taken.
fn waits(socket: BorrowedFd<'_>) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: SIOCOUTQ, which Linux gives the number of TIOCOUTQ, writes an int and nothing else.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(usize::try_from(bytes).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_taken_and_one_datagram_may_try_an_empty_buffer() {
        let mut left = Left {
            bytes: 2 * (2 * 1000 + OVERHEAD) + 1500,
            is_empty: false,
        };
        assert!(left.take(1000) && left.take(1000) && !left.take(1000) && left.take(100));
        let mut left = Left {
            bytes: 1000,
            is_empty: true,
        };
        assert!(left.take(5000) && !left.take(1));
    }

    #[test]
    fn a_buffer_is_watched_for_a_while_after_it_was_full() {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
        let descriptor = std::os::fd::AsFd::as_fd(&socket);
        let room = KeptRoom::of(&socket).unwrap();
        assert_eq!(room.left(descriptor), None);
        room.was_full();
        let left = room.left(descriptor).unwrap();
        assert!(left.is_empty && left.bytes > 0 && left.bytes < socket.send_buffer_size().unwrap());
        let more = std::iter::from_fn(|| room.left(descriptor)).count();
        assert_eq!(more, usize::from(WATCHED) - 1);
        // A relay's socket keeps nothing.
        let none = KeptRoom::default();
        none.was_full();
        assert_eq!(none.left(descriptor), None);
    }
}
