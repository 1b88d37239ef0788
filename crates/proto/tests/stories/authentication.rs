//! The long-term credential mechanism (RFC 8489 section 9.2) and what TURN adds (RFC 8656 section 5).

use core::time::Duration;

use turnd_wire::{Algorithm, Integrity, Key, attr, attr::AttributeType};

use crate::support::{Client, Network, OK, REALM, Request, Setup};

const CHALLENGE: [AttributeType; 4] = [
    attr::ERROR_CODE,
    attr::REALM,
    attr::NONCE,
    attr::PASSWORD_ALGORITHMS,
];

// The challenge.

#[test]
fn whoever_does_not_sign_is_challenged_whatever_else_is_wrong() {
    let mut net = Network::new();
    let client = Client::new("192.0.2.1:4001");
    for request in [
        Request::allocate(),
        Request::bare_allocate(),
        Request::allocate().with(AttributeType(0x7F01), b"unknown"),
        Request::refresh(),
        Request::create_permission(),
        Request::channel_bind().channel(1),
        Request::allocate().with(attr::USERNAME, b"alice"),
    ] {
        let reply = net.exchange(&client, &request.unsigned()).unwrap();
        assert_eq!(reply.code(), 401);
        assert_eq!(reply.kinds(), CHALLENGE);
        assert_eq!(reply.value(attr::REALM), Some(REALM.into()));
        let offered = reply.value(attr::PASSWORD_ALGORITHMS);
        assert_eq!(offered, Some(vec![0, 2, 0, 0, 0, 1, 0, 0]));
        // Three times the shortest Allocate that makes sense.
        assert_eq!(reply.bytes.len(), 84);
    }
    assert_eq!(net.keys.lookups, 0);
}

/// RFC 8489 section 9.2: the nonce tells which features the server has.
#[test]
fn the_nonce_announces_what_the_server_can_do() {
    let mut net = Network::new();
    let hello = net.client("alice").say_hello(&mut net);
    assert!(
        hello
            .value(attr::NONCE)
            .unwrap()
            .starts_with(b"obMatJos2wAAA")
    );

    let mut old = Network::with(Setup {
        sha256: false,
        ..Setup::default()
    });
    let hello = old.client("alice").say_hello(&mut old);
    assert!(
        hello
            .value(attr::NONCE)
            .unwrap()
            .starts_with(b"obMatJos2QAAA")
    );
    assert!(!hello.has(attr::PASSWORD_ALGORITHMS));
}

#[test]
fn every_address_and_port_has_a_nonce_of_its_own() {
    let mut net = Network::new();
    let nonces = ["192.0.2.1:4001", "192.0.2.1:4002", "192.0.2.2:4001"].map(|address| {
        let hello = Client::new(address).say_hello(&mut net);
        hello.value(attr::NONCE).unwrap()
    });
    assert!(nonces[0] != nonces[1] && nonces[0] != nonces[2] && nonces[1] != nonces[2]);
}

// Success.

#[test]
fn each_way_to_sign_is_answered_the_same_way() {
    for (signs, algorithm) in [
        (Integrity::Sha1, None),
        (Integrity::Sha1, Some(Algorithm::Md5)),
        (Integrity::Sha1, Some(Algorithm::Sha256)),
        (Integrity::Sha256, None),
        (Integrity::Sha256, Some(Algorithm::Md5)),
        (Integrity::Sha256, Some(Algorithm::Sha256)),
    ] {
        for anonymous in [false, true] {
            let mut net = Network::new();
            let mut alice = net.client("alice");
            alice.signs = vec![signs];
            alice.algorithm = algorithm;
            alice.anonymous = anonymous;
            for request in [Request::allocate(), Request::allocate(), Request::refresh()] {
                let reply = alice.call(&mut net, &request);
                assert!([OK, 437].contains(&reply.code()));
                assert_eq!(reply.signatures(), [signs], "{algorithm:?}");
                for absent in [attr::USERNAME, attr::USERHASH, attr::REALM, attr::NONCE] {
                    assert!(!reply.has(absent), "{absent}");
                }
            }
            assert_eq!(net.allocations(), 1);
        }
    }
}

#[test]
fn an_md5_key_alone_is_enough_for_the_old_algorithm_only() {
    let mut net = Network::new();
    let mut carol = net.client("carol");
    carol.allocate(&mut net);
    let mut modern = net.client("carol").sha256();
    modern.from.path.client.set_port(9);
    assert_eq!(modern.call(&mut net, &Request::allocate()).code(), 401);
}

#[test]
fn names_and_passwords_may_be_written_in_any_script() {
    let mut net = Network::new();
    let (name, password) = ("マトリックス", "пароль");
    net.keys.add(name, password);
    let client = Client::new("192.0.2.1:4001").user(name, password);
    client.clone().allocate(&mut net);
    let mut other = client.sha256().anonymous();
    other.from.path.client.set_port(9);
    other.allocate(&mut net);
}

/// RFC 8489 section 14: a client may pad with anything.
#[test]
fn padding_is_signed_as_it_was_sent() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    alice.say_hello(&mut net);
    let id = alice.next_id();
    let key = alice.key();
    let bytes = Request::allocate()
        .with(attr::USERNAME, b"alice")
        .with(attr::REALM, REALM.as_bytes())
        .with(attr::NONCE, alice.nonce.as_ref().unwrap())
        .build(id, |writer| writer.integrity(Integrity::Sha1, &key));
    let name = bytes
        .windows(5)
        .position(|window| window == b"alice")
        .unwrap();
    let mut spaced = bytes;
    spaced[name + 5..name + 8].fill(b' ');
    assert_eq!(alice.deliver(&mut net, &spaced).unwrap().code(), 401);
    let end = spaced.len() - 24;
    let code = hmac_sha1(&alice.key(), &spaced[..end]);
    spaced[end + 4..].copy_from_slice(&code);
    assert_eq!(alice.deliver(&mut net, &spaced).unwrap().code(), OK);
}

// What is missing, and what does not fit.

#[test]
fn a_signature_without_name_realm_or_nonce_is_a_bad_request() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    alice.say_hello(&mut net);
    let nonce = alice.nonce.clone().unwrap();
    let name = (attr::USERNAME, &b"alice"[..]);
    let realm = (attr::REALM, REALM.as_bytes());
    let nonce = (attr::NONCE, &nonce[..]);
    for present in [
        &[][..],
        &[realm, nonce],
        &[name, nonce],
        &[name, realm],
        &[(attr::USERHASH, b"too short"), realm, nonce],
        &[(attr::USERNAME, b"\xFF\xFE"), realm, nonce],
    ] {
        let request = present
            .iter()
            .fold(Request::allocate(), |request, (kind, value)| {
                request.with(*kind, value)
            });
        let key = alice.key();
        let bytes = request.build(alice.next_id(), |w| w.integrity(Integrity::Sha1, &key));
        let reply = net.exchange(&alice, &bytes).unwrap();
        assert_eq!(reply.code(), 400, "{present:?}");
        assert_eq!(reply.kinds(), [attr::ERROR_CODE]);
    }
    assert_eq!(net.keys.lookups, 0);
}

/// RFC 8489 sections 14.3, 14.9 and 14.10.
#[test]
fn names_realms_and_nonces_have_a_longest_length() {
    let mut net = Network::new();
    let refused = |net: &mut Network, change: fn(&mut Client)| {
        let mut alice = net.client("alice");
        alice.say_hello(net);
        change(&mut alice);
        alice.call(net, &Request::allocate()).code()
    };
    assert_eq!(refused(&mut net, |alice| alice.user = "x".repeat(508)), 401);
    assert_eq!(refused(&mut net, |alice| alice.user = "x".repeat(509)), 400);
    assert_eq!(
        refused(&mut net, |alice| alice.realm = "ä".repeat(127)),
        401
    );
    assert_eq!(
        refused(&mut net, |alice| alice.realm = "x".repeat(128)),
        400
    );
    let lookups = net.keys.lookups;
    assert_eq!(
        refused(&mut net, |alice| alice.nonce = Some(vec![b'x'; 127])),
        438
    );
    assert_eq!(
        refused(&mut net, |alice| alice.nonce = Some(vec![b'x'; 128])),
        400
    );
    assert_eq!(net.keys.lookups, lookups);
}

// Bidding down.

#[test]
fn the_list_of_algorithms_must_come_back_as_it_was_sent() {
    let mut net = Network::new();
    let alice = net.client("alice").sha256();
    for offered in [
        &[0, 1, 0, 0][..],
        &[0, 2, 0, 0],
        &[0, 1, 0, 0, 0, 2, 0, 0],
        &[0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0],
        &[],
    ] {
        let mut alice = alice.clone();
        alice.say_hello(&mut net);
        alice.offered = Some(offered.to_vec());
        let reply = alice.call(&mut net, &Request::allocate());
        assert_eq!(reply.code(), 400, "{offered:?}");
        assert_eq!(reply.kinds(), [attr::ERROR_CODE]);
    }
}

#[test]
fn one_of_the_two_algorithm_attributes_is_not_enough() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    alice.say_hello(&mut net);
    let list = [0, 2, 0, 0, 0, 1, 0, 0];
    for request in [
        Request::allocate().with(attr::PASSWORD_ALGORITHM, &[0, 1, 0, 0]),
        Request::allocate().with(attr::PASSWORD_ALGORITHMS, &list),
        // An algorithm that is not on the list, and parameters where there are none.
        Request::allocate()
            .with(attr::PASSWORD_ALGORITHMS, &list)
            .with(attr::PASSWORD_ALGORITHM, &[0, 3, 0, 0]),
        Request::allocate()
            .with(attr::PASSWORD_ALGORITHMS, &list)
            .with(attr::PASSWORD_ALGORITHM, &[0, 2, 0, 4, 1, 2, 3, 4]),
    ] {
        assert_eq!(alice.call(&mut net, &request).code(), 400);
    }
}

/// Somebody on the path clears the bit that announces PASSWORD-ALGORITHMS and takes them away: the
/// client falls back to MD5, and the server notices.
#[test]
fn a_nonce_with_its_features_cut_is_no_nonce() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    alice.say_hello(&mut net);
    let mut nonce = alice.nonce.clone().unwrap();
    nonce[9] = b'Q';
    alice.nonce = Some(nonce);
    assert_eq!(alice.call(&mut net, &Request::allocate()).code(), 438);
    assert_eq!(net.keys.lookups, 0);
}

#[test]
fn the_stronger_signature_decides() {
    let mut net = Network::new();
    for (wrong, code) in [(Integrity::Sha1, OK), (Integrity::Sha256, 401)] {
        let mut alice = net.client("alice");
        alice.from.path.client.set_port(code);
        alice.say_hello(&mut net);
        alice.signs = vec![Integrity::Sha1, Integrity::Sha256];
        let mut bytes = alice.signed(&Request::allocate());
        let length = bytes.len();
        if wrong == Integrity::Sha256 {
            bytes[length - 1] ^= 1;
        } else {
            // A wrong first code that the second one vouches for.
            let id = alice.next_id();
            let (user, nonce, key) = (alice.user.clone(), alice.nonce.clone(), alice.key());
            bytes = Request::allocate()
                .with(attr::USERNAME, user.as_bytes())
                .with(attr::REALM, REALM.as_bytes())
                .with(attr::NONCE, &nonce.unwrap())
                .with(attr::MESSAGE_INTEGRITY, &[7; 20])
                .build(id, |writer| writer.integrity(Integrity::Sha256, &key));
        }
        let reply = alice.deliver(&mut net, &bytes).unwrap();
        assert_eq!(reply.code(), code, "wrong {wrong:?}");
    }
}

/// RFC 8489 section 14.6; TURN allows no truncation.
#[test]
fn a_shortened_signature_is_never_accepted() {
    let mut net = Network::new();
    let mut alice = net.client("alice").sha256();
    alice.say_hello(&mut net);
    for length in 0..40_usize {
        if length == 32 {
            continue;
        }
        alice.signs = vec![];
        let id = alice.next_id();
        let credentials = |writer: &mut turnd_wire::Writer<'_>| {
            writer.text(attr::USERNAME, "alice");
            writer.text(attr::REALM, REALM);
            writer.bytes(attr::NONCE, alice.nonce.as_ref().unwrap());
            writer.bytes(attr::PASSWORD_ALGORITHMS, alice.offered.as_ref().unwrap());
            writer.bytes(attr::PASSWORD_ALGORITHM, &[0, 2, 0, 0]);
        };
        let whole = Request::allocate().build(id, |writer| {
            credentials(writer);
            writer.integrity(Integrity::Sha256, &alice.key());
        });
        let mut code = whole[whole.len() - 32..].to_vec();
        code.resize(length, 0);
        let bytes = Request::allocate().build(id, |writer| {
            credentials(writer);
            writer.bytes(attr::MESSAGE_INTEGRITY_SHA256, &code);
        });
        let reply = net.exchange(&alice, &bytes).unwrap();
        let is_shaped = (16..=32).contains(&length) && length.is_multiple_of(4);
        assert_eq!(reply.code(), if is_shaped { 401 } else { 400 }, "{length}");
    }
    assert_eq!(net.allocations(), 0);
}

// Wrong names, wrong passwords.

#[test]
fn nobody_learns_which_users_exist() {
    let mut net = Network::new();
    for hash in [false, true] {
        for sha256 in [false, true] {
            let as_user = |user: &str| {
                let client = Client::new("192.0.2.1:4001").user(user, "wrong");
                let client = if sha256 { client.sha256() } else { client };
                if hash { client.anonymous() } else { client }
            };
            let request = Request::allocate().id([9; 12].into());
            let existing = as_user("alice").call(&mut net, &request);
            let unknown = as_user("mallory").call(&mut net, &request);
            assert_eq!(existing.code(), 401);
            assert_eq!(existing.kinds(), CHALLENGE);
            assert_eq!(existing, unknown);
        }
    }
}

#[test]
fn another_realm_is_no_place_of_ours() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    alice.realm = "elsewhere".to_owned();
    let reply = alice.call(&mut net, &Request::allocate());
    assert_eq!(reply.code(), 401);
    assert_eq!(reply.kinds(), CHALLENGE);
    assert_eq!(net.keys.lookups, 0);
}

// Nonces.

#[test]
fn a_stale_nonce_is_replaced_and_the_new_one_works_at_once() {
    let mut net = Network::new();
    let mut alice = net.client("alice").sha256();
    alice.say_hello(&mut net);
    net.wait(3600);
    let reply = alice.call(&mut net, &Request::allocate());
    assert_eq!(reply.code(), 438);
    assert_eq!(reply.kinds(), CHALLENGE);
    assert_eq!(alice.call(&mut net, &Request::allocate()).code(), OK);
}

#[test]
fn a_nonce_is_good_for_nobody_else() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    alice.say_hello(&mut net);
    let mut elsewhere = alice.clone();
    elsewhere.from.path.client.set_port(4999);
    assert_eq!(elsewhere.call(&mut net, &Request::allocate()).code(), 438);
    assert_eq!(elsewhere.call(&mut net, &Request::allocate()).code(), OK);
}

#[test]
fn a_forged_nonce_costs_no_search_for_a_key() {
    let mut net = Network::new();
    let mut mallory = Client::new("192.0.2.1:4001").user("alice", "wrong");
    for nonce in [&b"obMatJos2wAAAxxxxxxxxxxxxxxx"[..], b"", b"x", &[0xFF; 28]] {
        mallory.nonce = Some(nonce.to_vec());
        assert_eq!(mallory.call(&mut net, &Request::allocate()).code(), 438);
    }
    assert_eq!(net.keys.lookups, 0);
}

/// RFC 8656 section 5: a nonce may change at least every hour while an allocation lives.
#[test]
fn an_allocation_outlives_its_nonce() {
    let mut net = Network::with(Setup {
        nonce_lifetime: Some(Duration::from_secs(300)),
        ..Setup::default()
    });
    let mut alice = net.client("alice");
    alice.allocate(&mut net);
    net.wait(301);
    assert_eq!(alice.refresh(&mut net, 600).code(), 438);
    assert_eq!(alice.refresh(&mut net, 600).code(), OK);
    assert_eq!(net.allocations(), 1);
}

/// HMAC-SHA1 over a message as if it ended with the code, whose length it already has.
fn hmac_sha1(key: &Key, covered: &[u8]) -> [u8; 20] {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(covered);
    mac.finalize().into_bytes().into()
}
