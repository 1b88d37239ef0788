//! Messages of many sockets in one entry into the kernel, by an io_uring that is used for nothing else.
//!
//! Upwards each client's datagrams leave through a socket of their own, so `sendmmsg` has nothing to gather.

use std::{io, mem, os::fd::RawFd};

use io_uring::{IoUring, opcode, squeue, types::Fd};

use super::{FLAGS, messages};

/// Messages that fit in the ring.
const ENTRIES: usize = 128;
/// The result of a message that the ring did not get to.
const NOT_SENT: i32 = i32::MIN;

/// A message in the kernel's form, and the socket it leaves through.
pub(super) struct Entry {
    pub(super) fd: RawFd,
    pub(super) header: *const libc::msghdr,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Sent,
    /// The socket's buffer is full, or the device's queue.
    Blocked,
    /// Something else, which is for `sendmsg` to find out again.
    Refused,
}

/// The ring. It is made when it is first of use, because only the thread that made it may use it.
#[derive(Default)]
pub(super) enum Ring {
    #[default]
    NotMade,
    Ready(Box<IoUring>),
    /// Not on this system, or not any more.
    Refused,
}

impl Ring {
    /// Whether there is one. Containers often forbid it, and kernels before 6.1 do not have this kind.
    pub(super) fn is_usable(&mut self) -> bool {
        if matches!(self, Self::NotMade) {
            *self = make().map_or(Self::Refused, |ring| Self::Ready(Box::new(ring)));
        }
        matches!(self, Self::Ready(_))
    }

    /// Sends `entries` and writes what became of each into `outcomes`. Returns how often the kernel was
    /// entered.
    ///
    /// # Safety
    /// Each header, and all that it points at, is readable until this returns.
    pub(super) unsafe fn send(&mut self, entries: &[Entry], outcomes: &mut Vec<Outcome>) -> u64 {
        outcomes.clear();
        let mut calls = 0;
        for batch in entries.chunks(ENTRIES) {
            let mut results = [NOT_SENT; ENTRIES];
            if let Self::Ready(ring) = self {
                // SAFETY: the caller's promise.
                match unsafe { send_batch(ring, batch, &mut results) } {
                    Ok(entered) => calls += entered,
                    Err(_) => *self = Self::Refused,
                }
            }
            outcomes.extend(results[..batch.len()].iter().map(|&result| match result {
                0.. => Outcome::Sent,
                _ if [-libc::EAGAIN, -libc::ENOBUFS].contains(&result) => Outcome::Blocked,
                _ => Outcome::Refused,
            }));
        }
        calls
    }
}

fn make() -> io::Result<IoUring> {
    IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_submit_all()
        .build(ENTRIES as u32)
}

/// Sends a batch that fits the ring and waits for all results. Those are there at once: with MSG_DONTWAIT the
/// kernel tries each message while it takes the batch, and never puts one aside.
///
/// # Safety
/// As [`Ring::send`].
unsafe fn send_batch(
    ring: &mut IoUring,
    batch: &[Entry],
    results: &mut [i32; ENTRIES],
) -> io::Result<u64> {
    let mut queue = ring.submission();
    for (entry, number) in batch.iter().zip(0..) {
        // SAFETY: the caller's promise.
        let request = unsafe { request(entry) }.user_data(number);
        // SAFETY: the caller's promise, and this does not return before the kernel is done with them: an
        // entry that it has not taken is never taken, for the ring is then given up.
        unsafe { queue.push(&request) }.map_err(|_| io::ErrorKind::StorageFull)?;
    }
    drop(queue);
    let mut calls = 0;
    let mut missing = batch.len();
    while missing > 0 {
        calls += 1;
        match ring.submit_and_wait(missing) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        for completed in ring.completion() {
            if let Some(result) = results.get_mut(completed.user_data() as usize)
                && mem::replace(result, completed.result()) == NOT_SENT
            {
                missing -= 1;
            }
        }
    }
    Ok(calls)
}

/// The message as `send`, which is cheaper, or as `sendmsg`.
///
/// # Safety
/// As [`Ring::send`].
unsafe fn request(entry: &Entry) -> squeue::Entry {
    let fd = Fd(entry.fd);
    // SAFETY: the caller's promise.
    let header = unsafe { &*entry.header };
    // SAFETY: the caller's promise.
    match unsafe { messages::only_part(header) } {
        Some(part) => opcode::Send::new(fd, part.iov_base.cast(), part.iov_len as u32)
            .dest_addr(header.msg_name.cast())
            .dest_addr_len(header.msg_namelen)
            .flags(FLAGS)
            .build(),
        None => opcode::SendMsg::new(fd, header).flags(FLAGS as u32).build(),
    }
}
