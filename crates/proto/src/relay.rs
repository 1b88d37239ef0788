//! THE FAST PATH: where a datagram goes next, both ways.
//!
//! A table lookup and comparisons; no allocation, no lock, no copy, no output queue. What comes back
//! is where, not what: only the caller sends. Requests never come through here. What is counted is
//! counted in what the lookup has touched anyway.

use core::net::SocketAddr;

use turnd_wire::{ChannelData, DataIndication, Family, Message, attr, channel_data};

use crate::{
    accounts::AccountTraffic,
    allocation::{Allocation, Relay},
    counters::Dropped,
    frame::indication_id,
    io::{ClientHop, FiveTuple, Frame, Hairpin, PeerHop, RelayId, RelayProtocol},
    pace::Direction,
    peers::{Peer, PeerPolicy},
    request::unknown_attributes,
    server::Server,
    time::{Instant, Now},
    traffic::{Flow, Traffic},
};

/// An account is told of its traffic whenever so many packets have passed.
const TOLD_EVERY: u64 = 256;

/// The longest data that every kernel takes for one UDP datagram. What is longer goes the way of the kernel,
/// which refuses it.
const LONGEST_DATAGRAM: usize = 65_507;

/// Datagrams of one peer that came in a row, all of the same length but the last, which may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// How many, at least one.
    pub datagrams: u32,
    /// Bytes of each.
    pub each: usize,
    /// Bytes of all.
    pub bytes: usize,
}

impl Run {
    /// One datagram.
    #[must_use]
    pub const fn one(bytes: usize) -> Self {
        Self {
            datagrams: 1,
            each: bytes,
            bytes,
        }
    }

    /// The first ones of it.
    const fn first(self, datagrams: u32) -> Self {
        if datagrams >= self.datagrams {
            return self;
        }
        Self {
            datagrams,
            bytes: self.each * datagrams as usize,
            ..self
        }
    }

    /// What the client is sent: all messages of the run.
    fn framed(self, frame: &Frame) -> usize {
        let more = self.datagrams.saturating_sub(1) as usize;
        match frame {
            Frame::Channel { .. } => self.bytes + channel_data::HEADER_LENGTH * (more + 1),
            Frame::Indication {
                peer, fingerprint, ..
            } => {
                let last = self.bytes.saturating_sub(self.each * more);
                let length = |data| DataIndication::length(*peer, data, *fingerprint);
                length(self.each) * more + length(last)
            }
        }
    }
}

impl Server {
    /// Client to peer: a ChannelData message (RFC 8656 section 12.6).
    pub(crate) fn channel_to_peer(
        &mut self,
        now: Instant,
        path: &FiveTuple,
        datagram: &[u8],
    ) -> Option<PeerHop> {
        let hop = self.channel_hop(now, path, datagram);
        hop.map_err(|why| self.counters.drops_to_peer.count(why, 1))
            .ok()
    }

    fn channel_hop(
        &mut self,
        now: Instant,
        path: &FiveTuple,
        datagram: &[u8],
    ) -> Result<PeerHop, Dropped> {
        let message = ChannelData::parse(datagram).ok_or(Dropped::Malformed)?;
        let found = self.table.of_client_mut(path);
        let (id, mut allocation) = found.ok_or(Dropped::NoAllocation)?;
        if allocation.is_unheard(path) {
            self.hear(id);
            let moved = self.table.allocation_mut(id);
            allocation = moved.ok_or(Dropped::NoAllocation)?;
        }
        let counted = &mut self.counters.traffic;
        arrives(counted, allocation, 1, datagram.len());
        let bound = allocation.channel_peer(message.channel, now);
        let bound = bound.ok_or(Dropped::NoChannel)?;
        let peer = self.settings.peers.still(bound);
        let peer = peer.ok_or(Dropped::PeerForbidden)?;
        let family = Family::of(peer.wire().ip());
        let relay = *allocation.relay(family, now).ok_or(Dropped::NoRelay)?;
        let length = message.data.len();
        leaves(counted, allocation, now, 1, length)?;
        tell(self.accounts.as_mut(), allocation);
        let start = channel_data::HEADER_LENGTH;
        Ok(PeerHop {
            relay: relay.id,
            hairpin: hairpin(&self.settings.peers, &relay, &peer, length),
            peer,
            data: start..start + length,
            dont_fragment: false,
            allocation: id,
            may_repeat: allocation.pace.is_none(),
        })
    }

    /// Counts what went the way of `hop` without being asked for: so many datagrams more of so many bytes
    /// each, ChannelData header included.
    pub fn count_repeated(&mut self, hop: &PeerHop, datagrams: usize, bytes: usize) {
        let Some(allocation) = self.table.allocation_mut(hop.allocation) else {
            return;
        };
        let packets = datagrams as u64;
        let data = (hop.data.len() as u64) * packets;
        let counted = &mut self.counters.traffic;
        arrives(counted, allocation, packets, bytes * datagrams);
        counted.peer.sent.add(packets, data);
        allocation.traffic.peer.sent.add(packets, data);
        tell(self.accounts.as_mut(), allocation);
    }

    /// Client to peer: a Send indication (RFC 8656 section 11.2). Nothing is answered, whatever is
    /// wrong with it.
    pub(crate) fn send_to_peer(
        &mut self,
        now: Instant,
        path: &FiveTuple,
        message: &Message<'_>,
    ) -> Option<PeerHop> {
        let hop = self.send_hop(now, path, message);
        hop.map_err(|why| self.counters.drops_to_peer.count(why, 1))
            .ok()
    }

    fn send_hop(
        &mut self,
        now: Instant,
        path: &FiveTuple,
        message: &Message<'_>,
    ) -> Result<PeerHop, Dropped> {
        let found = self.table.of_client_mut(path);
        let (id, mut allocation) = found.ok_or(Dropped::NoAllocation)?;
        if allocation.is_unheard(path) {
            self.hear(id);
            let moved = self.table.allocation_mut(id);
            allocation = moved.ok_or(Dropped::NoAllocation)?;
        }
        let counted = &mut self.counters.traffic;
        arrives(counted, allocation, 1, message.bytes().len());
        // Data goes over connections there (RFC 6062 section 3).
        if allocation.protocol == RelayProtocol::Tcp {
            return Err(Dropped::Malformed);
        }
        let asked = message.xor_address(attr::XOR_PEER_ADDRESS);
        let asked = asked.ok_or(Dropped::Malformed)?;
        let data = message.position(attr::DATA).ok_or(Dropped::Malformed)?;
        let host = allocation.permitted(asked, now);
        let host = host.ok_or(Dropped::NoPermission)?;
        let peer = self.settings.peers.peer(host, asked.port());
        let peer = peer.map_err(|_| Dropped::PeerForbidden)?;
        let family = Family::of(peer.wire().ip());
        let relay = *allocation.relay(family, now).ok_or(Dropped::NoRelay)?;
        if !unknown_attributes(message).is_empty() {
            return Err(Dropped::Malformed);
        }
        let limit = self.settings.abuse.new_peers;
        if !allocation.may_meet(asked, limit, now) {
            return Err(Dropped::NewPeers);
        }
        leaves(counted, allocation, now, 1, data.len())?;
        tell(self.accounts.as_mut(), allocation);
        Ok(PeerHop {
            relay: relay.id,
            hairpin: hairpin(&self.settings.peers, &relay, &peer, data.len()),
            dont_fragment: message.has(attr::DONT_FRAGMENT) && honours_dont_fragment(path, &peer),
            peer,
            data,
            allocation: id,
            may_repeat: false,
        })
    }

    /// Peer to client: what arrives at a relay from `from`, all of which takes the same way. `None`: nobody
    /// wants it.
    pub fn to_client(
        &mut self,
        now: Now,
        relay: RelayId,
        from: SocketAddr,
        run: Run,
    ) -> Option<ClientHop> {
        let hop = self.client_hop(now.instant, relay, from, run);
        let drops = &mut self.counters.drops_to_client;
        match hop {
            Ok(hop) => {
                if hop.datagrams < run.datagrams {
                    let left = run.datagrams - hop.datagrams;
                    drops.count(Dropped::RateLimit, left.into());
                }
                Some(hop)
            }
            Err(why) => {
                drops.count(why, run.datagrams.into());
                None
            }
        }
    }

    fn client_hop(
        &mut self,
        now: Instant,
        relay: RelayId,
        from: SocketAddr,
        run: Run,
    ) -> Result<ClientHop, Dropped> {
        let allocation = self.table.of_relay_mut(relay);
        let allocation = allocation.ok_or(Dropped::NoAllocation)?;
        let counted = &mut self.counters.traffic;
        let (packets, bytes) = (run.datagrams.into(), run.bytes as u64);
        counted.peer.received.add(packets, bytes);
        allocation.traffic.peer.received.add(packets, bytes);
        let family = Family::of(from.ip());
        allocation.relay(family, now).ok_or(Dropped::NoRelay)?;
        let to = allocation.reached().ok_or(Dropped::ClientAway)?;
        let channel = allocation.channel_of(from, now);
        let channel = channel.filter(|&(_, peer)| self.settings.peers.still(peer) == Some(peer));
        let frame = match channel {
            Some((number, _)) => Frame::Channel {
                number,
                padded: to.path.transport.is_stream(),
            },
            None => {
                let peer = permitted(&self.settings.peers, allocation, from, now);
                let id = indication_id(self.indication_salt, self.indications);
                Frame::Indication {
                    id,
                    peer: peer.ok_or(Dropped::NoPermission)?,
                    fingerprint: self.settings.fingerprint,
                }
            }
        };
        let datagrams = match &mut allocation.pace {
            None => run.datagrams,
            Some(pace) => pace.down(now, run.datagrams, run.each),
        };
        if datagrams == 0 {
            return Err(Dropped::RateLimit);
        }
        if matches!(frame, Frame::Indication { .. }) {
            self.indications = self.indications.wrapping_add(datagrams.into());
        }
        let sent = Flow {
            packets: datagrams.into(),
            bytes: run.first(datagrams).framed(&frame) as u64,
        };
        counted.client.sent += sent;
        allocation.traffic.client.sent += sent;
        tell(self.accounts.as_mut(), allocation);
        Ok(ClientHop {
            to,
            frame,
            datagrams,
        })
    }

    /// Counts what one read of a connection with a peer brought, which [`crate::StreamMeter::count`] has
    /// counted for the allocation: that may be another server's.
    pub fn count_stream(&mut self, direction: Direction, bytes: usize) {
        let read = Flow {
            packets: 1,
            bytes: bytes as u64,
        };
        let nothing = Flow::default();
        self.counters.traffic += match direction {
            Direction::ToPeer => Traffic::of_streams(read, nothing),
            Direction::ToClient => Traffic::of_streams(nothing, read),
        };
    }
}

/// The peer at this address as the client knows it, if there is a permission for it.
pub(crate) fn permitted(
    peers: &PeerPolicy,
    allocation: &Allocation,
    wire: SocketAddr,
    now: Instant,
) -> Option<SocketAddr> {
    let permitted = |asked: SocketAddr| {
        let host = allocation.permitted(asked, now)?;
        let peer = peers.peer(host, asked.port()).ok()?;
        (peer.wire() == wire).then_some(peer.asked())
    };
    permitted(wire).or_else(|| permitted(peers.known_as(wire)))
}

/// Whether DONT-FRAGMENT has a meaning on this way (RFC 8656 sections 14 and 15). Where datagrams are
/// translated from or to IPv6 it must be ignored (section 13).
fn honours_dont_fragment(path: &FiveTuple, peer: &Peer) -> bool {
    if path.transport.is_stream() && path.client.is_ipv6() {
        return true;
    }
    path.client.is_ipv4() && peer.wire().is_ipv4()
}

/// The way to a peer that is a relay of this process.
fn hairpin(peers: &PeerPolicy, relay: &Relay, peer: &Peer, bytes: usize) -> Option<Hairpin> {
    if bytes > LONGEST_DATAGRAM {
        return None;
    }
    peers.relay(peer).map(|to| Hairpin {
        server: to.server,
        relay: to.relay,
        from: relay.address,
    })
}

/// Messages came from the client.
fn arrives(counted: &mut Traffic, allocation: &mut Allocation, packets: u64, bytes: usize) {
    counted.client.received.add(packets, bytes as u64);
    allocation
        .traffic
        .client
        .received
        .add(packets, bytes as u64);
}

/// Data goes to a peer, if the allocation's pace lets it through.
fn leaves(
    counted: &mut Traffic,
    allocation: &mut Allocation,
    now: Instant,
    packets: u32,
    bytes: usize,
) -> Result<(), Dropped> {
    if let Some(pace) = &mut allocation.pace
        && pace.up(now, packets, bytes) < packets
    {
        return Err(Dropped::RateLimit);
    }
    let (packets, bytes) = (u64::from(packets), bytes as u64);
    counted.peer.sent.add(packets, bytes);
    allocation.traffic.peer.sent.add(packets, bytes);
    Ok(())
}

fn tell(accounts: Option<&mut AccountTraffic>, allocation: &mut Allocation) {
    if let Some(accounts) = accounts {
        allocation.tell(accounts, TOLD_EVERY);
    }
}
