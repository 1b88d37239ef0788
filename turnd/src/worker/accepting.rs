//! New connections of clients, and listening sockets that rest when there is no room for more.

use std::{net::IpAddr, time::Duration};

use turnd_net::{Interest, TcpListener, TcpStream};
use turnd_proto::{Instant, Now};

use super::{Worker, streams::FIRST_MESSAGE};
use crate::{log::RemoteIp, process::limits, sockets::Socket, streams::Connection};

/// Connections taken from one acceptor in one turn.
const ACCEPT_BATCH: usize = 32;
/// How long an acceptor rests when there is no descriptor for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl Worker {
    pub(super) fn accept(&mut self, now: Now, at: usize) {
        for _ in 0..ACCEPT_BATCH {
            let Some(acceptor) = self.acceptors.get(at) else {
                return;
            };
            match limits::accept(&acceptor.socket) {
                Ok(Some(socket)) => self.admit(now, at, socket),
                Ok(None) => return,
                Err(error) => {
                    self.rest(now, Socket::Acceptor(at));
                    return self.report(now, "accept a connection", &error);
                }
            }
        }
    }

    /// Without descriptors a listening socket would be ready for ever and nothing could be done about
    /// it: for a while it is not listened to.
    pub(super) fn rest(&mut self, now: Now, name: Socket) {
        let Some(socket) = self.listening(name) else {
            return;
        };
        if self.parts.poller.remove(socket).is_ok() {
            let until = now.instant + ACCEPT_PAUSE;
            self.streams.resting.push_back((until, name));
        }
    }

    pub(super) fn wake_listeners(&mut self, now: Instant) {
        while let Some(&(until, name)) = self.streams.resting.front() {
            if until > now {
                return;
            }
            self.streams.resting.pop_front();
            if let Some(socket) = self.listening(name) {
                let token = name.token();
                if self
                    .parts
                    .poller
                    .add(socket, token, Interest::READABLE)
                    .is_err()
                {
                    self.streams.resting.push_back((now + ACCEPT_PAUSE, name));
                }
            }
        }
    }

    /// Whoever connects again and again is not to hold back what the worker has to say of itself.
    fn report_untrusted(&mut self, now: Now, from: IpAddr) {
        let at = Duration::from_millis(now.instant.as_millis());
        if let Some(held_back) = self.untrusted.allow(at) {
            let from = RemoteIp(from);
            tracing::warn!(
                "{from} is not in proxy-protocol-from, so its connection was closed ({held_back} others not logged before)"
            );
        }
    }

    fn listening(&self, name: Socket) -> Option<&TcpListener> {
        match name {
            Socket::Acceptor(at) => Some(&self.acceptors.get(at)?.socket),
            Socket::Relay(relay) => Some(self.peers.relays.get(relay)?.socket()),
            _ => None,
        }
    }

    fn admit(&mut self, now: Now, at: usize, socket: TcpStream) {
        let rules = &self.parts.stream_rules;
        let Some(acceptor) = self.acceptors.get(at) else {
            return;
        };
        let (takes, behind_proxy) = (acceptor.takes, acceptor.is_behind_proxy);
        let from = socket.peer_addr().ip().to_canonical();
        let is_trusted = !behind_proxy
            || rules
                .trusted_proxies
                .iter()
                .any(|range| range.contains(&from));
        if !is_trusted {
            socket.abort_on_close();
            return self.report_untrusted(now, from);
        }
        if rules.memory.is_short() {
            self.counts.memory_hits.connections += 1;
            return socket.abort_on_close();
        }
        let admitted = if behind_proxy {
            rules.connections.admit_unnamed()
        } else {
            rules.connections.admit(from)
        };
        let Ok(place) = admitted else {
            return socket.abort_on_close();
        };
        let mut connection =
            Connection::new(socket, takes, behind_proxy, place, rules.queue, now.instant);
        connection.due = now.instant + FIRST_MESSAGE;
        let id = self.streams.connections.insert(connection);
        let connection = &self.streams.connections[id];
        let token = Socket::Stream(id).token();
        let added = self
            .parts
            .poller
            .add(&connection.socket, token, Interest::READABLE);
        if let Err(error) = added {
            self.streams.connections.remove(id);
            return self.report(now, "watch a connection", &error);
        }
        self.streams.timers.insert((connection.due, id));
    }
}
