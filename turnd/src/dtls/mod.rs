//! DTLS 1.2 for clients over UDP (RFC 7350, RFC 8656 section 2.1): associations without sockets, threads
//! or a clock of their own.
//!
//! OpenSSL does the handshake and the records. Before it sees a datagram, the cookie exchange has been
//! done here ([RFC 6347 section 4.2.1]): a ClientHello from an address that nobody has proved to own
//! costs a keyed hash and an answer shorter than itself, and leaves nothing behind. OpenSSL's own cookie
//! exchange would keep an object of 20 KB or more for each.
//!
//! The caller gives each datagram to [`Dtls::receive`], calls [`Dtls::next_message`] until it says
//! [`Received::Nothing`], and drains [`Dtls::closed`] after every call, before it acts on a message: an
//! association that has been replaced is told there before the new one's first message is handed out.
//!
//! OpenSSL's headers are needed to build this, so it stands behind the feature `dtls`. Without it the
//! types exist, and [`DtlsContext::new`] says what is missing.
//!
//! [RFC 6347 section 4.2.1]: https://www.rfc-editor.org/rfc/rfc6347#section-4.2.1

use std::{net::SocketAddr, time::Duration};

#[cfg(feature = "dtls")]
mod association;
#[cfg(feature = "dtls")]
mod context;
#[cfg(feature = "dtls")]
mod cookie;
#[cfg(feature = "dtls")]
mod engine;
#[cfg(feature = "dtls")]
mod hello;
#[cfg(feature = "dtls")]
mod pipe;
#[cfg(feature = "dtls")]
mod record;
#[cfg(feature = "dtls")]
mod timers;
#[cfg(not(feature = "dtls"))]
mod unavailable;

#[cfg(feature = "dtls")]
pub use self::{
    context::{DtlsContext, Prepared},
    engine::Dtls,
};
#[cfg(not(feature = "dtls"))]
pub use unavailable::{Dtls, DtlsContext, Prepared};

/// Whether this program was built with DTLS.
pub const AVAILABLE: bool = cfg!(feature = "dtls");

/// The longest message of one record, in bytes (RFC 6347 section 4.1, 2^14).
pub const MAX_MESSAGE: usize = 16_384;

/// Both ends of an association. Its protocol is UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    /// The client's address as this server sees it.
    pub client: SocketAddr,
    /// The address of this server that the client wrote to.
    pub server: SocketAddr,
}

/// What has become of handshakes since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandshakeCounts {
    /// Agreed on.
    pub done: u64,
    /// Given up, or replaced by another one.
    pub failed: u64,
}

/// What the server shows to clients, and what it asks of them. All files as their bytes, in PEM.
#[derive(Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// The server's certificate, then the intermediate ones in the order in which each signed the one before.
    pub chain: &'a [u8],
    /// The private key of the first certificate.
    pub key: &'a [u8],
    /// What the private key is encrypted with.
    pub password: Option<&'a [u8]>,
    /// The authorities one of which must have signed the client's certificate; without them none is asked for.
    pub client_ca: Option<&'a [u8]>,
    /// Cipher suites in OpenSSL's notation, instead of those with ECDHE and an AEAD cipher. Suites without
    /// authentication or without an AEAD cipher are taken out of it.
    pub ciphers: Option<&'a str>,
}

/// What clients can make one worker hold and do. Every number is at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DtlsLimits {
    /// Associations, half-open ones among them.
    pub associations: usize,
    /// Handshakes that have begun, which takes an address that has been proved, and not ended.
    pub half_open: usize,
    /// How many of them one IPv4 address or one IPv6 /64 may have.
    pub half_open_per_source: usize,
    /// How many handshakes begin in a second; 0: no limit.
    pub handshakes_per_second: u32,
    /// How many of them with one IPv4 address or one IPv6 /64; 0: no limit.
    pub handshakes_per_source: u32,
    /// How long a handshake may take.
    pub handshake: Duration,
    /// How long an association that nobody says is in use is kept without a message.
    pub idle: Duration,
}

impl Default for DtlsLimits {
    fn default() -> Self {
        Self {
            associations: 16_384,
            half_open: 256,
            half_open_per_source: 16,
            handshakes_per_second: 200,
            handshakes_per_source: 50,
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(60),
        }
    }
}

/// What a datagram held for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// No message, or no further one.
    Nothing,
    /// The first bytes of the caller's buffer are a message, as many as this says.
    Message(usize),
}
