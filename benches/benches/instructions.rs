//! How many instructions the way of a packet takes: the same on every run and every machine with the same compiler, so that
//! a limit holds what timing could not. By valgrind, with `gungraun-runner`; `./check` has both.
//!
//! A limit leaves a tenth above what was counted. Whoever has a reason to need more raises it, and says why.

#![allow(missing_docs, reason = "the macros make what they do not document")]

#[allow(
    dead_code,
    unused_imports,
    reason = "it is made for the tests of turnd-proto, which use all of it"
)]
#[path = "../../crates/proto/tests/stories/support/mod.rs"]
mod support;

use std::hint::black_box;

use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use support::{Client, Network, OTHER_PEER, PEER, Request, at};
use turnd_proto::{RelayId, Run};
use turnd_wire::{
    ChannelData, Class, Integrity, Key, Message, Method, Writer, attr, channel_data, framing,
};

const CHANNEL: u16 = 0x4000;
const DATA: [u8; 1200] = [0xA5; 1200];

/// No more instructions than these.
fn at_most(instructions: u64) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::default();
    callgrind.hard_limits([(EventKind::Ir, instructions)]);
    LibraryBenchmarkConfig::default().tool(callgrind).clone()
}

// The codec.

fn channel_data() -> Vec<u8> {
    [&channel_data::header(CHANNEL, 1200)[..], &DATA].concat()
}

fn send_indication() -> Vec<u8> {
    Request::send(OTHER_PEER, &DATA).unsigned()
}

fn key() -> Key {
    Key::from_bytes(&[9; 16]).expect("16 bytes are a key")
}

fn allocate(algorithm: Integrity) -> Vec<u8> {
    let mut buffer = [0; 512];
    let id = [7; 12].into();
    let mut writer = Writer::new(&mut buffer, Class::Request, Method::ALLOCATE, id);
    writer.number32(attr::REQUESTED_TRANSPORT, 17 << 24);
    writer.text(attr::USERNAME, "1700000000:alice");
    writer.text(attr::REALM, "example.org");
    writer.bytes(attr::NONCE, &[b'n'; 28]);
    writer.integrity(algorithm, &key());
    writer.finish().expect("it fits").to_vec()
}

#[library_benchmark(config = at_most(28))]
#[bench::one(channel_data())]
fn parse_channel_data(bytes: Vec<u8>) -> Vec<u8> {
    black_box(ChannelData::parse(black_box(&bytes)));
    bytes
}

#[library_benchmark(config = at_most(55))]
#[bench::one(channel_data())]
fn next_of_a_stream(bytes: Vec<u8>) -> Vec<u8> {
    black_box(framing::next(black_box(&bytes)));
    bytes
}

#[library_benchmark(config = at_most(450))]
#[bench::one(send_indication())]
fn parse_send_indication(bytes: Vec<u8>) -> Vec<u8> {
    let message = Message::parse(black_box(&bytes)).expect("a message");
    black_box(message.xor_address(attr::XOR_PEER_ADDRESS));
    black_box(message.position(attr::DATA));
    bytes
}

#[library_benchmark]
#[bench::sha1(args = (allocate(Integrity::Sha1), Integrity::Sha1), config = at_most(9000))]
#[bench::sha256(args = (allocate(Integrity::Sha256), Integrity::Sha256), config = at_most(20_000))]
fn verify(bytes: Vec<u8>, algorithm: Integrity) -> Vec<u8> {
    let message = Message::parse(&bytes).expect("a message");
    assert!(message.verify(algorithm, &key()));
    bytes
}

library_benchmark_group!(
    name = codec,
    benchmarks = [
        parse_channel_data,
        next_of_a_stream,
        parse_send_indication,
        verify
    ]
);

// The state machine.

/// A network with 50 allocations, and one client of it with a channel to [`PEER`] and a permission for [`OTHER_PEER`].
fn network() -> (Network, Client, RelayId) {
    let mut net = Network::open();
    let mut clients: Vec<_> = (0..50)
        .map(|number| Client::new(&format!("20.0.0.{number}:4000")))
        .collect();
    let mut relay = None;
    for client in &mut clients {
        let relayed = client.allocate(&mut net);
        client.must_bind(&mut net, CHANNEL, PEER);
        client.must_permit(&mut net, OTHER_PEER);
        relay = net.socket(relayed).map(|(_, relay)| relay);
    }
    let client = clients.pop().expect("50 clients");
    warm(&mut net, &client, relay.expect("a socket that was opened"));
    (net, client, relay.expect("a socket that was opened"))
}

/// What is counted is the usual packet, not the first one.
fn warm(net: &mut Network, client: &Client, relay: RelayId) {
    let now = net.now;
    let server = &mut net.servers[0];
    for datagram in [channel_data(), send_indication()] {
        server.handle_datagram(now, client.from, &datagram);
    }
    for peer in [PEER, OTHER_PEER] {
        server.to_client(now, relay, at(peer), Run::one(1200));
    }
}

type State = (Network, Client, RelayId);

#[library_benchmark]
#[bench::channel_data(args = (network(), channel_data()), config = at_most(780))]
#[bench::send_indication(args = (network(), send_indication()), config = at_most(1950))]
fn to_peer(mut state: State, bytes: Vec<u8>) -> (State, Vec<u8>) {
    let now = state.0.now;
    let hop = state.0.servers[0].handle_datagram(now, state.1.from, black_box(&bytes));
    black_box(hop.expect("a way to the peer"));
    (state, bytes)
}

#[library_benchmark]
#[bench::channel_data(args = (network(), PEER, 1), config = at_most(1050))]
#[bench::channel_data_8(args = (network(), PEER, 8), config = at_most(1250))]
#[bench::data_indication(args = (network(), OTHER_PEER, 1), config = at_most(1300))]
#[bench::data_indication_8(args = (network(), OTHER_PEER, 8), config = at_most(2200))]
fn to_client(mut state: State, peer: &'static str, datagrams: u32) -> State {
    let now = state.0.now;
    let run = Run {
        datagrams,
        each: 1200,
        bytes: datagrams as usize * 1200,
    };
    let hop = state.0.servers[0].to_client(now, state.2, black_box(at(peer)), run);
    let frame = hop.expect("a way to the client").frame;
    for nth in 0..datagrams {
        black_box(frame.around(&DATA, nth));
    }
    state
}

library_benchmark_group!(name = relaying, benchmarks = [to_peer, to_client]);

main!(library_benchmark_groups = codec, relaying);
