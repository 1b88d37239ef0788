//! Where keys come from: the static users of the configuration, shared secrets, and keys of authorization servers.

mod forms;
mod shared_secret;
mod token_keys;
mod users;

use turnd_proto::{Credential, UserId};

pub(crate) use forms::all_forms;
pub use shared_secret::{SharedSecrets, password};
pub use token_keys::TokenKeys;
pub use users::Users;

/// All key sources, asked in turn.
pub struct KeySources {
    /// Users named in the configuration.
    pub users: Users,
    /// Time-limited credentials.
    pub secrets: SharedSecrets,
    /// Keys that tokens are made with.
    pub tokens: TokenKeys,
}

impl KeySources {
    /// Every key under which the owner of an allocation may sign that was made in `realm`, which need not be
    /// the one in force. Keys that were good for a time count after it, too: an allocation lives as long as
    /// it is refreshed.
    #[must_use]
    pub fn of_owner(&self, user: &UserId, realm: &str) -> Vec<Credential> {
        let UserId::Name(name) = user else {
            return self.users.find(user);
        };
        let mut found = self.users.find_in(realm, name);
        found.extend(self.secrets.find_in(realm, name, 0));
        found
    }

    /// Every key under which this user may have signed, at `unix` seconds since 1970.
    #[must_use]
    pub fn find(&self, user: &UserId, unix: u64) -> Vec<Credential> {
        let mut found = self.users.find(user);
        if let UserId::Name(name) = user {
            found.extend(self.secrets.find(name, unix));
        }
        found
    }
}
