//! Files as the guides of well-known projects have them, in shape, start a server without a change: on a machine that has
//! the addresses, certificates and directories that they name. That machine is a network and a mount namespace
//! of the test's own.

use std::{fs, process::Command};

use crate::support::{
    certificates::{Certificates, KeyKind},
    is_root,
    turnd::Turnd,
};

/// Makes the machine, and becomes the server. `$1` is an empty directory, `$2` a certificate, `$3` its key.
const MACHINE: &str = r#"
set -e
root=$1 certificate=$2 key=$3
shift 3
ip link set lo up
ip address add 192.0.2.10/32 dev lo
# What is missing in /etc is added there; what is written elsewhere goes nowhere.
mount -t tmpfs tmpfs "$root"
mkdir "$root/upper" "$root/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$root/upper,workdir=$root/work" /etc
mount -t tmpfs tmpfs /var/log
mount -t tmpfs tmpfs /run
mkdir -p /etc/letsencrypt/live/turn.matrix.example /etc/jitsi/meet /etc/turnserver /run/turnserver
for name in letsencrypt/live/turn.matrix.example/fullchain.pem jitsi/meet/meet.example.crt turnserver/fullchain.pem; do
    cp "$certificate" "/etc/$name"
done
for name in letsencrypt/live/turn.matrix.example/privkey.pem jitsi/meet/meet.example.key turnserver/privkey.pem; do
    cp "$key" "/etc/$name"
done
exec "$0" "$@"
"#;

/// Starts a server with the file of our data, asks it something, and returns what it has printed.
fn serve(name: &str, server: &str) -> String {
    let path = format!("{}/tests/data/{name}.conf", env!("CARGO_MANIFEST_DIR"));
    serve_with(&path, &[], server)
}

fn serve_with(path: &str, args: &[&str], server: &str) -> String {
    let certificates = Certificates::new(KeyKind::Ecdsa);
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    command
        .args(["--net", "--mount", "sh", "-c", MACHINE])
        .arg(env!("CARGO_BIN_EXE_turnd"))
        .arg(directory.path())
        .args(["server.pem", "server.key"].map(|name| certificates.path(name)))
        .args(args);
    let turnd = Turnd::start_with(command, &fs::read_to_string(path).unwrap(), &[]);
    let asked = Command::new("nsenter")
        .arg(format!("--target={}", turnd.pid()))
        .args(["--net", "turnutils_stunclient", "-p", "3478", server])
        .output()
        .unwrap();
    let answer = String::from_utf8_lossy(&asked.stdout);
    assert!(answer.contains("reflexive addr"), "{asked:?}");
    let log = turnd.stop().log;
    assert!(!log.contains(" ERROR "), "{log}");
    log
}

#[test]
fn the_guide_of_synapse() {
    if is_root() {
        let log = serve("synapse", "127.0.0.1");
        assert!(log.contains("listening on tcp+tls"), "{log}");
        assert!(log.contains("clients are told 203.0.113.20"), "{log}");
    }
}

#[test]
fn the_template_of_jitsi_meet() {
    if is_root() {
        // Without plain TCP, as it says.
        let log = serve("jitsi", "127.0.0.1");
        assert!(log.contains("listening on tls 127.0.0.1:5349"), "{log}");
    }
}

#[test]
fn the_template_of_bigbluebutton() {
    if is_root() {
        let log = serve("bigbluebutton", "192.0.2.10");
        assert!(log.contains("tcp+tls 192.0.2.10:443"), "{log}");
        assert!(
            log.contains("relaying from 192.0.2.10 ports 32769-"),
            "{log}"
        );
    }
}

#[test]
fn the_guide_of_nextcloud_talk_which_gives_up_root() {
    if is_root() {
        let log = serve("nextcloud-talk", "127.0.0.1");
        assert!(log.contains("running as user "), "{log}");
        assert!(log.contains("metrics at "), "{log}");
    }
}

/// Nearly everything in it is a comment, and nobody may relay.
#[test]
fn coturns_own_sample() {
    if is_root() {
        let log = serve("sample", "127.0.0.1");
        assert!(log.contains("nobody may relay"), "{log}");
    }
}

/// With the command line that the entry point of coturn's container image makes.
#[test]
fn coturns_own_sample_in_its_container() {
    if is_root() {
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sample.conf");
        let args = ["--log-file=stdout", "--external-ip=203.0.113.20", ""];
        let log = serve_with(sample, &args, "127.0.0.1");
        assert!(log.contains("clients are told 203.0.113.20"), "{log}");
    }
}

/// The file that Debian's package coturn installs, with the command line of its unit.
#[test]
fn the_default_of_debian() {
    if is_root() {
        let log = serve_with("/etc/turnserver.conf", &["--pidfile="], "127.0.0.1");
        assert!(log.contains("nobody may relay"), "{log}");
        assert!(!log.contains("pid file"), "{log}");
    }
}
