//! The life of the program: set up, serve, stop.

use std::{
    io,
    path::Path,
    process::ExitCode,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use turnd_net::Poller;
use turnd_proto::Server;

use crate::{
    clock::Clock,
    config::{Loaded, Settings, Severity},
    dtls::Dtls,
    encryption::Encryption,
    log, mailbox,
    mailbox::{Letter, Mailbox, Sender},
    report::{Pulse, Reporter},
    session_log::SessionLog,
    setup::{Setup, StartError, random_key, system},
    summary,
    worker::{Parts, Worker},
};

/// How long workers may take to stop.
const STOP: Duration = Duration::from_secs(5);

/// Serves until a signal ends it.
#[must_use]
pub fn run(loaded: &Loaded) -> ExitCode {
    let _guard = match log::start(&loaded.settings.log) {
        Ok(guard) => guard,
        Err(error) => {
            let file = loaded.settings.log.file.as_deref().unwrap_or(Path::new(""));
            eprintln!(
                "turnd: cannot write the log file {}: {error} (option log-file)",
                file.display()
            );
            return ExitCode::FAILURE;
        }
    };
    tracing::info!("turnd {}", env!("CARGO_PKG_VERSION"));
    for note in &loaded.notes {
        match note.severity {
            Severity::Warning => tracing::warn!("{note}"),
            Severity::Info => tracing::info!("{note}"),
        }
    }
    match serve(&loaded.settings) {
        Ok(()) => {
            tracing::info!("turnd has stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(settings: &Settings) -> Result<(), StartError> {
    raise_descriptor_limit();
    // Before anything else: a signal that comes while we start must not be lost.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(system("start the control runtime"))?;
    let mut signals = {
        let _context = runtime.enter();
        Signals::new().map_err(system("watch for signals"))?
    };

    let setup = Setup::new(settings)?;
    summary::log(settings, &setup);
    let encryption = setup.encryption.clone();
    let mut workers = start_workers(settings, setup)?;
    tracing::info!("turnd is ready");

    let failed = runtime.block_on(async {
        loop {
            tokio::select! {
                signal = signals.next() => match signal {
                    Signal::Stop(name) => {
                        tracing::info!("{name} received, stopping");
                        return None;
                    }
                    // Files are read here, on a thread that relays nothing.
                    Signal::Reload => reload(encryption.as_deref()),
                },
                failure = workers.failures.recv() => return failure,
            }
        }
    });
    workers.stop();
    match failed {
        Some(error) => Err(system("go on serving")(error)),
        None => Ok(()),
    }
}

/// Takes a certificate that was renewed.
fn reload(encryption: Option<&Encryption>) {
    let Some(encryption) = encryption else {
        tracing::info!("SIGUSR2 received: there is no certificate to read again");
        return;
    };
    match encryption.reload() {
        Ok(warnings) => {
            for warning in warnings {
                tracing::warn!("{warning}");
            }
            let fingerprint = encryption.tls.fingerprint();
            tracing::info!("SIGUSR2 received: certificate read again, SHA-256 {fingerprint}");
        }
        Err(error) => {
            tracing::error!("SIGUSR2 received: {error}");
        }
    }
}

/// What a signal asks for.
enum Signal {
    Stop(&'static str),
    Reload,
}

/// The signals that the program knows.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    user2: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            user2: signal(SignalKind::user_defined2())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Signal::Stop("SIGINT"),
            _ = self.user2.recv() => Signal::Reload,
        }
    }
}

/// The running workers.
struct Workers {
    senders: Vec<Sender>,
    threads: Vec<JoinHandle<()>>,
    /// Asks them what they have counted.
    #[expect(dead_code, reason = "whoever shows the counts takes it from here")]
    reporter: Reporter,
    /// A worker that ended without being told to says why.
    failures: mpsc::UnboundedReceiver<io::Error>,
}

impl Workers {
    fn stop(self) {
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

fn start_workers(settings: &Settings, setup: Setup) -> Result<Workers, StartError> {
    let clock = match settings.nonce_secret {
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
    for (index, ((poller, _, mailbox), sockets)) in
        doors.into_iter().zip(setup.listeners.workers).enumerate()
    {
        let number = u8::try_from(index).expect("at most 128 workers");
        let parts = Parts {
            index,
            server: Server::new(setup.server.clone(), number, &random_key()?),
            poller,
            listeners: sockets.listeners,
            acceptors: sockets.acceptors,
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
            log: SessionLog::new(index, &settings.realm),
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
    Ok(Workers {
        senders,
        reporter,
        threads,
        failures,
    })
}

/// Tells the main thread when a worker ends that should not have.
struct Report(mpsc::UnboundedSender<io::Error>);

impl Report {
    fn watch(self, worker: Worker) {
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| worker.run()));
        let error = match ended {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => io::Error::other("a worker panicked"),
        };
        // Nobody listens any more once the program is on its way out.
        let _ = self.0.send(error);
    }
}

/// Every allocation needs a descriptor. Not being allowed more is no reason not to start.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(
            "cannot raise the limit of open files above {:?}: {error}",
            limit.current
        );
    }
}
