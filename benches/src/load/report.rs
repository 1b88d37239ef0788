//! What came of a load, as text and as JSON.

use std::fmt;

use serde::Serialize;

/// What came of a load.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Report {
    /// Of the modes that relay.
    Relayed(Relayed),
    /// Of mode alloc.
    Allocated(Allocated),
    /// Of mode hold.
    Held(Held),
}

/// Percentiles in microseconds from the sender to the receiver.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    /// Half took no longer.
    pub p50: f64,
    /// Nine of ten took no longer.
    pub p90: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// The longest.
    pub worst: f64,
}

/// What was relayed in the measured time.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Relayed {
    /// Datagrams sent.
    pub sent: u64,
    /// Of those, how many arrived.
    pub arrived: u64,
    /// Seconds that were measured.
    pub seconds: f64,
    /// Microseconds on the way, percentiles.
    pub latency: Latency,
    /// Microseconds of processor time that the server spent for each datagram that arrived.
    pub server_cpu: Option<f64>,
    /// Part of the time that the server was on a processor; over 1 with several threads.
    pub server_busy: Option<f64>,
    /// Microseconds of processor time of the generator for each datagram, polling included.
    pub generator_cpu: f64,
}

/// What became of allocations made and deleted.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Allocated {
    /// Full cycles: challenge, success, deletion.
    pub cycles: u64,
    /// Seconds that were measured.
    pub seconds: f64,
    /// Microseconds of processor time that the server spent for each.
    pub server_cpu: Option<f64>,
    /// Requests sent again because no answer came in time.
    pub repeated: u64,
}

/// What allocations that stay cost.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Held {
    /// How many.
    pub allocations: u64,
    /// Seconds that making them took.
    pub seconds: f64,
    /// Bytes of memory that the server grew by, for each.
    pub bytes_each: Option<f64>,
    /// Bytes of memory that the server has in all.
    pub bytes: Option<u64>,
    /// Requests sent again because no answer came in time.
    pub repeated: u64,
}

impl Relayed {
    /// Part of what was sent that did not arrive.
    #[must_use]
    pub fn loss(&self) -> f64 {
        if self.sent == 0 {
            return 0.0;
        }
        1.0 - self.arrived as f64 / self.sent as f64
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relayed(relayed) => relayed.fmt(out),
            Self::Allocated(allocated) => allocated.fmt(out),
            Self::Held(held) => held.fmt(out),
        }
    }
}

impl fmt::Display for Relayed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.arrived as f64 / self.seconds;
        writeln!(
            out,
            "relayed    {} of {} datagrams in {:.1} s: {rate:.0} a second, {:.3} % lost",
            self.arrived,
            self.sent,
            self.seconds,
            self.loss() * 100.0
        )?;
        let Latency {
            p50,
            p90,
            p99,
            worst,
        } = self.latency;
        writeln!(
            out,
            "latency    p50 {p50:.0}, p90 {p90:.0}, p99 {p99:.0}, worst {worst:.0} us"
        )?;
        if let (Some(cpu), Some(busy)) = (self.server_cpu, self.server_busy) {
            let busy = busy * 100.0;
            writeln!(
                out,
                "server     {cpu:.3} us of processor time a datagram, {busy:.0} % busy"
            )?;
        }
        write!(out, "generator  {:.3} us a datagram", self.generator_cpu)
    }
}

impl fmt::Display for Allocated {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.cycles as f64 / self.seconds;
        write!(
            out,
            "allocated  {} times in {:.1} s: {rate:.0} a second, {} requests repeated",
            self.cycles, self.seconds, self.repeated
        )?;
        match self.server_cpu {
            Some(cpu) => write!(
                out,
                "\nserver     {cpu:.1} us of processor time for challenge, allocation and deletion"
            ),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "holding    {} allocations, made in {:.1} s, {} requests repeated",
            self.allocations, self.seconds, self.repeated
        )?;
        let (Some(each), Some(all)) = (self.bytes_each, self.bytes) else {
            return Ok(());
        };
        let all = all as f64 / 1e6;
        write!(
            out,
            "\nserver     {each:.0} bytes each, {all:.1} MB resident in all"
        )
    }
}
