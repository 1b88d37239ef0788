//! Little memory, and many who want some.

use std::{
    fs,
    net::{SocketAddr, TcpStream, UdpSocket},
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use turnd_wire::{Class, Method, Writer, attr};

use crate::{
    numbers::Numbers,
    support::{End, as_long, is_root, turnd::Turnd},
    ways::{Reply, message},
};

/// Bytes that the server and what the kernel keeps for it may take.
const LIMIT: u64 = 128 << 20;
/// Addresses that the server listens on, and sockets that write to each of them.
const ADDRESSES: u8 = 16;
const SOCKETS: usize = 2500;
/// Peers that each allocation is permitted.
const PEERS: u32 = 100;

/// Bytes of those that something else in the group has.
const TAKEN: u64 = 32 << 20;

/// A control group of the test's own, of whichever version counts memory on this machine.
struct Group {
    directory: PathBuf,
    /// The file that tells of processes that were killed for want of memory.
    kills: &'static str,
    /// In memory, of the first program in the group.
    ballast: PathBuf,
}

impl Group {
    /// None where nobody may make one, which under CI must not be.
    fn new() -> Option<Self> {
        if !is_root() {
            return None;
        }
        let name = format!("turnd-test-{}", std::process::id());
        let old = PathBuf::from("/sys/fs/cgroup/memory");
        let made = if old.join("memory.limit_in_bytes").exists() {
            Self::make(
                old.join(name),
                "memory.limit_in_bytes",
                "memory.oom_control",
            )
        } else {
            let root = PathBuf::from("/sys/fs/cgroup");
            // Most likely that is so already.
            let _ = fs::write(root.join("cgroup.subtree_control"), "+memory");
            Self::make(root.join(name), "memory.max", "memory.events")
        };
        if let Err(error) = &made {
            assert!(
                std::env::var_os("CI").is_none(),
                "no control group: {error}"
            );
            eprintln!("SKIPPED: no control group: {error}");
        }
        made.ok()
    }

    fn make(directory: PathBuf, limit: &'static str, kills: &'static str) -> std::io::Result<Self> {
        fs::create_dir(&directory)?;
        let ballast = format!("/dev/shm/turnd-test-{}", std::process::id()).into();
        let group = Self {
            directory,
            kills,
            ballast,
        };
        fs::write(group.directory.join(limit), LIMIT.to_string())?;
        // Where there is swap; it would only make the end slower.
        let _ = fs::write(group.directory.join("memory.swap.max"), "0");
        Ok(group)
    }

    /// A command that becomes the server inside.
    fn command(&self) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", INSIDE])
            .arg(&self.directory)
            .arg(TAKEN.to_string())
            .arg(&self.ballast)
            .arg(env!("CARGO_BIN_EXE_turnd"));
        command
    }

    fn kills(&self) -> u64 {
        let text = fs::read_to_string(self.directory.join(self.kills)).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.expect("a count of kills").parse().unwrap()
    }
}

/// Enters the group, takes some of its memory, and becomes the server.
const INSIDE: &str = r#"
set -e
echo $$ > "$0/cgroup.procs"
head -c "$1" /dev/zero > "$2"
shift 2
exec "$@"
"#;

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.ballast);
        // Its processes have ended; the kernel may need a moment to see it.
        for _ in 0..100 {
            if fs::remove_dir(&self.directory).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn allocate() -> Vec<u8> {
    let fill = |writer: &mut Writer<'_>| {
        writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    };
    message(Class::Request, Method::ALLOCATE, fill).1
}

/// One more permission than the last time for each of so many.
fn permit() -> Vec<u8> {
    let fill = |writer: &mut Writer<'_>| {
        for peer in 0..PEERS {
            let [.., high, low] = peer.to_be_bytes();
            writer.xor_address(attr::XOR_PEER_ADDRESS, ([8, 8, high, low], 9).into());
        }
    };
    message(Class::Request, Method::CREATE_PERMISSION, fill).1
}

fn refresh(lifetime: u32) -> Vec<u8> {
    let fill = |writer: &mut Writer<'_>| writer.number32(attr::LIFETIME, lifetime);
    message(Class::Request, Method::REFRESH, fill).1
}

/// What a client is told, which asks again when it hears nothing: the kernel may drop datagrams in a flood.
fn ask(socket: &UdpSocket, request: &[u8]) -> Reply {
    let mut buffer = [0; 2048];
    for _ in 0..10 {
        socket.send(request).unwrap();
        while let Ok(length) = socket.recv(&mut buffer) {
            if buffer[8..20] == request[8..20] {
                return Reply(buffer[..length].to_vec());
            }
        }
    }
    panic!("no answer");
}

/// A client that was there before the flood, and its peer.
struct Call {
    client: UdpSocket,
    peer: UdpSocket,
    relayed: SocketAddr,
}

impl Call {
    fn new(server: SocketAddr) -> Self {
        let socket = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let second = Some(Duration::from_secs(1));
            socket.set_read_timeout(second).unwrap();
            socket
        };
        let (client, peer) = (socket(), socket());
        client.connect(server).unwrap();
        let relayed = ask(&client, &allocate()).relayed()[0];
        let call = Self {
            client,
            peer,
            relayed,
        };
        call.permit();
        call
    }

    fn permit(&self) {
        let peer = self.peer.local_addr().unwrap();
        let fill = |writer: &mut Writer<'_>| {
            writer.bytes(attr::CHANNEL_NUMBER, &[0x40, 0, 0, 0]);
            writer.xor_address(attr::XOR_PEER_ADDRESS, peer);
        };
        let request = message(Class::Request, Method::CHANNEL_BIND, fill).1;
        assert_eq!(ask(&self.client, &request).error(), None);
    }

    /// It is served as if nothing were the matter.
    fn goes_on(&self) {
        assert_eq!(ask(&self.client, &refresh(3600)).error(), None);
        self.permit();
        let mut buffer = [0; 100];
        for _ in 0..10 {
            self.client.send(b"\x40\0\0\x05there").unwrap();
            if self.peer.recv_from(&mut buffer).is_ok() {
                break;
            }
        }
        assert_eq!(&buffer[..5], b"there");
        for _ in 0..10 {
            self.peer.send_to(b"back", self.relayed).unwrap();
            if self.client.recv(&mut buffer).is_ok() {
                break;
            }
        }
        assert_eq!(&buffer[4..8], b"back");
    }
}

/// Clients that take what they can get, and go on asking.
struct Flood {
    sockets: Vec<UdpSocket>,
    servers: Vec<SocketAddr>,
    made: usize,
    refused: usize,
}

impl Flood {
    fn new(servers: Vec<SocketAddr>) -> Self {
        let socket = |_| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        };
        Self {
            sockets: (0..SOCKETS).map(socket).collect(),
            servers,
            made: 0,
            refused: 0,
        }
    }

    /// Every socket asks at every address of the server, until the time is over.
    fn run(&mut self, until: Instant) {
        let permit = permit();
        for nth in (0..SOCKETS).cycle() {
            if Instant::now() >= until {
                return;
            }
            // The same request sent again would get the same answer.
            let allocate = allocate();
            for server in &self.servers {
                self.sockets[nth].send_to(&allocate, server).unwrap();
            }
            // What was asked for some sockets ago has been answered by now, or soon is.
            let answered = &self.sockets[(nth + SOCKETS - 8) % SOCKETS];
            let mut buffer = [0; 2048];
            while let Ok((length, server)) = answered.recv_from(&mut buffer) {
                let reply = Reply(buffer[..length].to_vec());
                match (reply.message().method(), reply.error()) {
                    (Method::ALLOCATE, None) => {
                        self.made += 1;
                        answered.send_to(&permit, server).unwrap();
                    }
                    // The second time round it is there already, asked for by another request.
                    (_, None | Some(437)) => {}
                    (_, Some(508)) => self.refused += 1,
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    /// Gives everything back.
    fn end(&self) {
        let delete = refresh(0);
        for socket in &self.sockets {
            for server in &self.servers {
                socket.send_to(&delete, server).unwrap();
            }
            // No faster than the server reads.
            thread::sleep(Duration::from_micros(500));
        }
    }
}

/// What is no message, and connections that say nothing whole.
fn junk(server: SocketAddr, is_over: &AtomicBool) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (mut numbers, mut half) = (Numbers(0xF22), Vec::new());
    while !is_over.load(Ordering::Relaxed) {
        for _ in 0..50 {
            let length = numbers.next() as usize % 1200;
            let bytes: Vec<u8> = (0..length).map(|_| numbers.next() as u8).collect();
            let _ = socket.send_to(&bytes, server);
        }
        if let Ok(mut stream) = TcpStream::connect(server) {
            // A header that announces much, and some of it.
            let _ =
                std::io::Write::write_all(&mut stream, b"\0\x03\x20\0\x21\x12\xA4\x42 and so on");
            half.push(stream);
        }
        if half.len() > 1000 {
            half.drain(..500);
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// F22: in a group with 128 MB it refuses what is new and is not killed; who is there is served, and when others have
/// gone there is room again. For ten minutes in the long run, or as many seconds as TURND_TEST_SECONDS says.
#[test]
fn f22_new_work_is_refused_before_memory_is_gone() {
    let Some(group) = Group::new() else {
        return;
    };
    // Descriptors are not to be what there is too little of.
    let most = getrlimit(Resource::Nofile).maximum;
    let files = Rlimit {
        current: most,
        maximum: most,
    };
    setrlimit(Resource::Nofile, files).unwrap();
    let listening = (1..=ADDRESSES).map(|host| format!("listening-ip=127.22.0.{host}\n"));
    let listening: String = listening.collect();
    let turnd = Turnd::start_with(
        group.command(),
        &format!(
            "{listening}listening-port=0\nrelay-ip=127.22.0.1\nrelay-ip=127.22.0.2\nmin-port=2000\nmax-port=60000\n\
             realm=example.org\nno-auth\nallow-loopback-peers\nrelay-threads=2\nsock-buf-size=100000\n"
        ),
        &[],
    );
    assert!(turnd.log().contains("memory: 128 MB for the control group"));
    let call = Call::new(turnd.udp_v4());
    call.goes_on();

    let seconds = std::env::var("TURND_TEST_SECONDS").ok();
    let seconds = seconds.map_or(as_long(15, 600), |it| it.parse().unwrap());
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut flood = Flood::new(turnd.addresses("udp"));
    let is_over = AtomicBool::new(false);
    let server = turnd.udp_v4();
    thread::scope(|scope| {
        let _end = End(&is_over);
        scope.spawn(|| junk(server, &is_over));
        while Instant::now() < until {
            let second = Instant::now() + Duration::from_secs(1);
            flood.run(until.min(second));
            assert_eq!(group.kills(), 0, "after {} allocations", flood.made);
            call.goes_on();
        }
    });
    let (made, refused) = (flood.made, flood.refused);
    println!(
        "{made} allocations, {refused} refused, {} kB",
        turnd.resident()
    );
    assert!(
        refused > 1000,
        "{refused} refused of {made}: that is no want"
    );
    assert!(made > 1000, "{made} allocations");
    assert!(
        turnd
            .log()
            .contains("new allocations, permissions and connections are refused")
    );

    let seen = turnd.line_count();
    flood.end();
    turnd.wait_for_line_after(seen, "MB are left again");
    assert!(!Call::new(turnd.udp_v4()).relayed.ip().is_unspecified());
    call.goes_on();
    assert_eq!(group.kills(), 0);
    drop(call);
    assert!(turnd.stop().status.success());
}
