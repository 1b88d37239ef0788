//! NAT behaviour discovery (RFC 5780 sections 6 and 7).

use core::net::SocketAddr;

use turnd_proto::{BindingRules, Discovery, ListenerId, Origin, Transport};
use turnd_wire::{Message, attr};

use crate::support::{Client, Network, OK, Reply, Request, Setup, at};

/// Two addresses with the same two ports: where they are bound, and as clients see them.
const ORIGINS: [(&str, &str); 4] = [
    ("192.0.2.99:3478", "203.0.113.1:3478"),
    ("192.0.2.99:3479", "203.0.113.1:3479"),
    ("192.0.2.100:3478", "203.0.113.2:3478"),
    ("192.0.2.100:3479", "203.0.113.2:3479"),
];

/// The socket of the first is that of [`Client::new`].
const SOCKETS: [u64; 4] = [7, 8, 9, 10];

fn rules() -> BindingRules {
    let origin = |at_place: usize| Origin {
        listener: ListenerId(SOCKETS[at_place]),
        address: at(ORIGINS[at_place].0),
        told: at(ORIGINS[at_place].1),
    };
    let mut discovery = Discovery::default();
    let (first, second) = ([origin(0), origin(1)], [origin(2), origin(3)]);
    for is_stream in [false, true] {
        discovery.offer(is_stream, first, second);
        discovery.offer(is_stream, second, first);
    }
    assert_eq!(discovery.len(), 8);
    BindingRules {
        discovery,
        ..BindingRules::default()
    }
}

fn network() -> Network {
    Network::with(Setup {
        binding: rules(),
        ..Setup::default()
    })
}

fn client() -> Client {
    Client::new("198.51.100.7:4001")
}

fn change(flags: u8) -> Request {
    Request::binding().with(attr::CHANGE_REQUEST, &[0, 0, 0, flags])
}

/// What came back, through which socket, and to where.
struct Answer {
    reply: Reply,
    socket: u64,
    from: SocketAddr,
    to: SocketAddr,
}

fn ask(net: &mut Network, client: &Client, request: &Request) -> Option<Answer> {
    let bytes = request.unsigned();
    let (way, reply) = net.exchange_elsewhere(client, &bytes)?;
    Some(Answer {
        reply: Reply::to(&bytes, reply),
        socket: way.listener.0,
        from: way.path.server,
        to: way.path.client,
    })
}

/// Table 1 of RFC 5780: whatever is asked for, OTHER-ADDRESS is the address with both changed, and
/// RESPONSE-ORIGIN is where the answer really comes from.
#[test]
fn an_answer_comes_from_where_the_flags_say() {
    // Where the request goes, and from where it is answered without flags, with "change port", "change IP", both.
    let table = [
        (0, [0, 1, 2, 3]),
        (1, [1, 0, 3, 2]),
        (2, [2, 3, 0, 1]),
        (3, [3, 2, 1, 0]),
    ];
    let mut net = network();
    for (to, from) in table {
        let mut client = client();
        client.from.path.server = at(ORIGINS[to].0);
        client.from.listener = ListenerId(SOCKETS[to]);
        for (flags, from_place) in [0, 2, 4, 6].into_iter().zip(from) {
            let answer = ask(&mut net, &client, &change(flags)).unwrap();
            assert_eq!(answer.reply.code(), OK);
            assert_eq!(answer.socket, SOCKETS[from_place], "{to} {flags}");
            assert_eq!(answer.from, at(ORIGINS[from_place].0), "{to} {flags}");
            assert_eq!(answer.to, client.address());
            let told = |kind| answer.reply.addresses(kind);
            assert_eq!(told(attr::RESPONSE_ORIGIN), [at(ORIGINS[from_place].1)]);
            assert_eq!(told(attr::OTHER_ADDRESS), [at(ORIGINS[from[3]].1)]);
            assert_eq!(told(attr::MAPPED_ADDRESS), [client.address()]);
            assert_eq!(answer.reply.mapped(), Some(client.address()));
        }
    }
}

#[test]
fn every_binding_answer_tells_the_other_address() {
    let mut net = network();
    for transport in [
        Transport::Udp,
        Transport::Tcp,
        Transport::Tls,
        Transport::Dtls,
    ] {
        let answer = ask(&mut net, &client().over(transport), &Request::binding()).unwrap();
        assert_eq!(
            answer.reply.kinds(),
            [
                attr::XOR_MAPPED_ADDRESS,
                attr::MAPPED_ADDRESS,
                attr::RESPONSE_ORIGIN,
                attr::OTHER_ADDRESS
            ]
        );
        assert_eq!(answer.socket, SOCKETS[0]);
    }
}

/// RFC 5780 section 6: without a second address there is no discovery, and 420 says so.
#[test]
fn a_socket_without_another_address_does_not_know_it() {
    let mut net = network();
    let mut client = client();
    client.from.path.server = at("192.0.2.99:5000");
    let reply = ask(&mut net, &client, &Request::binding()).unwrap().reply;
    assert_eq!(reply.kinds(), [attr::XOR_MAPPED_ADDRESS]);
    let padding = Request::binding().with(attr::PADDING, &[]);
    for request in [change(0), change(6), padding] {
        let reply = ask(&mut net, &client, &request).unwrap().reply;
        assert_eq!(reply.code(), 420);
        assert_eq!(reply.bytes.len(), 36);
    }
}

/// The recommended length, that of the MTU, would be 65 times the request.
#[test]
fn padding_makes_an_answer_no_longer_than_its_request() {
    let mut net = network();
    let bare = ask(&mut net, &client(), &Request::binding())
        .unwrap()
        .reply
        .bytes
        .len();
    for length in [0, 1, 40, 44, 45, 500, 1472, 1976, 2000] {
        let request = Request::binding().with(attr::PADDING, &vec![b'x'; length]);
        let asked = request.unsigned().len();
        let reply = ask(&mut net, &client(), &request).unwrap().reply;
        assert!(reply.has(attr::PADDING), "{length}");
        let answered = reply.bytes.len();
        assert_eq!(answered, asked.max(bare + 4), "{length}");
        // 20 in a second are enough.
        net.wait(1);
    }
    let long = Request::binding().with(attr::PADDING, &[0; 9000]);
    let reply = ask(&mut net, &client(), &long).unwrap().reply;
    assert_eq!(reply.bytes.len(), 2048);
    let fingerprint = long.fingerprint();
    let reply = ask(&mut net, &client(), &fingerprint).unwrap().reply;
    assert_eq!(reply.message().fingerprint(), Some(true));
    assert_eq!(reply.bytes.len(), 2048);
}

#[test]
fn response_port_chooses_the_port_and_never_the_address() {
    let mut net = network();
    for value in [&[0x9C, 0x40][..], &[0x9C, 0x40, 0, 0]] {
        let request = Request::binding().with(attr::RESPONSE_PORT, value);
        let answer = ask(&mut net, &client(), &request).unwrap();
        assert_eq!(answer.to, at("198.51.100.7:40000"));
        // It tells of the port that the request came from, for that is what the client wants to know.
        assert_eq!(answer.reply.mapped(), Some(client().address()));
        assert_eq!((answer.socket, answer.from), (7, at(ORIGINS[0].0)));
    }
    let both = change(6).with(attr::RESPONSE_PORT, &[0x9C, 0x40, 0, 0]);
    let answer = ask(&mut net, &client(), &both).unwrap();
    assert_eq!(answer.to, at("198.51.100.7:40000"));
    assert_eq!((answer.socket, answer.from), (10, at(ORIGINS[3].0)));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut net = network();
    let port = |port: u16| {
        let [high, low] = port.to_be_bytes();
        Request::binding().with(attr::RESPONSE_PORT, &[high, low, 0, 0])
    };
    let bad = |kind, value: &[u8]| Request::binding().with(kind, value);
    for (code, request) in [
        (400, port(4000).with(attr::PADDING, &[0; 8])),
        (400, bad(attr::CHANGE_REQUEST, &[])),
        (400, bad(attr::CHANGE_REQUEST, &[0, 0, 0, 0, 0])),
        (400, bad(attr::RESPONSE_PORT, &[1])),
        (400, bad(attr::RESPONSE_PORT, &[0x9C, 0x40, 0])),
        // Nobody is to be answered at the port of a service.
        (403, port(0)),
        (403, port(53)),
        (403, port(1023)),
        (403, port(1900)),
        (403, port(5353)),
        (403, port(11_211)),
        (OK, port(1024)),
    ] {
        let answer = ask(&mut net, &client(), &request).unwrap();
        assert_eq!(answer.reply.code(), code, "{request:?}");
        let is_refused = code != OK;
        assert!(!is_refused || answer.to == client().address());
    }
    // A connection is answered where it came to.
    for transport in [Transport::Tcp, Transport::Tls, Transport::Dtls] {
        let client = client().over(transport);
        for (code, request) in [(OK, change(0)), (400, change(2)), (400, port(4000))] {
            let answer = ask(&mut net, &client, &request).unwrap();
            assert_eq!(answer.reply.code(), code, "{transport:?} {request:?}");
            assert_eq!(answer.to, client.address());
        }
    }
}

/// Whoever forges the sender has the victim sent no more than this.
#[test]
fn a_source_gets_twenty_such_answers_in_a_second() {
    let mut net = network();
    let wishes = [
        change(6),
        Request::binding().with(attr::PADDING, &[0; 100]),
        Request::binding().with(attr::RESPONSE_PORT, &[0x9C, 0x40, 0, 0]),
    ];
    for _ in 0..3 {
        let answered = (0..90_u16)
            .filter(|&number| {
                let mut client = client();
                client.from.path.client.set_port(5000 + number);
                let wish = &wishes[usize::from(number) % wishes.len()];
                ask(&mut net, &client, wish).is_some()
            })
            .count();
        assert_eq!(answered, 20);
        // Who wants nothing special is answered, and so is everybody else.
        assert!(ask(&mut net, &client(), &Request::binding()).is_some());
        let other = Client::new("198.51.100.8:4001");
        assert!(ask(&mut net, &other, &change(2)).is_some());
        net.wait(1);
    }
    let counters = net.servers[0].counters(net.now);
    assert_eq!(counters.discoveries_dropped, 3 * 70);
}

/// With credentials, RFC 5780 section 5.2.
#[test]
fn authentication_comes_before_discovery() {
    let mut net = Network::with(Setup {
        binding: BindingRules {
            authenticated: true,
            ..rules()
        },
        ..Setup::default()
    });
    let mut client = client().user("alice", "wonderland");
    let challenge = ask(&mut net, &client, &change(6)).unwrap();
    assert_eq!(challenge.reply.code(), 401);
    assert_eq!(challenge.socket, SOCKETS[0]);
    client.learn(&challenge.reply);
    let bytes = client.signed(&change(6).with(attr::PADDING, &[0; 400]));
    let (way, reply) = net.exchange_elsewhere(&client, &bytes).unwrap();
    assert_eq!(way.listener.0, SOCKETS[3]);
    assert_eq!(reply.len(), bytes.len());
    let message = Message::parse(&reply).unwrap();
    assert!(message.verify(turnd_wire::Integrity::Sha1, &client.key()));
}
