//! Clients that do not read what they are told: little waits for them, and not for long.

use std::{
    io::Write,
    net::{SocketAddr, TcpStream},
    time::Instant,
};

use crate::{
    floods::{frame, websocket},
    ghosts::connected,
    idle::HURRY,
    polling::{Member, PATIENCE, went_well},
    support::servers::Signaling,
};

/// What each message has.
const BYTES: usize = 60_000;

/// How a client keeps its connection without reading.
struct Way {
    join: fn(SocketAddr) -> TcpStream,
    is_alive: fn() -> Vec<u8>,
}

const WAYS: [Way; 2] = [
    Way {
        join: |server| {
            let mut stream = connected(server);
            let join = frame(0x81, b"42[\"join\",\"blue\"]");
            stream.write_all(&join).unwrap();
            stream
        },
        is_alive: || frame(0x81, b"3"),
    },
    Way {
        join: |server| {
            let mut stream = websocket(server, "/ws");
            let join = frame(0x81, b"[\"join\",\"blue\"]");
            stream.write_all(&join).unwrap();
            stream
        },
        is_alive: || frame(0x8A, b""),
    },
];

/// Somebody in a room with one who reads nothing.
fn with_a_deaf_one(signaling: &Signaling, way: &Way) -> (Member, TcpStream) {
    let member = Member::join(signaling.address, "blue");
    let deaf = (way.join)(signaling.address);
    member.wait_for("\"other_joined\"");
    (member, deaf)
}

fn talk(member: &Member, messages: usize) {
    let padding = "p".repeat(BYTES);
    let message = format!("42[\"message\",\"blue\",{{\"type\":\"x\",\"padding\":\"{padding}\"}}]");
    for _ in 0..messages {
        member.say(&message);
    }
}

#[test]
fn what_waits_for_who_does_not_read_is_bounded_in_bytes() {
    for way in WAYS {
        // That it takes nothing is no reason to end it here.
        let signaling = Signaling::start(&["--patience", "1000000"]);
        let (member, _deaf) = with_a_deaf_one(&signaling, &way);
        let began = Instant::now();
        // Fewer than engine.io would keep, and than may be said at once.
        talk(&member, 150);
        member.wait_for("\"bye\"");
        let passed = began.elapsed();
        assert!(passed < PATIENCE / 2, "{passed:?}");
    }
}

#[test]
fn who_takes_nothing_is_broken_off_though_it_is_alive() {
    for way in WAYS {
        let signaling = Signaling::start(&HURRY);
        let (member, mut deaf) = with_a_deaf_one(&signaling, &way);
        talk(&member, 30);
        let began = Instant::now();
        while went_well(deaf.write_all(&(way.is_alive)())).is_some() {
            assert!(began.elapsed() < PATIENCE / 2, "it is still there");
        }
        member.wait_for("\"bye\"");
    }
}
