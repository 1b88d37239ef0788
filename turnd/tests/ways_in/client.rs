//! A TURN client over a stream, one request at a time; and what several tests need around it.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream, UdpSocket},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use turnd_wire::{
    Algorithm, ChannelData, Class, ErrorCode, Integrity, Key, Message, Method, TransactionId,
    Writer, attr, channel_data,
    framing::{self, Frame},
};

/// Long enough for a busy machine; nothing waits this long unless it failed. Shorter than the server's own
/// limits of five and ten seconds: an end that comes in time is not one of those.
pub(crate) const PATIENCE: Duration = Duration::from_secs(4);
pub(crate) const REALM: &str = "example.org";
pub(crate) const CHANNEL: u16 = 0x4001;

/// A server that relays for alice to this machine, on one worker: the same one for every client.
pub(crate) const CONFIG: &str = "listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\n\
     user=alice:secret\nrelay-threads=1\nallow-loopback-peers\n";

/// What carries the messages.
pub(crate) trait Stream: Read + Write + Send {
    /// The socket below it.
    fn socket(&self) -> &TcpStream;

    /// Says that nothing more will be written, where there is a way to say it.
    fn say_goodbye(&mut self) {}
}

impl Stream for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

/// One client of the user alice.
pub(crate) struct Client {
    pub(crate) stream: Box<dyn Stream>,
    /// Read and not yet looked at.
    ahead: Vec<u8>,
    nonce: Vec<u8>,
}

/// A message that came back, without its padding.
#[derive(Clone, PartialEq, Eq)]
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

    pub(crate) fn mapped(&self) -> SocketAddr {
        let address = self.message().xor_address(attr::XOR_MAPPED_ADDRESS);
        address.unwrap_or_else(|| panic!("no mapped address, error {:?}", self.error()))
    }

    pub(crate) fn relayed(&self) -> SocketAddr {
        let address = self.message().xor_address(attr::XOR_RELAYED_ADDRESS);
        address.unwrap_or_else(|| panic!("no relayed address, error {:?}", self.error()))
    }
}

/// Connects without sending anything.
pub(crate) fn connect(server: SocketAddr) -> TcpStream {
    connect_unless_refused(server).expect("a connection that is not reset at once")
}

/// The same; `None` if the server has reset the connection before this end knew that there was one.
pub(crate) fn connect_unless_refused(server: SocketAddr) -> Option<TcpStream> {
    let socket = match TcpStream::connect_timeout(&server, PATIENCE) {
        Ok(socket) => socket,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
        Err(error) => panic!("connecting: {error}"),
    };
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket.set_nodelay(true).unwrap();
    Some(socket)
}

impl Client {
    /// Over plain TCP.
    pub(crate) fn tcp(server: SocketAddr) -> Self {
        Self::over(connect(server))
    }

    pub(crate) fn over(stream: impl Stream + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            ahead: Vec::new(),
            nonce: Vec::new(),
        }
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.stream.socket().local_addr().unwrap()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("sending");
        self.stream.flush().expect("sending");
    }

    /// The next message, STUN or ChannelData, without padding; `None` at the end of the stream.
    ///
    /// # Panics
    /// When nothing comes in time, or what is no message.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Frame::Whole { length, padding } = framing::next(&self.ahead) {
                let mut message: Vec<u8> = self.ahead.drain(..length).collect();
                message.truncate(length - padding);
                return Some(message);
            }
            assert_ne!(framing::next(&self.ahead), Frame::Broken);
            let mut buffer = [0; 16 * 1024];
            match read(&mut self.stream, &mut buffer) {
                0 if self.ahead.is_empty() => return None,
                0 => panic!("the stream ended within a message: {:?}", self.ahead),
                count => self.ahead.extend_from_slice(&buffer[..count]),
            }
        }
    }

    /// Waits for the end of the connection, before which nothing comes.
    pub(crate) fn expect_end(&mut self) {
        if let Some(message) = self.next() {
            panic!("instead of the end came {message:?}");
        }
    }

    pub(crate) fn binding(&mut self) -> Reply {
        self.exchange(Method::BINDING, |_| ())
    }

    pub(crate) fn allocate(&mut self) -> Reply {
        self.request(Method::ALLOCATE, ask_for_udp)
    }

    pub(crate) fn bind(&mut self, peer: SocketAddr) -> Reply {
        self.request(Method::CHANNEL_BIND, |writer| ask_for_channel(writer, peer))
    }

    /// Sends ChannelData.
    pub(crate) fn send_channel(&mut self, data: &[u8]) {
        self.send(&channel_message(data));
    }

    /// The data of the next message, which is ChannelData.
    pub(crate) fn receive(&mut self) -> Vec<u8> {
        let bytes = self.next().expect("ChannelData and not the end");
        channel_payload(&bytes)
    }

    /// Sends `data` to a peer and back.
    pub(crate) fn echo(&mut self, peer: &Peer, data: &[u8]) {
        self.send_channel(data);
        let (received, relayed) = peer.receive();
        assert_eq!(received, data);
        peer.socket.send_to(data, relayed).unwrap();
        assert_eq!(self.receive(), data);
    }

    /// Gets an allocation and a channel to `peer`; returns the relayed address.
    pub(crate) fn set_up(&mut self, peer: &Peer) -> SocketAddr {
        let relayed = self.allocate().relayed();
        assert_eq!(self.bind(peer.address()).error(), None);
        relayed
    }

    /// A request with credentials, after asking for the nonce if there is none yet.
    pub(crate) fn request(&mut self, method: Method, fill: impl Fn(&mut Writer<'_>)) -> Reply {
        if self.nonce.is_empty() {
            self.learn_nonce();
        }
        let (id, bytes) = self.signed(method, fill);
        self.send(&bytes);
        self.reply_to(id)
    }

    pub(crate) fn learn_nonce(&mut self) {
        let challenge = self.exchange(Method::ALLOCATE, ask_for_udp);
        assert_eq!(challenge.error(), Some(401));
        let nonce = challenge.message().attribute(attr::NONCE).expect("NONCE");
        self.nonce = nonce.to_vec();
    }

    /// The bytes of a request with credentials.
    pub(crate) fn signed(
        &self,
        method: Method,
        fill: impl Fn(&mut Writer<'_>),
    ) -> (TransactionId, Vec<u8>) {
        let key = Key::long_term(Algorithm::Md5, "alice", REALM, "secret");
        message(Class::Request, method, |writer| {
            fill(writer);
            writer.text(attr::USERNAME, "alice");
            writer.text(attr::REALM, REALM);
            writer.bytes(attr::NONCE, &self.nonce);
            writer.integrity(Integrity::Sha1, &key);
        })
    }

    /// One request and its reply, which must be the next message.
    pub(crate) fn exchange(&mut self, method: Method, fill: impl Fn(&mut Writer<'_>)) -> Reply {
        let (id, bytes) = message(Class::Request, method, fill);
        self.send(&bytes);
        self.reply_to(id)
    }

    pub(crate) fn reply_to(&mut self, id: TransactionId) -> Reply {
        let reply = Reply(self.next().expect("a reply and not the end"));
        assert_eq!(reply.message().transaction_id(), id);
        reply
    }

    /// The stream as it is, and what was read of it and not looked at.
    pub(crate) fn into_stream(self) -> (Vec<u8>, Box<dyn Stream>) {
        (self.ahead, self.stream)
    }

    /// Ends the connection as the layer has it: with an alert under TLS, then the socket.
    pub(crate) fn close(mut self) {
        self.stream.say_goodbye();
        let _ = self.stream.socket().shutdown(Shutdown::Both);
    }
}

/// Reads once. The other end's reset is an end like any other here.
pub(crate) fn read(stream: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> usize {
    match stream.read(buffer) {
        Ok(count) => count,
        Err(error) if is_end(&error) => 0,
        Err(error) => panic!("reading: {error}"),
    }
}

pub(crate) fn is_end(error: &io::Error) -> bool {
    // TLS without a closing alert is UnexpectedEof.
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let kinds = [
        ConnectionReset,
        ConnectionAborted,
        UnexpectedEof,
        BrokenPipe,
    ];
    kinds.contains(&error.kind())
}

/// REQUESTED-TRANSPORT for UDP.
pub(crate) fn ask_for_udp(writer: &mut Writer<'_>) {
    writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
}

/// What a ChannelBind of [`CHANNEL`] holds.
pub(crate) fn ask_for_channel(writer: &mut Writer<'_>, peer: SocketAddr) {
    let [n0, n1] = CHANNEL.to_be_bytes();
    writer.bytes(attr::CHANNEL_NUMBER, &[n0, n1, 0, 0]);
    writer.xor_address(attr::XOR_PEER_ADDRESS, peer);
}

/// A STUN message with a transaction id of its own.
pub(crate) fn message(
    class: Class,
    method: Method,
    fill: impl Fn(&mut Writer<'_>),
) -> (TransactionId, Vec<u8>) {
    let id = next_id();
    let mut buffer = [0; 2048];
    let mut writer = Writer::new(&mut buffer, class, method, id);
    fill(&mut writer);
    (id, writer.finish().expect("a short message").to_vec())
}

/// A Binding request.
pub(crate) fn binding_request() -> (TransactionId, Vec<u8>) {
    message(Class::Request, Method::BINDING, |_| ())
}

/// ChannelData as it goes over a stream, padded to a multiple of four (RFC 8656 section 12.5).
pub(crate) fn channel_message(data: &[u8]) -> Vec<u8> {
    let mut bytes = channel_data::header(CHANNEL, u16::try_from(data.len()).unwrap()).to_vec();
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(4), 0xEE);
    bytes
}

/// What is in ChannelData on [`CHANNEL`].
pub(crate) fn channel_payload(bytes: &[u8]) -> Vec<u8> {
    let message = ChannelData::parse(bytes).expect("ChannelData");
    assert_eq!(message.channel, CHANNEL, "{bytes:?}");
    message.data.to_vec()
}

fn next_id() -> TransactionId {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut id = [0x5A; 12];
    id[..8].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    id.into()
}

/// A peer on this machine.
pub(crate) struct Peer {
    pub(crate) socket: UdpSocket,
}

impl Peer {
    pub(crate) fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// The next datagram and where it came from.
    pub(crate) fn receive(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0; 65_536];
        loop {
            match self.socket.recv_from(&mut buffer) {
                // A socket with a time limit is not waited on again by itself (signal(7)).
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                received => {
                    let (length, from) = received.expect("a datagram");
                    buffer.truncate(length);
                    return (buffer, from);
                }
            }
        }
    }
}

/// Asks again until the answer is yes.
///
/// # Panics
/// When it is not within [`PATIENCE`].
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in {PATIENCE:?}: {what}");
        std::thread::yield_now();
    }
}

/// Waits until the relayed address belongs to no allocation any more.
pub(crate) fn expect_freed(relayed: SocketAddr) {
    eventually("the relayed port is free", || {
        UdpSocket::bind(relayed).is_ok()
    });
}
