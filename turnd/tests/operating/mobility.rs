//! Clients that move (RFC 8016): over every transport, and from one worker to another, as the kernel has it.

use std::net::SocketAddr;

use turnd_wire::{Class, Message, Method, Writer, attr};

use crate::{
    client::{
        Client, Peer, ask_for_channel, ask_for_udp, channel_message, eventually, expect_freed,
    },
    pki::Authority,
    reload::must_reload,
    scrape::scrape,
    session::Session,
    support::turnd::Turnd,
    tls::tls,
};
#[cfg(feature = "dtls")]
use crate::{
    client::{channel_payload, message},
    dtls::Client as Dtls,
};

/// So many workers that hardly any test has all its clients on one.
const CONFIG: &str = "\
listening-ip=127.0.0.1
listening-port=0
realm=example.org
user=alice:secret
allow-loopback-peers
relay-threads=4
prometheus
prometheus-address=127.0.0.1
prometheus-port=0
mobility
";
/// Moves in one test; that all of them stay on one worker is as likely as one in 4^12.
const MOVES: usize = 12;
/// Messages each way after each move, and how many are under way at a time.
const MESSAGES: usize = 60;
const WINDOW: usize = 20;

/// One path of a client.
trait Path {
    fn request(&mut self, method: Method, fill: &dyn Fn(&mut Writer<'_>)) -> Vec<u8>;
    fn send(&mut self, data: &[u8]);
    fn receive(&mut self) -> Vec<u8>;
}

impl Path for Session {
    fn request(&mut self, method: Method, fill: &dyn Fn(&mut Writer<'_>)) -> Vec<u8> {
        let reply = Self::request(self, method, |writer| fill(writer));
        reply.message().bytes().to_vec()
    }

    fn send(&mut self, data: &[u8]) {
        self.send_channel(data);
    }

    fn receive(&mut self) -> Vec<u8> {
        Self::receive(self)
    }
}

impl Path for Client {
    fn request(&mut self, method: Method, fill: &dyn Fn(&mut Writer<'_>)) -> Vec<u8> {
        Self::request(self, method, |writer| fill(writer)).0
    }

    fn send(&mut self, data: &[u8]) {
        self.send_channel(data);
    }

    fn receive(&mut self) -> Vec<u8> {
        Self::receive(self)
    }
}

#[cfg(feature = "dtls")]
impl Path for Dtls {
    fn request(&mut self, method: Method, fill: &dyn Fn(&mut Writer<'_>)) -> Vec<u8> {
        let (_, request) = message(Class::Request, method, |writer| fill(writer));
        Self::send(self, &request);
        self.next()
    }

    fn send(&mut self, data: &[u8]) {
        Self::send(self, &channel_message(data));
    }

    fn receive(&mut self) -> Vec<u8> {
        channel_payload(&self.next())
    }
}

fn udp(turnd: &Turnd) -> Session {
    Session::new(turnd.udp_v4(), "alice", "secret")
}

fn tcp(turnd: &Turnd) -> Client {
    Client::tcp(turnd.address("tcp", SocketAddr::is_ipv4))
}

/// The value of an attribute of a success.
fn value(reply: &[u8], kind: attr::AttributeType) -> Vec<u8> {
    let reply = Message::parse(reply).unwrap();
    assert_eq!(reply.class(), Class::Success, "{reply:?}");
    reply.attribute(kind).expect("the attribute").to_vec()
}

fn code(reply: &[u8]) -> Option<u16> {
    let reply = Message::parse(reply).unwrap();
    let value = reply.attribute(attr::ERROR_CODE)?;
    Some(turnd_wire::ErrorCode::parse(value)?.0.number())
}

fn allocate(path: &mut dyn Path) -> (SocketAddr, Vec<u8>) {
    let reply = path.request(Method::ALLOCATE, &|writer| {
        ask_for_udp(writer);
        writer.bytes(attr::MOBILITY_TICKET, &[]);
    });
    let ticket = value(&reply, attr::MOBILITY_TICKET);
    let reply = Message::parse(&reply).unwrap();
    (
        reply.xor_address(attr::XOR_RELAYED_ADDRESS).unwrap(),
        ticket,
    )
}

fn bind(path: &mut dyn Path, peer: &Peer) {
    let address = peer.address();
    let fill = |writer: &mut Writer<'_>| ask_for_channel(writer, address);
    assert_eq!(code(&path.request(Method::CHANNEL_BIND, &fill)), None);
}

fn show(path: &mut dyn Path, ticket: &[u8]) -> Vec<u8> {
    path.request(Method::REFRESH, &|writer| {
        writer.bytes(attr::MOBILITY_TICKET, ticket);
    })
}

fn refresh(path: &mut dyn Path, lifetime: u32) -> Option<u16> {
    let fill = |writer: &mut Writer<'_>| writer.number32(attr::LIFETIME, lifetime);
    code(&path.request(Method::REFRESH, &fill))
}

fn data(number: usize) -> Vec<u8> {
    let bytes = (0..number * 131 % 1200).map(|at| (at + number) as u8);
    [number as u8].into_iter().chain(bytes).collect()
}

/// Data of all sizes from the peer to the client and back.
fn talk(path: &mut dyn Path, peer: &Peer, relayed: SocketAddr) {
    let numbers: Vec<usize> = (0..MESSAGES).collect();
    for window in numbers.chunks(WINDOW) {
        for &number in window {
            path.send(&data(number));
        }
        for &number in window {
            assert_eq!(peer.receive(), (data(number), relayed));
        }
        for &number in window {
            peer.socket.send_to(&data(number), relayed).unwrap();
        }
        for &number in window {
            assert_eq!(path.receive(), data(number));
        }
    }
}

/// A client that goes from path to path with its allocation.
fn travel(turnd: &Turnd, mut next: impl FnMut(usize) -> Box<dyn Path>) {
    let peer = Peer::new();
    let mut here = next(0);
    let (relayed, mut ticket) = allocate(&mut *here);
    bind(&mut *here, &peer);
    talk(&mut *here, &peer, relayed);
    for number in 1..=MOVES {
        let mut there = next(number);
        let reply = show(&mut *there, &ticket);
        let new = value(&reply, attr::MOBILITY_TICKET);
        assert_ne!(new, ticket);
        // The old path goes on until there is data on the new one, whatever is asked for there.
        bind(&mut *there, &peer);
        talk(&mut *here, &peer, relayed);
        talk(&mut *there, &peer, relayed);
        assert_eq!(refresh(&mut *there, 600), None);
        assert_eq!(refresh(&mut *here, 600), Some(437));
        assert_eq!(code(&show(&mut *here, &ticket)), Some(400));
        (here, ticket) = (there, new);
    }
    assert_eq!(refresh(&mut *here, 0), None);
    expect_freed(relayed);
    assert_eq!(refresh(&mut *here, 0), Some(437));
    // The path is as good as any other again.
    let (relayed, _) = allocate(&mut *here);
    bind(&mut *here, &peer);
    talk(&mut *here, &peer, relayed);
    assert_eq!(refresh(&mut *here, 0), None);
    let scrape = scrape(turnd);
    scrape.expect(&[("turnd_allocations_moved_total", MOVES as f64)]);
}

#[test]
fn over_udp() {
    let turnd = Turnd::start(CONFIG);
    travel(&turnd, |_| Box::new(udp(&turnd)));
}

#[test]
fn over_tcp() {
    let turnd = Turnd::start(CONFIG);
    travel(&turnd, |_| Box::new(tcp(&turnd)));
}

#[test]
fn over_tls() {
    let authority = Authority::new();
    let config = format!("{CONFIG}cert=cert.pem\npkey=key.pem\ntls-listening-port=0\n");
    let turnd = Turnd::start_with_files(&config, &authority.issue().files());
    let server = turnd.address("tcp", SocketAddr::is_ipv4);
    travel(&turnd, |_| Box::new(tls(server, &authority).unwrap().0));
    // No connection is counted where it is not any more.
    eventually("all connections have ended", || {
        scrape(&turnd).value(r#"turnd_connections{transport="tls"}"#) == 0.0
    });
}

#[cfg(feature = "dtls")]
#[test]
fn over_dtls() {
    let config = CONFIG.replace("user=alice:secret", "no-auth");
    let turnd = Turnd::start(&format!(
        "{config}self-signed\ntls-listening-port=0\ndtls\n"
    ));
    let server = turnd.udp_v4();
    travel(&turnd, |_| {
        Box::new(Dtls::connect(server).expect("a handshake"))
    });
}

#[test]
fn from_one_transport_to_another() {
    let turnd = Turnd::start(CONFIG);
    travel(&turnd, |number| match number % 2 {
        0 => Box::new(udp(&turnd)),
        _ => Box::new(tcp(&turnd)),
    });
}

/// The connection is handed over with all that came behind the request.
#[test]
fn what_a_client_sends_at_once_behind_its_ticket_is_not_lost() {
    let turnd = Turnd::start(CONFIG);
    let peer = Peer::new();
    let mut here = tcp(&turnd);
    let (relayed, mut ticket) = allocate(&mut here);
    bind(&mut here, &peer);
    for _ in 0..MOVES {
        let mut there = tcp(&turnd);
        there.learn_nonce();
        let fill = |writer: &mut Writer<'_>| writer.bytes(attr::MOBILITY_TICKET, &ticket);
        let (id, mut bytes) = there.signed(Method::REFRESH, fill);
        for number in 0..WINDOW {
            bytes.extend(channel_message(&data(number)));
        }
        there.send(&bytes);
        for number in 0..WINDOW {
            assert_eq!(peer.receive(), (data(number), relayed));
        }
        let reply = there.reply_to(id).0;
        ticket = value(&reply, attr::MOBILITY_TICKET);
        talk(&mut there, &peer, relayed);
        here = there;
    }
    drop(here);
}

/// T8016-D-2: a connection that ends leaves the allocation, and its place, until the client comes back.
#[test]
fn a_client_whose_connection_broke_comes_back_to_its_allocation() {
    let turnd = Turnd::start(&format!("{CONFIG}user-quota=1\n"));
    let peer = Peer::new();
    let mut here = tcp(&turnd);
    let (relayed, mut ticket) = allocate(&mut here);
    bind(&mut here, &peer);
    for _ in 0..MOVES {
        here.close();
        eventually("the connection has ended", || {
            scrape(&turnd).value(r#"turnd_connections{transport="tcp"}"#) == 0.0
        });
        let mut other = tcp(&turnd);
        let refused = other.allocate();
        assert_eq!(refused.error(), Some(486));
        other.close();
        let mut there = tcp(&turnd);
        ticket = value(&show(&mut there, &ticket), attr::MOBILITY_TICKET);
        // There is no other path: what the peer sends comes here before the client has sent anything.
        peer.socket.send_to(b"down", relayed).unwrap();
        assert_eq!(there.receive(), b"down");
        talk(&mut there, &peer, relayed);
        here = there;
    }
    // Without mobility the end of a connection is the end of the allocation.
    must_reload(&turnd, &CONFIG.replace("\nmobility", ""));
    here.close();
    expect_freed(relayed);
    assert_eq!(code(&show(&mut udp(&turnd), &ticket)), Some(405));
}

/// Tickets are of one process, whatever they look like.
#[test]
fn tickets_of_another_server_are_refused() {
    let (one, other) = (Turnd::start(CONFIG), Turnd::start(CONFIG));
    for _ in 0..4 {
        let mut here = udp(&one);
        let (_, ticket) = allocate(&mut here);
        assert_eq!(code(&show(&mut udp(&other), &ticket)), Some(400));
        assert_eq!(refresh(&mut here, 0), None);
        assert_eq!(code(&show(&mut udp(&one), &ticket)), Some(437));
    }
}
