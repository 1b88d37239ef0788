//! What workers have counted, and how to ask them.
//!
//! Every worker counts for itself, in plain numbers. Whoever wants to know writes a letter to each and
//! adds up what they answer; an answer is a copy of the numbers and costs the same however many
//! allocations there are.

use std::{
    ops::AddAssign,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::oneshot;
use turnd_proto::{AccountTraffic, BOUNDS, Counters, Histogram, Instant, Scale, counts};

use crate::{
    clock::Clock,
    mailbox::{Letter, Sender},
};

/// Reports that one worker may owe at a time. A worker that stands still is not asked for more.
const OWED: usize = 4;

counts! {
    /// Datagrams that were not sent, by the reason.
    SendDrops {
        /// The kernel's buffer of the socket was full.
        would_block = "would-block",
        /// The kernel refused them.
        error = "error",
        /// The socket was closed before they could leave.
        closed = "closed",
        /// A client on a stream, or its DTLS association, did not take them in time.
        slow_reader = "slow-reader",
        /// The worker of the relay that they were for had too much to do.
        busy_worker = "busy-worker",
    }
}

counts! {
    /// Gauge: open connections of clients.
    OpenConnections {
        /// TCP, in the clear; also those that have not said yet what they are.
        tcp = "tcp",
        /// TLS.
        tls = "tls",
        /// DTLS associations and handshakes on their way.
        dtls = "dtls",
        /// Connections with peers (RFC 6062).
        peer = "peer",
    }
}

counts! {
    /// Handshakes.
    Handshakes {
        /// TLS, agreed on.
        tls_done = "tls-done",
        /// TLS, begun and not finished.
        tls_failed = "tls-failed",
        /// TLS, a hello that came and was not answered: too many of them, or it did not wait.
        tls_refused = "tls-refused",
        /// DTLS, agreed on.
        dtls_done = "dtls-done",
        /// DTLS, begun and not finished.
        dtls_failed = "dtls-failed",
    }
}

counts! {
    /// What was not taken while memory was short.
    NotTaken {
        /// Connections of clients, over TCP and TLS.
        connections = "client-connection",
        /// Datagrams that would begin a DTLS association.
        dtls = "dtls-handshake",
    }
}

/// Datagrams that one receive call brought, from 1 to 32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchSize;

impl Scale for BatchSize {
    const BOUNDS: [u64; BOUNDS] = [1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 28, 32];
}

/// Microseconds that a turn of the loop took, without waiting, from 20 to 100 000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TurnMicros;

impl Scale for TurnMicros {
    const BOUNDS: [u64; BOUNDS] = [
        20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000,
    ];
}

/// What a worker's loop has counted. What is not called a gauge only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoopCounters {
    /// Calls that asked the kernel for datagrams.
    pub receive_calls: u64,
    /// Datagrams that they brought.
    pub received: u64,
    /// By call that brought any: messages, of which a run that the kernel put together is one.
    pub batches: Histogram<BatchSize>,
    /// Runs that the kernel put together (UDP_GRO).
    pub gro_runs: u64,
    /// Datagrams of those.
    pub gro_datagrams: u64,
    /// Calls that gave the kernel datagrams.
    pub send_calls: u64,
    /// Datagrams that it took.
    pub sent: u64,
    /// Of those, datagrams that left in runs (UDP_SEGMENT).
    pub gso_datagrams: u64,
    /// Datagrams that went from one relay to another in memory.
    pub hairpins: u64,
    /// Datagrams that were not sent.
    pub send_drops: SendDrops,
    /// Gauge: open connections.
    pub connections: OpenConnections,
    /// Handshakes.
    pub handshakes: Handshakes,
    /// What was not taken while memory was short.
    pub memory_hits: NotTaken,
    /// New beginnings after a panic.
    pub restarts: u64,
    /// Turns of the loop.
    pub turns: u64,
    /// How long turns took.
    pub turn_micros: Histogram<TurnMicros>,
    /// The longest of them, in microseconds. Of several workers: of all.
    pub longest_turn: u64,
}

impl AddAssign for LoopCounters {
    fn add_assign(&mut self, other: Self) {
        self.receive_calls += other.receive_calls;
        self.received += other.received;
        self.batches += other.batches;
        self.gro_runs += other.gro_runs;
        self.gro_datagrams += other.gro_datagrams;
        self.send_calls += other.send_calls;
        self.sent += other.sent;
        self.gso_datagrams += other.gso_datagrams;
        self.hairpins += other.hairpins;
        self.send_drops += other.send_drops;
        self.connections += other.connections;
        self.handshakes += other.handshakes;
        self.memory_hits += other.memory_hits;
        self.restarts += other.restarts;
        self.turns += other.turns;
        self.turn_micros += other.turn_micros;
        self.longest_turn = self.longest_turn.max(other.longest_turn);
    }
}

/// What one worker has counted, or several together but for the accounts.
#[derive(Clone, Debug, Default)]
pub struct WorkerReport {
    /// The state machine's counts.
    pub server: Counters,
    /// The loop's.
    pub worker: LoopCounters,
    /// Traffic by account; empty unless it is counted.
    pub accounts: AccountTraffic,
}

impl WorkerReport {
    /// Adds what another worker has counted. Accounts stay each worker's own: each forgets them for itself.
    pub fn add(&mut self, other: &Self) {
        self.server += other.server;
        self.worker += other.worker;
    }
}

/// When a worker's last turn began, readable also while it stands still.
#[derive(Debug, Default)]
pub struct Pulse(AtomicU64);

impl Pulse {
    /// A turn begins.
    pub fn beat(&self, now: Instant) {
        self.0.store(now.as_millis(), Ordering::Relaxed);
    }

    /// When the last turn began; zero if there was none.
    #[must_use]
    pub fn last(&self) -> Instant {
        Instant::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// Where a report goes.
#[derive(Debug)]
pub struct Reply {
    to: oneshot::Sender<Box<WorkerReport>>,
    /// One clone for each report that is owed.
    _owed: Arc<()>,
}

impl Reply {
    /// Hands the report over, without waiting. Nobody may be there any more to take it.
    pub fn send(self, report: Box<WorkerReport>) {
        let _ = self.to.send(report);
    }
}

/// Asks all workers what they have counted.
#[derive(Clone)]
pub struct Reporter {
    workers: Arc<[Reporting]>,
    clock: Clock,
}

struct Reporting {
    sender: Sender,
    pulse: Arc<Pulse>,
    owed: Arc<()>,
}

/// What the workers answered.
#[derive(Debug)]
pub struct Reports {
    /// By number of the worker; `None`: it did not answer in time.
    pub workers: Vec<Option<Box<WorkerReport>>>,
}

impl Reports {
    /// The workers that did not answer in time.
    pub fn missing(&self) -> impl Iterator<Item = usize> {
        let workers = self.workers.iter().enumerate();
        workers.filter_map(|(index, report)| report.is_none().then_some(index))
    }

    /// All answers together.
    #[must_use]
    pub fn total(&self) -> WorkerReport {
        let mut total = WorkerReport::default();
        for report in self.workers.iter().flatten() {
            total.add(report);
        }
        total
    }
}

impl Reporter {
    /// For workers with these mailboxes and pulses, in the order of their numbers.
    pub fn new(workers: impl IntoIterator<Item = (Sender, Arc<Pulse>)>, clock: Clock) -> Self {
        let workers = workers.into_iter().map(|(sender, pulse)| Reporting {
            sender,
            pulse,
            owed: Arc::default(),
        });
        Self {
            workers: workers.collect(),
            clock,
        }
    }

    /// Asks all workers at once, and waits for their answers no longer than `limit`. Needs the timers of
    /// a tokio runtime. A worker that owes several answers already is not asked again.
    pub async fn collect(&self, limit: Duration) -> Reports {
        let asked: Vec<_> = self.workers.iter().map(Reporting::ask).collect();
        let deadline = tokio::time::Instant::now() + limit;
        let mut workers = Vec::with_capacity(asked.len());
        for answer in asked {
            workers.push(match answer {
                Some(answer) => tokio::time::timeout_at(deadline, answer)
                    .await
                    .ok()
                    .and_then(Result::ok),
                None => None,
            });
        }
        Reports { workers }
    }

    /// By number of the worker: how long ago its last turn began. A worker that nothing happens to
    /// sleeps, so a long time alone says nothing; after [`Self::collect`] it does.
    pub fn since_last_turn(&self) -> impl Iterator<Item = Duration> {
        let now = self.clock.now().instant;
        let workers = self.workers.iter();
        workers.map(move |worker| now.since(worker.pulse.last()))
    }
}

impl Reporting {
    fn ask(&self) -> Option<oneshot::Receiver<Box<WorkerReport>>> {
        if Arc::strong_count(&self.owed) > OWED {
            return None;
        }
        let (to, answer) = oneshot::channel();
        let reply = Reply {
            to,
            _owed: self.owed.clone(),
        };
        self.sender.send(Letter::Report(reply)).ok()?;
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use turnd_net::Poller;

    use super::*;
    use crate::mailbox::{Mailbox, mailbox};

    /// Workers that do nothing by themselves.
    fn workers(count: usize) -> (Reporter, Vec<Mailbox>, Vec<Poller>) {
        let pollers: Vec<Poller> = (0..count).map(|_| Poller::new().unwrap()).collect();
        let (senders, mailboxes): (Vec<_>, Vec<_>) =
            pollers.iter().map(|it| mailbox(it.waker())).unzip();
        let doors = senders.into_iter().map(|it| (it, Arc::default()));
        (Reporter::new(doors, Clock::start()), mailboxes, pollers)
    }

    fn answer(mailbox: &Mailbox, turns: u64) {
        let Some(Letter::Report(reply)) = mailbox.take() else {
            panic!("no letter asks for a report");
        };
        let mut report = Box::<WorkerReport>::default();
        report.worker.turns = turns;
        reply.send(report);
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().build().unwrap().block_on(work)
    }

    #[test]
    fn a_worker_that_stands_still_is_named_and_the_others_are_heard() {
        let (reporter, mailboxes, _pollers) = workers(3);
        let collected = block_on(async {
            let (reports, ()) = tokio::join!(reporter.collect(Duration::from_millis(50)), async {
                answer(&mailboxes[0], 5);
                answer(&mailboxes[2], 7);
            });
            reports
        });
        assert_eq!(collected.missing().collect::<Vec<_>>(), [1]);
        assert_eq!(collected.total().worker.turns, 12);
    }

    #[test]
    fn a_worker_that_stands_still_gets_no_more_than_a_few_letters() {
        let (reporter, mailboxes, _pollers) = workers(1);
        block_on(async {
            for _ in 0..20 {
                let reports = reporter.collect(Duration::ZERO).await;
                assert_eq!(reports.missing().count(), 1);
            }
        });
        let letters = std::iter::from_fn(|| mailboxes[0].take());
        assert_eq!(letters.count(), OWED);
        // It goes on, and is asked again.
        block_on(reporter.collect(Duration::ZERO));
        answer(&mailboxes[0], 1);
    }

    #[test]
    fn a_worker_that_is_gone_does_not_answer() {
        let (reporter, mailboxes, _pollers) = workers(2);
        drop(mailboxes);
        let reports = block_on(reporter.collect(Duration::from_secs(5)));
        assert_eq!(reports.missing().count(), 2);
    }
}
