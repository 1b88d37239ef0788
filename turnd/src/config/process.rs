//! The part of lowering that is about the process itself.

use std::path::PathBuf;

use super::{error::Findings, raw::Raw};

/// What the process is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessSettings {
    /// Whom to become after everything is opened, by name or number. `None`: nobody else.
    pub user: Option<String>,
    /// The group likewise. `None`: that of the user.
    pub group: Option<String>,
    /// Where to write the process's number.
    pub pid_file: Option<PathBuf>,
    /// Leave the terminal once everything is served.
    pub daemon: bool,
    /// Its memory may be dumped, and read by other processes of its user.
    pub core_dumps: bool,
}

pub(super) fn process(raw: &Raw, findings: &mut Findings) -> ProcessSettings {
    let name = |slot: &super::raw::Slot<String>| {
        let at = slot.last().filter(|at| !at.value.is_empty());
        at.map(|at| at.value.clone())
    };
    if let Some(origin) = raw.daemon.on() {
        let has_log = raw.log_file.last().is_some_and(|at| !at.value.is_empty());
        if !has_log {
            let text = "daemon: nobody sees standard output then, and no log-file is named";
            findings.warn(origin, text);
        }
    }
    ProcessSettings {
        user: name(&raw.proc_user),
        group: name(&raw.proc_group),
        pid_file: name(&raw.pid_file).map(PathBuf::from),
        daemon: raw.daemon.is_on(),
        core_dumps: raw.core_dumps.is_on(),
    }
}
