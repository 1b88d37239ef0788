//! The program from outside, beside what `serving` shows: its log, its restart, odd traffic, forged requests,
//! and what is left when ports and descriptors have come and gone. A new test goes into the file that names
//! what it is about.

#[path = "../support/mod.rs"]
mod support;

mod fairness;
mod forgeries;
mod lifecycle;
mod logs;
mod odd_traffic;
mod resources;
mod session;
mod soak;
