//! Not the same line over and over.

use std::time::Duration;

/// Lets one line through in an interval and counts what it holds back.
#[derive(Clone, Debug)]
pub struct LogLimit {
    interval: Duration,
    next: Option<Duration>,
    held_back: u64,
}

impl LogLimit {
    /// One line an interval.
    #[must_use]
    pub const fn new(interval: Duration) -> Self {
        Self {
            interval,
            next: None,
            held_back: 0,
        }
    }

    /// Whether a line may be written `now` (time since any fixed point): how many were held back since
    /// the last one, or `None` if this one is held back too.
    pub fn allow(&mut self, now: Duration) -> Option<u64> {
        if self.next.is_some_and(|next| now < next) {
            self.held_back += 1;
            return None;
        }
        self.next = Some(now + self.interval);
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
}
