//! Stamps in datagrams, and what they tell when they arrive.

use std::time::Instant;

use hdrhistogram::Histogram;

use super::report::Latency;

/// Bytes that a stamp takes at the front of a datagram.
pub(super) const STAMP: usize = 16;
/// Nanoseconds; what took longer counts as this.
const LONGEST: u64 = 60_000_000_000;
const MARK: u32 = 0x7475_726E;

/// Which part of a load a datagram belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    WarmUp = 0,
    Measured = 1,
}

/// Counts datagrams of the measured part, and how long each took.
pub(super) struct Meter {
    start: Instant,
    phase: Phase,
    /// Of both parts.
    pub(super) sent: u64,
    /// Of both parts.
    pub(super) arrived: u64,
    pub(super) measured_sent: u64,
    pub(super) measured_arrived: u64,
    nanoseconds: Histogram<u64>,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            phase: Phase::WarmUp,
            sent: 0,
            arrived: 0,
            measured_sent: 0,
            measured_arrived: 0,
            nanoseconds: Histogram::new_with_bounds(1, LONGEST, 3).expect("in range"),
        }
    }

    pub(super) fn begin_measuring(&mut self) {
        self.phase = Phase::Measured;
    }

    /// The stamp of a datagram that is sent now.
    pub(super) fn stamp(&self, now: Instant) -> [u8; STAMP] {
        let nanoseconds = now.duration_since(self.start).as_nanos() as u64;
        let mut stamp = [0; STAMP];
        stamp[..4].copy_from_slice(&MARK.to_be_bytes());
        stamp[4..8].copy_from_slice(&(self.phase as u32).to_be_bytes());
        stamp[8..].copy_from_slice(&nanoseconds.to_be_bytes());
        stamp
    }

    pub(super) fn count_sent(&mut self, datagrams: u64) {
        self.sent += datagrams;
        if self.phase == Phase::Measured {
            self.measured_sent += datagrams;
        }
    }

    /// A datagram has arrived. What bears no stamp is not ours.
    pub(super) fn arrived(&mut self, datagram: &[u8], now: Instant) {
        let Some(stamp) = datagram.first_chunk::<STAMP>() else {
            return;
        };
        let (mark, rest) = stamp.split_at(4);
        if mark != MARK.to_be_bytes() {
            return;
        }
        self.arrived += 1;
        if rest[..4] == (Phase::Measured as u32).to_be_bytes() {
            let sent = rest[4..]
                .iter()
                .fold(0, |sum, &byte| sum << 8 | u64::from(byte));
            let now = now.duration_since(self.start).as_nanos() as u64;
            self.measured_arrived += 1;
            self.nanoseconds.saturating_record(now.saturating_sub(sent));
        }
    }

    /// How long the measured ones took.
    pub(super) fn latency(&self) -> Latency {
        let at = |percentile| self.nanoseconds.value_at_percentile(percentile) as f64 / 1000.0;
        Latency {
            p50: at(50.0),
            p90: at(90.0),
            p99: at(99.0),
            worst: self.nanoseconds.max() as f64 / 1000.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_the_measured_part_is_counted_and_timed() {
        let mut meter = Meter::new();
        let begin = Instant::now();
        let early = meter.stamp(begin);
        meter.begin_measuring();
        let late = meter.stamp(begin + Duration::from_millis(1));
        meter.arrived(&early, begin + Duration::from_millis(500));
        meter.arrived(&late, begin + Duration::from_millis(3));
        meter.arrived(b"something else of some length", begin);
        assert_eq!((meter.arrived, meter.measured_arrived), (2, 1));
        let latency = meter.latency();
        assert!((1990.0..2010.0).contains(&latency.p50), "{latency:?}");
    }
}
