//! What one server needs to know, in this crate's own terms. Shared by all servers of a process.

use core::time::Duration;
use std::sync::Arc;

use turnd_wire::Family;

use crate::{
    abuse::AbuseLimits,
    bandwidth::Bandwidth,
    denied_users::DeniedUsers,
    discovery::Discovery,
    live_relays::LiveRelays,
    memory::Memory,
    nonce::{Features, Nonces},
    peers::PeerPolicy,
    quota::Quotas,
    redirect::Redirects,
    ticket::TicketKey,
    token::ThirdParty,
};

/// Everything that is the same for all servers of a process.
pub struct Settings {
    /// Who may allocate.
    pub access: Access,
    /// Life times.
    pub lifetimes: Lifetimes,
    /// How much one allocation, and one server, may hold.
    pub limits: Limits,
    /// How many allocations and reserved ports there may be.
    pub quotas: Arc<Quotas>,
    /// How many bytes a second they may relay.
    pub bandwidth: Arc<Bandwidth>,
    /// Whom clients may reach.
    pub peers: PeerPolicy,
    /// Whom clients may reach over TCP: the same rules, with the relays of TCP for those of UDP, so
    /// that no other service of this machine is reached through a port that is in use for UDP.
    pub tcp_peers: PeerPolicy,
    /// The relay addresses, and which of their ports are in use.
    pub relays: Arc<LiveRelays>,
    /// The same addresses, and which of their ports are in use for TCP.
    pub tcp_relays: Arc<LiveRelays>,
    /// The family of a relay when the client asks for none.
    pub default_family: DefaultFamily,
    /// Add FINGERPRINT to every message, not only in answer to one that has it.
    pub fingerprint: bool,
    /// Accept the channel numbers 0x5000 to 0x7FFF of RFC 5766 too.
    pub legacy_channels: bool,
    /// Relay UDP. If not, allocations of UDP are refused with 403.
    pub udp_relay: bool,
    /// Relay TCP (RFC 6062).
    pub tcp_relay: bool,
    /// What tickets are encrypted with (RFC 8016); `None`: no client may come back from another address.
    pub mobility: Option<TicketKey>,
    /// Answer Binding requests.
    pub stun: bool,
    /// How they are answered.
    pub binding: BindingRules,
    /// Serve TURN.
    pub turn: bool,
    /// Who is sent to another server.
    pub redirects: Redirects,
    /// Count traffic by account.
    pub by_account: bool,
    /// Most 401 replies to one source in a second; `None`: no limit.
    pub unauthorized_per_second: Option<u32>,
    /// How often strangers and clients may do what harms others if it is done often.
    pub abuse: AbuseLimits,
    /// Whether there is memory for more than what there is.
    pub memory: Arc<Memory>,
    /// Users who may do nothing.
    pub denied_users: DeniedUsers,
}

/// How Binding requests are answered.
#[derive(Clone, Debug, Default)]
pub struct BindingRules {
    /// Only those of users, as if they were requests of TURN.
    pub authenticated: bool,
    /// With MAPPED-ADDRESS beside XOR-MAPPED-ADDRESS.
    pub mapped_address: bool,
    /// Those of RFC 3489 too, over UDP. They cannot be authenticated.
    pub classic: bool,
    /// Where NAT behaviour discovery (RFC 5780) is offered.
    pub discovery: Discovery,
}

impl BindingRules {
    pub(crate) const fn answers_classic(&self) -> bool {
        self.classic && !self.authenticated
    }
}

/// Who may allocate.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one in a process, shared by all servers"
)]
pub enum Access {
    /// Anyone: an open relay. Never a default.
    DangerousAnyone,
    /// Users with a key, by the long-term credential mechanism (RFC 8489 section 9.2).
    LongTerm(LongTerm),
}

/// How the long-term credential mechanism is offered.
pub struct LongTerm {
    pub(crate) realm: Arc<str>,
    pub(crate) nonces: Nonces,
    pub(crate) sha256: bool,
    /// Which state of the keys this is.
    pub(crate) keys: u64,
    pub(crate) third_party: Option<ThirdParty>,
}

impl LongTerm {
    /// `nonce_key` must be the same for all servers of the process; `nonce_lifetime` of `None` means
    /// that nonces never go stale. `sha256` offers PASSWORD-ALGORITHMS with SHA-256 and may only be
    /// set if every password is known; `user_hashes` tells clients that USERHASH is understood.
    #[must_use]
    pub fn new(
        realm: String,
        nonce_key: &[u8; 32],
        nonce_lifetime: Option<Duration>,
        sha256: bool,
        user_hashes: bool,
    ) -> Self {
        let features = Features {
            password_algorithms: sha256,
            username_anonymity: user_hashes,
        };
        Self {
            realm: realm.into(),
            nonces: Nonces::new(nonce_key, nonce_lifetime, features),
            sha256,
            keys: 0,
            third_party: None,
        }
    }

    /// Tokens of third parties are as good as a password (RFC 7635).
    #[must_use]
    pub fn with_third_party(self, third_party: ThirdParty) -> Self {
        Self {
            third_party: Some(third_party),
            ..self
        }
    }

    /// Says which state of the keys holds; any number that the state before did not have. Owners of
    /// allocations are then looked for again, so that one who was taken out can do nothing more.
    #[must_use]
    pub fn with_keys(self, keys: u64) -> Self {
        Self { keys, ..self }
    }
}

/// Life times.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Most that an allocation is granted at a time; RFC 8656 section 7.2 recommends an hour.
    pub max_allocation: Duration,
    /// RFC 8656 section 9: 5 minutes.
    pub permission: Duration,
    /// RFC 8656 section 12: 10 minutes.
    pub channel: Duration,
}

impl Lifetimes {
    /// What an allocation gets that asks for nothing or less (RFC 8656 section 3.2).
    pub const DEFAULT_ALLOCATION: Duration = Duration::from_secs(600);
    /// How long a reserved port is held (RFC 8656 section 7.2: at least 30 seconds).
    pub const RESERVATION: Duration = Duration::from_secs(30);
    /// How long a peer is waited for that is connected to (RFC 6062 section 5.2).
    pub const CONNECT: Duration = Duration::from_secs(30);
    /// How long a connection with a peer waits for the client's (RFC 6062 sections 5.2 and 5.3).
    pub const CONNECTION_BIND: Duration = Duration::from_secs(30);
    /// How long an answer is waited for; clients have given up by then.
    pub const ANSWER: Duration = Duration::from_secs(10);
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            max_allocation: Duration::from_secs(3600),
            permission: Duration::from_secs(300),
            channel: Duration::from_secs(600),
        }
    }
}

/// Bounds on what clients can make grow.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Permissions of one allocation; beyond it 508.
    pub permissions: usize,
    /// Channels of one allocation; beyond it 508.
    pub channels: usize,
    /// Connections with peers of one allocation; beyond it 508.
    pub connections: usize,
    /// Of those, ones that no connection of the client is bound to; beyond it 508.
    pub unbound_connections: usize,
    /// Connections with peers of one server, far fewer than there are names (2^24); beyond it 508.
    pub all_connections: usize,
    /// Requests of one server that wait for an answer; beyond it they are dropped. Connect requests,
    /// which the limit of their allocation bounds, do not count.
    pub waiting: usize,
    /// Reserved ports of one server (EVEN-PORT with its R bit); beyond it 508. A port is asked for
    /// before it counts, so that as many as wait for their socket may come on top.
    pub reservations: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            permissions: 128,
            channels: 64,
            connections: 64,
            unbound_connections: 8,
            all_connections: 1 << 20,
            waiting: 4096,
            reservations: 256,
        }
    }
}

/// The family of a relay when the client asks for none (RFC 8656 section 7.2 says IPv4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultFamily {
    /// This one.
    Is(Family),
    /// The one the client itself uses, if there are relays of it; else IPv4.
    AsClient,
}
