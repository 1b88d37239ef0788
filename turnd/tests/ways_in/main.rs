//! x
#![allow(dead_code)]
mod client;
mod floods;
#[path = "../support/mod.rs"]
mod support;
mod tcp_relaying;
