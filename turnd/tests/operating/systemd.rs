//! What a service manager is told, and what its unit allows. The test is the manager.

use std::{
    fs,
    io::{BufRead, BufReader, ErrorKind, Write},
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    session::Session,
    support::{is_root, turnd::Turnd},
};

const CONFIG: &str = "listening-ip=127.0.0.1\nlistening-port=0\nuser=alice:wonderland\nrealm=example.org\nrelay-threads=2\n";
const PATIENCE: Duration = Duration::from_secs(10);

/// A socket that a program sends its state to.
struct Manager {
    socket: UnixDatagram,
    directory: TempDir,
}

impl Manager {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        Self { socket, directory }
    }

    fn start(&self, environment: &[(&str, &str)]) -> Turnd {
        Turnd::start_as(CONFIG, |command| {
            command.env("NOTIFY_SOCKET", self.directory.path().join("notify"));
            command.envs(environment.iter().copied());
        })
    }

    /// The next message, as sorted lines.
    fn next(&self) -> Vec<String> {
        self.next_within(PATIENCE).expect("nothing was told")
    }
}

#[test]
fn it_is_told_of_the_start_and_of_the_end() {
    let manager = Manager::new();
    let turnd = manager.start(&[]);
    assert_eq!(manager.next(), ["READY=1", "STATUS=serving 0 allocations"]);
    turnd.stop();
    assert_eq!(
        manager.next(),
        ["STOPPING=1", "STATUS=stopping with 0 allocations"]
    );
}

impl Manager {
    /// The next message, if one comes in time.
    fn next_within(&self, time: Duration) -> Option<Vec<String>> {
        let until = Instant::now() + time;
        let mut buffer = [0; 4096];
        let length = loop {
            // An interrupted one does not begin its time anew.
            let left = until.saturating_duration_since(Instant::now());
            let left = left.max(Duration::from_micros(1));
            self.socket.set_read_timeout(Some(left)).unwrap();
            match self.socket.recv(&mut buffer) {
                Ok(length) => break length,
                // By the end of a child of this or another test.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) => panic!("{error}"),
            }
        };
        let text = str::from_utf8(&buffer[..length]).unwrap();
        Some(text.lines().map(str::to_owned).collect())
    }

    /// The next status, whatever else is told before.
    fn status(&self) -> String {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let mut told = self.next().into_iter();
            if let Some(status) = told.find(|line| line.starts_with("STATUS=")) {
                return status;
            }
        }
        panic!("no status was told");
    }
}

/// A file of coturn's may have `daemon`: the process that systemd started would end, and the unit with it.
#[test]
fn where_a_manager_waits_to_hear_from_it_the_process_stays_what_it_is() {
    let manager = Manager::new();
    let turnd = Turnd::start_as(&format!("{CONFIG}daemon\n"), |command| {
        command.env("NOTIFY_SOCKET", manager.directory.path().join("notify"));
    });
    assert_eq!(manager.next(), ["READY=1", "STATUS=serving 0 allocations"]);
    turnd.wait_for_line_after(0, "daemon: has no effect");
    // Also after a reload.
    turnd.signal("HUP");
    turnd.wait_for_line_after(0, "SIGHUP received: ");
    turnd.stop();
}

#[test]
fn a_reload_is_told_with_its_time_and_ends_with_ready() {
    let manager = Manager::new();
    let turnd = manager.start(&[]);
    manager.next();
    let before = monotonic();
    turnd.signal("HUP");
    let told = manager.next();
    assert_eq!(told[0], "RELOADING=1");
    let time = told[1].strip_prefix("MONOTONIC_USEC=").expect("the time");
    let time = Duration::from_micros(time.parse().unwrap());
    assert!(before <= time && time <= monotonic(), "{before:?} {time:?}");
    assert_eq!(
        told[2],
        "STATUS=reading the configuration again, serving 0 allocations"
    );
    assert_eq!(manager.next(), ["READY=1", "STATUS=serving 0 allocations"]);
}

/// CLOCK_MONOTONIC, to the microsecond as it is told.
fn monotonic() -> Duration {
    let ran = Command::new("python3")
        .args(["-c", "import time; print(time.monotonic_ns() // 1000)"])
        .output()
        .expect("python3");
    let text = String::from_utf8(ran.stdout).unwrap();
    Duration::from_micros(text.trim().parse().unwrap())
}

#[test]
fn a_reload_that_fails_stays_in_the_status_until_one_succeeds() {
    let manager = Manager::new();
    let turnd = manager.start(&[]);
    manager.next();
    turnd.write_file("turnserver.conf", "min-port=none\n");
    turnd.signal("HUP");
    assert_eq!(manager.next()[0], "RELOADING=1");
    let told = manager.next();
    assert_eq!(told[0], "READY=1");
    let expected = "STATUS=serving 0 allocations; the last reload failed: ";
    assert!(told[1].starts_with(expected), "{told:?}");
    assert!(told[1].contains("turnserver.conf:1: min-port"), "{told:?}");

    turnd.write_file("turnserver.conf", CONFIG);
    turnd.signal("HUP");
    assert_eq!(manager.next()[0], "RELOADING=1");
    assert_eq!(manager.next(), ["READY=1", "STATUS=serving 0 allocations"]);
}

#[test]
fn the_status_tells_of_allocations_and_of_a_drain() {
    let manager = Manager::new();
    let turnd = manager.start(&[]);
    manager.next();
    let client = Session::new(turnd.udp_v4(), "alice", "wonderland");
    client.allocate().relayed();
    assert_eq!(manager.status(), "STATUS=serving 1 allocation");
    turnd.signal("USR1");
    assert_eq!(
        manager.status(),
        "STATUS=draining: no new allocations, 1 allocation left"
    );
}

/// Or it would be killed after TimeoutStopSec, whatever drain-timeout says.
#[test]
fn more_time_is_asked_for_while_allocations_are_waited_for() {
    let manager = Manager::new();
    let directory = manager.directory.path().join("notify");
    let turnd = Turnd::start_as(&format!("{CONFIG}drain-timeout=600\n"), |command| {
        command.env("NOTIFY_SOCKET", directory);
    });
    manager.next();
    let client = Session::new(turnd.udp_v4(), "alice", "wonderland");
    client.allocate().relayed();
    turnd.signal("TERM");
    let asked = |_: &u32| manager.next() == ["EXTEND_TIMEOUT_USEC=30000000"];
    // Whatever else is told meanwhile, it comes before long, and then again.
    assert!((0..20).filter(asked).nth(1).is_some());
}

/// A thread of another process that does not run, as if it hung; it goes on when this is dropped. A signal would
/// stop all threads.
struct Stopped {
    tracer: Child,
    order: Option<ChildStdin>,
}

impl Stopped {
    fn thread(pid: u32, name: &str) -> Self {
        let of = |task: &Path| std::fs::read_to_string(task.join("comm")).unwrap_or_default();
        let mut tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        let task = tasks
            .find_map(|task| Some(task.ok()?.path()).filter(|task| of(task).trim() == name))
            .expect("a thread of that name");
        let thread = task.file_name().unwrap().to_str().unwrap();
        // PTRACE_SEIZE and PTRACE_INTERRUPT stop this thread only. When the tracer ends, it goes on.
        let program = "import ctypes, os, sys\n\
            libc = ctypes.CDLL(None, use_errno=True)\n\
            libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]\n\
            thread = int(sys.argv[1])\n\
            for request in (0x4206, 0x4207):\n    \
                assert libc.ptrace(request, thread, None, None) == 0, os.strerror(ctypes.get_errno())\n\
            os.waitpid(thread, 0x40000000)\n\
            print('stopped', flush=True)\n\
            sys.stdin.read()\n";
        let mut tracer = Command::new("python3")
            .args(["-c", program, thread])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let order = tracer.stdin.take();
        let mut line = String::new();
        let mut said = BufReader::new(tracer.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "stopped\n");
        Self { tracer, order }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if let Some(mut order) = self.order.take() {
            let _ = order.flush();
        }
        let _ = self.tracer.wait();
    }
}

#[test]
fn the_watchdog_is_fed_until_one_worker_of_two_is_stuck_and_again_when_it_goes_on() {
    const WATCHDOG: Duration = Duration::from_secs(2);
    let manager = Manager::new();
    let micros = WATCHDOG.as_micros().to_string();
    let turnd = manager.start(&[("WATCHDOG_USEC", &micros)]);
    assert_eq!(manager.next()[0], "READY=1");
    for _ in 0..4 {
        let fed = manager.next_within(WATCHDOG);
        assert_eq!(fed.expect("fed in time"), ["WATCHDOG=1"]);
    }

    let seen = turnd.line_count();
    let stopped = Stopped::thread(turnd.pid(), "turnd-1");
    // An answer that was given before may still feed it.
    let late = (0..3).take_while(|_| manager.next_within(WATCHDOG).is_some());
    assert!(late.count() < 3, "it is fed while a worker is stuck");
    turnd.wait_for_line_after(seen, "worker 1 makes no progress");
    assert!(!turnd.log().contains("worker 0 makes no progress"));

    drop(stopped);
    assert_eq!(manager.next(), ["WATCHDOG=1"]);
}

#[test]
fn the_units_leave_a_program_little_to_do_harm_with() {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    for unit in ["turnd.service", "signaling.service"] {
        let ran = Command::new("systemd-analyze")
            .args(["security", "--offline=yes", "--threshold=16", "--no-pager"])
            .arg(deploy.join(unit))
            .output()
            .expect("systemd-analyze, of the package systemd");
        let told = String::from_utf8_lossy(&ran.stdout);
        let score = told.lines().find(|line| line.contains("exposure level"));
        assert!(ran.status.success(), "{unit}: {score:?}");
    }
}

/// Debian 12 and RHEL 9 have 252, where `Type=notify-reload` is no type: nobody would wait for READY=1, and a reload would fail.
#[test]
fn the_units_say_nothing_that_systemd_252_does_not_know() {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    for unit in ["turnd.service", "signaling.service"] {
        let unit = deploy.join(unit);
        let ran = Command::new("systemd-analyze")
            .args(["verify", "--man=no", "--recursive-errors=no"])
            .arg(&unit)
            .output()
            .expect("systemd-analyze, of the package systemd");
        let told = String::from_utf8_lossy(&ran.stderr);
        // What stands in the unit is told with its line, other than that its program is not installed here.
        let place = format!("{}:", unit.display());
        assert!(!told.contains(&place), "{told}");
    }
    // A newer one would say nothing.
    let text = fs::read_to_string(deploy.join("turnd.service")).expect("the unit");
    for line in ["Type=notify", "ExecReload=/bin/kill -HUP $MAINPID"] {
        assert!(text.lines().any(|it| it == line), "{line}");
    }
}

/// What a process may see of /proc under ProcSubset=pid leaves out how much memory there is.
#[test]
fn the_unit_lets_turnd_see_how_much_memory_is_left() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/turnd.service");
    let text = fs::read_to_string(unit).expect("the unit");
    assert!(!text.lines().any(|line| line.starts_with("ProcSubset=")));
}

/// A unit may hide the rest of /proc all the same (a drop-in with ProcSubset=pid).
#[test]
fn the_realm_is_the_machines_name_also_where_proc_hides_it() {
    if !is_root() {
        return;
    }
    const MACHINE: &str = "mount -t proc -o subset=pid proc /proc && ! test -e /proc/sys && hostname turn.example.net && exec \"$0\" \"$@\"";
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--uts", "sh", "-c", MACHINE])
        .arg(env!("CARGO_BIN_EXE_turnd"));
    let turnd = Turnd::start_with(command, &CONFIG.replace("realm=example.org\n", ""), &[]);
    let log = turnd.log();
    assert!(
        log.contains("there is no realm, so \"example.net\" is used"),
        "{log}"
    );
    turnd.stop();
}
