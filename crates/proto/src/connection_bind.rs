//! ConnectionBind (RFC 6062 section 5.4): a client's new connection becomes the way to a peer.
//!
//! It comes on a connection of its own, which the kernel may have given to another server of the
//! process than the one that has the allocation; so the connection is always asked for.

use turnd_wire::{Message, attr};

use crate::{
    asks::Waiting,
    auth::Identity,
    io::{Ask, BindRefusal, ConnectionId, Output},
    refusal::Refusal,
    request::ReplyTo,
    server::Server,
    settings::Lifetimes,
    time::Instant,
};

/// A ConnectionBind that waits for the connection.
#[derive(Debug)]
pub(crate) struct Binding {
    reply: ReplyTo,
    connection: ConnectionId,
    user: String,
}

impl Server {
    pub(crate) fn connection_bind(
        &mut self,
        now: Instant,
        message: &Message<'_>,
        reply: &ReplyTo,
        identity: &Identity,
    ) -> Result<(), Refusal> {
        self.refuse_unknown(message)?;
        let path = &reply.client.path;
        // A control connection cannot become a data connection, nor can one that is about to be one.
        let is_control = self.table.find(path).is_some() || self.is_opening(path);
        if !path.transport.is_stream() || is_control {
            return Err(Refusal::BAD_REQUEST);
        }
        let connection = message
            .number32(attr::CONNECTION_ID)
            .map(ConnectionId)
            .ok_or(Refusal::BAD_REQUEST)?;
        if self.waits_for_too_much() {
            return Err(Refusal::NO_CAPACITY);
        }
        let user = identity.name().to_owned();
        let waiting = Waiting::Bind {
            binding: Box::new(Binding {
                reply: reply.clone(),
                connection,
                user: user.clone(),
            }),
            until: now + Lifetimes::ANSWER,
        };
        let ask = Ask::BindConnection {
            client: reply.client,
            connection,
            user,
        };
        self.ask(now, waiting, ask);
        Ok(())
    }

    /// The connection is here, or is not to be had.
    pub(crate) fn bind_answered(
        &mut self,
        now: Instant,
        binding: &Binding,
        result: Result<(), BindRefusal>,
    ) {
        let refusal = match result {
            Ok(()) => {
                let bytes = binding
                    .reply
                    .success(|writer| writer.number32(attr::CONNECTION_ID, binding.connection.0));
                self.reply(&binding.reply, bytes);
                self.outputs.push_back(Output::Join {
                    client: binding.reply.client,
                    connection: binding.connection,
                });
                return;
            }
            Err(BindRefusal::Unknown) => Refusal::BAD_REQUEST,
            Err(BindRefusal::WrongUser) => Refusal::WRONG_CREDENTIALS,
        };
        self.refuse(now, &binding.reply, Some(&binding.user), &refusal);
    }
}
