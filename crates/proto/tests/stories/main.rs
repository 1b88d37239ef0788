//! The rules of the server, told as stories: a simulated network, a clock that only tests move.
//!
//! A new story goes into the file of the behaviour it is about; what a story needs to be short goes
//! into `support`. Random sequences against a model of the RFC are in `src/tests/model`.

mod issued;
mod support;
mod tcp_relaying;

mod abuse;
mod allocate;
mod anew;
mod authentication;
mod bad_input;
mod binding;
mod channels;
mod classic;
mod counting;
mod data;
mod discovery;
mod hairpin;
mod icmp;
mod lifetimes;
mod limits;
mod mobility;
mod no_allocation;
mod owners;
mod peer_policy;
mod permissions;
mod reconfigure;
mod redirects;
mod refresh;
mod reservations;
mod third_party;
