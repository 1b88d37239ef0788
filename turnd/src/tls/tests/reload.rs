//! Files that change while the server runs.

use rustls::{
    HandshakeKind,
    version::{TLS12, TLS13},
};

use super::*;
use crate::tls::own;

#[test]
fn new_connections_get_the_new_certificate_and_old_ones_go_on() {
    let (old, new) = (Authority::new(), Authority::new());
    let folder = Folder::new();
    let server = load(folder.settings(&old.issue()));
    let before = server.fingerprint();
    let trusts_old = Client::of(&TLS13).trusting(old.0.der().clone());
    let trusts_new = Client::of(&TLS12).trusting(new.0.der().clone());
    let mut living = connect(&trusts_old, &server);
    refused(&trusts_new, &server);

    folder.settings(&new.issue());
    assert_eq!(server.reload().unwrap(), Vec::<String>::new());

    living.talk();
    connect(&trusts_new, &server);
    assert_ne!(server.fingerprint(), before);
    let stranger = Client::of(&TLS13).trusting(old.0.der().clone());
    refused(&stranger, &server);
}

#[test]
fn sessions_are_resumed_across_a_renewal() {
    let authority = Authority::new();
    let folder = Folder::new();
    let server = load(folder.settings(&authority.issue()));
    for version in [&TLS12, &TLS13] {
        let client = Client::of(version).trusting(authority.0.der().clone());
        connect(&client, &server);
        folder.settings(&authority.issue());
        server.reload().unwrap();
        let pair = connect(&client, &server);
        assert_eq!(pair.server.handshake_kind(), Some(HandshakeKind::Resumed));
    }
}

#[test]
fn a_client_that_is_trusted_no_longer_cannot_come_back_with_a_ticket() {
    let (authority, other) = (Authority::new(), Authority::new());
    let folder = Folder::new();
    let server = load(TlsSettings {
        ca_file: Some(folder.write("ca.pem", authority.pem())),
        ..folder.settings(&authority.issue())
    });
    for version in [&TLS12, &TLS13] {
        folder.write("ca.pem", authority.pem());
        server.reload().unwrap();
        let client = handshakes::client_of(&authority, version).trusting(authority.0.der().clone());
        connect(&client, &server);
        server.reload().unwrap();
        let pair = connect(&client, &server);
        assert_eq!(pair.server.handshake_kind(), Some(HandshakeKind::Resumed));

        folder.write("ca.pem", other.pem());
        server.reload().unwrap();
        refused(&client, &server);
    }
}

#[test]
fn files_that_are_no_use_change_nothing_and_are_named() {
    let authority = Authority::new();
    let folder = Folder::new();
    let ca = folder.write("ca.pem", authority.pem());
    let server = load(TlsSettings {
        ca_file: Some(ca),
        ..folder.settings(&authority.issue())
    });
    let before = (server.fingerprint(), Arc::as_ptr(&server.config()));
    let client = || handshakes::client_of(&authority, &TLS13).trusting(authority.0.der().clone());
    let key = authority.issue().key.serialize_pem();
    for (file, text, option) in [
        ("key.pem", key.as_bytes(), "pkey"),
        ("key.pem", b"", "pkey"),
        ("cert.pem", b"nothing", "cert"),
        ("ca.pem", b"nothing", "CA-file"),
    ] {
        let good = fs::read(folder.0.path().join(file)).unwrap();
        let path = folder.write(file, text);
        let error = server.reload().unwrap_err();
        assert_eq!(
            (error.option(), error.path()),
            (option, Some(path.as_path()))
        );
        let said = error.to_string();
        assert!(
            said.starts_with(&format!("{option} {}: ", path.display())),
            "{said}"
        );
        assert!(
            said.ends_with("; what was loaded before stays in use"),
            "{said}"
        );
        assert_eq!(
            (server.fingerprint(), Arc::as_ptr(&server.config())),
            before
        );
        connect(&client(), &server);
        folder.write(file, good);
    }
    fs::remove_file(folder.0.path().join("cert.pem")).unwrap();
    let said = server.reload().unwrap_err().to_string();
    assert!(
        said.contains("No such file or directory (os error 2)"),
        "{said}"
    );
    connect(&client(), &server);
}

#[test]
fn a_self_signed_certificate_stays_until_two_weeks_before_its_end() {
    let server = load(self_signed());
    let before = server.fingerprint();
    server.reload().unwrap();
    assert_eq!(server.fingerprint(), before);

    let names = [NAME.to_owned()];
    let at = |days| {
        let loaded = server.current.load();
        let now = SystemTime::now() + days * DAY;
        own(&names, Some(&loaded), now).unwrap().fingerprint()
    };
    assert_eq!(at(14), before);
    assert_ne!(at(16), before);
}
