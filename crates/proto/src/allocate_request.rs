//! What an Allocate request asks for, with the checks of RFC 8656 section 7.2 and RFC 6062 section 5.1.

use core::{net::SocketAddr, time::Duration};

use turnd_wire::{Family, Message, attr};

use crate::{
    io::{Client, RelayProtocol, ReservationToken, Transport},
    refusal::Refusal,
    settings::{DefaultFamily, Lifetimes, Settings},
};

/// Protocol numbers in REQUESTED-TRANSPORT.
const TCP: u8 = 6;
const UDP: u8 = 17;

/// A sound Allocate request.
#[derive(Clone, Debug)]
pub(crate) struct AllocateRequest {
    pub(crate) protocol: RelayProtocol,
    pub(crate) lifetime: Duration,
    pub(crate) relay: RelayWish,
    /// The client wants a ticket.
    pub(crate) mobile: bool,
}

/// Where the relay sockets come from.
#[derive(Clone, Debug)]
pub(crate) enum RelayWish {
    /// From a reservation.
    Reserved(ReservationToken),
    /// New ones.
    New {
        family: Family,
        /// IPv6 as well.
        and_v6: Option<Additional>,
        port: Port,
    },
}

/// By which numbers the client knows ADDITIONAL-ADDRESS-FAMILY and ADDRESS-ERROR-CODE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Additional {
    Registered,
    Draft,
}

/// EVEN-PORT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    Any,
    Even,
    EvenAndNext,
}

impl AllocateRequest {
    /// The checks of RFC 8656 section 7.2, in its order.
    pub(crate) fn parse(
        message: &Message<'_>,
        settings: &Settings,
        client: &Client,
    ) -> Result<Self, Refusal> {
        let protocol = match message.attribute(attr::REQUESTED_TRANSPORT) {
            Some(&[UDP, _, _, _]) if settings.udp_relay => RelayProtocol::Udp,
            Some(&[UDP, _, _, _]) => return Err(Refusal::FORBIDDEN),
            Some(&[TCP, _, _, _]) if settings.tcp_relay => {
                may_relay_tcp(message, client.path.transport)?;
                RelayProtocol::Tcp
            }
            Some(&[_, _, _, _]) => return Err(Refusal::UNSUPPORTED_TRANSPORT),
            _ => return Err(Refusal::BAD_REQUEST),
        };
        let mobile = match message.attribute(attr::MOBILITY_TICKET) {
            None => false,
            Some([]) if settings.mobility.is_some() => true,
            Some([]) => return Err(Refusal::MOBILITY_FORBIDDEN),
            Some(_) => return Err(Refusal::BAD_REQUEST),
        };
        Ok(Self {
            protocol,
            mobile,
            relay: RelayWish::parse(message, settings, client.path.client)?,
            lifetime: granted_lifetime(message, &settings.lifetimes)?,
        })
    }
}

impl RelayWish {
    fn parse(
        message: &Message<'_>,
        settings: &Settings,
        client: SocketAddr,
    ) -> Result<Self, Refusal> {
        let port = match message.attribute(attr::EVEN_PORT) {
            None => Port::Any,
            Some([bits]) if bits & 0x80 == 0 => Port::Even,
            Some([_]) => Port::EvenAndNext,
            Some(_) => return Err(Refusal::BAD_REQUEST),
        };
        let requested = family(message, attr::REQUESTED_ADDRESS_FAMILY)?;
        let (additional, spelling) = match family(message, attr::ADDITIONAL_ADDRESS_FAMILY)? {
            Some(additional) => (Some(additional), Additional::Registered),
            None => (
                family(message, attr::DRAFT_ADDITIONAL_ADDRESS_FAMILY)?,
                Additional::Draft,
            ),
        };
        if let Some(token) = message.attribute(attr::RESERVATION_TOKEN) {
            if port != Port::Any || requested.is_some() || additional.is_some() {
                return Err(Refusal::BAD_REQUEST);
            }
            return Ok(Self::Reserved(
                token.try_into().map_err(|_| Refusal::BAD_REQUEST)?,
            ));
        }
        let family = match (requested, additional) {
            (Some(_), Some(_)) => return Err(Refusal::BAD_REQUEST),
            (None, Some(additional)) => {
                if additional != Some(Family::V6) || port == Port::EvenAndNext {
                    return Err(Refusal::BAD_REQUEST);
                }
                Family::V4
            }
            (Some(requested), None) => requested.ok_or(Refusal::NO_SUCH_FAMILY)?,
            (None, None) => default_family(settings, client),
        };
        Ok(Self::New {
            family,
            and_v6: additional.map(|_| spelling),
            port,
        })
    }
}

/// What an allocation for TCP cannot have (RFC 6062 section 5.1), and what it must have: a client that
/// is reached by a stream. Two families at once came later, and nothing says what they would be.
fn may_relay_tcp(message: &Message<'_>, transport: Transport) -> Result<(), Refusal> {
    const OUT_OF_PLACE: [attr::AttributeType; 5] = [
        attr::DONT_FRAGMENT,
        attr::EVEN_PORT,
        attr::RESERVATION_TOKEN,
        attr::ADDITIONAL_ADDRESS_FAMILY,
        attr::DRAFT_ADDITIONAL_ADDRESS_FAMILY,
    ];
    if transport.is_stream() && !OUT_OF_PLACE.iter().any(|&kind| message.has(kind)) {
        Ok(())
    } else {
        Err(Refusal::BAD_REQUEST)
    }
}

/// The family an attribute names; `Some(None)` for a number that is no family.
fn family(
    message: &Message<'_>,
    kind: attr::AttributeType,
) -> Result<Option<Option<Family>>, Refusal> {
    match message.attribute(kind) {
        None => Ok(None),
        Some(&[number, _, _, _]) => Ok(Some(Family::from_number(number))),
        Some(_) => Err(Refusal::BAD_REQUEST),
    }
}

fn default_family(settings: &Settings, client: SocketAddr) -> Family {
    match settings.default_family {
        DefaultFamily::Is(family) => family,
        DefaultFamily::AsClient => {
            let family = Family::of(client.ip());
            if settings.relays.has_family(family) {
                family
            } else {
                Family::V4
            }
        }
    }
}

/// LIFETIME as it is granted: at least the default, at most the maximum (RFC 8656 section 7.2).
pub(crate) fn granted_lifetime(
    message: &Message<'_>,
    lifetimes: &Lifetimes,
) -> Result<Duration, Refusal> {
    let asked = match message.attribute(attr::LIFETIME) {
        None => Duration::ZERO,
        Some(_) => {
            let seconds = message
                .number32(attr::LIFETIME)
                .ok_or(Refusal::BAD_REQUEST)?;
            Duration::from_secs(u64::from(seconds))
        }
    };
    Ok(asked
        .max(Lifetimes::DEFAULT_ALLOCATION)
        .min(lifetimes.max_allocation))
}
