//! Names of `external-ip` are looked up again and again, in a thread, because an address may change under a server.

use std::{
    sync::mpsc::{Receiver, TryRecvError, channel},
    thread,
    time::{Duration, Instant},
};

use turnd_net::LogLimit;

use crate::{
    config::{External, Settings},
    external::{self, ExternalError, Resolved},
};

/// How often those are looked up that have not been found yet.
const AWAITED: Duration = Duration::from_secs(5);
/// How often it may be logged that a name cannot be looked up.
const ERROR_INTERVAL: Duration = Duration::from_secs(600);

type Found = Result<Resolved, ExternalError>;

/// When the names are looked up next, and what comes of it.
#[derive(Debug)]
pub struct Names {
    started: Instant,
    due: Instant,
    /// Where the result will come, with the names it is for.
    looking: Option<Receiver<(External, Found)>>,
    errors: LogLimit,
}

impl Names {
    /// They have just been looked up.
    #[must_use]
    pub fn new(settings: &Settings, now: Instant) -> Self {
        Self {
            started: now,
            due: now + interval(&settings.external),
            looking: None,
            errors: LogLimit::new(ERROR_INTERVAL),
        }
    }

    /// Has them looked up at the next occasion.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.due = now;
    }

    /// Begins a look if it is time, and returns other addresses than those of `settings`, once they are found.
    pub(super) fn look(&mut self, settings: &Settings, now: Instant) -> Option<External> {
        let external = &settings.external;
        if external.named.is_empty() {
            return None;
        }
        let Some(looking) = &self.looking else {
            if now >= self.due {
                self.due = now + interval(external);
                self.begin(settings.clone());
            }
            return None;
        };
        let found = match looking.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => None,
            Ok(found) => Some(found),
        };
        self.looking = None;
        let (asked, found) = found?;
        let (found, error) = match found {
            Ok(Resolved { external, late }) => (Some(external), late.into_iter().next()),
            Err(error) => (None, Some(error)),
        };
        if let Some(error) = error
            && self
                .errors
                .allow(now.duration_since(self.started))
                .is_some()
        {
            tracing::warn!("{error}; the addresses known stay");
        }
        // A reload may have changed the names meanwhile.
        found.filter(|found| asked == *external && found != external)
    }

    fn begin(&mut self, settings: Settings) {
        let (sender, receiver) = channel();
        let spawned = thread::Builder::new()
            .name("turnd-names".to_owned())
            .spawn(move || {
                let found = external::resolve_beside(external::Occasion::Running, None, &settings);
                // Nobody waits any more at the end of the program.
                let _ = sender.send((settings.external, found));
            });
        match spawned {
            Ok(_) => self.looking = Some(receiver),
            Err(error) => tracing::warn!("external-ip: no name is looked up now: {error}"),
        }
    }
}

fn interval(external: &External) -> Duration {
    let mut names = external.named.iter();
    let is_awaited = names.any(|name| name.found.is_empty() || name.missing.is_some());
    if is_awaited {
        external.interval.min(AWAITED)
    } else {
        external.interval
    }
}
