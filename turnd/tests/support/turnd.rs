//! A turnd of the test's own: started with a configuration, known by what it prints, ended with the test.

use std::cell::Cell;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const READY: &str = "turnd is ready";
const LISTENING: &str = "listening on ";
const BEHIND_PROXY: &str = ", each connection with a PROXY header";
const START_LIMIT: Duration = Duration::from_secs(10);
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// How long a line is waited for.
const LINE_LIMIT: Duration = Duration::from_secs(10);

/// A running server. Dropping it ends the process and removes its directory.
pub(crate) struct Turnd {
    /// `None` once it has been waited for.
    child: Option<Child>,
    directory: PathBuf,
    is_kept: Cell<bool>,
    output: Output,
}

/// What the server said it listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listening {
    /// `udp`, `dtls`, `udp+dtls`, `tcp`, `tls` or `tcp+tls`.
    pub(crate) protocols: String,
    pub(crate) address: SocketAddr,
    /// Whether every connection has to begin with a PROXY header.
    pub(crate) is_behind_proxy: bool,
}

/// How a server ended.
pub(crate) struct Stopped {
    /// What the process left behind.
    pub(crate) status: ExitStatus,
    /// From the signal to the end of the process.
    pub(crate) took: Duration,
    /// All that it printed.
    pub(crate) log: String,
}

impl Turnd {
    /// Starts a server with this configuration file and waits until it says that it is ready.
    ///
    /// # Panics
    /// When it ends or is not ready within ten seconds; like every failing test, with all that it printed.
    pub(crate) fn start(config: &str) -> Self {
        Self::start_with_files(config, &[])
    }

    /// The same with these files in its working directory, by their names.
    pub(crate) fn start_with_files(config: &str, files: &[(&str, &str)]) -> Self {
        Self::start_with(Command::new(env!("CARGO_BIN_EXE_turnd")), config, files)
    }

    /// Runs a server that cannot start, to its end.
    ///
    /// # Panics
    /// When it does not end within ten seconds.
    pub(crate) fn fail_to_start(config: &str, files: &[(&str, &str)]) -> Stopped {
        let began = Instant::now();
        let mut turnd = Self::spawn(Command::new(env!("CARGO_BIN_EXE_turnd")), config, files);
        let ended = turnd.output.wait_for_end();
        let mut child = turnd.child.take().expect("it is waited for once");
        if !ended {
            let _ = child.kill();
        }
        let status = child.wait().expect("waiting for turnd");
        assert!(ended, "turnd is still there after {STOP_LIMIT:?}");
        turnd.output.join();
        Stopped {
            status,
            took: began.elapsed(),
            log: turnd.log(),
        }
    }

    /// The same with no more than this many open files.
    pub(crate) fn start_with_few_files(config: &str, files: u32) -> Self {
        let mut command = Command::new("prlimit");
        command
            .arg(format!("--nofile={files}:{files}"))
            .arg(env!("CARGO_BIN_EXE_turnd"));
        Self::start_with(command, config, &[])
    }

    /// The same with threads whose stacks have no more than this many bytes.
    pub(crate) fn start_with_small_stacks(config: &str, bytes: usize) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_turnd"));
        command.env("RUST_MIN_STACK", bytes.to_string());
        Self::start_with(command, config, &[])
    }

    /// The same with an environment, or whatever else a command can have.
    pub(crate) fn start_as(config: &str, prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_turnd"));
        prepare(&mut command);
        Self::start_with(command, config, &[])
    }

    /// The same by a command that ends in the program, with the working directory's files as they are to be.
    pub(crate) fn start_with(command: Command, config: &str, files: &[(&str, &str)]) -> Self {
        let turnd = Self::spawn(command, config, files);
        turnd.output.wait_for_ready();
        turnd
    }

    fn spawn(mut command: Command, config: &str, files: &[(&str, &str)]) -> Self {
        let directory = fresh_directory();
        for (name, text) in files {
            fs::write(directory.join(name), text).expect("writing a file for turnd");
        }
        let file = directory.join("turnserver.conf");
        fs::write(&file, config).expect("writing the configuration");
        if !nix::unistd::geteuid().is_root() {
            // The tests look at what only its own user, and root, may see of it.
            command.arg("--core-dumps");
        }
        let mut child = command
            .arg("--config")
            .arg(&file)
            .current_dir(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starting turnd");
        let output = Output::of(&mut child);
        Self {
            child: Some(child),
            directory,
            is_kept: Cell::new(false),
            output,
        }
    }

    /// Writes a file into its working directory, in place of one that is there.
    pub(crate) fn write_file(&self, name: &str, text: &str) {
        fs::write(self.directory.join(name), text).expect("writing a file for turnd");
    }

    /// Takes a file out of its working directory.
    pub(crate) fn remove_file(&self, name: &str) {
        fs::remove_file(self.directory.join(name)).expect("removing a file of turnd");
    }

    /// Its working directory, which is removed with it.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Keeps its working directory until what is returned is dropped.
    pub(crate) fn keep_directory(&self) -> KeptDirectory {
        self.is_kept.set(true);
        KeptDirectory(self.directory.clone())
    }

    /// Sends it a signal by its name without SIG.
    pub(crate) fn signal(&self, name: &str) {
        signal(name, self.pid());
    }

    /// Everything that it listens on, in the order of its summary.
    pub(crate) fn listening(&self) -> Vec<Listening> {
        self.log().lines().filter_map(listening_line).collect()
    }

    /// The first address whose protocols are exactly these.
    pub(crate) fn address_of(&self, protocols: &str) -> SocketAddr {
        let mut all = self.listening().into_iter();
        let found = all.find(|it| it.protocols == protocols && !it.is_behind_proxy);
        let found = found.unwrap_or_else(|| panic!("no {protocols} in:\n{}", self.log()));
        found.address
    }

    /// Waits until it has printed a line with this text, after `seen` lines, and returns the line.
    pub(crate) fn wait_for_line_after(&self, seen: usize, text: &str) -> String {
        self.output.wait_for_line(seen, text)
    }

    /// How many lines it has printed.
    pub(crate) fn line_count(&self) -> usize {
        self.output.lines.0.lock().expect("no reader panics").len()
    }

    /// The IPv4 address that it listens on.
    pub(crate) fn udp_v4(&self) -> SocketAddr {
        self.udp(SocketAddr::is_ipv4)
    }

    /// The IPv6 address that it listens on.
    pub(crate) fn udp_v6(&self) -> SocketAddr {
        self.udp(SocketAddr::is_ipv6)
    }

    /// An address on which it takes `protocol`: udp, tcp, tls or dtls. Of several the first, and of the
    /// plain and the TLS port the plain one.
    pub(crate) fn address(&self, protocol: &str, family: fn(&SocketAddr) -> bool) -> SocketAddr {
        let addresses = self.addresses(protocol);
        let address = addresses.iter().find(|address| family(address));
        *address.unwrap_or_else(|| panic!("no {protocol} on this family:\n{}", self.log()))
    }

    /// Every address on which it takes this protocol.
    pub(crate) fn addresses(&self, protocol: &str) -> Vec<SocketAddr> {
        let log = self.log();
        let all = log.lines().filter_map(listening_line);
        all.filter(|it| it.protocols.split('+').any(|name| name == protocol))
            .map(|it| it.address)
            .collect()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Processor time of all its threads.
    pub(crate) fn cpu_time(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid())).expect("it runs");
        let nanoseconds = tasks.map(|task| {
            let path = task.expect("a thread").path().join("schedstat");
            let statistics = fs::read_to_string(path).expect("schedstat");
            let first = statistics.split(' ').next().expect("a figure");
            first.parse::<u64>().expect("nanoseconds")
        });
        Duration::from_nanos(nanoseconds.sum())
    }

    /// Its memory, in kB.
    pub(crate) fn resident(&self) -> usize {
        resident(self.pid())
    }

    /// All that it has printed until now.
    pub(crate) fn log(&self) -> String {
        self.output.text()
    }

    /// Asks it to end with SIGTERM and waits for that.
    pub(crate) fn stop(self) -> Stopped {
        self.stop_by("TERM")
    }

    /// Waits until it ends by itself, which it has been given a reason for.
    pub(crate) fn wait(mut self) -> Stopped {
        let mut child = self.child.take().expect("it is waited for once");
        let began = Instant::now();
        let ended = self.output.wait_for_end();
        if !ended {
            let _ = child.kill();
        }
        let status = child.wait().expect("waiting for turnd");
        assert!(ended, "turnd is still there after {STOP_LIMIT:?}");
        self.output.join();
        Stopped {
            status,
            took: began.elapsed(),
            log: self.log(),
        }
    }

    /// Asks it to end with this signal and waits for that.
    pub(crate) fn stop_by(mut self, signal: &str) -> Stopped {
        let (status, took) = self.terminate(signal);
        Stopped {
            status,
            took,
            log: self.log(),
        }
    }

    fn udp(&self, family: fn(&SocketAddr) -> bool) -> SocketAddr {
        self.address("udp", family)
    }

    fn terminate(&mut self, name: &str) -> (ExitStatus, Duration) {
        let mut child = self.child.take().expect("it is waited for once");
        let asked = Instant::now();
        signal(name, child.id());
        let ended = self.output.wait_for_end();
        if !ended {
            let _ = child.kill();
        }
        let status = child.wait().expect("waiting for turnd");
        assert!(
            ended,
            "turnd did not end within {STOP_LIMIT:?} of SIG{name}"
        );
        (status, asked.elapsed())
    }
}

impl Drop for Turnd {
    fn drop(&mut self) {
        if thread::panicking() {
            // No second panic: it would abort, and hide the test's own.
            if let Some(child) = &mut self.child {
                let _ = child.kill();
                let _ = child.wait();
            }
            eprintln!("turnd printed:\n{}", self.log());
        } else if self.child.is_some() {
            let (status, _) = self.terminate("TERM");
            assert!(
                status.success(),
                "turnd: {status}; it printed:\n{}",
                self.log()
            );
        }
        if !self.is_kept.get() {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

/// The working directory of a server that has ended.
pub(crate) struct KeptDirectory(PathBuf);

impl Drop for KeptDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What the process prints on both streams, collected by a thread for each.
struct Output {
    lines: Arc<Lines>,
    events: Receiver<Event>,
    readers: Vec<thread::JoinHandle<()>>,
}

/// The lines, and word of each new one.
type Lines = (Mutex<Vec<String>>, Condvar);

enum Event {
    Ready,
    /// Standard output closed: the process has ended, or will at once.
    End,
}

impl Output {
    fn of(child: &mut Child) -> Self {
        let lines = Arc::default();
        let (sender, events) = mpsc::channel();
        let readers = vec![
            collect(child.stderr.take().expect("a pipe"), &lines, None),
            collect(child.stdout.take().expect("a pipe"), &lines, Some(sender)),
        ];
        Self {
            lines,
            events,
            readers,
        }
    }

    fn wait_for_line(&self, seen: usize, text: &str) -> String {
        let (lines, changed) = &*self.lines;
        let lines = lines.lock().expect("no reader panics");
        let find = |lines: &Vec<String>| {
            let new = lines.get(seen..).unwrap_or_default();
            new.iter().find(|line| line.contains(text)).cloned()
        };
        let (lines, _) = changed
            .wait_timeout_while(lines, LINE_LIMIT, |lines| find(lines).is_none())
            .expect("no reader panics");
        find(&lines).unwrap_or_else(|| panic!("turnd did not print {text:?} in {LINE_LIMIT:?}"))
    }

    /// Waits for the last line of a process that has ended.
    fn join(&mut self) {
        for reader in self.readers.drain(..) {
            reader.join().expect("no reader panics");
        }
    }

    fn wait_for_ready(&self) {
        match self.events.recv_timeout(START_LIMIT) {
            Ok(Event::Ready) => {}
            Ok(Event::End) => panic!("turnd ended before it was ready"),
            Err(_) => panic!("turnd was not ready within {START_LIMIT:?}"),
        }
    }

    fn wait_for_end(&self) -> bool {
        let deadline = Instant::now() + STOP_LIMIT;
        loop {
            match self
                .events
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(Event::Ready) => {}
                Ok(Event::End) | Err(mpsc::RecvTimeoutError::Disconnected) => return true,
                Err(mpsc::RecvTimeoutError::Timeout) => return false,
            }
        }
    }

    fn text(&self) -> String {
        self.lines.0.lock().expect("no reader panics").join("\n")
    }
}

fn collect(
    stream: impl Read + Send + 'static,
    lines: &Arc<Lines>,
    events: Option<Sender<Event>>,
) -> thread::JoinHandle<()> {
    let lines = Arc::clone(lines);
    // Nobody listens to the events any more once the test has failed: sending may fail and does not matter.
    let tell = move |event| events.as_ref().map(|sender| sender.send(event));
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let ready = line.contains(READY);
            lines.0.lock().expect("no reader panics").push(line);
            lines.1.notify_all();
            if ready {
                tell(Event::Ready);
            }
        }
        tell(Event::End);
    })
}

fn listening_line(line: &str) -> Option<Listening> {
    let (_, rest) = line.split_once(LISTENING)?;
    // In JSON the message ends before the line does.
    let rest = rest.split('"').next()?;
    let (protocols, address) = rest.split_once(' ')?;
    let bare = address.strip_suffix(BEHIND_PROXY);
    Some(Listening {
        protocols: protocols.to_owned(),
        address: bare.unwrap_or(address).parse().ok()?,
        is_behind_proxy: bare.is_some(),
    })
}

/// The standard library can only kill; the shell's own `kill` is on every system and needs no unsafe code.
fn signal(name: &str, pid: u32) {
    let command = format!("kill -{name} {pid}");
    let status = Command::new("sh")
        .arg("-c")
        .arg(&command)
        .status()
        .expect("running sh");
    assert!(status.success(), "{command}: {status}");
}

/// Memory of a process, in kB.
pub(crate) fn resident(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let digits = line.expect("VmRSS").chars().filter(char::is_ascii_digit);
    digits.collect::<String>().parse().expect("a number")
}

fn fresh_directory() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "turnd-{}-{}",
        std::process::id(),
        NUMBER.fetch_add(1, Ordering::Relaxed)
    );
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&directory).expect("making a directory for turnd");
    directory
}
