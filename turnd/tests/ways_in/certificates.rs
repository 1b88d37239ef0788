//! Whose certificates are shown and asked for.

use std::fmt::Write;

use rcgen::KeyPair;
use rustls::{
    AlertDescription, Error,
    version::{TLS12, TLS13},
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use sha2::{Digest, Sha256};

use crate::{
    client::{CONFIG, connect},
    encrypted::{Tls, both_ports, refusal, start, tls},
    pki::{Authority, Issued},
    support::turnd::Turnd,
};

/// The password of the keys in `tests/data/tls`.
const PASSWORD: &str = "correct horse";
const ENCRYPTED_KEY: &str = include_str!("../data/tls/pkcs8-pbkdf2-sha256-aes256.pem");

/// coturn's CA-file: clients are let in with a certificate of that authority only.
#[test]
fn with_a_ca_file_only_clients_of_that_authority_get_in() {
    let (authority, clients, stranger) = (Authority::new(), Authority::new(), Authority::new());
    let server = authority.issue();
    let ca = clients.pem();
    let [cert, key] = server.files();
    let config = format!(
        "{CONFIG}tls-listening-port=0\n{}CA-file=ca.pem\n",
        Tls::CONFIG
    );
    let turnd = Turnd::start_with_files(&config, &[cert, key, ("ca.pem", &ca)]);
    let [server, _] = both_ports(&turnd);
    for (version, missing) in [
        // RFC 8446 section 4.4.2.4; RFC 5246 has no alert of its own for this.
        (&TLS13, AlertDescription::CertificateRequired),
        (&TLS12, AlertDescription::HandshakeFailure),
    ] {
        let client = Tls::trusting(authority.der()).version(version);
        let good = client.config(Some(&clients.issue()));
        assert_eq!(tls(server, &good).0.binding().error(), None);

        let none = refusal(server, &client.config(None));
        assert!(
            none == Error::AlertReceived(missing)
                || none == Error::AlertReceived(AlertDescription::CertificateRequired),
            "{none:?}"
        );
        let other = refusal(server, &client.config(Some(&stranger.issue())));
        assert!(
            matches!(
                other,
                Error::AlertReceived(
                    AlertDescription::UnknownCA | AlertDescription::BadCertificate
                )
            ),
            "{other:?}"
        );
        // And the one with the good one again.
        assert_eq!(tls(server, &good).0.binding().error(), None);
    }
}

/// The fingerprint is how an operator can tell that a client saw this server and no one else.
#[test]
fn a_self_signed_certificate_is_the_one_whose_fingerprint_is_logged() {
    let turnd = Turnd::start(&format!("{CONFIG}self-signed\ntls-listening-port=0\n"));
    let [server, _] = both_ports(&turnd);
    let seen = certificate_of(server);
    let mut fingerprint = String::new();
    for byte in Sha256::digest(&seen) {
        let colon = if fingerprint.is_empty() { "" } else { ":" };
        write!(fingerprint, "{colon}{byte:02X}").unwrap();
    }
    let log = turnd.log();
    let expected = format!(
        "certificate: self-signed, good for trying out and for nothing else, SHA-256 {fingerprint}"
    );
    assert!(log.contains(&expected), "{expected}\nis not in\n{log}");
}

/// What a server shows to a client that trusts nobody yet.
fn certificate_of(server: std::net::SocketAddr) -> Vec<u8> {
    use rustls::{
        ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::aws_lc_rs,
    };
    use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
    use std::sync::Arc;

    /// Takes any certificate: the test compares it with what the log says.
    #[derive(Debug)]
    struct Anyone;

    impl ServerCertVerifier for Anyone {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            aws_lc_rs::default_provider()
                .signature_verification_algorithms
                .supported_schemes()
        }
    }

    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = connect(server);
    client.complete_io(&mut socket).unwrap();
    client.peer_certificates().unwrap()[0].to_vec()
}

/// The key that OpenSSL wrote, with its certificate; `key` holds it encrypted.
fn with_encrypted_key(authority: &Authority) -> Issued {
    let file = pem::parse(ENCRYPTED_KEY).unwrap();
    let encrypted = pkcs8::EncryptedPrivateKeyInfoRef::try_from(file.contents()).unwrap();
    let opened = encrypted.decrypt(PASSWORD).unwrap();
    let key = KeyPair::try_from(&PrivatePkcs8KeyDer::from(opened.as_bytes())).unwrap();
    Issued {
        key: ENCRYPTED_KEY.to_owned(),
        ..authority.issue_for(&key)
    }
}

#[test]
fn an_encrypted_key_is_opened_with_its_password() {
    let authority = Authority::new();
    let issued = with_encrypted_key(&authority);
    let config = format!(
        "{CONFIG}tls-listening-port=0\n{}pkey-pwd={PASSWORD}\n",
        Tls::CONFIG
    );
    let turnd = Turnd::start_with_files(&config, &issued.files());
    let [server, _] = both_ports(&turnd);
    let config = Tls::trusting(authority.der()).config(None);
    let (mut client, agreed) = tls(server, &config);
    assert_eq!(agreed.certificate, issued.der());
    assert_eq!(client.binding().error(), None);
    assert!(!turnd.log().contains(PASSWORD));
}

/// The configuration, its files, the exit code, and what stands together in a line.
type Failure<'a> = (&'a str, &'a [(&'a str, &'a str)], i32, &'a [&'a str]);

/// Who asked for TLS gets it or an error, never a server without.
#[test]
fn without_a_certificate_that_can_be_used_there_is_no_start() {
    let authority = Authority::new();
    let issued = authority.issue();
    let other = authority.issue();
    let encrypted = with_encrypted_key(&authority);
    let config = format!("{CONFIG}tls-listening-port=0\n{}", Tls::CONFIG);
    let with_password = format!("{config}pkey-pwd=battery staple\n");
    let [cert, key] = issued.files();
    let cases: [Failure<'_>; 7] = [
        (&config, &[key], 255, &["cert", "cert.pem"]),
        (&config, &[cert], 255, &["pkey", "key.pem"]),
        (
            &config,
            &[("cert.pem", "nonsense"), key],
            1,
            &["cert ", "cert.pem", "no certificate"],
        ),
        (
            &config,
            &[cert, ("key.pem", "nonsense")],
            1,
            &["pkey ", "key.pem", "no private key"],
        ),
        (
            &config,
            &[cert, ("key.pem", &other.key)],
            1,
            &["pkey ", "key.pem", "does not match", "cert.pem"],
        ),
        (
            &config,
            &encrypted.files(),
            1,
            &["pkey ", "key.pem", "pkey-pwd is not set"],
        ),
        (
            &with_password,
            &encrypted.files(),
            1,
            &["pkey-pwd ", "key.pem", "does not open"],
        ),
    ];
    for (config, files, code, parts) in cases {
        let failed = Turnd::fail_to_start(config, files);
        let log = &failed.log;
        assert_eq!(failed.status.code(), Some(code), "{log}");
        let is_told = |line: &str| parts.iter().all(|part| line.contains(part));
        assert!(
            log.lines().any(is_told),
            "{parts:?} not in a line of\n{log}"
        );
        assert!(
            !log.contains("PRIVATE KEY-----\n") && !log.contains("battery staple"),
            "{log}"
        );
    }
}

/// The certificate of the configuration and its whole chain are what the client gets.
#[test]
fn the_certificate_of_the_file_is_shown() {
    let authority = Authority::new();
    let turnd = start(&authority, "");
    for server in both_ports(&turnd) {
        let config = Tls::trusting(authority.der()).config(None);
        let (_, agreed) = tls(server, &config);
        let log = turnd.log();
        let fingerprint: String = Sha256::digest(&agreed.certificate)
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect::<Vec<_>>()
            .join(":");
        assert!(log.contains(&format!("SHA-256 {fingerprint}")), "{log}");
    }
}
