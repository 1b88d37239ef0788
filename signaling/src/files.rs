//! Whether files have changed.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

/// How often files are looked at.
pub(crate) const LOOK: Duration = Duration::from_secs(2);

/// What changes when a file is replaced. `None`: there is none.
pub(crate) type State = Option<(SystemTime, u64)>;

/// The state of the file at `path`.
pub(crate) fn state(path: &Path) -> State {
    let about = path.metadata().ok()?;
    Some((about.modified().ok()?, about.len()))
}
