//! The header that a load balancer puts in front of a stream to say who the client is: PROXY protocol
//! versions 1 (a line of text) and 2 (binary), after HAProxy's `doc/proxy-protocol.txt`.
//!
//! Own code instead of the crate `ppp` (2.3), which takes a header cut right before its last port for
//! a bad one, reads `+80` as a port, and refuses LOCAL headers without the addresses it should ignore.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

/// Bytes of the longest header of version 1, CRLF included (section 2.1).
pub const MAX_LINE: usize = 107;

/// The longest part behind the fixed 16 bytes of version 2 that is taken: addresses and TLVs. A sender
/// with certificates in its TLVs stays well below; the protocol's 65535 would be memory for a stranger.
pub const MAX_PAYLOAD: usize = 2048;

/// Bytes of the longest header of either version: what a buffer must have room for.
pub const MAX_HEADER: usize = FIXED_LENGTH + MAX_PAYLOAD;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const FIXED_LENGTH: usize = 16;

/// What stands at the front of a stream's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// The beginning of a header: ask again with more bytes.
    Partial,
    /// No header, whatever follows.
    Bad,
    /// A whole header.
    Done {
        /// Bytes that it takes; the client's own begin behind them.
        length: usize,
        /// The client's address and the one it connected to, IPv4-mapped ones as IPv4 (so that the two
        /// may differ in family). `None` if the connection counts with its real addresses: the
        /// balancer's health checks (LOCAL), UNKNOWN, and what is not TCP.
        addresses: Option<(SocketAddr, SocketAddr)>,
    },
}

/// Reads the header at the front of `buffer`, of either version.
///
/// The answer for a longer buffer never contradicts that for its beginning, except [`Header::Partial`].
#[must_use]
pub fn read(buffer: &[u8]) -> Header {
    match buffer.first() {
        None => Header::Partial,
        Some(b'\r') => read_binary(buffer),
        Some(_) => read_line(buffer),
    }
}

// ---- version 1 --------------------------------------------------------------------------------------

fn read_line(buffer: &[u8]) -> Header {
    let front = buffer.get(..MAX_LINE).unwrap_or(buffer);
    let Some(end) = front.windows(2).position(|pair| pair == b"\r\n") else {
        let missing = if front.ends_with(b"\r") { 1 } else { 2 };
        return if front.len() + missing <= MAX_LINE && may_become_line(front) {
            Header::Partial
        } else {
            Header::Bad
        };
    };
    match str::from_utf8(&front[..end]).ok().and_then(parse_tcp) {
        Some(addresses) => Header::Done {
            length: end + 2,
            addresses: Some(addresses),
        },
        // What follows UNKNOWN is ignored, text or not.
        None if is_unknown(&front[..end]) => Header::Done {
            length: end + 2,
            addresses: None,
        },
        None => Header::Bad,
    }
}

/// Whether a line without its CRLF can still become a header. Not exact about addresses and ports: those
/// are looked at when the line is whole, which is at most 107 bytes later.
fn may_become_line(cut: &[u8]) -> bool {
    let tcp = |start: &[u8]| match cut.strip_prefix(start) {
        Some(rest) => rest
            .strip_suffix(b"\r")
            .unwrap_or(rest)
            .iter()
            .all(|byte| byte.is_ascii_hexdigit() || b" .:".contains(byte)),
        None => start.starts_with(cut),
    };
    tcp(b"PROXY TCP4 ")
        || tcp(b"PROXY TCP6 ")
        || b"PROXY UNKNOWN\r".starts_with(cut)
        || is_unknown(cut)
}

fn is_unknown(line: &[u8]) -> bool {
    line.strip_prefix(b"PROXY UNKNOWN")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b" "))
}

/// A line without its CRLF.
fn parse_tcp(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let fields = line.strip_prefix("PROXY ")?;
    match fields.split_once(' ')? {
        ("TCP4", rest) => parse_addresses::<Ipv4Addr>(rest),
        ("TCP6", rest) => parse_addresses::<Ipv6Addr>(rest),
        _ => None,
    }
}

fn parse_addresses<A: FromStr + Into<IpAddr>>(text: &str) -> Option<(SocketAddr, SocketAddr)> {
    let mut fields = text.split(' ');
    let source: A = fields.next()?.parse().ok()?;
    let destination: A = fields.next()?.parse().ok()?;
    let source_port = parse_port(fields.next()?)?;
    let destination_port = parse_port(fields.next()?)?;
    fields.next().is_none().then(|| {
        (
            address(source, source_port),
            address(destination, destination_port),
        )
    })
}

/// Stricter than [`u16::from_str`]: no sign, and no leading zeros (section 2.1).
fn parse_port(text: &str) -> Option<u16> {
    let canonical = text == "0" || !text.starts_with(['0', '+']);
    canonical.then(|| text.parse().ok())?
}

fn address(ip: impl Into<IpAddr>, port: u16) -> SocketAddr {
    SocketAddr::new(ip.into().to_canonical(), port)
}

// ---- version 2 --------------------------------------------------------------------------------------

fn read_binary(buffer: &[u8]) -> Header {
    let Some(rest) = buffer.strip_prefix(SIGNATURE) else {
        return if SIGNATURE.starts_with(buffer) {
            Header::Partial
        } else {
            Header::Bad
        };
    };
    let proxied = match rest.first() {
        None => return Header::Partial,
        Some(0x20) => false,
        Some(0x21) => true,
        Some(_) => return Header::Bad,
    };
    let kind = match rest.get(1) {
        None => return Header::Partial,
        // "discard the protocol block including the family which is ignored" (section 2.2)
        Some(_) if !proxied => Kind::Other,
        Some(0x11) => Kind::Tcp4,
        Some(0x21) => Kind::Tcp6,
        Some(&byte) if byte >> 4 <= 3 && byte & 0xF <= 2 => Kind::Other,
        Some(_) => return Header::Bad,
    };
    let Some((declared, rest)) = rest.get(2..).and_then(|rest| rest.split_first_chunk()) else {
        return Header::Partial;
    };
    let declared = usize::from(u16::from_be_bytes(*declared));
    if declared > MAX_PAYLOAD {
        return Header::Bad;
    }
    kind.read(declared, rest.get(..declared))
}

/// What the addresses of a header of version 2 look like.
#[derive(Clone, Copy)]
enum Kind {
    Tcp4,
    Tcp6,
    /// Nothing that could be used.
    Other,
}

impl Kind {
    /// `payload`: addresses and TLVs, once all their `declared` bytes are there.
    fn read(self, declared: usize, payload: Option<&[u8]>) -> Header {
        let needed = match self {
            Self::Tcp4 => 12,
            Self::Tcp6 => 36,
            Self::Other => 0,
        };
        if declared < needed {
            return Header::Bad;
        }
        let Some(payload) = payload else {
            return Header::Partial;
        };
        Header::Done {
            length: FIXED_LENGTH + declared,
            addresses: match self {
                Self::Tcp4 => read_addresses::<4, _>(payload, Ipv4Addr::from),
                Self::Tcp6 => read_addresses::<16, _>(payload, Ipv6Addr::from),
                Self::Other => None,
            },
        }
    }
}

/// Source and destination address of `N` bytes, then their ports. TLVs may follow.
fn read_addresses<const N: usize, A: Into<IpAddr>>(
    payload: &[u8],
    ip: fn([u8; N]) -> A,
) -> Option<(SocketAddr, SocketAddr)> {
    let (source, rest) = payload.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let (source_port, rest) = rest.split_first_chunk::<2>()?;
    let destination_port = rest.first_chunk::<2>()?;
    Some((
        address(ip(*source), u16::from_be_bytes(*source_port)),
        address(ip(*destination), u16::from_be_bytes(*destination_port)),
    ))
}

#[cfg(test)]
mod tests;
