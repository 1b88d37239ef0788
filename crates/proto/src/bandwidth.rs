//! How many bytes a second allocations may relay: what one is granted (`max-bps`) and what all of them
//! together are (`bps-capacity`).
//!
//! Shared by all servers of a process. What is granted is reserved, not measured: an allocation that
//! is silent keeps its share. The lock is taken when an allocation is made or ends, never on the way
//! of a packet.

use core::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The ledger of rates that were granted.
#[derive(Debug, Default)]
pub struct Bandwidth {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    per_allocation: Option<NonZeroU64>,
    capacity: Option<NonZeroU64>,
    granted: u64,
}

/// Nothing is left of the capacity: 486.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NothingLeft;

impl Bandwidth {
    /// Bytes per second of one allocation, each way, and of all together; `None` or 0: no limit.
    #[must_use]
    pub fn new(per_allocation: Option<u64>, capacity: Option<u64>) -> Self {
        let bandwidth = Self::default();
        bandwidth.set_limits(per_allocation, capacity);
        bandwidth
    }

    /// Changes the limits. Allocations that live keep what they were granted, and it stays counted.
    pub fn set_limits(&self, per_allocation: Option<u64>, capacity: Option<u64>) {
        let mut state = self.state();
        state.per_allocation = per_allocation.and_then(NonZeroU64::new);
        state.capacity = capacity.and_then(NonZeroU64::new);
    }

    /// What a new allocation may relay in a second: `None` if that is not limited. It is given back when
    /// the value is dropped.
    ///
    /// # Errors
    /// When all of the capacity is granted.
    pub fn grant(self: &Arc<Self>) -> Result<Option<Grant>, NothingLeft> {
        let mut state = self.state();
        let Some(wanted) = state.per_allocation else {
            return Ok(None);
        };
        let rate = match state.capacity {
            None => wanted,
            Some(capacity) => {
                let left = capacity.get().saturating_sub(state.granted);
                NonZeroU64::new(left).ok_or(NothingLeft)?.min(wanted)
            }
        };
        state.granted = state.granted.saturating_add(rate.get());
        drop(state);
        Ok(Some(Grant {
            bandwidth: self.clone(),
            rate,
        }))
    }

    /// Bytes per second that are granted.
    #[must_use]
    pub fn granted(&self) -> u64 {
        self.state().granted
    }

    /// Every change is one step, so that the state is right even if a thread died while it held it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one allocation was granted.
#[derive(Debug)]
pub struct Grant {
    bandwidth: Arc<Bandwidth>,
    rate: NonZeroU64,
}

impl Grant {
    /// Bytes per second, each way.
    #[must_use]
    pub const fn rate(&self) -> NonZeroU64 {
        self.rate
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        let mut state = self.bandwidth.state();
        state.granted = state.granted.saturating_sub(self.rate.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(grant: &Option<Grant>) -> u64 {
        grant.as_ref().unwrap().rate().get()
    }

    #[test]
    fn the_last_one_gets_what_is_left() {
        let bandwidth = Arc::new(Bandwidth::new(Some(400), Some(1000)));
        let grants = [(); 3].map(|()| bandwidth.grant().unwrap());
        assert_eq!(grants.each_ref().map(rate), [400, 400, 200]);
        assert_eq!(bandwidth.grant().unwrap_err(), NothingLeft);
        drop(grants);
        assert_eq!(bandwidth.granted(), 0);
        assert_eq!(rate(&bandwidth.grant().unwrap()), 400);
    }

    #[test]
    fn limits_change_while_what_is_granted_stays_counted() {
        let bandwidth = Arc::new(Bandwidth::new(Some(400), None));
        let old = [(); 3].map(|()| bandwidth.grant().unwrap());
        bandwidth.set_limits(Some(100), Some(1250));
        let new = bandwidth.grant().unwrap();
        assert_eq!(rate(&new), 50);
        bandwidth.set_limits(Some(100), Some(1000));
        assert!(bandwidth.grant().is_err());
        drop(old);
        assert_eq!(rate(&bandwidth.grant().unwrap()), 100);
        bandwidth.set_limits(None, None);
        assert!(bandwidth.grant().unwrap().is_none());
        assert_eq!(bandwidth.granted(), 50);
    }
}
