//! Whether every worker makes progress: each is asked, and answers in the next turn of its loop. The
//! watchdog of the service manager hangs on it.

use std::time::Duration;

use tokio::{
    sync::oneshot,
    time::{Interval, MissedTickBehavior, interval_at},
};

use super::Workers;
use crate::mailbox::Letter;

/// Beats in the time after which the manager takes the program for stuck. An answer is looked at one
/// beat after the question, and a beat may be late.
const BEATS: u32 = 4;

/// Workers that do not answer for so many beats are told of in the log, before the manager acts.
const TOLD_AFTER: u32 = 2;

/// The questions to workers that are under way.
#[derive(Debug)]
pub(super) struct Heartbeat {
    ticks: Option<Interval>,
    waiting: Vec<(usize, oneshot::Receiver<()>)>,
    has_asked: bool,
    missed: u32,
}

impl Heartbeat {
    /// For a manager that waits so long; without one nobody is asked. Needs the context of a runtime.
    pub(super) fn new(watchdog: Option<Duration>) -> Self {
        let ticks = watchdog.map(|watchdog| {
            let period = (watchdog / BEATS).max(Duration::from_millis(1));
            let mut ticks = interval_at(tokio::time::Instant::now() + period, period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        Self {
            ticks,
            waiting: Vec::new(),
            has_asked: false,
            missed: 0,
        }
    }

    /// Waits for the next beat; for ever if nobody wants to know. May be dropped at any time.
    pub(super) async fn due(&mut self) {
        match &mut self.ticks {
            Some(ticks) => {
                ticks.tick().await;
            }
            None => std::future::pending().await,
        }
    }

    /// Whether all workers have answered since the last beat; if so, they are asked anew.
    pub(super) fn beat(&mut self, workers: &Workers) -> bool {
        self.waiting
            .retain_mut(|(_, answer)| answer.try_recv().is_err());
        if !self.waiting.is_empty() {
            self.missed = self.missed.saturating_add(1);
            if self.missed == TOLD_AFTER {
                for (worker, _) in &self.waiting {
                    tracing::error!(
                        "worker {worker} makes no progress; the watchdog is not fed until it does"
                    );
                }
            }
            return false;
        }
        self.missed = 0;
        let (questions, waiting): (Vec<_>, Vec<_>) = (0..workers.count())
            .map(|worker| {
                let (answer, waiting) = oneshot::channel();
                (answer, (worker, waiting))
            })
            .unzip();
        self.waiting = waiting;
        workers.tell_each(questions.into_iter().map(Letter::Beat));
        std::mem::replace(&mut self.has_asked, true)
    }
}
