//! A certificate of the server's own making, for tries and tests: nobody but who knows its fingerprint can
//! trust it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{
    error::{TlsError, TlsProblem},
    identity::{Identity, Unfit},
};

const DAY: Duration = Duration::from_secs(86_400);
/// From yesterday, for clients whose clock is slow.
const BEFORE: Duration = DAY;
const LIFE: Duration = Duration::from_secs(30 * 86_400);

/// A new ECDSA P-256 key, and a certificate of it for `names`, IP addresses or host names, that is valid
/// from a day before `now` for 30 days.
///
/// # Errors
///
/// A name is neither an address nor ASCII, or the system has no randomness.
pub(super) fn make(names: &[String], now: SystemTime) -> Result<Identity, TlsError> {
    let failed = |why: String| TlsError::of_option("self-signed", TlsProblem::SelfSigned(why));
    let (certificate, key) = certificate(names, now).map_err(|error| failed(error.to_string()))?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Identity::new(vec![certificate.into()], key).map_err(|unfit| match unfit {
        Unfit::Key(why) | Unfit::Certificate(why) => failed(why),
        Unfit::Mismatch => failed("its key does not match".to_owned()),
    })
}

fn certificate(
    names: &[String],
    now: SystemTime,
) -> Result<(rcgen::Certificate, KeyPair), rcgen::Error> {
    // Every text that is an address becomes one, everything else a host name.
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "turnd self-signed");
    let from = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let from = from.saturating_sub(BEFORE);
    params.not_before = date_time_ymd(1970, 1, 1) + from;
    params.not_after = params.not_before + LIFE;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    Ok((params.self_signed(&key)?, key))
}
