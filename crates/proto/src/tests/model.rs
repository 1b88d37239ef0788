//! Random sequences of requests, data and time, compared with a model that says in a few lines what
//! RFC 8656 wants: maps with expiry times, nonces that get old, and places of a quota. `PROPTEST_CASES`
//! sets how many.

use core::{net::SocketAddr, time::Duration};
use std::{collections::BTreeMap, net::IpAddr};

use proptest::{prelude::*, test_runner::Config};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use turnd_wire::Family;

use harness::Harness;
use places::Reservation;

mod harness;
mod places;

const CLIENTS: usize = 3;
/// Whose clients they are: two of one user, who share his quota, and one of another.
const USERS: [usize; CLIENTS] = [0, 0, 1];
const PERMISSIONS: usize = 3;
const CHANNELS: usize = 2;
const SECOND: u64 = 1000;
/// Places of each user, and of all.
const QUOTA: usize = 2;
const TOTAL_QUOTA: usize = 3;
/// How long a nonce is good, in seconds.
const NONCE: u64 = 700;
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

/// The quota ledger is the only lock there is; relaying goes on while another server holds it.
#[test]
fn packets_do_not_wait_for_the_lock() {
    let mut harness = Harness::init_test(&Model::default());
    let allocate = || Step::Allocate {
        client: 0,
        wish: Wish::Dual,
        full: [false; 2],
    };
    for step in [
        // Which gets a nonce.
        allocate(),
        allocate(),
        Step::Bind {
            client: 0,
            number: NUMBERS[1],
            peer: 0,
        },
    ] {
        harness.step(&step);
    }
    let (done, outcomes) = std::sync::mpsc::channel();
    let quotas = harness.server.settings.quotas.clone();
    let relayed = quotas.while_locked(|| {
        std::thread::spawn(move || {
            let number = NUMBERS[1];
            let steps = [
                Step::ChannelData { client: 0, number },
                Step::Send { client: 0, peer: 1 },
                Step::PeerSends { client: 0, peer: 0 },
                Step::PeerSends { client: 0, peer: 1 },
            ];
            let outcomes = steps.map(|step| harness.step(&step));
            done.send(outcomes).expect("somebody who waits");
        });
        outcomes.recv_timeout(Duration::from_secs(10))
    });
    let expected = [
        Outcome::ToPeer(address(0)),
        Outcome::ToPeer(address(1)),
        Outcome::ToClient(Some(NUMBERS[1])),
        Outcome::ToClient(None),
    ];
    assert_eq!(relayed, Ok(expected));
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Allocate {
        client: usize,
        wish: Wish,
        full: [bool; 2],
    },
    /// The last Allocate, bit for bit.
    AllocateAgain {
        client: usize,
        full: [bool; 2],
    },
    /// The other user tries to end the client's allocation.
    Intrude {
        client: usize,
    },
    /// An Allocate whose socket never comes.
    AllocateUnanswered {
        client: usize,
    },
    /// Another server redeems a token of this one.
    Claim {
        token: usize,
    },
    Refresh {
        client: usize,
        lifetime: Option<u32>,
        family: Option<Family>,
    },
    Permit {
        client: usize,
        peers: Vec<usize>,
    },
    Bind {
        client: usize,
        number: u16,
        peer: usize,
    },
    Send {
        client: usize,
        peer: usize,
    },
    ChannelData {
        client: usize,
        number: u16,
    },
    PeerSends {
        client: usize,
        peer: usize,
    },
    Wait {
        millis: u64,
        and_run_timers: bool,
    },
}

#[derive(Clone, Debug)]
enum Wish {
    Family(Family, Option<u32>),
    Dual,
    EvenAndNext,
    /// The token that was made as the so-manieth, if there were as many.
    Token(usize),
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

#[derive(Clone, Debug, Default)]
struct Model {
    now: u64,
    clients: [ModelClient; CLIENTS],
    tokens: Vec<Reservation>,
    expected: Option<Outcome>,
}

#[derive(Clone, Debug, Default)]
struct ModelClient {
    allocation: Option<ModelAllocation>,
    /// The last Allocate request with the nonce that it had, and how many there were.
    last: Option<(Wish, Option<u64>)>,
    requests: u64,
    /// When the nonce that it knows was made, in seconds.
    nonce: Option<u64>,
    /// Whether the server has counted an allocation, or one on its way, that it has not seen the end of.
    place: bool,
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
        let state = &self.clients[client];
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
            wish if !self.has_places(client, wish) => return Outcome::Refused(486),
            Wish::Family(family, lifetime) => {
                ([*family == Family::V4, *family == Family::V6], *lifetime)
            }
            Wish::Dual => ([true, true], None),
            Wish::EvenAndNext => ([true, false], None),
            Wish::Token(number) => {
                if !self.redeem(*number) {
                    return Outcome::Refused(508);
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
        let state = &mut self.clients[client];
        state.place = true;
        state.allocation = Some(ModelAllocation {
            made_by: state.requests,
            halves: got.map(|got| got.then_some(end)),
            ..ModelAllocation::default()
        });
        let reserves = matches!(wish, Wish::EvenAndNext);
        if reserves {
            self.tokens.push(Reservation {
                ends: self.now + 30 * SECOND,
                user: USERS[client],
                place: true,
            });
        }
        Outcome::Allocated(got, granted, reserves, missing)
    }

    fn refresh(&mut self, client: usize, lifetime: Option<u32>, family: Option<Family>) -> Outcome {
        if let Some(refused) = self.admit(client, self.clients[client].nonce) {
            return refused;
        }
        let Some(allocation) = &mut self.clients[client].allocation else {
            return Outcome::Refused(437);
        };
        let granted = if lifetime == Some(0) {
            0
        } else {
            granted(lifetime)
        };
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
        self.settle(client);
        Outcome::Refreshed(granted)
    }

    /// What an allocation, if the client has one, makes of a request.
    fn with(
        &mut self,
        client: usize,
        request: impl FnOnce(&mut ModelAllocation, u64) -> Outcome,
    ) -> Outcome {
        if let Some(refused) = self.admit(client, self.clients[client].nonce) {
            return refused;
        }
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
        let halves = allocations
            .flat_map(|allocation| allocation.halves)
            .flatten();
        let tokens = self.tokens.iter().filter(|token| token.place);
        halves.count() + tokens.count()
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(model: &Self) -> BoxedStrategy<Step> {
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
            2 => (0..=model.tokens.len()).prop_map(Wish::Token),
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
            1 => client().prop_map(|client| Step::Intrude { client }),
            1 => (0..=model.tokens.len()).prop_map(|token| Step::Claim { token }),
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
        let outcome = match step {
            Step::Allocate { client, wish, full } => {
                model.clients[*client].requests += 1;
                let wish = match wish {
                    Wish::Token(number) if *number >= model.tokens.len() => Wish::Token(usize::MAX),
                    wish => wish.clone(),
                };
                let nonce = model.clients[*client].nonce;
                model.clients[*client].last = Some((wish.clone(), nonce));
                let refused = model.admit(*client, nonce);
                refused.unwrap_or_else(|| model.allocate(*client, &wish, *full))
            }
            Step::AllocateAgain { client, full } => match model.clients[*client].last.clone() {
                Some((wish, nonce)) => {
                    let refused = model.admit(*client, nonce);
                    refused.unwrap_or_else(|| model.allocate(*client, &wish, *full))
                }
                None => Outcome::Silence,
            },
            Step::AllocateUnanswered { client } => model.allocate_unanswered(*client),
            Step::Claim { token } if model.redeem(*token) => Outcome::Done,
            Step::Claim { .. } => Outcome::Silence,
            Step::Intrude { client } => model.with(*client, |_, _| Outcome::Refused(441)),
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
                if *and_run_timers {
                    model.run_timers();
                }
                Outcome::Silence
            }
        };
        model.expected = Some(outcome);
        model
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
