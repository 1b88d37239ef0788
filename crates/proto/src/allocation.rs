//! One allocation: its relays, permissions and channels (RFC 8656 section 3).

use core::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
};
use std::sync::Arc;

use turnd_wire::{Family, TransactionId};

use crate::{
    abuse::NewPeers,
    accounts::AccountTraffic,
    allocation_kind::{AllocationKind, RelayFamilies},
    auth::{Identity, Proof},
    bandwidth::Grant,
    icmp::Allowance,
    io::{Client, ConnectionId, FiveTuple, RelayId, RelayProtocol},
    mobility::Mobility,
    pace::{Pace, StreamMeter},
    peers::{Forbidden, Host, Peer},
    quota::Place,
    time::Instant,
    traffic::Traffic,
};

/// An allocation, from the success reply to its end.
#[derive(Debug)]
pub(crate) struct Allocation {
    pub(crate) client: Client,
    pub(crate) owner: Identity,
    /// What the owner's key was good by last.
    pub(crate) proof: Proof,
    /// Whether, and how, its client may come back from another address.
    pub(crate) mobility: Option<Box<Mobility>>,
    /// What it relays.
    pub(crate) protocol: RelayProtocol,
    /// Its connections with peers.
    pub(crate) connections: Vec<ConnectionId>,
    /// The Allocate request that made it and the answer it got, for when it is sent again.
    pub(crate) birth: Birth,
    /// One or two relays of different families.
    pub(crate) relays: Vec<Relay>,
    /// What has passed through it, but for its connections with peers.
    pub(crate) traffic: Traffic,
    /// How fast it may relay; `None`: as fast as it comes.
    pub(crate) pace: Option<Box<Pace>>,
    /// What passes through its connections with peers. Only allocations for TCP have it.
    pub(crate) streams: Option<Arc<StreamMeter>>,
    /// Whom it has sent to, if that is limited.
    met: Option<Box<NewPeers>>,
    permissions: Vec<Permission>,
    channels: Vec<Channel>,
    /// The earliest timer that is set for this allocation.
    pub(crate) timer: Option<Instant>,
    /// How often its client may be told of ICMP messages.
    pub(crate) icmp: Allowance,
    /// How much of that has been added to its account.
    pub(crate) told: Traffic,
    /// What it counts as.
    pub(crate) kind: AllocationKind,
    /// When its success reply was sent.
    pub(crate) made: Instant,
    /// Held for its end, when dropping it gives the place back.
    pub(crate) _place: Place,
}

/// What made an allocation.
#[derive(Debug)]
pub(crate) struct Birth {
    pub(crate) id: TransactionId,
    pub(crate) reply: Box<[u8]>,
}

/// One relayed transport address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relay {
    pub(crate) id: RelayId,
    /// The address it is bound to.
    pub(crate) address: SocketAddr,
    pub(crate) expires: Instant,
}

/// Lets datagrams of a host through, both ways, whatever their port (RFC 8656 section 9).
#[derive(Clone, Copy, Debug)]
struct Permission {
    host: Host,
    expires: Instant,
}

/// A channel and the peer it stands for (RFC 8656 section 12).
#[derive(Clone, Copy, Debug)]
struct Channel {
    number: u16,
    peer: Peer,
    expires: Instant,
    /// When the permission for its host ends: the one thing a packet must know of it.
    permitted_until: Instant,
}

impl Channel {
    fn carries(&self, now: Instant) -> bool {
        now < self.expires && now < self.permitted_until
    }
}

/// Why a permission or channel cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// The table is full: 508.
    Full,
    /// The number or the peer is bound otherwise: 400.
    BoundElsewhere,
}

impl Allocation {
    pub(crate) fn new(
        client: Client,
        (owner, proof): (Identity, Proof),
        protocol: RelayProtocol,
        birth: Birth,
        relays: Vec<Relay>,
        (place, grant): (Place, Option<Grant>),
        made: Instant,
    ) -> Self {
        let families = relays.iter().map(|relay| Family::of(relay.address.ip()));
        let kind = AllocationKind {
            transport: client.path.transport,
            families: RelayFamilies::of(families),
            protocol,
        };
        let (pace, streams) = match protocol {
            RelayProtocol::Udp => (grant.map(|grant| Box::new(Pace::new(grant))), None),
            RelayProtocol::Tcp => (None, Some(Arc::new(StreamMeter::new(grant)))),
        };
        Self {
            client,
            owner,
            proof,
            mobility: None,
            protocol,
            connections: Vec::new(),
            birth,
            relays,
            met: None,
            permissions: Vec::new(),
            channels: Vec::new(),
            timer: None,
            icmp: Allowance::default(),
            traffic: Traffic::default(),
            pace,
            streams,
            told: Traffic::default(),
            kind,
            made,
            _place: place,
        }
    }

    /// The path that data takes to the client; `None` while that has ended and no other took its place.
    pub(crate) fn reached(&self) -> Option<Client> {
        let is_away = self.mobility.as_ref().is_some_and(|it| it.is_away());
        (!is_away).then_some(self.client)
    }

    /// Whether this is the path that the client has asked for and sent no data on.
    pub(crate) fn is_unheard(&self, path: &FiveTuple) -> bool {
        let mobility = self.mobility.as_ref();
        mobility.is_some_and(|it| it.is_unheard(path))
    }

    /// Every path by which it is found.
    pub(crate) fn paths(&self) -> impl Iterator<Item = Client> {
        let pending = self.mobility.as_ref().and_then(|it| it.pending());
        self.reached().into_iter().chain(pending.copied())
    }

    /// What has passed through it.
    pub(crate) fn total(&self) -> Traffic {
        let mut total = self.traffic;
        if let Some(streams) = &self.streams {
            total += streams.traffic();
        }
        total
    }

    /// Adds to the owner's account what has passed since the last time, if that is at least so many
    /// packets.
    pub(crate) fn tell(&mut self, accounts: &mut AccountTraffic, packets: u64) {
        let total = self.total();
        let moved = total - self.told;
        if moved.client.received.packets + moved.client.sent.packets >= packets {
            self.told = total;
            accounts.add(self.owner.account(), moved);
        }
    }

    /// How many permissions and channels it holds.
    pub(crate) fn held(&self) -> Held {
        Held {
            permissions: self.permissions.len() as u64,
            channels: self.channels.len() as u64,
        }
    }

    /// Whether it may send to this peer, if it may meet so many a second.
    pub(crate) fn may_meet(&mut self, peer: SocketAddr, limit: Option<u32>, now: Instant) -> bool {
        let Some(limit) = limit else {
            return true;
        };
        let made = self.made;
        let met = self
            .met
            .get_or_insert_with(|| Box::new(NewPeers::new(limit, made)));
        met.take(peer, limit, now)
    }

    /// The live relay of this family.
    pub(crate) fn relay(&self, family: Family, now: Instant) -> Option<&Relay> {
        self.relays
            .iter()
            .find(|relay| Family::of(relay.address.ip()) == family && now < relay.expires)
    }

    /// Installs or refreshes permissions for all of `hosts`, or for none if they do not fit.
    pub(crate) fn permit(
        &mut self,
        hosts: &[Host],
        now: Instant,
        until: Instant,
        limit: usize,
    ) -> Result<(), NoRoom> {
        if self.permissions.len() + hosts.len() > limit {
            self.permissions
                .retain(|permission| now < permission.expires);
            let mut new = Vec::new();
            for host in hosts {
                if !new.contains(&host.ip()) && self.permission_at(host).is_none() {
                    new.push(host.ip());
                }
            }
            if !new.is_empty() && self.permissions.len() + new.len() > limit {
                return Err(NoRoom::Full);
            }
        }
        for host in hosts {
            self.permit_one(*host, until);
        }
        Ok(())
    }

    fn permit_one(&mut self, host: Host, until: Instant) {
        let permission = Permission {
            host,
            expires: until,
        };
        match self.permission_at(&host) {
            Some(at) => self.permissions[at] = permission,
            None => self.permissions.push(permission),
        }
        for channel in &mut self.channels {
            if channel.peer.asked().ip() == host.ip() {
                channel.permitted_until = until;
                channel.peer = channel.peer.judged_as(host);
            }
        }
    }

    fn permission_at(&self, host: &Host) -> Option<usize> {
        self.permissions
            .iter()
            .position(|permission| permission.host.ip() == host.ip())
    }

    /// The permitted host with the address of `peer`.
    pub(crate) fn permitted(&self, peer: SocketAddr, now: Instant) -> Option<Host> {
        self.permissions
            .iter()
            .find(|permission| permission.host.ip() == peer.ip() && now < permission.expires)
            .map(|permission| permission.host)
    }

    /// Whether this channel may be bound to this peer (RFC 8656 section 12.2), and if so whether it is already.
    pub(crate) fn may_bind(
        &self,
        number: u16,
        peer: Peer,
        now: Instant,
        limit: usize,
    ) -> Result<bool, NoRoom> {
        let mut live = 0;
        for channel in self.channels.iter().filter(|channel| now < channel.expires) {
            match (
                channel.number == number,
                channel.peer.asked() == peer.asked(),
            ) {
                (true, true) => return Ok(true),
                (false, false) => live += 1,
                _ => return Err(NoRoom::BoundElsewhere),
            }
        }
        if live < limit {
            Ok(false)
        } else {
            Err(NoRoom::Full)
        }
    }

    /// Binds or refreshes a channel that [`Self::may_bind`] agreed to and whose peer is permitted.
    pub(crate) fn bind(&mut self, number: u16, peer: Peer, now: Instant, life: ChannelLife) {
        self.channels
            .retain(|channel| now < channel.expires && channel.number != number);
        self.channels.push(Channel {
            number,
            peer,
            expires: life.channel,
            permitted_until: life.permission,
        });
    }

    /// The peer behind a channel that carries data now.
    pub(crate) fn channel_peer(&self, number: u16, now: Instant) -> Option<Peer> {
        self.channels
            .iter()
            .find(|channel| channel.number == number)
            .filter(|channel| channel.carries(now))
            .map(|channel| channel.peer)
    }

    /// The channel on which data from this address travels now, and its peer.
    pub(crate) fn channel_of(&self, wire: SocketAddr, now: Instant) -> Option<(u16, Peer)> {
        self.channels
            .iter()
            .find(|channel| channel.peer.wire() == wire && channel.carries(now))
            .map(|channel| (channel.number, channel.peer))
    }

    /// Judges every host anew; returns how many permissions are gone. Of a channel the number and the peer
    /// stay bound (RFC 8656 section 12: for as long as it was granted), but it carries nothing.
    pub(crate) fn judge(
        &mut self,
        now: Instant,
        mut judge: impl FnMut(IpAddr) -> Result<Host, Forbidden>,
    ) -> usize {
        let before = self.permissions.len();
        let channels = &mut self.channels;
        self.permissions.retain_mut(|permission| {
            let ip = permission.host.ip();
            let of_host = channels
                .iter_mut()
                .filter(|channel| channel.peer.asked().ip() == ip);
            match judge(ip) {
                Ok(host) => {
                    permission.host = host;
                    of_host.for_each(|channel| channel.peer = channel.peer.judged_as(host));
                    true
                }
                Err(_) => {
                    of_host.for_each(|channel| channel.permitted_until = now);
                    false
                }
            }
        });
        before - self.permissions.len()
    }

    /// Takes out the relays that have expired, and forgets permissions and channels that have.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Relay> {
        self.permissions
            .retain(|permission| now < permission.expires);
        self.channels.retain(|channel| now < channel.expires);
        self.relays
            .extract_if(.., |relay| relay.expires <= now)
            .collect()
    }

    /// When something of this allocation expires next.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        let relays = self.relays.iter().map(|relay| relay.expires);
        let permissions = self.permissions.iter().map(|permission| permission.expires);
        let channels = self.channels.iter().map(|channel| channel.expires);
        relays.chain(permissions).chain(channels).min()
    }
}

/// How many permissions and channels there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) permissions: u64,
    pub(crate) channels: u64,
}

/// When a channel and the permission that comes with it end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChannelLife {
    pub(crate) channel: Instant,
    pub(crate) permission: Instant,
}

/// The channel numbers that may be bound: those of RFC 8656, or also the rest of RFC 5766's.
pub(crate) const fn channel_numbers(legacy: bool) -> RangeInclusive<u16> {
    if legacy {
        turnd_wire::channel_data::LEGACY_CHANNELS
    } else {
        turnd_wire::channel_data::CHANNELS
    }
}
