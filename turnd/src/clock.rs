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
        let millis =
            u64::try_from((self.shown + self.origin.elapsed()).as_millis()).unwrap_or(u64::MAX);
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        Now {
            instant: turnd_proto::Instant::from_millis(millis),
            // A clock before 1970 makes every time-limited credential good; there is no better guess.
            unix: unix.map_or(0, |since| since.as_secs()),
        }
    }
}
