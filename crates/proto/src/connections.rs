//! Connections between relayed transport addresses and peers (RFC 6062 sections 5.2 to 5.5): which
//! there are and what each waits for. Their sockets, and all their bytes, are the caller's.

use core::net::SocketAddr;
use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    io::{AllocationId, AskId, BindRefusal, ConnectionId, Ending, Output},
    pace::StreamMeter,
    refusal::Refusal,
    server::Server,
    settings::Lifetimes,
    time::{Instant, Now},
    timers::Timer,
};

/// Every connection of one server.
pub(crate) struct Connections {
    /// First byte of every name made here.
    index: u8,
    secret: Hmac<Sha256>,
    made: u64,
    connections: HashMap<ConnectionId, Connection, RandomState>,
}

/// A connection with a peer, or one on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    pub(crate) allocation: AllocationId,
    /// As the client knows it.
    pub(crate) peer: SocketAddr,
    pub(crate) stage: Stage,
    /// The question to the peer, while it waits for an answer.
    pub(crate) ask: Option<AskId>,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The peer.
    Connecting,
    /// A client that binds a connection to it, until then.
    Unbound(Instant),
    /// Nothing.
    Bound,
}

impl Connections {
    /// `seed` must be unpredictable.
    pub(crate) fn new(index: u8, seed: &[u8; 32]) -> Self {
        let mut secret =
            Hmac::<Sha256>::new_from_slice(seed).expect("HMAC takes keys of any length");
        // Tokens of reservations are made from the same seed.
        secret.update(b"CONNECTION-ID");
        Self {
            index,
            secret,
            made: 0,
            connections: HashMap::default(),
        }
    }

    /// A name that no other connection of this server has.
    fn name(&mut self) -> ConnectionId {
        loop {
            self.made = self.made.wrapping_add(1);
            let mut mac = self.secret.clone();
            mac.update(&self.made.to_be_bytes());
            let random = mac.finalize().into_bytes();
            let id = u32::from_be_bytes([self.index, random[0], random[1], random[2]]);
            if !self.connections.contains_key(&ConnectionId(id)) {
                return ConnectionId(id);
            }
        }
    }

    pub(crate) fn get(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.get(&id)
    }

    /// Forgets all connections. The names that follow are new ones.
    pub(crate) fn clear(&mut self) {
        self.connections.clear();
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ConnectionId, &Connection)> {
        self.connections.iter().map(|(&id, it)| (id, it))
    }
}

impl Server {
    /// Names a connection of an allocation.
    pub(crate) fn add_connection(
        &mut self,
        allocation: AllocationId,
        peer: SocketAddr,
        stage: Stage,
    ) -> Result<ConnectionId, Refusal> {
        self.needs_memory(|hits| &mut hits.peer_connections)?;
        let limits = self.settings.limits;
        let connections = &mut self.connections;
        // Names are 24 bits of chance. As long as most are free, one is found at once.
        if connections.connections.len() >= limits.all_connections {
            return Err(Refusal::NO_CAPACITY);
        }
        let owner = self
            .table
            .allocation_mut(allocation)
            .ok_or(Refusal::MISMATCH)?;
        let waits = |id: &&ConnectionId| {
            let connection = connections.get(**id);
            connection.is_some_and(|connection| connection.stage != Stage::Bound)
        };
        let waiting = owner.connections.iter().filter(waits).count();
        if owner.connections.len() >= limits.connections || waiting >= limits.unbound_connections {
            return Err(Refusal::NO_CAPACITY);
        }
        let id = connections.name();
        owner.connections.push(id);
        let connection = Connection {
            allocation,
            peer,
            stage: Stage::Connecting,
            ask: None,
        };
        connections.connections.insert(id, connection);
        self.counters.peer_connections += 1;
        self.set_stage(id, stage);
        Ok(id)
    }

    pub(crate) fn set_stage(&mut self, id: ConnectionId, stage: Stage) {
        let Some(connection) = self.connections.connections.get_mut(&id) else {
            return;
        };
        let before = core::mem::replace(&mut connection.stage, stage);
        if let Stage::Unbound(until) = before {
            self.timers.unset(until, Timer::Connection(id));
        }
        if let Stage::Unbound(until) = stage {
            self.timers.set(until, Timer::Connection(id));
        }
    }

    /// Remembers by which question a peer is asked for.
    pub(crate) fn set_ask(&mut self, id: ConnectionId, ask: AskId) {
        if let Some(connection) = self.connections.connections.get_mut(&id) {
            connection.ask = Some(ask);
        }
    }

    /// Forgets a connection and everything that names it.
    pub(crate) fn forget_connection(&mut self, id: ConnectionId) -> Option<Connection> {
        let connection = self.connections.connections.remove(&id)?;
        self.counters.peer_connections -= 1;
        if let Stage::Unbound(until) = connection.stage {
            self.timers.unset(until, Timer::Connection(id));
        }
        if let Some(ask) = connection.ask {
            self.take_waiting(ask);
        }
        if let Some(owner) = self.table.allocation_mut(connection.allocation) {
            owner.connections.retain(|has| *has != id);
        }
        Some(connection)
    }

    /// Nobody has bound a connection to it in time, or its allocation is over.
    pub(crate) fn close_connection(&mut self, id: ConnectionId) {
        if self.forget_connection(id).is_some() {
            self.outputs.push_back(Output::CloseConnection(id));
        }
    }

    /// Until when a connection that is made now waits for the client's.
    pub(crate) fn unbound(now: Instant) -> Stage {
        Stage::Unbound(now + Lifetimes::CONNECTION_BIND)
    }

    /// Gives a connection of this server to a client that binds its own to it, at whichever server of
    /// the process that is. It can be given once. Whoever carries its bytes counts them, and keeps to
    /// the pace, by the meter that is returned.
    ///
    /// # Errors
    /// See [`BindRefusal`].
    pub fn handle_connection_claim(
        &mut self,
        now: Now,
        id: ConnectionId,
        user: &str,
    ) -> Result<Arc<StreamMeter>, BindRefusal> {
        let connection = self.connections.get(id).ok_or(BindRefusal::Unknown)?;
        let allocation = connection.allocation;
        self.expire_allocation(now.instant, allocation, Ending::Expired);
        let connection = self.connections.get(id).ok_or(BindRefusal::Unknown)?;
        match connection.stage {
            Stage::Unbound(until) if now.instant < until => {}
            Stage::Unbound(_) | Stage::Connecting | Stage::Bound => {
                return Err(BindRefusal::Unknown);
            }
        }
        let owner = self.table.allocation(connection.allocation);
        let owner = owner.ok_or(BindRefusal::Unknown)?;
        if owner.owner.name() != user {
            return Err(BindRefusal::WrongUser);
        }
        let meter = owner.streams.clone().ok_or(BindRefusal::Unknown)?;
        self.set_stage(id, Stage::Bound);
        Ok(meter)
    }

    /// A connection has ended by itself. [`Output::CloseConnection`] does not follow.
    pub fn handle_connection_closed(&mut self, _now: Now, id: ConnectionId) {
        self.forget_connection(id);
    }
}
