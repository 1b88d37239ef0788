//! Traffic by account, for a fixed number of accounts: those with the most of it, found as the
//! Space-Saving algorithm does (Metwally, Agrawal, El Abbadi: Efficient computation of frequent and
//! top-k elements in data streams, 2005). What the others moved is one sum.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::traffic::Traffic;

/// Accounts that one server keeps apart.
pub const ACCOUNTS: usize = 256;

/// The accounts with the most traffic.
#[derive(Clone, Debug, Default)]
pub struct AccountTraffic {
    accounts: HashMap<Box<str>, Account, RandomState>,
    others: Traffic,
    /// Places that were taken.
    taken: u64,
}

/// What an account has moved since it has its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// What it has moved.
    pub traffic: Traffic,
    /// The number of its place: another one after it was forgotten and came again.
    pub place: u64,
}

#[derive(Clone, Copy, Debug)]
struct Account {
    placed: Placed,
    /// Bytes that decide who stays: also those of whoever had the place before. So whoever has moved
    /// more than the 256th part of everything has a place, whatever came in between.
    weight: u64,
}

impl AccountTraffic {
    /// Adds what an account has moved. A new one takes the place of the one with the least weight,
    /// whose traffic goes to the sum of the others.
    pub fn add(&mut self, name: &str, moved: Traffic) {
        let weight = moved.client.received.bytes + moved.client.sent.bytes;
        if let Some(account) = self.accounts.get_mut(name) {
            account.placed.traffic += moved;
            account.weight += weight;
            return;
        }
        let mut inherited = 0;
        if self.accounts.len() >= ACCOUNTS {
            let least = self.accounts.iter().min_by_key(|(_, it)| it.weight);
            let least = least.map(|(name, _)| name.clone());
            if let Some(gone) = least.and_then(|name| self.accounts.remove(&name)) {
                self.others += gone.placed.traffic;
                inherited = gone.weight;
            }
        }
        self.taken += 1;
        let account = Account {
            placed: Placed {
                traffic: moved,
                place: self.taken,
            },
            weight: inherited + weight,
        };
        self.accounts.insert(name.into(), account);
    }

    /// The accounts, in no order, with what each has moved since it has its place.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Placed)> {
        self.accounts.iter().map(|(name, it)| (&**name, &it.placed))
    }

    /// What this account has moved since it has its place, if it has one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Placed> {
        self.accounts.get(name).map(|it| it.placed)
    }

    /// What the other accounts have moved.
    #[must_use]
    pub const fn others(&self) -> Traffic {
        self.others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(bytes: u64) -> Traffic {
        let mut traffic = Traffic::default();
        traffic.client.received.add(1, bytes);
        traffic
    }

    #[test]
    fn a_flood_of_names_takes_no_memory_and_hides_no_heavy_account() {
        let mut accounts = AccountTraffic::default();
        for number in 0..20_000 {
            accounts.add(&format!("user{number}"), bytes(100));
            if number % 100 == 0 {
                accounts.add("heavy", bytes(10_000));
            }
        }
        assert_eq!(accounts.iter().count(), ACCOUNTS);
        let heavy = accounts.iter().find(|(name, _)| *name == "heavy");
        assert_eq!(heavy.unwrap().1.traffic.client.received.bytes, 2_000_000);
    }

    /// What clients are sent weighs as much as what they send.
    #[test]
    fn whoever_moves_more_keeps_the_place_whichever_way_it_goes() {
        let mut accounts = AccountTraffic::default();
        let mut received = Traffic::default();
        received.client.sent.add(1, 10_000);
        accounts.add("reads", received);
        accounts.add("sends", bytes(12_000));
        for number in 2..ACCOUNTS {
            accounts.add(&format!("user{number}"), bytes(9000));
        }
        for number in 0..ACCOUNTS - 2 {
            accounts.add(&format!("more{number}"), bytes(1));
        }
        for name in ["reads", "sends"] {
            assert!(accounts.iter().any(|(it, _)| it == name), "{name}");
        }
    }

    #[test]
    fn nothing_is_lost_and_nothing_counted_twice() {
        let mut accounts = AccountTraffic::default();
        for number in 0..1000_u64 {
            accounts.add(&format!("user{}", number % 400), bytes(number));
        }
        let mut all = accounts.others();
        for (_, placed) in accounts.iter() {
            all += placed.traffic;
        }
        assert_eq!(all, {
            let mut all = bytes(499_500);
            all.client.received.packets = 1000;
            all
        });
    }
}
