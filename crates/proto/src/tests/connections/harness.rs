//! The real server, driven by the steps of the model; what came of each is put into the model's words.

use core::net::SocketAddr;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use turnd_wire::{Class, ErrorCode, Message, Method, TransactionId, Writer, attr};

use super::{Step, after};
use crate::{
    Answer, Ask, AskId, BindRefusal, Client, ConnectFailure, ConnectionId, FiveTuple, Instant,
    Limits, ListenerId, LiveRelays, Now, OpenedRelay, Output, OwnAddresses, RelayId, Server,
    Settings, Transport, tests::settings,
};

pub(super) const CLIENTS: usize = 2;
/// Two ports of one host, another host, and a forbidden one.
pub(super) const PEERS: [&str; 4] = [
    "8.8.8.8:5000",
    "8.8.8.8:6000",
    "8.8.4.4:5000",
    "127.0.0.1:5000",
];
const RELAY: &str = "9.9.9.9";

/// What comes of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Silence,
    Done,
    Refused(u16),
    /// A Connect that waited has its answer.
    Settled(Settled),
    /// The client hears of this peer.
    Attempt(SocketAddr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    Success,
    Failure,
}

/// A server and all that it needs.
pub(super) struct Harness {
    pub(super) server: Server,
    now: Now,
    /// The last relay of each client, perhaps long gone.
    relays: [Option<RelayId>; CLIENTS],
    /// Relay sockets that are open.
    sockets: HashSet<RelayId>,
    next_port: u16,
    requests: u32,
    connections: Vec<Connection>,
    /// Which of them whoever drives the server holds.
    pub(super) open: HashSet<usize>,
    replies: Vec<Vec<u8>>,
}

struct Connection {
    id: ConnectionId,
    /// The Connect that waits: its question and its transaction.
    waits: Option<(AskId, TransactionId)>,
    answered: Option<Settled>,
}

impl Harness {
    pub(super) fn new(connections: usize, unbound_connections: usize) -> Self {
        let ip = RELAY.parse().expect("an address");
        let relays = Arc::new(LiveRelays::new([(ip, ip)]));
        let tcp_relays = Arc::new(LiveRelays::new([(ip, ip)]));
        let own = Arc::new(OwnAddresses::new(vec![ip..=ip], vec![]));
        let settings = Settings {
            limits: Limits {
                connections,
                unbound_connections,
                ..Limits::default()
            },
            tcp_relay: true,
            ..settings(relays, tcp_relays, own)
        };
        Self {
            server: Server::new(Arc::new(settings), 3, &[3; 32]),
            now: Now {
                instant: Instant::from_millis(0),
                unix: 0,
            },
            relays: [None; CLIENTS],
            sockets: HashSet::new(),
            next_port: 10_000,
            requests: 0,
            connections: Vec::new(),
            open: HashSet::new(),
            replies: Vec::new(),
        }
    }

    pub(super) fn step(&mut self, step: &Step) -> Outcome {
        match *step {
            Step::Allocate { client } => self.request(client, Method::ALLOCATE, |writer| {
                writer.bytes(attr::REQUESTED_TRANSPORT, &[6, 0, 0, 0]);
            }),
            Step::Delete { client } => self.request(client, Method::REFRESH, |writer| {
                writer.number32(attr::LIFETIME, 0);
            }),
            Step::Leave { client } => {
                self.server.handle_closed(self.now, &from(client).path);
                self.drain(client);
                Outcome::Silence
            }
            Step::Permit { client, peer: to } => {
                self.request(client, Method::CREATE_PERMISSION, |writer| {
                    writer.xor_address(attr::XOR_PEER_ADDRESS, peer(to));
                })
            }
            Step::Connect { client, peer: to } => self.request(client, Method::CONNECT, |writer| {
                writer.xor_address(attr::XOR_PEER_ADDRESS, peer(to));
            }),
            Step::Answer {
                connection,
                accepts,
            } => self.answer(connection, accepts),
            Step::PeerConnects { client, peer: by } => self.peer_connects(client, peer(by)),
            Step::Claim {
                connection,
                by_owner,
            } => {
                let id = self.id(connection);
                let user = if by_owner { "" } else { "mallory" };
                let claimed = self.server.handle_connection_claim(self.now, id, user);
                self.drain(0);
                match claimed {
                    Ok(_meter) => Outcome::Done,
                    Err(BindRefusal::Unknown) => Outcome::Refused(400),
                    Err(BindRefusal::WrongUser) => Outcome::Refused(441),
                }
            }
            Step::ConnectionEnds { connection } => {
                let id = self.id(connection);
                self.open.remove(&connection);
                self.server.handle_connection_closed(self.now, id);
                self.drain(0);
                Outcome::Silence
            }
            Step::Wait {
                millis,
                and_run_timers,
            } => {
                self.now.instant = self.now.instant + after(millis);
                if and_run_timers {
                    let now = self.now.instant;
                    while self.server.next_timeout().is_some_and(|due| due <= now) {
                        self.server.handle_timeout(self.now);
                        self.drain(0);
                    }
                }
                Outcome::Silence
            }
        }
    }

    /// An id, or one that nobody ever had.
    fn id(&self, connection: usize) -> ConnectionId {
        let known = self.connections.get(connection);
        known.map_or(ConnectionId(0xFFFF_FFFF), |known| known.id)
    }

    fn answer(&mut self, number: usize, accepts: bool) -> Outcome {
        let Some(connection) = self.connections.get(number) else {
            return Outcome::Silence;
        };
        let Some((ask, _)) = connection.waits else {
            return Outcome::Silence;
        };
        let answer = if accepts { Ok(()) } else { Err(ConnectFailure) };
        if answer.is_err() && self.server.is_waiting(ask) {
            self.open.remove(&number);
        }
        let before = self.connections[number].answered;
        self.server
            .handle_answer(self.now, ask, Answer::Connected(answer));
        self.drain(0);
        match (before, self.connections[number].answered) {
            (None, Some(settled)) => Outcome::Settled(settled),
            _ => Outcome::Silence,
        }
    }

    fn peer_connects(&mut self, client: usize, by: SocketAddr) -> Outcome {
        let relay = self.relays[client].filter(|relay| self.sockets.contains(relay));
        let Some(relay) = relay else {
            return Outcome::Silence;
        };
        let taken = self.server.handle_peer_connection(self.now, relay, by);
        if let Some(id) = taken {
            self.open.insert(self.connections.len());
            self.connections.push(Connection {
                id,
                waits: None,
                answered: None,
            });
        }
        let heard = self.drain(client);
        match (taken, heard) {
            (None, None) => Outcome::Silence,
            (Some(id), Some(bytes)) => {
                let message = Message::parse(&bytes).expect("a message");
                assert_eq!(message.class(), Class::Indication);
                assert_eq!(message.method(), Method::CONNECTION_ATTEMPT);
                assert_eq!(message.number32(attr::CONNECTION_ID), Some(id.0));
                let peer = message.xor_address(attr::XOR_PEER_ADDRESS);
                Outcome::Attempt(peer.expect("a peer"))
            }
            other => panic!("taken but not told, or the other way round: {other:?}"),
        }
    }

    fn request(
        &mut self,
        client: usize,
        method: Method,
        fill: impl FnOnce(&mut Writer<'_>),
    ) -> Outcome {
        self.requests += 1;
        let mut id = [client as u8; 12];
        id[8..].copy_from_slice(&self.requests.to_be_bytes());
        let mut buffer = [0; 128];
        let mut writer = Writer::new(&mut buffer, Class::Request, method, id.into());
        fill(&mut writer);
        let request = writer.finish().expect("room");
        let hop = self.server.handle_datagram(self.now, from(client), request);
        assert_eq!(hop, None);
        let Some(reply) = self.drain(client) else {
            return Outcome::Silence;
        };
        let reply = Message::parse(&reply).expect("a message");
        assert_eq!(*reply.transaction_id().as_bytes(), id);
        code(&reply).map_or(Outcome::Done, Outcome::Refused)
    }

    /// Does what the server wants, for a request of this client. The reply that is not one to a
    /// Connect that waited.
    fn drain(&mut self, client: usize) -> Option<Vec<u8>> {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Reply { bytes, .. } => self.replied(bytes),
                Output::Ask(ask, Ask::OpenRelay { relay, .. }) => {
                    let address = SocketAddr::new(RELAY.parse().expect("one"), self.next_port);
                    self.next_port += 1;
                    self.sockets.insert(relay);
                    self.relays[client] = Some(relay);
                    let opened = OpenedRelay {
                        address,
                        next: None,
                    };
                    let answer = Answer::Relay(Ok(opened));
                    self.server.handle_answer(self.now, ask, answer);
                }
                Output::Ask(
                    ask,
                    Ask::Connect {
                        connection, relay, ..
                    },
                ) => {
                    assert!(self.sockets.contains(&relay));
                    let mut transaction = [client as u8; 12];
                    transaction[8..].copy_from_slice(&self.requests.to_be_bytes());
                    self.open.insert(self.connections.len());
                    self.connections.push(Connection {
                        id: connection,
                        waits: Some((ask, transaction.into())),
                        answered: None,
                    });
                }
                Output::Ask(_, ask) => panic!("{ask:?}"),
                Output::CloseRelay(relay) => assert!(self.sockets.remove(&relay)),
                Output::CloseConnection(id) => self.close(id),
                Output::Join { .. } => unreachable!("claims come from elsewhere"),
                Output::Forward { .. } | Output::PathTaken(_) | Output::PathLeft(_) => {
                    unreachable!("nobody has a ticket")
                }
                Output::CloseClient(_) => unreachable!("nobody is denied"),
                Output::Event(_) => {}
            }
        }
        let reply = self.replies.pop();
        assert!(self.replies.is_empty());
        reply
    }

    fn replied(&mut self, bytes: Vec<u8>) {
        let reply = Message::parse(&bytes).expect("a message");
        let id = reply.transaction_id();
        let mut connections = self.connections.iter_mut();
        let connect = connections.find(|one| one.waits.is_some_and(|(_, other)| other == id));
        let Some(connect) = connect else {
            return self.replies.push(bytes);
        };
        assert_eq!(connect.answered, None, "answered twice");
        connect.answered = Some(match code(&reply) {
            None => {
                let told = reply.number32(attr::CONNECTION_ID);
                assert_eq!(told, Some(connect.id.0));
                Settled::Success
            }
            Some(447) => Settled::Failure,
            Some(code) => panic!("{code} to a Connect that waited"),
        });
    }

    fn close(&mut self, id: ConnectionId) {
        let live: HashMap<ConnectionId, usize> = self
            .open
            .iter()
            .map(|&number| (self.connections[number].id, number))
            .collect();
        let number = live.get(&id).expect("only open connections are closed");
        self.open.remove(number);
    }
}

fn from(client: usize) -> Client {
    let port = 4000 + u16::try_from(client).expect("few clients");
    Client {
        listener: ListenerId(0),
        path: FiveTuple {
            transport: Transport::Tcp,
            client: ([192, 0, 2, 1], port).into(),
            server: ([192, 0, 2, 9], 3478).into(),
        },
    }
}

pub(super) fn peer(number: usize) -> SocketAddr {
    PEERS[number].parse().expect("an address")
}

fn code(reply: &Message<'_>) -> Option<u16> {
    let value = reply.attribute(attr::ERROR_CODE)?;
    Some(ErrorCode::parse(value).expect("a code").0.number())
}
