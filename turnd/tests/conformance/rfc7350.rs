//! RFC 7350: STUN and TURN over DTLS.

use std::net::UdpSocket;

use crate::{
    client::{ByHand, Client, Socket, datagrams, hex, unsigned},
    messages::{OK, Reply, Request, allocate_for},
    row::{Dtls, Row, decided, must},
    subject::Path,
};

const HELLO: &str = "turnd/tests/dtls/hello.rs";
const LIFETIMES: &str = "turnd/tests/dtls/lifetimes.rs";
const LOSS: &str = "turnd/tests/dtls/loss.rs";
const GARBAGE: &str = "turnd/tests/dtls/garbage.rs";
const HANDSHAKE: &str = "turnd/tests/dtls/handshake.rs";

pub(crate) const ROWS: &[Row] = &[
    must(
        "T7350-4.6-1",
        "a first ClientHello: HelloVerifyRequest, shorter than it, and no state",
    )
    .over(&[Dtls], asks_for_cookie)
    .held(&[
        (HELLO, "any_number_of_first_hellos_leaves_nothing_behind"),
        (HELLO, "even_the_shortest_hello_is_longer_than_its_answer"),
    ]),
    must(
        "T7350-4.6-2",
        "another's cookie, or an old one: a new HelloVerifyRequest",
    )
    .over(&[Dtls], cookie_of_another)
    .held(&[(
        HELLO,
        "a_cookie_lives_for_a_minute_and_the_handshake_goes_on_with_the_next",
    )]),
    must("T7350-4.6-3", "TCP is not relayed over DTLS: 400").over(&[Dtls], no_tcp),
    must(
        "T7350-3-1",
        "forward secrecy and authenticated encryption, whoever chooses",
    )
    .over(&[Dtls], suites)
    .held(&[(
        HANDSHAKE,
        "suites_without_forward_secrecy_or_authenticated_encryption_are_refused",
    )]),
    decided("T7350-D-1", "records of no association: silence")
        .over(&[Dtls], strangers_records)
        .held(&[(GARBAGE, "any_bytes_are_dropped_or_answered_with_fewer")]),
    decided(
        "T7350-D-2",
        "a new handshake leaves the old association alone until it is done",
    )
    .over(&[Dtls], new_hello)
    .held(&[
        (
            LIFETIMES,
            "a_new_association_takes_the_place_of_the_old_one_only_when_it_is_made",
        ),
        (LIFETIMES, "hellos_in_somebody_elses_name_touch_nothing"),
    ]),
    decided(
        "T7350-D-3",
        "repeated, reordered and cut hellos: a handshake or silence",
    )
    .over(&[Dtls], twice)
    .held(&[
        (LOSS, "a_long_flight_may_arrive_in_any_order"),
        (
            HELLO,
            "a_hello_in_fragments_and_whatever_is_no_hello_is_dropped",
        ),
    ]),
];

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 65_536];
    let length = socket.recv(&mut buffer).expect("a datagram in time");
    buffer.truncate(length);
    buffer
}

/// Sends a hello and has it answered with a HelloVerifyRequest.
#[track_caller]
fn verify_request(socket: &UdpSocket, hello: &[u8]) -> Vec<u8> {
    socket.send(hello).expect("sending");
    let answer = receive(socket);
    // A record of handshake messages, and in it a message of that kind (RFC 6347 section 4.3.2).
    assert_eq!((answer[0], answer[13]), (22, 3), "{}", hex(&answer));
    assert!(answer.len() <= hello.len(), "longer than the hello");
    answer
}

/// Whoever has no association is served without one, and nothing else is on its way to him.
#[track_caller]
fn expect_nothing(socket: &UdpSocket) {
    let request = unsigned(&Request::binding());
    socket.send(&request).expect("sending");
    let answer = receive(socket);
    assert_eq!(answer.get(4..20), request.get(4..20), "{}", hex(&answer));
    assert_eq!(Reply::to(&request, answer).code(), OK);
}

fn asks_for_cookie(path: &Path<'_>) {
    let socket = datagrams(path.server());
    let hello = ByHand::new().hello();
    verify_request(&socket, &hello);
    expect_nothing(&socket);
}

fn cookie_of_another(path: &Path<'_>) {
    let (own, others) = (datagrams(path.server()), datagrams(path.server()));
    let mut client = ByHand::new();
    let request = verify_request(&own, &client.hello());
    let with_cookie = client.receive(Some(&request)).remove(0);
    verify_request(&others, &with_cookie);
    expect_nothing(&others);
    let mut forged = with_cookie;
    let at = forged.len() / 2;
    forged[at] ^= 1;
    verify_request(&own, &forged);
}

fn no_tcp(path: &Path<'_>) {
    path.client().expect(400, &allocate_for(6));
}

fn suites(path: &Path<'_>) {
    let client = path.client();
    let cipher = &client.agreed().cipher;
    assert!(
        cipher.starts_with("ECDHE-") || cipher.starts_with("TLS_"),
        "{cipher}"
    );
    assert!(
        cipher.contains("GCM") || cipher.contains("POLY1305"),
        "{cipher}"
    );
    // A client that would like the weakest best.
    let liking = path.handshake(|client| {
        client
            .set_cipher_list("AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-GCM-SHA384")
            .expect("suites");
    });
    let agreed = liking.expect("a handshake").agreed().clone();
    assert_eq!(agreed.cipher, "ECDHE-RSA-AES256-GCM-SHA384");
}

fn strangers_records(path: &Path<'_>) {
    let socket = datagrams(path.server());
    for kind in [20, 21, 23] {
        for epoch in [0, 1] {
            let mut record = vec![kind, 0xFE, 0xFD, 0, epoch, 0, 0, 0, 0, 0, 1, 0, 40];
            record.extend([0x5A; 40]);
            socket.send(&record).expect("sending");
        }
    }
    expect_nothing(&socket);
}

fn raw(client: &Client) -> &UdpSocket {
    match client.socket() {
        Socket::Datagrams(socket) => socket,
        Socket::Stream(_) => unreachable!("DTLS has datagrams"),
    }
}

fn new_hello(path: &Path<'_>) {
    let (mut client, relay, peer) = path.bound();
    let mut second = ByHand::new();
    let request = verify_request(raw(&client), &second.hello());
    client.expect_nothing();
    // With the cookie too: a handshake that is not finished.
    let with_cookie = second.receive(Some(&request)).remove(0);
    raw(&client).send(&with_cookie).expect("sending");
    client.expect_nothing();
    client.send_channel(crate::client::CHANNEL, b"as before");
    peer.expect(b"as before", relay);
}

/// Every datagram of the client's arrives twice, those of a flight in the wrong order.
fn twice(path: &Path<'_>) {
    let socket = datagrams(path.server());
    let mut client = ByHand::new();
    let mut flight = vec![client.hello()];
    while !client.is_connected {
        for datagram in flight.iter().rev().chain(&flight) {
            socket.send(datagram).expect("sending");
        }
        flight = client.receive(Some(&receive(&socket)));
    }
}
