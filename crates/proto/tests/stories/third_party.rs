//! Third-party authorization (RFC 7635): clients that show a token instead of knowing a password.

use turnd_wire::{Integrity, attr};

use crate::{
    issued::{Issued, KID, SERVER, SHORT_KID, token_keys},
    support::{Client, Network, OK, PEER, Request, Setup},
};

fn setup() -> Setup {
    Setup {
        third_party: Some(SERVER),
        ..Setup::default()
    }
}

fn network() -> Network {
    network_of(setup())
}

fn network_of(setup: Setup) -> Network {
    let mut net = Network::with(setup);
    net.keys.tokens = token_keys();
    net
}

/// T7635-4-1 and T7635-7-4
#[test]
fn a_challenge_names_the_server_and_a_token_for_that_name_is_good() {
    let mut net = network();
    let issued = Issued::at(&net);
    let mut client = issued.client();
    let challenge = client.say_hello(&mut net);
    assert_eq!(challenge.code(), 401);
    let name = challenge.value(attr::THIRD_PARTY_AUTHORIZATION).unwrap();
    assert_eq!(name, SERVER.as_bytes());
    assert!(challenge.has(attr::REALM) && challenge.has(attr::NONCE));

    // The client checks the signature of each reply by the key that is in the token.
    let reply = client.call(&mut net, &Request::allocate());
    assert_eq!(reply.code(), OK);
    assert_eq!(reply.signatures(), [Integrity::Sha1]);
    client.must_bind(&mut net, 0x4000, PEER);
    assert!(client.channel(&mut net, 0x4000, b"up").is_some());

    // The server knows the key from now on, and asks nobody for it.
    let lookups = net.keys.lookups;
    client.hides_token = true;
    client.must_permit(&mut net, PEER);
    assert_eq!(client.refresh(&mut net, 600).code(), OK);
    assert_eq!(net.keys.lookups, lookups);
    assert_eq!(client.refresh(&mut net, 0).code(), OK);
    assert_eq!(net.allocations(), 0);
    assert_eq!(client.call(&mut net, &Request::allocate()).code(), 401);
}

#[test]
fn users_with_passwords_are_served_as_ever() {
    let mut net = network();
    net.client("alice").allocate(&mut net);
    let mut plain = Network::new();
    let challenge = plain.client("alice").say_hello(&mut plain);
    assert!(!challenge.has(attr::THIRD_PARTY_AUTHORIZATION));
}

/// T7635-4.1-1
#[test]
fn both_algorithms_all_lengths_of_keys_and_both_signatures_are_good() {
    for kid in [KID, SHORT_KID] {
        for length in [1, 16, 20, 32, 64] {
            for signs in [Integrity::Sha1, Integrity::Sha256] {
                let mut net = network();
                let issued = Issued {
                    kid,
                    mac_key: vec![6; length],
                    ..Issued::at(&net)
                };
                let mut client = issued.client();
                client.signs = vec![signs];
                let reply = client.call(&mut net, &Request::allocate());
                assert_eq!(reply.code(), OK, "{kid} {length} {signs:?}");
                assert_eq!(reply.signatures(), [signs]);
            }
        }
    }
}

/// T7635-7-1
#[test]
fn a_token_that_was_not_asked_for_is_an_unknown_attribute() {
    let mut net = network_of(Setup::default());
    let mut client = Issued::at(&net).client();
    let reply = client.call(&mut net, &Request::allocate());
    assert_eq!(reply.code(), 420);
    let unknown = reply.value(attr::UNKNOWN_ATTRIBUTES).unwrap();
    assert_eq!(unknown, attr::ACCESS_TOKEN.0.to_be_bytes());
    assert_eq!(net.keys.lookups, 0);
}

/// T7635-7-2
#[test]
fn no_other_key_and_no_other_server_will_do() {
    let mut net = network();
    let good = Issued::at(&net);
    let refused = |net: &mut Network, mut client: Client| {
        let reply = client.call(net, &Request::allocate());
        assert_eq!(reply.code(), 401);
        assert!(reply.has(attr::THIRD_PARTY_AUTHORIZATION));
        assert!(reply.signatures().is_empty());
    };
    // A kid that nobody knows, and one of another key.
    for user in ["south", SHORT_KID, "alice"] {
        let client = good.client().user(user, "");
        refused(&mut net, client);
    }
    let elsewhere = Issued {
        server: "turn.example.com",
        ..good.clone()
    };
    refused(&mut net, elsewhere.client());
    // The token is good, but whoever has it does not know what is in it.
    let mut thief = good.client();
    thief.token = Some((good.bytes(), vec![4; 20]));
    refused(&mut net, thief);
    let token = good.bytes();
    for bit in (0..token.len() * 8).step_by(7) {
        let mut changed = token.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        refused(&mut net, good.client_with(changed));
    }
    assert_eq!(net.allocations(), 0);
    let failures = net.servers[0].counters(net.now).auth_failures;
    assert!(failures.bad_token > 70);
    assert_eq!(failures.wrong_password, 0);
}

/// T7635-7-3
#[test]
fn a_token_is_good_for_its_time_and_five_seconds() {
    let mut net = network();
    let now = net.now.unix;
    for (made, code) in [
        (now - 3605, 401),
        (now - 3604, OK),
        (now + 3604, OK),
        (now + 3605, 401),
        (0, 401),
    ] {
        let issued = Issued {
            made,
            ..Issued::at(&net)
        };
        let mut client = issued.client();
        let reply = client.call(&mut net, &Request::allocate());
        assert_eq!(reply.code(), code, "{made}");
        if code == OK {
            assert_eq!(client.refresh(&mut net, 0).code(), OK);
        }
    }
}

/// T7635-7-5: whatever a stranger writes into a token, he is refused.
#[test]
fn lengths_that_lie_are_refused() {
    let mut net = network();
    let issued = Issued::at(&net);
    let token = issued.bytes();
    let mut lies: Vec<Vec<u8>> = (0..token.len()).map(|at| token[..at].to_vec()).collect();
    for length in [0_u16, 1, 11, 13, 62, 63, 0x7FFF, 0xFFFF] {
        lies.push([&length.to_be_bytes()[..], &token[2..]].concat());
    }
    lies.push([&token[..], &[0; 400]].concat());
    for lie in lies {
        let mut client = issued.client_with(lie);
        assert_eq!(client.call(&mut net, &Request::allocate()).code(), 401);
    }
}

/// T7635-9-1 and -2
#[test]
fn an_allocation_lives_no_longer_than_its_token_and_a_new_one_prolongs_it() {
    let mut net = network_of(Setup {
        nonce_lifetime: None,
        ..setup()
    });
    let issued = Issued {
        made: net.now.unix - 3510,
        ..Issued::at(&net)
    };
    let mut client = issued.client();
    let reply = client.call(&mut net, &Request::allocate().lifetime(3600));
    assert_eq!(reply.lifetime(), Some(95));
    net.wait(60);
    assert_eq!(client.refresh(&mut net, 3600).lifetime(), Some(35));
    client.hides_token = true;
    assert_eq!(client.refresh(&mut net, 3600).lifetime(), Some(35));

    // A new token has a new key.
    let renewed = Issued {
        made: net.now.unix,
        mac_key: vec![3; 20],
        ..issued
    };
    client.hides_token = false;
    client.token = Some((renewed.bytes(), renewed.mac_key.clone()));
    assert_eq!(client.refresh(&mut net, 3600).lifetime(), Some(3600));
    client.hides_token = true;
    client.must_permit(&mut net, PEER);
    net.wait(3599);
    assert_eq!(net.allocations(), 1);
    assert_eq!(client.refresh(&mut net, 3600).lifetime(), Some(6));
    net.wait(6);
    assert_eq!(net.allocations(), 0);
}

/// Each Refresh is granted a second at least, which must not be added to the end of the token again and again.
#[test]
fn a_token_that_is_nearly_over_is_not_stretched_by_refreshing() {
    let mut net = network();
    let issued = Issued {
        made: net.now.unix - 3595,
        ..Issued::at(&net)
    };
    let mut client = issued.client();
    let reply = client.call(&mut net, &Request::allocate());
    assert_eq!(reply.lifetime(), Some(10));
    client.hides_token = true;
    net.wait(9);
    for _ in 0..2 {
        net.wait_millis(450);
        assert_eq!(client.refresh(&mut net, 600).lifetime(), Some(1));
    }
    net.wait_millis(150);
    assert_eq!(net.allocations(), 0);
    assert_eq!(client.refresh(&mut net, 600).code(), 401);
}

/// The key was taken out of the configuration, and with it whoever has a token of it.
#[test]
fn a_key_that_is_taken_out_takes_its_bearers_out() {
    let mut net = network();
    let mut client = Issued::at(&net).client();
    client.allocate(&mut net);
    net.keys.tokens.clear();
    net.reconfigure(Setup { keys: 1, ..setup() });
    assert_eq!(client.refresh(&mut net, 600).code(), 401);
    client.hides_token = true;
    assert_eq!(client.refresh(&mut net, 600).code(), 401);
    assert_eq!(net.allocations(), 1, "until its time is over");
}

/// A token's key serves a client that moves, too.
#[test]
fn a_bearer_takes_his_allocation_along() {
    let mut net = network_of(Setup {
        mobility: true,
        ..setup()
    });
    let mut client = Issued::at(&net).client();
    let request = Request::allocate().with(attr::MOBILITY_TICKET, &[]);
    let reply = client.call(&mut net, &request);
    let ticket = reply.value(attr::MOBILITY_TICKET).unwrap();
    for hides_token in [true, false] {
        let mut there = client.clone();
        there.hides_token = hides_token;
        let port = 5000 + u16::from(hides_token);
        there.from.path.client.set_port(port);
        there.nonce = None;
        let request = Request::refresh().with(attr::MOBILITY_TICKET, &ticket);
        assert_eq!(there.call(&mut net, &request).code(), OK);
    }
}
