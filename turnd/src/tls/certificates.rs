//! Certificates out of PEM: this server's own chain, and the authorities of its clients.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use x509_cert::{certificate::CertificateInner, certificate::Raw, der::Decode};

use super::error::{TlsError, TlsProblem};

/// Who renews certificates by a timer does so 30 days before the end; at this distance it has failed.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// The certificates of a PEM text, in the order they stand. Other blocks are passed over, so that a
/// file may hold the key as well.
///
/// # Errors
///
/// There is none, or one is cut short or no base64.
pub(super) fn parse(
    option: &'static str,
    path: &Path,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let problem = |problem| TlsError::of_file(option, path, problem);
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        // What the parser says may quote the line, which may be one of a key.
        found.push(certificate.map_err(|_| {
            problem(TlsProblem::BadCertificate(
                found.len() + 1,
                "its PEM block is damaged".to_owned(),
            ))
        })?);
    }
    if found.is_empty() {
        return Err(problem(TlsProblem::NoCertificate));
    }
    Ok(found)
}

/// The authorities that clients' certificates must chain to, and warnings about those that cannot be used.
///
/// # Errors
///
/// There is none that can be used.
pub(super) fn authorities(
    option: &'static str,
    path: &Path,
    pem: &[u8],
) -> Result<(Arc<RootCertStore>, Vec<String>), TlsError> {
    let mut store = RootCertStore::empty();
    let mut refused = Vec::new();
    for (at, certificate) in parse(option, path, pem)?.into_iter().enumerate() {
        if let Err(error) = store.add(certificate) {
            refused.push((at + 1, error.to_string()));
        }
    }
    if store.is_empty()
        && let Some((at, why)) = refused.pop()
    {
        let problem = TlsProblem::BadCertificate(at, why);
        return Err(TlsError::of_file(option, path, problem));
    }
    // One line for all of them: a bundle may have many.
    let warnings = refused
        .first()
        .map(|(at, why)| {
            format!(
                "{option} {}: {} of its certificates cannot be used and are passed over; the first is number {at}: {why}",
                path.display(),
                refused.len(),
            )
        })
        .into_iter()
        .collect();
    Ok((Arc::new(store), warnings))
}

/// When a certificate expires, since 1970; nothing if that cannot be read.
pub(super) fn expiry(leaf: &CertificateDer<'_>) -> Option<Duration> {
    let parsed = CertificateInner::<Raw>::from_der(leaf).ok()?;
    Some(
        parsed
            .tbs_certificate()
            .validity()
            .not_after
            .to_unix_duration(),
    )
}

/// What is to be said about the dates of this certificate at `now`: nothing, or that it is not valid yet,
/// no longer, or not for much longer. Clients are who decides; the server starts all the same.
pub(super) fn validity_warning(leaf: &CertificateDer<'_>, now: SystemTime) -> Option<String> {
    // The lenient profile: a serial number that is too long is no reason to know nothing of the dates.
    let Ok(parsed) = CertificateInner::<Raw>::from_der(leaf) else {
        return Some("the dates of the certificate cannot be read".to_owned());
    };
    let validity = parsed.tbs_certificate().validity();
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let until = validity.not_after.to_date_time();
    if now < validity.not_before.to_unix_duration() {
        let from = validity.not_before.to_date_time();
        return Some(format!("the certificate is not valid before {from}"));
    }
    match validity.not_after.to_unix_duration().checked_sub(now) {
        None => Some(format!("the certificate expired on {until}")),
        Some(left) if left < SOON => {
            let days = left.as_secs() / 86_400 + 1;
            let unit = if days == 1 { "day" } else { "days" };
            Some(format!(
                "the certificate expires in less than {days} {unit}, on {until}"
            ))
        }
        Some(_) => None,
    }
}
