//! What is used up by strangers and by clients who want too much: it has an end, and others go on.

use std::{
    fs,
    io::Write,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
};

use turnd_wire::{Class, Method, attr};

use crate::{
    support::{as_long, turnd::Turnd},
    ways::{Client, Way, message},
};

const CONFIG: &str = "realm=example.org\nuser=alice:secret\nuser=bob:secret\nlistening-ip=127.0.0.1\n\
     listening-port=0\nrelay-threads=1\nallow-loopback-peers\n";

/// C01: strangers leave nothing behind, and there may be a million of them.
#[test]
fn c01_a_flood_of_strangers_takes_no_memory() {
    let turnd = Turnd::start(CONFIG);
    let flood = |from: u32, count: u32| {
        for number in from..from + count {
            let [_, a, b, c] = number.to_be_bytes();
            let socket = UdpSocket::bind((Ipv4Addr::new(127, a, b, c), 0)).unwrap();
            let (_, request) = message(Class::Request, Method::ALLOCATE, |writer| {
                writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
            });
            socket.send_to(&request, turnd.udp_v4()).unwrap();
            if number % 50 == 0 {
                assert!(Client::new(Way::Udp, &turnd).hears_nothing());
            }
        }
    };
    // The first ones touch every buffer.
    flood(100, 5_000);
    let before = turnd.resident();
    let count = as_long(20_000_u32, 1_000_000);
    flood(10_000, count);
    let grown = turnd.resident().saturating_sub(before);
    assert!(grown <= 1024, "{grown} kB more after {count} strangers");
}

/// C07: ten thousand permissions are asked for, and 128 kept.
#[test]
fn c07_permissions_have_an_end() {
    let turnd = Turnd::start(CONFIG);
    let mut client = Client::new(Way::Udp, &turnd);
    assert_eq!(client.allocate(17, 1).error(), None);
    let peer = |nth: u32| {
        let [_, a, b, c] = nth.to_be_bytes();
        SocketAddr::from(([127, a, b, c], 9))
    };
    for nth in 0..128 {
        assert_eq!(client.permit(peer(1 + nth)), None, "{nth}");
    }
    for nth in 128..1000 {
        assert_eq!(client.permit(peer(1 + nth)), Some(508), "{nth}");
    }
    let before = turnd.resident();
    for nth in 1000..10_000 {
        assert_eq!(client.permit(peer(1 + nth)), Some(508), "{nth}");
    }
    let grown = turnd.resident().saturating_sub(before);
    assert!(grown <= 256, "{grown} kB more");
    // Fifty are met at once, which is fewer than there are channels.
    let bound = (0..64).map(|nth| client.bind(0x4000 + nth, peer(1 + u32::from(nth))));
    let bound: Vec<Option<u16>> = bound.collect();
    assert_eq!(bound[..50], [None; 50]);
    assert!(bound[50..].contains(&Some(508)), "{bound:?}");
}

/// C10: a length that is announced takes no memory before its bytes are there.
#[test]
fn c10_an_announced_length_is_not_believed() {
    let turnd = Turnd::start(CONFIG);
    let server = turnd.address("tcp", SocketAddr::is_ipv4);
    let mut header = message(Class::Request, Method::ALLOCATE, |_| ()).1;
    header[2..4].copy_from_slice(&65_532_u16.to_be_bytes());
    let liars = |count: usize| -> Vec<TcpStream> {
        let liar = |_| {
            let mut stream = TcpStream::connect(server).unwrap();
            stream.write_all(&header[..20]).unwrap();
            stream.write_all(&[0; 10]).unwrap();
            stream
        };
        (0..count).map(liar).collect()
    };
    let first = liars(20);
    assert!(Client::new(Way::Tcp, &turnd).hears_nothing());
    let before = turnd.resident();
    let others = liars(400);
    // As many turns later they have all been read.
    for _ in 0..20 {
        assert!(Client::new(Way::Tcp, &turnd).hears_nothing());
    }
    let grown = turnd.resident().saturating_sub(before);
    assert!(grown <= 400 * 4, "{grown} kB more for 400 connections");
    drop((first, others));
}

/// C17: a server listens where its configuration says, and nowhere else.
#[test]
fn c17_nothing_else_is_listened_on() {
    let turnd = Turnd::start(CONFIG);
    let expected = ["tcp", "udp"].map(|protocol| {
        let address = turnd.address(protocol, SocketAddr::is_ipv4);
        (protocol.to_owned(), address.port())
    });
    assert_eq!(
        in_several_looks(|| listening_sockets(turnd.pid()), |it| *it == expected),
        expected
    );

    let turnd = Turnd::start(&format!("{CONFIG}self-signed\ntls-listening-port=0\n"));
    let mut ports: Vec<u16> = turnd
        .listening()
        .iter()
        .map(|it| it.address.port())
        .collect();
    ports.sort_unstable();
    ports.dedup();
    let look = || {
        let listening = listening_sockets(turnd.pid());
        let mut found: Vec<u16> = listening.into_iter().map(|(_, port)| port).collect();
        found.sort_unstable();
        found.dedup();
        found
    };
    let found = in_several_looks(look, |it| *it == ports);
    assert_eq!(found, ports);
}

/// Every address family's sockets of a process that anybody could send something to: protocol and port.
/// What was seen last. The kernel's table is read in pieces, and sockets that others close meanwhile make it skip some.
fn in_several_looks<T>(look: impl Fn() -> T, is_expected: impl Fn(&T) -> bool) -> T {
    let mut seen = look();
    for _ in 0..20 {
        if is_expected(&seen) {
            break;
        }
        seen = look();
    }
    seen
}

fn listening_sockets(pid: u32) -> Vec<(String, u16)> {
    let links = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let links: Vec<String> = links
        .filter_map(|it| {
            fs::read_link(it.ok()?.path())
                .ok()?
                .into_os_string()
                .into_string()
                .ok()
        })
        .collect();
    let mut found = Vec::new();
    for (table, is_listening) in [("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")] {
        let lines = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in lines.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (local, state, inode) = (words[1], words[3], words[9]);
            if state == is_listening && links.contains(&format!("socket:[{inode}]")) {
                let port = local.rsplit(':').next().unwrap();
                let port = u16::from_str_radix(port, 16).unwrap();
                found.push((table.trim_end_matches('6').to_owned(), port));
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// D05: ten thousand passwords are tried from one address, and twenty looked at; elsewhere nobody notices.
#[test]
fn d05_passwords_are_not_looked_at_for_ever() {
    let turnd = Turnd::start(&format!(
        "{CONFIG}prometheus\nprometheus-address=127.0.0.1\nprometheus-port=0\n"
    ));
    let guesses = as_long(2_000, 10_000);
    let mut guesser = Client::new(Way::Udp, &turnd).user("alice", "guess");
    for _ in 0..guesses {
        assert_eq!(guesser.allocate(17, 1).error(), Some(401));
    }
    let metrics = crate::scrape::scrape(&turnd);
    let failures = |reason: &str| {
        let series = format!("turnd_auth_failures_total{{reason=\"{reason}\"}}");
        metrics.value(&series) as usize
    };
    let looked_at = failures("wrong-password");
    assert!((20..=40).contains(&looked_at), "{looked_at}");
    assert_eq!(failures("too-many-failures"), guesses - looked_at);
    // The user himself, from somewhere else; and not from there, for a minute.
    let elsewhere: IpAddr = "127.0.0.9".parse().unwrap();
    let mut alice = crate::ways::from(elsewhere, turnd.udp_v4());
    assert_eq!(alice.allocate(17, 1).error(), None);
    let mut here = Client::new(Way::Udp, &turnd);
    assert_eq!(here.allocate(17, 1).error(), Some(401));
}
