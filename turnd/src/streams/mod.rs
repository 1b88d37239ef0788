//! Connections of clients over TCP and TLS, as far as they need no worker: what a connection is going
//! through, what lies between its socket and its messages, what waits to be written, and what comes
//! before the first message (the PROXY protocol, HTTP by mistake, limits).

mod connection;
pub mod http;
mod layer;
pub mod limits;
pub mod proxy_protocol;
mod send_queue;
mod staging;

pub use connection::{Connection, Phase};
pub use layer::{Input, Layer, feed};
pub use send_queue::{Kind, QueueLimits, SendQueue};
pub use staging::Staging;

slotmap::new_key_type! {
    /// A client's connection.
    pub struct StreamId;

    /// A peer's connection (RFC 6062).
    pub struct PeerStreamId;
}
