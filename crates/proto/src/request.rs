//! What all requests have in common: which attributes are understood, and how an answer is built,
//! signed and finished.

use turnd_wire::{
    Class, Message, Method, TransactionId, Writer,
    attr::{self, AttributeType},
};

use crate::{
    auth::{ALGORITHMS, Signer},
    io::{Client, Transport},
    nonce::LENGTH as NONCE,
    refusal::{Carries, Refusal},
    settings::{Access, LongTerm, Settings},
    time::Instant,
};

/// With PADDING (RFC 5780 section 7.6) an answer may be so long, which an Ethernet cannot carry in one piece.
const MAX_PADDED: usize = 2048;
/// Answers stay below the smallest datagram that every IPv6 path carries (RFC 8489 section 6.1).
const MAX_REPLY: usize = 1232;
/// As many unknown attributes are named in a 420; a longer list helps nobody.
const MAX_UNKNOWN: usize = 32;
/// Nobody is sent more than so many times what he has sent before he has shown where he is, if it can be helped: it
/// may be somebody else who is sent it. QUIC has the same limit (RFC 9000 section 8).
pub(crate) const MOST_TIMES: usize = 3;
/// Bytes of FINGERPRINT.
const FINGERPRINT: usize = 8;

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
    /// The request ends with FINGERPRINT, and so does the answer.
    pub(crate) fingerprint: bool,
    /// The answer does in any case, unless that makes it too long.
    pub(crate) adds_fingerprint: bool,
    /// How often the client has sent the request, if it says so.
    pub(crate) transmissions: Option<u8>,
    /// What a client of RFC 3489 has in the cookie's place.
    pub(crate) classic: Option<[u8; 4]>,
}

impl ReplyTo {
    pub(crate) fn new(settings: &Settings, client: Client, message: &Message<'_>) -> Self {
        Self {
            client,
            method: message.method(),
            id: message.transaction_id(),
            request: message.bytes().len(),
            signer: None,
            fingerprint: message.has(attr::FINGERPRINT),
            adds_fingerprint: settings.fingerprint,
            transmissions: transmissions(message),
            classic: None,
        }
    }

    /// To a message without the cookie, which cannot be signed and ends with no FINGERPRINT (RFC 8489
    /// section 11).
    pub(crate) fn to_classic(client: Client, message: &Message<'_>, cookie: [u8; 4]) -> Self {
        Self {
            client,
            method: message.method(),
            id: message.transaction_id(),
            request: message.bytes().len(),
            signer: None,
            fingerprint: false,
            adds_fingerprint: false,
            transmissions: None,
            classic: Some(cookie),
        }
    }

    /// Whether an answer of so many bytes is more than a sender who may not be there is to be sent.
    pub(crate) fn is_too_long(&self, answer: usize) -> bool {
        let is_unproved = self.signer.is_none() && self.client.path.transport == Transport::Udp;
        is_unproved && answer > MOST_TIMES * self.request
    }

    /// A success reply with what `fill` writes. Empty if it does not fit, which no caller lets
    /// happen; nothing is sent then.
    pub(crate) fn success(&self, fill: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        self.build(&mut [0; MAX_REPLY], Class::Success, fill)
    }

    /// A success reply with PADDING, not longer than `length` bytes because of it.
    pub(crate) fn padded_success(&self, length: usize, fill: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
        const PADDING: [u8; MAX_PADDED] = [0; MAX_PADDED];
        let bare = self.success(|writer| {
            fill(writer);
            writer.bytes(attr::PADDING, &[]);
        });
        let padding = length.min(MAX_PADDED).saturating_sub(bare.len());
        self.build(&mut [0; MAX_PADDED], Class::Success, |writer| {
            fill(writer);
            writer.bytes(attr::PADDING, &PADDING[..padding / 4 * 4]);
        })
    }

    /// An error reply. Reason phrases are left out: they make a reflected answer longer.
    pub(crate) fn error(&self, settings: &Settings, now: Instant, refusal: &Refusal) -> Vec<u8> {
        self.build(&mut [0; MAX_REPLY], Class::Error, |writer| {
            writer.error_code(refusal.code, "");
            match &refusal.carries {
                Carries::Nothing => {}
                Carries::Challenge => self.challenge(writer, settings, now),
                Carries::Alternates(target) => {
                    let addresses = [Some(target.first), target.second];
                    for address in addresses.into_iter().flatten() {
                        writer.address(attr::ALTERNATE_SERVER, address);
                    }
                    if let Some(domain) = &target.domain {
                        writer.text(attr::ALTERNATE_DOMAIN, domain);
                    }
                }
                Carries::Unknown(attributes) => {
                    // RFC 3489 section 11.2.10 knows no padding: one is named twice.
                    let is_odd = self.classic.is_some() && attributes.len() % 2 == 1;
                    let again = attributes.last().filter(|_| is_odd);
                    let list: Vec<u8> = attributes
                        .iter()
                        .chain(again)
                        .flat_map(|kind| kind.0.to_be_bytes())
                        .collect();
                    writer.bytes(attr::UNKNOWN_ATTRIBUTES, &list);
                }
            }
        })
    }

    /// Bytes of an error reply with a challenge.
    pub(crate) fn challenge_length(&self, long_term: &LongTerm) -> usize {
        let mut length = bare_challenge_length(long_term);
        if self.transmissions.is_some() {
            length += attribute(4);
        }
        if self.ends_with_fingerprint(length) {
            length += FINGERPRINT;
        }
        length
    }

    /// Whether FINGERPRINT follows so many bytes.
    fn ends_with_fingerprint(&self, bytes: usize) -> bool {
        self.fingerprint || self.adds_fingerprint && !self.is_too_long(bytes + FINGERPRINT)
    }

    fn challenge(&self, writer: &mut Writer<'_>, settings: &Settings, now: Instant) {
        let Access::LongTerm(long_term) = &settings.access else {
            return;
        };
        writer.text(attr::REALM, &long_term.realm);
        writer.bytes(attr::NONCE, &long_term.nonces.make(now, &self.client.path));
        if let Some(third_party) = &long_term.third_party {
            writer.text(attr::THIRD_PARTY_AUTHORIZATION, &third_party.server_name);
        }
        if long_term.sha256 {
            writer.bytes(attr::PASSWORD_ALGORITHMS, &ALGORITHMS);
        }
    }

    fn build(
        &self,
        buffer: &mut [u8],
        class: Class,
        fill: impl FnOnce(&mut Writer<'_>),
    ) -> Vec<u8> {
        let mut writer = Writer::new(buffer, class, self.method, self.id);
        fill(&mut writer);
        if let Some(transmissions) = self.transmissions {
            // How often it was answered is not remembered, which 0 stands for.
            let value = [0, 0, transmissions, 0];
            writer.bytes(attr::TRANSACTION_TRANSMIT_COUNTER, &value);
        }
        if let Some(signer) = &self.signer {
            writer.integrity(signer.integrity, &signer.key);
        }
        if self.ends_with_fingerprint(writer.written()) {
            writer.fingerprint();
        }
        let mut bytes = writer.finish().map(<[u8]>::to_vec).unwrap_or_default();
        if let (Some(cookie), Some(place)) = (self.classic, bytes.get_mut(4..8)) {
            place.copy_from_slice(&cookie);
        }
        bytes
    }
}

/// Bytes of an attribute with so many in its value.
const fn attribute(value: usize) -> usize {
    4 + value.next_multiple_of(4)
}

/// Bytes of a challenge with nothing in it but what it needs.
pub(crate) fn bare_challenge_length(long_term: &LongTerm) -> usize {
    let mut length = 20 + attribute(4) + attribute(long_term.realm.len()) + attribute(NONCE);
    if let Some(third_party) = &long_term.third_party {
        length += attribute(third_party.server_name.len());
    }
    if long_term.sha256 {
        length += attribute(ALGORITHMS.len());
    }
    length
}

/// TRANSACTION_TRANSMIT_COUNTER (RFC 7982 section 3.3). The answer to an Allocate is kept for when the
/// request comes again, and cannot say how often it has.
fn transmissions(message: &Message<'_>) -> Option<u8> {
    match message.attribute(attr::TRANSACTION_TRANSMIT_COUNTER) {
        Some(&[_, _, requests, _]) if message.method() != Method::ALLOCATE => Some(requests),
        _ => None,
    }
}
