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
/// How many times one of which a family is missing is looked up so often, for it may be missing for good.
const SOON: u32 = 12;
/// How often it may be logged that a name cannot be looked up.
const ERROR_INTERVAL: Duration = Duration::from_secs(600);

type Found = Result<Resolved, ExternalError>;

/// When the names are looked up next, and what comes of it.
#[derive(Debug)]
pub struct Names {
    started: Instant,
    due: Instant,
    /// How many times in a row they have been looked up because a family was missing.
    for_families: u32,
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
            due: now + interval(&settings.external, 0),
            for_families: 0,
            looking: None,
            errors: LogLimit::new(ERROR_INTERVAL),
        }
    }

    /// Has them looked up at the next occasion.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.due = now;
        self.for_families = 0;
    }

    /// Begins a look if it is time, and returns other addresses than those of `settings`, once they are found.
    pub(super) fn look(&mut self, settings: &Settings, now: Instant) -> Option<External> {
        let external = &settings.external;
        if external.named.is_empty() {
            return None;
        }
        let Some(looking) = &self.looking else {
            if now >= self.due {
                self.due = now + self.until_next(external);
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

    /// When they are looked up again, after the look that is due.
    fn until_next(&mut self, external: &External) -> Duration {
        let is_missing = external.named.iter().any(|name| name.missing.is_some());
        self.for_families = if is_missing {
            self.for_families.saturating_add(1)
        } else {
            0
        };
        interval(external, self.for_families)
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

fn interval(external: &External, for_families: u32) -> Duration {
    let is_soon = for_families < SOON;
    let mut names = external.named.iter();
    let is_awaited = names.any(|name| name.found.is_empty() || name.missing.is_some() && is_soon);
    if is_awaited {
        external.interval.min(AWAITED)
    } else {
        external.interval
    }
}

#[cfg(test)]
mod tests {
    use turnd_wire::Family;

    use super::*;
    use crate::config::{ExternalName, PublicName};

    #[test]
    fn a_family_that_stays_missing_is_not_asked_for_every_five_seconds_for_ever() {
        let usual = Duration::from_secs(60);
        let external = |found: &[&str], missing| External {
            named: vec![ExternalName {
                name: PublicName::Auto,
                private: None,
                found: found.iter().map(|it| it.parse().unwrap()).collect(),
                missing,
            }],
            interval: usual,
            ..External::default()
        };
        let now = Instant::now();
        let mut names = Names {
            started: now,
            due: now,
            for_families: 0,
            looking: None,
            errors: LogLimit::new(ERROR_INTERVAL),
        };
        let soon_of = |names: &mut Names, external: &External| {
            let looks = (0..100).map(|_| names.until_next(external));
            looks.take_while(|pause| *pause == AWAITED).count()
        };
        let half = external(&["203.0.113.1"], Some(Family::V6));
        assert_eq!(soon_of(&mut names, &half), 11, "within a minute");
        assert_eq!(soon_of(&mut names, &half), 0);
        assert_eq!(names.until_next(&half), usual);
        // A reload, and a family that was there meanwhile, begin anew.
        names.hurry(now);
        assert_eq!(soon_of(&mut names, &half), 11);
        assert_eq!(soon_of(&mut names, &external(&["203.0.113.1"], None)), 0);
        assert_eq!(soon_of(&mut names, &half), 11);
        assert_eq!(soon_of(&mut names, &external(&[], None)), 100);
    }
}
