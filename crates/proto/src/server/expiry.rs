//! What ends by itself: allocations, and what they hold.

use super::Server;
use crate::{
    io::{AllocationId, Ending, Event, FiveTuple, Output},
    time::Instant,
    timers::Timer,
};

impl Server {
    /// Makes sure that an allocation is looked at when something of it expires.
    pub(crate) fn set_allocation_timer(&mut self, id: AllocationId) {
        let Some(allocation) = self.table.allocation_mut(id) else {
            return;
        };
        let Some(next) = allocation.next_expiry() else {
            return;
        };
        match allocation.timer {
            Some(timer) if timer <= next => {}
            earlier => {
                allocation.timer = Some(next);
                if let Some(earlier) = earlier {
                    self.timers.unset(earlier, Timer::Allocation(id));
                }
                self.timers.set(next, Timer::Allocation(id));
            }
        }
    }

    pub(super) fn allocation_due(&mut self, now: Instant, id: AllocationId) {
        if let Some(allocation) = self.table.allocation_mut(id) {
            allocation.timer = None;
        }
        self.expire_allocation(now, id, Ending::Expired);
        self.set_allocation_timer(id);
    }

    /// What has expired is gone for every request, even if its timer was not run yet.
    pub(crate) fn expire_client(&mut self, now: Instant, path: &FiveTuple) {
        if let Some(id) = self.table.find(path) {
            self.expire_allocation(now, id, Ending::Expired);
        }
    }

    /// Ends what has expired of an allocation.
    pub(crate) fn expire_allocation(&mut self, now: Instant, id: AllocationId, cause: Ending) {
        let expired = self.table.expire(id, now);
        self.counters.permissions -= expired.permissions;
        self.counters.channels -= expired.channels;
        for relay in expired.relays {
            self.close_relay(relay.id);
        }
        if let (Some(accounts), Some(allocation)) =
            (&mut self.accounts, self.table.allocation_mut(id))
        {
            allocation.tell(accounts, 1);
        }
        if let Some(ended) = expired.ended {
            if ended.mobility.is_some() {
                let left = ended.paths().map(Output::PathLeft);
                self.outputs.extend(left);
            }
            for connection in &ended.connections {
                self.close_connection(*connection);
            }
            if let Some(timer) = ended.timer {
                self.timers.unset(timer, Timer::Allocation(id));
            }
            let (traffic, life) = (ended.total(), now.since(ended.made));
            if let Some(accounts) = &mut self.accounts {
                accounts.add(ended.owner.account(), traffic - ended.told);
            }
            self.counters
                .allocation_ended(ended.kind, cause, &traffic, life);
            self.event(Event::Deleted {
                allocation: id,
                user: ended.owner.name().to_owned(),
                client: ended.client.path.client,
                server: ended.client.path.server,
                cause,
                traffic,
                life,
            });
        }
    }
}
