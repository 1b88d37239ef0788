//! What a server counts. Plain numbers: a server belongs to one thread, and what several have counted
//! is added up by whoever wants to know.
//!
//! Nothing here grows with what a client sends: every label is one of a fixed few.

use core::{ops::AddAssign, time::Duration};

use turnd_wire::{ErrorCode, Method};

use crate::{
    allocation::Held,
    allocation_kind::{AllocationKind, ByKind},
    histogram::{BOUNDS, Histogram, Scale},
    icmp::IcmpMessages,
    io::Ending,
    traffic::Traffic,
};

/// Defines a set of counts, each with the label that it has in metrics.
#[macro_export]
macro_rules! counts {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $field:ident = $label:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$what])* pub $field: u64,)*
        }

        impl $name {
            /// Each count with its label.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$(($label, self.$field)),*].into_iter()
            }

            /// All of them together.
            #[must_use]
            pub const fn sum(&self) -> u64 {
                0 $(+ self.$field)*
            }
        }

        impl ::core::ops::AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                $(self.$field += other.$field;)*
            }
        }
    };
}

counts! {
    /// By the method of a request (RFC 8489 section 18.2, RFC 8656 section 17, RFC 6062 section 6.1).
    ByMethod {
        /// Binding.
        binding = "binding",
        /// Allocate.
        allocate = "allocate",
        /// Refresh.
        refresh = "refresh",
        /// CreatePermission.
        create_permission = "create-permission",
        /// ChannelBind.
        channel_bind = "channel-bind",
        /// Connect.
        connect = "connect",
        /// ConnectionBind.
        connection_bind = "connection-bind",
        /// Methods that this server does not have, and those that are switched off. Not answered.
        other = "other",
    }
}

impl ByMethod {
    pub(crate) fn of(&mut self, method: Method) -> &mut u64 {
        match method {
            Method::BINDING => &mut self.binding,
            Method::ALLOCATE => &mut self.allocate,
            Method::REFRESH => &mut self.refresh,
            Method::CREATE_PERMISSION => &mut self.create_permission,
            Method::CHANNEL_BIND => &mut self.channel_bind,
            Method::CONNECT => &mut self.connect,
            Method::CONNECTION_BIND => &mut self.connection_bind,
            _ => &mut self.other,
        }
    }
}

counts! {
    /// By the code of an error reply.
    ByCode {
        /// 300
        try_alternate = "300",
        /// 400
        bad_request = "400",
        /// 401
        unauthenticated = "401",
        /// 403
        forbidden = "403",
        /// 405
        mobility_forbidden = "405",
        /// 420
        unknown_attribute = "420",
        /// 437
        allocation_mismatch = "437",
        /// 438
        stale_nonce = "438",
        /// 440
        address_family_not_supported = "440",
        /// 441
        wrong_credentials = "441",
        /// 442
        unsupported_transport = "442",
        /// 443
        peer_address_family_mismatch = "443",
        /// 446
        connection_already_exists = "446",
        /// 447
        connection_timeout_or_failure = "447",
        /// 486
        allocation_quota_reached = "486",
        /// 500
        server_error = "500",
        /// 508
        insufficient_capacity = "508",
        /// Any other.
        other = "other",
    }
}

impl ByCode {
    pub(crate) fn of(&mut self, code: ErrorCode) -> &mut u64 {
        match code {
            ErrorCode::TRY_ALTERNATE => &mut self.try_alternate,
            ErrorCode::SERVER_ERROR => &mut self.server_error,
            ErrorCode::BAD_REQUEST => &mut self.bad_request,
            ErrorCode::UNAUTHENTICATED => &mut self.unauthenticated,
            ErrorCode::FORBIDDEN => &mut self.forbidden,
            ErrorCode::MOBILITY_FORBIDDEN => &mut self.mobility_forbidden,
            ErrorCode::UNKNOWN_ATTRIBUTE => &mut self.unknown_attribute,
            ErrorCode::ALLOCATION_MISMATCH => &mut self.allocation_mismatch,
            ErrorCode::STALE_NONCE => &mut self.stale_nonce,
            ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED => &mut self.address_family_not_supported,
            ErrorCode::WRONG_CREDENTIALS => &mut self.wrong_credentials,
            ErrorCode::UNSUPPORTED_TRANSPORT => &mut self.unsupported_transport,
            ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH => &mut self.peer_address_family_mismatch,
            ErrorCode::CONNECTION_ALREADY_EXISTS => &mut self.connection_already_exists,
            ErrorCode::CONNECTION_TIMEOUT_OR_FAILURE => &mut self.connection_timeout_or_failure,
            ErrorCode::ALLOCATION_QUOTA_REACHED => &mut self.allocation_quota_reached,
            ErrorCode::INSUFFICIENT_CAPACITY => &mut self.insufficient_capacity,
            _ => &mut self.other,
        }
    }
}

counts! {
    /// Requests that did not show who sent them, by what was wrong (RFC 8489 section 9.2.4).
    AuthFailures {
        /// Not signed: the first request of every session (401).
        no_credential = "no-credential",
        /// Signed, but credentials are missing, too long or of the wrong form (400).
        malformed = "malformed",
        /// The nonce is too old or was made for somebody else (438).
        stale_nonce = "stale-nonce",
        /// Not our realm (401).
        wrong_realm = "wrong-realm",
        /// Nobody has that name, or the time-limited name has expired (401).
        unknown_user = "unknown-user",
        /// The signature does not fit any key of the user (401).
        wrong_password = "wrong-password",
        /// Signed by someone else than the owner of the allocation (441).
        wrong_user = "wrong-user",
        /// Not looked at, after too many that were wrong from the same source (401).
        too_many = "too-many-failures",
        /// The token is none that a key of ours made for this server, or its time is over (401).
        bad_token = "bad-token",
    }
}

counts! {
    /// Allocations that ended, by the reason.
    ByEnding {
        /// The client asked for life time 0.
        deleted = "deleted",
        /// Nobody refreshed it.
        expired = "expired",
        /// The connection that it was made on has ended.
        disconnected = "disconnected",
        /// Its user was shut out (`denied-user`).
        denied = "denied",
        /// Its worker had to begin anew after a panic.
        failed = "failed",
    }
}

impl ByEnding {
    pub(crate) const fn of(&mut self, ending: Ending) -> &mut u64 {
        match ending {
            Ending::Deleted => &mut self.deleted,
            Ending::Expired => &mut self.expired,
            Ending::Disconnected => &mut self.disconnected,
            Ending::Denied => &mut self.denied,
            Ending::Failed => &mut self.failed,
        }
    }
}

counts! {
    /// Data that was not relayed, by the reason.
    Drops {
        /// No message of TURN, or one whose parts do not fit.
        malformed = "malformed",
        /// There is no allocation of this client, or the relay serves none any more.
        no_allocation = "no-allocation",
        /// The channel is not bound, or its time is over.
        no_channel = "no-channel",
        /// There is no permission for the peer.
        no_permission = "no-permission",
        /// The peer is one that nobody may reach.
        peer_forbidden = "peer-forbidden",
        /// The allocation has no relay of the peer's family, or none any more.
        no_relay = "no-relay",
        /// The connection of a client with a ticket (RFC 8016) has ended, and he has not come back.
        client_away = "client-away",
        /// More than `max-bps` lets through.
        rate_limit = "rate-limit",
        /// A peer more than an allocation may send to for the first time.
        new_peers = "new-peers",
    }
}

/// Why data was not relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    Malformed,
    NoAllocation,
    NoChannel,
    NoPermission,
    PeerForbidden,
    NoRelay,
    ClientAway,
    RateLimit,
    NewPeers,
}

impl Drops {
    pub(crate) const fn count(&mut self, why: Dropped, datagrams: u64) {
        let count = match why {
            Dropped::Malformed => &mut self.malformed,
            Dropped::NoAllocation => &mut self.no_allocation,
            Dropped::NoChannel => &mut self.no_channel,
            Dropped::NoPermission => &mut self.no_permission,
            Dropped::PeerForbidden => &mut self.peer_forbidden,
            Dropped::NoRelay => &mut self.no_relay,
            Dropped::ClientAway => &mut self.client_away,
            Dropped::RateLimit => &mut self.rate_limit,
            Dropped::NewPeers => &mut self.new_peers,
        };
        *count += datagrams;
    }
}

counts! {
    /// What was not begun while memory was short, by what it was; also what would not have been begun anyway.
    MemoryHits {
        /// An allocation (508).
        allocations = "allocation",
        /// A permission (508).
        permissions = "permission",
        /// A channel (508).
        channels = "channel",
        /// A connection with a peer (508), or from one, which is not taken.
        peer_connections = "peer-connection",
    }
}

counts! {
    /// What the allowance of 401 replies (`unauthorized-ratelimit`) did. Gauges are of this moment.
    ChallengeLimit {
        /// Replies that were not sent.
        dropped = "dropped",
        /// Sources that shared an entry of the table with another.
        collisions = "collisions",
        /// Gauge: entries of the table that hold a source.
        occupied = "occupied",
        /// Gauge: entries of the table; 0 if the limit is off.
        entries = "entries",
    }
}

/// Bytes that an allocation relayed, both ways, from a kilobyte to 64 gigabytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllocationBytes;

impl Scale for AllocationBytes {
    const BOUNDS: [u64; BOUNDS] = [
        1 << 10,
        1 << 13,
        1 << 16,
        1 << 18,
        1 << 20,
        1 << 22,
        1 << 24,
        1 << 26,
        1 << 28,
        1 << 30,
        1 << 33,
        1 << 36,
    ];
}

/// Seconds that an allocation lasted, from one to a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllocationSeconds;

impl Scale for AllocationSeconds {
    const BOUNDS: [u64; BOUNDS] = [
        1, 10, 30, 60, 300, 600, 1800, 3600, 7200, 14_400, 28_800, 86_400,
    ];
}

/// Everything that one server has counted since it was made. What is not called a gauge only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests that were whole messages of STUN, by method.
    pub requests: ByMethod,
    /// Success replies, by method.
    pub successes: ByMethod,
    /// Error replies, by method.
    pub errors_by_method: ByMethod,
    /// Error replies, by code. 486 are hits of a quota or of `bps-capacity`, 508 a lack of ports or
    /// room.
    pub errors: ByCode,
    /// 486 because of a user's own quota.
    pub user_quota_hits: u64,
    /// 486 because of the quota of all users.
    pub total_quota_hits: u64,
    /// 486 because `bps-capacity` is handed out.
    pub capacity_hits: u64,
    /// What was not begun because memory is short.
    pub memory_hits: MemoryHits,
    /// Requests that did not show who sent them.
    pub auth_failures: AuthFailures,
    /// 401 replies that were not sent.
    pub challenge_limit: ChallengeLimit,
    /// Answers of NAT behaviour discovery that were not sent: a source gets so many in a second.
    pub discoveries_dropped: u64,
    /// 401 and 438 that were not sent, because nobody answers them where they go.
    pub challenges_withheld: u64,
    /// Messages of clients that were neither STUN nor ChannelData, or broken STUN.
    pub malformed: u64,
    /// Allocations that were made.
    pub allocations_made: u64,
    /// Times that an allocation went to another address of its client (RFC 8016).
    pub allocations_moved: u64,
    /// Allocations that ended.
    pub allocations_ended: ByEnding,
    /// Gauge: allocations that live.
    pub allocations: ByKind,
    /// Permissions installed or refreshed, also by ChannelBind.
    pub permissions_made: u64,
    /// Gauge: permissions that live, with those whose end nobody has noticed yet.
    pub permissions: u64,
    /// Channels bound or refreshed.
    pub channels_made: u64,
    /// Gauge: channels that live, with those whose end nobody has noticed yet.
    pub channels: u64,
    /// Gauge: connections of TCP allocations with peers.
    pub peer_connections: u64,
    /// Peers that were refused by the peer policy.
    pub peers_forbidden: u64,
    /// What was relayed, of allocations that live and of those that ended.
    pub traffic: Traffic,
    /// Data of clients that did not reach a peer.
    pub drops_to_peer: Drops,
    /// Data of peers that did not reach a client.
    pub drops_to_client: Drops,
    /// ICMP messages about datagrams that relays sent.
    pub icmp: IcmpMessages,
    /// Of allocations that ended: bytes relayed, both ways.
    pub allocation_bytes: Histogram<AllocationBytes>,
    /// Of allocations that ended: seconds from the success reply to the end.
    pub allocation_seconds: Histogram<AllocationSeconds>,
}

impl Counters {
    pub(crate) const fn allocation_made(&mut self, kind: AllocationKind) {
        self.allocations_made += 1;
        *self.allocations.of(kind) += 1;
    }

    /// The client of an allocation is reached in another way.
    pub(crate) const fn allocation_moved(&mut self, from: AllocationKind, to: AllocationKind) {
        self.allocations_moved += 1;
        *self.allocations.of(from) -= 1;
        *self.allocations.of(to) += 1;
    }

    /// An allocation holds more or fewer permissions and channels than before.
    pub(crate) const fn held(&mut self, before: Held, after: Held) {
        self.permissions = self.permissions + after.permissions - before.permissions;
        self.channels = self.channels + after.channels - before.channels;
    }

    pub(crate) fn allocation_ended(
        &mut self,
        kind: AllocationKind,
        cause: Ending,
        traffic: &Traffic,
        life: Duration,
    ) {
        *self.allocations_ended.of(cause) += 1;
        *self.allocations.of(kind) -= 1;
        self.allocation_bytes.observe(traffic.relayed());
        self.allocation_seconds.observe(life.as_secs());
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.successes += other.successes;
        self.errors_by_method += other.errors_by_method;
        self.errors += other.errors;
        self.user_quota_hits += other.user_quota_hits;
        self.total_quota_hits += other.total_quota_hits;
        self.capacity_hits += other.capacity_hits;
        self.memory_hits += other.memory_hits;
        self.auth_failures += other.auth_failures;
        self.challenge_limit += other.challenge_limit;
        self.discoveries_dropped += other.discoveries_dropped;
        self.challenges_withheld += other.challenges_withheld;
        self.malformed += other.malformed;
        self.allocations_made += other.allocations_made;
        self.allocations_moved += other.allocations_moved;
        self.allocations_ended += other.allocations_ended;
        self.allocations += other.allocations;
        self.permissions_made += other.permissions_made;
        self.permissions += other.permissions;
        self.channels_made += other.channels_made;
        self.channels += other.channels;
        self.peer_connections += other.peer_connections;
        self.peers_forbidden += other.peers_forbidden;
        self.traffic += other.traffic;
        self.drops_to_peer += other.drops_to_peer;
        self.drops_to_client += other.drops_to_client;
        self.icmp += other.icmp;
        self.allocation_bytes += other.allocation_bytes;
        self.allocation_seconds += other.allocation_seconds;
    }
}
