//! What must hold of a server after every step, for tests and fuzzing.

use super::Server;
use crate::connections::Stage;

impl Server {
    /// Fails if something is counted twice or not at all: one timer for each allocation, question,
    /// reservation and connection that waits. Looks at everything, so that it is for tests.
    ///
    /// # Panics
    /// If this server is not in order.
    pub fn check(&self) {
        self.table.check();
        let (mut unbound, mut connecting) = (0, 0);
        for (id, connection) in self.connections.iter() {
            let owner = self.table.allocation(connection.allocation);
            assert!(owner.is_some_and(|owner| owner.connections.contains(&id)));
            unbound += usize::from(matches!(connection.stage, Stage::Unbound(_)));
            connecting += usize::from(connection.stage == Stage::Connecting);
        }
        assert_eq!(
            self.connects, connecting,
            "a Connect waits for nothing else"
        );
        assert_eq!(self.table.connections(), self.connections.iter().count());
        let timed = self.table.len() + self.waiting.len() + self.reservations.len() + unbound;
        assert_eq!(self.timers.len(), timed);
        self.check_counters();
    }

    /// Fails if a gauge is not what it stands for, or something was made that neither is nor has ended.
    fn check_counters(&self) {
        let counters = &self.counters;
        let held = self.table.held();
        assert_eq!(counters.allocations.sum(), self.table.len() as u64);
        assert_eq!(
            counters.allocations_made,
            counters.allocations.sum() + counters.allocations_ended.sum()
        );
        assert_eq!(
            counters.allocation_seconds.count(),
            counters.allocations_ended.sum()
        );
        assert_eq!(
            (counters.permissions, counters.channels),
            (held.permissions, held.channels)
        );
        assert_eq!(counters.peer_connections, self.table.connections() as u64);
    }

    /// Fails if anything is left of what ever was.
    ///
    /// # Panics
    /// If something is.
    pub fn check_is_empty(&self) {
        self.check();
        assert_eq!(self.timers.len(), 0);
        assert!(self.table.is_empty() && self.opening.is_empty());
        assert_eq!(self.settings.quotas.total(), 0);
    }
}
