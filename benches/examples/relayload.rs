//! Puts a TURN server under load and tells what came of it.

use std::{
    net::{IpAddr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use turnd_benches::{
    load::{self, Load, Mode, Spacing, Transport},
    process::{self, Process},
};

/// Puts a TURN server under load: clients, peers and meter in one thread.
#[derive(Parser)]
struct Arguments {
    /// Where the server listens: an IPv4 address and port
    server: SocketAddr,
    /// What is measured
    #[arg(long, value_enum, default_value = "up")]
    mode: Mode,
    /// How clients reach the server
    #[arg(long, value_enum, default_value = "udp")]
    transport: Transport,
    /// User of every allocation
    #[arg(long, default_value = "user")]
    user: String,
    /// Password of that user
    #[arg(long, default_value = "password")]
    password: String,
    /// How many clients, with an allocation each; in mode alloc, how many at once
    #[arg(long, default_value_t = 50)]
    allocations: usize,
    /// Bytes of each datagram, without the headers of TURN: 16 to 60000
    #[arg(long, default_value_t = 1000)]
    size: usize,
    /// Datagrams that an allocation gets at once: 1 to 64
    #[arg(long, default_value_t = 1)]
    burst: usize,
    /// Datagrams a second in all; as many as the server takes without it
    #[arg(long)]
    rate: Option<u64>,
    /// Datagrams under way at once where there is no rate
    #[arg(long, default_value_t = 128)]
    window: usize,
    /// Let bursts that become due within so many microseconds leave together
    #[arg(long, value_name = "MICROSECONDS", default_value_t = 0)]
    clump: u64,
    /// Send and Data indications in place of channels
    #[arg(long)]
    indications: bool,
    /// Address that clients and peers bind to where the server is not on loopback
    #[arg(long, default_value = "127.0.0.1")]
    peers: IpAddr,
    /// A socket for each client and each peer, even on loopback
    #[arg(long)]
    sockets_of_their_own: bool,
    /// Seconds before measuring begins
    #[arg(long, default_value_t = 0.5)]
    warm_up: f64,
    /// Seconds that are measured, at most 240 with the warm-up
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Process of the server, to tell what it spends
    #[arg(long)]
    pid: Option<u32>,
    /// Processor to stay on
    #[arg(long, value_name = "NUMBER")]
    processor: Option<usize>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let json = arguments.json;
    let pinned = arguments.processor.map_or(Ok(()), process::pin_to);
    match pinned.and_then(|()| load::run(&arguments.load())) {
        Ok(report) if json => {
            let text = serde_json::to_string_pretty(&report).expect("a report is plain data");
            println!("{text}");
        }
        Ok(report) => println!("{report}"),
        Err(error) => {
            eprintln!("relayload: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

impl Arguments {
    fn load(self) -> Load {
        // What is out of range becomes a time that the load refuses.
        let time = |seconds| Duration::try_from_secs_f64(seconds).unwrap_or(2 * load::LONGEST);
        Load {
            server: self.server,
            user: self.user,
            password: self.password,
            transport: self.transport,
            mode: self.mode,
            allocations: self.allocations,
            size: self.size,
            burst: self.burst,
            rate: self.rate,
            window: self.window,
            spacing: match self.clump {
                0 => Spacing::Even,
                clump => Spacing::Clumped(Duration::from_micros(clump)),
            },
            indications: self.indications,
            peers: self.peers,
            sockets_of_their_own: self.sockets_of_their_own,
            warm_up: time(self.warm_up),
            time: time(self.seconds),
            process: self.pid.map(Process),
        }
    }
}
