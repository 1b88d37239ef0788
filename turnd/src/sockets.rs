//! The sockets that a worker listens on, and the tokens that name its sockets in events, in the
//! outbox and in [`turnd_proto::ListenerId`].

use slotmap::{Key, KeyData};
use turnd_net::{TcpListener, Token, UdpSocket};
use turnd_proto::RelayId;

use crate::{
    helping::Helping,
    streams::{PeerStreamId, StreamId},
};

/// Most that is read from a listener in one turn.
const LISTENER_BATCH: u8 = 128;

/// A UDP socket that clients write to.
pub struct Listener {
    pub(crate) socket: UdpSocket,
    /// Whether it is bound to no address in particular, so that each datagram has to tell.
    pub(crate) is_wildcard: bool,
    /// Which protocols new clients may use.
    pub(crate) takes: Takes,
    /// Which protocols clients with an allocation may use: all that it ever took.
    pub(crate) took: Takes,
    pub(crate) helping: Helping,
}

/// A TCP socket that clients connect to.
pub struct Acceptor {
    pub(crate) socket: TcpListener,
    /// Which protocols it takes.
    pub(crate) takes: Takes,
    /// Whether a PROXY header comes first.
    pub(crate) is_behind_proxy: bool,
}

/// Whether a socket takes messages as they are, or under TLS or DTLS, or both; the first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Takes {
    /// STUN and TURN as they are.
    pub plain: bool,
    /// Under TLS on a TCP socket, under DTLS on a UDP socket.
    pub secure: bool,
}

impl Listener {
    /// Wraps a bound socket.
    #[must_use]
    pub fn new(socket: UdpSocket, takes: Takes) -> Self {
        let is_wildcard = socket.local_addr().ip().is_unspecified();
        Self {
            socket,
            is_wildcard,
            takes,
            took: takes,
            helping: Helping::up_to(LISTENER_BATCH),
        }
    }

    /// New clients may use these protocols from now on; who has an allocation goes on.
    pub(crate) fn take(&mut self, takes: Takes) {
        self.takes = takes;
        self.took = self.took.and(takes);
    }
}

impl Acceptor {
    /// Wraps a listening socket.
    #[must_use]
    pub fn new(socket: TcpListener, takes: Takes, is_behind_proxy: bool) -> Self {
        Self {
            socket,
            takes,
            is_behind_proxy,
        }
    }
}

/// Sockets by their places, which are the same in every worker and are never used twice.
pub(crate) struct Numbered<T>(Vec<Option<T>>);

impl<T> Numbered<T> {
    /// One past the last place.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.0.get(at)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.0.get_mut(at)?.as_mut()
    }

    pub(crate) fn insert(&mut self, at: usize, socket: T) {
        if self.0.len() <= at {
            self.0.resize_with(at + 1, || None);
        }
        self.0[at] = Some(socket);
    }

    pub(crate) fn remove(&mut self, at: usize) -> Option<T> {
        self.0.get_mut(at)?.take()
    }
}

impl<T> FromIterator<(usize, T)> for Numbered<T> {
    fn from_iter<I: IntoIterator<Item = (usize, T)>>(sockets: I) -> Self {
        let mut numbered = Self(Vec::new());
        for (at, socket) in sockets {
            numbered.insert(at, socket);
        }
        numbered
    }
}

/// What a token names. The top bits of its slot say which kind of thing, so that late events for one
/// that is gone name nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Socket {
    /// By index.
    Listener(usize),
    /// By index.
    Acceptor(usize),
    /// A relay, of UDP or TCP.
    Relay(RelayId),
    /// A client's connection.
    Stream(StreamId),
    /// A peer's connection (RFC 6062).
    PeerStream(PeerStreamId),
    /// A listener that a client of this worker's is heard through by another one, whose datagrams the kernel
    /// gives to that.
    Foreign {
        /// The other worker.
        worker: usize,
        /// The listener, which this worker has, too.
        at: usize,
    },
}

const KIND_SHIFT: u32 = 28;
const INDEX: u32 = (1 << KIND_SHIFT) - 1;

impl Socket {
    /// Its token.
    pub(crate) fn token(self) -> Token {
        match self {
            Self::Listener(at) => indexed(0, at),
            Self::Acceptor(at) => indexed(1, at),
            Self::Relay(id) => keyed(2, id.data()),
            Self::Stream(id) => keyed(3, id.data()),
            Self::PeerStream(id) => keyed(4, id.data()),
            Self::Foreign { worker, at } => Token {
                generation: u32::try_from(worker).unwrap_or(INDEX),
                ..indexed(5, at)
            },
        }
    }

    /// Its token as a number.
    pub(crate) fn number(self) -> u64 {
        self.token().into()
    }

    /// What a number stands for.
    pub(crate) fn of(number: u64) -> Self {
        Token::from(number).into()
    }
}

fn indexed(kind: u32, at: usize) -> Token {
    let at = u32::try_from(at).unwrap_or(INDEX);
    Token {
        slot: kind << KIND_SHIFT | at & INDEX,
        generation: 0,
    }
}

fn keyed(kind: u32, key: KeyData) -> Token {
    let token = Token::from(key.as_ffi());
    debug_assert!(token.slot <= INDEX, "fewer than 2^28 of a kind");
    Token {
        slot: kind << KIND_SHIFT | token.slot & INDEX,
        generation: token.generation,
    }
}

impl From<Token> for Socket {
    fn from(token: Token) -> Self {
        let index = token.slot & INDEX;
        let key = KeyData::from_ffi(
            Token {
                slot: index,
                generation: token.generation,
            }
            .into(),
        );
        match token.slot >> KIND_SHIFT {
            0 => Self::Listener(index as usize),
            1 => Self::Acceptor(index as usize),
            2 => Self::Relay(key.into()),
            3 => Self::Stream(key.into()),
            5 => Self::Foreign {
                worker: token.generation as usize,
                at: index as usize,
            },
            _ => Self::PeerStream(key.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_names_what_it_was_made_from() {
        let mut keys = slotmap::SlotMap::<StreamId, ()>::with_key();
        let first = keys.insert(());
        keys.remove(first);
        let again = keys.insert(());
        let data = again.data();
        for socket in [
            Socket::Listener(0),
            Socket::Listener(7),
            Socket::Acceptor(7),
            Socket::Relay(data.into()),
            Socket::Stream(again),
            Socket::Stream(first),
            Socket::PeerStream(data.into()),
            Socket::Foreign { worker: 3, at: 7 },
        ] {
            assert_eq!(Socket::from(socket.token()), socket);
            assert_eq!(Socket::of(socket.number()), socket);
        }
        assert_ne!(Socket::Stream(first).token(), Socket::Stream(again).token());
    }
}
