//! The configuration that rustls serves connections with.

use std::sync::Arc;

use rustls::{
    Error, ServerConfig, SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier},
    sign::SingleCertAndKey,
    version::{TLS12, TLS13},
};

use super::{
    TlsSettings, certificates, ciphers, curves,
    error::{TlsError, TlsProblem},
    identity::Identity,
};

/// The application protocols that come over TLS to this server (RFC 7443 section 3): TURN, and STUN alone.
/// Who names others only is refused with no_application_protocol (RFC 7301 section 3.2); naming none is fine.
const ALPN: [&[u8]; 2] = [b"stun.turn", b"stun.nat-discovery"];

pub(super) fn refused(error: Error) -> TlsError {
    TlsError::of_option("tls", TlsProblem::Refused(error.to_string()))
}

/// `ca` holds the file of the authorities, if there is one. Warnings are added to `warnings`.
pub(super) fn build(
    settings: &TlsSettings,
    identity: &Identity,
    ca: Option<&[u8]>,
    ticketer: Arc<dyn ProducesTickets>,
    warnings: &mut Vec<String>,
) -> Result<ServerConfig, TlsError> {
    let mut provider = aws_lc_rs::default_provider();
    let mut server_order = false;
    if let Some(list) = &settings.cipher_list {
        let selection = ciphers::select(list, settings.tls12)?;
        warnings.extend(selection.warnings);
        server_order = selection.ordered;
        provider.cipher_suites = selection.suites;
        warnings.extend(unusable_with_key(&provider, identity));
    }
    if let Some(list) = &settings.curves {
        let (groups, more) = curves::select(list, settings.tls12);
        warnings.extend(more);
        provider.kx_groups = groups;
    }
    let provider = Arc::new(provider);
    let versions: &[&'static SupportedProtocolVersion] = match settings.tls12 {
        true => &[&TLS13, &TLS12],
        false => &[&TLS13],
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(refused)?;
    let builder = match (&settings.ca_file, ca) {
        (Some(path), Some(pem)) => {
            let (roots, more) = certificates::authorities("CA-file", path, pem)?;
            warnings.extend(more);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                .build()
                .map_err(|error| {
                    let problem = TlsProblem::Refused(error.to_string());
                    TlsError::of_file("CA-file", path, problem)
                })?;
            builder.with_client_cert_verifier(verifier)
        }
        _ => builder.with_no_client_auth(),
    };
    let certified = Arc::clone(identity.certified());
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    if settings.http {
        config.alpn_protocols.push(b"http/1.1".to_vec());
    }
    config.ignore_client_order = server_order;
    // Sessions are resumed out of tickets, which the clients keep: nothing grows here.
    config.ticketer = ticketer;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // A TURN client opens one connection after the other; a second ticket would be thrown away.
    config.send_tls13_tickets = 1;
    // No 0-RTT: its data can be replayed by who watched (RFC 8446 section 8), and an Allocate is no GET.
    config.max_early_data_size = 0;
    Ok(config)
}

/// Says so if no suite of TLS 1.2 on the list goes with the server's key, as with a list for RSA and a key
/// for ECDSA.
fn unusable_with_key(provider: &CryptoProvider, identity: &Identity) -> Option<String> {
    let kind = identity.certified().key.algorithm();
    let mut tls12 = provider
        .cipher_suites
        .iter()
        .filter(|suite| suite.tls13().is_none())
        .peekable();
    tls12.peek()?;
    if tls12.any(|suite| suite.usable_for_signature_algorithm(kind)) {
        return None;
    }
    Some(format!(
        "cipher-list names no suite of TLS 1.2 that goes with the server's key ({kind:?}): clients with \
         TLS 1.2 are refused"
    ))
}
