//! The part of lowering that decides whether TLS and DTLS are offered, and with what. What was asked
//! for and cannot be done ends the start: a server that quietly serves without TLS is found out by
//! its users.

use std::path::PathBuf;

use super::{
    error::{Findings, Origin},
    listen_urls,
    raw::{At, Raw, Slot},
    search::{self, Machine},
    secrets::CREDENTIALS,
    ways_in::{Identity, TlsSettings},
};

/// What coturn looks for if no certificate or key is named.
pub(super) const USUAL_CERT: &str = "turn_server_cert.pem";
pub(super) const USUAL_KEY: &str = "turn_server_pkey.pem";

/// Which of the two are offered, and with what.
pub(super) struct Offer {
    pub(super) tls: Option<TlsSettings>,
    pub(super) over_tcp: bool,
    pub(super) dtls: bool,
}

/// An option that was written, and where.
type Written<'a> = (&'static str, &'a Origin);

/// What is offered. An offer without settings comes with an error.
pub(super) fn offer(raw: &Raw, machine: &Machine, findings: &mut Findings) -> Offer {
    let dtls = dtls(raw, findings);
    let any_dtls = dtls.or(listen_urls::dtls(raw).map(|origin| ("listen", origin)));
    let over_tcp = raw.no_tls.on().is_none();
    if let (Some(no_tls), None) = (raw.no_tls.on(), any_dtls) {
        tell_unused(raw, no_tls, findings);
        return Offer {
            tls: None,
            over_tcp: false,
            dtls: false,
        };
    }
    let Some(asking) = asking(raw).next().or(dtls) else {
        let identity = usual_files(raw, machine, findings);
        let tls = identity.and_then(|identity| with(identity, raw, machine, findings));
        let over_tcp = tls.is_some();
        return Offer {
            tls,
            over_tcp,
            dtls: false,
        };
    };
    let identity = identity(raw, asking, machine, findings);
    let tls = identity.and_then(|identity| with(identity, raw, machine, findings));
    if let (Some(origin), Some(_)) = (raw.no_tlsv1_2.on(), any_dtls) {
        findings.info(origin, "no-tlsv1_2: this is for TLS; DTLS stays at 1.2");
    }
    Offer {
        tls,
        over_tcp,
        dtls: dtls.is_some(),
    }
}

/// Where DTLS is asked for.
fn dtls<'a>(raw: &'a Raw, findings: &mut Findings) -> Option<Written<'a>> {
    let dtls = raw.dtls.on()?;
    if let Some(no_dtls) = raw.no_dtls.on() {
        findings.error(
            dtls,
            format!("dtls: no-dtls ({no_dtls}) asks for the opposite; expected one of them"),
        );
    }
    Some(("dtls", dtls))
}

/// What asks for TLS.
fn asking(raw: &Raw) -> impl Iterator<Item = Written<'_>> {
    let port = raw.tls_listening_port.last().map(|at| &at.origin);
    [
        ("cert", origin(&raw.cert)),
        ("pkey", origin(&raw.pkey)),
        ("CA-file", origin(&raw.ca_file)),
        ("self-signed", raw.self_signed.on()),
        ("tls-listening-port", port),
        ("listen", listen_urls::secure(raw)),
    ]
    .into_iter()
    .filter_map(|(name, origin)| Some((name, origin?)))
}

fn origin<T>(slot: &Slot<T>) -> Option<&Origin> {
    slot.last().map(|at| &at.origin)
}

fn tell_unused(raw: &Raw, no_tls: &Origin, findings: &mut Findings) {
    let unused: Vec<_> = asking(raw)
        .map(|(name, origin)| format!("{name} ({origin})"))
        .collect();
    if !unused.is_empty() {
        let text = format!("no-tls: TLS is off, so not used: {}", unused.join(", "));
        findings.info(no_tls, text);
    }
}

/// Asked for nothing, coturn still takes a certificate that has the usual name.
fn usual_files(raw: &Raw, machine: &Machine, findings: &mut Findings) -> Option<Identity> {
    let files = (
        search::find(USUAL_CERT, machine),
        search::find(USUAL_KEY, machine),
    );
    match files {
        (Ok(cert), Ok(key)) => {
            let text = format!(
                "cert and pkey are not written; {} and {} are there and are used",
                cert.path.display(),
                key.path.display()
            );
            findings.info(&Origin::Configuration, text);
            return Some(files_identity(cert.path, key.path, raw));
        }
        (Err(unreadable @ search::Missing::Unreadable { .. }), _) => {
            let text = format!("TLS is off: {}", unreadable.why(USUAL_CERT));
            findings.warn(&Origin::Configuration, text);
        }
        (_, Err(unreadable @ search::Missing::Unreadable { .. })) => {
            let text = format!("TLS is off: {}", unreadable.why(USUAL_KEY));
            findings.warn(&Origin::Configuration, text);
        }
        _ => {
            if let Some(origin) = needs_tls(raw) {
                let text = "TLS is off: there is no certificate \
                     (options cert and pkey; self-signed makes one for trying out)";
                findings.info(origin, text);
            }
        }
    }
    None
}

/// Where something is written that has no effect without TLS.
fn needs_tls(raw: &Raw) -> Option<&Origin> {
    let alt = raw.alt_tls_listening_port.last();
    alt.filter(|at| at.value != 0)
        .map(|at| &at.origin)
        .or_else(|| origin(&raw.pkey_pwd))
        .or_else(|| origin(&raw.cipher_list))
        .or_else(|| origin(&raw.ec_curve_name))
        .or_else(|| raw.no_tlsv1_2.on())
}

/// What TLS, which `asking` asks for, is done with.
fn identity(
    raw: &Raw,
    asking: Written<'_>,
    machine: &Machine,
    findings: &mut Findings,
) -> Option<Identity> {
    let (cert, key) = (raw.cert.last(), raw.pkey.last());
    if let Some(self_signed) = raw.self_signed.on() {
        let other = match (cert, key) {
            (Some(cert), _) => ("cert", &cert.origin),
            (None, Some(key)) => ("pkey", &key.origin),
            (None, None) => return Some(Identity::SelfSigned),
        };
        let text = format!(
            "self-signed: {} ({}) names another certificate; expected one of them",
            other.0, other.1
        );
        findings.error(self_signed, text);
        return None;
    }
    let for_cert = Lookup {
        option: "cert",
        usual: USUAL_CERT,
        partner: key.map(|key| ("pkey", &key.origin)),
    };
    let for_key = Lookup {
        option: "pkey",
        usual: USUAL_KEY,
        partner: cert.map(|cert| ("cert", &cert.origin)),
    };
    let cert_path = for_cert.find(cert, asking, machine, findings);
    if cert_path.is_none() && cert.is_none() && key.is_none() {
        // One error is enough for two files that nobody named.
        return None;
    }
    let key_path = for_key.find(key, asking, machine, findings);
    Some(files_identity(cert_path?, key_path?, raw))
}

/// How one of the two files is looked for.
struct Lookup<'a> {
    option: &'static str,
    usual: &'static str,
    /// The option for the other file, if it is written.
    partner: Option<Written<'a>>,
}

impl Lookup<'_> {
    fn find(
        &self,
        at: Option<&At<String>>,
        asking: Written<'_>,
        machine: &Machine,
        findings: &mut Findings,
    ) -> Option<PathBuf> {
        if let Some(at) = at {
            return named(self.option, at, machine, findings);
        }
        match search::find(self.usual, machine) {
            Ok(found) => Some(found.path),
            Err(missing) => {
                let (by, origin) = self.partner.unwrap_or(asking);
                let expected = match self.partner {
                    Some(_) => self.option,
                    None => "cert and pkey, or self-signed for trying out",
                };
                let (option, why) = (self.option, missing.why(self.usual));
                let text = format!("{by}: {option} is not written, and {why}; expected {expected}");
                findings.error(origin, text);
                None
            }
        }
    }
}

/// The file that `option` names, which must be there.
pub(super) fn named(
    option: &'static str,
    at: &At<String>,
    machine: &Machine,
    findings: &mut Findings,
) -> Option<PathBuf> {
    match search::find(&at.value, machine) {
        Ok(found) => {
            let credentials = machine.variable(CREDENTIALS);
            if option == "cert" && credentials.is_some_and(|it| found.path.starts_with(it)) {
                findings.warn(
                    &at.origin,
                    "cert: systemd copies credentials when it starts the unit, so a renewed certificate is seen at the \
                     next start only",
                );
            }
            Some(found.path)
        }
        Err(missing) => {
            findings.error(&at.origin, format!("{option}: {}", missing.why(&at.value)));
            None
        }
    }
}

fn files_identity(cert: PathBuf, key: PathBuf, raw: &Raw) -> Identity {
    Identity::Files {
        cert,
        key,
        key_password: raw.pkey_pwd.last().map(|at| at.value.clone()),
    }
}

fn with(
    identity: Identity,
    raw: &Raw,
    machine: &Machine,
    findings: &mut Findings,
) -> Option<TlsSettings> {
    let ca_file = match raw.ca_file.last() {
        Some(at) => Some(named("CA-file", at, machine, findings)?),
        None => None,
    };
    Some(TlsSettings {
        identity,
        ca_file,
        cipher_list: text(&raw.cipher_list),
        curves: text(&raw.ec_curve_name),
        tls12: !raw.no_tlsv1_2.is_on(),
    })
}

fn text(slot: &Slot<String>) -> Option<String> {
    let at = slot.last().filter(|at| !at.value.is_empty())?;
    Some(at.value.clone())
}
