//! What it writes, where, and what it never writes.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use turnd_wire::{Method, attr};

use crate::{session::Session, support::turnd::Turnd};

const CONFIG: &str = "listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\nuser=alice:secret\nrelay-threads=1\n";

#[test]
fn names_from_the_network_break_no_line() {
    let evil = "eve\r\n2026-01-01T00:00:00.000+0000 ERROR forged \u{1b}[31m\u{202e}";
    let turnd = Turnd::start(&format!("{CONFIG}verbose\n"));
    let session = Session::new(turnd.udp_v4(), evil, "guess");
    assert_eq!(session.allocate().error(), Some(401));
    let log = turnd.stop().log;
    assert!(log.contains("eve"), "{log}");
    each_line_is_one_of_ours(&log);

    let turnd = Turnd::start("listening-ip=127.0.0.1\nlistening-port=0\nno-auth\nverbose\n");
    let anyone = Session::new(turnd.udp_v4(), "", "");
    let reply = anyone.exchange(Method::ALLOCATE, |writer| {
        writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        writer.text(attr::USERNAME, evil);
        writer.text(attr::SOFTWARE, evil);
    });
    assert_eq!(reply.error(), None);
    each_line_is_one_of_ours(&turnd.stop().log);
}

#[test]
fn passwords_and_secrets_are_written_nowhere() {
    const SECRET: &str = "TOPSECRET";
    let turnd = Turnd::start(&format!(
        "listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\nVerbose\nuser=alice:{SECRET}1\n\
         user=bob:0x00112233445566778899aabbccddeeff\nstatic-auth-secret={SECRET}2\ncli-password={SECRET}3\n\
         redis-userdb=\"password={SECRET}4\"\n"
    ));
    for password in [format!("{SECRET}1"), format!("{SECRET} guessed")] {
        let session = Session::new(turnd.udp_v4(), "alice", &password);
        let expected = (password != format!("{SECRET}1")).then_some(401);
        assert_eq!(session.allocate().error(), expected);
    }
    let command = fs::read_to_string(format!("/proc/{}/cmdline", turnd.pid())).unwrap();
    let log = turnd.stop().log;
    assert!(log.contains("alice"), "{log}");
    for said in [command, log] {
        assert!(!said.contains(SECRET), "{said}");
        assert!(!said.to_lowercase().contains("00112233"), "{said}");
    }

    // Nor where the file is wrong, on whatever line.
    let directory = Directory::new();
    let file = directory.path("turnserver.conf");
    fs::write(
        &file,
        format!("user={SECRET}\nstatic-auth-secret={SECRET}\nmin-port=x\nuser=bob:0x{SECRET}\n"),
    )
    .unwrap();
    for arguments in [&["--help"][..], &["--config", file.to_str().unwrap()]] {
        let output = Command::new(env!("CARGO_BIN_EXE_turnd"))
            .args(arguments)
            .output()
            .unwrap();
        let said = [&output.stdout[..], &output.stderr]
            .map(String::from_utf8_lossy)
            .concat();
        assert!(!said.is_empty() && !said.contains(SECRET), "{said}");
    }
}

#[test]
fn a_log_file_is_appended_to_and_has_the_lines_of_standard_output_to_the_millisecond() {
    let directory = Directory::new();
    let file = directory.path("turnd.log");
    let config = format!("{CONFIG}verbose\nsimple-log\nlog-file={}\n", file.display());
    let mut printed = String::new();
    for _ in 0..5 {
        let turnd = Turnd::start(&config);
        Session::alice(turnd.udp_v4()).allocate().relayed();
        printed += &turnd.stop().log;
        printed.push('\n');
    }
    // Of what two threads say in the same moment either may come first.
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&fs::read_to_string(file).unwrap()), sorted(&printed));
}

#[test]
fn no_stdout_log_leaves_the_log_to_the_file() {
    let directory = Directory::new();
    let file = directory.path("turnd.log");
    let mut child = spawn(
        &directory,
        &format!(
            "{CONFIG}simple-log\nlog-file={}\nno-stdout-log\n",
            file.display()
        ),
        Stdio::piped(),
    );
    let deadline = Instant::now() + Duration::from_secs(10);
    while !fs::read_to_string(&file).is_ok_and(|log| log.contains("turnd is ready")) {
        assert!(Instant::now() < deadline, "it is not ready");
        std::thread::yield_now();
    }
    assert!(stop(&mut child).success());
    let mut printed = String::new();
    std::io::Read::read_to_string(&mut child.stdout.unwrap(), &mut printed).unwrap();
    assert_eq!(printed, "");
    assert!(
        fs::read_to_string(file)
            .unwrap()
            .contains("turnd has stopped")
    );
}

#[test]
fn a_full_disk_and_a_reader_that_left_do_not_stop_the_service() {
    let directory = Directory::new();
    let mut child = spawn(
        &directory,
        &format!("{CONFIG}verbose\nlog-file=/dev/full\n"),
        Stdio::piped(),
    );
    let mut server = None;
    {
        let stdout = child.stdout.take().unwrap();
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some((_, address)) = line.split_once("listening on udp ") {
                server = Some(address.parse().unwrap());
            }
            if line.contains("turnd is ready") {
                break;
            }
        }
        // Here the pipe is closed.
    }
    let server = server.expect("it says where it listens");
    for _ in 0..20 {
        let session = Session::alice(server);
        session.allocate().relayed();
        assert_eq!(session.delete().error(), None);
    }
    assert!(stop(&mut child).success());
}

fn each_line_is_one_of_ours(log: &str) {
    assert!(
        !log.contains(['\u{1b}', '\r', '\u{202e}']),
        "{}",
        log.escape_debug()
    );
    for line in log.lines() {
        let mut words = line.split(' ');
        let (time, level) = (words.next().unwrap(), words.next().unwrap());
        // 2026-01-01T00:00:00.000+0000
        assert_eq!((time.len(), &time[10..11]), (28, "T"), "{line}");
        assert!(["INFO", "WARNING", "DEBUG"].contains(&level), "{line}");
    }
}

fn spawn(directory: &Directory, config: &str, stdout: Stdio) -> Child {
    let file = directory.path("turnserver.conf");
    fs::write(&file, config).unwrap();
    Command::new(env!("CARGO_BIN_EXE_turnd"))
        .arg("--config")
        .arg(file)
        .stdout(stdout)
        .spawn()
        .unwrap()
}

fn stop(child: &mut Child) -> ExitStatus {
    let id = child.id().to_string();
    let kill = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(kill.success());
    child.wait().unwrap()
}

/// A directory of the test's own.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("logs-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
