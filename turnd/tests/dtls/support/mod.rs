//! The server, its clients and their certificates.

pub(crate) mod client;
pub(crate) mod independent;
pub(crate) mod pki;
pub(crate) mod server;
mod wire;

pub(crate) use client::Client;
pub(crate) use independent::Independent;
pub(crate) use pki::Pki;
pub(crate) use server::{Server, path};
