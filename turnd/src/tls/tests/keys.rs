//! Every form a private key comes in.

use pem::Pem;
use rustls_pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer, pem::PemObject};

use super::*;
use crate::{config::Secret, tls::private_key};

const PASSWORD: &str = "correct horse";

/// What opens, and the public half of what is in it.
const ENCRYPTED: [(&str, &str); 9] = [
    ("pkcs8-pbkdf2-sha256-aes256.pem", "p256.pub.pem"),
    ("pkcs8-pbkdf2-sha1-aes128.pem", "p256.pub.pem"),
    ("pkcs8-pbkdf2-sha256-des3.pem", "p256.pub.pem"),
    ("pkcs8-scrypt-aes256.pem", "p256.pub.pem"),
    ("pkcs8-ed25519.pem", "ed25519.pub.pem"),
    ("pkcs1-rsa-aes256.pem", "rsa.pub.pem"),
    ("sec1-p256-aes128.pem", "p256.pub.pem"),
    ("sec1-p256-aes192.pem", "p256.pub.pem"),
    ("sec1-p384-des3.pem", "p384.pub.pem"),
];

fn open(name: &str, password: Option<&str>) -> Result<PrivateKeyDer<'static>, String> {
    let path = fixture(name);
    let text = fs::read(&path).unwrap();
    let password = password.map(Secret::new);
    private_key::parse(&path, &text, password.as_ref()).map_err(|error| error.to_string())
}

fn opened(name: &str) -> PrivateKeyDer<'static> {
    open(name, Some(PASSWORD)).unwrap()
}

/// A new RSA key of 2048 bits.
pub(super) fn rsa() -> KeyPair {
    KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap()
}

fn public_half(key: PrivateKeyDer<'static>) -> SubjectPublicKeyInfoDer<'static> {
    let key = aws_lc_rs::sign::any_supported_type(&key).unwrap();
    key.public_key().unwrap().into_owned()
}

fn named(name: &str) -> SubjectPublicKeyInfoDer<'static> {
    SubjectPublicKeyInfoDer::from_pem_file(fixture(name)).unwrap()
}

/// Loads a server with this key file and a certificate that fits it, and connects to it.
fn serve(key: &KeyPair, file: &str, password: Option<&str>) {
    let folder = Folder::new();
    let params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
    let server = load(TlsSettings {
        identity: IdentitySource::Files {
            cert: folder.write("cert.pem", params.self_signed(key).unwrap().pem()),
            key: folder.write("key.pem", file),
            key_password: password.map(Secret::new),
        },
        ..self_signed()
    });
    connect(&Client::new().of_server(&server), &server);
}

#[test]
fn encrypted_keys_open_with_their_password() {
    for (name, public) in ENCRYPTED {
        assert_eq!(public_half(opened(name)), named(public), "{name}");
        let key = KeyPair::try_from(&opened(name)).unwrap();
        let file = fs::read_to_string(fixture(name)).unwrap();
        serve(&key, &file, Some(PASSWORD));
        let file = file.replace('\n', "\r\n");
        serve(&key, &file, Some(PASSWORD));
    }
}

#[test]
fn a_wrong_password_and_none_are_two_things() {
    for (name, _) in ENCRYPTED {
        let path = fixture(name);
        let path = path.display();
        assert_eq!(
            open(name, None).unwrap_err(),
            format!("pkey {path}: the private key in it is encrypted and pkey-pwd is not set")
        );
        assert_eq!(
            open(name, Some("battery staple")).unwrap_err(),
            format!("pkey-pwd {path}: the password does not open the private key")
        );
    }
}

#[test]
fn no_wrong_password_opens_a_key() {
    // One in 256 leaves a padding that looks right.
    for (name, _) in ENCRYPTED
        .iter()
        .filter(|(name, _)| name.starts_with("sec1"))
    {
        for guess in 0..1_000 {
            assert!(
                open(name, Some(&guess.to_string())).is_err(),
                "{name} {guess}"
            );
        }
    }
}

#[test]
fn an_encryption_that_is_not_known_is_named() {
    for (name, how) in [
        (
            "pkcs8-pkcs12-3des.pem",
            "the algorithm 1.2.840.113549.1.12.1.3",
        ),
        ("sec1-p256-camellia128.pem", "CAMELLIA-128-CBC"),
    ] {
        let said = open(name, Some(PASSWORD)).unwrap_err();
        assert!(
            said.contains(&format!("is encrypted with {how}, ")),
            "{said}"
        );
    }
}

#[test]
fn plain_keys_of_every_form_are_read() {
    // The old forms, as they were inside the encryption.
    for (name, tag) in [
        ("pkcs1-rsa-aes256.pem", "RSA PRIVATE KEY"),
        ("sec1-p256-aes128.pem", "EC PRIVATE KEY"),
        ("sec1-p384-des3.pem", "EC PRIVATE KEY"),
        ("pkcs8-pbkdf2-sha256-aes256.pem", "PRIVATE KEY"),
        ("pkcs8-ed25519.pem", "PRIVATE KEY"),
    ] {
        let der = opened(name);
        let text = pem::encode(&Pem::new(tag, der.secret_der()));
        serve(&KeyPair::try_from(&der).unwrap(), &text, None);
        // A password that is not needed does no harm.
        serve(&KeyPair::try_from(&der).unwrap(), &text, Some(PASSWORD));
    }
    // PKCS#8 of the other kinds.
    for key in [
        rsa(),
        KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap(),
    ] {
        serve(&key, &key.serialize_pem(), None);
    }
}

#[test]
fn parameters_in_front_of_an_ec_key_are_passed_over() {
    // What `openssl ecparam -genkey -name prime256v1` writes: OID 1.2.840.10045.3.1.7 first.
    let parameters =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let der = opened("sec1-p256-aes128.pem");
    let key = KeyPair::try_from(&der).unwrap();
    let plain = pem::encode(&Pem::new("EC PRIVATE KEY", der.secret_der()));
    serve(&key, &format!("{parameters}{plain}"), None);
    let encrypted = fs::read_to_string(fixture("sec1-p256-aes128.pem")).unwrap();
    serve(&key, &format!("{parameters}{encrypted}"), Some(PASSWORD));
}

#[test]
fn the_remarks_of_a_pkcs12_export_are_passed_over() {
    let key = KeyPair::try_from(&opened("pkcs8-scrypt-aes256.pem")).unwrap();
    let remarks = "Bag Attributes\n    localKeyID: 01 02\nKey Attributes: <No Attributes>\n";
    let encrypted = fs::read_to_string(fixture("pkcs8-scrypt-aes256.pem")).unwrap();
    let certificate = Authority::new().pem();
    let text = format!("{remarks}{certificate}\n{remarks}{encrypted}\n");
    serve(&key, &text, Some(PASSWORD));
}

#[test]
fn damage_is_told_and_no_line_of_the_key_is_shown() {
    let key = KeyPair::generate().unwrap().serialize_pem();
    let line = key.lines().nth(1).unwrap();
    let encrypted = fs::read_to_string(fixture("sec1-p256-aes128.pem")).unwrap();
    let secret = |text: &str| text.lines().nth(5).unwrap_or(line).to_owned();
    for broken in [
        key.replace("-----END PRIVATE KEY-----", ""),
        key.replace(line, &format!("{line}*")),
        key.replace(line, &line[..line.len() - 8]),
        key.replace("PRIVATE KEY", "RSA PRIVATE KEY"),
        encrypted.replace("DEK-Info: AES-128-CBC,", "DEK-Info: AES-128-CBC,zz"),
        encrypted.replace("DEK-Info", "Other"),
        encrypted.replace("Proc-Type", "Other"),
        encrypted.replace("-----END EC PRIVATE KEY-----", ""),
        format!("{line}\n-----END ENCRYPTED PRIVATE KEY-----\n"),
    ] {
        let folder = Folder::new();
        let issued = Authority::new().issue();
        let mut settings = folder.settings(&issued);
        if let IdentitySource::Files { key_password, .. } = &mut settings.identity {
            *key_password = Some(Secret::new(PASSWORD));
        }
        let path = folder.write("key.pem", &broken);
        let error = TlsServer::load(settings).unwrap_err();
        let said = error.to_string();
        let expected = format!(
            "pkey {}: the private key in it is not usable: ",
            path.display()
        );
        assert!(said.starts_with(&expected), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        for shown in [said, format!("{error:?}")] {
            assert!(
                !shown.contains(line) && !shown.contains(&secret(&broken)),
                "{shown}"
            );
        }
    }
}
