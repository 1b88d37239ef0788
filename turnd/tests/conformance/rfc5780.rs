//! RFC 5780: NAT behaviour discovery, which is off unless it is asked for.

use std::net::SocketAddr;

use turnd_wire::{
    attr::{self, AttributeType},
    message::HEADER_LENGTH,
};

use crate::{
    client::{Peer, unsigned},
    messages::{OK, Reply, Request},
    row::{ALL, Row, Udp, V4, decided, must},
    subject::Path,
};

/// Two addresses.
const ON: &str = "listening-ip=127.0.0.1\nlistening-ip=127.0.0.2\nrfc5780\n";
/// The same, and Allocate is redirected.
const REDIRECTED: &str = "listening-ip=127.0.0.1\nlistening-ip=127.0.0.2\nrfc5780\n\
    alternate-server=203.0.113.1\n";
/// One address a family is not enough.
const ONE: &str = "rfc5780\n";

const STORIES: &str = "crates/proto/tests/stories/discovery.rs";

/// What RFC 5780 has in answers.
const OF_ANSWERS: [AttributeType; 2] = [attr::RESPONSE_ORIGIN, attr::OTHER_ADDRESS];

pub(crate) const ROWS: &[Row] = &[
    must(
        "T5780-6-1",
        "one address alone: CHANGE-REQUEST 420, no OTHER-ADDRESS",
    )
    .on(ONE)
    .over(ALL, one_address),
    must(
        "T5780-6.1-1",
        "the answer comes from the address and port that the flags say",
    )
    .on(ON)
    .over(&[Udp], flags)
    .by(V4)
    .held(&[(STORIES, "an_answer_comes_from_where_the_flags_say")]),
    must(
        "T5780-6.1-2",
        "every Binding answer has both mapped addresses, RESPONSE-ORIGIN and OTHER-ADDRESS",
    )
    .on(ON)
    .over(ALL, every_answer)
    .by(V4),
    must("T5780-6.1-3", "PADDING with RESPONSE-PORT: 400")
        .on(ON)
        .over(&[Udp], padding_and_port)
        .by(V4),
    decided(
        "T5780-6.1-4",
        "PADDING is answered with PADDING, and makes no answer longer than its request",
    )
    .on(ON)
    .over(ALL, padding)
    .by(V4),
    must(
        "T5780-7.5-1",
        "RESPONSE-PORT: the answer goes to that port of the sender, above 1023",
    )
    .on(ON)
    .over(&[Udp], response_port)
    .by(V4)
    .held(&[(STORIES, "a_source_gets_twenty_such_answers_in_a_second")]),
    must("T5780-6.1-5", "never together with ALTERNATE-SERVER")
        .on(REDIRECTED)
        .over(ALL, no_redirect)
        .by(V4),
    decided("T5780-D-1", "off: its attributes get 420 in 36 bytes").over(ALL, off),
];

fn change(flags: u8) -> Request {
    Request::binding().with(attr::CHANGE_REQUEST, &[0, 0, 0, flags])
}

fn one_address(path: &Path<'_>) {
    let mut client = path.client();
    for flags in [0, 2, 4, 6] {
        assert_eq!(client.ask(&change(flags)).code(), 420);
    }
    let reply = client.ask(&Request::binding());
    assert!(!OF_ANSWERS.iter().any(|kind| reply.has(*kind)));
}

/// Both addresses with the first port, then both with the second.
fn four(path: &Path<'_>) -> [SocketAddr; 4] {
    let all = path.turnd(|turnd| turnd.addresses("udp"));
    *all.first_chunk().expect("four sockets")
}

fn flags(path: &Path<'_>) {
    let [da_dp, ca_dp, da_cp, ca_cp] = four(path);
    for (server, origins) in [
        (da_dp, [da_dp, da_cp, ca_dp, ca_cp]),
        (ca_cp, [ca_cp, ca_dp, da_cp, da_dp]),
    ] {
        for (flags, origin) in [0, 2, 4, 6].into_iter().zip(origins) {
            let client = Peer::new(da_dp.ip());
            let request = unsigned(&change(flags));
            client.send(server, &request);
            let (bytes, from) = client.next();
            let reply = Reply::to(&request, bytes);
            assert_eq!(from, origin, "{server} with {flags}");
            assert_eq!(reply.addresses(attr::RESPONSE_ORIGIN), [origin]);
            assert_eq!(reply.addresses(attr::OTHER_ADDRESS), [origins[3]]);
        }
    }
}

fn every_answer(path: &Path<'_>) {
    let mut client = path.client();
    let reply = client.ask(&Request::binding());
    assert_eq!(reply.code(), OK);
    assert_eq!(reply.mapped(), Some(client.local()));
    assert_eq!(reply.addresses(attr::MAPPED_ADDRESS), [client.local()]);
    assert_eq!(reply.addresses(attr::RESPONSE_ORIGIN), [path.server()]);
    let [other] = reply.addresses(attr::OTHER_ADDRESS)[..] else {
        panic!("one OTHER-ADDRESS");
    };
    assert!(other.ip() != path.server().ip() && other.port() != path.server().port());
}

fn padding_and_port(path: &Path<'_>) {
    let both = Request::binding()
        .with(attr::PADDING, &[0; 16])
        .with(attr::RESPONSE_PORT, &[0x9C, 0x40, 0, 0]);
    assert_eq!(path.client().ask(&both).code(), 400);
}

fn padding(path: &Path<'_>) {
    let mut client = path.client();
    let bare = client.ask(&Request::binding()).bytes.len();
    for length in [0, 100, 1000] {
        let request = unsigned(&Request::binding().with(attr::PADDING, &vec![7; length]));
        let reply = client.exchange(&request);
        assert!(reply.has(attr::PADDING));
        assert_eq!(reply.bytes.len(), request.len().max(bare + 4));
    }
}

fn response_port(path: &Path<'_>) {
    let (mut client, other) = (path.client(), Peer::new(path.server().ip()));
    let [high, low] = other.address().port().to_be_bytes();
    let request = |value: &[u8]| Request::binding().with(attr::RESPONSE_PORT, value);
    let bytes = unsigned(&request(&[high, low, 0, 0]));
    client.send(&bytes);
    let (reply, from) = other.next();
    assert_eq!(from, path.server());
    let reply = Reply::to(&bytes, reply);
    assert_eq!(reply.mapped(), Some(client.local()));
    client.expect_nothing();
    for port in [0_u16, 53, 1023] {
        let [high, low] = port.to_be_bytes();
        assert_eq!(client.ask(&request(&[high, low, 0, 0])).code(), 403);
    }
}

fn no_redirect(path: &Path<'_>) {
    let mut client = path.client();
    let reply = client.ask(&Request::binding());
    assert!(reply.has(attr::OTHER_ADDRESS) && !reply.has(attr::ALTERNATE_SERVER));
    let reply = client.expect(300, &Request::allocate());
    assert!(!OF_ANSWERS.iter().any(|kind| reply.has(*kind)));
}

fn off(path: &Path<'_>) {
    let mut client = path.client();
    for (kind, value) in [
        (attr::CHANGE_REQUEST, &[0, 0, 0, 2][..]),
        (attr::PADDING, &[]),
        (attr::RESPONSE_PORT, &[0x9C, 0x40, 0, 0]),
    ] {
        let reply = client.ask(&Request::binding().with(kind, value));
        assert_eq!((reply.code(), reply.bytes.len()), (420, HEADER_LENGTH + 16));
    }
    let reply = client.ask(&Request::binding());
    assert_eq!(reply.kinds(), [attr::XOR_MAPPED_ADDRESS]);
}
