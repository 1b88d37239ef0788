//! NAT behaviour discovery (RFC 5780): from which other address and port a Binding request can be
//! answered, and what its attributes ask for.

use core::net::SocketAddr;
use std::collections::HashMap;

use foldhash::fast::RandomState;
use turnd_wire::{
    Message,
    attr::{self, AttributeType},
};

use crate::{
    abuse::is_service,
    io::{FiveTuple, ListenerId, Transport},
    refusal::Refusal,
};

/// What only a server with a second address understands.
const ATTRIBUTES: [AttributeType; 3] = [attr::CHANGE_REQUEST, attr::PADDING, attr::RESPONSE_PORT];

/// Ports below it belong to services that nobody is to be answered at.
const LEAST_RESPONSE_PORT: u16 = 1024;

/// An address and port of this server, and the socket there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The socket.
    pub listener: ListenerId,
    /// Where it is bound.
    pub address: SocketAddr,
    /// The same as clients see it.
    pub told: SocketAddr,
}

/// Where discovery is offered, and which addresses belong together. Empty: nowhere.
#[derive(Clone, Debug, Default)]
pub struct Discovery {
    places: HashMap<(bool, SocketAddr), Place, RandomState>,
}

/// A listening address and port with the three others that an answer may come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// By [`Change`].
    origins: [Origin; 4],
}

/// The flags of CHANGE-REQUEST, "change port" in the lowest bit and "change IP" above it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change(u8);

/// What a request wants of discovery.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wish {
    pub(crate) change: Change,
    pub(crate) padding: bool,
    pub(crate) port: Option<u16>,
}

impl Discovery {
    /// Offers it at the two ports of an address. `other` has the same two ports of the other address, in
    /// the same order. `is_stream`: for connections, which know their other address, but are answered from
    /// where they came to.
    pub fn offer(&mut self, is_stream: bool, own: [Origin; 2], other: [Origin; 2]) {
        for (port, other_port) in [(0, 1), (1, 0)] {
            let origins = [own[port], own[other_port], other[port], other[other_port]];
            let place = Place { origins };
            self.places.insert((is_stream, own[port].address), place);
        }
    }

    /// At how many addresses and ports it is offered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether it is offered nowhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(crate) fn place(&self, path: &FiveTuple) -> Option<Place> {
        let at = (path.transport.is_stream(), path.server);
        self.places.get(&at).copied()
    }
}

impl Place {
    pub(crate) fn origin(&self, change: Change) -> Origin {
        self.origins[usize::from(change.0)]
    }

    /// What OTHER-ADDRESS says, whatever was asked for (RFC 5780 table 1).
    pub(crate) fn other(&self) -> SocketAddr {
        self.origin(Change::BOTH).told
    }
}

impl Change {
    const BOTH: Self = Self(0b11);

    /// Reads CHANGE-REQUEST (RFC 5780 section 7.2).
    pub(crate) fn read(message: &Message<'_>) -> Result<Self, Refusal> {
        let Some(value) = message.attribute(attr::CHANGE_REQUEST) else {
            return Ok(Self::default());
        };
        match value {
            &[_, _, _, flags] => Ok(Self((flags & 0b110) >> 1)),
            _ => Err(Refusal::BAD_REQUEST),
        }
    }

    pub(crate) fn is_something(self) -> bool {
        self != Self::default()
    }
}

impl Wish {
    /// Reads the attributes of RFC 5780. Only datagrams can be answered from elsewhere or to elsewhere.
    pub(crate) fn read(message: &Message<'_>, transport: Transport) -> Result<Self, Refusal> {
        let wish = Self {
            change: Change::read(message)?,
            padding: message.has(attr::PADDING),
            port: response_port(message)?,
        };
        let is_elsewhere = wish.change.is_something() || wish.port.is_some();
        if is_elsewhere && transport != Transport::Udp || wish.padding && wish.port.is_some() {
            return Err(Refusal::BAD_REQUEST);
        }
        let is_refused = |port| port < LEAST_RESPONSE_PORT || is_service(port);
        if wish.port.is_some_and(is_refused) {
            return Err(Refusal::FORBIDDEN);
        }
        Ok(wish)
    }

    pub(crate) fn is_something(&self) -> bool {
        self.change.is_something() || self.padding || self.port.is_some()
    }
}

/// RFC 5780 section 7.5 has a port and two bytes behind it, which some count to the value.
fn response_port(message: &Message<'_>) -> Result<Option<u16>, Refusal> {
    match message.attribute(attr::RESPONSE_PORT) {
        None => Ok(None),
        Some(&[high, low] | &[high, low, _, _]) => Ok(Some(u16::from_be_bytes([high, low]))),
        Some(_) => Err(Refusal::BAD_REQUEST),
    }
}

/// Takes the attributes of discovery out of a list.
pub(crate) fn understood(unknown: &mut Vec<AttributeType>) {
    unknown.retain(|kind| !ATTRIBUTES.contains(kind));
}
