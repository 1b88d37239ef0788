//! What whoever runs the program sees and does: its log, its configuration, its signals. A new test goes into the
//! module that names what it is about.

#[path = "../support/mod.rs"]
mod support;

#[allow(dead_code, reason = "other binaries use the rest of it")]
#[path = "../serving/session.rs"]
mod session;

mod logs;
