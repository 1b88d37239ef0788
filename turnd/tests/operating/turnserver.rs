//! Behind the name `turnserver`, as scripts made for coturn call it.

use std::{os::unix::fs::symlink, path::PathBuf, process::Command};

use crate::support::turnd::Turnd;

const CONFIG: &str =
    "listening-ip=127.0.0.1\nlistening-port=0\nuser=alice:wonderland\nrealm=example.org\n";

fn turnserver(directory: &tempfile::TempDir) -> PathBuf {
    let link = directory.path().join("turnserver");
    symlink(env!("CARGO_BIN_EXE_turnd"), &link).unwrap();
    link
}

#[test]
fn a_command_line_of_coturn_starts_a_server_by_that_name() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(turnserver(&directory));
    command.args([
        "-v",
        "-m",
        "1",
        "--no-cli",
        "--pidfile=",
        "-r",
        "other.example",
        "word",
        "--no-dtls",
    ]);
    let turnd = Turnd::start_with(command, CONFIG, &[]);
    let client = crate::session::Session::new(turnd.udp_v4(), "alice", "wonderland");
    assert_eq!(client.binding().error(), None);
    let stopped = turnd.stop();
    assert!(stopped.status.success(), "{}", stopped.log);
}

#[test]
fn the_configuration_is_looked_for_where_coturn_looks() {
    let directory = tempfile::tempdir().unwrap();
    let link = turnserver(&directory);
    std::fs::write(
        directory.path().join("turnserver.conf"),
        "listening-port=none\n",
    )
    .unwrap();
    let output = Command::new(&link)
        .current_dir(directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(255), "{said}");
    assert!(
        said.contains("turnserver.conf:1: listening-port: \"none\" is not a port"),
        "{said}"
    );
    // -n: no file at all.
    let output = Command::new(&link)
        .args(["-n", "-p", "nowhere"])
        .current_dir(directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(255), "{said}");
    assert!(
        said.contains("command line: listening-port: \"nowhere\""),
        "{said}"
    );
    assert!(!said.contains("turnserver.conf"), "{said}");
}
