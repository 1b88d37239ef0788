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
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    traffic: Traffic,
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
            account.traffic += moved;
            account.weight += weight;
            return;
        }
        let mut inherited = 0;
        if self.accounts.len() >= ACCOUNTS {
            let least = self.accounts.iter().min_by_key(|(_, it)| it.weight);
            let least = least.map(|(name, _)| name.clone());
            if let Some(gone) = least.and_then(|name| self.accounts.remove(&name)) {
                self.others += gone.traffic;
                inherited = gone.weight;
            }
        }
        let account = Account {
            traffic: moved,
            weight: inherited + weight,
        };
        self.accounts.insert(name.into(), account);
    }

    /// The accounts, in no order, with what each has moved since it has its place.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Traffic)> {
        self.accounts
            .iter()
            .map(|(name, it)| (&**name, &it.traffic))
    }

    /// What the other accounts have moved.
    #[must_use]
    pub const fn others(&self) -> Traffic {
        self.others
    }

    /// Adds what another server has counted. There may be more than [`ACCOUNTS`] then.
    pub fn merge(&mut self, other: Self) {
        self.others += other.others;
        for (name, more) in other.accounts {
            let account = self.accounts.entry(name).or_default();
            account.traffic += more.traffic;
            account.weight += more.weight;
        }
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
        assert_eq!(heavy.unwrap().1.client.received.bytes, 2_000_000);
    }

    /// What clients are sent weighs as much as what they send, and what other servers have counted as well.
    #[test]
    fn whoever_moves_more_keeps_the_place_whichever_way_it_goes() {
        let mut accounts = AccountTraffic::default();
        let mut received = Traffic::default();
        received.client.sent.add(1, 10_000);
        accounts.add("reads", received);
        let mut other = AccountTraffic::default();
        other.add("elsewhere", bytes(6000));
        accounts.add("elsewhere", bytes(6000));
        accounts.merge(other);
        for number in 2..ACCOUNTS {
            accounts.add(&format!("user{number}"), bytes(9000));
        }
        for number in 0..ACCOUNTS - 2 {
            accounts.add(&format!("more{number}"), bytes(1));
        }
        for name in ["reads", "elsewhere"] {
            assert!(accounts.iter().any(|(it, _)| it == name), "{name}");
        }
    }

    #[test]
    fn nothing_is_lost_and_nothing_counted_twice() {
        let mut accounts = AccountTraffic::default();
        for number in 0..1000_u64 {
            accounts.add(&format!("user{}", number % 400), bytes(number));
        }
        let mut other = AccountTraffic::default();
        other.add("user7", bytes(1));
        accounts.merge(other);
        let mut all = accounts.others();
        for (_, traffic) in accounts.iter() {
            all += *traffic;
        }
        assert_eq!(all, {
            let mut all = bytes(499_501);
            all.client.received.packets = 1001;
            all
        });
    }
}
