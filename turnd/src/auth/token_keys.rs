//! Keys of authorization servers (RFC 7635).

use turnd_proto::TokenKey;

use crate::config::{KeyOfTokens, OauthKey};

/// The keys of the configuration.
#[derive(Default)]
pub struct TokenKeys(Vec<Known>);

struct Known {
    kid: String,
    key: TokenKey,
    not_after: Option<u64>,
}

impl TokenKeys {
    /// Expands them.
    #[must_use]
    pub fn new(keys: &[OauthKey]) -> Self {
        let known = |key: &OauthKey| Known {
            kid: key.kid.clone(),
            key: match &key.key {
                KeyOfTokens::A128Gcm(key) => TokenKey::a128gcm(key),
                KeyOfTokens::A256Gcm(key) => TokenKey::a256gcm(key),
            },
            not_after: key.not_after,
        };
        Self(keys.iter().map(known).collect())
    }

    /// Every key of this name that is good at `unix` seconds since 1970.
    #[must_use]
    pub fn find(&self, kid: &str, unix: u64) -> Vec<TokenKey> {
        let is_meant = |known: &&Known| {
            known.kid == kid && known.not_after.is_none_or(|not_after| unix < not_after)
        };
        let found = self.0.iter().filter(is_meant);
        found.map(|known| known.key.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_one_name_are_all_found_until_their_time_is_over() {
        let key = |kid: &str, not_after| OauthKey {
            kid: kid.to_owned(),
            key: KeyOfTokens::A256Gcm([1; 32]),
            not_after,
        };
        let keys = TokenKeys::new(&[
            key("north", Some(100)),
            key("north", None),
            key("south", None),
        ]);
        let found = |kid, unix| keys.find(kid, unix).len();
        assert_eq!((found("north", 99), found("north", 100)), (2, 1));
        assert_eq!((found("south", 100), found("east", 0)), (1, 0));
    }
}
