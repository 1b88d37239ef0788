//! What goes into the state machine and what comes out of it: plain values.

use core::{net::SocketAddr, ops::Range, time::Duration};
use std::sync::Arc;

use turnd_wire::{ErrorCode, Family, Key, Method, TransactionId};

use crate::{
    peers::{Forbidden, Peer},
    refusal::Fault,
    token::TokenKey,
    traffic::Traffic,
};

/// The socket that a message came in through and answers go out by: a name of the caller's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerId(pub u64);

/// What carries a client's messages to the server (RFC 8656 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// TLS over a TCP stream.
    Tls,
    /// DTLS over UDP datagrams.
    Dtls,
}

impl Transport {
    /// Whether messages follow each other in a stream, where ChannelData is padded (RFC 8656 section
    /// 12.5) and an end of the connection is seen.
    #[must_use]
    pub const fn is_stream(self) -> bool {
        matches!(self, Self::Tcp | Self::Tls)
    }

    /// Its name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Dtls => "dtls",
        }
    }
}

/// Both ends of a client's path to the server, and the protocol between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FiveTuple {
    /// The protocol.
    pub transport: Transport,
    /// The client's address as this server sees it.
    pub client: SocketAddr,
    /// The address of this server that the client wrote to.
    pub server: SocketAddr,
}

/// Where a client's datagrams come from and where its answers go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The socket to answer through.
    pub listener: ListenerId,
    /// Who and where.
    pub path: FiveTuple,
}

slotmap::new_key_type! {
    /// A relay socket, from the moment it is asked for until it is closed. Its bits
    /// (`slotmap::Key::data`) are a slot and a generation, so that a late event for a socket that is
    /// gone names nobody else.
    pub struct RelayId;

    /// A question that waits for its answer.
    pub struct AskId;

    /// An allocation; names it in events.
    pub struct AllocationId;
}

/// What a relayed transport address carries (REQUESTED-TRANSPORT).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RelayProtocol {
    /// Datagrams (RFC 8656).
    Udp,
    /// Connections with peers (RFC 6062).
    Tcp,
}

/// A connection between a relayed transport address and a peer (CONNECTION-ID, RFC 6062 section
/// 6.2.1). The first byte is the index of the server that made it, the rest cannot be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

impl ConnectionId {
    /// The index of the server that knows it, if any does.
    #[must_use]
    pub const fn server(self) -> u8 {
        self.0.to_be_bytes()[0]
    }
}

/// One hop towards a peer: send `data` of the datagram that was handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerHop {
    /// The socket to send from.
    pub relay: RelayId,
    /// Whom to.
    pub peer: Peer,
    /// Which bytes of the datagram are the application data.
    pub data: Range<usize>,
    /// Whether the datagram must leave with DF set (RFC 8656 sections 14 and 15).
    pub dont_fragment: bool,
    /// Whose data it is.
    pub allocation: AllocationId,
    /// Whether ChannelData with the same header and length that follows at once goes the same way. Who
    /// sends it without asking says how much it was: [`crate::Server::count_repeated`].
    pub may_repeat: bool,
    /// The peer is a relay of this process: what `relay` would send arrives there.
    pub hairpin: Option<Hairpin>,
}

/// The way between two relays of one process, which needs no socket: the data is the input of
/// [`crate::Server::to_client`] of the server that has the other relay. It may have ended meanwhile, and
/// then nobody wants the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hairpin {
    /// The index of the server that has the relay.
    pub server: u8,
    /// The relay at which the data arrives.
    pub relay: RelayId,
    /// From where: the address of the relay that would send it.
    pub from: SocketAddr,
}

/// One hop towards a client: send the peer's datagram, framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientHop {
    /// Whom to, and through which socket.
    pub to: Client,
    /// What to put around the data.
    pub frame: Frame,
    /// How many of the datagrams to send, the first ones: not more than may pass at the allocation's pace.
    pub datagrams: u32,
}

/// How a peer's datagram is wrapped for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// As ChannelData on this channel.
    Channel {
        /// The channel.
        number: u16,
        /// Whether it is padded to a multiple of four, as on a stream (RFC 8656 section 12.5).
        padded: bool,
    },
    /// As a Data indication.
    Indication {
        /// Transaction id of the first one; for a run, [`Frame::around`] counts on from it.
        id: TransactionId,
        /// The peer as the client knows it.
        peer: SocketAddr,
        /// Whether to end with FINGERPRINT.
        fingerprint: bool,
    },
}

/// A request for something that can fail and that only the caller can do. The answer comes back
/// through [`crate::Server::handle_answer`] with the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Find every key under which this user may have signed. Answer: [`Answer::Keys`].
    FindKeys {
        /// Who claims to write.
        user: UserId,
        /// The user has an allocation, which was made with a key of this realm: keys of that realm are
        /// asked for, and those count too that were good for a time which is over by now.
        owner_in: Option<Arc<str>>,
    },
    /// Find every key that an authorization server may have made a token with (RFC 7635). Answer:
    /// [`Answer::TokenKeys`].
    FindTokenKeys {
        /// What the client says the key is called.
        kid: String,
    },
    /// Bind a socket for an allocation; one for TCP listens. Answer: [`Answer::Relay`].
    OpenRelay {
        /// Names the socket from now on.
        relay: RelayId,
        /// What it is for.
        protocol: RelayProtocol,
        /// Its address family.
        family: Family,
        /// Which port it may have.
        port: PortWish,
    },
    /// Take over the socket behind a reservation that another server of this process made.
    /// Answer: [`Answer::Relay`].
    ClaimReservation {
        /// Names the socket here.
        relay: RelayId,
        /// The token the client presented; its first byte is the index of the server that made it.
        token: ReservationToken,
    },
    /// Connect to a peer over TCP from the address of a relay. Nothing is read from the peer before
    /// [`Output::Join`]. Answer: [`Answer::Connected`]; [`Output::CloseConnection`] gives it up.
    Connect {
        /// Names the connection from now on.
        connection: ConnectionId,
        /// From where.
        relay: RelayId,
        /// Whom to.
        peer: Peer,
    },
    /// Take over the connection with a peer from the server that made it, which
    /// [`ConnectionId::server`] names and may be this one: that server's
    /// [`crate::Server::handle_connection_claim`] decides. Answer: [`Answer::ConnectionBound`].
    BindConnection {
        /// Whose connection is to carry it. What follows the request on that may not be a message any
        /// more, and is not to be looked at before the answer.
        client: Client,
        /// Which.
        connection: ConnectionId,
        /// Who wants it.
        user: String,
    },
}

/// The answer to an [`Ask`].
#[derive(Clone, Debug)]
pub enum Answer {
    /// The keys to try in turn; none if nobody has that name.
    Keys(Vec<Credential>),
    /// The keys to try in turn; none if none has that name.
    TokenKeys(Vec<TokenKey>),
    /// The socket is bound, or why it is not.
    Relay(Result<OpenedRelay, RelayRefusal>),
    /// The peer is connected, or is not.
    Connected(Result<(), ConnectFailure>),
    /// The connection is here, or why it is not.
    ConnectionBound(Result<(), BindRefusal>),
}

/// A peer could not be connected to: 447.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectFailure;

/// Why a client may not have a connection with a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindRefusal {
    /// There is none of that name, or it is bound already: 400.
    Unknown,
    /// It belongs to another user's allocation: 441.
    WrongUser,
}

/// A relay socket that was bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenedRelay {
    /// The address it is bound to.
    pub address: SocketAddr,
    /// For [`PortWish::EvenAndNext`], the address of the second socket.
    pub next: Option<SocketAddr>,
}

/// Why a relay socket could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayRefusal {
    /// No port, descriptor or memory is left: 508.
    NoCapacity,
    /// There is no relay address of that family: 440.
    NoSuchFamily,
    /// The reservation is unknown, used or expired: 508.
    NoSuchReservation,
}

/// Which port a relay socket may have (RFC 8656 section 7.2, EVEN-PORT).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortWish {
    /// Any free one.
    Any,
    /// An even one.
    Even,
    /// An even one, with the next one bound too, under this name.
    EvenAndNext(RelayId),
}

/// RESERVATION-TOKEN.
pub type ReservationToken = [u8; 8];

/// How a client names its user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UserId {
    /// USERNAME.
    Name(String),
    /// USERHASH: SHA-256 of name and realm (RFC 8489 section 14.4).
    Hash([u8; 32]),
}

impl UserId {
    /// The name, where there is one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Hash(_) => None,
        }
    }
}

/// A key under which a user may sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// USERNAME as clients send it, also when the client sent USERHASH.
    pub name: String,
    /// Whom the quota counts: for time-limited credentials the part without the time.
    pub account: String,
    /// The MD5 key.
    pub md5: Key,
    /// The SHA-256 key, where the password is known.
    pub sha256: Option<Key>,
}

/// What the caller has to do, in order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send these bytes to a client.
    Reply {
        /// Whom to.
        to: Client,
        /// A whole STUN message.
        bytes: Vec<u8>,
    },
    /// Do something that can fail and answer it.
    Ask(AskId, Ask),
    /// Close this relay socket; its port is free again. After a refused [`PortWish::EvenAndNext`] it
    /// names the first socket of the pair, which may have been opened or not.
    CloseRelay(RelayId),
    /// From here on the client's connection and the peer's carry each other's bytes, those that came
    /// early included, and no message any more (RFC 6062 section 5.4).
    Join {
        /// The client's data connection.
        client: Client,
        /// The peer's.
        connection: ConnectionId,
    },
    /// Take this message to another server of the process: it is about an allocation there (RFC 8016), and
    /// is answered there. What follows it on a stream may be so, too.
    Forward {
        /// The index of that server.
        server: u8,
        /// Who sent it.
        from: Client,
        /// The message.
        message: Vec<u8>,
    },
    /// This client's messages are for this server from now on, wherever they arrive.
    PathTaken(Client),
    /// They are not any more.
    PathLeft(Client),
    /// This client is shut out: end his connection or association, if he has one, which tells him so.
    CloseClient(Client),
    /// Close the connection with a peer, and the client's that was joined to it.
    CloseConnection(ConnectionId),
    /// Something worth a log line or a counter.
    Event(Event),
}

/// What happened, for logs and counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An allocation was made.
    Allocated {
        /// Which.
        allocation: AllocationId,
        /// Whose.
        user: String,
        /// From where, and how.
        path: FiveTuple,
        /// What it relays.
        protocol: RelayProtocol,
        /// Its relayed transport addresses, as peers see them.
        relayed: Vec<SocketAddr>,
        /// Granted life time in seconds.
        lifetime: u32,
    },
    /// An allocation was refreshed.
    Refreshed {
        /// Which.
        allocation: AllocationId,
        /// Whose.
        user: String,
        /// Granted life time in seconds.
        lifetime: u32,
    },
    /// The client of an allocation has another address (RFC 8016).
    Moved {
        /// Which.
        allocation: AllocationId,
        /// Whose.
        user: String,
        /// How it was reached.
        from: FiveTuple,
        /// How it is from now on.
        to: FiveTuple,
    },
    /// An allocation ended.
    Deleted {
        /// Which.
        allocation: AllocationId,
        /// Whose.
        user: String,
        /// From where.
        client: SocketAddr,
        /// Where it had reached this server.
        server: SocketAddr,
        /// Why.
        cause: Ending,
        /// What has passed through it.
        traffic: Traffic,
        /// How long it lasted, from the success reply.
        life: Duration,
    },
    /// A permission was installed or refreshed.
    Permitted {
        /// For which allocation.
        allocation: AllocationId,
        /// The peer's address as the client gave it.
        peer: SocketAddr,
        /// For so long, in seconds.
        lifetime: u32,
    },
    /// A channel was bound or refreshed.
    Bound {
        /// For which allocation.
        allocation: AllocationId,
        /// The channel.
        channel: u16,
        /// The peer's address as the client gave it.
        peer: SocketAddr,
    },
    /// A connection with a peer was made or taken, and waits for the client to bind one to it.
    PeerConnected {
        /// For which allocation.
        allocation: AllocationId,
        /// Which.
        connection: ConnectionId,
        /// The peer's address as the client knows it.
        peer: SocketAddr,
    },
    /// A request was refused.
    Refused {
        /// From where.
        client: SocketAddr,
        /// Whose, or whose it claims to be, if its nonce was good.
        user: Option<String>,
        /// Which request.
        method: Method,
        /// With which code.
        code: ErrorCode,
        /// Whose fault it was.
        fault: Fault,
    },
    /// A source has had as many 401 replies as it gets in a second; told once a second.
    ChallengesSuppressed {
        /// From where.
        client: SocketAddr,
    },
    /// A peer was refused by the peer policy.
    PeerForbidden {
        /// For which allocation.
        allocation: AllocationId,
        /// Whose.
        user: String,
        /// The peer's address as the client gave it.
        peer: SocketAddr,
        /// By which rule.
        why: Forbidden,
    },
}

/// Why an allocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client asked for life time 0.
    Deleted,
    /// Nobody refreshed it.
    Expired,
    /// The connection that it was made on has ended.
    Disconnected,
    /// Its user is shut out.
    Denied,
    /// Something went wrong in this program: [`crate::Server::begin_anew`].
    Failed,
}
