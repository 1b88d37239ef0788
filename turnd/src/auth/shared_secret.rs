//! Time-limited credentials (the "REST API" of coturn): whoever knows the secret makes user names
//! that carry their own expiry, and passwords that are a MAC over the name.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use turnd_proto::Credential;
use turnd_wire::{Algorithm, Key};

use crate::config::Secret;

/// The secrets in force. Several, so that one can be replaced while the other still counts.
#[derive(Clone)]
pub struct SharedSecrets {
    secrets: Vec<Secret>,
    separator: char,
    realm: String,
}

impl SharedSecrets {
    /// `separator` stands between time and user.
    #[must_use]
    pub fn new(secrets: Vec<Secret>, separator: char, realm: String) -> Self {
        Self {
            secrets,
            separator,
            realm,
        }
    }

    /// A credential for each secret, none if the name has no time or its time is over.
    pub fn find(&self, name: &str, unix: u64) -> impl Iterator<Item = Credential> {
        self.find_in(&self.realm, name, unix)
    }

    /// The same with keys of this realm.
    pub fn find_in(&self, realm: &str, name: &str, unix: u64) -> impl Iterator<Item = Credential> {
        let parts = parts(name, self.separator).filter(|parts| unix < parts.expires);
        let secrets = parts.map(|parts| self.secrets.iter().map(move |secret| (parts, secret)));
        secrets.into_iter().flatten().map(|(parts, secret)| {
            let password = password(secret.expose(), name);
            let key = |algorithm| Key::long_term(algorithm, name, realm, &password);
            Credential {
                name: name.to_owned(),
                account: parts.user.unwrap_or(name).to_owned(),
                md5: key(Algorithm::Md5),
                sha256: Some(key(Algorithm::Sha256)),
            }
        })
    }
}

/// What a time-limited user name says.
#[derive(Clone, Copy)]
struct Parts<'a> {
    /// Seconds since 1970.
    expires: u64,
    user: Option<&'a str>,
}

/// `time:user`, `user:time` where the first part is no number, or only `time`.
fn parts(name: &str, separator: char) -> Option<Parts<'_>> {
    let Some((first, rest)) = name.split_once(separator) else {
        return Some(Parts {
            expires: time(name)?,
            user: None,
        });
    };
    let (expires, user) = match time(first) {
        Some(expires) => (expires, rest),
        None => (time(rest)?, first),
    };
    Some(Parts {
        expires,
        user: Some(user).filter(|user| !user.is_empty()),
    })
}

fn time(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// The password of a time-limited user name.
#[must_use]
pub fn password(secret: &str, name: &str) -> String {
    let mut mac =
        Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(name.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(secrets: &[&str]) -> SharedSecrets {
        let secrets = secrets.iter().map(|&secret| Secret::new(secret)).collect();
        SharedSecrets::new(secrets, ':', "example.org".to_owned())
    }

    fn accounts(name: &str, unix: u64) -> Vec<String> {
        let found = secrets(&["one"]);
        found
            .find(name, unix)
            .map(|credential| credential.account)
            .collect()
    }

    #[test]
    fn the_password_is_the_base64_of_the_hmac() {
        // echo -n 1700000000:alice | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(
            password("north", "1700000000:alice"),
            "Cd/49soE35ICqcJF/bCTn8Z4OyE="
        );
    }

    #[test]
    fn time_stands_before_or_behind_the_user_or_alone() {
        assert_eq!(accounts("2000:alice", 1999), ["alice"]);
        assert_eq!(accounts("alice:2000", 1999), ["alice"]);
        assert_eq!(accounts("2000", 1999), ["2000"]);
        assert_eq!(accounts("2000:", 1999), ["2000:"]);
        assert_eq!(accounts("2000:3000", 1999), ["3000"]);
    }

    #[test]
    fn an_expired_or_timeless_name_has_no_credential() {
        for name in ["2000:alice", "alice:2000", "2000"] {
            assert!(accounts(name, 2000).is_empty(), "{name}");
        }
        for name in [
            "alice",
            "",
            ":",
            "alice:bob",
            "-1:alice",
            "99999999999999999999999:alice",
        ] {
            assert!(accounts(name, 0).is_empty(), "{name}");
        }
    }

    #[test]
    fn every_secret_gives_a_credential() {
        let found = secrets(&["one", "two"]);
        let keys: Vec<_> = found
            .find("2000:alice", 0)
            .map(|credential| credential.md5)
            .collect();
        assert_eq!(keys.len(), 2);
        assert_ne!(keys[0], keys[1]);
    }
}
