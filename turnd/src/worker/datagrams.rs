//! Datagrams: from clients to peers, from peers to clients, and out.

use std::net::{IpAddr, SocketAddr};

use turnd_net::{Outbox, Piece, Received, Segments};
use turnd_proto::{
    Client, ClientHop, FiveTuple, ListenerId, Now, PeerHop, RelayId, Run, Transport,
};
use turnd_wire::channel_data;

use super::{Worker, dtls, relays::Relay};
use crate::{
    sockets::{Listener, Numbered, Socket},
    streams::StreamId,
};

/// ChannelData that was relayed, for what may follow it.
struct Repeatable {
    header: [u8; channel_data::HEADER_LENGTH],
    /// Bytes of the whole message.
    length: usize,
    hop: PeerHop,
    /// How many more went the same way.
    repeated: usize,
    /// It and what follows it.
    messages: Segments,
}

impl Worker {
    // From clients.

    pub(super) fn read_listener(&mut self, now: Now, at: usize) {
        let Some(listener) = self.listeners.get_mut(at) else {
            return;
        };
        let most = listener.helping.next();
        self.make_room(now, most);
        self.received.clear();
        let Some(listener) = self.listeners.get_mut(at) else {
            return;
        };
        let (wildcard, bound) = (listener.is_wildcard, listener.socket.local_addr());
        let (takes, took) = (listener.takes, listener.took);
        let received = listener
            .socket
            .recv(&mut self.slots, most, &mut self.received);
        match received {
            Ok(count) => listener.helping.got(count),
            Err(error) => self.report(now, "receive from clients", &error),
        }
        self.counts.received(&self.received);
        for index in 0..self.received.len() {
            let received = self.received[index];
            let server = match received.local {
                Some(ip) if wildcard => SocketAddr::new(ip, bound.port()),
                _ => bound,
            };
            if took.secure && self.begins_encrypted(&received) {
                let path = dtls::path(received.from, server);
                if takes.secure || self.is_served(&dtls::five_tuple(path)) {
                    self.serve_encrypted(now, at, path, &received);
                }
                continue;
            }
            let client = Client {
                listener: ListenerId(Socket::Listener(at).number()),
                path: FiveTuple {
                    transport: Transport::Udp,
                    client: received.from,
                    server,
                },
            };
            let is_welcome = takes.plain || self.is_served(&client.path);
            if !is_welcome || self.goes_on(&client, self.slots.segments(&received)) {
                continue;
            }
            self.serve_client(now, client, &received);
        }
    }

    /// The datagrams of a run are of one length and one moment, and of one protocol.
    fn begins_encrypted(&self, received: &Received) -> bool {
        let first = self.slots.segments(received).next();
        first.is_some_and(|first| dtls::is_dtls(self.slots.bytes(first)))
    }

    /// Takes what one client sent, which may be a run of datagrams. ChannelData with the header of
    /// the one before it goes the same way without another look.
    fn serve_client(&mut self, now: Now, client: Client, received: &Received) {
        let mut last: Option<Repeatable> = None;
        let mut segments = self.slots.segments(received);
        loop {
            let messages = segments.clone();
            let Some(segment) = segments.next() else {
                break;
            };
            let datagram = self.slots.bytes(segment);
            let header = datagram.first_chunk().copied();
            let length = datagram.len();
            if let Some(before) = &mut last
                && Some(before.header) == header
                && before.length == length
            {
                before.repeated += 1;
                if before.hop.hairpin.is_none() {
                    push_to_peer(&mut self.outbox, &before.hop, segment);
                }
                continue;
            }
            self.finish_run(now, last.take());
            let datagram = self.slots.bytes(segment);
            let hop = self.parts.server.handle_datagram(now, client, datagram);
            let Some(hop) = hop else {
                self.drain(now);
                continue;
            };
            let Some(header) = header.filter(|_| hop.may_repeat) else {
                self.send_to_peer(now, &hop, segment);
                continue;
            };
            if hop.hairpin.is_none() {
                push_to_peer(&mut self.outbox, &hop, segment);
            }
            last = Some(Repeatable {
                header,
                length,
                hop,
                repeated: 0,
                messages,
            });
        }
        self.finish_run(now, last.take());
    }

    /// Counts what was not asked for, and turns the run around if it is for a relay of this server.
    fn finish_run(&mut self, now: Now, last: Option<Repeatable>) {
        let Some(last) = last else {
            return;
        };
        if last.repeated > 0 {
            let server = &mut self.parts.server;
            server.count_repeated(&last.hop, last.repeated, last.length);
        }
        if let Some(way) = last.hop.hairpin {
            let count = last.repeated + 1;
            let data = last.hop.data;
            let run = Run {
                datagrams: u32::try_from(count).unwrap_or(u32::MAX),
                each: data.len(),
                bytes: data.len() * count,
            };
            let messages = last.messages.take(count);
            let pieces = messages.map(|message| message.unwrapped(data.clone()));
            self.turn_around(now, way, run, pieces);
        }
    }

    /// Takes one message that came on a stream.
    pub(super) fn serve_message(&mut self, now: Now, client: Client, message: Piece) {
        let bytes = self.slots.bytes(message);
        match self.parts.server.handle_datagram(now, client, bytes) {
            Some(hop) => self.send_to_peer(now, &hop, message),
            None => self.drain(now),
        }
    }

    /// DF is a property of the socket: what waits leaves first, then this datagram alone.
    pub(super) fn send_unfragmented(&mut self, now: Now, hop: &PeerHop, segment: Piece) {
        self.send(now);
        let set = |worker: &Self, on| {
            let relay = worker.relays.get(hop.relay).map(Relay::socket);
            relay.is_some_and(|socket| socket.set_dont_fragment(on).is_ok())
        };
        if set(self, true) {
            push_to_peer(&mut self.outbox, hop, segment);
            let dropped = self.counts.send_drops.error;
            self.send(now);
            set(self, false);
            if self.counts.send_drops.error > dropped {
                self.tell_undelivered(now, hop.relay, Some(hop.peer.wire()));
            }
        }
    }

    // From peers.

    pub(super) fn read_relay(&mut self, now: Now, relay: RelayId) {
        let Some(socket) = self.relays.get_mut(relay) else {
            return self.accept_peers(now, relay);
        };
        let most = socket.helping.next();
        self.make_room(now, most);
        self.received.clear();
        let Some(relay_socket) = self.relays.get_mut(relay) else {
            return;
        };
        let socket = relay_socket.socket();
        match socket.recv(&mut self.slots, most, &mut self.received) {
            Ok(count) => relay_socket.helping.got(count),
            Err(error) => self.report(now, "receive from peers", &error),
        }
        self.counts.received(&self.received);
        self.since_listeners += self.received.len();
        for index in 0..self.received.len() {
            let received = self.received[index];
            self.serve_peer(now, relay, &received);
        }
        self.send_staged(now);
    }

    /// Takes what one peer sent, which may be a run of datagrams: they all go the same way.
    fn serve_peer(&mut self, now: Now, relay: RelayId, received: &Received) {
        let run = Run {
            datagrams: u32::try_from(received.datagrams()).unwrap_or(u32::MAX),
            each: received.stride.min(received.len),
            bytes: received.len,
        };
        let data = self.slots.segments(received);
        self.deliver(now, relay, received.from, run, data);
    }

    /// Sends the client of a relay what arrived there from `from`.
    pub(super) fn deliver(
        &mut self,
        now: Now,
        relay: RelayId,
        from: SocketAddr,
        run: Run,
        data: impl Iterator<Item = Piece>,
    ) {
        let Some(hop) = self.parts.server.to_client(now, relay, from, run) else {
            return;
        };
        let data = (0..hop.datagrams).zip(data);
        match Socket::of(hop.to.listener.0) {
            Socket::Stream(id) => self.stage_run(now, id, &hop, data),
            _ if hop.to.path.transport == Transport::Dtls => self.encrypt_run(now, &hop, data),
            socket => self.push_run(socket, &hop, data),
        }
    }

    /// A run to a client that is reached by datagrams.
    fn push_run(
        &mut self,
        socket: Socket,
        hop: &ClientHop,
        data: impl Iterator<Item = (u32, Piece)>,
    ) {
        let source = source(&self.listeners, socket, &hop.to);
        let (socket, to) = (socket.number(), hop.to.path.client);
        for (nth, piece) in data {
            let Some(wrapping) = hop.frame.around(self.slots.bytes(piece), nth) else {
                continue;
            };
            let whole = self.slots.prepend(wrapping.prefix(), piece);
            let (first, second) = match whole {
                Some(whole) => (whole, None),
                None => (self.outbox.scratch(wrapping.prefix()), Some(piece)),
            };
            let suffix = wrapping.suffix();
            let last = (!suffix.is_empty()).then(|| self.outbox.scratch(suffix));
            let pieces = [Some(first), second, last].into_iter().flatten();
            self.outbox.push(socket, to, source, pieces);
        }
    }

    /// A run to a client that is reached by a stream. It is written with what else there is for it in this
    /// turn.
    fn stage_run(
        &mut self,
        now: Now,
        id: StreamId,
        hop: &ClientHop,
        data: impl Iterator<Item = (u32, Piece)>,
    ) {
        if self.streams.staging.to() != Some(id) {
            self.send_staged(now);
        }
        for (nth, piece) in data {
            let data = self.slots.bytes(piece);
            if let Some(wrapping) = hop.frame.around(data, nth) {
                let parts = [wrapping.prefix(), data, wrapping.suffix()];
                self.streams.staging.push(id, &parts);
            }
        }
    }

    // Out.

    /// Sends an answer through a socket for datagrams.
    pub(super) fn push_reply(&mut self, socket: Socket, to: &Client, bytes: &[u8]) {
        let source = source(&self.listeners, socket, to);
        self.outbox
            .push_answer(socket.number(), to.path.client, source, bytes);
    }

    /// Makes sure that `count` datagrams can be received.
    pub(super) fn make_room(&mut self, now: Now, count: usize) {
        if self.slots.free() < count {
            self.flush(now);
        }
    }

    /// Sends what waits and starts the buffers over.
    pub(super) fn flush(&mut self, now: Now) {
        self.send_staged(now);
        self.send(now);
        self.slots.clear();
        self.return_parcels();
    }

    pub(super) fn send(&mut self, now: Now) {
        if self.outbox.is_empty() {
            return;
        }
        let (listeners, relays) = (&self.listeners, &self.relays);
        let flushed = self
            .outbox
            .flush(&self.slots, |number| match Socket::of(number) {
                Socket::Listener(at) | Socket::Foreign { at, .. } => {
                    listeners.get(at).map(|listener| &listener.socket)
                }
                Socket::Relay(relay) => relays.get(relay).map(Relay::socket),
                Socket::Acceptor(_) | Socket::Stream(_) | Socket::PeerStream(_) => None,
            });
        self.dropped += flushed.dropped;
        self.counts.flushed(&flushed);
        if let Some(error) = &flushed.last_error {
            self.report(now, "send", error);
        }
    }
}

/// The source address of an answer, where the socket has none itself.
pub(super) fn source(
    listeners: &Numbered<Listener>,
    socket: Socket,
    to: &Client,
) -> Option<IpAddr> {
    let (Socket::Listener(at) | Socket::Foreign { at, .. }) = socket else {
        return None;
    };
    let is_wildcard = listeners.get(at)?.is_wildcard;
    is_wildcard.then_some(to.path.server.ip())
}

pub(super) fn push_to_peer(outbox: &mut Outbox, hop: &PeerHop, datagram: Piece) {
    let data = datagram.slice(hop.data.clone());
    let relay = Socket::Relay(hop.relay).number();
    outbox.push(relay, hop.peer.wire(), None, [data]);
}
