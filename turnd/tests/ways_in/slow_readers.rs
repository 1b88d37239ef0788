//! Clients that do not read what is sent to them: what it costs, and whom.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    client::{CONFIG, Client, Peer, binding_request, channel_payload, expect_freed},
    encrypted::{Tls, both_ports, start, tls},
    pki::Authority,
    support::{End, as_long, turnd::Turnd},
};

/// Datagrams of a burst: they fit the buffer of a relay's socket, so that none is lost before it is read.
const BURST: u32 = 32;
/// Bytes of each.
const SIZE: usize = 1100;
/// Most bursts until the kernel's buffers, a few megabytes each way, must be full.
const MOST: u32 = 3000;
/// Bursts once they are: 35 MB for each reader.
const MORE: u32 = 1000;
/// What the server may grow by, in bytes: for each reader its queue of 256 KiB, in a deque that doubles,
/// and 64 KiB of staging; once, the receive slots and the outbox, touched for the first time. Without a
/// bound it would be 70 MB.
const BOUND: usize = 8 << 20;

/// A client that has stopped reading, and the peer that does not care.
struct Stopped {
    client: Client,
    peer: Peer,
    relayed: SocketAddr,
    sent: u32,
}

impl Stopped {
    fn new(mut client: Client) -> Self {
        let peer = Peer::new();
        let relayed = client.set_up(&peer);
        Self {
            client,
            peer,
            relayed,
            sent: 0,
        }
    }

    fn burst(&mut self) {
        for _ in 0..BURST {
            let datagram = numbered(self.sent);
            self.peer.socket.send_to(&datagram, self.relayed).unwrap();
            self.sent += 1;
        }
    }

    /// Reads to the answer to a request that is asked now; returns how many datagrams came before it.
    fn read_on(&mut self) -> u32 {
        let (id, request) = binding_request();
        self.client.send(&request);
        let (mut count, mut next) = (0, 0);
        loop {
            let frame = self.client.next().expect("the stream goes on");
            if frame[0] < 4 {
                let message = turnd_wire::Message::parse(&frame).unwrap();
                assert_eq!(message.transaction_id(), id);
                return count;
            }
            let data = channel_payload(&frame);
            let number = u32::from_be_bytes(*data.first_chunk().unwrap());
            assert!(number >= next, "{number} comes after {next}");
            assert!(data == numbered(number), "datagram {number} changed");
            next = number + 1;
            count += 1;
        }
    }
}

/// Begins with its number; lengths of each remainder of four.
fn numbered(number: u32) -> Vec<u8> {
    let length = SIZE + number as usize % 4;
    let filling = (number..).map(|byte| byte.to_le_bytes()[0]);
    let all = number.to_be_bytes().into_iter().chain(filling);
    all.take(length).collect()
}

/// Readers that stop (a client that wants to fill the server's memory): memory stays bounded, nobody
/// else notices, and what they get later is whole and in order.
#[test]
fn who_stops_reading_loses_what_does_not_fit_and_costs_nobody_else_anything() {
    let authority = Authority::new();
    let turnd = start(&authority, "");
    let [server, _] = both_ports(&turnd);
    let config = Tls::trusting(authority.der()).config(None);
    let mut stopped = [
        Stopped::new(Client::tcp(server)),
        Stopped::new(tls(server, &config).0),
    ];
    let (peer, secure_peer) = (Peer::new(), Peer::new());
    let mut other = Client::tcp(server);
    other.set_up(&peer);
    let mut secure = tls(server, &config).0;
    secure.set_up(&secure_peer);
    let before = turnd.resident() * 1024;

    let mut burst = |stopped: &mut [Stopped], round: u32| {
        stopped.iter_mut().for_each(Stopped::burst);
        // Every one of them comes back, and in time; and the bursts have been read when they have.
        other.echo(&peer, &round.to_be_bytes());
        secure.echo(&secure_peer, &round.to_be_bytes());
    };
    for one in 0..stopped.len() {
        let mut rounds = 0;
        while left_out(&turnd) == 0 || one > 0 && rounds < MORE {
            burst(&mut stopped[one..=one], rounds);
            rounds += 1;
            assert!(rounds < MOST, "nothing was left out after {rounds} bursts");
        }
    }
    for round in 0..MORE {
        burst(&mut stopped, round);
    }
    let grown = (turnd.resident() * 1024).saturating_sub(before);
    assert!(grown < BOUND, "{grown} bytes more");

    let mut missing = 0;
    for one in &mut stopped {
        let received = one.read_on();
        assert!(
            received > 0 && received < one.sent,
            "{received} of {}",
            one.sent
        );
        missing += one.sent - received;
        // And all is well again.
        one.client.echo(&one.peer, b"awake");
    }
    let told = left_out(&turnd);
    assert!(
        (1..=missing).contains(&told),
        "{told} of {missing} are told of"
    );
}

/// As much as this machine can send toward many who do not read: each costs a megabyte at most, and others have their
/// answers as ever.
#[test]
fn a_flood_toward_many_who_do_not_read_costs_a_megabyte_for_each() {
    const READERS: usize = 32;
    let authority = Authority::new();
    let turnd = start(&authority, "");
    let [server, _] = both_ports(&turnd);
    let config = Tls::trusting(authority.der()).config(None);
    let reader = |nth: usize| {
        Stopped::new(if nth.is_multiple_of(2) {
            Client::tcp(server)
        } else {
            tls(server, &config).0
        })
    };
    let mut stopped: Vec<Stopped> = (0..READERS).map(reader).collect();
    let peer = Peer::new();
    let mut other = Client::tcp(server);
    other.set_up(&peer);
    let before = turnd.resident();

    // After half a minute they would be cut off.
    let length = as_long(Duration::from_secs(3), Duration::from_secs(20));
    let is_over = AtomicBool::new(false);
    let began = Instant::now();
    let mut times = thread::scope(|scope| {
        let _end = End(&is_over);
        for part in stopped.chunks_mut(READERS / 2) {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    part.iter_mut().for_each(Stopped::burst);
                }
            });
        }
        let mut times = Vec::new();
        while began.elapsed() < length {
            let asked = Instant::now();
            other.echo(&peer, b"as ever");
            times.push(asked.elapsed());
        }
        times
    });
    times.sort_unstable();
    let grown = turnd.resident().saturating_sub(before);
    let sent: u64 = stopped.iter().map(|one| u64::from(one.sent)).sum();
    println!(
        "{} Mbit/s toward {READERS}: {grown} kB more; others {:?}, 99 of 100 {:?}",
        sent * SIZE as u64 * 8 / 1_000_000 / length.as_secs(),
        times[times.len() / 2],
        times[times.len() * 99 / 100],
    );
    assert!(left_out(&turnd) > 0);
    assert!(grown <= READERS << 10, "{grown} kB more");
    for one in &mut stopped {
        let received = one.read_on();
        assert!(received > 0 && received < one.sent, "{received}");
        one.client.echo(&one.peer, b"awake");
    }
}

/// A client that asks and asks and never reads an answer: it is cut off once its answers do not fit any
/// more, and meanwhile costs a bounded amount of memory and nobody else an answer.
#[test]
fn who_never_reads_its_answers_is_cut_off() {
    let turnd = Turnd::start(CONFIG);
    let server = turnd.address_of("tcp");
    let peer = Peer::new();
    let mut other = Client::tcp(server);
    other.set_up(&peer);
    let mut flood = Client::tcp(server);
    let relayed = flood.allocate().relayed();
    let before = turnd.resident() * 1024;
    let requests = binding_request().1.repeat(1000);
    let mut rounds = 0_u32;
    while flood.stream.write_all(&requests).is_ok() {
        other.echo(&peer, &rounds.to_be_bytes());
        rounds += 1;
        assert!(rounds < 3000, "150 MB of answers are kept somewhere");
    }
    expect_freed(relayed);
    other.echo(&peer, b"still here");
    let grown = (turnd.resident() * 1024).saturating_sub(before);
    assert!(grown < BOUND, "{grown} bytes more");
}

/// How many messages the log says were left out.
fn left_out(turnd: &Turnd) -> u32 {
    let log = turnd.log();
    let lines = log.lines().filter_map(|line| {
        let (rest, _) = line.split_once(" messages left out for clients that read too slowly")?;
        rest.rsplit(' ').next()?.parse::<u32>().ok()
    });
    lines.sum()
}
