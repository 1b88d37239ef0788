//! Whether memory is nearly gone. It is measured outside; every server of the process asks here before it lets
//! something grow.

use core::sync::atomic::{AtomicBool, Ordering};

use crate::{counters::MemoryHits, refusal::Refusal, server::Server};

/// What all servers of a process know of its memory.
#[derive(Debug, Default)]
pub struct Memory {
    is_short: AtomicBool,
}

impl Memory {
    /// Says whether nothing more may be begun.
    pub fn set_short(&self, is_short: bool) {
        self.is_short.store(is_short, Ordering::Relaxed);
    }

    /// Whether nothing more may be begun.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.is_short.load(Ordering::Relaxed)
    }
}

impl Server {
    /// Refuses what would grow while memory is short (508). What is there is refreshed as ever.
    pub(crate) fn needs_memory(
        &mut self,
        count: fn(&mut MemoryHits) -> &mut u64,
    ) -> Result<(), Refusal> {
        if self.settings.memory.is_short() {
            return Err(self.no_room(count));
        }
        Ok(())
    }

    /// What is said when [`Self::room`] was not enough (508).
    pub(crate) fn no_room(&mut self, count: fn(&mut MemoryHits) -> &mut u64) -> Refusal {
        if self.settings.memory.is_short() {
            *count(&mut self.counters.memory_hits) += 1;
        }
        Refusal::NO_CAPACITY
    }

    /// How much of something an allocation may hold: none is added while memory is short.
    pub(crate) fn room(&self, limit: usize) -> usize {
        if self.settings.memory.is_short() {
            0
        } else {
            limit
        }
    }
}
