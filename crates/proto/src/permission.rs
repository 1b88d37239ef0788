//! CreatePermission (RFC 8656 section 10), and the check of a peer that ChannelBind shares.

use core::net::SocketAddr;

use turnd_wire::{Family, Message, address, attr};

use crate::{
    io::{AllocationId, Event, RelayProtocol},
    peers::Host,
    refusal::Refusal,
    request::ReplyTo,
    server::Server,
    time::Instant,
};

impl Server {
    /// All peers of the request get their permission, or none.
    pub(crate) fn create_permission(
        &mut self,
        now: Instant,
        message: &Message<'_>,
        reply: &ReplyTo,
        id: AllocationId,
    ) -> Result<(), Refusal> {
        let peers = peers(message)?;
        if peers.len() > self.settings.limits.permissions {
            return Err(Refusal::NO_CAPACITY);
        }
        let hosts: Vec<Host> = peers
            .iter()
            .map(|&peer| self.host(now, id, peer))
            .collect::<Result<_, _>>()?;
        self.permit(now, id, &hosts)?;
        let lifetime = self.settings.lifetimes.permission.as_secs();
        for &peer in &peers {
            self.event(Event::Permitted {
                allocation: id,
                peer,
                lifetime: u32::try_from(lifetime).unwrap_or(u32::MAX),
            });
        }
        self.reply(reply, reply.success(|_| ()));
        Ok(())
    }

    /// Whether the allocation may reach this peer at all.
    pub(crate) fn host(
        &mut self,
        now: Instant,
        id: AllocationId,
        peer: SocketAddr,
    ) -> Result<Host, Refusal> {
        let Some(allocation) = self.table.allocation(id) else {
            return Err(Refusal::MISMATCH);
        };
        if allocation.relay(Family::of(peer.ip()), now).is_none() {
            return Err(Refusal::PEER_FAMILY_MISMATCH);
        }
        let peers = match allocation.protocol {
            RelayProtocol::Udp => &self.settings.peers,
            RelayProtocol::Tcp => &self.settings.tcp_peers,
        };
        let why = match peers.check(peer) {
            Ok(host) => return Ok(host),
            Err(why) => why,
        };
        let user = allocation.owner.name().to_owned();
        self.counters.peers_forbidden += 1;
        self.event(Event::PeerForbidden {
            allocation: id,
            user,
            peer,
            why,
        });
        Err(Refusal::FORBIDDEN)
    }

    /// Installs or refreshes permissions.
    pub(crate) fn permit(
        &mut self,
        now: Instant,
        id: AllocationId,
        hosts: &[Host],
    ) -> Result<(), Refusal> {
        let until = now + self.settings.lifetimes.permission;
        let limit = self.room(self.settings.limits.permissions);
        let allocation = self.table.allocation_mut(id).ok_or(Refusal::MISMATCH)?;
        let before = allocation.held();
        let permitted = allocation.permit(hosts, now, until, limit);
        // Also what is refused lets go of permissions that have expired.
        let after = allocation.held();
        self.counters.held(before, after);
        permitted.map_err(|_| self.no_room(|hits| &mut hits.permissions))?;
        self.counters.permissions_made += hosts.len() as u64;
        self.set_allocation_timer(id);
        Ok(())
    }
}

fn peers(message: &Message<'_>) -> Result<Vec<SocketAddr>, Refusal> {
    let peers: Vec<SocketAddr> = message
        .attributes()
        .filter(|attribute| attribute.kind == attr::XOR_PEER_ADDRESS)
        .map(|attribute| address::read_xor(attribute.value, message.transaction_id()))
        .collect::<Option<_>>()
        .ok_or(Refusal::BAD_REQUEST)?;
    if peers.is_empty() {
        return Err(Refusal::BAD_REQUEST);
    }
    Ok(peers)
}
