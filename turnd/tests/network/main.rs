//! What lies between the relays and their peers: what comes back when datagrams come to nothing, and which IP
//! headers they have. Most of it runs in a network of its own, with a router. A new test goes into the file that
//! names what it is about.

#[allow(dead_code, reason = "the tests of ways_in use the rest")]
#[path = "../ways_in/client.rs"]
mod client;
#[allow(dead_code, reason = "the tests of operating use the rest")]
#[cfg(feature = "dtls")]
#[path = "../operating/dtls.rs"]
mod dtls;
#[allow(dead_code, reason = "the tests of ways_in use the rest")]
#[path = "../ways_in/pki.rs"]
mod pki;
#[allow(dead_code, reason = "the tests of operating use the rest")]
#[path = "../operating/scrape.rs"]
mod scrape;
#[allow(dead_code, reason = "the tests of serving use the rest")]
#[path = "../serving/session.rs"]
mod session;
#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code, reason = "the tests of operating use the rest")]
#[path = "../operating/tls.rs"]
mod tls;

mod full_buffers;
mod ip_header;
mod links;
mod nobody;
mod routed;
mod routers;
mod undelivered;

use std::net::SocketAddr;

use turnd_wire::{Class, Message, Method, attr};

/// What a client is told of a datagram that came to nothing: whom it was for, and the ICMP attribute.
fn told(bytes: &[u8]) -> (SocketAddr, Vec<u8>) {
    let message = Message::parse(bytes).expect("a message");
    assert_eq!(
        (message.class(), message.method()),
        (Class::Indication, Method::DATA)
    );
    assert_eq!(message.attribute(attr::DATA), Some(&[][..]));
    let peer = message.xor_address(attr::XOR_PEER_ADDRESS);
    let icmp = message.attribute(attr::ICMP).expect("ICMP");
    (peer.expect("XOR-PEER-ADDRESS"), icmp.to_vec())
}
