//! The two clocks, read once a turn.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use turnd_proto::Now;

/// The same origin for all workers of the process: nonces depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    /// What the clock showed then.
    shown: Duration,
}

impl Clock {
    /// Starts now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            origin: Instant::now(),
            shown: Duration::ZERO,
        }
    }

    /// Starts with the time since 1970, for nonces that other servers make and take. It goes on by itself:
    /// a step of the system's clock does not change it.
    #[must_use]
    pub fn start_at_unix_time() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            shown: unix.unwrap_or_default(),
            ..Self::start()
        }
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Now {
        Now {
            instant: self.instant(Instant::now()),
            unix: unix_seconds(),
        }
    }

    /// What this clock showed at that time.
    #[must_use]
    pub fn instant(&self, at: Instant) -> turnd_proto::Instant {
        let since = self.shown + at.saturating_duration_since(self.origin);
        turnd_proto::Instant::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// When this clock will show that time; `None` if never.
    #[must_use]
    pub fn when(&self, shows: turnd_proto::Instant) -> Option<Instant> {
        let since = Duration::from_millis(shows.as_millis()).saturating_sub(self.shown);
        self.origin.checked_add(since)
    }

    /// The same clock for a loop that asks tens of thousands of times a second.
    #[must_use]
    pub(crate) fn in_turns(self) -> TurnClock {
        TurnClock {
            clock: self,
            unix: unix_seconds(),
            unix_at: Instant::now(),
        }
    }
}

/// A clock that looks at the time since 1970, which is told in seconds, only now and then.
pub(crate) struct TurnClock {
    clock: Clock,
    unix: u64,
    unix_at: Instant,
}

impl TurnClock {
    /// How old the time since 1970 may be.
    const OLD: Duration = Duration::from_millis(50);

    /// What time it is; the caller has just asked.
    pub(crate) fn at(&mut self, at: Instant) -> Now {
        if at.saturating_duration_since(self.unix_at) >= Self::OLD {
            self.unix = unix_seconds();
            self.unix_at = at;
        }
        Now {
            instant: self.clock.instant(at),
            unix: self.unix,
        }
    }
}

fn unix_seconds() -> u64 {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH);
    // A clock before 1970 makes every time-limited credential good; there is no better guess.
    unix.map_or(0, |since| since.as_secs())
}
