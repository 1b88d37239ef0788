//! What of the process nobody else may look at.

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::config::ProcessSettings;

/// Keeps the memory, which passwords and keys are in, from being dumped, and from being read by other processes
/// of the same user; or lets it be, if that is asked for. To be called again whenever the user has changed,
/// because the system then decides anew.
pub fn keep(settings: &ProcessSettings) {
    let wanted = if settings.core_dumps {
        DumpableBehavior::Dumpable
    } else {
        DumpableBehavior::NotDumpable
    };
    if let Err(error) = set_dumpable_behavior(wanted) {
        tracing::warn!("cannot say who may read this process's memory: {error}");
    }
}
