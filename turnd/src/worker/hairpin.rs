//! Datagrams that go from one relay of this server to another, without a trip through the kernel.

use turnd_net::Piece;
use turnd_proto::{Hairpin, Now, PeerHop, Run};

use super::{Worker, datagrams::push_to_peer};
use crate::parcels::{Parcel, Way};

/// Most parcels that are unpacked in one turn.
const PARCEL_BATCH: usize = 8;

/// What a worker does with parcels of others.
#[derive(Default)]
pub(super) struct Unpacked {
    /// Those whose bytes wait to be sent, in the order they were taken in by the slots.
    parcels: Vec<Parcel>,
    /// There may be more.
    pub(super) more: bool,
}

impl Worker {
    /// Sends on what one message of a client carries.
    pub(super) fn send_to_peer(&mut self, now: Now, hop: &PeerHop, message: Piece) {
        match hop.hairpin {
            Some(way) => {
                let data = message.unwrapped(hop.data.clone());
                let run = Run::one(data.len());
                self.turn_around(now, way, run, std::iter::once(data));
            }
            // Between relays nothing is fragmented.
            None if hop.dont_fragment => self.send_unfragmented(now, hop, message),
            None => push_to_peer(&mut self.outbox, hop, message),
        }
    }

    /// A run of data goes to the other relay. What its client is sent lies where it was received from the
    /// first one, if that relay is of this worker too.
    pub(super) fn turn_around(
        &mut self,
        now: Now,
        way: Hairpin,
        run: Run,
        data: impl Iterator<Item = Piece>,
    ) {
        if usize::from(way.server) == self.parts.index {
            self.counts.hairpins += u64::from(run.datagrams);
            self.deliver(now, way.relay, way.from, run, data);
        } else {
            let data = data.map(|piece| self.slots.bytes(piece));
            self.parcels.put(&self.parts.mailbox, way, data);
        }
    }

    /// Takes what came from other workers, unless it is too much for one turn.
    pub(super) fn read_parcels(&mut self, now: Now) {
        self.parts.mailbox.expect_parcels();
        for _ in 0..PARCEL_BATCH {
            let Some(parcel) = self.parts.mailbox.take_parcel() else {
                self.unpacked.more = false;
                return;
            };
            self.unpack(now, parcel);
            self.hear_listeners(now);
        }
        self.unpacked.more = true;
    }

    fn unpack(&mut self, now: Now, mut parcel: Parcel) {
        let bytes = self.slots.adopt(std::mem::take(&mut parcel.bytes));
        let passages = std::mem::take(&mut parcel.passages);
        // From here on it is not lost, whatever happens.
        self.unpacked.parcels.push(parcel);
        let mut at = 0;
        for passage in &passages {
            let run = passage.run;
            let end = at + passage.length();
            let data = passage.datagrams(bytes.slice(at..end));
            at = end;
            match passage.way {
                Way::ToRelay { relay, from } => {
                    self.counts.hairpins += u64::from(run.datagrams);
                    self.deliver(now, relay, from, run, data);
                }
                Way::FromClient(client) => self.serve_moved(now, client, data),
                Way::ToClient(client) => self.encrypt_for_moved(now, &client, data),
            }
        }
        self.since_listeners += passages.len();
        if let Some(parcel) = self.unpacked.parcels.last_mut() {
            parcel.passages = passages;
        }
    }

    /// Nothing that lies in parcels waits any more.
    pub(super) fn return_parcels(&mut self) {
        while let Some(mut parcel) = self.unpacked.parcels.pop() {
            parcel.bytes = self.slots.give_back().unwrap_or_default();
            self.parcels.give_back(parcel);
        }
    }
}
