//! What systemd is told (sd_notify(3); systemd.service(5) on `Type=notify`, and on `notify-reload`, which wants the time of a
//! reload too). Where nobody asked to be told, nothing is said.

use std::{
    env, io,
    time::{Duration, Instant},
};

use sd_notify::NotifyState;

use crate::control::Phase;

/// How often a new status is told at most: it is for people.
const STATUS_INTERVAL: Duration = Duration::from_secs(5);

/// How much longer the manager is asked to wait each time while allocations are waited for.
const MORE_TIME: Duration = Duration::from_secs(30);

/// Longest remark in characters. What is wrong with a file is told in full in the log.
const REMARK: usize = 200;

/// Whether a service manager waits to hear from this process.
#[must_use]
pub fn waits() -> bool {
    env::var_os("NOTIFY_SOCKET").is_some()
}

/// The way to the service manager.
#[derive(Debug)]
pub struct Notify {
    is_wanted: bool,
    watchdog: Option<Duration>,
    status: String,
    /// What an operator should see beside what the program does.
    remark: Option<String>,
    told: Option<Instant>,
    asked_for_time: Option<Instant>,
}

impl Notify {
    /// As the environment says: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
    #[must_use]
    pub fn from_environment() -> Self {
        let is_wanted = waits();
        Self {
            is_wanted,
            watchdog: sd_notify::watchdog_enabled().filter(|_| is_wanted),
            status: String::new(),
            remark: None,
            told: None,
            asked_for_time: None,
        }
    }

    /// How long the manager waits for [`Self::alive`] before it takes the program for stuck and ends it.
    #[must_use]
    pub const fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// What the program does from now on, with so many allocations.
    pub fn enter(&mut self, phase: Phase, allocations: usize) {
        let status = self.describe(phase, allocations);
        let told = NotifyState::Status(&status);
        match phase {
            Phase::Starting => self.send(&[told]),
            // A reload ends in either, and whoever asked for it waits for this.
            Phase::Ready | Phase::Draining => self.send(&[NotifyState::Ready, told]),
            Phase::Stopping => self.send(&[NotifyState::Stopping, told]),
            Phase::Reloading => match NotifyState::monotonic_usec_now() {
                Ok(now) => self.send(&[NotifyState::Reloading, now, told]),
                Err(error) => tell(&error),
            },
        }
        self.status = status;
        self.told = Some(Instant::now());
    }

    /// What stands behind the status from the next one on. One line, and not a long one: a line break
    /// would begin another message of the protocol.
    pub fn remark(&mut self, remark: Option<&str>) {
        let printable = |it: char| if it.is_control() { ' ' } else { it };
        self.remark = remark.map(|text| text.chars().map(printable).take(REMARK).collect());
    }

    /// The same while it goes on; told only if it is new and the last one is old.
    pub fn go_on(&mut self, phase: Phase, allocations: usize) {
        let is_due = self
            .told
            .is_none_or(|told| told.elapsed() >= STATUS_INTERVAL);
        if !self.is_wanted || !is_due {
            return;
        }
        let status = self.describe(phase, allocations);
        if status != self.status {
            self.send(&[NotifyState::Status(&status)]);
            self.status = status;
            self.told = Some(Instant::now());
        }
    }

    /// The end takes longer: allocations are waited for, for as long as `drain-timeout` says, and not only as long as
    /// the unit's `TimeoutStopSec`.
    pub fn ask_for_time(&mut self) {
        let is_due = self
            .asked_for_time
            .is_none_or(|asked| asked.elapsed() >= STATUS_INTERVAL);
        if is_due {
            let more = u32::try_from(MORE_TIME.as_micros()).unwrap_or(u32::MAX);
            self.send(&[NotifyState::ExtendTimeoutUsec(more)]);
            self.asked_for_time = Some(Instant::now());
        }
    }

    /// Every part of the program makes progress.
    pub fn alive(&self) {
        self.send(&[NotifyState::Watchdog]);
    }

    fn describe(&self, phase: Phase, allocations: usize) -> String {
        let number = match allocations {
            1 => "1 allocation".to_owned(),
            other => format!("{other} allocations"),
        };
        let doing = match phase {
            Phase::Starting => "starting".to_owned(),
            Phase::Ready => format!("serving {number}"),
            Phase::Reloading => format!("reading the configuration again, serving {number}"),
            Phase::Draining => format!("draining: no new allocations, {number} left"),
            Phase::Stopping => format!("stopping with {number}"),
        };
        match &self.remark {
            Some(remark) => format!("{doing}; {remark}"),
            None => doing,
        }
    }

    fn send(&self, states: &[NotifyState<'_>]) {
        if !self.is_wanted {
            return;
        }
        if let Err(error) = sd_notify::notify(states) {
            tell(&error);
        }
    }
}

/// A manager that cannot be told ends us sooner or later, and this line says why.
fn tell(error: &io::Error) {
    tracing::warn!("cannot tell systemd how things stand: {error}");
}
