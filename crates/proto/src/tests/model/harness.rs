//! The real server, driven by the steps of the model; what came of each is put into the model's words.

use core::{net::SocketAddr, time::Duration};
use std::collections::{HashMap, HashSet};

use proptest_state_machine::StateMachineTest;
use turnd_wire::{Class, Family, Integrity, Message, Method, Writer, attr, channel_data};

use super::{
    CLIENTS, Made, Model, Outcome, SECOND, STREAM, Step, USERS, Wish, address, half,
    world::{CREDENTIALS, REALM, RELAYS, code, from, server},
};
use crate::{
    Answer, Ask, FiveTuple, Frame, Instant, Now, OpenedRelay, Output, PortWish, RelayId,
    RelayRefusal, ReservationToken, Run, Server, UserId,
};

/// A server and all that it needs.
pub(super) struct Harness {
    pub(super) server: Server,
    now: Now,
    clients: [HarnessClient; CLIENTS],
    tokens: Vec<ReservationToken>,
    tickets: Vec<Vec<u8>>,
    /// Every allocation that was made.
    made: Vec<HarnessAllocation>,
    /// Paths that the server has asked for and not left.
    taken: HashSet<FiveTuple>,
    sockets: HashMap<RelayId, SocketAddr>,
    /// The first relay of a pair that was refused, which may be closed though it is not open.
    refused: Option<RelayId>,
    next_port: u16,
    replies: Vec<Vec<u8>>,
    full: [bool; 2],
    unanswered: bool,
}

#[derive(Default)]
struct HarnessClient {
    requests: u32,
    nonce: Option<Vec<u8>>,
    last: Vec<u8>,
}

struct HarnessAllocation {
    success: Vec<u8>,
    /// Perhaps long gone.
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
            tickets: Vec::new(),
            made: Vec::new(),
            taken: HashSet::new(),
            sockets: HashMap::new(),
            refused: None,
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
            assert_eq!(harness.server.allocations(), model.living());
            assert_eq!(harness.sockets.len(), model.sockets());
        }
        let places = harness.server.settings.quotas.total();
        assert_eq!(places as usize, model.holders().len(), "{step:?}");
        harness
    }

    fn check_invariants(harness: &Self, _: &Model) {
        harness.server.check();
    }

    fn teardown(mut harness: Self, _: Model) {
        harness.wait(10_000 * SECOND, true);
        harness.server.check_is_empty();
        assert!(harness.sockets.is_empty() && harness.taken.is_empty());
        assert_eq!(harness.server.next_timeout(), None);
    }
}

impl Harness {
    pub(super) fn step(&mut self, step: &Step) -> Outcome {
        self.full = [false; 2];
        self.unanswered = false;
        match *step {
            Step::Allocate {
                client,
                ref wish,
                mobile,
                full,
            } => {
                self.full = full;
                let request = self.allocate_request(client, wish, mobile);
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
                let wish = Wish::Family(Family::V4, None);
                let request = self.allocate_request(client, &wish, false);
                self.clients[client].last.clone_from(&request);
                self.allocate(client, &request)
            }
            Step::Intrude { client } => {
                let user = 1 - USERS[client];
                let request = self.request_of(user, client, Method::REFRESH, |writer| {
                    writer.number32(attr::LIFETIME, 0);
                });
                self.control(client, &request, |_| Outcome::Done)
            }
            Step::Claim { token } => {
                let token = self.tokens.get(token).copied().unwrap_or_default();
                let claimed = self.server.handle_claim(self.now, token);
                let Some((relay, address)) = claimed else {
                    return Outcome::Silence;
                };
                assert_eq!(self.sockets.remove(&relay), Some(address));
                Outcome::Done
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
            Step::Resume {
                client,
                ticket,
                lifetime,
            } => self.resume(client, ticket, lifetime),
            Step::Disconnect => {
                self.server.handle_closed(self.now, &from(STREAM).path);
                self.drain();
                Outcome::Silence
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
            Step::PeerSends { allocation, peer } => self.data_from(allocation, address(peer)),
            Step::Wait {
                millis,
                and_run_timers,
            } => {
                self.wait(millis, and_run_timers);
                Outcome::Silence
            }
        }
    }

    fn allocate_request(&mut self, client: usize, wish: &Wish, mobile: bool) -> Vec<u8> {
        let token = match wish {
            Wish::Token(number) => self.tokens.get(*number).copied().unwrap_or_default(),
            _ => ReservationToken::default(),
        };
        self.request(client, Method::ALLOCATE, |writer| {
            if !matches!(wish, Wish::NoTransport) {
                writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
            }
            if mobile {
                writer.bytes(attr::MOBILITY_TICKET, &[]);
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
        if self.made.iter().any(|made| made.success == bytes) {
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
        self.tokens
            .extend(token.map(|token| ReservationToken::try_from(token).expect("8 bytes")));
        let missing = reply.attribute(attr::ADDRESS_ERROR_CODE).map(|value| {
            let family = Family::from_number(value[0]).expect("a family");
            (family, u16::from(value[2]) * 100 + u16::from(value[3]))
        });
        let made = Made {
            halves: relays.map(|relay| relay.is_some()),
            lifetime: reply.number32(attr::LIFETIME).expect("LIFETIME"),
            reserves: token.is_some(),
            ticket: self.ticket_in(&reply),
            missing,
        };
        self.made.push(HarnessAllocation {
            relays,
            success: bytes,
        });
        Outcome::Allocated(made)
    }

    /// Which ticket the reply has, perhaps one more.
    fn ticket_in(&mut self, reply: &Message<'_>) -> Option<usize> {
        let ticket = reply.attribute(attr::MOBILITY_TICKET)?;
        let known = self.tickets.iter().position(|it| it == ticket);
        known.or_else(|| {
            self.tickets.push(ticket.to_vec());
            Some(self.tickets.len() - 1)
        })
    }

    fn resume(&mut self, client: usize, ticket: usize, lifetime: Option<u32>) -> Outcome {
        let none = vec![7; 53];
        let ticket = self.tickets.get(ticket).unwrap_or(&none).clone();
        let request = self.request(client, Method::REFRESH, |writer| {
            if let Some(lifetime) = lifetime {
                writer.number32(attr::LIFETIME, lifetime);
            }
            writer.bytes(attr::MOBILITY_TICKET, &ticket);
        });
        let Some(bytes) = self.exchange(client, &request) else {
            return Outcome::Silence;
        };
        let reply = Message::parse(&bytes).expect("a message");
        if let Some(code) = code(&reply) {
            return Outcome::Refused(code);
        }
        let lifetime = reply.number32(attr::LIFETIME).expect("LIFETIME");
        Outcome::Resumed(lifetime, self.ticket_in(&reply))
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
        let hop = self
            .server
            .handle_datagram(self.now, from(client), datagram);
        if self.taken.contains(&from(client).path) {
            // Which may be what moves the allocation.
            self.drain();
        }
        assert!(self.server.poll_output().is_none());
        let Some(hop) = hop else {
            return Outcome::Silence;
        };
        assert_eq!(&datagram[hop.data], b"data");
        let peer = hop.peer.wire();
        let is_from = |made: &HarnessAllocation| made.relays[half(peer)] == Some(hop.relay);
        let allocation = self.made.iter().position(is_from);
        let named = hop.hairpin.map(|way| self.sockets[&way.relay]);
        let mut sockets = self.sockets.values().copied();
        assert_eq!(named, sockets.find(|&socket| socket == peer));
        Outcome::ToPeer(peer, allocation.expect("a relay of an allocation"))
    }

    fn data_from(&mut self, allocation: usize, peer: SocketAddr) -> Outcome {
        let made = self.made.get(allocation);
        let Some(relay) = made.and_then(|made| made.relays[half(peer)]) else {
            return Outcome::Silence;
        };
        let Some(hop) = self.server.to_client(self.now, relay, peer, Run::one(4)) else {
            return Outcome::Silence;
        };
        let client = (0..CLIENTS).find(|client| from(*client) == hop.to);
        let client = client.expect("one of the clients");
        match hop.frame {
            Frame::Channel { number, padded } => {
                assert_eq!(padded, client == STREAM);
                Outcome::ToClient(client, Some(number))
            }
            Frame::Indication { peer: named, .. } => {
                assert_eq!(named, peer);
                Outcome::ToClient(client, None)
            }
        }
    }

    fn wait(&mut self, millis: u64, and_run_timers: bool) {
        self.now.instant = self.now.instant + Duration::from_millis(millis);
        if and_run_timers {
            let now = self.now.instant;
            while self.server.next_timeout().is_some_and(|due| due <= now) {
                self.server.handle_timeout(self.now);
                self.drain();
            }
            self.replies.clear();
        }
    }

    fn request(
        &mut self,
        client: usize,
        method: Method,
        fill: impl FnOnce(&mut Writer<'_>),
    ) -> Vec<u8> {
        self.request_of(USERS[client], client, method, fill)
    }

    /// A request of this user, signed if the client knows a nonce.
    fn request_of(
        &mut self,
        user: usize,
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
        if let Some(nonce) = &state.nonce {
            writer.text(attr::USERNAME, &CREDENTIALS[user].name);
            writer.text(attr::REALM, REALM);
            writer.bytes(attr::NONCE, nonce);
            writer.integrity(Integrity::Sha1, &CREDENTIALS[user].md5);
        }
        writer.finish().expect("room").to_vec()
    }

    fn exchange(&mut self, client: usize, request: &[u8]) -> Option<Vec<u8>> {
        let hop = self.server.handle_datagram(self.now, from(client), request);
        assert_eq!(hop, None);
        self.drain();
        let reply = self.replies.pop();
        assert!(self.replies.is_empty());
        let message = reply
            .as_ref()
            .map(|bytes| Message::parse(bytes).expect("a message"));
        if let Some(nonce) = message.and_then(|message| message.attribute(attr::NONCE)) {
            self.clients[client].nonce = Some(nonce.to_vec());
        }
        reply
    }

    fn drain(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Reply { bytes, .. } => self.replies.push(bytes),
                Output::Ask(id, Ask::FindKeys { user, .. }) => {
                    let known = CREDENTIALS
                        .iter()
                        .filter(|it| UserId::Name(it.name.clone()) == user);
                    let answer = Answer::Keys(known.cloned().collect());
                    self.server.handle_answer(self.now, id, answer);
                }
                Output::Ask(id, ask) => {
                    if !self.unanswered {
                        let answer = Answer::Relay(self.open(&ask));
                        self.server.handle_answer(self.now, id, answer);
                    }
                }
                Output::CloseRelay(relay) => {
                    let closed = self.sockets.remove(&relay);
                    assert!(closed.is_some() || self.refused == Some(relay), "{relay:?}");
                }
                Output::Event(_) => {}
                Output::PathTaken(client) => {
                    assert!(self.taken.insert(client.path), "taken twice");
                }
                Output::PathLeft(client) => {
                    self.taken.remove(&client.path);
                }
                Output::Join { .. }
                | Output::CloseConnection(_)
                | Output::CloseClient(_)
                | Output::Forward { .. } => {
                    unreachable!("TCP relaying is off, there is one server, and nobody is shut out")
                }
            }
        }
    }

    fn open(&mut self, ask: &Ask) -> Result<OpenedRelay, RelayRefusal> {
        let &Ask::OpenRelay {
            relay,
            family,
            port,
            ..
        } = ask
        else {
            return Err(RelayRefusal::NoSuchReservation);
        };
        let at = usize::from(family == Family::V6);
        if self.full[at] {
            self.refused = matches!(port, PortWish::EvenAndNext(_)).then_some(relay);
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
