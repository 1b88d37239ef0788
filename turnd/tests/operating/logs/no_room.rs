//! A full disk and a reader that does not read, while a call goes on.

use std::{io::Write as _, process::Stdio};

use super::*;
use crate::support::{as_long, echo::EchoPeer};

/// What the server may grow by while lines wait that nobody takes, in kB.
const MORE: usize = 8 << 10;

/// Times of datagrams that came back.
#[derive(Debug)]
struct RoundTrips {
    median: Duration,
    /// 99 of 100 took no longer.
    p99: Duration,
}

/// A call through a channel to a peer that echoes.
struct Call {
    session: Session,
    _peer: EchoPeer,
}

impl Call {
    fn new(server: SocketAddr) -> Self {
        let peer = EchoPeer::start(server.ip());
        let session = alice(server);
        session.allocate().relayed();
        assert_eq!(session.bind(peer.address()).error(), None);
        Self {
            session,
            _peer: peer,
        }
    }

    /// Sends datagrams, one after the other, each of which must come back.
    fn round_trips(&self) -> RoundTrips {
        let mut times: Vec<Duration> = (0..as_long(2_000_u32, 100_000))
            .map(|number| {
                let data = number.to_be_bytes();
                let began = Instant::now();
                self.session.send_channel(&data);
                assert_eq!(self.session.receive(), data);
                began.elapsed()
            })
            .collect();
        times.sort();
        RoundTrips {
            median: times[times.len() / 2],
            p99: times[times.len() * 99 / 100],
        }
    }
}

/// Calls that begin and end, so that there is something to log, while `work` is done.
fn while_others_call<T>(server: SocketAddr, work: impl FnOnce() -> T) -> T {
    use std::sync::atomic::{AtomicBool, Ordering};
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                call(server);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let result = work();
        is_over.store(true, Ordering::Relaxed);
        result
    })
}

/// Both were measured beside the same calls; the machine may be busy with other tests for one of them. A worker that
/// waits for the log would be seen in the slowest, if it got any further at all.
fn assert_unchanged(before: &RoundTrips, during: &RoundTrips) {
    println!("{before:?}, and while the log cannot be written {during:?}");
    assert!(
        during.median < before.median * 3 + Duration::from_millis(1),
        "{during:?}, {before:?} before"
    );
    assert!(
        during.p99 < before.p99 * 3 + Duration::from_millis(50),
        "{during:?}, {before:?} before"
    );
}

#[test]
fn a_full_disk_costs_lines_and_nothing_else() {
    let disk = tempfile::tempdir().unwrap();
    let Some(command) = in_own_mounts("mount -t tmpfs -o size=16m none \"$1\"", disk.path()) else {
        return;
    };
    let file = disk.path().join("turnd.log");
    let config = format!("{CONFIG}verbose\nsimple-log\nlog-file={}\n", file.display());
    let turnd = Turnd::start_with(command, &config, &[]);
    let server = turnd.udp_v4();
    let inside = |name: &str| {
        let path = format!("/proc/{}/root{}", turnd.pid(), disk.path().display());
        Path::new(&path).join(name)
    };
    let lines = |text_of: &str| text(&inside("turnd.log")).matches(text_of).count();
    let talk = Call::new(server);
    let before = while_others_call(server, || talk.round_trips());
    until("calls are logged", || lines("delete: ") > 0);

    // Not one byte is left.
    let mut filler = std::fs::File::create(inside("filler")).unwrap();
    while filler.write(&[b'x'; 65_536]).is_ok() {}
    while filler.write(&[b'x'; 256]).is_ok() {}
    while filler.write(b"x").is_ok() {}
    let memory = turnd.resident();
    let during = while_others_call(server, || {
        let during = talk.round_trips();
        turnd.wait_for_line_after(0, "turnd.log, lines of the log are lost: No space left");
        during
    });
    assert_unchanged(&before, &during);
    let grown = turnd.resident().saturating_sub(memory);
    assert!(grown <= MORE, "{grown} kB more");

    drop(filler);
    std::fs::remove_file(inside("filler")).unwrap();
    let logged = lines("delete: ");
    until("it is told what was lost", || {
        call(server);
        lines(" lines of the log were lost here: they could not be written") > 0
    });
    until("logging goes on", || lines("delete: ") > logged);
    // What was torn by the end of the disk does not run into the next line.
    let log = text(&inside("turnd.log"));
    let year = &log[..5];
    for line in log.lines() {
        assert!(line.matches(year).count() <= 1, "{line}");
    }
    talk.round_trips();
}

#[test]
fn a_reader_who_does_not_read_costs_lines_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(
        path("turnserver.conf"),
        format!("{CONFIG}verbose\nsimple-log\nlog-file=turnd.log\n"),
    )
    .unwrap();
    // A pipe without room for one more byte.
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let fill = "x".repeat(65_535) + "\n";
    writer.write_all(fill.as_bytes()).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_turnd"))
        .args(["--config", "turnserver.conf"])
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .stdout(writer)
        .spawn()
        .unwrap();
    until("it is ready", || {
        text(&path("turnd.log")).contains("turnd is ready")
    });
    let log = text(&path("turnd.log"));
    let (_, server) = log.split_once("listening on udp ").unwrap();
    let server: SocketAddr = server.lines().next().unwrap().parse().unwrap();

    let talk = Call::new(server);
    let memory = resident(child.id());
    let during = while_others_call(server, || talk.round_trips());
    let grown = resident(child.id()).saturating_sub(memory);
    assert!(grown <= MORE, "{grown} kB more");
    // Now someone reads, and all that waited is there.
    let (sender, printed) = std::sync::mpsc::channel();
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
        sender.send(text).unwrap();
    });
    let after = while_others_call(server, || talk.round_trips());
    assert_unchanged(&after, &during);
    terminate(&mut child);
    reading.join().unwrap();
    let printed = printed.recv().unwrap();
    assert_eq!(
        printed.strip_prefix(&fill).unwrap(),
        text(&path("turnd.log"))
    );
}

#[test]
fn it_ends_although_nobody_reads_what_it_prints() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("turnserver.conf");
    std::fs::write(&config, format!("{CONFIG}simple-log\nlog-file=turnd.log\n")).unwrap();
    let (_reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[b'x'; 65_536]).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_turnd"))
        .arg("--config")
        .arg(&config)
        .current_dir(directory.path())
        .stdout(writer)
        .spawn()
        .unwrap();
    let log = directory.path().join("turnd.log");
    until("it is ready", || text(&log).contains("turnd is ready"));
    let began = Instant::now();
    terminate(&mut child);
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert!(text(&log).ends_with("turnd has stopped\n"));
}

fn terminate(child: &mut std::process::Child) {
    let id = child.id().to_string();
    let killed = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(killed.success());
    assert!(child.wait().unwrap().success());
}
