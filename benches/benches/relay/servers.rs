//! The servers side by side: each with the same user, one relay thread and one processor, on ports of 127.0.0.1.

use std::{
    fmt, fs,
    io::{self, ErrorKind},
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use turnd_benches::process::{Process, pin_to};
use turnd_wire::{Class, Message, Method, Writer};

use crate::turn_crate::{PASSWORD, REALM, USER};

/// This program, run with this word and a port, is the server of the crate `turn`.
pub(crate) const SERVE: &str = "serve-with-the-turn-crate";
/// The server's processor, and the generator's, where it has one of its own.
pub(crate) const SERVERS: usize = 0;
pub(crate) const GENERATORS: usize = 1;
const PATIENCE: Duration = Duration::from_secs(30);

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Turnd,
    /// turnd of another commit.
    Before,
    Coturn,
    TurnCrate,
    TurnServer,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Turnd,
        Self::Before,
        Self::Coturn,
        Self::TurnCrate,
        Self::TurnServer,
    ];

    /// Whether it can relay to a peer that is no client: `turn-server` cannot.
    pub(crate) const fn has_peers(self) -> bool {
        !matches!(self, Self::TurnServer)
    }

    /// Whether its clients may come over TCP and TLS here.
    pub(crate) const fn has_streams(self) -> bool {
        matches!(self, Self::Turnd | Self::Before | Self::Coturn)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Turnd => "turnd",
            Self::Before => "before",
            Self::Coturn => "coturn",
            Self::TurnCrate => "turn crate",
            Self::TurnServer => "turn-server",
        })
    }
}

/// A server that can be started.
pub(crate) struct Program {
    pub(crate) kind: Kind,
    path: PathBuf,
    pub(crate) version: String,
}

impl Program {
    /// The server of this kind, or why it is left out.
    pub(crate) fn find(kind: Kind, turnd: &Path, before: Option<&Path>) -> Result<Self, String> {
        let path = match kind {
            Kind::Turnd => turnd.to_owned(),
            Kind::Before => before.ok_or("no --before")?.to_owned(),
            Kind::Coturn => on_path("turnserver").ok_or("no turnserver on the PATH")?,
            Kind::TurnCrate => std::env::current_exe().map_err(|error| error.to_string())?,
            Kind::TurnServer => on_path("turn-server")
                .ok_or("no turn-server on the PATH (cargo install turn-server --version 4.1.5)")?,
        };
        let version = match kind {
            Kind::TurnCrate => "0.17.2".to_owned(),
            _ => said_version(&path),
        };
        Ok(Self {
            kind,
            path,
            version,
        })
    }

    /// Starts it and waits until it answers.
    pub(crate) fn start(&self) -> io::Result<Server> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let tls = free_address()?;
        let config = folder.path().join("turnserver.conf");
        fs::write(&config, self.config(folder.path(), address, tls)?)?;
        let log = fs::File::create(folder.path().join("output"))?;
        let mut command = Command::new(&self.path);
        match self.kind {
            Kind::TurnCrate => command.args([SERVE, &address.port().to_string()]),
            Kind::TurnServer => command.arg("--config").arg(&config),
            Kind::Turnd | Kind::Before | Kind::Coturn => command.arg("-c").arg(&config),
        };
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let begun = Instant::now();
        // What is started now inherits the processor.
        pin_to(SERVERS)?;
        let child = command.current_dir(folder.path()).spawn();
        pin_to(GENERATORS)?;
        let mut server = Server {
            child: child?,
            address,
            tls,
            started_in: Duration::ZERO,
            folder,
        };
        server.wait(begun)?;
        Ok(server)
    }

    fn config(&self, folder: &Path, address: SocketAddr, tls: SocketAddr) -> io::Result<String> {
        if self.kind == Kind::TurnServer {
            return Ok(format!(
                "[server]\nrealm = \"{REALM}\"\nport-range = \"10000..59999\"\nmax-threads = 1\n\n\
                 [[server.interfaces]]\ntransport = \"udp\"\nlisten = \"{address}\"\nexternal = \"{address}\"\n\n\
                 [auth]\nenable-hooks-auth = false\n\n[auth.static-credentials]\n{USER} = \"{PASSWORD}\"\n\n\
                 [log]\nlevel = \"error\"\n"
            ));
        }
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
        let made = made.map_err(io::Error::other)?;
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        fs::write(&certificate, made.cert.pem())?;
        fs::write(&key, made.signing_key.serialize_pem())?;
        let mut config = format!(
            "listening-ip=127.0.0.1\nlistening-port={}\ntls-listening-port={}\nrelay-ip=127.0.0.1\nallow-loopback-peers\n\
             lt-cred-mech\nrealm={REALM}\nuser={USER}:{PASSWORD}\nmin-port=10000\nmax-port=59999\nrelay-threads=1\n\
             cert={}\npkey={}\nno-dtls\nsimple-log\nlog-file={}\npidfile={}\n",
            address.port(),
            tls.port(),
            certificate.display(),
            key.display(),
            folder.join("log").display(),
            folder.join("pid").display(),
        );
        if self.kind == Kind::Coturn {
            config += "no-cli\n";
        }
        Ok(config)
    }
}

/// A server that runs.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) tls: SocketAddr,
    pub(crate) started_in: Duration,
    folder: tempfile::TempDir,
}

impl Server {
    pub(crate) fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// Whether it leaves the processor to others when it wakes up (SCHED_BATCH), or takes it as usual.
    pub(crate) fn set_batch(&self, batch: bool) -> io::Result<()> {
        let policy = if batch { "--batch" } else { "--other" };
        let pid = self.child.id().to_string();
        let status = Command::new("chrt")
            .args(["--all-tasks", policy, "--pid", "0", &pid])
            .status()?;
        if !status.success() {
            return Err(io::Error::other(format!(
                "chrt {policy} ended with {status}"
            )));
        }
        // chrt takes the priority away. Without the right to, the generator has none either.
        let _ = self.process().put_first();
        Ok(())
    }

    /// Asks it to end; returns how long that took.
    pub(crate) fn stop(mut self) -> io::Result<Duration> {
        let begun = Instant::now();
        self.signal(Signal::TERM);
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > PATIENCE {
                return Err(io::Error::new(ErrorKind::TimedOut, "a server does not end"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(begun.elapsed())
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // It may have ended already.
        let _ = pid.map(|pid| kill_process(pid, signal));
    }

    /// Asks for a Binding every millisecond until one is answered.
    fn wait(&mut self, begun: Instant) -> io::Result<()> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(1)))?;
        let mut buffer = [0; 64];
        let request = Writer::new(&mut buffer, Class::Request, Method::BINDING, [9; 12].into());
        let request = request.finish().map_err(io::Error::other)?;
        let mut answer = [0; 1024];
        while begun.elapsed() < PATIENCE {
            socket.send_to(request, self.address)?;
            if let Ok((length, _)) = socket.recv_from(&mut answer)
                && Message::parse(&answer[..length]).is_ok()
            {
                self.started_in = begun.elapsed();
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                let output = fs::read_to_string(self.folder.path().join("output"))?;
                return Err(io::Error::other(format!("ended with {status}: {output}")));
            }
        }
        Err(io::Error::new(ErrorKind::TimedOut, "does not answer"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}

/// A port that nothing has, on UDP and TCP.
fn free_address() -> io::Result<SocketAddr> {
    loop {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = socket.local_addr()?;
        // Outside the range that relays get.
        if address.port() > 59_999 && TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// The first number with dots in what a program says of its version.
fn said_version(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output();
    let said = output.map(|output| [output.stdout, output.stderr].concat());
    let said = String::from_utf8_lossy(&said.unwrap_or_default()).into_owned();
    let number = |word: &&str| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit());
    let words = said.split(|c: char| c.is_whitespace() || c == '-');
    words
        .filter(|word| !word.is_empty())
        .find(number)
        .unwrap_or("?")
        .to_owned()
}
