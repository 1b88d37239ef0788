//! Keys and message authentication codes (RFC 8489 sections 9.2.2, 14.4 to 14.7).

use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::Sha256;

/// Which attribute protects a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Integrity {
    /// MESSAGE-INTEGRITY: HMAC-SHA1, 20 bytes.
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256: HMAC-SHA256. 32 bytes here: TURN allows no truncation.
    Sha256,
}

impl Integrity {
    /// Length of the full code in bytes.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// How a long-term key is derived from a password (RFC 8489 section 18.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// 0x0001: `MD5(user ":" realm ":" password)`.
    Md5,
    /// 0x0002: `SHA-256(user ":" realm ":" password)`.
    Sha256,
}

impl Algorithm {
    /// The number in PASSWORD-ALGORITHM and PASSWORD-ALGORITHMS.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Md5 => 1,
            Self::Sha256 => 2,
        }
    }

    /// The algorithm with this number, if this crate has it.
    #[must_use]
    pub const fn from_number(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::Md5),
            2 => Some(Self::Sha256),
            _ => None,
        }
    }
}

/// A key for message authentication codes, 0 to 64 bytes. Its `Debug` form shows none of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key {
    length: u8,
    bytes: [u8; Self::MAX_LENGTH],
}

impl Key {
    /// Longest key: the block of both hashes; HMAC would hash a longer one down.
    pub const MAX_LENGTH: usize = 64;

    /// A key from its bytes (a short-term password, a stored long-term key, a token's key).
    /// `None` if there are more than [`Self::MAX_LENGTH`].
    #[must_use]
    pub fn from_bytes(key: &[u8]) -> Option<Self> {
        let length = u8::try_from(key.len()).ok()?;
        let mut bytes = [0; Self::MAX_LENGTH];
        bytes.get_mut(..key.len())?.copy_from_slice(key);
        Some(Self { length, bytes })
    }

    /// The long-term key of a user (RFC 8489 section 18.5.1). The caller has prepared the strings
    /// (OpaqueString, RFC 8265); they are used here as they are.
    #[must_use]
    pub fn long_term(algorithm: Algorithm, user: &str, realm: &str, password: &str) -> Self {
        let parts = [user, ":", realm, ":", password];
        match algorithm {
            Algorithm::Md5 => Self::from_hash(&digest::<Md5>(&parts)),
            Algorithm::Sha256 => Self::from_hash(&digest::<Sha256>(&parts)),
        }
    }

    /// The key's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    fn from_hash(hash: &[u8]) -> Self {
        Self::from_bytes(hash).expect("MD5 and SHA-256 fit into a key")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} bytes)", self.length)
    }
}

/// USERHASH: `SHA-256(user ":" realm)` (RFC 8489 section 14.4).
#[must_use]
pub fn user_hash(user: &str, realm: &str) -> [u8; 32] {
    digest::<Sha256>(&[user, ":", realm]).into()
}

fn digest<D: Digest>(parts: &[&str]) -> hmac::digest::Output<D> {
    let mut hash = D::new();
    for part in parts {
        hash.update(part.as_bytes());
    }
    hash.finalize()
}

/// The authentication code over `parts`, written to the front of `out`.
pub(crate) fn sign(integrity: Integrity, key: &Key, parts: &[&[u8]], out: &mut [u8; 32]) {
    match integrity {
        Integrity::Sha1 => {
            out[..20].copy_from_slice(&mac::<Hmac<Sha1>>(key, parts).finalize().into_bytes())
        }
        Integrity::Sha256 => {
            out.copy_from_slice(&mac::<Hmac<Sha256>>(key, parts).finalize().into_bytes())
        }
    }
}

/// Whether `code` is the whole authentication code over `parts`; takes the same time whichever
/// byte differs.
pub(crate) fn verify(integrity: Integrity, key: &Key, parts: &[&[u8]], code: &[u8]) -> bool {
    match integrity {
        Integrity::Sha1 => mac::<Hmac<Sha1>>(key, parts).verify_slice(code).is_ok(),
        Integrity::Sha256 => mac::<Hmac<Sha256>>(key, parts).verify_slice(code).is_ok(),
    }
}

fn mac<M: Mac + KeyInit>(key: &Key, parts: &[&[u8]]) -> M {
    let mut mac =
        <M as KeyInit>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_term_key_is_the_one_of_rfc_8489_section_9_2_2() {
        let key = Key::long_term(Algorithm::Md5, "user", "realm", "pass");
        let expected = 0x8493_fbc5_3ba5_82fb_4c04_4c45_6bdc_40eb_u128;
        assert_eq!(key.as_bytes(), expected.to_be_bytes());
    }

    #[test]
    fn hmac_sha1_is_the_one_of_rfc_2202_case_2() {
        let key = Key::from_bytes(b"Jefe").unwrap();
        let mut out = [0; 32];
        sign(
            Integrity::Sha1,
            &key,
            &[b"what do ya want ", b"for nothing?"],
            &mut out,
        );
        assert_eq!(
            out[..20],
            [
                0xef, 0xfc, 0xdf, 0x6a, 0xe5, 0xeb, 0x2f, 0xa2, 0xd2, 0x74, 0x16, 0xd5, 0xf1, 0x84,
                0xdf, 0x9c, 0x25, 0x9a, 0x7c, 0x79
            ]
        );
    }

    #[test]
    fn a_shortened_code_is_refused() {
        let key = Key::from_bytes(b"Jefe").unwrap();
        let mut out = [0; 32];
        sign(Integrity::Sha256, &key, &[b"text"], &mut out);
        assert!(verify(Integrity::Sha256, &key, &[b"text"], &out));
        assert!(!verify(Integrity::Sha256, &key, &[b"text"], &out[..16]));
        assert!(!verify(Integrity::Sha256, &key, &[b"text"], &[]));
    }

    #[test]
    fn keys_do_not_print_themselves() {
        let key = Key::from_bytes(b"secret").unwrap();
        assert_eq!(format!("{key:?}"), "Key(6 bytes)");
        assert_eq!(Key::from_bytes(&[0; 65]), None);
    }
}
