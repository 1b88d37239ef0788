//! The IP headers of what is relayed (RFC 8656 sections 13 to 16): the alternate behaviour, in which nothing is
//! copied and everything is the system's default.

use std::{
    io::{ErrorKind, Read},
    net::SocketAddr,
    time::Duration,
};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use turnd_wire::{Class, Method, Writer, attr};

use crate::{
    client::{self, CHANNEL, Client},
    routed::{PEER, PEER_V6, at, inside, peer, receive, start},
    session::Session,
    support::{
        namespace::{sh, within},
        turnd::Turnd,
    },
};

/// DSCP EF and ECT(0), and as it were after congestion: nothing that a default is.
const EF_ECT0: u32 = 0xBA;
const EF_CE: u32 = 0xBB;
const ETH_P_ALL: u16 = 3;

/// Every packet that passes through the interfaces of a namespace.
struct Capture(Socket);

/// What is looked at of an IP header.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    /// DSCP and ECN.
    class: u8,
    /// TTL or hop limit.
    hops: u8,
    /// DF; always false of IPv6.
    dont_fragment: bool,
}

const fn default(hops: u8) -> Header {
    Header {
        class: 0,
        hops,
        dont_fragment: false,
    }
}

impl Capture {
    fn new() -> Self {
        let protocol = Protocol::from(i32::from(ETH_P_ALL.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(protocol)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        Self(socket)
    }

    /// The header of the next packet with these bytes in it. A packet on the loopback interface is seen twice.
    fn header_of(&mut self, data: &[u8]) -> Header {
        let mut packet = self.next();
        while !has(&packet, data) {
            packet = self.next();
        }
        match packet[0] >> 4 {
            4 => Header {
                class: packet[1],
                hops: packet[8],
                dont_fragment: packet[6] & 0x40 != 0,
            },
            _ => Header {
                class: packet[0] << 4 | packet[1] >> 4,
                hops: packet[7],
                dont_fragment: false,
            },
        }
    }

    /// No packet before the one with these bytes in it tells that another one was too long.
    fn expect_no_complaint_before(&mut self, data: &[u8]) {
        loop {
            let packet = self.next();
            let is_complaint = match packet[0] >> 4 {
                // ICMP, destination unreachable; ICMPv6, packet too big.
                4 => packet[9] == 1 && packet[20] == 3,
                _ => packet[6] == 58 && packet[40] == 2,
            };
            assert!(!is_complaint, "{packet:?}");
            if has(&packet, data) {
                return;
            }
        }
    }

    fn next(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; 65_536];
        loop {
            match self.0.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => {
                    buffer.truncate(read.expect("a packet"));
                    return buffer;
                }
            }
        }
    }
}

fn has(packet: &[u8], data: &[u8]) -> bool {
    packet.windows(data.len()).any(|part| part == data)
}

/// Gives what a socket sends all that could be copied.
fn mark(socket: &impl std::os::fd::AsFd, family: SocketAddr, class: u32, hops: u32) {
    let socket = SockRef::from(socket);
    if family.is_ipv4() {
        socket.set_tos_v4(class).unwrap();
        socket.set_ttl_v4(hops).unwrap();
    } else {
        socket.set_tclass_v6(class).unwrap();
        socket.set_unicast_hops_v6(hops).unwrap();
    }
}

/// From each family to each: where the server listens, and the peer.
fn ways(turnd: &Turnd) -> [(SocketAddr, &'static str); 4] {
    let (v4, v6) = (turnd.udp_v4(), turnd.udp_v6());
    [(v4, PEER), (v4, PEER_V6), (v6, PEER), (v6, PEER_V6)]
}

/// The relay of a session that has a channel to the peer, or else a permission.
fn allocate(session: &Session, peer: SocketAddr, by_channel: bool) -> SocketAddr {
    let reply = if peer.is_ipv4() {
        session.allocate()
    } else {
        session.allocate_v6()
    };
    let opened = if by_channel {
        session.bind(peer)
    } else {
        session.permit(peer)
    };
    assert_eq!(opened.error(), None);
    reply.relayed()
}

#[test]
fn datagrams_to_peers_have_default_headers_and_df_where_it_was_asked_for() {
    if !inside("ip_header::datagrams_to_peers_have_default_headers_and_df_where_it_was_asked_for") {
        return;
    }
    let turnd = start();
    let mut capture = within("peer", Capture::new);
    for (server, address) in ways(&turnd) {
        let (receiver, peer) = (peer(address), at(address));
        let session = Session::new(server, "alice", "secret");
        allocate(&session, peer, true);
        // Linux sets DF on these itself.
        mark(&session.socket, server, EF_ECT0, 9);
        let keeps_df = server.is_ipv4() && peer.is_ipv4();
        for round in 0..2 {
            let data = |what: &str| format!("{what} {round} {server} {peer}").into_bytes();
            let sent = data("channel");
            session.send_channel(&sent);
            assert_eq!(capture.header_of(&sent), default(63));
            let sent = data("indication");
            session.send_indication(peer, &sent, false);
            assert_eq!(capture.header_of(&sent), default(63));
            let sent = data("not to be fragmented");
            session.send_indication(peer, &sent, true);
            let expected = Header {
                dont_fragment: keeps_df,
                ..default(63)
            };
            assert_eq!(capture.header_of(&sent), expected);
        }
        for _ in 0..6 {
            receive(&receiver);
        }
    }
}

#[test]
fn datagrams_to_clients_have_default_headers() {
    if !inside("ip_header::datagrams_to_clients_have_default_headers") {
        return;
    }
    let turnd = start();
    let mut capture = Capture::new();
    for (server, address) in ways(&turnd) {
        let sender = peer(address);
        mark(&sender, at(address), EF_CE, 7);
        for by_channel in [true, false] {
            let session = Session::new(server, "alice", "secret");
            let relayed = allocate(&session, at(address), by_channel);
            // Four bytes more would be padded in an indication.
            let data = format!("{:-<60}", format!("{server} {address} {by_channel}"));
            sender.send_to(data.as_bytes(), relayed).unwrap();
            // It has come in as it was marked ...
            let came = capture.header_of(data.as_bytes());
            assert_eq!((u32::from(came.class), came.hops), (EF_CE, 6));
            // ... and goes on as if it had not been.
            assert_eq!(capture.header_of(data.as_bytes()), default(64));
            assert_eq!(session.receive(), data.as_bytes());
        }
    }
}

/// RFC 8656 section 13.2: where peers were told, it would be of an MTU that leaves room for our overhead.
#[test]
fn what_our_overhead_makes_too_long_is_cut_up_and_no_peer_is_told() {
    if !inside("ip_header::what_our_overhead_makes_too_long_is_cut_up_and_no_peer_is_told") {
        return;
    }
    // As the way to the peers.
    sh("ip link set lo mtu 1280");
    let turnd = start();
    let mut capture = within("peer", Capture::new);
    for (server, address) in ways(&turnd) {
        let sender = peer(address);
        for by_channel in [true, false] {
            let session = Session::new(server, "alice", "secret");
            let relayed = allocate(&session, at(address), by_channel);
            // As long as the way takes it, which adds 28 or 48 bytes of headers.
            let headers = if at(address).is_ipv4() { 28 } else { 48 };
            let long: Vec<u8> = (0..1280 - headers).map(|at| (at % 251) as u8).collect();
            for _ in 0..3 {
                sender.send_to(&long, relayed).unwrap();
                assert_eq!(session.receive(), long);
            }
            let end = format!("the end of {server} {address} {by_channel}");
            session.send_indication(at(address), end.as_bytes(), false);
            assert_eq!(receive(&sender).0, end.as_bytes());
            capture.expect_no_complaint_before(end.as_bytes());
        }
    }
}

/// A Send indication as bytes for a stream.
fn indication(peer: SocketAddr, data: &[u8], dont_fragment: bool) -> Vec<u8> {
    let fill = |writer: &mut Writer<'_>| {
        writer.xor_address(attr::XOR_PEER_ADDRESS, peer);
        if dont_fragment {
            writer.bytes(attr::DONT_FRAGMENT, &[]);
        }
        writer.bytes(attr::DATA, data);
    };
    client::message(Class::Indication, Method::SEND, fill).1
}

#[test]
fn streams_lend_datagrams_nothing_but_dont_fragment() {
    if !inside("ip_header::streams_lend_datagrams_nothing_but_dont_fragment") {
        return;
    }
    let turnd = start();
    let server = turnd.address("tcp", SocketAddr::is_ipv4);
    let mut capture = within("peer", Capture::new);
    let (receiver, peer) = (peer(PEER), at(PEER));
    let mut client = Client::tcp(server);
    client.allocate().relayed();
    assert_eq!(client.bind(peer).error(), None);
    mark(client.stream.socket(), server, EF_ECT0, 9);
    for dont_fragment in [false, true, false] {
        let data = format!("over TCP, {dont_fragment}").into_bytes();
        client.send(&indication(peer, &data, dont_fragment));
        let expected = Header {
            dont_fragment,
            ..default(63)
        };
        assert_eq!(capture.header_of(&data), expected);
        assert_eq!(receive(&receiver).0, data);
        client.send_channel(&data);
        assert_eq!(capture.header_of(&data), default(63));
        assert_eq!(receive(&receiver).0, data);
    }
}

#[test]
fn fragments_of_peers_reach_a_stream_whole_and_leave_no_mark_on_it() {
    if !inside("ip_header::fragments_of_peers_reach_a_stream_whole_and_leave_no_mark_on_it") {
        return;
    }
    let turnd = start();
    let server = turnd.address("tcp", SocketAddr::is_ipv4);
    let sender = peer(PEER);
    let mut client = Client::tcp(server);
    let relayed = client.allocate().relayed();
    assert_eq!(client.bind(at(PEER)).error(), None);
    mark(&sender, at(PEER), EF_CE, 7);
    let mut capture = Capture::new();
    let data: Vec<u8> = (0..5000_u32).map(|at| (at % 251) as u8).collect();
    sender.send_to(&data, relayed).unwrap();
    // The last fragment, and the end of what the client is sent.
    let end = &data[data.len() - 50..];
    assert_eq!(u32::from(capture.header_of(end).class), EF_CE);
    // A fragment is seen again on each link that it crosses.
    let mut sent = capture.header_of(end);
    while u32::from(sent.class) == EF_CE {
        sent = capture.header_of(end);
    }
    assert_eq!((sent.class, sent.hops), (0, 64));
    let message = client.next().expect("ChannelData");
    assert_eq!(message[..2], CHANNEL.to_be_bytes());
    assert_eq!(message[4..], data);
}
