//! What a client shows to prove where it was: nonces and reservation tokens. Only the very bytes that were
//! given out are good, to the one who got them, in time.

use core::time::Duration;

use turnd_proto::Transport;
use turnd_wire::attr;

use crate::{
    input::Input,
    support::{Client, Network, OK, Request, Setup},
};

const LIFETIME: u64 = 600;

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    if input.flag() {
        nonce(&mut input);
    } else {
        token(&mut input);
    }
}

fn nonce(input: &mut Input<'_>) {
    let setup = || Setup {
        nonce_lifetime: Some(Duration::from_secs(LIFETIME)),
        ..Setup::default()
    };
    let mut net = Network::with(setup());
    let mut alice = net.client("alice");
    alice.say_hello(&mut net);
    let given = alice.nonce.clone().expect("a challenge has one");
    let (address, over) = (alice.address(), alice.from.path.transport);

    let shown = changed(&given, input);
    let seconds = u64::from(input.number());
    net.wait(seconds);
    let flags = input.byte();
    if flags & 1 != 0 {
        alice.from.path.client.set_port(input.number().max(1));
    }
    if flags & 2 != 0 {
        alice
            .from
            .path
            .client
            .set_ip([192, 0, 2, input.byte()].into());
    }
    if flags & 4 != 0 {
        let others = [
            Transport::Tcp,
            Transport::Tls,
            Transport::Dtls,
            Transport::Udp,
        ];
        alice = alice.over(*input.one(&others));
    }
    let is_same = (alice.address(), alice.from.path.transport) == (address, over);
    let is_good = shown == given && is_same && seconds < LIFETIME;
    alice.nonce = Some(shown.clone());
    let reply = alice.call(&mut net, &Request::allocate());
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
}

fn token(input: &mut Input<'_>) {
    let mut net = Network::with(Setup {
        servers: 2,
        ..Setup::open()
    });
    let mut first = Client::new("192.0.2.1:4001");
    let given = first.call(&mut net, &Request::allocate().even_port(true));
    let given = given.token().expect("RESERVATION-TOKEN");
    let shown = changed(&given, input);
    let seconds = u64::from(input.byte() % 64);
    net.wait(seconds);
    let at_other = usize::from(input.flag());
    let mut second = Client::new("192.0.2.2:4001").on_server(at_other);
    let redeem = Request::allocate().with(attr::RESERVATION_TOKEN, &shown);
    let reply = second.call(&mut net, &redeem);
    let is_good = shown == given && seconds < 30;
    assert_eq!(reply.code() == OK, is_good, "{seconds} s: {reply:?}");
    let mut third = Client::new("192.0.2.3:4001").on_server(usize::from(input.flag()));
    assert_ne!(third.call(&mut net, &redeem).code(), OK, "once and no more");
    net.servers.iter().for_each(turnd_proto::Server::check);
    net.wait(10_000);
    net.servers
        .iter()
        .for_each(turnd_proto::Server::check_is_empty);
    assert_eq!(net.ports.in_use(), 0);
}

/// What was given out, with some of it changed; or something else.
fn changed(given: &[u8], input: &mut Input<'_>) -> Vec<u8> {
    if input.byte() == 0xFF {
        return input.some().to_vec();
    }
    let mut shown = given.to_vec();
    for _ in 0..input.byte() % 4 {
        let at = usize::from(input.byte()) % shown.len();
        shown[at] ^= input.byte();
    }
    shown
}
