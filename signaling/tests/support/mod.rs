//! What the integration tests share: a running `signaling`, a running `turnd`, programs we did not write.
//!
//! Every test has its own servers on ports that the system chose, so that tests run side by side.

#![allow(
    dead_code,
    reason = "each test file compiles this module anew and uses its own part of it"
)]

#[path = "../../../turnd/tests/support/certificates.rs"]
pub(crate) mod certificates;
#[path = "../../../turnd/tests/support/foreign.rs"]
pub(crate) mod foreign;
pub(crate) mod servers;
