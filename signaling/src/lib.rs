//! Signalling for WebRTC pages: rooms over socket.io and WebSocket, TURN credentials, and the pages themselves.
//!
//! What is said is in `docs/SIGNALING.md`; the rooms are [`hub`], which knows no network.

pub mod hub;
