//! What metrics and health are served with, and the part of lowering that decides it.

use std::{net::IpAddr, path::PathBuf};

use super::{
    error::Findings,
    raw::{At, Raw, Slot},
    search::{self, Machine},
    settings::Secret,
    tls::{self, Offer},
    ways_in::Identity,
};

/// coturn's port for metrics.
const PORT: u16 = 9641;
/// Users with a label of their own if nothing else is written.
const TOP_USERS: i64 = 20;
/// Paths that have an answer of their own.
const TAKEN: [&str; 3] = ["/", "/healthz", "/readyz"];
/// Most bytes of a path, a user name and a password.
const LONGEST: usize = 255;

/// Metrics and health over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Where to listen. `None`: every address, both families.
    pub address: Option<IpAddr>,
    /// TCP port. 0: the system chooses.
    pub port: u16,
    /// The path of the metrics: begins with a slash, is at most 255 bytes of printable ASCII, and is not that of a health check.
    pub path: String,
    /// How many users have a label of their own, those with the most traffic; 1 to 256. `None`: no
    /// series has the name of a user.
    pub top_users: Option<usize>,
    /// Serve over HTTPS with this. `None`: HTTP.
    pub tls: Option<Identity>,
    /// Who may read the metrics. `None`: anyone. Health needs no password.
    pub login: Option<Login>,
}

/// A name and a password for HTTP basic authentication (RFC 7617).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// 1 to 255 bytes, without a colon.
    pub user: String,
    /// 1 to 255 bytes.
    pub password: Secret,
}

/// What is served, if anything is.
pub(super) fn metrics(
    raw: &Raw,
    offer: &Offer,
    machine: &Machine,
    findings: &mut Findings,
) -> Option<Metrics> {
    if let (Some(off), Some(tls)) = (raw.prometheus.off(), raw.prometheus_tls.on()) {
        let text = format!("prometheus-tls: prometheus is off ({off}); expected one of them");
        findings.error(tls, text);
        return None;
    }
    if !raw.prometheus.is_on() && !raw.prometheus_tls.is_on() {
        tell_unused(raw, findings);
        return None;
    }
    let metrics = Metrics {
        address: raw.prometheus_address.last().map(|at| at.value),
        port: raw.prometheus_port.or(PORT),
        path: path(raw, findings),
        top_users: top_users(raw, findings),
        tls: identity(raw, offer, machine, findings),
        login: login(raw, machine, findings),
    };
    tell_open(raw, &metrics, findings);
    Some(metrics)
}

/// Options that say how, where nothing says that.
fn tell_unused(raw: &Raw, findings: &mut Findings) {
    let written = [
        ("prometheus-port", origin(&raw.prometheus_port)),
        ("prometheus-address", origin(&raw.prometheus_address)),
        ("prometheus-path", origin(&raw.prometheus_path)),
        ("prometheus-top-users", origin(&raw.prometheus_top_users)),
        ("prometheus-cert", origin(&raw.prometheus_cert)),
        ("prometheus-key", origin(&raw.prometheus_key)),
        ("prometheus-user", origin(&raw.prometheus_user)),
        ("prometheus-password", origin(&raw.prometheus_password)),
        (
            "prometheus-password-file",
            origin(&raw.prometheus_password_file),
        ),
        (
            "prometheus-username-labels",
            raw.prometheus_username_labels.on(),
        ),
    ];
    for (name, origin) in written {
        if let Some(origin) = origin {
            let text = format!("{name} has no effect: prometheus is not switched on");
            findings.warn(origin, text);
        }
    }
}

/// What strangers can read is told, once.
fn tell_open(raw: &Raw, metrics: &Metrics, findings: &mut Findings) {
    let is_local = |ip: IpAddr| ip.is_loopback();
    if metrics.address.is_some_and(is_local) {
        return;
    }
    let on = raw.prometheus.on().or(raw.prometheus_tls.on());
    let Some(origin) = on else { return };
    let text = match (&metrics.login, &metrics.tls) {
        (None, _) => {
            "prometheus: whoever reaches the port can read the metrics; \
             prometheus-address=127.0.0.1 or prometheus-user changes that"
        }
        (Some(_), None) => {
            "prometheus-user: without prometheus-tls the password travels in the clear"
        }
        (Some(_), Some(_)) => return,
    };
    findings.info(origin, text);
}

fn path(raw: &Raw, findings: &mut Findings) -> String {
    let Some(At { value, origin }) = raw.prometheus_path.last() else {
        return "/metrics".to_owned();
    };
    let is_path = value.starts_with('/')
        && value.len() <= LONGEST
        && value.bytes().all(|byte| byte.is_ascii_graphic())
        && !value.contains(['?', '#']);
    if !is_path {
        let text = "prometheus-path: expected a path that begins with a slash, \
                    of at most 255 printable characters without ? and #";
        findings.error(origin, text);
    } else if TAKEN.contains(&value.as_str()) {
        let text =
            format!("prometheus-path: {value} has an answer of its own; expected another path");
        findings.error(origin, text);
    }
    value.clone()
}

fn top_users(raw: &Raw, findings: &mut Findings) -> Option<usize> {
    if raw.prometheus_username_labels.is_on() {
        return usize::try_from(raw.prometheus_top_users.or(TOP_USERS)).ok();
    }
    if let Some(at) = raw.prometheus_top_users.last() {
        let text = "prometheus-top-users has no effect without prometheus-username-labels";
        findings.warn(&at.origin, text);
    }
    None
}

fn identity(
    raw: &Raw,
    offer: &Offer,
    machine: &Machine,
    findings: &mut Findings,
) -> Option<Identity> {
    let Some(tls) = raw.prometheus_tls.on() else {
        for (name, slot) in [
            ("prometheus-cert", &raw.prometheus_cert),
            ("prometheus-key", &raw.prometheus_key),
        ] {
            if let Some(origin) = origin(slot) {
                // Whoever names a certificate believes that it is used.
                let text = format!("{name}: prometheus-tls is not written; expected both or none");
                findings.error(origin, text);
            }
        }
        return None;
    };
    let is_own = raw.prometheus_cert.last().is_some() || raw.prometheus_key.last().is_some();
    let of_turn = offer.tls.as_ref().map(|tls| &tls.identity);
    if let (false, Some(identity)) = (is_own, of_turn) {
        return Some(identity.clone());
    }
    let mut file = |option, slots: [&Slot<String>; 2], usual: &str| {
        if let Some(at) = slots[0].last() {
            return tls::named(option, at, machine, findings);
        }
        let name = slots[1].last().map_or(usual, |at| at.value.as_str());
        match search::find(name, machine) {
            Ok(found) => Some(found.path),
            Err(missing) => {
                let why = missing.why(name);
                let text = format!("prometheus-tls: {option} is not written, and {why}");
                findings.error(tls, text);
                None
            }
        }
    };
    let cert = [&raw.prometheus_cert, &raw.cert];
    let cert = file("prometheus-cert", cert, tls::USUAL_CERT);
    let key = [&raw.prometheus_key, &raw.pkey];
    let key = file("prometheus-key", key, tls::USUAL_KEY);
    Some(Identity::Files {
        cert: cert.unwrap_or_else(PathBuf::new),
        key: key.unwrap_or_else(PathBuf::new),
        key_password: raw.pkey_pwd.last().map(|at| at.value.clone()),
    })
}

fn login(raw: &Raw, machine: &Machine, findings: &mut Findings) -> Option<Login> {
    let password = password(raw, machine, findings);
    match (raw.prometheus_user.last(), password) {
        (None, None) => None,
        (Some(At { value, origin }), Some((_, password))) => {
            if value.is_empty() || value.len() > LONGEST || value.contains(':') {
                let text = "prometheus-user: expected 1 to 255 characters without a colon";
                findings.error(origin, text);
            }
            let user = value.clone();
            Some(Login { user, password })
        }
        (Some(At { origin, .. }), None) => {
            if raw.prometheus_password_file.last().is_none() {
                let text = "prometheus-user: there is no password; \
                            expected prometheus-password or prometheus-password-file too";
                findings.error(origin, text);
            }
            None
        }
        (None, Some((option, _))) => {
            let origin = origin(&raw.prometheus_password_file);
            if let Some(origin) = origin.or(self::origin(&raw.prometheus_password)) {
                findings.error(origin, format!("{option}: expected prometheus-user too"));
            }
            None
        }
    }
}

/// The password, and the option that it comes from.
fn password(
    raw: &Raw,
    machine: &Machine,
    findings: &mut Findings,
) -> Option<(&'static str, Secret)> {
    let written = raw.prometheus_password.last();
    let Some(at) = raw.prometheus_password_file.last() else {
        let at = written?;
        judge_password("prometheus-password", &at.value, &at.origin, findings);
        return Some(("prometheus-password", at.value.clone()));
    };
    let option = "prometheus-password-file";
    if let Some(written) = written {
        let text = format!(
            "{option}: there is a prometheus-password too ({}); expected one of them",
            written.origin
        );
        findings.error(&at.origin, text);
    }
    match search::find(&at.value, machine) {
        Ok(found) => {
            let text = String::from_utf8_lossy(&found.bytes);
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            let password = Secret::new(text.lines().next().unwrap_or_default());
            judge_password(option, &password, &at.origin, findings);
            Some((option, password))
        }
        Err(missing) => {
            let text = format!("{option}: {}", missing.why(&at.value));
            findings.error(&at.origin, text);
            None
        }
    }
}

fn judge_password(
    option: &str,
    password: &Secret,
    origin: &super::error::Origin,
    findings: &mut Findings,
) {
    if password.expose().is_empty() || password.expose().len() > LONGEST {
        let text = format!("{option}: expected a password of 1 to 255 characters");
        findings.error(origin, text);
    }
}

fn origin<T>(slot: &Slot<T>) -> Option<&super::error::Origin> {
    slot.last().map(|at| &at.origin)
}
