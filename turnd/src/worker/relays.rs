//! The relay sockets of a worker.

use turnd_net::UdpSocket;

use crate::{helping::Helping, ports::RelaySocket};

/// Most that is read from a relay in one turn.
const RELAY_BATCH: u8 = 16;

/// The socket of a relay.
pub(super) struct Relay {
    socket: RelaySocket,
    pub(super) helping: Helping,
}

impl Relay {
    pub(super) fn new(socket: RelaySocket) -> Self {
        Self {
            socket,
            helping: Helping::up_to(RELAY_BATCH),
        }
    }

    pub(super) fn socket(&self) -> &UdpSocket {
        self.socket.socket()
    }

    pub(super) fn into_socket(self) -> RelaySocket {
        self.socket
    }
}
