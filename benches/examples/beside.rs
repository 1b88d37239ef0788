//! What one client, or a fault, does to others: how they fare alone, and beside it.
//!
//! ```sh
//! cargo run --release -p turnd-benches --example beside -- 127.0.0.1:3478 fairness
//! cargo run --release -p turnd-benches --example beside -- 127.0.0.1:3478 forgeries
//! cargo run --release -p turnd-benches --example beside -- 127.0.0.1:3478 hellos
//! cargo run --release -p turnd-benches --example beside -- 127.0.0.1:3478 fault --command 'dd if=/dev/zero of=/disk/full'
//! ```
//!
//! The server is to have processors of its own: what is measured is the time that its clients wait for it.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    process::{self, ExitCode},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use clap::{Parser, ValueEnum};
use rustix::{
    net::{self, AddressFamily, SendFlags, SocketType},
    process::setpriority_process,
};
use rustls::{ClientConfig, ClientConnection, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::ServerName;
use turnd_benches::load::{self, Load, Mode, Relayed, Report, Spacing, Transport};
use turnd_wire::{Algorithm, Class, ErrorCode, Integrity, Key, Message, Method, Writer, attr};

/// Measures clients alone, and then beside one that is not as they are.
#[derive(Parser)]
struct Arguments {
    /// Where the server listens: an IPv4 address and port
    server: SocketAddr,
    /// What the one does
    #[arg(value_enum)]
    what: What,
    /// User of every allocation
    #[arg(long, default_value = "user")]
    user: String,
    /// Password of that user
    #[arg(long, default_value = "password")]
    password: String,
    /// Quiet clients
    #[arg(long, default_value_t = 1000)]
    quiet: usize,
    /// Datagrams a second of each
    #[arg(long, default_value_t = 50)]
    rate: u64,
    /// The one sends so many times as many
    #[arg(long, default_value_t = 100)]
    times: u64,
    /// Forged requests a second
    #[arg(long, default_value_t = 100_000)]
    forged: u64,
    /// TLS connections a second that are begun
    #[arg(long, default_value_t = 1000)]
    hellos: u64,
    /// Where to begin TLS instead of at the server, to see what making the hellos does to the measure
    #[arg(long)]
    elsewhere: Option<SocketAddr>,
    /// What makes the fault, for a shell; what it says and how it ends does not matter
    #[arg(long, default_value = ":")]
    command: String,
    /// Forge signatures behind a nonce that is good, and not the nonce too
    #[arg(long)]
    good_nonce: bool,
    /// Seconds that each half takes
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// One client sends a hundred times as much as each of a thousand.
    Fairness,
    /// One sends requests that are not signed with any key, and others allocate.
    Forgeries,
    /// Somebody begins TLS again and again, from two hundred addresses, and leaves it at that.
    Hellos,
    /// A command makes a fault, while others come and go before it and after.
    Fault,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.what {
        What::Fairness => fairness(&arguments),
        What::Forgeries => forgeries(&arguments),
        What::Hellos => hellos(&arguments),
        What::Fault => fault(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("beside: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Arguments {
    fn time(&self) -> Duration {
        // What is out of range becomes a time that the load refuses.
        Duration::try_from_secs_f64(self.seconds).unwrap_or(2 * load::LONGEST)
    }

    fn quiet(&self) -> Load {
        let clients = self.quiet;
        self.load(clients, self.rate * clients as u64, self.time())
    }

    fn load(&self, clients: usize, rate: u64, time: Duration) -> Load {
        Load {
            server: self.server,
            user: self.user.clone(),
            password: self.password.clone(),
            transport: Transport::Udp,
            mode: Mode::Up,
            allocations: clients,
            size: 200,
            burst: 1,
            rate: Some(rate),
            window: 1,
            spacing: Spacing::Even,
            indications: false,
            peers: IpAddr::V4(Ipv4Addr::LOCALHOST),
            sockets_of_their_own: false,
            warm_up: Duration::from_millis(500),
            time,
            process: None,
        }
    }
}

fn relayed(load: &Load) -> io::Result<Relayed> {
    match load::run(load)? {
        Report::Relayed(relayed) => Ok(relayed),
        _ => unreachable!("that is no mode that relays"),
    }
}

// Fairness.

fn tell(when: &str, it: &Relayed) {
    println!(
        "quiet {when:<7} {} of {} arrived, {:.3} % lost, p50 {:.0} us, p99 {:.0} us",
        it.arrived,
        it.sent,
        it.loss() * 100.0,
        it.latency.p50,
        it.latency.p99
    );
}

fn fairness(arguments: &Arguments) -> io::Result<()> {
    let quiet = arguments.quiet();
    let alone = relayed(&quiet)?;
    tell("alone", &alone);
    // From before the quiet ones have their allocations until after their last datagram.
    let longer = arguments.time() + Duration::from_secs(4);
    let hog = arguments.load(1, arguments.rate * arguments.times, longer);
    let (beside, hog) = thread::scope(|scope| {
        let hog = scope.spawn(|| relayed(&hog));
        thread::sleep(Duration::from_millis(700));
        let beside = relayed(&quiet);
        (beside, hog.join().expect("a load does not panic"))
    });
    let (beside, hog) = (beside?, hog?);
    tell("beside", &beside);
    println!(
        "the one      {} of {} arrived, {:.3} % lost, {:.0} a second",
        hog.arrived,
        hog.sent,
        hog.loss() * 100.0,
        hog.sent as f64 / hog.seconds
    );
    println!(
        "p99 beside it is {:.2} times p99 alone",
        beside.latency.p99 / alone.latency.p99
    );
    Ok(())
}

// Hellos.

fn hellos(arguments: &Arguments) -> io::Result<()> {
    let quiet = arguments.quiet();
    let alone = relayed(&quiet)?;
    tell("alone", &alone);
    let (is_over, said) = (AtomicBool::new(false), AtomicU64::new(0));
    let begun = Instant::now();
    let beside = thread::scope(|scope| {
        let flood = scope.spawn(|| say_hello(arguments, &is_over, &said));
        let beside = relayed(&quiet);
        is_over.store(true, Ordering::Relaxed);
        flood.join().expect("it does not panic")?;
        beside
    })?;
    tell("beside", &beside);
    println!(
        "hellos       {:.0} a second\np99 beside them is {:.2} times p99 alone",
        said.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64(),
        beside.latency.p99 / alone.latency.p99
    );
    Ok(())
}

fn say_hello(arguments: &Arguments, is_over: &AtomicBool, said: &AtomicU64) -> io::Result<()> {
    // What is measured must not wait for this thread here.
    setpriority_process(Some(rustix::thread::gettid()), 19)?;
    let hello = hello()?;
    let to = arguments.elsewhere.unwrap_or(arguments.server);
    let mut open = VecDeque::new();
    let begun = Instant::now();
    for number in 0_u64.. {
        while (begun.elapsed().as_secs_f64() * arguments.hellos as f64) < number as f64 {
            thread::sleep(Duration::from_micros(200));
        }
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let from = Ipv4Addr::new(127, 0, 1, (number % 200) as u8 + 1);
        let socket = net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        net::bind(&socket, &SocketAddr::from((from, 0)))?;
        net::connect(&socket, &to)?;
        // The server may have closed it already.
        let _ = net::send(&socket, &hello, SendFlags::NOSIGNAL);
        open.push_back(socket);
        if open.len() > 500 {
            open.pop_front();
        }
        said.store(number, Ordering::Relaxed);
    }
    Ok(())
}

/// What a client of TLS says first.
fn hello() -> io::Result<Vec<u8>> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let mut client = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes)?;
    Ok(bytes)
}

// Faults.

/// Between those who come while there is a fault.
const REST: Duration = Duration::from_millis(4);

fn fault(arguments: &Arguments) -> io::Result<()> {
    let quiet = arguments.quiet();
    let while_others_come_and_go = || {
        thread::scope(|scope| {
            let others = scope.spawn(|| allocate_again_and_again(arguments, REST));
            let relayed = relayed(&quiet);
            let times = others.join().expect("it does not panic")?;
            Ok::<_, io::Error>((relayed?, times.len()))
        })
    };
    let (before, came) = while_others_come_and_go()?;
    tell("before", &before);
    process::Command::new("sh")
        .args(["-c", &arguments.command])
        .status()?;
    let (during, come) = while_others_come_and_go()?;
    tell("during", &during);
    println!(
        "others       {came} allocations before, {come} during\np99 during it is {:.2} times p99 before",
        during.latency.p99 / before.latency.p99
    );
    Ok(())
}

// Forgeries.

fn forgeries(arguments: &Arguments) -> io::Result<()> {
    let tell = |when: &str, times: &[Duration]| {
        let at = |part: usize| times[(times.len() - 1) * part / 100].as_micros();
        println!(
            "Allocate {when:<7} {} times, p50 {} us, p99 {} us, worst {} us",
            times.len(),
            at(50),
            at(99),
            at(100)
        );
        at(99) as f64
    };
    let alone = tell(
        "alone",
        &allocate_again_and_again(arguments, Duration::ZERO)?,
    );
    let (is_over, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let begun = Instant::now();
    let times = thread::scope(|scope| {
        let flood = scope.spawn(|| forge(arguments, &is_over, &sent));
        let times = allocate_again_and_again(arguments, Duration::ZERO);
        is_over.store(true, Ordering::Relaxed);
        flood.join().expect("it does not panic")?;
        times
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    let beside = tell("beside", &times);
    println!(
        "forged   {:.0} requests a second",
        sent.load(Ordering::Relaxed) as f64 / seconds
    );
    println!("p99 beside them is {:.2} times p99 alone", beside / alone);
    Ok(())
}

/// How long each success took, in order of length. In between there is a rest.
fn allocate_again_and_again(arguments: &Arguments, rest: Duration) -> io::Result<Vec<Duration>> {
    let mut client = Client::new(arguments)?;
    let until = Instant::now() + arguments.time();
    let mut times = Vec::new();
    while Instant::now() < until {
        let begun = Instant::now();
        client.ask(Method::ALLOCATE)?;
        times.push(begun.elapsed());
        client.ask(Method::REFRESH)?;
        thread::sleep(rest);
    }
    times.sort_unstable();
    Ok(times)
}

/// Sends as fast as it is asked to, and throws away what comes back.
fn forge(arguments: &Arguments, is_over: &AtomicBool, sent: &AtomicU64) -> io::Result<()> {
    let mut client = Client::new(arguments)?;
    if !arguments.good_nonce
        && let Some(last) = client.nonce.last_mut()
    {
        *last = if *last == b'A' { b'B' } else { b'A' };
    }
    let nobody = Key::from_bytes(b"a key that nobody has").expect("it is short");
    client.key = nobody;
    let request = client.request(Method::ALLOCATE);
    client.socket.set_nonblocking(true)?;
    let begun = Instant::now();
    let mut count = 0;
    let mut buffer = [0; 2048];
    while !is_over.load(Ordering::Relaxed) {
        let due = (begun.elapsed().as_secs_f64() * arguments.forged as f64) as u64;
        let batch = due.saturating_sub(count).min(200);
        for _ in 0..batch {
            // What the kernel does not take is not sent.
            let _ = client.socket.send(&request);
        }
        count += batch;
        while client.socket.recv(&mut buffer).is_ok() {}
        if count >= due {
            thread::sleep(Duration::from_micros(200));
        }
    }
    sent.store(count, Ordering::Relaxed);
    Ok(())
}

/// One that knows the password.
struct Client {
    socket: UdpSocket,
    user: String,
    realm: String,
    nonce: Vec<u8>,
    key: Key,
    requests: u64,
}

impl Client {
    /// Challenged already.
    fn new(arguments: &Arguments) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect(arguments.server)?;
        socket.set_read_timeout(Some(Duration::from_millis(500)))?;
        let mut client = Self {
            socket,
            user: arguments.user.clone(),
            realm: String::new(),
            nonce: Vec::new(),
            key: Key::long_term(Algorithm::Md5, "", "", ""),
            requests: 0,
        };
        let challenge = client.exchange(Method::ALLOCATE)?;
        client.learn(&challenge)?;
        let user = (&*arguments.user, &*arguments.password);
        client.key = Key::long_term(Algorithm::Md5, user.0, &client.realm, user.1);
        Ok(client)
    }

    fn learn(&mut self, answer: &[u8]) -> io::Result<()> {
        let message = Message::parse(answer).map_err(|_| io::ErrorKind::InvalidData)?;
        let missing = || io::Error::other("the answer is no challenge");
        let realm = message.attribute(attr::REALM).ok_or_else(missing)?;
        self.realm = String::from_utf8_lossy(realm).into_owned();
        let nonce = message.attribute(attr::NONCE).ok_or_else(missing)?;
        self.nonce = nonce.to_vec();
        Ok(())
    }

    /// Asks until it is done.
    fn ask(&mut self, method: Method) -> io::Result<()> {
        for _ in 0..3 {
            let answer = self.exchange(method)?;
            let message = Message::parse(&answer).map_err(|_| io::ErrorKind::InvalidData)?;
            let Some(value) = message.attribute(attr::ERROR_CODE) else {
                return Ok(());
            };
            let code = ErrorCode::parse(value).map_or(0, |(code, _)| code.number());
            if code != 438 {
                return Err(io::Error::other(format!("refused with {code}")));
            }
            self.learn(&answer)?;
        }
        Err(io::Error::other("no nonce is good"))
    }

    /// One request, sent again if need be.
    fn exchange(&mut self, method: Method) -> io::Result<Vec<u8>> {
        self.requests += 1;
        let request = self.request(method);
        let mut buffer = [0; 2048];
        for _ in 0..7 {
            self.socket.send(&request)?;
            while let Ok(length) = self.socket.recv(&mut buffer) {
                if buffer[8..20] == request[8..20] {
                    return Ok(buffer[..length].to_vec());
                }
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    fn request(&self, method: Method) -> Vec<u8> {
        let mut id = [0xBE; 12];
        id[..8].copy_from_slice(&self.requests.to_be_bytes());
        let mut buffer = [0; 1024];
        let mut writer = Writer::new(&mut buffer, Class::Request, method, id.into());
        if method == Method::ALLOCATE {
            writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        } else {
            writer.number32(attr::LIFETIME, 0);
        }
        if !self.nonce.is_empty() {
            writer.text(attr::USERNAME, &self.user);
            writer.text(attr::REALM, &self.realm);
            writer.bytes(attr::NONCE, &self.nonce);
            writer.integrity(Integrity::Sha1, &self.key);
        }
        writer.finish().expect("a short request").to_vec()
    }
}
