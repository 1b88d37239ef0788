//! The control side of the program, on a thread that relays nothing: signals, workers that fail, and
//! what other parts ask for.
//!
//! Everything that can happen is a `Happening`; each is dealt with to its end before the next is heard.
//! What other parts of the program may know and ask is in [`Handle`].

pub(crate) mod differences;
mod drain;
mod handle;
mod heartbeat;
mod names;
mod reload;
mod signals;
mod watch;
mod workers;

use std::{
    ffi::OsString,
    io,
    time::{Duration, Instant},
};

pub use handle::{Desk, Handle, Live, Phase, Request, handle};
pub use names::Names;
pub use reload::Running;
pub use signals::{Signal, Signals};
pub use workers::Workers;

use crate::{
    config::{self, Outcome, Severity},
    external,
    log::Log,
    mailbox::{Letter, Order},
    metrics::Exporter,
    summary,
    systemd::Notify,
};
use drain::Draining;
use heartbeat::Heartbeat;

/// How often the loop looks at what changes by itself.
const TICK: Duration = Duration::from_secs(1);
/// The same while allocations are waited for.
const DRAINING_TICK: Duration = Duration::from_millis(100);

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
    /// The way to the service manager.
    pub notify: Notify,
    /// What is in force.
    pub running: Running,
    /// What everybody else has, for threads that are started later.
    pub handle: Handle,
    /// The log, which is opened anew by SIGHUP.
    pub log: Log,
    /// Whether no new allocations are made.
    pub draining: Option<Draining>,
    /// When the names of `external-ip` are looked up again.
    pub names: Names,
    /// Metrics and health, if they are served.
    pub exporter: Option<Exporter>,
}

impl Control {
    /// Serves until a signal ends it, and then ends the workers.
    ///
    /// # Errors
    /// When a worker has failed.
    pub async fn run(mut self) -> io::Result<()> {
        self.watch_certificates();
        self.enter(Phase::Ready);
        tracing::info!("turnd is ready");
        let mut tick = ticks(TICK);
        let mut heartbeat = Heartbeat::new(self.notify.watchdog());
        let ended = loop {
            let happening = tokio::select! {
                biased;
                Some(error) = self.workers.failed() => Happening::WorkerFailed(error),
                // Before signals, which may come faster than they are served.
                () = heartbeat.due() => {
                    if heartbeat.beat(&self.workers) {
                        self.notify.alive();
                    }
                    continue;
                }
                signal = self.signals.next() => Happening::Signal(signal),
                _ = tick.tick() => Happening::Tick,
                Some(request) = self.desk.requests.recv() => Happening::Asked(request),
            };
            let was_draining = self.draining.is_some();
            match self.handle(happening).await {
                Ok(Go::On) => {}
                Ok(Go::Stop) => break Ok(()),
                Err(error) => break Err(error),
            }
            if self.draining.is_some() && !was_draining {
                tick = ticks(DRAINING_TICK);
            }
        };
        self.enter(Phase::Stopping);
        self.workers.stop();
        ended
    }

    async fn handle(&mut self, happening: Happening) -> io::Result<Go> {
        match happening {
            Happening::WorkerFailed(error) => return Err(error),
            Happening::Signal(Signal::Stop(name)) => return Ok(self.end(name).await),
            Happening::Signal(Signal::Drain) => self.drain("SIGUSR1 received").await,
            Happening::Signal(Signal::Reload) => self.reload("SIGHUP received").await,
            Happening::Asked(Request::Reload(why)) => self.reload(why).await,
            Happening::Signal(Signal::Certificates) => {
                self.read_certificates("SIGUSR2 received");
                self.exporter.iter().for_each(Exporter::reload);
            }
            Happening::Asked(Request::Certificates) => self.take_changed_certificates(),
            Happening::Tick => {
                self.take_changed_names().await;
                return Ok(self.look_around());
            }
        }
        Ok(Go::On)
    }

    /// What changes by itself.
    fn look_around(&mut self) -> Go {
        for bound in self.running.take_idle() {
            let listener = summary::listener(&bound);
            self.workers.tell(|| Letter::CloseListener(bound.at));
            tracing::info!("closed {listener}: the last of its allocations has ended");
        }
        let rules = self.running.settings.drain;
        let live = self.handle.allocations();
        self.notify.go_on(self.handle.phase(), live);
        if self.draining.is_some() {
            self.notify.ask_for_time();
        }
        let draining = self.draining.as_mut();
        match draining.map(|it| it.is_over(Instant::now(), live, rules)) {
            Some(true) => Go::Stop,
            Some(false) | None => Go::On,
        }
    }

    // Ends.

    /// SIGTERM or SIGINT: ends at once if nothing is to be waited for, or nothing more.
    async fn end(&mut self, name: &str) -> Go {
        let rules = self.running.settings.drain;
        let live = self.handle.allocations();
        let is_second = self.draining.is_some();
        match rules.timeout {
            Some(timeout) if !is_second && live > rules.min_allocations => {
                let seconds = timeout.as_secs();
                self.drain(&format!(
                    "{name} received (another one ends it at once, and drain-timeout in {seconds} seconds)"
                ))
                .await;
                Go::On
            }
            _ => {
                tracing::info!("{name} received, stopping");
                Go::Stop
            }
        }
    }

    async fn drain(&mut self, why: &str) {
        let live = self.handle.allocations();
        let min = self.running.settings.drain.min_allocations;
        if self.draining.is_some() {
            tracing::info!("{why}: draining already, {live} allocations are left");
            return;
        }
        // The first look comes with the next tick, when workers have told how many allocations they have.
        self.draining = Some(Draining::begin(Instant::now()));
        self.enter(self.serving());
        self.order(std::iter::repeat_with(|| Order::RefuseAllocations))
            .await;
        tracing::info!(
            "{why}: draining. New allocations are refused; {live} allocations are left, and the end comes at {min}"
        );
    }

    // Reloads.

    /// Reads the configuration again and puts what differs in force.
    async fn reload(&mut self, why: &str) {
        self.enter(Phase::Reloading);
        // Whatever becomes of the rest: whoever has moved the file expects that.
        self.log.reopen();
        match self.prepare().await {
            Ok(prepared) => {
                self.commit(prepared, why).await;
                self.names.hurry(Instant::now());
                self.notify.remark(None);
            }
            Err(errors) => {
                for error in &errors {
                    tracing::error!("{error}");
                }
                let count = match errors.len() {
                    1 => "1 error".to_owned(),
                    more => format!("{more} errors"),
                };
                let first = errors.first().map_or("", String::as_str);
                self.notify
                    .remark(Some(&format!("the last reload failed: {first}")));
                tracing::error!("{why}: nothing has been changed, because of {count}");
            }
        }
        self.enter(self.serving());
    }

    /// Everything that a changed configuration needs; what stands in the way, a line each.
    async fn prepare(&self) -> Result<reload::Prepared, Vec<String>> {
        let file = self.running.wait_for_file().await;
        file.map_err(|error| vec![error])?;
        let loaded = match config::load(self.arguments.iter().cloned()) {
            Outcome::Run(loaded) => loaded,
            Outcome::Invalid(errors, notes) => {
                for note in notes {
                    tracing::warn!("{note}");
                }
                return Err(errors.iter().map(ToString::to_string).collect());
            }
            Outcome::Print(_) => {
                return Err(vec![
                    "the arguments ask for a text, not for a server".to_owned(),
                ]);
            }
        };
        for note in &loaded.notes {
            if note.severity == Severity::Warning {
                tracing::warn!("{note}");
            }
        }
        let mut settings = loaded.settings;
        let before = Some(&self.running.settings.external);
        let resolved = external::resolve_beside(external::Occasion::Beginning, before, &settings);
        let resolved = resolved.map_err(|error| vec![error.to_string()])?;
        settings.external = resolved.warn();
        let prepared = self.running.prepare(&settings);
        let prepared = prepared.map_err(|error| vec![error.to_string()])?;
        // The last thing that may fail.
        let applied = self
            .log
            .apply(&crate::app::log_settings(prepared.settings()));
        applied.map_err(|error| vec![error.to_string()])?;
        Ok(prepared)
    }

    /// Puts in force what the names of `external-ip` are now, and nothing else.
    async fn take_changed_names(&mut self) {
        let Some(external) = self.names.look(&self.running.settings, Instant::now()) else {
            return;
        };
        match self.running.prepare_external(external) {
            Ok(prepared) => {
                self.commit(prepared, "external-ip is another address")
                    .await
            }
            Err(error) => {
                tracing::warn!("external-ip is another address, which is not taken: {error}")
            }
        }
    }

    async fn commit(&mut self, prepared: reload::Prepared, why: &str) {
        for warning in prepared.warnings() {
            tracing::warn!("{warning}");
        }
        let had_certificate = self.running.setup.encryption.is_some();
        let (letters, changed) = self.running.commit(prepared);
        let letters = letters.into_iter().map(Box::new).map(Order::Reconfigure);
        self.order(letters).await;
        if !had_certificate {
            self.watch_certificates();
        }
        if let Some(exporter) = &self.exporter {
            let Running {
                setup, settings, ..
            } = &self.running;
            exporter.attach(setup.sources(self.workers.reporter(), settings));
            exporter.reload();
        }
        changed.log(why);
    }

    /// Has the workers do something before the log says that it is so.
    async fn order(&self, orders: impl Iterator<Item = Order>) {
        if !self.workers.order(orders).await {
            tracing::warn!("a worker is busy and has not done yet what the next line says");
        }
    }

    // Certificates.

    fn watch_certificates(&self) {
        let Some(encryption) = &self.running.setup.encryption else {
            return;
        };
        if let Err(error) = watch::start(&encryption.tls, self.handle.clone()) {
            tracing::warn!("changed certificates will be taken on SIGUSR2 only: {error}");
        }
    }

    /// Takes a certificate that was renewed.
    fn read_certificates(&self, why: &str) {
        let Some(encryption) = &self.running.setup.encryption else {
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

    /// The files are others than before. A signal may have had them read already.
    fn take_changed_certificates(&self) {
        let Some(encryption) = &self.running.setup.encryption else {
            return;
        };
        let before = encryption.tls.fingerprint();
        match encryption.reload() {
            Ok(warnings) => {
                let fingerprint = encryption.tls.fingerprint();
                if fingerprint == before {
                    return;
                }
                for warning in warnings {
                    tracing::warn!("{warning}");
                }
                tracing::info!("certificate files have changed: read again, SHA-256 {fingerprint}");
            }
            // Once: they are not read again before they change again.
            Err(error) => tracing::warn!("certificate files have changed: {error}"),
        }
    }

    // Phases.

    /// What the program does when it does nothing else.
    fn serving(&self) -> Phase {
        if self.draining.is_some() {
            Phase::Draining
        } else {
            Phase::Ready
        }
    }

    /// Tells everybody what the program is doing now.
    fn enter(&mut self, phase: Phase) {
        self.desk.phase.send_replace(phase);
        self.notify.enter(phase, self.handle.allocations());
    }
}

/// The first one comes after `period`, not at once.
fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks
}
