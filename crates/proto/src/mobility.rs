//! Mobility (RFC 8016): a client whose address has changed has its allocation again, by the ticket that it
//! was given.
//!
//! An allocation has one path that data takes, and at most one more, which its client has asked for and sent
//! no data on. With the first data there the new path takes the place of the old one; so it does when the
//! old one is a connection that ends. Who asks again from yet another address replaces what was asked for.

use core::time::Duration;

use turnd_wire::{Class, Message, Method, attr};

use crate::{
    address_class::is_tunnel,
    auth::Identity,
    io::{AllocationId, Client, Ending, Event, FiveTuple, Output, RelayProtocol},
    refresh::RefreshRequest,
    refusal::Refusal,
    request::ReplyTo,
    server::Server,
    ticket::{SealedTicket, Secret, Ticket},
    time::Instant,
};

/// How long a request that was answered is known when it comes again (RFC 8016 section 3.2.2).
const RETRANSMISSION: Duration = Duration::from_secs(30);

/// What an allocation has whose client was given a ticket.
#[derive(Debug)]
pub(crate) struct Mobility {
    /// That of the one ticket in force.
    secret: Secret,
    /// The path that the client has asked for and sent no data on.
    pending: Option<Client>,
    /// The last such request and its answer.
    last: Option<Answered>,
    /// The connection that carried the data has ended, and the client has not come back yet.
    is_away: bool,
}

/// A Refresh with a ticket that was answered with a new one.
#[derive(Debug)]
struct Answered {
    from: FiveTuple,
    /// The secret of the ticket that it showed.
    with: Secret,
    until: Instant,
    lifetime: u32,
    ticket: SealedTicket,
    /// Data has come by its path, so it has arrived.
    is_heard: bool,
}

impl Mobility {
    fn new(secret: Secret) -> Self {
        Self {
            secret,
            pending: None,
            last: None,
            is_away: false,
        }
    }

    /// Whether the client can be reached.
    pub(crate) const fn is_away(&self) -> bool {
        self.is_away
    }

    pub(crate) const fn pending(&self) -> Option<&Client> {
        self.pending.as_ref()
    }

    /// Whether this is the path of the last request, and no data has come by it.
    pub(crate) fn is_unheard(&self, path: &FiveTuple) -> bool {
        let last = self.last.as_ref();
        last.is_some_and(|last| !last.is_heard && last.from == *path)
    }

    /// Whether a ticket with this secret moves the allocation. The one before the last does as long as the
    /// last may not have reached the client, who may be somewhere else again by now.
    fn takes(&self, secret: &Secret, now: Instant) -> bool {
        let is_old = |last: &Answered| !last.is_heard && last.with == *secret && now < last.until;
        *secret == self.secret || self.last.as_ref().is_some_and(is_old)
    }

    /// The answer that this request got already.
    fn answer_to(&self, from: &FiveTuple, secret: &Secret, now: Instant) -> Option<&Answered> {
        let last = self.last.as_ref()?;
        (last.from == *from && last.with == *secret && now < last.until).then_some(last)
    }
}

impl Server {
    /// Gives the client of a new allocation its ticket, unless there is no mobility any more.
    pub(crate) fn first_ticket(&mut self, id: AllocationId) -> Option<SealedTicket> {
        let (secret, ticket) = self.ticket(id)?;
        let allocation = self.table.allocation_mut(id)?;
        allocation.mobility = Some(Box::new(Mobility::new(secret)));
        Some(ticket)
    }

    fn ticket(&mut self, id: AllocationId) -> Option<(Secret, SealedTicket)> {
        let key = self.settings.mobility.as_ref()?;
        let (secret, nonce) = self.ticket_secrets.next();
        let ticket = Ticket {
            server: self.index,
            allocation: id,
            secret,
        };
        Some((secret, key.seal(&ticket, &nonce)))
    }

    /// What the ticket of a Refresh request says that comes by a path without an allocation.
    fn shown(&self, path: &FiveTuple, message: &Message<'_>) -> Option<Ticket> {
        let key = self.settings.mobility.as_ref()?;
        let is_refresh = message.class() == Class::Request && message.method() == Method::REFRESH;
        let sealed = message.attribute(attr::MOBILITY_TICKET)?;
        let is_free = !self.has_allocation(path) && !self.is_opening(path);
        (is_refresh && is_free).then(|| key.open(sealed)).flatten()
    }

    /// The other server that has the allocation which a message is about. All is judged there: a ticket that
    /// opens is one of this process.
    pub(crate) fn is_for(&self, path: &FiveTuple, message: &Message<'_>) -> Option<u8> {
        let server = self.shown(path, message)?.server;
        (server != self.index).then_some(server)
    }

    /// The allocation that a request is about: that of its path, or that of the ticket it shows.
    pub(crate) fn subject(&self, path: &FiveTuple, message: &Message<'_>) -> Option<AllocationId> {
        let shown = || {
            let ticket = self.shown(path, message)?;
            (ticket.server == self.index).then_some(ticket.allocation)
        };
        self.table.find(path).or_else(shown)
    }

    /// A Refresh with a ticket (RFC 8016 section 3.2.2).
    pub(crate) fn resume(
        &mut self,
        now: Instant,
        message: &Message<'_>,
        reply: &ReplyTo,
        identity: &Identity,
    ) -> Result<(), Refusal> {
        let settings = self.settings.clone();
        let key = settings.mobility.as_ref();
        let key = key.ok_or(Refusal::MOBILITY_FORBIDDEN)?;
        let sealed = message.attribute(attr::MOBILITY_TICKET);
        let ticket = sealed.and_then(|sealed| key.open(sealed));
        if let Some(id) = self.table.find(&reply.client.path) {
            return self.answer_again(now, id, ticket, reply, identity);
        }
        let ticket = ticket.ok_or(Refusal::BAD_REQUEST)?;
        if self.is_opening(&reply.client.path) {
            return Err(Refusal::BAD_REQUEST);
        }
        if ticket.server != self.index {
            // The path had an allocation a moment ago. Sent again, it goes the right way.
            return Ok(());
        }
        let id = ticket.allocation;
        // What had expired on this path may have hidden it until now.
        self.expire_allocation(now, id, Ending::Expired);
        let allocation = self.table.allocation(id).ok_or(Refusal::MISMATCH)?;
        if allocation.owner.name() != identity.name() {
            return Err(Refusal::WRONG_CREDENTIALS);
        }
        let mobility = allocation.mobility.as_ref();
        let is_good = mobility.is_some_and(|it| it.takes(&ticket.secret, now));
        let needs_stream = allocation.protocol == RelayProtocol::Tcp;
        if !is_good || needs_stream && !reply.client.path.transport.is_stream() {
            return Err(Refusal::BAD_REQUEST);
        }
        self.refuse_own_relays(&reply.client)?;
        let request = RefreshRequest::parse(message, &self.settings.lifetimes)?;
        let lifetime = self.prolong(now, id, &request)?;
        let moved = (lifetime > 0).then(|| self.ask_for_path(now, id, &ticket, lifetime, reply));
        self.success(reply, lifetime, moved.flatten());
        Ok(())
    }

    /// A client that is one of our own relays would have its data go round in circles.
    pub(crate) fn refuse_own_relays(&self, client: &Client) -> Result<(), Refusal> {
        let relays = if client.path.transport.is_stream() {
            &self.settings.tcp_peers
        } else {
            &self.settings.peers
        };
        let address = client.path.client;
        if is_tunnel(address.ip()) || relays.is_live_relay(address) {
            return Err(Refusal::FORBIDDEN);
        }
        Ok(())
    }

    /// The path has an allocation. That is right for a request whose answer was lost and for no other
    /// (RFC 8016 section 3.2.2).
    fn answer_again(
        &mut self,
        now: Instant,
        id: AllocationId,
        ticket: Option<Ticket>,
        reply: &ReplyTo,
        identity: &Identity,
    ) -> Result<(), Refusal> {
        let allocation = self.table.allocation(id).ok_or(Refusal::MISMATCH)?;
        if allocation.owner.name() != identity.name() {
            return Err(Refusal::WRONG_CREDENTIALS);
        }
        let ticket = ticket.filter(|ticket| (ticket.server, ticket.allocation) == (self.index, id));
        let path = &reply.client.path;
        let answered = ticket.and_then(|ticket| {
            let mobility = allocation.mobility.as_ref()?;
            let answered = mobility.answer_to(path, &ticket.secret, now)?;
            Some((answered.lifetime, answered.ticket))
        });
        let (lifetime, ticket) = answered.ok_or(Refusal::BAD_REQUEST)?;
        self.success(reply, lifetime, Some(ticket));
        Ok(())
    }

    fn success(&mut self, reply: &ReplyTo, lifetime: u32, ticket: Option<SealedTicket>) {
        let bytes = reply.success(|writer| {
            writer.number32(attr::LIFETIME, lifetime);
            if let Some(ticket) = &ticket {
                writer.bytes(attr::MOBILITY_TICKET, ticket);
            }
        });
        self.reply(reply, bytes);
    }

    /// The client wants its allocation by this path from now on; returns its next ticket.
    fn ask_for_path(
        &mut self,
        now: Instant,
        id: AllocationId,
        shown: &Ticket,
        lifetime: u32,
        reply: &ReplyTo,
    ) -> Option<SealedTicket> {
        let client = reply.client;
        let (secret, ticket) = self.ticket(id)?;
        let mobility = self.table.allocation_mut(id)?.mobility.as_mut()?;
        mobility.secret = secret;
        mobility.last = Some(Answered {
            from: client.path,
            with: shown.secret,
            until: now + RETRANSMISSION,
            lifetime,
            ticket,
            is_heard: false,
        });
        let replaced = mobility.pending.replace(client);
        let is_away = mobility.is_away;
        if let Some(replaced) = replaced {
            self.leave(&replaced);
        }
        self.table.add_path(client.path, id);
        self.outputs.push_back(Output::PathTaken(client));
        if is_away {
            self.arrive(id);
        }
        Some(ticket)
    }

    /// Data has come by the path of the last request, so its answer has arrived.
    pub(crate) fn hear(&mut self, id: AllocationId) {
        if let Some(allocation) = self.table.allocation_mut(id)
            && let Some(mobility) = &mut allocation.mobility
            && let Some(last) = &mut mobility.last
        {
            last.is_heard = true;
        }
        self.arrive(id);
    }

    /// The path that was asked for is the allocation's from here on.
    fn arrive(&mut self, id: AllocationId) {
        let Some(allocation) = self.table.allocation_mut(id) else {
            return;
        };
        let Some(mobility) = &mut allocation.mobility else {
            return;
        };
        let Some(client) = mobility.pending.take() else {
            return;
        };
        let was_away = core::mem::take(&mut mobility.is_away);
        let before = core::mem::replace(&mut allocation.client, client);
        let kind = allocation.kind;
        allocation.kind.transport = client.path.transport;
        self.counters.allocation_moved(kind, allocation.kind);
        let user = allocation.owner.name().to_owned();
        if !was_away {
            self.leave(&before);
        }
        self.event(Event::Moved {
            allocation: id,
            user,
            from: before.path,
            to: client.path,
        });
    }

    /// Nothing that comes by this path is about an allocation any more.
    fn leave(&mut self, client: &Client) {
        self.table.remove_path(&client.path);
        self.outputs.push_back(Output::PathLeft(*client));
    }

    /// A client's connection has ended. `true`: its allocation goes on, by the other path or until the client
    /// comes back with its ticket, at most until its life time is over.
    pub(crate) fn survives(&mut self, id: AllocationId, path: &FiveTuple) -> bool {
        if self.settings.mobility.is_none() {
            return false;
        }
        let Some(allocation) = self.table.allocation_mut(id) else {
            return false;
        };
        let Some(mobility) = &mut allocation.mobility else {
            return false;
        };
        match mobility.pending {
            Some(pending) if pending.path == *path => {
                mobility.pending = None;
                self.leave(&pending);
            }
            Some(_) => self.arrive(id),
            None => {
                mobility.is_away = true;
                let client = allocation.client;
                self.leave(&client);
            }
        }
        true
    }
}
