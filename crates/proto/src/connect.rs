//! Connect and ConnectionAttempt (RFC 6062 sections 5.2 and 5.3): a connection with a peer, made for the
//! client or by the peer.

use core::net::SocketAddr;

use turnd_wire::{Class, Family, Message, Method, Writer, attr};

use crate::{
    allocation::Allocation,
    asks::Waiting,
    connections::Stage,
    frame::indication_id,
    io::{AllocationId, Ask, ConnectFailure, ConnectionId, Event, Output, RelayId, RelayProtocol},
    peers::Peer,
    refusal::Refusal,
    request::ReplyTo,
    server::Server,
    settings::Lifetimes,
    time::{Instant, Now},
};

/// Longest ConnectionAttempt: header, an IPv6 address, CONNECTION-ID, FINGERPRINT.
const MAX_ATTEMPT: usize = 64;

/// A Connect that waits for the peer.
#[derive(Debug)]
pub(crate) struct Connecting {
    pub(crate) reply: ReplyTo,
    pub(crate) connection: ConnectionId,
    user: String,
}

impl Server {
    /// Asks for a connection with a peer. No permission is needed (RFC 6062 section 5.2): the client
    /// speaks first.
    pub(crate) fn connect(
        &mut self,
        now: Instant,
        message: &Message<'_>,
        reply: &ReplyTo,
        id: AllocationId,
    ) -> Result<(), Refusal> {
        let allocation = self.table.allocation(id).ok_or(Refusal::MISMATCH)?;
        // There is an allocation, but none that could connect.
        if allocation.protocol != RelayProtocol::Tcp {
            return Err(Refusal::MISMATCH);
        }
        // There is no data on this connection that could show that the client uses it.
        if allocation.is_unheard(&reply.client.path) {
            self.hear(id);
        }
        let asked = message
            .xor_address(attr::XOR_PEER_ADDRESS)
            .ok_or(Refusal::BAD_REQUEST)?;
        self.expire_connections(now, id);
        let allocation = self.table.allocation(id).ok_or(Refusal::MISMATCH)?;
        let relay = allocation
            .relay(Family::of(asked.ip()), now)
            .ok_or(Refusal::PEER_FAMILY_MISMATCH)?
            .id;
        let exists = self.connection_with(allocation, asked).is_some();
        let user = allocation.owner.name().to_owned();
        let peer = self.stream_peer(id, asked, &user)?;
        if exists {
            return Err(Refusal::CONNECTION_EXISTS);
        }
        let limit = self.settings.abuse.new_peers;
        let allocation = self.table.allocation_mut(id).ok_or(Refusal::MISMATCH)?;
        if !allocation.may_meet(asked, limit, now) {
            return Err(Refusal::NO_CAPACITY);
        }
        let connection = self.add_connection(id, asked, Stage::Connecting)?;
        let waiting = Waiting::Connect {
            connecting: Box::new(Connecting {
                reply: reply.clone(),
                connection,
                user,
            }),
            until: now + Lifetimes::CONNECT,
        };
        let ask = Ask::Connect {
            connection,
            relay,
            peer,
        };
        // However much waits: what names black holes must keep nobody else from being served, and an
        // allocation has a limit of its own.
        let ask = self.ask_unlimited(waiting, ask);
        self.set_ask(connection, ask);
        Ok(())
    }

    /// The connection of an allocation with this peer.
    fn connection_with(
        &self,
        allocation: &Allocation,
        peer: SocketAddr,
    ) -> Option<(ConnectionId, Stage)> {
        allocation.connections.iter().find_map(|&id| {
            let connection = self.connections.get(id)?;
            (connection.peer == peer).then_some((id, connection.stage))
        })
    }

    /// What nobody has bound in time is gone for every request, even if its timer was not run yet.
    fn expire_connections(&mut self, now: Instant, id: AllocationId) {
        let Some(allocation) = self.table.allocation(id) else {
            return;
        };
        for id in allocation.connections.clone() {
            let connection = self.connections.get(id);
            if connection.is_some_and(
                |connection| matches!(connection.stage, Stage::Unbound(until) if until <= now),
            ) {
                self.close_connection(id);
            }
        }
    }

    /// The peer, if the policy lets this allocation reach it over TCP.
    fn stream_peer(
        &mut self,
        id: AllocationId,
        asked: SocketAddr,
        user: &str,
    ) -> Result<Peer, Refusal> {
        let found = self.settings.tcp_peers.at(asked);
        found.map_err(|why| {
            self.counters.peers_forbidden += 1;
            self.event(Event::PeerForbidden {
                allocation: id,
                user: user.to_owned(),
                peer: asked,
                why,
            });
            Refusal::FORBIDDEN
        })
    }

    /// The peer has answered, or not.
    pub(crate) fn connect_answered(
        &mut self,
        now: Instant,
        connecting: &Connecting,
        result: Result<(), ConnectFailure>,
    ) {
        let id = connecting.connection;
        if result.is_ok() {
            self.expire_client(now, &connecting.reply.client.path);
        }
        // Otherwise the allocation ended meanwhile, and the connection was closed with it.
        let Some(&connection) = self.connections.get(id) else {
            return;
        };
        match result {
            Ok(()) => {
                self.set_stage(id, Self::unbound(now));
                let bytes = connecting
                    .reply
                    .success(|writer| writer.number32(attr::CONNECTION_ID, id.0));
                self.reply(&connecting.reply, bytes);
                self.event(Event::PeerConnected {
                    allocation: connection.allocation,
                    connection: id,
                    peer: connection.peer,
                });
            }
            Err(ConnectFailure) => {
                self.forget_connection(id);
                let refusal = Refusal::CONNECTION_FAILED;
                self.refuse(now, &connecting.reply, Some(&connecting.user), &refusal);
            }
        }
    }

    /// The peer has not answered in time.
    pub(crate) fn connect_given_up(&mut self, now: Instant, connecting: &Connecting) {
        if self.connections.get(connecting.connection).is_some() {
            self.connect_answered(now, connecting, Err(ConnectFailure));
            let close = Output::CloseConnection(connecting.connection);
            self.outputs.push_back(close);
        }
    }

    /// A peer has connected to a relay. The name of the connection, of which the client has been told;
    /// `None`: nobody wants it, and it is to be closed.
    pub fn handle_peer_connection(
        &mut self,
        now: Now,
        relay: RelayId,
        from: SocketAddr,
    ) -> Option<ConnectionId> {
        let now = now.instant;
        let id = self.table.id_of_relay(relay)?;
        self.expire_connections(now, id);
        let allocation = self.table.allocation(id)?;
        allocation.relay(Family::of(from.ip()), now)?;
        let peers = &self.settings.tcp_peers;
        let permitted = |asked: SocketAddr| {
            let host = allocation.permitted(asked, now)?;
            let peer = peers.peer(host, asked.port()).ok()?;
            (peer.wire() == from).then_some(peer.asked())
        };
        let peer = permitted(from).or_else(|| permitted(peers.known_as(from)))?;
        let to = allocation.reached()?;
        match self.connection_with(allocation, peer) {
            // Where both sides open at once, TCP makes one connection, and Connect gets it.
            Some((_, Stage::Connecting)) => return None,
            // A peer that comes again from the same port has lost the old connection.
            Some((old, _)) => self.close_connection(old),
            None => {}
        }
        let connection = self.add_connection(id, peer, Self::unbound(now)).ok()?;

        let mut buffer = [0; MAX_ATTEMPT];
        let transaction = indication_id(self.indication_salt, self.indications);
        self.indications = self.indications.wrapping_add(1);
        let method = Method::CONNECTION_ATTEMPT;
        let mut writer = Writer::new(&mut buffer, Class::Indication, method, transaction);
        writer.xor_address(attr::XOR_PEER_ADDRESS, peer);
        writer.number32(attr::CONNECTION_ID, connection.0);
        if self.settings.fingerprint {
            writer.fingerprint();
        }
        let bytes = writer.finish().map(<[u8]>::to_vec).unwrap_or_default();
        self.outputs.push_back(Output::Reply { to, bytes });
        self.event(Event::PeerConnected {
            allocation: id,
            connection,
            peer,
        });
        Some(connection)
    }
}
