//! The server: takes an input, finds out what it is, and hands it to the file that knows the rules.

mod anew;
mod checks;
mod expiry;
mod login;

use core::net::SocketAddr;
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use foldhash::fast::RandomState;
use slotmap::SlotMap;
use turnd_wire::{Class, ErrorCode, Message, Method, ParseError, Protocol, attr, demultiplex};

use crate::{
    abuse::may_be_answered,
    accounts::AccountTraffic,
    asks::Waiting,
    auth::{AuthFailure, Identity},
    challenge_limit::ChallengeTable,
    connections::Connections,
    counters::Counters,
    io::{
        AskId, Client, Ending, Event, FiveTuple, ListenerId, Output, PeerHop, RelayId,
        ReservationToken, Transport,
    },
    reflection::Reflections,
    refusal::Refusal,
    request::{ReplyTo, unknown_attributes},
    reservation::Reservations,
    settings::{Access, Settings},
    table::Table,
    ticket::Secrets,
    time::{Instant, Now},
    timers::{Timer, Timers},
};

/// What is due at a time: whoever drives a server has packets that wait meanwhile.
const TIMERS_AT_ONCE: usize = 32;

/// One TURN server: the allocations of one worker.
pub struct Server {
    pub(crate) settings: Arc<Settings>,
    /// Which server of the process this is.
    pub(crate) index: u8,
    pub(crate) table: Table,
    pub(crate) reservations: Reservations,
    pub(crate) ticket_secrets: Secrets,
    pub(crate) indication_salt: [u8; 4],
    pub(crate) indications: u64,
    pub(crate) waiting: SlotMap<AskId, Waiting>,
    /// How many of them wait for a peer.
    pub(crate) connects: usize,
    /// Clients whose Allocate waits for a relay socket, so that sending it again opens no second one, and what
    /// that will be called.
    pub(crate) opening: HashMap<FiveTuple, RelayId, RandomState>,
    /// Connections with peers, of allocations for TCP.
    pub(crate) connections: Connections,
    pub(crate) timers: Timers,
    pub(crate) outputs: VecDeque<Output>,
    /// No new allocations: the process is about to end.
    pub(crate) refuses_allocations: bool,
    pub(crate) counters: Counters,
    pub(crate) accounts: Option<AccountTraffic>,
    pub(crate) challenges: Option<ChallengeTable>,
    /// Who was answered how often by NAT behaviour discovery.
    pub(crate) discoveries: Option<ChallengeTable>,
    /// Who was sent how many answers that are long for their request.
    pub(crate) long_answers: Option<ChallengeTable>,
    /// How many clients were sent to another server.
    pub(crate) redirected: usize,
    pub(crate) reflections: Option<Reflections>,
}

impl Server {
    /// A server with nothing in it. `index` tells the servers of a process apart; `seed` must be
    /// unpredictable and different for each of them.
    #[must_use]
    pub fn new(settings: Arc<Settings>, index: u8, seed: &[u8; 32]) -> Self {
        let [s0, s1, s2, s3, ..] = *seed;
        Self {
            index,
            table: Table::new(index, settings.relays.clone(), settings.tcp_relays.clone()),
            reservations: Reservations::new(index, seed),
            ticket_secrets: Secrets::new(seed),
            indication_salt: [!s0, s1, !s2, s3],
            indications: 0,
            waiting: SlotMap::with_key(),
            connects: 0,
            opening: HashMap::default(),
            connections: Connections::new(index, seed),
            timers: Timers::default(),
            outputs: VecDeque::new(),
            refuses_allocations: false,
            counters: Counters::default(),
            accounts: settings.by_account.then(AccountTraffic::default),
            challenges: None,
            discoveries: None,
            long_answers: None,
            redirected: usize::from(index),
            reflections: None,
            settings,
        }
    }

    /// Takes a datagram from a client. Where its data goes is returned; everything else comes out of
    /// [`Self::poll_output`].
    pub fn handle_datagram(&mut self, now: Now, from: Client, datagram: &[u8]) -> Option<PeerHop> {
        let now = now.instant;
        match demultiplex(*datagram.first()?) {
            Protocol::Channel => self.channel_to_peer(now, &from.path, datagram),
            Protocol::ReservedChannel if self.settings.legacy_channels => {
                self.channel_to_peer(now, &from.path, datagram)
            }
            Protocol::Stun => self.handle_message(now, from, datagram),
            _ => {
                self.counters.malformed += 1;
                None
            }
        }
    }

    /// Gives up a reservation to the server that a client redeems it at: the socket of this relay
    /// belongs there from now on. So does its place of the quota, which the other server found by the token
    /// before it asked, so that nothing but the socket has to travel.
    pub fn handle_claim(
        &mut self,
        now: Now,
        token: ReservationToken,
    ) -> Option<(RelayId, SocketAddr)> {
        let (relay, address) = self.redeem(now.instant, token)?;
        self.table.forget_relay(relay);
        Some((relay, address))
    }

    /// The client's connection has ended, and with it the allocation that it carried (RFC 8656
    /// section 3.1 ties an allocation to its five-tuple, and nobody else can come back with this one),
    /// unless its client has a ticket.
    pub fn handle_closed(&mut self, now: Now, path: &FiveTuple) {
        // One that is on its way finds nobody when it comes, and so do keys.
        self.opening.remove(path);
        self.forget_keys_for(path);
        let Some(id) = self.table.find(path) else {
            return;
        };
        self.expire_allocation(now.instant, id, Ending::Expired);
        if self.survives(id, path) {
            return;
        }
        if let Some(allocation) = self.table.allocation_mut(id) {
            for relay in &mut allocation.relays {
                relay.expires = now.instant;
            }
        }
        self.expire_allocation(now.instant, id, Ending::Disconnected);
    }

    /// Whether a client has an allocation.
    #[must_use]
    pub fn has_allocation(&self, path: &FiveTuple) -> bool {
        self.table.find(path).is_some()
    }

    /// The allocation of a client and whose it is, if there is one.
    #[must_use]
    pub fn allocation_of(&self, path: &FiveTuple) -> Option<(crate::AllocationId, &str)> {
        let user = self.table.of_client(path)?.owner.name();
        Some((self.table.find(path)?, user))
    }

    /// The socket by which the client of an allocation is reached; nothing if there is no allocation.
    #[must_use]
    pub fn listener_of(&self, path: &FiveTuple) -> Option<ListenerId> {
        let mut paths = self.table.of_client(path)?.paths();
        paths
            .find(|client| client.path == *path)
            .map(|client| client.listener)
    }

    /// Whether any client that is reached by such a socket has an allocation. Looks at all allocations, so
    /// that it is not for every packet.
    #[must_use]
    pub fn uses_listener(&self, is_meant: impl Fn(ListenerId) -> bool) -> bool {
        self.table.uses(is_meant)
    }

    /// Does what is due. Call it when [`Self::next_timeout`] has come. Of much that is due at once it does a part, and
    /// the next timeout stays in the past until the rest is done.
    pub fn handle_timeout(&mut self, now: Now) {
        let now = now.instant;
        for _ in 0..TIMERS_AT_ONCE {
            let Some(timer) = self.timers.take_due(now) else {
                return;
            };
            match timer {
                Timer::Allocation(id) => self.allocation_due(now, id),
                Timer::Ask(id) => self.ask_due(now, id),
                Timer::Connection(id) => self.close_connection(id),
                Timer::Reservation(relay) => {
                    self.reservations.forget(relay);
                    self.table.forget_relay(relay);
                    self.close_relay(relay);
                }
            }
        }
    }

    /// The next thing to do. Drain it after every input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Self::handle_timeout`] next.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// How many allocations there are.
    #[must_use]
    pub fn allocations(&self) -> usize {
        self.table.len()
    }

    /// What this server has counted so far. Costs nothing to read, however many allocations there are.
    #[must_use]
    pub fn counters(&self, now: Now) -> Counters {
        let mut counters = self.counters;
        if let Some(challenges) = &self.challenges {
            counters.challenge_limit.occupied = challenges.occupied(now.instant);
            counters.challenge_limit.entries = ChallengeTable::size();
        }
        counters
    }

    /// Traffic by account, if [`Settings::by_account`] asks for it.
    #[must_use]
    pub const fn accounts(&self) -> Option<&AccountTraffic> {
        self.accounts.as_ref()
    }

    fn handle_message(&mut self, now: Instant, from: Client, datagram: &[u8]) -> Option<PeerHop> {
        let message = match Message::parse(datagram) {
            Err(ParseError::NoMagicCookie)
                if self.takes_classic(from.path.transport) && may_be_answered(&from.path) =>
            {
                self.handle_classic(now, from, datagram);
                return None;
            }
            message => message.ok(),
        };
        let message = message
            .filter(|message| may_be_answered(&from.path) && message.fingerprint() != Some(false));
        let Some(message) = message else {
            self.counters.malformed += 1;
            return None;
        };
        if let Some(server) = self.is_for(&from.path, &message) {
            self.outputs.push_back(Output::Forward {
                server,
                from,
                message: datagram.to_vec(),
            });
            return None;
        }
        if message.class() == Class::Request {
            *self.counters.requests.of(message.method()) += 1;
        }
        match (message.class(), message.method()) {
            (Class::Indication, Method::SEND) => {
                return self.send_to_peer(now, &from.path, &message);
            }
            (Class::Request, Method::BINDING) if self.settings.stun => {
                if self.settings.binding.authenticated {
                    self.authenticate(now, from, &message);
                } else {
                    let reply = ReplyTo::new(&self.settings, from, &message);
                    if let Err(refusal) = self.binding(now, &message, &reply) {
                        self.refuse(now, &reply, None, &refusal);
                    }
                }
            }
            (
                Class::Request,
                Method::ALLOCATE
                | Method::REFRESH
                | Method::CREATE_PERMISSION
                | Method::CHANNEL_BIND,
            ) if self.settings.turn => self.authenticate(now, from, &message),
            (Class::Request, Method::CONNECT | Method::CONNECTION_BIND)
                if self.settings.turn && self.settings.tcp_relay =>
            {
                self.authenticate(now, from, &message);
            }
            _ => {}
        }
        None
    }

    /// Whether messages without the magic cookie are looked at.
    fn takes_classic(&self, transport: Transport) -> bool {
        match transport {
            Transport::Dtls => true,
            Transport::Udp => self.settings.binding.answers_classic(),
            Transport::Tcp | Transport::Tls => false,
        }
    }

    /// Serves a request whose sender is known.
    fn serve(&mut self, now: Instant, message: &Message<'_>, reply: ReplyTo, identity: Identity) {
        let user = identity.name().to_owned();
        let allowed = self.refuse_denied(&identity);
        let done = allowed.and_then(|()| match message.method() {
            Method::BINDING => self.binding(now, message, &reply),
            Method::ALLOCATE => self.allocate(now, message, &reply, identity),
            Method::CONNECTION_BIND => self.connection_bind(now, message, &reply, &identity),
            _ => self.serve_allocation(now, message, &reply, &identity),
        });
        if let Err(refusal) = done {
            self.refuse(now, &reply, Some(&user), &refusal);
        }
    }

    /// Serves a request that is about an allocation which must exist.
    fn serve_allocation(
        &mut self,
        now: Instant,
        message: &Message<'_>,
        reply: &ReplyTo,
        identity: &Identity,
    ) -> Result<(), Refusal> {
        if message.method() == Method::REFRESH && message.has(attr::MOBILITY_TICKET) {
            self.refuse_unknown(message)?;
            return self.resume(now, message, reply, identity);
        }
        let id = self
            .table
            .find(&reply.client.path)
            .ok_or(Refusal::MISMATCH)?;
        let allocation = self.table.allocation(id).ok_or(Refusal::MISMATCH)?;
        if allocation.owner.name() != identity.name() {
            return Err(Refusal::WRONG_CREDENTIALS);
        }
        self.refuse_unknown(message)?;
        match message.method() {
            Method::REFRESH => self.refresh(now, message, reply, id),
            Method::CREATE_PERMISSION => self.create_permission(now, message, reply, id),
            Method::CHANNEL_BIND => self.channel_bind(now, message, reply, id),
            Method::CONNECT => self.connect(now, message, reply, id),
            _ => Ok(()),
        }
    }

    pub(crate) fn refuse_unknown(&self, message: &Message<'_>) -> Result<(), Refusal> {
        let mut unknown = unknown_attributes(message);
        if let Access::LongTerm(long_term) = &self.settings.access
            && long_term.third_party.is_some()
        {
            unknown.retain(|kind| *kind != attr::ACCESS_TOKEN);
        }
        if unknown.is_empty() {
            Ok(())
        } else {
            Err(Refusal::unknown(unknown))
        }
    }

    /// Answers with an error; the one place where refusals are built, signed and reported.
    pub(crate) fn refuse(
        &mut self,
        now: Instant,
        reply: &ReplyTo,
        user: Option<&str>,
        refusal: &Refusal,
    ) {
        if self.may_refuse(now, reply, refusal) && self.may_challenge(now, reply, refusal) {
            *self.counters.errors.of(refusal.code) += 1;
            *self.counters.errors_by_method.of(reply.method) += 1;
            let bytes = reply.error(&self.settings, now, refusal);
            self.send_reply(reply, bytes);
        }
        if refusal.code == ErrorCode::WRONG_CREDENTIALS {
            self.counters.auth_failures.count(AuthFailure::WrongUser);
        }
        self.event(Event::Refused {
            client: reply.client.path.client,
            user: user.map(str::to_owned),
            method: reply.method,
            code: refusal.code,
            fault: refusal.fault,
        });
    }

    /// Answers with a success reply.
    pub(crate) fn reply(&mut self, reply: &ReplyTo, bytes: Vec<u8>) {
        *self.counters.successes.of(reply.method) += 1;
        self.send_reply(reply, bytes);
    }

    fn send_reply(&mut self, reply: &ReplyTo, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            let to = reply.client;
            self.outputs.push_back(Output::Reply { to, bytes });
        }
    }

    pub(crate) fn close_relay(&mut self, relay: RelayId) {
        self.outputs.push_back(Output::CloseRelay(relay));
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}
