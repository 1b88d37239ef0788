//! Sockets on loopback and a way to wait for them.

use std::{
    net::SocketAddr,
    process::Command,
    time::{Duration, Instant},
};

use turnd_net::{
    Events, Interest, Offload, Outbox, Poller, Received, Slots, Token, UdpOptions, UdpSocket,
};

pub(crate) const V4: &str = "127.0.0.1:0";
pub(crate) const V6: &str = "[::1]:0";

/// Every combination that a kernel may leave us with.
pub(crate) const OFFLOADS: [Offload; 4] = [
    Offload::NONE,
    Offload {
        gso: true,
        gro: false,
    },
    Offload {
        gso: false,
        gro: true,
    },
    Offload {
        gso: true,
        gro: true,
    },
];

pub(crate) fn bind(address: &str, offload: Offload) -> UdpSocket {
    let options = UdpOptions {
        offload,
        // Loopback delivers at once: what a test sends must fit.
        receive_buffer: Some(4 << 20),
        ..UdpOptions::default()
    };
    UdpSocket::bind(address.parse().unwrap(), &options).unwrap()
}

/// Sends each of these datagrams through one socket, in one flush.
pub(crate) fn send<'d>(
    socket: &UdpSocket,
    to: SocketAddr,
    datagrams: impl IntoIterator<Item = &'d [u8]>,
) {
    let mut outbox = Outbox::new();
    for datagram in datagrams {
        let piece = outbox.scratch(datagram);
        outbox.push(0, to, None, [piece]);
    }
    let count = outbox.len() as u64;
    let flushed = outbox.flush(&Slots::new(1), |_| Some(socket));
    assert_eq!(
        (flushed.datagrams, flushed.dropped),
        (count, 0),
        "{flushed:?}"
    );
}

/// What a socket received.
pub(crate) struct Inbox {
    pub(crate) slots: Slots,
    pub(crate) received: Vec<Received>,
}

impl Inbox {
    pub(crate) fn datagrams(&self) -> Vec<Vec<u8>> {
        self.received
            .iter()
            .flat_map(|received| self.slots.segments(received))
            .map(|segment| self.slots.bytes(segment).to_vec())
            .collect()
    }
}

/// Receives until `count` datagrams are there; fails after ten seconds.
pub(crate) fn receive(socket: &UdpSocket, count: usize) -> Inbox {
    let poller = Poller::new().unwrap();
    let token = Token {
        slot: 0,
        generation: 1,
    };
    poller.add(socket, token, Interest::READABLE).unwrap();
    let mut events = Events::with_capacity(1);
    let mut inbox = Inbox {
        slots: Slots::new(512),
        received: Vec::new(),
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    while inbox.datagrams().len() < count {
        assert!(
            Instant::now() < deadline,
            "only {} of {count} arrived",
            inbox.datagrams().len()
        );
        poller.wait(&mut events, Some(deadline)).unwrap();
        socket
            .recv(&mut inbox.slots, 32, &mut inbox.received)
            .unwrap();
    }
    inbox
}

/// Runs a test of this binary as a child process, in a network namespace of its own that `prepare` (a
/// shell command) has made ready. The variable `inside` tells the test that it is there.
pub(crate) fn run_in_namespace(prepare: &str, inside: &str, test: &str) {
    let Some(mut command) = in_namespace() else {
        assert!(
            std::env::var_os("CI").is_none(),
            "cannot make a network namespace"
        );
        eprintln!("SKIPPED: cannot make a network namespace");
        return;
    };
    let output = command
        .args(["sh", "-c"])
        .arg(format!("{prepare} && exec \"$0\" --exact \"$1\""))
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(inside, "1")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "no such test: {said}");
}

/// A command of the words that follow, with a network of its own that ends with it: as root, or as
/// whom a user namespace makes root (which a changed root directory forbids).
fn in_namespace() -> Option<Command> {
    let ways: [&[&str]; 2] = [&["--net"], &["--user", "--map-root-user", "--net"]];
    let unshare = |way: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(way);
        command
    };
    let works = |way: &&[&str]| {
        unshare(way)
            .arg("true")
            .status()
            .is_ok_and(|status| status.success())
    };
    ways.into_iter().find(works).map(unshare)
}

/// Runs a command, which must succeed.
pub(crate) fn do_it(command: &str) {
    let mut words = command.split(' ');
    let status = Command::new(words.next().unwrap()).args(words).status();
    assert!(status.unwrap().success(), "{command}");
}
