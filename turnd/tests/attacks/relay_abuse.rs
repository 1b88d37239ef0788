//! What holders of credentials try: hosts that are not theirs to reach, and too many of those that are.

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
    ops::RangeInclusive,
    sync::Arc,
    time::Duration,
};

use turnd_proto::{LiveRelays, OwnAddresses, PeerPolicy, PeerRules};
use turnd_wire::{Class, Method, attr};

use crate::{
    namespace::in_own_network,
    numbers::Numbers,
    support::turnd::Turnd,
    ways::{Client, Way, message},
};

const CONFIG: &str = "realm=example.org\nuser=alice:secret\nlistening-port=0\nrelay-threads=1\n";

/// One of each kind that is refused, and of each spelling of those.
const REFUSED: [&str; 64] = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.9.9.9",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.175.48.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::808:808",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "::ffff:0:7f00:1",
    "::ffff:0:808:808",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::808:808",
    "64:ff9b:1::7f00:1",
    "64:ff9b:1:ffff::1",
    "100::1",
    "100:0:0:1::1",
    "2001::1",
    "2001:0:7f00:1::1",
    "2001::80ff:fffe",
    "2001:2::1",
    "2001:3::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::",
    "2620:4f:8000::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "2a00:1450::5efe:7f00:1",
    "2a00:1450::200:5efe:808:808",
];

/// Everything that arrives anywhere at one port.
struct Sink {
    udp: [UdpSocket; 2],
    tcp: [TcpListener; 2],
    port: u16,
}

impl Sink {
    fn new() -> Self {
        let port = 40_404;
        let v4 = (Ipv4Addr::UNSPECIFIED, port);
        let v6 = (Ipv6Addr::UNSPECIFIED, port + 1);
        let sink = Self {
            udp: [UdpSocket::bind(v4).unwrap(), UdpSocket::bind(v6).unwrap()],
            tcp: [
                TcpListener::bind(v4).unwrap(),
                TcpListener::bind(v6).unwrap(),
            ],
            port,
        };
        for (udp, tcp) in sink.udp.iter().zip(&sink.tcp) {
            udp.set_nonblocking(true).unwrap();
            tcp.set_nonblocking(true).unwrap();
        }
        sink
    }

    /// This host, at the port of its family.
    fn at(&self, ip: IpAddr) -> SocketAddr {
        SocketAddr::new(ip, self.port + u16::from(ip.is_ipv6()))
    }

    /// How many datagrams and connections have come since the last time.
    fn count(&self) -> (usize, usize) {
        let of_udp = |socket: &UdpSocket| {
            std::iter::from_fn(|| socket.recv_from(&mut [0; 2048]).ok()).count()
        };
        let of_tcp = |socket: &TcpListener| std::iter::from_fn(|| socket.accept().ok()).count();
        (
            self.udp.iter().map(of_udp).sum(),
            self.tcp.iter().map(of_tcp).sum(),
        )
    }
}

fn in_the_internet(more: &str) -> Turnd {
    Turnd::start(&format!(
        "{CONFIG}listening-ip=8.8.4.1\nrelay-ip=8.8.4.1\nrelay-ip=2a00:1450::1\nself-signed\ndtls\n\
         tls-listening-port=0\n{more}"
    ))
}

fn addresses() -> impl Iterator<Item = IpAddr> {
    REFUSED.iter().map(|text| text.parse().unwrap())
}

/// A01, A03, A07 and A14: over four transports and the entries of UDP relaying nobody is reached who is refused,
/// and none of them reaches a client.
#[test]
fn a01_nobody_is_reached_who_is_refused() {
    in_own_network(|| {
        let (sink, turnd) = (Sink::new(), in_the_internet(""));
        let listener = turnd.udp_v4();
        for way in Way::ALL {
            let mut client = Client::new(way, &turnd);
            let allocated = client.allocate(17, 0);
            let relayed = allocated.relayed();
            assert_eq!(relayed.len(), 2, "{way:?}: {:?}", allocated.error());
            let mut heard_from = 0;
            for ip in addresses() {
                let peer = sink.at(ip);
                assert_eq!(client.permit(peer), Some(403), "{way:?} {ip}");
                assert_eq!(client.bind(0x4000, peer), Some(403), "{way:?} {ip}");
                client.send_indication(peer, b"leak");
                heard_from += knock(ip, &relayed);
            }
            assert!(heard_from > 20, "only {heard_from} addresses could be used");
            // This machine's own: the listener, another port, a relay that is not there.
            for port in [listener.port(), 22, relayed[0].port() ^ 1] {
                let own = SocketAddr::new(listener.ip(), port);
                assert_eq!(client.permit(own), Some(403), "{way:?} {own}");
            }
            hears_nothing_for_two_turns(&mut client);
            assert_eq!(sink.count(), (0, 0), "{way:?}");

            // A host that nobody minds is reached by all of them, at any port but 0.
            for (nth, ip) in ["8.8.8.8", "2606:4700::1111"].into_iter().enumerate() {
                let peer = sink.at(ip.parse().unwrap());
                assert_eq!(client.permit(peer), None, "{way:?} {ip}");
                assert_eq!(
                    client.bind(0x4001, SocketAddr::new(peer.ip(), 0)),
                    Some(403)
                );
                let channel = 0x4002 + u16::try_from(nth).unwrap();
                assert_eq!(client.bind(channel, peer), None, "{way:?} {ip}");
                client.send_indication(peer, b"by name");
                client.send_on(channel, b"by number");
            }
            hears_nothing_for_two_turns(&mut client);
            assert_eq!(sink.count(), (4, 0), "{way:?}");
        }
    });
}

/// An answer on a stream leaves at once, what goes to peers at the end of a turn of the server's loop: after a second
/// answer that of the first one has left.
fn hears_nothing_for_two_turns(client: &mut Client) {
    for _ in 0..2 {
        assert!(client.hears_nothing(), "something came from a peer");
    }
}

/// Sends something from there to both relays; 1 if the system lets that be.
fn knock(ip: IpAddr, relayed: &[SocketAddr]) -> usize {
    let to = relayed.iter().find(|it| it.is_ipv4() == ip.is_ipv4());
    let socket = UdpSocket::bind((ip, 0)).ok();
    let sent = socket
        .zip(to)
        .is_some_and(|(socket, to)| !ip.is_unspecified() && socket.send_to(b"hello", to).is_ok());
    usize::from(sent)
}

/// A01 and A13, the entry of TCP relaying: no SYN leaves.
#[test]
fn a01_nobody_is_connected_to_who_is_refused() {
    in_own_network(|| {
        let (sink, turnd) = (Sink::new(), in_the_internet("tcp-relay\n"));
        for way in [Way::Tcp, Way::Tls] {
            for family in [1, 2] {
                let mut client = Client::new(way, &turnd);
                assert_eq!(client.allocate(6, family).error(), None);
                let of_family = |ip: &IpAddr| ip.is_ipv4() == (family == 1);
                for ip in addresses().filter(of_family) {
                    assert_eq!(client.connect(sink.at(ip)), Some(403), "{way:?} {ip}");
                }
                assert_eq!(sink.count(), (0, 0), "{way:?}");
                let public = ["8.8.8.8", "2606:4700::1111"][family as usize - 1];
                assert_eq!(client.connect(sink.at(public.parse().unwrap())), None);
                assert_eq!(sink.count(), (0, 1), "{way:?} {public}");
            }
        }
    });
}

fn policy(rules: PeerRules) -> PeerPolicy {
    let own = Arc::new(OwnAddresses::new(vec![], vec![]));
    PeerPolicy::new(rules, own, vec![], Arc::new(LiveRelays::default()))
}

/// IPv6 addresses that stand for an IPv4 address somewhere.
fn encodings(ip: Ipv4Addr, random: u64) -> [Ipv6Addr; 10] {
    let (bits, random) = (u128::from(ip.to_bits()), u128::from(random));
    let teredo_client =
        0x2001_u128 << 112 | (random << 32 & !(0xffff << 112)) | (!bits & 0xffff_ffff);
    [
        bits,
        0xffff << 32 | bits,
        0xffff << 48 | bits,
        0x64_ff9b << 96 | bits,
        0x64_ff9b_0001 << 80 | (random & 0xffff_ffff) << 32 | bits,
        0x2002 << 112 | bits << 80 | random,
        0x2001 << 112 | bits << 64 | random,
        teredo_client & !(0xffff << 96),
        0x2a00_1450 << 96 | 0x5efe << 32 | bits,
        0x2a00_1450 << 96 | 0x0200_5efe << 32 | bits,
    ]
    .map(Ipv6Addr::from_bits)
}

/// A02: whatever is allowed, no IPv4 address is reached by another spelling. A million cases.
#[test]
fn a02_no_encoding_of_an_ipv4_address_is_a_peer() {
    let lan = PeerRules {
        allow_private: true,
        allow_loopback: true,
        ..PeerRules::default()
    };
    let policies = [policy(PeerRules::default()), policy(lan)];
    let mut numbers = Numbers(0x1234_5678_9ABC_DEF1);
    for _ in 0..50_000 {
        let (ip, random) = (Ipv4Addr::from_bits(numbers.next() as u32), numbers.next());
        for encoded in encodings(ip, random) {
            // ::1 is an address of its own.
            if encoded == Ipv6Addr::LOCALHOST {
                continue;
            }
            for policy in &policies {
                let judged = policy.check(SocketAddr::from((encoded, 9)));
                assert!(judged.is_err(), "{encoded} stands for {ip}");
            }
        }
    }
}

/// A04: ranges that are no blocks, against the same comparison of plain numbers.
#[test]
fn a04_ranges_are_compared_as_numbers() {
    let mut numbers = Numbers(0x0DDB_1A5E_5BAD_5EED);
    // What is a peer anyway: 2a00::/16 and 8.0.0.0/8.
    let v6 = |bits: u64| Ipv6Addr::from_bits(0x2a00 << 112 | u128::from(bits) << 32);
    let v4 = |bits: u64| Ipv4Addr::from_bits(8 << 24 | bits as u32 & 0xff_ffff);
    for _ in 0..2_000 {
        let [a, b] = [numbers.next() >> 16, numbers.next() >> 16];
        let (first, last) = (a.min(b), a.max(b));
        let [c, d] = [a, b].map(|it| it & 0xff_ffff);
        let (first4, last4) = (c.min(d), c.max(d));
        let range = |first: IpAddr, last: IpAddr| -> RangeInclusive<IpAddr> { first..=last };
        let policy = policy(PeerRules {
            denied: vec![
                range(v6(first).into(), v6(last).into()),
                range(v4(first4).into(), v4(last4).into()),
            ],
            ..PeerRules::default()
        });
        let near = [
            first,
            last,
            first.wrapping_sub(1),
            last + 1,
            numbers.next() >> 16,
        ];
        for bits in near.map(|it| it & 0xffff_ffff_ffff) {
            let denied = policy.check(SocketAddr::from((v6(bits), 9))).is_err();
            assert_eq!(denied, (first..=last).contains(&bits), "{}", v6(bits));
        }
        for bits in [first4, last4, first4.wrapping_sub(1), last4 + 1].map(|it| it & 0xff_ffff) {
            let denied = policy.check(SocketAddr::from((v4(bits), 9))).is_err();
            assert_eq!(denied, (first4..=last4).contains(&bits), "{}", v4(bits));
        }
    }
}

/// A05: what cannot be understood is no rule that denies nothing.
#[test]
fn a05_a_rule_that_cannot_be_understood_stops_the_start() {
    for rule in [
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/",
        "/8",
        "10.0.0.1-10.0.0.0",
        "10.0.0",
        "10.0.0.256",
        "10.0.0.0-",
        "-10.0.0.0",
        "10.0.0.5/8",
        "::/129",
        "fe80::/x",
        "fe80::1%lo",
        "::1-127.0.0.1",
        "10.0.0.0/8,192.168.0.0/16",
        "10.0.0.0 - 10.0.0.9 x",
        "example.org",
        "*",
        "0x0a000000",
        "",
    ] {
        for option in ["denied-peer-ip", "allowed-peer-ip"] {
            let ended = Turnd::fail_to_start(&format!("{CONFIG}{option}={rule}\n"), &[]);
            assert!(!ended.status.success(), "{option}={rule}");
            let place = format!("turnserver.conf:5: {option}");
            assert!(ended.log.contains(&place), "{option}={rule}: {}", ended.log);
        }
    }
}

/// A10: a thousand peers in a second, of which 60 are reached.
#[test]
fn a10_a_thousand_peers_at_once_are_not_reached() {
    let turnd = Turnd::start(&format!(
        "{CONFIG}listening-ip=127.0.0.1\nallow-loopback-peers\n"
    ));
    let sinks: Vec<UdpSocket> = (0..10)
        .map(|_| UdpSocket::bind("0.0.0.0:0").unwrap())
        .collect();
    let hosts: Vec<IpAddr> = (1..=100)
        .map(|it| Ipv4Addr::new(127, 7, 0, it).into())
        .collect();
    let mut client = Client::new(Way::Udp, &turnd);
    assert_eq!(client.allocate(17, 1).error(), None);
    for hosts in hosts.chunks(50) {
        let permitted = client.request(Method::CREATE_PERMISSION, |writer| {
            for &ip in hosts {
                writer.xor_address(attr::XOR_PEER_ADDRESS, SocketAddr::new(ip, 9));
            }
        });
        assert_eq!(permitted.error(), None);
    }
    let began = std::time::Instant::now();
    for sink in &sinks {
        let port = sink.local_addr().unwrap().port();
        for &ip in &hosts {
            client.send_indication(SocketAddr::new(ip, port), b"anybody there?");
        }
    }
    assert!(client.hears_nothing());
    let seconds = began.elapsed().as_secs_f64();
    let reached: usize = sinks
        .iter()
        .map(|sink| {
            sink.set_nonblocking(true).unwrap();
            std::iter::from_fn(|| sink.recv_from(&mut [0; 100]).ok()).count()
        })
        .sum();
    let most = 50.0 + (10.0 * seconds).ceil();
    assert!(
        reached >= 50 && reached as f64 <= most,
        "{reached} in {seconds} s"
    );
    assert!(seconds > 1.0 || reached <= 60, "{reached}");
}

/// A13: where TCP is not relayed, which is so unless it is asked for, nobody gets a connection.
#[test]
fn a13_no_connection_is_made_unless_tcp_is_relayed() {
    let turnd = Turnd::start(&format!(
        "{CONFIG}listening-ip=127.0.0.1\nallow-loopback-peers\n"
    ));
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    peer.set_nonblocking(true).unwrap();
    let mut client = Client::new(Way::Tcp, &turnd);
    assert_eq!(client.allocate(6, 1).error(), Some(442));
    assert_eq!(client.allocate(17, 1).error(), None);
    let address = peer.local_addr().unwrap();
    let connect = client.signed(Method::CONNECT, |writer| {
        writer.xor_address(attr::XOR_PEER_ADDRESS, address);
    });
    client.send(&connect);
    assert!(client.hears_nothing());
    std::thread::sleep(Duration::from_millis(50));
    let taken = peer.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(taken, Err(ErrorKind::WouldBlock));
    // It is not even known: the same in clear.
    let (_, unsigned) = message(Class::Request, Method::CONNECT, |_| ());
    client.send(&unsigned);
    assert!(client.hears_nothing());
}
