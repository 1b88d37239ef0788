//! The attribute registry: number, name and the meaning of the top bit, in one table.
//!
//! A new attribute is one row here. Values are read and written by [`crate::message`]; the rules
//! about when an attribute may appear live with the request that carries it.

use core::fmt;

/// The number of a STUN attribute (RFC 8489 section 14).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeType(pub u16);

impl AttributeType {
    /// Whether a receiver that does not know the attribute must refuse the message
    /// ("comprehension-required": 0x0000 to 0x7FFF).
    #[must_use]
    pub const fn is_required(self) -> bool {
        self.0 < 0x8000
    }

    /// The registered name, or `None` for a number outside the table.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        TABLE
            .binary_search_by_key(&self, |row| row.number)
            .ok()
            .map(|at| TABLE[at].name)
    }
}

impl fmt::Display for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:04X}", self.0),
        }
    }
}

impl fmt::Debug for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One row of the registry.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The number on the wire.
    pub number: AttributeType,
    /// The name in the registry.
    pub name: &'static str,
    /// Where the value is defined.
    pub source: &'static str,
}

macro_rules! attributes {
    ($($constant:ident = $number:literal, $name:literal, $source:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`, ", $source, ".")]
            pub const $constant: AttributeType = AttributeType($number);
        )*

        /// Every attribute this crate knows, in order of number.
        pub const TABLE: &[Row] = &[
            $(Row { number: $constant, name: $name, source: $source },)*
        ];
    };
}

attributes! {
    MAPPED_ADDRESS = 0x0001, "MAPPED-ADDRESS", "RFC 8489 section 14.1";
    CHANGE_REQUEST = 0x0003, "CHANGE-REQUEST", "RFC 5780 section 7.2";
    USERNAME = 0x0006, "USERNAME", "RFC 8489 section 14.3";
    MESSAGE_INTEGRITY = 0x0008, "MESSAGE-INTEGRITY", "RFC 8489 section 14.5";
    ERROR_CODE = 0x0009, "ERROR-CODE", "RFC 8489 section 14.8";
    UNKNOWN_ATTRIBUTES = 0x000A, "UNKNOWN-ATTRIBUTES", "RFC 8489 section 14.13";
    CHANNEL_NUMBER = 0x000C, "CHANNEL-NUMBER", "RFC 8656 section 18.1";
    LIFETIME = 0x000D, "LIFETIME", "RFC 8656 section 18.2";
    XOR_PEER_ADDRESS = 0x0012, "XOR-PEER-ADDRESS", "RFC 8656 section 18.3";
    DATA = 0x0013, "DATA", "RFC 8656 section 18.4";
    REALM = 0x0014, "REALM", "RFC 8489 section 14.9";
    NONCE = 0x0015, "NONCE", "RFC 8489 section 14.10";
    XOR_RELAYED_ADDRESS = 0x0016, "XOR-RELAYED-ADDRESS", "RFC 8656 section 18.5";
    REQUESTED_ADDRESS_FAMILY = 0x0017, "REQUESTED-ADDRESS-FAMILY", "RFC 8656 section 18.6";
    EVEN_PORT = 0x0018, "EVEN-PORT", "RFC 8656 section 18.7";
    REQUESTED_TRANSPORT = 0x0019, "REQUESTED-TRANSPORT", "RFC 8656 section 18.8";
    DONT_FRAGMENT = 0x001A, "DONT-FRAGMENT", "RFC 8656 section 18.9";
    ACCESS_TOKEN = 0x001B, "ACCESS-TOKEN", "RFC 7635 section 6.2";
    MESSAGE_INTEGRITY_SHA256 = 0x001C, "MESSAGE-INTEGRITY-SHA256", "RFC 8489 section 14.6";
    PASSWORD_ALGORITHM = 0x001D, "PASSWORD-ALGORITHM", "RFC 8489 section 14.12";
    USERHASH = 0x001E, "USERHASH", "RFC 8489 section 14.4";
    XOR_MAPPED_ADDRESS = 0x0020, "XOR-MAPPED-ADDRESS", "RFC 8489 section 14.2";
    RESERVATION_TOKEN = 0x0022, "RESERVATION-TOKEN", "RFC 8656 section 18.10";
    PRIORITY = 0x0024, "PRIORITY", "RFC 8445 section 16.1";
    USE_CANDIDATE = 0x0025, "USE-CANDIDATE", "RFC 8445 section 16.1";
    PADDING = 0x0026, "PADDING", "RFC 5780 section 7.6";
    RESPONSE_PORT = 0x0027, "RESPONSE-PORT", "RFC 5780 section 7.5";
    CONNECTION_ID = 0x002A, "CONNECTION-ID", "RFC 6062 section 6.2.1";
    ADDITIONAL_ADDRESS_FAMILY = 0x8000, "ADDITIONAL-ADDRESS-FAMILY", "RFC 8656 section 18.11";
    ADDRESS_ERROR_CODE = 0x8001, "ADDRESS-ERROR-CODE", "RFC 8656 section 18.12";
    PASSWORD_ALGORITHMS = 0x8002, "PASSWORD-ALGORITHMS", "RFC 8489 section 14.11";
    ALTERNATE_DOMAIN = 0x8003, "ALTERNATE-DOMAIN", "RFC 8489 section 14.16";
    ICMP = 0x8004, "ICMP", "RFC 8656 section 18.13";
    SOFTWARE = 0x8022, "SOFTWARE", "RFC 8489 section 14.14";
    ALTERNATE_SERVER = 0x8023, "ALTERNATE-SERVER", "RFC 8489 section 14.15";
    TRANSACTION_TRANSMIT_COUNTER = 0x8025, "TRANSACTION_TRANSMIT_COUNTER", "RFC 7982 section 3.3";
    CACHE_TIMEOUT = 0x8027, "CACHE-TIMEOUT", "RFC 5780 section 7.1";
    FINGERPRINT = 0x8028, "FINGERPRINT", "RFC 8489 section 14.7";
    ICE_CONTROLLED = 0x8029, "ICE-CONTROLLED", "RFC 8445 section 16.1";
    ICE_CONTROLLING = 0x802A, "ICE-CONTROLLING", "RFC 8445 section 16.1";
    RESPONSE_ORIGIN = 0x802B, "RESPONSE-ORIGIN", "RFC 5780 section 7.3";
    OTHER_ADDRESS = 0x802C, "OTHER-ADDRESS", "RFC 5780 section 7.4";
    ECN_CHECK = 0x802D, "ECN-CHECK STUN", "RFC 6679 section 7.2.2";
    THIRD_PARTY_AUTHORIZATION = 0x802E, "THIRD-PARTY-AUTHORIZATION", "RFC 7635 section 6.1";
    MOBILITY_TICKET = 0x8030, "MOBILITY-TICKET", "RFC 8016 section 4.1";
}

/// SOURCE-ADDRESS of RFC 3489 section 11.2.5, which is RESPONSE-ORIGIN now; the registry has nothing at this
/// number any more.
pub const CLASSIC_SOURCE_ADDRESS: AttributeType = AttributeType(0x0004);
/// CHANGED-ADDRESS of RFC 3489 section 11.2.3, which is OTHER-ADDRESS now.
pub const CLASSIC_CHANGED_ADDRESS: AttributeType = AttributeType(0x0005);

/// ADDITIONAL-ADDRESS-FAMILY as clients write it that were made from a draft of RFC 8656 (coturn's before
/// 4.17); the registry has nothing at this number.
pub const DRAFT_ADDITIONAL_ADDRESS_FAMILY: AttributeType = AttributeType(0x8032);
/// ADDRESS-ERROR-CODE as those clients read it.
pub const DRAFT_ADDRESS_ERROR_CODE: AttributeType = AttributeType(0x8033);
