//! What strangers can make grow, and how far.

use std::time::Duration;

pub use super::bucket::Rate;

/// The bounds of a hub.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Members of a room, 2 to 8.
    pub capacity: usize,
    /// Connections at once.
    pub sockets: usize,
    /// Connections at once from one address (IPv6: one /64).
    pub sockets_per_address: usize,
    /// Rooms at once.
    pub rooms: usize,
    /// Events from one connection.
    pub commands: Rate,
    /// Mistakes of one connection, before it is cut off.
    pub strikes: Rate,
    /// What may wait for one member that is away.
    pub waiting: Waiting,
    /// How long the place of a lost connection is kept.
    pub grace: Duration,
    /// How long a connection may be in no room.
    pub idle: Duration,
    /// After what time members get new TURN credentials, if there are any.
    pub refresh: Option<Duration>,
}

/// What may wait for one member that is away.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// Packets.
    pub packets: usize,
    /// Bytes of the messages in them, as JSON.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            capacity: 2,
            sockets: 10_000,
            sockets_per_address: 64,
            rooms: 5_000,
            commands: Rate {
                burst: 200.0,
                per_second: 50.0,
            },
            strikes: Rate {
                burst: 10.0,
                per_second: 0.1,
            },
            waiting: Waiting {
                packets: 256,
                bytes: 512 * 1024,
            },
            grace: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            refresh: None,
        }
    }
}
