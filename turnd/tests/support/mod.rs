//! What the integration tests share: a running turnd, an echo peer, programs we did not write.
//!
//! Every test has its own server on ports that the system chose, so that tests run side by side.

#![allow(
    dead_code,
    reason = "each test file compiles this module anew and uses its own part of it"
)]

pub(crate) mod blocks;
pub(crate) mod certificates;
pub(crate) mod echo;
pub(crate) mod foreign;
pub(crate) mod namespace;
pub(crate) mod turn_client;
pub(crate) mod turnd;

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this test may do what only root may. Under CI it must.
pub(crate) fn is_root() -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    assert!(
        is_root || std::env::var_os("CI").is_none(),
        "CI runs these as root"
    );
    if !is_root {
        eprintln!("SKIPPED: only root can do this");
    }
    is_root
}

/// `usual`, or `long` where the long runs are asked for, of which none has another test beside it.
pub(crate) fn as_long<T>(usual: T, long: T) -> T {
    let is_long = std::env::var_os("TURND_LONG_TESTS").is_some();
    if is_long { long } else { usual }
}

/// Tells threads that it is over, also where the test fails.
pub(crate) struct End<'a>(pub(crate) &'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
