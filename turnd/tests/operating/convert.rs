//! `turnd convert`, and a server that is started with what it wrote.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
};

const CONFIG: &str = "\
# Ours.
listening-ip=127.0.0.1
listening-port=0
#min-port=50000
user=alice:wonder land
realm=example.org

fingerprnt
";

const CONVERTED: &str = "\
# Ours.
listening-ip = \"127.0.0.1\"
listening-port = 0
#min-port = 50000
user = \"alice:wonder land\"
realm = \"example.org\"

# fingerprnt  # turnd convert: there is no option \"fingerprnt\" (did you mean fingerprint?)
";

fn turnd(directory: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turnd"));
    command.current_dir(directory).args(args).output().unwrap()
}

#[test]
fn a_server_starts_with_the_converted_file() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    fs::write(directory.join("turnserver.conf"), CONFIG).unwrap();
    let done = turnd(
        directory,
        &["convert", "turnserver.conf", "-o", "turnserver.toml"],
    );
    assert!(done.status.success());
    assert_eq!(
        String::from_utf8_lossy(&done.stderr),
        "turnserver.conf:8: there is no option \"fingerprnt\" (did you mean fingerprint?); \
         the line is a comment now\n"
    );
    assert_eq!(
        fs::read_to_string(directory.join("turnserver.toml")).unwrap(),
        CONVERTED
    );

    let mut server = Command::new(env!("CARGO_BIN_EXE_turnd"))
        .current_dir(directory)
        .args(["--config", "turnserver.toml"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let log: Vec<_> = lines
        .map_while(Result::ok)
        .take_while(|line| !line.ends_with("turnd is ready"))
        .collect();
    server.kill().unwrap();
    server.wait().unwrap();
    let log = log.join("\n");
    assert!(
        log.contains("listening on udp 127.0.0.1:") && log.contains("\"alice\""),
        "{log}"
    );
}

#[test]
fn without_a_file_to_write_the_result_goes_to_standard_output() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a.conf"), CONFIG).unwrap();
    let done = turnd(directory.path(), &["convert", "a.conf"]);
    assert_eq!(String::from_utf8(done.stdout).unwrap(), CONVERTED);
}

#[test]
fn the_new_file_is_as_private_as_the_old_one_and_never_in_place_of_another() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let (old, new) = (directory.join("a.conf"), directory.join("a.toml"));
    fs::write(&old, CONFIG).unwrap();
    fs::set_permissions(&old, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(
        turnd(directory, &["convert", "a.conf", "--output=a.toml"])
            .status
            .success()
    );
    assert_eq!(
        fs::metadata(&new).unwrap().permissions().mode() & 0o777,
        0o640
    );

    fs::write(&new, "mine").unwrap();
    let again = turnd(directory, &["convert", "a.conf", "-o", "a.toml"]);
    assert_eq!(again.status.code(), Some(255));
    assert_eq!(fs::read_to_string(&new).unwrap(), "mine");
}

#[test]
fn what_cannot_be_read_is_not_converted() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    fs::write(directory.join("a.conf"), b"realm=a\nuser=\xff:b\n").unwrap();
    for (args, why) in [
        (
            &["convert", "a.conf", "-o", "a.toml"][..],
            "a.conf:2: the line is not UTF-8",
        ),
        (&["convert", "b.conf"], "cannot read b.conf"),
        (&["convert"], "no file is named"),
        (&["convert", "a.conf", "b.conf"], "one file at a time"),
        (&["convert", "a.conf", "-x"], "there is no option \"-x\""),
    ] {
        let refused = turnd(directory, args);
        assert_eq!(refused.status.code(), Some(255), "{args:?}");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains(why), "{said}");
    }
    assert!(!directory.join("a.toml").exists());
}
