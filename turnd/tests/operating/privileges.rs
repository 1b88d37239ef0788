//! Whom the process becomes. These tests start as root, as CI does.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    process::{Command, Stdio},
};

use crate::support::{
    certificates::{Certificates, KeyKind},
    is_root,
    turnd::Turnd,
};

/// The user and group of that number on every Debian.
const NOBODY: u32 = 65534;
const CONFIG: &str = "listening-ip=127.0.0.1\nlistening-port=0\n\
    user=alice:wonderland\nrealm=x\nrelay-threads=2\n";

/// What /proc says of each thread under this name.
fn of_each_thread(pid: u32, name: &str) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let line = |status: String| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    threads
        .map(|thread| line(fs::read_to_string(thread.unwrap().path().join("status")).unwrap()))
        .collect()
}

#[test]
fn every_thread_is_the_user_and_nothing_of_root_is_left() {
    if !is_root() {
        return;
    }
    // In a directory that only root may look into, as certbot has it.
    let certificates = Certificates::new(KeyKind::Ecdsa);
    let turnd = Turnd::start(&format!(
        "{CONFIG}proc-user=nobody\nproc-group=nogroup\nlog-file=turnd.log\nsimple-log\npidfile=turnd.pid\n{}",
        certificates.options()
    ));
    let (pid, four) = (turnd.pid(), [NOBODY.to_string().as_str(); 4].join(" "));
    for (name, expected) in [
        ("Uid:", four.as_str()),
        ("Gid:", &four),
        ("Groups:", "65534"),
        ("CapEff:", "0000000000000000"),
        ("CapPrm:", "0000000000000000"),
    ] {
        let all = of_each_thread(pid, name);
        assert!(all.len() >= 4, "{all:?}");
        assert!(all.iter().all(|it| it == expected), "{name} {all:?}");
    }
    assert!(!turnd.addresses("tls").is_empty(), "{}", turnd.log());
    for file in ["turnd.log", "turnd.pid"] {
        let owner = fs::metadata(turnd.directory().join(file)).unwrap();
        assert_eq!((owner.uid(), owner.gid()), (NOBODY, NOBODY), "{file}");
    }
    assert!(
        turnd.log().contains("running as user 65534, group 65534"),
        "{}",
        turnd.log()
    );
}

#[test]
fn a_group_alone_is_taken_too() {
    if !is_root() {
        return;
    }
    let turnd = Turnd::start(&format!("{CONFIG}proc-group=nogroup\n"));
    let groups = of_each_thread(turnd.pid(), "Gid:");
    assert!(
        groups.iter().all(|it| it == "65534 65534 65534 65534"),
        "{groups:?}"
    );
}

#[test]
fn whom_nobody_knows_stops_the_start_with_coturns_exit_code() {
    for (line, expected) in [
        (
            "proc-user=no-such-user",
            "turnd: proc-user: this machine knows no \"no-such-user\"",
        ),
        (
            "proc-group=no-such-group",
            "turnd: proc-group: this machine knows no \"no-such-group\"",
        ),
    ] {
        let stopped = Turnd::fail_to_start(&format!("{CONFIG}{line}\n"), &[]);
        assert_eq!(stopped.status.code(), Some(255));
        assert_eq!(stopped.log.trim(), expected);
    }
}

/// A turnd and its configuration, where somebody else than root can use them.
struct Elsewhere {
    directory: tempfile::TempDir,
}

impl Elsewhere {
    fn new(line: &str) -> Self {
        // Others may not look into the directories of whoever runs the tests.
        let directory = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()
            .unwrap();
        fs::copy(env!("CARGO_BIN_EXE_turnd"), directory.path().join("turnd")).unwrap();
        let config = format!("{CONFIG}{line}\nno-stdout-log=no\n");
        fs::write(directory.path().join("c.conf"), config).unwrap();
        Self { directory }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(self.directory.path().join("turnd"))
            .args(args)
            .args(["-c", "c.conf"])
            .current_dir(self.directory.path())
            .stdout(Stdio::piped());
        command
    }
}

/// What a turnd says that somebody else than root has started.
fn as_nobody(line: &str) -> (Option<i32>, String) {
    let elsewhere = Elsewhere::new(line);
    let mut child = elsewhere.command(&[]).spawn().unwrap();
    let mut log = String::new();
    let out = std::io::BufReader::new(child.stdout.take().unwrap());
    for line in std::io::BufRead::lines(out).map_while(Result::ok) {
        log = log + &line + "\n";
        if line.contains("turnd is ready") {
            child.kill().unwrap();
        }
    }
    (child.wait().unwrap().code(), log)
}

#[test]
fn who_is_not_root_can_only_stay_who_it_is() {
    if !is_root() {
        return;
    }
    let (code, log) = as_nobody("proc-user=root");
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("only root may become somebody else"), "{log}");
    let elsewhere = Elsewhere::new("proc-user=root");
    let checked = elsewhere.command(&["check", "--format=json"]).output();
    let checked = checked.unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    assert_eq!(checked.status.code(), Some(255), "{said}");
    assert!(said.contains("cannot-become"), "{said}");
    let (_, log) = as_nobody("proc-user=nobody\nproc-group=nogroup");
    assert!(log.contains("turnd is ready"), "{log}");
}

/// The directory of a log must be writable for whom the process becomes, who makes the next day's file there.
#[test]
fn what_is_no_file_of_its_own_is_not_given_away_with_the_log() {
    if !is_root() {
        return;
    }
    let owner = |path: &std::path::Path| fs::metadata(path).unwrap().uid();
    let logging = |file: &str| {
        format!("{CONFIG}proc-user=nobody\nproc-group=nogroup\nsimple-log\nlog-file={file}\n")
    };
    let directory = tempfile::tempdir().unwrap();
    let device = directory.path().join("null");
    let made = Command::new("mknod")
        .arg(&device)
        .args(["c", "1", "3"])
        .status();
    assert!(made.unwrap().success());
    let turnd = Turnd::start(&logging(device.to_str().unwrap()));
    assert!(turnd.log().contains("running as user 65534"));
    assert_eq!(owner(&device), 0);

    let theirs = directory.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    std::os::unix::fs::chown(&theirs, Some(NOBODY), Some(NOBODY)).unwrap();
    let (precious, log) = (directory.path().join("shadow"), theirs.join("turnd.log"));
    fs::write(&precious, "root").unwrap();
    std::os::unix::fs::symlink(&precious, &log).unwrap();
    let stopped = Turnd::fail_to_start(&logging(log.to_str().unwrap()), &[]);
    assert!(
        stopped.log.contains("it is a link, in a directory"),
        "{}",
        stopped.log
    );
    assert_eq!(
        (owner(&precious), fs::read_to_string(&precious).unwrap()),
        (0, "root".to_owned())
    );
    // A second name of a file of root's is none of the log's.
    fs::remove_file(&log).unwrap();
    fs::hard_link(&precious, &log).unwrap();
    let turnd = Turnd::start(&logging(log.to_str().unwrap()));
    assert!(turnd.log().contains("running as user 65534"));
    assert_eq!(owner(&precious), 0);
}
