//! What attackers do to a TURN server, and what goes wrong inside it: a test for each, named by its number, with the
//! figure that must hold. `index.rs` says which tests elsewhere hold off the others. With TURND_LONG_TESTS set the
//! floods are as long as they are meant to be.

#[path = "../operating/scrape.rs"]
#[allow(dead_code, reason = "the tests of operating use the rest")]
mod scrape;
#[path = "../support/mod.rs"]
mod support;

mod drain;
mod exhaustion;
mod faults;
mod index;
mod injection;
mod memory;
mod namespace;
mod numbers;
mod reflection;
mod relay_abuse;
mod secrecy;
mod stolen;
mod tokens;
mod ways;
