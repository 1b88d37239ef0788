//! A client that asks for what the tests want to see, one request at a time.

use std::{
    cell::RefCell,
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use turnd_wire::{
    Algorithm, ChannelData, Class, ErrorCode, Family, Integrity, Key, Message, Method, Writer,
    attr, channel_data,
};

/// Long enough for a busy machine; nothing waits this long unless it failed.
const PATIENCE: Duration = Duration::from_secs(5);
pub(crate) const REALM: &str = "example.org";
pub(crate) const CHANNEL: u16 = 0x4001;

/// One client: a socket, a user, and the nonce the server gave it.
pub(crate) struct Session {
    pub(crate) socket: UdpSocket,
    user: String,
    password: String,
    nonce: RefCell<Vec<u8>>,
}

/// What came back, whole.
pub(crate) struct Reply(Vec<u8>);

impl Reply {
    pub(crate) fn message(&self) -> Message<'_> {
        Message::parse(&self.0).expect("a STUN message")
    }

    /// The error's number; `None` for a success.
    pub(crate) fn error(&self) -> Option<u16> {
        let value = self.message().attribute(attr::ERROR_CODE)?.to_vec();
        ErrorCode::parse(&value).map(|(code, _)| code.number())
    }

    pub(crate) fn relayed(&self) -> SocketAddr {
        let address = self.message().xor_address(attr::XOR_RELAYED_ADDRESS);
        address.unwrap_or_else(|| panic!("no relayed address, error {:?}", self.error()))
    }

    pub(crate) fn token(&self) -> Vec<u8> {
        let token = self.message().attribute(attr::RESERVATION_TOKEN);
        token.expect("a reservation token").to_vec()
    }
}

impl Session {
    pub(crate) fn new(server: SocketAddr, user: &str, password: &str) -> Self {
        let any: SocketAddr = if server.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        }
        .parse()
        .unwrap();
        Self::from(any, server, user, password)
    }

    /// The same from this address.
    pub(crate) fn from(client: SocketAddr, server: SocketAddr, user: &str, password: &str) -> Self {
        let socket = UdpSocket::bind(client).unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            socket,
            user: user.to_owned(),
            password: password.to_owned(),
            nonce: RefCell::default(),
        }
    }

    pub(crate) fn binding(&self) -> Reply {
        self.exchange(Method::BINDING, |_| ())
    }

    pub(crate) fn allocate(&self) -> Reply {
        self.allocate_with(|_| ())
    }

    pub(crate) fn allocate_with(&self, more: impl Fn(&mut Writer<'_>)) -> Reply {
        self.request(Method::ALLOCATE, |writer| {
            writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
            more(writer);
        })
    }

    pub(crate) fn allocate_v6(&self) -> Reply {
        self.allocate_with(|writer| {
            writer.bytes(
                attr::REQUESTED_ADDRESS_FAMILY,
                &[Family::V6.number(), 0, 0, 0],
            );
        })
    }

    pub(crate) fn delete(&self) -> Reply {
        self.request(Method::REFRESH, |writer| writer.number32(attr::LIFETIME, 0))
    }

    pub(crate) fn permit(&self, peer: SocketAddr) -> Reply {
        self.request(Method::CREATE_PERMISSION, |writer| {
            writer.xor_address(attr::XOR_PEER_ADDRESS, peer);
        })
    }

    pub(crate) fn bind(&self, peer: SocketAddr) -> Reply {
        self.request(Method::CHANNEL_BIND, |writer| {
            let [n0, n1] = CHANNEL.to_be_bytes();
            writer.bytes(attr::CHANNEL_NUMBER, &[n0, n1, 0, 0]);
            writer.xor_address(attr::XOR_PEER_ADDRESS, peer);
        })
    }

    /// Sends ChannelData.
    pub(crate) fn send_channel(&self, data: &[u8]) {
        let mut bytes = channel_data::header(CHANNEL, u16::try_from(data.len()).unwrap()).to_vec();
        bytes.extend_from_slice(data);
        self.socket.send(&bytes).unwrap();
    }

    /// Sends a Send indication.
    pub(crate) fn send_indication(&self, peer: SocketAddr, data: &[u8], dont_fragment: bool) {
        let mut buffer = vec![0; data.len() + 100];
        let mut writer = Writer::new(
            &mut buffer,
            Class::Indication,
            Method::SEND,
            Self::next_id().into(),
        );
        writer.xor_address(attr::XOR_PEER_ADDRESS, peer);
        if dont_fragment {
            writer.bytes(attr::DONT_FRAGMENT, &[]);
        }
        writer.bytes(attr::DATA, data);
        self.socket.send(writer.finish().unwrap()).unwrap();
    }

    /// The data of the next ChannelData message or Data indication.
    pub(crate) fn receive(&self) -> Vec<u8> {
        let bytes = self.datagram();
        if let Ok(message) = Message::parse(&bytes) {
            assert_eq!(
                (message.class(), message.method()),
                (Class::Indication, Method::DATA)
            );
            return message.attribute(attr::DATA).expect("DATA").to_vec();
        }
        let message = ChannelData::parse(&bytes).expect("ChannelData");
        assert_eq!(message.channel, CHANNEL);
        message.data.to_vec()
    }

    /// Whether nothing arrives for a moment that is long on loopback.
    pub(crate) fn hears_nothing(&self) -> bool {
        // An answer to a later request overtakes nothing: what was on its way would be here first.
        let binding = self.binding();
        binding.message().method() == Method::BINDING
    }

    /// A request with credentials, after asking for the nonce if there is none yet.
    pub(crate) fn request(&self, method: Method, fill: impl Fn(&mut Writer<'_>)) -> Reply {
        if self.nonce.borrow().is_empty() {
            let challenge = self.exchange(method, |writer| fill(writer));
            assert_eq!(challenge.error(), Some(401));
            let nonce = challenge
                .message()
                .attribute(attr::NONCE)
                .expect("NONCE")
                .to_vec();
            self.nonce.replace(nonce);
        }
        let key = Key::long_term(Algorithm::Md5, &self.user, REALM, &self.password);
        self.exchange(method, |writer| {
            fill(writer);
            writer.text(attr::USERNAME, &self.user);
            writer.text(attr::REALM, REALM);
            writer.bytes(attr::NONCE, &self.nonce.borrow());
            writer.integrity(Integrity::Sha1, &key);
        })
    }

    /// One request and its reply, which must be the next datagram.
    pub(crate) fn exchange(&self, method: Method, fill: impl Fn(&mut Writer<'_>)) -> Reply {
        let id = Self::next_id();
        let mut buffer = [0; 1200];
        let mut writer = Writer::new(&mut buffer, Class::Request, method, id.into());
        fill(&mut writer);
        self.socket.send(writer.finish().unwrap()).unwrap();
        let reply = Reply(self.datagram());
        assert_eq!(reply.message().transaction_id(), id.into());
        reply
    }

    /// What comes next, whatever it is.
    pub(crate) fn datagram(&self) -> Vec<u8> {
        let mut buffer = vec![0; 65_536];
        loop {
            match self.socket.recv(&mut buffer) {
                // A socket with a time limit is not waited on again by itself (signal(7)).
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                received => {
                    buffer.truncate(received.expect("something from the server"));
                    return buffer;
                }
            }
        }
    }

    /// Never the same twice in a run: another client may get this one's port later.
    pub(crate) fn next_id() -> [u8; 12] {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mut id = [0x5A; 12];
        id[..8].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        id
    }
}
