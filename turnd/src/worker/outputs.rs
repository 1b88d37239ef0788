//! What the state machine wants done, and letters from other threads.

use turnd_net::Interest;
use turnd_proto::{
    Answer, Ask, Client, Now, OpenedRelay, Output, PortWish, RelayId, RelayRefusal, Transport,
};
use turnd_wire::Family;

use super::{Go, Worker};
use crate::{
    mailbox::Letter,
    ports::{RelaySocket, Wish},
    sockets::Socket,
};
use std::net::SocketAddr;

impl Worker {
    pub(super) fn drain(&mut self, now: Now) {
        while let Some(output) = self.parts.server.poll_output() {
            match output {
                Output::Reply { to, bytes } => self.reply(now, &to, &bytes),
                Output::Ask(id, Ask::FindKeys { user }) => {
                    let keys = self.parts.keys.find(&user, now.unix);
                    self.parts.server.handle_answer(now, id, Answer::Keys(keys));
                }
                Output::Ask(
                    id,
                    Ask::OpenRelay {
                        relay,
                        family,
                        port,
                    },
                ) => {
                    let opened = self.open_relay(relay, family, port);
                    self.parts
                        .server
                        .handle_answer(now, id, Answer::Relay(opened));
                }
                Output::Ask(ask, Ask::ClaimReservation { relay, token }) => {
                    let from = self.parts.index;
                    let letter = Letter::Claim {
                        from,
                        ask,
                        relay,
                        token,
                    };
                    let owner = self.parts.workers.get(usize::from(token[0]));
                    if owner.is_none_or(|owner| owner.send(letter).is_err()) {
                        let refused = Answer::Relay(Err(RelayRefusal::NoSuchReservation));
                        self.parts.server.handle_answer(now, ask, refused);
                    }
                }
                Output::CloseRelay(relay) => {
                    // What the client sent before it deleted its allocation waits for this socket.
                    self.send(now);
                    self.relays.remove(relay);
                }
                Output::Event(event) => self.parts.log.write(now.instant, &event),
            }
        }
    }

    fn reply(&mut self, now: Now, to: &Client, bytes: &[u8]) {
        match Socket::of(to.listener.0) {
            Socket::Stream(id) => self.reply_on_stream(now, id, bytes),
            _ if to.path.transport == Transport::Dtls => self.encrypt(now, to, bytes),
            socket => self.push_reply(socket, to, bytes),
        }
    }

    fn open_relay(
        &mut self,
        relay: RelayId,
        family: Family,
        port: PortWish,
    ) -> Result<OpenedRelay, RelayRefusal> {
        let wish = match port {
            PortWish::Any => Wish::Any,
            PortWish::Even => Wish::Even,
            PortWish::EvenAndNext(_) => Wish::EvenAndNext,
        };
        let (socket, next) = self.parts.ports.open(family, wish)?;
        let address = self.adopt(relay, socket)?;
        let next = match (port, next) {
            (PortWish::EvenAndNext(relay), Some(next)) => Some(self.adopt(relay, next)?),
            _ => None,
        };
        Ok(OpenedRelay { address, next })
    }

    /// Makes a bound socket this worker's own.
    fn adopt(&mut self, relay: RelayId, socket: RelaySocket) -> Result<SocketAddr, RelayRefusal> {
        let token = Socket::Relay(relay).token();
        let added = self
            .parts
            .poller
            .add(socket.socket(), token, Interest::READABLE);
        added.map_err(|_| RelayRefusal::NoCapacity)?;
        let address = socket.socket().local_addr();
        self.relays.insert(relay, socket);
        Ok(address)
    }

    pub(super) fn read_letters(&mut self, now: Now) -> Go {
        while let Some(letter) = self.parts.mailbox.take() {
            match letter {
                Letter::Stop => return Go::Stop,
                Letter::Claim {
                    from,
                    ask,
                    relay,
                    token,
                } => {
                    let claimed = self.parts.server.handle_claim(now, token);
                    let socket = claimed.and_then(|(relay, _)| {
                        let socket = self.relays.remove(relay)?;
                        self.parts.poller.remove(socket.socket()).ok()?;
                        Some(socket)
                    });
                    let letter = Letter::Claimed { ask, relay, socket };
                    if let Some(worker) = self.parts.workers.get(from) {
                        // A full mailbox loses the reservation; the other side stops waiting.
                        let _ = worker.send(letter);
                    }
                }
                Letter::Claimed { ask, .. } if !self.parts.server.is_waiting(ask) => {}
                Letter::Claimed { ask, relay, socket } => {
                    let opened = match socket {
                        Some(socket) => self.adopt(relay, socket).map(|address| OpenedRelay {
                            address,
                            next: None,
                        }),
                        None => Err(RelayRefusal::NoSuchReservation),
                    };
                    self.parts
                        .server
                        .handle_answer(now, ask, Answer::Relay(opened));
                    self.drain(now);
                }
            }
        }
        Go::On
    }
}
