//! Hundreds of datagrams that wait for a worker together, as after a moment in which it did not run: the larger
//! rounds in which it reads them lose nothing, keep the order of each flow, and answer the requests in between.

use std::{
    collections::HashMap,
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use socket2::SockRef;
use turnd_wire::{ChannelData, Class, Message, Method, TransactionId, Writer, attr};

use crate::{session::Session, support::turnd::Turnd};

const CONFIG: &str = "listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\nuser=alice:secret\n\
    allow-loopback-peers\n";
/// As much as is read from a listener at once, three times and more. That many are asked for only when as
/// many were there several times: one burst after the other is needed.
const BURST: u32 = 400;
const BURSTS: u32 = 5;
/// A request stands before so many datagrams.
const REQUEST_EVERY: u32 = 25;
const CLIENTS: u32 = 50;
/// Room for a burst of short datagrams, also for those who are not root and get twice the usual at most.
const ROOM: usize = 1 << 20;

/// Workers read as they do by themselves, and after pauses.
fn servers(workers: u32) -> impl Iterator<Item = Turnd> {
    [0, 1000].into_iter().map(move |pause| {
        Turnd::start(&format!(
            "{CONFIG}relay-threads={workers}\ncoalesce-usecs={pause}\n"
        ))
    })
}

fn with_room(socket: &UdpSocket) {
    SockRef::from(socket).set_recv_buffer_size(ROOM).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
}

fn peer() -> UdpSocket {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    with_room(&peer);
    peer
}

fn receive(peer: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 256];
    loop {
        match peer.recv_from(&mut buffer) {
            // A socket with a time limit is not waited on again by itself (signal(7)).
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            received => {
                let (length, from) = received.expect("a datagram is missing");
                return (buffer[..length].to_vec(), from);
            }
        }
    }
}

/// Its number, and as much more that some in a row have one length; short, so that a burst fits the buffers.
fn datagram(round: u32, number: u32) -> Vec<u8> {
    let number = round * BURST + number;
    let more = vec![number as u8; (number / 7 % 50) as usize];
    [&number.to_be_bytes()[..], &more].concat()
}

/// Sends a Binding request, and does not wait for the answer.
fn ask(session: &Session) -> TransactionId {
    let mut buffer = [0; 20];
    let writer = Writer::new(
        &mut buffer,
        Class::Request,
        Method::BINDING,
        Session::next_id().into(),
    );
    let request = writer.finish().unwrap();
    session.socket.send(request).unwrap();
    Message::parse(request).unwrap().transaction_id()
}

/// What came to a client: data, and to which requests it has answers.
#[derive(Default)]
struct Came {
    data: Vec<Vec<u8>>,
    answers: Vec<TransactionId>,
}

/// The next so many datagrams of both.
fn came(session: &Session, data: usize, answers: usize) -> Came {
    let mut came = Came::default();
    while came.data.len() + came.answers.len() < data + answers {
        let bytes = session.datagram();
        let Ok(message) = Message::parse(&bytes) else {
            let message = ChannelData::parse(&bytes).expect("a message");
            came.data.push(message.data.to_vec());
            continue;
        };
        assert_eq!(message.class(), Class::Success);
        let mapped = message.xor_address(attr::XOR_MAPPED_ADDRESS);
        let local = session.socket.local_addr().unwrap();
        assert_eq!(mapped, Some(local), "somebody else's");
        came.answers.push(message.transaction_id());
    }
    came
}

impl Came {
    fn expect(&self, expected: &Self) {
        assert_eq!(self.answers, expected.answers);
        for (number, (came, expected)) in self.data.iter().zip(&expected.data).enumerate() {
            assert_eq!(came, expected, "{number}");
        }
        assert_eq!(self.data.len(), expected.data.len());
    }
}

/// A client with a channel to this peer, and its relayed address.
fn bound(turnd: &Turnd, peer: &UdpSocket) -> (Session, SocketAddr) {
    let session = Session::new(turnd.udp_v4(), "alice", "secret");
    with_room(&session.socket);
    let relayed = session.allocate().relayed();
    let address = peer.local_addr().unwrap();
    assert_eq!(session.bind(address).error(), None);
    (session, relayed)
}

#[test]
fn a_burst_of_one_client_arrives_in_order_and_what_it_asked_in_between_is_answered() {
    for turnd in servers(1) {
        let peer = peer();
        let address = peer.local_addr().unwrap();
        let (session, relayed) = bound(&turnd, &peer);
        for round in 0..BURSTS {
            let mut asked = Vec::new();
            turnd.signal("STOP");
            for number in 0..BURST {
                if number % REQUEST_EVERY == 0 {
                    asked.push(ask(&session));
                }
                // Both ways to say it, which must not overtake each other either.
                let data = datagram(round, number);
                if number % 10 == 3 {
                    session.send_indication(address, &data, false);
                } else {
                    session.send_channel(&data);
                }
            }
            turnd.signal("CONT");
            for number in 0..BURST {
                assert_eq!(receive(&peer), (datagram(round, number), relayed));
            }
            assert_eq!(came(&session, 0, asked.len()).answers, asked);
        }
    }
}

#[test]
fn a_burst_of_one_peer_arrives_in_order_and_requests_are_answered_beside_it() {
    for turnd in servers(1) {
        let peer = peer();
        let (session, relayed) = bound(&turnd, &peer);
        for round in 0..BURSTS {
            let mut expected = Came::default();
            turnd.signal("STOP");
            for number in 0..BURST {
                if number % REQUEST_EVERY == 0 {
                    expected.answers.push(ask(&session));
                }
                let data = datagram(round, number);
                peer.send_to(&data, relayed).unwrap();
                expected.data.push(data);
            }
            turnd.signal("CONT");
            let came = came(&session, expected.data.len(), expected.answers.len());
            came.expect(&expected);
        }
    }
}

#[test]
fn a_burst_of_many_clients_arrives_whole_and_each_ones_in_order() {
    for workers in [1, 2] {
        for turnd in servers(workers) {
            let peer = peer();
            let clients: Vec<_> = (0..CLIENTS).map(|_| bound(&turnd, &peer)).collect();
            // Nobody knows him: what he asks stands among the others' data.
            let stranger = Session::new(turnd.udp_v4(), "", "");
            for round in 0..BURSTS {
                burst_of_many(&turnd, &clients, &stranger, &peer, round);
            }
        }
    }
}

fn burst_of_many(
    turnd: &Turnd,
    clients: &[(Session, SocketAddr)],
    stranger: &Session,
    peer: &UdpSocket,
    round: u32,
) {
    let each = BURST / CLIENTS;
    let mut asked = vec![Vec::new(); clients.len()];
    let mut asked_by_stranger = Vec::new();
    turnd.signal("STOP");
    for number in 0..each {
        asked_by_stranger.push(ask(stranger));
        for (at, (session, _)) in clients.iter().enumerate() {
            if (number as usize + at).is_multiple_of(5) {
                asked[at].push(ask(session));
            }
            session.send_channel(&datagram(round, number));
        }
    }
    turnd.signal("CONT");
    let mut arrived: HashMap<SocketAddr, Vec<Vec<u8>>> = HashMap::new();
    for _ in 0..each * CLIENTS {
        let (data, from) = receive(peer);
        arrived.entry(from).or_default().push(data);
    }
    let data: Vec<Vec<u8>> = (0..each).map(|number| datagram(round, number)).collect();
    for (at, (session, relayed)) in clients.iter().enumerate() {
        assert_eq!(arrived.get(relayed), Some(&data), "of client {at}");
        let answers = came(session, 0, asked[at].len()).answers;
        assert_eq!(answers, asked[at], "to client {at}");
    }
    let answers = came(stranger, 0, asked_by_stranger.len()).answers;
    assert_eq!(answers, asked_by_stranger);

    // And the other way, where each relay has a socket of its own.
    turnd.signal("STOP");
    for data in &data {
        for (_, relayed) in clients {
            peer.send_to(data, relayed).unwrap();
        }
    }
    turnd.signal("CONT");
    for (at, (session, _)) in clients.iter().enumerate() {
        assert_eq!(came(session, data.len(), 0).data, data, "to client {at}");
    }
}
