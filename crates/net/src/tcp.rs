//! TCP sockets that never block.

use std::{
    io::{self, IoSlice, Read, Write},
    mem::MaybeUninit,
    net::{Shutdown, SocketAddr},
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

/// Connections that the kernel keeps for an acceptor that is busy. The system may allow fewer.
const BACKLOG: i32 = 1024;
/// Bytes written but not sent yet that the kernel takes before it says that it is full. What waits
/// beyond that waits where its age is known and it can still be left out.
const UNSENT: u32 = 16 * 1024;
/// Silence after which the kernel asks the other end whether it is still there, and how often.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// How long sent bytes may stay without an acknowledgement before the connection is given up.
const USER_TIMEOUT: Duration = Duration::from_secs(60);

/// How a listening socket is to be.
#[derive(Clone, Debug, Default)]
pub struct TcpOptions {
    /// Share the address with other sockets of this user; the kernel spreads connections over those
    /// that listen. Also what lets [`TcpStream::connect`] use the address of a listener.
    pub reuse_port: bool,
    /// Only this network interface.
    pub device: Option<String>,
}

/// A socket that takes connections. Belongs to one thread at a time.
#[derive(Debug)]
pub struct TcpListener {
    socket: Socket,
    local: SocketAddr,
}

impl TcpListener {
    /// Binds a socket and listens. An IPv6 socket takes IPv6 only.
    ///
    /// # Errors
    /// Those of `socket`, `setsockopt`, `bind` and `listen`.
    pub fn bind(address: SocketAddr, options: &TcpOptions) -> io::Result<Self> {
        let socket = new_socket(address, options)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let local = socket.local_addr()?.as_socket().unwrap_or(address);
        Ok(Self { socket, local })
    }

    /// The address it is bound to.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The next connection that waits, if one does. One that its other end gave up meanwhile is
    /// passed over.
    ///
    /// # Errors
    /// Those of `accept` that are about this process: no descriptor or memory left.
    pub fn accept(&self) -> io::Result<Option<TcpStream>> {
        loop {
            let (socket, peer) = match self.socket.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if is_about_one_connection(&error) => continue,
                Err(error) => return Err(error),
            };
            return TcpStream::accepted(socket, peer.as_socket()).map(Some);
        }
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A connection, or one on its way. Reading and writing work on a shared reference, as for the
/// standard library's stream.
#[derive(Debug)]
pub struct TcpStream {
    socket: Socket,
    local: SocketAddr,
    peer: SocketAddr,
}

impl TcpStream {
    fn accepted(socket: Socket, peer: Option<SocketAddr>) -> io::Result<Self> {
        let not_ip = || io::Error::from(io::ErrorKind::InvalidInput);
        let local = socket.local_addr()?.as_socket().ok_or_else(not_ip)?;
        let stream = Self {
            socket,
            local,
            peer: peer.ok_or_else(not_ip)?,
        };
        stream.socket.set_nonblocking(true)?;
        stream.prepare();
        Ok(stream)
    }

    /// Begins to connect to `to` from the address `from`, which a listener with `reuse_port` may have
    /// too. When the stream becomes writable, [`Self::connected`] tells how it went.
    ///
    /// `may_have` is shown the socket before anything is sent, and may refuse it.
    ///
    /// # Errors
    /// Those of `socket`, `setsockopt`, `bind` and `connect`, except that it is still going on, and that of
    /// `may_have`.
    pub fn connect(
        from: SocketAddr,
        to: SocketAddr,
        options: &TcpOptions,
        may_have: impl FnOnce(BorrowedFd<'_>) -> io::Result<()>,
    ) -> io::Result<Self> {
        let socket = new_socket(from, options)?;
        may_have(socket.as_fd())?;
        socket.bind(&from.into())?;
        let stream = Self {
            socket,
            local: from,
            peer: to,
        };
        stream.prepare();
        match stream.socket.connect(&to.into()) {
            Ok(()) => Ok(stream),
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(stream),
            Err(error) => Err(error),
        }
    }

    /// Wishes: where a sandbox or a kernel does not know one, the connection is served without it.
    fn prepare(&self) {
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE_IDLE)
            .with_interval(KEEPALIVE_INTERVAL);
        let _ = self.socket.set_tcp_nodelay(true);
        let _ = self.socket.set_tcp_notsent_lowat(UNSENT);
        let _ = self.socket.set_tcp_user_timeout(Some(USER_TIMEOUT));
        let _ = self.socket.set_tcp_keepalive(&keepalive);
    }

    /// How a connection that was begun came out. Ask when it is writable.
    ///
    /// # Errors
    /// Why it failed.
    pub fn connected(&self) -> io::Result<()> {
        match self.socket.take_error()? {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// This end.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The other end.
    #[must_use]
    pub const fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    /// Whether the other end has finished, and everything that it sent has been read.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        self.socket.peek(&mut byte).is_ok_and(|count| count == 0)
    }

    /// Says that nothing more will be written. The other end may go on.
    ///
    /// # Errors
    /// Those of `shutdown`: the connection is gone.
    pub fn finish(&self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }

    /// Makes the close that follows break the connection, so that nothing of it stays in the kernel.
    pub fn abort_on_close(&self) {
        // Fails only for what is no socket.
        let _ = self.socket.set_linger(Some(Duration::ZERO));
    }
}

impl Read for &TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.socket).read(buffer)
    }
}

impl Write for &TcpStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Not `Write::write`, which raises SIGPIPE where the program does not ignore it.
        self.socket.send_with_flags(bytes, libc::MSG_NOSIGNAL)
    }

    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        self.socket
            .send_vectored_with_flags(bytes, libc::MSG_NOSIGNAL)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn new_socket(address: SocketAddr, options: &TcpOptions) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking().cloexec(),
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of an earlier process that linger in TIME_WAIT must not keep this one from starting.
    socket.set_reuse_address(true)?;
    if options.reuse_port {
        socket.set_reuse_port(true)?;
    }
    if let Some(device) = &options.device {
        socket.bind_device(Some(device.as_bytes()))?;
    }
    Ok(socket)
}

/// Errors of `accept` that are about the connection that would have come (accept(2)): the next one
/// may be fine.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ECONNABORTED
                | libc::EINTR
                | libc::EPROTO
                | libc::ENETDOWN
                | libc::ENOPROTOOPT
                | libc::EHOSTDOWN
                | libc::ENONET
                | libc::EHOSTUNREACH
                | libc::EOPNOTSUPP
                | libc::ENETUNREACH
                | libc::EPERM
        )
    )
}
