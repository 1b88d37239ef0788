//! What strangers may have sent to an address that they only claim to be at. A challenge is three times as long as
//! the request that asks for it; whoever forges the source of many has a victim flooded.
//!
//! A network may have so many challenges a second that nobody answers, and ten seconds' worth at once. Beyond it, it
//! gets no more bytes than came from it, and those of its hosts go first that have fewer than so many a second: a
//! client beside the victim is still served. What is answered raises the limit: behind one address there may be a
//! thousand honest clients.
//!
//! The tables have a fixed size. Who finds no free entry takes over the quietest one of his set, with what it has
//! counted (the Space-Saving algorithm), so that a flood from everywhere clears the way for nobody.

use core::{
    hash::BuildHasher,
    net::{IpAddr, Ipv6Addr},
};

use foldhash::fast::RandomState;

use crate::{request::MOST_TIMES, time::Instant};

/// Entries that a source may stand in.
const WAYS: usize = 4;
/// Sets of the tables of hosts and of networks.
const SETS: [usize; 2] = [2048, 1024];
/// So many seconds' worth a network may have at once, and so many more are remembered.
const BURST: u32 = 10;
const MEMORY: u32 = 6;
/// A higher limit is none.
const HIGHEST: u32 = 1_000_000;
/// Replies that are kept for the quiet hosts of a network, and most that a source can have saved up.
const RESERVE: i64 = 10;
const SAVINGS: i64 = 16;
/// The shortest Allocate that RFC 8656 section 7.1 knows. What is shorter is a third as welcome.
const SHORTEST: usize = 28;
/// What a challenge of three times its request counts. A longer one counts more, by as much as it is longer.
const UNIT: u32 = 8;
/// Most answers that are remembered of a source.
const ANSWERS: u16 = 10_000;

/// Bytes of a request, and of what it would be answered with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weight {
    pub(crate) request: usize,
    pub(crate) reply: usize,
}

impl Weight {
    /// What it counts as, in parts of a challenge.
    fn cost(self) -> u32 {
        let allowed = MOST_TIMES * self.request.max(1);
        let parts = (self.reply * UNIT as usize).div_ceil(allowed);
        u32::try_from(parts).unwrap_or(u32::MAX >> 8).max(UNIT)
    }

    /// The same of an answer to a request that came again with credentials, whose first form is not known.
    fn answered(reply: usize) -> u32 {
        let request = SHORTEST;
        Self { request, reply }.cost()
    }
}

/// Who was sent how much.
pub(crate) struct Reflections {
    /// Hosts, and networks.
    tables: [Box<[Entry]>; 2],
    hasher: RandomState,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    /// Whose this is: a hash that nobody can foresee.
    source: u64,
    /// When it was brought up to date, in milliseconds; wraps.
    at: u32,
    /// When answers were halved last, in minutes; wraps.
    minute: u16,
    /// Requests that were signed with a challenge from here, fewer with each minute.
    answers: u16,
    /// Challenges that nobody answered, in parts of one; fewer with each second.
    unanswered: u32,
    /// Bytes received beyond those sent.
    credit: i32,
}

impl Default for Reflections {
    fn default() -> Self {
        let table = |sets| vec![Entry::default(); sets * WAYS].into_boxed_slice();
        Self {
            tables: SETS.map(table),
            hasher: RandomState::default(),
        }
    }
}

impl Entry {
    /// Lets go of what is too old to count.
    fn age(&mut self, limit: u32, now: Instant) {
        let (millis, minute) = (now.as_millis(), now.as_secs() / 60);
        let elapsed = u64::from((millis as u32).wrapping_sub(self.at));
        let per_second = u64::from(limit) * u64::from(UNIT);
        let gone = elapsed * per_second / 1000;
        if gone > 0 {
            let gone = u32::try_from(gone).unwrap_or(u32::MAX);
            self.unanswered = self.unanswered.saturating_sub(gone);
            // What is left of a step counts the next time.
            let step = u64::from(gone) * 1000 / per_second;
            self.at = self.at.wrapping_add(step as u32);
        }
        if self.unanswered == 0 {
            self.credit = self.credit.max(0);
        }
        let minutes = (minute as u16).wrapping_sub(self.minute);
        self.answers = self.answers.checked_shr(minutes.into()).unwrap_or(0);
        self.minute = minute as u16;
    }

    /// Whether so many parts of challenges more are few enough.
    fn is_quiet(&self, cost: u32, most: u32) -> bool {
        self.unanswered.saturating_add(cost) <= (most + u32::from(self.answers)) * UNIT
    }

    fn save(&mut self, bytes: i64, most: i64) {
        let credit = (i64::from(self.credit) + bytes).min(most);
        self.credit = i32::try_from(credit).unwrap_or(i32::MIN);
    }

    fn spend(&mut self, cost: u32, limit: u32, weight: Weight) {
        let most = limit * (BURST + MEMORY) + u32::from(self.answers);
        self.unanswered = self.unanswered.saturating_add(cost).min(most * UNIT);
        let reply = weight.reply as i64;
        // What came for nothing is paid back by those that come later, if they do.
        let credit = (i64::from(self.credit) - reply).max(-i64::from(most) * reply);
        self.credit = i32::try_from(credit).unwrap_or(i32::MIN);
    }
}

impl Reflections {
    /// Whether a challenge of this weight may be sent; it then counts as sent.
    pub(crate) fn take(&mut self, from: IpAddr, weight: Weight, limit: u32, now: Instant) -> bool {
        let limit = limit.min(HIGHEST);
        let at = self.places(from, limit, now);
        let [hosts, networks] = &mut self.tables;
        let (host, network) = (&mut hosts[at[0]], &mut networks[at[1]]);
        let (request, reply) = (weight.request as i64, weight.reply as i64);
        for entry in [&mut *host, &mut *network] {
            entry.save(request, SAVINGS * reply);
        }
        let is_short = weight.request < SHORTEST;
        let short = if is_short {
            limit.div_ceil(3) * UNIT
        } else {
            0
        };
        let cost = weight.cost().max(short);
        let is_quiet = (
            host.is_quiet(cost, limit),
            network.is_quiet(cost, limit * BURST),
        );
        let [paid, paid_by_network] = [host.credit, network.credit].map(i64::from);
        let may_send = match is_quiet {
            (false, _) if is_short => false,
            (_, true) => true,
            (true, false) => paid_by_network >= reply,
            (false, false) => paid >= reply && paid_by_network >= (1 + RESERVE) * reply,
        };
        if may_send {
            host.spend(cost, limit, weight);
            network.spend(cost, limit, weight);
        }
        may_send
    }

    /// One of those challenges, of so many bytes, has been answered.
    pub(crate) fn answered(&mut self, from: IpAddr, reply: usize, limit: u32, now: Instant) {
        let sources = sources(from).map(|source| self.hasher.hash_one(source));
        for (table, source) in self.tables.iter_mut().zip(sources) {
            let own = set(table, source).iter_mut().find(|it| it.source == source);
            if let Some(entry) = own {
                entry.age(limit.min(HIGHEST), now);
                entry.unanswered = entry.unanswered.saturating_sub(Weight::answered(reply));
                // They want to be sent what they are sent.
                entry.credit = entry.credit.max(0);
                entry.answers = (entry.answers + 1).min(ANSWERS);
            }
        }
    }

    /// Where the entries of the host and of its network are, brought up to date.
    fn places(&mut self, from: IpAddr, limit: u32, now: Instant) -> [usize; 2] {
        let mut places = [0; 2];
        for (nth, source) in sources(from).into_iter().enumerate() {
            let hash = self.hasher.hash_one(source);
            let table = &mut self.tables[nth];
            let start = start(table, hash);
            let set = &mut table[start..start + WAYS];
            set.iter_mut().for_each(|entry| entry.age(limit, now));
            let own = set.iter().position(|entry| entry.source == hash);
            let quietest = || {
                let busy = |entry: &Entry| {
                    u64::from(entry.unanswered) + u64::from(entry.answers) * u64::from(UNIT)
                };
                (0..WAYS).min_by_key(|&at| busy(&set[at])).unwrap_or(0)
            };
            let at = own.unwrap_or_else(quietest);
            if own.is_none() {
                let entry = &mut set[at];
                (entry.source, entry.answers, entry.credit) = (hash, 0, entry.credit.min(0));
            }
            places[nth] = start + at;
        }
        places
    }
}

fn start(table: &[Entry], source: u64) -> usize {
    source as usize % (table.len() / WAYS) * WAYS
}

fn set(table: &mut [Entry], source: u64) -> &mut [Entry] {
    let start = start(table, source);
    &mut table[start..start + WAYS]
}

/// An address and its network: a /24, or of IPv6 the /64 that one customer has at least, and its /56.
fn sources(address: IpAddr) -> [(bool, u128); 2] {
    match address.to_canonical() {
        IpAddr::V4(ip) => {
            let bits = u128::from(ip.to_bits());
            [(false, bits), (true, bits >> 8)]
        }
        IpAddr::V6(ip) => {
            let bits = Ipv6Addr::to_bits(ip);
            [(false, bits >> 64 << 64), (true, bits >> 72 << 72)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u32 = 10;
    const WEIGHT: Weight = Weight {
        request: 28,
        reply: 84,
    };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn at(millis: u64) -> Instant {
        Instant::from_millis(1_000_000 + millis)
    }

    /// Bytes that a flood of so many requests a second sends, and has sent.
    fn flood(
        table: &mut Reflections,
        seconds: u64,
        per_second: u64,
        weight: Weight,
        from: impl Fn(u64) -> IpAddr,
    ) -> (u64, u64) {
        let (mut bytes, mut sent) = (0, 0);
        for nth in 0..seconds * per_second {
            bytes += weight.request as u64;
            let now = at(nth * 1000 / per_second);
            if table.take(from(nth), weight, LIMIT, now) {
                sent += weight.reply as u64;
            }
        }
        (bytes, sent)
    }

    #[test]
    fn a_source_gets_ten_a_second_for_nothing() {
        let mut table = Reflections::default();
        let (_, sent) = flood(&mut table, 5, 10, WEIGHT, |_| ip("203.0.113.1"));
        assert_eq!(sent, 50 * 84);
    }

    #[test]
    fn a_flood_gets_back_no_more_bytes_than_it_sends() {
        for hosts in [1, 3, 40, 254] {
            for rate in [200, 1000, 10_000] {
                let mut table = Reflections::default();
                let from = |nth: u64| ip(&format!("203.0.113.{}", 1 + nth % hosts));
                let (bytes, sent) = flood(&mut table, 10, rate, WEIGHT, from);
                assert!(sent <= bytes, "{hosts} hosts, {rate}/s: {sent} of {bytes}");
                // It is answered all the same: some of them may be honest.
                assert!(
                    sent > bytes / 2,
                    "{hosts} hosts, {rate}/s: {sent} of {bytes}"
                );
            }
        }
        let mut table = Reflections::default();
        let from = |nth: u64| ip(&format!("2001:db8:0:{:x}::1", nth % 256));
        let (bytes, sent) = flood(&mut table, 10, 10_000, WEIGHT, from);
        assert!(sent <= bytes, "{sent} of {bytes}");
    }

    #[test]
    fn a_client_beside_the_victims_gets_in_within_three_seconds() {
        // Retransmissions of RFC 8489 section 6.2.1.
        let tries = [0, 500, 1500];
        for phase in (0..1000).step_by(10) {
            let mut table = Reflections::default();
            let mut served = false;
            for milli in 0..8000 {
                for nth in 0..10 {
                    let victim = ip(&format!("203.0.113.{}", 1 + (milli * 10 + nth) % 200));
                    table.take(victim, WEIGHT, LIMIT, at(milli));
                }
                let since = milli.checked_sub(4000 + phase);
                if since.is_some_and(|it| tries.contains(&it)) {
                    served |= table.take(ip("203.0.113.250"), WEIGHT, LIMIT, at(milli));
                }
            }
            assert!(served, "{phase} ms into the second");
        }
    }

    /// Milliseconds and minutes are kept in fewer bits than they have.
    #[test]
    fn clocks_that_wrap_change_nothing() {
        for wrap in [1_u64 << 32, (1 << 16) * 60_000] {
            let mut table = Reflections::default();
            let start = wrap - 5000;
            let (mut bytes, mut sent) = (0, 0);
            for milli in start..start + 10_000 {
                let now = Instant::from_millis(milli);
                bytes += 28;
                sent += 84 * u64::from(table.take(ip("203.0.113.1"), WEIGHT, LIMIT, now));
            }
            assert!(sent <= bytes && sent > bytes / 2, "{sent} of {bytes}");
        }
    }

    #[test]
    fn what_is_shorter_than_a_request_gets_three_replies_a_second() {
        let short = Weight {
            request: 20,
            reply: 84,
        };
        let mut table = Reflections::default();
        let (_, sent) = flood(&mut table, 10, 1000, short, |_| ip("203.0.113.1"));
        assert!((20..=30).contains(&(sent / 84)), "{}", sent / 84);
    }

    /// As many bytes, whatever the realm: who sends little gets fewer of the long ones.
    #[test]
    fn longer_challenges_are_fewer() {
        for reply in [84, 92, 204, 584] {
            for rate in [10, 20, 1000] {
                let weight = Weight { request: 28, reply };
                let mut table = Reflections::default();
                let (bytes, sent) = flood(&mut table, 10, rate, weight, |_| ip("203.0.113.1"));
                // A hundred at once, and ten a second, of what three times a request is.
                let least = (100 + 10 * 10) * 84;
                assert!(
                    sent <= bytes.max(least),
                    "{reply} bytes, {rate}/s: {sent} of {bytes}"
                );
                assert!(sent > 8 * 5 * 84, "{reply} bytes, {rate}/s: {sent}");
            }
        }
    }

    #[test]
    fn who_answers_may_be_many() {
        let mut table = Reflections::default();
        let nat = ip("203.0.113.1");
        let mut refused = 0;
        // A hundred new clients a second, who answer after 50 ms.
        for nth in 0..1000 {
            let now = at(nth * 10);
            refused += u32::from(!table.take(nat, WEIGHT, LIMIT, now));
            if nth >= 5 {
                table.answered(nat, WEIGHT.reply, LIMIT, now);
            }
        }
        assert_eq!(refused, 0);
        // When they have gone the address is like any other.
        let start = 20 * 60_000;
        let sent = (0..1000).filter(|_| table.take(nat, WEIGHT, LIMIT, at(start)));
        let sent = sent.count();
        assert!(sent < 340, "{sent}");
    }

    #[test]
    fn a_flood_from_everywhere_neither_hides_one_from_one_place_nor_shuts_anybody_out() {
        let mut table = Reflections::default();
        let victim = ip("203.0.113.1");
        let (mut bytes, mut sent) = (0, 0);
        let mut shut_out = 0;
        for nth in 0..400_000_u64 {
            // 20 000 a second from anywhere, and 1000 from one.
            let now = at(nth / 20);
            let anywhere = IpAddr::from(core::net::Ipv4Addr::from_bits(
                (nth as u32).wrapping_mul(2_654_435_761),
            ));
            shut_out += u32::from(!table.take(anywhere, WEIGHT, LIMIT, now));
            if nth % 20 == 0 {
                bytes += 28;
                if table.take(victim, WEIGHT, LIMIT, now) {
                    sent += 84;
                }
            }
        }
        assert!(sent <= bytes, "{sent} of {bytes}");
        assert!(shut_out < 40_000, "{shut_out}");
    }
}
