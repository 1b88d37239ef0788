//! Connections that begin something and do not go on, in numbers that only an attack has.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use turnd_net::{TcpOptions, TcpStream};

use crate::{
    client::{Client, connect_unless_refused, eventually},
    support::{
        certificates::{Certificates, KeyKind},
        turnd::Turnd,
    },
};

const CONNECTIONS: usize = 10_000;
/// In kB.
const MOST_MEMORY: usize = 40_000;
const CLOSED_WITHIN: Duration = Duration::from_secs(12);

/// Attacks C08 to C10: nothing at all, half a header, and as much of a TLS hello as may be kept.
#[test]
fn ten_thousand_half_open_connections_cost_little_and_are_closed() {
    raise_file_limit();
    let certificates = Certificates::new(KeyKind::Ecdsa);
    let turnd = Turnd::start(&format!(
        "listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\nuser=alice:secret\n\
         relay-threads=2\nmax-connections-per-address=1024\n{}",
        certificates.options()
    ));
    let servers = turnd.addresses("tls");
    let before = turnd.resident();
    let long_hello = [&[22, 3, 1, 0x40, 0][..], &[1; 16_000]].concat();
    let beginnings: [&[u8]; 3] = [b"", b"\x00\x01\x00\x00\x21\x12", &long_hello];

    let open: Vec<TcpStream> = (0..CONNECTIONS)
        .filter_map(|number| {
            // No address has more than it may have.
            let [high, low] = u16::try_from(number / 500 + 256).unwrap().to_be_bytes();
            let from = SocketAddr::from((Ipv4Addr::new(127, high, low, 7), 0));
            let server = servers[number % servers.len()];
            let options = TcpOptions::default();
            let stream = TcpStream::connect(from, server, &options, |_| Ok(())).unwrap();
            write(&stream, beginnings[number % 3]).then_some(stream)
        })
        .collect();
    let opened = Instant::now();

    let grown = turnd.resident().saturating_sub(before);
    assert!(
        grown <= MOST_MEMORY,
        "{grown} kB for {CONNECTIONS} connections"
    );
    for &server in &servers {
        Client::tcp(server).binding();
    }
    for stream in &open {
        wait_for_end(stream, opened + CLOSED_WITHIN);
    }
    let grown = turnd.resident().saturating_sub(before);
    assert!(grown <= MOST_MEMORY, "{grown} kB after they were closed");
    Client::tcp(servers[0]).binding();
}

/// Writes all of it once the connection is there. `false` if the server has closed it already, as it may when
/// strangers have sent too much.
fn write(mut stream: &TcpStream, mut bytes: &[u8]) -> bool {
    loop {
        match stream.write(bytes) {
            Ok(count) if count == bytes.len() => return true,
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            Err(_) => return false,
        }
    }
}

fn wait_for_end(mut stream: &TcpStream, deadline: Instant) {
    loop {
        match stream.read(&mut [0; 64]) {
            Ok(0) => return,
            // An alert.
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                assert!(Instant::now() < deadline, "open after {CLOSED_WITHIN:?}");
                thread::yield_now();
            }
            Err(_) => return,
        }
    }
}

fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).expect("raising the limit of open files");
    let enough = limit
        .maximum
        .is_none_or(|most| most > CONNECTIONS as u64 + 500);
    assert!(
        enough,
        "needs {CONNECTIONS} open files: ulimit -n is {limit:?}"
    );
}

/// Attack C09: an acceptor that is ready and cannot accept must not spin, nor fill the log.
#[test]
fn without_descriptors_the_server_rests_and_recovers() {
    let config = "listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\nuser=alice:secret\n\
                  relay-threads=1\n";
    let turnd = Turnd::start_with_few_files(config, 64);
    let server = turnd.address("tcp", SocketAddr::is_ipv4);
    // The first ones get in and stay; the others wait in the kernel, and are reset one by one.
    let waiting: Vec<std::net::TcpStream> = (0..100)
        .filter_map(|_| connect_unless_refused(server))
        .collect();
    eventually("descriptors run out", || {
        turnd.log().contains("cannot accept a connection")
    });
    let before = turnd.cpu_time();
    // What is measured is time itself.
    thread::sleep(Duration::from_secs(1));
    let used = turnd.cpu_time().saturating_sub(before);
    assert!(used < Duration::from_millis(50), "{used:?} of a second");
    let complaints = turnd.log().matches("cannot accept").count();
    assert_eq!(complaints, 1, "{}", turnd.log());
    let is_reset = |mut socket: &std::net::TcpStream| {
        socket.set_nonblocking(true).unwrap();
        let read = socket.read(&mut [0]);
        read.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
    };
    assert!(waiting.len() < 100 || waiting.iter().any(is_reset));

    drop(waiting);
    let freed = Instant::now();
    Client::tcp(server).binding();
    let took = freed.elapsed();
    assert!(took < Duration::from_secs(1), "served after {took:?}");
}
