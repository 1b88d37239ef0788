//! Messages without the magic cookie: the STUN of RFC 3489 (RFC 8489 section 11). Answered only if an
//! operator wants it, and under DTLS always with an error.

use core::net::SocketAddr;

use turnd_wire::{
    Class, Message, Method, Writer, attr,
    message::{HEADER_LENGTH, MAGIC_COOKIE},
};

use crate::{
    binding::elsewhere,
    discovery::{Change, Wish},
    io::{Client, Transport},
    refusal::Refusal,
    request::{ReplyTo, unknown_attributes},
    server::Server,
    time::Instant,
};

/// No such message is longer: RFC 3489 knows no other datagrams than those of one packet.
const LONGEST: usize = 548;

impl Server {
    /// Takes a message without the cookie. It reads like any other, but for the four bytes that stand in the
    /// cookie's place: they are a part of the transaction id, and come back.
    pub(crate) fn handle_classic(&mut self, now: Instant, from: Client, datagram: &[u8]) {
        let mut copy = [0; LONGEST];
        let room = copy.get_mut(..datagram.len());
        let cookie = datagram.get(4..8).and_then(|bytes| bytes.try_into().ok());
        let (Some(room), Some(cookie)) = (room, cookie) else {
            self.counters.malformed += 1;
            return;
        };
        room.copy_from_slice(datagram);
        room[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
        debug_assert!(datagram.len() >= HEADER_LENGTH);
        let Ok(message) = Message::parse(room) else {
            self.counters.malformed += 1;
            return;
        };
        if message.class() != Class::Request {
            return;
        }
        *self.counters.requests.of(message.method()) += 1;
        let reply = ReplyTo::to_classic(from, &message, cookie);
        let is_answered = self.settings.stun
            && self.settings.binding.answers_classic()
            && message.method() == Method::BINDING;
        let done = match from.path.transport {
            // RFC 7350 section 4.3.
            Transport::Dtls => Err(Refusal::SERVER_ERROR),
            Transport::Udp if is_answered => self.classic_binding(now, &message, &reply),
            _ => return,
        };
        if let Err(refusal) = done {
            self.refuse(now, &reply, None, &refusal);
        }
    }

    fn classic_binding(
        &mut self,
        now: Instant,
        message: &Message<'_>,
        reply: &ReplyTo,
    ) -> Result<(), Refusal> {
        let discovery = &self.settings.binding.discovery;
        let place = discovery.place(&reply.client.path);
        let change = Change::read(message)?;
        let mut unknown = unknown_attributes(message);
        // Old clients send one without flags in every request.
        if place.is_some() || !change.is_something() {
            unknown.retain(|kind| *kind != attr::CHANGE_REQUEST);
        }
        if !unknown.is_empty() {
            return Err(Refusal::unknown(unknown));
        }
        let mapped = |writer: &mut Writer<'_>| {
            writer.address(attr::MAPPED_ADDRESS, reply.client.path.client);
        };
        let Some(place) = place else {
            self.reply(reply, reply.success(mapped));
            return Ok(());
        };
        if change.is_something() && !self.may_discover(now, reply) {
            return Ok(());
        }
        let source: SocketAddr = place.origin(change).told;
        let bytes = reply.success(|writer| {
            mapped(writer);
            writer.address(attr::CLASSIC_SOURCE_ADDRESS, source);
            writer.address(attr::CLASSIC_CHANGED_ADDRESS, place.other());
        });
        if !change.is_something() && !self.may_be_long(now, reply, bytes.len()) {
            self.reply(reply, reply.success(mapped));
            return Ok(());
        }
        let wish = Wish {
            change,
            ..Wish::default()
        };
        self.reply(&elsewhere(reply, &place, &wish), bytes);
        Ok(())
    }
}
