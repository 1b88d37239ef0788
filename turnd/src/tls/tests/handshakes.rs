//! Who gets in, with what, and who does not.

use rustls::{
    AlertDescription, CertificateError, CipherSuite, Error, HandshakeKind, NamedGroup,
    PeerIncompatible, ProtocolVersion,
    crypto::aws_lc_rs::cipher_suite::{
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    },
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};

use super::*;

#[test]
fn both_versions_are_served() {
    let server = load(self_signed());
    let pair = connect(&Client::of(&TLS13).of_server(&server), &server);
    assert_eq!(
        pair.server.protocol_version(),
        Some(ProtocolVersion::TLSv1_3)
    );
    let group = pair.server.negotiated_key_exchange_group().unwrap();
    assert_eq!(group.name(), NamedGroup::X25519MLKEM768);
    let pair = connect(&Client::of(&TLS12).of_server(&server), &server);
    assert_eq!(
        pair.server.protocol_version(),
        Some(ProtocolVersion::TLSv1_2)
    );
    let pair = connect(&Client::new().of_server(&server), &server);
    assert_eq!(
        pair.server.protocol_version(),
        Some(ProtocolVersion::TLSv1_3)
    );
}

#[test]
fn no_tlsv1_2_refuses_it_with_an_alert_and_serves_1_3() {
    let server = load(TlsSettings {
        tls12: false,
        http: false,
        ..self_signed()
    });
    let broken = refused(&Client::of(&TLS12).of_server(&server), &server);
    assert_eq!(
        broken.client,
        Some(Error::AlertReceived(AlertDescription::ProtocolVersion))
    );
    connect(&Client::of(&TLS13).of_server(&server), &server);
}

#[test]
fn a_client_with_nothing_but_what_rfc_8656_asks_for_gets_in_with_an_rsa_certificate() {
    // RFC 8656 section 3.1 wants TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 (RFC 9325 section 4.2) at least.
    let authority = Authority::new();
    let folder = Folder::new();
    let now = SystemTime::now();
    let issued = authority.sign(keys::rsa(), (now - DAY, now + 90 * DAY));
    let server = load(folder.settings(&issued));
    let mut client = Client::of(&TLS12);
    client.suite = Some(TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256);
    let pair = connect(&client.trusting(authority.0.der().clone()), &server);
    assert_eq!(
        pair.server.negotiated_cipher_suite().unwrap().suite(),
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    );
}

#[test]
fn the_cipher_list_decides_what_is_served() {
    let authority = Authority::new();
    let folder = Folder::new();
    let now = SystemTime::now();
    let issued = authority.sign(keys::rsa(), (now - DAY, now + 90 * DAY));
    let server = load(TlsSettings {
        cipher_list: Some("ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256".to_owned()),
        ..folder.settings(&issued)
    });
    let mut client = Client::of(&TLS12);
    client.suite = Some(TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384);
    let broken = refused(&client.trusting(authority.0.der().clone()), &server);
    assert_eq!(
        broken.server,
        Some(Error::PeerIncompatible(
            PeerIncompatible::NoCipherSuitesInCommon
        ))
    );
    // A client that would rather have AES gets the first of the list.
    let client = Client::of(&TLS12).trusting(authority.0.der().clone());
    assert_eq!(
        connect(&client, &server)
            .server
            .negotiated_cipher_suite()
            .unwrap(),
        TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
    );
}

#[test]
fn a_cipher_list_that_does_not_go_with_the_key_is_told() {
    let (server, warnings) = TlsServer::load(TlsSettings {
        cipher_list: Some("ECDHE-RSA-AES128-GCM-SHA256".to_owned()),
        ..self_signed()
    })
    .unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("cipher-list "), "{warnings:?}");
    refused(&Client::of(&TLS12).of_server(&server), &server);
    connect(&Client::of(&TLS13).of_server(&server), &server);
}

#[test]
fn the_curve_decides_what_keys_are_exchanged_with() {
    for (curve, group) in [
        ("prime256v1", NamedGroup::secp256r1),
        ("secp384r1", NamedGroup::secp384r1),
        ("X25519", NamedGroup::X25519),
    ] {
        let server = load(TlsSettings {
            curves: Some(curve.to_owned()),
            ..self_signed()
        });
        let pair = connect(&Client::of(&TLS13).of_server(&server), &server);
        let used = pair.server.negotiated_key_exchange_group().unwrap();
        assert_eq!(used.name(), group, "{curve}");
    }
}

#[test]
fn curves_that_are_not_here_are_told_and_leave_the_default() {
    for (curves, told) in [
        (
            "secp521r1:P-256",
            vec!["ec-curve-name: not known and passed over: secp521r1"],
        ),
        (
            "brainpoolP256r1",
            vec![
                "ec-curve-name: not known and passed over: brainpoolP256r1",
                "ec-curve-name names no curve that this server has: the default is used",
            ],
        ),
        (
            "X25519MLKEM768",
            vec!["ec-curve-name names no curve of TLS 1.2: clients with TLS 1.2 are refused"],
        ),
    ] {
        let (server, warnings) = TlsServer::load(TlsSettings {
            curves: Some(curves.to_owned()),
            ..self_signed()
        })
        .unwrap();
        assert_eq!(warnings, told);
        connect(&Client::of(&TLS13).of_server(&server), &server);
    }
}

#[test]
fn application_protocols_are_those_of_rfc_7443() {
    let server = load(self_signed());
    for version in [&TLS12, &TLS13] {
        for (offered, chosen) in [
            (vec![], None),
            (vec!["stun.turn"], Some("stun.turn")),
            (vec!["stun.nat-discovery"], Some("stun.nat-discovery")),
            (
                vec!["h2", "stun.nat-discovery", "stun.turn"],
                Some("stun.turn"),
            ),
        ] {
            let mut client = Client::of(version);
            client.alpn = offered;
            let pair = connect(&client.of_server(&server), &server);
            assert_eq!(pair.server.alpn_protocol(), chosen.map(str::as_bytes));
        }
        let mut client = Client::of(version);
        client.alpn = vec!["h2", "http/1.1"];
        let broken = refused(&client.of_server(&server), &server);
        assert_eq!(broken.server, Some(Error::NoApplicationProtocol));
        assert_eq!(
            broken.client,
            Some(Error::AlertReceived(
                AlertDescription::NoApplicationProtocol
            ))
        );
    }
}

#[test]
fn a_session_is_resumed_in_both_versions() {
    let server = load(self_signed());
    for version in [&TLS12, &TLS13] {
        let client = Client::of(version).of_server(&server);
        let first = connect(&client, &server);
        assert_eq!(first.server.handshake_kind(), Some(HandshakeKind::Full));
        let second = connect(&client, &server);
        assert_eq!(second.server.handshake_kind(), Some(HandshakeKind::Resumed));
        let tickets = if version == &TLS13 { 1 } else { 0 };
        assert_eq!(first.client.tls13_tickets_received(), tickets);
    }
}

#[test]
fn a_resumed_session_carries_no_early_data() {
    let server = load(self_signed());
    let mut client = Client::of(&TLS13).of_server(&server);
    Arc::get_mut(&mut client).unwrap().enable_early_data = true;
    connect(&client, &server);
    let mut pair = Pair::new(&client, &server);
    assert!(pair.client.early_data().is_none());
    pair.run().unwrap();
    assert_eq!(pair.server.handshake_kind(), Some(HandshakeKind::Resumed));
}

#[test]
fn with_a_ca_file_clients_need_a_certificate_of_that_authority() {
    let authority = Authority::new();
    let folder = Folder::new();
    let issued = authority.issue();
    let server = load(TlsSettings {
        ca_file: Some(folder.write("ca.pem", authority.pem())),
        ..folder.settings(&issued)
    });
    let root = || authority.0.der().clone();
    for version in [&TLS12, &TLS13] {
        let broken = refused(&Client::of(version).trusting(root()), &server);
        assert_eq!(broken.server, Some(Error::NoCertificatesPresented));

        let broken = refused(
            &client_of(&Authority::new(), version).trusting(root()),
            &server,
        );
        assert_eq!(
            broken.server,
            Some(Error::InvalidCertificate(CertificateError::UnknownIssuer))
        );

        let pair = connect(&client_of(&authority, version).trusting(root()), &server);
        assert_eq!(pair.server.peer_certificates().map(<[_]>::len), Some(1));
    }
}

#[test]
fn without_a_ca_file_no_client_is_asked_for_a_certificate() {
    let server = load(self_signed());
    let mut client = client_of(&Authority::new(), &TLS13);
    client.alpn = vec!["stun.turn"];
    let pair = connect(&client.of_server(&server), &server);
    assert_eq!(pair.server.peer_certificates(), None);
}

/// A client that shows a certificate of this authority when asked.
pub(super) fn client_of(
    authority: &Authority,
    version: &'static SupportedProtocolVersion,
) -> Client {
    let issued = authority.issue();
    let mut client = Client::of(version);
    let cert = CertificateDer::from_pem_slice(issued.cert.as_bytes()).unwrap();
    let key = PrivatePkcs8KeyDer::from(issued.key.serialize_der());
    client.identity = Some((cert, PrivateKeyDer::Pkcs8(key)));
    client
}
