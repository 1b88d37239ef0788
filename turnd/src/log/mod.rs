//! The log: which lines are written (`layer`), in which form (`form`), by threads of their own (`writer`) to
//! standard output, a file, syslog and systemd's journal (`sink`). What lines say stands where it happens, and
//! for sessions in [`crate::session_log`].

mod addresses;
mod datagrams;
mod escape;
mod file;
mod form;
mod layer;
mod panics;
mod places;
mod record;
mod samples;
mod sink;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod time_stamp;
mod torn;
mod writer;

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use tracing_subscriber::{layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::LogSettings;
use layer::{Levels, LogLayer, State};
use places::Place;

pub use addresses::{Remote, RemoteIp};
pub use escape::Text;
pub use samples::{BINDINGS, FAILURES, STRANGERS};
pub use time_stamp::TimeStamp;

/// Lines about what clients do, which are written only if asked for.
pub const SESSIONS: &str = "turnd::sessions";

/// Keeps the log going; what waits is written when it is dropped.
#[derive(Debug)]
pub struct LogGuard {
    log: Log,
}

/// The running log, to change it. Copies are the same log.
#[derive(Clone, Debug)]
pub struct Log {
    layer: LogLayer,
    /// Locked only by who starts, changes or ends the log.
    places: Arc<Mutex<Vec<Place>>>,
}

/// Starts logging, for the whole process.
///
/// # Errors
/// When the log file cannot be opened; the error names it.
///
/// # Panics
/// When something else logs already.
pub fn start(settings: &LogSettings) -> io::Result<LogGuard> {
    let places = places::open(settings, &mut Vec::new())?;
    addresses::show(settings.addresses);
    let layer = LogLayer::new(State {
        levels: Levels::new(settings),
        outputs: places::outputs(&places),
    });
    tracing_subscriber::registry().with(layer.clone()).init();
    panics::log();
    Ok(LogGuard {
        log: Log {
            layer,
            places: Arc::new(Mutex::new(places)),
        },
    })
}

impl LogGuard {
    /// The log itself.
    #[must_use]
    pub fn log(&self) -> Log {
        self.log.clone()
    }
}

impl Log {
    /// The files that are written to now, for who is to own them when the process changes its user. One that is
    /// opened later, on another day or by [`Self::reopen`], is made by the user of that time.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.iter().filter_map(Place::file).collect()
    }

    /// Opens the log file anew, after someone has moved it; also after [`Self::apply`], which leaves a file of
    /// the same name alone. No line is lost. If it cannot be opened, the log goes on where it was and says so.
    pub fn reopen(&self) {
        self.layer.reopen();
    }

    /// Logs like this from now on. What stays as it is goes on without a break.
    ///
    /// # Errors
    /// When the log file cannot be opened: then nothing has changed. The error names it.
    pub fn apply(&self, settings: &LogSettings) -> io::Result<()> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let new = places::open(settings, &mut places)?;
        addresses::show(settings.addresses);
        self.layer.change(State {
            levels: Levels::new(settings),
            outputs: places::outputs(&new),
        });
        // Those that are not needed any more end here, with what they still have to write.
        *places = new;
        Ok(())
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        let mut places = self
            .log
            .places
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        places.clear();
    }
}
