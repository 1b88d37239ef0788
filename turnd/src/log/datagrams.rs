//! The sockets of syslog and of systemd's journal: a line is a datagram.

use std::{
    io,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
};

/// Where syslog listens (`_PATH_LOG` of libc).
pub(super) const SYSLOG: &str = "/dev/log";
/// Where the journal listens (systemd, "Native Journal Protocol").
pub(super) const JOURNAL: &str = "/run/systemd/journal/socket";

/// A way to a local socket, which may not be there yet, or go and come back.
#[derive(Debug)]
pub(super) struct Datagrams {
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

impl Datagrams {
    pub(super) fn to(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            socket: None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Sends one line. If nobody listens any more, it is sent once again to who may have come since.
    pub(super) fn send(&mut self, line: &[u8]) -> io::Result<()> {
        if let Some(socket) = &self.socket {
            match socket.send(line) {
                Ok(_) => return Ok(()),
                Err(error) if has_gone(&error) => self.socket = None,
                Err(error) => return Err(error),
            }
        }
        let socket = UnixDatagram::unbound()?;
        socket.connect(&self.path)?;
        self.socket.insert(socket).send(line).map(drop)
    }
}

fn has_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, NotConnected};
    matches!(
        error.kind(),
        ConnectionRefused | ConnectionReset | NotConnected
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_that_comes_late_or_comes_back_gets_what_is_sent_then() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut datagrams = Datagrams::to(&path);
        assert!(datagrams.send(b"lost").is_err());
        for line in ["first", "second"] {
            let listener = UnixDatagram::bind(&path).unwrap();
            datagrams.send(line.as_bytes()).unwrap();
            let mut buffer = [0; 10];
            let length = listener.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], line.as_bytes());
            std::fs::remove_file(&path).unwrap();
        }
        assert!(datagrams.send(b"lost").is_err());
    }
}
