//! The peer policy beside a second one that was written from the registries anew, with integers and patterns
//! instead of a table of blocks: both say the same of every address, whatever the operator's rules are.
//! `PROPTEST_CASES` sets how many are tried.

use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::RangeInclusive,
};
use std::sync::Arc;

use proptest::{collection::vec, prelude::*, sample::select, test_runner::Config};

use crate::{LiveRelays, OwnAddresses, PeerPolicy, PeerRules};

/// What an address is for, by the IANA registries of special-purpose addresses and of multicast, and by the
/// documents of the clouds whose metadata services have an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    NoUnicast,
    Reserved,
    Private,
    Special,
    Public,
}

fn purpose(ip: IpAddr) -> Purpose {
    match ip {
        IpAddr::V4(ip) => purpose_v4(ip.octets()),
        IpAddr::V6(ip) => purpose_v6(ip.segments()),
    }
}

const fn purpose_v4(octets: [u8; 4]) -> Purpose {
    match octets {
        [0 | 224..=239, ..] | [255, 255, 255, 255] => Purpose::NoUnicast,
        [127 | 240..=255, ..]
        | [169, 254, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [168, 63, 129, 16]
        | [100, 100, 100, 200] => Purpose::Reserved,
        [10, ..]
        | [100, 64..=127, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [198, 18 | 19, ..] => Purpose::Private,
        [192, 31, 196, _] | [192, 52, 193, _] | [192, 175, 48, _] => Purpose::Special,
        _ => Purpose::Public,
    }
}

const fn purpose_v6(words: [u16; 8]) -> Purpose {
    match words {
        [0, 0, 0, 0, 0, 0, 0, 1] => Purpose::Reserved,
        // IPv4 in it: compatible, mapped, SIIT, NAT64, local NAT64, Teredo, 6to4, ISATAP; and multicast.
        [0, 0, 0, 0, 0, 0, ..]
        | [0, 0, 0, 0, 0, 0xFFFF, ..]
        | [0, 0, 0, 0, 0xFFFF, 0, ..]
        | [0x64, 0xFF9B, 0, 0, 0, 0, ..]
        | [0x64, 0xFF9B, 1, ..]
        | [0x2001, 0, ..]
        | [0x2002, ..]
        | [_, _, _, _, 0 | 0x200, 0x5EFE, ..]
        | [0xFF00..=0xFFFF, ..] => Purpose::NoUnicast,
        [0x100, 0, 0, 0 | 1, ..]
        | [0x2001, 2, 0, ..]
        | [0x2001, 0x10..=0x1F, ..]
        | [0x2001, 0xDB8, ..]
        | [0x3FFF, 0..=0xFFF, ..]
        | [0x5F00, ..]
        | [0xFE80..=0xFEFF, ..]
        | [0xFD00, 0xEC2, 0, 0, 0, 0, 0, 0x254]
        | [0xFD20, 0xCE, 0, 0, 0, 0, 0, 0x254] => Purpose::Reserved,
        [0xFC00..=0xFDFF, ..] => Purpose::Private,
        [0x2001, 0..=0x1FF, ..] | [0x2620, 0x4F, 0x8000, ..] => Purpose::Special,
        _ => Purpose::Public,
    }
}

/// Where an address stands on one line of all integers, IPv4 first.
fn place(ip: IpAddr) -> (u8, u128) {
    match ip {
        IpAddr::V4(ip) => (4, u128::from(u32::from_be_bytes(ip.octets()))),
        IpAddr::V6(ip) => (6, u128::from_be_bytes(ip.octets())),
    }
}

fn within(range: &RangeInclusive<IpAddr>, ip: IpAddr) -> bool {
    place(*range.start()) <= place(ip) && place(ip) <= place(*range.end())
}

const OWN: [&str; 3] = ["10.0.0.5", "9.9.9.9", "2606::5"];
const LIVE: [&str; 2] = ["10.0.0.5:50000", "9.9.9.9:50000"];

/// The second policy: whether a permission may be had for the host of this address.
fn is_reached(rules: &PeerRules, address: SocketAddr) -> bool {
    let ip = address.ip();
    let purpose = purpose(ip);
    if purpose == Purpose::NoUnicast {
        return false;
    }
    let opened = rules.allowed.iter().any(|range| {
        within(range, ip) && (purpose != Purpose::Reserved || range.start() == range.end())
    });
    if opened || (rules.allow_loopback && ip.is_loopback()) {
        return true;
    }
    if rules.denied.iter().any(|range| within(range, ip)) {
        return false;
    }
    if ip.is_loopback() || OWN.iter().any(|own| ip == parse(own)) {
        return LIVE.iter().any(|live| address.to_string() == *live);
    }
    match purpose {
        Purpose::Public => true,
        Purpose::Private => rules.allow_private,
        _ => false,
    }
}

fn config() -> Config {
    let config = Config::default();
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => config,
        None => Config {
            cases: 5000,
            ..config
        },
    }
}

fn parse(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn policy(rules: PeerRules) -> PeerPolicy {
    let relays = LiveRelays::new([
        (parse("10.0.0.5"), parse("9.9.9.9")),
        (parse("2606::5"), parse("2606::5")),
    ]);
    let owner = (0, slotmap::KeyData::from_ffi(1 << 32).into());
    relays.set_live(LIVE[0].parse().expect("an address"), Some(owner));
    let own = OwnAddresses::new(vec![parse("10.0.0.5")..=parse("10.0.0.5")], vec![]);
    PeerPolicy::new(rules, Arc::new(own), vec![], Arc::new(relays))
}

/// Addresses at the ends of blocks and beside them, in disguise, and anywhere.
fn ip() -> impl Strategy<Value = IpAddr> + Clone {
    let edges = [
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "100.100.100.200",
        "127.0.0.0",
        "127.255.255.255",
        "168.63.129.16",
        "169.254.0.0",
        "169.254.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.255",
        "192.0.2.0",
        "192.0.2.255",
        "192.31.196.0",
        "192.31.196.255",
        "192.52.193.0",
        "192.52.193.255",
        "192.88.99.0",
        "192.88.99.255",
        "192.168.0.0",
        "192.168.255.255",
        "192.175.48.0",
        "192.175.48.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.0",
        "198.51.100.255",
        "203.0.113.0",
        "203.0.113.255",
        "224.0.0.0",
        "239.255.255.255",
        "255.255.255.255",
        "10.0.0.5",
        "9.9.9.9",
    ];
    let edges_v6 = [
        "::",
        "::1",
        "::ffff:ffff",
        "::ffff:0:0",
        "::ffff:ffff:ffff",
        "::ffff:0:0:0",
        "::ffff:0:ffff:ffff",
        "64:ff9b::",
        "64:ff9b::ffff:ffff",
        "64:ff9b:1::",
        "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
        "100::",
        "100::ffff:ffff:ffff:ffff",
        "100:0:0:1::",
        "100::1:ffff:ffff:ffff:ffff",
        "2001::",
        "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:2::",
        "2001:2:0:ffff:ffff:ffff:ffff:ffff",
        "2001:10::",
        "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db8::",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        "2002::",
        "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2620:4f:8000::",
        "2620:4f:8000:ffff:ffff:ffff:ffff:ffff",
        "3fff::",
        "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
        "5f00::",
        "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fc00::",
        "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::",
        "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fec0::",
        "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "ff00::",
        "2606::5",
    ];
    let beside_v4 = (select(edges.to_vec()), -1..=1_i32).prop_map(|(edge, by)| {
        let edge: Ipv4Addr = edge.parse().expect("an address");
        IpAddr::from(Ipv4Addr::from_bits(edge.to_bits().wrapping_add_signed(by)))
    });
    let beside_v6 = (select(edges_v6.to_vec()), -1..=1_i128).prop_map(|(edge, by)| {
        let edge: Ipv6Addr = edge.parse().expect("an address");
        IpAddr::from(Ipv6Addr::from_bits(edge.to_bits().wrapping_add_signed(by)))
    });
    prop_oneof![
        4 => beside_v4,
        4 => beside_v6,
        2 => any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).into()),
        2 => any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits).into()),
        2 => disguise().prop_map(IpAddr::V6),
    ]
}

/// An IPv4 address in an IPv6 one, in one of nine ways, with everything else at random.
fn disguise() -> impl Strategy<Value = Ipv6Addr> + Clone {
    (any::<u32>(), 0..9_usize, any::<u128>()).prop_map(|(v4, way, noise)| {
        let v4 = u128::from(v4);
        let prefix = |text: &str| text.parse::<Ipv6Addr>().expect("an address").to_bits();
        let low = |bits: u32| noise & ((1 << bits) - 1);
        let bits = match way {
            0 => v4,
            1 => prefix("::ffff:0:0") | v4,
            2 => prefix("::ffff:0:0:0") | v4,
            3 => prefix("64:ff9b::") | v4,
            4 => prefix("64:ff9b:1::") | low(80),
            // The server's address, and the client's with its bits turned.
            5 => prefix("2001::") | (v4 << 64) | (low(32) << 32) | (!v4 & 0xFFFF_FFFF),
            6 => prefix("2002::") | (v4 << 80) | low(80),
            7 => (noise & !((1 << 64) - 1)) | (0x5EFE << 32) | v4,
            _ => (noise & !((1 << 64) - 1)) | (0x0200_5EFE << 32) | v4,
        };
        Ipv6Addr::from_bits(bits)
    })
}

fn range() -> impl Strategy<Value = RangeInclusive<IpAddr>> {
    let single = ip().prop_map(|ip| ip..=ip);
    let any = (ip(), ip()).prop_map(|(one, other)| match (one, other) {
        (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => {
            one.min(other)..=one.max(other)
        }
        _ => one..=one,
    });
    prop_oneof![single, any]
}

fn rules() -> impl Strategy<Value = PeerRules> {
    let some = || prop_oneof![2 => Just(vec![]), 1 => vec(range(), 1..4)];
    (some(), some(), any::<bool>(), any::<bool>()).prop_map(
        |(allowed, denied, allow_loopback, allow_private)| PeerRules {
            allowed,
            denied,
            allow_loopback,
            allow_private,
        },
    )
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn both_policies_say_the_same(rules in rules(), ip in ip(), live: bool, port: u16) {
        let address = SocketAddr::new(ip, if live { 50_000 } else { port });
        let policy = policy(rules.clone());
        let judged = policy.check(address);
        prop_assert_eq!(judged.is_ok(), is_reached(&rules, address), "{:?}", judged);
        if let Ok(host) = judged {
            prop_assert!(policy.peer(host, 0).is_err(), "port 0");
            if let Ok(peer) = policy.peer(host, address.port()) {
                prop_assert!(peer.asked() == address);
            }
        }
    }

    #[test]
    fn ipv4_in_disguise_is_never_a_peer_whatever_is_allowed(ip in disguise(), port: u16) {
        let all = |first, last| parse(first)..=parse(last);
        let policy = policy(PeerRules {
            allowed: vec![
                all("0.0.0.0", "255.255.255.255"),
                all("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ],
            allow_private: true,
            ..PeerRules::default()
        });
        // ::1 is nobody's disguise, and reserved.
        prop_assert!(policy.check((ip, port).into()).is_err(), "{}", ip);
    }
}
