//! This machine's addresses.

use std::{io, net::IpAddr, ptr};

use crate::sys::{self, RawAddress};

/// The addresses of all interfaces that are up, loopback and link-local ones too, each once.
///
/// # Errors
/// Those of `getifaddrs`.
pub fn local_addresses() -> io::Result<Vec<IpAddr>> {
    let mut list: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: on success `list` points to a list that is ours until freeifaddrs.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut addresses = Vec::new();
    let mut next = list;
    // SAFETY: `next` is null or an entry of the list, which is not freed yet.
    while let Some(entry) = unsafe { next.as_ref() } {
        if entry.ifa_flags & libc::IFF_UP as libc::c_uint != 0
            && let Some(ip) = address(entry.ifa_addr)
            && !addresses.contains(&ip)
        {
            addresses.push(ip);
        }
        next = entry.ifa_next;
    }
    // SAFETY: came from getifaddrs and is not used any more.
    unsafe { libc::freeifaddrs(list) };
    Ok(addresses)
}

fn address(raw: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: null or an entry's address, of the length that its family says.
    let family = unsafe { raw.as_ref() }?.sa_family;
    let length = match i32::from(family) {
        libc::AF_INET => size_of::<libc::sockaddr_in>(),
        libc::AF_INET6 => size_of::<libc::sockaddr_in6>(),
        _ => return None,
    };
    let mut copy: RawAddress = sys::no_address();
    // SAFETY: `length` bytes are there by the family, and `copy` is larger than either.
    unsafe { ptr::copy_nonoverlapping(raw.cast::<u8>(), (&raw mut copy).cast::<u8>(), length) };
    sys::read_address(&copy).map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_there_once() {
        let addresses = local_addresses().unwrap();
        let loopback: IpAddr = "127.0.0.1".parse().unwrap();
        assert_eq!(addresses.iter().filter(|&&ip| ip == loopback).count(), 1);
    }
}
