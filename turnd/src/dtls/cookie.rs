//! Cookies that need no memory (RFC 6347 section 4.2.1): a time stamp, and an authentication code over it,
//! both addresses and what the ClientHello says.
//!
//! The RFC recommends to change the key from time to time, so that cookies collected at many addresses
//! lose their worth. The time stamp under the code does that to the second.

use std::net::{IpAddr, SocketAddr};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use turnd_proto::Instant;

use super::{Path, hello::ClientHello};

const TIME: usize = 4;
/// 128 bits: nobody can guess within the minute that a cookie is good for.
const CODE: usize = 16;
/// Length of every cookie made here, in bytes; DTLS 1.0 allows 32.
pub(super) const LENGTH: usize = TIME + CODE;
/// How long a cookie is good for, in seconds: a handshake takes two round trips.
const LIFETIME: u32 = 60;

/// A cookie's bytes.
pub(super) type Cookie = [u8; LENGTH];

/// Makes and checks the cookies of one process.
pub(super) struct Cookies {
    keyed: Hmac<Sha256>,
}

impl Cookies {
    /// Under a key that lives as long as the process, one block of SHA-256.
    pub(super) fn new(key: &[u8; 64]) -> Self {
        Self {
            keyed: Hmac::new(key.into()),
        }
    }

    /// What this hello must come back with.
    pub(super) fn cookie(&self, now: Instant, path: Path, hello: &ClientHello<'_>) -> Cookie {
        let time = seconds(now).to_be_bytes();
        let code = self.code(time, path, hello).finalize().into_bytes();
        let mut cookie = [0; LENGTH];
        cookie[..TIME].copy_from_slice(&time);
        cookie[TIME..].copy_from_slice(&code[..CODE]);
        cookie
    }

    /// Whether the hello carries a cookie that this process has sent to its address, for the same hello, not
    /// more than a minute ago.
    pub(super) fn is_good(&self, now: Instant, path: Path, hello: &ClientHello<'_>) -> bool {
        let Some((&time, code)) = hello.cookie.split_first_chunk::<TIME>() else {
            return false;
        };
        let age = seconds(now).wrapping_sub(u32::from_be_bytes(time));
        age <= LIFETIME
            && code.len() == CODE
            && self
                .code(time, path, hello)
                .verify_truncated_left(code)
                .is_ok()
    }

    /// Extensions are not covered: the RFC does not name them, and clients may change them.
    fn code(&self, time: [u8; TIME], path: Path, hello: &ClientHello<'_>) -> Hmac<Sha256> {
        let mut code = self.keyed.clone();
        code.update(&time);
        code.update(&address(path.client));
        code.update(&address(path.server));
        code.update(hello.before_cookie);
        code.update(hello.suites);
        code
    }
}

/// Seconds since the clock's origin; wraps after 136 years.
fn seconds(now: Instant) -> u32 {
    (now.as_secs() & u64::from(u32::MAX)) as u32
}

/// An address in a fixed length, so that no two inputs of the code run together.
fn address(address: SocketAddr) -> [u8; 18] {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let mut bytes = [0; 18];
    bytes[..16].copy_from_slice(&ip.octets());
    bytes[16..].copy_from_slice(&address.port().to_be_bytes());
    bytes
}
