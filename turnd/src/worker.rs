//! A worker: one thread with its own sockets, its own server and its own buffers. Nothing on the way
//! of a packet is shared, locked, queued or copied.
//!
//! A turn of the loop, in this order:
//! 1. letters from other threads,
//! 2. what is due,
//! 3. each socket that has something, one batch of it and no more: who has the most to say is heard
//!    again next turn, after everyone else,
//! 4. what is to be sent leaves.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use slotmap::{Key, SecondaryMap};
use turnd_net::{Events, Interest, LogLimit, Outbox, Piece, Poller, Received, Slots, Token};
use turnd_proto::{
    Answer, Ask, Client, FiveTuple, ListenerId, Now, OpenedRelay, Output, PeerHop, PortWish,
    RelayId, RelayRefusal, Server, Transport,
};
use turnd_wire::{Family, channel_data};

use crate::{
    auth::KeySources,
    clock::Clock,
    mailbox::{Letter, Mailbox, Sender},
    ports::{RelayPorts, RelaySocket, Wish},
    session_log::SessionLog,
    sockets::{Listener, Socket, listener_token},
};

/// Datagrams (or runs that the kernel put together) that wait in memory at a time.
const SLOTS: usize = 64;
/// Most that is read from a listener in one turn.
const LISTENER_BATCH: usize = 32;
/// Most that is read from a relay in one turn.
const RELAY_BATCH: usize = 16;
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
    pub listeners: Vec<Listener>,
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
    /// Where events go.
    pub log: SessionLog,
}

/// One worker.
pub struct Worker {
    parts: Parts,
    relays: SecondaryMap<RelayId, RelaySocket>,
    slots: Slots,
    outbox: Outbox,
    received: Vec<Received>,
    errors: LogLimit,
    /// Datagrams that could not be sent since the last line about it.
    dropped: u64,
}

impl Worker {
    /// Registers the listeners.
    ///
    /// # Errors
    /// When the poller does not take a listener.
    pub fn new(parts: Parts) -> io::Result<Self> {
        for (at, listener) in parts.listeners.iter().enumerate() {
            parts
                .poller
                .add(&listener.socket, listener_token(at), Interest::READABLE)?;
        }
        Ok(Self {
            parts,
            relays: SecondaryMap::new(),
            slots: Slots::new(SLOTS),
            outbox: Outbox::new(),
            received: Vec::new(),
            errors: LogLimit::new(ERROR_INTERVAL),
            dropped: 0,
        })
    }

    /// Serves until told to stop.
    ///
    /// # Errors
    /// When the poller fails, which nothing can be done about.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let timeout = self.timeout();
            self.parts.poller.wait(&mut events, timeout)?;
            let now = self.parts.clock.now();
            if events.woken() && self.read_letters(now) == Go::Stop {
                return Ok(());
            }
            if self
                .parts
                .server
                .next_timeout()
                .is_some_and(|due| due <= now.instant)
            {
                self.parts.server.handle_timeout(now);
                self.drain(now);
            }
            for (token, _) in events.iter() {
                match Socket::from(token) {
                    Socket::Listener(at) => self.read_listener(now, at),
                    Socket::Relay(relay) => self.read_relay(now, relay),
                }
            }
            self.flush(now);
        }
    }

    fn timeout(&self) -> Option<Duration> {
        let due = self.parts.server.next_timeout()?;
        Some(due.since(self.parts.clock.now().instant))
    }

    // From clients.

    fn read_listener(&mut self, now: Now, at: usize) {
        self.make_room(now, LISTENER_BATCH);
        self.received.clear();
        let listener = &self.parts.listeners[at];
        let (wildcard, bound) = (listener.is_wildcard, listener.socket.local_addr());
        if let Err(error) =
            listener
                .socket
                .recv(&mut self.slots, LISTENER_BATCH, &mut self.received)
        {
            self.report(now, "receive from clients", &error);
        }
        for index in 0..self.received.len() {
            let received = self.received[index];
            let server = match received.local {
                Some(ip) if wildcard => SocketAddr::new(ip, bound.port()),
                _ => bound,
            };
            let client = Client {
                listener: ListenerId(u32::try_from(at).unwrap_or(u32::MAX)),
                path: FiveTuple {
                    transport: Transport::Udp,
                    client: received.from,
                    server,
                },
            };
            self.serve_client(now, client, &received);
        }
    }

    /// Takes what one client sent, which may be a run of datagrams. ChannelData with the header of
    /// the one before it goes the same way without another look.
    fn serve_client(&mut self, now: Now, client: Client, received: &Received) {
        let mut last: Option<([u8; channel_data::HEADER_LENGTH], usize, PeerHop)> = None;
        for segment in self.slots.segments(received) {
            let datagram = self.slots.bytes(segment);
            let header = datagram.first_chunk::<{ channel_data::HEADER_LENGTH }>();
            if let (Some((same, length, hop)), Some(header)) = (&last, header)
                && same == header
                && *length == datagram.len()
            {
                push_to_peer(&mut self.outbox, hop, segment);
                continue;
            }
            let hop = self.parts.server.handle_datagram(now, client, datagram);
            let Some(hop) = hop else {
                self.drain(now);
                continue;
            };
            if hop.dont_fragment {
                self.send_unfragmented(now, &hop, segment);
            } else {
                push_to_peer(&mut self.outbox, &hop, segment);
                let is_channel_data = hop.data.start == channel_data::HEADER_LENGTH;
                last = header
                    .filter(|_| is_channel_data)
                    .map(|header| (*header, datagram.len(), hop));
            }
        }
    }

    /// DF is a property of the socket: what waits leaves first, then this datagram alone.
    fn send_unfragmented(&mut self, now: Now, hop: &PeerHop, segment: Piece) {
        self.send(now);
        let set = |worker: &Self, on| {
            let relay = worker.relays.get(hop.relay).map(RelaySocket::socket);
            relay.is_some_and(|socket| socket.set_dont_fragment(on).is_ok())
        };
        if set(self, true) {
            push_to_peer(&mut self.outbox, hop, segment);
            self.send(now);
            set(self, false);
        }
    }

    // From peers.

    fn read_relay(&mut self, now: Now, relay: RelayId) {
        self.make_room(now, RELAY_BATCH);
        let Some(socket) = self.relays.get(relay) else {
            return;
        };
        self.received.clear();
        if let Err(error) = socket
            .socket()
            .recv(&mut self.slots, RELAY_BATCH, &mut self.received)
        {
            self.report(now, "receive from peers", &error);
        }
        for index in 0..self.received.len() {
            let received = self.received[index];
            self.serve_peer(now, relay, &received);
        }
    }

    /// Takes what one peer sent, which may be a run of datagrams: they all go the same way.
    fn serve_peer(&mut self, now: Now, relay: RelayId, received: &Received) {
        let segments = self.slots.segments(received);
        let count = u32::try_from(segments.len()).unwrap_or(u32::MAX);
        let Some(hop) = self
            .parts
            .server
            .to_client(now, relay, received.from, count)
        else {
            return;
        };
        let (socket, source) = self.towards(&hop.to);
        for (nth, segment) in (0..).zip(segments) {
            let Some(wrapping) = hop.frame.around(self.slots.bytes(segment), nth) else {
                continue;
            };
            let prefix = self.outbox.scratch(wrapping.prefix());
            let to = hop.to.path.client;
            if wrapping.suffix().is_empty() {
                self.outbox.push(socket, to, source, &[prefix, segment]);
            } else {
                let suffix = self.outbox.scratch(wrapping.suffix());
                self.outbox
                    .push(socket, to, source, &[prefix, segment, suffix]);
            }
        }
    }

    /// The socket to answer a client through, and the source address if the socket has none itself.
    fn towards(&self, client: &Client) -> (u64, Option<IpAddr>) {
        let at = client.listener.0;
        let is_wildcard = usize::try_from(at)
            .ok()
            .and_then(|at| self.parts.listeners.get(at))
            .is_some_and(|listener| listener.is_wildcard);
        (
            u64::from(at),
            is_wildcard.then_some(client.path.server.ip()),
        )
    }

    // What the server wants done.

    fn drain(&mut self, now: Now) {
        while let Some(output) = self.parts.server.poll_output() {
            match output {
                Output::Reply { to, bytes } => {
                    let (socket, source) = self.towards(&to);
                    let bytes = self.outbox.scratch(&bytes);
                    self.outbox.push(socket, to.path.client, source, &[bytes]);
                }
                Output::Ask(id, Ask::FindKeys { user }) => {
                    let keys = self.parts.keys.find(&user, now.unix);
                    self.parts.server.handle_answer(now, id, Answer::Keys(keys));
                }
                Output::Ask(
                    id,
                    Ask::OpenRelay {
                        relay,
                        family,
                        port,
                    },
                ) => {
                    let opened = self.open_relay(relay, family, port);
                    self.parts
                        .server
                        .handle_answer(now, id, Answer::Relay(opened));
                }
                Output::Ask(ask, Ask::ClaimReservation { relay, token }) => {
                    let from = self.parts.index;
                    let letter = Letter::Claim {
                        from,
                        ask,
                        relay,
                        token,
                    };
                    let owner = self.parts.workers.get(usize::from(token[0]));
                    if owner.is_none_or(|owner| owner.send(letter).is_err()) {
                        let refused = Answer::Relay(Err(RelayRefusal::NoSuchReservation));
                        self.parts.server.handle_answer(now, ask, refused);
                    }
                }
                Output::CloseRelay(relay) => {
                    // What the client sent before it deleted its allocation waits for this socket.
                    self.send(now);
                    self.relays.remove(relay);
                }
                Output::Event(event) => self.parts.log.write(now.instant, &event),
            }
        }
    }

    fn open_relay(
        &mut self,
        relay: RelayId,
        family: Family,
        port: PortWish,
    ) -> Result<OpenedRelay, RelayRefusal> {
        let wish = match port {
            PortWish::Any => Wish::Any,
            PortWish::Even => Wish::Even,
            PortWish::EvenAndNext(_) => Wish::EvenAndNext,
        };
        let (socket, next) = self.parts.ports.open(family, wish)?;
        let address = self.adopt(relay, socket)?;
        let next = match (port, next) {
            (PortWish::EvenAndNext(relay), Some(next)) => Some(self.adopt(relay, next)?),
            _ => None,
        };
        Ok(OpenedRelay { address, next })
    }

    /// Makes a bound socket this worker's own.
    fn adopt(&mut self, relay: RelayId, socket: RelaySocket) -> Result<SocketAddr, RelayRefusal> {
        let token = Token::from(relay.data().as_ffi());
        let added = self
            .parts
            .poller
            .add(socket.socket(), token, Interest::READABLE);
        added.map_err(|_| RelayRefusal::NoCapacity)?;
        let address = socket.socket().local_addr();
        self.relays.insert(relay, socket);
        Ok(address)
    }

    // Letters.

    fn read_letters(&mut self, now: Now) -> Go {
        while let Some(letter) = self.parts.mailbox.take() {
            match letter {
                Letter::Stop => return Go::Stop,
                Letter::Claim {
                    from,
                    ask,
                    relay,
                    token,
                } => {
                    let claimed = self.parts.server.handle_claim(now, token);
                    let socket = claimed.and_then(|(relay, _)| {
                        let socket = self.relays.remove(relay)?;
                        self.parts.poller.remove(socket.socket()).ok()?;
                        Some(socket)
                    });
                    let letter = Letter::Claimed { ask, relay, socket };
                    if let Some(worker) = self.parts.workers.get(from) {
                        // A full mailbox loses the reservation; the other side stops waiting.
                        let _ = worker.send(letter);
                    }
                }
                Letter::Claimed { ask, .. } if !self.parts.server.is_waiting(ask) => {}
                Letter::Claimed { ask, relay, socket } => {
                    let opened = match socket {
                        Some(socket) => self.adopt(relay, socket).map(|address| OpenedRelay {
                            address,
                            next: None,
                        }),
                        None => Err(RelayRefusal::NoSuchReservation),
                    };
                    self.parts
                        .server
                        .handle_answer(now, ask, Answer::Relay(opened));
                    self.drain(now);
                }
            }
        }
        Go::On
    }

    // Sending.

    /// Makes sure that `count` datagrams can be received.
    fn make_room(&mut self, now: Now, count: usize) {
        if self.slots.free() < count {
            self.flush(now);
        }
    }

    /// Sends what waits and starts the buffers over.
    fn flush(&mut self, now: Now) {
        self.send(now);
        self.slots.clear();
    }

    fn send(&mut self, now: Now) {
        if self.outbox.is_empty() {
            return;
        }
        let (listeners, relays) = (&self.parts.listeners, &self.relays);
        let flushed = self
            .outbox
            .flush(&self.slots, |key| match Socket::from(Token::from(key)) {
                Socket::Listener(at) => listeners.get(at).map(|listener| &listener.socket),
                Socket::Relay(relay) => relays.get(relay).map(RelaySocket::socket),
            });
        self.dropped += flushed.dropped;
        if let Some(error) = &flushed.last_error {
            self.report(now, "send", error);
        }
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

fn push_to_peer(outbox: &mut Outbox, hop: &PeerHop, datagram: Piece) {
    let data = datagram.slice(hop.data.clone());
    outbox.push(hop.relay.data().as_ffi(), hop.peer.wire(), None, &[data]);
}
