//! Datagrams: from clients to peers, from peers to clients, and out.

use std::net::{IpAddr, SocketAddr};

use turnd_net::{Outbox, Piece, Received};
use turnd_proto::{
    Client, ClientHop, FiveTuple, ListenerId, Now, PeerHop, RelayId, Run, Server, Transport,
};
use turnd_wire::channel_data;

use super::{Worker, dtls, relays::Relay};
use crate::{
    sockets::{Listener, Numbered, Socket},
    streams::StreamId,
};

/// Most that is read from a listener in one turn.
const LISTENER_BATCH: usize = 32;

/// ChannelData that was relayed, for what may follow it.
struct Repeatable {
    header: [u8; channel_data::HEADER_LENGTH],
    /// Bytes of the whole message.
    length: usize,
    hop: PeerHop,
    /// How many more went the same way.
    repeated: usize,
}

impl Worker {
    // From clients.

    pub(super) fn read_listener(&mut self, now: Now, at: usize) {
        self.make_room(now, LISTENER_BATCH);
        self.received.clear();
        let Some(listener) = self.listeners.get(at) else {
            return;
        };
        let (wildcard, bound) = (listener.is_wildcard, listener.socket.local_addr());
        let (takes, took) = (listener.takes, listener.took);
        if let Err(error) =
            listener
                .socket
                .recv(&mut self.slots, LISTENER_BATCH, &mut self.received)
        {
            self.report(now, "receive from clients", &error);
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
                if takes.secure || self.parts.server.has_allocation(&dtls::five_tuple(path)) {
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
            let is_welcome = takes.plain || self.parts.server.has_allocation(&client.path);
            if !is_welcome {
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
        for segment in self.slots.segments(received) {
            let datagram = self.slots.bytes(segment);
            let header = datagram.first_chunk::<{ channel_data::HEADER_LENGTH }>();
            if let (Some(before), Some(header)) = (&mut last, header)
                && before.header == *header
                && before.length == datagram.len()
            {
                before.repeated += 1;
                push_to_peer(&mut self.outbox, &before.hop, segment);
                continue;
            }
            count_repeated(&mut self.parts.server, last.take());
            let hop = self.parts.server.handle_datagram(now, client, datagram);
            let Some(hop) = hop else {
                self.drain(now);
                continue;
            };
            if hop.dont_fragment {
                self.send_unfragmented(now, &hop, segment);
            } else {
                push_to_peer(&mut self.outbox, &hop, segment);
                last = header.filter(|_| hop.may_repeat).map(|header| Repeatable {
                    header: *header,
                    length: datagram.len(),
                    hop,
                    repeated: 0,
                });
            }
        }
        count_repeated(&mut self.parts.server, last.take());
    }

    /// Takes one message that came on a stream.
    pub(super) fn serve_message(&mut self, now: Now, client: Client, message: Piece) {
        let bytes = self.slots.bytes(message);
        match self.parts.server.handle_datagram(now, client, bytes) {
            Some(hop) if hop.dont_fragment => self.send_unfragmented(now, &hop, message),
            Some(hop) => push_to_peer(&mut self.outbox, &hop, message),
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
            self.send(now);
            set(self, false);
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
        let Some(hop) = self.parts.server.to_client(now, relay, received.from, run) else {
            return;
        };
        match Socket::of(hop.to.listener.0) {
            Socket::Stream(id) => self.stage_run(now, id, &hop, received),
            _ if hop.to.path.transport == Transport::Dtls => self.encrypt_run(now, &hop, received),
            socket => self.push_run(socket, &hop, received),
        }
    }

    /// A run to a client that is reached by datagrams.
    fn push_run(&mut self, socket: Socket, hop: &ClientHop, received: &Received) {
        let source = source(&self.listeners, socket, &hop.to);
        let (socket, to) = (socket.number(), hop.to.path.client);
        for (nth, segment) in (0..hop.datagrams).zip(self.slots.segments(received)) {
            let Some(wrapping) = hop.frame.around(self.slots.bytes(segment), nth) else {
                continue;
            };
            let prefix = self.outbox.scratch(wrapping.prefix());
            if wrapping.suffix().is_empty() {
                self.outbox.push(socket, to, source, &[prefix, segment]);
            } else {
                let suffix = self.outbox.scratch(wrapping.suffix());
                self.outbox
                    .push(socket, to, source, &[prefix, segment, suffix]);
            }
        }
    }

    /// A run to a client that is reached by a stream.
    fn stage_run(&mut self, now: Now, id: StreamId, hop: &ClientHop, received: &Received) {
        if self.streams.staging.to() != Some(id) {
            self.send_staged(now);
        }
        for (nth, segment) in (0..hop.datagrams).zip(self.slots.segments(received)) {
            let data = self.slots.bytes(segment);
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
        let bytes = self.outbox.scratch(bytes);
        self.outbox
            .push(socket.number(), to.path.client, source, &[bytes]);
    }

    /// Makes sure that `count` datagrams can be received.
    pub(super) fn make_room(&mut self, now: Now, count: usize) {
        if self.slots.free() < count {
            self.flush(now);
        }
    }

    /// Sends what waits and starts the buffers over.
    pub(super) fn flush(&mut self, now: Now) {
        self.send(now);
        self.slots.clear();
    }

    pub(super) fn send(&mut self, now: Now) {
        if self.outbox.is_empty() {
            return;
        }
        let (listeners, relays) = (&self.listeners, &self.relays);
        let flushed = self
            .outbox
            .flush(&self.slots, |number| match Socket::of(number) {
                Socket::Listener(at) => listeners.get(at).map(|listener| &listener.socket),
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

fn count_repeated(server: &mut Server, last: Option<Repeatable>) {
    if let Some(last) = last
        && last.repeated > 0
    {
        server.count_repeated(&last.hop, last.repeated, last.length);
    }
}

/// The source address of an answer, where the socket has none itself.
pub(super) fn source(
    listeners: &Numbered<Listener>,
    socket: Socket,
    to: &Client,
) -> Option<IpAddr> {
    let Socket::Listener(at) = socket else {
        return None;
    };
    let is_wildcard = listeners.get(at)?.is_wildcard;
    is_wildcard.then_some(to.path.server.ip())
}

pub(super) fn push_to_peer(outbox: &mut Outbox, hop: &PeerHop, datagram: Piece) {
    let data = datagram.slice(hop.data.clone());
    let relay = Socket::Relay(hop.relay).number();
    outbox.push(relay, hop.peer.wire(), None, &[data]);
}
