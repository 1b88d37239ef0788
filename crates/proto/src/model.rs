//! Random sequences of requests, data and time, compared with a model that says in a few lines what
//! RFC 8656 wants: maps with expiry times. `PROPTEST_CASES` sets how many.

use core::{net::SocketAddr, time::Duration};
use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::Arc,
};

use proptest::{prelude::*, sample::Index, test_runner::Config};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use turnd_wire::{Class, ErrorCode, Family, Message, Method, Writer, attr, channel_data};

use crate::{
    Access, Answer, Ask, Client, DefaultFamily, FiveTuple, Frame, Instant, Lifetimes, Limits,
    ListenerId, LiveRelays, Now, OpenedRelay, Output, PeerPolicy, PeerRules, PortWish, Quotas,
    RelayId, RelayRefusal, ReservationToken, Server, Settings,
};

const CLIENTS: usize = 3;
const PERMISSIONS: usize = 3;
const CHANNELS: usize = 2;
const SECOND: u64 = 1000;
/// Two ports of one host, other hosts, a forbidden one, and IPv6.
const PEERS: [&str; 8] = [
    "8.8.8.8:5000",
    "8.8.8.8:6000",
    "8.8.4.4:5000",
    "1.1.1.1:5000",
    "9.9.9.10:5000",
    "127.0.0.1:5000",
    "[2a00::8]:5000",
    "[2a00::9]:5000",
];
/// The first cannot be bound.
const NUMBERS: [u16; 4] = [0x3FFF, 0x4000, 0x4001, 0x4FFF];

prop_state_machine! {
    #![proptest_config(Config {
        max_shrink_iters: 20_000,
        ..Config::default()
    })]

    #[test]
    fn the_server_does_what_the_model_says(sequential 1..120 => Harness);
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Allocate { client: usize, wish: Wish, full: [bool; 2] },
    /// The last Allocate, bit for bit.
    AllocateAgain { client: usize, full: [bool; 2] },
    /// An Allocate whose socket never comes.
    AllocateUnanswered { client: usize },
    Refresh { client: usize, lifetime: Option<u32>, family: Option<Family> },
    Permit { client: usize, peers: Vec<usize> },
    Bind { client: usize, number: u16, peer: usize },
    Send { client: usize, peer: usize },
    ChannelData { client: usize, number: u16 },
    PeerSends { client: usize, peer: usize },
    Wait { millis: u64, and_run_timers: bool },
}

#[derive(Clone, Debug)]
enum Wish {
    Family(Family, Option<u32>),
    Dual,
    EvenAndNext,
    Token(Index),
    NoTransport,
}

/// What must come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Silence,
    Refused(u16),
    /// With relays of these families, this life time, a token; and a code for the missing family.
    Allocated([bool; 2], u32, bool, Option<(Family, u16)>),
    /// The answer that the same request got before.
    SameAgain,
    Refreshed(u32),
    Done,
    ToPeer(SocketAddr),
    ToClient(Option<u16>),
}

// The model.

#[derive(Clone, Debug, Default)]
struct Model {
    now: u64,
    clients: [ModelClient; CLIENTS],
    /// Reservations and when they end; `None` once they are used.
    tokens: Vec<Option<u64>>,
    expected: Option<Outcome>,
}

#[derive(Clone, Debug, Default)]
struct ModelClient {
    allocation: Option<ModelAllocation>,
    /// The last Allocate request, and how many there were.
    last: Option<Wish>,
    requests: u64,
    /// When a socket that does not come is given up.
    opening: Option<u64>,
}

#[derive(Clone, Debug, Default)]
struct ModelAllocation {
    made_by: u64,
    /// When the IPv4 and the IPv6 half end.
    halves: [Option<u64>; 2],
    permissions: BTreeMap<IpAddr, u64>,
    channels: BTreeMap<u16, (SocketAddr, u64)>,
}

impl ModelAllocation {
    fn has(&self, peer: SocketAddr) -> bool {
        self.halves[half(peer)].is_some()
    }

    fn may_exchange(&self, peer: SocketAddr) -> bool {
        self.has(peer) && self.permissions.contains_key(&peer.ip())
    }

    fn permit(&mut self, peers: &[SocketAddr], now: u64) -> Outcome {
        let mut permissions = self.permissions.clone();
        for peer in peers {
            if !self.has(*peer) {
                return Outcome::Refused(443);
            }
            if peer.ip().is_loopback() {
                return Outcome::Refused(403);
            }
            permissions.insert(peer.ip(), now + 300 * SECOND);
        }
        if permissions.len() > PERMISSIONS {
            return Outcome::Refused(508);
        }
        self.permissions = permissions;
        Outcome::Done
    }

    fn bind(&mut self, number: u16, peer: SocketAddr, now: u64) -> Outcome {
        if number == NUMBERS[0] {
            return Outcome::Refused(400);
        }
        if !self.has(peer) {
            return Outcome::Refused(443);
        }
        if peer.ip().is_loopback() {
            return Outcome::Refused(403);
        }
        let same_number = self.channels.get(&number).map(|(bound, _)| *bound);
        let same_peer = self.channels.iter().find(|(_, (bound, _))| *bound == peer);
        match (same_number, same_peer) {
            (None, None) if self.channels.len() >= CHANNELS => return Outcome::Refused(508),
            (None, None) => {}
            (Some(bound), Some(_)) if bound == peer => {}
            _ => return Outcome::Refused(400),
        }
        let permitted = self.permit(&[peer], now);
        if permitted == Outcome::Done {
            self.channels.insert(number, (peer, now + 600 * SECOND));
        }
        permitted
    }
}

impl Model {
    /// Whatever has expired is gone, whether the server has looked or not.
    fn expire(&mut self) {
        let now = self.now;
        for client in &mut self.clients {
            let Some(allocation) = &mut client.allocation else {
                continue;
            };
            for half in &mut allocation.halves {
                *half = half.filter(|end| now < *end);
            }
            allocation.permissions.retain(|_, end| now < *end);
            allocation.channels.retain(|_, (_, end)| now < *end);
            if allocation.halves == [None; 2] {
                client.allocation = None;
            }
        }
    }

    fn allocate(&mut self, client: usize, wish: &Wish, full: [bool; 2]) -> Outcome {
        let state = &mut self.clients[client];
        if let Some(allocation) = &state.allocation {
            if allocation.made_by == state.requests {
                return Outcome::SameAgain;
            }
            return Outcome::Refused(437);
        }
        if state.opening.is_some() {
            return Outcome::Silence;
        }
        let (wanted, lifetime) = match wish {
            Wish::NoTransport => return Outcome::Refused(400),
            Wish::Family(family, lifetime) => {
                ([*family == Family::V4, *family == Family::V6], *lifetime)
            }
            Wish::Dual => ([true, true], None),
            Wish::EvenAndNext => ([true, false], None),
            Wish::Token(index) => {
                let token = pick(index, &mut self.tokens);
                let valid = token.filter(|token| token.is_some_and(|end| self.now < end));
                match valid {
                    Some(token) => *token = None,
                    None => return Outcome::Refused(508),
                }
                ([true, false], None)
            }
        };
        let is_new = !matches!(wish, Wish::Token(_));
        let got = [0, 1].map(|half| wanted[half] && !(is_new && full[half]));
        if got == [false; 2] {
            return Outcome::Refused(508);
        }
        let missing = match (wanted, got) {
            ([true, true], [false, true]) => Some((Family::V4, 508)),
            ([true, true], [true, false]) => Some((Family::V6, 508)),
            _ => None,
        };
        let granted = granted(lifetime);
        let end = self.now + u64::from(granted) * SECOND;
        state.allocation = Some(ModelAllocation {
            made_by: state.requests,
            halves: got.map(|got| got.then_some(end)),
            ..ModelAllocation::default()
        });
        let reserves = matches!(wish, Wish::EvenAndNext);
        if reserves {
            self.tokens.push(Some(self.now + 30 * SECOND));
        }
        Outcome::Allocated(got, granted, reserves, missing)
    }

    fn refresh(&mut self, client: usize, lifetime: Option<u32>, family: Option<Family>) -> Outcome {
        let Some(allocation) = &mut self.clients[client].allocation else {
            return Outcome::Refused(437);
        };
        let granted = if lifetime == Some(0) { 0 } else { granted(lifetime) };
        let end = self.now + u64::from(granted) * SECOND;
        let mut found = false;
        for (at, half) in allocation.halves.iter_mut().enumerate() {
            let meant = family.is_none_or(|family| usize::from(family == Family::V6) == at);
            if let Some(half) = half.as_mut().filter(|_| meant) {
                *half = end;
                found = true;
            }
        }
        if !found {
            return Outcome::Refused(443);
        }
        self.expire();
        Outcome::Refreshed(granted)
    }

    /// What an allocation, if the client has one, makes of a request.
    fn with(
        &mut self,
        client: usize,
        request: impl FnOnce(&mut ModelAllocation, u64) -> Outcome,
    ) -> Outcome {
        match &mut self.clients[client].allocation {
            Some(allocation) => request(allocation, self.now),
            None => Outcome::Refused(437),
        }
    }

    fn to_peer(&self, client: usize, peer: SocketAddr) -> Outcome {
        match &self.clients[client].allocation {
            Some(allocation) if allocation.may_exchange(peer) => Outcome::ToPeer(peer),
            _ => Outcome::Silence,
        }
    }

    fn to_client(&self, client: usize, peer: SocketAddr) -> Outcome {
        match &self.clients[client].allocation {
            Some(allocation) if allocation.may_exchange(peer) => {
                let mut channels = allocation.channels.iter();
                let channel = channels.find(|(_, (bound, _))| *bound == peer);
                Outcome::ToClient(channel.map(|(number, _)| *number))
            }
            _ => Outcome::Silence,
        }
    }

    fn allocations(&self) -> usize {
        let clients = self.clients.iter();
        clients.filter(|client| client.allocation.is_some()).count()
    }

    fn sockets(&self) -> usize {
        let allocations = self.clients.iter().flat_map(|client| &client.allocation);
        let halves = allocations.flat_map(|allocation| allocation.halves).flatten();
        let tokens = self.tokens.iter().flatten();
        halves.count() + tokens.filter(|end| self.now < **end).count()
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Step> {
        let client = || 0..CLIENTS;
        let peer = || 0..PEERS.len();
        let family = || prop_oneof![Just(Family::V4), Just(Family::V6)];
        let number = || proptest::sample::select(&NUMBERS[..]);
        let full = || prop_oneof![8 => Just([false; 2]), 1 => any::<[bool; 2]>()];
        let lifetime = || {
            let seconds = prop_oneof![0..3_u32, 599..602_u32, 3599..3602_u32, Just(u32::MAX)];
            proptest::option::of(seconds)
        };
        let wish = prop_oneof![
            3 => (family(), lifetime()).prop_map(|(family, lifetime)| Wish::Family(family, lifetime)),
            3 => Just(Wish::Dual),
            2 => Just(Wish::EvenAndNext),
            2 => any::<Index>().prop_map(Wish::Token),
            1 => Just(Wish::NoTransport),
        ];
        let millis = prop_oneof![
            4 => 0..2 * SECOND,
            2 => 9_999..10_002_u64,
            2 => 29_999..30_002_u64,
            4 => 100 * SECOND..200 * SECOND,
            3 => 299_998..300_003_u64,
            2 => 599_998..600_003_u64,
            1 => Just(4000 * SECOND),
        ];
        prop_oneof![
            4 => (client(), wish, full())
                .prop_map(|(client, wish, full)| Step::Allocate { client, wish, full }),
            1 => (client(), full())
                .prop_map(|(client, full)| Step::AllocateAgain { client, full }),
            1 => client().prop_map(|client| Step::AllocateUnanswered { client }),
            2 => (client(), lifetime(), proptest::option::of(family())).prop_map(
                |(client, lifetime, family)| Step::Refresh { client, lifetime, family }
            ),
            3 => (client(), proptest::collection::vec(peer(), 1..=PERMISSIONS))
                .prop_map(|(client, peers)| Step::Permit { client, peers }),
            4 => (client(), number(), peer())
                .prop_map(|(client, number, peer)| Step::Bind { client, number, peer }),
            4 => (client(), peer()).prop_map(|(client, peer)| Step::Send { client, peer }),
            4 => (client(), number())
                .prop_map(|(client, number)| Step::ChannelData { client, number }),
            4 => (client(), peer()).prop_map(|(client, peer)| Step::PeerSends { client, peer }),
            5 => (millis, any::<bool>())
                .prop_map(|(millis, and_run_timers)| Step::Wait { millis, and_run_timers }),
        ]
        .boxed()
    }

    fn apply(mut model: Self, step: &Step) -> Self {
        model.expire();
        let now = model.now;
        let outcome = match step {
            Step::Allocate { client, wish, full } => {
                model.clients[*client].requests += 1;
                model.clients[*client].last = Some(wish.clone());
                model.allocate(*client, wish, *full)
            }
            Step::AllocateAgain { client, full } => match model.clients[*client].last.clone() {
                Some(wish) => model.allocate(*client, &wish, *full),
                None => Outcome::Silence,
            },
            Step::AllocateUnanswered { client } => {
                let state = &mut model.clients[*client];
                state.requests += 1;
                state.last = Some(Wish::Family(Family::V4, None));
                if state.allocation.is_some() {
                    Outcome::Refused(437)
                } else {
                    state.opening.get_or_insert(now + 10 * SECOND);
                    Outcome::Silence
                }
            }
            Step::Refresh {
                client,
                lifetime,
                family,
            } => model.refresh(*client, *lifetime, *family),
            Step::Permit { client, peers } => {
                let peers: Vec<_> = peers.iter().map(|&peer| address(peer)).collect();
                model.with(*client, |allocation, now| allocation.permit(&peers, now))
            }
            Step::Bind {
                client,
                number,
                peer,
            } => model.with(*client, |allocation, now| {
                allocation.bind(*number, address(*peer), now)
            }),
            Step::Send { client, peer } => model.to_peer(*client, address(*peer)),
            Step::ChannelData { client, number } => {
                let allocation = model.clients[*client].allocation.as_ref();
                let channel = allocation.and_then(|allocation| allocation.channels.get(number));
                channel.map_or(Outcome::Silence, |(peer, _)| model.to_peer(*client, *peer))
            }
            Step::PeerSends { client, peer } => model.to_client(*client, address(*peer)),
            Step::Wait {
                millis,
                and_run_timers,
            } => {
                model.now += millis;
                model.expire();
                for client in &mut model.clients {
                    let given_up = |end: &u64| *and_run_timers && *end <= model.now;
                    client.opening = client.opening.filter(|end| !given_up(end));
                }
                Outcome::Silence
            }
        };
        model.expected = Some(outcome);
        model
    }
}

// The real thing.

struct Harness {
    server: Server,
    now: Now,
    clients: [HarnessClient; CLIENTS],
    tokens: Vec<ReservationToken>,
    sockets: HashMap<RelayId, SocketAddr>,
    next_port: u16,
    replies: Vec<Vec<u8>>,
    full: [bool; 2],
    unanswered: bool,
}

#[derive(Default)]
struct HarnessClient {
    requests: u32,
    last: Vec<u8>,
    success: Vec<u8>,
    /// The relays of its last allocation, perhaps long gone.
    relays: [Option<RelayId>; 2],
}

impl StateMachineTest for Harness {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(_: &Model) -> Self {
        Self {
            server: server(),
            now: Now {
                instant: Instant::from_millis(0),
                unix: 0,
            },
            clients: Default::default(),
            tokens: Vec::new(),
            sockets: HashMap::new(),
            next_port: 10_000,
            replies: Vec::new(),
            full: [false; 2],
            unanswered: false,
        }
    }

    fn apply(mut harness: Self, model: &Model, step: Step) -> Self {
        let outcome = harness.step(&step);
        assert_eq!(Some(&outcome), model.expected.as_ref(), "{step:?}");
        if let Step::Wait {
            and_run_timers: true,
            ..
        } = step
        {
            assert_eq!(harness.server.allocations(), model.allocations());
            assert_eq!(harness.sockets.len(), model.sockets());
        }
        harness
    }

    fn check_invariants(harness: &Self, _: &Model) {
        harness.server.check();
    }

    fn teardown(mut harness: Self, _: Model) {
        harness.wait(10_000 * SECOND, true);
        harness.server.check_is_empty();
        assert!(harness.sockets.is_empty());
        assert_eq!(harness.server.next_timeout(), None);
    }
}

impl Harness {
    fn step(&mut self, step: &Step) -> Outcome {
        self.full = [false; 2];
        self.unanswered = false;
        match *step {
            Step::Allocate {
                client,
                ref wish,
                full,
            } => {
                self.full = full;
                let request = self.allocate_request(client, wish);
                self.clients[client].last.clone_from(&request);
                self.allocate(client, &request)
            }
            Step::AllocateAgain { client, full } => {
                self.full = full;
                let request = self.clients[client].last.clone();
                self.allocate(client, &request)
            }
            Step::AllocateUnanswered { client } => {
                self.unanswered = true;
                let request = self.allocate_request(client, &Wish::Family(Family::V4, None));
                self.clients[client].last.clone_from(&request);
                self.allocate(client, &request)
            }
            Step::Refresh {
                client,
                lifetime,
                family,
            } => {
                let request = self.request(client, Method::REFRESH, |writer| {
                    if let Some(lifetime) = lifetime {
                        writer.number32(attr::LIFETIME, lifetime);
                    }
                    if let Some(family) = family {
                        let value = [family.number(), 0, 0, 0];
                        writer.bytes(attr::REQUESTED_ADDRESS_FAMILY, &value);
                    }
                });
                self.control(client, &request, |reply| {
                    Outcome::Refreshed(reply.number32(attr::LIFETIME).expect("LIFETIME"))
                })
            }
            Step::Permit { client, ref peers } => {
                let request = self.request(client, Method::CREATE_PERMISSION, |writer| {
                    for &peer in peers {
                        writer.xor_address(attr::XOR_PEER_ADDRESS, address(peer));
                    }
                });
                self.control(client, &request, |_| Outcome::Done)
            }
            Step::Bind {
                client,
                number,
                peer,
            } => {
                let request = self.request(client, Method::CHANNEL_BIND, |writer| {
                    let [n0, n1] = number.to_be_bytes();
                    writer.bytes(attr::CHANNEL_NUMBER, &[n0, n1, 0, 0]);
                    writer.xor_address(attr::XOR_PEER_ADDRESS, address(peer));
                });
                self.control(client, &request, |_| Outcome::Done)
            }
            Step::Send { client, peer } => {
                let id = [9; 12].into();
                let mut buffer = [0; 64];
                let mut writer = Writer::new(&mut buffer, Class::Indication, Method::SEND, id);
                writer.xor_address(attr::XOR_PEER_ADDRESS, address(peer));
                writer.bytes(attr::DATA, b"data");
                let bytes = writer.finish().expect("room").to_vec();
                self.data(client, &bytes)
            }
            Step::ChannelData { client, number } => {
                let bytes = [&channel_data::header(number, 4)[..], b"data"].concat();
                self.data(client, &bytes)
            }
            Step::PeerSends { client, peer } => self.from_peer(client, address(peer)),
            Step::Wait {
                millis,
                and_run_timers,
            } => {
                self.wait(millis, and_run_timers);
                Outcome::Silence
            }
        }
    }

    fn allocate_request(&mut self, client: usize, wish: &Wish) -> Vec<u8> {
        let token = match wish {
            Wish::Token(index) => pick(index, &mut self.tokens).copied().unwrap_or([0; 8]),
            _ => [0; 8],
        };
        self.request(client, Method::ALLOCATE, |writer| {
            if !matches!(wish, Wish::NoTransport) {
                writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
            }
            match wish {
                Wish::Family(family, lifetime) => {
                    let value = [family.number(), 0, 0, 0];
                    writer.bytes(attr::REQUESTED_ADDRESS_FAMILY, &value);
                    if let Some(lifetime) = lifetime {
                        writer.number32(attr::LIFETIME, *lifetime);
                    }
                }
                Wish::Dual => writer.bytes(attr::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]),
                Wish::EvenAndNext => writer.bytes(attr::EVEN_PORT, &[0x80]),
                Wish::Token(_) => writer.bytes(attr::RESERVATION_TOKEN, &token),
                Wish::NoTransport => {}
            }
        })
    }

    fn allocate(&mut self, client: usize, request: &[u8]) -> Outcome {
        let Some(bytes) = self.exchange(client, request) else {
            return Outcome::Silence;
        };
        let reply = Message::parse(&bytes).expect("a message");
        if let Some(code) = code(&reply) {
            return Outcome::Refused(code);
        }
        if bytes == self.clients[client].success {
            return Outcome::SameAgain;
        }
        let mut relays = [None; 2];
        for attribute in reply.attributes() {
            if attribute.kind == attr::XOR_RELAYED_ADDRESS {
                let id = reply.transaction_id();
                let relayed = turnd_wire::address::read_xor(attribute.value, id).expect("address");
                let mut sockets = self.sockets.iter();
                let socket = sockets.find(|(_, address)| **address == relayed);
                relays[half(relayed)] = Some(*socket.expect("an open socket").0);
            }
        }
        let token = reply.attribute(attr::RESERVATION_TOKEN);
        self.tokens.extend(token.map(|token| ReservationToken::try_from(token).expect("8 bytes")));
        let missing = reply.attribute(attr::ADDRESS_ERROR_CODE).map(|value| {
            let family = Family::from_number(value[0]).expect("a family");
            (family, u16::from(value[2]) * 100 + u16::from(value[3]))
        });
        let lifetime = reply.number32(attr::LIFETIME).expect("LIFETIME");
        let outcome = Outcome::Allocated(
            relays.map(|relay| relay.is_some()),
            lifetime,
            token.is_some(),
            missing,
        );
        self.clients[client].relays = relays;
        self.clients[client].success = bytes;
        outcome
    }

    fn control(
        &mut self,
        client: usize,
        request: &[u8],
        success: impl FnOnce(&Message<'_>) -> Outcome,
    ) -> Outcome {
        let Some(bytes) = self.exchange(client, request) else {
            return Outcome::Silence;
        };
        let reply = Message::parse(&bytes).expect("a message");
        code(&reply).map_or_else(|| success(&reply), Outcome::Refused)
    }

    fn data(&mut self, client: usize, datagram: &[u8]) -> Outcome {
        let hop = self.server.handle_datagram(self.now, from(client), datagram);
        assert!(self.server.poll_output().is_none());
        let Some(hop) = hop else {
            return Outcome::Silence;
        };
        assert_eq!(&datagram[hop.data], b"data");
        let peer = hop.peer.wire();
        assert_eq!(Some(hop.relay), self.clients[client].relays[half(peer)]);
        Outcome::ToPeer(peer)
    }

    fn from_peer(&mut self, client: usize, peer: SocketAddr) -> Outcome {
        let Some(relay) = self.clients[client].relays[half(peer)] else {
            return Outcome::Silence;
        };
        let Some(hop) = self.server.to_client(self.now, relay, peer, 1) else {
            return Outcome::Silence;
        };
        assert_eq!(hop.to, from(client));
        match hop.frame {
            Frame::Channel(number) => Outcome::ToClient(Some(number)),
            Frame::Indication { peer: named, .. } => {
                assert_eq!(named, peer);
                Outcome::ToClient(None)
            }
        }
    }

    fn wait(&mut self, millis: u64, and_run_timers: bool) {
        self.now.instant = self.now.instant + Duration::from_millis(millis);
        if and_run_timers {
            self.server.handle_timeout(self.now);
            self.drain();
            self.replies.clear();
        }
    }

    fn request(
        &mut self,
        client: usize,
        method: Method,
        fill: impl FnOnce(&mut Writer<'_>),
    ) -> Vec<u8> {
        let state = &mut self.clients[client];
        state.requests += 1;
        let mut id = [client as u8; 12];
        id[8..].copy_from_slice(&state.requests.to_be_bytes());
        let mut buffer = [0; 256];
        let mut writer = Writer::new(&mut buffer, Class::Request, method, id.into());
        fill(&mut writer);
        writer.finish().expect("room").to_vec()
    }

    fn exchange(&mut self, client: usize, request: &[u8]) -> Option<Vec<u8>> {
        let hop = self.server.handle_datagram(self.now, from(client), request);
        assert_eq!(hop, None);
        self.drain();
        let reply = self.replies.pop();
        assert!(self.replies.is_empty());
        reply
    }

    fn drain(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Reply { bytes, .. } => self.replies.push(bytes),
                Output::Ask(id, ask) => {
                    if !self.unanswered {
                        let answer = Answer::Relay(self.open(&ask));
                        self.server.handle_answer(self.now, id, answer);
                    }
                }
                Output::CloseRelay(relay) => {
                    self.sockets.remove(&relay).expect("an open socket");
                }
                Output::Event(_) => {}
            }
        }
    }

    fn open(&mut self, ask: &Ask) -> Result<OpenedRelay, RelayRefusal> {
        let &Ask::OpenRelay {
            relay,
            family,
            port,
        } = ask
        else {
            return Err(RelayRefusal::NoSuchReservation);
        };
        let at = usize::from(family == Family::V6);
        if self.full[at] {
            return Err(RelayRefusal::NoCapacity);
        }
        let ip = [RELAYS[0], RELAYS[1]][at].parse().expect("an address");
        let mut bind = |relay| {
            let address = SocketAddr::new(ip, self.next_port);
            self.next_port += 1;
            self.sockets.insert(relay, address);
            address
        };
        let address = bind(relay);
        let next = match port {
            PortWish::EvenAndNext(next) => Some(bind(next)),
            PortWish::Any | PortWish::Even => None,
        };
        Ok(OpenedRelay { address, next })
    }
}

const RELAYS: [&str; 2] = ["9.9.9.9", "2606::5"];

/// A server that asks nobody for credentials and has room for little.
pub(crate) fn server() -> Server {
    let ips = RELAYS.map(|relay| relay.parse().expect("an address"));
    let relays = Arc::new(LiveRelays::new(ips.map(|ip| (ip, ip))));
    let settings = Settings {
        access: Access::DangerousAnyone,
        lifetimes: Lifetimes::default(),
        limits: Limits {
            permissions: PERMISSIONS,
            channels: CHANNELS,
            ..Limits::default()
        },
        quotas: Arc::new(Quotas::default()),
        peers: PeerPolicy::new(PeerRules::default(), ips.to_vec(), vec![], relays.clone()),
        relays,
        default_family: DefaultFamily::Is(Family::V4),
        fingerprint: false,
        legacy_channels: false,
        stun: true,
        turn: true,
    };
    Server::new(Arc::new(settings), 0, &[3; 32])
}

fn from(client: usize) -> Client {
    let port = 4000 + u16::try_from(client).expect("few clients");
    Client {
        listener: ListenerId(0),
        path: FiveTuple {
            client: ([192, 0, 2, 1], port).into(),
            server: ([192, 0, 2, 9], 3478).into(),
        },
    }
}

fn granted(lifetime: Option<u32>) -> u32 {
    lifetime.unwrap_or(0).clamp(600, 3600)
}

fn address(peer: usize) -> SocketAddr {
    PEERS[peer].parse().expect("an address")
}

/// 0 for IPv4, 1 for IPv6.
fn half(address: SocketAddr) -> usize {
    usize::from(address.is_ipv6())
}

fn pick<'a, T>(index: &Index, from: &'a mut [T]) -> Option<&'a mut T> {
    if from.is_empty() {
        return None;
    }
    Some(index.get_mut(from))
}

fn code(reply: &Message<'_>) -> Option<u16> {
    let value = reply.attribute(attr::ERROR_CODE)?;
    Some(ErrorCode::parse(value).expect("a code").0.number())
}
