//! TCP relaying (RFC 6062) with real sockets: which bytes arrive, in which order, and when both ends hear of
//! the other's end. What is answered to whom is told in the stories of `crates/proto`.

use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use turnd_wire::{Class, Method, Writer, attr};

use crate::{
    client::{
        CONFIG, Client, PATIENCE, Stream, binding_request, connect, connect_unless_refused,
        eventually, message,
    },
    support::turnd::Turnd,
};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// How soon one end hears of the other's (RFC 6062 section 5.5 says when, not how soon).
const SOON: Duration = Duration::from_secs(1);

/// A server that relays TCP, and a client with an allocation for it.
struct Setup {
    turnd: Turnd,
    control: Client,
    relayed: SocketAddr,
}

impl Setup {
    fn new(lines: &str) -> Self {
        Self::on(Turnd::start(&config(lines)))
    }

    fn on(turnd: Turnd) -> Self {
        let (control, relayed) = allocate(&turnd);
        Self {
            turnd,
            control,
            relayed,
        }
    }

    /// Has the server connect to a peer: the name of the connection, and the peer's end of it.
    fn connect(&mut self, peer: &TcpListener) -> (u32, TcpStream) {
        let address = peer.local_addr().unwrap();
        let reply = self.control.request(Method::CONNECT, |writer| {
            writer.xor_address(attr::XOR_PEER_ADDRESS, address);
        });
        let id = reply.message().number32(attr::CONNECTION_ID);
        let id = id.unwrap_or_else(|| panic!("error {:?}", reply.error()));
        let (socket, from) = peer.accept().expect("a connection");
        assert_eq!(from, self.relayed, "peers see the relayed address");
        patient(&socket);
        (id, socket)
    }

    fn permit(&mut self, peer: SocketAddr) {
        let reply = self.control.request(Method::CREATE_PERMISSION, |writer| {
            writer.xor_address(attr::XOR_PEER_ADDRESS, peer);
        });
        assert_eq!(reply.error(), None);
    }

    /// Binds a new connection, with `glued` in the same segment as the request. The stream, and what came in
    /// the same read as the reply.
    fn bind(&self, id: u32, glued: &[u8]) -> (Vec<u8>, Box<dyn Stream>) {
        let mut data = Client::over(connect(server(&self.turnd)));
        data.learn_nonce();
        let (request, mut bytes) = data.signed(Method::CONNECTION_BIND, |writer| named(writer, id));
        bytes.extend_from_slice(glued);
        data.send(&bytes);
        assert_eq!(data.reply_to(request).error(), None);
        data.into_stream()
    }

    /// Both ends of a new pair, with nothing on the way.
    fn pair(&mut self) -> (Box<dyn Stream>, TcpStream) {
        let peer = TcpListener::bind((LOCALHOST, 0)).unwrap();
        let (id, peer) = self.connect(&peer);
        let (early, data) = self.bind(id, b"");
        assert_eq!(early, b"");
        (data, peer)
    }
}

/// A client with an allocation for TCP, and its relayed address.
fn allocate(turnd: &Turnd) -> (Client, SocketAddr) {
    let mut control = Client::tcp(server(turnd));
    let reply = control.request(Method::ALLOCATE, |writer| {
        writer.bytes(attr::REQUESTED_TRANSPORT, &[6, 0, 0, 0]);
    });
    let relayed = reply.relayed();
    (control, relayed)
}

fn config(lines: &str) -> String {
    // Some of them connect to many peers at once.
    format!("{CONFIG}tcp-relay\nnew-peers-per-second=0\n{lines}")
}

fn named(writer: &mut Writer<'_>, id: u32) {
    writer.number32(attr::CONNECTION_ID, id);
}

fn server(turnd: &Turnd) -> SocketAddr {
    turnd.udp_v4()
}

fn patient(socket: &TcpStream) {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
}

/// Bytes that show where they stand.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at * 31 % 251) as u8).collect()
}

fn read_to_end(stream: &mut (impl Read + ?Sized)) -> Vec<u8> {
    let mut all = Vec::new();
    stream
        .read_to_end(&mut all)
        .expect("everything and the end");
    all
}

/// Waits for the end of a stream on which nothing comes any more; says how long that took.
fn end_of(stream: &mut (impl Read + ?Sized)) -> Duration {
    let begin = Instant::now();
    match stream.read(&mut [0; 16]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("instead of the end came {other:?}"),
    }
    begin.elapsed()
}

/// T6062-5.3-1, T6062-5.4-3
#[test]
fn bytes_that_come_early_or_glued_to_the_request_arrive_in_order() {
    let mut setup = Setup::new("");
    let peer = TcpListener::bind((LOCALHOST, 0)).unwrap();
    let (id, mut peer) = setup.connect(&peer);
    peer.write_all(b"early ").unwrap();
    let (mut received, mut data) = setup.bind(id, b"glued ");
    peer.write_all(b"late").unwrap();
    data.write_all(b"behind").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    data.socket().shutdown(Shutdown::Write).unwrap();
    received.extend(read_to_end(&mut data));
    assert_eq!(received, b"early late");
    assert_eq!(read_to_end(&mut peer), b"glued behind");
}

/// T6062-5.3-1
#[test]
fn a_permitted_peer_connects_and_is_joined() {
    let mut setup = Setup::new("");
    setup.permit(SocketAddr::new(LOCALHOST, 1));
    let mut peer = TcpStream::connect(setup.relayed).unwrap();
    patient(&peer);
    peer.write_all(b"first").unwrap();
    let attempt = setup.control.next().expect("a ConnectionAttempt");
    let attempt = turnd_wire::Message::parse(&attempt).unwrap();
    assert_eq!(attempt.method(), Method::CONNECTION_ATTEMPT);
    let named = attempt.xor_address(attr::XOR_PEER_ADDRESS);
    assert_eq!(named, Some(peer.local_addr().unwrap()));
    let id = attempt
        .number32(attr::CONNECTION_ID)
        .expect("CONNECTION-ID");
    let (mut received, mut data) = setup.bind(id, b"answer");
    peer.shutdown(Shutdown::Write).unwrap();
    data.socket().shutdown(Shutdown::Write).unwrap();
    received.extend(read_to_end(&mut data));
    assert_eq!(
        (received, read_to_end(&mut peer)),
        (b"first".to_vec(), b"answer".to_vec())
    );
}

/// T6062-5.3-2
#[test]
fn a_peer_without_permission_is_closed_at_once() {
    let mut setup = Setup::new("");
    let mut peer = TcpStream::connect(setup.relayed).unwrap();
    patient(&peer);
    assert!(end_of(&mut peer) < SOON);
    // The next thing the client hears is the answer to its own question.
    setup.control.binding();
}

#[test]
fn much_data_arrives_unchanged_both_ways_at_once() {
    let mut setup = Setup::new("");
    let (mut data, mut peer) = setup.pair();
    let sent = bytes(3_000_000);
    let mut writer = peer.try_clone().unwrap();
    let to_client = thread::spawn(move || {
        writer.write_all(&bytes(3_000_000)).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut data_writer = data.socket().try_clone().unwrap();
    let to_peer = thread::spawn(move || {
        data_writer.write_all(&bytes(3_000_000)).unwrap();
        data_writer.shutdown(Shutdown::Write).unwrap();
    });
    let at_peer = thread::spawn(move || read_to_end(&mut peer));
    assert!(read_to_end(&mut data) == sent, "the client's copy differs");
    assert!(at_peer.join().unwrap() == sent, "the peer's copy differs");
    to_client.join().unwrap();
    to_peer.join().unwrap();
}

/// T6062-5.5-1
#[test]
fn one_side_may_finish_while_the_other_goes_on() {
    let mut setup = Setup::new("");
    for client_first in [true, false] {
        let (mut data, mut peer) = setup.pair();
        let (first, second): (&mut dyn ReadWrite, &mut dyn ReadWrite) = if client_first {
            (&mut data, &mut peer)
        } else {
            (&mut peer, &mut data)
        };
        first.write_all(b"question").unwrap();
        first.finish();
        assert_eq!(read_to_end(second), b"question");
        second.write_all(&bytes(100_000)).unwrap();
        second.finish();
        assert!(
            read_to_end(first) == bytes(100_000),
            "client first: {client_first}"
        );
    }
}

/// What both ends of a pair can do.
trait ReadWrite: Read + Write {
    fn finish(&self);
}

impl ReadWrite for TcpStream {
    fn finish(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

impl ReadWrite for Box<dyn Stream> {
    fn finish(&self) {
        self.socket().shutdown(Shutdown::Write).unwrap();
    }
}

/// T6062-5.5-1
#[test]
fn the_end_of_one_side_is_the_end_of_the_other() {
    let mut setup = Setup::new("");
    let (data, mut peer) = setup.pair();
    drop(data);
    assert!(end_of(&mut peer) < SOON);
    let (mut data, peer) = setup.pair();
    drop(peer);
    assert!(end_of(&mut data) < SOON);

    let (mut data, mut peer) = setup.pair();
    setup.control.close();
    assert!(end_of(&mut data) < SOON, "the allocation is over");
    assert!(end_of(&mut peer) < SOON);
    assert!(
        TcpStream::connect(setup.relayed).is_err(),
        "and so is its port"
    );
}

#[test]
fn without_descriptors_no_peer_is_called() {
    let mut setup = Setup::on(Turnd::start_with_few_files(&config(""), 64));
    let peer = TcpListener::bind((LOCALHOST, 0)).unwrap();
    let other = TcpListener::bind((LOCALHOST, 0)).unwrap();
    let (_, _connected) = setup.connect(&peer);
    let _idle: Vec<TcpStream> = (0..100)
        .filter_map(|_| connect_unless_refused(server(&setup.turnd)))
        .collect();
    eventually("descriptors run out", || {
        setup.turnd.log().contains("cannot accept a connection")
    });
    let reply = setup.control.request(Method::CONNECT, |writer| {
        writer.xor_address(attr::XOR_PEER_ADDRESS, other.local_addr().unwrap());
    });
    assert_eq!(reply.error(), Some(447));
    other.set_nonblocking(true).unwrap();
    let nobody = other.accept().unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::WouldBlock);
}

/// T6062-5.3-3
#[test]
fn a_peer_that_nobody_reads_is_made_to_wait() {
    let mut setup = Setup::new("");
    let before = setup.turnd.resident();
    let listener = TcpListener::bind((LOCALHOST, 0)).unwrap();
    let (id, peer) = setup.connect(&listener);
    let unbound = write_until_it_waits(&peer);
    let (data, bound) = setup.pair();
    let joined = write_until_it_waits(&bound);
    let other_way = write_until_it_waits(data.socket());
    let grown = setup.turnd.resident().saturating_sub(before);
    assert!(
        grown < 2_000,
        "{grown} kB for {unbound}, {joined} and {other_way} bytes"
    );
    // Nothing of it is lost.
    let (mut received, mut early) = setup.bind(id, b"");
    peer.shutdown(Shutdown::Write).unwrap();
    received.extend(read_to_end(&mut early));
    assert_eq!(received.len(), unbound);
}

/// Writes until nothing has been taken for a while; how much was.
fn write_until_it_waits(mut socket: &TcpStream) -> usize {
    let usual = socket.write_timeout().unwrap();
    socket
        .set_write_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let mut written = 0;
    let chunk = bytes(64 * 1024);
    let error = loop {
        match socket.write(&chunk) {
            Ok(count) => written += count,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        "{error}"
    );
    socket.set_write_timeout(usual).unwrap();
    written
}

#[test]
fn a_data_connection_finds_its_peer_from_every_worker() {
    let mut setup = Setup::new("relay-threads=4\n");
    // The kernel spreads them over four workers: all at one has a chance of one in 4^15.
    let pairs: Vec<_> = (0..16)
        .map(|number| {
            let (mut data, mut peer) = setup.pair();
            let text = format!("pair {number}");
            data.write_all(text.as_bytes()).unwrap();
            let mut received = vec![0; text.len()];
            peer.read_exact(&mut received).unwrap();
            assert_eq!(received, text.as_bytes());
            (data, peer)
        })
        .collect();
    setup.control.close();
    for (mut data, mut peer) in pairs {
        assert!(end_of(&mut data) < SOON);
        assert!(end_of(&mut peer) < SOON);
    }
}

/// Allocations end together, with all their pairs, when their time is over. What that takes of a worker's
/// stack must not grow with their number: here those of one allocation, on a stack for a few.
#[test]
fn many_pairs_that_end_together_take_no_more_stack_than_one() {
    let turnd = Turnd::start_with_small_stacks(&config(""), 128 * 1024);
    let mut setup = Setup::on(turnd);
    let pairs: Vec<_> = (0..64).map(|_| setup.pair()).collect();
    setup.control.close();
    for (mut data, mut peer) in pairs {
        assert!(end_of(&mut data) < SOON);
        assert!(end_of(&mut peer) < SOON);
    }
    Client::tcp(server(&setup.turnd)).binding();
}

/// What a client sends behind its ConnectionBind counts as a stranger's until it is bound, and no longer:
/// else a few hundred pairs would leave a worker nothing for the connections that come after them.
#[test]
fn what_comes_early_on_data_connections_is_given_back_when_they_are_joined() {
    let mut setup = Setup::new("relay-threads=2\n");
    let early = bytes(60_000);
    let (mut kept, mut controls) = (Vec::new(), Vec::new());
    // 18 MB, half of them at the other worker: more than the 8 MiB that it keeps for strangers.
    for _ in 0..5 {
        for _ in 0..60 {
            let peer = TcpListener::bind((LOCALHOST, 0)).unwrap();
            let (id, peer) = setup.connect(&peer);
            kept.push((setup.bind(id, &early), peer));
        }
        let (control, relayed) = allocate(&setup.turnd);
        setup.relayed = relayed;
        controls.push(std::mem::replace(&mut setup.control, control));
    }
    for _ in 0..16 {
        // Either worker takes a message that comes in two parts.
        let mut stranger = Client::tcp(server(&setup.turnd));
        let (id, request) = binding_request();
        stranger.send(&request[..request.len() - 1]);
        stranger.send(&request[request.len() - 1..]);
        assert_eq!(stranger.reply_to(id).error(), None);
    }
}

/// RFC 8489 section 6.3: what the server does not know it drops, and goes on with what follows.
#[test]
fn a_connection_bind_that_is_dropped_does_not_silence_its_connection() {
    let turnd = Turnd::start(CONFIG);
    let mut client = Client::tcp(server(&turnd));
    let (_, dropped) = message(Class::Request, Method::CONNECTION_BIND, |writer| {
        named(writer, 1);
    });
    client.send(&dropped);
    assert_eq!(client.binding().error(), None);
}
