//! The part of the settings that says how clients reach the server: listeners, TLS, the PROXY
//! protocol, and the bounds of connections.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    path::PathBuf,
    time::Duration,
};

use super::settings::Secret;

/// What to listen for and where, besides `listening_ips` and `listening_port`. Ports other than 0 may
/// be equal, to each other and to `listening_port`: then one listener does for both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Whether `listening_port` and the three ports below are listened on, as they are unless only
    /// `listeners` says where.
    pub on_ports: bool,
    /// Further listeners, each of one kind. None of them needs a socket that something else here has;
    /// two of one address and transport, with and without encryption, share one.
    pub listeners: Vec<ListenUrl>,
    /// Serve clients over plain UDP.
    pub udp: bool,
    /// Serve clients over plain TCP.
    pub tcp: bool,
    /// Serve clients over TLS on TCP. Only if there are [`TlsSettings`].
    pub tls_over_tcp: bool,
    /// Serve clients over DTLS on UDP, also without `udp`. Only if there are [`TlsSettings`].
    pub dtls: bool,
    /// Port for TLS and DTLS, of use only if one of them is served. 0: the system chooses.
    pub tls_listening_port: u16,
    /// A second port beside `listening_port`. 0: the system chooses.
    pub alt_listening_port: Option<u16>,
    /// A second port beside `tls_listening_port`, likewise. Listened on only with TLS or DTLS.
    pub alt_tls_listening_port: Option<u16>,
    /// Further addresses to listen on for all that is served, whatever the listening addresses are;
    /// without duplicates. Port 0: the system chooses.
    pub aux_servers: Vec<SocketAddr>,
    /// The network interface that listeners are bound to; a name that Linux accepts, 1 to 15 bytes.
    pub listening_device: Option<String>,
    /// The network interface that relay sockets are bound to; likewise.
    pub relay_device: Option<String>,
}

impl Listen {
    /// Whether clients can come over TCP or TLS without a proxy's port.
    #[must_use]
    pub fn has_streams(&self) -> bool {
        let is_somewhere = self.on_ports || !self.aux_servers.is_empty();
        let is_listed = |url: &ListenUrl| !url.scheme.is_datagrams();
        (is_somewhere && (self.tcp || self.tls_over_tcp)) || self.listeners.iter().any(is_listed)
    }

    /// Whether DTLS is served anywhere.
    #[must_use]
    pub fn has_dtls(&self) -> bool {
        let is_listed = |url: &ListenUrl| url.scheme == Scheme::Dtls;
        self.dtls || self.listeners.iter().any(is_listed)
    }
}

/// One listener of the option `listen`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenUrl {
    /// What it takes, and nothing else.
    pub scheme: Scheme,
    /// Where. Port 0: the system chooses.
    pub address: SocketAddr,
    /// Whether a PROXY header comes first; only of TCP and TLS.
    pub is_behind_proxy: bool,
}

impl fmt::Display for ListenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proxy = if self.is_behind_proxy { "?proxy" } else { "" };
        write!(f, "{}://{}{proxy}", self.scheme.name(), self.address)
    }
}

/// What one listener of the option `listen` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain messages over UDP.
    Udp,
    /// Plain messages over TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// DTLS over UDP.
    Dtls,
}

impl Scheme {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Dtls => "dtls",
        }
    }

    /// Whether it is on UDP.
    #[must_use]
    pub const fn is_datagrams(self) -> bool {
        matches!(self, Self::Udp | Self::Dtls)
    }

    /// Whether it needs a certificate.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Dtls)
    }
}

/// What TLS and DTLS are offered with. The files exist and can be opened; what is in them has not
/// been looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// What the server proves itself with.
    pub identity: Identity,
    /// Certificates of the authorities, PEM, one of which must have issued the client's
    /// certificate. `None`: clients are not asked for one.
    pub ca_file: Option<PathBuf>,
    /// Cipher suites, in OpenSSL's language; not empty. `None`: the default ones.
    pub cipher_list: Option<String>,
    /// Groups for key exchange, in OpenSSL's names; not empty. `None`: the default ones.
    pub curves: Option<String>,
    /// Offer TLS 1.2 besides TLS 1.3. DTLS is 1.2 whatever this says.
    pub tls12: bool,
}

/// What the server proves itself with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A certificate and its key, in files.
    Files {
        /// The certificate, and those that lead to its authority behind it; PEM.
        cert: PathBuf,
        /// Its private key, PEM.
        key: PathBuf,
        /// What the key is encrypted with, if it is.
        key_password: Option<Secret>,
    },
    /// A certificate made at start that nobody else vouches for.
    SelfSigned,
}

/// Connections that begin with the client's address, as a proxy tells it (PROXY protocol, versions
/// 1 and 2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyProtocol {
    /// A further port on every listening address whose TCP connections all begin with a header, and
    /// with plain STUN or TLS behind it. It is the port of no other TCP listener. 0: the system
    /// chooses.
    pub port: Option<u16>,
    /// Those ports of the other TCP listeners whose connections all begin with a header; each once,
    /// 1 to 65535.
    pub ports: Vec<u16>,
    /// Whose headers are believed; others may not connect to these ports. Not empty if there is a
    /// port. Ranges of one family, both ends included, IPv4 never in mapped form.
    pub trusted: Vec<RangeInclusive<IpAddr>>,
}

impl ProxyProtocol {
    /// Whether any connection is to begin with a header.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.port.is_some() || !self.ports.is_empty()
    }
}

/// What a TCP connection gets that speaks HTTP instead of STUN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Http {
    /// Redirect ACME challenges (RFC 8555 section 8.3) to this URL with the token behind it. It
    /// begins with `http://` or `https://` and is at most 512 bytes of printable ASCII without blanks.
    pub acme_redirect: Option<String>,
    /// Answer any other request with an error instead of just closing.
    pub respond_unsupported: bool,
    /// Answer a GET of `/` with a page.
    pub page: bool,
}

impl Http {
    /// Whether any request is answered.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.acme_redirect.is_some() || self.respond_unsupported || self.page
    }
}

/// Bounds of the connections of clients, TCP and TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at once, at least 1.
    pub total: u32,
    /// Connections at once from one address, 0: no limit.
    pub per_address: u32,
    /// TLS handshakes that a worker begins in a second, and as many of DTLS; at least 1.
    pub handshakes_per_second: u32,
    /// Of those, with one address; at least 1.
    pub handshakes_per_address: u32,
}

/// How much waits for a client or TCP peer that does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamQueue {
    /// Most bytes, 16384 to 16777216.
    pub bytes: usize,
    /// Longest time that relayed data waits, 10 to 10000 milliseconds.
    pub time: Duration,
}
