//! One asking of the workers, and what it comes to.

use std::{sync::Mutex as StdMutex, sync::PoisonError, time::Duration};

use arc_swap::ArcSwap;
use prometheus::TextEncoder;
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, sleep_until},
};

use super::{
    Sources, answers::Desk, coturn, families::Families, process::Process, server,
    top_users::TopUsers, worker,
};
use crate::report::WorkerReport;

/// How long workers may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How far apart workers are asked, however many ask for it.
const SPACING: Duration = Duration::from_millis(10);

/// Asks the workers for all who want to know.
pub(super) struct Collection {
    sources: ArcSwap<Sources>,
    process: Process,
    users: Option<StdMutex<TopUsers>>,
    known: Mutex<Known>,
}

/// What the workers answered last.
#[derive(Default)]
pub(super) struct Known {
    /// When they were asked.
    asked: Option<Instant>,
    /// By number of the worker. One that did not answer has its last answer here: counters must not
    /// fall, or Prometheus takes it for a new start.
    pub(super) workers: Vec<Option<Box<WorkerReport>>>,
    /// Those that did not answer, by number.
    pub(super) silent: Vec<usize>,
}

impl Known {
    fn total(&self) -> WorkerReport {
        let mut total = WorkerReport::default();
        for report in self.workers.iter().flatten() {
            total.add(report);
        }
        total
    }
}

impl Collection {
    pub(super) fn new(sources: Sources, top_users: Option<usize>) -> Self {
        Self {
            sources: ArcSwap::from_pointee(sources),
            process: Process::new(),
            users: top_users.map(|most| StdMutex::new(TopUsers::new(most))),
            known: Mutex::default(),
        }
    }

    /// Figures come from where those of `other` would.
    pub(super) fn take_sources_of(&self, other: &Self) {
        self.sources.store(other.sources.load_full());
    }

    /// Whether there is nobody whom the server could relay for.
    pub(super) fn serves_nobody(&self) -> bool {
        self.sources.load().serves_nobody
    }

    /// The numbers of the workers that give no answer.
    pub(super) async fn silent_workers(&self) -> Vec<usize> {
        self.ask().await.silent.clone()
    }

    /// The exposition.
    pub(super) async fn text(&self, desk: &Desk) -> String {
        let known = self.ask().await;
        let total = known.total();
        let sources = self.sources.load();
        let mut families = Families::default();
        let users = self.users.as_ref().map(|users| {
            let mut users = users.lock().unwrap_or_else(PoisonError::into_inner);
            let each = known.workers.iter();
            let accounts: Vec<_> = each.map(|it| it.as_ref().map(|it| &it.accounts)).collect();
            users.update(&accounts);
            users.shown(&accounts)
        });
        coturn::add(&mut families, &sources.realm, &total, users.as_ref());
        server::add(&mut families, &total.server);
        server::add_memory(&mut families, &total, &sources.memory);
        server::add_ports(&mut families, &sources.ports);
        worker::add(&mut families, &total.worker);
        worker::add_each(&mut families, &known);
        self.process.add(&mut families);
        let certificates = [("turn", &sources.tls), ("metrics", &desk.tls)];
        let expiries = certificates.map(|(of, tls)| {
            let expiry = tls.as_ref().and_then(|tls| tls.identity().expiry());
            (of, expiry)
        });
        super::process::add_program(&mut families, desk, &expiries);
        drop(known);
        // Every family has a name, which is all that can be wrong.
        TextEncoder::new()
            .encode_to_string(&families.into_inner())
            .unwrap_or_default()
    }

    /// Answers that are younger than the question. Who comes while others wait shares their answer, and
    /// nobody makes workers answer more than a hundred times a second.
    async fn ask(&self) -> MutexGuard<'_, Known> {
        let wanted = Instant::now();
        let mut known = self.known.lock().await;
        if let Some(asked) = known.asked {
            if asked >= wanted {
                return known;
            }
            sleep_until(asked + SPACING).await;
        }
        let asked = Instant::now();
        let reporter = self.sources.load().reporter.clone();
        let reports = reporter.collect(PATIENCE).await;
        // Not before: who asked may have gone away meanwhile, and this with him.
        known.asked = Some(asked);
        known.silent = reports.missing().collect();
        known.workers.resize_with(reports.workers.len(), || None);
        for (known, answer) in known.workers.iter_mut().zip(reports.workers) {
            if answer.is_some() {
                *known = answer;
            }
        }
        known
    }
}
