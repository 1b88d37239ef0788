//! Transport addresses on the wire: plain (MAPPED-ADDRESS and its like) and XORed with the magic
//! cookie and the transaction id (RFC 8489 sections 14.1 and 14.2).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::message::{MAGIC_COOKIE, TransactionId};

/// An address family as STUN and TURN number them (RFC 8489 section 14.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// 0x01
    V4,
    /// 0x02
    V6,
}

impl Family {
    /// The family of `ip`.
    #[must_use]
    pub const fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V4 => 1,
            Self::V6 => 2,
        }
    }

    /// The family with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::V4),
            2 => Some(Self::V6),
            _ => None,
        }
    }

    /// The other of the two.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::V4 => Self::V6,
            Self::V6 => Self::V4,
        }
    }
}

/// Longest address value: 4 bytes in front and an IPv6 address.
pub const MAX_LENGTH: usize = 20;
/// Length of the value for IPv4.
pub(crate) const V4_LENGTH: usize = 8;

/// Reads the value of a plain address attribute.
#[must_use]
pub fn read(value: &[u8]) -> Option<SocketAddr> {
    read_with(value, &[0; 16])
}

/// Reads the value of an XOR address attribute.
#[must_use]
pub fn read_xor(value: &[u8], id: TransactionId) -> Option<SocketAddr> {
    read_with(value, &mask(id))
}

/// Writes the value of a plain address attribute and returns its length (8 or 20 bytes).
pub fn write(out: &mut [u8; MAX_LENGTH], address: SocketAddr) -> usize {
    write_with(out, address, &[0; 16])
}

/// Writes the value of an XOR address attribute and returns its length (8 or 20 bytes).
pub fn write_xor(out: &mut [u8; MAX_LENGTH], address: SocketAddr, id: TransactionId) -> usize {
    write_with(out, address, &mask(id))
}

/// What an address is XORed with: the cookie, then the transaction id.
fn mask(id: TransactionId) -> [u8; 16] {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
    mask[4..].copy_from_slice(id.as_bytes());
    mask
}

fn read_with(value: &[u8], mask: &[u8; 16]) -> Option<SocketAddr> {
    let (&[_, family, port_high, port_low], bytes) = value.split_first_chunk::<4>()?;
    let port = u16::from_be_bytes([port_high ^ mask[0], port_low ^ mask[1]]);
    let ip = match Family::from_number(family)? {
        Family::V4 => {
            let octets = u32::from_be_bytes(bytes.try_into().ok()?);
            let mask = u32::from_be_bytes([mask[0], mask[1], mask[2], mask[3]]);
            IpAddr::V4(Ipv4Addr::from_bits(octets ^ mask))
        }
        Family::V6 => {
            let octets = u128::from_be_bytes(bytes.try_into().ok()?);
            IpAddr::V6(Ipv6Addr::from_bits(octets ^ u128::from_be_bytes(*mask)))
        }
    };
    Some(SocketAddr::new(ip, port))
}

fn write_with(out: &mut [u8; MAX_LENGTH], address: SocketAddr, mask: &[u8; 16]) -> usize {
    let family = Family::of(address.ip());
    let port = address.port().to_be_bytes();
    out[..4].copy_from_slice(&[0, family.number(), port[0] ^ mask[0], port[1] ^ mask[1]]);
    match address.ip() {
        IpAddr::V4(ip) => {
            let mask = u32::from_be_bytes([mask[0], mask[1], mask[2], mask[3]]);
            out[4..8].copy_from_slice(&(ip.to_bits() ^ mask).to_be_bytes());
            8
        }
        IpAddr::V6(ip) => {
            out[4..20].copy_from_slice(&(ip.to_bits() ^ u128::from_be_bytes(*mask)).to_be_bytes());
            20
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(text: &str) {
        let address: SocketAddr = text.parse().unwrap();
        let id = TransactionId::from([0xB7; 12]);
        let mut out = [0; MAX_LENGTH];
        let length = write(&mut out, address);
        assert_eq!(read(&out[..length]), Some(address));
        let length = write_xor(&mut out, address, id);
        assert_eq!(read_xor(&out[..length], id), Some(address));
        assert_ne!(read(&out[..length]), Some(address));
    }

    #[test]
    fn both_families_survive_both_forms() {
        round_trip("192.0.2.1:32853");
        round_trip("[2001:db8:1234:5678:11:2233:4455:6677]:32853");
    }

    #[test]
    fn wrong_length_or_family_is_no_address() {
        let id = TransactionId::from([0; 12]);
        for value in [
            &[][..],
            &[0, 1, 0],
            &[0, 1, 0, 0, 1, 2, 3],
            &[0, 1, 0, 0, 1, 2, 3, 4, 5],
            &[0, 2, 0, 0, 1, 2, 3, 4],
            &[0, 3, 0, 0, 1, 2, 3, 4],
        ] {
            assert_eq!(read(value), None, "{value:?}");
            assert_eq!(read_xor(value, id), None, "{value:?}");
        }
    }
}
