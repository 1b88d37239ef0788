//! How many 401 replies a source gets in a second (`unauthorized-ratelimit`): whoever forges the
//! address of a victim has it sent no more than those, and whoever guesses passwords gets no further.
//!
//! The table has a fixed size. A source that finds no free entry shares one with another: letting it
//! through would let a flood from many addresses clear the way for the one that matters.

use core::{
    hash::BuildHasher,
    net::{IpAddr, Ipv6Addr},
};

use foldhash::fast::RandomState;

use crate::{
    counters::ChallengeLimit, io::Event, refusal::Refusal, request::ReplyTo, server::Server,
    time::Instant,
};
use turnd_wire::ErrorCode;

/// Entries that a source may stand in.
const WAYS: usize = 4;
const SETS: usize = 1024;

/// Answers of behaviour discovery that a source gets in a second. RFC 5780 section 5 has a client begin ten
/// transactions at most.
const DISCOVERIES: u32 = 20;

/// Who was told how often in this second.
pub(crate) struct ChallengeTable {
    entries: Box<[Entry]>,
    hasher: RandomState,
    /// The second that `occupied` is of.
    second: u64,
    occupied: u64,
}

#[derive(Clone, Copy)]
struct Entry {
    source: IpAddr,
    second: u64,
    replies: u32,
}

/// What becomes of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Send,
    /// The first one of this second that is not sent.
    BeginToDrop,
    Drop,
}

impl Default for ChallengeTable {
    fn default() -> Self {
        let never = Entry {
            source: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            second: u64::MAX,
            replies: 0,
        };
        Self {
            entries: vec![never; SETS * WAYS].into_boxed_slice(),
            hasher: RandomState::default(),
            second: 0,
            occupied: 0,
        }
    }
}

impl ChallengeTable {
    fn take(
        &mut self,
        from: IpAddr,
        limit: u32,
        now: Instant,
        counts: &mut ChallengeLimit,
    ) -> Verdict {
        let (source, second) = (source(from), now.as_secs());
        if self.second != second {
            (self.second, self.occupied) = (second, 0);
        }
        let hash = self.hasher.hash_one(source);
        let set = hash as usize % SETS * WAYS;
        let set = &mut self.entries[set..set + WAYS];
        let own = set
            .iter()
            .position(|entry| entry.second == second && entry.source == source);
        let free = || set.iter().position(|entry| entry.second != second);
        let at = match own.or_else(free) {
            Some(at) => at,
            None => {
                counts.collisions += 1;
                (hash >> 32) as usize % WAYS
            }
        };
        let entry = &mut set[at];
        if entry.second != second {
            self.occupied += 1;
            *entry = Entry {
                source,
                second,
                replies: 0,
            };
        }
        entry.replies = entry.replies.saturating_add(1);
        if entry.replies <= limit {
            return Verdict::Send;
        }
        counts.dropped += 1;
        if entry.replies - 1 == limit {
            Verdict::BeginToDrop
        } else {
            Verdict::Drop
        }
    }

    /// Entries that hold a source in this second.
    pub(crate) fn occupied(&self, now: Instant) -> u64 {
        if self.second == now.as_secs() {
            self.occupied
        } else {
            0
        }
    }

    pub(crate) const fn size() -> u64 {
        (SETS * WAYS) as u64
    }
}

/// An IPv4 address, or the /64 of an IPv6 address, because one customer gets at least that much.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

impl Server {
    /// Whether a refusal may be answered.
    pub(crate) fn may_refuse(&mut self, now: Instant, reply: &ReplyTo, refusal: &Refusal) -> bool {
        let Some(limit) = self.settings.unauthorized_per_second else {
            return true;
        };
        if refusal.code != ErrorCode::UNAUTHENTICATED {
            return true;
        }
        let client = reply.client.path.client;
        let table = self.challenges.get_or_insert_default();
        let counts = &mut self.counters.challenge_limit;
        let verdict = table.take(client.ip(), limit, now, counts);
        if verdict == Verdict::BeginToDrop {
            self.event(Event::ChallengesSuppressed { client });
        }
        verdict == Verdict::Send
    }

    /// Whether a request may be answered that wants its answer longer, from elsewhere or to elsewhere: whoever
    /// forges its sender has the victim sent no more than this.
    pub(crate) fn may_discover(&mut self, now: Instant, reply: &ReplyTo) -> bool {
        let client = reply.client.path.client.ip();
        let table = self.discoveries.get_or_insert_default();
        let mut counts = ChallengeLimit::default();
        let verdict = table.take(client, DISCOVERIES, now, &mut counts);
        self.counters.discoveries_dropped += counts.dropped;
        verdict == Verdict::Send
    }

    /// Whether an answer of so many bytes may tell all that there is to tell. Those of discovery are longer than
    /// others by what RFC 5780 section 6.1 asks for; a source has a few of them a second, and the short one then.
    pub(crate) fn may_be_long(&mut self, now: Instant, reply: &ReplyTo, bytes: usize) -> bool {
        if !reply.is_too_long(bytes) {
            return true;
        }
        let client = reply.client.path.client.ip();
        let table = self.long_answers.get_or_insert_default();
        let verdict = table.take(client, DISCOVERIES, now, &mut ChallengeLimit::default());
        verdict == Verdict::Send
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(number: u32) -> IpAddr {
        core::net::Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn a_source_gets_so_many_a_second_and_its_ports_do_not_count() {
        let mut table = ChallengeTable::default();
        let mut counts = ChallengeLimit::default();
        for second in 0..3 {
            let now = Instant::from_millis(second * 1000 + 500);
            let verdicts: Vec<_> = (0..5)
                .map(|_| table.take(ip(7), 3, now, &mut counts))
                .collect();
            assert_eq!(verdicts[..3], [Verdict::Send; 3]);
            assert_eq!(verdicts[3..], [Verdict::BeginToDrop, Verdict::Drop]);
            assert_eq!(table.take(ip(8), 3, now, &mut counts), Verdict::Send);
            assert_eq!(table.occupied(now), 2);
        }
        assert_eq!((counts.dropped, counts.collisions), (6, 0));
        assert_eq!(table.occupied(Instant::from_millis(9000)), 0);
    }

    #[test]
    fn the_hosts_of_an_ipv6_network_share_what_it_gets() {
        let mut table = ChallengeTable::default();
        let mut counts = ChallengeLimit::default();
        let now = Instant::from_millis(1);
        for host in 1..=10_u128 {
            let ip = IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8 << 96 | host));
            table.take(ip, 4, now, &mut counts);
        }
        assert_eq!(counts.dropped, 6);
    }

    #[test]
    fn a_flood_from_everywhere_opens_no_way_to_one() {
        let mut table = ChallengeTable::default();
        let mut counts = ChallengeLimit::default();
        let now = Instant::from_millis(1);
        for number in 0..100_000 {
            table.take(ip(number), 2, now, &mut counts);
        }
        assert_eq!(table.occupied(now), ChallengeTable::size());
        assert!(counts.collisions > 80_000);
        let sent = (0..1000)
            .filter(|_| table.take(ip(1 << 30), 2, now, &mut counts) == Verdict::Send)
            .count();
        assert!(sent <= 2, "{sent}");
    }
}
