//! One connection of a client, from its first byte to its last.

use std::{io, mem};

use turnd_net::{Interest, TcpStream};
use turnd_proto::{FiveTuple, Instant, Transport};
use turnd_wire::framing;

use crate::sockets::Takes;

use super::{Kind, Layer, PeerStreamId, QueueLimits, SendQueue, Staging, limits::Place};

/// Encrypted or sent in one step while a queue drains.
const STEP: usize = 16 * 1024;

/// What a connection is going through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its first bytes do not tell yet what it is to be.
    Opening,
    /// Its TLS hello is there and waits for its turn.
    Hello,
    /// TLS is being agreed on.
    Handshake,
    /// Carries messages; whether a whole one has come yet.
    Serving {
        /// Whether it has.
        heard: bool,
    },
    /// Spoke HTTP; the answer is on its way or read to the end.
    Http,
    /// Waits for the answer to its ConnectionBind; what follows that may not be a message any more.
    Binding,
    /// Is about an allocation of another worker, and on its way there.
    Moving,
    /// Carries what a peer's connection carries (RFC 6062).
    Joined(PeerStreamId),
    /// Has its last answer; ends when the other end does.
    Ending,
}

/// A client's connection.
pub struct Connection {
    pub(crate) socket: TcpStream,
    pub(crate) layer: Layer,
    /// Bytes that no whole message could be made of yet.
    pub(crate) stash: Vec<u8>,
    /// How much of that counts as kept for a stranger.
    pub(crate) strange: usize,
    /// When a stranger began what it has not finished.
    pub(crate) unfinished_since: Option<Instant>,
    pub(crate) queue: SendQueue,
    pub(crate) path: FiveTuple,
    pub(crate) phase: Phase,
    /// What the socket took that it came to, when it came.
    pub(crate) takes: Takes,
    /// Whether a PROXY header must still come.
    pub(crate) expects_proxy_header: bool,
    pub(crate) accepted: Instant,
    pub(crate) last_heard: Instant,
    /// When it is looked at next.
    pub(crate) due: Instant,
    /// What the poller waits for; nothing: the poller does not know it.
    pub(crate) interest: Option<Interest>,
    /// Counted while it lives.
    pub(crate) place: Place,
}

impl Connection {
    /// A connection that was just accepted.
    pub(crate) fn new(
        socket: TcpStream,
        takes: Takes,
        expects_proxy_header: bool,
        place: Place,
        limits: QueueLimits,
        now: Instant,
    ) -> Self {
        Self {
            path: FiveTuple {
                transport: Transport::Tcp,
                client: socket.peer_addr(),
                server: socket.local_addr(),
            },
            socket,
            layer: Layer::Plain,
            stash: Vec::new(),
            strange: 0,
            unfinished_since: None,
            queue: SendQueue::new(limits),
            phase: Phase::Opening,
            takes,
            expects_proxy_header,
            accepted: now,
            last_heard: now,
            due: now,
            interest: Some(Interest::READABLE),
            place,
        }
    }

    /// Writes whole messages, or keeps what cannot be written now; returns how many were left out.
    ///
    /// # Errors
    /// Those of the socket: the connection is broken.
    pub(crate) fn send(&mut self, now: Instant, kind: Kind, messages: &Staging) -> io::Result<u64> {
        let written = if self.queue.is_empty() {
            self.layer.write_messages(&self.socket, messages)?
        } else {
            0
        };
        if written == messages.len() {
            return Ok(0);
        }
        let (rest, whole) = messages.after(written);
        if !rest.is_empty() {
            self.queue.push_rest(now, rest);
        }
        let mut left_out = 0;
        for message in whole {
            left_out += u64::from(!self.queue.push(now, kind, message));
        }
        Ok(left_out)
    }

    /// Writes bytes that are not messages; what cannot be written now waits, however much it is.
    ///
    /// # Errors
    /// Those of the socket.
    pub(crate) fn send_raw(&mut self, now: Instant, bytes: &[u8]) -> io::Result<()> {
        let written = if self.queue.is_empty() {
            self.layer.write(&self.socket, bytes)?
        } else {
            0
        };
        if written < bytes.len() {
            self.queue.push_rest(now, &bytes[written..]);
        }
        Ok(())
    }

    /// Writes what waits, as much as the socket takes.
    ///
    /// # Errors
    /// Those of the socket.
    pub(crate) fn drain(&mut self, now: Instant) -> io::Result<()> {
        while self.layer.flush(&self.socket)? && !self.queue.is_empty() {
            let by_message = matches!(self.phase, Phase::Serving { .. }) && self.layer.is_tls();
            let front = self.queue.front();
            let step = &front[..step(front, by_message)];
            let written = self.layer.write(&self.socket, step)?;
            if written == 0 {
                break;
            }
            self.queue.taken(now, written);
        }
        Ok(())
    }

    /// Says that nothing more comes, behind everything that waits.
    ///
    /// # Errors
    /// Those of the socket.
    pub(crate) fn finish(&mut self, now: Instant) -> io::Result<()> {
        self.drain(now)?;
        if !self.is_behind() {
            self.layer.finish(&self.socket)?;
        }
        Ok(())
    }

    /// Whether something waits to be written.
    #[must_use]
    pub(crate) fn is_behind(&self) -> bool {
        !self.queue.is_empty() || self.layer.wants_write()
    }

    /// Takes the bytes that were kept.
    pub(crate) fn take_stash(&mut self) -> Vec<u8> {
        mem::take(&mut self.stash)
    }

    /// Keeps bytes for later, in no more memory than they need.
    pub(crate) fn keep(&mut self, bytes: &[u8]) {
        self.stash = bytes.to_vec();
    }
}

/// How much of what waits is written in one go; `by_message`: the message that begins there.
fn step(front: &[u8], by_message: bool) -> usize {
    match framing::next(front) {
        framing::Frame::Whole { length, .. } if by_message => length,
        _ => front.len().min(STEP),
    }
}
