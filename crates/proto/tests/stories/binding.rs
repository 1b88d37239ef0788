//! Binding (RFC 8489 sections 3 and 12).

use turnd_proto::{BindingRules, Transport};
use turnd_wire::{Method, attr, attr::AttributeType};

use crate::support::{Client, Network, OK, Request, Setup, at};

#[test]
fn a_client_learns_its_address_without_credentials() {
    let mut net = Network::new();
    for (address, length) in [("192.0.2.1:4001", 32), ("[2001:db8::1]:4001", 44)] {
        let client = Client::new(address);
        let reply = net
            .exchange(&client, &Request::binding().unsigned())
            .unwrap();
        assert_eq!(reply.code(), OK);
        assert_eq!(reply.mapped(), Some(at(address)));
        assert_eq!(reply.kinds(), [attr::XOR_MAPPED_ADDRESS]);
        // Whoever forges its source gets little out of it.
        assert_eq!(reply.bytes.len(), length);
    }
}

#[test]
fn fingerprint_is_answered_with_fingerprint_and_not_needed() {
    let mut net = Network::new();
    let client = Client::new("192.0.2.1:4001");
    let plain = net
        .exchange(&client, &Request::binding().unsigned())
        .unwrap();
    assert_eq!(plain.message().fingerprint(), None);
    let with = Request::binding().fingerprint().unsigned();
    let reply = net.exchange(&client, &with).unwrap();
    assert_eq!(reply.message().fingerprint(), Some(true));
}

#[test]
fn a_server_that_always_adds_fingerprint_does() {
    let mut net = Network::with(Setup {
        fingerprint: true,
        ..Setup::default()
    });
    let client = Client::new("192.0.2.1:4001");
    let reply = net
        .exchange(&client, &Request::binding().unsigned())
        .unwrap();
    assert_eq!(reply.message().fingerprint(), Some(true));
}

/// RFC 8489 section 7.
#[test]
fn a_wrong_fingerprint_is_met_with_silence() {
    let mut net = Network::new();
    let client = Client::new("192.0.2.1:4001");
    let mut bytes = Request::binding().fingerprint().unsigned();
    *bytes.last_mut().unwrap() ^= 1;
    assert_eq!(net.exchange(&client, &bytes), None);
    let misplaced = Request::binding()
        .with(attr::FINGERPRINT, &[0; 4])
        .with(attr::SOFTWARE, b"behind")
        .unsigned();
    assert_eq!(net.exchange(&client, &misplaced), None);
}

/// RFC 8489 section 6.3.
#[test]
fn unknown_attributes_are_refused_only_if_they_must_be_understood() {
    let mut net = Network::new();
    let client = Client::new("192.0.2.1:4001");
    let optional = Request::binding().with(AttributeType(0xC0DE), b"whatever");
    assert_eq!(
        net.exchange(&client, &optional.unsigned()).unwrap().code(),
        OK
    );

    let required = Request::binding()
        .with(AttributeType(0x7F01), b"a")
        .with(AttributeType(0x7F02), &[])
        .with(AttributeType(0x7F01), b"again");
    let reply = net.exchange(&client, &required.unsigned()).unwrap();
    assert_eq!(reply.code(), 420);
    let unknown = reply.value(attr::UNKNOWN_ATTRIBUTES);
    assert_eq!(unknown, Some(vec![0x7F, 1, 0x7F, 2]));
}

#[test]
fn a_known_attribute_out_of_place_is_ignored() {
    let mut net = Network::new();
    let client = Client::new("192.0.2.1:4001");
    let request = Request::binding().lifetime(5).channel(1).peer("0.0.0.0:0");
    let reply = net.exchange(&client, &request.unsigned()).unwrap();
    assert_eq!(reply.code(), OK);
}

/// RFC 5780 section 6.1: a server without behaviour discovery answers 420, and briefly.
#[test]
fn behaviour_discovery_is_not_offered() {
    let mut net = Network::new();
    let client = Client::new("192.0.2.1:4001");
    for (kind, value) in [
        (attr::CHANGE_REQUEST, &[0, 0, 0, 6][..]),
        (attr::PADDING, &[]),
        (attr::RESPONSE_PORT, &[0, 80, 0, 0]),
    ] {
        let request = Request::binding().with(kind, value).unsigned();
        let reply = net.exchange(&client, &request).unwrap();
        assert_eq!(reply.code(), 420, "{kind}");
        assert!(reply.bytes.len() <= 36);
    }
}

#[test]
fn a_binding_indication_is_a_keepalive_and_never_answered() {
    let mut net = Network::new();
    let client = Client::new("192.0.2.1:4001");
    let indication = Request::indication(Method::BINDING).unsigned();
    assert_eq!(net.exchange(&client, &indication), None);
}

#[test]
fn the_same_request_twice_gets_the_same_answer() {
    let mut net = Network::new();
    let client = Client::new("192.0.2.1:4001");
    let bytes = Request::binding().unsigned();
    let first = net.exchange(&client, &bytes);
    net.wait(39);
    assert_eq!(net.exchange(&client, &bytes), first);
}

#[test]
fn either_service_can_be_switched_off() {
    let only = |stun, turn| Setup {
        stun,
        turn,
        ..Setup::open()
    };
    let client = Client::new("192.0.2.1:4001");
    let mut turn = Network::with(only(false, true));
    assert_eq!(turn.exchange(&client, &Request::binding().unsigned()), None);
    assert!(
        turn.exchange(&client, &Request::allocate().unsigned())
            .is_some()
    );
    let mut stun = Network::with(only(true, false));
    assert!(
        stun.exchange(&client, &Request::binding().unsigned())
            .is_some()
    );
    assert_eq!(
        stun.exchange(&client, &Request::allocate().unsigned()),
        None
    );
}

#[test]
fn old_clients_can_be_told_their_address_in_the_old_form_too() {
    let mut net = Network::with(Setup {
        binding: BindingRules {
            mapped_address: true,
            ..BindingRules::default()
        },
        ..Setup::default()
    });
    for address in ["192.0.2.1:4001", "[2001:db8::1]:4001"] {
        let client = Client::new(address);
        let asked = Request::binding().with(attr::SOFTWARE, b"old").unsigned();
        let reply = net.exchange(&client, &asked).unwrap();
        assert_eq!(reply.mapped(), Some(at(address)));
        assert_eq!(reply.addresses(attr::MAPPED_ADDRESS), [at(address)]);
    }
    // An answer that would be more than three times as long as a request over UDP has one address.
    let mut client = Client::new("[2001:db8::1]:4001");
    for (transport, addresses) in [(Transport::Udp, 0), (Transport::Tcp, 1)] {
        client.from.path.transport = transport;
        let reply = net.exchange(&client, &Request::binding().unsigned());
        let reply = reply.unwrap();
        assert_eq!(reply.mapped(), Some(client.address()));
        assert_eq!(reply.addresses(attr::MAPPED_ADDRESS).len(), addresses);
    }
}

/// RFC 8489 section 9.2: Binding like any request of TURN.
#[test]
fn credentials_can_be_asked_for() {
    let mut net = Network::with(Setup {
        binding: BindingRules {
            authenticated: true,
            ..BindingRules::default()
        },
        ..Setup::default()
    });
    let mut alice = net.client("alice");
    let stranger = net
        .exchange(&alice, &Request::binding().unsigned())
        .unwrap();
    assert_eq!(stranger.code(), 401);
    assert!(stranger.has(attr::REALM) && stranger.has(attr::NONCE));
    assert_eq!(stranger.mapped(), None);
    alice.learn(&stranger);
    let reply = alice.call(&mut net, &Request::binding());
    assert_eq!((reply.code(), reply.mapped()), (OK, Some(alice.address())));
    assert_eq!(reply.signatures().len(), 1);

    alice.password = "guessed".to_owned();
    let bytes = alice.signed(&Request::binding());
    assert_eq!(net.exchange(&alice, &bytes).unwrap().code(), 401);
    // Unknown attributes are told to whom one knows.
    let mut bob = net.client("bob");
    let odd = Request::binding().with(AttributeType(0x7F01), &[]);
    assert_eq!(bob.call(&mut net, &odd).code(), 420);
    // A keepalive needs no answer, and so no name.
    let indication = Request::indication(Method::BINDING).unsigned();
    assert_eq!(net.exchange(&bob, &indication), None);
}

/// RFC 7982 section 3.3: the client's count comes back; this server remembers none of its own.
#[test]
fn how_often_a_request_was_sent_is_repeated() {
    let mut net = Network::new();
    let client = Client::new("192.0.2.1:4001");
    let counter = attr::TRANSACTION_TRANSMIT_COUNTER;
    for sent in [1, 2, 7, 255] {
        let request = Request::binding().with(counter, &[9, 9, sent, 9]);
        let reply = net.exchange(&client, &request.unsigned()).unwrap();
        assert_eq!(reply.value(counter), Some(vec![0, 0, sent, 0]));
        // An error says it as well.
        let odd = request.with(AttributeType(0x7F01), &[]);
        let reply = net.exchange(&client, &odd.unsigned()).unwrap();
        assert_eq!(reply.code(), 420);
        assert_eq!(reply.value(counter), Some(vec![0, 0, sent, 0]));
    }
    for value in [&[][..], &[0, 0], &[0, 0, 1, 0, 0]] {
        let request = Request::binding().with(counter, value).unsigned();
        let reply = net.exchange(&client, &request).unwrap();
        assert_eq!((reply.code(), reply.has(counter)), (OK, false));
    }
    let mut alice = net.client("alice");
    alice.allocate(&mut net);
    let refresh = Request::refresh().with(counter, &[0, 0, 3, 0]);
    let reply = alice.call(&mut net, &refresh);
    assert_eq!(reply.value(counter), Some(vec![0, 0, 3, 0]));
}
