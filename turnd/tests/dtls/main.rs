//! DTLS as clients see it: OpenSSL's client and an independent one, over a network in memory, with a clock
//! that the tests move.

mod credentials;
mod garbage;
mod handshake;
mod hello;
mod lifetimes;
mod limits;
mod loss;
mod support;
