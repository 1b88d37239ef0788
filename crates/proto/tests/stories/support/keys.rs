//! Where keys come from: users with a password or only a key, and shared secrets.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use turnd_proto::{Credential, TokenKey, UserId};
use turnd_wire::{Algorithm, Key, integrity::user_hash};

use super::REALM;

/// The users of a test.
#[derive(Default)]
pub(crate) struct Keys {
    users: Vec<Credential>,
    /// Each may have made a time-limited password; all are tried.
    pub(crate) secrets: Vec<&'static str>,
    /// By kid: keys of authorization servers.
    pub(crate) tokens: Vec<(&'static str, TokenKey)>,
    /// How often anyone was looked for.
    pub(crate) lookups: usize,
}

impl Keys {
    /// `alice` and `bob` have passwords, `carol` only the MD5 key of hers.
    pub(crate) fn some_users() -> Self {
        let mut keys = Self::default();
        keys.add("alice", "wonderland");
        keys.add("bob", "builder");
        keys.add("carol", "christmas");
        keys.users[2].sha256 = None;
        keys
    }

    pub(crate) fn add(&mut self, name: &str, password: &str) {
        self.users.push(credential(name, name, password));
    }

    pub(crate) fn change_password(&mut self, name: &str, password: &str) {
        self.users.retain(|user| user.name != name);
        self.add(name, password);
    }

    pub(crate) fn token_keys(&mut self, kid: &str) -> Vec<TokenKey> {
        self.lookups += 1;
        let of_kid = self.tokens.iter().filter(|(name, _)| *name == kid);
        of_kid.map(|(_, key)| key.clone()).collect()
    }

    /// Every key under which `user` may have signed at `unix` seconds.
    pub(crate) fn find(&mut self, user: &UserId, unix: u64) -> Vec<Credential> {
        self.lookups += 1;
        let named = |candidate: &&Credential| match user {
            UserId::Name(name) => candidate.name == *name,
            UserId::Hash(hash) => user_hash(&candidate.name, REALM) == *hash,
        };
        let mut found: Vec<Credential> = self.users.iter().filter(named).cloned().collect();
        if let UserId::Name(name) = user
            && let Some((expiry, account)) = name.split_once(':')
            && expiry.parse().is_ok_and(|expiry: u64| unix < expiry)
        {
            let made_by = |secret: &&str| credential(name, account, &time_limited(secret, name));
            found.extend(self.secrets.iter().map(made_by));
        }
        found
    }
}

/// The password that a shared secret makes for a user named `expiry:account`.
pub(crate) fn time_limited(secret: &str, user: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(user.as_bytes());
    let mut text = [0; 28];
    STANDARD
        .encode_slice(mac.finalize().into_bytes(), &mut text)
        .expect("20 bytes make 28 characters");
    text.iter().copied().map(char::from).collect()
}

fn credential(name: &str, account: &str, password: &str) -> Credential {
    Credential {
        name: name.to_owned(),
        account: account.to_owned(),
        md5: Key::long_term(Algorithm::Md5, name, REALM, password),
        sha256: Some(Key::long_term(Algorithm::Sha256, name, REALM, password)),
    }
}
