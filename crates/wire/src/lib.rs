//! STUN and TURN bytes to values and back.
//!
//! What lives here: the header, the attributes, addresses, integrity, ChannelData and the message
//! boundaries on streams. What does not: any rule about *when* a message is allowed. This floor
//! accepts every well-formed message; which channel numbers may be bound, which attributes a request
//! needs and who may send it is decided one floor up. No clock, no sockets, and parsing allocates
//! nothing.
//!
//! ```
//! use turnd_wire::{Class, Message, Method, Writer, attr};
//!
//! let mut buffer = [0; 64];
//! let mut request = Writer::new(&mut buffer, Class::Request, Method::BINDING, [7; 12].into());
//! request.text(attr::SOFTWARE, "example");
//! request.fingerprint();
//! let bytes = request.finish().unwrap();
//!
//! let parsed = Message::parse(bytes).unwrap();
//! assert_eq!(parsed.method(), Method::BINDING);
//! assert_eq!(parsed.fingerprint(), Some(true));
//! ```

pub mod address;
pub mod attr;
pub mod channel_data;
pub mod data_indication;
pub mod error_code;
pub mod framing;
pub mod integrity;
pub mod message;
pub mod writer;

pub use address::Family;
pub use channel_data::ChannelData;
pub use data_indication::DataIndication;
pub use error_code::ErrorCode;
pub use integrity::{Algorithm, Integrity, Key};
pub use message::{Class, Message, Method, ParseError, TransactionId};
pub use writer::Writer;

/// The protocol that the first byte of a datagram or stream announces (RFC 7983 section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// 0 to 3: STUN.
    Stun,
    /// 16 to 19: ZRTP.
    Zrtp,
    /// 20 to 63: DTLS (and TLS on streams).
    Dtls,
    /// 64 to 79: TURN ChannelData (RFC 8656 section 12, channels 0x4000 to 0x4FFF).
    Channel,
    /// 80 to 127: channels 0x5000 to 0x7FFF, which RFC 5766 allowed and RFC 8656 reserves.
    ReservedChannel,
    /// 128 to 191: RTP and RTCP.
    Rtp,
    /// Everything else is assigned to nobody.
    Unassigned,
}

/// Tells by its first byte which protocol a datagram belongs to.
#[must_use]
pub const fn demultiplex(first: u8) -> Protocol {
    match first {
        0..=3 => Protocol::Stun,
        16..=19 => Protocol::Zrtp,
        20..=63 => Protocol::Dtls,
        64..=79 => Protocol::Channel,
        80..=127 => Protocol::ReservedChannel,
        128..=191 => Protocol::Rtp,
        _ => Protocol::Unassigned,
    }
}

/// The next multiple of four at or above `length` (RFC 8489 section 14, RFC 8656 section 12.5).
pub(crate) const fn padded(length: usize) -> usize {
    length.next_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_byte_ranges_are_those_of_rfc_7983() {
        let ranges = [
            (0, 3, Protocol::Stun),
            (4, 15, Protocol::Unassigned),
            (16, 19, Protocol::Zrtp),
            (20, 63, Protocol::Dtls),
            (64, 79, Protocol::Channel),
            (80, 127, Protocol::ReservedChannel),
            (128, 191, Protocol::Rtp),
            (192, 255, Protocol::Unassigned),
        ];
        for (first, last, protocol) in ranges {
            for byte in first..=last {
                assert_eq!(demultiplex(byte), protocol, "byte {byte}");
            }
        }
    }
}
