//! Refresh (RFC 8656 section 8): more life, or none.

use core::time::Duration;

use turnd_wire::{Family, Message, attr};

use crate::{
    allocate_request::granted_lifetime,
    io::{AllocationId, Ending, Event},
    refusal::Refusal,
    request::ReplyTo,
    server::Server,
    settings::Lifetimes,
    time::Instant,
};

pub(crate) struct RefreshRequest {
    /// Zero ends the allocation.
    lifetime: Duration,
    /// The half of a dual allocation that is meant; `None`: all of it.
    family: Option<Family>,
}

impl RefreshRequest {
    pub(crate) fn parse(message: &Message<'_>, lifetimes: &Lifetimes) -> Result<Self, Refusal> {
        let family = match message.attribute(attr::REQUESTED_ADDRESS_FAMILY) {
            None => None,
            Some(&[number, _, _, _]) => {
                Some(Family::from_number(number).ok_or(Refusal::PEER_FAMILY_MISMATCH)?)
            }
            Some(_) => return Err(Refusal::BAD_REQUEST),
        };
        let lifetime = granted_lifetime(message, lifetimes)?;
        let asks_for_end = message.number32(attr::LIFETIME) == Some(0);
        Ok(Self {
            lifetime: if asks_for_end {
                Duration::ZERO
            } else {
                lifetime
            },
            family,
        })
    }
}

impl Server {
    pub(crate) fn refresh(
        &mut self,
        now: Instant,
        message: &Message<'_>,
        reply: &ReplyTo,
        id: AllocationId,
    ) -> Result<(), Refusal> {
        let request = RefreshRequest::parse(message, &self.settings.lifetimes)?;
        let lifetime = self.prolong(now, id, &request)?;
        // Last: whoever hears that an allocation is gone finds its port free.
        self.reply(
            reply,
            reply.success(|writer| writer.number32(attr::LIFETIME, lifetime)),
        );
        Ok(())
    }

    /// Gives an allocation, or a half of it, more life, or ends it. Returns the life that is granted, in
    /// seconds.
    pub(crate) fn prolong(
        &mut self,
        now: Instant,
        id: AllocationId,
        request: &RefreshRequest,
    ) -> Result<u32, Refusal> {
        let Some(allocation) = self.table.allocation_mut(id) else {
            return Err(Refusal::MISMATCH);
        };
        let granted = allocation.owner.grant(now, request.lifetime);
        let expires = allocation.owner.ends(now, granted);
        let mut found = false;
        for relay in &mut allocation.relays {
            if request
                .family
                .is_none_or(|family| family == Family::of(relay.address.ip()))
            {
                relay.expires = expires;
                found = true;
            }
        }
        if !found {
            return Err(Refusal::PEER_FAMILY_MISMATCH);
        }
        let user = allocation.owner.name().to_owned();
        let lifetime = u32::try_from(granted.as_secs()).unwrap_or(u32::MAX);
        if lifetime == 0 {
            self.expire_allocation(now, id, Ending::Deleted);
        } else {
            self.set_allocation_timer(id);
            self.event(Event::Refreshed {
                allocation: id,
                user,
                lifetime,
            });
        }
        Ok(lifetime)
    }
}
