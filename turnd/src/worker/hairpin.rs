//! Datagrams that go from one relay of this server to another, without a trip through the kernel.

use turnd_net::Piece;
use turnd_proto::{Hairpin, Now, PeerHop, Run};

use super::{Worker, datagrams::push_to_peer};

impl Worker {
    /// Sends on what one message of a client carries.
    pub(super) fn send_to_peer(&mut self, now: Now, hop: &PeerHop, message: Piece) {
        match self.hairpin(hop) {
            Some(way) => {
                let data = message.slice(hop.data.clone());
                let run = Run::one(data.len());
                self.turn_around(now, way, run, std::iter::once(data));
            }
            // Between relays nothing is fragmented.
            None if hop.dont_fragment => self.send_unfragmented(now, hop, message),
            None => push_to_peer(&mut self.outbox, hop, message),
        }
    }

    /// The way in memory, if the peer is a relay of this worker.
    pub(super) fn hairpin(&self, hop: &PeerHop) -> Option<Hairpin> {
        hop.hairpin
            .filter(|way| usize::from(way.server) == self.parts.index)
    }

    /// A run of data arrives at the other relay. What its client is sent lies where it was received from
    /// the first one.
    pub(super) fn turn_around(
        &mut self,
        now: Now,
        way: Hairpin,
        run: Run,
        data: impl Iterator<Item = Piece>,
    ) {
        self.counts.hairpins += u64::from(run.datagrams);
        self.deliver(now, way.relay, way.from, run, data);
    }
}
