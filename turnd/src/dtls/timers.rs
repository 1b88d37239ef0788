//! When to look at which association again.

use std::collections::BTreeSet;

use turnd_proto::Instant;

use super::Path;

/// Which of the two associations that a path may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    HalfOpen,
    Established,
}

/// One entry for each association: to change or remove one takes the time of its deadline.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(Instant, Path, Stage)>);

impl Timers {
    pub(super) fn set(&mut self, at: Instant, path: Path, stage: Stage) {
        self.0.insert((at, path, stage));
    }

    pub(super) fn remove(&mut self, at: Instant, path: Path, stage: Stage) {
        let removed = self.0.remove(&(at, path, stage));
        debug_assert!(removed, "every association knows its deadline");
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.first().map(|&(at, ..)| at)
    }

    /// An entry whose time has come. It stays until it is moved or removed.
    pub(super) fn due(&self, now: Instant) -> Option<(Path, Stage)> {
        let &(at, path, stage) = self.0.first()?;
        (at <= now).then_some((path, stage))
    }

    /// Moves an entry.
    pub(super) fn shift(&mut self, deadline: &mut Instant, to: Instant, path: Path, stage: Stage) {
        self.remove(*deadline, path, stage);
        self.set(to, path, stage);
        *deadline = to;
    }
}
