//! Health: what an orchestrator is told, also when a worker stands still.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    metrics::CONFIG,
    reload::{alice, must_reload},
    scrape::{get, scrape},
    session::Session,
    support::{
        as_long,
        foreign::{foreign, script},
        turnd::Turnd,
    },
};

/// A thread that is stopped until this is dropped.
struct Stopped(Child);

impl Stopped {
    fn thread(python: &str, pid: u32, name: &str) -> Self {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        let thread = tasks
            .map(|task| task.unwrap().path())
            .find(|path| fs::read_to_string(path.join("comm")).unwrap().trim() == name)
            .expect("a thread of that name");
        let mut child = Command::new(python)
            .arg(script("stop_thread.py"))
            .arg(thread.file_name().unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut printed = BufReader::new(child.stdout.take().unwrap());
        printed.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "stopped", "ptrace needs to be allowed");
        Self(child)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[test]
fn a_worker_that_stands_still_is_named_and_its_counters_do_not_fall() {
    let Some(python) = foreign("python3") else {
        return;
    };
    let turnd = Turnd::start(CONFIG);
    let mut sessions = Vec::new();
    for _ in 0..8 {
        let session = Session::new(turnd.udp_v4(), "alice", "secret");
        assert_eq!(session.allocate().error(), None);
        sessions.push(session);
    }
    assert_eq!(get(&turnd, "/healthz").status, 200);
    let before = scrape(&turnd);
    assert!(before.value("turnd_worker_up{worker=\"1\"}") > 0.5);

    let stopped = Stopped::thread(&python, turnd.pid(), "turnd-1");
    let sick = get(&turnd, "/healthz");
    assert_eq!(
        (sick.status, sick.body.as_str()),
        (503, "no answer from worker 1\n")
    );
    let began = Instant::now();
    let during = scrape(&turnd);
    assert!(began.elapsed() < Duration::from_secs(5));
    during.expect(&[
        ("turnd_worker_up{worker=\"0\"}", 1.0),
        ("turnd_worker_up{worker=\"1\"}", 0.0),
        ("turn_total_allocations{type=\"UDP\"}", 8.0),
        ("turnd_allocations_created_total", 8.0),
    ]);
    // Clients may still be sent here: the other worker serves them.
    assert_eq!(get(&turnd, "/readyz").status, 200);

    drop(stopped);
    let until = Instant::now() + Duration::from_secs(10);
    while get(&turnd, "/healthz").status != 200 {
        assert!(Instant::now() < until, "it does not get well again");
    }
    scrape(&turnd).expect(&[("turnd_worker_up{worker=\"1\"}", 1.0)]);
}

/// Of a small number of descriptors clients get no more than leaves some for whoever looks after the server.
#[test]
fn clients_cannot_use_up_the_descriptors_that_metrics_and_a_reload_need() {
    let turnd = Turnd::start_with_few_files(CONFIG, 80);
    let clients: Vec<Session> = (0..80).map(|_| alice(&turnd)).collect();
    let refused = clients
        .iter()
        .filter(|it| it.allocate().error() == Some(508));
    assert!((1..80).contains(&refused.count()));
    // Those of connections are the same. Some are reset before this end knows that there is one.
    let connections: Vec<_> = (0..80)
        .map(|_| std::net::TcpStream::connect(turnd.address_of("tcp")))
        .collect();
    assert_eq!(get(&turnd, "/healthz").status, 200);
    let now = scrape(&turnd);
    let allocations = now.value("turn_total_allocations{type=\"UDP\"}");
    assert!(allocations > 5.0, "{allocations}");
    let line = must_reload(&turnd, &format!("{CONFIG}user=carol:christmas\n"));
    assert!(line.contains("changed: users"), "{line}");
    drop(connections);
}

/// What a worker answers has the same size however many allocations it has. In the long run as many as there may be
/// descriptors, a hundred thousand at most.
#[test]
fn a_scrape_takes_less_than_five_milliseconds_however_many_allocations_there_are() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let descriptors = limit.maximum.unwrap_or(u64::MAX).saturating_sub(1000);
    let allocations = as_long(1000, u32::try_from(descriptors.min(100_000)).unwrap());
    let relays = "relay-ip=127.0.0.2\nrelay-ip=127.0.0.3\nmin-port=1025\n";
    // One client address has too few ports for all.
    let listeners: String = (2..=5)
        .map(|it| format!("listening-ip=127.0.0.{it}\n"))
        .collect();
    let turnd = Turnd::start(&format!("{CONFIG}{relays}{listeners}"));
    let servers = turnd.addresses("udp");
    for server in servers.iter().cycle().take(allocations as usize) {
        // The port of a socket that was closed may come again, and has an allocation already (437).
        while let Some(error) = Session::new(*server, "alice", "secret").allocate().error() {
            assert_eq!(error, 437);
        }
    }
    let mut times = Vec::new();
    for _ in 0..20 {
        // Who asks again within 10 ms waits for the rest of them.
        std::thread::sleep(Duration::from_millis(15));
        let began = Instant::now();
        let now = scrape(&turnd);
        times.push(began.elapsed());
        now.expect(&[(
            "turn_total_allocations{type=\"UDP\"}",
            f64::from(allocations),
        )]);
    }
    times.sort_unstable();
    println!(
        "{allocations} allocations: {} to {} us, median {} us",
        times[0].as_micros(),
        times[19].as_micros(),
        times[10].as_micros()
    );
    // Where nothing else runs.
    let most = Duration::from_millis(as_long(50, 5));
    assert!(times[10] < most, "{times:?}");
}

/// A file of coturn's whose users are in a database: a balancer would send everybody to a server that refuses them.
#[test]
fn a_server_that_nobody_may_relay_through_is_healthy_and_not_ready() {
    let config = CONFIG.replace("user=alice:secret\nuser=bob:secret\n", "");
    let turnd = Turnd::start(&format!("{config}lt-cred-mech\nmysql-userdb=host=db\n"));
    assert_eq!(get(&turnd, "/healthz").status, 200);
    let answer = get(&turnd, "/readyz");
    assert_eq!(answer.status, 503);
    assert!(answer.body.starts_with("nobody may relay"), "{answer:?}");
    scrape(&turnd).expect(&[("turnd_ready", 0.0)]);
    turnd.wait_for_line_after(0, "example: stun:127.0.0.1:");

    must_reload(&turnd, CONFIG);
    assert_eq!(get(&turnd, "/readyz").status, 200);
    // One that is for STUN alone is what it is meant to be.
    must_reload(&turnd, &format!("{config}stun-only\n"));
    assert_eq!(get(&turnd, "/readyz").status, 200);
    scrape(&turnd).expect(&[("turnd_ready", 1.0)]);
}
