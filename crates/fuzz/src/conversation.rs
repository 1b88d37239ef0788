//! Clients with accounts who sign whatever the fuzzer says, beside peers, time and two servers: every reply is
//! to its request, nobody acts for another, and in the end nothing is left.

use core::{net::SocketAddr, time::Duration};
use std::collections::HashMap;

use turnd_proto::{Access, ConnectFailure, Event, FiveTuple, Limits, Run, Server, Transport};
use turnd_wire::{Algorithm, Class, Family, Integrity, Message, Method, attr};

use crate::{
    input::Input,
    support::{Client, Network, OTHER_PEER, PEER, PEER_V6, Reply, Request, SAME_HOST, Setup, at},
};

/// So many things happen at most.
const STEPS: usize = 60;
const METHODS: [Method; 7] = [
    Method::ALLOCATE,
    Method::REFRESH,
    Method::CREATE_PERMISSION,
    Method::CHANNEL_BIND,
    Method::CONNECT,
    Method::CONNECTION_BIND,
    Method::BINDING,
];
const PEERS: [&str; 8] = [
    PEER,
    SAME_HOST,
    OTHER_PEER,
    PEER_V6,
    "127.0.0.1:5000",
    "9.9.9.9:50000",
    "9.9.9.9:3478",
    "[2606::5]:50001",
];
const LIFETIMES: [u32; 4] = [0, 1, 3000, u32::MAX];
/// What one allocation, one account and one server may hold here.
const LIMITS: Limits = Limits {
    permissions: 3,
    channels: 2,
    connections: 3,
    unbound_connections: 2,
    all_connections: 5,
    waiting: 6,
    reservations: 2,
};
const QUOTA: u32 = 3;

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut talk = Talk::new(input.byte());
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        talk.step(&mut input);
        talk.look();
    }
    talk.end();
}

struct Talk {
    net: Network,
    clients: Vec<Client>,
    /// Who has got an allocation on which path.
    owners: HashMap<FiveTuple, String>,
    /// Tokens that were given out.
    tokens: Vec<Vec<u8>>,
    /// The last request, and who sent it.
    last: (usize, Vec<u8>),
}

impl Talk {
    fn new(flags: u8) -> Self {
        let net = Network::with(Setup {
            open: flags & 1 != 0,
            sha256: flags & 2 == 0,
            fingerprint: flags & 4 != 0,
            legacy_channels: flags & 8 != 0,
            by_account: flags & 16 != 0,
            max_bps: (flags & 32 != 0).then_some(2000),
            nonce_lifetime: (flags & 64 == 0).then_some(Duration::from_secs(1000)),
            tcp_relay: true,
            limits: LIMITS,
            quota: Some(QUOTA),
            servers: 2,
            ..Setup::default()
        });
        let alice = net.client("alice");
        let mut intruder = net.client("bob");
        intruder.from = alice.from;
        // Both count their transactions by the port.
        for _ in 0..2 * STEPS {
            intruder.next_id();
        }
        let clients = vec![
            alice.clone(),
            intruder,
            net.client("bob").sha256().over(Transport::Dtls),
            net.client("carol").over(Transport::Tcp),
            Client::new("[2a00::1]:4001")
                .user("alice", "wonderland")
                .on_server(1),
            net.client("bob")
                .sha256()
                .anonymous()
                .over(Transport::Tls)
                .on_server(1),
        ];
        Self {
            net,
            clients,
            owners: HashMap::new(),
            tokens: Vec::new(),
            last: (0, Vec::new()),
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let who = usize::from(input.byte()) % self.clients.len();
        match input.byte() % 16 {
            0..=5 => self.request(who, input),
            6 => {
                let datagram = input.some().to_vec();
                self.deliver(who, &datagram);
            }
            7 => {
                let (who, again) = self.last.clone();
                self.deliver(who, &again);
            }
            8 => {
                let peer = any_peer(input);
                let send = Request::send(peer, input.some());
                let send = send.build(self.clients[who].next_id(), |_| ());
                self.deliver(who, &send);
            }
            9 => {
                let number = 0x4000 + u16::from(input.byte() % 4);
                let data = input.some();
                let length = u16::try_from(data.len()).expect("a short one");
                let header = turnd_wire::channel_data::header(number, length);
                self.deliver(who, &[&header[..], data].concat());
            }
            10 => self.peer_sends(who, input),
            11 => self.net.wait_millis(u64::from(input.number()) * 50),
            12 => self.net.wait_without_timers(u64::from(input.byte()) * 4),
            13 => self.connections(who, input),
            14 => {
                self.net.hold = input.flag();
                if !self.net.hold {
                    self.net.answer_asks();
                }
            }
            _ => match input.byte() % 4 {
                0 => self.net.ports.fail = usize::from(input.byte() % 3),
                1 => self.net.stick = true,
                2 => {
                    let fresh = Request::allocate().unsigned();
                    self.deliver(who, &fresh);
                }
                _ => self.net.ports.full = *input.one(&[None, Some(Family::V4), Some(Family::V6)]),
            },
        }
    }

    /// A request with attributes of the fuzzer's choice, signed, or with something behind the signature.
    fn request(&mut self, who: usize, input: &mut Input<'_>) {
        let method = *input.one(&METHODS);
        let flags = input.byte();
        let mut request = Request::new(method);
        if flags & 1 == 0 {
            request = usual(request, input, &self.tokens);
        }
        for _ in 0..(flags >> 1) & 3 {
            request = attribute(request, input, &self.tokens);
        }
        let client = &mut self.clients[who];
        if flags & 8 != 0 {
            client.signs = vec![Integrity::Sha1, Integrity::Sha256];
        }
        if flags & 16 != 0 {
            client.algorithm = [None, Some(Algorithm::Md5), Some(Algorithm::Sha256)]
                [usize::from(input.byte() % 3)];
        }
        request.fingerprint = flags & 32 != 0;
        let mut bytes = if flags & 64 != 0 {
            request.build(client.next_id(), |_| ())
        } else {
            client.signed(&request)
        };
        if flags & 128 != 0 {
            let (kind, value) = (input.number().to_be_bytes(), input.some());
            let length = u16::try_from(value.len())
                .expect("a short one")
                .to_be_bytes();
            bytes.extend([&kind[..], &length, value].concat());
            bytes.resize(bytes.len().next_multiple_of(4), 0x20);
            let length = u16::try_from(bytes.len() - 20).expect("a short message");
            bytes[2..4].copy_from_slice(&length.to_be_bytes());
        }
        self.deliver(who, &bytes);
        self.last = (who, bytes);
    }

    fn deliver(&mut self, who: usize, datagram: &[u8]) {
        let client = self.clients[who].clone();
        let hop = self.net.relay_up(&client, datagram);
        self.note_owners();
        if let Some(hop) = hop {
            assert!(hop.data.len() < datagram.len());
            let path = client.from.path;
            assert!(
                self.owners.contains_key(&path),
                "who has no allocation sends nothing"
            );
            assert!(!hop.to.ip().is_loopback(), "{hop:?}");
        }
        while let Some(bytes) = self.net.take_reply() {
            assert!(bytes.len() <= 1200, "{} bytes", bytes.len());
            self.reply(who, datagram, bytes);
        }
    }

    fn reply(&mut self, who: usize, request: &[u8], bytes: Vec<u8>) {
        let client = &mut self.clients[who];
        let answers = |to: &Message<'_>| {
            Message::parse(request).is_ok_and(|it| it.transaction_id() == to.transaction_id())
        };
        let message = Message::parse(&bytes).expect("the server sends messages");
        if !answers(&message) {
            // To a request that had to wait, or of a peer that has connected.
            return;
        }
        let is_success = message.class() == Class::Success;
        let method = message.method();
        let reply = Reply::to(request, bytes.clone());
        client.learn(&reply);
        if let Some(token) = reply.token() {
            self.tokens.push(token);
        }
        if !is_success || method == Method::BINDING || method == Method::CONNECTION_BIND {
            return;
        }
        if matches!(self.net.settings.access, Access::LongTerm(_)) {
            let owner = self.owners.get(&client.from.path);
            assert_eq!(owner, Some(&client.user), "{method:?} by somebody else");
        }
    }

    /// Remembers who has got an allocation.
    fn note_owners(&mut self) {
        for event in self.net.events.drain(..) {
            if let Event::Allocated { user, path, .. } = event {
                self.owners.insert(path, user);
            }
        }
    }

    fn peer_sends(&mut self, who: usize, input: &mut Input<'_>) {
        let from = at(any_peer(input));
        let ip = at(["9.9.9.9:0", "[2606::5]:0"][usize::from(input.flag())]).ip();
        let outside = SocketAddr::new(ip, 50_000 + u16::from(input.byte() % 4));
        let Some((server, relay)) = self.net.socket(outside) else {
            return;
        };
        let run = Run::one(usize::from(input.number()) % 1500);
        let hop = self.net.servers[server].to_client(self.net.now, relay, from, run);
        assert!(!from.ip().is_loopback() || hop.is_none(), "client {who}");
        if let Some(hop) = hop {
            assert!(self.owners.contains_key(&hop.to.path));
        }
    }

    /// Connections of peers, and ends of connections.
    fn connections(&mut self, who: usize, input: &mut Input<'_>) {
        match input.byte() % 4 {
            0 if !self.net.connecting.is_empty() => {
                let is_there = input.flag();
                let (server, id, ..) = *self.net.connecting.last().expect("it is not empty");
                if self.net.servers[server].is_waiting(id) {
                    self.net.peer_answers(is_there);
                } else {
                    self.net.connecting.pop();
                }
            }
            1 => {
                let relay = ([9, 9, 9, 9], 50_000 + u16::from(input.byte() % 4)).into();
                let from = any_peer(input);
                self.net.peer_connects(relay, from);
            }
            2 if self.clients[who].from.path.transport.is_stream() => {
                let client = self.clients[who].clone();
                self.net.client_disconnects(&client);
                self.owners.remove(&client.from.path);
            }
            _ => {
                if let Some((_, connection)) = self.net.joined.pop() {
                    let server = usize::from(connection.server()) % self.net.servers.len();
                    self.net.servers[server].handle_connection_closed(self.net.now, connection);
                }
            }
        }
        while self.net.take_reply().is_some() {}
    }

    /// Everything is in order, and nothing is more than it may be.
    fn look(&mut self) {
        self.note_owners();
        self.net.servers.iter().for_each(Server::check);
        let paths = self.clients.len();
        assert!(self.net.allocations() <= paths);
        // Two for each allocation, and what is reserved or on its way.
        let most = 2 * paths + 2 * (LIMITS.reservations + LIMITS.waiting);
        assert!(
            self.net.ports.in_use() <= 2 * most,
            "{} ports",
            self.net.ports.in_use()
        );
        assert!(self.net.asks.len() <= 2 * (LIMITS.waiting + 2 * LIMITS.all_connections) + STEPS);
    }

    fn end(mut self) {
        self.net.answer_asks();
        self.net.wait(10_000);
        while self.net.take_reply().is_some() {}
        for (server, id, ..) in core::mem::take(&mut self.net.connecting) {
            let late = turnd_proto::Answer::Connected(Err(ConnectFailure));
            self.net.servers[server].handle_answer(self.net.now, id, late);
        }
        for client in &self.clients {
            self.net.client_disconnects(client);
        }
        self.net.servers.iter().for_each(Server::check_is_empty);
        assert_eq!(self.net.ports.in_use(), 0);
    }
}

/// What a client would ask for.
fn usual(request: Request, input: &mut Input<'_>, tokens: &[Vec<u8>]) -> Request {
    match request.method {
        Method::ALLOCATE => {
            let request = request.with(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
            match input.byte() % 5 {
                1 => request.dual(),
                2 => request.even_port(true),
                3 => match tokens.last() {
                    Some(token) => request.with(attr::RESERVATION_TOKEN, token),
                    None => request,
                },
                4 => Request::bare_allocate().with(attr::REQUESTED_TRANSPORT, &[6, 0, 0, 0]),
                _ => request,
            }
        }
        Method::REFRESH => request.lifetime(*input.one(&LIFETIMES)),
        Method::CHANNEL_BIND => {
            let number = 0x3FFF + u16::from(input.byte() % 4);
            request.channel(number).peer(any_peer(input))
        }
        Method::CREATE_PERMISSION | Method::CONNECT => request.peer(any_peer(input)),
        Method::CONNECTION_BIND => {
            let id = [input.byte() % 2, input.byte(), input.byte(), input.byte()];
            request.with(attr::CONNECTION_ID, &id)
        }
        _ => request,
    }
}

/// Any attribute with any value.
fn attribute(request: Request, input: &mut Input<'_>, tokens: &[Vec<u8>]) -> Request {
    let choice = input.byte();
    let row = attr::TABLE.get(usize::from(choice) % (attr::TABLE.len() + 1));
    let kind = row.map_or_else(|| attr::AttributeType(input.number()), |row| row.number);
    match kind {
        attr::XOR_PEER_ADDRESS if input.flag() => request.peer(any_peer(input)),
        attr::LIFETIME if input.flag() => request.lifetime(*input.one(&LIFETIMES)),
        attr::RESERVATION_TOKEN if input.flag() && !tokens.is_empty() => {
            request.with(kind, input.one::<Vec<u8>>(tokens))
        }
        kind => request.with(kind, input.some()),
    }
}

fn any_peer(input: &mut Input<'_>) -> &'static str {
    PEERS[usize::from(input.byte()) % PEERS.len()]
}
