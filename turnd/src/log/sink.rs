//! Where lines end up. Here, on a thread of its own, it is known what was lost, and told when there is
//! room again.

use std::{
    fs::File,
    io,
    os::fd::AsFd,
    sync::Arc,
    time::{Duration, Instant},
};

use tracing::Level;
use turnd_net::LogLimit;

use super::{datagrams::Datagrams, file::LogWriter, form::Form, record::Record, torn::LineWriter};

/// How often it is told that lines do not fit into the queue.
const DROPPED: Duration = Duration::from_secs(1);
/// How often it is told elsewhere that lines cannot be written here.
const FAILING: Duration = Duration::from_secs(60);

/// A place to write to.
#[derive(Debug)]
pub(super) enum Destination {
    /// Standard output.
    Stdout(LineWriter),
    /// A file.
    File(LogWriter),
    /// A socket that takes a line as a datagram.
    Datagrams(Datagrams),
}

impl Destination {
    /// Standard output, without the lock and the buffer of the standard library: who is stuck on those
    /// would hold up everybody else who prints.
    pub(super) fn stdout() -> io::Result<Self> {
        let stdout = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self::Stdout(LineWriter::new(File::from(stdout))))
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.write(line),
            Self::File(file) => file.write(line),
            Self::Datagrams(socket) => socket.send(line),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Stdout(_) => "standard output".to_owned(),
            Self::File(file) => file.path().display().to_string(),
            Self::Datagrams(socket) => socket.path().display().to_string(),
        }
    }
}

/// A place to write to, and what did not get there.
#[derive(Debug)]
pub(super) struct Sink {
    destination: Destination,
    form: Arc<Form>,
    started: Instant,
    /// Lines that could not be written since it was last told.
    failed: u64,
    /// Of the lines that did not fit into the queue, those that were told of.
    told: u64,
    dropped: LogLimit,
    failing: LogLimit,
}

impl Sink {
    pub(super) fn new(destination: Destination, form: Arc<Form>) -> Self {
        Self {
            destination,
            form,
            started: Instant::now(),
            failed: 0,
            told: 0,
            dropped: LogLimit::new(DROPPED),
            failing: LogLimit::new(FAILING),
        }
    }

    /// Writes a line, or counts it as lost.
    pub(super) fn write(&mut self, line: &[u8]) {
        if self.failed > 0 && !self.tell(self.failed, "they could not be written") {
            self.failed += 1;
            return;
        }
        self.failed = 0;
        if let Err(error) = self.destination.write(line) {
            self.failed = 1;
            self.complain("write to", &error);
        }
    }

    /// Opens a file anew, which someone has moved. Without success it goes on with the one it has.
    pub(super) fn reopen(&mut self) {
        let Destination::File(file) = &mut self.destination else {
            return;
        };
        if let Err(error) = file.reopen() {
            let path = file.path().display();
            tracing::error!("cannot open {path} again, the log goes on where it was: {error}");
        }
    }

    /// `dropped`: lines since the start that did not fit into the queue.
    pub(super) fn tell_of_dropped(&mut self, dropped: u64) {
        if dropped > self.told && self.dropped.allow(self.started.elapsed()).is_some() {
            self.tell_of_all_dropped(dropped);
        }
    }

    /// The last words.
    pub(super) fn finish(&mut self, dropped: u64) {
        if self.failed > 0 {
            self.tell(self.failed, "they could not be written");
        }
        self.tell_of_all_dropped(dropped);
    }

    fn tell_of_all_dropped(&mut self, dropped: u64) {
        let new = dropped - self.told;
        if new > 0 && self.tell(new, "they came faster than they could be written") {
            self.told = dropped;
        }
    }

    fn tell(&mut self, lost: u64, why: &str) -> bool {
        let message = format!("{lost} lines of the log were lost here: {why}");
        let mut line = Vec::new();
        self.form
            .write(&Record::new(Level::WARN, &message), &mut line);
        self.destination.write(&line).is_ok()
    }

    /// Tells it in the other places. Here it is lost like the line that it is about.
    fn complain(&mut self, what: &str, error: &io::Error) {
        if self.failing.allow(self.started.elapsed()).is_some() {
            let name = self.destination.name();
            tracing::warn!("cannot {what} {name}, lines of the log are lost: {error}");
        }
    }
}
