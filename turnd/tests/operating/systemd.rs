//! What a service manager is told. The test is the manager.

use std::{os::unix::net::UnixDatagram, time::Duration};

use tempfile::TempDir;

use crate::support::turnd::Turnd;

const CONFIG: &str = "listening-ip=127.0.0.1\nlistening-port=0\nuser=alice:wonderland\nrealm=x\n";
const PATIENCE: Duration = Duration::from_secs(10);

/// A socket that a program sends its state to.
struct Manager {
    socket: UnixDatagram,
    directory: TempDir,
}

impl Manager {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, directory }
    }

    fn start(&self, environment: &[(&str, &str)]) -> Turnd {
        Turnd::start_as(CONFIG, |command| {
            command.env("NOTIFY_SOCKET", self.directory.path().join("notify"));
            command.envs(environment.iter().copied());
        })
    }

    /// The next message, as sorted lines.
    fn next(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("nothing was told");
        let text = str::from_utf8(&buffer[..length]).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

#[test]
fn it_is_told_of_the_start_and_of_the_end() {
    let manager = Manager::new();
    let turnd = manager.start(&[]);
    assert_eq!(manager.next(), ["READY=1", "STATUS=serving 0 allocations"]);
    turnd.stop();
    assert_eq!(
        manager.next(),
        ["STOPPING=1", "STATUS=stopping with 0 allocations"]
    );
}
