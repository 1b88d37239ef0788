//! Data indications, framed around application data that stays where it is.

use core::net::SocketAddr;

use crate::{
    Class, Method, TransactionId, address,
    attr::{self, AttributeType},
    message::{FINGERPRINT_LENGTH, FINGERPRINT_MASK, HEADER_LENGTH, header},
    padded,
};

/// The bytes in front of the application data of a Data indication, and those behind it, so that
/// the data itself need not be copied (RFC 8656 section 11.4).
#[derive(Clone, Copy, Debug)]
pub struct DataIndication {
    prefix: [u8; Self::MAX_PREFIX],
    prefix_length: usize,
    suffix: [u8; Self::MAX_SUFFIX],
    suffix_length: usize,
}

impl DataIndication {
    /// Longest prefix: header, XOR-PEER-ADDRESS of IPv6, header of DATA.
    pub const MAX_PREFIX: usize = HEADER_LENGTH + 4 + address::MAX_LENGTH + 4;
    /// Longest suffix: padding and FINGERPRINT.
    pub const MAX_SUFFIX: usize = 3 + FINGERPRINT_LENGTH;

    /// Frames `data` from `peer`. `None` if the message's length would not fit its 16 bits.
    #[must_use]
    pub fn new(
        id: TransactionId,
        peer: SocketAddr,
        data: &[u8],
        fingerprint: bool,
    ) -> Option<Self> {
        let mut address = [0; address::MAX_LENGTH];
        let address_length = address::write_xor(&mut address, peer, id);
        let prefix_length = HEADER_LENGTH + 4 + address_length + 4;
        let padding = padded(data.len()) - data.len();
        let suffix_length = padding + if fingerprint { FINGERPRINT_LENGTH } else { 0 };
        let length = prefix_length + data.len() + suffix_length - HEADER_LENGTH;

        let mut prefix = [0; Self::MAX_PREFIX];
        let header = header(
            Class::Indication,
            Method::DATA,
            id,
            u16::try_from(length).ok()?,
        );
        prefix[..HEADER_LENGTH].copy_from_slice(&header);
        let attributes = &mut prefix[HEADER_LENGTH..prefix_length];
        attributes[..4].copy_from_slice(&attribute_header(attr::XOR_PEER_ADDRESS, address_length)?);
        attributes[4..4 + address_length].copy_from_slice(&address[..address_length]);
        attributes[4 + address_length..]
            .copy_from_slice(&attribute_header(attr::DATA, data.len())?);

        let mut suffix = [0; Self::MAX_SUFFIX];
        if fingerprint {
            let mut crc = crc32fast::Hasher::new();
            crc.update(&prefix[..prefix_length]);
            crc.update(data);
            crc.update(&suffix[..padding]);
            let crc = crc.finalize() ^ FINGERPRINT_MASK;
            suffix[padding..padding + 4].copy_from_slice(&attribute_header(attr::FINGERPRINT, 4)?);
            suffix[padding + 4..suffix_length].copy_from_slice(&crc.to_be_bytes());
        }
        Some(Self {
            prefix,
            prefix_length,
            suffix,
            suffix_length,
        })
    }

    /// How long the whole message is with so much data, in bytes.
    #[must_use]
    pub fn length(peer: SocketAddr, data: usize, fingerprint: bool) -> usize {
        let address = match peer {
            SocketAddr::V4(_) => address::V4_LENGTH,
            SocketAddr::V6(_) => address::MAX_LENGTH,
        };
        let fingerprint = if fingerprint { FINGERPRINT_LENGTH } else { 0 };
        HEADER_LENGTH + 4 + address + 4 + padded(data) + fingerprint
    }

    /// What goes in front of the data.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        &self.prefix[..self.prefix_length]
    }

    /// What goes behind the data (0 to 11 bytes).
    #[must_use]
    pub fn suffix(&self) -> &[u8] {
        &self.suffix[..self.suffix_length]
    }
}

fn attribute_header(kind: AttributeType, length: usize) -> Option<[u8; 4]> {
    let [k0, k1] = kind.0.to_be_bytes();
    let [l0, l1] = u16::try_from(length).ok()?.to_be_bytes();
    Some([k0, k1, l0, l1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    #[test]
    fn a_data_indication_framed_around_its_data_is_a_whole_message() {
        for (peer, fingerprint) in [("192.0.2.1:9", false), ("[2001:db8::1]:9", true)] {
            for length in 0..9 {
                let peer: SocketAddr = peer.parse().unwrap();
                let data = vec![0xAB; length];
                let frame = DataIndication::new([3; 12].into(), peer, &data, fingerprint).unwrap();
                let bytes = [frame.prefix(), &data, frame.suffix()].concat();
                let message = Message::parse(&bytes).unwrap();
                let told = DataIndication::length(peer, length, fingerprint);
                assert_eq!(told, bytes.len());
                assert_eq!(message.method(), Method::DATA);
                assert_eq!(message.class(), Class::Indication);
                assert_eq!(message.xor_address(attr::XOR_PEER_ADDRESS), Some(peer));
                assert_eq!(message.attribute(attr::DATA), Some(&data[..]));
                assert_eq!(message.fingerprint(), fingerprint.then_some(true));
            }
        }
        assert!(
            DataIndication::new(
                [3; 12].into(),
                "[::]:1".parse().unwrap(),
                &[0; 65_535],
                false
            )
            .is_none()
        );
    }
}
