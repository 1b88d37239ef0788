//! Datagrams whose senders are nobody: from port 0, from a broadcast or a multicast address. They get no answer,
//! are counted, and fill no log.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use socket2::{Domain, Protocol, Socket, Type};
use turnd_wire::{Class, Method};

use crate::{
    client::{self, channel_message},
    routed::{CONFIG, PEER, at, inside, peer, receive},
    scrape::scrape,
    session::Session,
    support::{namespace::within, turnd::Turnd},
};

const EACH: usize = 500;

/// Writes IP headers itself.
struct Forger(Socket);

impl Forger {
    fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)).unwrap();
        socket.set_header_included_v4(true).unwrap();
        Self(socket)
    }

    fn send(&self, from: SocketAddrV4, to: SocketAddrV4, data: &[u8]) {
        let udp_length = u16::try_from(8 + data.len()).unwrap().to_be_bytes();
        // The kernel fills in length, identification and checksum. UDP does without one.
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0];
        packet.extend(from.ip().octets());
        packet.extend(to.ip().octets());
        packet.extend(from.port().to_be_bytes());
        packet.extend(to.port().to_be_bytes());
        packet.extend(udp_length);
        packet.extend([0, 0]);
        packet.extend(data);
        self.0.send_to(&packet, &to.into()).expect("sending");
    }
}

fn v4(address: SocketAddr) -> SocketAddrV4 {
    match address {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(_) => panic!("an address of IPv4"),
    }
}

#[test]
fn nobody_gets_an_answer_and_each_is_counted() {
    if !inside("nobody::nobody_gets_an_answer_and_each_is_counted") {
        return;
    }
    let turnd = Turnd::start(&format!(
        "{CONFIG}relay-threads=1\nprometheus\nprometheus-address=127.0.0.1\nprometheus-port=0\n"
    ));
    let server = v4(turnd.udp_v4());
    let session = Session::new(server.into(), "alice", "secret");
    let relayed = v4(session.allocate().relayed());
    assert_eq!(session.permit(at(PEER)).error(), None);
    let counts = || {
        let scrape = scrape(&turnd);
        [
            "turnd_sent_datagrams_total",
            "turnd_received_datagrams_total",
            "turnd_malformed_messages_total",
            "turnd_relay_drops_total{direction=\"to-peer\",reason=\"no-allocation\"}",
            "turnd_relay_drops_total{direction=\"to-client\",reason=\"no-permission\"}",
            "turnd_send_drops_total{reason=\"error\"}",
        ]
        .map(|name| scrape.value(name) as usize)
    };
    let (before, lines) = (counts(), turnd.line_count());
    // To the listener, from where the network would let them through: this machine.
    let forger = Forger::new();
    let (_, binding) = client::message(Class::Request, Method::BINDING, |_| ());
    let nobodies = [
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0),
        SocketAddrV4::new(Ipv4Addr::BROADCAST, 4000),
        SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 5), 4000),
    ];
    // The listener's buffer holds so many until the server has asked for a nonce once more.
    for _ in 0..EACH / 50 {
        for _ in 0..50 {
            for nobody in nobodies {
                forger.send(nobody, server, &binding);
                forger.send(nobody, server, &channel_message(b"x"));
            }
        }
        assert!(session.hears_nothing());
    }
    // To the relay, from port 0 of a permitted peer and from nobodies on this machine.
    let far_forger = within("peer", Forger::new);
    let port_zero = SocketAddrV4::new(*v4(at(PEER)).ip(), 0);
    for nth in 0..EACH {
        far_forger.send(port_zero, relayed, b"from port 0");
        forger.send(nobodies[1 + nth % 2], relayed, b"from nobody");
    }
    // Behind these comes what everybody is allowed.
    let friend = peer(PEER);
    friend.send_to(b"from a peer", relayed).unwrap();
    assert_eq!(session.receive(), b"from a peer");
    assert!(session.hears_nothing());

    let after = counts();
    let [
        sent,
        received,
        malformed,
        no_allocation,
        no_permission,
        errors,
    ] = std::array::from_fn(|at| after[at] - before[at]);
    // What the session was answered and sent.
    let answers = EACH / 50 + 2;
    assert_eq!(sent, answers);
    assert_eq!(received, answers + 2 * 3 * EACH + 2 * EACH);
    assert_eq!((malformed, no_allocation), (3 * EACH, 3 * EACH));
    assert_eq!(no_permission, 2 * EACH);
    assert_eq!(errors, 0);
    assert_eq!(turnd.line_count(), lines, "{}", turnd.log());
    session.send_indication(at(PEER), b"on it goes", false);
    assert_eq!(receive(&friend).0, b"on it goes");
}
