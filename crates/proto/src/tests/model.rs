//! Random sequences of requests, data and time, compared with a model that says in a few lines what
//! RFC 8656 and RFC 8016 want: maps with expiry times, nonces that get old, places of a quota, reserved ports,
//! and tickets that take an allocation along. `PROPTEST_CASES` sets how many.

use core::{net::SocketAddr, time::Duration};

use proptest::{prelude::*, test_runner::Config};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use allocations::ModelAllocation;
use harness::Harness;
use places::Reservation;
use steps::{Made, Outcome, Step, Wish};

mod allocations;
mod harness;
mod mobility;
mod places;
mod steps;
mod world;

const CLIENTS: usize = 4;
/// Whose clients they are: three of one user, who share his quota, and one of another.
const USERS: [usize; CLIENTS] = [0, 0, 1, 0];
/// Which of them has a connection, that can end.
const STREAM: usize = 3;
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
        mobile: false,
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
            let (allocation, client) = (0, 0);
            let steps = [
                Step::ChannelData { client, number },
                Step::Send { client, peer: 1 },
                Step::PeerSends {
                    allocation,
                    peer: 0,
                },
                Step::PeerSends {
                    allocation,
                    peer: 1,
                },
            ];
            let outcomes = steps.map(|step| harness.step(&step));
            done.send(outcomes).expect("somebody who waits");
        });
        outcomes.recv_timeout(Duration::from_secs(10))
    });
    let expected = [
        Outcome::ToPeer(address(0), 0),
        Outcome::ToPeer(address(1), 0),
        Outcome::ToClient(0, Some(NUMBERS[1])),
        Outcome::ToClient(0, None),
    ];
    assert_eq!(relayed, Ok(expected));
}

#[derive(Clone, Debug, Default)]
struct Model {
    now: u64,
    clients: [ModelClient; CLIENTS],
    /// Those that live, and those that the server has not seen the end of.
    allocations: Vec<ModelAllocation>,
    /// How many were ever made.
    made: usize,
    tokens: Vec<Reservation>,
    /// Which allocation each ticket is for.
    tickets: Vec<usize>,
    /// Whose sockets do not come for connections that have ended, and when that is given up.
    orphans: Vec<(usize, u64)>,
    expected: Option<Outcome>,
}

#[derive(Clone, Debug, Default)]
struct ModelClient {
    /// The last Allocate request.
    last: Option<LastAllocate>,
    requests: u64,
    /// When the nonce that it knows was made, in seconds.
    nonce: Option<u64>,
    /// When a socket that does not come is given up.
    opening: Option<u64>,
}

#[derive(Clone, Debug)]
struct LastAllocate {
    wish: Wish,
    mobile: bool,
    /// The nonce that it had.
    nonce: Option<u64>,
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(model: &Self) -> BoxedStrategy<Step> {
        steps::after(model)
    }

    fn apply(mut model: Self, step: &Step) -> Self {
        model.expire();
        model.expected = Some(model.outcome(step));
        model
    }
}

impl Model {
    fn outcome(&mut self, step: &Step) -> Outcome {
        match *step {
            Step::Allocate {
                client,
                ref wish,
                mobile,
                full,
            } => self.new_allocate(client, wish, mobile, full),
            Step::AllocateAgain { client, full } => match self.clients[client].last.clone() {
                Some(last) => self.admitted_allocate(client, &last, full),
                None => Outcome::Silence,
            },
            Step::AllocateUnanswered { client } => self.allocate_unanswered(client),
            Step::Claim { token } if self.redeem(token) => Outcome::Done,
            Step::Claim { .. } => Outcome::Silence,
            Step::Intrude { client } => self.with(client, |_, _| Outcome::Refused(441)),
            Step::Refresh {
                client,
                lifetime,
                family,
            } => self.refresh(client, lifetime, family),
            Step::Resume {
                client,
                ticket,
                lifetime,
            } => self.resume(client, ticket, lifetime),
            Step::Disconnect => self.disconnect(STREAM),
            Step::Permit { client, ref peers } => {
                let peers: Vec<_> = peers.iter().map(|&peer| address(peer)).collect();
                self.with(client, |allocation, now| allocation.permit(&peers, now))
            }
            Step::Bind {
                client,
                number,
                peer,
            } => self.with(client, |allocation, now| {
                allocation.bind(number, address(peer), now)
            }),
            Step::Send { client, peer } => self.sends(client, |_| Some(address(peer))),
            // Which begins as a STUN message does, and is none.
            Step::ChannelData { number, .. } if number == NUMBERS[0] => Outcome::Silence,
            Step::ChannelData { client, number } => self.sends(client, |allocation| {
                allocation.channels.get(&number).map(|(peer, _)| *peer)
            }),
            Step::PeerSends { allocation, peer } => self.receives(allocation, address(peer)),
            Step::Wait {
                millis,
                and_run_timers,
            } => {
                self.now += millis;
                self.expire();
                if and_run_timers {
                    self.run_timers();
                }
                Outcome::Silence
            }
        }
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
