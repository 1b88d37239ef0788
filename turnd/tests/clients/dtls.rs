//! DTLS, of which `turnutils_uclient` and OpenSSL's s_client are the clients.

use super::*;
use crate::{openssl::s_client, uclient::relays_over};

#[test]
fn channels() {
    relays_over("dtls", &["-S", "-e", "127.0.0.1"], 1);
}

#[test]
fn indications() {
    relays_over("dtls", &["-S", "-s", "-e", "127.0.0.1", "-l", "1100"], 1);
}

#[test]
fn between_two_relayed_addresses() {
    relays_over("dtls", &["-S", "-y"], 2);
}

#[test]
fn the_chain_is_shown_and_the_old_version_refused() {
    for kind in [KeyKind::Ecdsa, KeyKind::Rsa] {
        let certificates = Certificates::new(kind);
        let turnd = secured(&certificates, "");
        let server = turnd.address("dtls", SocketAddr::is_ipv4);
        let Some((true, printed)) = s_client(&certificates, server, &["-dtls1_2"], "") else {
            panic!("{kind:?}: DTLS 1.2 was refused");
        };
        assert!(printed.contains("Verification: OK"), "{printed}");
        let old = s_client(
            &certificates,
            server,
            &["-dtls1", "-cipher", "ALL:@SECLEVEL=0"],
            "",
        );
        assert!(old.is_some_and(|(connected, _)| !connected), "{kind:?}");
    }
}
