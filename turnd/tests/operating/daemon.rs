//! Running in the background.

use std::{
    fs,
    net::UdpSocket,
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(10);

fn run(directory: &Path, config: &str) -> Output {
    fs::write(directory.join("turnserver.conf"), config).unwrap();
    Command::new(env!("CARGO_BIN_EXE_turnd"))
        .args(["-c", "turnserver.conf", "-o"])
        .current_dir(directory)
        .output()
        .unwrap()
}

fn config(port: u16) -> String {
    format!(
        "listening-ip=127.0.0.1\nlistening-port={port}\nno-tcp\nuser=alice:wonderland\nrealm=x\n\
         log-file=turnd.log\npidfile=turnd.pid\n"
    )
}

/// Ends the process even if the test fails.
struct Background(u32);

impl Drop for Background {
    fn drop(&mut self) {
        let kill = Command::new("kill")
            .arg("-TERM")
            .arg(self.0.to_string())
            .status();
        assert!(kill.unwrap().success() || std::thread::panicking());
    }
}

/// Fields of /proc/PID/stat behind the name of the program, from the state on.
fn stat(pid: u32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = text.rsplit_once(") ").unwrap();
    rest.split(' ').map(str::to_owned).collect()
}

#[test]
fn the_command_returns_when_all_is_served_and_the_terminal_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let ran = run(directory.path(), &config(0));
    assert!(ran.status.success(), "{ran:?}");
    assert!(ran.stdout.is_empty() && ran.stderr.is_empty(), "{ran:?}");
    let file = directory.path().join("turnd.pid");
    let pid: u32 = fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    let background = Background(pid);

    // Ready when the command returned, not some time later.
    let log = fs::read_to_string(directory.path().join("turnd.log")).unwrap();
    let line = log
        .lines()
        .find_map(|line| line.split_once("listening on udp "));
    let address = line.unwrap_or_else(|| panic!("{log}")).1;
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let binding = [
        0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
    ];
    socket.send_to(&binding, address).unwrap();
    let mut reply = [0; 100];
    socket.recv(&mut reply).unwrap();
    assert_eq!(reply[..2], [1, 1]);

    let session = &stat(pid)[3];
    assert_eq!(*session, pid.to_string(), "it leads a session of its own");
    assert_eq!(stat(pid)[4], "0", "no terminal");
    for descriptor in 0..=2 {
        let target = fs::read_link(format!("/proc/{pid}/fd/{descriptor}")).unwrap();
        assert_eq!(target, Path::new("/dev/null"));
    }

    drop(background);
    let began = Instant::now();
    while file.exists() {
        assert!(began.elapsed() < PATIENCE, "the pid file is still there");
        std::thread::yield_now();
    }
}

#[test]
fn a_start_that_fails_is_told_and_is_the_commands_result() {
    let directory = tempfile::tempdir().unwrap();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let ran = run(directory.path(), &config(port));
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    let told = String::from_utf8(ran.stderr).unwrap();
    let expected = format!("turnd: cannot listen on udp 127.0.0.1:{port}: Address already in use");
    assert!(told.starts_with(&expected), "{told}");
}

#[test]
fn a_mistake_in_the_file_is_told_before_anything_leaves_the_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let ran = run(directory.path(), "min-port=none\n");
    assert_eq!(ran.status.code(), Some(255), "{ran:?}");
    let told = String::from_utf8(ran.stderr).unwrap();
    assert!(told.contains("turnserver.conf:1: min-port"), "{told}");
}
