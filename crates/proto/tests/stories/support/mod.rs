//! A network that exists only in memory: servers, clients, peers, and a clock that stands still until
//! a test moves it. [`Network`] plays everybody that a [`turnd_proto::Server`] asks for something.

mod client;
mod keys;
mod network;
mod ports;
mod reply;
mod request;
mod setup;

pub(crate) use client::Client;
pub(crate) use keys::{Keys, time_limited};
pub(crate) use network::{ClientGets, Network, PeerGets};
pub(crate) use ports::Ports;
pub(crate) use reply::{OK, Reply, peer_of};
pub(crate) use request::Request;
pub(crate) use setup::Setup;

use core::net::SocketAddr;

/// The realm of every test server: eight characters, as short as is polite.
pub(crate) const REALM: &str = "turn.org";

/// Two peers on one host, one on another, and one of IPv6.
pub(crate) const PEER: &str = "8.8.8.8:5000";
pub(crate) const SAME_HOST: &str = "8.8.8.8:6000";
pub(crate) const OTHER_PEER: &str = "8.8.4.4:5000";
pub(crate) const PEER_V6: &str = "[2a00:1450::8]:5000";

/// Reads an address.
pub(crate) fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}
