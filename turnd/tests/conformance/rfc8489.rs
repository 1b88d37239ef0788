//! RFC 8489 without its credentials: messages, what is answered and what is not.

use turnd_wire::{Class, Method, attr, attr::AttributeType, message::HEADER_LENGTH};

use crate::{
    client::{CHANNEL, hex, unsigned},
    messages::{OK, OPTIONAL, OTHER_UNKNOWN, Reply, Request, UNKNOWN},
    row::{ALL, DATAGRAMS, Row, Udp, decided, must, should},
    subject::Path,
};

pub(crate) const ROWS: &[Row] = &[
    must("T8489-5-1", "first byte of no protocol here: silence").over(DATAGRAMS, first_byte),
    must("T8489-5-2", "Binding without the magic cookie: silence").over(&[Udp], no_cookie),
    must("T8489-5-3", "length that is no multiple of 4: silence").over(DATAGRAMS, odd_length),
    must("T8489-5-4", "length beyond the datagram: silence").over(DATAGRAMS, long_length),
    decided("T8489-5-5", "datagram beyond its length: silence").over(DATAGRAMS, short_length),
    decided(
        "T8489-5-6",
        "attribute beyond the message: silence, the end of a stream's connection",
    )
    .over(ALL, attribute_overruns),
    must(
        "T8489-5-7",
        "transaction id and method come back, the class is success or error",
    )
    .over(ALL, echoes),
    should(
        "T8489-6.1-1",
        "answers fit 548 bytes over IPv4, 1232 over IPv6",
    )
    .over(DATAGRAMS, fits),
    must("T8489-6.3-1", "responses are not answered").over(ALL, responses),
    must("T8489-6.3-2", "unknown methods are not answered").over(ALL, unknown_methods),
    must(
        "T8489-6.3-3",
        "a class that the method does not have: silence",
    )
    .over(ALL, wrong_class),
    must("T8489-6.3-4", "unknown optional attributes are ignored").over(ALL, optional_attribute),
    should("T8489-6.3-5", "known attributes out of place are ignored").over(ALL, out_of_place),
    must(
        "T8489-6.3-6",
        "unknown required attribute, no credentials: 401, and 420 once known",
    )
    .over(ALL, challenge_before_unknown),
    must("T8489-6.3.1-1", "420 lists the unknown required attributes").over(ALL, lists_unknown),
    must("T8489-6.3.1-2", "a request sent again has the same answer").over(ALL, sent_again),
    must(
        "T8489-6.3.1-4",
        "errors have ERROR-CODE, 300 to 699, reserved bits zero",
    )
    .over(ALL, error_shape),
    must(
        "T8489-6.3.2-1",
        "Send with an unknown required attribute relays nothing",
    )
    .over(ALL, unknown_in_send),
    must("T8489-6.3.2-2", "a Binding indication is not answered").over(ALL, binding_indication),
    must("T8489-7-1", "wrong FINGERPRINT: silence").over(ALL, wrong_fingerprint),
    decided("T8489-7-2", "FINGERPRINT is answered with FINGERPRINT").over(ALL, fingerprint),
    must("T8489-7-3", "FINGERPRINT is not needed").over(ALL, no_fingerprint),
    must("T8489-12-1", "Binding needs no credentials").over(ALL, no_fingerprint),
];

fn first_byte(path: &Path<'_>) {
    let mut client = path.client();
    let request = unsigned(&Request::binding());
    // 20 to 63 is DTLS on this port, which is silent about what is no record.
    for first in (4..64).chain(80..=255) {
        let mut bytes = request.clone();
        bytes[0] = first;
        client.send(&bytes);
    }
    client.expect_nothing();
}

fn no_cookie(path: &Path<'_>) {
    let mut bytes = unsigned(&Request::binding());
    bytes[4..8].copy_from_slice(&[1, 2, 3, 4]);
    path.client().expect_silence(&bytes);
}

fn odd_length(path: &Path<'_>) {
    let mut client = path.client();
    for odd in 1..4 {
        let mut bytes = unsigned(&Request::binding());
        bytes[3] = odd;
        bytes.resize(HEADER_LENGTH + usize::from(odd), 0);
        client.send(&bytes);
    }
    client.expect_nothing();
}

fn long_length(path: &Path<'_>) {
    let mut bytes = unsigned(&Request::binding());
    bytes[3] = 4;
    path.client().expect_silence(&bytes);
}

fn short_length(path: &Path<'_>) {
    let mut bytes = unsigned(&Request::binding());
    bytes.extend([0; 4]);
    path.client().expect_silence(&bytes);
}

fn attribute_overruns(path: &Path<'_>) {
    let mut bytes = unsigned(&Request::binding().with(OPTIONAL, b"data"));
    bytes[HEADER_LENGTH + 3] = 8;
    let mut client = path.client();
    if path.transport.is_stream() {
        client.expect_end(&bytes);
    } else {
        client.expect_silence(&bytes);
    }
}

/// [`Reply::to`] looks at id, method and class of every answer; here are those of all kinds.
fn echoes(path: &Path<'_>) {
    let mut client = path.client();
    let id = [0xFF, 0, 0x55, 0xAA, 1, 2, 3, 4, 5, 6, 7, 0x80].into();
    let reply = client.ask(&Request::binding().id(id));
    assert_eq!(reply.message().transaction_id(), id);
    for method in [
        Method::ALLOCATE,
        Method::REFRESH,
        Method::CREATE_PERMISSION,
        Method::CHANNEL_BIND,
    ] {
        assert_eq!(client.ask(&Request::new(method)).code(), 401);
        client.call(&Request::new(method));
    }
    client.expect(OK, &client.allocate_request());
    assert_eq!(client.refresh(600).code(), OK);
}

fn fits(path: &Path<'_>) {
    let largest = if path.server().is_ipv4() { 548 } else { 1232 };
    let mut client = path.client();
    let mut many = Request::binding();
    for number in 0..200 {
        many = many.with(AttributeType(0x7000 + number), b"");
    }
    let mut dual = Request::allocate().dual();
    dual.fingerprint = true;
    let mut replies = vec![
        client.ask(&Request::binding().fingerprint()),
        client.ask(&Request::allocate().fingerprint()),
        client.ask(&many),
    ];
    client = client.sha256();
    replies.push(client.call(&dual));
    replies.push(client.refresh(600));
    for reply in replies {
        assert!(reply.bytes.len() <= largest, "{}", hex(&reply.bytes));
    }
}

fn responses(path: &Path<'_>) {
    let mut client = path.client();
    for class in [Class::Success, Class::Error] {
        for method in [Method::BINDING, Method::ALLOCATE, Method::SEND] {
            let mut message = Request::new(method);
            message.class = class;
            client.send(&unsigned(&message));
        }
    }
    client.expect_nothing();
}

fn unknown_methods(path: &Path<'_>) {
    let mut client = path.client();
    for number in [0x000, 0x002, 0x005, 0x00F, 0xFFF] {
        let method = Method::new(number).expect("twelve bits");
        client.send(&unsigned(&Request::new(method)));
        client.expect_nothing();
    }
}

fn wrong_class(path: &Path<'_>) {
    let (mut client, relay, peer) = path.permitted();
    let allocate =
        Request::indication(Method::ALLOCATE).with(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    client.expect_silence(&unsigned(&allocate));
    let mut send = Request::send(&peer.address().to_string(), b"as a request");
    send.class = Class::Request;
    client.expect_silence(&unsigned(&send));
    client.expect_silence(&client.signed(&send));
    let mut data = Request::send(&peer.address().to_string(), b"from a client");
    data.method = Method::DATA;
    client.expect_silence(&unsigned(&data));
    let refresh = Request::indication(Method::REFRESH).lifetime(0);
    client.expect_silence(&client.signed(&refresh));

    client.send_data(peer.address(), b"as it should be");
    peer.expect(b"as it should be", relay);
}

fn optional_attribute(path: &Path<'_>) {
    let mut client = path.client();
    assert_eq!(
        client
            .ask(&Request::binding().with(OPTIONAL, b"anything"))
            .code(),
        OK
    );
    let request = client.allocate_request().with(OPTIONAL, b"anything");
    client.expect(OK, &request);
}

fn out_of_place(path: &Path<'_>) {
    let mut client = path.client();
    assert_eq!(client.ask(&Request::binding().lifetime(600)).code(), OK);
    assert_eq!(client.ask(&Request::binding().channel(CHANNEL)).code(), OK);
    let request = client.allocate_request().channel(CHANNEL);
    client.expect(OK, &request);
}

fn challenge_before_unknown(path: &Path<'_>) {
    let mut client = path.client();
    let request = client.allocate_request().with(UNKNOWN, b"");
    assert_eq!(client.ask(&request).code(), 401);
    client.expect(420, &request);
}

fn lists_unknown(path: &Path<'_>) {
    let mut client = path.client();
    let with_both = |request: Request| request.with(UNKNOWN, b"one").with(OTHER_UNKNOWN, b"");
    let binding = client.ask(&with_both(Request::binding()));
    let allocate = client.call(&with_both(client.allocate_request()));
    for reply in [binding, allocate] {
        assert_eq!(reply.code(), 420);
        let listed = reply
            .value(attr::UNKNOWN_ATTRIBUTES)
            .expect("UNKNOWN-ATTRIBUTES");
        assert_eq!(listed, [0x7A, 0xBC, 0x7A, 0xBD]);
    }
}

fn sent_again(path: &Path<'_>) {
    let mut client = path.client();
    let binding = unsigned(&Request::binding());
    assert_eq!(client.exchange(&binding), client.exchange(&binding));
    client.say_hello();
    let allocate = client.signed(&client.allocate_request());
    let first = client.exchange(&allocate);
    assert_eq!(first.code(), OK);
    assert_eq!(client.exchange(&allocate), first);
    let refresh = client.signed(&Request::refresh().lifetime(700));
    assert_eq!(client.exchange(&refresh), client.exchange(&refresh));
}

/// [`Reply::to`] looks at the reserved bits and [`Reply::code`] at the range.
fn error_shape(path: &Path<'_>) {
    let mut client = path.client();
    let mut codes = vec![
        client.ask(&Request::binding().with(UNKNOWN, b"")),
        client.ask(&Request::allocate()),
        client.call(&Request::bare_allocate()),
        client.call(&Request::refresh()),
    ];
    client.nonce = b"obMatJos2AAAAnonsense0000000".to_vec();
    codes.push(client.call(&Request::refresh()));
    let codes: Vec<u16> = codes.iter().map(Reply::code).collect();
    assert_eq!(codes, [420, 401, 400, 437, 438]);
}

fn unknown_in_send(path: &Path<'_>) {
    let (mut client, relay, peer) = path.permitted();
    let to = peer.address().to_string();
    let unknown = Request::send(&to, b"with a riddle").with(UNKNOWN, b"?");
    client.expect_silence(&unsigned(&unknown));
    let optional = Request::send(&to, b"without").with(OPTIONAL, b"!");
    client.send(&unsigned(&optional));
    peer.expect(b"without", relay);
}

fn binding_indication(path: &Path<'_>) {
    let bytes = unsigned(&Request::indication(Method::BINDING));
    path.client().expect_silence(&bytes);
}

fn wrong_fingerprint(path: &Path<'_>) {
    let mut client = path.client();
    let mut bytes = unsigned(&Request::binding().fingerprint());
    *bytes.last_mut().expect("a message") ^= 1;
    client.expect_silence(&bytes);
    let mut bytes = unsigned(&Request::binding().with(OPTIONAL, b"abcd").fingerprint());
    bytes[HEADER_LENGTH + 4] ^= 1;
    client.expect_silence(&bytes);
}

fn fingerprint(path: &Path<'_>) {
    let mut client = path.client();
    for request in [Request::binding(), Request::allocate()] {
        let reply = client.ask(&request.fingerprint());
        assert_eq!(reply.message().fingerprint(), Some(true));
        let at = reply
            .message()
            .position(attr::FINGERPRINT)
            .expect("FINGERPRINT");
        assert_eq!(at.end, reply.bytes.len(), "it comes last");
    }
    let reply = client.expect(OK, &client.allocate_request().fingerprint());
    assert_eq!(reply.message().fingerprint(), Some(true));
}

fn no_fingerprint(path: &Path<'_>) {
    let mut client = path.client();
    assert_eq!(client.ask(&Request::binding()).code(), OK);
}
