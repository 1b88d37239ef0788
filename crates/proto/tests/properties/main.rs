//! What holds for every nonce and for whatever stands behind a signature. `PROPTEST_CASES` sets how many are tried.

// The simulated network of the stories.
#[allow(dead_code, unused_imports, reason = "the stories use more of it")]
#[path = "../stories/support/mod.rs"]
mod support;

mod nonces;
mod signature;

use proptest::test_runner::Config;

/// So many cases, unless `PROPTEST_CASES` says how many.
fn config(usual: u32) -> Config {
    let config = Config::default();
    if std::env::var_os("PROPTEST_CASES").is_some() {
        return config;
    }
    Config {
        cases: usual,
        ..config
    }
}
