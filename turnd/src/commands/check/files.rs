//! Whether the files that the server needs can be opened: now, and later by the user that serves then.

use std::{
    fs::{File, OpenOptions, metadata},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

use super::{
    report::{Finding, Level, Report, State},
    user::{self, Target},
};
use crate::config::{Identity, Machine, Origin, Settings, Standing, Written, locate, reference};

/// A file that the server needs, and for what.
struct Needed {
    option: &'static str,
    path: PathBuf,
    is_written_to: bool,
}

/// Adds them to `report`. Afterwards the process may be another user.
pub(super) fn look(
    report: &mut Report,
    machine: &Machine,
    settings: &Settings,
    written: &[Written],
    target: &Target,
) {
    let needed = needed(report, machine, settings, written);
    for file in &needed {
        secrecy(report, file, written);
    }
    // First as whoever checks, because what fails then fails at start, too.
    let opened: Vec<_> = needed.iter().map(open).collect();
    let later = opened_later(report, &needed, target);
    for ((file, opened), later) in needed.iter().zip(opened).zip(later) {
        let verb = if file.is_written_to {
            "written"
        } else {
            "read"
        };
        let (option, path) = (file.option, file.path.display());
        let origin = report.origin_of_file(option);
        let (state, finding) = match (opened, later) {
            (Ok(()), Ok(())) => (State::Fine(format!("can be {verb}")), None),
            (Err(error), _) => {
                let text = format!("{option}: {path} cannot be {verb}: {error}");
                let finding = Finding::new(Level::Error, "file", &origin, text);
                (State::Bad(error.to_string()), Some(finding))
            }
            // Root opens it at start, and then it is found out by the next renewal or rotation.
            (Ok(()), Err(error)) => {
                let text = format!(
                    "{option}: {path} cannot be {verb} as {target}: {error}; \
                     that will fail whenever it is opened anew"
                );
                let finding = Finding::new(Level::Warning, "file-of-others", &origin, text);
                (State::Bad(error.to_string()), Some(finding))
            }
        };
        report.files.push((format!("{option} {path}"), state));
        report.findings.extend(finding);
    }
}

fn needed(
    report: &Report,
    machine: &Machine,
    settings: &Settings,
    written: &[Written],
) -> Vec<Needed> {
    let mut needed = Vec::new();
    let mut add = |option, path: PathBuf, is_written_to| {
        needed.push(Needed {
            option,
            path,
            is_written_to,
        });
    };
    if let Some(file) = &report.file {
        add("config", file.clone(), false);
    }
    if let Some(tls) = &settings.tls {
        if let Identity::Files { cert, key, .. } = &tls.identity {
            add("cert", cert.clone(), false);
            add("pkey", key.clone(), false);
        }
        if let Some(ca) = &tls.ca_file {
            add("CA-file", ca.clone(), false);
        }
    }
    let files: Vec<_> = reference()
        .into_iter()
        .flat_map(|heading| heading.options)
        .filter(|it| it.is_file && it.standing == Standing::Obeyed)
        .collect();
    for option in written {
        let is_file = files.iter().any(|file| file.name == option.name);
        match option.name {
            _ if !is_file || option.value.is_empty() => {}
            "config" | "cert" | "pkey" | "CA-file" => {}
            "log-file" if matches!(option.value.as_str(), "stdout" | "-" | "syslog") => {}
            name @ ("log-file" | "pidfile") => add(name, PathBuf::from(&option.value), true),
            name => {
                let path = locate(machine, &option.value);
                let path = path.unwrap_or_else(|| PathBuf::from(&option.value));
                add(name, path, false);
            }
        }
    }
    needed
}

/// Opens it, and changes nothing.
fn open(file: &Needed) -> io::Result<()> {
    if !file.is_written_to {
        return File::open(&file.path).map(drop);
    }
    match OpenOptions::new().append(true).open(&file.path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => can_make(&file.path),
        opened => opened.map(drop),
    }
}

/// Whether a file of that name could be made.
fn can_make(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    let parent = parent.unwrap_or(Path::new("."));
    Ok(access(parent, Access::WRITE_OK | Access::EXEC_OK)?)
}

/// What becomes of opening them again, as whoever serves then. From that user there is no way back.
fn opened_later(report: &mut Report, needed: &[Needed], target: &Target) -> Vec<io::Result<()>> {
    let nothing_else = || needed.iter().map(|_| Ok(())).collect();
    let Target::Other(_, identity) = target else {
        return nothing_else();
    };
    if let Err(error) = identity.assume() {
        report.user = user::own_name();
        let text = format!(
            "{error}; started by {}, as this check was, turnd ends with that",
            report.user
        );
        let option = if identity.has_user() {
            "proc-user"
        } else {
            "proc-group"
        };
        let origin = report.origin(option);
        report
            .findings
            .push(Finding::new(Level::Error, "cannot-become", &origin, text));
        return nothing_else();
    }
    let open = |file: &Needed| match file.option {
        // It is given to that user at start, and removed at the end if it can be.
        "pidfile" => Ok(()),
        // Likewise, but a new one has to be made when it is rotated.
        "log-file" => can_make(&file.path),
        _ => open(file),
    };
    needed.iter().map(open).collect()
}

/// A secret that every user of the machine can read is none.
fn secrecy(report: &mut Report, file: &Needed, written: &[Written]) {
    let Ok(metadata) = metadata(&file.path) else {
        return;
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o004 == 0 {
        return;
    }
    let is_ours = |origin: &Origin| matches!(origin, Origin::File { .. } | Origin::Toml { .. });
    let what = match file.option {
        "config" if written.iter().any(|it| it.is_secret && is_ours(&it.origin)) => "secrets",
        "pkey" | "prometheus-key" => "the private key",
        name if ["secret", "password", "pwd", "user-file"]
            .iter()
            .any(|it| name.contains(it)) =>
        {
            "secrets"
        }
        _ => return,
    };
    let (option, path) = (file.option, file.path.display());
    let text =
        format!("{option}: every user of this machine can read {what} in {path} (mode {mode:04o})");
    let origin = report.origin_of_file(option);
    report.findings.push(Finding::new(
        Level::Unsafe,
        "readable-secrets",
        &origin,
        text,
    ));
}
