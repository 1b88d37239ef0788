//! How long, and how often, a stranger may have a connection; and when what it had is free again.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::{
    client::{
        CONFIG, Client, Peer, binding_request, connect, connect_unless_refused, eventually,
        expect_freed, is_end, read,
    },
    encrypted::{Tls, both_ports, hello, shake_hands, start, tls},
    pki::Authority,
    support::{blocks::free_port, turnd::Turnd},
};

/// A new connection to the server, if it is served and not cut off.
fn served(server: SocketAddr) -> Option<Client> {
    let mut client = Client::over(connect_unless_refused(server)?);
    let (_, bytes) = binding_request();
    // A refused connection may be reset before this is written.
    client.stream.write_all(&bytes).ok()?;
    client.next().map(|_| client)
}

/// A little early is the clock's grain, late a busy machine.
fn on_time(limit: Duration, took: Duration) -> bool {
    (limit - Duration::from_millis(200)..limit + Duration::from_secs(2)).contains(&took)
}

/// One connection that never says a whole sentence.
fn until_closed(server: SocketAddr, beginning: &[u8]) -> Duration {
    let mut socket = connect(server);
    let began = Instant::now();
    socket.write_all(beginning).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(14)))
        .unwrap();
    // A hello is answered at once; the end comes later.
    while read(&mut socket, &mut [0; 4096]) > 0 {}
    began.elapsed()
}

/// The same, but a byte of a message comes every now and then.
fn until_closed_dripping(mut socket: TcpStream, message: &[u8]) -> Duration {
    let began = Instant::now();
    let pace = Duration::from_millis(700);
    socket.set_read_timeout(Some(pace)).unwrap();
    for byte in message {
        if socket.write_all(&[*byte]).is_err() {
            return began.elapsed();
        }
        match socket.read(&mut [0; 64]) {
            Ok(0) => return began.elapsed(),
            Ok(_) => panic!("an answer to half a message"),
            Err(error) if is_end(&error) => return began.elapsed(),
            Err(_) => {}
        }
    }
    panic!("the whole message was waited for");
}

/// Slow beginnings (Slowloris): a connection has ten seconds for its first message, and a TLS
/// handshake five, however the bytes are spread.
#[test]
fn a_connection_that_says_nothing_whole_is_closed_in_time() {
    let authority = Authority::new();
    let config = format!(
        "{CONFIG}tls-listening-port=0\ntcp-proxy-port=0\nrespond-http-unsupported\n{}",
        Tls::CONFIG
    );
    let turnd = Turnd::start_with_files(&config, &authority.issue().files());
    let server = turnd.address_of("tcp+tls");
    let proxied = turnd.listening().into_iter().find(|it| it.is_behind_proxy);
    let proxied = proxied.unwrap().address;
    let hello = hello();
    let binding = binding_request().1;

    let message = Duration::from_secs(10);
    let handshake = Duration::from_secs(5);
    let cases: [(&str, SocketAddr, &[u8], Duration); 8] = [
        ("nothing", server, b"", message),
        ("half a STUN header", server, &binding[..10], message),
        (
            "half a TLS hello",
            server,
            &hello[..hello.len() / 2],
            message,
        ),
        (
            "half an HTTP request",
            server,
            b"GET / HTTP/1.1\r\nHost: a\r\n",
            message,
        ),
        ("a TLS hello and no more", server, &hello, handshake),
        ("no PROXY header", proxied, b"", message),
        (
            "half a PROXY header",
            proxied,
            b"PROXY TCP4 192.0.2.1 ",
            message,
        ),
        (
            "a PROXY header and no more",
            proxied,
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
            message,
        ),
    ];
    // A header that promises forty bytes more: at this pace they would take most of a minute.
    let mut drops = binding.clone();
    drops[3] = 40;
    drops.resize(60, 0);
    let mut alive = Client::tcp(server);
    let peer = Peer::new();
    alive.set_up(&peer);
    // A client that has been served before has no more time for a later message.
    let mut later = connect(server);
    later.write_all(&binding).unwrap();
    assert!(read(&mut later, &mut [0; 256]) > 0);
    thread::scope(|scope| {
        let dripping = scope.spawn(|| until_closed_dripping(connect(server), &drops));
        let later = scope.spawn(|| until_closed_dripping(later, &drops));
        let cases = cases.map(|(what, to, beginning, limit)| {
            (
                what,
                limit,
                scope.spawn(move || until_closed(to, beginning)),
            )
        });
        for (what, limit, thread) in cases {
            let took = thread.join().unwrap();
            assert!(on_time(limit, took), "{what}: closed after {took:?}");
        }
        let took = dripping.join().unwrap();
        assert!(
            on_time(message, took),
            "byte by byte: closed after {took:?}"
        );
        let took = later.join().unwrap();
        assert!(on_time(message, took), "a later one: closed after {took:?}");
    });
    // Who spoke in time stays.
    alive.echo(&peer, b"still here");
}

/// Connection floods: one address has so many connections and no more, and again as many once it has
/// given one back.
#[test]
fn an_address_may_have_as_many_connections_as_it_may() {
    limit_holds("max-connections-per-address=3\n");
}

/// Connection floods: the same for everybody together.
#[test]
fn the_server_has_as_many_connections_as_it_may() {
    limit_holds("max-connections=3\n");
}

fn limit_holds(option: &str) {
    let turnd = Turnd::start(&format!("{CONFIG}{option}"));
    let server = turnd.address_of("tcp");
    let mut kept: Vec<Client> = (0..3).map(|_| served(server).expect("room")).collect();
    for _ in 0..5 {
        assert!(served(server).is_none(), "{option}");
    }
    // The refused ones cost the others nothing, and are not counted.
    for client in &mut kept {
        assert_eq!(client.binding().error(), None);
    }
    for _ in 0..3 {
        kept.remove(0).close();
        eventually("there is room again", || match served(server) {
            Some(client) => {
                kept.push(client);
                true
            }
            None => false,
        });
        assert!(served(server).is_none(), "{option}");
    }
}

/// RFC 8656 section 3.1: when the client's connection ends, its allocation does at once; port and quota
/// are there for the next.
#[test]
fn the_end_of_a_connection_frees_its_port_and_quota() {
    let port = free_port();
    let turnd = Turnd::start(&format!(
        "{CONFIG}user-quota=1\nmin-port={port}\nmax-port={port}\n"
    ));
    let server = turnd.address_of("tcp");
    let mut first = Client::tcp(server);
    let relayed = first.allocate().relayed();
    assert_eq!(relayed.port(), port);
    let mut second = Client::tcp(server);
    assert_eq!(second.allocate().error(), Some(486));
    first.close();
    expect_freed(relayed);
    assert_eq!(second.allocate().relayed(), relayed);

    // As well with a reset, and within a message.
    let (_, bytes) = binding_request();
    second.send(&bytes[..7]);
    drop(second);
    expect_freed(relayed);
    let mut third = Client::tcp(server);
    assert_eq!(third.allocate().relayed(), relayed);
    // Unread bytes make the kernel send a reset.
    let (_, request) = binding_request();
    third.send(&request);
    let mut one = [0; 1];
    third.stream.read_exact(&mut one).unwrap();
    drop(third);
    expect_freed(relayed);
}

/// Handshake floods: signing costs the server most. One address begins so many handshakes a second and
/// no more.
#[test]
fn an_address_begins_as_many_handshakes_as_it_may() {
    let authority = Authority::new();
    let turnd = start(&authority, "tls-handshakes-per-address=2\n");
    let [server, _] = both_ports(&turnd);
    let config = Tls::trusting(authority.der()).config(None);
    let began = Instant::now();
    let tries = 40;
    let served = (0..tries)
        .filter(|_| {
            shake_hands(connect(server), &config)
                .is_ok_and(|(stream, _)| Client::over(stream).binding().error().is_none())
        })
        .count();
    let most = 2 * (began.elapsed().as_secs() as usize + 2);
    assert!((2..=most).contains(&served), "{served} of {tries}");
    // Plain connections are not concerned.
    assert_eq!(Client::tcp(server).binding().error(), None);
}

/// Handshake floods: of all addresses together, a worker begins so many a second; the others wait their
/// turn, and nobody is turned away.
#[test]
fn handshakes_beyond_what_a_second_may_have_wait_their_turn() {
    let authority = Authority::new();
    let turnd = start(&authority, "tls-handshakes-per-second=5\n");
    let [server, _] = both_ports(&turnd);
    let config = Tls::trusting(authority.der()).config(None);
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..9 {
            scope.spawn(|| assert_eq!(tls(server, &config).0.binding().error(), None));
        }
    });
    // Five at once, and four more at five a second; less the clock's grain.
    let took = began.elapsed();
    assert!(took > Duration::from_millis(700), "{took:?}");
}
