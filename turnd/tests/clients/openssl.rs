//! OpenSSL's s_client: versions, cipher suites, ALPN, certificates of clients, renegotiation.

use super::*;
use crate::support::foreign::{attempt, foreign};

/// Connects and says what `input` says; whether that went well, and what was printed. `None` without OpenSSL.
pub(crate) fn s_client(
    certificates: &Certificates,
    server: SocketAddr,
    flags: &[&str],
    input: &str,
) -> Option<(bool, String)> {
    let openssl = foreign("openssl")?;
    let (server, root) = (server.to_string(), certificates.path("root.pem"));
    let trust = ["-CAfile", &root, "-verify_return_error"];
    let arguments = [&["s_client", "-connect", &server], &trust[..], flags].concat();
    Some(attempt(&openssl, &arguments, input))
}

/// Of a server with this kind of key and these further lines.
fn outcomes(kind: KeyKind, lines: &str, cases: &[(&[&str], Option<&str>)]) {
    let certificates = Certificates::new(kind);
    let turnd = secured(&certificates, lines);
    for server in turnd.addresses("tls") {
        for (flags, expected) in cases {
            let Some((connected, printed)) = s_client(&certificates, server, flags, "") else {
                return;
            };
            assert_eq!(connected, expected.is_some(), "{flags:?}: {printed}");
            let expected = expected.unwrap_or_default();
            assert!(printed.contains(expected), "{flags:?}: {printed}");
        }
    }
}

#[test]
fn tls_1_2_and_1_3_are_served_and_nothing_older() {
    for kind in [KeyKind::Ecdsa, KeyKind::Rsa] {
        let cases: [(&[&str], _); 4] = [
            (&["-tls1_3"], Some("New, TLSv1.3")),
            (&["-tls1_2"], Some("New, TLSv1.2")),
            (&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], None),
            (&["-tls1", "-cipher", "ALL:@SECLEVEL=0"], None),
        ];
        outcomes(kind, "", &cases);
    }
}

#[test]
fn tls_1_2_can_be_switched_off() {
    let cases: [(&[&str], _); 2] = [(&["-tls1_2"], None), (&["-tls1_3"], Some("New, TLSv1.3"))];
    outcomes(KeyKind::Ecdsa, "no-tlsv1_2\n", &cases);
}

#[test]
fn every_suite_that_fits_the_key_is_served_and_no_other() {
    for (kind, name) in [(KeyKind::Ecdsa, "ECDSA"), (KeyKind::Rsa, "RSA")] {
        for suite in [
            "AES256-GCM-SHA384",
            "AES128-GCM-SHA256",
            "CHACHA20-POLY1305",
        ] {
            let suite = format!("ECDHE-{name}-{suite}");
            let cases: [(&[&str], _); 1] =
                [(&["-tls1_2", "-cipher", &suite], Some(suite.as_str()))];
            outcomes(kind, "", &cases);
        }
    }
    let cases: [(&[&str], _); 2] = [
        (&["-tls1_2", "-cipher", "AES256-GCM-SHA384"], None),
        (&["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA"], None),
    ];
    outcomes(KeyKind::Rsa, "", &cases);
}

#[test]
fn cipher_list_narrows_what_is_served() {
    let cases: [(&[&str], _); 2] = [
        (&["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], None),
        (&["-tls1_2"], Some("ECDHE-RSA-AES256-GCM-SHA384")),
    ];
    outcomes(
        KeyKind::Rsa,
        "cipher-list=ECDHE-RSA-AES256-GCM-SHA384\n",
        &cases,
    );
}

/// RFC 7443
#[test]
fn alpn_names_what_is_spoken() {
    let cases: [(&[&str], _); 4] = [
        (&["-alpn", "stun.turn"], Some("ALPN protocol: stun.turn")),
        (
            &["-alpn", "h2,stun.nat-discovery"],
            Some("ALPN protocol: stun.nat-discovery"),
        ),
        (&["-alpn", "h2"], None),
        (&[], Some("No ALPN negotiated")),
    ];
    outcomes(KeyKind::Ecdsa, "", &cases);
}

#[test]
fn a_client_shows_the_certificate_that_it_is_asked_for() {
    let certificates = Certificates::new(KeyKind::Ecdsa);
    let turnd = secured(
        &certificates,
        &format!("CA-file={}\n", certificates.path("root.pem")),
    );
    let server = turnd.address("tls", SocketAddr::is_ipv4);
    let (cert, key) = (
        certificates.path("client.pem"),
        certificates.path("client.key"),
    );
    let own: &[&str] = &[
        "-tls1_2",
        "-cert",
        &cert,
        "-key",
        &key,
        "-cert_chain",
        &cert,
    ];
    let Some((connected, printed)) = s_client(&certificates, server, own, "") else {
        return;
    };
    assert!(connected, "{printed}");
    let (connected, printed) = s_client(&certificates, server, &["-tls1_2"], "").expect("OpenSSL");
    assert!(!connected, "without a certificate: {printed}");
    let other = Certificates::new(KeyKind::Ecdsa);
    let (cert, key) = (other.path("client.pem"), other.path("client.key"));
    let foreign: &[&str] = &["-tls1_2", "-cert", &cert, "-key", &key];
    let (connected, printed) = s_client(&certificates, server, foreign, "").expect("OpenSSL");
    assert!(!connected, "of somebody else's authority: {printed}");
}

#[test]
fn renegotiation_is_refused() {
    let certificates = Certificates::new(KeyKind::Rsa);
    let turnd = secured(&certificates, "");
    let server = turnd.address("tls", SocketAddr::is_ipv4);
    let Some((_, printed)) = s_client(&certificates, server, &["-tls1_2"], "R\n") else {
        return;
    };
    assert!(printed.contains("RENEGOTIATING"), "{printed}");
    assert!(printed.contains("no renegotiation"), "{printed}");
}

#[test]
fn a_session_is_resumed() {
    let certificates = Certificates::new(KeyKind::Rsa);
    let turnd = secured(&certificates, "");
    let server = turnd.address("tls", SocketAddr::is_ipv4);
    // s_client connects once more for -reconnect, five times, with the session of the first time.
    let Some((connected, printed)) =
        s_client(&certificates, server, &["-tls1_2", "-reconnect"], "")
    else {
        return;
    };
    assert!(connected, "{printed}");
    assert_eq!(printed.matches("Reused, TLSv1.2").count(), 5, "{printed}");
}
