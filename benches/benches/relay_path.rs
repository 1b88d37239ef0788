//! What the state machine does for a datagram, without sockets: both directions, both forms, runs, and how that grows with the
//! number of allocations.

#[allow(
    dead_code,
    unused_imports,
    reason = "it is made for the tests of turnd-proto, which use all of it"
)]
#[path = "../../crates/proto/tests/stories/support/mod.rs"]
mod support;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rustix::time::{ClockId, clock_gettime};
use support::{Client, Network, OTHER_PEER, PEER, Request, at};
use turnd_proto::{RelayId, Run};
use turnd_wire::{Family, channel_data};

const CHANNEL: u16 = 0x4000;
const DATA: [u8; 1200] = [0xA5; 1200];

/// A network with so many allocations, each with a channel to [`PEER`] and a permission for [`OTHER_PEER`].
fn network(allocations: u32) -> (Network, Vec<Client>, Vec<RelayId>) {
    let mut net = Network::open();
    net.ports.range = 1024..=65_535;
    let (mut clients, mut relays) = (Vec::new(), Vec::new());
    for number in 0..allocations {
        let [_, high, middle, low] = number.to_be_bytes();
        let mut client = Client::new(&format!("20.{high}.{middle}.{low}:4000"));
        let relayed = client.allocate(&mut net);
        client.must_bind(&mut net, CHANNEL, PEER);
        client.must_permit(&mut net, OTHER_PEER);
        let (_, relay) = net.socket(relayed).expect("a socket that was opened");
        clients.push(client);
        relays.push(relay);
    }
    (net, clients, relays)
}

fn to_peer(criterion: &mut Criterion) {
    let (mut net, clients, _) = network(50);
    let (now, from) = (net.now, clients[7].from);
    let server = &mut net.servers[0];
    let mut group = criterion.benchmark_group("client to peer");
    let data = [&channel_data::header(CHANNEL, 1200)[..], &DATA].concat();
    let send = Request::send(OTHER_PEER, &DATA).unsigned();
    for (name, datagram) in [("ChannelData", data), ("Send indication", send)] {
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let hop = server.handle_datagram(now, from, black_box(&datagram));
                hop.expect("a way to the peer").data
            });
        });
    }
}

fn to_client(criterion: &mut Criterion) {
    let (mut net, _, relays) = network(50);
    let (now, relay) = (net.now, relays[7]);
    let server = &mut net.servers[0];
    let mut group = criterion.benchmark_group("peer to client");
    for (name, peer) in [
        ("ChannelData", at(PEER)),
        ("Data indication", at(OTHER_PEER)),
    ] {
        for datagrams in [1, 8, 32] {
            let run = Run {
                datagrams,
                each: 1200,
                bytes: datagrams as usize * 1200,
            };
            group.throughput(Throughput::Elements(u64::from(datagrams)));
            group.bench_function(format!("{name}, run of {datagrams}"), |bench| {
                bench.iter(|| {
                    let hop = server.to_client(now, relay, black_box(peer), run);
                    let frame = hop.expect("a way to the client").frame;
                    for nth in 0..datagrams {
                        black_box(frame.around(&DATA, nth));
                    }
                });
            });
        }
    }
}

fn lookup(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lookup among allocations");
    let data = [&channel_data::header(CHANNEL, 1200)[..], &DATA].concat();
    for allocations in [1, 50, 1000, 10_000] {
        let (mut net, clients, relays) = network(allocations);
        let (now, peer) = (net.now, at(PEER));
        let server = &mut net.servers[0];
        // Far apart, so that no cache knows the next one.
        let mut at = 0;
        let mut next = move || {
            at = (at + 617) % allocations as usize;
            at
        };
        group.bench_function(format!("client to peer, {allocations}"), |bench| {
            bench.iter(|| {
                let from = clients[next()].from;
                server.handle_datagram(now, from, &data).expect("a way")
            });
        });
        group.bench_function(format!("peer to client, {allocations}"), |bench| {
            bench.iter(|| {
                let relay = relays[next()];
                server
                    .to_client(now, relay, peer, Run::one(1200))
                    .expect("a way")
            });
        });
    }
}

/// With what the client and the network in memory do for it.
fn allocation(criterion: &mut Criterion) {
    let mut net = Network::new();
    criterion.bench_function("challenge, allocation, deletion", |bench| {
        bench.iter(|| {
            let mut client = net.client("alice");
            client.say_hello(&mut net);
            client.allocate(&mut net);
            client.refresh(&mut net, 0);
            net.events.clear();
        });
    });
}

/// What a hundred thousand allocations make of another one, and how long packets wait for the server when all of those
/// end at once.
fn many(criterion: &mut Criterion) {
    let mut net = Network::open();
    let allocation = |net: &mut Network, criterion: &mut Criterion, beside: u32| {
        net.ports.range = 65_000..=65_000;
        let name = format!("challenge and allocation beside {beside}");
        criterion.bench_function(&name, |bench| {
            bench.iter_custom(|rounds| {
                let mut time = Duration::ZERO;
                for _ in 0..rounds {
                    let mut client = Client::new("192.0.2.1:4001");
                    let began = Instant::now();
                    client.allocate(net);
                    time += began.elapsed();
                    // The network in memory looks through all sockets to close one.
                    client.refresh(net, 0);
                    net.events.clear();
                }
                time
            });
        });
    };
    allocation(&mut net, criterion, 0);
    for number in 0..100_000_u32 {
        let [_, high, middle, low] = number.to_be_bytes();
        let mut client = Client::new(&format!("20.{high}.{middle}.{low}:4000"));
        // Half of them for IPv6: no address has so many ports. The network in memory is not to look for one.
        let port = 10_000 + (number / 2) as u16;
        net.ports.range = port..=port;
        let family = [Family::V4, Family::V6][number as usize % 2];
        client.call(&mut net, &Request::allocate().family(family));
    }
    net.events.clear();
    allocation(&mut net, criterion, 100_000);
    net.wait_without_timers(601);
    let (now, server) = (net.now, &mut net.servers[0]);
    let mut turns = Vec::new();
    while server.allocations() > 0 {
        let (began, ran) = (Instant::now(), processor_time());
        server.handle_timeout(now);
        while let Some(output) = server.poll_output() {
            black_box(output);
        }
        turns.push((began.elapsed(), processor_time().saturating_sub(ran)));
    }
    println!("100 000 that end at once: {} turns", turns.len());
    tell(
        "by the clock",
        turns.iter().map(|(time, _)| *time).collect(),
    );
    // Without what the thread was not running for: an interrupt, another program, a pause of the whole machine.
    tell(
        "of the processor",
        turns.iter().map(|(_, time)| *time).collect(),
    );
}

fn tell(what: &str, mut turns: Vec<Duration>) {
    turns.sort_unstable();
    println!(
        "{what}: half of them {:?}, 99 of 100 {:?}, the longest {:?}, all {:?}",
        turns[turns.len() / 2],
        turns[turns.len() * 99 / 100],
        turns[turns.len() - 1],
        turns.iter().sum::<Duration>()
    );
}

/// How long this thread has run.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("not negative")
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = to_peer, to_client, lookup, allocation, many
}
criterion_main!(benches);
