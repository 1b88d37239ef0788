//! syslog and systemd's journal, played by the test, in a mount namespace where they are at their places.

use std::{
    io,
    os::unix::net::UnixDatagram,
    process::{Child, Stdio},
};

use super::*;

/// Puts `$1/journal` and `$1/devices` where the program looks: a tmpfs over /run, and a /dev with what every
/// program needs and a `log`.
const PLACES: &str = "mount -t tmpfs none /run; mkdir -p /run/systemd/journal; \
    mount --bind \"$1/sockets\" /run/systemd/journal; \
    mount -t tmpfs none \"$1/devices\"; \
    for n in null zero random urandom; do : >\"$1/devices/$n\"; mount --bind /dev/$n \"$1/devices/$n\"; done; \
    ln -s \"$1/sockets/dev-log\" \"$1/devices/log\"; mount --rbind \"$1/devices\" /dev";

/// The sockets of syslog and the journal, with what came to them.
struct System {
    directory: tempfile::TempDir,
    syslog: UnixDatagram,
    journal: UnixDatagram,
}

impl System {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["sockets", "devices"] {
            std::fs::create_dir(directory.path().join(name)).unwrap();
        }
        let socket = |name: &str| {
            let socket = UnixDatagram::bind(directory.path().join("sockets").join(name)).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket
        };
        let (syslog, journal) = (socket("dev-log"), socket("socket"));
        Self {
            directory,
            syslog,
            journal,
        }
    }

    /// Starts a server with its standard output in a file, `stdout`.
    fn start(&self, before: &str, config: &str) -> Option<Running> {
        let script = format!("{PLACES}; {before}");
        let mut command = in_own_mounts(&script, self.directory.path())?;
        let file = self.directory.path().join("turnserver.conf");
        std::fs::write(&file, format!("{CONFIG}{config}\n")).unwrap();
        let stdout = std::fs::File::create(self.directory.path().join("stdout")).unwrap();
        let child = command
            .arg("--config")
            .arg(file)
            .stdin(Stdio::null())
            .stdout(stdout)
            .spawn()
            .unwrap();
        Some(Running(child))
    }

    fn printed(&self) -> String {
        text(&self.directory.path().join("stdout"))
    }
}

struct Running(Child);

impl Running {
    fn stop(&mut self) {
        let id = self.0.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(killed.success());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What came to a socket, up to the one with this text.
fn received(socket: &UnixDatagram, last: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => panic!("{error}, after {all:#?}"),
        };
        all.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
        if all.last().unwrap().contains(last) {
            return all;
        }
    }
}

#[test]
fn syslog_gets_lines_as_from_libc() {
    let system = System::new();
    let config = "log-file=syslog\nsyslog-facility=LOG_LOCAL2\nno-stdout-log";
    let Some(mut turnd) = system.start(":", config) else {
        return;
    };
    let lines = received(&system.syslog, "turnd is ready");
    let id = turnd.0.id();
    for line in &lines {
        // <150>Jan  2 03:04:05 turnd[7]: text. Facility 18; 6 is what happens, 4 a warning.
        let (head, text) = line.split_at(20);
        assert!(
            head.starts_with("<150>") || head.starts_with("<148>"),
            "{line}"
        );
        assert_eq!((&head[8..9], &head[14..15]), (" ", ":"), "{line}");
        assert!(text.starts_with(&format!(" turnd[{id}]: ")), "{line}");
        assert!(!line.ends_with('\n') && !line.contains(" INFO "), "{line}");
    }
    turnd.stop();
    let last = received(&system.syslog, "turnd has stopped");
    assert!(last.iter().any(|line| line.contains("SIGTERM")), "{last:?}");
    assert_eq!(system.printed(), "");
}

#[test]
fn the_journal_gets_fields_and_standard_output_too_if_that_is_something_else() {
    let system = System::new();
    let Some(mut turnd) = system.start(":", "journald\nverbose") else {
        return;
    };
    let lines = received(&system.journal, "turnd is ready");
    let find = |text: &str| lines.iter().find(|line| line.contains(text));
    let server = find("MESSAGE=listening on udp 127.0.0.1:").unwrap();
    let server = server.trim_end().rsplit(' ').next().unwrap();
    call(server.parse().unwrap());
    let session = received(&system.journal, ": new, ");
    let fields: Vec<&str> = session.last().unwrap().lines().collect();
    for field in [
        "PRIORITY=6",
        "SYSLOG_IDENTIFIER=turnd",
        "MESSAGE=session 000000000000000001: new, realm=<example.org>, username=<alice>, lifetime=600",
        "TURND_SESSION=000000000000000001",
        "TURND_USER=alice",
        "TURND_LIFETIME=600",
    ] {
        assert!(fields.contains(&field), "{field} is not in {fields:#?}");
    }
    turnd.stop();
    assert!(
        system
            .printed()
            .contains(" INFO session 000000000000000001: new")
    );
}

#[test]
fn what_goes_to_the_journal_is_not_printed_too_if_that_goes_there_as_well() {
    let system = System::new();
    let stream = "export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/$$/fd/1)";
    let Some(mut turnd) = system.start(stream, "journald") else {
        return;
    };
    received(&system.journal, "turnd is ready");
    turnd.stop();
    received(&system.journal, "turnd has stopped");
    assert_eq!(system.printed(), "");
}

#[test]
fn without_anyone_who_takes_them_lines_are_lost_there_only() {
    let turnd = Turnd::start(&format!("{CONFIG}verbose\njournald\nsyslog\n"));
    let is_here = |path: &str| Path::new(path).exists();
    if is_here("/dev/log") || is_here("/run/systemd/journal/socket") {
        return;
    }
    call(turnd.udp_v4());
    let log = turnd.stop().log;
    for place in ["/dev/log", "/run/systemd/journal/socket"] {
        let complaint = format!("WARNING cannot write to {place}, lines of the log are lost: ");
        assert_eq!(log.matches(&complaint).count(), 1, "{log}");
    }
    assert!(log.contains("delete: realm"), "{log}");
}
