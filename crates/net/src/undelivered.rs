//! What came back instead of an answer: ICMP messages about datagrams that a socket has sent, from its
//! error queue.

use std::{
    io, mem,
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd, RawFd},
};

use crate::{
    sys::{self, RawAddress, length_of},
    udp::UdpSocket,
};

/// ICMPv4, RFC 792: destination unreachable, because it would have to be fragmented.
const UNREACHABLE: u8 = 3;
const FRAGMENTATION_NEEDED: u8 = 4;
/// ICMPv6, RFC 4443 section 3.2.
const PACKET_TOO_BIG: u8 = 2;

/// An ICMP message about a datagram that a socket has sent. One that was too long for this machine's own
/// link, and had not to be fragmented, counts as if the first router had said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// Whom the datagram was for. The port is 0 if it is not known, as of an IPv4 datagram that was too
    /// long for our own link.
    pub to: SocketAddr,
    /// The type of the ICMP message, of the family of `to`.
    pub kind: u8,
    /// Its code.
    pub code: u8,
    /// The MTU, in messages that tell one; else of no meaning.
    pub mtu: u32,
}

/// Room for the control messages beside one: an extended error with the address of who sent it.
#[repr(align(8))]
struct Control([u8; 256]);

impl UdpSocket {
    /// Takes up to `max` messages from the error queue, the oldest first, and appends to `out` those that
    /// are about datagrams; returns how many were taken. Only a socket that hears of errors
    /// ([`crate::UdpOptions::hears_errors`]) has any. Who sent a message is not told: anybody on the way may.
    ///
    /// As long as one is left, or the last one's error has not been seen by a send or a receive, the poller
    /// reports an error.
    ///
    /// # Errors
    /// Those of `recvmsg`.
    pub fn recv_undelivered(&self, max: usize, out: &mut Vec<Undelivered>) -> io::Result<usize> {
        let fd = self.as_fd().as_raw_fd();
        let mut last_of_ours = None;
        for taken in 0..max {
            let told = match next(fd) {
                Ok(told) => told,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(taken),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let Some((undelivered, is_ours)) = told else {
                continue;
            };
            // A send that fails is tried again, and says it again.
            let ours = is_ours.then_some(undelivered);
            if ours.is_none() || ours != last_of_ours {
                out.push(undelivered);
            }
            last_of_ours = ours;
        }
        Ok(max)
    }
}

/// The next message, if it is about a datagram, and whether this machine itself has said so.
fn next(fd: RawFd) -> io::Result<Option<(Undelivered, bool)>> {
    let mut address = sys::no_address();
    let mut control = Control([0; 256]);
    // SAFETY: all bytes zero is a valid msghdr (null pointers, lengths 0).
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_name = (&raw mut address).cast();
    header.msg_namelen = length_of::<RawAddress>();
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = control.0.len();
    let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
    // SAFETY: the header points at `address` and `control`, which live through the call. What the datagram
    // held is not wanted: it has no vectors.
    if unsafe { libc::recvmsg(fd, &raw mut header, flags) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has filled the header and the control buffer it points at.
    let error = unsafe { extended_error(&header) };
    Ok(error
        .zip(sys::read_address(&address))
        .and_then(|(error, to)| undelivered(&error, to)))
}

/// What an extended error means for the datagram to `to`.
fn undelivered(error: &libc::sock_extended_err, to: SocketAddr) -> Option<(Undelivered, bool)> {
    let too_long_for_us = error.ee_errno == libc::EMSGSIZE as u32;
    let (kind, code, is_ours) = match error.ee_origin {
        libc::SO_EE_ORIGIN_ICMP | libc::SO_EE_ORIGIN_ICMP6 => (error.ee_type, error.ee_code, false),
        libc::SO_EE_ORIGIN_LOCAL if too_long_for_us && to.is_ipv4() => {
            (UNREACHABLE, FRAGMENTATION_NEEDED, true)
        }
        libc::SO_EE_ORIGIN_LOCAL if too_long_for_us => (PACKET_TOO_BIG, 0, true),
        _ => return None,
    };
    let undelivered = Undelivered {
        to,
        kind,
        code,
        mtu: error.ee_info,
    };
    Some((undelivered, is_ours))
}

/// The extended error among the control messages.
///
/// # Safety
/// `header.msg_control` and `msg_controllen` must describe readable memory that the kernel filled.
unsafe fn extended_error(header: &libc::msghdr) -> Option<libc::sock_extended_err> {
    // SAFETY: the caller vouches for the control buffer; CMSG_* stay inside it.
    let mut message = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !message.is_null() {
        // SAFETY: not null, so it points to a whole header inside the buffer.
        let kind = unsafe { ((*message).cmsg_level, (*message).cmsg_type) };
        if let (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) =
            kind
        {
            // SAFETY: level and type say that this is what the kernel wrote there; it need not be aligned.
            return Some(unsafe {
                libc::CMSG_DATA(message)
                    .cast::<libc::sock_extended_err>()
                    .read_unaligned()
            });
        }
        // SAFETY: `message` is a header of this buffer.
        message = unsafe { libc::CMSG_NXTHDR(header, message) };
    }
    None
}
