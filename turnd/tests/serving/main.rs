//! The program against sockets: how it starts and stops, what it does when something runs out, and
//! what it does with nonsense. A new test goes into the file that names what it is about.

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod binding;
mod bursts;
mod counting;
mod fairness;
mod logs;
mod redirects;
mod relaying;
mod running_out;
mod session;
mod start_and_stop;
