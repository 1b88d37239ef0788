//! Binding (RFC 8489 sections 3 and 12): what is my address?

use turnd_wire::{Message, attr};

use crate::{
    refusal::Refusal,
    request::{ReplyTo, unknown_attributes},
    server::Server,
    time::Instant,
};

impl Server {
    /// Answers a Binding request; no credentials are asked for.
    pub(crate) fn binding(&mut self, now: Instant, message: &Message<'_>, reply: &ReplyTo) {
        let unknown = unknown_attributes(message);
        if !unknown.is_empty() {
            return self.refuse(now, reply, None, &Refusal::unknown(unknown));
        }
        self.reply(
            reply,
            reply.success(|writer| {
                writer.xor_address(attr::XOR_MAPPED_ADDRESS, reply.client.path.client)
            }),
        );
    }
}
