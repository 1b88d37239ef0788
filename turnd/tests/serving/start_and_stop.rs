//! What it prints, what it refuses to start with, and how it ends.

use std::{net::UdpSocket, process::Command, time::Duration};

use crate::{session::Session, support::turnd::Turnd};

const LOOPBACK: &str = "listening-ip=127.0.0.1\nlistening-ip=::1\nlistening-port=0\nrealm=example.org\nuser=alice:secret\n";

#[test]
fn at_start_it_says_where_it_listens_relays_and_whom_it_refuses() {
    let turnd = Turnd::start(&format!("{LOOPBACK}min-port=50000\nmax-port=50999\n"));
    let log = turnd.log();
    let port = turnd.udp_v4().port();
    for expected in [
        format!("listening on udp 127.0.0.1:{port}"),
        format!("listening on udp [::1]:{port}"),
        "relaying from 127.0.0.1 ports 50000-50999".to_owned(),
        "relaying from ::1 ports 50000-50999".to_owned(),
        "peers refused: private networks (allow-private-peers opens them), loopback".to_owned(),
        format!("turn:127.0.0.1:{port}?transport=udp with username \"alice\""),
    ] {
        assert!(log.contains(&expected), "{expected}\nis not in\n{log}");
    }
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn four_lines_are_a_configuration_and_clients_are_told_the_outside_address() {
    let turnd = Turnd::start(
        "listening-port=0\nexternal-ip=8.8.4.4\nrealm=example.org\nuser=alice:secret\n",
    );
    let port = turnd.udp_v4().port();
    let server = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let session = Session::new(server, "alice", "secret");
    let relayed = session.allocate().relayed();
    assert_eq!(relayed.ip().to_string(), "8.8.4.4");
    assert!(relayed.port() >= 49152);
    assert_eq!(
        Session::new(server, "alice", "wrong").allocate().error(),
        Some(401)
    );
    assert_eq!(
        Session::new(server, "mallory", "secret").allocate().error(),
        Some(401)
    );
}

#[test]
fn a_wildcard_listener_answers_from_the_address_it_was_asked_at_and_relays_there() {
    let turnd = Turnd::start(
        "listening-ip=0.0.0.0\nlistening-port=0\nrelay-ip=127.0.0.1\nrealm=example.org\nuser=alice:secret\nallow-loopback-peers\n",
    );
    let server = std::net::SocketAddr::from(([127, 0, 0, 2], turnd.udp_v4().port()));
    // The socket is connected: an answer from elsewhere would not reach it.
    let session = Session::new(server, "alice", "secret");
    assert_eq!(session.allocate().relayed().ip().to_string(), "127.0.0.1");
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(session.bind(peer.local_addr().unwrap()).error(), None);
    session.send_channel(b"out");
    let mut buffer = [0; 10];
    let (length, relay) = peer.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"out");
    peer.send_to(b"back", relay).unwrap();
    assert_eq!(session.receive(), b"back");
}

#[test]
fn without_users_turn_is_refused_to_everybody_and_the_log_says_so() {
    let turnd = Turnd::start("listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\n");
    let session = Session::new(turnd.udp_v4(), "", "");
    assert_eq!(session.binding().error(), None);
    assert_eq!(session.allocate().error(), Some(401));
    assert!(turnd.log().contains("nobody may relay"), "{}", turnd.log());
}

#[test]
fn no_auth_relays_for_anyone_and_warns() {
    let turnd = Turnd::start("listening-ip=127.0.0.1\nlistening-port=0\nno-auth\n");
    let session = Session::new(turnd.udp_v4(), "", "");
    let reply = session.exchange(turnd_wire::Method::ALLOCATE, |writer| {
        writer.bytes(turnd_wire::attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    });
    assert_eq!(reply.error(), None);
    assert!(turnd.log().contains("anyone may relay"), "{}", turnd.log());
}

#[test]
fn both_signals_end_it_at_once_and_cleanly_idle_or_not() {
    for signal in ["TERM", "INT"] {
        for clients in [0, 20] {
            let turnd = Turnd::start(LOOPBACK);
            let sessions: Vec<Session> = (0..clients)
                .map(|_| Session::new(turnd.udp_v4(), "alice", "secret"))
                .collect();
            for session in &sessions {
                session.allocate().relayed();
            }
            let port = turnd.udp_v4().port();
            let stopped = turnd.stop_by(signal);
            assert!(stopped.status.success(), "{signal}: {}", stopped.status);
            // Measured: 2 to 8 ms, most of it the kill command.
            assert!(
                stopped.took < Duration::from_millis(200),
                "{signal}: {:?}",
                stopped.took
            );
            assert!(
                stopped.log.contains(&format!("SIG{signal} received")),
                "{}",
                stopped.log
            );
            UdpSocket::bind(("127.0.0.1", port)).expect("the port is free again");
        }
    }
}

#[test]
fn what_cannot_be_done_stops_the_start_and_is_named() {
    // 192.0.2.1 is reserved for documentation: no machine has it.
    for (config, code, expected) in [
        (
            "listening-ip=192.0.2.1\n",
            1,
            "cannot listen on udp 192.0.2.1:3478",
        ),
        (
            "listening-ip=127.0.0.1\nlistening-port=0\nrelay-ip=192.0.2.1\n",
            1,
            "cannot relay from 192.0.2.1",
        ),
        (
            "listening-ip=127.0.0.1\nlistening-port=0\nlog-file=/nowhere/at/all.log\n",
            1,
            "cannot write the log file /nowhere/at/all.log",
        ),
        (
            "min-port=60000\nmax-port=50000\n",
            255,
            "turnserver.conf:1: min-port: 60000 is above max-port 50000",
        ),
        (
            "listening-port=http\n",
            255,
            "turnserver.conf:1: listening-port: \"http\" is not a port",
        ),
    ] {
        let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("start-{code}-{}", expected.len()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("turnserver.conf"), config).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_turnd"))
            .current_dir(&directory)
            .args(["--config", "turnserver.conf"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(expected), "{expected}\nis not in\n{said}");
        std::fs::remove_dir_all(directory).unwrap();
    }
}

#[test]
fn a_file_that_is_named_and_missing_is_fatal() {
    let output = Command::new(env!("CARGO_BIN_EXE_turnd"))
        .args(["--config", "/nowhere/turnserver.conf"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(255));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere/turnserver.conf"));
}
