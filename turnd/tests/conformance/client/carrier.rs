//! What carries messages: datagrams and streams, plain and encrypted.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
};

use openssl::ssl::{
    Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslRef, SslStream, SslVerifyMode,
};
use turnd_wire::framing::{self, Frame};

use super::PATIENCE;
use crate::row::Transport;

/// A way to the server and back, one message at a time.
pub(crate) trait Carrier: Send {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// The next message, without the padding of streams; `None` at the end of the connection.
    fn receive(&mut self) -> io::Result<Option<Vec<u8>>>;
    /// The next bytes of a stream that carries no messages any more; none at its end.
    fn receive_bytes(&mut self) -> io::Result<Vec<u8>> {
        Err(io::Error::other("no stream"))
    }
}

/// What was agreed on in a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) version: String,
    pub(crate) cipher: String,
    pub(crate) alpn: Option<String>,
}

/// A connected socket and what is carried over it.
pub(crate) struct Opened {
    pub(crate) carrier: Box<dyn Carrier>,
    pub(crate) socket: Socket,
    pub(crate) agreed: Option<Agreed>,
}

/// The socket below.
pub(crate) enum Socket {
    Datagrams(UdpSocket),
    Stream(TcpStream),
}

impl Socket {
    pub(crate) fn local(&self) -> SocketAddr {
        match self {
            Self::Datagrams(socket) => socket.local_addr(),
            Self::Stream(socket) => socket.local_addr(),
        }
        .expect("a bound socket")
    }
}

/// Comes to the server by this transport. `set` has the last word on a handshake.
pub(crate) fn open(
    transport: Transport,
    server: SocketAddr,
    set: impl FnOnce(&mut SslContextBuilder),
) -> Result<Opened, String> {
    let opened = match transport {
        Transport::Udp => {
            let socket = datagrams(server);
            Opened {
                carrier: Box::new(Datagrams(clone(&socket))),
                socket: Socket::Datagrams(socket),
                agreed: None,
            }
        }
        Transport::Tcp => {
            let socket = stream(server);
            Opened {
                carrier: Box::new(Stream::new(copy(&socket))),
                socket: Socket::Stream(socket),
                agreed: None,
            }
        }
        Transport::Tls => {
            let socket = stream(server);
            let tls = shake_hands(SslMethod::tls_client(), copy(&socket), set)?;
            Opened {
                agreed: Some(agreed(tls.ssl())),
                carrier: Box::new(Stream::new(tls)),
                socket: Socket::Stream(socket),
            }
        }
        Transport::Dtls => {
            let socket = datagrams(server);
            let dtls = shake_hands(SslMethod::dtls_client(), OneByOne(clone(&socket)), set)?;
            Opened {
                agreed: Some(agreed(dtls.ssl())),
                carrier: Box::new(Records(dtls)),
                socket: Socket::Datagrams(socket),
            }
        }
    };
    Ok(opened)
}

fn shake_hands<S: Read + Write>(
    method: SslMethod,
    socket: S,
    set: impl FnOnce(&mut SslContextBuilder),
) -> Result<SslStream<S>, String> {
    let mut builder = SslContext::builder(method).expect("a context");
    builder.set_verify(SslVerifyMode::NONE);
    builder.set_options(SslOptions::NO_QUERY_MTU);
    set(&mut builder);
    let mut ssl = Ssl::new(&builder.build()).expect("a client");
    // TLS has none to set.
    let _ = ssl.set_mtu(1400);
    let mut stream = SslStream::new(ssl, socket).expect("a stream");
    match stream.connect() {
        Ok(()) => Ok(stream),
        Err(error) => Err(error.to_string()),
    }
}

fn agreed(ssl: &SslRef) -> Agreed {
    let alpn = ssl.selected_alpn_protocol();
    Agreed {
        version: ssl.version_str().to_owned(),
        cipher: ssl.current_cipher().expect("a cipher").name().to_owned(),
        alpn: alpn.map(|name| String::from_utf8_lossy(name).into_owned()),
    }
}

/// A socket for datagrams to and from the server alone.
pub(crate) fn datagrams(server: SocketAddr) -> UdpSocket {
    let any: SocketAddr = if server.is_ipv4() {
        "0.0.0.0:0".parse().expect("an address")
    } else {
        "[::]:0".parse().expect("an address")
    };
    let socket = UdpSocket::bind(any).expect("binding a socket");
    socket.connect(server).expect("a route to the server");
    socket.set_read_timeout(Some(PATIENCE)).expect("a limit");
    socket
}

fn stream(server: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect_timeout(&server, PATIENCE).expect("a connection");
    for limit in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
        limit(&socket, Some(PATIENCE)).expect("a limit");
    }
    socket.set_nodelay(true).expect("an option");
    socket
}

fn clone(socket: &UdpSocket) -> UdpSocket {
    socket.try_clone().expect("another descriptor")
}

fn copy(socket: &TcpStream) -> TcpStream {
    socket.try_clone().expect("another descriptor")
}

struct Datagrams(UdpSocket);

impl Carrier for Datagrams {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.send(bytes).map(drop)
    }

    fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = vec![0; 65_536];
        let length = self.0.recv(&mut buffer)?;
        buffer.truncate(length);
        Ok(Some(buffer))
    }
}

/// DTLS: a record for each message.
struct Records(SslStream<OneByOne>);

impl Carrier for Records {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write(bytes).map(drop)
    }

    fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = vec![0; 1 << 14];
        let length = self.0.read(&mut buffer)?;
        buffer.truncate(length);
        Ok((length > 0).then_some(buffer))
    }
}

/// One datagram a read and a write.
#[derive(Debug)]
struct OneByOne(UdpSocket);

impl Read for OneByOne {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.0.recv(to)
    }
}

impl Write for OneByOne {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.0.send(datagram)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Messages one behind the other (RFC 8489 section 6.2.2).
struct Stream<S> {
    stream: S,
    /// Read and not yet looked at.
    ahead: Vec<u8>,
}

impl<S> Stream<S> {
    const fn new(stream: S) -> Self {
        Self {
            stream,
            ahead: Vec::new(),
        }
    }
}

impl<S: Read + Write + Send> Carrier for Stream<S> {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            match framing::next(&self.ahead) {
                Frame::Whole { length, padding } => {
                    let mut message: Vec<u8> = self.ahead.drain(..length).collect();
                    message.truncate(length - padding);
                    return Ok(Some(message));
                }
                Frame::Broken => return Err(io::Error::other("the server sent no message")),
                Frame::Partial { .. } => {}
            }
            let mut buffer = [0; 16 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) if self.ahead.is_empty() => return Ok(None),
                Ok(0) => return Err(io::Error::other("the stream ended within a message")),
                Ok(count) => self.ahead.extend_from_slice(&buffer[..count]),
                Err(error) if is_end(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn receive_bytes(&mut self) -> io::Result<Vec<u8>> {
        if !self.ahead.is_empty() {
            return Ok(std::mem::take(&mut self.ahead));
        }
        let mut buffer = vec![0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(count) => buffer.truncate(count),
            Err(error) if is_end(&error) => buffer.clear(),
            Err(error) => return Err(error),
        }
        Ok(buffer)
    }
}

/// Whether a stream is over: a reset is an end like any other here, and so is TLS without its last alert.
fn is_end(error: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let kinds = [
        ConnectionReset,
        ConnectionAborted,
        UnexpectedEof,
        BrokenPipe,
    ];
    kinds.contains(&error.kind())
}

/// Whether nothing came in time.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
