//! A server, a router and a peer, each with a network of its own:
//!
//! ```text
//! server 9.9.9.1, 2606::1 -- 9.9.9.254, 2606::fe router 8.8.8.254, 2a00::fe -- 8.8.8.2, 2a00::2 peer
//!                        MTU 1500                                      MTU 1280
//! ```
//!
//! Clients are where the server is. The router has no way to 8.8.7.0/24 and 2a00:7::/64, and what goes to
//! 8.8.4.0/24 and 2a00:4::/64 gets no further than to it.

use std::{
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use crate::support::{
    namespace::{self, within},
    turnd::Turnd,
};

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) const PEER: &str = "8.8.8.2:5000";
pub(crate) const PEER_V6: &str = "[2a00::2]:5000";

const NETWORK: &str = "\
ip netns add router; ip netns add peer
for it in '' 'ip netns exec router' 'ip netns exec peer'; do
    $it sh -c 'echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad'
done
ip link add wan0 type veth peer name in0 netns router
ip -n router link add out0 mtu 1280 type veth peer name wan0 netns peer mtu 1280
ip addr add 9.9.9.1/24 dev wan0; ip addr add 2606::1/64 dev wan0 nodad
ip -n router addr add 9.9.9.254/24 dev in0; ip -n router addr add 2606::fe/64 dev in0 nodad
ip -n router addr add 8.8.8.254/24 dev out0; ip -n router addr add 2a00::fe/64 dev out0 nodad
ip -n peer addr add 8.8.8.2/24 dev wan0; ip -n peer addr add 2a00::2/64 dev wan0 nodad
ip link set wan0 up; ip -n router link set in0 up; ip -n router link set out0 up; ip -n peer link set wan0 up
ip -n peer link set lo up
ip netns exec router sh -c '
    echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
    echo 0 > /proc/sys/net/ipv4/icmp_ratelimit; echo 0 > /proc/sys/net/ipv6/icmp/ratelimit'
ip route add default via 9.9.9.254; ip -6 route add default via 2606::fe
ip -n peer route add default via 8.8.8.254; ip -n peer -6 route add default via 2a00::fe
ip -n router route add unreachable 8.8.7.0/24; ip -n router -6 route add unreachable 2a00:7::/64
ip -n router route add 8.8.4.0/24 via 8.8.8.2; ip -n router -6 route add 2a00:4::/64 via 2a00::2
ip route add 8.8.4.0/24 via 9.9.9.254 hoplimit 1
ip -6 route add 2a00:4::/64 via 2606::fe hoplimit 1
";

pub(crate) const CONFIG: &str = "\
listening-ip=127.0.0.1
listening-ip=::1
listening-port=0
relay-ip=9.9.9.1
relay-ip=2606::1
realm=example.org
user=alice:secret
";

/// Whether this is the process inside that network.
pub(crate) fn inside(test: &str) -> bool {
    let inside = namespace::inside(NETWORK, test);
    if inside {
        meet();
    }
    inside
}

/// Datagrams of IPv6 may be lost until everybody knows his neighbours.
fn meet() {
    let peer = within("peer", || UdpSocket::bind("[2a00::2]:0").unwrap());
    let server = UdpSocket::bind("[2606::1]:0").unwrap();
    for (from, to) in [(&server, &peer), (&peer, &server)] {
        to.set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        let address = to.local_addr().unwrap();
        let arrives = |_| {
            from.send_to(b"hello", address).expect("sending");
            to.recv_from(&mut [0; 8]).is_ok()
        };
        assert!((0..100).any(arrives), "{address} is not reached");
    }
}

pub(crate) fn start() -> Turnd {
    Turnd::start(CONFIG)
}

/// A socket of the peer's.
pub(crate) fn peer(address: &str) -> UdpSocket {
    let socket = within("peer", || UdpSocket::bind(address).unwrap());
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// The next datagram and where it came from.
pub(crate) fn receive(peer: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_536];
    let (length, from) = peer.recv_from(&mut buffer).expect("a datagram");
    buffer.truncate(length);
    (buffer, from)
}

pub(crate) fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}
