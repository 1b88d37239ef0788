//! Socket addresses and options as the kernel wants them.

use std::{
    io, mem,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    os::fd::{AsRawFd, BorrowedFd},
};

/// Room for an address of either family.
pub(crate) type RawAddress = libc::sockaddr_storage;

/// No address.
pub(crate) const fn no_address() -> RawAddress {
    // SAFETY: all bytes zero is a valid sockaddr_storage (family AF_UNSPEC).
    unsafe { mem::zeroed() }
}

/// Writes `address` for the kernel and returns its length.
pub(crate) fn write_address(address: SocketAddr, raw: &mut RawAddress) -> libc::socklen_t {
    match address {
        SocketAddr::V4(address) => {
            let value = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: address.port().to_be(),
                sin_addr: to_in_addr(*address.ip()),
                sin_zero: [0; 8],
            };
            // SAFETY: sockaddr_storage is large enough and aligned for every address type.
            unsafe { (&raw mut *raw).cast::<libc::sockaddr_in>().write(value) };
            length_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(address) => {
            let value = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: address.port().to_be(),
                sin6_flowinfo: address.flowinfo(),
                sin6_addr: to_in6_addr(*address.ip()),
                sin6_scope_id: address.scope_id(),
            };
            // SAFETY: as above.
            unsafe { (&raw mut *raw).cast::<libc::sockaddr_in6>().write(value) };
            length_of::<libc::sockaddr_in6>()
        }
    }
}

/// Reads an address that the kernel wrote; `None` if it is of neither family. Flow label and scope
/// are left out: they would make one peer look like several.
pub(crate) fn read_address(raw: &RawAddress) -> Option<SocketAddr> {
    match i32::from(raw.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that this is what the kernel wrote.
            let value = unsafe { (&raw const *raw).cast::<libc::sockaddr_in>().read() };
            let ip = from_in_addr(value.sin_addr);
            Some(SocketAddrV4::new(ip, u16::from_be(value.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that this is what the kernel wrote.
            let value = unsafe { (&raw const *raw).cast::<libc::sockaddr_in6>().read() };
            let ip = from_in6_addr(value.sin6_addr);
            let scope = if ip.is_unicast_link_local() {
                value.sin6_scope_id
            } else {
                0
            };
            Some(SocketAddrV6::new(ip, u16::from_be(value.sin6_port), 0, scope).into())
        }
        _ => None,
    }
}

pub(crate) fn to_in_addr(ip: Ipv4Addr) -> libc::in_addr {
    libc::in_addr {
        s_addr: ip.to_bits().to_be(),
    }
}

pub(crate) fn from_in_addr(raw: libc::in_addr) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from_be(raw.s_addr))
}

pub(crate) fn to_in6_addr(ip: Ipv6Addr) -> libc::in6_addr {
    libc::in6_addr {
        s6_addr: ip.octets(),
    }
}

pub(crate) fn from_in6_addr(raw: libc::in6_addr) -> Ipv6Addr {
    Ipv6Addr::from_octets(raw.s6_addr)
}

/// Sets an integer socket option.
pub(crate) fn set_option(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the pointer and length are those of `value`, which lives through the call.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            length_of::<libc::c_int>(),
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Whether this error may only report what happened to an earlier datagram (an ICMP message came back),
/// so that trying again is right. Some of them can be about this one, too: then they come again.
pub(crate) fn is_about_an_earlier_datagram(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ECONNREFUSED
                | libc::ECONNRESET
                | libc::EHOSTUNREACH
                | libc::ENETUNREACH
                | libc::EHOSTDOWN
                | libc::ENETDOWN
                | libc::ENOPROTOOPT
                | libc::EPROTO
                | libc::EMSGSIZE
                | libc::EOPNOTSUPP
                | libc::ENONET
                | libc::EACCES
        )
    )
}

pub(crate) fn length_of<T>() -> libc::socklen_t {
    mem::size_of::<T>() as libc::socklen_t
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_kernel_form() {
        for text in ["1.2.3.4:5", "[2001:db8::1]:65535", "[fe80::1%7]:9"] {
            let address: SocketAddr = text.parse().unwrap();
            let mut raw = no_address();
            write_address(address, &mut raw);
            assert_eq!(read_address(&raw), Some(address));
        }
        assert_eq!(read_address(&no_address()), None);
    }
}
