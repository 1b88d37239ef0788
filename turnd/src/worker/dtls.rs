//! DTLS: datagrams of clients that are decrypted before and encrypted after everything else.

use std::net::{IpAddr, SocketAddr};

use turnd_net::{Outbox, Piece, Received};
use turnd_proto::{
    Client, ClientHop, FiveTuple, Instant, ListenerId, Now, Transport, may_be_answered,
};

use super::{Worker, datagrams::source};
use crate::{
    dtls::{self, Path},
    mailbox::Letter,
    parcels::Way,
    sockets::Socket,
};

/// First bytes of DTLS records (RFC 7983 section 7).
const FIRST_BYTES: std::ops::RangeInclusive<u8> = 20..=63;

/// A way into the outbox.
type Push = fn(&mut Outbox, u64, SocketAddr, Option<IpAddr>, &[u8]);

/// Whether a datagram is of DTLS and not of STUN or a channel.
pub(super) fn is_dtls(datagram: &[u8]) -> bool {
    datagram
        .first()
        .is_some_and(|first| FIRST_BYTES.contains(first))
}

impl Worker {
    /// Takes what one client sent encrypted, which may be a run of datagrams.
    pub(super) fn serve_encrypted(&mut self, now: Now, at: usize, path: Path, received: &Received) {
        let socket = Socket::Listener(at).number();
        let client = Client {
            listener: ListenerId(socket),
            path: five_tuple(path),
        };
        if !may_be_answered(&client.path) {
            return;
        }
        for segment in self.slots.segments(received) {
            let (Some(dtls), Ok(listener)) = (&mut self.dtls, u32::try_from(at)) else {
                return;
            };
            if self.parts.stream_rules.memory.is_short() && !dtls.knows(path) {
                self.counts.memory_hits.dtls += 1;
                return;
            }
            let from = source(&self.listeners, Socket::Listener(at), &client);
            let mut next = dtls.receive(
                now.instant,
                path,
                listener,
                self.slots.bytes(segment),
                &mut self.plain,
                |datagram| {
                    self.outbox.push_answer(socket, path.client, from, datagram);
                },
            );
            self.end_associations(now);
            while let dtls::Received::Message(length) = next {
                self.serve_decrypted(now, client, length);
                let Some(dtls) = &mut self.dtls else {
                    return;
                };
                next = dtls.next_message(now.instant, path, &mut self.plain, |datagram| {
                    self.outbox.push_answer(socket, path.client, from, datagram);
                });
                self.end_associations(now);
            }
        }
    }

    /// Takes the message that lies decrypted.
    fn serve_decrypted(&mut self, now: Now, client: Client, length: usize) {
        let message = &self.plain[..length];
        if self.moved.goes_to(&client.path).is_some() {
            let piece = self.slots.keep(message);
            self.goes_on(&client, std::iter::once(piece));
            return;
        }
        let Some(hop) = self.parts.server.handle_datagram(now, client, message) else {
            return self.drain(now);
        };
        let piece = self.slots.keep(message);
        self.send_to_peer(now, &hop, piece);
    }

    /// Encrypts what a peer sent, which may be a run.
    pub(super) fn encrypt_run(
        &mut self,
        now: Now,
        hop: &ClientHop,
        data: impl Iterator<Item = (u32, Piece)>,
    ) {
        for (nth, piece) in data {
            let data = self.slots.bytes(piece);
            let Some(wrapping) = hop.frame.around(data, nth) else {
                continue;
            };
            self.message.clear();
            for part in [wrapping.prefix(), data, wrapping.suffix()] {
                self.message.extend_from_slice(part);
            }
            let message = std::mem::take(&mut self.message);
            self.encrypt(now, &hop.to, &message, Outbox::push_copy);
            self.message = message;
        }
    }

    /// Encrypts one message for a client, which `push` then puts in line: as data, or as an answer.
    pub(super) fn encrypt(&mut self, now: Now, to: &Client, message: &[u8], push: Push) {
        let socket = Socket::of(to.listener.0);
        if let Socket::Foreign { worker, .. } = socket {
            let (way, messages) = (Way::ToClient(*to), std::iter::once(message));
            let mailbox = &self.parts.mailbox;
            return self.parcels.put_messages(mailbox, worker, way, messages);
        }
        let from = source(&self.listeners, socket, to);
        let Some(dtls) = &mut self.dtls else {
            return;
        };
        let path = Path {
            client: to.path.client,
            server: to.path.server,
        };
        let outbox = &mut self.outbox;
        let sent = dtls.send(path, message, |datagram| {
            push(outbox, socket.number(), path.client, from, datagram);
        });
        self.dropped += u64::from(!sent);
        self.counts.send_drops.slow_reader += u64::from(!sent);
        self.end_associations(now);
    }

    /// Ends a client's association, and says so to it.
    pub(super) fn end_association(&mut self, now: Now, socket: Socket, client: &Client) {
        let from = source(&self.listeners, socket, client);
        let Some(dtls) = &mut self.dtls else {
            return;
        };
        let path = path(client.path.client, client.path.server);
        dtls.close(path, |datagram| {
            self.outbox
                .push_answer(socket.number(), path.client, from, datagram);
        });
        self.end_associations(now);
    }

    pub(super) fn next_dtls_timeout(&self) -> Option<Instant> {
        self.dtls.as_ref().and_then(crate::dtls::Dtls::next_timeout)
    }

    pub(super) fn handle_dtls_timeouts(&mut self, now: Now) {
        let Some(dtls) = &mut self.dtls else {
            return;
        };
        if dtls.next_timeout().is_none_or(|due| due > now.instant) {
            return;
        }
        let (server, listeners, outbox) = (&self.parts.server, &self.listeners, &mut self.outbox);
        let moved = &self.moved;
        dtls.handle_timeout(
            now.instant,
            |path| {
                let path = five_tuple(path);
                server.has_allocation(&path) || moved.goes_to(&path).is_some()
            },
            |path, listener, datagram| {
                let socket = Socket::Listener(listener as usize);
                let client = Client {
                    listener: ListenerId(socket.number()),
                    path: five_tuple(path),
                };
                let from = source(listeners, socket, &client);
                outbox.push_answer(socket.number(), path.client, from, datagram);
            },
        );
        self.end_associations(now);
    }

    /// The allocations of associations that have ended end with them.
    fn end_associations(&mut self, now: Now) {
        while let Some(path) = self.dtls.as_mut().and_then(crate::dtls::Dtls::closed) {
            let path = five_tuple(path);
            if let Some(worker) = self.moved.goes_to(&path) {
                self.tell(worker, Letter::PathClosed(path));
            }
            self.parts.server.handle_closed(now, &path);
            self.drain(now);
        }
    }
}

/// A path whose client and server these are.
pub(super) fn path(client: SocketAddr, server: SocketAddr) -> Path {
    Path { client, server }
}

pub(super) fn five_tuple(path: Path) -> FiveTuple {
    FiveTuple {
        transport: Transport::Dtls,
        client: path.client,
        server: path.server,
    }
}
