//! RFC 6062: relaying TCP.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use turnd_wire::{Class, Message, Method, attr};

use crate::{
    client::{Client, PATIENCE, unsigned, with_peer},
    messages::{OK, Request, allocate_for},
    row::{ALL, DATAGRAMS, Row, STREAMS, must},
    subject::Path,
};

const CONNECT: &str = "crates/proto/tests/stories/tcp_relaying/connect.rs";
const BIND: &str = "crates/proto/tests/stories/tcp_relaying/bind.rs";
const PEERS: &str = "crates/proto/tests/stories/tcp_relaying/peers.rs";
const SOCKETS: &str = "turnd/tests/ways_in/tcp_relaying.rs";
const NO_UDP: &str = "tcp-relay\nno-udp-relay\n";
/// How soon one end hears of the other's.
const SOON: Duration = Duration::from_secs(1);

pub(crate) const ROWS: &[Row] = &[
    must(
        "T6062-5.1-1",
        "TCP for a client that comes by datagrams: 400",
    )
    .over(DATAGRAMS, by_datagrams),
    must(
        "T6062-5.1-2",
        "TCP with DONT-FRAGMENT, EVEN-PORT or RESERVATION-TOKEN: 400",
    )
    .over(STREAMS, out_of_place),
    must("T6062-5.1-3", "neither TCP nor UDP: 442").over(ALL, other_transport),
    must("T6062-5.1-4", "UDP where it is switched off: 403")
        .on(NO_UDP)
        .over(ALL, no_udp),
    must(
        "T6062-5.1-5",
        "a success names the relay, and no reservation",
    )
    .over(STREAMS, success),
    must("T6062-5.2-1", "Connect without an allocation: 437").over(STREAMS, no_allocation),
    must("T6062-5.2-2", "a second Connect to the same peer: 446")
        .over(STREAMS, twice)
        .held(&[(CONNECT, "a_peer_is_connected_once_at_a_time")]),
    must(
        "T6062-5.2-3",
        "Connect without a peer or with a bad one: 400",
    )
    .over(STREAMS, bad_peer),
    must(
        "T6062-5.2-4",
        "Connect to a forbidden peer: 403, and no connection is tried",
    )
    .over(STREAMS, forbidden)
    .held(&[(CONNECT, "a_forbidden_peer_is_never_asked_for")]),
    must(
        "T6062-5.2-5",
        "a peer that refuses: 447; one that is silent: not before 30 seconds",
    )
    .over(STREAMS, refused)
    .held(&[(
        CONNECT,
        "a_peer_that_refuses_is_told_at_once_and_one_that_is_silent_after_thirty_seconds",
    )]),
    must(
        "T6062-5.2-6",
        "CONNECTION-ID is unique, and peers see the relayed address",
    )
    .over(STREAMS, connected)
    .held(&[(
        BIND,
        "connections_have_names_of_their_own_that_nobody_guesses",
    )]),
    must(
        "T6062-5.2-7",
        "a connection that nobody binds is closed after 30 seconds",
    )
    .held(&[(
        BIND,
        "a_connection_that_nobody_binds_is_closed_after_thirty_seconds",
    )]),
    must(
        "T6062-5.3-1",
        "a permitted peer connects: ConnectionAttempt, and early data is kept",
    )
    .over(STREAMS, inbound),
    must(
        "T6062-5.3-2",
        "a peer without permission is closed at once, and nobody hears of it",
    )
    .over(STREAMS, not_permitted)
    .held(&[(PEERS, "a_peer_without_permission_is_turned_away_in_silence")]),
    must("T6062-5.3-3", "a peer that floods is made to wait")
        .held(&[(SOCKETS, "a_peer_that_nobody_reads_is_made_to_wait")]),
    must(
        "T6062-5.4-1",
        "ConnectionBind by datagrams, or of an id that is unknown or used: 400",
    )
    .over(ALL, bad_bind),
    must("T6062-5.4-2", "ConnectionBind by another user: 441").over(STREAMS, bind_by_another),
    must(
        "T6062-5.4-3",
        "bytes behind ConnectionBind and its answer pass as they are",
    )
    .over(STREAMS, glued),
    must(
        "T6062-5.5-1",
        "when one side ends, or the allocation, so does the other",
    )
    .over(STREAMS, ends)
    .held(&[(SOCKETS, "one_side_may_finish_while_the_other_goes_on")]),
];

/// An Allocate for TCP, and a relay of the client's own family.
fn for_tcp(client: &Client) -> Request {
    let request = allocate_for(6);
    match client.family {
        turnd_wire::Family::V4 => request,
        family => request.family(family),
    }
}

fn connect(peer: SocketAddr) -> Request {
    with_peer(Request::new(Method::CONNECT), &peer)
}

fn bind(id: u32) -> Request {
    Request::new(Method::CONNECTION_BIND).with(attr::CONNECTION_ID, &id.to_be_bytes())
}

/// A client with an allocation for TCP.
#[track_caller]
fn allocated(path: &Path<'_>) -> (Client, SocketAddr) {
    let mut client = path.client();
    let reply = client.expect(OK, &for_tcp(&client));
    (client, reply.relay())
}

fn listener(path: &Path<'_>) -> (TcpListener, SocketAddr) {
    let ip = path.peer().address().ip();
    let listener = TcpListener::bind((ip, 0)).expect("binding a socket");
    let address = listener.local_addr().expect("a bound socket");
    (listener, address)
}

/// Has the server connect to a peer; the id, and the peer's end.
#[track_caller]
fn pair(path: &Path<'_>, client: &mut Client, relay: SocketAddr) -> (u32, TcpStream) {
    let (listener, peer) = listener(path);
    let reply = client.expect(OK, &connect(peer));
    let id = reply
        .message()
        .number32(attr::CONNECTION_ID)
        .expect("CONNECTION-ID");
    let (socket, from) = listener.accept().expect("a connection");
    assert_eq!(from, relay);
    (id, patient(socket))
}

/// Binds a connection of the client's, with bytes glued behind the request.
#[track_caller]
fn bound(path: &Path<'_>, id: u32, glued: &[u8]) -> Client {
    let mut data = path.client();
    data.say_hello();
    let request = data.signed(&bind(id));
    data.send(&[&request[..], glued].concat());
    assert_eq!(data.reply_to(&request).code(), OK, "ConnectionBind");
    data
}

fn patient(socket: TcpStream) -> TcpStream {
    socket.set_read_timeout(Some(PATIENCE)).expect("a limit");
    socket
}

#[track_caller]
fn expect_bytes(socket: &mut TcpStream, expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    socket.read_exact(&mut bytes).expect("bytes in time");
    assert_eq!(bytes, expected);
}

/// The peer's end closes within a second.
#[track_caller]
fn expect_end(socket: &mut TcpStream) {
    let begin = Instant::now();
    match socket.read(&mut [0; 16]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("instead of the end came {other:?}"),
    }
    assert!(begin.elapsed() < SOON, "after {:?}", begin.elapsed());
}

fn by_datagrams(path: &Path<'_>) {
    let mut client = path.client();
    client.expect(400, &for_tcp(&client));
    client.allocate();
}

fn out_of_place(path: &Path<'_>) {
    let mut client = path.client();
    for request in [
        for_tcp(&client).with(attr::DONT_FRAGMENT, b""),
        for_tcp(&client).even_port(false),
        for_tcp(&client).even_port(true),
        for_tcp(&client).with(attr::RESERVATION_TOKEN, &[7; 8]),
    ] {
        client.expect(400, &request);
    }
}

fn other_transport(path: &Path<'_>) {
    let mut client = path.client();
    for number in [0, 5, 7, 16, 18, 132] {
        client.expect(442, &allocate_for(number));
    }
}

fn no_udp(path: &Path<'_>) {
    let mut client = path.client();
    client.expect(403, &client.allocate_request());
}

fn success(path: &Path<'_>) {
    let mut client = path.client();
    let reply = client.call(&for_tcp(&client));
    let relay = reply.relay();
    assert!(!reply.has(attr::RESERVATION_TOKEN));
    assert_eq!(reply.mapped(), Some(client.local()));
    // It listens.
    TcpStream::connect_timeout(&relay, PATIENCE).expect("a listening relay");
}

fn no_allocation(path: &Path<'_>) {
    let mut client = path.client();
    let peer = path.peer().address();
    client.expect(437, &connect(peer));
    // One for UDP is none.
    client.allocate();
    client.expect(437, &connect(peer));
}

fn twice(path: &Path<'_>) {
    let (mut client, _) = allocated(path);
    let (_listener, peer) = listener(path);
    client.expect(OK, &connect(peer));
    client.expect(446, &connect(peer));
}

fn bad_peer(path: &Path<'_>) {
    let (mut client, _) = allocated(path);
    let bare = Request::new(Method::CONNECT);
    client.expect(400, &bare);
    let bad = Request::new(Method::CONNECT).with(attr::XOR_PEER_ADDRESS, &[0, 1, 0, 0]);
    client.expect(400, &bad);
}

fn forbidden(path: &Path<'_>) {
    let (mut client, relay) = allocated(path);
    let group = if relay.is_ipv4() {
        "239.1.2.3:80"
    } else {
        "[ff05::1:3]:80"
    };
    let group = group.parse().expect("an address");
    client.expect(403, &connect(group));
}

fn refused(path: &Path<'_>) {
    let (mut client, _) = allocated(path);
    let (listener, peer) = listener(path);
    drop(listener);
    client.expect(447, &connect(peer));
}

fn connected(path: &Path<'_>) {
    let (mut client, relay) = allocated(path);
    let mut ids: Vec<u32> = (0..4).map(|_| pair(path, &mut client, relay).0).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

fn inbound(path: &Path<'_>) {
    let (mut client, relay) = allocated(path);
    let mut permitted = path.peer().address();
    permitted.set_port(0);
    client.must_permit(permitted);
    let mut peer = patient(TcpStream::connect_timeout(&relay, PATIENCE).expect("a relay"));
    peer.write_all(b"early ").expect("sending");
    let attempt = client.next().expect("ConnectionAttempt and not the end");
    let attempt = Message::parse(&attempt).expect("a STUN message");
    assert_eq!(
        (attempt.class(), attempt.method()),
        (Class::Indication, Method::CONNECTION_ATTEMPT)
    );
    let address = peer.local_addr().expect("a socket");
    assert_eq!(attempt.xor_address(attr::XOR_PEER_ADDRESS), Some(address));
    let id = attempt
        .number32(attr::CONNECTION_ID)
        .expect("CONNECTION-ID");
    let mut data = bound(path, id, b"");
    peer.write_all(b"late").expect("sending");
    assert_eq!(data.next_bytes(10), b"early late");
    data.send(b"answer");
    expect_bytes(&mut peer, b"answer");
}

fn not_permitted(path: &Path<'_>) {
    let (mut client, relay) = allocated(path);
    let mut peer = patient(TcpStream::connect_timeout(&relay, PATIENCE).expect("a relay"));
    expect_end(&mut peer);
    client.expect_nothing();
}

fn bad_bind(path: &Path<'_>) {
    let mut client = path.client();
    client.expect(400, &bind(0x1234_5678));
    client.expect(400, &Request::new(Method::CONNECTION_BIND));
    if path.transport.is_stream() {
        let (mut client, relay) = allocated(path);
        let (id, _peer) = pair(path, &mut client, relay);
        let _data = bound(path, id, b"");
        path.client().expect(400, &bind(id));
    }
}

fn bind_by_another(path: &Path<'_>) {
    let (mut client, relay) = allocated(path);
    let (id, mut peer) = pair(path, &mut client, relay);
    path.bob().expect(441, &bind(id));
    // It is not spoiled.
    let mut data = bound(path, id, b"");
    data.send(b"mine");
    expect_bytes(&mut peer, b"mine");
}

fn glued(path: &Path<'_>) {
    let (mut client, relay) = allocated(path);
    let (id, mut peer) = pair(path, &mut client, relay);
    peer.write_all(b"\x00\x01\x00\x00 from the peer")
        .expect("sending");
    // What looks like a request is none any more.
    let looks_like_one = unsigned(&Request::binding());
    let mut data = bound(path, id, &looks_like_one);
    expect_bytes(&mut peer, &looks_like_one);
    assert_eq!(data.next_bytes(18), b"\x00\x01\x00\x00 from the peer");
}

fn ends(path: &Path<'_>) {
    let (mut client, relay) = allocated(path);
    let (id, mut peer) = pair(path, &mut client, relay);
    drop(bound(path, id, b"last words"));
    expect_bytes(&mut peer, b"last words");
    expect_end(&mut peer);

    let (id, mut peer) = pair(path, &mut client, relay);
    let mut data = bound(path, id, b"");
    peer.write_all(b"last words").expect("sending");
    drop(peer);
    assert_eq!(data.next_bytes(10), b"last words");
    data.expect_end_of_bytes();

    let (id, mut peer) = pair(path, &mut client, relay);
    let mut data = bound(path, id, b"");
    assert_eq!(client.refresh(0).lifetime(), Some(0));
    data.expect_end_of_bytes();
    expect_end(&mut peer);
}
