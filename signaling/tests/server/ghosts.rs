//! Clients that leave as fast as they came: none of them stays in a room.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Instant,
};

use crate::{
    floods::{frame, websocket},
    polling::{PATIENCE, connect, rest, went_well},
    support::servers::Signaling,
};

const CLIENTS: usize = 1000;

/// What the server counts as its clients.
fn sockets(metrics: SocketAddr) -> String {
    let mut stream = connect(metrics);
    let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).expect("sending");
    let answer = String::from_utf8(rest(&mut stream)).expect("text");
    let line = answer
        .lines()
        .find_map(|line| line.strip_prefix("signaling_sockets "));
    line.expect("a count of clients").to_owned()
}

/// A client over WebSocket that has just been told that it is connected, before the rest of the server knows of it.
pub(crate) fn connected(server: SocketAddr) -> TcpStream {
    let mut stream = websocket(server, "/socket.io/?EIO=4&transport=websocket");
    stream.write_all(&frame(0x81, b"40")).unwrap();
    let mut heard = Vec::new();
    while !heard.windows(7).any(|it| it == b"40{\"sid") {
        let mut byte = [0];
        went_well(stream.read_exact(&mut byte)).unwrap_or_else(|| panic!("{heard:?}"));
        heard.extend(byte);
    }
    stream
}

#[test]
fn who_connects_joins_and_leaves_at_once_is_gone() {
    let signaling = Signaling::start(&["--metrics-listen", "127.0.0.1:0"]);
    let log = signaling.program.log();
    let metrics = log
        .lines()
        .find_map(|line| line.split_once("metrics: http://")?.1.split('/').next())
        .and_then(|address| address.parse().ok())
        .expect("an address");
    for number in 0..CLIENTS {
        let mut stream = connected(signaling.address);
        let join = format!("42[\"join\",\"room-{number}\"]");
        let leave: &[u8] = if number % 2 == 0 { b"41" } else { b"1" };
        let said = [join.as_bytes(), leave].map(|packet| frame(0x81, packet));
        went_well(stream.write_all(&said.concat()));
    }
    let began = Instant::now();
    loop {
        let sockets = sockets(metrics);
        if sockets == "0" {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{sockets} are left");
    }
}
