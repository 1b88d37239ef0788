//! Who has a port already: what the kernel says of sockets and of those who hold them.

use std::{
    collections::HashSet,
    ffi::OsStr,
    fs,
    net::{IpAddr, SocketAddr},
    path::Path,
};

use crate::listeners::Protocol;

/// Who has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// The same program with this process id.
    Turnd(u32),
    /// Another one: its name and process id.
    Other(String, u32),
    /// Somebody who may not be looked at.
    Unknown {
        /// Whether it may be the same program, which runs somewhere.
        maybe_turnd: bool,
    },
}

/// Who is in the way of listening there.
pub(super) fn holder(protocol: Protocol, address: SocketAddr) -> Holder {
    holder_in(Path::new("/proc"), protocol, address)
}

fn holder_in(proc: &Path, protocol: Protocol, address: SocketAddr) -> Holder {
    let sockets = sockets(proc, protocol, address);
    let own = process_name(proc, "self");
    let mut processes = processes(proc);
    // Of several that share a socket, first a server of ours, then whoever was there first.
    processes.sort_by_key(|(pid, name)| (Some(name) != own.as_ref(), *pid));
    let mut all = processes.iter();
    match all.find(|(pid, _)| holds(&proc.join(pid.to_string()), &sockets)) {
        Some((pid, name)) if Some(name) == own.as_ref() => Holder::Turnd(*pid),
        Some((pid, name)) => Holder::Other(name.clone(), *pid),
        None => Holder::Unknown {
            maybe_turnd: processes.iter().any(|(_, name)| Some(name) == own.as_ref()),
        },
    }
}

/// The other processes, with their names.
fn processes(proc: &Path) -> Vec<(u32, String)> {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    let processes = entries.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let name = process_name(proc, entry.file_name())?;
        (pid != std::process::id()).then_some((pid, name))
    });
    processes.collect()
}

/// Whoever runs may have chosen it.
fn process_name(proc: &Path, process: impl AsRef<OsStr>) -> Option<String> {
    let name = fs::read(proc.join(process.as_ref()).join("comm")).ok()?;
    let name = String::from_utf8_lossy(&name);
    Some(name.trim_end_matches('\n').escape_debug().to_string())
}

/// Whether the process has one of the sockets.
fn holds(process: &Path, sockets: &HashSet<String>) -> bool {
    let files = fs::read_dir(process.join("fd"));
    let mut files = files.into_iter().flatten().flatten();
    files.any(|file| {
        let target = fs::read_link(file.path());
        target.is_ok_and(|target| target.to_str().is_some_and(|it| sockets.contains(it)))
    })
}

/// What the sockets that are in the way are called where a process has them: those at that very address, or else
/// those for all addresses.
fn sockets(proc: &Path, protocol: Protocol, address: SocketAddr) -> HashSet<String> {
    let (mut same, mut any) = (HashSet::new(), HashSet::new());
    for family in ["", "6"] {
        let table = format!("net/{}{family}", protocol.names().0);
        let table = fs::read_to_string(proc.join(table)).unwrap_or_default();
        for (local, inode) in table.lines().filter_map(|line| row(line, protocol)) {
            let socket = format!("socket:[{inode}]");
            if local == address {
                same.insert(socket);
            } else if meets(local, address) {
                any.insert(socket);
            }
        }
    }
    if same.is_empty() { any } else { same }
}

/// Whether one of them is for all addresses, and the other for one of these. A socket for all of IPv6 may be for all
/// of IPv4, too; ours are not.
fn meets(there: SocketAddr, wanted: SocketAddr) -> bool {
    let is_same_family = there.is_ipv4() == wanted.is_ipv4();
    let (of_there, of_wanted) = (there.ip().is_unspecified(), wanted.ip().is_unspecified());
    there.port() == wanted.port()
        && if is_same_family {
            of_there || of_wanted
        } else {
            of_there && there.is_ipv6()
        }
}

/// The address and the inode of a socket that keeps others from its port (proc_net_tcp.rst of the kernel).
fn row(line: &str, protocol: Protocol) -> Option<(SocketAddr, &str)> {
    const LISTENING: &str = "0A";
    let columns: Vec<&str> = line.split_whitespace().collect();
    let (local, state, inode) = (columns.get(1)?, columns.get(3)?, columns.get(9)?);
    (protocol == Protocol::Udp || *state == LISTENING).then_some((socket_address(local)?, *inode))
}

/// `0100007F:0D96`: an address in words of the machine's byte order, and a port.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = Vec::new();
    for word in ip.as_bytes().chunks(8) {
        let word = u32::from_str_radix(str::from_utf8(word).ok()?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(v4) => IpAddr::from(v4),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?).to_canonical(),
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// As `/proc` has them: a table, and processes by number, name and sockets.
    fn proc(table: (&str, &[&str]), processes: &[(&str, &str, &[u32])]) -> tempfile::TempDir {
        let proc = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = proc.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let (name, lines) = table;
        let heading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref";
        write(
            &format!("net/{name}"),
            &format!("{heading}\n{}\n", lines.join("\n")),
        );
        write("self/comm", "turnd\n");
        write("version", "no process");
        for (pid, name, sockets) in processes {
            write(&format!("{pid}/comm"), &format!("{name}\n"));
            write(&format!("{pid}/fd/0"), "");
            for (nth, socket) in sockets.iter().enumerate() {
                let fd = format!("{pid}/fd/{}", nth + 3);
                symlink(format!("socket:[{socket}]"), proc.path().join(fd)).unwrap();
            }
        }
        proc
    }

    fn line(local: &str, state: &str, inode: u32) -> String {
        format!(
            "  12: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 2 0 0"
        )
    }

    /// An address as the tables of this machine have it.
    fn hex(address: &str) -> String {
        let address: SocketAddr = address.parse().unwrap();
        let bytes = match address.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let words = bytes.chunks(4).map(|word| {
            let word = u32::from_ne_bytes(word.try_into().unwrap());
            format!("{word:08X}")
        });
        format!("{}:{:04X}", words.collect::<String>(), address.port())
    }

    fn other(name: &str, pid: u32) -> Holder {
        Holder::Other(name.to_owned(), pid)
    }

    #[test]
    fn the_holder_is_who_has_the_socket_at_that_address_or_at_all() {
        let lines = [
            line(&hex("127.0.0.1:3478"), "07", 11),
            line(&hex("0.0.0.0:3478"), "07", 12),
            line(&hex("0.0.0.0:5349"), "07", 13),
            line(&hex("192.0.2.1:80"), "01", 14),
        ];
        let lines = lines.each_ref().map(String::as_str);
        let processes: &[(&str, &str, &[u32])] = &[
            ("100", "one", &[7, 11]),
            ("101", "two", &[12]),
            ("102", "a \u{1b}[31mthree", &[14, 13]),
        ];
        let proc = proc(("udp", &lines), processes);
        let of = |address: &str| holder_in(proc.path(), Protocol::Udp, address.parse().unwrap());
        assert_eq!(of("127.0.0.1:3478"), other("one", 100));
        assert_eq!(of("127.0.0.2:3478"), other("two", 101));
        assert_eq!(of("192.0.2.7:5349"), other(r"a \u{1b}[31mthree", 102));
        // Whoever is connected has a port, too.
        assert_eq!(of("0.0.0.0:80"), other(r"a \u{1b}[31mthree", 102));
        let unknown = Holder::Unknown { maybe_turnd: false };
        assert_eq!(of("127.0.0.1:3479"), unknown);
        assert_eq!(of("[::1]:3478"), unknown);
    }

    #[test]
    fn of_connections_only_a_listener_is_in_the_way_and_ipv6_may_be_of_both_families() {
        let lines = [
            line(&hex("[::]:443"), "0A", 21),
            line(&hex("[2001:db8::1]:443"), "01", 22),
            line(&hex("[::ffff:127.0.0.1]:444"), "0A", 23),
        ];
        let lines = lines.each_ref().map(String::as_str);
        let processes: &[(&str, &str, &[u32])] = &[
            ("100", "web", &[21]),
            ("101", "visitor", &[22]),
            ("102", "mapped", &[23]),
        ];
        let proc = proc(("tcp6", &lines), processes);
        let of = |address: &str| holder_in(proc.path(), Protocol::Tcp, address.parse().unwrap());
        assert_eq!(of("[2001:db8::1]:443"), other("web", 100));
        assert_eq!(of("192.0.2.1:443"), other("web", 100));
        assert_eq!(of("127.0.0.1:444"), other("mapped", 102));
    }

    #[test]
    fn a_turnd_goes_before_whoever_shares_its_sockets_and_a_hidden_holder_may_be_one() {
        let lines = [
            line(&hex("127.0.0.1:3478"), "07", 31),
            line(&hex("127.0.0.1:3479"), "07", 32),
        ];
        let lines = lines.each_ref().map(String::as_str);
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let shared: &[(&str, &str, &[u32])] =
            &[("2", "systemd", &[31, 32]), ("100", "turnd", &[31])];
        let proc_of_both = proc(("udp", &lines), shared);
        let of = |port| holder_in(proc_of_both.path(), Protocol::Udp, address(port));
        assert_eq!(of(3478), Holder::Turnd(100));
        assert_eq!(of(3479), other("systemd", 2));

        for (name, maybe_turnd) in [("turnd", true), ("turnserver", false)] {
            let hidden: &[(&str, &str, &[u32])] = &[("100", name, &[])];
            let proc = proc(("udp", &lines), hidden);
            let holder = holder_in(proc.path(), Protocol::Udp, address(3478));
            assert_eq!(holder, Holder::Unknown { maybe_turnd });
        }
    }

    #[test]
    fn lines_that_are_none_name_nobody() {
        let lines = [
            "",
            "garbage",
            "1: 0100007F:XX 0 07 0 0 0 0 0 9",
            "1: 01:0D96 0 07 0 0 0 0 0 9",
        ];
        let proc = proc(("udp", &lines), &[("100", "one", &[9])]);
        let holder = holder_in(proc.path(), Protocol::Udp, ([127, 0, 0, 1], 3478).into());
        assert_eq!(holder, Holder::Unknown { maybe_turnd: false });
    }
}
