//! turnd, a STUN/TURN server that takes coturn's place: the program around the state machine.
//!
//! The story of a run is in [`app`]; the loop that moves packets in [`worker`]; what can be configured
//! in [`config`].

pub mod addresses;
pub mod app;
pub mod auth;
pub mod clock;
pub mod commands;
pub mod config;
pub mod control;
pub mod dtls;
pub mod encryption;
pub mod external;
pub mod handshakes;
mod helping;
pub mod listeners;
pub mod log;
pub mod mailbox;
pub mod memory;
pub mod metrics;
pub mod own_addresses;
pub mod parcels;
pub mod ports;
pub mod process;
pub mod report;
pub mod session_log;
pub mod setup;
pub mod sockets;
pub mod streams;
mod stun_client;
pub mod summary;
pub mod systemd;
pub mod tls;
pub mod worker;
