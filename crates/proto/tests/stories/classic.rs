//! Clients of RFC 3489, whose messages have no magic cookie (RFC 8489 section 11, RFC 7350 section 4.3).

use turnd_proto::{BindingRules, Discovery, ListenerId, Origin, Transport};
use turnd_wire::{Class, Message, Method, address, attr, attr::AttributeType};

use crate::support::{Client, Network, Request, Setup, at};

/// What stands where the cookie does today.
const OLD: [u8; 4] = [0xA5, 0x5A, 0x01, 0xFE];

fn network(binding: BindingRules) -> Network {
    Network::with(Setup {
        binding,
        ..Setup::default()
    })
}

fn compatible() -> BindingRules {
    BindingRules {
        classic: true,
        ..BindingRules::default()
    }
}

fn client() -> Client {
    Client::new("192.0.2.1:4001")
}

fn old(request: &Request) -> Vec<u8> {
    let mut bytes = request.unsigned();
    bytes[4..8].copy_from_slice(&OLD);
    bytes
}

/// The answer as today's parser reads it, after a look at what it has in the cookie's place.
fn ask(net: &mut Network, client: &Client, bytes: &[u8]) -> Option<Vec<u8>> {
    let (way, mut reply) = net.exchange_elsewhere(client, bytes)?;
    assert_eq!(way, client.from);
    assert_eq!(reply[4..20], bytes[4..20], "all 128 bits come back");
    reply[4..8].copy_from_slice(&0x2112_A442_u32.to_be_bytes());
    Some(reply)
}

#[test]
fn without_the_option_they_get_no_answer() {
    let mut net = network(BindingRules::default());
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let client = client().over(transport);
        assert_eq!(ask(&mut net, &client, &old(&Request::binding())), None);
    }
}

#[test]
fn with_it_they_are_told_their_address_in_the_old_form() {
    let mut net = network(compatible());
    let bytes = ask(&mut net, &client(), &old(&Request::binding())).unwrap();
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.class(), Class::Success);
    let kinds: Vec<AttributeType> = message.attributes().map(|it| it.kind).collect();
    assert_eq!(kinds, [attr::MAPPED_ADDRESS]);
    let mapped = message.attribute(attr::MAPPED_ADDRESS).unwrap();
    assert_eq!(address::read(mapped), Some(client().address()));
    // Not longer than the answer to everybody else.
    assert_eq!(bytes.len(), 32);
}

#[test]
fn old_attributes_are_refused_except_a_change_request_that_changes_nothing() {
    let mut net = network(compatible());
    let change = |flags| Request::binding().with(attr::CHANGE_REQUEST, &[0, 0, 0, flags]);
    let code = |net: &mut Network, request: &Request| {
        let bytes = ask(net, &client(), &old(request)).unwrap();
        let message = Message::parse(&bytes).unwrap();
        let code = message.attribute(attr::ERROR_CODE).map(|it| it.to_vec());
        let unknown = message.attribute(attr::UNKNOWN_ATTRIBUTES);
        (code, unknown.map(<[u8]>::to_vec))
    };
    assert_eq!(code(&mut net, &change(0)), (None, None));
    // RFC 3489 section 11.2.10: an odd number is made even by saying one twice.
    let refused = Some(vec![0, 0, 4, 20]);
    assert_eq!(
        code(&mut net, &change(6)),
        (refused.clone(), Some(vec![0, 3, 0, 3]))
    );
    let response_address = change(2).with(AttributeType(2), &[0, 1, 0, 80, 192, 0, 2, 7]);
    assert_eq!(
        code(&mut net, &response_address),
        (refused, Some(vec![0, 3, 0, 2]))
    );
}

#[test]
fn with_behaviour_discovery_they_find_the_other_address() {
    let origin = |listener, address| Origin {
        listener: ListenerId(listener),
        address: at(address),
        told: at(address),
    };
    let own = [origin(7, "192.0.2.99:3478"), origin(8, "192.0.2.99:3479")];
    let other = [
        origin(9, "192.0.2.100:3478"),
        origin(10, "192.0.2.100:3479"),
    ];
    let mut rules = compatible();
    rules.discovery = Discovery::default();
    rules.discovery.offer(false, own, other);
    let mut net = network(rules);
    let request = Request::binding().with(attr::CHANGE_REQUEST, &[0, 0, 0, 6]);
    let (way, reply) = net
        .exchange_elsewhere(&client(), &old(&request))
        .expect("an answer");
    assert_eq!(way.listener, ListenerId(10));
    let value = |at: usize| address::read(&reply[at + 4..at + 12]);
    assert_eq!(value(20), Some(client().address()));
    assert_eq!(
        (reply[33], value(32)),
        (4, Some(at("192.0.2.100:3479"))),
        "SOURCE-ADDRESS"
    );
    assert_eq!(
        (reply[45], value(44)),
        (5, Some(at("192.0.2.100:3479"))),
        "CHANGED-ADDRESS"
    );
}

#[test]
fn nothing_but_binding_over_udp_is_answered() {
    let mut net = network(compatible());
    for request in [
        Request::allocate(),
        Request::refresh(),
        Request::indication(Method::BINDING),
        Request::binding().with(attr::PADDING, &[0; 600]),
    ] {
        assert_eq!(ask(&mut net, &client(), &old(&request)), None);
    }
    let stream = client().over(Transport::Tcp);
    assert_eq!(ask(&mut net, &stream, &old(&Request::binding())), None);
    let mut torn = old(&Request::binding().lifetime(1));
    torn.pop();
    assert_eq!(ask(&mut net, &client(), &torn), None);
    let multicast = Client::new("239.1.2.3:4000");
    assert_eq!(ask(&mut net, &multicast, &old(&Request::binding())), None);
    assert!(net.servers[0].counters(net.now).malformed > 0);
}

/// RFC 3489 has no long-term credentials.
#[test]
fn where_credentials_are_asked_for_they_are_not_served() {
    let mut net = network(BindingRules {
        authenticated: true,
        ..compatible()
    });
    assert_eq!(ask(&mut net, &client(), &old(&Request::binding())), None);
}

/// RFC 7350 section 4.3, whatever the options are.
#[test]
fn under_dtls_such_a_request_gets_500_and_an_indication_nothing() {
    for rules in [BindingRules::default(), compatible()] {
        let mut net = network(rules);
        let client = client().over(Transport::Dtls);
        for request in [Request::binding(), Request::allocate()] {
            let bytes = ask(&mut net, &client, &old(&request)).unwrap();
            let message = Message::parse(&bytes).unwrap();
            assert_eq!(message.class(), Class::Error);
            assert_eq!(message.method(), request.method);
            let code = message.attribute(attr::ERROR_CODE);
            assert_eq!(code, Some(&[0, 0, 5, 0][..]));
        }
        let indication = old(&Request::indication(Method::BINDING));
        assert_eq!(ask(&mut net, &client, &indication), None);
        assert_eq!(net.servers[0].counters(net.now).errors.server_error, 2);
    }
}
