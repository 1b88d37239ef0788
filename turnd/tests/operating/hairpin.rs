//! Two clients of one server: what one sends to the other's relay stays in memory, and they notice nothing.

use std::{net::SocketAddr, ops::Sub};

use turnd_net::{Outbox, Slots, UdpOptions, UdpSocket};
#[cfg(feature = "dtls")]
use turnd_wire::{Class, Message, Method, Writer};
use turnd_wire::{attr, channel_data};

use crate::{
    client::Client,
    scrape::scrape,
    session::{CHANNEL, Session},
    support::turnd::Turnd,
};
#[cfg(feature = "dtls")]
use crate::{
    client::{ask_for_channel, ask_for_udp, channel_message, channel_payload, message},
    dtls::Client as Dtls,
};

const CONFIG: &str = "\
listening-ip=127.0.0.1
listening-ip=::1
listening-port=0
realm=example.org
user=alice:secret
prometheus
prometheus-address=127.0.0.1
prometheus-port=0
";
const ONE_WORKER: &str = "relay-threads=1\n";

/// Messages of each client in one test, and how many of them are under way at a time: fewer than any buffer
/// holds.
const MESSAGES: usize = 100;
const WINDOW: usize = 20;

/// One client of a pair.
trait End {
    fn relayed(&mut self) -> SocketAddr;
    fn bind(&mut self, peer: SocketAddr);
    fn send(&mut self, data: &[u8]);
    fn receive(&mut self) -> Vec<u8>;
}

impl End for Session {
    fn relayed(&mut self) -> SocketAddr {
        let server = self.socket.peer_addr().unwrap();
        let reply = match server {
            SocketAddr::V4(_) => self.allocate(),
            SocketAddr::V6(_) => self.allocate_v6(),
        };
        reply.relayed()
    }

    fn bind(&mut self, peer: SocketAddr) {
        assert_eq!(Self::bind(self, peer).error(), None);
    }

    fn send(&mut self, data: &[u8]) {
        self.send_channel(data);
    }

    fn receive(&mut self) -> Vec<u8> {
        Self::receive(self)
    }
}

impl End for Client {
    fn relayed(&mut self) -> SocketAddr {
        self.allocate().relayed()
    }

    fn bind(&mut self, peer: SocketAddr) {
        assert_eq!(Self::bind(self, peer).error(), None);
    }

    fn send(&mut self, data: &[u8]) {
        self.send_channel(data);
    }

    fn receive(&mut self) -> Vec<u8> {
        Self::receive(self)
    }
}

#[cfg(feature = "dtls")]
impl End for Dtls {
    fn relayed(&mut self) -> SocketAddr {
        let (id, request) = message(Class::Request, Method::ALLOCATE, ask_for_udp);
        self.send(&request);
        let reply = self.next();
        let reply = Message::parse(&reply).unwrap();
        assert_eq!(reply.transaction_id(), id);
        reply.xor_address(attr::XOR_RELAYED_ADDRESS).unwrap()
    }

    fn bind(&mut self, peer: SocketAddr) {
        let fill = |writer: &mut Writer<'_>| ask_for_channel(writer, peer);
        let (_, request) = message(Class::Request, Method::CHANNEL_BIND, fill);
        self.send(&request);
        let reply = self.next();
        assert_eq!(Message::parse(&reply).unwrap().class(), Class::Success);
    }

    fn send(&mut self, data: &[u8]) {
        Self::send(self, &channel_message(data));
    }

    fn receive(&mut self) -> Vec<u8> {
        channel_payload(&self.next())
    }
}

fn udp(server: SocketAddr) -> Session {
    Session::new(server, "alice", "secret")
}

/// What the sockets for datagrams have carried, all workers together, and what went past them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Carried {
    received: u64,
    sent: u64,
    hairpins: u64,
}

impl Carried {
    fn until_now(turnd: &Turnd) -> Self {
        let scrape = scrape(turnd);
        let value = |name: &str| scrape.value(name) as u64;
        Self {
            received: value("turnd_received_datagrams_total"),
            sent: value("turnd_sent_datagrams_total"),
            hairpins: value("turnd_hairpin_datagrams_total"),
        }
    }
}

impl Sub for Carried {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            received: self.received - before.received,
            sent: self.sent - before.sent,
            hairpins: self.hairpins - before.hairpins,
        }
    }
}

/// Bytes that tell who sent them and when, of a length of their own.
fn data(sender: u8, number: usize) -> Vec<u8> {
    let bytes = (0..number * 131 % 1200).map(|at| (at + number) as u8);
    [sender].into_iter().chain(bytes).collect()
}

/// Gives both an allocation and a channel to the other.
fn connect(ends: &mut [&mut dyn End; 2]) {
    let [first, second] = ends;
    let relayed = [first.relayed(), second.relayed()];
    first.bind(relayed[1]);
    second.bind(relayed[0]);
}

/// Both talk to each other; returns what the sockets of the server have carried of it.
fn talk(turnd: &Turnd, ends: &mut [&mut dyn End; 2]) -> Carried {
    connect(ends);
    let before = Carried::until_now(turnd);
    let numbers: Vec<usize> = (0..MESSAGES).collect();
    for window in numbers.chunks(WINDOW) {
        for (sender, receiver) in [(0, 1), (1, 0)] {
            for &number in window {
                ends[sender].send(&data(sender as u8, number));
            }
            for &number in window {
                assert_eq!(ends[receiver].receive(), data(sender as u8, number));
            }
        }
    }
    Carried::until_now(turnd) - before
}

/// Every message comes in from one client, goes out to the other, and takes no socket between.
fn all_in_memory(datagrams: u64) -> Carried {
    Carried {
        received: datagrams,
        sent: datagrams,
        hairpins: 2 * MESSAGES as u64,
    }
}

#[test]
fn a_pair_over_udp_needs_no_socket_between_in_both_families() {
    let turnd = Turnd::start(&format!("{CONFIG}{ONE_WORKER}"));
    for server in [turnd.udp_v4(), turnd.udp_v6()] {
        let (mut first, mut second) = (udp(server), udp(server));
        let carried = talk(&turnd, &mut [&mut first, &mut second]);
        assert_eq!(carried, all_in_memory(2 * MESSAGES as u64));
    }
}

#[test]
fn neither_does_one_over_tcp_or_over_both() {
    let turnd = Turnd::start(&format!("{CONFIG}{ONE_WORKER}"));
    let server = turnd.address("tcp", SocketAddr::is_ipv4);
    let (mut first, mut second) = (Client::tcp(server), Client::tcp(server));
    let carried = talk(&turnd, &mut [&mut first, &mut second]);
    assert_eq!(carried, all_in_memory(0));
    let (mut first, mut second) = (udp(turnd.udp_v4()), Client::tcp(server));
    let carried = talk(&turnd, &mut [&mut first, &mut second]);
    assert_eq!(carried, all_in_memory(MESSAGES as u64));
}

#[cfg(feature = "dtls")]
#[test]
fn nor_one_over_dtls() {
    let config = CONFIG.replace("user=alice:secret", "no-auth");
    let config = format!("{config}{ONE_WORKER}self-signed\ntls-listening-port=0\ndtls\n");
    let turnd = Turnd::start(&config);
    let ends = [(); 2].map(|()| Dtls::connect(turnd.udp_v4()).expect("a handshake"));
    let [mut first, mut second] = ends;
    let carried = talk(&turnd, &mut [&mut first, &mut second]);
    assert_eq!(carried.hairpins, 2 * MESSAGES as u64);
    assert_eq!(carried.received, 2 * MESSAGES as u64);
}

/// Clients are told the address that a NAT in front of the server has; no packet goes there.
#[test]
fn nor_where_clients_know_the_relays_by_an_external_address() {
    let config = format!("{CONFIG}{ONE_WORKER}relay-ip=127.0.0.1\nexternal-ip=203.0.113.5\n");
    let turnd = Turnd::start(&config);
    let (mut first, mut second) = (udp(turnd.udp_v4()), udp(turnd.udp_v4()));
    let carried = talk(&turnd, &mut [&mut first, &mut second]);
    assert_eq!(carried, all_in_memory(2 * MESSAGES as u64));
    let third = udp(turnd.udp_v4());
    assert_eq!(third.allocate().relayed().ip().to_string(), "203.0.113.5");
}

#[test]
fn a_client_that_permits_nothing_gets_nothing_and_a_deleted_allocation_neither() {
    let turnd = Turnd::start(&format!("{CONFIG}{ONE_WORKER}"));
    let (first, second) = (udp(turnd.udp_v4()), udp(turnd.udp_v4()));
    let relayed = [first.allocate().relayed(), second.allocate().relayed()];
    assert_eq!(first.bind(relayed[1]).error(), None);
    first.send_channel(b"unasked");
    assert!(first.hears_nothing() && second.hears_nothing());
    assert_eq!(second.permit(relayed[0]).error(), None);
    first.send_channel(b"asked");
    assert_eq!(second.receive(), b"asked");
    assert_eq!(second.delete().error(), None);
    first.send_channel(b"late");
    assert!(first.hears_nothing() && second.hears_nothing());
    let drops = scrape(&turnd);
    drops.expect(&[
        ("turnd_hairpin_datagrams_total", 2.0),
        (
            r#"turnd_relay_drops_total{direction="to-client",reason="no-permission"}"#,
            1.0,
        ),
        (
            r#"turnd_relay_drops_total{direction="to-peer",reason="peer-forbidden"}"#,
            1.0,
        ),
    ]);
}

/// With four workers some of eight pairs have their ends on two, over whichever transport.
#[test]
fn so_does_data_between_workers() {
    let turnd = Turnd::start(&format!("{CONFIG}relay-threads=4\n"));
    let tcp = turnd.address("tcp", SocketAddr::is_ipv4);
    // Kept, so that no later client gets the port of one that still has an allocation.
    let mut kept = Vec::new();
    for server in [turnd.udp_v4(), turnd.udp_v6()] {
        for _ in 0..8 {
            let (mut first, mut second) = (udp(server), udp(server));
            let carried = talk(&turnd, &mut [&mut first, &mut second]);
            assert_eq!(carried, all_in_memory(2 * MESSAGES as u64));
            kept.push((first, second));
        }
    }
    for _ in 0..8 {
        let (mut first, mut second) = (Client::tcp(tcp), Client::tcp(tcp));
        let carried = talk(&turnd, &mut [&mut first, &mut second]);
        assert_eq!(carried, all_in_memory(0));
    }
    let drops = r#"turnd_send_drops_total{reason="busy-worker"}"#;
    scrape(&turnd).expect(&[(drops, 0.0)]);
}

/// A port that was reserved by a client of one worker and redeemed by one of another.
#[test]
fn a_reserved_port_is_reached_at_whichever_worker_it_went_to() {
    let turnd = Turnd::start(&format!("{CONFIG}relay-threads=4\n"));
    let mut kept = Vec::new();
    for _ in 0..8 {
        let (mut first, second) = (udp(turnd.udp_v4()), udp(turnd.udp_v4()));
        let even = first.allocate_with(|writer| writer.bytes(attr::EVEN_PORT, &[0x80]));
        let token = even.token();
        let next = second.allocate_with(|writer| writer.bytes(attr::RESERVATION_TOKEN, &token));
        assert_eq!(next.relayed().port(), even.relayed().port() + 1);
        End::bind(&mut first, next.relayed());
        assert_eq!(second.permit(even.relayed()).error(), None);
        let before = Carried::until_now(&turnd);
        first.send_channel(b"to the odd one");
        assert_eq!(Session::receive(&second), b"to the odd one");
        let carried = Carried::until_now(&turnd) - before;
        assert_eq!(
            (carried.received, carried.sent, carried.hairpins),
            (1, 1, 1)
        );
        // Whoever gets the port next is not reached by this channel before it is bound anew.
        assert_eq!(second.delete().error(), None);
        first.send_channel(b"late");
        assert!(first.hears_nothing());
        kept.push(first);
    }
}

/// Equal messages that reach the server together leave it together, and in order.
#[test]
fn a_run_arrives_whole_and_in_order() {
    let turnd = Turnd::start(&format!("{CONFIG}{ONE_WORKER}"));
    let (mut first, mut second) = (udp(turnd.udp_v4()), udp(turnd.udp_v4()));
    connect(&mut [&mut first, &mut second]);
    let address = first.socket.local_addr().unwrap();
    // The same client from here on, with a socket that sends runs.
    drop(first);
    let socket = UdpSocket::bind(address, &UdpOptions::default()).unwrap();
    let before = Carried::until_now(&turnd);
    // The last of a run may be shorter, and may be of another channel or of none.
    let lengths = [900, 900, 900, 900, 500, 900, 900, 900, 900, 900];
    let mut outbox = Outbox::new();
    for (number, &length) in lengths.iter().enumerate() {
        let header = channel_data::header(CHANNEL, length);
        let message = [&header[..], &vec![number as u8; usize::from(length)]].concat();
        let piece = outbox.scratch(&message);
        outbox.push(0, turnd.udp_v4(), None, [piece]);
    }
    let flushed = outbox.flush(&Slots::new(1), |_| Some(&socket));
    assert_eq!((flushed.datagrams, flushed.calls), (10, 1));
    for (number, &length) in lengths.iter().enumerate() {
        let expected = vec![number as u8; usize::from(length)];
        assert_eq!(Session::receive(&second), expected);
    }
    let expected = Carried {
        received: 10,
        sent: 10,
        hairpins: 10,
    };
    assert_eq!(Carried::until_now(&turnd) - before, expected);
}
