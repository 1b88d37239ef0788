//! Error codes and the shape of ERROR-CODE (RFC 8489 section 14.8).

use core::fmt;

/// An error code, 300 to 699.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode(u16);

macro_rules! codes {
    ($($constant:ident = $number:literal, $reason:literal, $source:literal;)*) => {
        impl ErrorCode {
            $(
                #[doc = concat!($reason, ", ", $source, ".")]
                pub const $constant: Self = Self($number);
            )*

            /// The reason phrase that the RFCs recommend; empty for a code they do not define.
            #[must_use]
            pub const fn reason(self) -> &'static str {
                match self.0 {
                    $($number => $reason,)*
                    _ => "",
                }
            }
        }
    };
}

codes! {
    TRY_ALTERNATE = 300, "Try Alternate", "RFC 8489 section 14.8";
    BAD_REQUEST = 400, "Bad Request", "RFC 8489 section 14.8";
    UNAUTHENTICATED = 401, "Unauthenticated", "RFC 8489 section 14.8";
    FORBIDDEN = 403, "Forbidden", "RFC 8656 section 19";
    MOBILITY_FORBIDDEN = 405, "Mobility Forbidden", "RFC 8016 section 4.2";
    UNKNOWN_ATTRIBUTE = 420, "Unknown Attribute", "RFC 8489 section 14.8";
    ALLOCATION_MISMATCH = 437, "Allocation Mismatch", "RFC 8656 section 19";
    STALE_NONCE = 438, "Stale Nonce", "RFC 8489 section 14.8";
    ADDRESS_FAMILY_NOT_SUPPORTED = 440, "Address Family not Supported", "RFC 8656 section 19";
    WRONG_CREDENTIALS = 441, "Wrong Credentials", "RFC 8656 section 19";
    UNSUPPORTED_TRANSPORT = 442, "Unsupported Transport Protocol", "RFC 8656 section 19";
    PEER_ADDRESS_FAMILY_MISMATCH = 443, "Peer Address Family Mismatch", "RFC 8656 section 19";
    CONNECTION_ALREADY_EXISTS = 446, "Connection Already Exists", "RFC 6062 section 6.3";
    CONNECTION_TIMEOUT_OR_FAILURE = 447, "Connection Timeout or Failure", "RFC 6062 section 6.3";
    ALLOCATION_QUOTA_REACHED = 486, "Allocation Quota Reached", "RFC 8656 section 19";
    SERVER_ERROR = 500, "Server Error", "RFC 8489 section 14.8";
    INSUFFICIENT_CAPACITY = 508, "Insufficient Capacity", "RFC 8656 section 19";
}

impl ErrorCode {
    /// The code with this number, if it lies in the range that ERROR-CODE can carry.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        match number {
            300..=699 => Some(Self(number)),
            _ => None,
        }
    }

    /// The number, 300 to 699.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The first four bytes of an ERROR-CODE value: reserved bits zero, class, number.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "300..=699 by construction")]
    pub const fn to_bytes(self) -> [u8; 4] {
        [0, 0, (self.0 / 100) as u8, (self.0 % 100) as u8]
    }

    /// Reads the value of an ERROR-CODE attribute: the code and the reason phrase's bytes.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<(Self, &[u8])> {
        let (&[_, _, class, number], reason) = value.split_first_chunk::<4>()?;
        let class = class & 0b111;
        if !(3..=6).contains(&class) || number > 99 {
            return None;
        }
        Some((Self(u16::from(class) * 100 + u16::from(number)), reason))
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.reason())
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_in_range_survives_the_wire() {
        for number in 300..=699 {
            let code = ErrorCode::new(number).unwrap();
            assert_eq!(ErrorCode::parse(&code.to_bytes()), Some((code, &[][..])));
        }
        assert_eq!(ErrorCode::new(299), None);
        assert_eq!(ErrorCode::new(700), None);
    }

    #[test]
    fn a_class_or_number_out_of_range_is_refused() {
        assert_eq!(ErrorCode::parse(&[0, 0, 2, 0]), None);
        assert_eq!(ErrorCode::parse(&[0, 0, 7, 0]), None);
        assert_eq!(ErrorCode::parse(&[0, 0, 4, 100]), None);
        assert_eq!(ErrorCode::parse(&[0, 0, 4]), None);
    }
}
