//! The private key out of PEM, encrypted or not.

use std::path::Path;

use pem::Pem;
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};

use super::{
    encrypted_key::{self, Failure},
    error::{TlsError, TlsProblem},
};
use crate::config::Secret;

/// The first private key of a PEM text: PKCS#8, PKCS#1 or SEC1, the latter also behind a block of
/// parameters. Other blocks are passed over, so that a file may hold the certificates as well.
///
/// # Errors
///
/// There is none; it is damaged; it is encrypted and `password` is missing, wrong, or the encryption is
/// not known.
pub(super) fn parse(
    path: &Path,
    text: &[u8],
    password: Option<&Secret>,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    use rustls_pki_types::pem::Error;

    let problem = |problem| TlsError::of_file("pkey", path, problem);
    // What the parsers say may quote a line of the key: it is not passed on.
    let damaged = || {
        problem(TlsProblem::BadPrivateKey(
            "its PEM block is damaged".to_owned(),
        ))
    };
    let plain = match PrivateKeyDer::from_pem_slice(text) {
        Ok(key) => return Ok(key),
        Err(plain) => plain,
    };
    // To the parser of plain keys an encrypted one of the old form is bad base64, because of its headers,
    // and one of PKCS#8 is none at all.
    let Some(block) = encrypted_block(text) else {
        let none = matches!(plain, Error::NoItemsFound) && !mentions_key(text);
        return Err(match none {
            true => problem(TlsProblem::NoPrivateKey),
            false => damaged(),
        });
    };
    let password = password.ok_or_else(|| problem(TlsProblem::PasswordMissing))?;
    encrypted_key::decrypt(&block, password).map_err(|failure| match failure {
        Failure::WrongPassword => TlsError::of_file("pkey-pwd", path, TlsProblem::PasswordWrong),
        Failure::Unsupported(how) => problem(TlsProblem::UnknownEncryption(how)),
        Failure::Damaged => damaged(),
    })
}

fn encrypted_block(text: &[u8]) -> Option<Pem> {
    pem::parse_many(text)
        .ok()?
        .into_iter()
        .find(encrypted_key::is_encrypted)
}

/// Whether there is at least the beginning or the end of a key.
fn mentions_key(text: &[u8]) -> bool {
    let words = b"PRIVATE KEY-----";
    text.windows(words.len()).any(|window| window == words)
}
