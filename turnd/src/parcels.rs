//! Datagrams on their way from one worker to another, many at a time: data for a relay there, and messages of
//! clients that moved (RFC 8016), whose datagrams the kernel gives to another worker than the one that has
//! their allocation.
//!
//! Bytes are copied once, into a parcel. A worker has so many parcels of such a size, and they come back to it
//! when they are empty: what does not fit into those is dropped, as a socket's buffer would drop it.

use std::net::SocketAddr;

use turnd_net::Piece;
use turnd_proto::{Client, Hairpin, RelayId, Run};
use turnd_wire::channel_data;

use crate::mailbox::{Mailbox, Sender};

/// Bytes of data in a parcel: the longest datagram, or some fifty of usual length.
const BYTES: usize = 65_536;
/// Bytes left in front of each datagram, for the header that its client gets with it.
const HEADROOM: usize = channel_data::HEADER_LENGTH;
/// Runs in a parcel.
const RUNS: usize = 256;
/// Datagrams in a parcel, however short.
const DATAGRAMS: usize = 1024;
/// Parcels of a worker, made when they are needed first. A parcel leaves at the end of a turn, however little
/// it holds, and the worker that it is for may not run for as long as many short turns.
pub const PARCELS: usize = 128;
/// Of those, parcels under way to one other worker: one that stands still must not keep all of them.
const TO_ONE: usize = PARCELS / 2;

/// What datagrams are to the worker that they go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// They arrive at a relay.
    ToRelay {
        /// Which.
        relay: RelayId,
        /// From where.
        from: SocketAddr,
    },
    /// Messages of a client whose allocation is there.
    FromClient(Client),
    /// Messages for a client whose association of DTLS is there.
    ToClient(Client),
}

/// Datagrams that go one way and lie one after the other, with room for a header in front of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// Where to.
    pub way: Way,
    /// How much.
    pub run: Run,
}

impl Passage {
    /// How many bytes of its parcel it takes.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.run.bytes + self.run.datagrams as usize * HEADROOM
    }

    /// Its datagrams, which lie in `bytes`.
    pub fn datagrams(&self, bytes: Piece) -> impl Iterator<Item = Piece> + use<> {
        let segments = bytes.segments(HEADROOM + self.run.each);
        segments.map(|segment| segment.unwrapped(HEADROOM..segment.len()))
    }

    /// Whether a datagram that follows can go in its run. After a shorter one nothing can.
    fn takes(&self, way: Way, data: &[u8]) -> bool {
        let run = self.run;
        self.way == way
            && (1..=run.each).contains(&data.len())
            && run.bytes == run.each * run.datagrams as usize
    }
}

/// Passages from one worker to another, in order.
pub struct Parcel {
    /// Whose it is.
    pub owner: usize,
    /// What it holds.
    pub passages: Vec<Passage>,
    /// The data of all passages, one after the other.
    pub bytes: Vec<u8>,
    to: usize,
    datagrams: usize,
}

impl Parcel {
    fn new(owner: usize) -> Self {
        Self {
            owner,
            passages: Vec::new(),
            bytes: Vec::new(),
            to: owner,
            datagrams: 0,
        }
    }

    fn empty(&mut self) {
        self.passages.clear();
        self.bytes.clear();
        self.datagrams = 0;
    }

    /// Puts a datagram in; `false` if there is no room.
    fn put(&mut self, way: Way, data: &[u8]) -> bool {
        if self.bytes.len() + HEADROOM + data.len() > BYTES || self.datagrams == DATAGRAMS {
            return false;
        }
        let is_full = self.passages.len() == RUNS;
        match self.passages.last_mut() {
            Some(last) if last.takes(way, data) => {
                last.run.datagrams += 1;
                last.run.bytes += data.len();
            }
            _ if is_full => return false,
            _ => {
                let run = Run::one(data.len());
                self.passages.push(Passage { way, run });
            }
        }
        self.datagrams += 1;
        self.bytes.extend_from_slice(&[0; HEADROOM]);
        self.bytes.extend_from_slice(data);
        true
    }
}

/// The parcels of a worker.
pub struct Parcels {
    owner: usize,
    workers: Vec<Sender>,
    /// By worker: what is being filled for it, and how many are under way to it.
    filling: Vec<Option<Parcel>>,
    under_way: Vec<usize>,
    free: Vec<Parcel>,
    made: usize,
    lost: u64,
}

impl Parcels {
    /// None yet. `owner` is the worker whose they are, `workers` all of them.
    #[must_use]
    pub fn new(owner: usize, workers: Vec<Sender>) -> Self {
        Self {
            owner,
            filling: workers.iter().map(|_| None).collect(),
            under_way: vec![0; workers.len()],
            workers,
            free: Vec::with_capacity(PARCELS),
            made: 0,
            lost: 0,
        }
    }

    /// Takes datagrams for a relay of another worker. They leave with [`Self::send`], or earlier if they are
    /// many. `mailbox` is the owner's.
    pub fn put<'a>(
        &mut self,
        mailbox: &Mailbox,
        hairpin: Hairpin,
        data: impl Iterator<Item = &'a [u8]>,
    ) {
        let way = Way::ToRelay {
            relay: hairpin.relay,
            from: hairpin.from,
        };
        self.put_messages(mailbox, usize::from(hairpin.server), way, data);
    }

    /// The same for whatever can be under way to a worker.
    pub fn put_messages<'a>(
        &mut self,
        mailbox: &Mailbox,
        to: usize,
        way: Way,
        data: impl Iterator<Item = &'a [u8]>,
    ) {
        for datagram in data {
            let is_in = self.put_one(to, way, datagram) || {
                self.send_to(to);
                self.begin(mailbox, to);
                self.put_one(to, way, datagram)
            };
            self.lost += u64::from(!is_in);
        }
    }

    fn put_one(&mut self, to: usize, way: Way, datagram: &[u8]) -> bool {
        let parcel = self.filling.get_mut(to).and_then(Option::as_mut);
        parcel.is_some_and(|parcel| parcel.put(way, datagram))
    }

    /// Begins a parcel, if there is one to be had.
    fn begin(&mut self, mailbox: &Mailbox, to: usize) {
        while let Some(parcel) = mailbox.take_returned() {
            self.under_way[parcel.to] -= 1;
            self.keep(parcel);
        }
        if self.under_way.get(to).is_none_or(|&count| count >= TO_ONE) {
            return;
        }
        let parcel = self.free.pop().or_else(|| {
            let may_make = self.made < PARCELS;
            self.made += usize::from(may_make);
            may_make.then(|| Parcel::new(self.owner))
        });
        self.filling[to] = parcel.map(|mut parcel| {
            parcel.to = to;
            parcel
        });
    }

    fn keep(&mut self, mut parcel: Parcel) {
        parcel.empty();
        self.free.push(parcel);
    }

    /// Sends what was put in, and wakes whom it is for.
    pub fn send(&mut self) {
        for to in 0..self.filling.len() {
            self.send_to(to);
        }
    }

    fn send_to(&mut self, to: usize) {
        let Some(parcel) = self.filling.get_mut(to).and_then(Option::take) else {
            return;
        };
        match self.workers[to].send_parcel(parcel) {
            Ok(()) => self.under_way[to] += 1,
            Err(parcel) => {
                self.lost += parcel.datagrams as u64;
                self.keep(parcel);
            }
        }
    }

    /// Gives an emptied parcel back to its owner.
    pub fn give_back(&self, parcel: Parcel) {
        if let Some(owner) = self.workers.get(parcel.owner) {
            owner.return_parcel(parcel);
        }
    }

    /// Datagrams that were dropped, because the worker they were for had too much to do.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use slotmap::KeyData;
    use turnd_net::{Poller, Slots};

    use super::*;
    use crate::mailbox::mailbox;

    /// Mailboxes of some workers.
    fn workers(count: usize) -> (Vec<Sender>, Vec<Mailbox>, Vec<Poller>) {
        let pollers: Vec<Poller> = (0..count).map(|_| Poller::new().unwrap()).collect();
        let (senders, mailboxes) = pollers.iter().map(|it| mailbox(it.waker())).unzip();
        (senders, mailboxes, pollers)
    }

    fn way(server: u8, relay: u32) -> Hairpin {
        Hairpin {
            server,
            relay: KeyData::from_ffi(1 << 32 | u64::from(relay)).into(),
            from: "10.0.0.5:50000".parse().unwrap(),
        }
    }

    fn put(parcels: &mut Parcels, mailbox: &Mailbox, way: Hairpin, data: &[&[u8]]) {
        parcels.put(mailbox, way, data.iter().copied());
    }

    #[test]
    fn datagrams_of_one_way_become_runs_and_keep_their_order() {
        let (senders, mailboxes, _pollers) = workers(2);
        let mut parcels = Parcels::new(0, senders);
        let long = [7; 100];
        put(
            &mut parcels,
            &mailboxes[0],
            way(1, 1),
            &[&long, &long, b"short"],
        );
        put(&mut parcels, &mailboxes[0], way(1, 1), &[b"after", &long]);
        put(
            &mut parcels,
            &mailboxes[0],
            way(1, 2),
            &[b"", b"", b"other"],
        );
        parcels.send();
        let parcel = mailboxes[1].take_parcel().unwrap();
        let runs: Vec<_> = parcel.passages.iter().map(|it| it.run).collect();
        let run = |datagrams, each, bytes| Run {
            datagrams,
            each,
            bytes,
        };
        let expected = [
            run(3, 100, 205),
            run(1, 5, 5),
            run(1, 100, 100),
            run(1, 0, 0),
            run(1, 0, 0),
            run(1, 5, 5),
        ];
        assert_eq!(runs, expected);
        assert_eq!(parcel.bytes.len(), 315 + 8 * HEADROOM);
        let lengths: Vec<_> = parcel.passages.iter().map(Passage::length).collect();
        assert_eq!(lengths, [217, 9, 104, 4, 4, 9]);
        let mut slots = Slots::new(1);
        let bytes = slots.adopt(parcel.bytes);
        let came: Vec<_> = parcel.passages[0].datagrams(bytes.slice(0..217)).collect();
        let came: Vec<_> = came.iter().map(|&it| slots.bytes(it)).collect();
        assert_eq!(came, [&long[..], &long, b"short"]);
        let after: Vec<_> = parcel.passages[1]
            .datagrams(bytes.slice(217..226))
            .collect();
        assert_eq!(slots.bytes(after[0]), b"after");
        // A header of ChannelData has room in front of it.
        let whole = slots.prepend(&[1; HEADROOM], after[0]).unwrap();
        assert_eq!(slots.bytes(whole), b"\x01\x01\x01\x01after");
        assert!(slots.prepend(&[1], whole).is_none());
        assert!(mailboxes[1].take_parcel().is_none());
        assert_eq!(parcels.lost(), 0);
    }

    /// One worker stands still: it gets so much and no more, and others are served.
    #[test]
    fn what_is_too_much_for_one_worker_is_dropped_and_counted() {
        let (senders, mailboxes, _pollers) = workers(3);
        let mut parcels = Parcels::new(0, senders);
        let data = vec![1; 60_000];
        for _ in 0..2 * TO_ONE {
            put(&mut parcels, &mailboxes[0], way(1, 1), &[&data]);
            parcels.send();
        }
        assert_eq!(parcels.lost(), TO_ONE as u64);
        put(&mut parcels, &mailboxes[0], way(2, 1), &[b"x"]);
        parcels.send();
        assert!(mailboxes[2].take_parcel().is_some());
        // It goes on.
        let came = std::iter::from_fn(|| mailboxes[1].take_parcel());
        let came: Vec<_> = came.collect();
        assert_eq!(came.len(), TO_ONE);
        came.into_iter().for_each(|it| parcels.give_back(it));
        put(&mut parcels, &mailboxes[0], way(1, 1), &[&data]);
        parcels.send();
        assert_eq!(mailboxes[1].take_parcel().unwrap().bytes[HEADROOM..], data);
        assert_eq!(parcels.lost(), TO_ONE as u64);
    }

    #[test]
    fn short_datagrams_fill_no_parcel_without_end() {
        let (senders, mailboxes, _pollers) = workers(2);
        let mut parcels = Parcels::new(0, senders);
        for number in 0..2 * DATAGRAMS {
            let relay = u32::from(number > DATAGRAMS);
            put(&mut parcels, &mailboxes[0], way(1, relay), &[b"x"]);
        }
        let parcel = mailboxes[1].take_parcel().unwrap();
        assert_eq!(parcel.datagrams, DATAGRAMS);
        for number in 0..2 * RUNS {
            put(&mut parcels, &mailboxes[0], way(1, number as u32), &[b"x"]);
        }
        let parcels = std::iter::from_fn(|| mailboxes[1].take_parcel());
        assert!(parcels.into_iter().all(|it| it.passages.len() <= RUNS));
    }

    #[test]
    fn a_worker_that_is_gone_gets_nothing() {
        let (senders, mut mailboxes, _pollers) = workers(2);
        let mut parcels = Parcels::new(0, senders);
        mailboxes.truncate(1);
        for _ in 0..2 * PARCELS {
            put(&mut parcels, &mailboxes[0], way(1, 1), &[b"x"]);
            parcels.send();
        }
        put(&mut parcels, &mailboxes[0], way(9, 1), &[b"x"]);
        assert_eq!(parcels.lost(), 2 * PARCELS as u64 + 1);
    }

    #[test]
    fn parcels_that_come_and_go_touch_no_heap() {
        let (senders, mailboxes, _pollers) = workers(2);
        let mut parcels = Parcels::new(0, senders);
        let mut round = || {
            put(
                &mut parcels,
                &mailboxes[0],
                way(1, 1),
                &[&[1; 1200], &[2; 1200]],
            );
            parcels.send();
            let parcel = mailboxes[1].take_parcel().unwrap();
            parcels.give_back(parcel);
        };
        // The first of them are made, and so is what a thread needs to wait.
        (0..2).for_each(|_| round());
        let count = allocation_counter::measure(|| (0..100).for_each(|_| round())).count_total;
        assert_eq!(count, 0);
    }
}
