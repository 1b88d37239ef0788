//! The worker threads: started, told to stop, and heard of when they fail.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::sync::mpsc;
use turnd_net::Poller;
use turnd_proto::Server;

use super::Live;
use crate::{
    clock::Clock,
    config::Settings,
    dtls::Dtls,
    mailbox::{self, Acknowledgement, Letter, Mailbox, Order, Sender},
    report::{Pulse, Reporter},
    session_log::SessionLog,
    setup::{Setup, StartError, random_key, system},
    worker::{Parts, Worker},
};

/// How long workers may take until they do what they are told. They look at their letters in every turn.
const TAKE: Duration = Duration::from_secs(2);
/// A worker that has run so long since it began anew has not fallen because of that.
const STEADY: Duration = Duration::from_secs(10);
/// How long one rests that falls sooner: at first, and at most.
const FIRST_REST: Duration = Duration::from_millis(5);
const LONGEST_REST: Duration = Duration::from_secs(1);
/// How long workers may take to stop.
const STOP: Duration = Duration::from_secs(5);

/// The running workers.
pub struct Workers {
    senders: Vec<Sender>,
    threads: Vec<JoinHandle<()>>,
    /// Asks them what they have counted.
    reporter: Reporter,
    /// A worker that ended without being told to says why.
    failures: mpsc::UnboundedReceiver<io::Error>,
}

impl Workers {
    /// Starts a thread for each, with its listening sockets.
    ///
    /// # Errors
    /// When the system does not give what a worker needs.
    pub fn start(settings: &Settings, setup: &mut Setup, live: &Live) -> Result<Self, StartError> {
        let sockets = std::mem::take(&mut setup.listeners.workers);
        let clock = match settings.nonce_secret {
            // Others who have the secret make nonces too.
            Some(_) => Clock::start_at_unix_time(),
            None => Clock::start(),
        };
        let (report, failures) = mpsc::unbounded_channel();
        let doors = (0..settings.relay_threads)
            .map(|_| {
                let poller = Poller::new()?;
                let (sender, mailbox) = mailbox::mailbox(poller.waker());
                Ok((poller, sender, mailbox))
            })
            .collect::<io::Result<Vec<(Poller, Sender, Mailbox)>>>()
            .map_err(system("create a poller"))?;
        let senders: Vec<Sender> = doors.iter().map(|(_, sender, _)| sender.clone()).collect();

        let pulses: Vec<Arc<Pulse>> = senders.iter().map(|_| Arc::default()).collect();
        let reporter = Reporter::new(senders.iter().cloned().zip(pulses.clone()), clock);
        let mut threads = Vec::new();
        for (index, ((poller, _, mailbox), sockets)) in doors.into_iter().zip(sockets).enumerate() {
            let number = u8::try_from(index).expect("at most 128 workers");
            let parts = Parts {
                index,
                server: Server::new(setup.server.clone(), number, &random_key()?),
                poller,
                sockets,
                dtls: setup
                    .encryption
                    .as_ref()
                    .and_then(|encryption| encryption.dtls.clone())
                    .map(|context| Dtls::new(context, setup.dtls_limits)),
                stream_rules: setup.stream_rules.clone(),
                mailbox,
                workers: senders.clone(),
                keys: setup.keys.clone(),
                ports: setup.ports.clone(),
                clock,
                coalesce: settings.coalesce,
                log: SessionLog::new(index, &settings.realm),
                live: live.clone(),
                pulse: pulses[index].clone(),
            };
            let worker = Worker::new(parts).map_err(system("poll a listener"))?;
            let report = Report(report.clone());
            let thread = thread::Builder::new()
                .name(format!("turnd-{index}"))
                .spawn(move || report.watch(worker))
                .map_err(system("start a worker"))?;
            threads.push(thread);
        }
        Ok(Self {
            senders,
            threads,
            reporter,
            failures,
        })
    }

    /// Asks them what they have counted.
    #[must_use]
    pub const fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    /// Why a worker has ended that was not told to.
    pub async fn failed(&mut self) -> Option<io::Error> {
        self.failures.recv().await
    }

    /// Tells all workers something.
    pub fn tell(&self, letter: impl Fn() -> Letter) {
        for sender in &self.senders {
            // A worker that is gone is missed elsewhere.
            let _ = sender.send(letter());
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.senders.len()
    }

    /// Gives each worker a letter of its own.
    pub fn tell_each(&self, letters: impl Iterator<Item = Letter>) {
        for (sender, letter) in self.senders.iter().zip(letters) {
            // A worker that is gone is missed elsewhere.
            let _ = sender.send(letter);
        }
    }

    /// Gives each worker a letter and waits until all have done what it says; `false` if that takes too long.
    pub async fn order(&self, letters: impl Iterator<Item = Order>) -> bool {
        let (done, mut all_done) = mpsc::channel(1);
        for (sender, order) in self.senders.iter().zip(letters) {
            let done = Acknowledgement {
                _sender: done.clone(),
            };
            let _ = sender.send(Letter::Order(order, done));
        }
        drop(done);
        // Nothing is ever sent: the end of the channel is the news.
        tokio::time::timeout(TAKE, all_done.recv()).await.is_ok()
    }

    /// Tells all workers to stop and waits a while for it.
    pub fn stop(self) {
        for sender in &self.senders {
            // A worker that is gone has stopped already.
            let _ = sender.send(Letter::Stop);
        }
        let deadline = Instant::now() + STOP;
        for thread in self.threads {
            while !thread.is_finished() {
                if Instant::now() >= deadline {
                    tracing::warn!("a worker does not stop; it ends with the process");
                    return;
                }
                thread::sleep(Duration::from_millis(1));
            }
            let _ = thread.join();
        }
    }
}

/// Tells the control loop when a worker ends that should not have.
struct Report(mpsc::UnboundedSender<io::Error>);

impl Report {
    /// Runs a worker to its end. After a panic, which is logged where it happens, it begins anew: its clients are
    /// lost, but those of other workers need not be. One that falls again and again rests longer each time.
    fn watch(self, mut worker: Worker) {
        let mut rest = Duration::ZERO;
        let error = loop {
            let began = Instant::now();
            let ended = catch_unwind(AssertUnwindSafe(|| worker.run()));
            match ended {
                Ok(Ok(())) => return,
                Ok(Err(error)) => break error,
                Err(_) if catch_unwind(AssertUnwindSafe(|| worker.revive())).is_ok() => {}
                Err(_) => break io::Error::other("a worker panicked and cannot begin anew"),
            }
            rest = match began.elapsed() {
                long if long > STEADY => Duration::ZERO,
                _ => (rest * 2).clamp(FIRST_REST, LONGEST_REST),
            };
            thread::sleep(rest);
        };
        // Nobody listens any more once the program is on its way out.
        let _ = self.0.send(error);
    }
}
