//! Which addresses are this machine's: the list against what the kernel does, in a namespace.

use std::{
    net::{IpAddr, UdpSocket},
    time::{Duration, Instant},
};

use crate::support::{do_it, run_in_namespace};
use turnd_net::{local_addresses, own_addresses};

/// A child process of this test binary runs inside the namespace.
const INSIDE: &str = "TURND_NET_INTERFACES_INSIDE";

#[test]
fn what_the_kernel_delivers_here_is_among_our_own_addresses() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    run_in_namespace(
        "ip link set lo up",
        INSIDE,
        "interfaces::what_the_kernel_delivers_here_is_among_our_own_addresses",
    );
}

fn inside() {
    // As on a machine that routes for containers: the Subnet-Router anycast address is its own.
    std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").unwrap();
    let ours = ["8.8.7.9", "8.8.7.200", "2a00:1450:1::5", "2a00:1450:1::"];
    let others = ["8.8.8.9", "2a00:1450:1::6", "2a00:1450:2::"];
    for ip in ours.into_iter().chain(others) {
        assert!(!is_own(ip) && !reaches_us(ip), "{ip}");
    }
    // Seen without starting anew.
    do_it("ip addr add 8.8.7.9/24 dev lo");
    do_it("ip addr add 2a00:1450:1::5/64 dev lo");
    // The kernel does part of it later.
    let deadline = Instant::now() + Duration::from_secs(10);
    for ip in ours {
        while !(reaches_us(ip) && is_own(ip)) {
            assert!(Instant::now() < deadline, "{ip}");
        }
    }
    for ip in others {
        assert!(!reaches_us(ip) && !is_own(ip), "{ip}");
    }
    // Taken down with its interface, an IPv4 address is nothing to listen on, but ours all the same.
    do_it("ip link set lo down");
    assert!(is_own("8.8.7.9"));
    assert!(!local_addresses().unwrap().contains(&ip("8.8.7.9")));
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn is_own(text: &str) -> bool {
    let own = own_addresses().unwrap();
    own.iter().any(|block| block.contains(&ip(text)))
}

/// Whether a datagram to that address ends at a socket of this machine. Loopback delivers at once.
fn reaches_us(text: &str) -> bool {
    let to = ip(text);
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let (service, client) = (UdpSocket::bind(any).unwrap(), UdpSocket::bind(any).unwrap());
    service.set_nonblocking(true).unwrap();
    let port = service.local_addr().unwrap().port();
    client.send_to(b"x", (to, port)).is_ok() && service.recv(&mut [0; 8]).is_ok()
}
