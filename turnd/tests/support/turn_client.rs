//! The client of the `turn` crate, with a count of what it sends and receives as ChannelData.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Mutex;
use tokio::time::timeout;
use turn::client::{Client, ClientConfig};
use turnd_wire::framing::{self, Frame};
use webrtc_util::Conn;

type Result<T> = std::result::Result<T, webrtc_util::Error>;

/// Longer than any datagram waits on loopback.
const PATIENCE: Duration = Duration::from_secs(10);
/// Datagrams under way at once: few enough to fit every socket's buffer, so that a missing one is a fault.
const WINDOW: u32 = 20;
/// In bytes, under every path's MTU with all headers.
const LARGEST: u32 = 1200;
/// What opens a permission. It arrives or not, as the other end's permission comes sooner or later: no one waits for it.
const GREETING: &[u8] = b"greeting";

/// A client with one allocation.
pub(crate) struct TurnClient {
    client: Client,
    relay: Box<dyn Conn + Send + Sync>,
    counted: Arc<Counted>,
}

/// Datagrams that passed between client and server in ChannelData messages.
#[derive(Clone, Copy)]
pub(crate) struct ChannelData {
    pub(crate) sent: u32,
    pub(crate) received: u32,
}

impl TurnClient {
    /// Allocates a relayed address on `server`.
    pub(crate) async fn allocate(
        server: SocketAddr,
        user: &str,
        password: &str,
        realm: &str,
    ) -> Self {
        let socket = UdpSocket::bind((server.ip(), 0))
            .await
            .expect("binding a socket");
        Self::allocate_over(socket, server, user, password, realm).await
    }

    /// The same over TCP.
    pub(crate) async fn allocate_over_tcp(
        server: SocketAddr,
        user: &str,
        password: &str,
        realm: &str,
    ) -> Self {
        let stream = TcpStream::connect(server).await.expect("connecting");
        Self::allocate_over(Framed::new(stream), server, user, password, realm).await
    }

    async fn allocate_over(
        socket: impl Conn + Send + Sync + 'static,
        server: SocketAddr,
        user: &str,
        password: &str,
        realm: &str,
    ) -> Self {
        let counted = Arc::new(Counted {
            socket: Box::new(socket),
            sent: AtomicU32::new(0),
            received: AtomicU32::new(0),
        });
        let config = ClientConfig {
            stun_serv_addr: server.to_string(),
            turn_serv_addr: server.to_string(),
            username: user.to_owned(),
            password: password.to_owned(),
            realm: realm.to_owned(),
            software: String::new(),
            rto_in_ms: 0,
            conn: Arc::clone(&counted) as Arc<dyn Conn + Send + Sync>,
            vnet: None,
        };
        let client = Client::new(config).await.expect("making a client");
        client
            .listen()
            .await
            .expect("listening for the server's answers");
        let relay = Box::new(client.allocate().await.expect("allocating"));
        Self {
            client,
            relay,
            counted,
        }
    }

    /// The address that the server gave it.
    pub(crate) fn relayed(&self) -> SocketAddr {
        self.relay.local_addr().expect("an allocation")
    }

    /// What has passed as ChannelData until now.
    pub(crate) fn channel_data(&self) -> ChannelData {
        ChannelData {
            sent: self.counted.sent.load(Ordering::Relaxed),
            received: self.counted.received.load(Ordering::Relaxed),
        }
    }

    /// Lets this peer in: the crate asks for the permission, and waits for it, before the first datagram to a peer.
    pub(crate) async fn permit(&self, peer: SocketAddr) {
        self.send(GREETING, peer).await;
    }

    /// The crate sends indications while it binds a channel beside them; each echo gives it time to end that.
    pub(crate) async fn echo_until_the_channel_is_bound(&self, peer: SocketAddr) {
        let bound = async {
            while self.channel_data().sent == 0 || self.channel_data().received == 0 {
                self.echo(peer, 1).await;
            }
        };
        timeout(PATIENCE, bound)
            .await
            .expect("the channel was not bound in time");
    }

    /// Sends `count` datagrams of all sizes and expects each back unchanged.
    pub(crate) async fn echo(&self, peer: SocketAddr, count: u32) {
        self.exchange(peer, self, peer, count).await;
    }

    /// Sends `count` datagrams of all sizes to the other's relayed address and expects each there unchanged.
    pub(crate) async fn send_and_expect_at(&self, other: &Self, count: u32) {
        self.exchange(other.relayed(), other, self.relayed(), count)
            .await;
    }

    async fn exchange(&self, to: SocketAddr, receiver: &Self, from: SocketAddr, count: u32) {
        for start in (0..count).step_by(WINDOW as usize) {
            let window = start..count.min(start + WINDOW);
            for number in window.clone() {
                self.send(&datagram(number), to).await;
            }
            // The order is the network's to change: compare what came as a whole.
            let mut arrived = Vec::new();
            for _ in window.clone() {
                arrived.push(receiver.receive(from).await);
            }
            arrived.sort();
            let mut expected: Vec<_> = window.map(datagram).collect();
            expected.sort();
            assert!(
                arrived == expected,
                "datagrams {start} and on arrived changed"
            );
        }
    }

    /// The next datagram is an empty one of this peer.
    pub(crate) async fn expect_empty_from(&self, peer: SocketAddr) {
        assert!(self.receive(peer).await.is_empty());
    }

    async fn send(&self, data: &[u8], to: SocketAddr) {
        timeout(PATIENCE, self.relay.send_to(data, to))
            .await
            .expect("sending took too long")
            .expect("sending");
    }

    /// The next datagram that this peer sent.
    async fn receive(&self, from: SocketAddr) -> Vec<u8> {
        let mut buffer = vec![0; 2 * LARGEST as usize];
        loop {
            let received = timeout(PATIENCE, self.relay.recv_from(&mut buffer)).await;
            let (length, sender) = received.expect("a datagram is missing").expect("receiving");
            assert_eq!(sender, from);
            if &buffer[..length] != GREETING {
                return buffer[..length].to_vec();
            }
        }
    }

    /// Gives the allocation back.
    pub(crate) async fn close(self) {
        self.relay.close().await.expect("deleting the allocation");
        self.client.close().await.expect("closing the client");
    }
}

/// Begins with its number and has a size of its own, from 4 bytes to [`LARGEST`].
fn datagram(number: u32) -> Vec<u8> {
    let size = 4 + number * 7919 % (LARGEST - 3);
    let filling = (number..).map(|byte| byte.to_le_bytes()[0]);
    number
        .to_be_bytes()
        .into_iter()
        .chain(filling)
        .take(size as usize)
        .collect()
}

/// The client's socket.
struct Counted {
    socket: Box<dyn Conn + Send + Sync>,
    sent: AtomicU32,
    received: AtomicU32,
}

impl Counted {
    fn count(counter: &AtomicU32, datagram: &[u8]) {
        // RFC 8656 section 12: channel numbers, and so the first byte, begin with the bits 01.
        if datagram.first().is_some_and(|byte| byte >> 6 == 0b01) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[async_trait]
impl Conn for Counted {
    async fn connect(&self, addr: SocketAddr) -> Result<()> {
        self.socket.connect(addr).await
    }

    async fn recv(&self, buf: &mut [u8]) -> Result<usize> {
        self.socket.recv(buf).await
    }

    async fn recv_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr)> {
        let (length, from) = self.socket.recv_from(buf).await?;
        Self::count(&self.received, &buf[..length]);
        Ok((length, from))
    }

    async fn send(&self, buf: &[u8]) -> Result<usize> {
        self.socket.send(buf).await
    }

    async fn send_to(&self, buf: &[u8], target: SocketAddr) -> Result<usize> {
        Self::count(&self.sent, buf);
        self.socket.send_to(buf, target).await
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        self.socket.remote_addr()
    }

    async fn close(&self) -> Result<()> {
        self.socket.close().await
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}

/// A connection on which whole messages are sent and received (RFC 8656 section 12.5).
struct Framed {
    local: SocketAddr,
    server: SocketAddr,
    reader: Mutex<(OwnedReadHalf, Vec<u8>)>,
    writer: Mutex<OwnedWriteHalf>,
}

impl Framed {
    fn new(stream: TcpStream) -> Self {
        let local = stream.local_addr().expect("a connected socket");
        let server = stream.peer_addr().expect("a connected socket");
        let (reader, writer) = stream.into_split();
        Self {
            local,
            server,
            reader: Mutex::new((reader, Vec::new())),
            writer: Mutex::new(writer),
        }
    }
}

#[async_trait]
impl Conn for Framed {
    async fn connect(&self, _: SocketAddr) -> Result<()> {
        Ok(())
    }

    async fn recv(&self, buf: &mut [u8]) -> Result<usize> {
        let mut reader = self.reader.lock().await;
        let (stream, ahead) = &mut *reader;
        loop {
            if let Frame::Whole { length, padding } = framing::next(ahead) {
                let message = length - padding;
                buf[..message].copy_from_slice(&ahead[..message]);
                ahead.drain(..length);
                return Ok(message);
            }
            if stream.read_buf(ahead).await? == 0 {
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    async fn recv_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr)> {
        Ok((self.recv(buf).await?, self.server))
    }

    async fn send(&self, buf: &[u8]) -> Result<usize> {
        let mut message = buf.to_vec();
        // The crate's own padding is counted in, if it pads.
        message.resize(buf.len().next_multiple_of(4), 0);
        self.writer.lock().await.write_all(&message).await?;
        Ok(buf.len())
    }

    async fn send_to(&self, buf: &[u8], _: SocketAddr) -> Result<usize> {
        self.send(buf).await
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        Ok(self.local)
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        Some(self.server)
    }

    async fn close(&self) -> Result<()> {
        self.writer.lock().await.shutdown().await?;
        Ok(())
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}
