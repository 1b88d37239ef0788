//! Kinds of addresses: which of them no peer should have unless an operator says so.

use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
};
use std::sync::LazyLock;

/// What kind of address is refused by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Unspecified, multicast, broadcast, and IPv6 forms that carry an IPv4 address: never a peer,
    /// whatever is allowed, because the kernel or a gateway would send elsewhere than it says.
    Never,
    /// Loopback, link-local, documentation, metadata services: only single addresses can be allowed.
    Reserved,
    /// The addresses of private networks.
    Private,
    /// Reachable in principle, but no media peer lives there.
    Special,
}

/// Merged from the IANA special-purpose address registries, the multicast and deprecated ranges, and
/// the addresses of cloud metadata services. The first match counts.
const REFUSED: &[(&str, Class)] = &[
    // IPv4
    ("0.0.0.0/8", Class::Never),
    ("224.0.0.0/4", Class::Never),
    ("255.255.255.255/32", Class::Never),
    ("127.0.0.0/8", Class::Reserved),
    ("169.254.0.0/16", Class::Reserved),
    ("192.0.0.0/24", Class::Reserved),
    ("192.0.2.0/24", Class::Reserved),
    ("192.88.99.0/24", Class::Reserved),
    ("198.51.100.0/24", Class::Reserved),
    ("203.0.113.0/24", Class::Reserved),
    ("240.0.0.0/4", Class::Reserved),
    ("168.63.129.16/32", Class::Reserved),
    ("100.100.100.200/32", Class::Reserved),
    ("10.0.0.0/8", Class::Private),
    ("100.64.0.0/10", Class::Private),
    ("172.16.0.0/12", Class::Private),
    ("192.168.0.0/16", Class::Private),
    ("198.18.0.0/15", Class::Private),
    ("192.31.196.0/24", Class::Special),
    ("192.52.193.0/24", Class::Special),
    ("192.175.48.0/24", Class::Special),
    // IPv6: ::1 before the IPv4-compatible block that contains it.
    ("::1/128", Class::Reserved),
    ("::/96", Class::Never),
    ("::ffff:0:0/96", Class::Never),
    ("::ffff:0:0:0/96", Class::Never),
    ("64:ff9b::/96", Class::Never),
    ("64:ff9b:1::/48", Class::Never),
    ("2001::/32", Class::Never),
    ("2002::/16", Class::Never),
    ("ff00::/8", Class::Never),
    ("100::/64", Class::Reserved),
    ("100:0:0:1::/64", Class::Reserved),
    ("2001:2::/48", Class::Reserved),
    ("2001:10::/28", Class::Reserved),
    ("2001:db8::/32", Class::Reserved),
    ("3fff::/20", Class::Reserved),
    ("5f00::/16", Class::Reserved),
    ("fe80::/10", Class::Reserved),
    ("fec0::/10", Class::Reserved),
    ("fd00:ec2::254/128", Class::Reserved),
    ("fd20:ce::254/128", Class::Reserved),
    ("fc00::/7", Class::Private),
    ("2001::/23", Class::Special),
    ("2620:4f:8000::/48", Class::Special),
];

/// The default class of an address, `None` for an ordinary public one.
#[must_use]
pub fn class(ip: IpAddr) -> Option<Class> {
    if let IpAddr::V6(ip) = ip
        && is_isatap(ip)
    {
        return Some(Class::Never);
    }
    static TABLE: LazyLock<Vec<(RangeInclusive<IpAddr>, Class)>> = LazyLock::new(|| {
        let row = |&(block, class)| (parse_block(block).expect("a constant block"), class);
        REFUSED.iter().map(row).collect()
    });
    let row = TABLE.iter().find(|(block, _)| block.contains(&ip))?;
    Some(row.1)
}

/// An interface id that ISATAP makes of an IPv4 address (RFC 5214 section 6.1).
fn is_isatap(ip: Ipv6Addr) -> bool {
    let words = ip.segments();
    words[4] & !0x0200 == 0 && words[5] == 0x5EFE
}

/// Whether this address belongs to a tunnel that must not carry TURN, on either side (RFC 8656
/// section 21.4): Teredo and 6to4.
#[must_use]
pub fn is_tunnel(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => {
            let words = ip.segments();
            words[0] == 0x2002 || (words[0] == 0x2001 && words[1] == 0)
        }
    }
}

/// Reads `address/bits` into the range it covers.
fn parse_block(text: &str) -> Option<RangeInclusive<IpAddr>> {
    let (first, bits) = text.split_once('/')?;
    let bits: u32 = bits.parse().ok()?;
    match first.parse().ok()? {
        IpAddr::V4(first) => {
            let last = first.to_bits() | u32::MAX.checked_shr(bits).unwrap_or(0);
            Some(first.into()..=Ipv4Addr::from_bits(last).into())
        }
        IpAddr::V6(first) => {
            let last = first.to_bits() | u128::MAX.checked_shr(bits).unwrap_or(0);
            Some(first.into()..=Ipv6Addr::from_bits(last).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn tunnels_are_known() {
        assert!(is_tunnel(ip("2002::1")) && is_tunnel(ip("2001:0:1::1")));
        assert!(!is_tunnel(ip("2001:470::1")) && !is_tunnel(ip("8.8.8.8")));
    }
    #[test]
    fn every_row_of_the_table_is_a_block() {
        for (block, _) in REFUSED {
            let range = parse_block(block).unwrap();
            assert!(
                range.contains(&ip(block.split_once('/').unwrap().0)),
                "{block}"
            );
        }
        assert_eq!(
            parse_block("10.0.0.0/8"),
            Some(ip("10.0.0.0")..=ip("10.255.255.255"))
        );
        assert_eq!(parse_block("::1/128"), Some(ip("::1")..=ip("::1")));
        assert_eq!(
            parse_block("::/0").unwrap().end(),
            &ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
        );
    }
}
