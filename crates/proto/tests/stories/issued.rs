//! What an authorization server makes (RFC 7635): tokens, and the keys that it shares with the TURN server.

use aes_gcm::{
    Aes128Gcm, Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use turnd_proto::TokenKey;

use crate::support::{Client, Network};

/// What the TURN server is called.
pub(crate) const SERVER: &str = "turn.example.net";
/// Which key it is: one of A256GCM, and one of A128GCM.
pub(crate) const KID: &str = "north";
pub(crate) const SHORT_KID: &str = "short";
const KEY: [u8; 32] = [9; 32];
const SHORT_KEY: [u8; 16] = [8; 16];
const MAC_KEY: [u8; 20] = [5; 20];

/// The keys as the TURN server knows them, and an older one of the same kid.
pub(crate) fn token_keys() -> Vec<(&'static str, TokenKey)> {
    vec![
        (KID, TokenKey::a256gcm(&[1; 32])),
        (KID, TokenKey::a256gcm(&KEY)),
        (SHORT_KID, TokenKey::a128gcm(&SHORT_KEY)),
    ]
}

/// A token as an authorization server makes it.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) kid: &'static str,
    pub(crate) server: &'static str,
    pub(crate) mac_key: Vec<u8>,
    /// Seconds since 1970.
    pub(crate) made: u64,
    pub(crate) lifetime: u32,
}

impl Issued {
    pub(crate) fn at(net: &Network) -> Self {
        Self {
            kid: KID,
            server: SERVER,
            mac_key: MAC_KEY.to_vec(),
            made: net.now.unix,
            lifetime: 3600,
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = u16::try_from(self.mac_key.len())
            .expect("a short one")
            .to_be_bytes();
        let stamp = (self.made << 16).to_be_bytes();
        let lifetime = self.lifetime.to_be_bytes();
        let block = [&length[..], &self.mac_key, &stamp, &lifetime].concat();
        let payload = Payload {
            msg: &block,
            aad: self.server.as_bytes(),
        };
        let nonce = [7; 12];
        let encrypted = match self.kid {
            SHORT_KID => Aes128Gcm::new((&SHORT_KEY).into()).encrypt((&nonce).into(), payload),
            _ => Aes256Gcm::new((&KEY).into()).encrypt((&nonce).into(), payload),
        };
        [&[0, 12], &nonce[..], &encrypted.expect("a short one")].concat()
    }

    pub(crate) fn client(&self) -> Client {
        self.client_with(self.bytes())
    }

    pub(crate) fn client_with(&self, token: Vec<u8>) -> Client {
        let mut client = Client::new("192.0.2.8:4008").user(self.kid, "");
        client.token = Some((token, self.mac_key.clone()));
        client
    }
}
