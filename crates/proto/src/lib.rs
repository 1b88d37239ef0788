//! The TURN server as a pure state machine.
//!
//! What lives here: every rule of RFC 8656 and RFC 8489 about what a server answers, remembers and
//! forwards. What does not: sockets, clocks, threads, logs, files. `Cargo.toml` proves it.
//!
//! # The contract
//!
//! Inputs, each with the time: [`Server::handle_datagram`] (from a client), [`Server::to_client`]
//! (from a peer), [`Server::handle_icmp`] (about what went to one), [`Server::handle_answer`],
//! [`Server::handle_claim`], [`Server::handle_timeout`].
//! `now` never goes back. Settings may change at any time ([`Server::reconfigure`]).
//!
//! Outputs: the two relay directions and `handle_icmp` *return* what goes where and queue nothing. Everything else
//! is drained from [`Server::poll_output`] until it is empty, after every input and before the next.
//!
//! Where data goes to a relay of another allocation of the process, the hop says so ([`Hairpin`]): it need
//! not leave through a socket, and is [`Server::to_client`]'s input as if it had come through one.
//!
//! * [`Output::Reply`] is sent as it is.
//! * [`Output::Ask`] is answered, sooner or later, by [`Server::handle_answer`] with the same id. After
//!   ten seconds nobody waits any more: whoever brings a socket late asks [`Server::is_waiting`] first.
//! * [`Output::CloseRelay`] names a socket that was opened before, or that may have been: the first half
//!   of a pair whose second half failed.
//! * [`Output::Forward`] is [`Server::handle_datagram`]'s input at another server of the process, and so is
//!   all that comes by that path between [`Output::PathTaken`] and [`Output::PathLeft`] there.
//! * [`Output::Event`] may be logged or dropped.
//!
//! Whoever drives a server comes back at [`Server::next_timeout`], or whenever it likes. One
//! [`Server::handle_timeout`] may leave work that is due: the next timeout then stays in the past.
//!
//! ```
//! use std::sync::Arc;
//! use turnd_proto::{
//!     AbuseLimits, Access, Answer, Ask, BindingRules, Client, DefaultFamily, DeniedUsers, FiveTuple, Instant, Lifetimes,
//!     Limits, ListenerId, LiveRelays, Now, Output, OwnAddresses, PeerPolicy, PeerRules, Quotas, Redirects, RelayRefusal,
//!     Server, Settings, Transport,
//! };
//! use turnd_wire::{Class, Family, Message, Method, Writer};
//!
//! let relays = Arc::new(LiveRelays::default());
//! let tcp_relays = Arc::new(LiveRelays::default());
//! let own = Arc::new(OwnAddresses::new(vec![], vec![]));
//! let settings = Settings {
//!     access: Access::DangerousAnyone,
//!     lifetimes: Lifetimes::default(),
//!     limits: Limits::default(),
//!     quotas: Arc::new(Quotas::default()),
//!     bandwidth: Arc::default(),
//!     peers: PeerPolicy::new(PeerRules::default(), own.clone(), vec![], relays.clone()),
//!     tcp_peers: PeerPolicy::new(PeerRules::default(), own, vec![], tcp_relays.clone()),
//!     relays,
//!     tcp_relays,
//!     default_family: DefaultFamily::Is(Family::V4),
//!     fingerprint: false,
//!     legacy_channels: false,
//!     udp_relay: true,
//!     tcp_relay: false,
//!     mobility: None,
//!     stun: true,
//!     binding: BindingRules::default(),
//!     turn: true,
//!     redirects: Redirects::default(),
//!     by_account: false,
//!     unauthorized_per_second: None,
//!     abuse: AbuseLimits::default(),
//!     memory: Arc::default(),
//!     denied_users: DeniedUsers::default(),
//! };
//! let mut server = Server::new(Arc::new(settings), 0, &[0; 32]);
//!
//! // The loop: an input ...
//! let now = Now { instant: Instant::from_millis(0), unix: 1_700_000_000 };
//! let path = FiveTuple {
//!     transport: Transport::Udp,
//!     client: "192.0.2.1:4000".parse().unwrap(),
//!     server: "192.0.2.9:3478".parse().unwrap(),
//! };
//! let from = Client { listener: ListenerId(0), path };
//! let mut buffer = [0; 64];
//! let request = Writer::new(&mut buffer, Class::Request, Method::BINDING, [1; 12].into());
//! if let Some(hop) = server.handle_datagram(now, from, request.finish().unwrap()) {
//!     // ... send `hop.data` of the datagram from `hop.relay` to `hop.peer.wire()` ...
//! }
//! // ... and all its outputs.
//! let mut replies = Vec::new();
//! while let Some(output) = server.poll_output() {
//!     match output {
//!         Output::Reply { to, bytes } => replies.push((to, bytes)),
//!         Output::Ask(id, Ask::FindKeys { .. }) => server.handle_answer(now, id, Answer::Keys(vec![])),
//!         Output::Ask(id, _) => {
//!             server.handle_answer(now, id, Answer::Relay(Err(RelayRefusal::NoCapacity)));
//!         }
//!         _ => {}
//!     }
//! }
//! let (to, bytes) = &replies[0];
//! assert_eq!(*to, from);
//! assert_eq!(Message::parse(bytes).unwrap().class(), Class::Success);
//! assert_eq!(bytes.len(), 32);
//! ```

mod abuse;
mod accounts;
mod address_class;
mod allocate;
mod allocate_request;
mod allocation;
mod allocation_kind;
mod asks;
mod auth;
mod bandwidth;
mod binding;
mod challenge_limit;
mod channel_bind;
mod classic;
mod connect;
mod connection_bind;
mod connections;
mod counters;
mod denied_users;
mod discovery;
mod failed_logins;
mod frame;
mod histogram;
mod icmp;
mod io;
mod live_relays;
mod memory;
mod mobility;
mod nonce;
mod own_addresses;
mod pace;
mod peers;
mod permission;
mod quota;
mod reconfigure;
mod redirect;
mod reflection;
mod refresh;
mod refusal;
mod relay;
mod request;
mod reservation;
mod server;
mod settings;
mod table;
#[cfg(test)]
mod tests;
mod ticket;
mod time;
mod timers;
mod token;
mod traffic;

pub use abuse::{AbuseLimits, may_be_answered};
pub use accounts::{ACCOUNTS, AccountTraffic, Placed};
pub use address_class::{Class, class, is_tunnel};
pub use allocation_kind::{AllocationKind, ByKind, RelayFamilies};
pub use bandwidth::{Bandwidth, Grant, NothingLeft};
pub use counters::{
    AllocationBytes, AllocationSeconds, AuthFailures, ByCode, ByEnding, ByMethod, ChallengeLimit,
    Counters, Drops, MemoryHits,
};
pub use denied_users::DeniedUsers;
pub use discovery::{Discovery, Origin};
pub use failed_logins::FailedLogins;
pub use frame::Wrapping;
pub use histogram::{BOUNDS, Histogram, Scale};
pub use icmp::{Icmp, IcmpHop, IcmpMessages};
pub use io::{
    AllocationId, Answer, Ask, AskId, BindRefusal, Client, ClientHop, ConnectFailure, ConnectionId,
    Credential, Ending, Event, FiveTuple, Frame, Hairpin, ListenerId, OpenedRelay, Output, PeerHop,
    PortWish, RelayId, RelayProtocol, RelayRefusal, ReservationToken, Transport, UserId,
};
pub use live_relays::{LiveRelay, LiveRelays};
pub use memory::Memory;
pub use nonce::nonce_key;
pub use own_addresses::OwnAddresses;
pub use pace::{Direction, StreamMeter};
pub use peers::{Forbidden, Host, Peer, PeerPolicy, PeerRules};
pub use quota::{QuotaReached, Quotas};
pub use reconfigure::Withdrawn;
pub use redirect::{Alternate, Redirects};
pub use refusal::Fault;
pub use relay::Run;
pub use server::Server;
pub use settings::{Access, BindingRules, DefaultFamily, Lifetimes, Limits, LongTerm, Settings};
pub use ticket::TicketKey;
pub use time::{Instant, Now};
pub use token::{ThirdParty, TokenKey};
pub use traffic::{Flow, Side, Traffic};
