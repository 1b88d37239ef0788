//! What has brought down other servers of engine.io: bodies and frames that are too long, too many or of no kind, and
//! upgrades that nobody finishes. Each gets an answer or an end, and everybody else goes on.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Instant,
};

use crate::{
    polling::{Call, PATIENCE, Session, connect, exchange, rest, went_well},
    support::servers::Signaling,
};

/// More than a body may have.
const LONG: usize = 64 << 20;
/// Kilobytes that the server may grow by: less than one such body. What the allocator keeps of what was given back depends
/// on which threads had it; it has been 26 MB.
const GROWTH: usize = 40 << 10;

struct Server(Signaling);

impl Server {
    fn start() -> Self {
        Self(Signaling::start(&["--max-sockets-per-address", "2000"]))
    }

    fn status(&self, name: &str) -> usize {
        let path = format!("/proc/{}/status", self.0.program.pid());
        let text = fs::read_to_string(path).expect("it runs");
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    /// Kilobytes in memory.
    fn resident(&self) -> usize {
        self.status("VmRSS:")
    }

    /// What it has in memory is about what it had before.
    fn must_have_kept(&self, before: usize) {
        let grown = self.resident().saturating_sub(before);
        assert!(grown <= GROWTH, "{grown} kB");
    }

    fn connect(&self) -> TcpStream {
        connect(self.0.address)
    }
}

#[test]
fn a_body_above_the_limit_is_refused_before_it_is_read() {
    let server = Server::start();
    let address = server.0.address;
    let mut call = Call::begin(address, "blue");
    let before = server.resident();
    let long = vec![b'4'; LONG];
    for (version, kind) in [
        (4, "text/plain"),
        (4, "application/octet-stream"),
        (3, "text/plain"),
        (3, "application/octet-stream"),
    ] {
        let session = Session::connected(address, version);
        let (status, answer) = session.post(&format!("Content-Type: {kind}\r\n"), &long);
        assert_ne!(status, 200, "{answer}");
        // In pieces whose sum nobody has said.
        let session = Session::connected(address, version);
        let mut stream = server.connect();
        let head = format!(
            "POST /socket.io/?{} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: {kind}\r\n\
             Transfer-Encoding: chunked\r\n\r\n",
            session.query
        );
        stream.write_all(head.as_bytes()).unwrap();
        let chunk = [b"10000\r\n", &long[..1 << 16], b"\r\n"].concat();
        let mut chunks = 0;
        while chunks < LONG >> 16 && went_well(stream.write_all(&chunk)).is_some() {
            chunks += 1;
        }
        assert!(chunks < LONG >> 16, "all of it was taken");
        rest(&mut stream);
        call.goes_on();
    }
    server.must_have_kept(before);
}

#[test]
fn a_hundred_thousand_packets_at_once_hold_up_nobody() {
    let server = Server::start();
    let address = server.0.address;
    let mut call = Call::begin(address, "blue");
    let before = server.resident();
    for packet in ["2", "3", "4", "40", "41", "42[\"x\"]", "4/y,", "6"] {
        // As many as fit, and as many as do not.
        let fit = 60_000 / (packet.len() + 1);
        for count in [fit, 100_000] {
            let mut left = 100_000;
            let session = Session::connected(address, 4);
            while left > 0 {
                let body = vec![packet; count.min(left)].join("\x1e");
                // The session may end by it.
                let began = Instant::now();
                let (status, _) = session.post("", body.as_bytes());
                assert!(
                    began.elapsed() < PATIENCE / 4,
                    "{packet}: {:?}",
                    began.elapsed()
                );
                if status != 200 {
                    break;
                }
                left -= count.min(left);
            }
            call.goes_on();
        }
    }
    server.must_have_kept(before);
}

#[test]
fn packets_of_no_kind_are_answered_and_end_no_more_than_their_session() {
    let server = Server::start();
    let address = server.0.address;
    let mut call = Call::begin(address, "blue");
    let bodies: [&[u8]; 30] = [
        b"",
        b"\x1e",
        b"\x1e\x1e\x1e",
        b"9",
        b"x",
        b"0{}",
        b"1",
        b"2probe",
        b"3probe",
        b"5",
        b"4",
        b"47",
        b"42",
        b"42[",
        b"42[]",
        b"42[7]",
        b"42{\"a\":1}",
        b"45",
        b"451-",
        b"451-[\"join\"]",
        b"4599999999999-[\"join\"]",
        b"46-[]",
        b"43[]",
        b"4399999999999999999999[]",
        b"44{}",
        b"b",
        b"bAAAA",
        b"b*",
        b"\xff\xfe",
        b"1:\xff-1:4",
    ];
    let more: [&[u8]; 6] = [
        b"-1:4",
        b"99999999999999:4",
        b"0:",
        b"\x00\x01\xff4",
        b"\x01\x09\x09\x09\x09\x09\x09\x09\xff4",
        b"\x00\xff",
    ];
    for version in [3, 4] {
        for kind in [
            "text/plain;charset=UTF-8",
            "application/octet-stream",
            "\u{fc}",
        ] {
            for body in bodies.iter().chain(&more) {
                let session = Session::connected(address, version);
                let kind = format!("Content-Type: {kind}\r\n");
                let (status, answer) = session.post(&kind, body);
                assert!(
                    (200..500).contains(&status),
                    "{version}, {kind}: {body:?}: {answer}"
                );
            }
            call.goes_on();
        }
    }
    for sid in [
        "__proto__",
        "constructor",
        "",
        "AAAAAAAAAAAAAAAA",
        &"A".repeat(5000),
    ] {
        for transport in ["polling", "websocket", "webtransport"] {
            for method in ["GET", "POST", "PUT"] {
                let query = format!("EIO=4&transport={transport}&sid={sid}");
                let (status, answer) = exchange(address, method, &query, "", b"4");
                assert!((400..500).contains(&status), "{query}: {answer}");
            }
        }
    }
    call.goes_on();
}

/// A connection that is a WebSocket by now.
pub(crate) fn websocket(server: SocketAddr, path: &str) -> TcpStream {
    let mut stream = connect(server);
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        answer.extend(byte);
    }
    let answer = String::from_utf8(answer).unwrap().to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 101"), "{answer}");
    assert!(!answer.contains("deflate"), "nothing is unpacked: {answer}");
    stream
}

/// A frame as a client sends it: masked, by nothing.
pub(crate) fn frame(first: u8, data: &[u8]) -> Vec<u8> {
    let length: Vec<u8> = match data.len() {
        length @ ..126 => vec![0x80 | length as u8],
        length @ ..0x1_0000 => [&[0xFE], &(length as u16).to_be_bytes()[..]].concat(),
        length => [&[0xFF], &(length as u64).to_be_bytes()[..]].concat(),
    };
    [&[first][..], &length, &[0; 4], data].concat()
}

#[test]
fn frames_that_break_the_rules_end_their_connection() {
    let server = Server::start();
    let address = server.0.address;
    let mut call = Call::begin(address, "blue");
    let before = server.resident();
    let announced = |length: u64| [&[0x81, 0xFF], &length.to_be_bytes()[..], &[0; 8]].concat();
    for path in [
        "/socket.io/?EIO=4&transport=websocket",
        "/socket.io/?EIO=3&transport=websocket",
        "/ws",
    ] {
        for bytes in [
            // Reserved bits, of which the first says that it is compressed.
            frame(0xC1, &[0x4A, 0x04, 0x00]),
            frame(0xA1, b"2"),
            frame(0x91, b"2"),
            // Opcodes that nobody has, and that are reserved.
            frame(0x83, b"2"),
            frame(0x8F, b"2"),
            // Not masked.
            vec![0x81, 1, b'2'],
            // Longer than any may be.
            announced(1 << 20),
            announced(u64::MAX),
            announced(1 << 63),
            frame(0x81, &vec![b'4'; 1 << 20]),
            // Control frames that are long or in pieces.
            frame(0x89, &[7; 200]),
            frame(0x09, b""),
            // Not UTF-8, and a piece of nothing.
            frame(0x81, b"4\xff\xfe"),
            frame(0x80, b"2"),
            // Two beginnings.
            [frame(0x01, b"4"), frame(0x01, b"4")].concat(),
        ] {
            let mut stream = websocket(address, path);
            went_well(stream.write_all(&bytes));
            rest(&mut stream);
        }
        // Pieces without an end.
        let mut stream = websocket(address, path);
        let (first, next) = (frame(0x01, b"4"), frame(0x00, &[b'4'; 1000]));
        stream.write_all(&first).unwrap();
        let pieces = LONG / 1000;
        let taken = (0..pieces).take_while(|_| went_well(stream.write_all(&next)).is_some());
        assert!(taken.count() < pieces);
        rest(&mut stream);
        call.goes_on();
    }
    server.must_have_kept(before);
}

#[test]
fn two_hundred_upgrades_that_nobody_finishes_are_given_up() {
    const UPGRADES: usize = 200;
    let server = Server::start();
    let address = server.0.address;
    let mut call = Call::begin(address, "blue");
    let before = server.resident();
    let sessions = [
        Session::connected(address, 4),
        Session::connected(address, 4),
    ];
    let mut probes = Vec::new();
    for number in 0..UPGRADES {
        // Of one session, of another, and of one each; half of them are silent from the beginning.
        let own;
        let session = match number % 4 {
            0 => &sessions[0],
            1 => &sessions[1],
            _ => {
                own = Session::connected(address, 4);
                &own
            }
        };
        let path = format!("/socket.io/?{}", session.query).replace("polling", "websocket");
        let mut stream = websocket(address, &path);
        if number % 2 == 0 {
            went_well(stream.write_all(&frame(0x81, b"2probe")));
        }
        probes.push(stream);
        if number % 50 == 0 {
            call.goes_on();
        }
    }
    call.goes_on();
    let began = Instant::now();
    for mut probe in probes {
        rest(&mut probe);
    }
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    call.goes_on();
    server.must_have_kept(before);
}
