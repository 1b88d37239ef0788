//! The sockets of a worker, and the tokens that name them in events and in the outbox.

use slotmap::KeyData;
use turnd_net::{Token, UdpSocket};
use turnd_proto::RelayId;

/// A socket that clients write to.
pub struct Listener {
    pub(crate) socket: UdpSocket,
    /// Whether it is bound to no address in particular, so that each datagram has to tell.
    pub(crate) is_wildcard: bool,
}

impl Listener {
    /// Wraps a bound socket.
    #[must_use]
    pub fn new(socket: UdpSocket) -> Self {
        let is_wildcard = socket.local_addr().ip().is_unspecified();
        Self {
            socket,
            is_wildcard,
        }
    }
}

/// What a token names. Relays carry a generation, which is never 0; listeners have none.
pub(crate) enum Socket {
    Listener(usize),
    Relay(RelayId),
}

impl From<Token> for Socket {
    fn from(token: Token) -> Self {
        if token.generation == 0 {
            Self::Listener(token.slot as usize)
        } else {
            Self::Relay(KeyData::from_ffi(u64::from(token)).into())
        }
    }
}

pub(crate) fn listener_token(at: usize) -> Token {
    Token {
        slot: u32::try_from(at).expect("fewer than four billion listeners"),
        generation: 0,
    }
}
