//! The part of the settings that says how much a second there may be of something.

use super::{error::Findings, raw::Raw};

/// What `unauthorized-ratelimit-rps` is without a number above 0.
const REFUSALS: u32 = 10;

/// Challenges a second that nobody answers, failed logins a minute, and new peers a second, if nothing else
/// is written.
const ABUSE: [i64; 3] = [10, 20, 10];

/// Rates, each `None` for no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Bytes per second that one allocation may relay, each way; at least 1.
    pub max_bps: Option<u64>,
    /// Bytes per second that all allocations together may be granted of that, at least 1; only with
    /// `max_bps`.
    pub bps_capacity: Option<u64>,
    /// 401 replies per second to one address, at least 1.
    pub unauthorized: Option<u32>,
    /// Challenges per second to an address that answers none, at least 1.
    pub challenges: Option<u32>,
    /// Logins per minute from one address that may fail, at least 1.
    pub failed_logins: Option<u32>,
    /// Peers per second that an allocation may send to for the first time, at least 1.
    pub new_peers: Option<u32>,
}

pub(super) fn rates(raw: &Raw, findings: &mut Findings) -> Rates {
    let limit = |number: i64| u64::try_from(number).ok().filter(|&number| number > 0);
    let max_bps = limit(raw.max_bps.or(0));
    let bps_capacity = limit(raw.bps_capacity.or(0));
    if let (Some(at), Some(_), None) = (raw.bps_capacity.last(), bps_capacity, max_bps) {
        let text = "bps-capacity: without max-bps there is nothing that the capacity could be given \
                    out in; expected max-bps too";
        findings.error(&at.origin, text);
    }
    if let (Some(at), false) = (
        raw.unauthorized_ratelimit_rps.last(),
        raw.unauthorized_ratelimit.is_on(),
    ) {
        let text = "unauthorized-ratelimit-rps has no effect without unauthorized-ratelimit";
        findings.warn(&at.origin, text);
    }
    let per_second = raw.unauthorized_ratelimit_rps.or(0);
    let per_second = u32::try_from(per_second).ok().filter(|&number| number > 0);
    let count = |number: i64| u32::try_from(number).ok().filter(|&number| number > 0);
    let [challenges, failed_logins, new_peers] = ABUSE;
    Rates {
        max_bps,
        bps_capacity,
        challenges: count(raw.unanswered_challenges.or(challenges)),
        failed_logins: count(raw.failed_logins.or(failed_logins)),
        new_peers: count(raw.new_peers.or(new_peers)),
        unauthorized: raw
            .unauthorized_ratelimit
            .is_on()
            .then_some(per_second.unwrap_or(REFUSALS)),
    }
}
