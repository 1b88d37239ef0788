//! Clients with accounts, or tokens of a third party, who sign whatever the fuzzer says and come back from where
//! others were, beside peers, time, an operator who changes his mind, and two servers: every reply is to its
//! request, nobody acts for another, and in the end nothing is left.

mod operator;
mod requests;

use core::net::SocketAddr;
use std::collections::HashMap;

use operator::setup;
use requests::{Given, any_peer, attribute, usual};
use turnd_proto::{
    Access, ConnectFailure, Event, FiveTuple, Icmp, Limits, RelayId, Run, Server, Transport,
};
use turnd_wire::{Algorithm, Class, Integrity, Message, Method, attr};

use crate::{
    input::Input,
    issued::{Issued, token_keys},
    reflection::{Added, is_classic, is_classic_refusal, is_small},
    support::{Client, Network, OTHER_PEER, PEER, PEER_V6, Reply, Request, SAME_HOST, at},
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
/// alice, bob, carol, and whoever has a token of the third party.
const ACCOUNTS: usize = 4;
/// Which of the clients has a token.
const BEARER: usize = 6;

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let flags = input.byte();
    // Inputs of before there were more of them say so with the upper bit.
    let more = if flags & 128 != 0 { input.byte() } else { 0 };
    let mut talk = Talk::new(flags, more);
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
    flags: u8,
    more: u8,
    /// How often the operator has changed his mind.
    changes: u64,
    clients: Vec<Client>,
    /// Who has got an allocation on which path, or has asked for his own by it.
    owners: HashMap<FiveTuple, String>,
    given: Given,
    /// The last request, who sent it, and for which user.
    last: (usize, Vec<u8>, String),
}

impl Talk {
    fn new(flags: u8, more: u8) -> Self {
        let mut net = Network::with(setup(flags, more));
        net.keys.tokens = token_keys();
        let alice = net.client("alice");
        let mut intruder = net.client("bob");
        intruder.from = alice.from;
        // Clients count their transactions, and all but these two tell them apart by their ports.
        for _ in 0..2 * STEPS {
            intruder.next_id();
        }
        let clients = vec![
            alice.clone(),
            intruder,
            net.client("bob").sha256().over(Transport::Dtls),
            net.client("carol").over(Transport::Tcp),
            Client::new("[2a00::1]:4005")
                .user("alice", "wonderland")
                .on_server(1),
            Client::new("192.0.2.2:4006")
                .user("bob", "builder")
                .sha256()
                .anonymous()
                .over(Transport::Tls)
                .on_server(1),
            Issued::at(&net).client(),
            Client::new("192.0.2.8:4009")
                .user("alice", "wonderland")
                .over(Transport::Tcp),
        ];
        Self {
            net,
            flags,
            more,
            changes: 0,
            clients,
            owners: HashMap::new(),
            given: Given::default(),
            last: (0, Vec::new(), String::new()),
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
                let (who, again, user) = self.last.clone();
                self.deliver_as(&user, who, &again);
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
            _ => self.world(who, input),
        }
    }

    /// A request with attributes of the fuzzer's choice, signed, or with something behind the signature.
    fn request(&mut self, who: usize, input: &mut Input<'_>) {
        let method = *input.one(&METHODS);
        let flags = input.byte();
        let mut request = Request::new(method);
        if flags & 1 == 0 {
            request = usual(request, input, &self.given);
        }
        for _ in 0..(flags >> 1) & 3 {
            request = attribute(request, input, &self.given);
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
        let user = self.clients[who].user.clone();
        self.last = (who, bytes, user);
    }

    fn deliver(&mut self, who: usize, datagram: &[u8]) {
        let user = self.clients[who].user.clone();
        self.deliver_as(&user, who, datagram);
    }

    /// Something that the client has signed as this user, perhaps a while ago.
    fn deliver_as(&mut self, user: &str, who: usize, datagram: &[u8]) {
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
            assert!(!self.is_denied(hop.to), "{hop:?}");
        }
        while let Some(bytes) = self.net.take_reply() {
            assert!(bytes.len() <= 1200, "{} bytes", bytes.len());
            self.reply(user, who, datagram, bytes);
        }
    }

    fn reply(&mut self, user: &str, who: usize, request: &[u8], bytes: Vec<u8>) {
        let client = &mut self.clients[who];
        if is_classic(request) && is_classic(&bytes) {
            return is_classic_refusal(request, &bytes);
        }
        let message = Message::parse(&bytes).expect("the server sends messages");
        let asked = Message::parse(request).ok();
        let asked = asked.filter(|asked| asked.transaction_id() == message.transaction_id());
        let Some(asked) = asked else {
            // To a request that had to wait, or of a peer that has connected.
            return;
        };
        let method = message.method();
        let shown = asked.attribute(attr::MOBILITY_TICKET);
        let reply = Reply::to(request, bytes.clone());
        client.learn(&reply);
        let is_open = matches!(self.net.settings.access, Access::DangerousAnyone);
        if !is_open && reply.signatures().is_empty() {
            let knows_nobody = message.class() == Class::Error || method == Method::BINDING;
            assert!(knows_nobody, "{method:?} by somebody");
            let added = Added {
                fingerprint: self.flags & 4 != 0,
                third_party: self.more & 2 != 0,
            };
            is_small(request, bytes.len(), added);
        }
        let does_nothing = method == Method::BINDING || method == Method::CONNECTION_BIND;
        if message.class() != Class::Success || does_nothing {
            return;
        }
        let name = if is_open { "" } else { user };
        let path = client.from.path;
        if method == Method::REFRESH
            && let Some(shown) = shown
        {
            let owner = self.given.owner(shown).expect("a ticket of this server");
            self.owners.insert(path, owner.clone());
        }
        let owner = self.owners.get(&path);
        assert_eq!(
            owner.map(String::as_str),
            Some(name),
            "{method:?} by somebody else"
        );
        self.given.tokens.extend(reply.token());
        let ticket = reply.value(attr::MOBILITY_TICKET);
        self.given
            .tickets
            .extend(ticket.map(|it| (it, name.to_owned())));
    }

    /// Remembers who has got an allocation.
    fn note_owners(&mut self) {
        for event in self.net.events.drain(..) {
            if let Event::Allocated { user, path, .. } | Event::Moved { user, to: path, .. } = event
            {
                self.owners.insert(path, user);
            }
        }
    }

    fn peer_sends(&mut self, who: usize, input: &mut Input<'_>) {
        let from = at(any_peer(input));
        let Some((server, relay)) = self.any_relay(input) else {
            return;
        };
        let run = Run::one(usize::from(input.number()) % 1500);
        let hop = self.net.servers[server].to_client(self.net.now, relay, from, run);
        let is_forbidden = from.ip().is_loopback() || self.is_denied(from);
        assert!(!is_forbidden || hop.is_none(), "client {who}");
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
                let taken = self.net.peer_connects(relay, from);
                let is_forbidden = at(from).ip().is_loopback() || self.is_denied(at(from));
                assert!(!is_forbidden || taken.is_none(), "{from}");
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

    fn is_denied(&self, peer: SocketAddr) -> bool {
        self.more & 4 != 0 && peer.ip() == at(OTHER_PEER).ip()
    }

    /// The network says something about what some relay has sent.
    fn undelivered(&mut self, input: &mut Input<'_>) {
        let about = at(any_peer(input));
        let icmp = Icmp {
            kind: input.byte() % 16,
            code: input.byte() % 8,
            mtu: 1280,
        };
        let Some((server, relay)) = self.any_relay(input) else {
            return;
        };
        let hop = self.net.servers[server].handle_icmp(self.net.now, relay, about, icmp);
        if let Some(hop) = hop {
            assert!(self.owners.contains_key(&hop.to.path));
            assert!(!self.is_denied(about) && !about.ip().is_loopback());
            assert!(hop.bytes.len() <= 68, "{} bytes", hop.bytes.len());
        }
    }

    fn any_relay(&self, input: &mut Input<'_>) -> Option<(usize, RelayId)> {
        let ip = at(["9.9.9.9:0", "[2606::5]:0"][usize::from(input.flag())]).ip();
        let port = 50_000 + u16::from(input.byte() % 4);
        self.net.socket(SocketAddr::new(ip, port))
    }

    /// Everything is in order, and nothing is more than it may be.
    fn look(&mut self) {
        self.note_owners();
        self.net.servers.iter().for_each(Server::check);
        let places = if self.flags & 1 == 0 { ACCOUNTS } else { 1 } * QUOTA as usize;
        let allocations = self.net.allocations();
        assert!(allocations <= places, "{allocations} allocations");
        let total = self.net.settings.quotas.total();
        assert!(total as usize <= places, "{total} places");
        assert!(self.net.forwarded.len() <= self.clients.len());
        // Two for each allocation, and what is reserved or on its way.
        let most = 2 * places + 2 * (LIMITS.reservations + LIMITS.waiting);
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
        assert!(self.net.forwarded.is_empty());
    }
}
