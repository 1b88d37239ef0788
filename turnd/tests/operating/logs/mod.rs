//! What is logged, where, in which form, and what becomes of it when there is no room.

mod addresses;
mod fail2ban;
mod floods;
mod forms;
mod no_room;
mod rotation;
mod system;

use std::{
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    session::Session,
    support::turnd::{Turnd, resident},
};

const CONFIG: &str = "listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\nuser=alice:wonderland\n\
                      relay-threads=1\nallow-loopback-peers\n";

/// How long something may take that is not waited for by its own sign.
const PATIENCE: Duration = Duration::from_secs(10);

fn alice(server: SocketAddr) -> Session {
    Session::new(server, "alice", "wonderland")
}

/// One session from its beginning to its end: eight lines with `verbose`.
fn call(server: SocketAddr) {
    let session = alice(server);
    session.allocate().relayed();
    assert_eq!(session.delete().error(), None);
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The text of a file that may not be there yet.
fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// A command that runs `script` in a mount namespace of its own, with `directory` as `$1`, and then the program
/// with its arguments. `None`: this user may not do that. Under CI there is no such excuse.
fn in_own_mounts(script: &str, directory: &Path) -> Option<Command> {
    let is_possible = Command::new("unshare")
        .args(["--mount", "true"])
        .status()
        .is_ok_and(|status| status.success());
    if !is_possible {
        assert!(
            std::env::var_os("CI").is_none(),
            "this test needs root, for a mount namespace"
        );
        eprintln!("skipped: it needs root, for a mount namespace");
        return None;
    }
    let script = format!("set -e; {script}; shift; exec \"$@\"");
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", &script, "sh"])
        .arg(directory)
        .arg(env!("CARGO_BIN_EXE_turnd"));
    Some(command)
}
