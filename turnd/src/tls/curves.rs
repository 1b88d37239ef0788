//! The option `ec-curve-name`: which groups are offered for the key exchange.

use rustls::{
    ProtocolVersion,
    crypto::{
        SupportedKxGroup,
        aws_lc_rs::{DEFAULT_KX_GROUPS, kx_group},
    },
};

const OPTION: &str = "ec-curve-name";

/// The names of a group: of OpenSSL, NIST, SEC 2 and the IANA registry.
static GROUPS: [(&[&str], &dyn SupportedKxGroup); 5] = [
    (&["prime256v1", "P-256", "secp256r1"], kx_group::SECP256R1),
    (&["secp384r1", "P-384"], kx_group::SECP384R1),
    (&["X25519"], kx_group::X25519),
    (&["X25519MLKEM768"], kx_group::X25519MLKEM768),
    (&["SecP256r1MLKEM768"], kx_group::SECP256R1MLKEM768),
];

/// The groups of `list` in its order, or the library's own choice if none of them is known; and warnings.
pub(super) fn select(list: &str, tls12: bool) -> (Vec<&'static dyn SupportedKxGroup>, Vec<String>) {
    let mut groups: Vec<&'static dyn SupportedKxGroup> = Vec::new();
    let mut unknown = Vec::new();
    let separator = |c: char| c.is_whitespace() || matches!(c, ':' | ',');
    for word in list.split(separator).filter(|word| !word.is_empty()) {
        let known = GROUPS
            .iter()
            .find(|(names, _)| names.iter().any(|name| name.eq_ignore_ascii_case(word)));
        match known {
            Some((_, group)) if groups.iter().any(|had| had.name() == group.name()) => {}
            Some((_, group)) => groups.push(*group),
            None => unknown.push(word.escape_debug().to_string()),
        }
    }
    let mut warnings = Vec::new();
    if !unknown.is_empty() {
        warnings.push(format!(
            "{OPTION}: not known and passed over: {}",
            unknown.join(", ")
        ));
    }
    if groups.is_empty() {
        groups = DEFAULT_KX_GROUPS.to_vec();
        warnings.push(format!(
            "{OPTION} names no curve that this server has: the default is used"
        ));
    }
    let old = ProtocolVersion::TLSv1_2;
    if tls12 && !groups.iter().any(|group| group.usable_for_version(old)) {
        warnings.push(format!(
            "{OPTION} names no curve of TLS 1.2: clients with TLS 1.2 are refused"
        ));
    }
    (groups, warnings)
}
