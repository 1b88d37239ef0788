//! A new beginning after a fault that stopped something halfway.

use super::Server;
use crate::{
    allocation_kind::ByKind,
    counters::Counters,
    io::{Ending, Event, Output},
    time::Now,
    timers::Timers,
};

impl Server {
    /// Ends every allocation and forgets every question, connection and reserved port, however they may be left:
    /// for whoever has caught a panic and goes on. No socket is asked to be closed; they are all the caller's to
    /// drop. Only other servers are told which paths are not for this one any more. Names are not given a second time,
    /// so that what is still under way to somebody who was there reaches nobody else, and what was counted stays
    /// counted.
    pub fn begin_anew(&mut self, now: Now) {
        self.outputs
            .retain(|output| matches!(output, Output::PathLeft(_)));
        self.waiting.clear();
        self.connects = 0;
        self.opening.clear();
        self.reservations.clear();
        self.connections.clear();
        self.timers = Timers::default();
        let ended = self.table.clear();
        for (id, mut allocation) in ended {
            if let Some(accounts) = &mut self.accounts {
                allocation.tell(accounts, 1);
            }
            let (traffic, life) = (allocation.total(), now.instant.since(allocation.made));
            self.counters.allocation_bytes.observe(traffic.relayed());
            self.counters.allocation_seconds.observe(life.as_secs());
            if allocation.mobility.is_some() {
                self.outputs
                    .extend(allocation.paths().map(Output::PathLeft));
            }
            self.event(Event::Deleted {
                allocation: id,
                user: allocation.owner.name().to_owned(),
                client: allocation.client.path.client,
                server: allocation.client.path.server,
                cause: Ending::Failed,
                traffic,
                life,
            });
        }
        self.counters.none_is_left();
    }
}

impl Counters {
    /// Gauges begin at nothing, and what has not ended otherwise has failed.
    fn none_is_left(&mut self) {
        let ended = self.allocations_ended.sum();
        self.allocations_ended.failed += self.allocations_made.saturating_sub(ended);
        self.allocations = ByKind::default();
        (self.permissions, self.channels, self.peer_connections) = (0, 0, 0);
    }
}
