//! What the loop counts, and the report of it.

use std::time::Duration;

use turnd_net::{Flushed, Received};
use turnd_proto::{Now, Transport};

use super::Worker;
use crate::{
    report::{LoopCounters, WorkerReport},
    streams::{Connection, Phase},
};

impl Worker {
    /// A copy of all counts, with the gauges as they are now.
    pub(super) fn what_was_counted(&self, now: Now) -> Box<WorkerReport> {
        let mut worker = self.counts;
        worker.send_drops.busy_worker = self.parcels.lost();
        let open = &mut worker.connections;
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        open.tcp = count(self.streams.connections.len()).saturating_sub(open.tls);
        open.peer = count(self.peers.streams.len());
        if let Some(dtls) = &self.dtls {
            open.dtls = count(dtls.associations());
            let handshakes = dtls.handshakes();
            worker.handshakes.dtls_done = handshakes.done;
            worker.handshakes.dtls_failed = handshakes.failed;
        }
        Box::new(WorkerReport {
            server: self.parts.server.counters(now),
            worker,
            accounts: self.parts.server.accounts().cloned().unwrap_or_default(),
        })
    }
}

impl LoopCounters {
    /// One receive call brought this.
    pub(super) fn received(&mut self, batch: &[Received]) {
        self.receive_calls += 1;
        if batch.is_empty() {
            return;
        }
        self.batches.observe(batch.len() as u64);
        for received in batch {
            let datagrams = received.datagrams() as u64;
            self.received += datagrams;
            if datagrams > 1 {
                self.gro_runs += 1;
                self.gro_datagrams += datagrams;
            }
        }
    }

    /// One flush came to this.
    pub(super) const fn flushed(&mut self, flushed: &Flushed) {
        self.send_calls += flushed.calls;
        self.sent += flushed.datagrams;
        self.gso_datagrams += flushed.gso_datagrams;
        self.send_drops.would_block += flushed.blocked;
        self.send_drops.closed += flushed.closed;
        self.send_drops.error += flushed.dropped - flushed.blocked - flushed.closed;
    }

    /// A turn of the loop took so long.
    pub(super) fn turn(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.turns += 1;
        self.turn_micros.observe(micros);
        self.longest_turn = self.longest_turn.max(micros);
    }

    /// A client's connection is over.
    pub(super) fn stream_closed(&mut self, connection: &Connection) {
        self.connections.tls -= u64::from(connection.path.transport == Transport::Tls);
        match connection.phase {
            Phase::Hello if !connection.stash.is_empty() => self.handshakes.tls_refused += 1,
            // With its hello given away.
            Phase::Hello | Phase::Handshake => self.handshakes.tls_failed += 1,
            _ => {}
        }
    }
}
