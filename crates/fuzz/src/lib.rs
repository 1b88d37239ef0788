//! Fuzz targets: what a stranger can send, byte by byte, to every parser and to the whole state machine.
//!
//! A [`Target`] takes any bytes and fails if something is wrong with what comes of them: a panic, something that
//! grows, an answer too long for what was asked, a table that does not agree with itself. `cargo test` replays
//! the seeds and some thousand mutations of them; `./check --fuzz 10m` lets libFuzzer look for new ones.
//!
//! An input that was found stays in `seeds/`, named after the fault, beside a test of its own in the crate
//! where the fault was.

mod config;
mod conversation;
mod dtls;
mod input;
#[allow(dead_code, reason = "the stories use more of it")]
#[path = "../../proto/tests/stories/issued.rs"]
mod issued;
mod peer;
mod reflection;
mod secrets;
mod seeds;
mod stranger;
mod stream;
mod stun;
// The simulated network of the stories of `proto`: its own assertions hold here too.
#[allow(dead_code, unused_imports, reason = "the stories use more of it")]
#[path = "../../proto/tests/stories/support/mod.rs"]
mod support;

pub use seeds::{Seed, mutate, seeds};

/// Something that takes bytes of strangers.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name on the command line, and that of its file in `seeds/`.
    pub name: &'static str,
    /// Fails if something is wrong with what comes of these bytes.
    pub run: fn(&[u8]),
    /// The longest input that is worth trying, in bytes.
    pub longest: usize,
}

/// All of them.
pub const TARGETS: [Target; 9] = [
    target("stun", stun::run, 600),
    target("stream", stream::run, 1200),
    target("stranger", stranger::run, 700),
    target("conversation", conversation::run, 1500),
    target("peer", peer::run, 400),
    target("secrets", secrets::run, 120),
    target("dtls", dtls::run, 900),
    target("config", config::run, 1000),
    target("opening", stream::opening, 600),
];

const fn target(name: &'static str, run: fn(&[u8]), longest: usize) -> Target {
    Target { name, run, longest }
}

/// The target of that name.
#[must_use]
pub fn find(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}
