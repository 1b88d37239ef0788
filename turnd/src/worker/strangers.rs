//! Bytes of unfinished messages, hellos and headers that a worker keeps for connections without an allocation.
//! Whoever sends in one piece needs none of it.

use std::collections::BTreeSet;

use turnd_proto::{Instant, Now};

use super::{Worker, streams::FIRST_MESSAGE};
use crate::streams::{Connection, Phase, StreamId};

/// How many bytes that may be.
const STRANGE: usize = 8 * 1024 * 1024;

/// What is kept, and for whom.
#[derive(Default)]
pub(super) struct Strangers {
    bytes: usize,
    /// Since when each of them has not finished what it began.
    oldest: BTreeSet<(Instant, StreamId)>,
}

impl Strangers {
    /// So many bytes are kept for this connection now; returns by when it must have finished what it has begun just now.
    fn count(
        &mut self,
        now: Instant,
        id: StreamId,
        connection: &mut Connection,
        bytes: usize,
    ) -> Option<Instant> {
        if bytes == 0 {
            self.forget(id, connection);
            return None;
        }
        self.bytes = self.bytes - connection.strange + bytes;
        connection.strange = bytes;
        if connection.unfinished_since.is_some() {
            return None;
        }
        connection.unfinished_since = Some(now);
        self.oldest.insert((now, id));
        Some(now + FIRST_MESSAGE)
    }

    /// The connection has finished what it had begun, or is over, or no stranger's any more.
    pub(super) fn forget(&mut self, id: StreamId, connection: &mut Connection) {
        self.bytes -= std::mem::take(&mut connection.strange);
        if let Some(since) = connection.unfinished_since.take() {
            self.oldest.remove(&(since, id));
        }
    }

    /// Who has to go for the sake of the others, if there is too much: whoever is at it for longest. A client that only
    /// needs a second segment is through long before it is that.
    fn one_too_many(&self) -> Option<StreamId> {
        let (_, id) = self.oldest.first()?;
        (self.bytes > STRANGE).then_some(*id)
    }
}

impl Worker {
    /// Counts what is kept for the connection if it is a stranger's.
    pub(super) fn count_strange(&mut self, now: Now, id: StreamId) {
        let streams = &mut self.streams;
        let Some(connection) = streams.connections.get_mut(id) else {
            return;
        };
        let bytes = match connection.phase {
            // Of hellos that wait there is a limited number.
            Phase::Hello | Phase::Joined(_) => 0,
            _ if connection.stash.is_empty() => 0,
            _ if self.parts.server.has_allocation(&connection.path) => 0,
            _ => connection.stash.capacity(),
        };
        let due = streams.strangers.count(now.instant, id, connection, bytes);
        if let Some(due) = due {
            self.hurry(id, due);
        }
        while let Some(oldest) = self.streams.strangers.one_too_many() {
            self.close_stream(now, oldest);
        }
    }
}
