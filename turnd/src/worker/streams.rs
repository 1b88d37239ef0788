//! Clients' connections over TCP and TLS: accepted, read message by message, written, timed, closed.

use std::{
    collections::{BTreeSet, VecDeque},
    io::{self, ErrorKind},
    net::IpAddr,
    ops::RangeInclusive,
    sync::Arc,
    time::Duration,
};

use slotmap::SlotMap;
use turnd_net::{Interest, Piece, Readiness};
use turnd_proto::{Client, Instant, ListenerId, Memory, Now, Server};
use turnd_wire::{Message, framing};

use super::{Worker, peers::Peers, strangers::Strangers};
use crate::{
    handshakes::Handshakes,
    sockets::Socket,
    streams::{
        Connection, Input, Kind, Phase, QueueLimits, Staging, StreamId,
        http::{self, HttpRules},
        limits::{Budget, Connections, PerAddress},
    },
    tls::TlsServer,
};

/// By when the first message must be there, counted from the connection's first moment; a later one without an
/// allocation from its first byte.
pub(super) const FIRST_MESSAGE: Duration = Duration::from_secs(10);
/// By when TLS must be agreed on.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a connection without an allocation may be silent.
pub(super) const IDLE: Duration = Duration::from_secs(60);
/// How long a stream may take nothing of what waits for it.
const STUCK: Duration = Duration::from_secs(30);
/// How long the end of a connection may take.
pub(super) const ENDING: Duration = Duration::from_secs(5);
/// Bytes read in one turn from a connection without an allocation: a few requests of the longest kind, or
/// a hundred of the shortest, each of which costs an answer. The kernel keeps the rest for the next turn.
pub(super) const STRANGE_READ: usize = 2048;
/// Memory for what arrives encrypted, or before it is clear what a connection is to be.
const CIPHER: usize = 64 * 1024;

/// What holds for all connections of all workers.
pub struct StreamRules {
    /// What TLS is offered with, if it is.
    pub tls: Option<Tls>,
    /// How many connections there may be.
    pub connections: Arc<Connections>,
    /// Whether there is memory for more of them.
    pub memory: Arc<Memory>,
    /// Whose PROXY headers are believed.
    pub trusted_proxies: Vec<RangeInclusive<IpAddr>>,
    /// What a connection gets that speaks HTTP.
    pub http: HttpRules,
    /// How much waits for a slow reader.
    pub queue: QueueLimits,
    /// TLS handshakes that one worker begins in a second.
    pub handshakes_per_second: u32,
    /// Of those, from one address; 0: no limit.
    pub handshakes_per_address: u32,
}

/// TLS as workers see it.
#[derive(Clone)]
pub struct Tls {
    /// What it is offered with.
    pub server: Arc<TlsServer>,
    /// Who answers hellos.
    pub handshakes: Handshakes,
}

/// The connections of a worker.
pub(super) struct Streams {
    pub(super) connections: SlotMap<StreamId, Connection>,
    /// One entry for each connection.
    pub(super) timers: BTreeSet<(Instant, StreamId)>,
    /// Whose TLS hello is there, in the order of arrival.
    pub(super) hellos: VecDeque<StreamId>,
    /// How many may wait. Who comes later is turned away at once and can try elsewhere.
    pub(super) most_hellos: usize,
    /// Hellos that have been given away to be answered.
    pub(super) answering: usize,
    pub(super) handshakes: Budget,
    pub(super) handshakes_by_address: PerAddress,
    /// Waited for the answer to a ConnectionBind, and it came.
    pub(super) resumed: Vec<StreamId>,
    /// Listening sockets that are not listened to before this, for want of descriptors.
    pub(super) resting: VecDeque<(Instant, Socket)>,
    pub(super) staging: Staging,
    pub(super) cipher: Box<[u8]>,
    pub(super) strangers: Strangers,
    /// Messages left out for slow streams since the last line about it.
    left_out: u64,
}

impl Streams {
    pub(super) fn new(rules: &StreamRules) -> Self {
        let per_second = rules.handshakes_per_second;
        Self {
            connections: SlotMap::with_key(),
            timers: BTreeSet::new(),
            hellos: VecDeque::new(),
            most_hellos: super::reconfigure::most_hellos(per_second),
            answering: 0,
            // A second's worth may come at once.
            handshakes: Budget::new(per_second, per_second),
            handshakes_by_address: PerAddress::new(rules.handshakes_per_address),
            resumed: Vec::new(),
            resting: VecDeque::new(),
            staging: Staging::default(),
            cipher: vec![0; CIPHER].into_boxed_slice(),
            strangers: Strangers::default(),
            left_out: 0,
        }
    }

    /// Whether a hello waits that could be answered. The next answer wakes the worker otherwise.
    fn may_begin(&self) -> bool {
        !self.hellos.is_empty() && self.answering < super::opening::ANSWERING
    }
}

impl Worker {
    // Ready connections.

    pub(super) fn stream_ready(&mut self, now: Now, id: StreamId, readiness: Readiness) {
        let Some(connection) = self.streams.connections.get_mut(id) else {
            return;
        };
        if let Phase::Joined(peer) = connection.phase {
            return self.splice(now, id, peer);
        }
        let written = match connection.phase {
            _ if !connection.is_behind() => Ok(()),
            Phase::Ending => connection.finish(now.instant),
            _ => connection.drain(now.instant),
        };
        if written.is_err() {
            return self.close_stream(now, id);
        }
        if !reads(connection.phase) {
            if readiness.closed {
                return self.close_stream(now, id);
            }
        } else if readiness.readable {
            match connection.phase {
                Phase::Opening => self.read_opening(now, id),
                Phase::Http => self.read_http(now, id),
                Phase::Ending => self.discard(now, id),
                _ => self.read_messages(now, id),
            }
        }
        self.settle(now, id);
    }

    /// Makes the poller wait for what the connection needs next.
    pub(super) fn settle(&mut self, now: Now, id: StreamId) {
        self.count_strange(now, id);
        let Some(connection) = self.streams.connections.get_mut(id) else {
            return;
        };
        let behind = connection.is_behind();
        let wants = Interest::of(reads(connection.phase), behind).unwrap_or(Interest::NONE);
        let token = Socket::Stream(id).token();
        let watched = self.parts.poller.watch(
            &connection.socket,
            token,
            &mut connection.interest,
            Some(wants),
        );
        let stuck = connection.queue.stuck_since();
        if watched.is_err() {
            self.close_stream(now, id);
        } else if let Some(since) = stuck {
            self.hurry(id, since + STUCK);
        }
    }

    /// Reads once and serves every whole message; decrypted bytes that did not fit follow at once.
    pub(super) fn read_messages(&mut self, now: Now, id: StreamId) {
        loop {
            self.make_room(now, 1);
            let (connections, cipher) = (&mut self.streams.connections, &mut self.streams.cipher);
            let Some(connection) = connections.get_mut(id) else {
                return;
            };
            let most = match self.parts.server.has_allocation(&connection.path) {
                true => usize::MAX,
                false => STRANGE_READ,
            };
            let mut ended = false;
            let filled = self.slots.fill(|room| {
                let kept = connection.stash.len();
                let (stash, room) = room.split_at_mut(kept);
                stash.copy_from_slice(&connection.stash);
                let (room, cipher) = (at_most(room, most), at_most(cipher, most));
                match connection.layer.read(&connection.socket, room, cipher)? {
                    Input::Bytes(count) => Ok(kept + count),
                    Input::Nothing => Ok(0),
                    Input::End => {
                        ended = true;
                        Ok(0)
                    }
                }
            });
            match filled {
                Ok(Some(piece)) => {
                    connection.stash = Vec::new();
                    connection.last_heard = now.instant;
                    self.take_bytes(now, id, piece);
                }
                Ok(None) if ended => return self.close_stream(now, id),
                Ok(None) => return self.handshake_goes_on(now, id),
                Err(error) => return self.stream_failed(now, id, &error),
            }
            let Some(connection) = self.streams.connections.get_mut(id) else {
                return;
            };
            if !matches!(connection.phase, Phase::Serving { .. }) || !connection.layer.has_input() {
                return;
            }
        }
    }

    /// Bytes of messages, from the beginning of one.
    pub(super) fn take_bytes(&mut self, now: Now, id: StreamId, bytes: Piece) {
        self.since_listeners += 1;
        let Some(connection) = self.streams.connections.get_mut(id) else {
            return;
        };
        if connection.phase == Phase::Handshake {
            self.counts.handshakes.tls_done += 1;
            connection.phase = Phase::Serving { heard: false };
        }
        if connection.phase == (Phase::Serving { heard: false })
            && http::looks_like_http(self.slots.bytes(bytes))
        {
            connection.phase = Phase::Http;
            connection.keep(self.slots.bytes(bytes));
            return self.answer_http(now, id);
        }
        let mut at = 0;
        while at < bytes.len() {
            let rest = bytes.slice(at..bytes.len());
            match framing::next(self.slots.bytes(rest)) {
                framing::Frame::Whole { length, padding } => {
                    at += length;
                    self.since_listeners += 1;
                    if !self.take_message(now, id, rest.slice(0..length - padding)) {
                        return self.close_stream(now, id);
                    }
                }
                framing::Frame::Partial { needed } if needed <= turnd_net::SLOT_CAPACITY => {
                    return self.keep(id, rest);
                }
                framing::Frame::Partial { .. } | framing::Frame::Broken => {
                    return self.close_stream(now, id);
                }
            }
            let phase = self.streams.connections.get(id).map(|it| it.phase);
            match phase {
                Some(Phase::Serving { .. }) => {}
                // What follows may not be a message any more.
                Some(_) => return self.keep(id, bytes.slice(at..bytes.len())),
                None => return,
            }
        }
    }

    fn keep(&mut self, id: StreamId, rest: Piece) {
        if let Some(connection) = self.streams.connections.get_mut(id) {
            connection.keep(self.slots.bytes(rest));
        }
    }

    /// Serves one message; `false` if it is none, after which the stream cannot be trusted.
    pub(super) fn take_message(&mut self, now: Now, id: StreamId, message: Piece) -> bool {
        let bytes = self.slots.bytes(message);
        let Some(connection) = self.streams.connections.get_mut(id) else {
            return true;
        };
        connection.phase = Phase::Serving { heard: true };
        self.streams.strangers.forget(id, connection);
        // ChannelData begins with the bits 01, STUN with 00 (RFC 8489 section 5).
        let is_stun = bytes.first().is_some_and(|&first| first < 0x40);
        if is_stun && Message::parse(bytes).is_err() {
            return false;
        }
        let client = Client {
            listener: ListenerId(Socket::Stream(id).number()),
            path: connection.path,
        };
        self.serve_message(now, client, message);
        true
    }

    /// A read that brought no message may have brought a part of the TLS handshake.
    fn handshake_goes_on(&mut self, now: Now, id: StreamId) {
        let Some(connection) = self.streams.connections.get_mut(id) else {
            return;
        };
        if connection.drain(now.instant).is_err() {
            return self.close_stream(now, id);
        }
        if connection.phase == Phase::Handshake && !connection.layer.is_handshaking() {
            self.counts.handshakes.tls_done += 1;
            connection.phase = Phase::Serving { heard: false };
        }
    }

    /// The other end is gone, or does not speak TLS as it should; then it is told.
    pub(super) fn stream_failed(&mut self, now: Now, id: StreamId, error: &io::Error) {
        if error.kind() == ErrorKind::InvalidData
            && let Some(connection) = self.streams.connections.get_mut(id)
        {
            let _ = connection.drain(now.instant);
        }
        self.close_stream(now, id);
    }

    // Writing.

    /// Writes what was put together for one stream.
    pub(super) fn send_staged(&mut self, now: Now) {
        self.send_staged_as(now, Kind::Data);
    }

    fn send_staged_as(&mut self, now: Now, kind: Kind) {
        let streams = &mut self.streams;
        let Some(id) = streams.staging.to() else {
            return;
        };
        let sent = match streams.connections.get_mut(id) {
            Some(connection) if connection.phase != Phase::Ending => {
                let kind = match kind {
                    Kind::Data if self.parts.stream_rules.memory.is_short() => Kind::DataInNeed,
                    kind => kind,
                };
                connection.send(now.instant, kind, &streams.staging)
            }
            _ => Ok(0),
        };
        streams.staging.clear();
        match sent {
            // A client that does not even read its answers.
            Ok(left_out) if left_out > 0 && kind == Kind::Answer => self.close_stream(now, id),
            Ok(left_out) => {
                self.streams.left_out += left_out;
                self.counts.send_drops.slow_reader += left_out;
                self.settle(now, id);
            }
            Err(_) => self.close_stream(now, id),
        }
        self.report_left_out(now);
    }

    pub(super) fn reply_on_stream(&mut self, now: Now, id: StreamId, bytes: &[u8]) {
        self.send_staged(now);
        self.streams.staging.push(id, &[bytes]);
        self.send_staged_as(now, Kind::Answer);
        if let Some(connection) = self.streams.connections.get_mut(id)
            && connection.phase == Phase::Binding
        {
            connection.phase = Phase::Serving { heard: true };
            self.streams.resumed.push(id);
        }
    }

    // Time.

    pub(super) fn next_stream_timeout(&self, now: Instant) -> Option<Instant> {
        let timer = self.streams.timers.first().map(|&(due, _)| due);
        let handshake = self
            .streams
            .may_begin()
            .then(|| self.streams.handshakes.next(now));
        let resting = self.streams.resting.front().map(|&(until, _)| until);
        [timer, handshake, resting].into_iter().flatten().min()
    }

    pub(super) fn handle_stream_timeouts(&mut self, now: Now) {
        self.wake_listeners(now.instant);
        while let Some(&(due, id)) = self.streams.timers.first() {
            if due > now.instant {
                return;
            }
            self.streams.timers.pop_first();
            let Some(connection) = self.streams.connections.get_mut(id) else {
                continue;
            };
            let next = next_look(connection, &self.parts.server, &self.peers, now.instant);
            connection.due = next;
            if next > now.instant {
                self.streams.timers.insert((next, id));
            } else {
                self.close_stream(now, id);
            }
        }
    }

    /// Looks at a connection at `due`, if nothing makes it look earlier.
    pub(super) fn hurry(&mut self, id: StreamId, due: Instant) {
        let Some(connection) = self.streams.connections.get_mut(id) else {
            return;
        };
        if due < connection.due {
            self.streams.timers.remove(&(connection.due, id));
            connection.due = due;
            self.streams.timers.insert((due, id));
        }
    }

    /// The connection is over, and its allocation with it.
    pub(super) fn close_stream(&mut self, now: Now, id: StreamId) {
        let Some(mut connection) = self.streams.connections.remove(id) else {
            return;
        };
        self.streams.timers.remove(&(connection.due, id));
        self.streams.strangers.forget(id, &mut connection);
        self.counts.stream_closed(&connection);
        // Of two connections that a proxy says are of the same addresses, the other may have it.
        let listener = self.parts.server.listener_of(&connection.path);
        if listener.is_none_or(|it| Socket::of(it.0) == Socket::Stream(id)) {
            self.parts.server.handle_closed(now, &connection.path);
        }
        let phase = connection.phase;
        drop(connection);
        if let Phase::Joined(peer) = phase {
            self.end_peer(now, peer);
        }
        self.drain(now);
    }

    fn report_left_out(&mut self, now: Now) {
        if self.streams.left_out == 0 {
            return;
        }
        let at = Duration::from_millis(now.instant.as_millis());
        if self.slow_readers.allow(at).is_some() {
            let count = std::mem::take(&mut self.streams.left_out);
            tracing::info!("{count} messages left out for clients that read too slowly");
        }
    }
}

fn at_most(bytes: &mut [u8], most: usize) -> &mut [u8] {
    let length = bytes.len().min(most);
    &mut bytes[..length]
}

/// Whether a connection is read in this phase.
fn reads(phase: Phase) -> bool {
    match phase {
        Phase::Opening | Phase::Handshake | Phase::Serving { .. } | Phase::Http | Phase::Ending => {
            true
        }
        Phase::Hello | Phase::Binding | Phase::Moving | Phase::Joined(_) => false,
    }
}

/// When to look at a connection again: by then something must have happened, or it ends.
fn next_look(connection: &Connection, server: &Server, peers: &Peers, now: Instant) -> Instant {
    let deadline = match connection.phase {
        Phase::Opening | Phase::Serving { heard: false } | Phase::Http => {
            connection.accepted + FIRST_MESSAGE
        }
        // The look that was asked for when the hello came.
        Phase::Hello | Phase::Handshake => connection.due,
        Phase::Serving { heard: true } if server.has_allocation(&connection.path) => now + IDLE,
        Phase::Serving { heard: true } => match connection.unfinished_since {
            Some(since) => since + FIRST_MESSAGE,
            None => connection.last_heard + IDLE,
        },
        Phase::Binding | Phase::Moving => connection.last_heard + IDLE,
        Phase::Ending => connection.last_heard + ENDING,
        // Lives as long as the allocation; the kernel finds out if the other end is gone.
        Phase::Joined(peer) if !peers.is_ending(peer) => return now + IDLE,
        Phase::Joined(_) => return connection.last_heard + IDLE,
    };
    let stuck = connection.queue.stuck_since().map(|since| since + STUCK);
    stuck.map_or(deadline, |stuck| stuck.min(deadline))
}
