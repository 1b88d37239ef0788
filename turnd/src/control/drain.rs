//! Draining: no new allocations, and the end of the program when few enough are left or time is over.

use std::time::{Duration, Instant};

use turnd_net::LogLimit;

use crate::config::Drain;

/// How often the log tells how many allocations are left.
const TELL: Duration = Duration::from_secs(10);

/// A drain on its way.
pub struct Draining {
    began: Instant,
    told: LogLimit,
    /// How many were left when that was told last.
    left: usize,
}

impl Draining {
    /// Begins now.
    #[must_use]
    pub fn begin(now: Instant) -> Self {
        let mut told = LogLimit::new(TELL);
        // The first line has been written by whoever begins.
        let _ = told.allow(Duration::ZERO);
        Self {
            began: now,
            told,
            left: usize::MAX,
        }
    }

    /// Whether the program is to end, with `live` allocations left; says so, or how many there are, in the
    /// log. The rules may have changed since the beginning.
    pub fn is_over(&mut self, now: Instant, live: usize, rules: Drain) -> bool {
        let passed = now.saturating_duration_since(self.began);
        if live <= rules.min_allocations {
            tracing::info!("drained: {live} allocations are left, stopping");
            return true;
        }
        if rules.timeout.is_some_and(|timeout| passed >= timeout) {
            tracing::warn!("drain-timeout has passed: {live} allocations are cut off");
            return true;
        }
        if live != self.left && self.told.allow(passed).is_some() {
            self.left = live;
            tracing::info!("draining: {live} allocations are left");
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(min_allocations: usize, seconds: Option<u64>) -> Drain {
        Drain {
            min_allocations,
            timeout: seconds.map(Duration::from_secs),
        }
    }

    #[test]
    fn few_enough_end_it_at_once_and_time_does_whatever_is_left() {
        let began = Instant::now();
        let mut draining = Draining::begin(began);
        assert!(!draining.is_over(began, 3, rules(2, None)));
        assert!(draining.is_over(began, 2, rules(2, None)));
        let later = began + Duration::from_secs(60);
        assert!(!draining.is_over(later, 3, rules(2, None)));
        assert!(!draining.is_over(later, 3, rules(2, Some(61))));
        assert!(draining.is_over(later, 3, rules(2, Some(60))));
    }
}
