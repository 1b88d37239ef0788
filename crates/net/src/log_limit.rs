//! Not the same line over and over.

use std::time::Duration;

/// Lets so many lines through in an interval and counts what it holds back.
#[derive(Clone, Debug)]
pub struct LogLimit {
    interval: Duration,
    lines: u32,
    /// How many may still be written before `next`.
    left: u32,
    /// When the next interval may start.
    next: Option<Duration>,
    held_back: u64,
}

impl LogLimit {
    /// One line an interval.
    #[must_use]
    pub const fn new(interval: Duration) -> Self {
        Self::burst(1, interval)
    }

    /// So many lines an interval, as close together as they come. An interval starts with the first line
    /// after the one before it.
    #[must_use]
    pub const fn burst(lines: u32, interval: Duration) -> Self {
        Self {
            interval,
            lines,
            left: 0,
            next: None,
            held_back: 0,
        }
    }

    /// Whether a line may be written `now` (time since any fixed point): how many were held back since
    /// the last one, or `None` if this one is held back too.
    pub fn allow(&mut self, now: Duration) -> Option<u64> {
        if self.next.is_none_or(|next| now >= next) {
            self.next = Some(now + self.interval);
            self.left = self.lines;
        }
        if self.left == 0 {
            self.held_back += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_and_the_rest_is_counted() {
        let mut limit = LogLimit::new(Duration::from_secs(60));
        assert_eq!(limit.allow(Duration::ZERO), Some(0));
        assert_eq!(limit.allow(Duration::from_secs(1)), None);
        assert_eq!(limit.allow(Duration::from_secs(59)), None);
        assert_eq!(limit.allow(Duration::from_secs(60)), Some(2));
        assert_eq!(limit.allow(Duration::from_secs(500)), Some(0));
    }

    #[test]
    fn a_burst_is_written_and_what_goes_beyond_it_is_counted_once() {
        let mut limit = LogLimit::burst(3, Duration::from_secs(10));
        let mut at = |seconds| limit.allow(Duration::from_secs(seconds));
        assert_eq!([at(5), at(5), at(14)], [Some(0); 3]);
        assert_eq!([at(14), at(14)], [None; 2]);
        assert_eq!(
            [at(15), at(15), at(16), at(17)],
            [Some(2), Some(0), Some(0), None]
        );
        assert_eq!(at(25), Some(1));
    }
}
