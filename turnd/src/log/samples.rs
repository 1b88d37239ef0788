//! What strangers can cause is written as far as a budget of bytes goes, one for the whole program.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use tracing::Metadata;

/// Lines about wrong credentials. Whoever causes one has shown where he is, as the nonce is bound to his
/// address; so they have a budget that others cannot use up.
pub const FAILURES: &str = "turnd::failures";
/// Lines about other requests of those who are not known.
pub const STRANGERS: &str = "turnd::strangers";
/// Lines about Binding requests, of the budget of [`STRANGERS`], and only with `log-binding`.
pub const BINDINGS: &str = "turnd::bindings";

/// Bytes a second, and bytes at once after a silence. With a line or two of each that may begin when there is
/// hardly any room left, both together stay below 2 kB a second.
const FAILURE_BUDGET: (u64, u64) = (700, 200);
const STRANGER_BUDGET: (u64, u64) = (250, 100);

/// The budgets.
#[derive(Debug)]
pub(super) struct Samples {
    started: Instant,
    failures: Bucket,
    strangers: Bucket,
}

impl Samples {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            failures: Bucket::new(FAILURE_BUDGET),
            strangers: Bucket::new(STRANGER_BUDGET),
        }
    }

    /// Whether a line like this has to be paid for.
    pub(super) fn are_of(metadata: &Metadata<'_>) -> bool {
        matches!(metadata.target(), FAILURES | STRANGERS | BINDINGS)
    }

    /// Whether a line like this may be written now.
    pub(super) fn have_room(&self, metadata: &Metadata<'_>) -> bool {
        let Some(bucket) = self.bucket(metadata) else {
            return true;
        };
        bucket.has_room(self.now())
    }

    /// A line like this was written.
    pub(super) fn pay(&self, metadata: &Metadata<'_>, bytes: usize) {
        if let Some(bucket) = self.bucket(metadata) {
            bucket.pay(self.now(), bytes as u64);
        }
    }

    fn bucket(&self, metadata: &Metadata<'_>) -> Option<&Bucket> {
        match metadata.target() {
            FAILURES => Some(&self.failures),
            STRANGERS | BINDINGS => Some(&self.strangers),
            _ => None,
        }
    }

    /// In microseconds.
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A leaky bucket that is one number: the time at which it will have run dry, in microseconds. Two threads
/// that look at the same moment may both write a line; what is too much is paid for later.
#[derive(Debug)]
struct Bucket {
    dry_at: AtomicU64,
    bytes_a_second: u64,
    burst: u64,
}

impl Bucket {
    const fn new((bytes_a_second, burst): (u64, u64)) -> Self {
        Self {
            dry_at: AtomicU64::new(0),
            bytes_a_second,
            burst,
        }
    }

    fn time_for(&self, bytes: u64) -> u64 {
        bytes.saturating_mul(1_000_000) / self.bytes_a_second
    }

    fn has_room(&self, now: u64) -> bool {
        self.dry_at.load(Ordering::Relaxed) <= now.saturating_add(self.time_for(self.burst))
    }

    fn pay(&self, now: u64, bytes: u64) {
        let time = self.time_for(bytes);
        let add = |dry_at: u64| Some(dry_at.max(now).saturating_add(time));
        let _ = self
            .dry_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_gets_its_bytes_a_second_and_no_more() {
        let bucket = Bucket::new((800, 300));
        let mut written = 0;
        // A look every 10 microseconds for ten seconds.
        for now in (0..10_000_000).step_by(10) {
            if bucket.has_room(now) {
                bucket.pay(now, 170);
                written += 170;
            }
        }
        assert!((8_000..=8_000 + 300 + 170).contains(&written), "{written}");
        // After a silence a few lines at once, not what was saved up for an hour.
        let now = 3_600_000_000;
        let mut at_once = 0;
        while bucket.has_room(now) {
            bucket.pay(now, 170);
            at_once += 170;
        }
        assert_eq!(at_once, 340);
    }
}
