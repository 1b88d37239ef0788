//! When how much is to be sent.

use std::time::{Duration, Instant};

use super::{Load, Spacing};

/// What is under way counts as lost when nothing has arrived for so long.
const LOST_AFTER: Duration = Duration::from_millis(20);

/// Tells how many datagrams are due.
pub(super) enum Pace {
    /// So many a second.
    Rate {
        per_second: f64,
        every: Duration,
        start: Instant,
        next: Instant,
        sent: u64,
    },
    /// As many as are missing under way.
    Window {
        datagrams: u64,
        lost: u64,
        arrived: u64,
        since: Instant,
    },
}

impl Pace {
    pub(super) fn of(load: &Load, now: Instant) -> Self {
        match load.rate {
            Some(rate) => Self::Rate {
                per_second: rate as f64,
                every: match load.spacing {
                    Spacing::Even => Duration::ZERO,
                    Spacing::Clumped(every) => every,
                },
                start: now,
                next: now,
                sent: 0,
            },
            None => Self::Window {
                datagrams: load.window as u64,
                lost: 0,
                arrived: 0,
                since: now,
            },
        }
    }

    /// How many datagrams are due, when so many have been sent and have arrived.
    pub(super) fn due(&mut self, now: Instant, all_sent: u64, all_arrived: u64) -> u64 {
        match self {
            Self::Rate {
                per_second,
                every,
                start,
                next,
                sent,
            } => {
                if now < *next {
                    return 0;
                }
                *next = now + *every;
                let by_now = (now.duration_since(*start).as_secs_f64() * *per_second) as u64;
                let due = by_now - *sent;
                *sent = by_now;
                due
            }
            Self::Window {
                datagrams,
                lost,
                arrived,
                since,
            } => {
                if all_arrived != *arrived {
                    *arrived = all_arrived;
                    *since = now;
                } else if now.duration_since(*since) > LOST_AFTER {
                    *lost = all_sent - all_arrived;
                    *since = now;
                }
                // One that counted as lost and came after all makes the window larger for a moment.
                let under_way = (all_sent - all_arrived).saturating_sub(*lost);
                datagrams.saturating_sub(under_way)
            }
        }
    }
}
