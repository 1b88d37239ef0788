//! What the state machine wants done, and letters from other threads.

use turnd_net::{Interest, Outbox};
use turnd_proto::{
    Answer, Ask, AskId, Client, Now, OpenedRelay, Output, PortWish, RelayId, RelayProtocol,
    RelayRefusal, Transport,
};
use turnd_wire::Family;

use super::{Go, Worker, relays::Relay};
use crate::{
    mailbox::Letter,
    ports::{RelaySocket, Wish},
    sockets::Socket,
};
use std::net::SocketAddr;

/// Questions to other workers that may wait for an answer at a time.
const QUESTIONS: usize = 1024;

impl Worker {
    /// Does all that the state machine wants done. Some of that ends connections, which has this called
    /// again; what is left is then done by whoever began, because a call within a call for each of a
    /// few hundred connections that end together would be more than a thread's stack holds.
    pub(super) fn drain(&mut self, now: Now) {
        if std::mem::replace(&mut self.is_draining, true) {
            return;
        }
        while let Some(output) = self.parts.server.poll_output() {
            self.carry_out(now, output);
        }
        self.is_draining = false;
    }

    fn carry_out(&mut self, now: Now, output: Output) {
        match output {
            Output::Reply { to, bytes } => {
                let server = &self.parts.server;
                let find = || server.allocation_of(&to.path);
                self.parts.log.write_reply(now.instant, &to, &bytes, find);
                self.reply(now, &to, &bytes);
            }
            Output::Ask(id, ask) => self.answer(now, id, ask),
            Output::Join { client, connection } => self.join(now, &client, connection),
            Output::CloseConnection(connection) => self.close_connection(now, connection),
            Output::Forward {
                server,
                from,
                message,
            } => self.forward(usize::from(server), from, message),
            Output::PathTaken(client) => self.path_taken(&client),
            Output::PathLeft(client) => self.path_left(&client),
            Output::CloseClient(client) => self.close_client(now, &client),
            Output::CloseRelay(relay) => {
                // What the client sent before it deleted its allocation.
                if self.outbox.waits_for(Socket::Relay(relay).number()) {
                    self.send(now);
                }
                self.relays.remove(relay);
                self.peers.relays.remove(relay);
            }
            Output::Event(event) => self.parts.log.write(now.instant, &event),
        }
    }

    /// Finds out what the server asks for, at once or by asking another worker or the kernel in turn.
    fn answer(&mut self, now: Now, id: AskId, ask: Ask) {
        let answer = match ask {
            Ask::FindKeys { user, owner_in } => {
                #[cfg(debug_assertions)]
                super::injection::panic_for(&user);
                Answer::Keys(match owner_in {
                    Some(realm) => self.parts.keys.of_owner(&user, &realm),
                    None => self.parts.keys.find(&user, now.unix),
                })
            }
            Ask::FindTokenKeys { kid } => {
                Answer::TokenKeys(self.parts.keys.tokens.find(&kid, now.unix))
            }
            Ask::OpenRelay {
                relay,
                family,
                port,
                protocol,
            } => Answer::Relay(match protocol {
                RelayProtocol::Udp => self.open_relay(relay, family, port),
                RelayProtocol::Tcp => self.open_listener(relay, family),
            }),
            Ask::ClaimReservation { relay, token } => {
                let from = self.parts.index;
                let letter = Letter::Claim {
                    from,
                    ask: id,
                    relay,
                    token,
                };
                if self.ask_worker(usize::from(token[0]), letter) {
                    return;
                }
                Answer::Relay(Err(RelayRefusal::NoSuchReservation))
            }
            Ask::Connect {
                connection,
                relay,
                peer,
            } => return self.connect_peer(now, id, connection, relay, peer.wire()),
            Ask::BindConnection {
                client,
                connection,
                user,
            } => return self.bind_connection(now, id, &client, connection, user),
        };
        self.parts.server.handle_answer(now, id, answer);
    }

    fn reply(&mut self, now: Now, to: &Client, bytes: &[u8]) {
        match Socket::of(to.listener.0) {
            Socket::Stream(id) => self.reply_on_stream(now, id, bytes),
            _ if to.path.transport == Transport::Dtls => {
                self.encrypt(now, to, bytes, Outbox::push_answer);
            }
            socket => self.push_reply(socket, to, bytes),
        }
    }

    /// Ends a connection or an association; nothing ends over UDP.
    fn close_client(&mut self, now: Now, client: &Client) {
        match Socket::of(client.listener.0) {
            Socket::Stream(id) => self.close_stream(now, id),
            socket @ Socket::Listener(_) if client.path.transport == Transport::Dtls => {
                self.end_association(now, socket, client);
            }
            // An association of another worker is left by its client, who gets no answer.
            _ => {}
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
        self.relays.insert(relay, Relay::new(socket));
        Ok(address)
    }

    pub(super) fn read_letters(&mut self, now: Now) -> Go {
        while let Some(letter) = self.parts.mailbox.take() {
            match letter {
                Letter::Stop => return Go::Stop,
                Letter::Report(reply) => reply.send(self.what_was_counted(now)),
                Letter::Claim {
                    from,
                    ask,
                    relay,
                    token,
                } => {
                    let claimed = self.parts.server.handle_claim(now, token);
                    let socket = claimed.and_then(|(relay, _)| {
                        let socket = self.relays.remove(relay)?.into_socket();
                        self.parts.poller.remove(socket.socket()).ok()?;
                        Some(socket)
                    });
                    let letter = Letter::Claimed { ask, relay, socket };
                    self.tell(from, letter);
                }
                Letter::Claimed { ask, relay, socket } => {
                    self.asked -= 1;
                    if !self.parts.server.is_waiting(ask) {
                        continue;
                    }
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
                Letter::ClaimConnection {
                    from,
                    ask,
                    connection,
                    user,
                } => self.claim_connection(now, from, ask, connection, &user),
                Letter::ConnectionClaimed {
                    ask,
                    connection,
                    claimed,
                } => {
                    self.asked -= 1;
                    self.connection_claimed(now, ask, connection, claimed);
                }
                Letter::HelloAnswered { stream, answered } => {
                    self.hello_answered(now, stream, answered);
                }
                Letter::Order(order, done) => {
                    self.obey(now, order);
                    drop(done);
                }
                Letter::Beat(answer) => {
                    // Nobody waits for it any more once the program is on its way out.
                    let _ = answer.send(());
                }
                Letter::TakeStream {
                    connection,
                    message,
                } => self.take_stream(now, *connection, &message),
                Letter::HandOn { to, path } => self.hand_on(to, path),
                Letter::HandOnNoMore { to, path } => self.moved.hand_on_no_more(to, &path),
                Letter::PathClosed(path) => {
                    self.parts.server.handle_closed(now, &path);
                    self.drain(now);
                }
                Letter::CloseListener(at) => self.close_listener(now, at),
                Letter::ConnectionEnded(connection) => self.connection_ended(now, connection),
                Letter::CloseConnection(connection) => self.close_connection(now, connection),
            }
        }
        Go::On
    }

    /// Asks another worker; `false` if it cannot be asked.
    pub(super) fn ask_worker(&mut self, worker: usize, letter: Letter) -> bool {
        let asks = self.asked < QUESTIONS && self.tell(worker, letter);
        self.asked += usize::from(asks);
        asks
    }

    /// Tells another worker something; `false` if there is none of that number.
    pub(super) fn tell(&self, worker: usize, letter: Letter) -> bool {
        let worker = self.parts.workers.get(worker);
        worker.is_some_and(|worker| worker.send(letter).is_ok())
    }
}
