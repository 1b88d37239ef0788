//! What the model knows of mobility (RFC 8016): an allocation is where data last came from, and a ticket is good
//! until the next one is known to have arrived.

use super::{Model, Outcome, SECOND, USERS, allocations::ModelAllocation, granted};

#[derive(Clone, Debug)]
pub(super) struct ModelMobility {
    /// The ticket in force.
    ticket: usize,
    /// The client that has shown a ticket and sent no data since.
    pending: Option<usize>,
    last: Option<Answered>,
}

/// The last Refresh with a ticket, which may come again.
#[derive(Clone, Debug)]
struct Answered {
    from: usize,
    with: usize,
    until: u64,
    lifetime: u32,
    ticket: usize,
    /// Data has come from there.
    is_heard: bool,
}

impl ModelMobility {
    pub(super) const fn new(ticket: usize) -> Self {
        Self {
            ticket,
            pending: None,
            last: None,
        }
    }

    fn takes(&self, ticket: usize, now: u64) -> bool {
        let is_old = |last: &Answered| !last.is_heard && last.with == ticket && now < last.until;
        ticket == self.ticket || self.last.as_ref().is_some_and(is_old)
    }
}

impl ModelAllocation {
    pub(super) fn pending(&self) -> Option<usize> {
        self.mobility.as_ref()?.pending
    }

    /// Data has come from this client, of which it may be the first.
    pub(super) fn hear(&mut self, client: usize) {
        if let Some(mobility) = &mut self.mobility
            && let Some(last) = &mut mobility.last
            && last.from == client
            && !std::mem::replace(&mut last.is_heard, true)
        {
            self.arrive();
        }
    }

    /// Data goes from here on where its client has asked for.
    fn arrive(&mut self) {
        if let Some(mobility) = &mut self.mobility
            && let Some(pending) = mobility.pending.take()
        {
            self.path = Some(pending);
        }
    }
}

impl Model {
    pub(super) fn new_ticket(&mut self, serial: usize) -> usize {
        self.tickets.push(serial);
        self.tickets.len() - 1
    }

    /// The allocation of a ticket; one that has ended is looked at, and gone.
    fn shown(&mut self, ticket: usize) -> Option<&mut ModelAllocation> {
        let serial = *self.tickets.get(ticket)?;
        self.allocations
            .retain(|it| it.serial != serial || it.lives());
        self.allocations.iter_mut().find(|it| it.serial == serial)
    }

    pub(super) fn resume(
        &mut self,
        client: usize,
        ticket: usize,
        lifetime: Option<u32>,
    ) -> Outcome {
        let is_opening = self.clients[client].opening.is_some();
        if self.found(client).is_none() && !is_opening {
            self.shown(ticket);
        }
        if let Some(refused) = self.admit(client, self.clients[client].nonce) {
            return refused;
        }
        let (now, user) = (self.now, USERS[client]);
        let serial = self.tickets.get(ticket).copied();
        if let Some(allocation) = self.found(client) {
            return allocation.again(client, ticket, serial, now);
        }
        let Some(serial) = serial.filter(|_| !is_opening) else {
            return Outcome::Refused(400);
        };
        let next = self.tickets.len();
        let Some(allocation) = self.shown(ticket) else {
            return Outcome::Refused(437);
        };
        if allocation.user != user {
            return Outcome::Refused(441);
        }
        let mobility = allocation.mobility.as_mut();
        let Some(mobility) = mobility.filter(|it| it.takes(ticket, now)) else {
            return Outcome::Refused(400);
        };
        if lifetime == Some(0) {
            self.allocations.retain(|it| it.serial != serial);
            return Outcome::Resumed(0, None);
        }
        let lifetime = granted(lifetime);
        mobility.ticket = next;
        mobility.pending = Some(client);
        mobility.last = Some(Answered {
            from: client,
            with: ticket,
            until: now + 30 * SECOND,
            lifetime,
            ticket: next,
            is_heard: false,
        });
        allocation.prolong(now + u64::from(lifetime) * SECOND, None);
        if allocation.path.is_none() {
            allocation.arrive();
        }
        self.new_ticket(serial);
        Outcome::Resumed(lifetime, Some(next))
    }

    /// A connection ends. An allocation with a ticket goes on, by the other path or by none.
    pub(super) fn disconnect(&mut self, client: usize) -> Outcome {
        if let Some(end) = self.clients[client].opening.take() {
            self.orphans.push((USERS[client], end));
        }
        self.settle(client);
        if let Some(allocation) = self.found(client) {
            match &mut allocation.mobility {
                None => self.allocations.retain(|it| !it.is_of(client)),
                Some(it) if it.pending == Some(client) => it.pending = None,
                Some(it) if it.pending.is_none() => allocation.path = None,
                Some(_) => allocation.arrive(),
            }
        }
        Outcome::Silence
    }
}

impl ModelAllocation {
    /// A ticket where there is an allocation already is good for nothing but to be told again.
    fn again(&self, client: usize, ticket: usize, serial: Option<usize>, now: u64) -> Outcome {
        if self.user != USERS[client] {
            return Outcome::Refused(441);
        }
        let last = self.mobility.as_ref().and_then(|it| it.last.as_ref());
        let is_same = |it: &&Answered| it.from == client && it.with == ticket && now < it.until;
        match last.filter(is_same) {
            Some(last) if serial == Some(self.serial) => {
                Outcome::Resumed(last.lifetime, Some(last.ticket))
            }
            _ => Outcome::Refused(400),
        }
    }
}
