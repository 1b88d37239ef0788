//! The load generator: clients with their allocations, peers, and a meter, all in one thread that never sleeps.
//!
//! On loopback thousands of clients share one socket, as do their peers: each has an address of 127.0.0.0/8 of its own, named
//! with each datagram. So a round is one system call each way whatever their number, and the generator costs a
//! fraction of what a server costs. Receivers are polled: a receiver that sleeps would be woken from inside the server's
//! send, on the server's time.

mod allocating;
mod clients;
mod ends;
mod meter;
mod pace;
mod relaying;
mod report;
mod session;
mod streams;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use clap::ValueEnum;

use crate::process::Process;

pub use report::{Allocated, Held, Latency, Relayed, Report};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Clients send to peers.
    Up,
    /// Peers send to clients.
    Down,
    /// Both at once, half of the rate each.
    Both,
    /// Each client sends to another client's relayed address.
    Pair,
    /// Allocations are made and deleted, each with a challenge of its own.
    Alloc,
    /// Allocations are made and kept.
    Hold,
}

/// How clients reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A TCP connection each.
    Tcp,
    /// A TLS connection each; the server's certificate is not looked at.
    Tls,
}

/// How bursts follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// Each when it is due.
    Even,
    /// All that became due within this time together.
    Clumped(Duration),
}

/// One measurement.
#[derive(Clone, Debug)]
pub struct Load {
    /// Where the server listens.
    pub server: SocketAddr,
    /// User of every allocation.
    pub user: String,
    /// Password of that user.
    pub password: String,
    /// How clients reach the server.
    pub transport: Transport,
    /// What is measured.
    pub mode: Mode,
    /// How many clients; one allocation each.
    pub allocations: usize,
    /// Bytes of each datagram that is relayed, without the headers of TURN: 16 to 60 000.
    pub size: usize,
    /// How many datagrams an allocation gets at once, 1 to 64: they leave as one run.
    pub burst: usize,
    /// Datagrams a second in all; as many as the server takes when there is none.
    pub rate: Option<u64>,
    /// How many datagrams may be under way when there is no rate.
    pub window: usize,
    /// How bursts follow each other when there is a rate.
    pub spacing: Spacing,
    /// Send and Data indications in place of channels.
    pub indications: bool,
    /// Where peers and clients are. On loopback, the first of as many addresses as there are allocations.
    pub peers: IpAddr,
    /// A socket for each client and each peer, as is always so where the server is not on loopback.
    pub sockets_of_their_own: bool,
    /// Time before measuring begins.
    pub warm_up: Duration,
    /// Time that is measured, at most 4 minutes: permissions live for 5 and are not refreshed.
    pub time: Duration,
    /// The server, if it runs here and its costs are to be told.
    pub process: Option<Process>,
}

/// The longest that a load may last.
pub const LONGEST: Duration = Duration::from_secs(240);

/// Runs a load and tells what came of it.
///
/// # Errors
/// What the load asks for is out of range, the server cannot be reached or refuses, or its process is gone.
pub fn run(load: &Load) -> io::Result<Report> {
    load.validate()?;
    match load.mode {
        Mode::Alloc => allocating::churn(load).map(Report::Allocated),
        Mode::Hold => allocating::hold(load).map(Report::Held),
        Mode::Up | Mode::Down | Mode::Both | Mode::Pair => relaying::run(load).map(Report::Relayed),
    }
}

impl Load {
    fn validate(&self) -> io::Result<()> {
        let wrong = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        if !(meter::STAMP..=60_000).contains(&self.size) {
            return wrong("size: 16 to 60000 bytes");
        }
        if !(1..=64).contains(&self.burst) {
            return wrong("burst: 1 to 64 datagrams");
        }
        if !(1..=500_000).contains(&self.allocations) {
            return wrong("allocations: 1 to 500000");
        }
        if self.mode == Mode::Pair && !self.allocations.is_multiple_of(2) {
            return wrong("allocations: pairs need an even number");
        }
        if self.window == 0 || self.rate == Some(0) {
            return wrong("window and rate: at least 1");
        }
        if self.warm_up + self.time > LONGEST {
            return wrong("time: at most 240 seconds with the warm-up");
        }
        if !self.server.is_ipv4() || !self.peers.is_ipv4() {
            return wrong("server and peers: IPv4 addresses");
        }
        if self.indications && !self.size.is_multiple_of(4) {
            return wrong("size: a multiple of 4 for indications");
        }
        if self.mode == Mode::Alloc && self.transport != Transport::Udp {
            return wrong("mode alloc: over UDP only");
        }
        Ok(())
    }

    /// Whether many ends may share a socket.
    fn shares_sockets(&self) -> bool {
        !self.sockets_of_their_own && self.server.ip().is_loopback()
    }
}
