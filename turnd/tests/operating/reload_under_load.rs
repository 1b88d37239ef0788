//! SIGHUP while packets flow and allocations come and go: none of either is lost.

use std::{
    collections::HashSet,
    net::{SocketAddr, UdpSocket},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use turnd_wire::{ChannelData, channel_data};

use crate::{
    client::{CHANNEL, Peer},
    pki::{Authority, Issued},
    reload::{BASE, alice, echo, must_reload, refresh},
    session::Session,
    support::{End, as_long, blocks::free_port, turnd::Turnd},
    tls::tls,
};

const RELOADS: u32 = 10;
/// Of the long run, as many as five minutes have at a hundred a minute.
const MANY_RELOADS: u32 = 500;
const EVERY: Duration = Duration::from_millis(600);
/// Longest until a peer is denied or a certificate is a new one.
const SOON: Duration = Duration::from_secs(1);
/// Datagrams a millisecond.
const RATE: u32 = 4;
/// Datagrams under way at a time: fewer than fit into the smallest buffer on their way.
const UNDER_WAY: u32 = 100;

/// A configuration unlike that of any other round in every class of option that can change.
fn config(round: u32, ports: &[u16]) -> String {
    let port = ports[round as usize % ports.len()];
    let level = if round.is_multiple_of(2) {
        "verbose\n"
    } else {
        ""
    };
    let first = 40_000 + 100 * (round % 3);
    let kind = if is_denied(round) {
        "denied"
    } else {
        "allowed"
    };
    format!(
        "{BASE}user=alice:secret\nuser=bob{round}:builder\nstatic-auth-secret=north{round}\nallowed-peer-ip=127.0.0.1\n\
         denied-peer-ip=198.51.100.{}\n{kind}-peer-ip={DENIED}\nuser-quota={}\nmax-allocate-lifetime={}\n\
         stale-nonce={}\npermission-lifetime={}\n{level}\
         min-port={first}\nmax-port={}\naux-server=127.0.0.1:{port}\nmax-connections={}\n\
         cert=cert.pem\npkey=key.pem\ntls-listening-port=0\ncipher-list=ECDHE+AESGCM\n",
        round % 250,
        50 + round,
        3600 - round,
        600 + round,
        // The long run takes longer than a permission lasts otherwise.
        900 + round,
        first + 1999,
        1000 + round,
    )
}

/// Who is a peer of [`Witness`], and is denied by every other configuration.
const DENIED: &str = "127.0.0.9";

fn is_denied(round: u32) -> bool {
    round % 2 == 1
}

/// One that has a channel to a peer which is denied and allowed by turns, and sees the certificates.
struct Witness {
    client: Session,
    relayed: SocketAddr,
    peer: Peer,
}

impl Witness {
    fn new(turnd: &Turnd) -> Self {
        let client = alice(turnd);
        let relayed = client.allocate().relayed();
        let socket = UdpSocket::bind((DENIED, 0)).unwrap();
        let peer = Peer { socket };
        assert_eq!(client.bind(peer.address()).error(), None);
        echo(&client, &peer, b"before");
        Self {
            client,
            relayed,
            peer,
        }
    }

    /// What has changed for it has done so.
    fn look(&self, turnd: &Turnd, round: u32, authority: &Authority, files: &Issued) {
        if is_denied(round) {
            self.client.send_channel(b"denied");
            let _ = self.peer.socket.send_to(b"denied", self.relayed);
            // What a worker let through would be there before its answer to a later request.
            assert!(self.client.hears_nothing());
            self.peer.socket.set_nonblocking(true).unwrap();
            assert!(self.peer.socket.recv(&mut [0; 16]).is_err(), "{round}");
            self.peer.socket.set_nonblocking(false).unwrap();
        } else {
            assert_eq!(self.client.bind(self.peer.address()).error(), None);
            echo(&self.client, &self.peer, &round.to_be_bytes());
        }
        let (_, agreed) = tls(turnd.address_of("tcp+tls"), authority).unwrap();
        assert_eq!(agreed.certificate, files.der(), "round {round}");
    }
}

/// Sends numbered datagrams through the channel to an echoing peer until told to end; returns how many were
/// sent and how many came back.
fn flow(client: &UdpSocket, ends: &AtomicBool, turns: &AtomicU32) -> (u32, usize) {
    let came = AtomicU32::new(0);
    let is_sent = AtomicBool::new(false);
    thread::scope(|scope| {
        let receiver = scope.spawn(|| {
            let mut numbers = HashSet::new();
            let mut buffer = [0; 200];
            let socket = client.try_clone().unwrap();
            socket
                .set_read_timeout(Some(Duration::from_millis(500)))
                .unwrap();
            loop {
                match socket.recv(&mut buffer) {
                    Ok(length) => {
                        let message = ChannelData::parse(&buffer[..length]).expect("ChannelData");
                        let number = u32::from_be_bytes(*message.data.first_chunk().unwrap());
                        assert!(numbers.insert(number), "{number} came twice");
                        came.fetch_add(1, Ordering::Relaxed);
                    }
                    // Nothing is on its way any more.
                    Err(_) if is_sent.load(Ordering::Acquire) => return numbers.len(),
                    Err(_) => {}
                }
            }
        });
        let mut sent = 0;
        while !ends.load(Ordering::Relaxed) {
            // A pause is what makes a rate; nothing waits for it.
            thread::sleep(Duration::from_millis(1));
            for _ in 0..RATE {
                if sent - came.load(Ordering::Relaxed) < UNDER_WAY {
                    let data = [sent.to_be_bytes().as_slice(), &[0x55; 96]].concat();
                    let header = channel_data::header(CHANNEL, 100);
                    client.send(&[&header[..], &data].concat()).unwrap();
                    sent += 1;
                }
            }
            turns.store(sent, Ordering::Relaxed);
        }
        is_sent.store(true, Ordering::Release);
        (sent, receiver.join().unwrap())
    })
}

/// Returns everything until told to end.
fn return_all(peer: &UdpSocket, ends: &AtomicBool) {
    peer.set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let mut buffer = [0; 200];
    while !ends.load(Ordering::Relaxed) {
        if let Ok((length, from)) = peer.recv_from(&mut buffer) {
            peer.send_to(&buffer[..length], from).unwrap();
        }
    }
}

/// Reloads as many times; what the server had in memory after each, in kB.
fn reload_again_and_again(
    turnd: &Turnd,
    ports: &[u16],
    authority: &Authority,
    turns: &AtomicU32,
) -> Vec<usize> {
    let witness = Witness::new(turnd);
    let began = Instant::now();
    let round = |round: u32| {
        let before = turns.load(Ordering::Relaxed);
        let files = authority.issue();
        for (name, text) in files.files() {
            turnd.write_file(name, text);
        }
        let asked = Instant::now();
        let line = must_reload(turnd, &config(round, ports));
        assert!(line.contains("changed: "), "{line}");
        witness.look(turnd, round, authority, &files);
        let took = asked.elapsed();
        assert!(took < as_long(5 * SOON, SOON), "{took:?}");
        // Each of them under load, and no more in a minute than there are to be.
        while turns.load(Ordering::Relaxed) < before + 200 {
            thread::yield_now();
        }
        let due = began + as_long(Duration::ZERO, EVERY) * round;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        turnd.resident()
    };
    (1..=as_long(RELOADS, MANY_RELOADS)).map(round).collect()
}

/// Once buffers and tables have their size, what comes is what goes.
fn assert_no_growth(resident: &[usize]) {
    let fifth = resident.len() / 5;
    let mean = |part: &[usize]| part.iter().sum::<usize>() / part.len();
    let (early, late) = (
        mean(&resident[fifth..2 * fifth]),
        mean(&resident[4 * fifth..]),
    );
    println!("{early} kB, and then {late} kB");
    // 300 reloads lie between the two in the long run, and few in the usual one.
    let most = as_long(4096, 512);
    assert!(late.saturating_sub(early) <= most, "{resident:?}");
}

#[test]
fn reloads_under_load_lose_no_packet_and_leave_nothing_behind() {
    let authority = Authority::new();
    let ports = [free_port(), free_port()];
    let files = authority.issue();
    let turnd = Turnd::start_with_files(&config(0, &ports), &files.files());
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = alice(&turnd);
    client.allocate().relayed();
    assert_eq!(client.bind(udp.local_addr().unwrap()).error(), None);
    let peer = Peer::new();
    let (mut stream, _) = tls(turnd.address_of("tcp+tls"), &authority).unwrap();
    stream.set_up(&peer);

    let (ends, echo_ends, turns) = (
        AtomicBool::new(false),
        AtomicBool::new(false),
        AtomicU32::new(0),
    );
    let began = Instant::now();
    let ((sent, came), echoes, resident) = thread::scope(|scope| {
        let _end = (End(&ends), End(&echo_ends));
        scope.spawn(|| return_all(&udp, &echo_ends));
        let socket = client.socket.try_clone().unwrap();
        let (ends, turns) = (&ends, &turns);
        let flow = scope.spawn(move || flow(&socket, ends, turns));
        let over_tls = scope.spawn(|| {
            let mut echoes = 0_u32;
            while !ends.load(Ordering::Relaxed) {
                stream.echo(&peer, &echoes.to_be_bytes());
                echoes += 1;
            }
            echoes
        });
        let resident = reload_again_and_again(&turnd, &ports, &authority, turns);
        ends.store(true, Ordering::Relaxed);
        let sums = (flow.join().unwrap(), over_tls.join().unwrap(), resident);
        echo_ends.store(true, Ordering::Relaxed);
        sums
    });
    let (took, reloads) = (began.elapsed(), resident.len());
    println!("{sent} datagrams and {echoes} echoes over TLS in {took:?}, {reloads} reloads");
    assert!(sent as usize >= 200 * reloads && echoes > 0);
    assert_eq!(came, sent as usize, "datagrams were lost");
    assert_no_growth(&resident);
    assert_eq!(refresh(&client).error(), None);
    assert_eq!(stream.binding().error(), None);
}

#[test]
fn allocations_that_come_and_go_are_all_served_across_reloads() {
    let ports = [free_port(), free_port()];
    let authority = Authority::new();
    let turnd = Turnd::start_with_files(&config(0, &ports), &authority.issue().files());
    let server = turnd.udp_v4();
    let (ends, made) = (AtomicBool::new(false), AtomicU32::new(0));
    let churn = || {
        while !ends.load(Ordering::Relaxed) {
            let client = Session::new(server, "alice", "secret");
            let relayed = client.allocate().relayed();
            assert!((40_000..=42_199).contains(&relayed.port()), "{relayed}");
            assert_eq!(refresh(&client).error(), None);
            assert_eq!(client.delete().error(), None);
            made.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        let threads = [scope.spawn(churn), scope.spawn(churn)];
        for round in 1..=RELOADS {
            let before = made.load(Ordering::Relaxed);
            must_reload(&turnd, &config(round, &ports));
            while made.load(Ordering::Relaxed) < before + 20 {
                assert!(
                    threads.iter().all(|it| !it.is_finished()),
                    "a client has failed"
                );
                thread::yield_now();
            }
        }
        ends.store(true, Ordering::Relaxed);
    });
    // Every place was given back.
    turnd.signal("USR1");
    let stopped = turnd.wait();
    assert!(
        stopped.log.contains("drained: 0 allocations"),
        "{}",
        stopped.log
    );
}
