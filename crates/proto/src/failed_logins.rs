//! How many passwords somebody may try: so many wrong ones a minute for a user from one source, and for all users
//! from one source. Beyond it passwords are not looked at. Other sources of the same user do not notice, so that
//! nobody is locked out by somebody else.
//!
//! Shared by all servers of a process, because a source reaches all of them. The lock is taken for a login,
//! never on the way of a packet. The table has a fixed size; who finds no free entry takes over the one with the
//! fewest failures of its set, and those with it.

use core::{
    fmt,
    hash::BuildHasher,
    net::{IpAddr, Ipv6Addr},
};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

use crate::{io::UserId, time::Instant};

const WAYS: usize = 4;
const SETS: usize = 1024;
/// Seconds that failures count.
const WINDOW: u64 = 60;

/// Who has failed how often.
#[derive(Default)]
pub struct FailedLogins(Mutex<Table>);

impl fmt::Debug for FailedLogins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FailedLogins")
    }
}

#[derive(Default)]
struct Table {
    /// Empty before the first failure.
    entries: Vec<Entry>,
    hasher: RandomState,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    /// Whose: a hash that nobody can foresee.
    key: u64,
    /// The second of the first failure that counts.
    since: u64,
    failures: u32,
    /// Half of those of the window before count as well.
    successes: u32,
}

impl Entry {
    fn renew(&mut self, second: u64) {
        if second.saturating_sub(self.since) >= WINDOW {
            (self.since, self.failures, self.successes) = (second, 0, self.successes / 2);
        }
    }
}

impl FailedLogins {
    /// Whether another password may be tried.
    pub(crate) fn may_try(&self, from: IpAddr, user: &UserId, limit: u32, now: Instant) -> bool {
        let mut table = self.table();
        if table.entries.is_empty() {
            return true;
        }
        let [of_source, of_user] = table.keys(from, user);
        let mut find = |key| table.find(key, now.as_secs()).copied();
        // Many may share a source, and those who fail must not keep out those who do not.
        let is_few = |it: Entry| it.failures < limit.saturating_add(it.successes);
        find(of_source).is_none_or(is_few) && find(of_user).is_none_or(|it| it.failures < limit)
    }

    /// One was tried.
    pub(crate) fn tried(&self, from: IpAddr, user: &UserId, succeeded: bool, now: Instant) {
        let mut table = self.table();
        let [of_source, of_user] = table.keys(from, user);
        let second = now.as_secs();
        if succeeded {
            if let Some(entry) = table.find(of_source, second) {
                entry.successes = entry.successes.saturating_add(1);
            }
            return;
        }
        for key in [of_source, of_user] {
            let entry = table.entry(key, second);
            entry.failures = entry.failures.saturating_add(1);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn keys(&self, from: IpAddr, user: &UserId) -> [u64; 2] {
        let source = source(from);
        let user = match user {
            UserId::Name(name) => name.as_bytes(),
            UserId::Hash(hash) => &hash[..],
        };
        [
            self.hasher.hash_one(source),
            self.hasher.hash_one((source, user)),
        ]
    }

    fn set(&mut self, key: u64) -> &mut [Entry] {
        let start = key as usize % SETS * WAYS;
        self.entries
            .get_mut(start..start + WAYS)
            .unwrap_or_default()
    }

    fn find(&mut self, key: u64, second: u64) -> Option<&mut Entry> {
        let entry = self.set(key).iter_mut().find(|entry| entry.key == key)?;
        entry.renew(second);
        Some(entry)
    }

    fn entry(&mut self, key: u64, second: u64) -> &mut Entry {
        if self.entries.is_empty() {
            self.entries = vec![Entry::default(); SETS * WAYS];
        }
        let set = self.set(key);
        set.iter_mut().for_each(|entry| entry.renew(second));
        let own = set.iter().position(|entry| entry.key == key);
        let least = || (0..WAYS).min_by_key(|&at| set[at].failures).unwrap_or(0);
        let at = own.unwrap_or_else(least);
        if own.is_none() {
            (set[at].key, set[at].successes) = (key, 0);
        }
        &mut set[at]
    }
}

/// An IPv4 address, or the /64 of an IPv6 address, because one customer gets at least that much.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u32 = 20;

    fn ip(number: u32) -> IpAddr {
        core::net::Ipv4Addr::from_bits(number).into()
    }

    fn user(name: &str) -> UserId {
        UserId::Name(name.to_owned())
    }

    /// Passwords that are looked at of so many tries a second.
    fn guesses(
        logins: &FailedLogins,
        seconds: core::ops::Range<u64>,
        per_second: u32,
        name: impl Fn(u32) -> UserId,
    ) -> u32 {
        let mut looked_at = 0;
        for second in seconds {
            let now = Instant::from_millis(second * 1000);
            for nth in 0..per_second {
                let user = name(nth);
                if logins.may_try(ip(1), &user, LIMIT, now) {
                    looked_at += 1;
                    logins.tried(ip(1), &user, false, now);
                }
            }
        }
        looked_at
    }

    #[test]
    fn twenty_wrong_passwords_a_minute_and_other_sources_do_not_notice() {
        let logins = FailedLogins::default();
        assert_eq!(guesses(&logins, 0..59, 100, |_| user("alice")), LIMIT);
        let now = Instant::from_millis(59_000);
        assert!(!logins.may_try(ip(1), &user("alice"), LIMIT, now));
        assert!(logins.may_try(ip(2), &user("alice"), LIMIT, now));
        assert_eq!(guesses(&logins, 59..119, 100, |_| user("alice")), LIMIT);
    }

    #[test]
    fn other_names_do_not_help() {
        let logins = FailedLogins::default();
        let name = |nth: u32| user(&format!("user {nth}"));
        assert_eq!(guesses(&logins, 0..60, 100, name), LIMIT);
    }

    #[test]
    fn a_source_of_many_is_not_shut_out_by_a_few() {
        let logins = FailedLogins::default();
        let mut shut_out = 0;
        for second in 0..600 {
            let now = Instant::from_millis(second * 1000);
            // Two log in, and one keeps failing.
            for (name, succeeds) in [("a", true), ("b", true), ("c", false)] {
                let user = user(name);
                if logins.may_try(ip(1), &user, LIMIT, now) {
                    logins.tried(ip(1), &user, succeeds, now);
                } else {
                    shut_out += u32::from(succeeds);
                }
            }
        }
        assert_eq!(shut_out, 0);
        let now = Instant::from_millis(599_000);
        assert!(!logins.may_try(ip(1), &user("c"), LIMIT, now));
    }

    #[test]
    fn those_who_get_in_make_room_for_others_of_their_source_and_for_nobody_more() {
        let logins = FailedLogins::default();
        let start = Instant::from_millis(0);
        logins.tried(ip(1), &user("x"), false, start);
        for _ in 0..10 {
            logins.tried(ip(1), &user("a"), true, start);
        }
        assert_eq!(guesses(&logins, 0..1, 100, |_| user("c")), LIMIT);
        let name = |nth: u32| user(&format!("user {nth}"));
        // One and twenty have failed, of twenty and ten.
        assert_eq!(guesses(&logins, 0..1, 100, name), 9);
        // What was a minute ago counts half, and half of that.
        assert_eq!(guesses(&logins, 60..61, 100, name), LIMIT + 5);
        assert_eq!(guesses(&logins, 120..121, 100, name), LIMIT + 2);
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        let logins = FailedLogins::default();
        let now = Instant::from_millis(1000);
        let at = |network: u128, host: u128| Ipv6Addr::from_bits(network << 64 | host).into();
        for host in 0..LIMIT {
            logins.tried(at(1, host.into()), &user("alice"), false, now);
        }
        assert!(!logins.may_try(at(1, u128::from(u64::MAX)), &user("alice"), LIMIT, now));
        assert!(logins.may_try(at(2, 0), &user("alice"), LIMIT, now));
    }

    #[test]
    fn a_flood_of_names_opens_no_way_to_one() {
        let logins = FailedLogins::default();
        let now = Instant::from_millis(1000);
        for number in 0..100_000 {
            logins.tried(ip(1000 + number), &user("alice"), false, now);
        }
        let tried = (0..1000).filter(|_| {
            let may = logins.may_try(ip(1), &user("alice"), LIMIT, now);
            if may {
                logins.tried(ip(1), &user("alice"), false, now);
            }
            may
        });
        assert!(tried.count() <= LIMIT as usize);
        assert_eq!(logins.table().entries.len(), SETS * WAYS);
    }
}
