//! Public addresses that the configuration has a name for. In a network and with a list of hosts of the test's own.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

use crate::support::{
    is_root,
    turnd::{Stopped, Turnd},
};

const CONFIG: &str =
    "listening-ip=127.0.0.1\nrelay-ip=192.0.2.10\nuser=alice:wonderland\nrealm=example.org\n";

/// Becomes the server. `$1` is the list of hosts, `$2` what a STUN server says, if there is one.
const MACHINE: &str = r#"
set -e
hosts=$1 seen=$2
shift 2
ip link set lo up
ip address add 192.0.2.10/32 dev lo
ip address add 192.0.2.99/32 dev lo
mount --bind "$hosts" /etc/hosts
if [ -n "$seen" ]; then
    mkfifo "$hosts.ready"
    python3 -c "$SERVER" "$seen" > "$hosts.ready" &
    read -r _ < "$hosts.ready"
fi
exec "$0" "$@"
"#;

/// Answers one Binding request with an address that it was not sent from, as behind a NAT.
const SERVER: &str = r#"
import ipaddress, socket, struct, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("192.0.2.99", 3478))
server.settimeout(20)
print("ready", flush=True)
request, client = server.recvfrom(2000)
assert client[0] == "192.0.2.10", client
address = int(ipaddress.IPv4Address(sys.argv[1])) ^ 0x2112A442
value = struct.pack("!BBHI", 0, 1, client[1] ^ 0x2112, address)
server.sendto(struct.pack("!HHI", 0x0101, 12, 0x2112A442) + request[8:20] + struct.pack("!HH", 0x20, 8) + value, client)
"#;

struct Hosts(TempDir);

impl Hosts {
    fn new(text: &str) -> Self {
        let hosts = Self(tempfile::tempdir().unwrap());
        hosts.write(text);
        hosts
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("hosts")
    }

    /// In place, as the file is mounted.
    fn write(&self, text: &str) {
        fs::write(self.path(), text).unwrap();
    }

    fn command(&self, seen: &str) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(["--net", "--mount", "sh", "-c", MACHINE])
            .arg(env!("CARGO_BIN_EXE_turnd"))
            .args([&self.path(), Path::new(seen)])
            .env("SERVER", SERVER);
        command
    }
}

/// What a client is told as its relayed address.
fn told_to_a_client(turnd: &Turnd) -> String {
    let output = Command::new("nsenter")
        .arg(format!("--target={}", turnd.pid()))
        .args([
            "--net",
            "timeout",
            "5",
            "turnutils_uclient",
            "-v",
            "-c",
            "-n",
            "1",
        ])
        .args([
            "-u",
            "alice",
            "-w",
            "wonderland",
            "-e",
            "127.0.0.1",
            "127.0.0.1",
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said
        .lines()
        .find(|line| line.contains("Received relay addr"));
    line.unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[test]
fn a_name_is_looked_up_at_the_start_and_again_and_again() {
    if !is_root() {
        return;
    }
    let hosts = Hosts::new("203.0.113.7 turn.test\n");
    let config =
        format!("{CONFIG}listening-port=3478\nexternal-ip=turn.test\nexternal-ip-interval=1\n");
    let turnd = Turnd::start_with(hosts.command(""), &config, &[]);
    assert!(
        turnd.log().contains("clients are told 203.0.113.7"),
        "{}",
        turnd.log()
    );
    let told = told_to_a_client(&turnd);
    assert!(told.contains("203.0.113.7:"), "{told}");

    // Not there for a while: the address stays.
    let seen = turnd.line_count();
    hosts.write("");
    turnd.wait_for_line_after(seen, "external-ip: turn.test: cannot look up turn.test: ");
    let told = told_to_a_client(&turnd);
    assert!(told.contains("203.0.113.7:"), "{told}");

    let seen = turnd.line_count();
    hosts.write("203.0.113.8 turn.test\n");
    let line = turnd.wait_for_line_after(seen, "external-ip is another address");
    assert!(line.contains("external addresses"), "{line}");
    let told = told_to_a_client(&turnd);
    assert!(told.contains("203.0.113.8:"), "{told}");
    turnd.stop();
}

#[test]
fn a_reload_does_not_wait_for_names_that_it_knows() {
    if !is_root() {
        return;
    }
    let hosts = Hosts::new("203.0.113.7 turn.test\n203.0.113.9 other.test\n");
    let config = format!("{CONFIG}listening-port=3478\nexternal-ip=turn.test\n");
    let turnd = Turnd::start_with(hosts.command(""), &config, &[]);
    hosts.write("203.0.113.9 other.test\n");
    let seen = turnd.line_count();
    turnd.write_file("turnserver.conf", &format!("{config}user=bob:builder\n"));
    turnd.signal("HUP");
    let line = turnd.wait_for_line_after(seen, "SIGHUP received");
    assert!(line.contains("users"), "{line}");

    // One that is not known must be found, or nothing changes.
    let seen = turnd.line_count();
    turnd.write_file(
        "turnserver.conf",
        &config.replace("turn.test", "nowhere.test"),
    );
    turnd.signal("HUP");
    turnd.wait_for_line_after(
        seen,
        "external-ip: nowhere.test: cannot look up nowhere.test",
    );
    let seen = turnd.line_count();
    turnd.write_file(
        "turnserver.conf",
        &config.replace("turn.test", "other.test"),
    );
    turnd.signal("HUP");
    turnd.wait_for_line_after(seen, "external addresses");
    let told = told_to_a_client(&turnd);
    assert!(told.contains("203.0.113.9:"), "{told}");
    turnd.stop();
}

#[test]
fn auto_is_what_a_stun_server_sees() {
    if !is_root() {
        return;
    }
    let hosts = Hosts::new("192.0.2.99 stun.test\n");
    let config = format!(
        "{CONFIG}listening-port=3478\nexternal-ip=auto\nexternal-ip-stun-server=stun.test\n"
    );
    let turnd = Turnd::start_with(hosts.command("203.0.113.5"), &config, &[]);
    assert!(
        turnd.log().contains("clients are told 203.0.113.5"),
        "{}",
        turnd.log()
    );
    let told = told_to_a_client(&turnd);
    assert!(told.contains("203.0.113.5:"), "{told}");
    turnd.stop();
}

#[test]
fn what_cannot_be_found_out_stops_the_start_and_check_says_so() {
    let config = format!("{CONFIG}listening-port=0\n").replace("192.0.2.10", "127.0.0.1");
    for (lines, expected) in [
        (
            "external-ip=localhost\n",
            "external-ip: localhost: it is 127.0.0.1, which no client can reach",
        ),
        (
            // Nobody answers at a closed port of our own.
            "external-ip=auto\nexternal-ip-stun-server=127.0.0.1:1\n",
            "external-ip: auto: no answer from the STUN server 127.0.0.1:1: ",
        ),
    ] {
        let config = format!("{config}{lines}");
        let Stopped { status, log, .. } = Turnd::fail_to_start(&config, &[]);
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains(expected), "{log}");

        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("turnserver.conf");
        fs::write(&file, &config).unwrap();
        let mut check = Command::new(env!("CARGO_BIN_EXE_turnd"));
        let checked = check.args(["check", "-c"]).arg(&file).output().unwrap();
        assert_eq!(checked.status.code(), Some(255));
        // The report is wrapped.
        let said = String::from_utf8(checked.stdout).unwrap();
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(expected.trim()), "{said}");
    }
}
