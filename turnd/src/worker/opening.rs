//! What comes before a connection's first message: a PROXY header, a TLS handshake, HTTP by mistake.

use std::io::{self, ErrorKind};

use rustls::ServerConnection;
use turnd_proto::{Now, Transport};

use super::{
    Worker,
    streams::{ENDING, HANDSHAKE, STRANGE_READ},
};
use crate::handshakes::Hello;
use crate::streams::{
    Connection, Input, Layer, Phase, StreamId,
    http::{self, HttpAnswer},
    proxy_protocol::{self, Header},
};

/// The content type of a TLS record that begins a handshake (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 22;
/// Type, version and length of a TLS record.
const TLS_HEADER: usize = 5;
/// The longest record (RFC 8446 section 5.1, with the slack of RFC 5246 section 6.2.3).
const TLS_RECORD: usize = TLS_HEADER + 16 * 1024 + 2048;
/// Longest beginning of a connection that is kept: a PROXY header and a TLS hello.
const OPENING: usize = 2 * 1024 + TLS_RECORD;

/// Hellos of one worker that are being answered at a time.
pub(super) const ANSWERING: usize = 4;

/// What to do with a connection whose first bytes are there.
enum Opened {
    /// Not enough yet.
    Wait,
    /// Carries messages as they are.
    Plain,
    /// A TLS hello.
    Hello,
    /// HTTP.
    Http,
    /// Nothing that is served here.
    Refuse,
}

impl Worker {
    pub(super) fn read_opening(&mut self, now: Now, id: StreamId) {
        let streams = &mut self.streams;
        let Some(connection) = streams.connections.get_mut(id) else {
            return;
        };
        let room = OPENING.saturating_sub(connection.stash.len());
        let room = room.min(STRANGE_READ);
        let read = connection
            .layer
            .read(&connection.socket, &mut streams.cipher[..room], &mut []);
        match read {
            Ok(Input::Bytes(count)) => {
                connection.stash.extend_from_slice(&streams.cipher[..count]);
                self.open(now, id);
            }
            Ok(Input::Nothing) => {}
            Ok(Input::End) | Err(_) => self.close_stream(now, id),
        }
    }

    fn open(&mut self, now: Now, id: StreamId) {
        let Some(connection) = self.streams.connections.get_mut(id) else {
            return;
        };
        if connection.expects_proxy_header && !read_proxy_header(connection) {
            return self.close_stream(now, id);
        }
        if connection.expects_proxy_header {
            return;
        }
        let takes = connection.takes;
        let tls = takes.secure && self.parts.stream_rules.tls.is_some();
        match look(&connection.stash, tls, takes.plain) {
            Opened::Wait => {}
            Opened::Refuse => self.close_stream(now, id),
            Opened::Http => {
                connection.phase = Phase::Http;
                self.answer_http(now, id);
            }
            Opened::Hello => {
                let from = connection.path.client.ip();
                connection.phase = Phase::Hello;
                connection.stash.shrink_to_fit();
                let streams = &mut self.streams;
                let has_room = streams.hellos.len() < streams.most_hellos;
                if has_room && streams.handshakes_by_address.take(from, now.instant) {
                    streams.hellos.push_back(id);
                    self.hurry(id, now.instant + HANDSHAKE);
                } else {
                    self.close_stream(now, id);
                }
            }
            Opened::Plain => {
                connection.phase = Phase::Serving { heard: false };
                self.resume(now, id);
            }
        }
    }

    /// Serves what is kept of a connection as messages.
    pub(super) fn resume(&mut self, now: Now, id: StreamId) {
        self.make_room(now, 1);
        let Some(connection) = self.streams.connections.get_mut(id) else {
            return;
        };
        let stash = connection.take_stash();
        let filled = self.slots.fill(|room| {
            room[..stash.len()].copy_from_slice(&stash);
            Ok(stash.len())
        });
        if let Ok(Some(piece)) = filled {
            self.take_bytes(now, id, piece);
        }
    }

    /// Goes on with what came behind a ConnectionBind: messages, if it was refused.
    pub(super) fn resume_streams(&mut self, now: Now) {
        while let Some(id) = self.streams.resumed.pop() {
            match self.streams.connections.get(id).map(|it| it.phase) {
                Some(Phase::Joined(peer)) => self.splice(now, id, peer),
                Some(Phase::Serving { .. }) => {
                    self.resume(now, id);
                    self.read_ahead(now, id);
                    self.settle(now, id);
                }
                _ => {}
            }
        }
    }

    /// What TLS had no room for before the messages stopped being read makes no socket readable.
    fn read_ahead(&mut self, now: Now, id: StreamId) {
        let Some(connection) = self.streams.connections.get_mut(id) else {
            return;
        };
        if matches!(connection.phase, Phase::Serving { .. }) && connection.layer.has_input() {
            self.read_messages(now, id);
        }
    }

    /// Has the hellos answered that have waited longest, a few at a time: the answers are made one
    /// after the other, and whoever waits here may still go away.
    pub(super) fn begin_handshakes(&mut self, now: Now) {
        while self.streams.answering < ANSWERING
            && let Some(&id) = self.streams.hellos.front()
        {
            let hello = self.streams.connections.get(id);
            let is_alive = hello.is_some_and(|it| !it.socket.has_ended());
            if is_alive && !self.streams.handshakes.take(now.instant) {
                return;
            }
            self.streams.hellos.pop_front();
            if is_alive {
                self.begin_handshake(now, id);
            } else {
                self.close_stream(now, id);
            }
        }
    }

    fn begin_handshake(&mut self, now: Now, id: StreamId) {
        let rules = &self.parts.stream_rules;
        let worker = self.parts.workers.get(self.parts.index);
        let (Some(tls), Some(worker), Some(connection)) =
            (&rules.tls, worker, self.streams.connections.get_mut(id))
        else {
            return self.close_stream(now, id);
        };
        let begun = tls.handshakes.answer(Hello {
            worker: worker.clone(),
            stream: id,
            config: tls.server.config(),
            bytes: connection.take_stash(),
        });
        if begun {
            self.streams.answering += 1;
        } else {
            self.close_stream(now, id);
        }
    }

    pub(super) fn hello_answered(
        &mut self,
        now: Now,
        id: StreamId,
        answered: Option<(Box<ServerConnection>, io::Result<()>)>,
    ) {
        self.streams.answering -= 1;
        let (Some((tls, taken)), Some(connection)) =
            (answered, self.streams.connections.get_mut(id))
        else {
            return self.close_stream(now, id);
        };
        connection.layer = Layer::tls(*tls);
        connection.path.transport = Transport::Tls;
        self.counts.connections.tls += 1;
        connection.phase = Phase::Handshake;
        if let Err(error) = taken {
            return self.stream_failed(now, id, &error);
        }
        if connection.drain(now.instant).is_err() {
            return self.close_stream(now, id);
        }
        self.settle(now, id);
    }

    // HTTP.

    pub(super) fn read_http(&mut self, now: Now, id: StreamId) {
        let streams = &mut self.streams;
        let Some(connection) = streams.connections.get_mut(id) else {
            return;
        };
        let (room, cipher) = streams.cipher.split_at_mut(http::MAX_HEAD);
        match connection.layer.read(&connection.socket, room, cipher) {
            Ok(Input::Bytes(count)) => {
                connection.stash.extend_from_slice(&room[..count]);
                self.answer_http(now, id);
            }
            Ok(Input::Nothing) => {}
            Ok(Input::End) => self.close_stream(now, id),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                self.stream_failed(now, id, &error);
            }
            Err(_) => self.close_stream(now, id),
        }
    }

    pub(super) fn answer_http(&mut self, now: Now, id: StreamId) {
        let Some(connection) = self.streams.connections.get_mut(id) else {
            return;
        };
        let answer = match http::answer(&self.parts.stream_rules.http, &connection.stash) {
            HttpAnswer::NeedMore => return,
            HttpAnswer::Close => return self.close_stream(now, id),
            HttpAnswer::Respond(answer) => answer,
        };
        let sent = connection.send_raw(now.instant, &answer);
        if sent.is_err() || connection.finish(now.instant).is_err() {
            return self.close_stream(now, id);
        }
        self.end_stream(now, id);
        self.settle(now, id);
    }

    /// What waits is still written; what still comes is read and dropped, because the reset that follows a
    /// close with something unread may cost the other end what it has not read (RFC 9112 section 9.6).
    fn end_stream(&mut self, now: Now, id: StreamId) {
        if let Some(connection) = self.streams.connections.get_mut(id) {
            connection.phase = Phase::Ending;
            connection.last_heard = now.instant;
            self.streams.timers.remove(&(connection.due, id));
            connection.due = now.instant + ENDING;
            self.streams.timers.insert((connection.due, id));
        }
    }

    /// Reads to the other end's end.
    pub(super) fn discard(&mut self, now: Now, id: StreamId) {
        let streams = &mut self.streams;
        let Some(connection) = streams.connections.get_mut(id) else {
            return;
        };
        let half = streams.cipher.len() / 2;
        let (room, cipher) = streams.cipher.split_at_mut(half);
        if let Ok(Input::End) | Err(_) = connection.layer.read(&connection.socket, room, cipher) {
            self.close_stream(now, id);
        }
    }
}

/// Takes the PROXY header off, if all of it is there; `false` if it is none.
fn read_proxy_header(connection: &mut Connection) -> bool {
    match proxy_protocol::read(&connection.stash) {
        Header::Partial => true,
        Header::Bad => false,
        Header::Done { length, addresses } => {
            connection.stash.drain(..length);
            connection.expects_proxy_header = false;
            let Some((client, server)) = addresses else {
                return true;
            };
            connection.path.client = client;
            connection.path.server = server;
            connection.place.rename(client.ip()).is_ok()
        }
    }
}

fn look(bytes: &[u8], tls: bool, plain: bool) -> Opened {
    match bytes.first() {
        None => Opened::Wait,
        Some(&TLS_HANDSHAKE) if tls => match bytes.first_chunk::<TLS_HEADER>() {
            None => Opened::Wait,
            Some(&[.., high, low]) => {
                let record = TLS_HEADER + usize::from(u16::from_be_bytes([high, low]));
                match bytes.len() {
                    _ if record > TLS_RECORD => Opened::Refuse,
                    have if have < record => Opened::Wait,
                    _ => Opened::Hello,
                }
            }
        },
        Some(0..=3) if plain => Opened::Plain,
        Some(b'A'..=b'Z') if http::looks_like_http(bytes) => Opened::Http,
        _ => Opened::Refuse,
    }
}
