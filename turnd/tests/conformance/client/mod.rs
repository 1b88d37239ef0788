//! A TURN client by any transport, that remembers what the server told it and, where a row says so, misbehaves;
//! and the peers it talks to.

mod by_hand;
mod carrier;

use std::{
    net::{IpAddr, Shutdown, SocketAddr, UdpSocket},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

pub(crate) use by_hand::ByHand;
pub(crate) use carrier::{Agreed, Socket, datagrams};
use carrier::{Opened, is_timeout};
use openssl::ssl::SslContextBuilder;
use turnd_wire::{
    Algorithm, ChannelData, Class, Family, Integrity, Key, Message, Method, TransactionId, Writer,
    attr, channel_data, integrity::user_hash,
};

use crate::{
    messages::{OK, Reply, Request},
    row::Transport,
    subject::Account,
};

/// Long enough for a busy machine; nothing waits this long unless it failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// How long the answer to the last request is waited for.
const FAREWELL: Duration = Duration::from_millis(500);
/// The channel of rows that need one.
pub(crate) const CHANNEL: u16 = 0x4001;

/// A client. Its fields may be changed at any time.
pub(crate) struct Client {
    opened: Opened,
    /// Which relay it asks for: one of the family it came by.
    pub(crate) family: Family,
    pub(crate) account: Account,
    /// Send USERHASH instead of USERNAME.
    pub(crate) anonymous: bool,
    /// Which codes to sign with, in order.
    pub(crate) signs: Vec<Integrity>,
    /// PASSWORD-ALGORITHM, together with PASSWORD-ALGORITHMS as received; `None` sends neither.
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) realm: String,
    pub(crate) nonce: Vec<u8>,
    /// PASSWORD-ALGORITHMS.
    pub(crate) offered: Vec<u8>,
    /// ACCESS-TOKEN (RFC 7635).
    pub(crate) token: Option<Vec<u8>>,
    /// What is in the token of the bearer, who has no password.
    pub(crate) mac_key: Option<Vec<u8>>,
    /// There is an allocation that nobody has ended yet.
    is_allocated: bool,
}

impl Client {
    /// Comes to the server by this transport.
    pub(crate) fn connect(transport: Transport, server: SocketAddr, account: &Account) -> Self {
        Self::try_connect(transport, server, account, |_| ()).expect("a handshake")
    }

    /// The same with other wishes for the handshake, which may fail.
    pub(crate) fn try_connect(
        transport: Transport,
        server: SocketAddr,
        account: &Account,
        set: impl FnOnce(&mut SslContextBuilder),
    ) -> Result<Self, String> {
        Ok(Self {
            opened: carrier::open(transport, server, set)?,
            family: Family::of(server.ip()),
            account: account.clone(),
            anonymous: false,
            signs: vec![Integrity::Sha1],
            algorithm: None,
            realm: String::new(),
            nonce: Vec::new(),
            offered: Vec::new(),
            token: None,
            mac_key: None,
            is_allocated: false,
        })
    }

    /// With SHA-256 for key and signature.
    pub(crate) fn sha256(mut self) -> Self {
        self.signs = vec![Integrity::Sha256];
        self.algorithm = Some(Algorithm::Sha256);
        self
    }

    /// Its own address.
    pub(crate) fn local(&self) -> SocketAddr {
        self.opened.socket.local()
    }

    /// The socket below all.
    pub(crate) fn socket(&self) -> &Socket {
        &self.opened.socket
    }

    /// What the handshake agreed on.
    pub(crate) fn agreed(&self) -> &Agreed {
        self.opened.agreed.as_ref().expect("an encrypted transport")
    }

    // ---- bytes ----

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.opened.carrier.send(bytes).expect("sending");
    }

    /// The next message, STUN or ChannelData; `None` at the end of the connection.
    ///
    /// # Panics
    /// When nothing comes in time.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        match self.opened.carrier.receive() {
            Ok(message) => message,
            Err(error) if is_timeout(&error) => panic!("nothing came in {PATIENCE:?}"),
            Err(error) => panic!("receiving: {error}"),
        }
    }

    /// The answer to this request, which must be the next message.
    #[track_caller]
    pub(crate) fn reply_to(&mut self, request: &[u8]) -> Reply {
        let bytes = self.next().expect("an answer and not the end");
        let is_answer = bytes.get(4..20) == request.get(4..20);
        assert!(is_answer, "instead of the answer came {}", hex(&bytes));
        let reply = Reply::to(request, bytes);
        if reply.code() == OK {
            match reply.message().method() {
                Method::ALLOCATE => self.is_allocated = true,
                // A ticket may have brought one here (RFC 8016).
                Method::REFRESH => self.is_allocated = reply.lifetime() != Some(0),
                _ => {}
            }
        }
        reply
    }

    /// Sends these bytes, to which nothing comes back: the answer to a later request is the next message.
    #[track_caller]
    pub(crate) fn expect_silence(&mut self, bytes: &[u8]) {
        self.send(bytes);
        self.expect_nothing();
    }

    /// Nothing is on its way.
    #[track_caller]
    pub(crate) fn expect_nothing(&mut self) {
        let probe = Request::binding().build(next_id(), |_| ());
        self.send(&probe);
        let reply = self.reply_to(&probe);
        assert_eq!(reply.code(), OK);
    }

    /// Nothing is on its way, nor at a relay of the client's: what lay there when the first of these requests was
    /// sent has been looked at when the last one is answered.
    #[track_caller]
    pub(crate) fn expect_nothing_from_peers(&mut self) {
        for _ in 0..3 {
            self.expect_nothing();
        }
    }

    /// Sends what the server has to end the connection for, without another word.
    #[track_caller]
    pub(crate) fn expect_end(&mut self, bytes: &[u8]) {
        self.send(bytes);
        if let Some(message) = self.next() {
            panic!("instead of the end came {}", hex(&message));
        }
    }

    /// Ends its connection, and waits until the server has taken leave of it.
    #[track_caller]
    pub(crate) fn hang_up(&mut self) {
        let Socket::Stream(stream) = &self.opened.socket else {
            unreachable!("datagrams have no connection");
        };
        stream.shutdown(Shutdown::Write).expect("a connection");
        if let Some(message) = self.next() {
            panic!("instead of the end came {}", hex(&message));
        }
    }

    /// As many bytes of a stream that carries no messages any more.
    #[track_caller]
    pub(crate) fn next_bytes(&mut self, count: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < count {
            let some = self.opened.carrier.receive_bytes().expect("bytes in time");
            assert!(!some.is_empty(), "the end behind {} bytes", all.len());
            all.extend(some);
        }
        all
    }

    /// The stream ends, and nothing comes before.
    #[track_caller]
    pub(crate) fn expect_end_of_bytes(&mut self) {
        let some = self
            .opened
            .carrier
            .receive_bytes()
            .expect("the end in time");
        assert!(some.is_empty(), "instead of the end came {}", hex(&some));
    }

    // ---- requests ----

    /// A request without credentials.
    #[track_caller]
    pub(crate) fn ask(&mut self, request: &Request) -> Reply {
        let bytes = unsigned(request);
        self.exchange(&bytes)
    }

    /// Sends a request's bytes and takes the answer.
    #[track_caller]
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Reply {
        self.send(request);
        self.reply_to(request)
    }

    /// A request with credentials; whoever has not been challenged yet asks for that first.
    #[track_caller]
    pub(crate) fn call(&mut self, request: &Request) -> Reply {
        self.say_hello();
        let bytes = self.signed(request);
        let reply = self.exchange(&bytes);
        if reply.code() == OK {
            for signature in reply.signatures() {
                let is_good = reply.message().verify(signature, &self.key());
                assert!(is_good, "the answer's signature is wrong");
            }
        }
        self.learn(&reply);
        reply
    }

    /// The same; it is answered with this code.
    #[track_caller]
    pub(crate) fn expect(&mut self, code: u16, request: &Request) -> Reply {
        let reply = self.call(request);
        assert!(
            reply.code() == code,
            "{} and not {code} to {request:?}",
            reply.code()
        );
        reply
    }

    /// Learns realm, nonce and algorithms, if it has none yet.
    #[track_caller]
    pub(crate) fn say_hello(&mut self) {
        if self.nonce.is_empty() {
            let challenge = self.ask(&Request::allocate());
            assert_eq!(challenge.code(), 401);
            self.learn(&challenge);
        }
    }

    pub(crate) fn learn(&mut self, reply: &Reply) {
        if let Some(nonce) = reply.value(attr::NONCE) {
            self.nonce = nonce;
            self.offered = reply.value(attr::PASSWORD_ALGORITHMS).unwrap_or_default();
        }
        if let Some(realm) = reply.value(attr::REALM) {
            self.realm = String::from_utf8(realm).expect("a realm is text");
        }
    }

    /// A request's bytes, with credentials.
    pub(crate) fn signed(&self, request: &Request) -> Vec<u8> {
        request.build(request.id.unwrap_or_else(next_id), |writer| {
            self.name(writer);
            for integrity in &self.signs {
                writer.integrity(*integrity, &self.key());
            }
        })
    }

    /// Everything that tells who sends a request, but no signature.
    pub(crate) fn name(&self, writer: &mut Writer<'_>) {
        if self.anonymous {
            writer.bytes(attr::USERHASH, &user_hash(&self.account.user, &self.realm));
        } else {
            writer.text(attr::USERNAME, &self.account.user);
        }
        writer.text(attr::REALM, &self.realm);
        writer.bytes(attr::NONCE, &self.nonce);
        if let Some(token) = &self.token {
            writer.bytes(attr::ACCESS_TOKEN, token);
        }
        if let Some(algorithm) = self.algorithm {
            let [n0, n1] = algorithm.number().to_be_bytes();
            writer.bytes(attr::PASSWORD_ALGORITHMS, &self.offered);
            writer.bytes(attr::PASSWORD_ALGORITHM, &[n0, n1, 0, 0]);
        }
    }

    pub(crate) fn key(&self) -> Key {
        if let Some(key) = &self.mac_key {
            return Key::from_bytes(key).expect("a key");
        }
        let algorithm = self.algorithm.unwrap_or(Algorithm::Md5);
        let Account { user, password } = &self.account;
        Key::long_term(algorithm, user, &self.realm, password)
    }

    // ---- what most rows begin with ----

    /// An Allocate for UDP and a relay of the client's own family.
    pub(crate) fn allocate_request(&self) -> Request {
        match self.family {
            Family::V4 => Request::allocate(),
            Family::V6 => Request::allocate().family(Family::V6),
        }
    }

    /// Allocates for UDP; the relayed address.
    #[track_caller]
    pub(crate) fn allocate(&mut self) -> SocketAddr {
        let reply = self.call(&self.allocate_request());
        assert_eq!(reply.code(), OK, "Allocate");
        reply.relay()
    }

    /// Has a permission for these peers, or the code that says why not.
    #[track_caller]
    pub(crate) fn permit(&mut self, peers: &[SocketAddr]) -> u16 {
        let request = peers.iter().fold(Request::create_permission(), with_peer);
        self.call(&request).code()
    }

    /// Binds a channel, or says why not.
    #[track_caller]
    pub(crate) fn bind(&mut self, channel: u16, peer: SocketAddr) -> u16 {
        let request = with_peer(Request::channel_bind().channel(channel), &peer);
        self.call(&request).code()
    }

    #[track_caller]
    pub(crate) fn must_permit(&mut self, peer: SocketAddr) {
        assert_eq!(self.permit(&[peer]), OK, "permission for {peer}");
    }

    #[track_caller]
    pub(crate) fn must_bind(&mut self, channel: u16, peer: SocketAddr) {
        assert_eq!(self.bind(channel, peer), OK, "{channel:#x} for {peer}");
    }

    /// Refresh with this LIFETIME.
    #[track_caller]
    pub(crate) fn refresh(&mut self, seconds: u32) -> Reply {
        self.call(&Request::refresh().lifetime(seconds))
    }

    /// Sends a Send indication.
    pub(crate) fn send_data(&mut self, peer: SocketAddr, data: &[u8]) {
        let bytes = Request::send(&peer.to_string(), data).build(next_id(), |_| ());
        self.send(&bytes);
    }

    /// Sends ChannelData, padded as the transport has it.
    pub(crate) fn send_channel(&mut self, channel: u16, data: &[u8]) {
        let length = u16::try_from(data.len()).expect("a datagram");
        let mut bytes = [&channel_data::header(channel, length)[..], data].concat();
        if matches!(self.socket(), Socket::Stream(_)) {
            bytes.resize(bytes.len().next_multiple_of(4), 0xEE);
        }
        self.send(&bytes);
    }

    /// The next message, which is a Data indication: from whom, and what.
    #[track_caller]
    pub(crate) fn next_data(&mut self) -> (SocketAddr, Vec<u8>) {
        let bytes = self.next().expect("data and not the end");
        let message = Message::parse(&bytes).expect("a STUN message");
        assert_eq!(
            (message.class(), message.method()),
            (Class::Indication, Method::DATA)
        );
        let peer = message.xor_address(attr::XOR_PEER_ADDRESS);
        let data = message.attribute(attr::DATA).expect("DATA");
        (peer.expect("XOR-PEER-ADDRESS"), data.to_vec())
    }

    /// The next message, which is ChannelData: its channel, and what.
    #[track_caller]
    pub(crate) fn next_channel(&mut self) -> (u16, Vec<u8>) {
        let bytes = self.next().expect("data and not the end");
        let message = ChannelData::parse(&bytes);
        let message = message.unwrap_or_else(|| panic!("no ChannelData, but {}", hex(&bytes)));
        assert_eq!(bytes.len(), 4 + message.data.len(), "more than its length");
        (message.channel, message.data.to_vec())
    }

    /// The next message is a Data indication with this.
    #[track_caller]
    pub(crate) fn expect_data(&mut self, peer: SocketAddr, data: &[u8]) {
        assert_eq!(self.next_data(), (peer, data.to_vec()));
    }

    /// The next message is ChannelData with this.
    #[track_caller]
    pub(crate) fn expect_channel(&mut self, channel: u16, data: &[u8]) {
        assert_eq!(self.next_channel(), (channel, data.to_vec()));
    }
}

impl Client {
    /// Leaves its allocation behind.
    pub(crate) fn abandon(mut self) {
        self.is_allocated = false;
    }
}

/// Ends its allocation: the system may give its port to the client of another row, who would find it there.
impl Drop for Client {
    fn drop(&mut self) {
        let Socket::Datagrams(socket) = &self.opened.socket else {
            return;
        };
        if !self.is_allocated || socket.set_read_timeout(Some(FAREWELL)).is_err() {
            return;
        }
        let end = self.signed(&Request::refresh().lifetime(0));
        let mut is_waiting = self.opened.carrier.send(&end).is_ok();
        while is_waiting {
            // Neither may the answer come to somebody else.
            let next = self.opened.carrier.receive();
            is_waiting =
                next.is_ok_and(|next| next.is_some_and(|it| it.get(8..20) != end.get(8..20)));
        }
    }
}

/// A request with one peer more.
pub(crate) fn with_peer(request: Request, peer: &SocketAddr) -> Request {
    request.peer(&peer.to_string())
}

/// A request's bytes, signed by nobody.
pub(crate) fn unsigned(request: &Request) -> Vec<u8> {
    request.build(request.id.unwrap_or_else(next_id), |_| ())
}

/// A transaction id that no other request of this run has.
pub(crate) fn next_id() -> TransactionId {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let mut id = [0xC5; 12];
    id[4..].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    id.into()
}

/// A peer on this machine.
pub(crate) struct Peer(pub(crate) UdpSocket);

impl Peer {
    pub(crate) fn new(ip: IpAddr) -> Self {
        let socket = UdpSocket::bind((ip, 0)).expect("binding a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a limit");
        Self(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("a bound socket")
    }

    pub(crate) fn send(&self, relay: SocketAddr, data: &[u8]) {
        self.0.send_to(data, relay).expect("sending");
    }

    /// The next datagram is this, from this relay.
    #[track_caller]
    pub(crate) fn expect(&self, data: &[u8], relay: SocketAddr) {
        assert_eq!(self.next(), (data.to_vec(), relay));
    }

    /// The next datagram and where it came from.
    #[track_caller]
    pub(crate) fn next(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0; 65_536];
        let (length, from) = match self.0.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) if is_timeout(&error) => panic!("no datagram in {PATIENCE:?}"),
            Err(error) => panic!("receiving: {error}"),
        };
        buffer.truncate(length);
        (buffer, from)
    }
}

/// For messages of checks that have failed.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let shown = bytes.iter().take(64).map(|byte| format!("{byte:02x}"));
    format!("{} bytes: {}", bytes.len(), shown.collect::<String>())
}
