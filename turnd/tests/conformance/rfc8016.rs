//! RFC 8016: a client takes its allocation along to another address.

use std::{collections::HashSet, net::SocketAddr};

use turnd_wire::attr;

use crate::{
    client::{CHANNEL, Client, Peer},
    messages::{OK, Reply, Request},
    row::{ALL, BOTH, Row, STREAMS, decided, must},
    subject::{Path, not_applicable},
};

const STORIES: &str = "crates/proto/tests/stories/mobility/mod.rs";
const IMMOBILE: &str = "";
const MOBILE: &str = "mobility\n";
const ONE_EACH: &str = "mobility\nuser-quota=1\n";
/// The longest answer that fits every path over IPv4 (RFC 8489 section 6.1).
const SHORT: usize = 548;
/// Resumes in a row that nobody completes; the story has a thousand.
const CHAIN: usize = 40;
/// Bits that nobody guesses.
const ENTROPY: usize = 128;
/// How many tickets are looked at. A byte of chance has 57 values in so many; that it has not half as many as there
/// are tickets does not happen.
const TICKETS: usize = 64;

pub(crate) const ROWS: &[Row] = &[
    must("T8016-3.1.2-1", "a ticket where mobility is off: 405")
        .on(IMMOBILE)
        .over(ALL, off),
    must("T8016-3.1.2-2", "Allocate with a ticket: 400").over(ALL, not_empty),
    must(
        "T8016-3.1.2-3",
        "whoever asks gets a ticket, in an answer of at most 548 bytes",
    )
    .over(ALL, first_ticket),
    must(
        "T8016-3.2.2-1",
        "from another address: success, a new ticket, and relay, channels and permissions as they were",
    )
    .over(ALL, moves),
    decided(
        "T8016-3.2.2-1b",
        "also from one transport or family to another",
    )
    .over(ALL, moves_anywhere),
    must("T8016-3.2.2-2", "a ticket from where the allocation is: 400").over(ALL, unmoved),
    must(
        "T8016-3.2.2-3",
        "a forged ticket: 400; one of an allocation that is over: 437",
    )
    .over(ALL, forged),
    must("T8016-3.2.2-4", "another user's ticket: 441").over(ALL, anothers),
    must(
        "T8016-3.2.2-5",
        "until there is data on the new path the old one goes on",
    )
    .over(ALL, old_path),
    must(
        "T8016-3.2.2-6",
        "with the first data on the new path the old one is over, and its ticket",
    )
    .over(ALL, new_path),
    must("T8016-3.2.2-6b", "so it is when the old connection ends").over(STREAMS, old_end),
    must("T8016-3.2.2-7", "the same Refresh again: the same answer")
        .over(ALL, again)
        .held(&[(
            STORIES,
            "a_refresh_that_is_sent_again_gets_the_same_answer_for_thirty_seconds",
        )]),
    must(
        "T8016-3.2.2-8",
        "a ticket where mobility is off by now: 405",
    )
    .on(MOBILE)
    .over(ALL, off_by_now),
    must("T8016-5-1", "a ticket has 128 bits that nobody guesses")
        .over(ALL, unguessable)
        .held(&[(
            "crates/proto/src/ticket.rs",
            "tickets_of_one_allocation_have_nothing_in_common",
        )]),
    decided(
        "T8016-D-1",
        "resumes that are not completed: one path more, and one place of the quota",
    )
    .on(ONE_EACH)
    .over(ALL, chain)
    .held(&[(
        STORIES,
        "a_chain_of_resumes_without_data_holds_one_path_more_and_its_place",
    )]),
    decided(
        "T8016-D-2",
        "the end of a connection leaves the allocation, and its place of the quota",
    )
    .on(ONE_EACH)
    .over(STREAMS, away),
];

/// An Allocate that asks for a ticket.
fn mobile(client: &Client) -> Request {
    client.allocate_request().with(attr::MOBILITY_TICKET, b"")
}

fn show(ticket: &[u8]) -> Request {
    Request::refresh().with(attr::MOBILITY_TICKET, ticket)
}

#[track_caller]
fn ticket_in(reply: &Reply) -> Vec<u8> {
    assert_eq!(reply.code(), OK);
    reply.value(attr::MOBILITY_TICKET).expect("a ticket")
}

/// Allocates with a ticket, if there are any here.
#[track_caller]
fn allocate(client: &mut Client) -> Reply {
    let reply = client.call(&mobile(client));
    if reply.code() == 405 {
        not_applicable("it gives no tickets");
    }
    assert_eq!(reply.code(), OK, "Allocate");
    reply
}

/// What a client has that can move: its ticket, its relayed address, and a peer behind a channel.
struct Belongings {
    ticket: Vec<u8>,
    relay: SocketAddr,
    peer: Peer,
}

/// A client that can move.
#[track_caller]
fn settle(path: &Path<'_>) -> (Client, Belongings) {
    let (mut client, peer) = (path.client(), path.peer());
    let reply = allocate(&mut client);
    client.must_bind(CHANNEL, peer.address());
    let belongings = Belongings {
        ticket: ticket_in(&reply),
        relay: reply.relay(),
        peer,
    };
    (client, belongings)
}

impl Belongings {
    /// The same user at another address, where he has shown the ticket; the next ticket is known from now on.
    #[track_caller]
    fn resume(&mut self, path: &Path<'_>) -> Client {
        let mut there = path.client();
        let mut reply = there.call(&show(&self.ticket));
        // Other servers may have a nonce for each allocation. That is no refusal.
        if reply.code() == 438 && !path.is_turnd() {
            reply = there.call(&show(&self.ticket));
        }
        let next = ticket_in(&reply);
        assert_ne!(next, self.ticket, "the old ticket");
        self.ticket = next;
        there
    }

    /// Data goes this way in both directions.
    #[track_caller]
    fn expect_at(&self, client: &mut Client) {
        client.send_channel(CHANNEL, b"up");
        self.peer.expect(b"up", self.relay);
        self.expect_reached(client);
    }

    /// This is where the peer's data goes to.
    #[track_caller]
    fn expect_reached(&self, client: &mut Client) {
        self.peer.send(self.relay, b"down");
        client.expect_channel(CHANNEL, b"down");
    }
}

/// What this client sends goes nowhere, and the server knows no allocation of it.
#[track_caller]
fn expect_out(client: &mut Client) {
    client.send_channel(CHANNEL, b"by a path that is over");
    assert_eq!(client.refresh(600).code(), 437);
}

fn off(path: &Path<'_>) {
    let mut client = path.client();
    client.expect(405, &mobile(&client));
    client.expect(405, &show(&[7; 53]));
    client.allocate();
}

fn not_empty(path: &Path<'_>) {
    let ticket = ticket_in(&allocate(&mut path.client()));
    for ticket in [&ticket[..], &[7; 53], b"7"] {
        let mut client = path.client();
        let request = client.allocate_request();
        client.expect(400, &request.with(attr::MOBILITY_TICKET, ticket));
        assert_eq!(client.refresh(600).code(), 437, "nothing was allocated");
    }
}

fn first_ticket(path: &Path<'_>) {
    let mut client = path.client();
    let request = mobile(&client).fingerprint();
    allocate(&mut path.client());
    let reply = client.call(&request);
    assert!(!ticket_in(&reply).is_empty());
    assert!(reply.bytes.len() <= SHORT, "{} bytes", reply.bytes.len());
    // And nobody else does.
    let mut other = path.client();
    let reply = other.expect(OK, &other.allocate_request());
    assert!(!reply.has(attr::MOBILITY_TICKET));
}

fn moves(path: &Path<'_>) {
    let (mut here, mut own) = settle(path);
    let neighbour = path.peer();
    for _ in 0..3 {
        let mut there = own.resume(path);
        own.expect_at(&mut there);
        there.send_data(neighbour.address(), b"the same permission");
        let expected = (b"the same permission".to_vec(), own.relay);
        assert_eq!(neighbour.next(), expected);
        neighbour.send(own.relay, b"and back");
        let expected = (neighbour.address(), b"and back".to_vec());
        assert_eq!(there.next_data(), expected);
        here = there;
    }
    assert_eq!(here.refresh(900).lifetime(), Some(900));
}

fn moves_anywhere(path: &Path<'_>) {
    for &transport in ALL {
        for &family in BOTH {
            let (_here, mut own) = settle(path);
            let mut there = own.resume(&path.by(transport, family));
            own.expect_at(&mut there);
        }
    }
}

fn unmoved(path: &Path<'_>) {
    let (mut here, mut own) = settle(path);
    here.expect(400, &show(&own.ticket));
    here.expect(400, &show(b""));
    own.expect_at(&mut here);
    // The ticket has not been used up.
    let mut there = own.resume(path);
    own.expect_at(&mut there);
}

fn forged(path: &Path<'_>) {
    let (mut here, own) = settle(path);
    let mut there = path.client();
    for at in 0..own.ticket.len() {
        let mut forged = own.ticket.clone();
        forged[at] ^= 1 << (at % 8);
        there.expect(400, &show(&forged));
    }
    for length in [0, 1, own.ticket.len() - 1] {
        let cut = &own.ticket[..length];
        there.expect(400, &show(cut));
    }
    let longer = [&own.ticket[..], b"\0"].concat();
    there.expect(400, &show(&longer));
    own.expect_at(&mut here);
    assert_eq!(here.refresh(0).code(), OK);
    there.expect(437, &show(&own.ticket));
}

fn anothers(path: &Path<'_>) {
    let (mut here, own) = settle(path);
    let mut bob = path.bob();
    bob.expect(441, &show(&own.ticket));
    // He is known to be bob by now.
    assert_eq!(bob.refresh(600).code(), 437);
    bob.expect(441, &show(&own.ticket));
    own.expect_at(&mut here);
    // Nor is the ticket's owner to be had with another password.
    let mut thief = path.client();
    thief.account.password.push('!');
    thief.expect(401, &show(&own.ticket));
}

fn old_path(path: &Path<'_>) {
    let (mut here, mut own) = settle(path);
    let mut there = own.resume(path);
    for _ in 0..3 {
        own.expect_at(&mut here);
        // What is no data changes nothing.
        there.must_permit(path.peer().address());
        there.expect_nothing();
    }
    own.expect_at(&mut there);
}

fn new_path(path: &Path<'_>) {
    for by_channel in [true, false] {
        let (mut here, mut own) = settle(path);
        let old = own.ticket.clone();
        let mut there = own.resume(path);
        if by_channel {
            there.send_channel(CHANNEL, b"up");
        } else {
            there.send_data(own.peer.address(), b"up");
        }
        own.peer.expect(b"up", own.relay);
        own.expect_reached(&mut there);
        expect_out(&mut here);
        here.expect(400, &show(&old));
        path.client().expect(400, &show(&old));
        // Nothing of it came in between.
        own.expect_at(&mut there);
    }
}

fn old_end(path: &Path<'_>) {
    let (mut here, mut own) = settle(path);
    let mut there = own.resume(path);
    own.expect_at(&mut here);
    here.hang_up();
    own.expect_reached(&mut there);
    own.expect_at(&mut there);
}

fn again(path: &Path<'_>) {
    let (_here, mut own) = settle(path);
    let mut there = path.client();
    there.say_hello();
    let request = there.signed(&show(&own.ticket));
    let first = there.exchange(&request);
    let next = ticket_in(&first);
    assert_eq!(there.exchange(&request), first);
    // So it is with a new request, and when the path is in use already.
    let reply = there.call(&show(&own.ticket));
    assert_eq!(ticket_in(&reply), next);
    own.expect_at(&mut there);
    assert_eq!(there.exchange(&request), first);
    own.ticket = next;
    let mut third = own.resume(path);
    own.expect_at(&mut third);
}

fn off_by_now(path: &Path<'_>) {
    let (mut here, mut own) = settle(path);
    path.toggle("mobility");
    let mut there = path.client();
    there.expect(405, &show(&own.ticket));
    there.expect(405, &mobile(&there));
    own.expect_at(&mut here);
    path.toggle("mobility");
    let mut there = own.resume(path);
    own.expect_at(&mut there);
}

fn unguessable(path: &Path<'_>) {
    // Of one allocation, so that nothing else is different.
    let (_here, mut own) = settle(path);
    let mut tickets = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..TICKETS {
        tickets.push(own.ticket.clone());
        clients.push(own.resume(path));
    }
    let length = tickets[0].len();
    assert!(tickets.iter().all(|ticket| ticket.len() == length));
    let is_random = |at: &usize| {
        let values: HashSet<u8> = tickets.iter().map(|ticket| ticket[*at]).collect();
        values.len() >= TICKETS / 2
    };
    let random = (0..length).filter(is_random).count();
    assert!(random * 8 >= ENTROPY, "{random} of {length} bytes");
}

fn chain(path: &Path<'_>) {
    let (mut here, mut own) = settle(path);
    let mut paths: Vec<Client> = (0..CHAIN).map(|_| own.resume(path)).collect();
    let mut last = paths.pop().expect("some");
    let mut other = path.client();
    other.expect(486, &mobile(&other));
    for replaced in &mut paths {
        expect_out(replaced);
    }
    own.expect_at(&mut here);
    own.expect_at(&mut last);
    expect_out(&mut here);
    assert_eq!(last.refresh(0).code(), OK);
    // The place is free, and there was but one.
    allocate(&mut other);
    let mut third = path.client();
    third.expect(486, &mobile(&third));
    assert_eq!(other.refresh(0).code(), OK);
}

fn away(path: &Path<'_>) {
    let (mut here, mut own) = settle(path);
    for _ in 0..4 {
        here.hang_up();
        let mut other = path.client();
        other.expect(486, &mobile(&other));
        other.hang_up();
        here = own.resume(path);
        // There is no other path, so that data comes here at once.
        own.expect_reached(&mut here);
        own.expect_at(&mut here);
    }
    assert_eq!(here.refresh(0).code(), OK);
    allocate(&mut here);
    assert_eq!(here.refresh(0).code(), OK);
}
