//! Reserved ports: the odd neighbour that EVEN-PORT asked to keep (RFC 8656 sections 7.2 and 18.10).

use core::net::SocketAddr;
use std::collections::HashMap;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    io::{RelayId, ReservationToken},
    quota::{Place, ReservedPlace},
    refusal::Refusal,
    server::Server,
    settings::Lifetimes,
    time::Instant,
    timers::Timer,
};

/// Tokens and the relays they stand for.
pub(crate) struct Reservations {
    /// First byte of every token made here, by which another server finds this one.
    index: u8,
    secret: Hmac<Sha256>,
    made: u64,
    relays: HashMap<ReservationToken, Reservation>,
}

/// A relay that is bound and waits.
#[derive(Debug)]
pub(crate) struct Reservation {
    pub(crate) relay: RelayId,
    pub(crate) expires: Instant,
    /// A port that waits costs its user as much as an allocation does. Held for its end.
    _place: ReservedPlace,
}

impl Reservations {
    /// `seed` must be unpredictable.
    pub(crate) fn new(index: u8, seed: &[u8; 32]) -> Self {
        Self {
            index,
            secret: Hmac::new_from_slice(seed).expect("HMAC takes keys of any length"),
            made: 0,
            relays: HashMap::new(),
        }
    }

    /// A token that was never given out.
    fn new_token(&mut self) -> ReservationToken {
        self.made = self.made.wrapping_add(1);
        let mut mac = self.secret.clone();
        mac.update(&self.made.to_be_bytes());
        let mut token = [0; 8];
        token[0] = self.index;
        token[1..].copy_from_slice(&mac.finalize().into_bytes()[..7]);
        token
    }

    /// Whether this server made the token, if anyone did.
    pub(crate) fn is_ours(&self, token: ReservationToken) -> bool {
        token[0] == self.index
    }

    /// Redeems a token, once.
    pub(crate) fn redeem(&mut self, token: ReservationToken, now: Instant) -> Option<Reservation> {
        let reservation = self.relays.get(&token)?;
        if reservation.expires <= now {
            return None;
        }
        self.relays.remove(&token)
    }

    pub(crate) fn len(&self) -> usize {
        self.relays.len()
    }

    /// Forgets all tokens. None of them is given out again.
    pub(crate) fn clear(&mut self) {
        self.relays.clear();
    }

    /// Forgets the token of a relay that nobody asked for in time.
    pub(crate) fn forget(&mut self, relay: RelayId) {
        self.relays
            .retain(|_, reservation| reservation.relay != relay);
    }
}

impl Server {
    /// The places that an allocation and the port reserved beside it need: both or none.
    pub(crate) fn places_for_pair(&mut self, account: &str) -> Result<(Place, Place), Refusal> {
        if self.reservations.len() >= self.settings.limits.reservations {
            return Err(Refusal::NO_CAPACITY);
        }
        let places = self.settings.quotas.take_pair(account);
        places.map_err(|which| self.quota_reached(which))
    }

    /// Keeps a relay for whoever presents the token that is returned.
    pub(crate) fn reserve(
        &mut self,
        now: Instant,
        relay: RelayId,
        address: SocketAddr,
        place: Place,
    ) -> ReservationToken {
        self.table.reserve(relay, address);
        let expires = now + Lifetimes::RESERVATION;
        self.timers.set(expires, Timer::Reservation(relay));
        let token = self.reservations.new_token();
        let reservation = Reservation {
            relay,
            expires,
            _place: self.settings.quotas.reserve(token, place),
        };
        self.reservations.relays.insert(token, reservation);
        token
    }

    /// Redeems a token of this server: the relay and its address.
    pub(crate) fn redeem(
        &mut self,
        now: Instant,
        token: ReservationToken,
    ) -> Option<(RelayId, SocketAddr)> {
        let reservation = self.reservations.redeem(token, now)?;
        self.timers
            .unset(reservation.expires, Timer::Reservation(reservation.relay));
        let address = self.table.reserved(reservation.relay)?;
        Some((reservation.relay, address))
    }
}
