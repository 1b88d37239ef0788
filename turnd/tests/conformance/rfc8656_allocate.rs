//! RFC 8656 section 7: Allocate.

use std::{collections::HashSet, net::SocketAddr};

use turnd_wire::{Family, attr};

use crate::{
    client::Client,
    messages::{OK, Reply, Request, allocate_for},
    row::{ALL, DATAGRAMS, Row, Udp, V4, decided, must, should},
    subject::Path,
};

const ALLOCATE: &str = "crates/proto/tests/stories/allocate.rs";
const RESERVATIONS: &str = "crates/proto/tests/stories/reservations.rs";
const COUNTING: &str = "crates/proto/tests/stories/counting.rs";
const ONLY_V6: &str = "relay-ip=::1\n";
const ONLY_V4: &str = "relay-ip=127.0.0.1\n";
/// Two ports, of which the first is even, on each address.
const TWO_PORTS: &str = "# two ports\n";
const QUOTA: &str = "user-quota=2\n";
const DEFAULT_FAMILY: &str = "relay-threads=1\n";
/// What is asked for, and what is granted (RFC 8656 section 7.2).
pub(crate) const GRANTED: [(u32, u32); 7] = [
    (1, 600),
    (599, 600),
    (600, 600),
    (777, 777),
    (3000, 3000),
    (3601, 3600),
    (u32::MAX, 3600),
];

pub(crate) const ROWS: &[Row] = &[
    must("T8656-7.2-1", "a second Allocate: 437").over(ALL, second),
    must(
        "T8656-7.2-2",
        "the same Allocate again: the same answer, and one port",
    )
    .over(ALL, again)
    .held(&[(ALLOCATE, "the_same_allocate_again_gets_the_same_answer")]),
    must(
        "T8656-7.2-3",
        "REQUESTED-TRANSPORT missing or of another length: 400",
    )
    .over(ALL, no_transport),
    must("T8656-7.2-4", "a transport that there is not: 442").over(ALL, unknown_transport),
    must("T8656-7.2-5", "an allocation and a bad transport: 437").over(ALL, second_and_bad),
    must("T8656-7.2-6", "DONT-FRAGMENT is understood").over(ALL, dont_fragment),
    must(
        "T8656-7.2-7",
        "RESERVATION-TOKEN with EVEN-PORT or a family: 400",
    )
    .over(ALL, token_and),
    must("T8656-7.2-8", "an unknown or used token: 508")
        .over(ALL, bad_token)
        .held(&[(
            RESERVATIONS,
            "an_expired_token_is_void_even_before_its_port_is_closed",
        )]),
    must("T8656-7.2-9", "both family attributes: 400").over(ALL, both_families),
    must("T8656-7.2-10", "a family that there is not: 440").over(ALL, unknown_family),
    must("T8656-7.2-10b", "IPv6 where there is no IPv6 relay: 440")
        .on(ONLY_V4)
        .over(ALL, no_v6),
    must(
        "T8656-7.2-11",
        "no family: an IPv4 relay, whatever the client has",
    )
    .over(ALL, default_family),
    must(
        "T8656-7.2-12",
        "no family where there is no IPv4 relay: 440",
    )
    .on(ONLY_V6)
    .over(ALL, no_v4),
    must(
        "T8656-7.2-13",
        "ADDITIONAL-ADDRESS-FAMILY with a reservation: 400",
    )
    .over(ALL, dual_and_pair),
    must("T8656-7.2-14", "ADDITIONAL-ADDRESS-FAMILY of IPv4: 400").over(ALL, dual_of_v4),
    must(
        "T8656-7.2-15",
        "ADDITIONAL-ADDRESS-FAMILY: a relay of each family",
    )
    .over(ALL, dual),
    must(
        "T8656-7.2-16",
        "only one family is there: success, and ADDRESS-ERROR-CODE 440",
    )
    .on(ONLY_V4)
    .over(ALL, half_of_dual),
    must(
        "T8656-7.2-16b",
        "only one family has ports: success, and ADDRESS-ERROR-CODE 508",
    )
    .on(TWO_PORTS)
    .over(ALL, half_out_of_ports),
    must("T8656-7.2-17", "neither family has ports: 508")
        .on(TWO_PORTS)
        .over(ALL, both_out_of_ports),
    must(
        "T8656-7.2-18",
        "EVEN-PORT: an even port, and the next one stays free",
    )
    .on(TWO_PORTS)
    .over(ALL, even),
    must(
        "T8656-7.2-19",
        "EVEN-PORT with R: the next port for whoever brings the token, once",
    )
    .over(ALL, reservation)
    .held(&[(
        RESERVATIONS,
        "a_reservation_lasts_thirty_seconds_even_without_its_allocation",
    )]),
    should("T8656-7.2-20", "over the quota of a user: 486")
        .on(QUOTA)
        .over(ALL, quota),
    should(
        "T8656-7.2-21",
        "ports from 49152 on, each once, in no order",
    )
    .on(DEFAULT_FAMILY)
    .over(&[Udp], random_ports)
    .by(V4),
    must("T8656-7.2-22", "LIFETIME is kept between 600 and 3600").over(ALL, lifetimes),
    must("T8656-7.2-23", "what a success tells").over(ALL, success),
    must("T8656-7.2-24", "no port left: 508, until one is free")
        .on(TWO_PORTS)
        .over(ALL, no_ports),
    must("T8656-6-3", "a relayed address belongs to one allocation")
        .over(DATAGRAMS, never_shared)
        .held(&[(ALLOCATE, "relayed_addresses_are_never_shared")]),
    should(
        "T8656-5-6",
        "what exceeds the bandwidth is dropped, and requests are answered",
    )
    .held(&[(
        COUNTING,
        "an_allocation_relays_no_more_than_max_bps_each_way",
    )]),
    decided(
        "T6156-1",
        "coturn's older number for ADDITIONAL-ADDRESS-FAMILY is understood",
    )
    .over(ALL, draft_dual),
];

/// RESERVATION-TOKEN.
fn with_token(token: &[u8]) -> Request {
    Request::allocate().with(attr::RESERVATION_TOKEN, token)
}

fn second(path: &Path<'_>) {
    let mut client = path.client();
    client.allocate();
    client.expect(437, &client.allocate_request());
}

fn again(path: &Path<'_>) {
    let mut client = path.client();
    client.say_hello();
    let request = client.signed(&client.allocate_request());
    let first = client.exchange(&request);
    for _ in 0..3 {
        let next = client.exchange(&request);
        assert_eq!(next.relay(), first.relay());
        assert_eq!(next.token(), first.token());
    }
    client.refresh(0);

    let mut client = path.client();
    client.say_hello();
    let request = client.signed(&client.allocate_request().even_port(true));
    let first = client.exchange(&request);
    assert!(first.token().is_some());
    assert_eq!(client.exchange(&request).token(), first.token());
}

fn no_transport(path: &Path<'_>) {
    let mut client = path.client();
    for value in [None, Some(&[][..]), Some(&[17]), Some(&[17, 0, 0, 0, 0])] {
        let bare = Request::bare_allocate();
        let request = match value {
            None => bare,
            Some(value) => bare.with(attr::REQUESTED_TRANSPORT, value),
        };
        client.expect(400, &request);
    }
}

fn unknown_transport(path: &Path<'_>) {
    let mut client = path.client();
    for number in [0, 1, 99, 132, 255] {
        client.expect(442, &allocate_for(number));
    }
}

fn second_and_bad(path: &Path<'_>) {
    let mut client = path.client();
    client.allocate();
    client.expect(437, &allocate_for(99));
    client.expect(437, &Request::bare_allocate());
}

fn dont_fragment(path: &Path<'_>) {
    let mut client = path.client();
    let request = client.allocate_request().with(attr::DONT_FRAGMENT, b"");
    client.expect(OK, &request);
}

fn token_and(path: &Path<'_>) {
    let mut client = path.client();
    let token = [7; 8];
    for request in [
        with_token(&token).even_port(false),
        with_token(&token).even_port(true),
        with_token(&token).family(Family::V4),
        with_token(&token).family(Family::V6),
        with_token(&token).dual(),
    ] {
        client.expect(400, &request);
    }
}

fn bad_token(path: &Path<'_>) {
    let mut client = path.client();
    client.expect(508, &with_token(&[7; 8]));
    let (mut first, mut second) = (path.client(), path.client());
    let token = first
        .call(&first.allocate_request().even_port(true))
        .token();
    let token = token.expect("RESERVATION-TOKEN");
    second.expect(OK, &with_token(&token));
    client.expect(508, &with_token(&token));
}

fn both_families(path: &Path<'_>) {
    let mut client = path.client();
    for family in [Family::V4, Family::V6] {
        let request = Request::allocate().family(family).dual();
        client.expect(400, &request);
    }
}

fn unknown_family(path: &Path<'_>) {
    let mut client = path.client();
    let request = Request::allocate().with(attr::REQUESTED_ADDRESS_FAMILY, &[3, 0, 0, 0]);
    client.expect(440, &request);
}

fn no_v6(path: &Path<'_>) {
    let mut client = path.client();
    let request = Request::allocate().family(Family::V6);
    client.expect(440, &request);
    client.expect(OK, &Request::allocate().family(Family::V4));
}

fn default_family(path: &Path<'_>) {
    let mut client = path.client();
    assert!(client.call(&Request::allocate()).relay().is_ipv4());
}

fn no_v4(path: &Path<'_>) {
    let mut client = path.client();
    client.expect(440, &Request::allocate());
    let relay = client.call(&Request::allocate().family(Family::V6)).relay();
    assert!(relay.is_ipv6());
}

fn dual_and_pair(path: &Path<'_>) {
    let request = Request::allocate().even_port(true).dual();
    path.client().expect(400, &request);
}

fn dual_of_v4(path: &Path<'_>) {
    let request = Request::allocate().with(attr::ADDITIONAL_ADDRESS_FAMILY, &[1, 0, 0, 0]);
    path.client().expect(400, &request);
}

#[track_caller]
pub(crate) fn expect_both(reply: &Reply) {
    assert_eq!(reply.code(), OK);
    let mut families: Vec<bool> = reply.relayed().iter().map(SocketAddr::is_ipv4).collect();
    families.sort_unstable();
    assert_eq!(families, [false, true], "{:?}", reply.relayed());
}

fn dual(path: &Path<'_>) {
    let mut client = path.client();
    let reply = client.call(&Request::allocate().dual());
    expect_both(&reply);
    assert!(!reply.has(attr::ADDRESS_ERROR_CODE));
    // Both relay.
    for relay in reply.relayed() {
        let peer = path.peer_of(Family::of(relay.ip()));
        client.must_permit(peer.address());
        client.send_data(peer.address(), b"through this half");
        peer.expect(b"through this half", relay);
    }
}

fn draft_dual(path: &Path<'_>) {
    let request = Request::allocate().with(attr::DRAFT_ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    expect_both(&path.client().call(&request));
}

/// ADDRESS-ERROR-CODE: the family that is missing, and why.
#[track_caller]
fn expect_missing(reply: &Reply, family: Family, why: u16) {
    let error = reply
        .value(attr::ADDRESS_ERROR_CODE)
        .expect("ADDRESS-ERROR-CODE");
    let [number, reserved, class, rest, ..] = *error else {
        panic!("{error:?}");
    };
    assert_eq!((number, reserved), (family.number(), 0));
    assert_eq!(u16::from(class) * 100 + u16::from(rest), why);
}

fn half_of_dual(path: &Path<'_>) {
    let reply = path.client().call(&Request::allocate().dual());
    assert!(reply.relay().is_ipv4());
    expect_missing(&reply, Family::V6, 440);
}

/// Takes both ports of a family.
fn fill(path: &Path<'_>, family: Family) -> [Client; 2] {
    [(); 2].map(|()| {
        let mut client = path.client();
        client.expect(OK, &Request::allocate().family(family));
        client
    })
}

/// Gives back what this path took: the next one has the same server.
fn free(clients: impl IntoIterator<Item = Client>) {
    for mut client in clients {
        let reply = client.refresh(0);
        assert_eq!(reply.lifetime(), Some(0));
    }
}

fn half_out_of_ports(path: &Path<'_>) {
    for (full, other) in [(Family::V6, Family::V4), (Family::V4, Family::V6)] {
        let holders = fill(path, full);
        let mut client = path.client();
        let reply = client.call(&Request::allocate().dual());
        assert_eq!(Family::of(reply.relay().ip()), other);
        expect_missing(&reply, full, 508);
        free(holders.into_iter().chain([client]));
    }
}

fn both_out_of_ports(path: &Path<'_>) {
    let holders = [fill(path, Family::V4), fill(path, Family::V6)];
    path.client().expect(508, &Request::allocate().dual());
    free(holders.into_iter().flatten());
}

fn even(path: &Path<'_>) {
    let (mut first, mut second) = (path.client(), path.client());
    let reply = first.call(&first.allocate_request().even_port(false));
    assert_eq!(reply.relay().port() % 2, 0);
    assert!(!reply.has(attr::RESERVATION_TOKEN));
    assert_eq!(second.allocate().port(), reply.relay().port() + 1);
    free([first, second]);
}

fn reservation(path: &Path<'_>) {
    let mut client = path.client();
    let reply = client.call(&client.allocate_request().even_port(true));
    let relay = reply.relay();
    assert_eq!(relay.port() % 2, 0);
    let token = reply.token().expect("RESERVATION-TOKEN");
    assert_eq!(token.len(), 8);
    // From another port; it may be another worker's.
    let mut other = path.client();
    let reply = other.call(&with_token(&token));
    assert_eq!(reply.relay(), SocketAddr::new(relay.ip(), relay.port() + 1));
    assert!(!reply.has(attr::RESERVATION_TOKEN));
    path.client().expect(508, &with_token(&token));
    let peer = path.peer();
    other.must_permit(peer.address());
    other.send_data(peer.address(), b"from the odd port");
    assert_eq!(peer.next().1.port(), relay.port() + 1);
}

fn quota(path: &Path<'_>) {
    let (mut first, mut second, mut third) = (path.client(), path.client(), path.client());
    first.allocate();
    second.allocate();
    third.expect(486, &third.allocate_request());
    // Another user is not concerned, though he comes from the same address.
    let mut bob = path.bob();
    bob.allocate();
    free([second]);
    third.allocate();
    // Nor does another way to write the name help.
    let mut nameless = path.client();
    nameless.anonymous = true;
    nameless.expect(486, &nameless.allocate_request());
    free([first, third, bob]);
}

fn random_ports(path: &Path<'_>) {
    const COUNT: usize = 1000;
    const BINS: usize = 64;
    let mut ports = Vec::new();
    while ports.len() < COUNT {
        // The socket is closed, the allocation stays; a later client may get the same port.
        let mut client = path.client();
        let reply = client.call(&client.allocate_request());
        match reply.code() {
            437 => {}
            _ => ports.push(reply.relay().port()),
        }
        client.abandon();
    }
    assert!(ports.iter().all(|port| *port >= 49_152));
    assert_eq!(ports.iter().collect::<HashSet<_>>().len(), COUNT);

    // Both figures have a distribution that is known if every port is as likely as another; the bounds are met
    // by all but one run in a million.
    let mut bins = [0_f64; BINS];
    for port in &ports {
        bins[usize::from(port - 49_152) * BINS / 16_384] += 1.0;
    }
    let expected = COUNT as f64 / BINS as f64;
    let chi: f64 = bins
        .iter()
        .map(|it| (it - expected).powi(2) / expected)
        .sum();
    assert!(
        (20.0..130.0).contains(&chi),
        "chi squared is {chi} for {BINS} bins"
    );
    let mut sorted = ports.clone();
    sorted.sort_unstable();
    let median = sorted[COUNT / 2];
    let sides: Vec<bool> = ports.iter().map(|port| *port >= median).collect();
    let runs = 1 + sides.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let (mean, deviation) = (COUNT as f64 / 2.0 + 1.0, (COUNT as f64).sqrt() / 2.0);
    let distance = (runs as f64 - mean).abs() / deviation;
    assert!(distance < 5.0, "{runs} runs");
}

fn lifetimes(path: &Path<'_>) {
    let mut client = path.client();
    let reply = client.call(&client.allocate_request());
    assert_eq!(reply.lifetime(), Some(600));
    client.refresh(0);
    for (asked, granted) in [(0, 600)].into_iter().chain(GRANTED) {
        let reply = client.call(&client.allocate_request().lifetime(asked));
        assert_eq!(reply.lifetime(), Some(granted), "{asked}");
        client.refresh(0);
    }
}

fn success(path: &Path<'_>) {
    let mut client = path.client();
    let reply = client.call(&client.allocate_request());
    assert_eq!(Family::of(reply.relay().ip()), client.family);
    assert_eq!(reply.mapped(), Some(client.local()));
    assert!(reply.has(attr::LIFETIME));
    assert_eq!(reply.signatures(), client.signs);
}

fn no_ports(path: &Path<'_>) {
    let [mut first, second] = fill(path, path.family);
    let mut client = path.client();
    client.expect(508, &client.allocate_request());
    let relay = first.refresh(0);
    assert_eq!(relay.lifetime(), Some(0));
    client.allocate();
    free([second, client]);
}

fn never_shared(path: &Path<'_>) {
    let mut relays = HashSet::new();
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = path.client();
        assert!(relays.insert(client.allocate()));
        clients.push(client);
    }
}
