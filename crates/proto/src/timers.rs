//! Timers are a table: an ordered set of deadlines. Nothing here scans what is not due, and a timer
//! that is no longer needed is taken back, so that allocations that come and go leave nothing.

use std::collections::BTreeSet;

use crate::{
    io::{AllocationId, AskId, ConnectionId, RelayId},
    time::Instant,
};

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// Look at an allocation for anything that expired.
    Allocation(AllocationId),
    /// Give up on an answer.
    Ask(AskId),
    /// Let go of a reserved port.
    Reservation(RelayId),
    /// Close a connection with a peer that nobody wants.
    Connection(ConnectionId),
}

/// Deadlines still ahead.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    set: BTreeSet<(Instant, Timer)>,
}

impl Timers {
    pub(crate) fn set(&mut self, deadline: Instant, timer: Timer) {
        self.set.insert((deadline, timer));
    }

    pub(crate) fn unset(&mut self, deadline: Instant, timer: Timer) {
        self.set.remove(&(deadline, timer));
    }

    /// When to come back.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.set.first().map(|&(deadline, _)| deadline)
    }

    /// Takes the oldest timer that is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.set.pop_first().map(|(_, timer)| timer)
    }

    pub(crate) fn len(&self) -> usize {
        self.set.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_in_order_and_never_early() {
        let mut timers = Timers::default();
        let timer = Timer::Ask(AskId::default());
        timers.set(
            Instant::from_millis(20),
            Timer::Reservation(RelayId::default()),
        );
        timers.set(Instant::from_millis(10), timer);
        assert_eq!(timers.next(), Some(Instant::from_millis(10)));
        assert_eq!(timers.take_due(Instant::from_millis(9)), None);
        assert_eq!(timers.take_due(Instant::from_millis(10)), Some(timer));
        timers.unset(
            Instant::from_millis(20),
            Timer::Reservation(RelayId::default()),
        );
        assert_eq!(timers.next(), None);
    }
}
