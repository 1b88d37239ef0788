//! Whom clients may reach: the same answer at each of the four ways to a peer over UDP.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use turnd_proto::{Event, PeerRules};
use turnd_wire::Family;

use crate::support::{Client, Network, OK, PEER, Request, Setup, at};

/// One address of every block that is refused by default.
const REFUSED: &[&str] = &[
    // Nobody's unicast address.
    "0.0.0.0",
    "0.1.2.3",
    "224.0.0.1",
    "239.255.255.250",
    "255.255.255.255",
    "::",
    "ff02::1",
    // This machine, this link, documentation, metadata services.
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "192.0.0.192",
    "192.0.2.7",
    "192.88.99.1",
    "198.51.100.7",
    "203.0.113.7",
    "240.0.0.1",
    "168.63.129.16",
    "100.100.100.200",
    "::1",
    "100::1",
    "100:0:0:1::1",
    "2001:2::1",
    "2001:10::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "fe80::1",
    "fec0::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    // Private networks.
    "10.1.2.3",
    "100.64.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "fc00::1",
    "fd12:3456::1",
    // Special purposes.
    "192.31.196.1",
    "192.52.193.1",
    "192.175.48.1",
    "2001:3::1",
    "2001:4:112::1",
    "2001:20::1",
    "2001:30::1",
    "2620:4f:8000::1",
    // IPv4 in disguise, even if it is a public address.
    "::8.8.8.8",
    "::ffff:8.8.8.8",
    "::ffff:0:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::8.8.8.8",
    "2002:808:808::1",
    "2001:0:808:808::f7f7:f7f7",
    "2a00:1450::5efe:8.8.8.8",
    "2a00:1450::200:5efe:8.8.8.8",
];

fn setup(rules: PeerRules) -> Setup {
    Setup {
        rules,
        ..Setup::open()
    }
}

/// What the four ways to a peer say: CreatePermission, ChannelBind, Send, and a datagram from it.
fn four_ways(net: &mut Network, peer: &str) -> (u16, u16, bool, bool) {
    let mut client = Client::new("192.0.2.1:4001");
    client.refresh(net, 0);
    let reply = client.call(net, &Request::allocate().dual());
    assert_eq!(reply.code(), OK);
    let family = Family::of(at(peer).ip());
    let relay = reply
        .relayed()
        .into_iter()
        .find(|relay| Family::of(relay.ip()) == family);
    let permission = client.permit(net, peer);
    let channel = client.bind(net, 0x4000, peer);
    let sent = client.send(net, peer, b"x").is_some();
    let got = net.peer_sends(relay.unwrap(), peer, b"x").is_some();
    (permission, channel, sent, got)
}

const OPEN: (u16, u16, bool, bool) = (OK, OK, true, true);
const SHUT: (u16, u16, bool, bool) = (403, 403, false, false);

fn with_port(ip: &str) -> String {
    std::net::SocketAddr::new(ip.parse().unwrap(), 5000).to_string()
}

#[test]
fn by_default_only_public_addresses_are_reached() {
    let mut net = Network::open();
    for ip in REFUSED {
        assert_eq!(four_ways(&mut net, &with_port(ip)), SHUT, "{ip}");
    }
    for ip in [
        "8.8.8.8",
        "1.1.1.1",
        "172.32.0.1",
        "2a00:1450::1",
        "2606::6",
    ] {
        assert_eq!(four_ways(&mut net, &with_port(ip)), OPEN, "{ip}");
    }
}

#[test]
fn a_refused_peer_is_reported() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    alice.allocate(&mut net);
    assert_eq!(alice.permit(&mut net, "169.254.169.254:80"), 403);
    let reported = net.events.iter().any(|event| {
        matches!(event, Event::PeerForbidden { user, peer, .. }
            if user == "alice" && *peer == at("169.254.169.254:80"))
    });
    assert!(reported);
}

#[test]
fn one_word_opens_the_lan() {
    let mut net = Network::with(setup(PeerRules {
        allow_private: true,
        ..PeerRules::default()
    }));
    for ip in [
        "10.1.2.3",
        "100.64.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "198.18.0.1",
        "fd12::1",
    ] {
        assert_eq!(four_ways(&mut net, &with_port(ip)), OPEN, "{ip}");
    }
    // But neither this machine nor the machines behind special addresses.
    for ip in [
        "10.0.0.5",
        "9.9.9.9",
        "127.0.0.1",
        "169.254.169.254",
        "fd00:ec2::254",
        "::1",
    ] {
        assert_eq!(four_ways(&mut net, &with_port(ip)), SHUT, "{ip}");
    }
}

#[test]
fn rules_of_the_operator_are_obeyed() {
    let range = |first: &str, last: &str| first.parse().unwrap()..=last.parse().unwrap();
    let mut net = Network::with(setup(PeerRules {
        allowed: vec![
            range("8.8.4.4", "8.8.4.4"),
            range("203.0.113.7", "203.0.113.7"),
        ],
        denied: vec![
            range("8.8.0.0", "8.8.255.255"),
            range("2a00::", "2a00:ffff::"),
        ],
        ..PeerRules::default()
    }));
    for (ip, expected) in [
        ("8.8.4.4", OPEN),
        ("8.8.4.5", SHUT),
        ("2a00:1450::1", SHUT),
        ("2b00::1", OPEN),
        ("203.0.113.7", OPEN),
        ("203.0.113.8", SHUT),
    ] {
        assert_eq!(four_ways(&mut net, &with_port(ip)), expected, "{ip}");
    }
}

#[test]
fn no_rule_opens_what_is_nobodys_address() {
    let everything = |first: &str, last: &str| first.parse().unwrap()..=last.parse().unwrap();
    let single = |ip: &str| ip.parse().unwrap()..=ip.parse().unwrap();
    let mut net = Network::with(setup(PeerRules {
        allowed: vec![
            everything("0.0.0.0", "255.255.255.255"),
            everything("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            single("0.0.0.0"),
            single("224.0.0.1"),
            single("::ffff:8.8.8.8"),
            single("2002:808:808::1"),
        ],
        allow_loopback: true,
        allow_private: true,
        ..PeerRules::default()
    }));
    for ip in [
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "ff02::1",
        "::ffff:8.8.8.8",
        "2002:808:808::1",
        "64:ff9b::8.8.8.8",
    ] {
        assert_eq!(four_ways(&mut net, &with_port(ip)), SHUT, "{ip}");
    }
}

// This machine.

#[test]
fn of_this_machine_only_live_relays_are_peers() {
    let mut net = Network::open();
    let mut other = Client::new("192.0.2.2:4002");
    let live = other.allocate(&mut net);
    for own in ["9.9.9.9", "10.0.0.5"] {
        for port in [22, 3478, 5349, 50_999] {
            assert_eq!(four_ways(&mut net, &format!("{own}:{port}")), SHUT);
        }
        let live = format!("{own}:{}", live.port());
        let mut client = Client::new("192.0.2.3:4003");
        client.allocate(&mut net);
        client.must_permit(&mut net, &live);
        client.must_bind(&mut net, 0x4000, &live);
        assert!(client.send(&mut net, &live, b"x").is_some());
        // The permission for this host opens no other port of it.
        for port in [22, 3478, 50_999] {
            let dead = format!("{own}:{port}");
            assert_eq!(client.send(&mut net, &dead, b"x"), None, "{dead}");
            assert_eq!(client.bind(&mut net, 0x4001, &dead), 403, "{dead}");
        }
        assert_eq!(client.refresh(&mut net, 0).code(), OK);
    }
}

#[test]
fn nothing_else_on_this_machine_can_pose_as_a_peer() {
    let mut net = Network::open();
    let live = Client::new("192.0.2.2:4002").allocate(&mut net).to_string();
    let mut client = Client::new("192.0.2.3:4003");
    let relay = client.allocate(&mut net);
    client.must_permit(&mut net, &live);
    assert_eq!(net.peer_sends(relay, "10.0.0.5:53", b"x"), None);
    // What another relay sends never takes the way through the NAT.
    assert_eq!(net.peer_sends(relay, &live, b"x"), None);
    assert!(net.peer_sends(relay, "10.0.0.5:50000", b"x").is_some());
}

/// A channel to another relay must not become a way to whatever gets that port next.
#[test]
fn a_channel_to_a_relay_dies_with_the_relay() {
    let mut net = Network::open();
    let mut other = Client::new("192.0.2.2:4002");
    let gone = other.allocate(&mut net).to_string();
    let mut client = Client::new("192.0.2.3:4003");
    let relay = client.allocate(&mut net);
    client.must_bind(&mut net, 0x4000, &gone);
    assert!(client.channel(&mut net, 0x4000, b"x").is_some());
    assert_eq!(other.refresh(&mut net, 0).code(), OK);
    assert_eq!(client.channel(&mut net, 0x4000, b"x"), None);
    assert_eq!(client.send(&mut net, &gone, b"x"), None);
    assert_eq!(net.peer_sends(relay, "10.0.0.5:50000", b"x"), None);
    assert_eq!(client.permit(&mut net, &gone), 403);
}

#[test]
fn the_listener_is_out_of_reach_however_it_is_called() {
    let range = |first: &str, last: &str| first.parse().unwrap()..=last.parse().unwrap();
    for listeners in [
        vec!["10.0.0.5:3478", "127.0.0.1:3478"],
        vec!["0.0.0.0:3478", "[::]:3478"],
    ] {
        let mut net = Network::with(Setup {
            listeners,
            rules: PeerRules {
                allowed: vec![
                    range("0.0.0.0", "255.255.255.255"),
                    range("9.9.9.9", "9.9.9.9"),
                    range("10.0.0.5", "10.0.0.5"),
                ],
                allow_loopback: true,
                allow_private: true,
                ..PeerRules::default()
            },
            ..Setup::open()
        });
        for own in ["10.0.0.5:3478", "9.9.9.9:3478", "127.0.0.1:3478"] {
            let mut client = Client::new("192.0.2.3:4003");
            client.allocate(&mut net);
            // The host is allowed, that port is not.
            assert_eq!(client.bind(&mut net, 0x4000, own), 403, "{own}");
            client.must_permit(&mut net, own);
            assert_eq!(client.send(&mut net, own, b"x"), None, "{own}");
            client.refresh(&mut net, 0);
        }
    }
}

/// All of 127.0.0.0/8 is this machine: a listener on every address hears each of them.
#[test]
fn a_listener_on_all_addresses_hides_behind_every_loopback_address() {
    let mut net = Network::with(Setup {
        listeners: vec!["0.0.0.0:3478", "[::]:3478"],
        rules: PeerRules {
            allow_loopback: true,
            ..PeerRules::default()
        },
        ..Setup::open()
    });
    let mut client = Client::new("192.0.2.3:4003");
    client.call(&mut net, &Request::allocate().dual());
    for own in [
        "127.0.0.1:3478",
        "127.0.0.2:3478",
        "127.255.255.254:3478",
        "[::1]:3478",
    ] {
        assert_eq!(client.bind(&mut net, 0x4000, own), 403, "{own}");
    }
    client.must_bind(&mut net, 0x4000, "127.0.0.2:5000");
}

// IPv4 inside IPv6.

fn encodings(ip: Ipv4Addr) -> [Ipv6Addr; 9] {
    let bits = u128::from(ip.to_bits());
    let at = |prefix: &str, shift: u32| {
        let prefix: Ipv6Addr = prefix.parse().unwrap();
        Ipv6Addr::from_bits(prefix.to_bits() | bits << shift)
    };
    [
        at("::", 0),
        at("::ffff:0:0", 0),
        at("::ffff:0:0:0", 0),
        at("64:ff9b::", 0),
        at("64:ff9b:1::", 0),
        at("2002::", 80),
        at("2001::", 64),
        at("2a00:1450::5efe:0:0", 0),
        at("2a00:1450::200:5efe:0:0", 0),
    ]
}

proptest! {
    #[test]
    fn ipv4_in_disguise_is_never_a_peer(bits: u32, port in 1..=u16::MAX) {
        let settings = setup(PeerRules { allow_private: true, ..PeerRules::default() });
        let policy = Network::with(settings).settings;
        for disguise in encodings(Ipv4Addr::from_bits(bits)) {
            // ::1 is its own block, refused as well.
            let ip = IpAddr::V6(disguise);
            prop_assert!(policy.peers.check((ip, port).into()).is_err(), "{ip}");
        }
    }
}

#[test]
fn a_permitted_peer_stays_reachable_beside_all_that() {
    let mut net = Network::open();
    assert_eq!(four_ways(&mut net, PEER), OPEN);
}

// What becomes this machine's while it serves.

/// The machine has this address besides its old ones now.
fn becomes_own(net: &Network, text: &str) {
    let ips = ["10.0.0.5", "2606::5", text].map(|ip| -> IpAddr { ip.parse().unwrap() });
    net.own.set_interfaces(ips.map(|ip| ip..=ip).into());
}

#[test]
fn an_address_added_later_is_this_machines_too() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    client.must_permit(&mut net, "8.8.7.9:5353");
    client.must_bind(&mut net, 0x4000, "8.8.7.9:5353");

    becomes_own(&net, "8.8.7.9");
    net.wait(299);
    assert_eq!(client.permit(&mut net, "8.8.7.9:5353"), 403);
    assert_eq!(client.bind(&mut net, 0x4000, "8.8.7.9:5353"), 403);
    assert_eq!(client.bind(&mut net, 0x4001, "8.8.7.9:5354"), 403);
    // What was granted before is not taken back, and ends in its time.
    assert!(client.send(&mut net, "8.8.7.9:5353", b"x").is_some());
    assert!(client.channel(&mut net, 0x4000, b"x").is_some());
    net.wait(1);
    assert_eq!(client.send(&mut net, "8.8.7.9:5353", b"x"), None);
    assert_eq!(client.channel(&mut net, 0x4000, b"x"), None);

    // And an address that is gone from here is somebody else's again.
    becomes_own(&net, "8.8.7.10");
    client.must_permit(&mut net, "8.8.7.9:5353");
}

#[test]
fn a_refreshed_permission_is_judged_anew_for_its_channels_too() {
    let ip: IpAddr = "8.8.7.9".parse().unwrap();
    let mut net = Network::with(Setup {
        listeners: vec!["0.0.0.0:3478"],
        rules: PeerRules {
            allowed: vec![ip..=ip],
            ..PeerRules::default()
        },
        ..Setup::open()
    });
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    client.must_bind(&mut net, 0x4000, "8.8.7.9:3478");
    client.must_bind(&mut net, 0x4001, "8.8.7.9:5353");
    assert!(client.channel(&mut net, 0x4000, b"x").is_some());

    // Allowed, so that it stays permitted, but its listener is out of reach by now.
    becomes_own(&net, "8.8.7.9");
    client.must_permit(&mut net, "8.8.7.9:5353");
    assert_eq!(client.channel(&mut net, 0x4000, b"x"), None);
    assert_eq!(client.send(&mut net, "8.8.7.9:3478", b"x"), None);
    assert!(client.channel(&mut net, 0x4001, b"x").is_some());
}

#[test]
fn an_address_that_the_operator_calls_this_machines_is_refused() {
    let mut net = Network::with(Setup {
        named: vec!["9.9.9.8", "2606::8"],
        ..Setup::open()
    });
    let mut client = Client::new("192.0.2.1:4001");
    client.call(&mut net, &Request::allocate().dual());
    for peer in ["9.9.9.8:3478", "9.9.9.8:22", "[2606::8]:3478"] {
        assert_eq!(client.permit(&mut net, peer), 403, "{peer}");
    }
    client.must_permit(&mut net, "9.9.9.7:3478");
}
