//! Whoever sends as fast as it can does not silence the others on the same worker.

use std::{
    net::UdpSocket,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    session::Session,
    support::{echo::EchoPeer, turnd::Turnd},
};

const CLIENTS: usize = 20;
const ROUNDS: u8 = 10;

#[test]
fn a_peer_that_floods_one_relay_does_not_silence_the_others() {
    let turnd = start();
    let echo = EchoPeer::start("127.0.0.1".parse().unwrap());
    let quiet = quiet_clients(&turnd, &echo);
    let hog = Session::new(turnd.udp_v4(), "alice", "secret");
    let relayed = hog.allocate().relayed();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_eq!(hog.bind(peer.local_addr().unwrap()).error(), None);

    let flood = Flood::start(move || drop(peer.send_to(&[0xEE; 1000], relayed)));
    let answered = ping(&quiet);
    let sent = flood.stop();
    // Measured: 200 of 200. Every relay has a buffer of its own; only a starved loop loses more.
    let sum: usize = answered.iter().sum();
    assert!(sum >= 190, "{sum} of 200 answered beside {sent} datagrams");
}

#[test]
fn a_client_that_floods_leaves_every_other_client_its_turn() {
    let turnd = start();
    let echo = EchoPeer::start("127.0.0.1".parse().unwrap());
    let quiet = quiet_clients(&turnd, &echo);
    // A peer that is never read: the flood goes one way.
    let sink = UdpSocket::bind("127.0.0.1:0").unwrap();
    let hog = Session::new(turnd.udp_v4(), "alice", "secret");
    hog.allocate().relayed();
    assert_eq!(hog.bind(sink.local_addr().unwrap()).error(), None);

    let flood = Flood::start(move || hog.send_channel(&[0xEE; 1000]));
    let answered = ping(&quiet);
    let sent = flood.stop();
    // Clients share the listener's buffer in the kernel, which drops what does not fit, whosever it
    // is. Measured: 10 of 10 for each with a core for each thread, fewer with less.
    assert!(
        answered.iter().all(|&count| count >= 2),
        "{answered:?} beside {sent} datagrams"
    );
}

fn start() -> Turnd {
    Turnd::start(
        "listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\nuser=alice:secret\nrelay-threads=1\n\
         allow-loopback-peers\n",
    )
}

fn quiet_clients(turnd: &Turnd, echo: &EchoPeer) -> Vec<Session> {
    let connect = |_| {
        let session = Session::new(turnd.udp_v4(), "alice", "secret");
        session.allocate().relayed();
        assert_eq!(session.bind(echo.address()).error(), None);
        // What is lost to the flood is waited for only so long.
        session
            .socket
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        session
    };
    (0..CLIENTS).map(connect).collect()
}

/// How many of its pings each client got back.
fn ping(clients: &[Session]) -> Vec<usize> {
    let mut answered = vec![0; clients.len()];
    for round in 0..ROUNDS {
        for session in clients {
            session.send_channel(&[round]);
        }
        for (session, count) in clients.iter().zip(&mut answered) {
            *count += usize::from(session.socket.recv(&mut [0; 16]).is_ok());
        }
    }
    // What came late, because the machine was busy, is not lost.
    for (session, count) in clients.iter().zip(&mut answered) {
        while *count < usize::from(ROUNDS) && session.socket.recv(&mut [0; 16]).is_ok() {
            *count += 1;
        }
    }
    answered
}

/// A thread that does one thing over and over.
struct Flood {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Flood {
    /// Returns when the flood is on.
    fn start(send: impl Fn() + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, on) = mpsc::channel();
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let mut sent = 0;
            while !stopped.load(Ordering::Relaxed) {
                send();
                sent += 1;
                if sent == 1000 {
                    tell.send(()).expect("somebody waits for it");
                }
            }
            sent
        });
        on.recv().expect("the flood thread runs");
        Self { stop, thread }
    }

    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
