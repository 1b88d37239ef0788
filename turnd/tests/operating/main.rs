//! What an operator does with the program: start it, tell it things, look at it. A new test goes into
//! the file that names what it is about.

#[path = "../support/mod.rs"]
mod support;

#[allow(dead_code, reason = "other binaries use the rest of it")]
#[path = "../serving/session.rs"]
mod session;

mod daemon;
mod metrics;
mod metrics_access;
mod metrics_documents;
mod metrics_health;
mod pid_file;
mod privileges;
mod scrape;
mod systemd;
