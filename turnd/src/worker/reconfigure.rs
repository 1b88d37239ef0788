//! New settings and sockets for a worker that serves, and sockets that nobody new is taken on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use turnd_net::Interest;
use turnd_proto::{Instant, Now, Settings};

use super::{StreamRules, Worker, streams::Streams};
use crate::{
    auth::KeySources,
    dtls::{Dtls, DtlsContext, DtlsLimits, MAX_MESSAGE},
    listeners::Sockets,
    mailbox::Order,
    ports::RelayPorts,
    sockets::{Listener, Socket, Takes},
    streams::limits::{Budget, PerAddress},
};

/// How often it is looked whether a socket that takes nobody new still serves somebody.
const LOOK: Duration = Duration::from_secs(1);

/// How long a TLS hello may have to wait for its turn, in seconds, with all that came before it.
const HELLO_SECONDS: usize = 2;

/// What a worker serves by from now on.
pub struct Reconfigure {
    /// For the state machine.
    pub server: Arc<Settings>,
    /// Where keys come from.
    pub keys: Arc<KeySources>,
    /// Where relay sockets come from.
    pub ports: Arc<RelayPorts>,
    /// What holds for connections.
    pub stream_rules: Arc<StreamRules>,
    /// What new associations of DTLS are made with, if they are.
    pub dtls: Option<Arc<DtlsContext>>,
    /// How much clients may make a worker keep for them.
    pub dtls_limits: DtlsLimits,
    /// For the log.
    pub realm: String,
    /// New listening sockets.
    pub sockets: Sockets,
    /// What becomes of those that are there.
    pub fates: Fates,
}

/// What becomes of the listening sockets of a worker, by their places.
#[derive(Clone, Debug, Default)]
pub struct Fates {
    /// UDP sockets that stay, and what they take.
    pub udp: Vec<(usize, Takes)>,
    /// TCP sockets that stay, what they take, and whether a PROXY header comes first.
    pub tcp: Vec<(usize, Takes, bool)>,
    /// UDP sockets that take nobody new, and how many workers have allocations on them: each that finds none
    /// counts itself off, once. A socket is not closed before nobody has, and then by all workers: the
    /// kernel spreads clients anew over those that are left.
    pub retired: Vec<(usize, Arc<AtomicUsize>)>,
    /// TCP sockets to close. Connections that were accepted live on.
    pub closed: Vec<usize>,
}

/// Sockets that take nobody new and that an allocation was seen on.
#[derive(Default)]
pub(super) struct Retiring {
    sockets: Vec<(usize, Arc<AtomicUsize>)>,
    look: Option<Instant>,
}

impl Worker {
    pub(super) fn obey(&mut self, now: Now, order: Order) {
        match order {
            Order::Reconfigure(new) => self.reconfigure(now, *new),
            Order::RefuseAllocations => self.parts.server.refuse_allocations(true),
        }
    }

    /// Serves by new settings. No allocation and no packet is lost.
    fn reconfigure(&mut self, now: Now, new: Reconfigure) {
        let withdrawn = self.parts.server.reconfigure(now, new.server);
        if withdrawn.allocations > 0 {
            tracing::info!(
                "worker {}: {} allocations of denied users ended",
                self.parts.index,
                withdrawn.allocations
            );
        }
        if withdrawn.permissions + withdrawn.connections > 0 {
            tracing::info!(
                "worker {}: {} permissions withdrawn and {} connections with peers closed, because of new rules",
                self.parts.index,
                withdrawn.permissions,
                withdrawn.connections
            );
        }
        self.parts.keys = new.keys;
        self.parts.ports = new.ports;
        self.streams
            .reconfigure(&self.parts.stream_rules, &new.stream_rules);
        self.parts.stream_rules = new.stream_rules;
        self.parts.log.set_realm(&new.realm);
        if let Some(context) = new.dtls {
            match &mut self.dtls {
                Some(dtls) => dtls.reconfigure(context, new.dtls_limits),
                None => {
                    self.plain = vec![0; MAX_MESSAGE].into_boxed_slice();
                    self.dtls = Some(Dtls::new(context, new.dtls_limits));
                }
            }
        }
        self.add_sockets(now, new.sockets);
        self.decide(now, new.fates);
        self.drain(now);
    }

    /// Listens on more sockets.
    fn add_sockets(&mut self, now: Now, sockets: Sockets) {
        for (at, listener) in sockets.listeners {
            let token = Socket::Listener(at).token();
            let poller = &self.parts.poller;
            match poller.add(&listener.socket, token, Interest::READABLE) {
                Ok(()) => self.listeners.insert(at, listener),
                Err(error) => self.report(now, "listen on a new address", &error),
            }
        }
        for (at, acceptor) in sockets.acceptors {
            let token = Socket::Acceptor(at).token();
            let poller = &self.parts.poller;
            match poller.add(&acceptor.socket, token, Interest::READABLE) {
                Ok(()) => self.acceptors.insert(at, acceptor),
                Err(error) => self.report(now, "listen on a new address", &error),
            }
        }
    }

    fn decide(&mut self, now: Now, fates: Fates) {
        for (at, takes) in fates.udp {
            if let Some(listener) = self.listeners.get_mut(at) {
                listener.take(takes);
            }
        }
        for (at, takes, is_behind_proxy) in fates.tcp {
            if let Some(acceptor) = self.acceptors.get_mut(at) {
                acceptor.takes = takes;
                acceptor.is_behind_proxy = is_behind_proxy;
            }
        }
        for (at, _) in &fates.retired {
            if let Some(listener) = self.listeners.get_mut(*at) {
                listener.take(Takes::NOTHING);
            }
        }
        for at in fates.closed {
            if let Some(acceptor) = self.acceptors.remove(at) {
                // One that rests is not known to the poller, which is no reason to worry.
                let _ = self.parts.poller.remove(&acceptor.socket);
            }
        }
        // Those of before are among them, unless they take clients again.
        self.retiring.sockets = fates.retired;
        self.retiring.look = Some(now.instant);
    }

    pub(super) fn next_retiring_timeout(&self) -> Option<Instant> {
        self.retiring.look
    }

    /// Counts this worker off from the sockets on which it has no allocation left.
    pub(super) fn look_at_retiring(&mut self, now: Now) {
        if self.retiring.look.is_none_or(|look| look > now.instant) {
            return;
        }
        let server = &self.parts.server;
        self.retiring.sockets.retain(|(at, workers)| {
            let is_used = server.uses_listener(|listener| match Socket::of(listener.0) {
                Socket::Listener(used) | Socket::Foreign { at: used, .. } => used == *at,
                _ => false,
            });
            if !is_used {
                workers.fetch_sub(1, Ordering::Release);
            }
            is_used
        });
        let is_over = self.retiring.sockets.is_empty();
        self.retiring.look = (!is_over).then(|| now.instant + LOOK);
    }

    /// No worker has an allocation on it any more.
    pub(super) fn close_listener(&mut self, now: Now, at: usize) {
        // What was queued for a client there leaves first.
        self.send(now);
        if let Some(Listener { socket, .. }) = self.listeners.remove(at) {
            let _ = self.parts.poller.remove(&socket);
        }
    }
}

impl Streams {
    /// Counts by new rules from now on, where they are different.
    pub(super) fn reconfigure(&mut self, before: &StreamRules, rules: &StreamRules) {
        let per_second = rules.handshakes_per_second;
        if per_second != before.handshakes_per_second {
            self.most_hellos = most_hellos(per_second);
            self.handshakes = Budget::new(per_second, per_second);
        }
        if rules.handshakes_per_address != before.handshakes_per_address {
            self.handshakes_by_address = PerAddress::new(rules.handshakes_per_address);
        }
    }
}

/// How many hellos may wait at this rate.
pub(super) fn most_hellos(per_second: u32) -> usize {
    let per_second = usize::try_from(per_second).unwrap_or(usize::MAX);
    per_second.saturating_mul(HELLO_SECONDS)
}
