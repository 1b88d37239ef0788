//! What the system lets the process have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Settings;

/// Descriptors beside those of relays and connections: listeners, pollers, files.
const OTHERS: u64 = 256;

/// Lets the process open as many files as it may. Every allocation needs one. Not being allowed more is
/// no reason not to start, but one to say so: clients will be refused with 508 before the ports run out.
pub fn raise(settings: &Settings) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(
            "cannot raise the limit of open files above {:?}: {error}",
            limit.current
        );
    }
    let Some(allowed) = getrlimit(Resource::Nofile).current else {
        return;
    };
    let ports = u64::try_from(settings.relay_ports.len()).unwrap_or(u64::MAX);
    if allowed < ports.saturating_add(OTHERS) {
        tracing::warn!(
            "{allowed} files may be open at a time, fewer than there are relay ports ({ports}): \
             clients are refused with 508 when they are used up; raise the limit (LimitNOFILE, ulimit -n)"
        );
    }
}
