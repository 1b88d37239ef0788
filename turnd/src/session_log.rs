//! Events of the state machine as log lines in the shape that tools for coturn match on.
//!
//! Nothing a stranger can cause is written without a bound, and text from the network is never
//! written as it came. What a line says is in its fields too, for readers of JSON and of the journal.

#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

use slotmap::SecondaryMap;
use tracing::Level;
use turnd_net::LogLimit;
use turnd_proto::{AllocationId, Client, Ending, Event, Fault, Instant, RelayProtocol, Transport};
use turnd_wire::{Class, ErrorCode, Message, Method};

use crate::log::{BINDINGS, FAILURES, Remote, RemoteIp, SESSIONS, STRANGERS, Text};
use words::{Code, MethodName, Missed, Session};

/// Refusals for which an account must be had are logged at most this often; the rest is counted.
const REFUSAL_INTERVAL: Duration = Duration::from_millis(100);
/// So many events of sessions are logged in an interval, and as many of their other requests; the rest
/// is counted. That is what ten thousand calls of ten minutes need, while a client that makes and deletes
/// allocations in a loop cannot fill the disk.
const SESSION_EVENTS: u32 = 500;
const SESSION_INTERVAL: Duration = Duration::from_secs(10);
/// How often it is told what strangers' requests were not logged.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(10);

/// How a success response to a Binding request begins (RFC 8489 section 5).
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];

/// Writes the events of one worker.
pub struct SessionLog {
    worker: usize,
    realm: String,
    sessions: SecondaryMap<AllocationId, u64>,
    made: u64,
    refusals: LogLimit,
    events: LogLimit,
    requests: LogLimit,
    strangers: Sampled,
    failures: Sampled,
}

impl SessionLog {
    /// For the worker with this number.
    #[must_use]
    pub fn new(worker: usize, realm: &str) -> Self {
        Self {
            worker,
            realm: realm.to_owned(),
            sessions: SecondaryMap::new(),
            made: 0,
            refusals: LogLimit::new(REFUSAL_INTERVAL),
            events: LogLimit::burst(SESSION_EVENTS, SESSION_INTERVAL),
            requests: LogLimit::burst(SESSION_EVENTS, SESSION_INTERVAL),
            strangers: Sampled::new(),
            failures: Sampled::new(),
        }
    }

    /// Clients of this realm from now on.
    pub fn set_realm(&mut self, realm: &str) {
        realm.clone_into(&mut self.realm);
    }

    /// Writes one event.
    pub fn write(&mut self, now: Instant, event: &Event) {
        let at = Duration::from_millis(now.as_millis());
        match event {
            Event::Allocated { allocation, .. } => {
                self.made += 1;
                self.sessions.insert(*allocation, self.made);
                self.write_some(at, event);
            }
            Event::Deleted { allocation, .. } => {
                self.write_some(at, event);
                self.sessions.remove(*allocation);
            }
            Event::Refreshed { .. }
            | Event::Moved { .. }
            | Event::Permitted { .. }
            | Event::Bound { .. }
            | Event::PeerConnected { .. } => self.write_some(at, event),
            Event::PeerForbidden { .. } => self.write_forbidden(at, event),
            Event::Refused {
                client,
                user,
                method,
                code,
                fault,
            } => {
                let refused = Refused {
                    client: Remote(*client),
                    user: Text(user.as_deref().unwrap_or_default()),
                    method: MethodName(*method),
                    code: *code,
                };
                self.write_refusal(at, *fault, &refused);
            }
            Event::ChallengesSuppressed { client } => {
                if !tracing::enabled!(target: STRANGERS, Level::INFO) {
                    self.strangers.missed += 1;
                    return;
                }
                let client = Remote(*client);
                tracing::info!(
                    target: STRANGERS, %client,
                    "401 rate-limit exceeded from {client}, suppressing..."
                );
                self.tell_of_strangers(at);
            }
        }
    }

    /// Writes that a request has succeeded. What has an event of its own is written with that. `find` tells
    /// the client's allocation and whose it is.
    pub fn write_reply<'a>(
        &mut self,
        now: Instant,
        client: &Client,
        message: &[u8],
        find: impl FnOnce() -> Option<(AllocationId, &'a str)>,
    ) {
        let is_binding = message.first_chunk() == Some(&BINDING_SUCCESS);
        let is_wanted = if is_binding {
            tracing::enabled!(target: BINDINGS, Level::INFO)
        } else {
            tracing::enabled!(target: SESSIONS, Level::INFO)
        };
        if !is_wanted {
            return;
        }
        if is_binding {
            return self.write_binding(client);
        }
        let Ok(message) = Message::parse(message) else {
            return;
        };
        let has_event = [Method::ALLOCATE, Method::REFRESH].contains(&message.method());
        if message.class() != Class::Success || has_event {
            return;
        }
        let Some((allocation, user)) = find() else {
            return;
        };
        let at = Duration::from_millis(now.as_millis());
        if let Some(missed) = self.requests.allow(at) {
            self.tell_missed(missed);
            self.write_success(allocation, user, message.method());
        }
    }

    fn write_binding(&self, client: &Client) {
        let (session, realm) = (self.none(), &self.realm);
        let client = Remote(client.path.client);
        tracing::info!(
            target: BINDINGS, %client, method = "BINDING",
            "session {session}: realm <{realm}> user <>: incoming packet BINDING processed, success, remote {client}"
        );
    }

    /// As coturn has it, which tells no address here.
    fn write_success(&self, allocation: AllocationId, user: &str, method: Method) {
        let (session, realm) = (self.session(allocation), self.realm.as_str());
        let (user, method) = (Text(user), MethodName(method));
        tracing::info!(
            target: SESSIONS, %session, realm, %user, %method,
            "session {session}: realm <{realm}> user <{user}>: incoming packet {method} processed, success"
        );
    }

    fn tell_missed(&self, missed: u64) {
        if missed > 0 {
            let worker = self.worker;
            tracing::info!(target: SESSIONS, "worker {worker}: {missed} events of sessions were not logged");
        }
    }

    /// What an allocation goes through, if it is to be logged and not too much. The lines themselves end
    /// as tools expect them, so that what was left out has a line of its own.
    fn write_some(&mut self, at: Duration, event: &Event) {
        let is_wanted = match event {
            Event::Permitted { .. } | Event::Bound { .. } => {
                tracing::enabled!(target: SESSIONS, Level::DEBUG)
            }
            _ => tracing::enabled!(target: SESSIONS, Level::INFO),
        };
        if !is_wanted {
            return;
        }
        let Some(missed) = self.events.allow(at) else {
            return;
        };
        self.tell_missed(missed);
        self.write_session(event);
    }

    fn write_session(&self, event: &Event) {
        let realm = self.realm.as_str();
        match event {
            Event::Allocated { .. } => self.write_new(event),
            Event::Refreshed {
                allocation,
                user,
                lifetime,
            } => {
                let (session, user) = (self.session(*allocation), Text(user));
                tracing::info!(
                    target: SESSIONS, %session, realm, %user, lifetime,
                    "session {session}: refreshed, realm=<{realm}>, username=<{user}>, lifetime={lifetime}"
                );
                self.write_success(*allocation, user.0, Method::REFRESH);
            }
            Event::Moved {
                allocation,
                user,
                from,
                to,
            } => {
                let (session, user) = (self.session(*allocation), Text(user));
                let (from, client) = (Remote(from.client), Remote(to.client));
                let transport = to.transport.name();
                tracing::info!(
                    target: SESSIONS, %session, realm, %user, %from, %client, transport,
                    "session {session}: moved, realm=<{realm}>, username=<{user}>, from {from} to {transport} {client}"
                );
            }
            Event::Deleted { .. } => self.write_end(event),
            Event::Permitted {
                allocation,
                peer,
                lifetime,
            } => {
                let (session, peer) = (self.session(*allocation), RemoteIp(peer.ip()));
                tracing::debug!(
                    target: SESSIONS, %session, %peer, lifetime,
                    "session {session}: peer {peer} lifetime updated: {lifetime}"
                );
            }
            Event::PeerConnected {
                allocation,
                connection,
                peer,
            } => {
                let (session, peer) = (self.session(*allocation), Remote(*peer));
                tracing::debug!(
                    target: SESSIONS, %session, %peer,
                    "session {session}: connection {:#010x} with TCP peer {peer}",
                    connection.0
                );
            }
            Event::Bound {
                allocation,
                channel,
                peer,
            } => {
                let (session, peer) = (self.session(*allocation), Remote(*peer));
                tracing::debug!(
                    target: SESSIONS, %session, %peer, channel,
                    "session {session}: channel {channel:#06x} bound to peer {peer}"
                );
            }
            Event::Refused { .. }
            | Event::PeerForbidden { .. }
            | Event::ChallengesSuppressed { .. } => {}
        }
    }

    fn write_new(&self, event: &Event) {
        let Event::Allocated {
            allocation,
            user,
            path,
            relayed,
            lifetime,
            protocol,
        } = event
        else {
            return;
        };
        let (session, user, realm) = (self.session(*allocation), Text(user), self.realm.as_str());
        let (server, client) = (path.server, Remote(path.client));
        if matches!(path.transport, Transport::Udp) {
            // coturn's words for what it knows before there is a session.
            tracing::info!(
                target: SESSIONS, %session, %client, %server,
                "handle_udp_packet: New UDP endpoint: local {server}, remote {client}"
            );
        }
        let transport = path.transport.name();
        tracing::info!(
            target: SESSIONS, %session, realm, %user, %client, lifetime, transport,
            "session {session}: new, realm=<{realm}>, username=<{user}>, lifetime={lifetime}"
        );
        for relayed in relayed {
            let protocol = match protocol {
                RelayProtocol::Udp => "udp",
                RelayProtocol::Tcp => "tcp",
            };
            tracing::debug!(
                target: SESSIONS, %session, %client, %relayed, protocol,
                "session {session}: remote {client}, relayed {protocol} {relayed}"
            );
        }
        self.write_success(*allocation, user.0, Method::ALLOCATE);
    }

    fn write_end(&self, event: &Event) {
        let Event::Deleted {
            allocation,
            user,
            client,
            server,
            cause,
            traffic,
            ..
        } = event
        else {
            return;
        };
        let (session, user, realm) = (self.session(*allocation), Text(user), self.realm.as_str());
        let client = Remote(*client);
        let reason = match cause {
            Ending::Deleted => "deleted by client",
            Ending::Expired => "allocation timeout",
            Ending::Disconnected => "connection closed",
            Ending::Denied => "user denied",
            Ending::Failed => "worker failed",
        };
        for (side, flows) in [("usage", &traffic.client), ("peer usage", &traffic.peer)] {
            tracing::info!(
                target: SESSIONS, %session, realm, %user,
                "session {session}: {side}: realm=<{realm}>, username=<{user}>, rp={}, rb={}, sp={}, sb={}",
                flows.received.packets,
                flows.received.bytes,
                flows.sent.packets,
                flows.sent.bytes
            );
        }
        tracing::info!(
            target: SESSIONS, %session, realm, %user, %client, %server, reason,
            "session {session}: closed (2nd stage), user <{user}> realm <{realm}> origin <>, \
             local {server}, remote {client}, reason: {reason}"
        );
        tracing::info!(
            target: SESSIONS, %session, realm, %user,
            "session {session}: delete: realm=<{realm}>, username=<{user}>"
        );
        if *cause == Ending::Deleted {
            self.write_success(*allocation, user.0, Method::REFRESH);
        }
    }

    fn write_forbidden(&mut self, at: Duration, event: &Event) {
        let Event::PeerForbidden {
            allocation,
            user,
            peer,
            why,
        } = event
        else {
            return;
        };
        let Some(missed) = self.refusals.allow(at).map(Missed) else {
            return;
        };
        let (session, user) = (self.session(*allocation), Text(user));
        let ip = RemoteIp(peer.ip());
        tracing::info!(
            target: SESSIONS, %session, realm = self.realm, %user, peer = %ip, %why,
            "session {session}: A peer IP {ip} denied in the range: {why}, user <{user}>{missed}"
        );
    }

    fn write_refusal(&mut self, at: Duration, fault: Fault, refused: &Refused<'_>) {
        match fault {
            // The first step of every session.
            Fault::NotYetKnown => {}
            Fault::Credentials => self.write_failure(at, refused),
            Fault::Policy | Fault::Capacity => {
                if let Some(missed) = self.refusals.allow(at).map(Missed) {
                    let (message, Refused { client, user, .. }) =
                        (self.processed(refused), refused);
                    tracing::info!(
                        target: SESSIONS, realm = self.realm, %user, method = %refused.method,
                        code = refused.code.number(), %client, "{message}{missed}"
                    );
                }
            }
            Fault::Malformed | Fault::Timing => {
                if !tracing::enabled!(target: STRANGERS, Level::INFO) {
                    return self.strangers.missed += 1;
                }
                let (message, Refused { client, user, .. }) = (self.processed(refused), refused);
                tracing::info!(
                    target: STRANGERS, realm = self.realm, %user, method = %refused.method,
                    code = refused.code.number(), %client, "{message}"
                );
                self.tell_of_strangers(at);
            }
        }
    }

    /// Wrong credentials, with where they came from at the end of the line: nothing that a client chooses
    /// stands behind it.
    fn write_failure(&mut self, at: Duration, refused: &Refused<'_>) {
        if !tracing::enabled!(target: FAILURES, Level::INFO) {
            return self.failures.missed += 1;
        }
        let (session, realm) = (self.none(), self.realm.as_str());
        let Refused { client, user, .. } = refused;
        let (method, code) = (refused.method, refused.code.number());
        tracing::info!(
            target: FAILURES, realm, %user, %method, code, %client,
            "session {session}: check_stun_auth: user <{user}> credentials are incorrect, remote {client}"
        );
        let message = self.processed(refused);
        tracing::info!(target: STRANGERS, realm, %user, %method, code, %client, "{message}");
        // Told without the budget, which is used up in a flood.
        if let Some(missed) = self.failures.tell(at) {
            let worker = self.worker;
            tracing::info!("worker {worker}: {missed} failed logins were not logged");
        }
    }

    fn tell_of_strangers(&mut self, at: Duration) {
        if let Some(missed) = self.strangers.tell(at) {
            let worker = self.worker;
            tracing::info!(target: SESSIONS, "worker {worker}: {missed} requests of strangers were not logged");
        }
    }

    fn processed(&self, refused: &Refused<'_>) -> String {
        let (session, realm) = (self.none(), &self.realm);
        let Refused {
            client,
            user,
            method,
            ..
        } = refused;
        let code = Code(refused.code);
        format!(
            "session {session}: realm <{realm}> user <{user}>: incoming packet {method} processed, error {code}, remote {client}"
        )
    }

    fn session(&self, allocation: AllocationId) -> Session {
        Session {
            worker: self.worker,
            number: self.sessions.get(allocation).copied().unwrap_or_default(),
        }
    }

    /// Stands for the session of who has none. coturn gives a number to everyone who sends something.
    fn none(&self) -> Session {
        Session {
            worker: self.worker,
            number: 0,
        }
    }
}

/// A refused request.
struct Refused<'a> {
    client: Remote,
    user: Text<'a>,
    method: MethodName,
    code: ErrorCode,
}

/// What was not logged of lines that have a budget, and when it may be told.
struct Sampled {
    missed: u64,
    limit: LogLimit,
}

impl Sampled {
    const fn new() -> Self {
        Self {
            missed: 0,
            limit: LogLimit::new(SAMPLE_INTERVAL),
        }
    }

    fn tell(&mut self, at: Duration) -> Option<u64> {
        if self.missed == 0 {
            return None;
        }
        self.limit.allow(at)?;
        Some(std::mem::take(&mut self.missed))
    }
}
