//! Certificates: which files do, which do not, and what is said of them.

use rustls_pki_types::{IpAddr, UnixTime};
use x509_cert::{Certificate, der::Decode};

use super::*;
use crate::{config::Secret, tls::certificates::validity_warning};

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_option_and_name() {
    let authority = Authority::new();
    let folder = Folder::new();
    let good = folder.settings(&authority.issue());
    let key = authority.issue().key.serialize_pem();
    let (empty, text) = (folder.write("empty", ""), folder.write("text", "hello\n"));
    let foreign = folder.write("foreign.pem", key);
    let cut = folder.write("cut.pem", &authority.pem()[..100]);
    let junk = folder.write(
        "junk.pem",
        pem::encode(&pem::Pem::new("CERTIFICATE", *b"junk")),
    );
    let missing = folder.0.path().join("missing");
    let at_home = folder.0.path().to_owned();

    for (cert, told) in [
        (
            &missing,
            "cannot be read: No such file or directory (os error 2)",
        ),
        (&at_home, "cannot be read: Is a directory (os error 21)"),
        (
            &empty,
            "has no certificate in it (\"BEGIN CERTIFICATE\" is expected)",
        ),
        (
            &text,
            "has no certificate in it (\"BEGIN CERTIFICATE\" is expected)",
        ),
        (
            &foreign,
            "has no certificate in it (\"BEGIN CERTIFICATE\" is expected)",
        ),
        (
            &cut,
            "certificate 1 in it is not usable: its PEM block is damaged",
        ),
        (
            &junk,
            "certificate 1 in it is not usable: invalid peer certificate: BadEncoding",
        ),
    ] {
        let said = error_of(with_files(&good, Some(cert), None));
        assert_eq!(said, format!("cert {}: {told}", cert.display()));
    }
    let mismatch = format!(
        "the private key in it does not match the first certificate in {} (cert)",
        folder.0.path().join("cert.pem").display()
    );
    for (key, told) in [
        (
            &missing,
            "cannot be read: No such file or directory (os error 2)",
        ),
        (
            &empty,
            "has no private key in it (\"BEGIN ... PRIVATE KEY\" is expected)",
        ),
        (&foreign, mismatch.as_str()),
    ] {
        let said = error_of(with_files(&good, None, Some(key)));
        assert_eq!(said, format!("pkey {}: {told}", key.display()));
    }
    for (ca, told) in [
        (
            &missing,
            "cannot be read: No such file or directory (os error 2)",
        ),
        (
            &text,
            "has no certificate in it (\"BEGIN CERTIFICATE\" is expected)",
        ),
        (
            &junk,
            "certificate 1 in it is not usable: invalid peer certificate: BadEncoding",
        ),
    ] {
        let said = error_of(TlsSettings {
            ca_file: Some(ca.clone()),
            ..good.clone()
        });
        assert_eq!(said, format!("CA-file {}: {told}", ca.display()));
    }
}

/// The same settings with another certificate, or another key.
fn with_files(
    settings: &TlsSettings,
    other: Option<&Path>,
    other_key: Option<&Path>,
) -> TlsSettings {
    let mut settings = settings.clone();
    if let IdentitySource::Files { cert, key, .. } = &mut settings.identity {
        *cert = other.map_or_else(|| cert.clone(), Path::to_owned);
        *key = other_key.map_or_else(|| key.clone(), Path::to_owned);
    }
    settings
}

#[test]
fn a_file_without_end_is_not_read_to_its_end() {
    let folder = Folder::new();
    let good = folder.settings(&Authority::new().issue());
    let said = error_of(with_files(&good, Some(Path::new("/dev/zero")), None));
    assert_eq!(
        said,
        "cert /dev/zero: is longer than 4194304 bytes: not a PEM file"
    );
}

#[test]
fn chain_and_key_may_be_in_one_file_and_the_whole_chain_is_sent() {
    let authority = Authority::new();
    let folder = Folder::new();
    let issued = authority.issue();
    let both = format!(
        "{}{}{}",
        issued.key.serialize_pem(),
        issued.cert,
        authority.pem()
    );
    let path = folder.write("both.pem", both);
    let settings = with_files(&folder.settings(&issued), Some(&path), Some(&path));
    let server = load(settings);
    let pair = connect(&Client::new().trusting(authority.0.der().clone()), &server);
    assert_eq!(pair.client.peer_certificates().map(<[_]>::len), Some(2));
    assert_eq!(server.paths(), [("cert", path.clone()), ("pkey", path)]);
}

#[test]
fn authorities_that_cannot_be_used_are_told_and_the_others_serve() {
    let authority = Authority::new();
    let folder = Folder::new();
    let junk = pem::encode(&pem::Pem::new("CERTIFICATE", *b"junk"));
    let ca = folder.write("ca.pem", format!("{}{junk}{junk}", authority.pem()));
    let (server, warnings) = TlsServer::load(TlsSettings {
        ca_file: Some(ca.clone()),
        ..folder.settings(&authority.issue())
    })
    .unwrap();
    let expected = format!(
        "CA-file {}: 2 of its certificates cannot be used and are passed over; the first is number 2: ",
        ca.display()
    );
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].starts_with(&expected), "{warnings:?}");
    let client = handshakes::client_of(&authority, &rustls::version::TLS13);
    connect(&client.trusting(authority.0.der().clone()), &server);
    assert_eq!(server.paths().last(), Some(&("CA-file", ca)));
}

#[test]
fn dates_are_warnings_and_the_server_starts() {
    let authority = Authority::new();
    let now = SystemTime::now();
    for (from, until, told) in [
        (
            now - 60 * DAY,
            now - DAY,
            Some("the certificate expired on 20"),
        ),
        (
            now + DAY,
            now + 60 * DAY,
            Some("the certificate is not valid before 20"),
        ),
        (
            now - 60 * DAY,
            now + 3 * DAY + DAY / 2,
            Some("the certificate expires in less than 4 days, on 20"),
        ),
        (now - 60 * DAY, now + 15 * DAY, None),
    ] {
        let folder = Folder::new();
        let issued = authority.sign(KeyPair::generate().unwrap(), (from, until));
        let (server, warnings) = TlsServer::load(folder.settings(&issued)).unwrap();
        let path = folder.0.path().join("cert.pem");
        match told {
            Some(told) => {
                assert_eq!(warnings.len(), 1, "{warnings:?}");
                let expected = format!("cert {}: {told}", path.display());
                assert!(warnings[0].starts_with(&expected), "{warnings:?}");
            }
            None => assert_eq!(warnings, Vec::<String>::new()),
        }
        assert_eq!(server.reload().unwrap(), warnings);
    }
}

#[test]
fn the_warning_begins_fourteen_days_before_the_end() {
    let end = UNIX_EPOCH + 1_900_000_000 * Duration::from_secs(1);
    let issued = Authority::new().sign(KeyPair::generate().unwrap(), (end - 90 * DAY, end));
    let der = pem::parse(issued.cert).unwrap().into_contents();
    let second = Duration::from_secs(1);
    let told = |now| validity_warning(&CertificateDer::from(der.as_slice()), now);
    assert_eq!(told(end - 14 * DAY), None);
    assert_eq!(
        told(end - 14 * DAY + second).as_deref(),
        Some("the certificate expires in less than 14 days, on 2030-03-17T17:46:40Z")
    );
    assert_eq!(
        told(end).as_deref(),
        Some("the certificate expires in less than 1 day, on 2030-03-17T17:46:40Z")
    );
    assert_eq!(
        told(end + second).as_deref(),
        Some("the certificate expired on 2030-03-17T17:46:40Z")
    );
    assert_eq!(told(end - 90 * DAY), None);
    assert_eq!(
        told(end - 90 * DAY - second).as_deref(),
        Some("the certificate is not valid before 2029-12-17T17:46:40Z")
    );
}

#[test]
fn a_self_signed_certificate_is_for_the_names_given_and_thirty_days() {
    let server = load(self_signed());
    let identity = server.identity();
    let leaf = identity.leaf();
    let parsed = Certificate::from_der(leaf).unwrap();
    let tbs = parsed.tbs_certificate();
    assert_eq!(tbs.subject().to_string(), "CN=turnd self-signed");
    let validity = tbs.validity();
    let end = validity.not_after.to_unix_duration();
    assert_eq!(identity.expiry(), Some(end));
    let life = validity.not_after.to_unix_duration() - validity.not_before.to_unix_duration();
    assert_eq!(life, 30 * DAY);
    let now = UnixTime::now().as_secs();
    let age = now - validity.not_before.to_unix_duration().as_secs();
    assert!((86_400..86_460).contains(&age), "{age}");

    let certificate = rustls::server::ParsedCertificate::try_from(leaf).unwrap();
    let fits = |name| rustls::client::verify_server_name(&certificate, &name).is_ok();
    let address =
        |text: &str| ServerName::IpAddress(IpAddr::from(text.parse::<std::net::IpAddr>().unwrap()));
    assert!(fits(ServerName::try_from(NAME).unwrap()));
    assert!(fits(address("192.0.2.1")));
    assert!(fits(address("2001:db8::1")));
    assert!(!fits(address("192.0.2.2")));
    assert!(!fits(ServerName::try_from("turn.example.com").unwrap()));
    assert_eq!(server.paths(), []);
}

#[test]
fn a_name_that_no_certificate_can_carry_is_told() {
    let settings = TlsSettings {
        identity: IdentitySource::SelfSigned {
            names: vec!["türn".to_owned()],
        },
        ..self_signed()
    };
    let said = error_of(settings);
    assert!(
        said.starts_with("self-signed: no certificate could be made: "),
        "{said}"
    );
}

#[test]
fn another_library_can_take_the_identity_and_no_debug_shows_the_key() {
    let server = load(self_signed());
    let identity = server.identity();
    let folder = Folder::new();
    let key = identity.private_key_pem();
    let again = load(TlsSettings {
        identity: IdentitySource::Files {
            cert: folder.write("cert.pem", identity.certificate_pem()),
            key: folder.write("key.pem", key.expose()),
            key_password: Some(Secret::new("hunter2")),
        },
        ..self_signed()
    });
    assert_eq!(again.fingerprint(), server.fingerprint());
    assert_eq!(server.fingerprint().len(), 32 * 3 - 1);

    let line = key.expose().lines().nth(1).unwrap();
    let der = pem::parse(key.expose()).unwrap().into_contents();
    // The private half of a P-256 key: 32 bytes behind the fixed 36 of its PKCS#8 form.
    let bytes = format!("{:?}", &der[36..68]);
    let bytes = bytes.trim_matches(['[', ']']);
    assert!(format!("{der:?}").contains(bytes));
    for shown in [
        format!("{server:?}"),
        format!("{again:?}"),
        format!("{identity:?}"),
        format!("{:?}", server.config()),
    ] {
        for secret in [line, bytes, "hunter2"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    let shown = format!("{server:?}");
    assert!(shown.contains(&server.fingerprint()), "{shown}");
}
