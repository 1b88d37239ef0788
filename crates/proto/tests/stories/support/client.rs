//! A TURN client that remembers what the server told it and, where a test says so, misbehaves.

use core::net::SocketAddr;

use turnd_proto::{FiveTuple, ListenerId, Transport};
use turnd_wire::{
    Algorithm, Integrity, Key, TransactionId, Writer, attr, channel_data, integrity::user_hash,
};

use super::{Network, OK, PeerGets, REALM, Reply, Request, at};

/// A client. Its fields may be changed at any time.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) from: turnd_proto::Client,
    /// Which server of the network it writes to.
    pub(crate) server: usize,
    pub(crate) user: String,
    pub(crate) password: String,
    /// Send USERHASH instead of USERNAME.
    pub(crate) anonymous: bool,
    /// Which codes to sign with, in order.
    pub(crate) signs: Vec<Integrity>,
    /// PASSWORD-ALGORITHM, together with PASSWORD-ALGORITHMS as received; `None` sends neither.
    pub(crate) algorithm: Option<Algorithm>,
    /// ACCESS-TOKEN, and the key in it.
    pub(crate) token: Option<(Vec<u8>, Vec<u8>)>,
    /// Leave the token out, once the server knows the key.
    pub(crate) hides_token: bool,
    pub(crate) realm: String,
    pub(crate) nonce: Option<Vec<u8>>,
    pub(crate) offered: Option<Vec<u8>>,
    requests: u32,
}

impl Client {
    /// A client at `address` that knows no user.
    pub(crate) fn new(address: &str) -> Self {
        let client = at(address);
        let server = if client.is_ipv4() {
            at("192.0.2.99:3478")
        } else {
            at("[2001:db8::99]:3478")
        };
        Self {
            from: turnd_proto::Client {
                listener: ListenerId(7),
                path: FiveTuple {
                    transport: Transport::Udp,
                    client,
                    server,
                },
            },
            server: 0,
            user: String::new(),
            password: String::new(),
            anonymous: false,
            signs: vec![Integrity::Sha1],
            algorithm: None,
            token: None,
            hides_token: false,
            realm: REALM.to_owned(),
            nonce: None,
            offered: None,
            requests: 0,
        }
    }

    pub(crate) fn user(mut self, name: &str, password: &str) -> Self {
        self.user = name.to_owned();
        self.password = password.to_owned();
        self
    }

    pub(crate) fn sha256(mut self) -> Self {
        self.signs = vec![Integrity::Sha256];
        self.algorithm = Some(Algorithm::Sha256);
        self
    }

    pub(crate) fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Over a stream.
    pub(crate) fn over(mut self, transport: Transport) -> Self {
        self.from.path.transport = transport;
        self
    }

    pub(crate) fn on_server(mut self, server: usize) -> Self {
        self.server = server;
        self
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.from.path.client
    }

    pub(crate) fn key(&self) -> Key {
        if let Some((_, key)) = &self.token {
            return Key::from_bytes(key).expect("a key of 64 bytes at most");
        }
        let algorithm = self.algorithm.unwrap_or(Algorithm::Md5);
        Key::long_term(algorithm, &self.user, REALM, &self.password)
    }

    /// Learns realm, nonce and algorithms, as from a first request without credentials.
    pub(crate) fn say_hello(&mut self, net: &mut Network) -> Reply {
        let hello = Request::allocate().unsigned();
        let reply = net
            .exchange(self, &hello)
            .expect("a challenge or a success");
        self.learn(&reply);
        reply
    }

    /// Sends a request with credentials; whoever has not been challenged yet asks for that first.
    pub(crate) fn call(&mut self, net: &mut Network, request: &Request) -> Reply {
        self.try_call(net, request).expect("an answer")
    }

    /// The same, for a server that may stay silent.
    pub(crate) fn try_call(&mut self, net: &mut Network, request: &Request) -> Option<Reply> {
        if self.nonce.is_none() && !self.user.is_empty() {
            self.say_hello(net);
        }
        let bytes = self.signed(request);
        self.deliver(net, &bytes)
    }

    /// Sends bytes that [`Self::signed`] made, perhaps once more.
    pub(crate) fn deliver(&mut self, net: &mut Network, bytes: &[u8]) -> Option<Reply> {
        let reply = net.exchange(self, bytes)?;
        for signature in reply.signatures() {
            assert!(reply.message().verify(signature, &self.key()));
        }
        self.learn(&reply);
        Some(reply)
    }

    /// A request's bytes, with credentials.
    pub(crate) fn signed(&mut self, request: &Request) -> Vec<u8> {
        let id = request.id.unwrap_or_else(|| self.next_id());
        request.build(id, |writer| {
            if !self.user.is_empty() {
                self.sign(writer);
            }
        })
    }

    pub(crate) fn next_id(&mut self) -> TransactionId {
        self.requests += 1;
        let mut id = [0xC1; 12];
        id[..2].copy_from_slice(&self.address().port().to_be_bytes());
        id[8..].copy_from_slice(&self.requests.to_be_bytes());
        id.into()
    }

    fn sign(&self, writer: &mut Writer<'_>) {
        if self.anonymous {
            writer.bytes(attr::USERHASH, &user_hash(&self.user, REALM));
        } else {
            writer.text(attr::USERNAME, &self.user);
        }
        writer.text(attr::REALM, &self.realm);
        writer.bytes(attr::NONCE, self.nonce.as_deref().unwrap_or_default());
        if let Some(algorithm) = self.algorithm {
            let offered = self.offered.as_deref().unwrap_or_default();
            let [n0, n1] = algorithm.number().to_be_bytes();
            writer.bytes(attr::PASSWORD_ALGORITHMS, offered);
            writer.bytes(attr::PASSWORD_ALGORITHM, &[n0, n1, 0, 0]);
        }
        if let Some((token, _)) = self.token.as_ref().filter(|_| !self.hides_token) {
            writer.bytes(attr::ACCESS_TOKEN, token);
        }
        for integrity in &self.signs {
            writer.integrity(*integrity, &self.key());
        }
    }

    pub(crate) fn learn(&mut self, reply: &Reply) {
        if let Some(nonce) = reply.value(attr::NONCE) {
            self.nonce = Some(nonce);
            self.offered = reply.value(attr::PASSWORD_ALGORITHMS);
        }
    }

    /// Allocates for UDP and gives the relayed address.
    pub(crate) fn allocate(&mut self, net: &mut Network) -> SocketAddr {
        self.call(net, &Request::allocate()).relay()
    }

    pub(crate) fn refresh(&mut self, net: &mut Network, seconds: u32) -> Reply {
        self.call(net, &Request::refresh().lifetime(seconds))
    }

    /// Has a permission for `peer`, or the code that says why not.
    pub(crate) fn permit(&mut self, net: &mut Network, peer: &str) -> u16 {
        let request = Request::create_permission().peer(peer);
        self.call(net, &request).code()
    }

    /// Binds `number` to `peer`, or says why not.
    pub(crate) fn bind(&mut self, net: &mut Network, number: u16, peer: &str) -> u16 {
        let request = Request::channel_bind().channel(number).peer(peer);
        self.call(net, &request).code()
    }

    pub(crate) fn must_permit(&mut self, net: &mut Network, peer: &str) {
        assert_eq!(self.permit(net, peer), OK, "permission for {peer}");
    }

    pub(crate) fn must_bind(&mut self, net: &mut Network, number: u16, peer: &str) {
        assert_eq!(self.bind(net, number, peer), OK, "{number:#x} for {peer}");
    }

    /// Sends a Send indication.
    pub(crate) fn send(&mut self, net: &mut Network, peer: &str, data: &[u8]) -> Option<PeerGets> {
        let bytes = Request::send(peer, data).build(self.next_id(), |_| ());
        net.relay_up(self, &bytes)
    }

    /// Sends ChannelData.
    pub(crate) fn channel(&self, net: &mut Network, number: u16, data: &[u8]) -> Option<PeerGets> {
        let length = u16::try_from(data.len()).expect("a datagram");
        let bytes = [&channel_data::header(number, length)[..], data].concat();
        net.relay_up(self, &bytes)
    }
}
