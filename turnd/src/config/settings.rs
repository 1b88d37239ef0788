//! What the server is to do, in its own terms: no spelling of coturn's, no origins, nothing left
//! to check. The floors below get their own settings made from these.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
    time::Duration,
};

use turnd_proto::{PeerRules, Redirects};
use turnd_wire::Family;

use super::{
    binding::Binding,
    draining::Drain,
    logging::LogSettings,
    metrics::Metrics,
    process::ProcessSettings,
    rates::Rates,
    third_party::ThirdParty,
    ways_in::{ConnectionLimits, Http, Listen, ProxyProtocol, Scheme, StreamQueue, TlsSettings},
};

/// A configuration that is complete and free of contradictions.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Addresses to listen on, without duplicates. Empty: every address of the machine, both
    /// families. An unspecified address (`0.0.0.0`, `::`) stands for every address of its family.
    pub listening_ips: Vec<IpAddr>,
    /// UDP and TCP port to listen on. 0: the system chooses.
    pub listening_port: u16,
    /// What else to listen on, and for what.
    pub listen: Listen,
    /// What TLS and DTLS are offered with. `None`: neither is.
    pub tls: Option<TlsSettings>,
    /// Whom to believe which address a connection comes from.
    pub proxy: ProxyProtocol,
    /// What a connection gets that speaks HTTP.
    pub http: Http,
    /// How many connections and handshakes there may be.
    pub connections: ConnectionLimits,
    /// How much waits for a connection that does not read.
    pub stream_queue: StreamQueue,
    /// Addresses that relay ports are opened on, never unspecified, without duplicates. Empty:
    /// to be derived from the machine's addresses at start.
    pub relay_ips: Vec<IpAddr>,
    /// Addresses that clients are told instead of the relay's own.
    pub external: External,
    /// UDP ports for relays, 1 to 65535.
    pub relay_ports: RangeInclusive<u16>,
    /// Relay UDP. If not, allocations of UDP are refused with 403.
    pub udp_relay: bool,
    /// Relay TCP (RFC 6062).
    pub tcp_relay: bool,
    /// Clients may take their allocations to another address (RFC 8016).
    pub mobility: bool,
    /// Worker threads, 1 to 128.
    pub relay_threads: usize,
    /// How long a busy worker pauses before it looks for packets again, at most a millisecond; zero: not at all.
    pub coalesce: Duration,
    /// The realm of the long-term credential mechanism, 1 to 127 characters (RFC 8489 section 14.9).
    pub realm: String,
    /// Who may allocate.
    pub access: Access,
    /// Users with a password or key; each name once.
    pub users: Vec<StaticUser>,
    /// Users who are shut out, by their own name or that of their account; each once.
    pub denied_users: Vec<String>,
    /// Secrets that time-limited credentials are made from; each is tried in turn.
    pub shared_secrets: Vec<Secret>,
    /// Third parties that authorize clients (RFC 7635), if there are any.
    pub third_party: Option<ThirdParty>,
    /// What stands between expiry and user in a time-limited user name.
    pub rest_separator: char,
    /// Add FINGERPRINT to every message, not only in answer to one that has it.
    pub fingerprint: bool,
    /// How long a nonce is good for, at least one second. `None`: for ever.
    pub nonce_lifetime: Option<Duration>,
    /// What the key of the nonces is made from, for servers that take each other's; not empty. `None`: the
    /// key is drawn at every start.
    pub nonce_secret: Option<Secret>,
    /// Allocations that one user may hold. `None`: no limit.
    pub user_quota: Option<u32>,
    /// Allocations that all users together may hold. `None`: no limit.
    pub total_quota: Option<u32>,
    /// How fast allocations may relay, and strangers be answered.
    pub rates: Rates,
    /// Longest life time granted to an allocation, at least 600 seconds.
    pub max_allocate_lifetime: Duration,
    /// Life time of a channel binding, at least one second.
    pub channel_lifetime: Duration,
    /// Life time of a permission, at least one second.
    pub permission_lifetime: Duration,
    /// Whom clients may reach.
    pub peers: PeerRules,
    /// Accept the channel numbers 0x5000 to 0x7FFF of RFC 5766 too.
    pub legacy_channels: bool,
    /// The family of a relay when the client asks for none.
    pub default_family: DefaultFamily,
    /// Receive and send buffer to ask the kernel for, per socket, in bytes; at least 1.
    pub socket_buffer: usize,
    /// Serve STUN only, no TURN.
    pub stun_only: bool,
    /// Do not answer Binding requests.
    pub no_stun: bool,
    /// How Binding requests are answered.
    pub binding: Binding,
    /// Who is sent to another server.
    pub redirects: Redirects,
    /// Metrics and health over HTTP. `None`: not served.
    pub metrics: Option<Metrics>,
    /// What to log, and where.
    pub log: LogSettings,
    /// What the process is to be.
    pub process: ProcessSettings,
    /// How the server ends while it has allocations.
    pub drain: Drain,
}

impl Settings {
    /// Whether it is meant to relay, and there is nobody whom it relays for.
    #[must_use]
    pub fn serves_nobody(&self) -> bool {
        self.access == Access::Nobody && !self.stun_only
    }

    /// A port that serves clients of this kind, without a PROXY header: coturn's where there is one, else the
    /// first of `listen`. 0: the system chooses.
    #[must_use]
    pub fn port_for(&self, scheme: Scheme) -> Option<u16> {
        let listen = &self.listen;
        let (is_served, port) = match scheme {
            Scheme::Udp => (listen.udp, self.listening_port),
            Scheme::Tcp => (listen.tcp, self.listening_port),
            Scheme::Tls => (
                listen.tls_over_tcp && self.tls.is_some(),
                listen.tls_listening_port,
            ),
            Scheme::Dtls => (listen.dtls, listen.tls_listening_port),
        };
        if listen.on_ports && is_served {
            return Some(port);
        }
        let mut urls = listen.listeners.iter();
        let url = urls.find(|url| url.scheme == scheme && !url.is_behind_proxy)?;
        Some(url.address.port())
    }
}

/// Addresses that clients are told instead of the relay's own, for machines behind 1:1 NAT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct External {
    /// For every IPv4 relay address that no pair names.
    pub plain_v4: Option<Ipv4Addr>,
    /// For every IPv6 relay address that no pair names.
    pub plain_v6: Option<Ipv6Addr>,
    /// For single relay addresses.
    pub pairs: Vec<ExternalPair>,
    /// Those that the configuration has a name for. Addresses go before them.
    pub named: Vec<ExternalName>,
    /// Whom `auto` asks: a host and a port.
    pub stun_server: Option<(String, u16)>,
    /// How often the names are looked up again.
    pub interval: Duration,
}

/// A public address that is to be found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalName {
    /// How.
    pub name: PublicName,
    /// The relay address that it is for; without, for every one that nothing else is said of.
    pub private: Option<IpAddr>,
    /// What it was found to be: at most one address a family. Empty until it is looked up.
    pub found: Vec<IpAddr>,
    /// The family that is not known yet, though the other is.
    pub missing: Option<Family>,
}

impl ExternalName {
    /// Whether this is the same question, whatever the answer was.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.name, self.private) == (&other.name, other.private)
    }

    /// What it was found to be for a relay address.
    #[must_use]
    pub fn public(&self, relay: IpAddr) -> Option<IpAddr> {
        let mut found = self.found.iter().copied();
        found.find(|ip| ip.is_ipv4() == relay.is_ipv4())
    }

    /// Whether it is not known yet what it is for a relay address.
    #[must_use]
    pub fn is_awaited(&self, relay: IpAddr) -> bool {
        self.found.is_empty() || self.missing == Some(Family::of(relay))
    }
}

/// Where a public address is found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicName {
    /// In the DNS, or wherever the system looks for hosts.
    Host(String),
    /// From what a STUN server sees.
    Auto,
}

impl fmt::Display for PublicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host(host) => host,
            Self::Auto => "auto",
        })
    }
}

/// A public address and the private one behind it; same family, each private address once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExternalPair {
    /// What clients and peers see.
    pub public: IpAddr,
    /// The relay address on this machine.
    pub private: IpAddr,
}

/// Who may allocate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone: an open relay. Only if `no-auth` was written.
    Anonymous,
    /// Users, holders of credentials made from a secret, and bearers of tokens; there is at least one user,
    /// secret or key of tokens.
    Credentials,
    /// Nobody can: there is no user and no secret. STUN is served.
    Nobody,
}

/// A user of the long-term credential mechanism.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticUser {
    /// 1 to 508 bytes (RFC 8489 section 14.3), no control characters.
    pub name: String,
    /// What proves it.
    pub secret: UserSecret,
}

impl StaticUser {
    /// Characters of a password that takes more than an afternoon to find for who has recorded one login: a
    /// request is signed with a hash of it, and hashes are tried out fast.
    pub const LEAST_PASSWORD: usize = 8;

    /// Whether the password is known and shorter than that.
    #[must_use]
    pub fn has_short_password(&self) -> bool {
        match &self.secret {
            UserSecret::Password(password) => {
                password.expose().chars().count() < Self::LEAST_PASSWORD
            }
            UserSecret::Md5Key(_) => false,
        }
    }
}

/// What a user proves its name with. `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub enum UserSecret {
    /// A password, not empty. Good for SHA-1 and SHA-256.
    Password(Secret),
    /// MD5(name:realm:password) (RFC 8489 section 18.5.1.1). Good for SHA-1 only, and for the
    /// realm it was made with.
    Md5Key([u8; 16]),
}

impl fmt::Debug for UserSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password(_) => "Password(***)",
            Self::Md5Key(_) => "Md5Key(***)",
        })
    }
}

/// A text that must not be shown; not empty. `Debug` does not, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for keys and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// The family of a relay when the client asks for none (RFC 8656 section 7.2 says IPv4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// The one the client itself uses.
    AsClient,
}
