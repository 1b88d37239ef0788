//! Where runs cannot be sent: the kernel refuses one whose segments do not fit the way to its destination.
//!
//! Kept for each destination, because the way is what refuses: a stranger with a path of small MTU, or who
//! says that he has one, slows down what is sent to him and nothing else.

use std::{collections::HashMap, net::IpAddr};

/// Most destinations that are remembered. With one more all are forgotten, which costs each of them one
/// refused call.
const MAX_DESTINATIONS: usize = 1024;
/// Datagrams that go one by one before a run is tried again. A path may have grown, and a refused call in
/// so many is cheap.
const RETRY_AFTER: u32 = 1024;

/// The destinations that refused a run.
#[derive(Debug, Default)]
pub(crate) struct RunLimits {
    limits: HashMap<IpAddr, Limit>,
}

#[derive(Clone, Copy, Debug)]
struct Limit {
    /// Longest segment that was not refused, in bytes; 0 if none will do.
    longest: usize,
    /// Datagrams still to go one by one.
    left: u32,
}

impl RunLimits {
    /// Segments of `size` bytes were refused on the way to `to`, or any at all (`None`).
    pub(crate) fn refused(&mut self, to: IpAddr, size: Option<usize>) {
        if self.limits.len() >= MAX_DESTINATIONS && !self.limits.contains_key(&to) {
            self.limits.clear();
        }
        let limit = Limit {
            longest: size.map_or(0, |size| size.saturating_sub(1)),
            left: RETRY_AFTER,
        };
        self.limits.insert(to, limit);
    }

    /// Whether a datagram of `size` bytes to `to` may start a run. Each one that may not counts.
    pub(crate) fn allow(&mut self, to: IpAddr, size: usize) -> bool {
        if self.limits.is_empty() {
            return true;
        }
        match self.limits.get_mut(&to) {
            Some(limit) if size > limit.longest => {
                limit.left -= 1;
                if limit.left == 0 {
                    self.limits.remove(&to);
                }
                false
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn a_refusal_is_about_one_destination_and_longer_segments() {
        let mut limits = RunLimits::default();
        limits.refused(host(1), Some(1200));
        limits.refused(host(2), None);
        assert!(!limits.allow(host(1), 1200) && limits.allow(host(1), 1199));
        assert!(!limits.allow(host(2), 1));
        assert!(limits.allow(host(3), 9000));
        limits.refused(host(1), Some(600));
        assert!(!limits.allow(host(1), 600) && limits.allow(host(1), 599));
    }

    #[test]
    fn after_1024_single_datagrams_a_run_is_tried_again() {
        let mut limits = RunLimits::default();
        limits.refused(host(1), Some(1200));
        for _ in 0..1024 {
            assert!(limits.allow(host(1), 100));
            assert!(!limits.allow(host(1), 1200));
        }
        assert!(limits.allow(host(1), 1200));
    }

    #[test]
    fn so_many_destinations_are_remembered_and_no_more() {
        let mut limits = RunLimits::default();
        for number in 0..1_000_000 {
            limits.refused(host(number), None);
            assert!(!limits.allow(host(number), 1));
            assert!(limits.limits.len() <= MAX_DESTINATIONS);
        }
        // One that is there already displaces nobody.
        limits.refused(host(999_999), None);
        assert!(!limits.allow(host(999_998), 1));
    }
}
