//! This machine's addresses.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
    ptr,
};

use crate::sys::{self, RawAddress};

/// Prefixes of this length or longer have no Subnet-Router anycast address (RFC 6164).
const NO_ANYCAST: u32 = 127;

/// The addresses of all interfaces that are up, loopback and link-local ones too, each once.
///
/// # Errors
/// Those of `getifaddrs`.
pub fn local_addresses() -> io::Result<Vec<IpAddr>> {
    let mut addresses = Vec::new();
    for address in interface_addresses()? {
        if address.is_up && !addresses.contains(&address.ip) {
            addresses.push(address.ip);
        }
    }
    Ok(addresses)
}

/// Every address that the kernel delivers to this machine itself because of what is configured on its
/// interfaces, in no order and perhaps more than once. Besides the addresses themselves:
/// * those of interfaces that are down, which the kernel answers through the others;
/// * the whole block of an IPv4 address on a loopback interface;
/// * the Subnet-Router anycast address of every IPv6 prefix (RFC 4291 section 2.6.1), which is this
///   machine's as soon as it forwards packets.
///
/// What an administrator makes local by a route of its own (`ip route add local`) is not among them.
///
/// # Errors
/// Those of `getifaddrs`.
pub fn own_addresses() -> io::Result<Vec<RangeInclusive<IpAddr>>> {
    let addresses = interface_addresses()?;
    Ok(addresses.iter().flat_map(InterfaceAddress::own).collect())
}

/// An address that an interface has.
#[derive(Clone, Copy, Debug)]
struct InterfaceAddress {
    ip: IpAddr,
    /// Bits of its prefix, 0 to 32 or 128.
    prefix: u32,
    is_up: bool,
    is_loopback: bool,
}

impl InterfaceAddress {
    /// What the kernel takes for its own because of it.
    fn own(&self) -> impl Iterator<Item = RangeInclusive<IpAddr>> + use<> {
        let anycast = match self.ip {
            IpAddr::V6(ip) if self.prefix < NO_ANYCAST => Some(IpAddr::V6(first(ip, self.prefix))),
            _ => None,
        };
        let itself = match self.ip {
            IpAddr::V4(ip) if self.is_loopback => {
                let host_bits = u32::MAX.checked_shr(self.prefix).unwrap_or(0);
                let first = Ipv4Addr::from_bits(ip.to_bits() & !host_bits);
                let last = Ipv4Addr::from_bits(ip.to_bits() | host_bits);
                first.into()..=last.into()
            }
            ip => ip..=ip,
        };
        [Some(itself), anycast.map(|ip| ip..=ip)]
            .into_iter()
            .flatten()
    }
}

/// The address with nothing behind the prefix.
fn first(ip: Ipv6Addr, prefix: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(ip.to_bits() & !u128::MAX.checked_shr(prefix).unwrap_or(0))
}

fn interface_addresses() -> io::Result<Vec<InterfaceAddress>> {
    let mut list: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: on success `list` points to a list that is ours until freeifaddrs.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut addresses = Vec::new();
    let mut next = list;
    // SAFETY: `next` is null or an entry of the list, which is not freed yet.
    while let Some(entry) = unsafe { next.as_ref() } {
        if let Some(ip) = address(entry.ifa_addr) {
            let has = |flag: libc::c_int| entry.ifa_flags & flag as libc::c_uint != 0;
            addresses.push(InterfaceAddress {
                ip,
                prefix: prefix(ip, address(entry.ifa_netmask)),
                is_up: has(libc::IFF_UP),
                is_loopback: has(libc::IFF_LOOPBACK),
            });
        }
        next = entry.ifa_next;
    }
    // SAFETY: came from getifaddrs and is not used any more.
    unsafe { libc::freeifaddrs(list) };
    Ok(addresses)
}

/// The length of the prefix that a mask leaves; without a mask, all of the address.
fn prefix(ip: IpAddr, mask: Option<IpAddr>) -> u32 {
    match (ip, mask) {
        (IpAddr::V4(_), Some(IpAddr::V4(mask))) => mask.to_bits().leading_ones(),
        (IpAddr::V6(_), Some(IpAddr::V6(mask))) => mask.to_bits().leading_ones(),
        (IpAddr::V4(_), _) => Ipv4Addr::BITS,
        (IpAddr::V6(_), _) => Ipv6Addr::BITS,
    }
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

    fn own(ip: &str, prefix: u32, is_loopback: bool) -> Vec<String> {
        let address = InterfaceAddress {
            ip: ip.parse().unwrap(),
            prefix,
            is_up: false,
            is_loopback,
        };
        let block = |block: RangeInclusive<IpAddr>| format!("{}-{}", block.start(), block.end());
        address.own().map(block).collect()
    }

    #[test]
    fn loopback_is_there_once() {
        let addresses = local_addresses().unwrap();
        let loopback: IpAddr = "127.0.0.1".parse().unwrap();
        assert_eq!(addresses.iter().filter(|&&ip| ip == loopback).count(), 1);
    }

    #[test]
    fn the_loopback_block_is_this_machines() {
        let loopback: IpAddr = "127.255.255.254".parse().unwrap();
        let own = own_addresses().unwrap();
        assert!(own.iter().any(|block| block.contains(&loopback)));
    }

    #[test]
    fn an_address_brings_with_it_what_the_kernel_answers_besides() {
        assert_eq!(own("8.8.7.9", 24, false), ["8.8.7.9-8.8.7.9"]);
        assert_eq!(own("8.8.7.9", 24, true), ["8.8.7.0-8.8.7.255"]);
        assert_eq!(own("8.8.7.9", 32, true), ["8.8.7.9-8.8.7.9"]);
        assert_eq!(own("8.8.7.9", 0, true), ["0.0.0.0-255.255.255.255"]);
        let router = |prefix| own("2a00:1450:1:2::5", prefix, false);
        let address = "2a00:1450:1:2::5-2a00:1450:1:2::5";
        assert_eq!(router(64), [address, "2a00:1450:1:2::-2a00:1450:1:2::"]);
        assert_eq!(router(48), [address, "2a00:1450:1::-2a00:1450:1::"]);
        assert_eq!(router(0), [address, "::-::"]);
        assert_eq!(router(127), [address]);
        assert_eq!(router(128), [address]);
    }
}
