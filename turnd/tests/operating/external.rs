//! Public addresses that the configuration has a name for. In a network and with a list of hosts of the test's own.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::support::{
    certificates::{Certificates, KeyKind},
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
for host in 10 99; do ip address add 2001:db8::$host/128 dev lo; done
mount --bind "$hosts" /etc/hosts
if [ -n "$seen" ]; then
    mkfifo "$hosts.ready"
    python3 -c "$SERVER" "$seen" > "$hosts.ready" &
    read -r _ < "$hosts.ready"
fi
exec "$0" "$@"
"#;

/// The same, where a DNS server hears everything and says nothing. `$1` is the list of hosts.
const SILENCE: &str = r#"
set -e
hosts=$1
shift 1
ip link set lo up
for host in 10 11 53; do ip address add 192.0.2.$host/32 dev lo; done
mount --bind "$hosts" /etc/hosts
echo "nameserver 192.0.2.53" > "$hosts.resolv"
mount --bind "$hosts.resolv" "$(readlink -f /etc/resolv.conf)"
mkfifo "$hosts.ready"
python3 -c "$SERVER" > "$hosts.ready" &
read -r _ < "$hosts.ready"
exec "$0" "$@"
"#;

/// As long as whoever started it.
const MUTE: &str = r#"
import os, socket, time
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("192.0.2.53", 53))
parent = os.getppid()
print("ready", flush=True)
os.close(1)
while os.getppid() == parent:
    time.sleep(0.1)
"#;

/// Answers Binding requests with an address that they were not sent from, as behind a NAT; over IPv6 only once the list
/// of hosts has a line about it. As long as whoever started it.
const SERVER: &str = r#"
import ipaddress, os, select, socket, struct, sys
def server(family, address):
    server = socket.socket(family, socket.SOCK_DGRAM)
    server.bind((address, 3478))
    return server
servers = [server(socket.AF_INET, "192.0.2.99"), server(socket.AF_INET6, "2001:db8::99")]
parent = os.getppid()
print("ready", flush=True)
os.close(1)
while os.getppid() == parent:
    for server in select.select(servers, [], [], 0.1)[0]:
        request, client = server.recvfrom(2000)
        seen = sys.argv[1]
        if server == servers[1]:
            assert client[0] == "2001:db8::10", client
            seen = [line.split()[0] for line in open("/etc/hosts") if "seen-over-ipv6" in line]
            if not seen:
                continue
            seen = seen[0]
        else:
            assert client[0] == "192.0.2.10", client
        address = ipaddress.ip_address(seen).packed
        mask = struct.pack("!I", 0x2112A442) + request[8:20]
        address = bytes(a ^ b for a, b in zip(address, mask))
        value = struct.pack("!BBH", 0, 1 if len(address) == 4 else 2, client[1] ^ 0x2112) + address
        value = struct.pack("!HH", 0x20, len(value)) + value
        server.sendto(struct.pack("!HHI", 0x0101, len(value), 0x2112A442) + request[8:20] + value, client)
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

    fn command_in_silence(&self) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(["--net", "--mount", "sh", "-c", SILENCE])
            .arg(env!("CARGO_BIN_EXE_turnd"))
            .arg(self.path())
            .env("SERVER", MUTE);
        command
    }
}

/// What a client is told as its relayed address.
fn told_to_a_client(turnd: &Turnd) -> String {
    told_to_a_client_of(turnd, "127.0.0.1")
}

/// The same, for a client of this peer, of whose family the relayed address is.
fn told_to_a_client_of(turnd: &Turnd, peer: &str) -> String {
    let output = Command::new("nsenter")
        .arg(format!("--target={}", turnd.pid()))
        .args(["--net", "timeout", "5", "turnutils_uclient"])
        .args(["-v", "-c", "-n", "1", "-u", "alice", "-w", "wonderland"])
        .args(["-e", peer, "127.0.0.1"])
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

/// As certbot has it, and a name that is found only when the process is nobody any more.
#[test]
fn a_name_that_changes_needs_no_key_that_only_root_can_read() {
    if !is_root() {
        return;
    }
    let hosts = Hosts::new("203.0.113.7 turn.test\n");
    let certificates = Certificates::new(KeyKind::Ecdsa);
    fs::set_permissions(certificates.directory(), fs::Permissions::from_mode(0o700)).unwrap();
    let config = format!(
        "{CONFIG}listening-port=3478\nexternal-ip=turn.test\nexternal-ip-interval=1\n\
         proc-user=nobody\nproc-group=nogroup\n{}",
        certificates.options()
    );
    let turnd = Turnd::start_with(hosts.command(""), &config, &[]);
    let seen = turnd.line_count();
    hosts.write("203.0.113.8 turn.test\n");
    turnd.wait_for_line_after(seen, "external-ip is another address");
    let told = told_to_a_client(&turnd);
    assert!(told.contains("203.0.113.8:"), "{told}");
    assert!(!turnd.addresses("tls").is_empty(), "{}", turnd.log());
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

    // One that is not known is told of, and until it is found the address of before stays.
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
    turnd.wait_for_line_after(seen, "configuration read again");
    let told = told_to_a_client(&turnd);
    assert!(told.contains("203.0.113.7:"), "{told}");
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

/// F23: what the configuration has addresses for is served within five seconds, and the rest when it is known.
#[test]
fn a_dns_that_is_silent_holds_up_neither_the_start_nor_a_reload() {
    if !is_root() {
        return;
    }
    const LIMIT: Duration = Duration::from_secs(5);
    let hosts = Hosts::new("");
    let config = format!(
        "{CONFIG}listening-port=3478\nrelay-ip=192.0.2.11\nexternal-ip=203.0.113.1/192.0.2.11\n\
         external-ip=turn.test/192.0.2.10\n"
    );
    let began = Instant::now();
    let turnd = Turnd::start_with(hosts.command_in_silence(), &config, &[]);
    let took = began.elapsed();
    assert!(took <= LIMIT, "{took:?}");
    let log = turnd.log();
    assert!(
        log.contains("external-ip: turn.test: no answer in 4 seconds"),
        "{log}"
    );
    assert!(log.contains("not relaying from 192.0.2.10 before"), "{log}");
    for _ in 0..5 {
        let told = told_to_a_client(&turnd);
        assert!(told.contains("203.0.113.1:"), "{told}");
    }
    let tells_eventually = |address: &str| {
        // Relay addresses are taken at random.
        let told = (0..40).any(|_| told_to_a_client(&turnd).contains(address));
        assert!(told, "nobody is told {address}");
    };

    let seen = turnd.line_count();
    hosts.write("203.0.113.7 turn.test\n");
    turnd.wait_for_line_after(seen, "external-ip is another address");
    tells_eventually("203.0.113.7:");

    // A reload with a name that nobody answers for: the other settings are taken, and the address of before stays.
    hosts.write("");
    let seen = turnd.line_count();
    let changed = config.replace("turn.test", "other.test");
    turnd.write_file("turnserver.conf", &format!("{changed}user=bob:builder\n"));
    let began = Instant::now();
    turnd.signal("HUP");
    let line = turnd.wait_for_line_after(seen, "SIGHUP received: configuration read again");
    let took = began.elapsed();
    assert!(took <= LIMIT, "{took:?}");
    assert!(line.contains("users"), "{line}");
    turnd.wait_for_line_after(seen, "external-ip: other.test: no answer in 4 seconds");
    tells_eventually("203.0.113.7:");
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

/// The address that came is used, one line says what did not come, and nobody is told the relay's own address instead.
#[test]
fn a_stun_server_that_is_silent_over_one_family_does_not_discard_the_other() {
    if !is_root() {
        return;
    }
    const LIMIT: Duration = Duration::from_secs(5);
    const SILENT: &str = "external-ip: auto: no answer from the STUN server [2001:db8::99]:3478: ";
    const SERVERS: &str = "192.0.2.99 stun.test\n2001:db8::99 stun.test\n";
    let hosts = Hosts::new(SERVERS);
    let config = format!(
        "{CONFIG}relay-ip=2001:db8::10\nlistening-port=3478\nexternal-ip=auto\n\
         external-ip-stun-server=stun.test\n"
    );
    let began = Instant::now();
    let turnd = Turnd::start_with(hosts.command("203.0.113.5"), &config, &[]);
    let took = began.elapsed();
    assert!(took <= LIMIT, "{took:?}");
    let log = turnd.log();
    assert!(log.contains("clients are told 203.0.113.5"), "{log}");
    assert_eq!(log.matches("external-ip: auto: ").count(), 1, "{log}");
    assert!(log.contains(SILENT), "{log}");
    assert!(
        log.contains("not relaying from 2001:db8::10 before"),
        "{log}"
    );
    let told = told_to_a_client(&turnd);
    assert!(told.contains("203.0.113.5:"), "{told}");

    let seen = turnd.line_count();
    turnd.write_file("turnserver.conf", &format!("{config}user=bob:builder\n"));
    turnd.signal("HUP");
    turnd.wait_for_line_after(seen, SILENT);
    let line = turnd.wait_for_line_after(seen, "SIGHUP received: configuration read again");
    assert!(line.contains("users"), "{line}");
    let told = told_to_a_client(&turnd);
    assert!(told.contains("203.0.113.5:"), "{told}");

    let seen = turnd.line_count();
    hosts.write(&format!("{SERVERS}2001:db8:5::1 seen-over-ipv6\n"));
    turnd.wait_for_line_after(seen, "external-ip is another address");
    let told = told_to_a_client_of(&turnd, "::1");
    assert!(told.contains("2001:db8:5::1"), "{told}");
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
