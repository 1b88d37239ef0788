//! The control side of the program, on a thread that relays nothing: signals, workers that fail, and
//! what other parts ask for.
//!
//! Everything that can happen is a [`Happening`]; each is dealt with to its end before the next is heard.
//! What other parts of the program may know and ask is in [`Handle`].

mod handle;
mod signals;
mod workers;

use std::{ffi::OsString, io, time::Duration};

pub use handle::{Desk, Handle, Live, Phase, Request, handle};
pub use signals::{Signal, Signals};
pub use workers::Workers;

use crate::{encryption::Encryption, metrics::Exporter, systemd::Notify};

/// How often the loop looks at what changes by itself.
const TICK: Duration = Duration::from_secs(1);

/// What the loop is woken by.
enum Happening {
    Signal(Signal),
    WorkerFailed(io::Error),
    Asked(Request),
    Tick,
}

/// Whether the loop goes on.
enum Go {
    On,
    Stop,
}

/// What the control loop works with.
pub struct Control {
    /// What the program was called with, for reading the configuration again.
    pub arguments: Vec<OsString>,
    /// The signals of the process.
    pub signals: Signals,
    /// The loop's end of the [`Handle`].
    pub desk: Desk,
    /// The running workers.
    pub workers: Workers,
    /// How many allocations there are.
    pub live: Live,
    /// The way to the service manager.
    pub notify: Notify,
    /// The certificate, if there is one.
    pub encryption: Option<std::sync::Arc<Encryption>>,
    /// Metrics and health, if they are served.
    pub exporter: Option<Exporter>,
}

impl Control {
    /// Serves until a signal ends it, and then ends the workers.
    ///
    /// # Errors
    /// When a worker has failed.
    pub async fn run(mut self) -> io::Result<()> {
        self.enter(Phase::Ready);
        tracing::info!("turnd is ready");
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let ended = loop {
            let happening = tokio::select! {
                biased;
                Some(error) = self.workers.failed() => Happening::WorkerFailed(error),
                signal = self.signals.next() => Happening::Signal(signal),
                Some(request) = self.desk.requests.recv() => Happening::Asked(request),
                _ = tick.tick() => Happening::Tick,
            };
            match self.handle(happening) {
                Ok(Go::On) => {}
                Ok(Go::Stop) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.enter(Phase::Stopping);
        self.workers.stop();
        ended
    }

    fn handle(&mut self, happening: Happening) -> io::Result<Go> {
        match happening {
            Happening::WorkerFailed(error) => return Err(error),
            Happening::Signal(Signal::Stop(name)) => {
                tracing::info!("{name} received, stopping");
                return Ok(Go::Stop);
            }
            Happening::Signal(Signal::Certificates) => {
                self.read_certificates("SIGUSR2 received");
                self.exporter.iter().for_each(Exporter::reload);
            }
            Happening::Asked(Request::Certificates) => {
                self.read_certificates("certificate files have changed");
            }
            Happening::Signal(Signal::Reload | Signal::Drain)
            | Happening::Asked(Request::Reload(_)) => {}
            Happening::Tick => {
                let phase = *self.desk.phase.borrow();
                self.notify.go_on(phase, self.live.total());
            }
        }
        Ok(Go::On)
    }

    /// Takes a certificate that was renewed.
    fn read_certificates(&self, why: &str) {
        let Some(encryption) = &self.encryption else {
            tracing::info!("{why}: there is no certificate to read again");
            return;
        };
        match encryption.reload() {
            Ok(warnings) => {
                for warning in warnings {
                    tracing::warn!("{warning}");
                }
                let fingerprint = encryption.tls.fingerprint();
                tracing::info!("{why}: certificate read again, SHA-256 {fingerprint}");
            }
            Err(error) => tracing::error!("{why}: {error}"),
        }
    }

    /// Tells everybody what the program is doing now.
    fn enter(&mut self, phase: Phase) {
        self.desk.phase.send_replace(phase);
        self.notify.enter(phase, self.live.total());
    }
}
