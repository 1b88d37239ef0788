//! What an operator gives, rightly or wrongly.

use openssl::symm::Cipher;
use turnd::dtls::{Credentials, DtlsContext, DtlsLimits};

use crate::support::{Client, Pki, Server, path};

/// The context is shared by the workers, and an association stays with one.
#[test]
fn threads_can_share_the_context_and_own_the_associations() {
    fn shared<T: Send + Sync>(_: &T) {}
    fn owned<T: Send>(_: &T) {}
    let server = Server::usual();
    shared(&server.context);
    owned(&server.dtls);
}

#[test]
fn each_mistake_is_told_in_one_line() {
    let good = Pki::ecdsa().credentials();
    let encrypted = Pki::ecdsa()
        .key
        .private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"secret")
        .unwrap();
    for (what, mistake) in [
        ("the certificate: ", Credentials { chain: b"", ..good }),
        (
            "the certificate: ",
            Credentials {
                chain: b"-----BEGIN CERTIFICATE-----\n",
                ..good
            },
        ),
        (
            "the certificate: ",
            Credentials {
                chain: good.key,
                ..good
            },
        ),
        (
            "the private key: ",
            Credentials {
                key: b"not a key",
                ..good
            },
        ),
        (
            "the private key: ",
            Credentials {
                key: &encrypted,
                ..good
            },
        ),
        (
            "the private key: ",
            Credentials {
                key: &encrypted,
                password: Some(b"wrong"),
                ..good
            },
        ),
        (
            "the private key: ",
            Credentials {
                key: &encrypted,
                password: Some(&[b'x'; 5000]),
                ..good
            },
        ),
        (
            "the private key does not fit the certificate",
            Credentials {
                key: &Pki::other_ecdsa().key_pem,
                ..good
            },
        ),
        (
            "the clients' authorities: ",
            Credentials {
                client_ca: Some(b"none"),
                ..good
            },
        ),
        (
            "the cipher suites: ",
            Credentials {
                ciphers: Some("ECDHE-ECDSA-AES128-SHA"),
                ..good
            },
        ),
    ] {
        let error = DtlsContext::new(&mistake).unwrap_err();
        assert!(error.starts_with(what), "{what} {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn an_encrypted_key_is_opened_with_its_password() {
    let key = Pki::ecdsa()
        .key
        .private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"secret")
        .unwrap();
    let credentials = Credentials {
        key: &key,
        password: Some(b"secret"),
        ..Pki::ecdsa().credentials()
    };
    let mut server = Server::new(&credentials, DtlsLimits::default());
    Client::connected(&mut server, path(1));
}

#[test]
fn a_new_certificate_is_for_new_associations_and_a_bad_one_changes_nothing() {
    let mut server = Server::usual();
    let mut early = Client::connected(&mut server, path(1));

    server.context.replace(&Pki::rsa().credentials()).unwrap();
    early.talk(&mut server, path(1));
    let mut late = Client::new(Pki::rsa());
    late.shake_hands(&mut server, path(2));
    assert!(late.connected, "{:?}", late.error);

    let bad = Credentials {
        key: &Pki::ecdsa().key_pem,
        ..Pki::rsa().credentials()
    };
    server.context.replace(&bad).unwrap_err();
    let mut later = Client::new(Pki::rsa());
    later.shake_hands(&mut server, path(3));
    assert!(later.connected, "{:?}", later.error);
}
