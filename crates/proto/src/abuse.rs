//! How much of what is allowed once may be done often: limits on what is told to addresses that nobody has
//! been shown to be at, on passwords that are tried, and on peers that are sent to for the first time.

use core::{
    hash::BuildHasher,
    net::{IpAddr, SocketAddr},
};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::{
    auth::Claim,
    failed_logins::FailedLogins,
    io::{FiveTuple, Transport},
    reflection::Weight,
    refusal::{Carries, Refusal},
    request::{ReplyTo, bare_challenge_length},
    server::Server,
    settings::Access,
    time::Instant,
};

/// Ports of services that answer whatever they are sent, or that floods are made with: nobody begins a call
/// there, and what claims to come from there wants them to be sent something (CVE-2024-2169).
const SERVICES: [u16; 11] = [7, 13, 17, 19, 53, 69, 123, 161, 1900, 5353, 11_211];

/// The limits. `None`: no limit.
#[derive(Clone, Debug, Default)]
pub struct AbuseLimits {
    /// Peers that an allocation may send to for the first time, a second; five times as many at once.
    pub new_peers: Option<u32>,
    /// Challenges a second that a source may be sent without an answer. Beyond it, it is sent no more bytes
    /// than have come from it.
    pub challenges: Option<u32>,
    /// Logins of a user from a source, and of all users of a source, that may fail in a minute.
    pub failed_logins: Option<u32>,
    /// Which did, at all servers of the process.
    pub failures: Arc<FailedLogins>,
}

/// Whether an answer to this address could reach anyone who wants one: no port 0, no multicast or broadcast;
/// and where the sender cannot be known to be there, no port of a service that answers everything.
#[must_use]
pub fn may_be_answered(path: &FiveTuple) -> bool {
    let is_unicast = match path.client.ip() {
        IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_multicast(),
    };
    let port = path.client.port();
    let is_service = !path.transport.is_stream() && is_service(port);
    port != 0 && is_unicast && !is_service
}

/// Whether such a service listens on this port.
pub(crate) fn is_service(port: u16) -> bool {
    SERVICES.contains(&port)
}

impl Server {
    /// Whether a challenge may be sent to where a request says that it is from. Streams and associations of DTLS
    /// have shown where they come from, and loopback is nobody else's.
    pub(crate) fn may_challenge(
        &mut self,
        now: Instant,
        reply: &ReplyTo,
        refusal: &Refusal,
    ) -> bool {
        let Some(limit) = self.settings.abuse.challenges else {
            return true;
        };
        let (path, access) = (&reply.client.path, &self.settings.access);
        let (Carries::Challenge, Access::LongTerm(long_term)) = (&refusal.carries, access) else {
            return true;
        };
        if !is_unproved(path) {
            return true;
        }
        let weight = Weight {
            request: reply.request,
            reply: reply.challenge_length(long_term),
        };
        let table = self.reflections.get_or_insert_default();
        let may_send = table.take(path.client.ip(), weight, limit, now);
        self.counters.challenges_withheld += u64::from(!may_send);
        may_send
    }

    /// Somebody at this address has signed with a challenge that went there.
    pub(crate) fn challenge_answered(&mut self, now: Instant, path: &FiveTuple) {
        if let (Some(table), Some(limit)) = (&mut self.reflections, self.settings.abuse.challenges)
            && let Access::LongTerm(long_term) = &self.settings.access
            && is_unproved(path)
        {
            let reply = bare_challenge_length(long_term);
            table.answered(path.client.ip(), reply, limit, now);
        }
    }

    /// Whether a password may be looked at, after all that were wrong.
    pub(crate) fn may_log_in(&self, now: Instant, path: &FiveTuple, claim: &Claim) -> bool {
        let abuse = &self.settings.abuse;
        let limit = abuse.failed_logins;
        limit.is_none_or(|limit| {
            let from = path.client.ip();
            abuse.failures.may_try(from, &claim.user, limit, now)
        })
    }

    /// A password was right or wrong.
    pub(crate) fn logged_in(&self, now: Instant, path: &FiveTuple, claim: &Claim, succeeded: bool) {
        let abuse = &self.settings.abuse;
        if abuse.failed_logins.is_some() {
            let from = path.client.ip();
            abuse.failures.tried(from, &claim.user, succeeded, now);
        }
    }
}

/// Whether the address may be somebody else's.
fn is_unproved(path: &FiveTuple) -> bool {
    path.transport == Transport::Udp && !path.client.ip().to_canonical().is_loopback()
}

/// Peers that one allocation has sent to, and how many more may be added now.
#[derive(Debug)]
pub(crate) struct NewPeers {
    /// Hashes that nobody can foresee, of the latest ones.
    known: Vec<u64>,
    /// Which of them is forgotten next.
    next: usize,
    hasher: RandomState,
    /// What is left, in thousandths of a peer.
    left: u64,
    at: Instant,
}

impl NewPeers {
    /// Most that are remembered.
    const KNOWN: usize = 256;
    /// Seconds' worth that may come at once.
    const BURST: u64 = 5;

    pub(crate) fn new(limit: u32, now: Instant) -> Self {
        Self {
            known: Vec::new(),
            next: 0,
            hasher: RandomState::default(),
            left: u64::from(limit) * Self::BURST * 1000,
            at: now,
        }
    }

    /// Whether this peer is known, or may become it.
    pub(crate) fn take(&mut self, peer: SocketAddr, limit: u32, now: Instant) -> bool {
        let hash = self.hasher.hash_one(peer);
        if self.known.contains(&hash) {
            return true;
        }
        let per_second = u64::from(limit);
        let millis = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        let most = per_second * Self::BURST * 1000;
        self.left = most.min(self.left.saturating_add(millis.saturating_mul(per_second)));
        self.at = now;
        if self.left < 1000 {
            return false;
        }
        self.left -= 1000;
        if self.known.len() < Self::KNOWN {
            self.known.push(hash);
        } else {
            self.known[self.next] = hash;
            self.next = (self.next + 1) % Self::KNOWN;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u32) -> SocketAddr {
        let ip = core::net::Ipv4Addr::from_bits(number);
        SocketAddr::from((ip, 4000))
    }

    #[test]
    fn fifty_at_once_then_ten_a_second_and_known_ones_always() {
        let start = Instant::from_millis(5000);
        let mut peers = NewPeers::new(10, start);
        let taken = |peers: &mut NewPeers, range: core::ops::Range<u32>, now| {
            range.filter(|&it| peers.take(peer(it), 10, now)).count()
        };
        assert_eq!(taken(&mut peers, 0..1000, start), 50);
        let second = Instant::from_millis(6000);
        assert_eq!(taken(&mut peers, 1000..2000, second), 10);
        assert_eq!(taken(&mut peers, 0..50, second), 50, "known");
        assert_eq!(taken(&mut peers, 50..60, second), 0);
        let later = Instant::from_millis(600_000);
        assert_eq!(taken(&mut peers, 3000..4000, later), 50);
    }

    #[test]
    fn so_many_are_remembered_and_no_more() {
        let mut peers = NewPeers::new(10, Instant::default());
        for number in 0..100_000_u32 {
            peers.take(
                peer(number),
                10,
                Instant::from_millis(u64::from(number) * 100),
            );
        }
        assert_eq!(peers.known.len(), NewPeers::KNOWN);
        let now = Instant::from_millis(99_999 * 100);
        assert!((99_750..100_000).all(|it| peers.take(peer(it), 10, now)));
    }
}
