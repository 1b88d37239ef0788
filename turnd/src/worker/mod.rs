//! A worker: one thread with its own sockets, its own server and its own buffers. Nothing on the way
//! of a packet is shared, locked, queued or copied.
//!
//! A turn of the loop, in this order:
//! 1. letters from other threads, and a batch of the parcels of other workers,
//! 2. what is due,
//! 3. each socket that has something, one batch of it and no more: who has the most to say is heard
//!    again next turn, after everyone else,
//! 4. TLS hellos are given to the thread that answers them, because that takes longer than anything
//!    that a turn may do,
//! 5. what is to be sent leaves, for other workers too.

mod accepting;
mod coalescing;
mod counting;
mod datagrams;
mod dtls;
mod hairpin;
#[cfg(debug_assertions)]
mod injection;
mod mobility;
mod opening;
mod outputs;
mod peers;
mod reconfigure;
mod relays;
mod revival;
mod splice;
mod strangers;
mod streams;
mod undelivered;

use std::{io, sync::Arc, time::Duration};

use slotmap::SecondaryMap;
use turnd_net::{Events, Interest, LogLimit, Outbox, Poller, Received, Slots};
use turnd_proto::{Instant, Now, RelayId, Server};

use crate::{
    auth::KeySources,
    clock::{Clock, TurnClock},
    control::Live,
    dtls::{Dtls, MAX_MESSAGE},
    listeners::Sockets,
    mailbox::{Mailbox, Sender},
    parcels::Parcels,
    ports::RelayPorts,
    report::{LoopCounters, Pulse},
    session_log::SessionLog,
    sockets::{Acceptor, Listener, Numbered, Socket},
};

use coalescing::Coalescing;
use hairpin::Unpacked;
use mobility::Moved;
use peers::Peers;
use reconfigure::Retiring;
pub use reconfigure::{Fates, Reconfigure};
use relays::Relay;
use streams::Streams;
pub use streams::{StreamRules, Tls};

/// Datagrams (or runs that the kernel put together) that wait in memory at a time. What lies there in one round leaves
/// together, so that there are runs among what many clients sent one by one.
const SLOTS: usize = 256;
/// Datagrams and messages from elsewhere after which the listeners are read in the midst of a turn.
const HEAR_LISTENERS_AFTER: usize = 64;
/// Ready sockets that are looked at in one turn.
const EVENTS: usize = 256;
/// How often an error of a socket may be logged.
const ERROR_INTERVAL: Duration = Duration::from_secs(60);

/// What a worker is made of.
pub struct Parts {
    /// Which of the workers this is.
    pub index: usize,
    /// The state machine.
    pub server: Server,
    /// The poller whose waker the mailbox has.
    pub poller: Poller,
    /// Its sockets of the listening addresses.
    pub sockets: Sockets,
    /// Associations of DTLS, if it is offered.
    pub dtls: Option<Dtls>,
    /// What holds for connections.
    pub stream_rules: Arc<StreamRules>,
    /// Letters to it.
    pub mailbox: Mailbox,
    /// Letters to all workers.
    pub workers: Vec<Sender>,
    /// Where keys come from.
    pub keys: Arc<KeySources>,
    /// Where relay sockets come from.
    pub ports: Arc<RelayPorts>,
    /// What time it is.
    pub clock: Clock,
    /// How long to pause for more packets when many come.
    pub coalesce: Duration,
    /// Where events go.
    pub log: SessionLog,
    /// Where it shows that it goes on.
    pub pulse: Arc<Pulse>,
    /// Where to tell how many allocations there are.
    pub live: Live,
}

/// One worker.
pub struct Worker {
    parts: Parts,
    clock: TurnClock,
    listeners: Numbered<Listener>,
    acceptors: Numbered<Acceptor>,
    retiring: Retiring,
    relays: SecondaryMap<RelayId, Relay>,
    slots: Slots,
    outbox: Outbox,
    received: Vec<Received>,
    parcels: Parcels,
    unpacked: Unpacked,
    /// Datagrams of peers, runs of other workers and messages on streams that were served since the listeners
    /// were read.
    since_listeners: usize,
    streams: Streams,
    moved: Moved,
    peers: Peers,
    /// Whether outputs of the state machine are being carried out.
    is_draining: bool,
    /// Questions to other workers that are not answered yet.
    asked: usize,
    dtls: Option<Dtls>,
    /// What was decrypted last.
    plain: Box<[u8]>,
    /// What is to be encrypted next.
    message: Vec<u8>,
    errors: LogLimit,
    slow_readers: LogLimit,
    untrusted: LogLimit,
    /// Datagrams that could not be sent since the last line about it.
    dropped: u64,
    counts: LoopCounters,
    /// How many allocations there were when that was told last.
    told: usize,
}

impl Worker {
    /// Registers the listeners.
    ///
    /// # Errors
    /// When the poller does not take a listener.
    pub fn new(mut parts: Parts) -> io::Result<Self> {
        let sockets = std::mem::take(&mut parts.sockets);
        for (at, listener) in &sockets.listeners {
            let token = Socket::Listener(*at).token();
            parts
                .poller
                .add(&listener.socket, token, Interest::READABLE)?;
        }
        for (at, acceptor) in &sockets.acceptors {
            let token = Socket::Acceptor(*at).token();
            parts
                .poller
                .add(&acceptor.socket, token, Interest::READABLE)?;
        }
        Ok(Self {
            clock: parts.clock.in_turns(),
            streams: Streams::new(&parts.stream_rules),
            plain: vec![0; if parts.dtls.is_some() { MAX_MESSAGE } else { 0 }].into_boxed_slice(),
            moved: Moved::default(),
            peers: Peers::default(),
            is_draining: false,
            asked: 0,
            dtls: parts.dtls.take(),
            message: Vec::new(),
            parcels: Parcels::new(parts.index, parts.workers.clone()),
            unpacked: Unpacked::default(),
            parts,
            listeners: sockets.listeners.into_iter().collect(),
            acceptors: sockets.acceptors.into_iter().collect(),
            retiring: Retiring::default(),
            relays: SecondaryMap::new(),
            slots: Slots::new(SLOTS),
            outbox: Outbox::new(),
            received: Vec::new(),
            since_listeners: 0,
            errors: LogLimit::new(ERROR_INTERVAL),
            slow_readers: LogLimit::new(ERROR_INTERVAL),
            untrusted: LogLimit::new(ERROR_INTERVAL),
            dropped: 0,
            counts: LoopCounters::default(),
            told: 0,
        })
    }

    /// Serves until told to stop. After a panic it may be entered again, when [`Self::revive`] has put things in
    /// order.
    ///
    /// # Errors
    /// When the poller fails, which nothing can be done about.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        let mut ended = std::time::Instant::now();
        let mut coalescing = Coalescing::new(self.parts.coalesce, ended);
        coalescing.prepare_thread();
        // Who woke this thread may have been heard by the turn that a panic ended.
        let now = self.clock.at(ended);
        if self.read_letters(now) == Go::Stop {
            return Ok(());
        }
        self.unpacked.more = true;
        loop {
            let (poller, received) = (&self.parts.poller, self.counts.received);
            if self.unpacked.more {
                poller.look(&mut events)?;
            } else {
                coalescing.wait(poller, &mut events, self.next_due(ended), ended, received)?;
            }
            let began = std::time::Instant::now();
            let now = self.clock.at(began);
            self.parts.pulse.beat(now.instant);
            if events.woken() && self.read_letters(now) == Go::Stop {
                return Ok(());
            }
            if events.woken() || self.unpacked.more {
                self.read_parcels(now);
            }
            self.do_what_is_due(now);
            for (token, readiness) in events.iter() {
                match Socket::from(token) {
                    Socket::Listener(at) => self.read_listener(now, at),
                    Socket::Relay(relay) => {
                        if readiness.error {
                            self.read_undelivered(now, relay);
                        }
                        self.read_relay(now, relay);
                    }
                    Socket::Acceptor(at) => self.accept(now, at),
                    Socket::Stream(id) => self.stream_ready(now, id, readiness),
                    Socket::PeerStream(id) => self.peer_ready(now, id, readiness),
                    // No socket of its own.
                    Socket::Foreign { .. } => {}
                }
                self.hear_listeners(now);
            }
            self.resume_streams(now);
            self.begin_handshakes(now);
            self.drain(now);
            self.move_streams(now);
            self.parcels.send();
            self.flush(now);
            ended = std::time::Instant::now();
            self.counts.turn(ended - began);
            self.tell_allocations();
        }
    }

    fn tell_allocations(&mut self) {
        let allocations = self.parts.server.allocations();
        if allocations != self.told {
            self.told = allocations;
            self.parts.live.set(self.parts.index, allocations);
        }
    }

    /// A turn may be long when many peers or connections have much to say. Their sockets have buffers of
    /// their own, while all clients share that of a listener, which must not overflow meanwhile. What they sent
    /// does not wait for the end of the turn either.
    fn hear_listeners(&mut self, now: Now) {
        if self.since_listeners < HEAR_LISTENERS_AFTER {
            return;
        }
        let waited = self.outbox.len();
        for at in 0..self.listeners.len() {
            self.read_listener(now, at);
        }
        self.since_listeners = 0;
        if self.outbox.len() > waited {
            self.send(now);
        }
    }

    /// When something is due next, whatever comes, at the end of a turn.
    fn next_due(&self, ended: std::time::Instant) -> Option<std::time::Instant> {
        let now = self.parts.clock.instant(ended);
        let due = [
            self.parts.server.next_timeout(),
            self.next_stream_timeout(now),
            self.next_dtls_timeout(),
            self.next_retiring_timeout(),
            self.peers.paused.first().map(|&(due, _)| due),
        ];
        let due = due.into_iter().flatten().min()?;
        self.parts.clock.when(due)
    }

    fn do_what_is_due(&mut self, now: Now) {
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now.instant);
        if is_due(self.parts.server.next_timeout()) {
            self.parts.server.handle_timeout(now);
            self.drain(now);
        }
        self.handle_stream_timeouts(now);
        self.handle_dtls_timeouts(now);
        self.look_at_retiring(now);
        self.wake_paused(now);
    }

    /// Logs an error of a socket: transient, not fatal, and not more than once a minute.
    fn report(&mut self, now: Now, what: &str, error: &io::Error) {
        let at = Duration::from_millis(now.instant.as_millis());
        if let Some(held_back) = self.errors.allow(at) {
            let dropped = std::mem::take(&mut self.dropped);
            tracing::warn!(
                "cannot {what}: {error} ({dropped} datagrams dropped, {held_back} such errors not logged before)"
            );
        }
    }
}

/// Whether the loop goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Go {
    On,
    Stop,
}
