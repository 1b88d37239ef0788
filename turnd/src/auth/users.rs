//! Static users.

use std::collections::HashMap;

use turnd_proto::{Credential, UserId};
use turnd_wire::{Algorithm, Key, integrity};

use super::forms::forms;
use crate::config::{StaticUser, UserSecret};

/// The users of the configuration, with their keys.
#[derive(Default)]
pub struct Users {
    /// By each form of the name, with a key for each form of the password.
    by_name: HashMap<String, Vec<Credential>>,
    /// USERHASH to name.
    names: HashMap<[u8; 32], String>,
    realm: String,
    /// What keys of another realm are made from.
    users: Vec<StaticUser>,
}

impl Users {
    /// Derives the keys. Of several users with one name the last counts, and a name as it is written before
    /// another form of it.
    #[must_use]
    pub fn new(users: &[StaticUser], realm: &str) -> Self {
        let mut all = Self {
            realm: realm.to_owned(),
            users: users.to_vec(),
            ..Self::default()
        };
        for user in users {
            all.by_name
                .insert(user.name.clone(), credentials(user, &user.name, realm));
        }
        for user in users {
            for form in forms(&user.name) {
                let made = || credentials(user, &form, realm);
                all.by_name.entry(form.clone()).or_insert_with(made);
            }
        }
        for name in all.by_name.keys() {
            let hash = integrity::user_hash(name, realm);
            all.names.insert(hash, name.clone());
        }
        all
    }

    /// The keys of the user with this name, of this realm.
    #[must_use]
    pub fn find_in(&self, realm: &str, name: &str) -> Vec<Credential> {
        let Some(known) = self.by_name.get(name) else {
            return Vec::new();
        };
        if realm == self.realm {
            return known.clone();
        }
        let account = known.first().map(|credential| &credential.account);
        let mut users = self.users.iter().rev();
        let user = users.find(|user| Some(&user.name) == account);
        user.map_or_else(Vec::new, |user| credentials(user, name, realm))
    }

    /// The keys of the user with this name or hash.
    #[must_use]
    pub fn find(&self, user: &UserId) -> Vec<Credential> {
        let name = match user {
            UserId::Name(name) => Some(name),
            UserId::Hash(hash) => self.names.get(hash),
        };
        let known = name.and_then(|name| self.by_name.get(name));
        known.cloned().unwrap_or_default()
    }
}

/// What a user may sign with who sends `name`, a form of his own.
fn credentials(user: &StaticUser, name: &str, realm: &str) -> Vec<Credential> {
    let credential = |md5, sha256| Credential {
        name: name.to_owned(),
        account: user.name.clone(),
        md5,
        sha256,
    };
    match &user.secret {
        UserSecret::Password(password) => {
            let forms = forms(password.expose());
            let made = forms.iter().map(|password| {
                let key = |algorithm| Key::long_term(algorithm, name, realm, password);
                credential(key(Algorithm::Md5), Some(key(Algorithm::Sha256)))
            });
            made.collect()
        }
        UserSecret::Md5Key(key) => {
            let key = Key::from_bytes(key).expect("16 bytes fit into a key");
            vec![credential(key, None)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn user(name: &str, password: &str) -> StaticUser {
        StaticUser {
            name: name.to_owned(),
            secret: UserSecret::Password(Secret::new(password)),
        }
    }

    fn key(name: &str, password: &str) -> Key {
        Key::long_term(Algorithm::Md5, name, "example.org", password)
    }

    fn found(users: &Users, name: &str) -> Vec<(String, Key)> {
        let found = users.find(&UserId::Name(name.to_owned())).into_iter();
        found.map(|it| (it.account, it.md5)).collect()
    }

    #[test]
    fn who_writes_ascii_has_one_key() {
        let users = Users::new(&[user("alice", "secret")], "example.org");
        assert_eq!(
            found(&users, "alice"),
            [("alice".to_owned(), key("alice", "secret"))]
        );
        assert!(found(&users, "bob").is_empty());
    }

    #[test]
    fn each_form_of_name_and_password_is_known_and_has_one_account() {
        let (name, password) = ("ﬁne", "The\u{ad}M\u{aa}tr\u{2168}");
        let users = Users::new(&[user(name, password)], "example.org");
        for form in [name, "fine"] {
            let keys = [key(form, password), key(form, "TheMatrIX")];
            let expected = keys.map(|key| (name.to_owned(), key));
            assert_eq!(found(&users, form), expected);
            let hash = UserId::Hash(integrity::user_hash(form, "example.org"));
            assert_eq!(users.find(&hash).len(), 2);
            assert_eq!(users.find_in("old.example.org", form).len(), 2);
        }
    }

    #[test]
    fn nobody_is_taken_for_somebody_who_is_written_as_he_says() {
        let all = [user("ﬁ", "one"), user("fi", "two")];
        for users in [all.to_vec(), all.iter().rev().cloned().collect()] {
            let users = Users::new(&users, "example.org");
            assert_eq!(found(&users, "fi"), [("fi".to_owned(), key("fi", "two"))]);
            assert_eq!(found(&users, "ﬁ").len(), 1);
        }
    }
}
