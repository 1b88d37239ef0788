//! What a client shows to prove who it is, and where: nonces, reservation tokens, mobility tickets and tokens of
//! third parties. Only the very bytes that were given out are good, to the one who got them, in time.

use core::time::Duration;

use turnd_proto::{Server, Transport};
use turnd_wire::attr;

use crate::{
    input::Input,
    issued::{Issued, KID, SERVER, SHORT_KID, token_keys},
    reflection::{Added, is_small},
    support::{Client, Network, OK, Reply, Request, Setup, at},
};

const NONCE_LIFETIME: u64 = 600;
const ALLOCATION_LIFETIME: u64 = 600;
/// Another process, with other keys of its own.
const ELSEWHERE: u8 = 7;
/// A request of more bytes need not be kept while its key is looked for.
const LONG: usize = 2048;
const TRANSPORTS: [Transport; 4] = [
    Transport::Tcp,
    Transport::Tls,
    Transport::Dtls,
    Transport::Udp,
];

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    match input.byte() % 4 {
        0 => reservation(&mut input),
        1 => nonce(&mut input),
        2 => ticket(&mut input),
        _ => access_token(&mut input),
    }
}

fn nonce(input: &mut Input<'_>) {
    let setup = || Setup {
        nonce_lifetime: Some(Duration::from_secs(NONCE_LIFETIME)),
        ..Setup::default()
    };
    let given_by = |setup| {
        let mut net = Network::with(setup);
        let mut alice = net.client("alice");
        alice.say_hello(&mut net);
        let given = alice.nonce.clone().expect("a challenge has one");
        (net, alice, given)
    };
    let (mut net, mut alice, given) = given_by(setup());
    let before = alice.from.path;

    let elsewhere = || Setup {
        process: ELSEWHERE,
        ..setup()
    };
    let shown = changed(&given, || given_by(elsewhere()).2, input);
    let seconds = u64::from(input.number());
    net.wait(seconds);
    let flags = input.byte();
    alice = somewhere_else(alice, flags, input);
    let is_good = shown == given && alice.from.path == before && seconds < NONCE_LIFETIME;
    alice.nonce = Some(shown.clone());
    let Some(reply) = ask(&mut net, &mut alice, &Request::allocate()) else {
        return all_ends(net);
    };
    assert_eq!(
        reply.code() == OK,
        is_good,
        "{seconds} s, {flags:#x}: {reply:?}"
    );
    assert_eq!(
        net.keys.lookups,
        usize::from(is_good),
        "no key is looked for without"
    );
    if !is_good {
        // Too long for any nonce is malformed, and everything else stale.
        let too_long = shown.len() > 127;
        assert!(
            reply.code() == 438 || (too_long && reply.code() == 400),
            "{reply:?}"
        );
    }
    all_ends(net);
}

fn reservation(input: &mut Input<'_>) {
    let mut net = Network::with(Setup {
        servers: 2,
        ..Setup::open()
    });
    let mut first = Client::new("192.0.2.1:4001");
    let reserve = Request::allocate().even_port(true);
    let given = first.call(&mut net, &reserve);
    let given = given.token().expect("RESERVATION-TOKEN");
    let mut elsewhere = Client::new("192.0.2.4:4001").on_server(1);
    let mut of_another = None;
    let other = || {
        let reply = elsewhere.call(&mut net, &reserve);
        of_another = reply.token();
        of_another.clone().expect("RESERVATION-TOKEN")
    };
    let shown = changed(&given, other, input);
    let seconds = u64::from(input.byte() % 64);
    net.wait(seconds);
    let at_other = usize::from(input.flag());
    let mut second = Client::new("192.0.2.2:4001").on_server(at_other);
    let redeem = Request::allocate().with(attr::RESERVATION_TOKEN, &shown);
    let reply = second.call(&mut net, &redeem);
    let is_good = (shown == given || of_another == Some(shown)) && seconds < 30;
    assert_eq!(reply.code() == OK, is_good, "{seconds} s: {reply:?}");
    let mut third = Client::new("192.0.2.3:4001").on_server(usize::from(input.flag()));
    assert_ne!(third.call(&mut net, &redeem).code(), OK, "once and no more");
    all_ends(net);
}

/// Alice's ticket, or something like it, shown by whoever, from wherever.
fn ticket(input: &mut Input<'_>) {
    let given_by = |process| {
        let mut net = Network::with(Setup {
            mobility: true,
            servers: 2,
            process,
            ..Setup::default()
        });
        let mut alice = net.client("alice");
        let reply = alice.call(
            &mut net,
            &Request::allocate().with(attr::MOBILITY_TICKET, &[]),
        );
        let given = reply.value(attr::MOBILITY_TICKET).expect("a ticket");
        (net, alice, given)
    };
    let (mut net, alice, given) = given_by(42);
    let shown = changed(&given, || given_by(ELSEWHERE).2, input);
    let seconds = u64::from(input.number());
    net.wait(seconds);
    let flags = input.byte();
    let is_alice = flags & 0x40 == 0;
    let mut there = net.client(if is_alice { "alice" } else { "bob" });
    there.from = alice.from;
    there = somewhere_else(there, flags, input).on_server(usize::from(flags >> 4 & 1));
    let knows_password = flags & 0x20 == 0;
    if !knows_password {
        there.password.push('?');
    }
    let resume = |ticket: &[u8]| Request::refresh().with(attr::MOBILITY_TICKET, ticket);
    let is_alive = seconds < ALLOCATION_LIFETIME;
    let has_moved = there.from != alice.from;
    let is_good = shown == given && is_alive && has_moved && is_alice && knows_password;
    let reply = ask(&mut net, &mut there, &resume(&shown));
    assert_eq!(
        reply.as_ref().is_some_and(|it| it.code() == OK),
        is_good,
        "{seconds} s, {flags:#x}: {reply:?}"
    );
    if let Some(reply) = reply.as_ref().filter(|_| is_good) {
        let next = reply.value(attr::MOBILITY_TICKET).expect("a ticket");
        assert!(next != given && next.len() == given.len());
        there.send(&mut net, "8.8.8.8:5000", b"here");
    } else if let Some(reply) = reply {
        assert!([400, 401, 437, 441].contains(&reply.code()), "{reply:?}");
        assert!(!reply.has(attr::MOBILITY_TICKET));
    }
    // The ticket is spent where it was good, and what was tried in vain has not spoilt it.
    let mut third = net.client("alice");
    third.from.path.client = at("203.0.113.8:8008");
    let reply = ask(&mut net, &mut third, &resume(&given)).expect("an answer");
    assert_eq!(reply.code() == OK, is_alive && !is_good, "{reply:?}");
    assert_eq!(net.allocations(), usize::from(is_alive));
    assert_eq!(net.settings.quotas.total(), u32::from(is_alive));
    all_ends(net);
}

/// A token of a third party, which says of itself whatever the fuzzer likes, or is none.
fn access_token(input: &mut Input<'_>) {
    let mut net = Network::with(Setup {
        third_party: Some(SERVER),
        ..Setup::default()
    });
    net.keys.tokens = token_keys();
    let flags = input.byte();
    let kids = [KID, SHORT_KID];
    let kid = kids[usize::from(flags & 1)];
    let server = [SERVER, "turn.example.com"][usize::from(flags >> 1 & 1)];
    let mac_key = vec![6; 1 + usize::from(input.byte() % 64)];
    let issued = Issued {
        kid,
        server,
        made: net.now.unix + u64::from(input.number()) - 0x8000,
        lifetime: *input.one(&[3600, 0, 1, 60, u32::MAX]),
        mac_key: mac_key.clone(),
    };
    let given = issued.bytes();
    let other_kid = kids[usize::from(flags & 1 == 0)];
    let of_other_key = Issued {
        kid: other_kid,
        ..issued.clone()
    }
    .bytes();
    let shown = changed(&given, || of_other_key.clone(), input);
    let user = *input.one(&[kid, KID, SHORT_KID, "south", "alice"]);
    let mut bearer = issued.client_with(shown.clone()).user(user, "");
    let is_thief = flags & 4 != 0;
    if is_thief {
        bearer.token = Some((shown.clone(), vec![5; mac_key.len()]));
    }
    bearer.say_hello(&mut net);
    net.wait(u64::from(input.byte()) * 8);
    let now = net.now.unix;
    let good_for = u64::from(issued.lifetime) + 5;
    let is_of_user =
        (shown == given && user == kid) || (shown == of_other_key && user == other_kid);
    let is_good =
        is_of_user && server == SERVER && !is_thief && now.abs_diff(issued.made) < good_for;
    let allocate = Request::allocate().lifetime(u32::MAX);
    let reply = ask(&mut net, &mut bearer, &allocate);
    assert_eq!(
        reply.as_ref().is_some_and(|it| it.code() == OK),
        is_good,
        "{issued:?} at {now}: {reply:?}"
    );
    if let Some(reply) = reply.as_ref().filter(|_| is_good) {
        let left = (issued.made + good_for - now).min(good_for);
        let granted = reply.lifetime().expect("LIFETIME");
        assert_eq!(u64::from(granted), left.min(3600), "{issued:?} at {now}");
    } else if let Some(reply) = reply {
        assert_eq!(reply.code(), 401);
    }
    // His key is known from now on; that of nobody else is.
    bearer.hides_token = true;
    let end = Request::refresh().lifetime(0);
    let reply = ask(&mut net, &mut bearer, &end).expect("an answer");
    assert_eq!(reply.code() == OK, is_good, "{reply:?}");
    assert_eq!(net.allocations(), 0);
    all_ends(net);
}

/// What was given out, with some of it changed, left out or added; or something else, or what `other` gives.
fn changed(given: &[u8], other: impl FnOnce() -> Vec<u8>, input: &mut Input<'_>) -> Vec<u8> {
    match input.byte() {
        0xFF => return input.some().to_vec(),
        0xFE => return given[..usize::from(input.byte()) % given.len()].to_vec(),
        0xFD => {
            let more = usize::from(input.number()) % 60_000 + 1;
            return [given, &vec![input.byte(); more]].concat();
        }
        0xFC => return other(),
        _ => {}
    }
    let mut shown = given.to_vec();
    for _ in 0..input.byte() % 4 {
        let at = usize::from(input.byte()) % shown.len();
        shown[at] ^= input.byte();
    }
    shown
}

/// The client at another port, another host, or by another transport, as `flags` say.
fn somewhere_else(mut client: Client, flags: u8, input: &mut Input<'_>) -> Client {
    let address = &mut client.from.path.client;
    if flags & 1 != 0 {
        // None of a service that nobody is answered at.
        address.set_port(input.number() | 0x8000);
    }
    if flags & 2 != 0 {
        address.set_ip([192, 0, 2, input.byte()].into());
    }
    if flags & 4 != 0 {
        client = client.over(*input.one(&TRANSPORTS));
    }
    client
}

/// A request with credentials. Who has none gets a short answer, and one that is longer than requests are perhaps
/// none.
fn ask(net: &mut Network, client: &mut Client, request: &Request) -> Option<Reply> {
    if client.nonce.is_none() {
        client.say_hello(net);
    }
    let bytes = client.signed(request);
    let reply = client.deliver(net, &bytes);
    net.servers.iter().for_each(Server::check);
    let Some(reply) = reply else {
        assert!(bytes.len() > LONG, "no answer to {} bytes", bytes.len());
        return None;
    };
    if reply.signatures().is_empty() {
        assert_ne!(reply.code(), OK, "nobody knows who that is");
        let added = Added {
            third_party: true,
            ..Added::default()
        };
        is_small(&bytes, reply.bytes.len(), added);
    }
    Some(reply)
}

/// Nothing is left of anything in the end.
fn all_ends(mut net: Network) {
    net.servers.iter().for_each(Server::check);
    net.wait(10_000);
    net.servers.iter().for_each(Server::check_is_empty);
    assert_eq!(net.ports.in_use(), 0);
    assert!(net.forwarded.is_empty());
}
