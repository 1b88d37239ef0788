//! What is to happen when.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use super::{RoomName, SocketId, room::Member};

/// Something that happens with time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deadline {
    /// The socket is in no room.
    Idle(SocketId),
    /// The member of the room is away.
    Grace(RoomName, Arc<str>),
    /// The credentials of the member get old.
    Refresh(RoomName, Arc<str>),
}

/// All of them. Each names something that exists: who ends one ends its deadlines.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    ordered: BTreeSet<(Instant, Deadline)>,
}

impl Deadlines {
    pub(super) fn at(&mut self, time: Instant, deadline: Deadline) {
        self.ordered.insert((time, deadline));
    }

    pub(super) fn next(&self) -> Option<Instant> {
        Some(self.ordered.first()?.0)
    }

    /// One that is not later than `now`, once.
    pub(super) fn due(&mut self, now: Instant) -> Option<Deadline> {
        if self.next()? > now {
            return None;
        }
        Some(self.ordered.pop_first()?.1)
    }

    pub(super) fn cancel(&mut self, time: Instant, deadline: Deadline) {
        self.ordered.remove(&(time, deadline));
    }

    /// Those of a member that is gone.
    pub(super) fn cancel_member(&mut self, room: &RoomName, member: &Member) {
        if let Some(until) = member.lost_until() {
            self.cancel(until, Deadline::Grace(room.clone(), Arc::clone(&member.id)));
        }
        if let Some(at) = member.refresh_at {
            self.cancel(at, Deadline::Refresh(room.clone(), Arc::clone(&member.id)));
        }
    }
}
