//! How many allocations an account, and everybody together, may have (486).
//!
//! Shared by all servers of a process, because a user's allocations land on any of them. The lock is
//! taken when an allocation is made or ends, never on the way of a packet.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The ledger of live allocations.
#[derive(Debug, Default)]
pub struct Quotas {
    per_account: Option<u32>,
    total: Option<u32>,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    accounts: HashMap<Arc<str>, u32>,
    total: u32,
}

impl Quotas {
    /// `None`: no limit.
    #[must_use]
    pub fn new(per_account: Option<u32>, total: Option<u32>) -> Self {
        Self {
            per_account,
            total,
            counts: Mutex::default(),
        }
    }

    /// Takes a place for one allocation of `account`; `None` if there is none left. The place is
    /// given back when the value is dropped.
    #[must_use]
    pub fn take(self: &Arc<Self>, account: &str) -> Option<Place> {
        let mut counts = self.counts();
        let (account, held) = match counts.accounts.get_key_value(account) {
            Some((account, &held)) => (account.clone(), held),
            None => (Arc::from(account), 0),
        };
        if self.per_account.is_some_and(|limit| held >= limit)
            || self.total.is_some_and(|limit| counts.total >= limit)
        {
            return None;
        }
        counts.total += 1;
        counts.accounts.insert(account.clone(), held + 1);
        drop(counts);
        Some(Place {
            quotas: self.clone(),
            account,
        })
    }

    /// Live allocations of all accounts.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.counts().total
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

/// One allocation's place in the ledger.
#[derive(Debug)]
pub struct Place {
    quotas: Arc<Quotas>,
    account: Arc<str>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.quotas.give_back(&self.account);
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
        assert!(quotas.take("alice").is_none());
        assert!(quotas.take("bob").is_some());
        drop(first);
        assert!(quotas.take("alice").is_some());
    }

    #[test]
    fn the_total_counts_everybody() {
        let quotas = Arc::new(Quotas::new(None, Some(2)));
        let places = (quotas.take("alice").unwrap(), quotas.take("bob").unwrap());
        assert!(quotas.take("carol").is_none());
        drop(places);
        assert_eq!(quotas.total(), 0);
        assert!(quotas.counts().accounts.is_empty());
    }
}
