//! What clients of a conversation ask for.

use turnd_wire::{Family, Method, attr};

use super::{LIFETIMES, PEERS};
use crate::{input::Input, support::Request};

/// What was given out to whomever: tokens of reserved ports, and tickets with whose they are.
#[derive(Default)]
pub(super) struct Given {
    pub(super) tokens: Vec<Vec<u8>>,
    pub(super) tickets: Vec<(Vec<u8>, String)>,
}

impl Given {
    /// Whose ticket this is.
    pub(super) fn owner(&self, ticket: &[u8]) -> Option<&String> {
        let mut tickets = self.tickets.iter();
        tickets.find(|(it, _)| it == ticket).map(|(_, user)| user)
    }
}

/// What a client would ask for.
pub(super) fn usual(request: Request, input: &mut Input<'_>, given: &Given) -> Request {
    match request.method {
        Method::ALLOCATE => {
            let request = request.with(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
            match input.byte() % 9 {
                1 => request.dual(),
                2 => request.even_port(true),
                3 => match given.tokens.last() {
                    Some(token) => request.with(attr::RESERVATION_TOKEN, token),
                    None => request,
                },
                4 => Request::bare_allocate().with(attr::REQUESTED_TRANSPORT, &[6, 0, 0, 0]),
                5 => request.with(attr::MOBILITY_TICKET, &[]),
                6 => request.even_port(true).with(attr::MOBILITY_TICKET, &[]),
                7 => request.even_port(false).family(Family::V6),
                8 => Request::bare_allocate()
                    .with(attr::REQUESTED_TRANSPORT, &[6, 0, 0, 0])
                    .with(attr::MOBILITY_TICKET, &[]),
                _ => request,
            }
        }
        Method::REFRESH => {
            let choice = usize::from(input.byte());
            let request = request.lifetime(LIFETIMES[choice % LIFETIMES.len()]);
            // The last ticket, or one before it.
            let back = choice / LIFETIMES.len() % 4;
            let nth = given.tickets.len().checked_sub(back);
            match nth.and_then(|nth| given.tickets.get(nth)) {
                Some((ticket, _)) if back > 0 => request.with(attr::MOBILITY_TICKET, ticket),
                _ => request,
            }
        }
        Method::CHANNEL_BIND => {
            let number = 0x3FFF + u16::from(input.byte() % 4);
            request.channel(number).peer(any_peer(input))
        }
        Method::CREATE_PERMISSION | Method::CONNECT => request.peer(any_peer(input)),
        Method::CONNECTION_BIND => {
            let id = [input.byte() % 2, input.byte(), input.byte(), input.byte()];
            request.with(attr::CONNECTION_ID, &id)
        }
        _ => request,
    }
}

/// Any attribute with any value.
pub(super) fn attribute(request: Request, input: &mut Input<'_>, given: &Given) -> Request {
    let choice = input.byte();
    let row = attr::TABLE.get(usize::from(choice) % (attr::TABLE.len() + 1));
    let kind = row.map_or_else(|| attr::AttributeType(input.number()), |row| row.number);
    match kind {
        attr::XOR_PEER_ADDRESS if input.flag() => request.peer(any_peer(input)),
        attr::LIFETIME if input.flag() => request.lifetime(*input.one(&LIFETIMES)),
        attr::RESERVATION_TOKEN if input.flag() && !given.tokens.is_empty() => {
            request.with(kind, input.one::<Vec<u8>>(&given.tokens))
        }
        attr::MOBILITY_TICKET if input.flag() && !given.tickets.is_empty() => {
            let (ticket, _) = input.one(&given.tickets);
            request.with(kind, ticket)
        }
        kind => request.with(kind, input.some()),
    }
}

pub(super) fn any_peer(input: &mut Input<'_>) -> &'static str {
    PEERS[usize::from(input.byte()) % PEERS.len()]
}
