//! What an operator does to a running turnd, and sees of it. A new test goes into the file that names what it
//! is about.

#[allow(dead_code, reason = "the tests of ways_in use the rest")]
#[path = "../ways_in/client.rs"]
mod client;
#[allow(dead_code, reason = "the tests of ways_in use the rest")]
#[path = "../ways_in/pki.rs"]
mod pki;
#[allow(dead_code, reason = "the tests of serving use the rest")]
#[path = "../serving/session.rs"]
mod session;
#[path = "../support/mod.rs"]
mod support;

mod drain;
mod logs;
mod reload;
mod reload_certificates;
#[cfg(feature = "dtls")]
mod reload_dtls;
mod reload_listeners;
mod reload_rest;
mod reload_under_load;
mod tls;
