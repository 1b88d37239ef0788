//! Replies as a test looks at them.

use core::net::SocketAddr;

use turnd_wire::{
    Class, ErrorCode, Integrity, Message,
    attr::{self, AttributeType},
};

/// What [`Reply::code`] says about success.
pub(crate) const OK: u16 = 200;

/// A reply, known to be a well-formed answer to the request it came for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) bytes: Vec<u8>,
}

impl Reply {
    /// Checks what holds for every reply (RFC 8489 section 6.3.1): transaction id and method of the
    /// request, and in an error ERROR-CODE with nothing in its reserved bits.
    pub(crate) fn to(request: &[u8], bytes: Vec<u8>) -> Self {
        let asked = Message::parse(request).expect("only messages are answered");
        let reply = Self { bytes };
        let message = reply.message();
        assert_eq!(asked.class(), Class::Request, "answered {asked:?}");
        assert_eq!(message.transaction_id(), asked.transaction_id());
        assert_eq!(message.method(), asked.method());
        assert_ne!(message.fingerprint(), Some(false));
        match message.class() {
            Class::Success => assert!(!message.has(attr::ERROR_CODE)),
            Class::Error => {
                let code = message.attribute(attr::ERROR_CODE).expect("ERROR-CODE");
                assert_eq!((code[0], code[1] & 0xF8), (0, 0));
            }
            class => panic!("{class:?} is no reply"),
        }
        reply
    }

    pub(crate) fn message(&self) -> Message<'_> {
        Message::parse(&self.bytes).expect("the server sends messages")
    }

    /// [`OK`], or the error code.
    pub(crate) fn code(&self) -> u16 {
        self.message()
            .attribute(attr::ERROR_CODE)
            .map_or(OK, |value| {
                ErrorCode::parse(value).expect("a code").0.number()
            })
    }

    pub(crate) fn has(&self, kind: AttributeType) -> bool {
        self.message().has(kind)
    }

    pub(crate) fn value(&self, kind: AttributeType) -> Option<Vec<u8>> {
        self.message().attribute(kind).map(<[u8]>::to_vec)
    }

    pub(crate) fn lifetime(&self) -> Option<u32> {
        self.message().number32(attr::LIFETIME)
    }

    pub(crate) fn mapped(&self) -> Option<SocketAddr> {
        self.message().xor_address(attr::XOR_MAPPED_ADDRESS)
    }

    /// The values of a plain address attribute, in order.
    pub(crate) fn addresses(&self, kind: AttributeType) -> Vec<SocketAddr> {
        let attributes = self.message().attributes();
        let values = attributes.filter(|attribute| attribute.kind == kind);
        values
            .map(|it| turnd_wire::address::read(it.value).expect("an address"))
            .collect()
    }

    /// Every XOR-RELAYED-ADDRESS.
    pub(crate) fn relayed(&self) -> Vec<SocketAddr> {
        let message = self.message();
        message
            .attributes()
            .filter(|attribute| attribute.kind == attr::XOR_RELAYED_ADDRESS)
            .map(|attribute| {
                turnd_wire::address::read_xor(attribute.value, message.transaction_id())
                    .expect("an address")
            })
            .collect()
    }

    /// The one XOR-RELAYED-ADDRESS of a success.
    pub(crate) fn relay(&self) -> SocketAddr {
        assert_eq!(self.code(), OK);
        let relayed = self.relayed();
        assert_eq!(relayed.len(), 1, "{relayed:?}");
        relayed[0]
    }

    pub(crate) fn token(&self) -> Option<Vec<u8>> {
        self.value(attr::RESERVATION_TOKEN)
    }

    /// How it is signed, if it is: the attributes themselves, not what they mean together.
    pub(crate) fn signatures(&self) -> Vec<Integrity> {
        self.message()
            .attributes()
            .filter_map(|attribute| match attribute.kind {
                attr::MESSAGE_INTEGRITY => Some(Integrity::Sha1),
                attr::MESSAGE_INTEGRITY_SHA256 => Some(Integrity::Sha256),
                _ => None,
            })
            .collect()
    }

    /// The kinds of its attributes, in order.
    pub(crate) fn kinds(&self) -> Vec<AttributeType> {
        self.message().attributes().map(|a| a.kind).collect()
    }
}

/// XOR-PEER-ADDRESS of a Data indication.
pub(crate) fn peer_of(message: &Message<'_>) -> SocketAddr {
    message.xor_address(attr::XOR_PEER_ADDRESS).expect("a peer")
}
