//! UDP sockets.

use std::{
    io,
    net::SocketAddr,
    num::TryFromIntError,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    cmsg,
    kept_room::KeptRoom,
    offload::Offload,
    slots::{Received, Slots},
    sys,
};

/// How often a receive is tried again after an error that is about an earlier datagram.
const RETRIES: usize = 16;

/// How a socket is to be.
#[derive(Clone, Debug)]
pub struct UdpOptions {
    /// Share the address with other sockets of this process; the kernel spreads senders over them.
    pub reuse_port: bool,
    /// Tell the address each datagram was sent to, for sockets bound to no address in particular.
    pub packet_info: bool,
    /// Bytes the kernel should keep for datagrams not read yet. It may give less.
    pub receive_buffer: Option<usize>,
    /// Bytes the kernel should keep for datagrams not sent yet. It may give less.
    pub send_buffer: Option<usize>,
    /// Keep part of the send buffer for answers ([`crate::Outbox::push_answer`]).
    pub keeps_room: bool,
    /// Keep ICMP messages about datagrams that were sent ([`UdpSocket::recv_undelivered`]).
    pub hears_errors: bool,
    /// Only this network interface.
    pub device: Option<String>,
    /// Which offloads to use.
    pub offload: Offload,
}

impl Default for UdpOptions {
    fn default() -> Self {
        Self {
            reuse_port: false,
            packet_info: false,
            receive_buffer: None,
            send_buffer: None,
            keeps_room: false,
            hears_errors: false,
            device: None,
            offload: Offload::NONE,
        }
    }
}

/// A UDP socket that never blocks. Belongs to one thread at a time.
#[derive(Debug)]
pub struct UdpSocket {
    socket: Socket,
    local: SocketAddr,
    sends_runs: bool,
    hears_errors: bool,
    kept_room: KeptRoom,
}

impl UdpSocket {
    /// Binds a socket. An IPv6 socket takes IPv6 only. Datagrams longer than the path's MTU are
    /// fragmented until [`Self::set_dont_fragment`] says otherwise.
    ///
    /// # Errors
    /// Those of `socket`, `setsockopt` and `bind`. Buffer sizes are wishes and never fail.
    pub fn bind(address: SocketAddr, options: &UdpOptions) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM.nonblocking().cloexec(),
            Some(Protocol::UDP),
        )?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        if options.reuse_port {
            socket.set_reuse_port(true)?;
        }
        if let Some(device) = &options.device {
            socket.bind_device(Some(device.as_bytes()))?;
        }
        if let Some(size) = options.receive_buffer {
            set_buffer(&socket, libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, size);
        }
        if let Some(size) = options.send_buffer {
            set_buffer(&socket, libc::SO_SNDBUFFORCE, libc::SO_SNDBUF, size);
        }
        if options.packet_info {
            let (level, name) = match address {
                SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_PKTINFO),
                SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
            };
            sys::set_option(socket.as_fd(), level, name, 1)?;
        }
        if options.offload.gro {
            // Where it cannot be had, datagrams come one by one.
            let _ = sys::set_option(socket.as_fd(), libc::SOL_UDP, libc::UDP_GRO, 1);
        }
        if options.hears_errors {
            let (level, name) = match address {
                SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_RECVERR),
                SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
            };
            sys::set_option(socket.as_fd(), level, name, 1)?;
        }
        socket.bind(&address.into())?;
        let local = match address.port() {
            0 => socket.local_addr()?.as_socket().unwrap_or(address),
            _ => address,
        };
        let kept_room = if options.keeps_room {
            KeptRoom::of(&socket)?
        } else {
            KeptRoom::default()
        };
        let mut socket = Self {
            socket,
            local,
            sends_runs: options.offload.gso,
            hears_errors: false,
            kept_room,
        };
        socket.set_dont_fragment(false)?;
        socket.hears_errors = options.hears_errors;
        Ok(socket)
    }

    /// The address it is bound to.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Whether datagrams leave with DF set; then one that is too long for the path is not sent.
    ///
    /// Once it was set, a socket that hears of errors goes on to hear when an IPv4 datagram was too long for a
    /// router, which it else would not. The price: what leaves with DF clear is cut up for the interface,
    /// and for a narrower path by the routers there.
    ///
    /// # Errors
    /// Those of `setsockopt`.
    pub fn set_dont_fragment(&self, on: bool) -> io::Result<()> {
        let fd = self.socket.as_fd();
        if self.local.is_ipv4() {
            let mode = match on {
                true => libc::IP_PMTUDISC_DO,
                false if self.hears_errors => libc::IP_PMTUDISC_OMIT,
                false => libc::IP_PMTUDISC_DONT,
            };
            return sys::set_option(fd, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, mode);
        }
        let mode = if on {
            libc::IPV6_PMTUDISC_DO
        } else {
            libc::IPV6_PMTUDISC_DONT
        };
        sys::set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, mode)?;
        sys::set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_DONTFRAG, i32::from(on))
    }

    /// TTL or hop limit of what is sent, 1 to 255.
    ///
    /// # Errors
    /// Those of `setsockopt`.
    pub fn set_ttl(&self, hops: u8) -> io::Result<()> {
        if self.local.is_ipv4() {
            self.socket.set_ttl_v4(u32::from(hops))
        } else {
            self.socket.set_unicast_hops_v6(u32::from(hops))
        }
    }

    /// DSCP of what is sent, 0 to 63; ECN stays 0.
    ///
    /// # Errors
    /// Those of `setsockopt`; `InvalidInput` for a value out of range.
    pub fn set_dscp(&self, dscp: u8) -> io::Result<()> {
        if dscp > 63 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "DSCP is 0 to 63",
            ));
        }
        if self.local.is_ipv4() {
            self.socket.set_tos_v4(u32::from(dscp) << 2)
        } else {
            self.socket.set_tclass_v6(u32::from(dscp) << 2)
        }
    }

    /// Receives up to `max` datagrams or runs into free slots and appends them to `out`; returns how
    /// many. None when nothing waits or no slot is free. What is longer than a slot is dropped.
    ///
    /// # Errors
    /// Those of `recvmmsg`, except the ones that report on a datagram sent earlier.
    pub fn recv(
        &self,
        slots: &mut Slots,
        max: usize,
        out: &mut Vec<Received>,
    ) -> io::Result<usize> {
        let range = slots.prepare(max);
        if range.is_empty() {
            return Ok(0);
        }
        let count = self.receive_into(&mut slots.headers[range.clone()])?;
        slots.take(count);
        let before = out.len();
        for at in range.take(count) {
            let header = &slots.headers[at];
            if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
                continue;
            }
            let Some(from) = sys::read_address(&slots.addresses[at]) else {
                continue;
            };
            // SAFETY: `prepare` pointed the header at its control buffer and the kernel filled it.
            let told = unsafe { cmsg::read(&header.msg_hdr) };
            let len = header.msg_len as usize;
            out.push(Received {
                slot: at as u32,
                len,
                stride: told.segment.unwrap_or(len).min(len),
                from,
                local: told.local,
            });
        }
        Ok(out.len() - before)
    }

    /// Fills headers that [`Slots::prepare`] made; returns how many.
    fn receive_into(&self, headers: &mut [libc::mmsghdr]) -> io::Result<usize> {
        let mut last = io::Error::from(io::ErrorKind::WouldBlock);
        for _ in 0..RETRIES {
            if let Ok(count) = receive(self.socket.as_raw_fd(), headers) {
                return Ok(count);
            }
            let error = io::Error::last_os_error();
            match error.kind() {
                io::ErrorKind::WouldBlock => return Ok(0),
                io::ErrorKind::Interrupted => {}
                _ if sys::is_about_an_earlier_datagram(&error) => {}
                _ => return Err(error),
            }
            last = error;
        }
        Err(last)
    }

    /// What is kept of its buffer.
    pub(crate) const fn kept_room(&self) -> &KeptRoom {
        &self.kept_room
    }

    /// Whether datagrams may be sent in runs; else one by one.
    pub(crate) const fn sends_runs(&self) -> bool {
        self.sends_runs
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Fills headers, each of which points at memory of the slots; returns how many. One alone costs less by
/// `recvmsg`, which also does not look for a second datagram.
fn receive(fd: RawFd, headers: &mut [libc::mmsghdr]) -> Result<usize, TryFromIntError> {
    let flags = libc::MSG_DONTWAIT;
    if let [header] = headers {
        // SAFETY: the header points at memory of the slots, which are borrowed for the call.
        let length = unsafe { libc::recvmsg(fd, &raw mut header.msg_hdr, flags) };
        header.msg_len = u32::try_from(length)?;
        return Ok(1);
    }
    let count = headers.len() as libc::c_uint;
    // SAFETY: as above, for each header.
    let count =
        unsafe { libc::recvmmsg(fd, headers.as_mut_ptr(), count, flags, std::ptr::null_mut()) };
    usize::try_from(count)
}

/// Asks for a buffer of this size, past the system's limit where we may, else up to it.
fn set_buffer(socket: &Socket, force: libc::c_int, ask: libc::c_int, size: usize) {
    let size = libc::c_int::try_from(size).unwrap_or(libc::c_int::MAX);
    if sys::set_option(socket.as_fd(), libc::SOL_SOCKET, force, size).is_err() {
        let _ = sys::set_option(socket.as_fd(), libc::SOL_SOCKET, ask, size);
    }
}
