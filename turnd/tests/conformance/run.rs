//! Makes the checks of a row, and tells what came of it.

use std::{
    any::Any,
    cell::RefCell,
    fs,
    panic::{self, AssertUnwindSafe},
    path::Path as FilePath,
    sync::{Arc, Mutex, OnceLock},
};

use turnd_wire::Family;

use crate::{
    options::Named,
    row::{Departure, Row, Test, Transport},
    subject::{NotApplicable, Path, SHARED, Subject},
};

/// The top of the tree.
const TOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// What came of a check on one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed(String),
    NotApplicable(&'static str),
}

/// What came of a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcomes {
    pub(crate) paths: Vec<(Transport, Family, Outcome)>,
    /// What is wrong with the row itself: a test that it names is not there, or a reason is given nowhere.
    pub(crate) faults: Vec<String>,
}

impl Outcomes {
    /// Everything that is wrong, in words; nothing if the row is as it should be. `departs` where it is written
    /// down that it is not kept.
    fn complaints(&self, departs: Option<Departure>) -> Vec<String> {
        let mut complaints = self.faults.clone();
        for (transport, family, outcome) in &self.paths {
            let path = format!("{} over {family:?}", transport.name());
            match (outcome, departs) {
                (Outcome::Failed(why), departs)
                    if departs.is_none_or(|departs| !why.contains(departs.words)) =>
                {
                    complaints.push(format!("{path}: {why}"));
                }
                (Outcome::Passed, Some(_)) => complaints.push(format!(
                    "{path}: it passes, though it is written down as a departure"
                )),
                _ => {}
            }
        }
        complaints
    }
}

/// A run: the server that rows share, and what came of them.
pub(crate) struct Run {
    named: Option<Named>,
    shared: OnceLock<Subject>,
    pub(crate) outcomes: Mutex<Vec<(&'static str, Outcomes)>>,
}

impl Run {
    pub(crate) fn new(named: Option<Named>) -> Arc<Self> {
        catch_words();
        Arc::new(Self {
            named,
            shared: OnceLock::new(),
            outcomes: Mutex::default(),
        })
    }

    /// Whether it is a turnd of the suite's own that is tested.
    pub(crate) const fn is_ours(&self) -> bool {
        self.named.is_none()
    }

    /// Makes the checks of a row; what is wrong, in words.
    pub(crate) fn check(&self, row: &'static Row) -> Vec<String> {
        let mut outcomes = Outcomes::default();
        if let Some(check) = row.check {
            outcomes.paths = self.check_paths(row, check);
        }
        if self.is_ours() {
            outcomes.faults = row.held.iter().filter_map(missing).collect();
            let reason = row.departs.map(|departs| departs.reason);
            let undecided = reason.filter(|reason| !decisions().contains(reason));
            outcomes.faults.extend(
                undecided.map(|reason| format!("docs/DECISIONS.md does not say: {reason}")),
            );
        }
        let complaints = outcomes.complaints(row.departs.filter(|_| self.is_ours()));
        let mut all = self.outcomes.lock().expect("nobody panics with it");
        all.push((row.id, outcomes));
        complaints
    }

    fn check_paths(&self, row: &Row, check: fn(&Path<'_>)) -> Vec<(Transport, Family, Outcome)> {
        let own;
        let subject = match (&self.named, row.server) {
            (Some(_), Some(_)) => {
                return vec![(
                    row.transports[0],
                    row.families[0],
                    Outcome::NotApplicable("needs a configuration of its own"),
                )];
            }
            (None, Some(lines)) => {
                own = Subject::start(lines);
                &own
            }
            (Some(named), None) => self.shared.get_or_init(|| Subject::named(named)),
            (None, None) => self.shared.get_or_init(|| Subject::start(SHARED)),
        };
        let mut outcomes = Vec::new();
        for &transport in row.transports {
            for &family in row.families {
                let path = Path {
                    subject,
                    transport,
                    family,
                };
                outcomes.push((transport, family, outcome(|| check(&path))));
            }
        }
        outcomes
    }
}

thread_local! {
    /// The words of the last panic of this thread, with the place.
    static WORDS: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps what failed checks say for the report, instead of printing it in between.
fn catch_words() {
    panic::set_hook(Box::new(|panic| {
        let words = words(panic.payload());
        let place = panic.location().map_or(String::new(), |place| {
            format!(" ({}:{})", place.file(), place.line())
        });
        WORDS.with(|last| *last.borrow_mut() = Some(format!("{words}{place}")));
    }));
}

fn outcome(check: impl FnOnce()) -> Outcome {
    let Err(payload) = panic::catch_unwind(AssertUnwindSafe(check)) else {
        return Outcome::Passed;
    };
    match payload.downcast_ref::<NotApplicable>() {
        Some(NotApplicable(why)) => Outcome::NotApplicable(why),
        None => {
            let last = WORDS.with(|last| last.borrow_mut().take());
            Outcome::Failed(last.unwrap_or_else(|| words(&*payload)))
        }
    }
}

fn words(payload: &dyn Any) -> String {
    let text = payload.downcast_ref::<String>().map(|text| &**text);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic").to_owned()
}

/// What to complain of if a test is not where a row says it is.
fn missing((file, name): &Test) -> Option<String> {
    let text = fs::read_to_string(FilePath::new(TOP).join(file)).unwrap_or_default();
    let mut lines = text.lines().peekable();
    let mut is_test = false;
    let is_there = lines.any(|line| {
        let line = line.trim_start();
        let found =
            is_test && line.starts_with("fn ") && line[3..].starts_with(&format!("{name}("));
        // Attributes may stand between, and proptest's functions have their arguments on the next line.
        is_test = line == "#[test]" || (is_test && line.starts_with("#["));
        found
    });
    (!is_there).then(|| format!("{file} has no test {name}"))
}

/// docs/DECISIONS.md as one line.
fn decisions() -> String {
    let text = fs::read_to_string(FilePath::new(TOP).join("docs/DECISIONS.md"));
    let text = text.expect("docs/DECISIONS.md");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
