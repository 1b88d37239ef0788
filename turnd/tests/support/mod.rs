//! What the integration tests share: a running turnd, an echo peer, programs we did not write.
//!
//! Every test has its own server on ports that the system chose, so that tests run side by side.

#![allow(
    dead_code,
    reason = "each test file compiles this module anew and uses its own part of it"
)]

pub(crate) mod certificates;
pub(crate) mod echo;
pub(crate) mod foreign;
pub(crate) mod turn_client;
pub(crate) mod turnd;
