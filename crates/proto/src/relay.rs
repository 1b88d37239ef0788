//! THE FAST PATH: where a datagram goes next, both ways.
//!
//! A table lookup and comparisons; no allocation, no lock, no copy, no output queue. What comes back
//! is where, not what: only the caller sends. Requests never come through here.

use core::net::SocketAddr;

use turnd_wire::{ChannelData, Family, Message, attr, channel_data};

use crate::{
    frame::indication_id,
    io::{ClientHop, FiveTuple, Frame, PeerHop, RelayId, RelayProtocol},
    request::unknown_attributes,
    server::Server,
    time::{Instant, Now},
};

impl Server {
    /// Client to peer: a ChannelData message (RFC 8656 section 12.6).
    pub(crate) fn channel_to_peer(
        &self,
        now: Instant,
        path: &FiveTuple,
        datagram: &[u8],
    ) -> Option<PeerHop> {
        let message = ChannelData::parse(datagram)?;
        let allocation = self.table.of_client(path)?;
        let bound = allocation.channel_peer(message.channel, now)?;
        let peer = self.settings.peers.still(bound)?;
        let relay = allocation.relay(Family::of(peer.wire().ip()), now)?;
        let start = channel_data::HEADER_LENGTH;
        Some(PeerHop {
            relay: relay.id,
            peer,
            data: start..start + message.data.len(),
            dont_fragment: false,
        })
    }

    /// Client to peer: a Send indication (RFC 8656 section 11.2). Nothing is answered, whatever is
    /// wrong with it.
    pub(crate) fn send_to_peer(
        &self,
        now: Instant,
        path: &FiveTuple,
        message: &Message<'_>,
    ) -> Option<PeerHop> {
        let allocation = self.table.of_client(path)?;
        // Data goes over connections there (RFC 6062 section 3).
        if allocation.protocol == RelayProtocol::Tcp {
            return None;
        }
        let asked = message.xor_address(attr::XOR_PEER_ADDRESS)?;
        let data = message.position(attr::DATA)?;
        let host = allocation.permitted(asked, now)?;
        let peer = self.settings.peers.peer(host, asked.port()).ok()?;
        let relay = allocation.relay(Family::of(peer.wire().ip()), now)?;
        if !unknown_attributes(message).is_empty() {
            return None;
        }
        Some(PeerHop {
            relay: relay.id,
            peer,
            data,
            dont_fragment: message.has(attr::DONT_FRAGMENT),
        })
    }

    /// Peer to client: what arrives at a relay from `from`. `count` is how many datagrams of it came
    /// in a row, all of which take the same way. `None`: nobody wants it.
    pub fn to_client(
        &mut self,
        now: Now,
        relay: RelayId,
        from: SocketAddr,
        count: u32,
    ) -> Option<ClientHop> {
        let now = now.instant;
        let allocation = self.table.of_relay(relay)?;
        allocation.relay(Family::of(from.ip()), now)?;
        let to = allocation.client;
        if let Some((channel, peer)) = allocation.channel_of(from, now)
            && self.settings.peers.still(peer) == Some(peer)
        {
            let frame = Frame::Channel {
                number: channel,
                padded: to.path.transport.is_stream(),
            };
            return Some(ClientHop { to, frame });
        }
        let known_as = self.settings.peers.known_as(from);
        let permitted = |asked: SocketAddr| {
            let host = allocation.permitted(asked, now)?;
            let peer = self.settings.peers.peer(host, asked.port()).ok()?;
            (peer.wire() == from).then_some(peer.asked())
        };
        let peer = permitted(from).or_else(|| permitted(known_as))?;
        let id = indication_id(self.indication_salt, self.indications);
        self.indications = self.indications.wrapping_add(u64::from(count));
        let frame = Frame::Indication {
            id,
            peer,
            fingerprint: self.settings.fingerprint,
        };
        Some(ClientHop { to, frame })
    }
}
