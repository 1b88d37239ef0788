//! SIGHUP while packets flow and allocations come and go: none of either is lost.

use std::{
    collections::HashSet,
    net::UdpSocket,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use turnd_wire::{ChannelData, channel_data};

use crate::{
    client::{CHANNEL, Peer, free_port},
    pki::Authority,
    reload::{BASE, alice, must_reload, refresh},
    session::Session,
    support::turnd::Turnd,
    tls::tls,
};

const RELOADS: u32 = 10;
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
    format!(
        "{BASE}user=alice:secret\nuser=bob{round}:builder\nstatic-auth-secret=north{round}\nallow-loopback-peers\n\
         denied-peer-ip=198.51.100.{round}\nuser-quota={}\nmax-allocate-lifetime={}\nstale-nonce={}\n{level}\
         min-port={first}\nmax-port={}\naux-server=127.0.0.1:{port}\nmax-connections={}\n\
         cert=cert.pem\npkey=key.pem\ntls-listening-port=0\ncipher-list=ECDHE+AESGCM\n",
        50 + round,
        3600 - round,
        600 + round,
        first + 1999,
        1000 + round,
    )
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
fn echo(peer: &UdpSocket, ends: &AtomicBool) {
    peer.set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let mut buffer = [0; 200];
    while !ends.load(Ordering::Relaxed) {
        if let Ok((length, from)) = peer.recv_from(&mut buffer) {
            peer.send_to(&buffer[..length], from).unwrap();
        }
    }
}

#[test]
fn ten_reloads_under_load_lose_no_packet() {
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
    let ((sent, came), echoes) = thread::scope(|scope| {
        scope.spawn(|| echo(&udp, &echo_ends));
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
        for round in 1..=RELOADS {
            let before = turns.load(Ordering::Relaxed);
            let line = must_reload(&turnd, &config(round, &ports));
            assert!(line.contains("changed: "), "{line}");
            // Each of them under load.
            while turns.load(Ordering::Relaxed) < before + 200 {
                thread::yield_now();
            }
        }
        ends.store(true, Ordering::Relaxed);
        let sums = (flow.join().unwrap(), over_tls.join().unwrap());
        echo_ends.store(true, Ordering::Relaxed);
        sums
    });
    let took = began.elapsed();
    println!("{sent} datagrams and {echoes} echoes over TLS in {took:?}, {RELOADS} reloads");
    assert!(sent >= 200 * RELOADS && echoes > 0);
    assert_eq!(came, sent as usize, "datagrams were lost");
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
