//! ChannelBind (RFC 8656 section 12): a short name for a peer.

use core::net::SocketAddr;

use turnd_wire::{Message, attr};

use crate::{
    allocation::{ChannelLife, NoRoom, channel_numbers},
    io::{AllocationId, Event, RelayProtocol},
    refusal::Refusal,
    request::ReplyTo,
    server::Server,
    time::Instant,
};

struct ChannelBindRequest {
    channel: u16,
    peer: SocketAddr,
}

impl ChannelBindRequest {
    fn parse(message: &Message<'_>, legacy_channels: bool) -> Result<Self, Refusal> {
        let Some(&[n0, n1, _, _]) = message.attribute(attr::CHANNEL_NUMBER) else {
            return Err(Refusal::BAD_REQUEST);
        };
        let channel = u16::from_be_bytes([n0, n1]);
        let peer = message
            .xor_address(attr::XOR_PEER_ADDRESS)
            .ok_or(Refusal::BAD_REQUEST)?;
        if !channel_numbers(legacy_channels).contains(&channel) {
            return Err(Refusal::BAD_REQUEST);
        }
        Ok(Self { channel, peer })
    }
}

impl Server {
    /// Binds or refreshes a channel and, with it, the permission for the peer's host.
    pub(crate) fn channel_bind(
        &mut self,
        now: Instant,
        message: &Message<'_>,
        reply: &ReplyTo,
        id: AllocationId,
    ) -> Result<(), Refusal> {
        // Connections have no channels (RFC 6062 section 3).
        let allocation = self.table.allocation(id).ok_or(Refusal::MISMATCH)?;
        if allocation.protocol == RelayProtocol::Tcp {
            return Err(Refusal::BAD_REQUEST);
        }
        let request = ChannelBindRequest::parse(message, self.settings.legacy_channels)?;
        let host = self.host(now, id, request.peer)?;
        let peer = self.settings.peers.peer(host, request.peer.port());
        let peer = peer.map_err(|_| Refusal::FORBIDDEN)?;
        let limit = self.room(self.settings.limits.channels);
        let allocation = self.table.allocation(id).ok_or(Refusal::MISMATCH)?;
        let is_bound = allocation
            .may_bind(request.channel, peer, now, limit)
            .map_err(|why| match why {
                NoRoom::Full => self.no_room(|hits| &mut hits.channels),
                NoRoom::BoundElsewhere => Refusal::BAD_REQUEST,
            })?;
        let meets = self.settings.abuse.new_peers;
        let allocation = self.table.allocation_mut(id).ok_or(Refusal::MISMATCH)?;
        // Whoever has a channel is met all the time.
        if !is_bound && !allocation.may_meet(request.peer, meets, now) {
            return Err(Refusal::NO_CAPACITY);
        }
        self.permit(now, id, &[host])?;
        let life = ChannelLife {
            channel: now + self.settings.lifetimes.channel,
            permission: now + self.settings.lifetimes.permission,
        };
        if let Some(allocation) = self.table.allocation_mut(id) {
            let before = allocation.held();
            allocation.bind(request.channel, peer, now, life);
            let after = allocation.held();
            self.counters.held(before, after);
        }
        self.counters.channels_made += 1;
        self.set_allocation_timer(id);
        self.event(Event::Bound {
            allocation: id,
            channel: request.channel,
            peer: request.peer,
        });
        self.reply(reply, reply.success(|_| ()));
        Ok(())
    }
}
