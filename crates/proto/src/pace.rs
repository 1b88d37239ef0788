//! How fast an allocation may relay (`max-bps`): a token bucket for each direction, a second deep.
//!
//! A bucket is one number, the moment at which it would be full again (the generic cell rate
//! algorithm): nothing has to be added to it as time goes by.

use core::{
    num::NonZeroU64,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{
    bandwidth::Grant,
    time::Instant,
    traffic::{Flow, Traffic},
};

const SECOND: u64 = 1_000_000_000;

/// Bytes that may pass in a second.
#[derive(Clone, Copy, Debug)]
struct Rate(NonZeroU64);

impl Rate {
    /// Bytes that may pass now, if the bucket is full again at `full`.
    fn room(self, full: u64, now: Instant) -> u64 {
        let now = nanos(now);
        let waited = (now + SECOND).saturating_sub(full).min(SECOND);
        mul_div(waited, self.0.get(), SECOND)
    }

    /// When the bucket is full again after so many bytes more.
    fn after(self, full: u64, now: Instant, bytes: u64) -> u64 {
        full.max(nanos(now))
            .saturating_add(mul_div(bytes, SECOND, self.0.get()))
    }

    /// When there is room for so many bytes, or for as many as there ever is. Rounded up: who asks again then must
    /// not be sent away to the very same moment.
    fn next(self, full: u64, bytes: u64) -> Instant {
        let bytes = bytes.min(self.0.get());
        let wanted = (u128::from(bytes) * u128::from(SECOND)).div_ceil(u128::from(self.0.get()));
        // A second at most.
        let wanted = u64::try_from(wanted).unwrap_or(SECOND);
        let at = (full + wanted).saturating_sub(SECOND);
        Instant::from_millis(at.div_ceil(1_000_000))
    }
}

fn nanos(now: Instant) -> u64 {
    now.as_millis().saturating_mul(1_000_000)
}

fn mul_div(number: u64, by: u64, over: u64) -> u64 {
    let product = u128::from(number) * u128::from(by) / u128::from(over);
    u64::try_from(product).unwrap_or(u64::MAX)
}

/// The pace of an allocation for UDP. What is too much is dropped.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: Rate,
    up: u64,
    down: u64,
    _grant: Grant,
}

impl Pace {
    pub(crate) fn new(grant: Grant) -> Self {
        Self {
            rate: Rate(grant.rate()),
            up: 0,
            down: 0,
            _grant: grant,
        }
    }

    /// Lets `count` datagrams of `each` bytes from the client through, or as many of them as may pass.
    pub(crate) fn up(&mut self, now: Instant, count: u32, each: usize) -> u32 {
        take(self.rate, &mut self.up, now, count, each)
    }

    /// Lets datagrams to the client through.
    pub(crate) fn down(&mut self, now: Instant, count: u32, each: usize) -> u32 {
        take(self.rate, &mut self.down, now, count, each)
    }
}

/// The last one may be larger than what room is left, and is then paid for by those that follow. So a
/// datagram passes sooner or later however large it is.
fn take(rate: Rate, full: &mut u64, now: Instant, count: u32, each: usize) -> u32 {
    let each = each.max(1) as u64;
    let fit = rate.room(*full, now).div_ceil(each);
    let taken = u64::from(count).min(fit);
    if taken > 0 {
        *full = rate.after(*full, now, taken * each);
    }
    u32::try_from(taken).unwrap_or(count)
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to a peer.
    ToPeer,
    /// From a peer to the client.
    ToClient,
}

/// What passes through an allocation for TCP, and how fast it may. Its connections may be carried by
/// other threads than the one that has the allocation, a read at a time.
#[derive(Debug, Default)]
pub struct StreamMeter {
    grant: Option<Grant>,
    to_peer: Meter,
    to_client: Meter,
}

#[derive(Debug, Default)]
struct Meter {
    full: AtomicU64,
    packets: AtomicU64,
    bytes: AtomicU64,
}

impl StreamMeter {
    pub(crate) fn new(grant: Option<Grant>) -> Self {
        Self {
            grant,
            ..Self::default()
        }
    }

    const fn meter(&self, direction: Direction) -> &Meter {
        match direction {
            Direction::ToPeer => &self.to_peer,
            Direction::ToClient => &self.to_client,
        }
    }

    fn rate(&self) -> Option<Rate> {
        self.grant.as_ref().map(|grant| Rate(grant.rate()))
    }

    /// How many bytes may be read now; when to ask again if that is none.
    ///
    /// # Errors
    /// When there is room again.
    pub fn room(&self, now: crate::Now, direction: Direction) -> Result<usize, Instant> {
        let Some(rate) = self.rate() else {
            return Ok(usize::MAX);
        };
        let full = self.meter(direction).full.load(Ordering::Relaxed);
        match rate.room(full, now.instant) {
            // Bytes that come one by one would cost a system call each.
            room if room < Self::LEAST.min(rate.0.get()) => Err(rate.next(full, Self::LEAST)),
            room => Ok(usize::try_from(room).unwrap_or(usize::MAX)),
        }
    }

    /// So many bytes are worth a read.
    const LEAST: u64 = 2048;

    /// Counts what was read.
    pub fn count(&self, now: crate::Now, direction: Direction, bytes: usize) {
        let meter = self.meter(direction);
        let bytes = bytes as u64;
        meter.packets.fetch_add(1, Ordering::Relaxed);
        meter.bytes.fetch_add(bytes, Ordering::Relaxed);
        if let Some(rate) = self.rate() {
            let after = |full| Some(rate.after(full, now.instant, bytes));
            let _ = meter
                .full
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, after);
        }
    }

    /// What has passed.
    pub(crate) fn traffic(&self) -> Traffic {
        let flow = |meter: &Meter| Flow {
            packets: meter.packets.load(Ordering::Relaxed),
            bytes: meter.bytes.load(Ordering::Relaxed),
        };
        Traffic::of_streams(flow(&self.to_peer), flow(&self.to_client))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::{Now, bandwidth::Bandwidth};

    fn grant(rate: u64) -> Grant {
        let bandwidth = Arc::new(Bandwidth::new(Some(rate), None));
        bandwidth.grant().unwrap().unwrap()
    }

    fn at(millis: u64) -> Instant {
        Instant::from_millis(1_000_000 + millis)
    }

    #[test]
    fn a_second_may_come_at_once_and_then_so_much_a_second() {
        let mut pace = Pace::new(grant(10_000));
        let mut passed = 0;
        for _ in 0..100 {
            passed += pace.up(at(0), 1, 1000);
        }
        assert_eq!(passed, 10);
        // The other direction has a bucket of its own.
        assert_eq!(pace.down(at(0), 100, 1000), 10);
        for millis in 1..=20_000 {
            passed += pace.up(at(millis), 1, 1000);
        }
        assert_eq!(passed, 210);
        // Silence saves up no more than a second.
        assert_eq!(pace.up(at(100_000), 1000, 1000), 10);
    }

    #[test]
    fn a_datagram_larger_than_a_second_passes_and_is_paid_for() {
        let mut pace = Pace::new(grant(1000));
        let passed: u32 = (0..=100_000).map(|it| pace.up(at(it), 1, 1500)).sum();
        // 100 seconds, the second at the beginning, and what the last one owes.
        assert!((67..=68).contains(&passed), "{passed}");
    }

    #[test]
    fn connections_of_one_allocation_share_its_pace() {
        let meter = StreamMeter::new(Some(grant(100_000)));
        let now = |millis| Now {
            instant: at(millis),
            unix: 0,
        };
        assert_eq!(meter.room(now(0), Direction::ToPeer), Ok(100_000));
        meter.count(now(0), Direction::ToPeer, 60_000);
        assert_eq!(meter.room(now(0), Direction::ToPeer), Ok(40_000));
        meter.count(now(0), Direction::ToPeer, 40_000);
        let again = meter.room(now(0), Direction::ToPeer).unwrap_err();
        assert_eq!(again, at(21));
        let room = meter.room(
            Now {
                instant: again,
                unix: 0,
            },
            Direction::ToPeer,
        );
        assert!(room.unwrap() >= 2048);
        assert_eq!(meter.room(now(0), Direction::ToClient), Ok(100_000));
        let traffic = meter.traffic();
        assert_eq!(traffic.client.received.bytes, 100_000);
        assert_eq!(traffic.peer.sent.packets, 2);
        assert_eq!(traffic.client.sent, Flow::default());
    }

    #[test]
    fn whoever_asks_again_when_he_is_told_to_has_room() {
        let now = |instant| Now { instant, unix: 0 };
        // Bytes counted one by one, and what came then: the bucket is full again a whole number of milliseconds and
        // the time of so many bytes later, where that is no whole number of nanoseconds.
        for (rate, single, rest) in [
            (99_991, 99, 97_944),
            (123_457, 483, 122_531),
            (1_500_000, 999, 1_498_454),
            (375_000, 3999, 369_329),
            (300_000, 9996, 288_257),
        ] {
            let meter = StreamMeter::new(Some(grant(rate)));
            for _ in 0..single {
                meter.count(now(at(0)), Direction::ToPeer, 1);
            }
            meter.count(now(at(0)), Direction::ToPeer, rest);
            let again = meter.room(now(at(0)), Direction::ToPeer).unwrap_err();
            let room = meter.room(now(again), Direction::ToPeer);
            assert!(room.is_ok(), "{rate}: {room:?} at {again:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_was_counted_there_is_room_when_it_was_said(
            rate in 1_u64..4_000_000,
            reads in prop::collection::vec((0_u64..30, 1_usize..5000), 1..200),
        ) {
            let meter = StreamMeter::new(Some(grant(rate)));
            let mut time = at(0);
            for (wait, bytes) in reads {
                time = time + core::time::Duration::from_millis(wait);
                meter.count(Now { instant: time, unix: 0 }, Direction::ToPeer, bytes);
                if let Err(again) = meter.room(Now { instant: time, unix: 0 }, Direction::ToPeer) {
                    prop_assert!(again > time);
                    let room = meter.room(Now { instant: again, unix: 0 }, Direction::ToPeer);
                    prop_assert!(room.is_ok(), "{:?} at {:?}", room, again);
                    time = again;
                }
            }
        }
    }

    #[test]
    fn the_smallest_and_the_largest_rate_work() {
        let mut pace = Pace::new(grant(1));
        assert_eq!(pace.up(at(0), 1, 1200), 1);
        assert_eq!(pace.up(at(1_199_000), 1, 1200), 0);
        assert_eq!(pace.up(at(1_200_001), 1, 1200), 1);
        let mut pace = Pace::new(grant(u64::MAX));
        assert_eq!(pace.up(at(0), u32::MAX, 65_000), u32::MAX);
        let meter = StreamMeter::new(Some(grant(1)));
        let now = Now {
            instant: at(0),
            unix: 0,
        };
        assert_eq!(meter.room(now, Direction::ToPeer), Ok(1));
    }
}
