//! Random sequences of what clients, peers and time do to TCP connections, compared with a model that
//! says in a few lines what RFC 6062 wants. `PROPTEST_CASES` sets how many.

use core::{net::SocketAddr, time::Duration};
use std::collections::HashSet;

use proptest::prelude::*;

use harness::{CLIENTS, Harness, Outcome, PEERS, Settled, peer};

mod harness;

const CONNECTIONS: usize = 3;
const PENDING: usize = 2;
const SECOND: u64 = 1000;
const FAILED_LATE: Outcome = Outcome::Settled(Settled::Failure);

proptest! {
    #![proptest_config(ProptestConfig {
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn connections_do_what_the_model_says(steps in proptest::collection::vec(step(), 1..120)) {
        let mut harness = Harness::new(CONNECTIONS, PENDING);
        let mut model = Model::default();
        for step in &steps {
            let expected = model.step(step);
            let outcome = harness.step(step);
            // A Connect whose allocation has expired fails when the server comes to look.
            let looked = (expected, outcome) == (Outcome::Silence, FAILED_LATE);
            prop_assert!(looked || outcome == expected, "{step:?}: {outcome:?}, not {expected:?}");
            harness.server.check();
            if let Step::Wait { and_run_timers: true, .. } = step {
                prop_assert_eq!(&harness.open, &model.open());
            }
        }
        harness.step(&Step::Wait { millis: 10_000 * SECOND, and_run_timers: true });
        harness.server.check_is_empty();
        prop_assert!(harness.open.is_empty());
    }
}

/// One thing that happens. Connections are named by how many there were before.
#[derive(Clone, Debug)]
enum Step {
    Allocate {
        client: usize,
    },
    /// By Refresh with life time zero.
    Delete {
        client: usize,
    },
    /// The client's stream ends.
    Leave {
        client: usize,
    },
    Permit {
        client: usize,
        peer: usize,
    },
    Connect {
        client: usize,
        peer: usize,
    },
    /// A peer answers a Connect, if that one waits.
    Answer {
        connection: usize,
        accepts: bool,
    },
    PeerConnects {
        client: usize,
        peer: usize,
    },
    Claim {
        connection: usize,
        by_owner: bool,
    },
    ConnectionEnds {
        connection: usize,
    },
    Wait {
        millis: u64,
        and_run_timers: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let client = || 0..CLIENTS;
    let peer = || 0..PEERS.len();
    let connection = || 0..12_usize;
    let millis = prop_oneof![
        4 => 0..2 * SECOND,
        4 => 29_999..30_002_u64,
        1 => 299_999..300_002_u64,
        1 => 599_999..600_002_u64,
    ];
    prop_oneof![
        4 => client().prop_map(|client| Step::Allocate { client }),
        1 => client().prop_map(|client| Step::Delete { client }),
        1 => client().prop_map(|client| Step::Leave { client }),
        3 => (client(), peer()).prop_map(|(client, peer)| Step::Permit { client, peer }),
        8 => (client(), peer()).prop_map(|(client, peer)| Step::Connect { client, peer }),
        6 => (connection(), proptest::bool::weighted(0.8))
            .prop_map(|(connection, accepts)| Step::Answer { connection, accepts }),
        6 => (client(), peer()).prop_map(|(client, peer)| Step::PeerConnects { client, peer }),
        6 => (connection(), proptest::bool::weighted(0.8))
            .prop_map(|(connection, by_owner)| Step::Claim { connection, by_owner }),
        3 => connection().prop_map(|connection| Step::ConnectionEnds { connection }),
        4 => (millis, any::<bool>())
            .prop_map(|(millis, and_run_timers)| Step::Wait { millis, and_run_timers }),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Connecting(u64),
    Unbound(u64),
    Bound,
    Dead,
}

#[derive(Clone, Copy, Debug)]
struct Connection {
    client: usize,
    peer: usize,
    state: State,
}

#[derive(Debug, Default)]
struct Allocation {
    ends: u64,
    /// Hosts and until when; one entry for each time it was permitted.
    permissions: Vec<(SocketAddr, u64)>,
}

#[derive(Debug, Default)]
struct Model {
    now: u64,
    allocations: [Option<Allocation>; CLIENTS],
    connections: Vec<Connection>,
}

impl Model {
    fn open(&self) -> HashSet<usize> {
        let all = self.connections.iter().enumerate();
        all.filter(|(_, connection)| connection.state != State::Dead)
            .map(|(number, _)| number)
            .collect()
    }

    /// Whatever has expired is gone, whether the server has looked or not.
    fn expire(&mut self) {
        for connection in &mut self.connections {
            if matches!(connection.state, State::Unbound(until) if until <= self.now) {
                connection.state = State::Dead;
            }
        }
        for client in 0..CLIENTS {
            let allocation = self.allocations[client].as_ref();
            if allocation.is_some_and(|allocation| allocation.ends <= self.now) {
                self.end(client);
            }
        }
    }

    fn end(&mut self, client: usize) {
        self.allocations[client] = None;
        let connections = self.connections.iter_mut();
        for connection in connections.filter(|connection| connection.client == client) {
            connection.state = State::Dead;
        }
    }

    fn with_peer(&mut self, client: usize, peer: usize) -> Option<&mut Connection> {
        self.connections.iter_mut().find(|connection| {
            (connection.client, connection.peer) == (client, peer)
                && connection.state != State::Dead
        })
    }

    fn have_room(&self, client: usize) -> bool {
        let mine = |connection: &&Connection| connection.client == client;
        let states = || self.connections.iter().filter(mine).map(|one| one.state);
        let live = states().filter(|state| *state != State::Dead).count();
        let bound = states().filter(|state| *state == State::Bound).count();
        live < CONNECTIONS && live - bound < PENDING
    }

    fn add(&mut self, client: usize, peer: usize, state: State) {
        self.connections.push(Connection {
            client,
            peer,
            state,
        });
    }

    fn step(&mut self, step: &Step) -> Outcome {
        self.expire();
        match *step {
            Step::Allocate { client } => match self.allocations[client] {
                Some(_) => Outcome::Refused(437),
                None => {
                    self.allocations[client] = Some(Allocation {
                        ends: self.now + 600 * SECOND,
                        permissions: Vec::new(),
                    });
                    Outcome::Done
                }
            },
            Step::Delete { client } => match self.allocations[client] {
                Some(_) => {
                    self.end(client);
                    Outcome::Done
                }
                None => Outcome::Refused(437),
            },
            Step::Leave { client } => {
                self.end(client);
                Outcome::Silence
            }
            Step::Permit { client, peer } => self.permit(client, peer),
            Step::Connect { client, peer } => self.connect(client, peer),
            Step::Answer {
                connection,
                accepts,
            } => self.answer(connection, accepts),
            Step::PeerConnects { client, peer } => self.peer_connects(client, peer),
            Step::Claim {
                connection,
                by_owner,
            } => match self.connections.get_mut(connection) {
                Some(Connection {
                    state: state @ State::Unbound(_),
                    ..
                }) => {
                    if by_owner {
                        *state = State::Bound;
                        Outcome::Done
                    } else {
                        Outcome::Refused(441)
                    }
                }
                _ => Outcome::Refused(400),
            },
            Step::ConnectionEnds { connection } => {
                if let Some(connection) = self.connections.get_mut(connection) {
                    connection.state = State::Dead;
                }
                Outcome::Silence
            }
            Step::Wait {
                millis,
                and_run_timers,
            } => {
                self.now += millis;
                self.expire();
                for connection in &mut self.connections {
                    let is_late =
                        matches!(connection.state, State::Connecting(until) if until <= self.now);
                    if and_run_timers && is_late {
                        connection.state = State::Dead;
                    }
                }
                Outcome::Silence
            }
        }
    }

    fn permit(&mut self, client: usize, number: usize) -> Outcome {
        let Some(allocation) = &mut self.allocations[client] else {
            return Outcome::Refused(437);
        };
        if peer(number).ip().is_loopback() {
            return Outcome::Refused(403);
        }
        let until = self.now + 300 * SECOND;
        allocation.permissions.push((peer(number), until));
        Outcome::Done
    }

    fn connect(&mut self, client: usize, number: usize) -> Outcome {
        if self.allocations[client].is_none() {
            Outcome::Refused(437)
        } else if peer(number).ip().is_loopback() {
            Outcome::Refused(403)
        } else if self.with_peer(client, number).is_some() {
            Outcome::Refused(446)
        } else if !self.have_room(client) {
            Outcome::Refused(508)
        } else {
            self.add(client, number, State::Connecting(self.now + 30 * SECOND));
            Outcome::Silence
        }
    }

    fn answer(&mut self, connection: usize, accepts: bool) -> Outcome {
        let until = self.now + 30 * SECOND;
        match self.connections.get_mut(connection) {
            Some(connection) if matches!(connection.state, State::Connecting(_)) => {
                if accepts {
                    connection.state = State::Unbound(until);
                    Outcome::Settled(Settled::Success)
                } else {
                    connection.state = State::Dead;
                    Outcome::Settled(Settled::Failure)
                }
            }
            _ => Outcome::Silence,
        }
    }

    fn peer_connects(&mut self, client: usize, number: usize) -> Outcome {
        let now = self.now;
        let Some(allocation) = &self.allocations[client] else {
            return Outcome::Silence;
        };
        let permits = |(address, until): &(SocketAddr, u64)| {
            address.ip() == peer(number).ip() && now < *until
        };
        if !allocation.permissions.iter().any(permits) {
            return Outcome::Silence;
        }
        match self.with_peer(client, number) {
            Some(connection) if matches!(connection.state, State::Connecting(_)) => {
                return Outcome::Silence;
            }
            Some(connection) => connection.state = State::Dead,
            None => {}
        }
        if !self.have_room(client) {
            return Outcome::Silence;
        }
        self.add(client, number, State::Unbound(now + 30 * SECOND));
        Outcome::Attempt(peer(number))
    }
}

fn after(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
