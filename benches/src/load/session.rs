//! One client's dialogue with the server: a request at a time, with long-term credentials (RFC 8489 section 9.2).

use std::net::SocketAddr;

use turnd_wire::{
    Algorithm, Class, ErrorCode, Integrity, Key, Message, Method, TransactionId, Writer, attr,
};

/// Longest request.
const LONGEST: usize = 1024;
const UDP: u32 = 17 << 24;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Allocate,
    /// Give the allocation back.
    Delete,
    /// Let this peer in.
    Permit(SocketAddr),
    /// Bind the one channel to this peer.
    Bind(SocketAddr),
}

/// The one channel that each client binds.
pub(super) const CHANNEL: u16 = 0x4000;

/// Who all clients are.
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

/// What an answer means for the request under way.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It belongs to no request under way.
    Stray,
    /// The request is to be sent again, with what the answer taught.
    Challenge,
    Success,
    Refused(String),
}

/// A client as the server knows it.
#[derive(Default)]
pub(super) struct Session {
    id: [u8; 12],
    ask: Option<Ask>,
    key: Option<Key>,
    realm: String,
    nonce: Vec<u8>,
    challenges: u32,
    pub(super) relayed: Option<SocketAddr>,
}

impl Session {
    /// Begins a request under this identifier.
    pub(super) fn begin(&mut self, ask: Ask, id: u64) {
        self.ask = Some(ask);
        self.challenges = 0;
        self.id[..8].copy_from_slice(&id.to_be_bytes());
    }

    /// The request under way, if there is one.
    pub(super) fn request(&self, credentials: &Credentials) -> Option<Vec<u8>> {
        let ask = self.ask?;
        let mut buffer = [0; LONGEST];
        let method = match ask {
            Ask::Allocate => Method::ALLOCATE,
            Ask::Delete => Method::REFRESH,
            Ask::Permit(_) => Method::CREATE_PERMISSION,
            Ask::Bind(_) => Method::CHANNEL_BIND,
        };
        let id = TransactionId::from(self.id);
        let mut writer = Writer::new(&mut buffer, Class::Request, method, id);
        match ask {
            Ask::Allocate => writer.number32(attr::REQUESTED_TRANSPORT, UDP),
            Ask::Delete => writer.number32(attr::LIFETIME, 0),
            Ask::Permit(peer) => writer.xor_address(attr::XOR_PEER_ADDRESS, peer),
            Ask::Bind(peer) => {
                writer.number32(attr::CHANNEL_NUMBER, u32::from(CHANNEL) << 16);
                writer.xor_address(attr::XOR_PEER_ADDRESS, peer);
            }
        }
        if let Some(key) = &self.key {
            writer.text(attr::USERNAME, &credentials.user);
            writer.text(attr::REALM, &self.realm);
            writer.bytes(attr::NONCE, &self.nonce);
            writer.integrity(Integrity::Sha1, key);
        }
        let request = writer.finish().expect("a request is shorter than that");
        Some(request.to_vec())
    }

    /// Takes an answer in.
    pub(super) fn answer(&mut self, message: &Message<'_>, credentials: &Credentials) -> Answer {
        let Some(ask) = self.ask else {
            return Answer::Stray;
        };
        if message.transaction_id() != TransactionId::from(self.id) {
            return Answer::Stray;
        }
        match message.class() {
            Class::Success => {
                self.ask = None;
                if ask == Ask::Allocate {
                    self.relayed = message.xor_address(attr::XOR_RELAYED_ADDRESS);
                }
                Answer::Success
            }
            Class::Error => self.error(message, credentials),
            Class::Request | Class::Indication => Answer::Stray,
        }
    }

    fn error(&mut self, message: &Message<'_>, credentials: &Credentials) -> Answer {
        let value = message.attribute(attr::ERROR_CODE).unwrap_or_default();
        let (code, reason) = ErrorCode::parse(value).unzip();
        let code = code.map_or(0, ErrorCode::number);
        let realm = message.attribute(attr::REALM).map(String::from_utf8_lossy);
        let nonce = message.attribute(attr::NONCE);
        // Once for the credentials, and again for a nonce that became stale.
        if let (401 | 438, Some(realm), Some(nonce), 0..2) = (code, realm, nonce, self.challenges) {
            self.challenges += 1;
            self.nonce = nonce.to_vec();
            if self.key.is_none() || realm != self.realm {
                self.realm = realm.into_owned();
                self.key = Some(Key::long_term(
                    Algorithm::Md5,
                    &credentials.user,
                    &self.realm,
                    &credentials.password,
                ));
            }
            // RFC 8489 section 9.2.5: another request, so another identifier.
            self.id[11] = self.id[11].wrapping_add(1);
            return Answer::Challenge;
        }
        let ask = self.ask.take();
        let reason = String::from_utf8_lossy(reason.unwrap_or_default());
        Answer::Refused(format!("{ask:?} was answered {code} {reason}"))
    }
}
