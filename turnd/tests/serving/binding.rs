//! Binding beyond what every client asks for: behaviour discovery, clients of older RFCs, credentials.

use std::{
    collections::HashSet,
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use turnd_wire::{
    Class, ErrorCode, Message, Method, Writer, address,
    attr::{self, AttributeType},
};

use crate::{session::Session, support::turnd::Turnd};

const BASE: &str = "listening-ip=127.0.0.1\nlistening-port=0\nno-tcp\nrealm=example.org\n\
    user=alice:secret\nrelay-threads=2\n";
/// Two addresses, two workers: an answer must leave through the worker's own socket of the other address.
const DISCOVERY: &str = "listening-ip=127.0.0.1\nlistening-ip=127.0.0.2\nlistening-port=0\n\
    realm=example.org\nuser=alice:secret\nrelay-threads=2\nrfc5780\n";
const PATIENCE: Duration = Duration::from_secs(5);

/// A client that hears from everywhere.
struct Client(UdpSocket);

impl Client {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    fn send(&self, server: SocketAddr, bytes: &[u8]) {
        self.0.send_to(bytes, server).unwrap();
    }

    /// The next datagram, and from where it came.
    fn next(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0; 65_536];
        loop {
            match self.0.recv_from(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                received => {
                    let (length, from) = received.expect("an answer");
                    return (buffer[..length].to_vec(), from);
                }
            }
        }
    }

    fn ask(&self, server: SocketAddr, bytes: &[u8]) -> (Vec<u8>, SocketAddr) {
        self.send(server, bytes);
        let (reply, from) = self.next();
        assert_eq!(reply[4..20], bytes[4..20], "the answer to another request");
        (reply, from)
    }
}

fn request(id: u8, attributes: &[(AttributeType, &[u8])]) -> Vec<u8> {
    let mut buffer = vec![0; 4096];
    let id = [id; 12].into();
    let mut writer = Writer::new(&mut buffer, Class::Request, Method::BINDING, id);
    for (kind, value) in attributes {
        writer.bytes(*kind, value);
    }
    writer.finish().unwrap().to_vec()
}

fn plain(reply: &[u8], kind: AttributeType) -> Option<SocketAddr> {
    let message = Message::parse(reply).unwrap();
    address::read(message.attribute(kind)?)
}

fn code(reply: &[u8]) -> Option<u16> {
    let message = Message::parse(reply).unwrap();
    let value = message.attribute(attr::ERROR_CODE)?;
    Some(ErrorCode::parse(value).unwrap().0.number())
}

/// Both addresses with the first port, then both with the second.
fn discovered(turnd: &Turnd) -> [SocketAddr; 4] {
    let addresses = turnd.addresses("udp");
    addresses.try_into().expect("four sockets")
}

/// RFC 5780 table 1, from every address to many clients, whom the kernel spreads over the workers.
#[test]
fn behaviour_discovery_answers_from_the_address_that_is_asked_for() {
    let turnd = Turnd::start(DISCOVERY);
    let [a1p1, a2p1, a1p2, a2p2] = discovered(&turnd);
    assert_eq!((a1p1.ip(), a1p1.port()), (a1p2.ip(), a2p1.port()));
    assert_eq!((a2p2.ip(), a2p2.port()), (a2p1.ip(), a1p2.port()));
    let table = [
        (a1p1, [a1p1, a1p2, a2p1, a2p2]),
        (a1p2, [a1p2, a1p1, a2p2, a2p1]),
        (a2p1, [a2p1, a2p2, a1p1, a1p2]),
        (a2p2, [a2p2, a2p1, a1p2, a1p1]),
    ];
    // A source has twenty such answers in a second, and all clients here have one address.
    for (server, origins) in table {
        for (flags, origin) in [0, 2, 4, 6].into_iter().zip(origins) {
            let client = Client::new();
            let change: &[u8] = &[0, 0, 0, flags];
            let asked = request(flags + 1, &[(attr::CHANGE_REQUEST, change)]);
            let (reply, from) = client.ask(server, &asked);
            assert_eq!(from, origin, "{server} with {flags}");
            assert_eq!(plain(&reply, attr::RESPONSE_ORIGIN), Some(origin));
            assert_eq!(plain(&reply, attr::OTHER_ADDRESS), Some(origins[3]));
            assert_eq!(plain(&reply, attr::MAPPED_ADDRESS), Some(client.address()));
        }
    }
}

#[test]
fn workers_answer_from_sockets_of_their_own() {
    let turnd = Turnd::start(DISCOVERY);
    let [server, .., other] = discovered(&turnd);
    let mut seen = HashSet::new();
    for number in 0..16 {
        let client = Client::new();
        let change: &[u8] = &[0, 0, 0, 6];
        let asked = request(number, &[(attr::CHANGE_REQUEST, change)]);
        let (_, from) = client.ask(server, &asked);
        assert_eq!(from, other);
        seen.insert(client.address());
    }
    assert_eq!(seen.len(), 16);
}

#[test]
fn padding_and_another_port_are_what_they_should_be() {
    let turnd = Turnd::start(DISCOVERY);
    let [server, ..] = discovered(&turnd);
    let client = Client::new();
    let padded = request(1, &[(attr::PADDING, &[7; 1600])]);
    let (reply, _) = client.ask(server, &padded);
    assert_eq!(reply.len(), padded.len());
    assert!(Message::parse(&reply).unwrap().has(attr::PADDING));
    // Bytes are never multiplied by PADDING.
    let (short, _) = client.ask(server, &request(2, &[(attr::PADDING, &[])]));
    let (bare, _) = client.ask(server, &request(3, &[]));
    assert_eq!(short.len(), bare.len() + 4);

    let other = Client::new();
    let [high, low] = other.address().port().to_be_bytes();
    let port: &[u8] = &[high, low, 0, 0];
    client.send(server, &request(4, &[(attr::RESPONSE_PORT, port)]));
    let (reply, from) = other.next();
    assert_eq!(from, server);
    let message = Message::parse(&reply).unwrap();
    let mapped = message.xor_address(attr::XOR_MAPPED_ADDRESS);
    assert_eq!(mapped, Some(client.address()));

    let both = request(5, &[(attr::PADDING, &[0; 8]), (attr::RESPONSE_PORT, port)]);
    assert_eq!(code(&client.ask(server, &both).0), Some(400));
    let service = request(6, &[(attr::RESPONSE_PORT, &[0, 53, 0, 0])]);
    assert_eq!(code(&client.ask(server, &service).0), Some(403));
}

#[test]
fn without_the_option_or_a_second_address_there_is_no_discovery() {
    for config in [BASE.to_owned(), format!("{BASE}rfc5780\n")] {
        let turnd = Turnd::start(&config);
        let (server, client) = (turnd.udp_v4(), Client::new());
        let (reply, _) = client.ask(server, &request(1, &[]));
        assert_eq!(reply.len(), 32);
        for (kind, value) in [
            (attr::CHANGE_REQUEST, &[0, 0, 0, 2][..]),
            (attr::PADDING, &[]),
            (attr::RESPONSE_PORT, &[0x9C, 0x40, 0, 0]),
        ] {
            let (reply, _) = client.ask(server, &request(2, &[(kind, value)]));
            assert_eq!((code(&reply), reply.len()), (Some(420), 36));
        }
        let is_told = turnd.log().contains("rfc5780 has no effect");
        assert_eq!(is_told, config.contains("rfc5780"), "{}", turnd.log());
    }
}

/// Switched on and off while it runs.
#[test]
fn a_reload_takes_it() {
    let turnd = Turnd::start(&DISCOVERY.replace("rfc5780\n", ""));
    let server = turnd.udp_v4();
    let client = Client::new();
    let change: &[u8] = &[0, 0, 0, 6];
    let asked = request(1, &[(attr::CHANGE_REQUEST, change)]);
    assert_eq!(code(&client.ask(server, &asked).0), Some(420));
    let reload = |config: &str| {
        let seen = turnd.line_count();
        turnd.write_file("turnserver.conf", config);
        turnd.signal("HUP");
        turnd.wait_for_line_after(seen, "configuration read again, changed: ");
    };
    reload(DISCOVERY);
    let (reply, from) = client.ask(server, &asked);
    assert_eq!(code(&reply), None);
    assert_ne!((from.ip(), from.port()), (server.ip(), server.port()));
    assert_eq!(plain(&reply, attr::OTHER_ADDRESS), Some(from));
    reload(&DISCOVERY.replace("rfc5780\n", "fingerprint\n"));
    assert_eq!(code(&client.ask(server, &asked).0), Some(420));
}

/// A client of RFC 3489 has no cookie; four bytes of its transaction id stand there.
#[test]
fn classic_stun_is_answered_only_if_it_is_asked_for() {
    let mut old = request(9, &[(attr::CHANGE_REQUEST, &[0, 0, 0, 0])]);
    old[4..8].copy_from_slice(&[1, 2, 3, 4]);
    let turnd = Turnd::start(&format!("{BASE}rfc3489-compatibility\n"));
    let client = Client::new();
    let (mut reply, _) = client.ask(turnd.udp_v4(), &old);
    reply[4..8].copy_from_slice(&0x2112_A442_u32.to_be_bytes());
    assert_eq!(plain(&reply, attr::MAPPED_ADDRESS), Some(client.address()));
    assert_eq!(reply.len(), 32);

    let turnd = Turnd::start(BASE);
    client.send(turnd.udp_v4(), &old);
    // The answer to the next one is the first that comes.
    let (reply, _) = client.ask(turnd.udp_v4(), &request(10, &[]));
    assert_eq!(code(&reply), None);
}

#[test]
fn old_clients_may_have_their_address_in_the_old_form() {
    let turnd = Turnd::start(&format!("{BASE}stun-backward-compatibility\n"));
    let client = Client::new();
    let (reply, _) = client.ask(turnd.udp_v4(), &request(1, &[]));
    assert_eq!(plain(&reply, attr::MAPPED_ADDRESS), Some(client.address()));
    let message = Message::parse(&reply).unwrap();
    let mapped = message.xor_address(attr::XOR_MAPPED_ADDRESS);
    assert_eq!(mapped, Some(client.address()));
}

#[test]
fn secure_stun_asks_for_credentials() {
    let turnd = Turnd::start(&format!("{BASE}secure-stun\n"));
    let client = Client::new();
    let (reply, _) = client.ask(turnd.udp_v4(), &request(1, &[]));
    assert_eq!(code(&reply), Some(401));
    assert!(
        !Message::parse(&reply)
            .unwrap()
            .has(attr::XOR_MAPPED_ADDRESS)
    );
    let alice = Session::new(turnd.udp_v4(), "alice", "secret");
    let reply = alice.request(Method::BINDING, |_| ());
    assert_eq!(reply.error(), None);
    let mapped = reply.message().xor_address(attr::XOR_MAPPED_ADDRESS);
    assert_eq!(
        mapped.map(|it| it.port()),
        Some(alice.socket.local_addr().unwrap().port())
    );
    let mallory = Session::new(turnd.udp_v4(), "alice", "guessed");
    let reply = mallory.request(Method::BINDING, |_| ());
    assert_eq!(reply.error(), Some(401));
}

/// RFC 7982 section 3.3.
#[test]
fn the_count_of_transmissions_comes_back() {
    let turnd = Turnd::start(BASE);
    let client = Client::new();
    let counter = attr::TRANSACTION_TRANSMIT_COUNTER;
    let (reply, _) = client.ask(turnd.udp_v4(), &request(1, &[(counter, &[0, 0, 5, 0])]));
    let message = Message::parse(&reply).unwrap();
    assert_eq!(message.attribute(counter), Some(&[0, 0, 5, 0][..]));
}

/// RFC 8489 section 14.3. The name is that of RFC 5769 section 2.4, the password as it stands there before and
/// after it is prepared.
#[test]
fn names_and_passwords_may_be_written_in_any_script() {
    let (name, written) = ("マトリックス", "The\u{ad}M\u{aa}tr\u{2168}");
    let users = format!("user={name}:{written}\nuser=Ame\u{301}lie:cafe\u{301}\n");
    let turnd = Turnd::start(&format!("{BASE}{users}allow-loopback-peers\n"));
    for (name, password) in [
        (name, "TheMatrIX"),
        (name, written),
        ("Am\u{e9}lie", "caf\u{e9}"),
        ("Ame\u{301}lie", "cafe\u{301}"),
    ] {
        let client = Session::new(turnd.udp_v4(), name, password);
        assert_eq!(client.allocate().error(), None, "{name} {password}");
        assert_eq!(client.delete().error(), None);
    }
    let other = Session::new(turnd.udp_v4(), name, "thematrix");
    assert_eq!(other.allocate().error(), Some(401));
}
