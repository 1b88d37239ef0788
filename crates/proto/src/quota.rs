//! How many allocations and reserved ports an account, and everybody together, may have (486).
//!
//! Shared by all servers of a process, because a user's allocations land on any of them. The lock is
//! taken when an allocation is made or ends, never on the way of a packet.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use crate::io::ReservationToken;

/// The ledger of live allocations and of ports that wait for one.
#[derive(Debug, Default)]
pub struct Quotas {
    counts: Mutex<Counts>,
}

/// Which limit leaves no room for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaReached {
    /// That of the account.
    Account,
    /// That of all together.
    Total,
}

#[derive(Debug, Default)]
struct Counts {
    per_account: Option<u32>,
    limit: Option<u32>,
    accounts: HashMap<Arc<str>, u32>,
    total: u32,
    /// The places of reserved ports, found by whichever server the token is redeemed at.
    reserved: HashMap<ReservationToken, Weak<Held>>,
}

impl Quotas {
    /// `None`: no limit.
    #[must_use]
    pub fn new(per_account: Option<u32>, total: Option<u32>) -> Self {
        let quotas = Self::default();
        quotas.set_limits(per_account, total);
        quotas
    }

    /// Changes the limits. Whoever holds more than the new ones allow keeps it and gets nothing more.
    pub fn set_limits(&self, per_account: Option<u32>, total: Option<u32>) {
        let mut counts = self.counts();
        (counts.per_account, counts.limit) = (per_account, total);
    }

    /// Takes a place for one allocation of `account`. The place is given back when the value is dropped.
    ///
    /// # Errors
    /// When there is none left.
    pub fn take(self: &Arc<Self>, account: &str) -> Result<Place, QuotaReached> {
        let account = self.count(account, 1)?;
        Ok(self.place(account))
    }

    /// Takes two places, for an allocation and the port that is reserved beside it, or none.
    ///
    /// # Errors
    /// When there are not two left.
    pub fn take_pair(self: &Arc<Self>, account: &str) -> Result<(Place, Place), QuotaReached> {
        let account = self.count(account, 2)?;
        Ok((self.place(account.clone()), self.place(account)))
    }

    /// Lets `place` be found by the token of the port that holds it, until the value is dropped.
    #[must_use]
    pub fn reserve(&self, token: ReservationToken, place: Place) -> ReservedPlace {
        let held = Arc::downgrade(&place.0);
        self.counts().reserved.insert(token, held);
        ReservedPlace { token, place }
    }

    /// The place of a reserved port, if it is held by `account`: whoever redeems the token of his own
    /// pays no second time. The reservation and the allocation share the place until one of them is
    /// gone, so that it is neither free for a moment nor lost, however the redemption ends.
    #[must_use]
    pub fn reserved(&self, token: ReservationToken, account: &str) -> Option<Place> {
        let held = self.counts().reserved.get(&token).and_then(Weak::upgrade);
        // Compared without the lock: what is dropped here may be the last to hold the place.
        held.filter(|held| *held.account == *account).map(Place)
    }

    /// Counts so many more for an account, all or none.
    fn count(&self, account: &str, places: u32) -> Result<Arc<str>, QuotaReached> {
        let mut counts = self.counts();
        let (account, held) = match counts.accounts.get_key_value(account) {
            Some((account, &held)) => (account.clone(), held),
            None => (Arc::from(account), 0),
        };
        let fits = |held: u32, limit: Option<u32>| {
            limit.is_none_or(|limit| held.saturating_add(places) <= limit)
        };
        if !fits(held, counts.per_account) {
            return Err(QuotaReached::Account);
        }
        if !fits(counts.total, counts.limit) {
            return Err(QuotaReached::Total);
        }
        counts.total += places;
        counts.accounts.insert(account.clone(), held + places);
        Ok(account)
    }

    fn place(self: &Arc<Self>, account: Arc<str>) -> Place {
        Place(Arc::new(Held {
            quotas: self.clone(),
            account,
        }))
    }

    /// Places that all accounts hold.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.counts().total
    }

    /// Accounts that hold a place.
    #[must_use]
    pub fn accounts(&self) -> usize {
        self.counts().accounts.len()
    }

    /// Does something while nobody else gets at the ledger.
    #[cfg(test)]
    pub(crate) fn while_locked<T>(&self, work: impl FnOnce() -> T) -> T {
        let _held = self.counts();
        work()
    }

    fn give_back(&self, account: &str) {
        let mut counts = self.counts();
        counts.total = counts.total.saturating_sub(1);
        match counts.accounts.get_mut(account) {
            Some(held) if *held > 1 => *held -= 1,
            _ => drop(counts.accounts.remove(account)),
        }
    }

    /// The counts stay right even if a thread died while it held them: every change is one step.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place in the ledger of one allocation, of one reserved port, or of an allocation that is about
/// to take over the port.
#[derive(Debug)]
pub struct Place(Arc<Held>);

#[derive(Debug)]
struct Held {
    quotas: Arc<Quotas>,
    account: Arc<str>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.quotas.give_back(&self.account);
    }
}

/// The place of a reserved port. Its token finds nothing any more when this is dropped.
#[derive(Debug)]
pub struct ReservedPlace {
    token: ReservationToken,
    place: Place,
}

impl Drop for ReservedPlace {
    fn drop(&mut self) {
        self.place.0.quotas.counts().reserved.remove(&self.token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_gets_its_share_and_no_more() {
        let quotas = Arc::new(Quotas::new(Some(2), None));
        let first = quotas.take("alice").unwrap();
        let _second = quotas.take("alice").unwrap();
        assert!(quotas.take("alice").is_err());
        assert!(quotas.take("bob").is_ok());
        drop(first);
        assert!(quotas.take("alice").is_ok());
    }

    #[test]
    fn limits_change_while_counts_stay() {
        let quotas = Arc::new(Quotas::new(None, None));
        let mut places = [(); 3]
            .into_iter()
            .map(|()| quotas.take("alice").unwrap())
            .collect::<Vec<_>>();
        quotas.set_limits(Some(2), Some(4));
        assert_eq!(quotas.take("alice").unwrap_err(), QuotaReached::Account);
        places.push(quotas.take("bob").unwrap());
        assert_eq!(quotas.take("bob").unwrap_err(), QuotaReached::Total);
        assert_eq!((quotas.total(), quotas.accounts()), (4, 2));
        places.drain(..2);
        assert!(quotas.take("alice").is_ok());
        quotas.set_limits(None, None);
        assert!(quotas.take_pair("bob").is_ok());
    }

    #[test]
    fn the_total_counts_everybody() {
        let quotas = Arc::new(Quotas::new(None, Some(2)));
        let places = (quotas.take("alice").unwrap(), quotas.take("bob").unwrap());
        assert!(quotas.take("carol").is_err());
        drop(places);
        assert_eq!(quotas.total(), 0);
        assert!(quotas.counts().accounts.is_empty());
    }

    #[test]
    fn a_pair_of_places_is_taken_whole_or_not_at_all() {
        let quotas = Arc::new(Quotas::new(Some(2), Some(3)));
        let pair = quotas.take_pair("alice").unwrap();
        assert!(quotas.take_pair("bob").is_err());
        assert_eq!(quotas.total(), 2);
        drop(pair);
        let _one = quotas.take("alice").unwrap();
        assert!(quotas.take_pair("alice").is_err());
        assert!(quotas.take_pair("bob").is_ok());
    }

    #[test]
    fn a_reserved_place_is_shared_with_its_own_account_and_counted_once() {
        let quotas = Arc::new(Quotas::new(Some(2), None));
        let token = [7; 8];
        let (_allocation, place) = quotas.take_pair("alice").unwrap();
        let reservation = quotas.reserve(token, place);
        assert!(quotas.reserved([8; 8], "alice").is_none());
        assert!(quotas.reserved(token, "bob").is_none());
        // A redemption that fails leaves the port its place ...
        drop(quotas.reserved(token, "alice").unwrap());
        assert_eq!(quotas.total(), 2);
        // ... and one that succeeds takes it over, whoever is first.
        let redeemed = quotas.reserved(token, "alice").unwrap();
        drop(reservation);
        assert_eq!(quotas.total(), 2);
        assert!(quotas.reserved(token, "alice").is_none());
        drop(redeemed);
        assert_eq!(quotas.total(), 1);
        assert!(quotas.counts().reserved.is_empty());
    }
}
