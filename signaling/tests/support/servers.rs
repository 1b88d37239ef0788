//! The two programs, each ended with the test that started it.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver},
    },
    thread,
    time::Duration,
};

use super::certificates::Certificates;

const LINE_LIMIT: Duration = Duration::from_secs(10);

/// What makes the tokens of [`Signaling::start_closed`].
pub(crate) const ROOM_SECRET: &str = "north-south-east-west";

/// A running program, and what it has printed.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    printed: Arc<Mutex<String>>,
}

impl Program {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starting the program");
        let printed = Arc::new(Mutex::new(String::new()));
        let (sender, lines) = mpsc::channel();
        let outputs: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("a pipe")),
            Box::new(child.stderr.take().expect("a pipe")),
        ];
        for output in outputs {
            let (sender, printed) = (sender.clone(), Arc::clone(&printed));
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    *printed.lock().unwrap() += &format!("{line}\n");
                    // Nobody may be waiting for lines any more.
                    let _ = sender.send(line);
                }
            });
        }
        Self {
            child,
            lines,
            printed,
        }
    }

    /// What stands behind `mark` in the next line that has it.
    pub(crate) fn wait_for(&self, mark: &str) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(LINE_LIMIT) else {
                panic!("no line with {mark:?}; it printed:\n{}", self.log());
            };
            if let Some((_, rest)) = line.split_once(mark) {
                return rest.to_owned();
            }
        }
    }

    /// All that it has printed.
    pub(crate) fn log(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    /// Waits until it ends by itself, and says how.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().expect("waiting for the program").code()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(status.is_ok_and(|status| status.success()));
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("it printed:\n{}", self.log());
        }
    }
}

/// A running `signaling`.
pub(crate) struct Signaling {
    pub(crate) program: Program,
    /// Where it serves.
    pub(crate) address: SocketAddr,
    arguments: Vec<String>,
}

impl Signaling {
    /// Starts it on a loopback port that the system chooses, with clients let in as fast as tests come.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut all = vec!["--listen", "127.0.0.1:0", "--max-connect-rate", "10000"];
        if !arguments.contains(&"--metrics-listen") {
            all.push("--no-metrics");
        }
        if !arguments.contains(&"--max-turn-rate") {
            all.extend(["--max-turn-rate", "10000"]);
        }
        all.extend(arguments);
        Self::start_with(all.into_iter().map(str::to_owned).collect())
    }

    /// Starts it beside `turnd` with rooms that take a token made with [`ROOM_SECRET`]; and the file of that.
    pub(crate) fn start_closed(turnd: &Turnd) -> (Self, tempfile::NamedTempFile) {
        let secret = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(secret.path(), format!("{ROOM_SECRET}\n")).expect("writing the secret");
        let path = secret.path().to_str().expect("a path in UTF-8");
        let config = turnd.config();
        let signaling = Self::start(&["--room-secret-file", path, "--turn-config", &config]);
        (signaling, secret)
    }

    fn start_with(arguments: Vec<String>) -> Self {
        let program = Self::run(&arguments);
        let address = program.wait_for("listening on ");
        let address = address.parse().expect("an address");
        program.wait_for("open http");
        Self {
            program,
            address,
            arguments,
        }
    }

    /// Starts it without waiting for anything.
    pub(crate) fn run(arguments: &[String]) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_signaling"));
        command.args(arguments);
        Program::start(command)
    }

    /// The page's URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Kills it, and starts it again at the same address.
    pub(crate) fn restart(self) -> Self {
        let Self {
            program,
            address,
            mut arguments,
        } = self;
        drop(program);
        arguments[1] = address.to_string();
        Self::start_with(arguments)
    }
}

/// A running `turnd` with its configuration, which `signaling` can read too.
pub(crate) struct Turnd {
    pub(crate) program: Program,
    directory: tempfile::TempDir,
}

impl Turnd {
    /// Starts one on loopback, at a port that is free, with a secret.
    pub(crate) fn start(more: &str) -> Self {
        let common = "realm=example.org\nuse-auth-secret\nstatic-auth-secret=north-and-south\nallow-loopback-peers\n";
        Self::start_bare(&format!("{common}{more}"))
    }

    /// The same with a configuration that says everything but addresses and ports.
    pub(crate) fn start_bare(more: &str) -> Self {
        // Pages are told the port of the file, so the system cannot choose it when turnd starts.
        for _ in 0..20 {
            let mut text = format!(
                "listening-ip=127.0.0.1\nlistening-port={}\n{more}",
                free_port()
            );
            if more.contains("cert=") {
                text += &format!("tls-listening-port={}\n", free_port());
            }
            if let Some(turnd) = Self::try_start(&text) {
                return turnd;
            }
        }
        panic!("no free port for turnd");
    }

    fn try_start(text: &str) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("turnserver.conf");
        std::fs::write(&file, text).expect("writing the configuration");
        let mut command = Command::new(turnd_program());
        command.arg("--config").arg(&file);
        let program = Program::start(command);
        loop {
            match program.lines.recv_timeout(LINE_LIMIT) {
                Ok(line) if line.contains("turnd is ready") => {
                    return Some(Self { program, directory });
                }
                Ok(line) if line.contains("Address already in use") => return None,
                Ok(_) => {}
                Err(_) => panic!("turnd does not start; it printed:\n{}", program.log()),
            }
        }
    }

    /// The configuration's path.
    pub(crate) fn config(&self) -> String {
        let path = self.directory.path().join("turnserver.conf");
        path.to_str().expect("a path in UTF-8").to_owned()
    }

    /// What stands behind `name=` in the configuration.
    pub(crate) fn option(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.config()).expect("the configuration");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.expect("an option of the test").to_owned()
    }
}

/// The options for a certificate, without a port: the test has chosen one.
pub(crate) fn identity(certificates: &Certificates) -> String {
    certificates.options().replace("tls-listening-port=0\n", "")
}

/// A TCP and UDP port that nobody has at the moment.
pub(crate) fn free_port() -> u16 {
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    tcp.local_addr().expect("a bound socket").port()
}

/// Cargo builds it for the tests of the whole workspace; it lies beside `signaling`.
fn turnd_program() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_signaling")).with_file_name("turnd");
    assert!(
        program.is_file(),
        "these tests need turnd: run cargo test --workspace, or cargo build -p turnd first"
    );
    program
}
