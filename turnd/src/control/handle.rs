//! What the rest of the program may know of the control side, and may ask of it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{mpsc, watch};

/// What the program is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Sockets are being opened and workers started.
    Starting,
    /// Everything is served.
    Ready,
    /// Everything is served, while the configuration is read again.
    Reloading,
    /// No new allocations are made.
    Draining,
    /// Workers are being ended.
    Stopping,
}

/// What any part of the program may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// To read the configuration again; the text says why, for the log.
    Reload(&'static str),
    /// To read the certificates again, because their files have changed.
    Certificates,
}

/// How many allocations each worker has. A worker writes its own number when it changes; who reads gets
/// one that is a turn old at most.
#[derive(Clone, Debug)]
pub struct Live(Arc<[AtomicUsize]>);

impl Live {
    /// For so many workers.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| AtomicUsize::new(0)).collect())
    }

    /// A worker tells. Nothing else hangs on the number, so that the order of such writes does not matter.
    pub fn set(&self, worker: usize, allocations: usize) {
        if let Some(of_worker) = self.0.get(worker) {
            of_worker.store(allocations, Ordering::Relaxed);
        }
    }

    /// Of all workers together.
    #[must_use]
    pub fn total(&self) -> usize {
        self.0.iter().map(|it| it.load(Ordering::Relaxed)).sum()
    }
}

/// For everybody: reads what the program is doing, and asks for things.
#[derive(Clone)]
pub struct Handle {
    phase: watch::Receiver<Phase>,
    requests: mpsc::Sender<Request>,
    live: Live,
}

/// The other end, which the control loop has.
pub struct Desk {
    pub(super) phase: watch::Sender<Phase>,
    pub(super) requests: mpsc::Receiver<Request>,
}

/// Requests that may wait. They are the program's own and rare; one that finds no room is one of many
/// that ask for the same.
const REQUESTS: usize = 16;

/// Both ends, in [`Phase::Starting`], for so many workers.
#[must_use]
pub fn handle(workers: usize) -> (Handle, Desk) {
    let (phase, phase_of_others) = watch::channel(Phase::Starting);
    let (asking, requests) = mpsc::channel(REQUESTS);
    let handle = Handle {
        phase: phase_of_others,
        requests: asking,
        live: Live::new(workers),
    };
    (handle, Desk { phase, requests })
}

impl Handle {
    /// What the program is doing now. Takes no time, and may be called from any thread.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// For who wants to wait for changes of the phase.
    #[must_use]
    pub fn phases(&self) -> watch::Receiver<Phase> {
        self.phase.clone()
    }

    /// Asks for something without waiting. On its way out the program does nothing more.
    pub fn ask(&self, request: Request) {
        let _ = self.requests.try_send(request);
    }

    /// How many allocations there are.
    #[must_use]
    pub fn allocations(&self) -> usize {
        self.live.total()
    }

    /// Where workers write how many they have.
    #[must_use]
    pub fn live(&self) -> &Live {
        &self.live
    }
}
