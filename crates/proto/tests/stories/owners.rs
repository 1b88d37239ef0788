//! Whose an allocation is, users for a while, and keys that take a while to be found.

use turnd_wire::{Integrity, Method, attr, attr::AttributeType};

use crate::support::{Client, Network, OK, PEER, REALM, Request, time_limited};

// Allocations belong to somebody.

/// RFC 8656 section 5.
#[test]
fn another_users_allocation_is_out_of_reach() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    let relay = alice.allocate(&mut net);
    alice.must_permit(&mut net, PEER);
    let mut bob = alice.clone().user("bob", "builder");
    for request in [
        Request::refresh().lifetime(0),
        Request::create_permission().peer(PEER),
        Request::channel_bind().channel(0x4000).peer(PEER),
        // Before anything else is looked at.
        Request::create_permission(),
    ] {
        let reply = bob.call(&mut net, &request);
        assert_eq!(reply.code(), 441, "{:?}", request.method);
        assert_eq!(reply.signatures(), [Integrity::Sha1]);
    }
    assert_eq!(bob.call(&mut net, &Request::allocate()).code(), 437);
    assert!(net.peer_sends(relay, PEER, b"still here").is_some());
}

/// The answer to an Allocate is only for whoever sent it, whatever its transaction id.
#[test]
fn another_users_answer_is_not_repeated() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    let request = Request::allocate().id([7; 12].into());
    alice.call(&mut net, &request);
    let mut bob = alice.clone().user("bob", "builder");
    assert_eq!(bob.call(&mut net, &request).code(), 437);
}

/// The key of an allocation vouches for the name it was found under and for no other.
#[test]
fn a_name_needs_its_own_key() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    alice.allocate(&mut net);
    let key = alice.key();
    let bytes = Request::refresh()
        .with(attr::USERNAME, b"bob")
        .with(attr::REALM, REALM.as_bytes())
        .with(attr::NONCE, alice.nonce.as_ref().unwrap())
        .build(alice.next_id(), |w| w.integrity(Integrity::Sha1, &key));
    assert_eq!(net.exchange(&alice, &bytes).unwrap().code(), 401);
}

#[test]
fn without_an_allocation_nothing_else_is_looked_at() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    for method in [
        Method::REFRESH,
        Method::CREATE_PERMISSION,
        Method::CHANNEL_BIND,
    ] {
        let broken = Request::new(method).with(AttributeType(0x7F01), b"");
        let reply = alice.call(&mut net, &broken);
        assert_eq!(reply.code(), 437);
        assert_eq!(reply.signatures(), [Integrity::Sha1]);
    }
}

#[test]
fn only_who_is_known_hears_about_unknown_attributes() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    let request = Request::allocate().with(AttributeType(0x7F01), b"");
    assert_eq!(
        net.exchange(&alice, &request.unsigned()).unwrap().code(),
        401
    );
    let reply = alice.call(&mut net, &request);
    assert_eq!(reply.code(), 420);
    assert_eq!(reply.value(attr::UNKNOWN_ATTRIBUTES), Some(vec![0x7F, 1]));
    assert_eq!(reply.signatures(), [Integrity::Sha1]);
}

#[test]
fn a_changed_password_does_not_end_a_call() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    alice.allocate(&mut net);
    net.keys.change_password("alice", "looking-glass");
    assert_eq!(alice.refresh(&mut net, 600).code(), OK);
    alice.password = "looking-glass".to_owned();
    assert_eq!(alice.refresh(&mut net, 600).code(), OK);

    let mut late = net.client("alice");
    late.from.path.client.set_port(4999);
    assert_eq!(late.call(&mut net, &Request::allocate()).code(), 401);
}

/// The key that was found for the first request serves for those after it, however the owner names himself.
#[test]
fn an_owner_is_known_by_the_hash_of_his_name_too() {
    let mut net = Network::new();
    let mut alice = net.client("alice").sha256().anonymous();
    alice.allocate(&mut net);
    net.hold = true;
    assert_eq!(alice.refresh(&mut net, 600).code(), OK);
    let mut bob = alice.clone().user("bob", "builder");
    assert_eq!(bob.try_call(&mut net, &Request::refresh()), None);
}

// Time-limited users of a shared secret.

#[test]
fn a_shared_secret_makes_users_for_a_while() {
    let mut net = Network::new();
    net.keys.secrets = vec!["new secret", "old secret"];
    let user = format!("{}:dave", net.now.unix + 60);
    for (port, secret, code) in [
        (1, "old secret", OK),
        (2, "new secret", OK),
        (3, "none", 401),
    ] {
        let mut dave = Client::new("192.0.2.4:1").user(&user, &time_limited(secret, &user));
        dave.from.path.client.set_port(port);
        assert_eq!(dave.call(&mut net, &Request::allocate()).code(), code);
        let mut modern = dave.clone().sha256();
        modern.from.path.client.set_port(100 + port);
        modern.nonce = None;
        assert_eq!(modern.call(&mut net, &Request::allocate()).code(), code);
    }
}

#[test]
fn a_credential_that_expires_serves_its_allocation_and_no_new_one() {
    let mut net = Network::new();
    net.keys.secrets = vec!["secret"];
    let user = format!("{}:dave", net.now.unix + 60);
    let mut dave = Client::new("192.0.2.4:4004").user(&user, &time_limited("secret", &user));
    dave.allocate(&mut net);
    net.wait(61);
    assert_eq!(dave.refresh(&mut net, 600).code(), OK);
    dave.must_permit(&mut net, PEER);
    assert_eq!(dave.refresh(&mut net, 0).code(), OK);
    assert_eq!(dave.call(&mut net, &Request::allocate()).code(), 401);
}

// Keys that take a while.

#[test]
fn a_request_waits_for_its_key() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    alice.say_hello(&mut net);
    net.hold = true;
    assert_eq!(alice.try_call(&mut net, &Request::allocate()), None);
    net.wait(9);
    net.answer_asks();
    assert!(net.take_reply().is_some());
    assert_eq!(net.allocations(), 1);
}

#[test]
fn a_key_that_comes_too_late_is_ignored() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    alice.say_hello(&mut net);
    net.hold = true;
    assert_eq!(alice.try_call(&mut net, &Request::allocate()), None);
    net.wait(10);
    net.answer_asks();
    assert_eq!(net.take_reply(), None);
    assert_eq!((net.allocations(), net.ports.opened), (0, 0));
}

#[test]
fn the_same_request_twice_before_the_key_is_there_makes_one_allocation() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    alice.say_hello(&mut net);
    net.hold = true;
    let bytes = alice.signed(&Request::allocate());
    assert_eq!(alice.deliver(&mut net, &bytes), None);
    assert_eq!(alice.deliver(&mut net, &bytes), None);
    net.answer_asks();
    let (first, second) = (net.take_reply(), net.take_reply());
    assert!(first.is_some());
    assert_eq!(first, second);
    assert_eq!(net.ports.opened, 1);
}
