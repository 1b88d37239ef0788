//! STUN messages as received: the 20-byte header and the borrowed attributes (RFC 8489 sections 5
//! and 14). [`crate::writer`] builds them.

use core::{fmt, net::SocketAddr};

use crate::{
    Integrity, Key, address,
    attr::{self, AttributeType},
    integrity, padded,
};

/// Length of the STUN header in bytes.
pub const HEADER_LENGTH: usize = 20;

/// The magic cookie that starts the second word of every message (RFC 8489 section 5).
pub const MAGIC_COOKIE: u32 = 0x2112_A442;

/// What FINGERPRINT XORs its CRC-32 with (RFC 8489 section 14.7).
pub(crate) const FINGERPRINT_MASK: u32 = 0x5354_554E;

/// Length of a FINGERPRINT attribute with its header.
pub const FINGERPRINT_LENGTH: usize = 8;

/// The class bits of a message type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// 0b00
    Request,
    /// 0b01
    Indication,
    /// 0b10
    Success,
    /// 0b11
    Error,
}

/// A STUN method, 0 to 0xFFF.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Method(u16);

macro_rules! methods {
    ($($constant:ident = $number:literal, $name:literal, $source:literal;)*) => {
        impl Method {
            $(
                #[doc = concat!($name, ", ", $source, ".")]
                pub const $constant: Self = Self($number);
            )*

            /// The registered name, or `None`.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

methods! {
    BINDING = 0x001, "Binding", "RFC 8489 section 18.2";
    ALLOCATE = 0x003, "Allocate", "RFC 8656 section 17";
    REFRESH = 0x004, "Refresh", "RFC 8656 section 17";
    SEND = 0x006, "Send", "RFC 8656 section 17";
    DATA = 0x007, "Data", "RFC 8656 section 17";
    CREATE_PERMISSION = 0x008, "CreatePermission", "RFC 8656 section 17";
    CHANNEL_BIND = 0x009, "ChannelBind", "RFC 8656 section 17";
    CONNECT = 0x00A, "Connect", "RFC 6062 section 6.1";
    CONNECTION_BIND = 0x00B, "ConnectionBind", "RFC 6062 section 6.1";
    CONNECTION_ATTEMPT = 0x00C, "ConnectionAttempt", "RFC 6062 section 6.1";
}

impl Method {
    /// The method with this number, if it fits the 12 bits of the header.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        match number {
            0..=0xFFF => Some(Self(number)),
            _ => None,
        }
    }

    /// The number, 0 to 0xFFF.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:03X}", self.0),
        }
    }
}

/// The 96-bit transaction id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TransactionId([u8; 12]);

impl TransactionId {
    /// Its bytes, as on the wire.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }
}

impl From<[u8; 12]> for TransactionId {
    fn from(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Why bytes are not a STUN message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// Fewer than 20 bytes, or the first two bits are not zero.
    NotStun,
    /// No magic cookie: a message of RFC 3489, or not STUN at all.
    NoMagicCookie,
    /// The length field is not a multiple of four or does not match the bytes that follow.
    BadLength,
    /// An attribute runs past the end of the message.
    BadAttribute,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotStun => "not a STUN message",
            Self::NoMagicCookie => "no magic cookie",
            Self::BadLength => "wrong message length",
            Self::BadAttribute => "an attribute runs past the end of the message",
        })
    }
}

impl core::error::Error for ParseError {}

/// A received message: borrowed bytes whose header and attribute lengths are known to be sound.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
}

/// One attribute of a received message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its number.
    pub kind: AttributeType,
    /// Its value, without padding.
    pub value: &'a [u8],
    /// Where its header starts, counted from the start of the message.
    offset: usize,
}

impl<'a> Message<'a> {
    /// Reads a message that fills `bytes` exactly, and checks that its attributes stay inside.
    ///
    /// # Errors
    /// See [`ParseError`]; a server answers none of these.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let Some(header) = bytes.first_chunk::<HEADER_LENGTH>() else {
            return Err(ParseError::NotStun);
        };
        if header[0] & 0b1100_0000 != 0 {
            return Err(ParseError::NotStun);
        }
        if header[4..8] != MAGIC_COOKIE.to_be_bytes() {
            return Err(ParseError::NoMagicCookie);
        }
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if length % 4 != 0 || bytes.len() != HEADER_LENGTH + length {
            return Err(ParseError::BadLength);
        }
        let message = Self { bytes };
        let mut walk = message.walk();
        walk.by_ref().for_each(drop);
        if walk.rest_at != bytes.len() {
            return Err(ParseError::BadAttribute);
        }
        Ok(message)
    }

    /// The message's class.
    #[must_use]
    pub const fn class(&self) -> Class {
        match (self.bytes[0] & 0x01, self.bytes[1] & 0x10) {
            (0, 0) => Class::Request,
            (0, _) => Class::Indication,
            (_, 0) => Class::Success,
            (_, _) => Class::Error,
        }
    }

    /// The message's method.
    #[must_use]
    pub const fn method(&self) -> Method {
        let kind = u16::from_be_bytes([self.bytes[0], self.bytes[1]]);
        Method((kind & 0x000F) | (kind & 0x00E0) >> 1 | (kind & 0x3E00) >> 2)
    }

    /// The message's transaction id.
    #[must_use]
    pub fn transaction_id(&self) -> TransactionId {
        let mut id = [0; 12];
        id.copy_from_slice(&self.bytes[8..HEADER_LENGTH]);
        TransactionId(id)
    }

    /// The whole message as received.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The attributes that count, in order. What follows MESSAGE-INTEGRITY is left out except
    /// MESSAGE-INTEGRITY-SHA256 and FINGERPRINT, and what follows MESSAGE-INTEGRITY-SHA256 except
    /// FINGERPRINT: nobody vouches for it (RFC 8489 sections 14.5 and 14.6).
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        let mut protected_by = None;
        self.walk().filter(move |attribute| {
            let counts = match protected_by {
                None => true,
                Some(Integrity::Sha1) => matches!(
                    attribute.kind,
                    attr::MESSAGE_INTEGRITY_SHA256 | attr::FINGERPRINT
                ),
                Some(Integrity::Sha256) => attribute.kind == attr::FINGERPRINT,
            };
            match attribute.kind {
                attr::MESSAGE_INTEGRITY if counts => protected_by = Some(Integrity::Sha1),
                attr::MESSAGE_INTEGRITY_SHA256 if counts => protected_by = Some(Integrity::Sha256),
                _ => {}
            }
            counts
        })
    }

    /// The value of the first attribute of this kind that counts (see [`Self::attributes`]); later
    /// ones of the same kind are ignored (RFC 8489 section 14).
    #[must_use]
    pub fn attribute(&self, kind: AttributeType) -> Option<&'a [u8]> {
        self.find(kind).map(|attribute| attribute.value)
    }

    /// Whether the message carries this attribute.
    #[must_use]
    pub fn has(&self, kind: AttributeType) -> bool {
        self.find(kind).is_some()
    }

    /// Where in the message the value of this attribute stands; see [`Self::attribute`].
    #[must_use]
    pub fn position(&self, kind: AttributeType) -> Option<core::ops::Range<usize>> {
        let attribute = self.find(kind)?;
        let start = attribute.offset + 4;
        Some(start..start + attribute.value.len())
    }

    /// The 16-bit number at the front of an attribute's value.
    #[must_use]
    pub fn number16(&self, kind: AttributeType) -> Option<u16> {
        let value = self.attribute(kind)?;
        Some(u16::from_be_bytes(*value.first_chunk()?))
    }

    /// The value of an attribute that holds one 32-bit number and nothing else.
    #[must_use]
    pub fn number32(&self, kind: AttributeType) -> Option<u32> {
        Some(u32::from_be_bytes(self.attribute(kind)?.try_into().ok()?))
    }

    /// The value of an XOR address attribute.
    #[must_use]
    pub fn xor_address(&self, kind: AttributeType) -> Option<SocketAddr> {
        address::read_xor(self.attribute(kind)?, self.transaction_id())
    }

    /// Which attribute decides whether the message is authentic: MESSAGE-INTEGRITY-SHA256 if it is
    /// there, else MESSAGE-INTEGRITY (RFC 8489 section 9.2.4).
    #[must_use]
    pub fn integrity(&self) -> Option<Integrity> {
        if self.has(attr::MESSAGE_INTEGRITY_SHA256) {
            Some(Integrity::Sha256)
        } else if self.has(attr::MESSAGE_INTEGRITY) {
            Some(Integrity::Sha1)
        } else {
            None
        }
    }

    /// Whether the message carries this authentication code in full length and `key` made it.
    #[must_use]
    pub fn verify(&self, integrity: Integrity, key: &Key) -> bool {
        let kind = integrity_attribute(integrity);
        let Some(attribute) = self.find(kind) else {
            return false;
        };
        // The code covers the message as if it ended with this attribute.
        let end = attribute.offset + 4 + padded(attribute.value.len()) - HEADER_LENGTH;
        let Ok(length) = u16::try_from(end) else {
            return false;
        };
        let parts: [&[u8]; 3] = [
            &self.bytes[..2],
            &length.to_be_bytes(),
            &self.bytes[4..attribute.offset],
        ];
        integrity::verify(integrity, key, &parts, attribute.value)
    }

    /// Whether FINGERPRINT is there, and if so, whether it is the last attribute and right.
    #[must_use]
    pub fn fingerprint(&self) -> Option<bool> {
        let attribute = self.find(attr::FINGERPRINT)?;
        let is_last = attribute.offset + FINGERPRINT_LENGTH == self.bytes.len();
        let crc = crc32fast::hash(&self.bytes[..attribute.offset]) ^ FINGERPRINT_MASK;
        Some(is_last && attribute.value == crc.to_be_bytes())
    }

    fn find(&self, kind: AttributeType) -> Option<Attribute<'a>> {
        self.attributes().find(|attribute| attribute.kind == kind)
    }

    /// All attributes, whoever vouches for them.
    const fn walk(&self) -> Walk<'a> {
        Walk {
            bytes: self.bytes,
            rest_at: HEADER_LENGTH,
        }
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} {:?} {:?}",
            self.method(),
            self.class(),
            self.transaction_id()
        )?;
        f.debug_list()
            .entries(self.walk().map(|attribute| attribute.kind))
            .finish()
    }
}

/// Steps through attributes; stops early where one runs past the end.
struct Walk<'a> {
    bytes: &'a [u8],
    rest_at: usize,
}

impl<'a> Iterator for Walk<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let offset = self.rest_at;
        let (&[k0, k1, l0, l1], rest) = self.bytes.get(offset..)?.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if rest.len() < padded(length) {
            return None;
        }
        self.rest_at = offset + 4 + padded(length);
        Some(Attribute {
            kind: AttributeType(u16::from_be_bytes([k0, k1])),
            value: &rest[..length],
            offset,
        })
    }
}

pub(crate) const fn integrity_attribute(integrity: Integrity) -> AttributeType {
    match integrity {
        Integrity::Sha1 => attr::MESSAGE_INTEGRITY,
        Integrity::Sha256 => attr::MESSAGE_INTEGRITY_SHA256,
    }
}

/// The first 20 bytes of a message with `length` bytes of attributes.
#[must_use]
pub fn header(class: Class, method: Method, id: TransactionId, length: u16) -> [u8; HEADER_LENGTH] {
    let class = match class {
        Class::Request => 0,
        Class::Indication => 0x0010,
        Class::Success => 0x0100,
        Class::Error => 0x0110,
    };
    let method = method.0;
    let kind = (method & 0x000F) | (method & 0x0070) << 1 | (method & 0x0F80) << 2 | class;
    let mut header = [0; HEADER_LENGTH];
    header[..2].copy_from_slice(&kind.to_be_bytes());
    header[2..4].copy_from_slice(&length.to_be_bytes());
    header[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
    header[8..].copy_from_slice(&id.0);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_and_class_survives_the_header() {
        for number in 0..=0xFFF {
            for class in [
                Class::Request,
                Class::Indication,
                Class::Success,
                Class::Error,
            ] {
                let method = Method::new(number).unwrap();
                let bytes = header(class, method, TransactionId([9; 12]), 0);
                let message = Message::parse(&bytes).unwrap();
                assert_eq!((message.method(), message.class()), (method, class));
            }
        }
        assert_eq!(Method::new(0x1000), None);
    }
}
