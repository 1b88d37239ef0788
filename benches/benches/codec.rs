//! Bytes to values and back.

use std::{hint::black_box, net::SocketAddr, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use turnd_wire::{
    ChannelData, Class, DataIndication, Key, Message, Method, Writer, attr, channel_data, framing,
};

/// Bytes of data, as of a video packet.
const DATA: [u8; 1200] = [0xA5; 1200];

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    let data = [&channel_data::header(0x4000, 1200)[..], &DATA].concat();
    group.bench_function("ChannelData", |bench| {
        bench.iter(|| ChannelData::parse(black_box(&data)).map(|message| message.data.len()));
    });
    group.bench_function("the next message of a stream", |bench| {
        bench.iter(|| framing::next(black_box(&data)));
    });
    let peer: SocketAddr = "203.0.113.7:5000".parse().expect("an address");
    let mut buffer = [0; 2048];
    let mut writer = Writer::new(&mut buffer, Class::Indication, Method::SEND, [7; 12].into());
    writer.xor_address(attr::XOR_PEER_ADDRESS, peer);
    writer.bytes(attr::DATA, &DATA);
    let send = writer.finish().expect("it fits").to_vec();
    group.bench_function("Send indication", |bench| {
        bench.iter(|| {
            let message = Message::parse(black_box(&send)).expect("a message");
            let peer = message.xor_address(attr::XOR_PEER_ADDRESS);
            (peer, message.attribute(attr::DATA).map(<[u8]>::len))
        });
    });
    let mut buffer = [0; 512];
    let request = allocate(&mut buffer);
    group.bench_function("Allocate request", |bench| {
        bench.iter(|| {
            let message = Message::parse(black_box(request)).expect("a message");
            message.attributes().count()
        });
    });
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    let peer: SocketAddr = "203.0.113.7:5000".parse().expect("an address");
    group.bench_function("ChannelData header", |bench| {
        bench.iter(|| channel_data::header(black_box(0x4000), black_box(1200)));
    });
    group.bench_function("Data indication", |bench| {
        bench
            .iter(|| DataIndication::new([7; 12].into(), black_box(peer), black_box(&DATA), false));
    });
    group.bench_function("Binding success", |bench| {
        let mut buffer = [0; 128];
        bench.iter(|| {
            let id = [7; 12].into();
            let mut writer = Writer::new(&mut buffer, Class::Success, Method::BINDING, id);
            writer.xor_address(attr::XOR_MAPPED_ADDRESS, black_box(peer));
            writer.fingerprint();
            writer.finish().expect("it fits").len()
        });
    });
    group.bench_function("Allocate request", |bench| {
        let mut buffer = [0; 512];
        bench.iter(|| allocate(black_box(&mut buffer)).len());
    });
}

/// As a browser sends it, with credentials.
fn allocate(buffer: &mut [u8; 512]) -> &[u8] {
    let mut writer = Writer::new(buffer, Class::Request, Method::ALLOCATE, [7; 12].into());
    writer.number32(attr::REQUESTED_TRANSPORT, 17 << 24);
    writer.text(attr::USERNAME, "1700000000:alice");
    writer.text(attr::REALM, "example.org");
    writer.bytes(attr::NONCE, &[b'n'; 40]);
    let key = Key::from_bytes(&[9; 16]).expect("16 bytes are a key");
    writer.integrity(turnd_wire::Integrity::Sha1, &key);
    writer.finish().expect("it fits")
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = decode, encode
}
criterion_main!(benches);
