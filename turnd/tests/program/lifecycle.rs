//! Where it listens when nobody says, how it ends under load, and how the next one takes its place.

use std::{
    net::{SocketAddr, UdpSocket},
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use turnd_wire::{Method, attr};

use crate::{
    session::{Arrival, Session, channel_and_peer, free_block, peer, receive},
    support::turnd::Turnd,
};

/// Longest that it may take to end.
const STOP_LIMIT: Duration = Duration::from_millis(200);

#[test]
fn where_nothing_says_which_every_address_of_the_machine_answers() {
    let turnd = Turnd::start("listening-port=0\nrealm=example.org\nuser=alice:secret\n");
    let port = turnd.udp_v4().port();
    let is_link_local = |ip: &std::net::IpAddr| match ip {
        std::net::IpAddr::V4(ip) => ip.is_link_local(),
        std::net::IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let addresses = turnd_net::local_addresses().unwrap();
    for ip in addresses.into_iter().filter(|ip| !is_link_local(ip)) {
        let session = Session::new(SocketAddr::new(ip, port), "", "");
        let reply = session.binding();
        let mapped = reply.message().xor_address(attr::XOR_MAPPED_ADDRESS);
        assert_eq!(mapped, Some(session.socket.local_addr().unwrap()));
    }
}

#[test]
fn the_next_server_has_all_ports_at_once() {
    let first = free_block(9);
    let (listening, relays) = (first + 8, first..first + 8);
    let config = format!(
        "listening-ip=127.0.0.1\nlistening-port={listening}\nmin-port={first}\nmax-port={}\nrelay-threads=2\n\
         realm=example.org\nuser=alice:secret\n",
        first + 7
    );
    let mut clients = Vec::new();
    for round in 0..6 {
        let turnd = Turnd::start(&config);
        for client in &clients {
            // Its nonce is not ours: it has to ask for one, and then learns that it has nothing here.
            assert_eq!(Session::refresh(client, 600).error(), Some(438));
        }
        clients = (0..8).map(|_| Session::alice(turnd.udp_v4())).collect();
        let mut ports: Vec<u16> = clients
            .iter()
            .map(|client| client.allocate().relayed().port())
            .collect();
        ports.sort_unstable();
        assert_eq!(ports, relays.clone().collect::<Vec<u16>>(), "round {round}");
        let stopped = turnd.stop_by(["TERM", "INT"][round % 2]);
        assert!(stopped.status.success(), "{}", stopped.status);
        assert!(stopped.took < STOP_LIMIT, "{:?}", stopped.took);
    }
}

#[test]
fn it_ends_at_once_in_the_middle_of_a_flood() {
    for signal in ["TERM", "INT"] {
        let turnd = Turnd::start(
            "listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\nuser=alice:secret\nallow-loopback-peers\n",
        );
        let (session, peer) = (Session::alice(turnd.udp_v4()), peer("127.0.0.1:0"));
        session.allocate().relayed();
        assert_eq!(
            session
                .bind_channel(0x4001, peer.local_addr().unwrap())
                .error(),
            None
        );
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let flood = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                // Refused as soon as the server is gone.
                let _ = session.socket.send(&[0x40, 0x01, 0, 1, 7]);
            }
        });
        receive(&peer);
        let ended = turnd.stop_by(signal);
        stop.store(true, Ordering::Relaxed);
        flood.join().unwrap();
        assert!(ended.status.success(), "{}", ended.status);
        assert!(ended.took < STOP_LIMIT, "{:?}", ended.took);
    }
}

#[test]
fn a_second_server_on_the_same_port_is_refused() {
    for threads in [1, 4] {
        let config = format!(
            "listening-ip=127.0.0.1\nlistening-port={}\nrelay-threads={threads}\nrealm=example.org\nuser=alice:secret\n",
            free_block(1)
        );
        let first = Turnd::start(&config);
        let second = run(&config, &[]);
        assert_eq!(second.status.code(), Some(1), "{}", said(&second));
        let expected = format!("cannot listen on udp {}", first.udp_v4());
        assert!(said(&second).contains(&expected), "{}", said(&second));
        // Every client is still the first one's.
        let sessions: Vec<Session> = (0..20).map(|_| Session::alice(first.udp_v4())).collect();
        for session in &sessions {
            assert_eq!(session.allocate().error(), None);
        }
    }
}

#[test]
fn no_auth_relays_for_anyone() {
    let turnd =
        Turnd::start("listening-ip=127.0.0.1\nlistening-port=0\nno-auth\nallow-loopback-peers\n");
    let (session, peer) = (Session::new(turnd.udp_v4(), "", ""), peer("127.0.0.1:0"));
    let relayed = session
        .exchange(Method::ALLOCATE, |writer| {
            writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        })
        .relayed();
    let bound = session.exchange(Method::CHANNEL_BIND, |writer| {
        channel_and_peer(writer, 0x4001, peer.local_addr().unwrap());
    });
    assert_eq!(bound.error(), None);
    session.send_on(0x4001, b"out");
    assert_eq!(receive(&peer), (b"out".to_vec(), relayed));
    peer.send_to(b"back", relayed).unwrap();
    assert_eq!(
        session.arrival(),
        Arrival::Channel(0x4001, b"back".to_vec())
    );
}

#[test]
fn every_mistake_is_told_with_file_line_and_option_and_the_code_is_255() {
    let output = run(
        "realm=example.org\nmin-port=many\nuser=alice\nexternal-ip=1.2.3\nfingerprint=perhaps\n",
        &["--user-quota=few"],
    );
    assert_eq!(output.status.code(), Some(255), "{}", said(&output));
    for expected in [
        "turnserver.conf:2: min-port",
        "turnserver.conf:3: user",
        "turnserver.conf:4: external-ip",
        "turnserver.conf:5: fingerprint",
        "command line: user-quota",
    ] {
        let lines = said(&output);
        let line = lines.lines().find(|line| line.contains(expected));
        let line = line.unwrap_or_else(|| panic!("{expected}\nis not in\n{lines}"));
        assert!(line.contains("expected"), "{line}");
    }
    assert!(output.stdout.is_empty(), "errors go to standard error");
}

#[test]
fn a_port_that_the_system_chose_is_the_same_on_every_address() {
    let turnd = Turnd::start(
        "listening-ip=127.0.0.1\nlistening-ip=127.0.0.2\nlistening-ip=::1\nlistening-port=0\nrelay-threads=4\nno-auth\n",
    );
    let port = turnd.udp_v4().port();
    for server in ["127.0.0.1", "127.0.0.2", "::1"] {
        let server = SocketAddr::new(server.parse().unwrap(), port);
        assert_eq!(Session::new(server, "", "").binding().error(), None);
        assert!(UdpSocket::bind(server).is_err(), "{server} is taken");
    }
}

/// Runs it to its end with this file; a server that starts is stopped, with code 124, after five seconds.
fn run(config: &str, arguments: &[&str]) -> Output {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!(
        "lifecycle-{}-{}",
        std::process::id(),
        config.len()
    ));
    std::fs::create_dir_all(&file).unwrap();
    std::fs::write(file.join("turnserver.conf"), config).unwrap();
    let output = Command::new("timeout")
        .args([
            "5",
            env!("CARGO_BIN_EXE_turnd"),
            "--config",
            "turnserver.conf",
        ])
        .args(arguments)
        .current_dir(&file)
        .output()
        .unwrap();
    std::fs::remove_dir_all(file).unwrap();
    output
}

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr]
        .map(String::from_utf8_lossy)
        .concat()
}
