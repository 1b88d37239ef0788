//! How far the server is, for those who ask whether they may send clients to it.

use std::sync::atomic::{AtomicU8, Ordering};

/// How far the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Not all listeners are there yet.
    Starting,
    /// Clients are served.
    Serving,
    /// Allocations live on, and no new ones are made.
    Draining,
}

/// The stage, which one thread sets and another reads.
#[derive(Debug)]
pub(super) struct CurrentStage(AtomicU8);

impl CurrentStage {
    pub(super) const fn new() -> Self {
        Self(AtomicU8::new(Stage::Starting as u8))
    }

    pub(super) fn set(&self, stage: Stage) {
        self.0.store(stage as u8, Ordering::Release);
    }

    pub(super) fn is(&self, stage: Stage) -> bool {
        self.0.load(Ordering::Acquire) == stage as u8
    }
}
