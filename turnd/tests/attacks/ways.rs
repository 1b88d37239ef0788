//! A client over any of the four transports, one message at a time.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream, UdpSocket},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use openssl::ssl::{Ssl, SslContext, SslMethod, SslOptions, SslStream, SslVerifyMode};
use turnd_wire::{
    Algorithm, Class, ErrorCode, Integrity, Key, Message, Method, Writer, attr, channel_data,
    framing::{self, Frame},
};

use crate::support::turnd::Turnd;

/// Long enough for a busy machine; nothing waits this long unless it failed.
const PATIENCE: Duration = Duration::from_secs(5);
pub(crate) const REALM: &str = "example.org";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Udp,
    Tcp,
    Tls,
    Dtls,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Udp, Self::Tcp, Self::Tls, Self::Dtls];

    fn protocol(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Dtls => "dtls",
        }
    }

    pub(crate) fn is_stream(self) -> bool {
        matches!(self, Self::Tcp | Self::Tls)
    }
}

/// A connected UDP socket as a stream of datagrams.
#[derive(Debug)]
struct Datagrams(UdpSocket);

impl Read for Datagrams {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.recv(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                received => return received,
            }
        }
    }
}

impl Write for Datagrams {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.0.send(datagram)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

trait Carrier: Read + Write + Send {}
impl<T: Read + Write + Send> Carrier for T {}

/// A client of alice's, whose password is `secret`.
pub(crate) struct Client {
    way: Way,
    carrier: Box<dyn Carrier>,
    /// Read from a stream and not yet looked at.
    ahead: Vec<u8>,
    nonce: Vec<u8>,
    user: String,
    password: String,
}

/// A message that came back.
pub(crate) struct Reply(pub(crate) Vec<u8>);

impl Reply {
    pub(crate) fn message(&self) -> Message<'_> {
        Message::parse(&self.0).expect("a STUN message")
    }

    /// The error's number; `None` for a success.
    pub(crate) fn error(&self) -> Option<u16> {
        let value = self.message().attribute(attr::ERROR_CODE)?.to_vec();
        ErrorCode::parse(&value).map(|(code, _)| code.number())
    }

    /// Every relayed address.
    pub(crate) fn relayed(&self) -> Vec<SocketAddr> {
        let message = self.message();
        let relayed = message
            .attributes()
            .filter(|it| it.kind == attr::XOR_RELAYED_ADDRESS);
        relayed
            .map(|it| turnd_wire::address::read_xor(it.value, message.transaction_id()).unwrap())
            .collect()
    }
}

impl Client {
    /// Comes to where turnd takes this.
    pub(crate) fn new(way: Way, turnd: &Turnd) -> Self {
        Self::to(way, turnd.address(way.protocol(), SocketAddr::is_ipv4))
    }

    pub(crate) fn to(way: Way, server: SocketAddr) -> Self {
        let carrier: Box<dyn Carrier> = match way {
            Way::Udp => Box::new(datagrams(server)),
            Way::Tcp => Box::new(connection(server)),
            Way::Tls => Box::new(encrypted(SslMethod::tls_client(), connection(server))),
            Way::Dtls => Box::new(encrypted(SslMethod::dtls_client(), datagrams(server))),
        };
        Self {
            way,
            carrier,
            ahead: Vec::new(),
            nonce: Vec::new(),
            user: "alice".to_owned(),
            password: "secret".to_owned(),
        }
    }

    /// The same with this name and password.
    pub(crate) fn user(mut self, user: &str, password: &str) -> Self {
        (self.user, self.password) = (user.to_owned(), password.to_owned());
        self
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        if self.way.is_stream() {
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        self.carrier.write_all(&bytes).expect("sending");
        self.carrier.flush().expect("sending");
    }

    /// The next message.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; 65_536];
        loop {
            if let Frame::Whole { length, padding } = framing::next(&self.ahead)
                && self.way.is_stream()
            {
                let mut message: Vec<u8> = self.ahead.drain(..length).collect();
                message.truncate(length - padding);
                return message;
            }
            let count = self.carrier.read(&mut buffer).expect("a message");
            assert!(count > 0, "the end instead of a message");
            if !self.way.is_stream() {
                return buffer[..count].to_vec();
            }
            self.ahead.extend_from_slice(&buffer[..count]);
        }
    }

    /// Whether the server ends the connection, or the association.
    pub(crate) fn is_ended(&mut self) -> bool {
        let mut buffer = [0; 65_536];
        loop {
            match self.carrier.read(&mut buffer) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() != ErrorKind::WouldBlock,
            }
        }
    }

    /// Whether nothing else has come when the answer to a question is there.
    pub(crate) fn hears_nothing(&mut self) -> bool {
        let (id, request) = message(Class::Request, Method::BINDING, |_| ());
        self.send(&request);
        let next = self.next();
        Message::parse(&next).is_ok_and(|reply| reply.transaction_id() == id.into())
    }

    pub(crate) fn exchange(&mut self, bytes: &[u8]) -> Reply {
        self.send(bytes);
        Reply(self.next())
    }

    /// A request with credentials, after a challenge if there was none.
    pub(crate) fn request(&mut self, method: Method, fill: impl Fn(&mut Writer<'_>)) -> Reply {
        if self.nonce.is_empty() {
            let (_, bytes) = message(Class::Request, method, &fill);
            let challenge = self.exchange(&bytes);
            assert_eq!(challenge.error(), Some(401));
            self.learn(&challenge);
        }
        let reply = self.exchange(&self.signed(method, &fill));
        if reply.error() == Some(438) {
            self.learn(&reply);
            return self.exchange(&self.signed(method, fill));
        }
        reply
    }

    /// The same, of which no answer is awaited.
    pub(crate) fn request_in_vain(&mut self, method: Method) {
        let fill = |writer: &mut Writer<'_>| {
            writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        };
        let (_, bytes) = message(Class::Request, method, fill);
        let challenge = self.exchange(&bytes);
        self.learn(&challenge);
        let bytes = self.signed(method, fill);
        self.send(&bytes);
    }

    fn learn(&mut self, reply: &Reply) {
        let nonce = reply.message().attribute(attr::NONCE).map(<[u8]>::to_vec);
        self.nonce = nonce.expect("a nonce");
    }

    pub(crate) fn signed(&self, method: Method, fill: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
        let key = Key::long_term(Algorithm::Md5, &self.user, REALM, &self.password);
        let (_, bytes) = message(Class::Request, method, |writer| {
            fill(writer);
            writer.text(attr::USERNAME, &self.user);
            writer.text(attr::REALM, REALM);
            writer.bytes(attr::NONCE, &self.nonce);
            writer.integrity(Integrity::Sha1, &key);
        });
        bytes
    }

    /// An allocation of these families: 1 is IPv4, 2 IPv6, 0 both.
    pub(crate) fn allocate(&mut self, protocol: u8, family: u8) -> Reply {
        self.request(Method::ALLOCATE, |writer| {
            writer.bytes(attr::REQUESTED_TRANSPORT, &[protocol, 0, 0, 0]);
            match family {
                0 => writer.bytes(attr::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]),
                _ => writer.bytes(attr::REQUESTED_ADDRESS_FAMILY, &[family, 0, 0, 0]),
            }
        })
    }

    pub(crate) fn permit(&mut self, peer: SocketAddr) -> Option<u16> {
        let fill = |writer: &mut Writer<'_>| writer.xor_address(attr::XOR_PEER_ADDRESS, peer);
        self.request(Method::CREATE_PERMISSION, fill).error()
    }

    pub(crate) fn bind(&mut self, channel: u16, peer: SocketAddr) -> Option<u16> {
        let fill = |writer: &mut Writer<'_>| {
            let [high, low] = channel.to_be_bytes();
            writer.bytes(attr::CHANNEL_NUMBER, &[high, low, 0, 0]);
            writer.xor_address(attr::XOR_PEER_ADDRESS, peer);
        };
        self.request(Method::CHANNEL_BIND, fill).error()
    }

    pub(crate) fn connect(&mut self, peer: SocketAddr) -> Option<u16> {
        let fill = |writer: &mut Writer<'_>| writer.xor_address(attr::XOR_PEER_ADDRESS, peer);
        self.request(Method::CONNECT, fill).error()
    }

    pub(crate) fn send_indication(&mut self, peer: SocketAddr, data: &[u8]) {
        let (_, bytes) = message(Class::Indication, Method::SEND, |writer| {
            writer.xor_address(attr::XOR_PEER_ADDRESS, peer);
            writer.bytes(attr::DATA, data);
        });
        self.send(&bytes);
    }

    pub(crate) fn send_on(&mut self, channel: u16, data: &[u8]) {
        let length = u16::try_from(data.len()).unwrap();
        let mut bytes = channel_data::header(channel, length).to_vec();
        bytes.extend_from_slice(data);
        self.send(&bytes);
    }
}

/// A message with a transaction id of its own.
pub(crate) fn message(
    class: Class,
    method: Method,
    fill: impl Fn(&mut Writer<'_>),
) -> ([u8; 12], Vec<u8>) {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut id = [0xA7; 12];
    id[..8].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let mut buffer = [0; 2048];
    let mut writer = Writer::new(&mut buffer, class, method, id.into());
    fill(&mut writer);
    (id, writer.finish().expect("a short message").to_vec())
}

/// Alice over UDP from this address.
pub(crate) fn from(ip: IpAddr, server: SocketAddr) -> Client {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    Client {
        way: Way::Udp,
        carrier: Box::new(Datagrams(socket)),
        ahead: Vec::new(),
        nonce: Vec::new(),
        user: "alice".to_owned(),
        password: "secret".to_owned(),
    }
}

fn datagrams(server: SocketAddr) -> Datagrams {
    let any = if server.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = UdpSocket::bind(any).unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    Datagrams(socket)
}

fn connection(server: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(server).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

fn encrypted<S: Read + Write + std::fmt::Debug>(method: SslMethod, carrier: S) -> SslStream<S> {
    let mut builder = SslContext::builder(method).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    builder.set_options(SslOptions::NO_QUERY_MTU);
    let mut ssl = Ssl::new(&builder.build()).unwrap();
    // Only DTLS has one.
    let _ = ssl.set_mtu(1400);
    ssl.connect(carrier).expect("a handshake")
}
