//! What goes wrong inside and around, and who notices.

use std::{
    net::{SocketAddr, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use turnd_wire::{Algorithm, Class, Integrity, Key, Method, attr};

use crate::{
    namespace::in_own_network,
    scrape::scrape,
    support::{as_long, blocks::free_block, turnd::Turnd},
    ways::{Client, Reply, Way, message},
};

pub(crate) const CONFIG: &str = "realm=example.org\nuser=alice:secret\nlistening-ip=127.0.0.1\nlistening-port=0\n\
     allow-loopback-peers\nself-signed\ntls-listening-port=0\ndtls\nprometheus\n\
     prometheus-address=127.0.0.1\nprometheus-port=0\nfailed-logins=0\n";
const UNLUCKY: &str = "mallory";

fn with_unlucky_user(more: &str) -> Turnd {
    Turnd::start_as(&format!("{CONFIG}{more}"), |command| {
        command.env("TURND_TEST_PANIC_USER", UNLUCKY);
        // Whoever wants one has to wait for it.
        command.env("RUST_BACKTRACE", "0");
    })
}

/// A client, a peer that it has a channel to, and the relay between them.
pub(crate) struct Call {
    pub(crate) client: Client,
    peer: UdpSocket,
    relayed: SocketAddr,
}

impl Call {
    pub(crate) fn new(way: Way, turnd: &Turnd) -> Self {
        Self::of(Client::new(way, turnd))
    }

    pub(crate) fn of(mut client: Client) -> Self {
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let relayed = client.allocate(17, 1).relayed()[0];
        assert_eq!(client.bind(0x4000, peer.local_addr().unwrap()), None);
        Self {
            client,
            peer,
            relayed,
        }
    }

    /// Whether what either side sends arrives.
    pub(crate) fn talk(&mut self) {
        self.client.send_on(0x4000, b"there");
        let mut buffer = [0; 100];
        let (length, from) = self.peer.recv_from(&mut buffer).expect("data");
        assert_eq!((&buffer[..length], from), (&b"there"[..], self.relayed));
        self.peer.send_to(b"back", self.relayed).unwrap();
        assert_eq!(&self.client.next()[4..8], b"back");
    }

    /// Whether the relay is gone: nothing that the client sends gets out, nothing that the peer sends gets in.
    /// On a connection that is open still.
    pub(crate) fn is_over(&mut self) -> bool {
        self.peer.send_to(b"back", self.relayed).unwrap();
        self.client.send_on(0x4000, b"there");
        let hears_nothing = self.client.hears_nothing();
        self.peer.set_nonblocking(true).unwrap();
        // The other end may say that nobody is there.
        let heard = std::iter::repeat_with(|| self.peer.recv(&mut [0; 100]));
        let mut heard = heard.take_while(
            |it| !matches!(it, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock),
        );
        hears_nothing && !heard.any(|it| it.is_ok())
    }

    fn is_alive(&mut self) -> bool {
        let reply = self.client.request(Method::REFRESH, |writer| {
            writer.number32(attr::LIFETIME, 600);
        });
        match reply.error() {
            None => true,
            Some(437) => false,
            other => panic!("{other:?}"),
        }
    }
}

/// Has the worker that this address leads to panic, and waits until it answers again; how long that took.
fn strike(turnd: &Turnd) -> Duration {
    let mut client = Client::new(Way::Udp, turnd).user(UNLUCKY, "x");
    client.request_in_vain(Method::ALLOCATE);
    let began = Instant::now();
    // The same five-tuple, so the same worker.
    assert!(client.hears_nothing());
    began.elapsed()
}

/// F21: a panic ends the sessions of one worker, which is there again in a moment; others do not notice.
#[test]
fn f21_a_panic_is_one_workers_and_soon_over() {
    let turnd = with_unlucky_user("relay-threads=4\n");
    let mut calls: Vec<Call> = (0..24).map(|_| Call::new(Way::Udp, &turnd)).collect();
    calls.iter_mut().for_each(Call::talk);
    let seen = turnd.line_count();
    let took = strike(&turnd);
    // A tenth of a second where nothing else runs; other tests run here.
    assert!(took < Duration::from_millis(500), "{took:?}");
    let line = turnd.wait_for_line_after(seen, "begins anew after a panic");
    assert!(line.contains("ERROR"), "{line}");

    let before = calls.len();
    let (alive, dead): (Vec<Call>, Vec<Call>) = {
        let mut calls = calls;
        let flags: Vec<bool> = calls.iter_mut().map(Call::is_alive).collect();
        let mut flags = flags.into_iter();
        calls.into_iter().partition(|_| flags.next().unwrap())
    };
    assert!(
        !alive.is_empty() && alive.len() <= before,
        "{} of {before}",
        alive.len()
    );
    let metrics = scrape(&turnd);
    let failed = metrics.value("turnd_allocations_ended_total{reason=\"failed\"}");
    assert_eq!(failed as usize, dead.len());
    assert_eq!(metrics.value("turnd_worker_restarts_total"), 1.0);
    assert_eq!(
        metrics.value("turnd_allocations_created_total") as usize,
        before
    );
    assert_eq!(
        metrics.value("turnd_relay_ports_used{address=\"127.0.0.1\"}") as usize,
        alive.len()
    );
    for mut call in alive {
        call.talk();
    }
    // Who was struck comes back on the same socket.
    for mut call in dead {
        call.relayed = call.client.allocate(17, 1).relayed()[0];
        assert_eq!(
            call.client.bind(0x4000, call.peer.local_addr().unwrap()),
            None
        );
        call.talk();
    }
    assert!(turnd.stop().status.success());
}

/// F21, of every transport: nothing is left of what a worker had, however often it falls.
#[test]
fn f21_a_worker_falls_again_and_again_and_leaves_nothing_behind() {
    let turnd = with_unlucky_user("relay-threads=1\nuser-quota=4\n");
    let round = || {
        let mut calls = Way::ALL.map(|way| Call::new(way, &turnd));
        calls.iter_mut().for_each(Call::talk);
        strike(&turnd);
    };
    let files = || {
        std::fs::read_dir(format!("/proc/{}/fd", turnd.pid()))
            .unwrap()
            .count()
    };
    // A worker that falls in quick succession rests in between, a little longer each time.
    for _ in 0..3 {
        round();
    }
    let (open, memory) = (files(), turnd.resident());
    for _ in 0..5 {
        round();
    }
    assert!(files() <= open, "{} and then {}", open, files());
    let grown = turnd.resident().saturating_sub(memory);
    assert!(grown < 4096, "{grown} kB more");
    let metrics = scrape(&turnd);
    assert_eq!(metrics.value("turnd_worker_restarts_total"), 8.0);
    assert_eq!(
        metrics.value("turnd_allocations_ended_total{reason=\"failed\"}"),
        32.0
    );
    assert_eq!(metrics.value("turnd_connections{transport=\"tls\"}"), 0.0);
    // A reload, a certificate and the end are as ever.
    let seen = turnd.line_count();
    turnd.signal("HUP");
    turnd.wait_for_line_after(seen, "SIGHUP");
    Call::new(Way::Tls, &turnd).talk();
    let stopped = turnd.stop();
    assert!(stopped.status.success() && stopped.took < Duration::from_secs(2));
}

/// A call that is set up over a bad network, one request after the other, each sent again as RFC 8489 section 6.2.1 says.
struct Setup {
    way: BadWay,
    /// Which request it is: the challenge, Allocate, ChannelBind; 3 is the end.
    step: usize,
    id: [u8; 12],
    bytes: Vec<u8>,
    nonce: Vec<u8>,
    tries: u32,
    again: Instant,
    relayed: Option<SocketAddr>,
}

impl Setup {
    fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("8.8.4.1:0").unwrap();
        socket.connect(server).unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut setup = Self {
            way: BadWay::new(socket),
            step: 0,
            id: [0; 12],
            bytes: Vec::new(),
            nonce: Vec::new(),
            tries: 0,
            again: Instant::now(),
            relayed: None,
        };
        setup.ask();
        setup
    }

    fn ask(&mut self) {
        let key = Key::long_term(Algorithm::Md5, "alice", "example.org", "secret");
        let method = if self.step < 2 {
            Method::ALLOCATE
        } else {
            Method::CHANNEL_BIND
        };
        (self.id, self.bytes) = message(Class::Request, method, |writer| {
            if self.step < 2 {
                writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
            } else {
                writer.bytes(attr::CHANNEL_NUMBER, &[0x40, 0, 0, 0]);
                writer.xor_address(attr::XOR_PEER_ADDRESS, "8.8.8.8:9".parse().unwrap());
            }
            if self.step > 0 {
                writer.text(attr::USERNAME, "alice");
                writer.text(attr::REALM, "example.org");
                writer.bytes(attr::NONCE, &self.nonce);
                writer.integrity(Integrity::Sha1, &key);
            }
        });
        self.tries = 0;
        self.again = Instant::now();
    }

    /// Sends what is due and takes what has come; `false` at the end.
    fn go_on(&mut self) -> bool {
        while let Some(bytes) = self.way.receive() {
            let reply = Reply(bytes);
            if self.step == 3 || reply.message().transaction_id() != self.id.into() {
                continue;
            }
            let nonce = reply.message().attribute(attr::NONCE).map(<[u8]>::to_vec);
            match (self.step, reply.error()) {
                (0, Some(401)) => self.nonce = nonce.expect("a nonce"),
                (1, None) => self.relayed = reply.relayed().first().copied(),
                (2, None) => {}
                (step, error) => panic!("request {step}: {error:?}"),
            }
            self.step += 1;
            if self.step < 3 {
                self.ask();
            }
        }
        if self.step < 3 && Instant::now() >= self.again {
            assert!(self.tries < 7, "request {} is lost", self.step);
            self.way.send(&self.bytes);
            self.again = Instant::now() + Duration::from_millis(500 << self.tries);
            self.tries += 1;
        }
        self.step < 3
    }
}

/// A network that loses 5 % each way, doubles 1 %, and keeps what it carries for 30 to 70 ms, a quarter of it not at
/// all, so that it overtakes the rest.
struct BadWay {
    socket: UdpSocket,
    random: u64,
    there: Vec<(Instant, Vec<u8>)>,
    back: Vec<(Instant, Vec<u8>)>,
}

impl BadWay {
    fn new(socket: UdpSocket) -> Self {
        let port = socket.local_addr().unwrap().port();
        Self {
            socket,
            random: 0x9E37_79B9_7F4A_7C15 ^ (u64::from(port) << 17),
            there: Vec::new(),
            back: Vec::new(),
        }
    }

    fn percent(&mut self) -> u64 {
        // xorshift64
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % 100
    }

    /// When the copies of a datagram arrive: none if it is lost.
    fn arrivals(&mut self) -> Vec<Instant> {
        let copies = match self.percent() {
            ..5 => 0,
            5 => 2,
            _ => 1,
        };
        let arrival = |way: &mut Self| {
            let overtakes = way.percent() < 25;
            let delay = if overtakes {
                0
            } else {
                30 + way.percent() * 40 / 100
            };
            Instant::now() + Duration::from_millis(delay)
        };
        (0..copies).map(|_| arrival(self)).collect()
    }

    fn send(&mut self, bytes: &[u8]) {
        let arrivals = self.arrivals();
        self.there
            .extend(arrivals.into_iter().map(|at| (at, bytes.to_vec())));
    }

    /// Lets everything that is due go on its way; one datagram that has come.
    fn receive(&mut self) -> Option<Vec<u8>> {
        let now = Instant::now();
        for (_, bytes) in self.there.extract_if(.., |(at, _)| *at <= now) {
            self.socket.send(&bytes).unwrap();
        }
        let mut buffer = [0; 2048];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let arrivals = self.arrivals();
            let copies = arrivals
                .into_iter()
                .map(|at| (at, buffer[..length].to_vec()));
            self.back.extend(copies);
        }
        let due = self.back.iter().position(|(at, _)| *at <= now)?;
        Some(self.back.swap_remove(due).1)
    }
}

/// F14: loss, delay, disorder and copies on the way cost time and nothing else.
#[test]
fn f14_calls_are_set_up_over_a_bad_network() {
    in_own_network(|| {
        let turnd = Turnd::start(
            "realm=example.org\nuser=alice:secret\nlistening-ip=8.8.4.1\nrelay-ip=8.8.4.1\nlistening-port=0\n\
             relay-threads=2\nunanswered-challenges=0\n",
        );
        let count = as_long(200, 1000);
        let server = turnd.udp_v4();
        let mut setups: Vec<Setup> = (0..count).map(|_| Setup::new(server)).collect();
        let deadline = Instant::now() + Duration::from_secs(60);
        while setups
            .iter_mut()
            .filter_map(|it| it.go_on().then_some(()))
            .count()
            > 0
        {
            assert!(Instant::now() < deadline, "not all are set up in a minute");
            thread::sleep(Duration::from_millis(2));
        }
        // One allocation each: no copy of a request has made another.
        let mut relayed: Vec<_> = setups
            .iter()
            .map(|it| it.relayed.expect("a relay"))
            .collect();
        relayed.sort_unstable();
        relayed.dedup();
        assert_eq!(relayed.len(), count);
        let log = turnd.stop().log;
        assert!(!log.contains("ERROR"), "{log}");
    });
}

/// F02: it ends at once and cleanly, as often as it is asked to.
#[test]
fn f02_an_idle_server_ends_at_once() {
    let mut times = Vec::new();
    for round in 0..as_long(10, 100) {
        let turnd = Turnd::start(CONFIG);
        let stopped = turnd.stop_by(if round % 2 == 0 { "TERM" } else { "INT" });
        assert_eq!(stopped.status.code(), Some(0), "round {round}");
        times.push(stopped.took);
    }
    // The machine may have other things to do now and then.
    times.sort_unstable();
    let median = times[times.len() / 2];
    assert!(median < Duration::from_millis(200), "{times:?}");
}

/// F09: a full range costs nobody time, and a port that was freed is there at once.
#[test]
fn f09_a_full_range_is_told_at_once() {
    let first = free_block(100);
    let turnd = Turnd::start(&format!(
        "{CONFIG}relay-threads=1\nmin-port={first}\nmax-port={}\n",
        first + 99
    ));
    let mut clients: Vec<Client> = (0..100).map(|_| Client::new(Way::Udp, &turnd)).collect();
    for client in &mut clients {
        assert_eq!(client.allocate(17, 1).error(), None);
    }
    let mut late = Client::new(Way::Udp, &turnd);
    assert_eq!(late.allocate(17, 1).error(), Some(508));
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            let began = Instant::now();
            assert_eq!(late.allocate(17, 1).error(), Some(508));
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    // The machine may have other things to do now and then.
    assert!(times[100] <= Duration::from_millis(2), "{:?}", times[100]);
    let gone = clients[7].request(Method::REFRESH, |writer| writer.number32(attr::LIFETIME, 0));
    assert_eq!(gone.error(), None);
    assert_eq!(late.allocate(17, 1).error(), None);
}

/// F11: a machine that stood still for a while goes on where it was.
#[test]
fn f11_a_server_that_stood_still_goes_on_at_once() {
    let turnd = Turnd::start(&format!(
        "{CONFIG}relay-threads=2\nchannel-lifetime=2\npermission-lifetime=2\n"
    ));
    let mut calls: Vec<Call> = (0..20).map(|_| Call::new(Way::Udp, &turnd)).collect();
    turnd.signal("STOP");
    // Longer than permissions and channels last, so that there is much to expire at once.
    thread::sleep(Duration::from_secs(3));
    let relayed = calls[0].relayed;
    turnd.signal("CONT");
    let began = Instant::now();
    assert!(calls[0].client.hears_nothing());
    assert!(
        // 50 ms where nothing else runs.
        began.elapsed() < Duration::from_millis(500),
        "{:?}",
        began.elapsed()
    );
    for call in &mut calls {
        assert!(call.is_alive());
        let peer = call.peer.local_addr().unwrap();
        assert_eq!(call.client.bind(0x4000, peer), None);
        call.talk();
    }
    assert_eq!(calls[0].relayed, relayed);
    assert!(!turnd.log().contains("panicked"), "{}", turnd.log());
}

/// F16: after kill -9 the next server has the ports at once, and clients are back after one round trip more.
#[test]
fn f16_a_thousand_clients_come_back_after_a_crash() {
    let port = free_block(2);
    let config = CONFIG.replace("listening-port=0", &format!("listening-port={port}"))
        + "relay-threads=2\nstateless-nonce-secret=north\n";
    let turnd = Turnd::start(&config);
    let mut clients: Vec<Client> = (0..1000).map(|_| Client::new(Way::Udp, &turnd)).collect();
    for client in &mut clients {
        assert_eq!(client.allocate(17, 1).error(), None);
    }
    turnd.signal("KILL");
    assert!(!turnd.wait().status.success());
    let began = Instant::now();
    let turnd = Turnd::start(&config);
    let ready = began.elapsed();
    for client in &mut clients {
        let gone = client.request(Method::REFRESH, |writer| {
            writer.number32(attr::LIFETIME, 600)
        });
        assert_eq!(gone.error(), Some(437));
        assert_eq!(client.allocate(17, 1).error(), None);
    }
    let all = began.elapsed();
    println!("ready after {ready:?}, a thousand clients are back after {all:?}");
    // The figures are 200 ms and three seconds where nothing else runs.
    assert!(
        ready <= Duration::from_millis(as_long(1000, 200)),
        "{ready:?}"
    );
    assert!(all <= Duration::from_secs(as_long(6, 3)), "{all:?}");
    assert!(!turnd.log().contains("in use"), "{}", turnd.log());
}
