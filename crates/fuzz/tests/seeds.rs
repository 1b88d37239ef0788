//! Every seed, and some thousand inputs that are nearly one, at every target. `TURND_FUZZ_INPUTS` sets how many
//! for each. Which they are does not change from run to run.

use std::{panic, time::Instant};

use turnd_fuzz::{find, mutate, seeds};

/// Steele, Lea and Flood's SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

fn replay(name: &str, usual: usize) {
    let target = find(name).expect("a target");
    let run = |what: &str, bytes: &[u8]| {
        if let Err(failed) = panic::catch_unwind(|| (target.run)(bytes)) {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            eprintln!("{what}: {hex}");
            panic::resume_unwind(failed);
        }
    };
    let seeds = seeds(name);
    assert!(!seeds.is_empty());
    for seed in &seeds {
        run(&seed.name, &seed.bytes);
    }
    let wanted = std::env::var("TURND_FUZZ_INPUTS").map(|it| it.parse().expect("a number"));
    let (inputs, begun) = (wanted.unwrap_or(usual), Instant::now());
    let mut random = Random(1);
    for _ in 0..inputs {
        run("found", &mutate(&seeds, target.longest, || random.next()));
    }
    println!(
        "{name}: {} seeds, {inputs} inputs in {:?}",
        seeds.len(),
        begun.elapsed()
    );
}

#[test]
fn stun() {
    replay("stun", 10_000);
}

#[test]
fn stream() {
    replay("stream", 10_000);
}

#[test]
fn opening() {
    replay("opening", 1000);
}

#[test]
fn stranger() {
    replay("stranger", 3000);
}

#[test]
fn conversation() {
    replay("conversation", 1000);
}

#[test]
fn peer() {
    replay("peer", 500);
}

#[test]
fn secrets() {
    replay("secrets", 2000);
}

#[test]
fn dtls() {
    replay("dtls", 500);
}

#[test]
fn config() {
    replay("config", 300);
}
