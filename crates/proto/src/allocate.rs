//! Allocate (RFC 8656 section 7): from the request, over the asks for one or two relay sockets, to the
//! success reply, which leaves only when they are there.

use core::time::Duration;

use turnd_wire::{ErrorCode, Family, Message, attr};

use crate::{
    allocate_request::{Additional, AllocateRequest, Port, RelayWish},
    allocation::{Allocation, Birth, Relay},
    asks::Waiting,
    auth::{Identity, Proof},
    bandwidth::{Grant, NothingLeft},
    io::{
        Ask, Event, OpenedRelay, Output, PortWish, RelayId, RelayProtocol, RelayRefusal,
        ReservationToken,
    },
    quota::{Place, QuotaReached},
    refusal::Refusal,
    request::ReplyTo,
    server::Server,
    settings::{Lifetimes, Settings},
    ticket::SealedTicket,
    time::Instant,
};

/// An allocation on its way: what is known while relay sockets are being opened.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) reply: ReplyTo,
    owner: Identity,
    proof: Proof,
    share: Share,
    protocol: RelayProtocol,
    lifetime: Duration,
    /// The socket that is asked for now.
    asked: Asked,
    /// The family still to be asked for.
    remaining: Option<Family>,
    /// Whether the request wanted both families, and how it said so.
    additional: Option<Additional>,
    opened: Vec<Relay>,
    failed: Option<(Family, RelayRefusal)>,
    token: Option<ReservationToken>,
    /// The client wants a ticket.
    mobile: bool,
}

/// What an allocation takes of that which all share.
#[derive(Debug)]
struct Share {
    place: Place,
    /// The place of the port that is to be reserved.
    next_place: Option<Place>,
    grant: Option<Grant>,
}

/// A socket that is asked for.
#[derive(Clone, Copy, Debug)]
struct Asked {
    relay: RelayId,
    next: Option<RelayId>,
    /// `None` for a reservation, which has its family already.
    family: Option<Family>,
}

impl Opening {
    /// The socket that it waits for.
    pub(crate) const fn relay(&self) -> RelayId {
        self.asked.relay
    }

    /// The one beside it, which is not wanted any more.
    pub(crate) const fn give_up_next(&mut self) -> Option<RelayId> {
        self.asked.next.take()
    }
}

impl Server {
    pub(crate) fn allocate(
        &mut self,
        now: Instant,
        message: &Message<'_>,
        reply: &ReplyTo,
        owner: Identity,
    ) -> Result<(), Refusal> {
        if let Some(allocation) = self.table.of_client(&reply.client.path) {
            if allocation.birth.id != reply.id || allocation.owner.name() != owner.name() {
                return Err(Refusal::MISMATCH);
            }
            let again = allocation.birth.reply.to_vec();
            self.reply(reply, again);
            return Ok(());
        }
        if self.is_opening(&reply.client.path) {
            return Ok(());
        }
        self.refuse_unknown(message)?;
        if let Some(redirection) = self.redirection(reply) {
            return Err(redirection);
        }
        if self.refuses_allocations {
            return Err(Refusal::NO_CAPACITY);
        }
        self.needs_memory(|hits| &mut hits.allocations)?;
        let request = AllocateRequest::parse(message, &self.settings, &reply.client)?;
        self.refuse_own_relays(&reply.client)?;
        let (place, next_place) = self.places(&request.relay, owner.account())?;
        let grant = self.settings.bandwidth.grant().map_err(|NothingLeft| {
            self.counters.capacity_hits += 1;
            Refusal::QUOTA_REACHED
        })?;
        let share = Share {
            place,
            next_place,
            grant,
        };
        self.open(now, reply.clone(), owner, share, &request);
        Ok(())
    }

    /// Counts which quota it was.
    pub(crate) const fn quota_reached(&mut self, which: QuotaReached) -> Refusal {
        match which {
            QuotaReached::Account => self.counters.user_quota_hits += 1,
            QuotaReached::Total => self.counters.total_quota_hits += 1,
        }
        Refusal::QUOTA_REACHED
    }

    /// The places of an allocation and of the port reserved beside it, if one is. A token that the same
    /// account redeems brings the place of its port with it, from whatever server of the process.
    fn places(
        &mut self,
        wish: &RelayWish,
        account: &str,
    ) -> Result<(Place, Option<Place>), Refusal> {
        let quotas = self.settings.quotas.clone();
        let brought = match wish {
            RelayWish::New {
                port: Port::EvenAndNext,
                ..
            } => {
                let (place, next) = self.places_for_pair(account)?;
                return Ok((place, Some(next)));
            }
            RelayWish::Reserved(token) => quotas.reserved(*token, account),
            RelayWish::New { .. } => None,
        };
        let place = match brought {
            Some(place) => place,
            None => quotas
                .take(account)
                .map_err(|which| self.quota_reached(which))?,
        };
        Ok((place, None))
    }

    /// Asks for the first socket.
    fn open(
        &mut self,
        now: Instant,
        reply: ReplyTo,
        owner: Identity,
        share: Share,
        request: &AllocateRequest,
    ) {
        let relay = self.table.name_relay();
        let (asked, additional, ask) = match request.relay {
            RelayWish::Reserved(token) => {
                let asked = Asked {
                    relay,
                    next: None,
                    family: None,
                };
                (asked, None, Ask::ClaimReservation { relay, token })
            }
            RelayWish::New {
                family,
                and_v6,
                port,
            } => {
                let next = (port == Port::EvenAndNext).then(|| self.table.name_relay());
                let port = match (port, next) {
                    (Port::Any, _) => PortWish::Any,
                    (_, Some(next)) => PortWish::EvenAndNext(next),
                    (_, None) => PortWish::Even,
                };
                let asked = Asked {
                    relay,
                    next,
                    family: Some(family),
                };
                (
                    asked,
                    and_v6,
                    Ask::OpenRelay {
                        relay,
                        protocol: request.protocol,
                        family,
                        port,
                    },
                )
            }
        };
        let lifetime = owner.grant(now, request.lifetime);
        let opening = Opening {
            reply,
            owner,
            proof: Proof::new(&self.settings.access),
            share,
            protocol: request.protocol,
            lifetime,
            asked,
            remaining: additional.map(|_| Family::V6),
            additional,
            opened: Vec::new(),
            failed: None,
            token: None,
            mobile: request.mobile,
        };
        match ask {
            Ask::ClaimReservation { token, .. } if self.reservations.is_ours(token) => {
                self.open_own_reservation(now, opening, token);
            }
            ask => self.ask_for_socket(now, opening, ask),
        }
    }

    fn ask_for_socket(&mut self, now: Instant, opening: Opening, ask: Ask) {
        let waiting = Waiting::Relay {
            opening: Box::new(opening),
            until: now + Lifetimes::ANSWER,
        };
        self.ask(now, waiting, ask);
    }

    /// A reservation of this very server: the socket is here already, under a name of its own.
    fn open_own_reservation(
        &mut self,
        now: Instant,
        mut opening: Opening,
        token: ReservationToken,
    ) {
        let answer = match self.redeem(now, token) {
            Some((relay, address)) => {
                self.table.forget_relay(opening.asked.relay);
                opening.asked.relay = relay;
                Ok(OpenedRelay {
                    address,
                    next: None,
                })
            }
            None => Err(RelayRefusal::NoSuchReservation),
        };
        self.opening_answered(now, opening, answer);
    }

    /// A socket is there, or not: ask for the next one or finish.
    pub(crate) fn opening_answered(
        &mut self,
        now: Instant,
        mut opening: Opening,
        answer: Result<OpenedRelay, RelayRefusal>,
    ) {
        let asked = opening.asked;
        match answer {
            Ok(opened) => {
                opening.opened.push(Relay {
                    id: asked.relay,
                    address: opened.address,
                    expires: now + opening.lifetime,
                });
                match (asked.next, opened.next, opening.share.next_place.take()) {
                    (Some(next), Some(address), Some(place)) => {
                        opening.token = Some(self.reserve(now, next, address, place));
                    }
                    (Some(next), ..) => self.table.forget_relay(next),
                    (None, ..) => {}
                }
            }
            Err(why) => {
                self.table.forget_relay(asked.relay);
                if let Some(next) = asked.next {
                    self.table.forget_relay(next);
                    // Of a pair that fails at its second half, the caller may have the first.
                    self.close_relay(asked.relay);
                }
                opening.failed = Some((asked.family.unwrap_or(Family::V4), why));
            }
        }
        match opening.remaining.take() {
            Some(family) => {
                let relay = self.table.name_relay();
                opening.asked = Asked {
                    relay,
                    next: None,
                    family: Some(family),
                };
                let ask = Ask::OpenRelay {
                    relay,
                    protocol: opening.protocol,
                    family,
                    port: PortWish::Any,
                };
                self.ask_for_socket(now, opening, ask);
            }
            None => self.finish_opening(now, opening),
        }
    }

    /// Lets go of what was opened for a client that is gone.
    pub(crate) fn abandon(&mut self, opening: Opening, answer: Result<OpenedRelay, RelayRefusal>) {
        let asked = opening.asked;
        let opened = opening.opened.iter().map(|relay| (relay.id, true));
        let next = answer.as_ref().is_ok_and(|opened| opened.next.is_some());
        // Of a pair that failed at its second half, the caller may have the first.
        let first = answer.is_ok() || asked.next.is_some();
        let answered = [(Some(asked.relay), first), (asked.next, next)];
        let answered = answered
            .into_iter()
            .filter_map(|(relay, is_open)| Some((relay?, is_open)));
        for (relay, is_open) in opened.chain(answered) {
            self.table.forget_relay(relay);
            if is_open {
                self.outputs.push_back(Output::CloseRelay(relay));
            }
        }
    }

    fn finish_opening(&mut self, now: Instant, mut opening: Opening) {
        if opening.opened.is_empty() {
            let refusal = match opening.failed {
                Some((_, RelayRefusal::NoSuchFamily)) if opening.additional.is_none() => {
                    Refusal::NO_SUCH_FAMILY
                }
                _ => Refusal::NO_CAPACITY,
            };
            return self.refuse(now, &opening.reply, Some(opening.owner.name()), &refusal);
        }
        // Shut out while the sockets were opened.
        if let Err(refusal) = self.refuse_denied(&opening.owner) {
            for relay in &opening.opened {
                self.table.forget_relay(relay.id);
                self.close_relay(relay.id);
            }
            return self.refuse(now, &opening.reply, Some(opening.owner.name()), &refusal);
        }
        // The life that is granted starts with the answer, however long the sockets took.
        for relay in &mut opening.opened {
            relay.expires = opening.owner.ends(now, opening.lifetime);
        }
        let success = Success {
            relays: opening.opened.clone(),
            lifetime: u32::try_from(opening.lifetime.as_secs()).unwrap_or(u32::MAX),
            token: opening.token,
            failed: opening.failed,
            additional: opening.additional,
        };
        let relayed = opening
            .opened
            .iter()
            .map(|relay| self.settings.relays.external(relay.address));
        let (user, relayed) = (opening.owner.name().to_owned(), relayed.collect());
        let client = opening.reply.client;
        let birth = Birth {
            id: opening.reply.id,
            reply: Box::default(),
        };
        let allocation = Allocation::new(
            client,
            (opening.owner, opening.proof),
            opening.protocol,
            birth,
            opening.opened,
            (opening.share.place, opening.share.grant),
            now,
        );
        self.counters.allocation_made(allocation.kind);
        let id = self.table.insert(allocation);
        self.set_allocation_timer(id);
        let ticket = opening.mobile.then(|| self.first_ticket(id)).flatten();
        let bytes = success.reply(&self.settings, &opening.reply, ticket.as_ref());
        if let Some(allocation) = self.table.allocation_mut(id) {
            allocation.birth.reply = bytes.clone().into_boxed_slice();
        }
        self.reply(&opening.reply, bytes);
        self.event(Event::Allocated {
            allocation: id,
            user,
            path: client.path,
            protocol: opening.protocol,
            relayed,
            lifetime: success.lifetime,
        });
    }
}

/// What a success reply says.
struct Success {
    relays: Vec<Relay>,
    /// In seconds.
    lifetime: u32,
    token: Option<ReservationToken>,
    failed: Option<(Family, RelayRefusal)>,
    additional: Option<Additional>,
}

impl Success {
    fn reply(&self, settings: &Settings, to: &ReplyTo, ticket: Option<&SealedTicket>) -> Vec<u8> {
        to.success(|writer| {
            for relay in &self.relays {
                writer.xor_address(
                    attr::XOR_RELAYED_ADDRESS,
                    settings.relays.external(relay.address),
                );
            }
            writer.number32(attr::LIFETIME, self.lifetime);
            if let Some(ticket) = ticket {
                writer.bytes(attr::MOBILITY_TICKET, ticket);
            }
            if let Some(token) = &self.token {
                writer.bytes(attr::RESERVATION_TOKEN, token);
            }
            writer.xor_address(attr::XOR_MAPPED_ADDRESS, to.client.path.client);
            if let Some((family, why)) = self.failed {
                let kind = match self.additional {
                    Some(Additional::Draft) => attr::DRAFT_ADDRESS_ERROR_CODE,
                    _ => attr::ADDRESS_ERROR_CODE,
                };
                writer.bytes(kind, &address_error(family, why));
            }
        })
    }
}

/// The value of ADDRESS-ERROR-CODE (RFC 8656 section 18.12), without a reason phrase.
fn address_error(family: Family, why: RelayRefusal) -> [u8; 4] {
    let code = match why {
        RelayRefusal::NoSuchFamily => ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED,
        RelayRefusal::NoCapacity | RelayRefusal::NoSuchReservation => {
            ErrorCode::INSUFFICIENT_CAPACITY
        }
    };
    let [_, _, class, number] = code.to_bytes();
    [family.number(), 0, class, number]
}
