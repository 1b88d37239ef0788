//! Static users.

use std::collections::HashMap;

use turnd_proto::{Credential, UserId};
use turnd_wire::{Algorithm, Key, integrity};

use crate::config::{StaticUser, UserSecret};

/// The users of the configuration, with their keys.
#[derive(Default)]
pub struct Users {
    by_name: HashMap<String, Credential>,
    /// USERHASH to name.
    names: HashMap<[u8; 32], String>,
    realm: String,
    /// What keys of another realm are made from.
    users: Vec<StaticUser>,
}

impl Users {
    /// Derives the keys. Of several users with one name the last counts.
    #[must_use]
    pub fn new(users: &[StaticUser], realm: &str) -> Self {
        let mut all = Self {
            realm: realm.to_owned(),
            users: users.to_vec(),
            ..Self::default()
        };
        for user in users {
            let credential = credential(user, realm);
            let hash = integrity::user_hash(&user.name, realm);
            all.names.insert(hash, user.name.clone());
            all.by_name.insert(user.name.clone(), credential);
        }
        all
    }

    /// The user with this name, with keys of this realm.
    #[must_use]
    pub fn find_in(&self, realm: &str, name: &str) -> Option<Credential> {
        if realm == self.realm {
            return self.by_name.get(name).cloned();
        }
        let user = self.users.iter().rev().find(|user| user.name == name)?;
        Some(credential(user, realm))
    }

    /// The user with this name or hash.
    #[must_use]
    pub fn find(&self, user: &UserId) -> Option<Credential> {
        let name = match user {
            UserId::Name(name) => name,
            UserId::Hash(hash) => self.names.get(hash)?,
        };
        self.by_name.get(name).cloned()
    }
}

fn credential(user: &StaticUser, realm: &str) -> Credential {
    let (md5, sha256) = match &user.secret {
        UserSecret::Password(password) => {
            let key = |algorithm| Key::long_term(algorithm, &user.name, realm, password.expose());
            (key(Algorithm::Md5), Some(key(Algorithm::Sha256)))
        }
        UserSecret::Md5Key(key) => (Key::from_bytes(key).expect("16 bytes fit into a key"), None),
    };
    Credential {
        name: user.name.clone(),
        account: user.name.clone(),
        md5,
        sha256,
    }
}
