//! Peers over TCP (RFC 6062): taken or connected to, kept unread until a client binds a connection to
//! them, and handed to the worker that has that connection.
//!
//! The worker of the allocation is the owner of its peers' connections and knows which of them are
//! up. The client's data connection may have come to another worker, because the kernel spreads
//! connections; the peer's socket then goes there, and the owner is told when it is over.

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    sync::Arc,
};

use foldhash::fast::RandomState;
use slotmap::{SecondaryMap, SlotMap};
use turnd_net::{Interest, Readiness, TcpStream};
use turnd_proto::{
    Answer, AskId, BindRefusal, Client, ConnectFailure, ConnectionId, Instant, Now, OpenedRelay,
    RelayId, RelayRefusal, StreamMeter,
};
use turnd_wire::Family;

use super::Worker;
use crate::{
    mailbox::Letter,
    ports::RelayListener,
    process::limits,
    sockets::Socket,
    streams::{PeerStreamId, Phase, StreamId},
};

/// Peers taken from one relay in one turn.
const ACCEPT_BATCH: usize = 16;

/// The peers of a worker.
#[derive(Default)]
pub(super) struct Peers {
    pub(super) relays: SecondaryMap<RelayId, RelayListener>,
    pub(super) streams: SlotMap<PeerStreamId, PeerStream>,
    /// Joined pairs that wait for their pace, each at most once.
    pub(super) paused: BTreeSet<(Instant, PeerStreamId)>,
    by_connection: HashMap<ConnectionId, PeerStreamId, RandomState>,
    /// Connections of allocations of this worker whose sockets went to another, and which.
    handed_over: HashMap<ConnectionId, usize, RandomState>,
}

/// A connection with a peer.
pub(super) struct PeerStream {
    pub(super) socket: TcpStream,
    pub(super) connection: ConnectionId,
    pub(super) state: PeerState,
    /// What counts its bytes and says how fast they may come; nothing before a client claims it.
    pub(super) meter: Option<Arc<StreamMeter>>,
    /// What the poller waits for; nothing: the poller does not know it.
    pub(super) interest: Option<Interest>,
    /// What the client sent and the peer has not taken yet: what one read brought at most.
    pub(super) unsent: Vec<u8>,
    /// The client sends nothing more.
    pub(super) client_ended: bool,
    /// The peer sends nothing more.
    pub(super) peer_ended: bool,
    /// The peer was told that nothing more comes.
    pub(super) peer_told: bool,
    /// The client was.
    pub(super) client_told: bool,
    /// Until when nothing is read.
    pub(super) pauses: Pauses,
    /// When to look after that, as it stands in [`Peers::paused`].
    pub(super) wakes: Option<Instant>,
}

/// Until when nothing is read of a side that is ahead of its pace.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pauses {
    pub(super) to_peer: Option<Instant>,
    pub(super) to_client: Option<Instant>,
}

/// What a peer's connection is going through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerState {
    /// Not connected yet; who wants to know.
    Connecting(AskId),
    /// Waits for a client to bind a connection to it. Not read meanwhile: the kernel keeps what came
    /// early, and makes the peer wait when that is too much.
    Unbound,
    /// Its bytes are that client connection's.
    Joined(StreamId),
}

impl Peers {
    /// Connections of this worker's allocations whose sockets went to another, and to which.
    pub(super) fn handed_over(&self) -> impl Iterator<Item = (ConnectionId, usize)> {
        self.handed_over
            .iter()
            .map(|(&connection, &worker)| (connection, worker))
    }

    /// Whether one side of a joined pair, or both, have finished.
    pub(super) fn is_ending(&self, id: PeerStreamId) -> bool {
        self.streams
            .get(id)
            .is_none_or(|peer| peer.client_ended || peer.peer_ended)
    }
}

impl PeerStream {
    fn new(socket: TcpStream, connection: ConnectionId, state: PeerState) -> Self {
        Self {
            socket,
            connection,
            state,
            meter: None,
            interest: None,
            unsent: Vec::new(),
            client_ended: false,
            peer_ended: false,
            peer_told: false,
            client_told: false,
            pauses: Pauses::default(),
            wakes: None,
        }
    }
}

impl Worker {
    // Relays.

    pub(super) fn open_listener(
        &mut self,
        relay: RelayId,
        family: Family,
    ) -> Result<OpenedRelay, RelayRefusal> {
        let listener = self.parts.ports.open_listener(family)?;
        let token = Socket::Relay(relay).token();
        self.parts
            .poller
            .add(listener.socket(), token, Interest::READABLE)
            .map_err(|_| RelayRefusal::NoCapacity)?;
        let address = listener.socket().local_addr();
        self.peers.relays.insert(relay, listener);
        Ok(OpenedRelay {
            address,
            next: None,
        })
    }

    /// Takes peers that have connected to a relayed transport address (RFC 6062 section 5.3).
    pub(super) fn accept_peers(&mut self, now: Now, relay: RelayId) {
        for _ in 0..ACCEPT_BATCH {
            let Some(listener) = self.peers.relays.get(relay) else {
                return;
            };
            let socket = match limits::accept(listener.socket()) {
                Ok(Some(socket)) => socket,
                Ok(None) => return,
                Err(error) => {
                    self.rest(now, Socket::Relay(relay));
                    return self.report(now, "accept a peer's connection", &error);
                }
            };
            let from = socket.peer_addr();
            let taken = self.parts.server.handle_peer_connection(now, relay, from);
            if let Some(connection) = taken {
                let peer = PeerStream::new(socket, connection, PeerState::Unbound);
                if self.add_peer(peer, Interest::NONE).is_none() {
                    self.parts.server.handle_connection_closed(now, connection);
                }
            }
            self.drain(now);
        }
    }

    /// Begins to connect to a peer (RFC 6062 section 5.2).
    pub(super) fn connect_peer(
        &mut self,
        now: Now,
        ask: AskId,
        connection: ConnectionId,
        relay: RelayId,
        peer: SocketAddr,
    ) {
        let begun = self
            .peers
            .relays
            .get(relay)
            .and_then(|listener| listener.connect(peer).ok())
            .map(|socket| PeerStream::new(socket, connection, PeerState::Connecting(ask)))
            .and_then(|peer| self.add_peer(peer, Interest::WRITABLE));
        if begun.is_none() {
            let failed = Answer::Connected(Err(ConnectFailure));
            self.parts.server.handle_answer(now, ask, failed);
        }
    }

    fn add_peer(&mut self, mut peer: PeerStream, interest: Interest) -> Option<PeerStreamId> {
        let connection = peer.connection;
        peer.interest = Some(interest);
        let id = self.peers.streams.insert(peer);
        let token = Socket::PeerStream(id).token();
        let peer = &self.peers.streams[id];
        if self
            .parts
            .poller
            .add(&peer.socket, token, interest)
            .is_err()
        {
            self.peers.streams.remove(id);
            return None;
        }
        self.peers.by_connection.insert(connection, id);
        Some(id)
    }

    pub(super) fn peer_ready(&mut self, now: Now, id: PeerStreamId, readiness: Readiness) {
        let Some(peer) = self.peers.streams.get(id) else {
            return;
        };
        match peer.state {
            PeerState::Connecting(ask) => self.peer_connected(now, id, ask),
            PeerState::Unbound if readiness.closed => self.end_peer(now, id),
            PeerState::Unbound => {}
            PeerState::Joined(stream) => self.splice(now, stream, id),
        }
    }

    fn peer_connected(&mut self, now: Now, id: PeerStreamId, ask: AskId) {
        let Some(peer) = self.peers.streams.get_mut(id) else {
            return;
        };
        let connected = peer.socket.connected().is_ok() && {
            peer.state = PeerState::Unbound;
            peer.interest = Some(Interest::NONE);
            let token = Socket::PeerStream(id).token();
            let poller = &self.parts.poller;
            poller.modify(&peer.socket, token, Interest::NONE).is_ok()
        };
        if !connected {
            self.remove_peer(id);
        }
        let answer = Answer::Connected(connected.then_some(()).ok_or(ConnectFailure));
        self.parts.server.handle_answer(now, ask, answer);
        self.drain(now);
    }

    // Between workers.

    /// Finds the peer that a client binds its connection to (RFC 6062 section 5.4).
    pub(super) fn bind_connection(
        &mut self,
        now: Now,
        ask: AskId,
        client: &Client,
        connection: ConnectionId,
        user: String,
    ) {
        let owner = usize::from(connection.server());
        if owner == self.parts.index {
            let claimed = self
                .parts
                .server
                .handle_connection_claim(now, connection, &user);
            let claimed = claimed.map(|meter| {
                let id = self.peers.by_connection.get(&connection);
                if let Some(peer) = id.and_then(|&id| self.peers.streams.get_mut(id)) {
                    peer.meter = Some(meter);
                }
            });
            let answer = Answer::ConnectionBound(claimed);
            return self.parts.server.handle_answer(now, ask, answer);
        }
        let letter = Letter::ClaimConnection {
            from: self.parts.index,
            ask,
            connection,
            user,
        };
        if !self.ask_worker(owner, letter) {
            let answer = Answer::ConnectionBound(Err(BindRefusal::Unknown));
            return self.parts.server.handle_answer(now, ask, answer);
        }
        if let Socket::Stream(stream) = Socket::of(client.listener.0)
            && let Some(client) = self.streams.connections.get_mut(stream)
        {
            client.phase = Phase::Binding;
        }
    }

    /// Another worker has the connection that is to be bound to a peer of this one.
    pub(super) fn claim_connection(
        &mut self,
        now: Now,
        from: usize,
        ask: AskId,
        connection: ConnectionId,
        user: &str,
    ) {
        let claimed = self
            .parts
            .server
            .handle_connection_claim(now, connection, user);
        let claimed = claimed.and_then(|meter| {
            let id = self.peers.by_connection.get(&connection).copied();
            let peer = id.and_then(|id| self.remove_peer(id));
            let Some(peer) = peer else {
                self.parts.server.handle_connection_closed(now, connection);
                return Err(BindRefusal::Unknown);
            };
            self.peers.handed_over.insert(connection, from);
            Ok((peer.socket, meter))
        });
        self.drain(now);
        let letter = Letter::ConnectionClaimed {
            ask,
            connection,
            claimed,
        };
        self.tell(from, letter);
    }

    /// The peer's socket came, or why it did not.
    pub(super) fn connection_claimed(
        &mut self,
        now: Now,
        ask: AskId,
        connection: ConnectionId,
        claimed: Result<(TcpStream, Arc<StreamMeter>), BindRefusal>,
    ) {
        let claimed = match claimed {
            Ok((socket, meter)) => {
                let mut peer = PeerStream::new(socket, connection, PeerState::Unbound);
                peer.meter = Some(meter);
                if self.parts.server.is_waiting(ask)
                    && self.add_peer(peer, Interest::NONE).is_some()
                {
                    Ok(())
                } else {
                    self.tell_owner(now, connection);
                    Err(BindRefusal::Unknown)
                }
            }
            Err(refusal) => Err(refusal),
        };
        let answer = Answer::ConnectionBound(claimed);
        self.parts.server.handle_answer(now, ask, answer);
        self.drain(now);
    }

    /// From here on the client's connection carries the peer's bytes.
    pub(super) fn join(&mut self, now: Now, client: &Client, connection: ConnectionId) {
        let Some(&id) = self.peers.by_connection.get(&connection) else {
            return self.tell_owner(now, connection);
        };
        let Socket::Stream(stream) = Socket::of(client.listener.0) else {
            return self.end_peer(now, id);
        };
        let Some(client) = self.streams.connections.get_mut(stream) else {
            return self.end_peer(now, id);
        };
        client.phase = Phase::Joined(id);
        // What came behind the request is no stranger's any more, and nobody counts it again.
        self.streams.strangers.forget(stream, client);
        if let Some(peer) = self.peers.streams.get_mut(id) {
            peer.state = PeerState::Joined(stream);
        }
        // What the client sent behind its request is kept by whoever reads it now.
        self.streams.resumed.push(stream);
    }

    // Ends.

    /// The state machine is done with a connection: its time is over, or its allocation is.
    pub(super) fn close_connection(&mut self, now: Now, connection: ConnectionId) {
        if let Some(&id) = self.peers.by_connection.get(&connection) {
            let peer = self.remove_peer(id);
            if let Some(PeerState::Joined(stream)) = peer.map(|peer| peer.state) {
                self.close_stream(now, stream);
            }
        } else if let Some(worker) = self.peers.handed_over.remove(&connection) {
            self.tell(worker, Letter::CloseConnection(connection));
        }
    }

    /// A connection that went to another worker is over.
    pub(super) fn connection_ended(&mut self, now: Now, connection: ConnectionId) {
        if self.peers.handed_over.remove(&connection).is_some() {
            self.parts.server.handle_connection_closed(now, connection);
            self.drain(now);
        }
    }

    /// A peer is gone, or has no client any more.
    pub(super) fn end_peer(&mut self, now: Now, id: PeerStreamId) {
        if let Some(peer) = self.remove_peer(id) {
            let connection = peer.connection;
            drop(peer);
            self.tell_owner(now, connection);
        }
    }

    fn tell_owner(&mut self, now: Now, connection: ConnectionId) {
        let owner = usize::from(connection.server());
        if owner == self.parts.index {
            self.parts.server.handle_connection_closed(now, connection);
        } else {
            self.tell(owner, Letter::ConnectionEnded(connection));
        }
    }

    pub(super) fn remove_peer(&mut self, id: PeerStreamId) -> Option<PeerStream> {
        let peer = self.peers.streams.remove(id)?;
        self.peers.by_connection.remove(&peer.connection);
        if let Some(wakes) = peer.wakes {
            self.peers.paused.remove(&(wakes, id));
        }
        if peer.interest.is_some() {
            // The socket may stay open, in another worker. A poller that fails to forget it would tell
            // of an id that nobody has.
            let _ = self.parts.poller.remove(&peer.socket);
        }
        Some(peer)
    }
}
