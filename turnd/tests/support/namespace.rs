//! Networks of a test's own, which end with it: the test runs once more as a process inside.

use std::{env, fs::File, os::fd::AsFd, path::Path, process::Command, thread};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::is_root;

/// Tells a test that it is inside.
const INSIDE: &str = "TURND_TEST_INSIDE";

/// Whether this is the process inside a network that `prepare`, a shell script, has made ready. Where it is not,
/// the test with this name (with its module) is run there, and must pass. Needs root, or is skipped.
///
/// The script may make named namespaces (`ip netns add`), which nobody else sees.
pub(crate) fn inside(prepare: &str, test: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    if !is_root() {
        return false;
    }
    let script = format!(
        "set -e; mount -t tmpfs none /run; ip link set lo up; {prepare}\nexec \"$0\" --exact \"$1\""
    );
    let output = Command::new("unshare")
        .args(["--net", "--mount", "sh", "-c", &script])
        .arg(env::current_exe().unwrap())
        .arg(test)
        .env(INSIDE, "1")
        .output()
        .expect("running unshare");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "no such test: {said}");
    false
}

/// Does something in a namespace that the script has made: sockets stay there.
pub(crate) fn within<T: Send>(namespace: &str, work: impl FnOnce() -> T + Send) -> T {
    let file = File::open(Path::new("/run/netns").join(namespace)).expect("a namespace");
    let work = move || {
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .expect("entering a namespace");
        work()
    };
    thread::scope(|scope| scope.spawn(work).join().expect("it does not panic"))
}

/// Runs a shell command, which must succeed.
pub(crate) fn sh(command: &str) {
    let status = Command::new("sh").args(["-c", command]).status();
    assert!(status.unwrap().success(), "{command}");
}
