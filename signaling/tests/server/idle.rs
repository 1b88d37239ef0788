//! Clients that hold connections and say nothing, or hear nothing: each is given up in time, and there are only so many.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Instant,
};

use crate::{
    polling::{PATIENCE, Session, connect, rest, went_well},
    support::servers::Signaling,
};

/// A header may take a second, a body and what is written two.
pub(crate) const HURRY: [&str; 2] = ["--patience", "1000"];

const ASKS: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn a_connection_that_says_no_request_is_given_up() {
    let half = &ASKS[..ASKS.len() - 2];
    let prior_knowledge = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for tls in [&[][..], &["--self-signed"]] {
        let signaling = Signaling::start(&[&HURRY, tls].concat());
        let said: [&[u8]; 5] = [b"", b"P", b"PRI", prior_knowledge, half];
        let mut streams = said.map(|said| {
            let mut stream = connect(signaling.address);
            stream.write_all(said).unwrap();
            stream
        });
        for stream in &mut streams {
            rest(stream);
        }
    }
}

#[test]
fn a_connection_that_asks_nothing_more_is_given_up() {
    let signaling = Signaling::start(&HURRY);
    let mut stream = connect(signaling.address);
    stream.write_all(ASKS).unwrap();
    let answer = String::from_utf8_lossy(&rest(&mut stream)).into_owned();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_body_that_does_not_end_is_given_up() {
    let signaling = Signaling::start(&HURRY);
    let session = Session::connected(signaling.address, 4);
    let mut stream = connect(signaling.address);
    let head = format!(
        "POST /socket.io/?{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n4",
        session.query
    );
    stream.write_all(head.as_bytes()).unwrap();
    let answer = String::from_utf8_lossy(&rest(&mut stream)).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[test]
fn answers_that_nobody_reads_are_given_up() {
    let signaling = Signaling::start(&HURRY);
    let mut stream = connect(signaling.address);
    let many = ASKS.repeat(100);
    // Until the server breaks it: one that waited for this client would let it wait too.
    while went_well(stream.write_all(&many)).is_some() {}
}

/// Whether this connection is served.
fn is_served(stream: &mut TcpStream) -> bool {
    let mut answer = [0; 12];
    went_well(stream.write_all(ASKS)).is_some()
        && went_well(stream.read_exact(&mut answer)).is_some()
        && answer == *b"HTTP/1.1 200"
}

fn connections(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| connect(address)).collect()
}

#[test]
fn an_address_has_so_many_connections_and_a_trusted_proxy_as_many_as_there_are() {
    let direct = ["--max-sockets-per-address", "1"];
    let proxied = [&direct[..], &["--trusted-proxy", "127.0.0.0/8"]].concat();
    let of_all = ["--max-sockets", "1", "--trusted-proxy", "127.0.0.0/8"];
    for (arguments, has_end) in [(&direct[..], true), (&proxied, false), (&of_all, true)] {
        let signaling = Signaling::start(arguments);
        let mut held = connections(signaling.address, 66);
        let mut next = connect(signaling.address);
        assert_eq!(is_served(&mut next), !has_end, "{arguments:?}");
        assert!(held.iter_mut().all(is_served), "{arguments:?}");
        // A place that somebody leaves is there for others; the server may learn of it a little later.
        drop(held.pop());
        let began = Instant::now();
        while !is_served(&mut connect(signaling.address)) {
            assert!(began.elapsed() < PATIENCE, "{arguments:?}");
        }
    }
}
