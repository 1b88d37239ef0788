//! How often something may happen.

use std::time::{Duration, Instant};

/// So many at once, and so many more with time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Most at once, at least 1.
    pub burst: f64,
    /// How many come back in a second.
    pub per_second: f64,
}

/// A supply that runs out when too much is taken, and fills up again.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    left: f64,
    at: Instant,
}

impl Bucket {
    pub(crate) fn full(now: Instant, rate: Rate) -> Self {
        Self {
            rate,
            left: rate.burst,
            at: now,
        }
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        self.fill(now);
        let enough = self.left >= 1.0;
        if enough {
            self.left -= 1.0;
        }
        enough
    }

    /// Whether it is as if nothing had ever been taken.
    pub(crate) fn is_full(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.left >= self.rate.burst
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        if passed > Duration::ZERO {
            self.left += passed.as_secs_f64() * self.rate.per_second;
            self.left = self.left.min(self.rate.burst);
            self.at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::full(
            start,
            Rate {
                burst: 3.0,
                per_second: 2.0,
            },
        );
        let taken = (0..5).filter(|_| bucket.take(start)).count();
        assert_eq!(taken, 3);
        assert!(!bucket.take(start + Duration::from_millis(499)));
        assert!(bucket.take(start + Duration::from_millis(500)));
        assert!(!bucket.take(start + Duration::from_millis(500)));
        // It never holds more than the burst, and time that goes back gives nothing.
        let later = start + Duration::from_secs(3600);
        assert!(bucket.is_full(later));
        let taken = (0..5).filter(|_| bucket.take(later)).count();
        assert_eq!(taken, 3);
        assert!(!bucket.take(start));
    }
}
