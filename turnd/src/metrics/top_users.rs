//! Which users have a label of their own: a fixed number of those with the most traffic. So a server with
//! millions of time-limited names has no more series than one with twenty users.
//!
//! A counter must not fall while it has its label. So what is shown of a user is what he has moved since
//! he has the label, and what the others moved is the rest of everything, into which goes what a user was
//! shown with who has lost his label.

use std::collections::HashMap;

use turnd_proto::{AccountTraffic, Placed, Traffic};

/// The label of all users without one of their own. A user of this very name is among them.
const OTHERS: &str = "(others)";
/// How many times the traffic of the least user with a label another must have to take his place:
/// two of the same size would take turns otherwise.
const ADVANTAGE: u64 = 2;

/// Those who have a label.
pub(super) struct TopUsers {
    most: usize,
    users: HashMap<Box<str>, User>,
}

#[derive(Default)]
struct User {
    /// What each worker said last; each forgets him when others take his place there, and counts from nothing when he
    /// comes again.
    last: Vec<Option<Placed>>,
    /// What is shown.
    shown: Traffic,
}

impl User {
    /// Takes what a worker says, and returns what has come since it last said something.
    fn hear(&mut self, worker: usize, said: Option<Placed>) -> Traffic {
        if self.last.len() <= worker {
            self.last.resize(worker + 1, None);
        }
        let before = std::mem::replace(&mut self.last[worker], said);
        match (before, said) {
            (_, None) => Traffic::default(),
            (Some(before), Some(now)) if before.place == now.place => now.traffic - before.traffic,
            (_, Some(now)) => now.traffic,
        }
    }

    /// Bytes that all workers know of.
    fn bytes(&self) -> u64 {
        self.last
            .iter()
            .flatten()
            .map(|it| bytes(&it.traffic))
            .sum()
    }
}

/// What is shown: each label with its traffic.
pub(super) struct Shown(Vec<(Box<str>, Traffic)>);

impl Shown {
    pub(super) fn each(&self) -> impl Iterator<Item = (&str, &Traffic)> {
        self.0.iter().map(|(name, traffic)| (&**name, traffic))
    }
}

impl TopUsers {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            users: HashMap::new(),
        }
    }

    /// Takes what the workers said last, each in its place; one that never said anything has none.
    pub(super) fn update(&mut self, workers: &[Option<&AccountTraffic>]) {
        let mut newcomers: HashMap<&str, User> = HashMap::new();
        for (number, accounts) in workers.iter().enumerate() {
            let Some(accounts) = accounts else {
                continue;
            };
            for (name, user) in &mut self.users {
                let moved = user.hear(number, accounts.get(name));
                user.shown += moved;
            }
            let others = accounts
                .iter()
                .filter(|(name, _)| !self.users.contains_key(*name));
            for (name, &placed) in others {
                // A label begins at nothing: what came before stays with the others.
                newcomers
                    .entry(name)
                    .or_default()
                    .hear(number, Some(placed));
            }
        }
        let mut newcomers: Vec<_> = newcomers.into_iter().collect();
        newcomers.sort_unstable_by_key(|(name, user)| (std::cmp::Reverse(user.bytes()), *name));
        for (name, user) in newcomers {
            if name == OTHERS || !self.make_room(user.bytes()) {
                continue;
            }
            self.users.insert(name.into(), user);
        }
    }

    /// Whether there is a place for a user who has moved so much, which may be that of the least one.
    fn make_room(&mut self, challenger: u64) -> bool {
        if self.users.len() < self.most {
            return true;
        }
        let least = self.users.iter();
        let least = least.min_by_key(|(name, user)| (user.bytes(), &**name));
        let Some((name, user)) = least else {
            return false;
        };
        if challenger <= user.bytes().saturating_mul(ADVANTAGE) {
            return false;
        }
        let name = name.clone();
        self.users.remove(&name);
        true
    }

    /// Everyone with a label, by name, and the others.
    pub(super) fn shown(&self, workers: &[Option<&AccountTraffic>]) -> Shown {
        let mut others = Traffic::default();
        for accounts in workers.iter().flatten() {
            others += accounts.others();
            for (_, placed) in accounts.iter() {
                others += placed.traffic;
            }
        }
        let mut shown: Vec<(Box<str>, Traffic)> = Vec::new();
        for (name, user) in &self.users {
            others = others - user.shown;
            shown.push((name.clone(), user.shown));
        }
        shown.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        shown.push((OTHERS.into(), others));
        Shown(shown)
    }
}

const fn bytes(traffic: &Traffic) -> u64 {
    traffic.client.received.bytes + traffic.client.sent.bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnd_proto::Flow;

    /// What the workers say: each name with its bytes so far.
    fn accounts(all: &[(&str, u64)]) -> AccountTraffic {
        let mut accounts = AccountTraffic::default();
        for &(name, bytes) in all {
            accounts.add(name, moved(1, bytes));
        }
        accounts
    }

    fn moved(packets: u64, bytes: u64) -> Traffic {
        let mut traffic = Traffic::default();
        traffic.client.received = Flow { packets, bytes };
        traffic
    }

    fn seen(users: &mut TopUsers, all: &[(&str, u64)]) -> Vec<(String, u64)> {
        let accounts = accounts(all);
        after(users, &[&accounts])
    }

    fn after(users: &mut TopUsers, workers: &[&AccountTraffic]) -> Vec<(String, u64)> {
        let workers: Vec<_> = workers.iter().copied().map(Some).collect();
        users.update(&workers);
        let shown = users.shown(&workers);
        shown
            .each()
            .map(|(name, traffic)| (name.to_owned(), bytes(traffic)))
            .collect()
    }

    fn expect(seen: &[(String, u64)], wanted: &[(&str, u64)]) {
        let seen: Vec<_> = seen.iter().map(|(name, it)| (name.as_str(), *it)).collect();
        assert_eq!(seen, wanted);
    }

    #[test]
    fn those_with_the_most_have_a_label_and_the_others_are_one_sum() {
        let mut users = TopUsers::new(2);
        let first = seen(&mut users, &[("a", 10), ("b", 30), ("c", 20)]);
        // A label begins at nothing: what came before stays where it was.
        expect(&first, &[("b", 0), ("c", 0), (OTHERS, 60)]);
        let then = seen(&mut users, &[("a", 15), ("b", 35), ("c", 27)]);
        expect(&then, &[("b", 5), ("c", 7), (OTHERS, 65)]);
    }

    #[test]
    fn a_label_goes_to_whoever_has_twice_as_much_and_no_sum_falls() {
        let mut users = TopUsers::new(1);
        seen(&mut users, &[("a", 10)]);
        let first = seen(&mut users, &[("a", 20), ("b", 40)]);
        expect(&first, &[("a", 10), (OTHERS, 50)]);
        let then = seen(&mut users, &[("a", 20), ("b", 41)]);
        expect(&then, &[("b", 0), (OTHERS, 61)]);
    }

    #[test]
    fn a_user_whom_the_workers_forgot_goes_on_where_he_was() {
        let mut users = TopUsers::new(1);
        seen(&mut users, &[("a", 10)]);
        seen(&mut users, &[("a", 25)]);
        let forgotten = seen(&mut users, &[("b", 25)]);
        assert_eq!(forgotten.last().unwrap().0, OTHERS);
        let mut users = TopUsers::new(2);
        seen(&mut users, &[("a", 10)]);
        seen(&mut users, &[("a", 25)]);
        let again = seen(&mut users, &[("rest", 25), ("a", 5)]);
        expect(&again, &[("a", 20), ("rest", 0), (OTHERS, 10)]);
    }

    #[test]
    fn the_name_of_the_others_is_nobodys() {
        let mut users = TopUsers::new(5);
        seen(&mut users, &[(OTHERS, 10), ("a", 1)]);
        let shown = seen(&mut users, &[(OTHERS, 12), ("a", 1)]);
        expect(&shown, &[("a", 0), (OTHERS, 13)]);
    }

    #[test]
    fn a_worker_that_forgets_a_user_whom_another_knows_makes_no_counter_jump_or_fall() {
        let mut users = TopUsers::new(1);
        let one = |bytes| accounts(&[("a", bytes)]);
        let flood = |accounts: &mut AccountTraffic| {
            for number in 0..turnd_proto::ACCOUNTS {
                accounts.add(&format!("user{number}"), moved(1, 4_000_000));
            }
        };
        // Many small packets through one worker, few large ones through the other.
        let mut small = AccountTraffic::default();
        small.add("a", moved(10_000, 500_000));
        let first = after(&mut users, &[&one(10_000_000), &small]);
        expect(&first, &[("a", 0), (OTHERS, 10_500_000)]);
        // That one forgets him while he moves more through the other.
        flood(&mut small);
        assert!(small.get("a").is_none());
        let then = after(&mut users, &[&one(15_000_000), &small]);
        let rest = 10_500_000 + 4_000_000 * turnd_proto::ACCOUNTS as u64;
        expect(&then, &[("a", 5_000_000), (OTHERS, rest)]);
        // He comes again, with more bytes than before and fewer packets.
        small.add("a", moved(3, 900_000_000));
        let again = after(&mut users, &[&one(15_000_001), &small]);
        assert_eq!(again[0], ("a".to_owned(), 905_000_001));
        assert_eq!(again[1].1, rest);
    }
}
