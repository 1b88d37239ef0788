//! Third-party authorization (RFC 7635): the name of this server in tokens, and the keys that it shares with
//! authorization servers.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    error::{About, Findings},
    raw::Raw,
    settings::StaticUser,
};

/// What tokens are judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThirdParty {
    /// What authorization servers call this one; tokens are tied to it.
    pub server_name: String,
    /// Several of one name are tried in turn.
    pub keys: Vec<OauthKey>,
}

/// A key that is shared with an authorization server.
#[derive(Clone, PartialEq, Eq)]
pub struct OauthKey {
    /// What clients call it, as their user name.
    pub kid: String,
    /// The algorithm, with the key itself.
    pub key: KeyOfTokens,
    /// Seconds since 1970 from which it is good no more.
    pub not_after: Option<u64>,
}

/// Of an AEAD algorithm that tokens are encrypted with (RFC 7635 section 4.1).
#[derive(Clone, PartialEq, Eq)]
pub enum KeyOfTokens {
    /// A128GCM
    A128Gcm([u8; 16]),
    /// A256GCM
    A256Gcm([u8; 32]),
}

impl fmt::Debug for OauthKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = match self.key {
            KeyOfTokens::A128Gcm(_) => "A128GCM",
            KeyOfTokens::A256Gcm(_) => "A256GCM",
        };
        write!(f, "OauthKey({:?}, {algorithm}, ***)", self.kid)
    }
}

/// Bytes of a user name (RFC 8489 section 14.3), which the name of a key is sent as.
const LONGEST_KID: usize = 508;
/// Characters of THIRD-PARTY-AUTHORIZATION; it goes into every challenge.
const LONGEST_NAME: usize = 255;

const EXPECTED: &str = "KID:KEY, KID:KEY:ALGORITHM or KID:KEY:ALGORITHM:NOT-AFTER, with a key in base64, \
                        A256GCM (32 bytes, also if left out) or A128GCM (16 bytes), and seconds since 1970";

/// Nothing if tokens are not accepted.
pub(super) fn third_party(
    raw: &Raw,
    realm: &str,
    users: &[StaticUser],
    findings: &mut Findings,
) -> Option<ThirdParty> {
    let mut keys = Vec::new();
    for at in raw.oauth_key.all() {
        match read(at.value.expose()) {
            Ok(key) if users.iter().any(|user| user.name == key.kid) => {
                let text = format!(
                    "oauth-key: {:?} is a user's name, too; expected a name of its own",
                    key.kid
                );
                findings.error(&at.origin, text);
            }
            Ok(key) => keys.push(key),
            Err(what) => {
                let text = format!("oauth-key: the value {what}; expected {EXPECTED}");
                findings.error(&at.origin, text);
            }
        }
    }
    let Some(on) = raw.oauth.on() else {
        if let Some(at) = raw.oauth_key.last() {
            let text = "oauth-key has no effect without oauth";
            findings.warn_of(About::NoEffect, &at.origin, text);
        }
        return None;
    };
    if keys.is_empty() {
        let text = "oauth: there is no oauth-key, so no token is accepted (keys in a database are not read)";
        findings.warn_of(About::NoEffect, on, text);
        return None;
    }
    if let Some(origin) = raw.no_auth.on() {
        findings.error(
            origin,
            format!("no-auth: oauth ({on}) asks for the opposite; expected one of them"),
        );
    }
    let written = raw.server_name.last().filter(|at| !at.value.is_empty());
    if let Some(at) = written
        && (at.value.chars().count() > LONGEST_NAME || at.value.contains(char::is_control))
    {
        findings.error(
            &at.origin,
            "server-name: the value cannot be sent; \
             expected at most 255 characters, none of them a control character",
        );
    }
    Some(ThirdParty {
        server_name: written.map_or_else(|| realm.to_owned(), |at| at.value.clone()),
        keys,
    })
}

/// Says what is wrong without showing anything of it.
fn read(text: &str) -> Result<OauthKey, &'static str> {
    let mut parts = text.split(':');
    let kid = parts.next().unwrap_or_default();
    if kid.is_empty() || kid.len() > LONGEST_KID || kid.contains(char::is_control) {
        return Err("begins with no name of a key");
    }
    let key = parts.next().ok_or("has no key")?;
    let key = STANDARD
        .decode(key)
        .map_err(|_| "has a key that is not base64")?;
    let key = match parts.next().unwrap_or("A256GCM") {
        "A256GCM" => key
            .try_into()
            .map(KeyOfTokens::A256Gcm)
            .map_err(|_| "has a key that is not of 32 bytes")?,
        "A128GCM" => key
            .try_into()
            .map(KeyOfTokens::A128Gcm)
            .map_err(|_| "has a key that is not of 16 bytes")?,
        _ => return Err("names an algorithm that is not known"),
    };
    let not_after = match parts.next() {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| "ends in no time")?),
    };
    match parts.next() {
        Some(_) => Err("has too many parts"),
        None => Ok(OauthKey {
            kid: kid.to_owned(),
            key,
            not_after,
        }),
    }
}
