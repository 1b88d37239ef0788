//! Binding (RFC 8489 sections 3 and 12): what is my address? With NAT behaviour discovery (RFC 5780
//! section 6.1), if it is offered where the request came to.

use turnd_wire::{Message, Writer, attr};

use crate::{
    discovery::{Place, Wish, understood},
    refusal::Refusal,
    request::{ReplyTo, unknown_attributes},
    server::Server,
    time::Instant,
};

impl Server {
    /// Answers a Binding request. Whether credentials are asked for has been decided before.
    pub(crate) fn binding(
        &mut self,
        now: Instant,
        message: &Message<'_>,
        reply: &ReplyTo,
    ) -> Result<(), Refusal> {
        let rules = &self.settings.binding;
        let plain_too = rules.mapped_address;
        let place = rules.discovery.place(&reply.client.path);
        let mut unknown = unknown_attributes(message);
        if place.is_some() {
            understood(&mut unknown);
        }
        if !unknown.is_empty() {
            return Err(Refusal::unknown(unknown));
        }
        let Some(place) = place else {
            let mut bytes = reply.success(|writer| mapped(writer, reply, plain_too));
            if plain_too && reply.is_too_long(bytes.len()) {
                bytes = reply.success(|writer| mapped(writer, reply, false));
            }
            self.reply(reply, bytes);
            return Ok(());
        };
        let wish = Wish::read(message, reply.client.path.transport)?;
        if wish.is_something() && !self.may_discover(now, reply) {
            return Ok(());
        }
        let fill = |writer: &mut Writer<'_>| {
            mapped(writer, reply, true);
            writer.address(attr::RESPONSE_ORIGIN, place.origin(wish.change).told);
            writer.address(attr::OTHER_ADDRESS, place.other());
        };
        // RFC 5780 would have it as long as the MTU, which is 65 times the shortest request.
        let bytes = if wish.padding {
            reply.padded_success(message.bytes().len(), fill)
        } else {
            reply.success(fill)
        };
        if !wish.is_something() && !self.may_be_long(now, reply, bytes.len()) {
            let bytes = reply.success(|writer| mapped(writer, reply, false));
            self.reply(reply, bytes);
            return Ok(());
        }
        self.reply(&elsewhere(reply, &place, &wish), bytes);
        Ok(())
    }
}

fn mapped(writer: &mut Writer<'_>, reply: &ReplyTo, plain_too: bool) {
    writer.xor_address(attr::XOR_MAPPED_ADDRESS, reply.client.path.client);
    if plain_too {
        writer.address(attr::MAPPED_ADDRESS, reply.client.path.client);
    }
}

/// The answer's own way, as the request wants it.
pub(crate) fn elsewhere(reply: &ReplyTo, place: &Place, wish: &Wish) -> ReplyTo {
    let mut reply = reply.clone();
    if wish.change.is_something() {
        let origin = place.origin(wish.change);
        reply.client.listener = origin.listener;
        reply.client.path.server = origin.address;
    }
    if let Some(port) = wish.port {
        reply.client.path.client.set_port(port);
    }
    reply
}
