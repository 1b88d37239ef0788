//! Keys and message authentication codes: what a request costs before any rule is looked at.

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use turnd_wire::{Algorithm, Class, Integrity, Key, Message, Method, Writer, attr};

fn codes(criterion: &mut Criterion) {
    let key = Key::long_term(Algorithm::Md5, "alice", "example.org", "password");
    for (name, integrity) in [("SHA-1", Integrity::Sha1), ("SHA-256", Integrity::Sha256)] {
        let mut group = criterion.benchmark_group(name);
        let mut buffer = [0; 512];
        group.bench_function("sign a Refresh request", |bench| {
            bench.iter(|| refresh(black_box(&mut buffer), integrity, &key).len());
        });
        let request = refresh(&mut buffer, integrity, &key);
        let message = Message::parse(request).expect("a message");
        group.bench_function("verify a Refresh request", |bench| {
            bench.iter(|| assert!(black_box(&message).verify(integrity, &key)));
        });
    }
}

fn keys(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("long-term key");
    for (name, algorithm) in [("MD5", Algorithm::Md5), ("SHA-256", Algorithm::Sha256)] {
        group.bench_function(name, |bench| {
            bench.iter(|| Key::long_term(algorithm, black_box("alice"), "example.org", "password"));
        });
    }
}

fn refresh<'b>(buffer: &'b mut [u8; 512], integrity: Integrity, key: &Key) -> &'b [u8] {
    let mut writer = Writer::new(buffer, Class::Request, Method::REFRESH, [7; 12].into());
    writer.number32(attr::LIFETIME, 600);
    writer.text(attr::USERNAME, "alice");
    writer.text(attr::REALM, "example.org");
    writer.bytes(attr::NONCE, &[b'n'; 40]);
    writer.integrity(integrity, key);
    writer.finish().expect("it fits")
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = codes, keys
}
criterion_main!(benches);
