//! The modes that relay: allocations are made, then datagrams flow through them and are counted where they arrive.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    thread,
    time::{Duration, Instant},
};

use turnd_wire::{Class, Method, TransactionId, Writer, attr, channel_data};

use super::{
    Load, Mode,
    clients::Clients,
    ends::Ends,
    meter::{Meter, STAMP},
    pace::Pace,
    report::Relayed,
    session::{Ask, CHANNEL},
};
use crate::process::Process;

/// The address of the first peer, where they share a socket.
const FIRST_PEER: Ipv4Addr = Ipv4Addr::new(127, 128, 0, 0);
/// What is under way at the end gets so long to arrive.
const TAIL: Duration = Duration::from_millis(300);
/// No more bursts are put in line before they are sent.
const BURSTS_AT_ONCE: u64 = 256;
/// Longest head of a Send indication: header, XOR-PEER-ADDRESS, the header of DATA.
const LONGEST_HEAD: usize = 64;

/// Everything that takes part.
struct Flows<'l> {
    load: &'l Load,
    clients: Clients,
    peers: Ends,
    /// Where the data of each client goes: its peer, or the relayed address of its partner.
    targets: Vec<SocketAddr>,
    relayed: Vec<SocketAddr>,
    filling: Vec<u8>,
    meter: Meter,
    /// Bursts so far; they tell whose turn it is.
    turn: usize,
}

/// Runs one of these modes.
pub(super) fn run(load: &Load) -> io::Result<Relayed> {
    let mut flows = Flows::open(load)?;
    let begin = Instant::now();
    let mut pace = Pace::of(load, begin);
    flows.flow(&mut pace, begin + load.warm_up)?;
    flows.meter.begin_measuring();
    let begin = Instant::now();
    let own = Process(std::process::id());
    let cpu = || -> io::Result<_> {
        let server = load.process.map(Process::time_on_processors).transpose()?;
        Ok((server, own.time_on_processors()?))
    };
    let before = cpu()?;
    flows.flow(&mut pace, begin + load.time)?;
    let (after, seconds) = (cpu()?, begin.elapsed().as_secs_f64());
    let tail = Instant::now() + TAIL;
    while Instant::now() < tail {
        flows.receive()?;
    }
    // So that the next load finds the server's ports free.
    let all = 0..load.allocations;
    flows.clients.ask(all, |_| Ask::Delete, |_, _| None)?;
    let arrived = flows.meter.measured_arrived;
    let server = before
        .0
        .zip(after.0)
        .map(|(before, after)| after.since(&before).as_secs_f64());
    let each = |seconds: f64| seconds * 1e6 / arrived.max(1) as f64;
    Ok(Relayed {
        sent: flows.meter.measured_sent,
        arrived,
        seconds,
        latency: flows.meter.latency(),
        server_cpu: server.map(each),
        server_busy: server.map(|time| time / seconds),
        generator_cpu: each(after.1.since(&before.1).as_secs_f64()),
    })
}

impl<'l> Flows<'l> {
    /// Makes the allocations, and opens a way through each.
    fn open(load: &'l Load) -> io::Result<Self> {
        let count = load.allocations;
        let mut clients = Clients::new(load, count)?;
        let peers = if load.shares_sockets() {
            Ends::sharing(FIRST_PEER)?
        } else {
            Ends::each(count, load.peers)?
        };
        clients.ask(0..count, |_| Ask::Allocate, |_, _| None)?;
        let relayed = (0..count).map(|client| clients.relayed(client));
        let relayed = relayed.collect::<io::Result<Vec<_>>>()?;
        let target = |client: usize| match load.mode {
            // Partners are neighbours.
            Mode::Pair => relayed[client ^ 1],
            _ => peers.address(client),
        };
        let targets: Vec<_> = (0..count).map(target).collect();
        let way = |client: usize| {
            if load.indications {
                Ask::Permit(targets[client])
            } else {
                Ask::Bind(targets[client])
            }
        };
        clients.ask(0..count, way, |_, _| None)?;
        Ok(Self {
            load,
            clients,
            peers,
            targets,
            relayed,
            filling: vec![0xA5; load.size - STAMP],
            meter: Meter::new(),
            turn: 0,
        })
    }

    /// Sends and receives until then.
    fn flow(&mut self, pace: &mut Pace, until: Instant) -> io::Result<()> {
        let burst = self.load.burst as u64;
        let mut due = 0;
        loop {
            let now = Instant::now();
            if now >= until {
                return Ok(());
            }
            let sent = self.meter.sent + if self.load.rate.is_none() { due } else { 0 };
            due += pace.due(now, sent, self.meter.arrived);
            let bursts = (due / burst).min(BURSTS_AT_ONCE);
            if bursts > 0 {
                let mut count = 0;
                for _ in 0..bursts {
                    count += self.send_burst(now);
                }
                let refused = self.clients.send_all()? + self.peers.flush();
                self.meter.count_sent(count.saturating_sub(refused));
                due -= bursts * burst;
            } else {
                // What a connection did not take at once.
                self.clients.send_all()?;
            }
            let arrived = self.meter.arrived;
            self.receive()?;
            if bursts == 0 && self.meter.arrived == arrived {
                // The server may be waiting for this processor.
                thread::yield_now();
            }
        }
    }

    /// Puts a burst of whose turn it is in line; returns how many datagrams.
    fn send_burst(&mut self, now: Instant) -> u64 {
        let (turn, count) = (self.turn, self.load.burst);
        self.turn += 1;
        let stamp = self.meter.stamp(now);
        let (downwards, turn) = match self.load.mode {
            Mode::Down => (true, turn),
            Mode::Both => (turn % 2 == 1, turn / 2),
            _ => (false, turn),
        };
        let client = turn % self.load.allocations;
        if downwards {
            let pieces = [self.peers.keep(&stamp), self.peers.keep(&self.filling)];
            for _ in 0..count {
                self.peers.send(client, self.relayed[client], &pieces);
            }
            return count as u64;
        }
        let mut head = [0; LONGEST_HEAD + STAMP];
        let length = self.write_head(client, &mut head);
        head[length..length + STAMP].copy_from_slice(&stamp);
        let head = &head[..length + STAMP];
        self.clients.send_burst(client, head, &self.filling, count)
    }

    /// Writes what stands in front of a client's data; returns its length.
    fn write_head(&self, client: usize, head: &mut [u8]) -> usize {
        let size = self.load.size as u16;
        if !self.load.indications {
            let header = channel_data::header(CHANNEL, size);
            head[..header.len()].copy_from_slice(&header);
            return header.len();
        }
        let id = TransactionId::from([7; 12]);
        let mut writer = Writer::new(head, Class::Indication, Method::SEND, id);
        writer.xor_address(attr::XOR_PEER_ADDRESS, self.targets[client]);
        writer.bytes(attr::DATA, &[]);
        let length = writer.finish().expect("an indication's head fits").len();
        // The data follows in another piece, its padding with it: sizes of indications are multiples of four.
        let inside = (length - 20) as u16 + size;
        head[2..4].copy_from_slice(&inside.to_be_bytes());
        head[length - 2..length].copy_from_slice(&size.to_be_bytes());
        length
    }

    fn receive(&mut self) -> io::Result<()> {
        let meter = &mut self.meter;
        self.clients
            .receive_data(|data| meter.arrived(data, Instant::now()))?;
        self.peers
            .receive(|_, data| meter.arrived(data, Instant::now()))
    }
}
