//! The same bytes to turnd and to Debian's coturn: where the answers differ, a row of [`differences`] says so and why.
//! A difference that nobody knew of fails, and so does a row that does not hold any more.

mod cases;
mod differences;

use std::{
    env, fs,
    net::{SocketAddr, UdpSocket},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use turnd_wire::{
    Algorithm, Class, ErrorCode, Integrity, Key, Message, Method, TransactionId, Writer, attr,
};

use super::{PASSWORD, REALM, USER};
use crate::support::{foreign::foreign, turnd::Turnd};
use cases::CASES;
use differences::DIFFERENCES;

/// How long an answer may take that comes behind that of a later request: coturn looks for keys in another thread.
const LATE: Duration = Duration::from_millis(1500);
const START: Duration = Duration::from_secs(20);

#[test]
fn every_difference_to_coturn_is_known() {
    let Some(program) = foreign("turnserver") else {
        return;
    };
    let turnd = Turnd::start(&config(0));
    let coturn = Coturn::start(&program);
    let (ours, theirs) = (answers(turnd.udp_v4()), answers(coturn.address));

    let mut wrong = Vec::new();
    for ((case, ours), theirs) in CASES.iter().zip(ours).zip(theirs) {
        let row = DIFFERENCES.iter().find(|row| row.case == case.name);
        let found = (ours.join(" "), theirs.join(" "));
        match row {
            None if ours == theirs => {}
            Some(row)
                if found == (row.turnd.to_owned(), row.coturn.to_owned()) && ours != theirs => {}
            _ => wrong.push(format!(
                "{}: turnd {:?}, coturn {:?}",
                case.name, found.0, found.1
            )),
        }
    }
    let names: Vec<_> = CASES.iter().map(|case| case.name).collect();
    let unknown = DIFFERENCES.iter().filter(|row| !names.contains(&row.case));
    wrong.extend(unknown.map(|row| format!("there is no case {}", row.case)));
    assert!(DIFFERENCES.iter().all(|row| !row.why.is_empty()));
    assert!(
        wrong.is_empty(),
        "not as the table says:\n{}",
        wrong.join("\n")
    );
}

/// What both servers are told; port 0 is for turnd alone.
fn config(port: u16) -> String {
    format!(
        "listening-ip=127.0.0.1\nlistening-port={port}\nrelay-ip=127.0.0.1\nrealm={REALM}\nlt-cred-mech\n\
         user={USER}:{PASSWORD}\nuser=bob:builder\nallow-loopback-peers\nno-tcp-relay\nno-tls\nno-dtls\n\
         no-multicast-peers\nrelay-threads=1\n"
    )
}

/// What came of every case, each from a port of its own.
fn answers(server: SocketAddr) -> Vec<Vec<String>> {
    let threads: Vec<_> = CASES
        .iter()
        .map(|case| {
            thread::spawn(move || {
                let mut talk = Talk::new(server);
                (case.run)(&mut talk);
                talk.answers
            })
        })
        .collect();
    threads
        .into_iter()
        .map(|thread| thread.join().expect("a case that ends"))
        .collect()
}

/// A client and what it has been told.
pub(super) struct Talk {
    socket: UdpSocket,
    nonce: Vec<u8>,
    user: (&'static str, &'static str),
    requests: u8,
    /// `200`, an error's number, or `-` for silence: one for each message that was sent.
    answers: Vec<String>,
    token: Vec<u8>,
    last: Vec<u8>,
}

impl Talk {
    fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.connect(server).expect("connecting");
        let mut talk = Self {
            socket,
            nonce: Vec::new(),
            user: (USER, PASSWORD),
            requests: 0,
            answers: Vec::new(),
            token: Vec::new(),
            last: Vec::new(),
        };
        talk.bare(Method::REFRESH, |_| ());
        talk.answers.clear();
        talk
    }

    /// A request without credentials.
    fn bare(&mut self, method: Method, fill: impl FnOnce(&mut Writer<'_>)) {
        let bytes = self.build(Class::Request, method, fill);
        self.raw(&bytes);
    }

    /// A request with credentials.
    fn signed(&mut self, method: Method, fill: impl FnOnce(&mut Writer<'_>)) {
        let bytes = self.sign(method, fill);
        self.raw(&bytes);
    }

    /// Its bytes.
    fn sign(&mut self, method: Method, fill: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let (nonce, (user, password)) = (self.nonce.clone(), self.user);
        self.build(Class::Request, method, |writer| {
            fill(writer);
            writer.text(attr::USERNAME, user);
            writer.text(attr::REALM, REALM);
            writer.bytes(attr::NONCE, &nonce);
            let key = Key::long_term(Algorithm::Md5, user, REALM, password);
            writer.integrity(Integrity::Sha1, &key);
        })
    }

    fn build(
        &mut self,
        class: Class,
        method: Method,
        fill: impl FnOnce(&mut Writer<'_>),
    ) -> Vec<u8> {
        let mut buffer = [0; 2048];
        let id = self.next_id();
        let mut writer = Writer::new(&mut buffer, class, method, id);
        fill(&mut writer);
        writer.finish().expect("a message that fits").to_vec()
    }

    fn next_id(&mut self) -> TransactionId {
        self.requests += 1;
        let mut id = [0xC0; 12];
        id[11] = self.requests;
        id.into()
    }

    fn allocate(&mut self) {
        self.signed(Method::ALLOCATE, |writer| {
            writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        });
    }

    /// Sends these bytes, and notes what comes back before the answer to a question behind them, or soon after.
    fn raw(&mut self, bytes: &[u8]) {
        self.last = bytes.to_vec();
        let probe = self.build(Class::Request, Method::BINDING, |_| ());
        self.socket.send(bytes).expect("sending");
        self.socket.send(&probe).expect("sending");
        let probed = Message::parse(&probe).expect("a message").transaction_id();
        let (mut buffer, mut until, mut answer) = ([0; 2048], None, None);
        let begun = Instant::now();
        while answer.is_none() || until.is_none() {
            let limit: Instant = until.unwrap_or(begun + Duration::from_secs(10));
            let Some(left) = limit
                .checked_duration_since(Instant::now())
                .filter(|it| !it.is_zero())
            else {
                assert!(until.is_some(), "no answer to a Binding request");
                break;
            };
            self.socket
                .set_read_timeout(Some(left))
                .expect("a time limit");
            let Ok(length) = self.socket.recv(&mut buffer) else {
                continue;
            };
            match Message::parse(&buffer[..length]) {
                Ok(reply) if reply.transaction_id() == probed => {
                    until = Some(Instant::now() + LATE)
                }
                Ok(reply) => answer = Some(self.read(&reply)),
                Err(_) => answer = Some("no message".to_owned()),
            }
        }
        self.answers.push(answer.unwrap_or_else(|| "-".to_owned()));
    }

    fn read(&mut self, reply: &Message<'_>) -> String {
        if let Some(nonce) = reply.attribute(attr::NONCE) {
            self.nonce = nonce.to_vec();
        }
        if let Some(token) = reply.attribute(attr::RESERVATION_TOKEN) {
            self.token = token.to_vec();
        }
        let code = reply.attribute(attr::ERROR_CODE).and_then(ErrorCode::parse);
        match (reply.class(), code) {
            (Class::Success, None) => "200".to_owned(),
            (Class::Error, Some((code, _))) => code.number().to_string(),
            (class, _) => format!("{class:?}"),
        }
    }
}

/// A coturn of the test's own. Dropping it ends it.
struct Coturn {
    child: Child,
    directory: PathBuf,
    address: SocketAddr,
}

impl Coturn {
    fn start(program: &str) -> Self {
        // Somebody else may get the port between the two programs; then there is another.
        for _ in 0..5 {
            let free = UdpSocket::bind("127.0.0.1:0").expect("a port");
            let address = free.local_addr().expect("an address");
            drop(free);
            if let Some(coturn) = Self::start_at(program, address) {
                return coturn;
            }
        }
        panic!("coturn does not start");
    }

    fn start_at(program: &str, address: SocketAddr) -> Option<Self> {
        let directory =
            env::temp_dir().join(format!("coturn-{}-{}", std::process::id(), address.port()));
        fs::create_dir_all(&directory).expect("a directory");
        let file = directory.join("turnserver.conf");
        let more = "no-cli\nlog-file=stdout\nsimple-log\npidfile=coturn.pid\nuserdb=turndb\n";
        fs::write(&file, config(address.port()) + more).expect("a file");
        let log = fs::File::create(directory.join("log")).expect("a file");
        let child = Command::new(program)
            .arg("-c")
            .arg(&file)
            .current_dir(&directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a descriptor"))
            .stderr(log)
            .spawn()
            .expect("starting coturn");
        let mut coturn = Self {
            child,
            directory,
            address,
        };
        coturn.answers().then_some(coturn)
    }

    /// Whether it answers some day.
    fn answers(&mut self) -> bool {
        let probe = turnd_wire::message::header(Class::Request, Method::BINDING, [9; 12].into(), 0);
        let (socket, begun) = (
            UdpSocket::bind("127.0.0.1:0").expect("a port"),
            Instant::now(),
        );
        socket.connect(self.address).expect("connecting");
        let pause = Duration::from_millis(100);
        socket.set_read_timeout(Some(pause)).expect("a time limit");
        while begun.elapsed() < START && self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let asked = socket.send(&probe).is_ok();
            if asked && socket.recv(&mut [0; 500]).is_ok() {
                return true;
            }
        }
        false
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}
