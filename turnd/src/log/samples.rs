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

/// Bytes a second, and bytes at once after a silence; a line may begin as long as those are not used up. With
/// the longest line behind each, all together is less than 2 kB in any second.
const FAILURE_BUDGET: (u64, u64) = (350, 350);
const STRANGER_BUDGET: (u64, u64) = (120, 100);
/// Bytes of the longest line: in JSON, with a user's name of which every character is escaped, twice.
const LONGEST: u64 = 520;

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

    /// Takes the room for a line like this, if there still is some: another thread may have been quicker.
    pub(super) fn take(&self, metadata: &Metadata<'_>) -> bool {
        let bucket = self.bucket(metadata);
        bucket.is_none_or(|bucket| bucket.take(self.now()))
    }

    /// Gives back what a line did not need of the room that it took, or pays for what it needed beyond that.
    pub(super) fn settle(&self, metadata: &Metadata<'_>, bytes: usize) {
        if let Some(bucket) = self.bucket(metadata) {
            bucket.settle(bytes as u64);
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

/// A leaky bucket that is one number: the time at which it will have run dry, in microseconds.
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

    fn is_room(&self, dry_at: u64, now: u64) -> bool {
        dry_at <= now.saturating_add(self.time_for(self.burst))
    }

    fn has_room(&self, now: u64) -> bool {
        self.is_room(self.dry_at.load(Ordering::Relaxed), now)
    }

    fn take(&self, now: u64) -> bool {
        let time = self.time_for(LONGEST);
        let taken = |dry_at: u64| {
            let is_room = self.is_room(dry_at, now);
            is_room.then(|| dry_at.max(now).saturating_add(time))
        };
        self.dry_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken)
            .is_ok()
    }

    fn settle(&self, bytes: u64) {
        let left = self.time_for(LONGEST.saturating_sub(bytes));
        self.dry_at.fetch_sub(left, Ordering::Relaxed);
        // A long realm makes lines longer.
        let more = self.time_for(bytes.saturating_sub(LONGEST));
        self.dry_at.fetch_add(more, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a line of so many bytes, if there is room.
    fn write(bucket: &Bucket, now: u64, bytes: u64) -> u64 {
        if bucket.has_room(now) && bucket.take(now) {
            bucket.settle(bytes);
            return bytes;
        }
        0
    }

    #[test]
    fn a_flood_gets_its_bytes_a_second_and_no_more() {
        let bucket = Bucket::new((800, 300));
        // A try every 10 microseconds for ten seconds.
        let tries = (0..10_000_000).step_by(10);
        let written: u64 = tries.map(|now| write(&bucket, now, 170)).sum();
        assert!((8_000..=8_000 + 300 + 170).contains(&written), "{written}");
        // After a silence a few lines at once, not what was saved up for an hour.
        let now = 3_600_000_000;
        let at_once: u64 = (0..100).map(|_| write(&bucket, now, 170)).sum();
        assert_eq!(at_once, 340);
    }

    #[test]
    fn who_comes_second_in_the_same_moment_gets_nothing() {
        let bucket = Bucket::new(FAILURE_BUDGET);
        assert!(bucket.has_room(0) && bucket.has_room(0));
        assert!(bucket.take(0));
        assert!(!bucket.take(0));
    }

    #[test]
    fn all_together_is_less_than_two_kilobytes_in_any_second() {
        let most = |(bytes_a_second, burst)| bytes_a_second + burst + LONGEST;
        assert!(most(FAILURE_BUDGET) + most(STRANGER_BUDGET) < 2_000);
    }
}
