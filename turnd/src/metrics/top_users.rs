//! Which users have a label of their own: a fixed number of those with the most traffic. So a server with
//! millions of time-limited names has no more series than one with twenty users.
//!
//! A counter must not fall while it has its label. So what is shown of a user is what he has moved since
//! he has the label, and what the others moved is the rest of everything, into which goes what a user was
//! shown with who has lost his label.

use std::collections::HashMap;

use turnd_proto::{AccountTraffic, Traffic};

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
    /// What the workers said last.
    last: Traffic,
    /// What is shown.
    shown: Traffic,
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

    /// Takes what all workers together said last.
    pub(super) fn update(&mut self, accounts: &AccountTraffic) {
        let mut newcomers = Vec::new();
        let mut gone: Vec<Box<str>> = self.users.keys().cloned().collect();
        for (name, &traffic) in accounts.iter() {
            let Some(user) = self.users.get_mut(name) else {
                newcomers.push((bytes(&traffic), name, traffic));
                continue;
            };
            gone.retain(|it| &**it != name);
            // Less than before: the workers had forgotten him meanwhile, and count from nothing.
            let is_new = bytes(&traffic) < bytes(&user.last);
            user.shown += if is_new { traffic } else { traffic - user.last };
            user.last = traffic;
        }
        for name in gone {
            if let Some(user) = self.users.get_mut(&name) {
                user.last = Traffic::default();
            }
        }
        newcomers.sort_unstable_by_key(|&(bytes, name, _)| (std::cmp::Reverse(bytes), name));
        for (bytes, name, traffic) in newcomers {
            if name == OTHERS || !self.make_room(bytes) {
                continue;
            }
            let shown = Traffic::default();
            let user = User {
                last: traffic,
                shown,
            };
            self.users.insert(name.into(), user);
        }
    }

    /// Whether there is a place for a user who has moved so much, which may be that of the least one.
    fn make_room(&mut self, challenger: u64) -> bool {
        if self.users.len() < self.most {
            return true;
        }
        let least = self.users.iter();
        let least = least.min_by_key(|(name, user)| (bytes(&user.last), &**name));
        let Some((name, user)) = least else {
            return false;
        };
        if challenger <= bytes(&user.last).saturating_mul(ADVANTAGE) {
            return false;
        }
        let name = name.clone();
        self.users.remove(&name);
        true
    }

    /// Everyone with a label, by name, and the others.
    pub(super) fn shown(&self, accounts: &AccountTraffic) -> Shown {
        let mut others = accounts.others();
        for (_, traffic) in accounts.iter() {
            others += *traffic;
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
            let mut traffic = Traffic::default();
            traffic.client.received = Flow { packets: 1, bytes };
            accounts.add(name, traffic);
        }
        accounts
    }

    fn seen(users: &mut TopUsers, all: &[(&str, u64)]) -> Vec<(String, u64)> {
        let accounts = accounts(all);
        users.update(&accounts);
        let shown = users.shown(&accounts);
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
        let again = seen(&mut users, &[("a", 5), ("rest", 25)]);
        expect(&again, &[("a", 20), ("rest", 0), (OTHERS, 10)]);
    }

    #[test]
    fn the_name_of_the_others_is_nobodys() {
        let mut users = TopUsers::new(5);
        seen(&mut users, &[(OTHERS, 10), ("a", 1)]);
        let shown = seen(&mut users, &[(OTHERS, 12), ("a", 1)]);
        expect(&shown, &[("a", 0), (OTHERS, 13)]);
    }
}
