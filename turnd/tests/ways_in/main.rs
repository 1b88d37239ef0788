//! The program over streams: the ways in that are not plain UDP, driven by sockets of the tests' own.
//! A new test goes into the file that names what it is about.

#[path = "../support/mod.rs"]
mod support;

mod certificates;
mod client;
mod encrypted;
mod fairness;
mod floods;
mod framing;
mod hoarders;
mod independent;
mod limits;
mod listeners;
mod pki;
mod proxy_header;
mod redirects;
mod reload;
mod slow_readers;
mod tcp_relaying;
mod web;
