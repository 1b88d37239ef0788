//! What all requests have in common: which attributes are understood, and how an answer is built,
//! signed and finished.

use turnd_wire::{
    Class, Message, Method, TransactionId, Writer,
    attr::{self, AttributeType},
};

use crate::{
    auth::{ALGORITHMS, Signer},
    io::Client,
    nonce::LENGTH as NONCE,
    refusal::{Carries, Refusal},
    settings::{Access, LongTerm, Settings},
    time::Instant,
};

/// Answers stay below the smallest datagram that every IPv6 path carries (RFC 8489 section 6.1).
const MAX_REPLY: usize = 1232;
/// As many unknown attributes are named in a 420; a longer list helps nobody.
const MAX_UNKNOWN: usize = 32;

/// The comprehension-required attributes that mean nothing here. Each belongs to an extension that
/// is not offered, and its RFC wants 420 then.
const NOT_OFFERED: [AttributeType; 6] = [
    attr::CHANGE_REQUEST,
    attr::PADDING,
    attr::RESPONSE_PORT,
    attr::ACCESS_TOKEN,
    attr::PRIORITY,
    attr::USE_CANDIDATE,
];

/// The comprehension-required attributes of a message that this server does not understand, each
/// once. An attribute that is understood but out of place is ignored (RFC 8489 section 6.3).
pub(crate) fn unknown_attributes(message: &Message<'_>) -> Vec<AttributeType> {
    let mut unknown = Vec::new();
    for attribute in message.attributes() {
        let kind = attribute.kind;
        let is_understood = kind.name().is_some() && !NOT_OFFERED.contains(&kind);
        if kind.is_required()
            && !is_understood
            && !unknown.contains(&kind)
            && unknown.len() < MAX_UNKNOWN
        {
            unknown.push(kind);
        }
    }
    unknown
}

/// Everything an answer repeats of its request.
#[derive(Clone, Debug)]
pub(crate) struct ReplyTo {
    pub(crate) client: Client,
    pub(crate) method: Method,
    pub(crate) id: TransactionId,
    /// Bytes of the request.
    pub(crate) request: usize,
    pub(crate) signer: Option<Signer>,
    pub(crate) fingerprint: bool,
}

impl ReplyTo {
    pub(crate) fn new(settings: &Settings, client: Client, message: &Message<'_>) -> Self {
        Self {
            client,
            method: message.method(),
            id: message.transaction_id(),
            request: message.bytes().len(),
            signer: None,
            fingerprint: settings.fingerprint || message.has(attr::FINGERPRINT),
        }
    }

    /// A success reply with what `fill` writes. Empty if it does not fit, which no caller lets
    /// happen; nothing is sent then.
    pub(crate) fn success(&self, fill: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        self.build(Class::Success, fill)
    }

    /// An error reply. Reason phrases are left out: they make a reflected answer longer.
    pub(crate) fn error(&self, settings: &Settings, now: Instant, refusal: &Refusal) -> Vec<u8> {
        self.build(Class::Error, |writer| {
            writer.error_code(refusal.code, "");
            match &refusal.carries {
                Carries::Nothing => {}
                Carries::Challenge => self.challenge(writer, settings, now),
                Carries::Unknown(attributes) => {
                    let list: Vec<u8> = attributes
                        .iter()
                        .flat_map(|kind| kind.0.to_be_bytes())
                        .collect();
                    writer.bytes(attr::UNKNOWN_ATTRIBUTES, &list);
                }
            }
        })
    }

    /// Bytes of an error reply with a challenge.
    pub(crate) fn challenge_length(&self, settings: &Settings, long_term: &LongTerm) -> usize {
        let attribute = |value: usize| 4 + value.next_multiple_of(4);
        let mut length = 20 + attribute(4) + attribute(long_term.realm.len()) + attribute(NONCE);
        if long_term.sha256 {
            length += attribute(ALGORITHMS.len());
        }
        if self.fingerprint || settings.fingerprint {
            length += attribute(4);
        }
        length
    }

    fn challenge(&self, writer: &mut Writer<'_>, settings: &Settings, now: Instant) {
        let Access::LongTerm(long_term) = &settings.access else {
            return;
        };
        writer.text(attr::REALM, &long_term.realm);
        writer.bytes(attr::NONCE, &long_term.nonces.make(now, &self.client.path));
        if long_term.sha256 {
            writer.bytes(attr::PASSWORD_ALGORITHMS, &ALGORITHMS);
        }
    }

    fn build(&self, class: Class, fill: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut buffer = [0; MAX_REPLY];
        let mut writer = Writer::new(&mut buffer, class, self.method, self.id);
        fill(&mut writer);
        if let Some(signer) = &self.signer {
            writer.integrity(signer.integrity, &signer.key);
        }
        if self.fingerprint {
            writer.fingerprint();
        }
        writer.finish().map(<[u8]>::to_vec).unwrap_or_default()
    }
}
