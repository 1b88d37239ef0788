//! What happens, and what may come of it.

use core::net::SocketAddr;

use proptest::{prelude::*, sample::select};
use turnd_wire::Family;

use super::{CLIENTS, Model, NUMBERS, PEERS, PERMISSIONS, SECOND};

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Allocate {
        client: usize,
        wish: Wish,
        /// The client wants a ticket.
        mobile: bool,
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
    /// A Refresh with the ticket that was made as the so-manieth, whoever got it, if there were as many.
    Resume {
        client: usize,
        ticket: usize,
        lifetime: Option<u32>,
    },
    /// The connection of the client that has one ends, and begins anew.
    Disconnect,
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
    /// To a relay of the allocation that was made as the so-manieth.
    PeerSends {
        allocation: usize,
        peer: usize,
    },
    Wait {
        millis: u64,
        and_run_timers: bool,
    },
}

#[derive(Clone, Debug)]
pub(super) enum Wish {
    Family(Family, Option<u32>),
    Dual,
    EvenAndNext,
    /// The token that was made as the so-manieth, if there were as many.
    Token(usize),
    NoTransport,
}

/// What must come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Silence,
    Refused(u16),
    Allocated(Made),
    /// The answer that the same request got before.
    SameAgain,
    Refreshed(u32),
    /// For so long, and with which ticket.
    Resumed(u32, Option<usize>),
    Done,
    /// From the relay of which allocation.
    ToPeer(SocketAddr, usize),
    /// To whom, and by which channel.
    ToClient(usize, Option<u16>),
}

/// What an allocation has when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Made {
    /// Relays of IPv4 and IPv6.
    pub(super) halves: [bool; 2],
    pub(super) lifetime: u32,
    /// It got a token for the port beside its own.
    pub(super) reserves: bool,
    /// It got this ticket.
    pub(super) ticket: Option<usize>,
    /// A code for the missing family.
    pub(super) missing: Option<(Family, u16)>,
}

/// What may happen next.
pub(super) fn after(model: &Model) -> BoxedStrategy<Step> {
    let client = || 0..CLIENTS;
    let peer = || 0..PEERS.len();
    let number = || select(&NUMBERS[..]);
    let full = || prop_oneof![8 => Just([false; 2]), 1 => any::<[bool; 2]>()];
    let allocation = 0..=model.made;
    prop_oneof![
        4 => (client(), wish(model), any::<bool>(), full()).prop_map(
            |(client, wish, mobile, full)| Step::Allocate { client, wish, mobile, full }
        ),
        1 => (client(), full())
            .prop_map(|(client, full)| Step::AllocateAgain { client, full }),
        1 => client().prop_map(|client| Step::AllocateUnanswered { client }),
        1 => client().prop_map(|client| Step::Intrude { client }),
        1 => (0..=model.tokens.len()).prop_map(|token| Step::Claim { token }),
        2 => (client(), lifetime(), proptest::option::of(family())).prop_map(
            |(client, lifetime, family)| Step::Refresh { client, lifetime, family }
        ),
        3 => (client(), ticket(model), lifetime()).prop_map(
            |(client, ticket, lifetime)| Step::Resume { client, ticket, lifetime }
        ),
        1 => Just(Step::Disconnect),
        3 => (client(), proptest::collection::vec(peer(), 1..=PERMISSIONS))
            .prop_map(|(client, peers)| Step::Permit { client, peers }),
        4 => (client(), number(), peer())
            .prop_map(|(client, number, peer)| Step::Bind { client, number, peer }),
        4 => (client(), peer()).prop_map(|(client, peer)| Step::Send { client, peer }),
        4 => (client(), number())
            .prop_map(|(client, number)| Step::ChannelData { client, number }),
        4 => (allocation, peer())
            .prop_map(|(allocation, peer)| Step::PeerSends { allocation, peer }),
        5 => (millis(), any::<bool>())
            .prop_map(|(millis, and_run_timers)| Step::Wait { millis, and_run_timers }),
    ]
    .boxed()
}

fn wish(model: &Model) -> impl Strategy<Value = Wish> + use<> {
    prop_oneof![
        3 => (family(), lifetime()).prop_map(|(family, lifetime)| Wish::Family(family, lifetime)),
        3 => Just(Wish::Dual),
        2 => Just(Wish::EvenAndNext),
        2 => (0..=model.tokens.len()).prop_map(Wish::Token),
        1 => Just(Wish::NoTransport),
    ]
}

/// Mostly one of the latest.
fn ticket(model: &Model) -> impl Strategy<Value = usize> + use<> {
    let made = model.tickets.len();
    prop_oneof![
        4 => made.saturating_sub(2)..made.max(1),
        1 => 0..=made,
    ]
}

fn family() -> impl Strategy<Value = Family> {
    prop_oneof![Just(Family::V4), Just(Family::V6)]
}

fn lifetime() -> impl Strategy<Value = Option<u32>> {
    let seconds = prop_oneof![0..3_u32, 599..602_u32, 3599..3602_u32, Just(u32::MAX)];
    proptest::option::of(seconds)
}

fn millis() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..2 * SECOND,
        2 => 9_999..10_002_u64,
        2 => 29_999..30_002_u64,
        4 => 100 * SECOND..200 * SECOND,
        3 => 299_998..300_003_u64,
        2 => 599_998..600_003_u64,
        1 => Just(4000 * SECOND),
    ]
}
