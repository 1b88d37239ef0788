//! Room tokens: a web application that knows the secret lets people into a room for a while.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use turnd::config::Secret;

/// Checks tokens.
#[derive(Clone, Debug)]
pub struct RoomTokens(Secret);

impl RoomTokens {
    /// Tokens made with `secret`.
    #[must_use]
    pub fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// Whether `token` opens `room` at the time `unix`, in seconds since 1970.
    #[must_use]
    pub fn admits(&self, room: &str, token: &str, unix: u64) -> bool {
        let Some((expires, code)) = token.split_once('.') else {
            return false;
        };
        let Ok(code) = URL_SAFE_NO_PAD.decode(code) else {
            return false;
        };
        let in_time = expires.parse::<u64>().is_ok_and(|expires| unix < expires);
        self.mac(expires, room).verify_slice(&code).is_ok() && in_time
    }

    /// A token for `room` until `expires`, in seconds since 1970.
    #[must_use]
    pub fn make(&self, room: &str, expires: u64) -> String {
        let expires = expires.to_string();
        let code = self.mac(&expires, room).finalize().into_bytes();
        format!("{expires}.{}", URL_SAFE_NO_PAD.encode(code))
    }

    fn mac(&self, expires: &str, room: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose().as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(format!("{expires}:{room}").as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_one_room_for_a_while() {
        let tokens = RoomTokens::new(Secret::new("north"));
        // echo -n 2000:blue | openssl dgst -sha256 -hmac north -binary | basenc --base64url | tr -d =
        let token = tokens.make("blue", 2000);
        assert_eq!(token, "2000.LCRdyyiWiBSo37XqTmHe-l-qKE3fAZyPfhFvEF4uR_0");
        assert!(tokens.admits("blue", &token, 1999));
        assert!(!tokens.admits("blue", &token, 2000));
        assert!(!tokens.admits("green", &token, 1999));
        let later = token.replace("2000", "3000");
        assert!(!tokens.admits("blue", &later, 1999));
        for nonsense in ["", ".", "2000", "2000.", "x.y", "2000.!!!"] {
            assert!(!tokens.admits("blue", nonsense, 0), "{nonsense}");
        }
        let other = RoomTokens::new(Secret::new("south"));
        assert!(!other.admits("blue", &token, 1999));
    }
}
