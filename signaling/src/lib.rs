//! Signalling for WebRTC pages: rooms over socket.io and WebSocket, TURN credentials, and the pages themselves.
//!
//! What is said is in `docs/SIGNALING.md`. The rooms are [`hub`], which knows no network; [`switchboard`] connects
//! it with the two front ends, [`socket_io`] and [`plain`]; [`server`] is the HTTPS server around them, and
//! [`connections`] what it serves.

mod backlog;
pub mod connections;
mod files;
pub mod gate;
pub mod hub;
pub mod metrics;
pub mod options;
pub mod pages;
mod patient;
pub mod plain;
pub mod server;
pub mod socket_io;
pub mod switchboard;
pub mod tls;
pub mod tokens;
pub mod turn;
pub mod turn_file;
