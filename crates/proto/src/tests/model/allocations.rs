//! What the model knows of an allocation, and what becomes of requests and data that are about one.

use core::net::SocketAddr;
use std::{collections::BTreeMap, net::IpAddr};

use turnd_wire::Family;

use super::{
    CHANNELS, LastAllocate, Made, Model, NUMBERS, Outcome, PERMISSIONS, Reservation, SECOND, USERS,
    Wish, granted, half, mobility::ModelMobility,
};

#[derive(Clone, Debug, Default)]
pub(super) struct ModelAllocation {
    /// Which of all that were ever made.
    pub(super) serial: usize,
    pub(super) user: usize,
    /// The client and which of its requests.
    made_by: (usize, u64),
    /// The client that it is reached by.
    pub(super) path: Option<usize>,
    pub(super) mobility: Option<ModelMobility>,
    /// When the IPv4 and the IPv6 half end.
    pub(super) halves: [Option<u64>; 2],
    permissions: BTreeMap<IpAddr, u64>,
    pub(super) channels: BTreeMap<u16, (SocketAddr, u64)>,
}

impl ModelAllocation {
    /// Whether requests and data from this client are about it.
    pub(super) fn is_of(&self, client: usize) -> bool {
        self.path == Some(client) || self.pending() == Some(client)
    }

    pub(super) fn lives(&self) -> bool {
        self.halves != [None; 2]
    }

    pub(super) fn prolong(&mut self, end: u64, family: Option<Family>) -> bool {
        let mut found = false;
        for (at, half) in self.halves.iter_mut().enumerate() {
            let meant = family.is_none_or(|family| usize::from(family == Family::V6) == at);
            if let Some(half) = half.as_mut().filter(|_| meant) {
                *half = end;
                found = true;
            }
        }
        found
    }

    fn has(&self, peer: SocketAddr) -> bool {
        self.halves[half(peer)].is_some()
    }

    fn may_exchange(&self, peer: SocketAddr) -> bool {
        self.has(peer) && self.permissions.contains_key(&peer.ip())
    }

    pub(super) fn permit(&mut self, peers: &[SocketAddr], now: u64) -> Outcome {
        let mut permissions = self.permissions.clone();
        for peer in peers {
            if !self.has(*peer) {
                return Outcome::Refused(443);
            }
            if peer.ip().is_loopback() {
                return Outcome::Refused(403);
            }
            permissions.insert(peer.ip(), now + 300 * SECOND);
        }
        if permissions.len() > PERMISSIONS {
            return Outcome::Refused(508);
        }
        self.permissions = permissions;
        Outcome::Done
    }

    pub(super) fn bind(&mut self, number: u16, peer: SocketAddr, now: u64) -> Outcome {
        if number == NUMBERS[0] {
            return Outcome::Refused(400);
        }
        if !self.has(peer) {
            return Outcome::Refused(443);
        }
        if peer.ip().is_loopback() {
            return Outcome::Refused(403);
        }
        let same_number = self.channels.get(&number).map(|(bound, _)| *bound);
        let same_peer = self.channels.iter().find(|(_, (bound, _))| *bound == peer);
        match (same_number, same_peer) {
            (None, None) if self.channels.len() >= CHANNELS => return Outcome::Refused(508),
            (None, None) => {}
            (Some(bound), Some(_)) if bound == peer => {}
            _ => return Outcome::Refused(400),
        }
        let permitted = self.permit(&[peer], now);
        if permitted == Outcome::Done {
            self.channels.insert(number, (peer, now + 600 * SECOND));
        }
        permitted
    }

    fn expire(&mut self, now: u64) {
        for half in &mut self.halves {
            *half = half.filter(|end| now < *end);
        }
        self.permissions.retain(|_, end| now < *end);
        self.channels.retain(|_, (_, end)| now < *end);
    }
}

impl Model {
    /// Whatever has expired is gone, whether the server has looked or not.
    pub(super) fn expire(&mut self) {
        let now = self.now;
        self.allocations.iter_mut().for_each(|it| it.expire(now));
    }

    /// The allocation that a client has, or whose end the server has not seen.
    pub(super) fn found(&mut self, client: usize) -> Option<&mut ModelAllocation> {
        self.allocations.iter_mut().find(|it| it.is_of(client))
    }

    pub(super) fn new_allocate(
        &mut self,
        client: usize,
        wish: &Wish,
        mobile: bool,
        full: [bool; 2],
    ) -> Outcome {
        // A token that is none yet will not be one when this request comes again.
        let wish = match wish {
            Wish::Token(number) if *number >= self.tokens.len() => Wish::Token(usize::MAX),
            wish => wish.clone(),
        };
        let state = &mut self.clients[client];
        state.requests += 1;
        let last = LastAllocate {
            wish,
            mobile,
            nonce: state.nonce,
        };
        state.last = Some(last.clone());
        self.admitted_allocate(client, &last, full)
    }

    pub(super) fn admitted_allocate(
        &mut self,
        client: usize,
        request: &LastAllocate,
        full: [bool; 2],
    ) -> Outcome {
        let refused = self.admit(client, request.nonce);
        refused.unwrap_or_else(|| self.allocate(client, request, full))
    }

    fn allocate(&mut self, client: usize, request: &LastAllocate, full: [bool; 2]) -> Outcome {
        let made_by = (client, self.clients[client].requests);
        if let Some(allocation) = self.found(client) {
            if allocation.made_by == made_by {
                return Outcome::SameAgain;
            }
            return Outcome::Refused(437);
        }
        if self.clients[client].opening.is_some() {
            return Outcome::Silence;
        }
        let wish = &request.wish;
        let (wanted, lifetime) = match wish {
            Wish::NoTransport => return Outcome::Refused(400),
            wish if !self.has_places(client, wish) => return Outcome::Refused(486),
            Wish::Family(family, lifetime) => {
                ([*family == Family::V4, *family == Family::V6], *lifetime)
            }
            Wish::Dual => ([true, true], None),
            Wish::EvenAndNext => ([true, false], None),
            Wish::Token(number) => {
                if !self.redeem(*number) {
                    return Outcome::Refused(508);
                }
                ([true, false], None)
            }
        };
        let is_new = !matches!(wish, Wish::Token(_));
        let got = [0, 1].map(|half| wanted[half] && !(is_new && full[half]));
        if got == [false; 2] {
            return Outcome::Refused(508);
        }
        let missing = match (wanted, got) {
            ([true, true], [false, true]) => Some((Family::V4, 508)),
            ([true, true], [true, false]) => Some((Family::V6, 508)),
            _ => None,
        };
        let lifetime = granted(lifetime);
        let end = self.now + u64::from(lifetime) * SECOND;
        let serial = self.made;
        self.made += 1;
        let ticket = request.mobile.then(|| self.new_ticket(serial));
        self.allocations.push(ModelAllocation {
            serial,
            user: USERS[client],
            made_by,
            path: Some(client),
            mobility: ticket.map(ModelMobility::new),
            halves: got.map(|got| got.then_some(end)),
            ..ModelAllocation::default()
        });
        let reserves = matches!(wish, Wish::EvenAndNext);
        if reserves {
            self.tokens.push(Reservation {
                ends: self.now + 30 * SECOND,
                user: USERS[client],
                place: true,
            });
        }
        Outcome::Allocated(Made {
            halves: got,
            lifetime,
            reserves,
            ticket,
            missing,
        })
    }

    pub(super) fn refresh(
        &mut self,
        client: usize,
        lifetime: Option<u32>,
        family: Option<Family>,
    ) -> Outcome {
        if let Some(refused) = self.admit(client, self.clients[client].nonce) {
            return refused;
        }
        let lifetime = match lifetime {
            Some(0) => 0,
            lifetime => granted(lifetime),
        };
        let end = self.now + u64::from(lifetime) * SECOND;
        let Some(allocation) = self.found(client) else {
            return Outcome::Refused(437);
        };
        if !allocation.prolong(end, family) {
            return Outcome::Refused(443);
        }
        self.expire();
        self.settle(client);
        Outcome::Refreshed(lifetime)
    }

    /// What an allocation, if the client has one, makes of a request.
    pub(super) fn with(
        &mut self,
        client: usize,
        request: impl FnOnce(&mut ModelAllocation, u64) -> Outcome,
    ) -> Outcome {
        if let Some(refused) = self.admit(client, self.clients[client].nonce) {
            return refused;
        }
        let now = self.now;
        match self.found(client) {
            Some(allocation) => request(allocation, now),
            None => Outcome::Refused(437),
        }
    }

    /// Data of a client, which shows where it is, to whom the allocation says.
    pub(super) fn sends(
        &mut self,
        client: usize,
        peer: impl FnOnce(&ModelAllocation) -> Option<SocketAddr>,
    ) -> Outcome {
        let Some(allocation) = self.found(client) else {
            return Outcome::Silence;
        };
        allocation.hear(client);
        match peer(allocation).filter(|peer| allocation.may_exchange(*peer)) {
            Some(peer) => Outcome::ToPeer(peer, allocation.serial),
            None => Outcome::Silence,
        }
    }

    pub(super) fn receives(&self, serial: usize, peer: SocketAddr) -> Outcome {
        let mut allocations = self.allocations.iter();
        let allocation = allocations.find(|it| it.serial == serial && it.may_exchange(peer));
        let Some((allocation, path)) = allocation.and_then(|it| Some((it, it.path?))) else {
            return Outcome::Silence;
        };
        let mut channels = allocation.channels.iter();
        let channel = channels.find(|(_, (bound, _))| *bound == peer);
        Outcome::ToClient(path, channel.map(|(number, _)| *number))
    }

    pub(super) fn living(&self) -> usize {
        self.allocations.iter().filter(|it| it.lives()).count()
    }

    pub(super) fn sockets(&self) -> usize {
        let halves = self.allocations.iter().flat_map(|it| it.halves).flatten();
        let tokens = self.tokens.iter().filter(|token| token.place);
        halves.count() + tokens.count()
    }
}
