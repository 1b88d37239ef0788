//! `coalesce-usecs`: a busy worker pauses, so that several datagrams come at a time, and nobody else waits for it. That
//! nothing is lost or overtaken is shown by `serving::bursts`, with pauses and without.

use std::{
    fs,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    client::{Client, Peer, channel_message, eventually},
    pki::Authority,
    scrape::scrape,
    session::Session,
    support::turnd::Turnd,
    tls::tls,
};

/// As long as it may be, so that nothing else takes that long.
const PAUSE: Duration = Duration::from_millis(1);
const CONFIG: &str = "\
listening-ip=127.0.0.1
listening-port=0
realm=example.org
user=alice:secret
allow-loopback-peers
relay-threads=1
coalesce-usecs=1000
prometheus
prometheus-address=127.0.0.1
prometheus-port=0
";
/// More than the 4000 a second from which on four datagrams come in a pause.
const EVERY: Duration = Duration::from_micros(100);
/// Datagrams in a turn of the loop from which on pauses must have gathered them: without any there is one.
const SEVERAL: f64 = 2.0;
/// How many are looked at.
const LOOK: f64 = 2000.0;
/// So long there is no moment without much else on no machine.
const LONG: Duration = Duration::from_secs(30);
/// After that a machine is too busy for this test.
const LONGEST: Duration = Duration::from_secs(120);
/// Pings from which on it is known how long they wait.
const FEWEST: u32 = 20;
/// Between two datagrams that have nothing to do with each other: nothing came for longer than is remembered.
const ALONE: Duration = Duration::from_millis(20);

/// A client that sends ten thousand datagrams a second to a peer who does not read them.
struct Traffic {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Traffic {
    fn start(turnd: &Turnd) -> Self {
        let session = Session::new(turnd.udp_v4(), "alice", "secret");
        let sink = UdpSocket::bind("127.0.0.1:0").unwrap();
        session.allocate().relayed();
        assert_eq!(session.bind(sink.local_addr().unwrap()).error(), None);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut due = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                session.send_channel(&[0x5A; 160]);
                // On a busy machine it makes up for what it missed.
                due += EVERY;
                while Instant::now() < due {
                    thread::yield_now();
                }
            }
            drop(sink);
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Datagrams received, and turns of the loop.
fn counted(turnd: &Turnd) -> (f64, f64) {
    let scrape = scrape(turnd);
    (
        scrape.value("turn_packet_processed"),
        scrape.value(r#"turnd_worker_turn_seconds_count{worker="0"}"#),
    )
}

/// Waits until a turn has several datagrams in the middle.
fn expect_pauses(turnd: &Turnd) {
    let began = Instant::now();
    let mut found = Vec::new();
    while began.elapsed() < LONG {
        let before = counted(turnd);
        let mut after = counted(turnd);
        while after.0 - before.0 < LOOK && began.elapsed() < LONG {
            after = counted(turnd);
        }
        let (datagrams, turns) = (after.0 - before.0, after.1 - before.1);
        if datagrams >= LOOK && datagrams >= SEVERAL * turns {
            return;
        }
        found.push((datagrams, turns));
    }
    panic!("so many datagrams come in so many turns: {found:?}");
}

fn bound(turnd: &Turnd) -> (Session, Peer) {
    let (session, peer) = (Session::new(turnd.udp_v4(), "alice", "secret"), Peer::new());
    session.allocate().relayed();
    assert_eq!(session.bind(peer.address()).error(), None);
    (session, peer)
}

/// How long the server's threads and this one were ready to run and did not, because others did.
fn waited_for_processor(turnd: &Turnd) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{}/task", turnd.pid())).expect("it runs");
    let paths = tasks.map(|task| task.expect("a thread").path());
    let paths = paths.chain(["/proc/thread-self".into()]);
    let waited = paths.map(|path| {
        let statistics = fs::read_to_string(path.join("schedstat")).expect("schedstat");
        let second = statistics.split(' ').nth(1).expect("two figures");
        Duration::from_nanos(second.parse().expect("nanoseconds"))
    });
    waited.sum()
}

#[test]
fn a_busy_worker_pauses_and_each_datagram_waits_for_one_pause_at_most() {
    let turnd = Turnd::start(CONFIG);
    let traffic = Traffic::start(&turnd);
    expect_pauses(&turnd);
    let (session, peer) = bound(&turnd);
    let (mut looked, mut in_time) = (0, 0);
    let began = Instant::now();
    for number in 0_u32.. {
        // On a busy machine there are few that nobody disturbs.
        if looked == 100 || looked >= FEWEST && began.elapsed() > LONG {
            break;
        }
        let is_late = began.elapsed() > LONGEST;
        assert!(
            !is_late,
            "{looked} of {number} were not disturbed by others"
        );
        // At any time of a pause.
        thread::sleep(PAUSE / 10 + PAUSE * (number * 37 % 100) / 100);
        let waited = waited_for_processor(&turnd);
        let sent = Instant::now();
        session.send_channel(b"ping");
        assert_eq!(peer.receive().0, b"ping");
        let took = sent.elapsed();
        // Time that others took from the worker, or from this thread, is not its own.
        if waited_for_processor(&turnd).saturating_sub(waited) < PAUSE / 4 {
            looked += 1;
            in_time += u32::from(took < PAUSE * 3 / 2);
        }
    }
    assert!(in_time * 10 >= looked * 9, "{in_time} of {looked}");
    drop(traffic);
}

/// Two datagrams in a quiet time, and the second is there before a pause that the first brought could be over.
fn is_quick(session: &Session, peer: &Peer) -> bool {
    thread::sleep(ALONE);
    let began = Instant::now();
    session.send_channel(b"first");
    assert_eq!(peer.receive().0, b"first");
    // The worker can pause, if it wants to: it may have to wait for this processor.
    thread::sleep(PAUSE / 10);
    session.send_channel(b"second");
    assert_eq!(peer.receive().0, b"second");
    began.elapsed() < PAUSE
}

#[test]
fn a_datagram_alone_does_not_wait_neither_before_much_traffic_nor_after_it() {
    let turnd = Turnd::start(CONFIG);
    let (session, peer) = bound(&turnd);
    let expect_no_pause = || {
        // Several times: a worker that was late may not have begun its pause.
        for _ in 0..5 {
            eventually("a datagram is relayed without a pause", || {
                is_quick(&session, &peer)
            });
        }
    };
    expect_no_pause();
    let traffic = Traffic::start(&turnd);
    expect_pauses(&turnd);
    drop(traffic);
    expect_no_pause();
}

/// Messages of all sizes, glued together on the way there, and one after the other on the way back.
fn talk(client: &mut Client, peer: &Peer, relayed: SocketAddr) {
    let data = |number: usize| vec![number as u8; 1 + number * 37 % 1200];
    for numbers in [0..20, 20..40] {
        let glued: Vec<Vec<u8>> = numbers
            .clone()
            .map(|it| channel_message(&data(it)))
            .collect();
        client.send(&glued.concat());
        for number in numbers.clone() {
            assert_eq!(peer.receive(), (data(number), relayed));
        }
        for number in numbers.clone() {
            peer.socket.send_to(&data(number), relayed).unwrap();
        }
        for number in numbers {
            assert_eq!(client.receive(), data(number));
        }
    }
}

#[test]
fn streams_and_requests_go_on_beside_the_pauses() {
    let authority = Authority::new();
    let config = format!("{CONFIG}cert=cert.pem\npkey=key.pem\ntls-listening-port=0\n");
    let turnd = Turnd::start_with_files(&config, &authority.issue().files());
    let traffic = Traffic::start(&turnd);
    expect_pauses(&turnd);
    let server = turnd.address("tcp", SocketAddr::is_ipv4);
    for mut client in [Client::tcp(server), tls(server, &authority).unwrap().0] {
        let peer = Peer::new();
        let relayed = client.set_up(&peer);
        talk(&mut client, &peer, relayed);
        assert_eq!(client.binding().mapped(), client.local());
        // One of many that come and go meanwhile.
        for _ in 0..10 {
            let (session, _) = bound(&turnd);
            assert_eq!(session.binding().error(), None);
            assert_eq!(session.delete().error(), None);
        }
        talk(&mut client, &peer, relayed);
        client.close();
    }
    expect_pauses(&turnd);
    drop(traffic);
}
