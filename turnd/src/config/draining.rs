//! The part of the settings that says how the server ends while it has allocations.

use std::time::Duration;

use super::raw::Raw;

/// How the server drains: no new allocations, and the end when few enough are left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drain {
    /// Ends at this number of allocations, or fewer.
    pub min_allocations: usize,
    /// Ends after this time, however many there are. `None`: SIGUSR1 waits without end, and SIGTERM and
    /// SIGINT do not wait at all.
    pub timeout: Option<Duration>,
}

pub(super) fn drain(raw: &Raw) -> Drain {
    let seconds = raw.drain_timeout.or(0).unsigned_abs();
    Drain {
        min_allocations: usize::try_from(raw.drain_min_allocations.or(0)).unwrap_or(0),
        timeout: (seconds > 0).then(|| Duration::from_secs(seconds)),
    }
}
