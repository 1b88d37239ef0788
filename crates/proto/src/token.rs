//! ACCESS-TOKEN (RFC 7635 section 6.2): what an authorization server gives a client, and only this server can
//! read: the key that the client signs with, and for how long.
//!
//! Everything of it is a stranger's until its authentication code has proved right, lengths among it.

use core::{fmt, time::Duration};
use std::sync::Arc;

use aes_gcm::{
    Aes128Gcm, Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use turnd_wire::Key;

/// How far the clocks of client, authorization server and this one may be apart (RFC 7635 section 7).
pub(crate) const SKEW: Duration = Duration::from_secs(5);
/// Units of a time stamp in a second (RFC 7635 section 6.2).
const FRACTIONS: u64 = 64_000;
/// Bytes of the nonce, as AES-GCM in RFC 5116 has it.
const NONCE: usize = 12;
/// Behind the key of the client: time stamp and life time.
const TIMES: usize = 8 + 4;

/// A key that this server shares with an authorization server.
#[derive(Clone)]
pub struct TokenKey(Cipher);

#[derive(Clone)]
enum Cipher {
    A128(Box<Aes128Gcm>),
    A256(Box<Aes256Gcm>),
}

impl TokenKey {
    /// A128GCM
    #[must_use]
    pub fn a128gcm(key: &[u8; 16]) -> Self {
        Self(Cipher::A128(Box::new(Aes128Gcm::new(key.into()))))
    }

    /// A256GCM
    #[must_use]
    pub fn a256gcm(key: &[u8; 32]) -> Self {
        Self(Cipher::A256(Box::new(Aes256Gcm::new(key.into()))))
    }

    fn decrypt(&self, nonce: &[u8; NONCE], payload: Payload<'_, '_>) -> Option<Vec<u8>> {
        let nonce = nonce.into();
        let opened = match &self.0 {
            Cipher::A128(cipher) => cipher.decrypt(nonce, payload),
            Cipher::A256(cipher) => cipher.decrypt(nonce, payload),
        };
        opened.ok()
    }

    /// What a token for the server of this name says; `None` if it was not made with this key, or is for
    /// another server.
    pub(crate) fn open(&self, token: &[u8], server_name: &str) -> Option<Token> {
        let (length, rest) = token.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (nonce, encrypted) = rest.split_at_checked(length)?;
        let payload = Payload {
            msg: encrypted,
            aad: server_name.as_bytes(),
        };
        let block = self.decrypt(nonce.try_into().ok()?, payload)?;
        let (length, rest) = block.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (key, times) = rest.split_at_checked(length)?;
        let times: &[u8; TIMES] = times.try_into().ok()?;
        let (stamp, lifetime) = times.split_first_chunk()?;
        Some(Token {
            key: Key::from_bytes(key).filter(|_| !key.is_empty())?,
            stamp: u64::from_be_bytes(*stamp),
            lifetime: u32::from_be_bytes(lifetime.try_into().ok()?),
        })
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Cipher::A128(_) => "A128GCM",
            Cipher::A256(_) => "A256GCM",
        })
    }
}

/// What a token says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    /// What the client signs with.
    pub(crate) key: Key,
    /// When it was made: seconds since 1970 in the upper 48 bits, 64 000ths in the lower 16.
    stamp: u64,
    /// Seconds.
    lifetime: u32,
}

impl Token {
    /// For how long it is good at `unix` seconds since 1970, with the skew; `None` if it is not.
    pub(crate) fn remaining(&self, unix: u64) -> Option<Duration> {
        let made = Duration::from_secs(self.stamp >> 16)
            + Duration::from_millis((self.stamp & 0xFFFF) * 1000 / FRACTIONS);
        let now = Duration::from_secs(unix);
        let good_for = Duration::from_secs(self.lifetime.into()) + SKEW;
        // RFC 7635 section 7: the difference either way is less than that.
        if now.abs_diff(made) >= good_for {
            return None;
        }
        let left = (made + good_for).saturating_sub(now);
        // One from the future is no better than one of this moment.
        Some(left.min(good_for))
    }
}

/// How third parties authorize clients (RFC 7635).
#[derive(Clone, Debug)]
pub struct ThirdParty {
    pub(crate) server_name: Arc<str>,
}

impl ThirdParty {
    /// `server_name` is what authorization servers know this server by, and what tokens are tied to.
    #[must_use]
    pub fn new(server_name: &str) -> Self {
        Self {
            server_name: server_name.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "blackdow.carleon.gov";
    const NONCE_TEXT: &[u8; 12] = b"h4j3k2l2n4b5";
    const MAC_KEY: &[u8; 20] = b"ZksjpweoixXmvn67534m";
    /// 2014, the year of the examples.
    const STAMP: u64 = 92_470_300_704_768;

    /// RFC 7635 appendix A: the encrypted parts of the same token, by algorithm.
    const A256: &str = "617ef134a3d5e44e9a19cc7dc104b0c03d03b2a551d8fdf5cd3b6dca6f10cfb77e5b2ddec84d293a\
        5c50499359f0c2e26f76";
    const A128: &str = "7fb9e99f0827be3df1e1bd651493d3031d36df57079784aee5eacb65fad4f27fab1a3f97974b69f8\
        51b24bf5af09eda357e0";

    fn vector(encrypted: &str) -> Vec<u8> {
        let byte = |at| u8::from_str_radix(&encrypted[at..at + 2], 16).unwrap();
        let encrypted: Vec<u8> = (0..encrypted.len()).step_by(2).map(byte).collect();
        [&[0, 12], &NONCE_TEXT[..], &encrypted].concat()
    }

    /// A token as authorization servers make them, with whatever is said of its lengths.
    fn seal(
        key: &Cipher,
        nonce_length: u16,
        key_length: u16,
        key_bytes: &[u8],
        name: &str,
    ) -> Vec<u8> {
        let mut block = key_length.to_be_bytes().to_vec();
        block.extend_from_slice(key_bytes);
        block.extend_from_slice(&STAMP.to_be_bytes());
        block.extend_from_slice(&3600_u32.to_be_bytes());
        let payload = Payload {
            msg: &block,
            aad: name.as_bytes(),
        };
        let encrypted = match key {
            Cipher::A128(cipher) => cipher.encrypt(NONCE_TEXT.into(), payload),
            Cipher::A256(cipher) => cipher.encrypt(NONCE_TEXT.into(), payload),
        };
        let nonce_length = nonce_length.to_be_bytes();
        [&nonce_length[..], NONCE_TEXT, &encrypted.unwrap()].concat()
    }

    fn a256() -> TokenKey {
        TokenKey::a256gcm(b"HGkj32KJGiuy098sdfaqbNjOiaz71923")
    }

    fn a128() -> TokenKey {
        TokenKey::a128gcm(b"HGkj32KJGiuy098s")
    }

    /// T7635-4.1-1
    #[test]
    fn the_examples_of_the_rfc_open_with_their_keys_and_name_alone() {
        for (key, other, text) in [(a256(), a128(), A256), (a128(), a256(), A128)] {
            let sealed = vector(text);
            assert_eq!(sealed.len(), 64);
            assert_eq!(seal(&key.0, 12, 20, MAC_KEY, SERVER), sealed);
            let token = key.open(&sealed, SERVER).unwrap();
            assert_eq!(token.key, Key::from_bytes(MAC_KEY).unwrap());
            assert_eq!((token.stamp, token.lifetime), (STAMP, 3600));
            assert!(other.open(&sealed, SERVER).is_none());
            assert!(key.open(&sealed, "elsewhere.example").is_none());
            for bit in 0..sealed.len() * 8 {
                let mut changed = sealed.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert!(key.open(&changed, SERVER).is_none(), "{bit}");
            }
        }
    }

    /// T7635-7-5: before the code has proved anything, and behind it.
    #[test]
    fn lengths_that_lie_open_nothing() {
        let key = a256();
        let sealed = seal(&key.0, 12, 20, MAC_KEY, SERVER);
        for length in [0, 1, 11, 13, 48, 62, 63, 0xFFFF] {
            let lies = seal(&key.0, length, 20, MAC_KEY, SERVER);
            assert!(key.open(&lies, SERVER).is_none(), "{length}");
        }
        for length in 0..sealed.len() {
            assert!(key.open(&sealed[..length], SERVER).is_none(), "{length}");
        }
        for length in [0, 19, 21, 32, 33, 0xFFFF] {
            let lies = seal(&key.0, 12, length, MAC_KEY, SERVER);
            assert!(key.open(&lies, SERVER).is_none(), "{length}");
        }
        let empty = seal(&key.0, 12, 0, b"", SERVER);
        assert!(key.open(&empty, SERVER).is_none());
        let long = seal(&key.0, 12, 65, &[7; 65], SERVER);
        assert!(key.open(&long, SERVER).is_none());
    }

    /// T7635-7-3
    #[test]
    fn a_token_is_good_for_its_life_time_and_five_seconds_either_way() {
        let token = |stamp| Token {
            key: Key::from_bytes(MAC_KEY).unwrap(),
            stamp,
            lifetime: 3600,
        };
        let made = 1_700_000_000;
        let remaining = |unix| token(made << 16).remaining(unix).map(|it| it.as_secs());
        assert_eq!(remaining(made), Some(3605));
        assert_eq!(remaining(made + 3510), Some(95));
        assert_eq!(remaining(made + 3604), Some(1));
        assert_eq!(remaining(made + 3605), None);
        assert_eq!(remaining(made - 3604), Some(3605));
        assert_eq!(remaining(made - 3605), None);
        // Half a second later, in 64 000ths.
        let half = token(made << 16 | 32_000).remaining(made + 3605);
        assert_eq!(half, Some(Duration::from_millis(500)));
        for stamp in [0, u64::MAX] {
            assert_eq!(token(stamp).remaining(made), None);
        }
        let endless = Token {
            lifetime: u32::MAX,
            ..token(u64::MAX)
        };
        let _ = endless.remaining(u64::MAX);
        let _ = endless.remaining(0);
    }
}
