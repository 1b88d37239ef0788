//! What this machine makes of the settings: addresses, ports, certificates, files.

use std::{
    fs::{File, OpenOptions, metadata},
    io,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use nix::unistd::geteuid;
use rustix::fs::{Access, access};
use turnd_net::{TcpListener, TcpOptions, UdpOptions, UdpSocket};
use x509_cert::{
    certificate::{CertificateInner, Raw},
    der::Decode,
};

use super::{
    report::{Finding, Level, Report, State},
    user::Target,
};
use crate::{
    addresses::Addresses,
    config::{self, Machine, Origin, Settings, Standing, Written},
    encryption::Encryption,
    listeners::{Bound, Listeners, Protocol},
    setup::StartError,
    summary,
};

/// Adds all of it to `report`.
pub(super) fn look(
    report: &mut Report,
    machine: &Machine,
    settings: &Settings,
    written: &[Written],
    target: &Target,
) {
    match Addresses::find(settings) {
        Ok(addresses) => {
            relays(report, settings, &addresses);
            listeners(report, settings, &addresses);
            encryption(report, settings, &addresses);
        }
        Err(error) => {
            let text = format!("cannot read this machine's addresses: {error}");
            report.findings.push(start_error("system", text));
        }
    }
    files(report, machine, settings, written, target);
    remarks(report, written, target);
}

fn start_error(code: &'static str, text: impl Into<String>) -> Finding {
    Finding::new(Level::Error, code, &Origin::Configuration, text)
}

fn relays(report: &mut Report, settings: &Settings, addresses: &Addresses) {
    if settings.stun_only {
        return;
    }
    if addresses.relay.is_empty() {
        let text = StartError::NoAddress("relay-ip").to_string();
        report.findings.push(start_error("no-address", text));
    }
    let options = UdpOptions {
        device: settings.listen.relay_device.clone(),
        ..UdpOptions::default()
    };
    let (first, last) = (settings.relay_ports.start(), settings.relay_ports.end());
    for &(address, told) in &addresses.relay {
        let mut text = format!("{address} ports {first}-{last}");
        if told != address {
            text.push_str(&format!(", clients are told {told}"));
        }
        let state = match UdpSocket::bind(SocketAddr::new(address, 0), &options) {
            Ok(_) => State::Fine("can be had".to_owned()),
            Err(error) => {
                let state = State::Bad(error.to_string());
                let error = StartError::Relay { address, error };
                report
                    .findings
                    .push(start_error("relay-address", error.to_string()));
                state
            }
        };
        report.relays.push((text, state));
    }
    let ports = settings.relay_ports.clone().count() * addresses.relay.len();
    if let Some(quota) = settings.total_quota.filter(|quota| *quota as usize > ports) {
        let text =
            format!("total-quota: {quota} allocations need as many ports, and there are {ports}");
        let origin = report.origin("total-quota");
        report.findings.push(Finding::new(
            Level::NoEffect,
            "quota-above-ports",
            &origin,
            text,
        ));
    }
}

fn listeners(report: &mut Report, settings: &Settings, addresses: &Addresses) {
    let planned = Listeners::planned(settings, addresses);
    if planned.is_empty() {
        let text = StartError::NoAddress("listening-ip").to_string();
        report.findings.push(start_error("no-address", text));
    }
    for (bound, options, is_explicit) in planned {
        let state = match try_bind(&bound, settings) {
            Ok(()) if bound.address.port() == 0 => {
                State::Fine("the system chooses a port".to_owned())
            }
            Ok(()) => State::Fine("free".to_owned()),
            Err(error) => not_bound(report, &bound, options, is_explicit, error),
        };
        report.listeners.push((summary::listener(&bound), state));
    }
}

/// The port is had for a moment, alone: one that a server has is left to it.
fn try_bind(bound: &Bound, settings: &Settings) -> io::Result<()> {
    let device = settings.listen.listening_device.clone();
    match bound.protocol {
        Protocol::Udp => {
            let options = UdpOptions {
                device,
                ..UdpOptions::default()
            };
            UdpSocket::bind(bound.address, &options).map(drop)
        }
        Protocol::Tcp => {
            let options = TcpOptions {
                device,
                reuse_port: false,
            };
            TcpListener::bind(bound.address, &options).map(drop)
        }
    }
}

fn not_bound(
    report: &mut Report,
    bound: &Bound,
    options: &'static str,
    is_explicit: bool,
    error: io::Error,
) -> State {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            return State::Unknown("in use, maybe by the turnd that runs".to_owned());
        }
        io::ErrorKind::PermissionDenied if !geteuid().is_root() => {
            return State::Unknown("not tried, the port needs privileges".to_owned());
        }
        io::ErrorKind::AddrNotAvailable if !is_explicit => {
            return State::Unknown("not there now, it is left out".to_owned());
        }
        _ => {}
    }
    let state = State::Bad(error.to_string());
    let error = StartError::Listen {
        protocol: bound.protocol.names().0,
        address: bound.address,
        error,
        options,
    };
    report
        .findings
        .push(start_error("listener", error.to_string()));
    state
}

fn encryption(report: &mut Report, settings: &Settings, addresses: &Addresses) {
    let Some(wanted) = &settings.tls else {
        return;
    };
    let (encryption, warnings) = match Encryption::load(wanted, settings, addresses) {
        Ok(loaded) => loaded,
        Err(error) => {
            return report.findings.push(start_error("tls", error.to_string()));
        }
    };
    let cert = report.origin("cert");
    for warning in warnings {
        report
            .findings
            .push(Finding::new(Level::Warning, "certificate", &cert, warning));
    }
    let identity = encryption.tls.identity();
    if let Ok(parsed) = CertificateInner::<Raw>::from_der(identity.leaf()) {
        let until = parsed.tbs_certificate().validity().not_after.to_date_time();
        let name = format!("certificate until {until}");
        report
            .files
            .push((name, State::Fine("fits its key".to_owned())));
    }
}

/// A file that the server needs, and for what.
struct Needed {
    option: &'static str,
    path: PathBuf,
    is_written_to: bool,
}

fn files(
    report: &mut Report,
    machine: &Machine,
    settings: &Settings,
    written: &[Written],
    target: &Target,
) {
    let needed = needed(report, machine, settings, written);
    // First as whoever checks, because what fails then fails at start, too.
    let opened: Vec<_> = needed.iter().map(open).collect();
    let later = match target {
        Target::Other(_) => target.with(|| needed.iter().map(open).collect::<Vec<_>>()),
        _ => Ok(needed.iter().map(|_| Ok(())).collect()),
    };
    let later = later.unwrap_or_else(|error| {
        let text = format!("files: cannot become {target}: {error}");
        report.unchecked.push(text);
        needed.iter().map(|_| Ok(())).collect()
    });
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
        secrecy(report, file, written);
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
        if let config::Identity::Files { cert, key, .. } = &tls.identity {
            add("cert", cert.clone(), false);
            add("pkey", key.clone(), false);
        }
        if let Some(ca) = &tls.ca_file {
            add("CA-file", ca.clone(), false);
        }
    }
    let files = config::reference()
        .into_iter()
        .flat_map(|heading| heading.options);
    let files: Vec<_> = files
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
                let path = config::locate(machine, &option.value);
                add(
                    name,
                    path.unwrap_or_else(|| PathBuf::from(&option.value)),
                    false,
                );
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
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = file.path.parent().filter(|parent| *parent != Path::new(""));
            Ok(access(
                parent.unwrap_or(Path::new(".")),
                Access::WRITE_OK | Access::EXEC_OK,
            )?)
        }
        opened => opened.map(drop),
    }
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
        name if name.contains("secret") || name.contains("user-file") => "secrets",
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

/// What was not looked at.
fn remarks(report: &mut Report, written: &[Written], target: &Target) {
    match target {
        Target::Missing(why) => {
            let name = why.split(':').next().unwrap_or("proc-user").to_owned();
            let origin = report.origin(&name);
            report
                .findings
                .push(Finding::new(Level::Error, "no-such-user", &origin, why));
        }
        Target::OutOfReach(why) => report.unchecked.push(why.clone()),
        Target::Oneself(_) if geteuid().is_root() => report.unchecked.push(
            "files were opened as root: where a unit's User= starts turnd, check as that user"
                .to_owned(),
        ),
        Target::Oneself(_) | Target::Other(_) => {}
    }
    let databases = [
        "userdb",
        "db",
        "psql-userdb",
        "sql-userdb",
        "mysql-userdb",
        "mongo-userdb",
        "redis-userdb",
        "redis-statsdb",
    ];
    if written.iter().any(|it| databases.contains(&it.name)) {
        report
            .unchecked
            .push("databases: turnd does not open any yet".to_owned());
    }
}
