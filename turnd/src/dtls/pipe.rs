//! What OpenSSL takes for a socket: one datagram in, a few out.

use std::io::{self, Read, Write};

use super::record::{Record, records};

/// A datagram to read and those written. There is one of these in a [`Dtls`](super::Dtls), lent to the
/// association at work, so that the idle ones hold no buffers.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    incoming: Vec<u8>,
    unread: bool,
    /// The datagrams written, one behind the other.
    written: Vec<u8>,
    /// Where in `written` each datagram ends.
    ends: Vec<usize>,
}

impl Buffers {
    /// Makes the records of this datagram that `admit` lets through the datagram to read.
    pub(super) fn load(&mut self, datagram: &[u8], mut admit: impl FnMut(&Record<'_>) -> bool) {
        self.load_with(|incoming| {
            incoming.clear();
            for record in records(datagram).filter(|record| admit(record)) {
                incoming.extend_from_slice(record.bytes());
            }
        });
    }

    /// Makes what `fill` leaves in the buffer the datagram to read.
    pub(super) fn load_with(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        fill(&mut self.incoming);
        // A read of nothing would be the end of the stream.
        self.unread = !self.incoming.is_empty();
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.unread = false;
        self.written.clear();
        self.ends.clear();
    }

    /// The datagrams that have been written, oldest first.
    pub(super) fn datagrams(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let mut rest = self.written.as_mut_slice();
        let mut begin = 0;
        self.ends.iter().map(move |&end| {
            let (datagram, after) = std::mem::take(&mut rest).split_at_mut(end - begin);
            rest = after;
            begin = end;
            datagram
        })
    }

    /// Sends all that has been written.
    pub(super) fn flush(&mut self, mut send: impl FnMut(&[u8])) {
        self.datagrams().for_each(|datagram| send(datagram));
        self.clear();
    }
}

/// The buffers as OpenSSL sees them. A read takes a whole datagram, a write makes one.
#[derive(Debug, Default)]
pub(super) struct Pipe(pub(super) Buffers);

impl Read for Pipe {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if !std::mem::take(&mut self.0.unread) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        // OpenSSL's buffer has room for the longest record. What is longer is none, and cut as a socket would.
        let length = self.0.incoming.len().min(to.len());
        to[..length].copy_from_slice(&self.0.incoming[..length]);
        Ok(length)
    }
}

impl Write for Pipe {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.0.written.extend_from_slice(datagram);
        self.0.ends.push(self.0.written.len());
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
