//! What this machine makes of the settings: addresses, ports, certificates.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use nix::unistd::geteuid;
use turnd_net::{TcpListener, TcpOptions, UdpOptions, UdpSocket};
use x509_cert::{
    certificate::{CertificateInner, Raw},
    der::Decode,
};

use super::{
    files,
    holders::{Holder, holder},
    report::{Finding, Level, Report, State, allowed_peers},
    user::Target,
};
use crate::{
    addresses::{Addresses, Doubt, doubts, is_link_local},
    config::{Machine, Origin, Settings, Written},
    encryption::Encryption,
    external,
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
    let mut settings = settings.clone();
    match external::resolve(&settings) {
        Ok(external) => settings.external = external,
        Err(error) => {
            let origin = report.origin("external-ip");
            let text = error.to_string();
            report
                .findings
                .push(Finding::new(Level::Error, "external-ip", &origin, text));
        }
    }
    let settings = &settings;
    match Addresses::find(settings) {
        Ok(addresses) => {
            relays(report, settings, &addresses);
            likely_mistakes(report, settings, &addresses, written);
            listeners(report, settings, &addresses);
            encryption(report, settings, &addresses);
        }
        Err(error) => {
            let text = format!("cannot read this machine's addresses: {error}");
            report.findings.push(start_error("system", text));
        }
    }
    own_services(report, settings, written);
    remarks(report, written, target);
    // The last: it may change who we are.
    files::look(report, machine, settings, written, target);
}

fn start_error(code: &'static str, text: impl Into<String>) -> Finding {
    Finding::new(Level::Error, code, &Origin::Configuration, text)
}

/// Rules that open this machine's own address. Guides for coturn have one, because calls between its clients need it.
fn own_services(report: &mut Report, settings: &Settings, written: &[Written]) {
    let Ok(own) = turnd_net::local_addresses() else {
        return;
    };
    for (range, origin) in allowed_peers(settings, written) {
        let is_opened =
            |ip: &&IpAddr| range.contains(*ip) && !ip.is_loopback() && !is_link_local(**ip);
        if let Some(ip) = own.iter().find(is_opened) {
            let text = format!(
                "allowed-peer-ip: clients can reach the services of this machine at {ip}, all but turnd's own; \
                 calls between clients of turnd do not need that"
            );
            report
                .findings
                .push(Finding::new(Level::Unsafe, "own-services", origin, text));
        }
    }
}

fn relays(report: &mut Report, settings: &Settings, addresses: &Addresses) {
    if settings.stun_only {
        return;
    }
    if addresses.relay.is_empty() && addresses.awaited.is_empty() {
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

/// Each with the line that it is about.
fn likely_mistakes(
    report: &mut Report,
    settings: &Settings,
    addresses: &Addresses,
    written: &[Written],
) {
    if settings.stun_only {
        return;
    }
    let is = |text: &str, ip| text.trim().parse().map(|it: IpAddr| it.to_canonical()) == Ok(ip);
    let names_relay = |it: &&Written, ip| match it.name {
        "relay-ip" => is(&it.value, ip),
        "listening-ip" => settings.relay_ips.is_empty() && is(&it.value, ip),
        _ => false,
    };
    let is_for = |it: &&Written, ip| {
        let half = it.value.split_once('/').map(|(_, private)| private);
        it.name == "external-ip" && half.is_some_and(|private| is(private, ip))
    };
    for doubt in doubts(&settings.external, addresses) {
        let mut written = written.iter();
        let (level, code, line) = match doubt {
            Doubt::Private(ip) => {
                let line = written.find(|it| names_relay(it, ip));
                (Level::Warning, "private-relay", line)
            }
            Doubt::NoRelay(ip) => {
                let line = written.find(|it| is_for(it, ip));
                (Level::NoEffect, "no-such-relay", line)
            }
        };
        let origin = line.map_or(&Origin::Configuration, |it| &it.origin);
        let finding = Finding::new(level, code, origin, doubt.to_string());
        report.findings.push(finding);
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
        io::ErrorKind::AddrInUse => return in_use(report, bound),
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

/// That a turnd has it is as it should be: a reload or a new start of that one is what is checked for.
fn in_use(report: &mut Report, bound: &Bound) -> State {
    let protocol = bound.protocol.names().0;
    let (by, is_told) = match holder(bound.protocol, bound.address) {
        Holder::Turnd(pid) => (format!("the turnd that runs (pid {pid})"), false),
        Holder::Other(name, pid) => (format!("{name} (pid {pid})"), true),
        Holder::Unknown { maybe_turnd } => {
            let who = "another program or a turnd that runs".to_owned();
            (who, !maybe_turnd)
        }
    };
    let state = format!("in use by {by}");
    if !is_told {
        return State::Unknown(state);
    }
    let address = bound.address;
    let text = format!("{protocol} {address} is {state}, and turnd cannot start beside it");
    let nowhere = &Origin::Configuration;
    let finding = Finding::new(Level::Warning, "port-in-use", nowhere, text);
    report.findings.push(finding);
    State::Bad(state)
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
    for warning in warnings {
        // Some begin with the option that they are about.
        let name = warning.split(':').next().unwrap_or_default();
        let (code, origin) = match report.origin(name) {
            Origin::Configuration => ("certificate", report.origin("cert")),
            written => ("tls", written),
        };
        let finding = Finding::new(Level::Warning, code, &origin, warning);
        report.findings.push(finding);
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
        Target::Oneself(_) if geteuid().is_root() => report.unchecked.push(
            "files were opened as root: where a unit's User= starts turnd, check as that user"
                .to_owned(),
        ),
        Target::Oneself(_) | Target::Other(..) => {}
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
