//! Clients that moved (RFC 8016), where the kernel gives what they send to another worker than the one that has
//! their allocation.
//!
//! The path goes to the allocation, not the other way round: a connection is handed over whole, and datagrams are
//! handed on in parcels. The worker that has the allocation answers datagrams from its own socket of the same
//! address, except under DTLS, where the association stays with the worker that the kernel chose.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use turnd_net::{Interest, Outbox, Piece};
use turnd_proto::{Client, FiveTuple, ListenerId, Now, Transport};
use turnd_wire::{Class, Message, Method};

use super::{Worker, streams::IDLE};
use crate::{
    mailbox::Letter,
    parcels::Way,
    sockets::Socket,
    streams::{Connection, Phase, StreamId},
};

/// What a worker knows of paths whose allocations are elsewhere.
#[derive(Default)]
pub(super) struct Moved {
    /// Which worker has the allocation of a path. That worker says so, and has two paths of an allocation at most.
    paths: HashMap<FiveTuple, usize, RandomState>,
    /// Connections to hand over, to whom, and the message that says so.
    streams: Vec<(StreamId, usize, Vec<u8>)>,
}

impl Moved {
    /// Which worker has the allocation of this path, if that is another one.
    pub(super) fn goes_to(&self, path: &FiveTuple) -> Option<usize> {
        if self.paths.is_empty() {
            return None;
        }
        self.paths.get(path).copied()
    }

    /// A worker has done with a path. Another one may have it by now.
    pub(super) fn hand_on_no_more(&mut self, to: usize, path: &FiveTuple) {
        if self.paths.get(path) == Some(&to) {
            self.paths.remove(path);
        }
    }
}

impl Worker {
    /// Whether a path has an allocation, here or elsewhere.
    pub(super) fn is_served(&self, path: &FiveTuple) -> bool {
        self.parts.server.has_allocation(path) || self.moved.goes_to(path).is_some()
    }

    // Where the path is.

    /// A message is about an allocation of another worker.
    pub(super) fn forward(&mut self, worker: usize, from: Client, message: Vec<u8>) {
        match Socket::of(from.listener.0) {
            Socket::Stream(id) => {
                if let Some(connection) = self.streams.connections.get_mut(id) {
                    // What follows is not read here any more.
                    connection.phase = Phase::Moving;
                    self.moved.streams.push((id, worker, message));
                }
            }
            _ => {
                let (way, messages) = (self.way_of(&from), std::iter::once(&message[..]));
                let mailbox = &self.parts.mailbox;
                self.parcels.put_messages(mailbox, worker, way, messages);
            }
        }
    }

    /// How messages go to the worker that has the allocation of a client who is heard here by datagrams.
    fn way_of(&self, from: &Client) -> Way {
        Way::FromClient(match Socket::of(from.listener.0) {
            Socket::Listener(at) => Client {
                listener: ListenerId(
                    Socket::Foreign {
                        worker: self.parts.index,
                        at,
                    }
                    .number(),
                ),
                path: from.path,
            },
            _ => *from,
        })
    }

    /// Hands datagrams of a client on, if another worker has his allocation.
    pub(super) fn goes_on(&mut self, from: &Client, messages: impl Iterator<Item = Piece>) -> bool {
        let Some(worker) = self.moved.goes_to(&from.path) else {
            return false;
        };
        let way = self.way_of(from);
        let messages = messages.map(|piece| self.slots.bytes(piece));
        let mailbox = &self.parts.mailbox;
        self.parcels.put_messages(mailbox, worker, way, messages);
        true
    }

    /// Hands over the connections that turned out to be about allocations elsewhere, at the end of a turn,
    /// when nobody is at work on them.
    pub(super) fn move_streams(&mut self, now: Now) {
        while let Some((id, worker, message)) = self.moved.streams.pop() {
            self.send_staged(now);
            let Some(mut connection) = self.streams.connections.remove(id) else {
                continue;
            };
            self.streams.timers.remove(&(connection.due, id));
            self.streams.strangers.forget(id, &mut connection);
            self.counts.connections.tls -= u64::from(connection.path.transport == Transport::Tls);
            if connection.interest.take().is_some() {
                // A poller that fails to forget it would tell of an id that nobody has.
                let _ = self.parts.poller.remove(&connection.socket);
            }
            let connection = Box::new(connection);
            self.tell(
                worker,
                Letter::TakeStream {
                    connection,
                    message,
                },
            );
        }
    }

    /// Another worker has the allocation of this path.
    pub(super) fn hand_on(&mut self, to: usize, path: FiveTuple) {
        if self.parts.server.has_allocation(&path) || self.has_ended(&path) {
            // The client has not waited for an answer.
            self.tell(to, Letter::PathClosed(path));
        } else {
            self.moved.paths.insert(path, to);
        }
    }

    /// Whether the path is that of an association that is not here any more. Nobody would tell of its end later.
    fn has_ended(&self, path: &FiveTuple) -> bool {
        let known = || {
            let path = super::dtls::path(path.client, path.server);
            self.dtls.as_ref().is_some_and(|dtls| dtls.knows(path))
        };
        path.transport == Transport::Dtls && !known()
    }

    /// Encrypts what another worker has for a client whose association is here.
    pub(super) fn encrypt_for_moved(
        &mut self,
        now: Now,
        to: &Client,
        messages: impl Iterator<Item = Piece>,
    ) {
        let Socket::Foreign { at, .. } = Socket::of(to.listener.0) else {
            return;
        };
        let to = Client {
            listener: ListenerId(Socket::Listener(at).number()),
            path: to.path,
        };
        for piece in messages {
            let mut message = std::mem::take(&mut self.message);
            message.clear();
            message.extend_from_slice(self.slots.bytes(piece));
            self.encrypt(now, &to, &message, Outbox::push_copy);
            self.message = message;
        }
    }

    // Where the allocation is.

    /// Takes a connection over, with the message that it was handed over for.
    pub(super) fn take_stream(&mut self, now: Now, mut connection: Connection, message: &[u8]) {
        connection.phase = Phase::Serving { heard: true };
        connection.due = now.instant + IDLE;
        connection.interest = Some(Interest::READABLE);
        let (due, is_tls) = (connection.due, connection.path.transport == Transport::Tls);
        let id = self.streams.connections.insert(connection);
        let token = Socket::Stream(id).token();
        let socket = &self.streams.connections[id].socket;
        let added = self.parts.poller.add(socket, token, Interest::READABLE);
        if let Err(error) = added {
            self.streams.connections.remove(id);
            return self.report(now, "watch a connection", &error);
        }
        self.streams.timers.insert((due, id));
        self.counts.connections.tls += u64::from(is_tls);
        let message = self.slots.keep(message);
        self.take_message(now, id, message);
        // What came behind the message follows.
        self.streams.resumed.push(id);
        self.settle(now, id);
    }

    /// Serves messages of a client that another worker hears.
    pub(super) fn serve_moved(
        &mut self,
        now: Now,
        client: Client,
        messages: impl Iterator<Item = Piece>,
    ) {
        for message in messages {
            let bytes = self.slots.bytes(message);
            // Whoever has no allocation here is served by the worker that hears him, as soon as that knows.
            if !self.parts.server.has_allocation(&client.path) && !is_refresh(bytes) {
                continue;
            }
            match self.parts.server.handle_datagram(now, client, bytes) {
                Some(hop) => self.send_to_peer(now, &hop, message),
                None => self.drain(now),
            }
        }
    }

    /// An allocation here is found by a path more. If another worker hears it, that is told.
    pub(super) fn path_taken(&self, client: &Client) {
        if let Socket::Foreign { worker, .. } = Socket::of(client.listener.0) {
            let (to, path) = (self.parts.index, client.path);
            self.tell(worker, Letter::HandOn { to, path });
        }
    }

    /// Nothing here is about this path any more.
    pub(super) fn path_left(&self, client: &Client) {
        if let Socket::Foreign { worker, .. } = Socket::of(client.listener.0) {
            let (to, path) = (self.parts.index, client.path);
            self.tell(worker, Letter::HandOnNoMore { to, path });
        }
    }
}

fn is_refresh(message: &[u8]) -> bool {
    Message::parse(message)
        .is_ok_and(|it| (it.class(), it.method()) == (Class::Request, Method::REFRESH))
}
