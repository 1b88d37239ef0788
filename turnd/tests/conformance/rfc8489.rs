//! RFC 8489 without its credentials: messages, transports, what is answered and what is not.

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};

use turnd_wire::{
    Class, Key, Message, Method, attr,
    attr::AttributeType,
    message::{FINGERPRINT_LENGTH, HEADER_LENGTH},
};

use crate::{
    client::{CHANNEL, Client, PATIENCE, hex, next_id, unsigned, with_peer},
    messages::{OK, Reply, Request},
    row::{ALL, BOTH, DATAGRAMS, Dtls, Row, STREAMS, Tcp, Tls, Udp, V4, decided, must, should},
    subject::Path,
};

const BAD_INPUT: &str = "crates/proto/tests/stories/bad_input.rs";
const HANDSHAKE: &str = "turnd/tests/dtls/handshake.rs";

/// A comprehension-required and a comprehension-optional number that no RFC has given a meaning.
const UNKNOWN: AttributeType = AttributeType(0x7ABC);
const OTHER_UNKNOWN: AttributeType = AttributeType(0x7ABD);
const OPTIONAL: AttributeType = AttributeType(0xFABC);
/// Listens on every address.
const EVERYWHERE: &str =
    "listening-ip=0.0.0.0\nlistening-ip=::\nrelay-ip=127.0.0.1\nallow-loopback-peers\n";

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
    must(
        "T8489-6.2.2-1",
        "messages in one segment or byte by byte, ChannelData cut anywhere",
    )
    .over(STREAMS, segments),
    should("T8489-6.2.2-2", "the connection stays open after an answer").over(STREAMS, stays_open),
    must("T8489-6.2.2-3", "who has hung up is not called back").over(&[Tcp], no_call_back),
    must("T8489-6.2.3-1", "ECDHE-RSA-AES128-GCM-SHA256 is enough")
        .over(&[Tls, Dtls], mandatory_suite),
    must("T8489-6.2.3-2", "DHE-RSA-AES128-GCM-SHA256 is enough")
        .over(&[Tls, Dtls], finite_field)
        .departs(
            "Suites with CBC, static RSA or finite-field Diffie-Hellman do not exist here.",
            "handshake failure",
        ),
    must(
        "T8489-6.2.3-3",
        "nothing without forward secrecy, nothing broken, nothing older than 1.2",
    )
    .over(&[Tls, Dtls], weak_suites)
    .held(&[(HANDSHAKE, "only_dtls_1_2_is_spoken")]),
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
        "T8489-6.3.1-3",
        "XOR-MAPPED-ADDRESS is the client's own, in its family",
    )
    .over(ALL, mapped),
    must("T8489-6.3.1-3b", "also where one port serves both families")
        .on(EVERYWHERE)
        .over(ALL, mapped),
    must(
        "T8489-6.3.1-4",
        "errors have ERROR-CODE, 300 to 699, reserved bits zero",
    )
    .over(ALL, error_shape),
    must(
        "T8489-6.3.1.2-1",
        "the answer comes from the address that was asked",
    )
    .on(EVERYWHERE)
    .over(&[Udp], answers_from)
    .by(V4),
    must(
        "T8489-6.3.2-1",
        "Send with an unknown required attribute relays nothing",
    )
    .over(ALL, unknown_in_send),
    must("T8489-6.3.2-2", "a Binding indication is not answered").over(ALL, binding_indication),
    must("T8489-7-1", "wrong FINGERPRINT: silence").over(ALL, wrong_fingerprint),
    decided("T8489-7-2", "FINGERPRINT is answered with FINGERPRINT").over(ALL, fingerprint),
    must("T8489-7-3", "FINGERPRINT is not needed").over(ALL, no_fingerprint),
    must("T8489-9-1", "what follows MESSAGE-INTEGRITY has no effect")
        .over(ALL, behind_sha1)
        .held(&[(
            BAD_INPUT,
            "no_attributes_behind_the_signature_change_the_answer",
        )]),
    must(
        "T8489-9-2",
        "what follows MESSAGE-INTEGRITY-SHA256 has no effect",
    )
    .over(ALL, behind_sha256),
    must("T8489-12-1", "Binding needs no credentials").over(ALL, no_fingerprint),
    must(
        "T8489-14-1",
        "padding may be anything and is signed as it came; ours is zero",
    )
    .over(ALL, padding),
    must(
        "T8489-14-2",
        "of an attribute that is repeated the first counts",
    )
    .over(ALL, repeated),
    must(
        "T8489-14-3",
        "the length of an attribute leaves its padding out",
    )
    .over(ALL, lengths),
    must(
        "T8489-14-4",
        "USERNAME, REALM and NONCE have a longest length: 400",
    )
    .over(ALL, too_long),
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
    assert_eq!(client.call(&client.allocate_request()).code(), OK);
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

fn segments(path: &Path<'_>) {
    let mut client = path.client();
    let (first, second) = (unsigned(&Request::binding()), unsigned(&Request::binding()));
    client.send(&[&first[..], &second].concat());
    assert_eq!(client.reply_to(&first).code(), OK);
    assert_eq!(client.reply_to(&second).code(), OK);
    let request = unsigned(&Request::binding());
    for byte in &request {
        client.send(&[*byte]);
    }
    assert_eq!(client.reply_to(&request).code(), OK);

    let (mut client, relay, peer) = path.bound();
    let whole = [&[0x40, 1, 0, 5][..], b"apple\0\0\0"].concat();
    for cut in 1..whole.len() {
        client.send(&whole[..cut]);
        client.send(&whole[cut..]);
        assert_eq!(peer.next(), (b"apple".to_vec(), relay), "cut at {cut}");
    }
}

fn stays_open(path: &Path<'_>) {
    let mut client = path.client();
    for _ in 0..3 {
        assert_eq!(client.ask(&Request::binding()).code(), OK);
    }
    // An error is no reason to hang up either.
    assert_eq!(client.ask(&Request::allocate()).code(), 401);
    client.expect_nothing();
}

fn no_call_back(path: &Path<'_>) {
    let server = path.server();
    let socket = TcpStream::connect(server).expect("a connection");
    let own = socket.local_addr().expect("a socket");
    let mut client = path.client();
    {
        use std::io::Write;
        let mut socket = socket;
        socket
            .write_all(&unsigned(&Request::binding()))
            .expect("sending");
        // With the answer unread, the system resets the connection, and its port is free at once.
        client.expect_nothing();
    }
    let Ok(listener) = TcpListener::bind(own) else {
        // Somebody else's by now, or the system keeps it a while: nobody can be called back there.
        return;
    };
    listener.set_nonblocking(true).expect("an option");
    client.expect_nothing();
    assert!(listener.accept().is_err(), "the server called back");
}

fn mandatory_suite(path: &Path<'_>) {
    let client = path.handshake(|client| {
        client
            .set_cipher_list("ECDHE-RSA-AES128-GCM-SHA256")
            .expect("a suite");
        client.set_max_proto_version(two(path)).expect("a version");
    });
    let mut client = client.expect("a handshake");
    assert_eq!(client.agreed().cipher, "ECDHE-RSA-AES128-GCM-SHA256");
    client.expect_nothing();
}

fn finite_field(path: &Path<'_>) {
    let client = path.handshake(|client| {
        client
            .set_cipher_list("DHE-RSA-AES128-GCM-SHA256")
            .expect("a suite");
        client.set_max_proto_version(two(path)).expect("a version");
    });
    client.expect("a handshake").expect_nothing();
}

/// Version 1.2 of what the path speaks.
fn two(path: &Path<'_>) -> Option<openssl::ssl::SslVersion> {
    use openssl::ssl::SslVersion;
    Some(match path.transport {
        Dtls => SslVersion::DTLS1_2,
        _ => SslVersion::TLS1_2,
    })
}

fn weak_suites(path: &Path<'_>) {
    use openssl::ssl::SslVersion;
    for suite in [
        "AES128-GCM-SHA256",
        "AES256-SHA",
        "eNULL",
        "aNULL",
        "ECDHE-RSA-AES128-SHA",
        "PSK-AES128-GCM-SHA256",
    ] {
        let refused = path.handshake(|client| {
            client
                .set_cipher_list(&format!("{suite}:@SECLEVEL=0"))
                .expect("a suite");
            client.set_max_proto_version(two(path)).expect("a version");
            if suite.starts_with("PSK") {
                client.set_psk_client_callback(|_, _, _, _| Ok(0));
            }
        });
        assert!(refused.is_err(), "{suite} was agreed on");
    }
    let versions: &[SslVersion] = match path.transport {
        Dtls => &[SslVersion::DTLS1],
        _ => &[SslVersion::TLS1, SslVersion::TLS1_1],
    };
    for version in versions {
        let refused = path.handshake(|client| {
            client.set_cipher_list("ALL:@SECLEVEL=0").expect("suites");
            client
                .set_min_proto_version(Some(*version))
                .expect("a version");
            client
                .set_max_proto_version(Some(*version))
                .expect("a version");
        });
        assert!(refused.is_err(), "{version:?} was agreed on");
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
    assert_eq!(peer.next(), (b"as it should be".to_vec(), relay));
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
    assert_eq!(client.call(&request).code(), OK);
}

fn out_of_place(path: &Path<'_>) {
    let mut client = path.client();
    assert_eq!(client.ask(&Request::binding().lifetime(600)).code(), OK);
    assert_eq!(client.ask(&Request::binding().channel(CHANNEL)).code(), OK);
    let request = client.allocate_request().channel(CHANNEL);
    assert_eq!(client.call(&request).code(), OK);
}

fn challenge_before_unknown(path: &Path<'_>) {
    let mut client = path.client();
    let request = client.allocate_request().with(UNKNOWN, b"");
    assert_eq!(client.ask(&request).code(), 401);
    assert_eq!(client.call(&request).code(), 420);
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

fn mapped(path: &Path<'_>) {
    let mut client = path.client();
    let reply = client.ask(&Request::binding());
    assert_eq!(reply.mapped(), Some(client.local()));
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

fn answers_from(path: &Path<'_>) {
    let port = path.server().port();
    let ask = |address: SocketAddr| {
        let any = if address.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        };
        let socket = UdpSocket::bind(any).expect("binding a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let request = unsigned(&Request::binding());
        socket.send_to(&request, address).expect("sending");
        let mut buffer = [0; 548];
        let (length, from) = socket.recv_from(&mut buffer).expect("an answer");
        assert_eq!(Reply::to(&request, buffer[..length].to_vec()).code(), OK);
        from
    };
    for ip in ["127.0.0.1", "127.0.0.2", "127.77.0.3"] {
        let address = SocketAddr::new(ip.parse().expect("an address"), port);
        assert_eq!(ask(address), address);
    }
    let v6 = path.subject.server(Udp, BOTH[1]).expect("it listens there");
    let v6 = SocketAddr::new("::1".parse().expect("an address"), v6.port());
    assert_eq!(ask(v6), v6);
}

fn unknown_in_send(path: &Path<'_>) {
    let (mut client, relay, peer) = path.permitted();
    let to = peer.address().to_string();
    let unknown = Request::send(&to, b"with a riddle").with(UNKNOWN, b"?");
    client.expect_silence(&unsigned(&unknown));
    let optional = Request::send(&to, b"without").with(OPTIONAL, b"!");
    client.send(&unsigned(&optional));
    assert_eq!(peer.next(), (b"without".to_vec(), relay));
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
        assert_eq!(at.len(), FINGERPRINT_LENGTH - 4 + (at.len() - 4));
    }
    let reply = client.call(&client.allocate_request().fingerprint());
    assert_eq!(reply.code(), OK);
    assert_eq!(reply.message().fingerprint(), Some(true));
}

fn no_fingerprint(path: &Path<'_>) {
    let mut client = path.client();
    assert_eq!(client.ask(&Request::binding()).code(), OK);
}

/// What is appended behind the signature is counted in the length only: nothing but FINGERPRINT may stand there
/// (RFC 8489 section 14.5).
fn with_tail(signed: &[u8], tail: &Request) -> Vec<u8> {
    let tail = &unsigned(tail)[HEADER_LENGTH..];
    let mut bytes = [signed, tail].concat();
    let length = u16::try_from(bytes.len() - HEADER_LENGTH).expect("a short message");
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    bytes
}

fn behind_sha1(path: &Path<'_>) {
    ignores_tail(path, path.client());
}

fn behind_sha256(path: &Path<'_>) {
    ignores_tail(path, path.client().sha256());
}

fn ignores_tail(path: &Path<'_>, mut client: Client) {
    let (peer, other) = (path.peer(), path.peer());
    let relay = client.allocate();
    let end = with_tail(
        &client.signed(&Request::refresh()),
        &Request::refresh().lifetime(0),
    );
    let reply = client.exchange(&end);
    assert_eq!((reply.code(), reply.lifetime()), (OK, Some(600)));

    let request = with_peer(Request::channel_bind().channel(CHANNEL), &peer.address());
    let more = with_peer(
        Request::channel_bind().channel(CHANNEL + 1),
        &other.address(),
    );
    let bytes = with_tail(&client.signed(&request), &more);
    assert_eq!(client.exchange(&bytes).code(), OK);
    client.send_channel(CHANNEL + 1, b"behind");
    client.send_channel(CHANNEL, b"before");
    assert_eq!(peer.next(), (b"before".to_vec(), relay));

    let unknown = with_tail(
        &client.signed(&Request::refresh()),
        &Request::refresh().with(UNKNOWN, b"?"),
    );
    assert_eq!(client.exchange(&unknown).code(), OK);
}

/// Signs a message as it stands, whatever is in its padding.
fn sign(mut bytes: Vec<u8>, key: &Key) -> Vec<u8> {
    use hmac::{Hmac, KeyInit, Mac};
    let length = u16::try_from(bytes.len() + 24 - HEADER_LENGTH).expect("a short message");
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(key.as_bytes()).expect("any length");
    mac.update(&bytes);
    bytes.extend([0, 8, 0, 20]);
    bytes.extend(mac.finalize().into_bytes());
    bytes
}

fn padding(path: &Path<'_>) {
    let mut client = path.client();
    client.say_hello();
    let request = client.allocate_request().with(OPTIONAL, b"x");
    let mut bytes = request.build(next_id(), |writer| client.name(writer));
    let at = bytes
        .windows(5)
        .position(|it| it == [0xFA, 0xBC, 0, 1, b'x']);
    let at = at.expect("the attribute") + 5;
    bytes[at..at + 3].copy_from_slice(b"   ");
    let reply = client.exchange(&sign(bytes, &client.key()));
    assert_eq!(reply.code(), OK);

    let challenge = client.ask(&Request::allocate());
    for reply in [reply, challenge] {
        for (value, padding) in attributes(&reply.bytes) {
            assert!(padding.iter().all(|byte| *byte == 0), "behind {value:?}");
        }
    }
}

/// Each attribute's value and padding, found without the server's own parser.
fn attributes(bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut rest = &bytes[HEADER_LENGTH..];
    let mut found = Vec::new();
    while let [_, _, l0, l1, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        let (value, after) = after.split_at(length);
        let (padding, after) = after.split_at(length.next_multiple_of(4) - length);
        found.push((value, padding));
        rest = after;
    }
    assert!(rest.is_empty(), "{}", hex(bytes));
    found
}

fn repeated(path: &Path<'_>) {
    let (mut client, peer, other) = (path.client(), path.peer(), path.peer());
    let request = client.allocate_request().lifetime(1000).lifetime(2000);
    let reply = client.call(&request);
    assert_eq!(reply.lifetime(), Some(1000));
    let relay = reply.relay();
    client.must_permit(peer.address());
    let two = Request::send(&peer.address().to_string(), b"first")
        .with(attr::DATA, b"second")
        .peer(&other.address().to_string());
    client.send(&unsigned(&two));
    assert_eq!(peer.next(), (b"first".to_vec(), relay));
    client.send_data(other.address(), b"after it");
    assert_eq!(other.next(), (b"after it".to_vec(), relay));
}

fn lengths(path: &Path<'_>) {
    let mut client = path.client();
    let challenge = client.ask(&Request::allocate());
    client.learn(&challenge);
    for bytes in [
        &challenge.bytes,
        &client.call(&client.allocate_request()).bytes,
    ] {
        attributes(bytes);
        let message = Message::parse(bytes).expect("a message");
        for attribute in message.attributes() {
            let expected: &[usize] = match attribute.kind {
                attr::REALM => &[client.realm.len()],
                attr::LIFETIME => &[4],
                attr::XOR_MAPPED_ADDRESS | attr::XOR_RELAYED_ADDRESS => &[8, 20],
                attr::MESSAGE_INTEGRITY => &[20],
                _ => continue,
            };
            assert!(
                expected.contains(&attribute.value.len()),
                "{:?}",
                attribute.kind
            );
        }
        // Text is told apart from its padding only by the length.
        for kind in [attr::REALM, attr::NONCE, attr::SOFTWARE] {
            let value = message.attribute(kind).unwrap_or(b"x");
            assert_ne!(value.last(), Some(&0), "{kind:?} ends with padding");
        }
        if let Some(error) = message.attribute(attr::ERROR_CODE) {
            assert_ne!(error.get(4..).unwrap_or_default().last(), Some(&0));
        }
    }
}

fn too_long(path: &Path<'_>) {
    let mut client = path.client();
    client.say_hello();
    let (name, realm, nonce) = (
        client.account.user.clone(),
        client.realm.clone(),
        client.nonce.clone(),
    );
    client.account.user = "a".repeat(509);
    assert_eq!(client.call(&Request::allocate()).code(), 400, "USERNAME");
    client.account.user = name;
    client.realm = "r".repeat(128);
    assert_eq!(client.call(&Request::allocate()).code(), 400, "REALM");
    client.realm = realm;
    client.nonce = [&nonce[..], &[b'n'; 128]].concat();
    assert_eq!(client.call(&Request::allocate()).code(), 400, "NONCE");
    client.nonce = nonce;
    assert_eq!(client.call(&client.allocate_request()).code(), OK);
}
