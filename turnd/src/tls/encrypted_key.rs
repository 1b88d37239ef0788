//! Private keys behind a password: PKCS#8 (RFC 5958) with PBES2 (RFC 8018), and the form that OpenSSL wrote
//! before, whose PEM block has the headers of RFC 1421.

use aes::{Aes128, Aes192, Aes256};
use cbc::cipher::{
    BlockCipherDecrypt, BlockModeDecrypt, InnerIvInit, KeyInit, block_padding::Pkcs7,
};
use des::TdesEde3;
use md5::{Digest, Md5};
use pem::Pem;
use pkcs8::{
    EncryptedPrivateKeyInfoRef, ObjectIdentifier, PrivateKeyInfoRef,
    der::{
        Decode,
        asn1::{AnyRef, OctetStringRef},
    },
    spki::AlgorithmIdentifierRef,
};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

use crate::config::Secret;

const PKCS8: &str = "ENCRYPTED PRIVATE KEY";
const PKCS1: &str = "RSA PRIVATE KEY";
const SEC1: &str = "EC PRIVATE KEY";

/// Why a key stays closed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The password is not the right one, or bytes of the key were changed: the two look the same.
    WrongPassword,
    /// This is no encryption that is known here.
    Unsupported(String),
    /// It is not even an encrypted key.
    Damaged,
}

/// Whether this block is a private key that needs a password.
pub(super) fn is_encrypted(block: &Pem) -> bool {
    let header = |name| block.headers().get(name);
    match block.tag() {
        PKCS8 => true,
        PKCS1 | SEC1 => header("Proc-Type").is_some_and(|value| value.trim() == "4,ENCRYPTED"),
        _ => false,
    }
}

/// The key in a block of which [`is_encrypted`] is true.
pub(super) fn decrypt(block: &Pem, password: &Secret) -> Result<PrivateKeyDer<'static>, Failure> {
    let password = password.expose().as_bytes();
    if block.tag() == PKCS8 {
        return pkcs8(block.contents(), password).map(PrivateKeyDer::Pkcs8);
    }
    let info = block.headers().get("DEK-Info").ok_or(Failure::Damaged)?;
    let der = traditional(info, block.contents(), password)?;
    Ok(match block.tag() {
        PKCS1 => PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(der)),
        _ => PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(der)),
    })
}

fn pkcs8(der: &[u8], password: &[u8]) -> Result<PrivatePkcs8KeyDer<'static>, Failure> {
    use pkcs8::pkcs5::Error as Pkcs5;

    let Ok(encrypted) = EncryptedPrivateKeyInfoRef::try_from(der) else {
        return Err(scheme(der).map_or(Failure::Damaged, unsupported));
    };
    let plain = encrypted.decrypt(password).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(
            Pkcs5::UnsupportedAlgorithm { oid } | Pkcs5::AlgorithmParametersInvalid { oid },
        ) => unsupported(oid),
        pkcs8::Error::EncryptedPrivateKey(Pkcs5::NoPbes1CryptSupport) => {
            Failure::Unsupported("a scheme of PKCS#5 version 1".to_owned())
        }
        _ => Failure::WrongPassword,
    })?;
    // One wrong password in 256 leaves bytes that seem to end well.
    PrivateKeyInfoRef::from_der(plain.as_bytes()).map_err(|_| Failure::WrongPassword)?;
    Ok(PrivatePkcs8KeyDer::from(plain.as_bytes().to_vec()))
}

/// The name of the scheme, of those that cannot even be read: the ciphers of PKCS#12 and of PBES1, and of
/// PBES2 with ciphers that are not known.
fn scheme(der: &[u8]) -> Option<ObjectIdentifier> {
    let scheme = AnyRef::from_der(der).ok()?.sequence(|reader| {
        let scheme = AlgorithmIdentifierRef::decode(reader)?;
        <&OctetStringRef>::decode(reader)?;
        Ok::<_, pkcs8::der::Error>(scheme)
    });
    scheme.ok().map(|scheme| scheme.oid)
}

fn unsupported(oid: ObjectIdentifier) -> Failure {
    Failure::Unsupported(format!("the algorithm {oid}"))
}

/// `info` is the value of DEK-Info: the cipher and the initial vector in hex (RFC 1421 section 4.6.1.3).
fn traditional(info: &str, data: &[u8], password: &[u8]) -> Result<Vec<u8>, Failure> {
    let (cipher, iv) = info.split_once(',').ok_or(Failure::Damaged)?;
    let iv = from_hex(iv.trim()).ok_or(Failure::Damaged)?;
    let plain = match cipher.trim() {
        "AES-128-CBC" => cbc::<Aes128>(data, password, &iv),
        "AES-192-CBC" => cbc::<Aes192>(data, password, &iv),
        "AES-256-CBC" => cbc::<Aes256>(data, password, &iv),
        "DES-EDE3-CBC" => cbc::<TdesEde3>(data, password, &iv),
        other => Err(Failure::Unsupported(other.escape_debug().to_string())),
    }?;
    // One wrong password in 256 leaves bytes that seem to end well.
    AnyRef::from_der(&plain).map_err(|_| Failure::WrongPassword)?;
    Ok(plain)
}

fn cbc<C>(data: &[u8], password: &[u8], iv: &[u8]) -> Result<Vec<u8>, Failure>
where
    C: BlockCipherDecrypt + KeyInit,
{
    let salt = iv.get(..8).ok_or(Failure::Damaged)?;
    let key = bytes_to_key(password, salt, C::key_size());
    let cipher = C::new_from_slice(&key).map_err(|_| Failure::Damaged)?;
    let mode = cbc::Decryptor::inner_iv_slice_init(cipher, iv).map_err(|_| Failure::Damaged)?;
    mode.decrypt_padded_vec::<Pkcs7>(data)
        .map_err(|_| Failure::WrongPassword)
}

/// EVP_BytesToKey of OpenSSL with MD5 and one round, which is what this form of PEM means: each block is
/// MD5(the block before | password | salt).
fn bytes_to_key(password: &[u8], salt: &[u8], len: usize) -> Vec<u8> {
    let mut key: Vec<u8> = Vec::with_capacity(len + 16);
    let mut before = Vec::new();
    while key.len() < len {
        let block = Md5::new()
            .chain_update(&before)
            .chain_update(password)
            .chain_update(salt)
            .finalize();
        before = block.to_vec();
        key.extend_from_slice(&before);
    }
    key.truncate(len);
    key
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text
        .chars()
        .map(|digit| digit.to_digit(16))
        .collect::<Option<_>>()?;
    digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(high * 16 + low).ok(),
            _ => None,
        })
        .collect()
}
