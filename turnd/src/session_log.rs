//! Events of the state machine as log lines in the shape that tools for coturn match on.
//!
//! Nothing a stranger can cause is written without a bound, and text from the network is never
//! written as it came.

use std::{fmt, time::Duration};

use slotmap::SecondaryMap;
use tracing::Level;
use turnd_net::LogLimit;
use turnd_proto::{AllocationId, Ending, Event, Fault, Instant, RelayProtocol};

/// Refusals are logged at most this often; the rest is counted.
const REFUSAL_INTERVAL: Duration = Duration::from_millis(100);
/// So many events of sessions are logged in an interval; the rest is counted. That is what ten thousand
/// calls of ten minutes need, while a client that makes and deletes allocations in a loop cannot fill
/// the disk.
const SESSION_EVENTS: u32 = 500;
const SESSION_INTERVAL: Duration = Duration::from_secs(10);

/// Writes the events of one worker.
pub struct SessionLog {
    worker: usize,
    realm: String,
    sessions: SecondaryMap<AllocationId, u64>,
    made: u64,
    refusals: LogLimit,
    events: LogLimit,
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
        }
    }

    /// Writes one event.
    pub fn write(&mut self, now: Instant, event: &Event) {
        match event {
            Event::Allocated { allocation, .. } => {
                self.made += 1;
                self.sessions.insert(*allocation, self.made);
                self.write_some(now, event);
            }
            Event::Deleted { allocation, .. } => {
                self.write_some(now, event);
                self.sessions.remove(*allocation);
            }
            Event::Refreshed { .. }
            | Event::Permitted { .. }
            | Event::Bound { .. }
            | Event::PeerConnected { .. } => {
                self.write_some(now, event);
            }
            Event::Refused {
                fault: Fault::NotYetKnown,
                ..
            } => {}
            Event::Refused { .. }
            | Event::PeerForbidden { .. }
            | Event::ChallengesSuppressed { .. } => self.write_refusal(now, event),
        }
    }

    /// What an allocation goes through, if it is to be logged and not too much. The lines themselves end
    /// as tools expect them, so that what was left out has a line of its own.
    fn write_some(&mut self, now: Instant, event: &Event) {
        let is_wanted = match event {
            Event::Permitted { .. } | Event::Bound { .. } => tracing::enabled!(Level::DEBUG),
            _ => tracing::enabled!(Level::INFO),
        };
        let at = Duration::from_millis(now.as_millis());
        if !is_wanted {
            return;
        }
        let Some(missed) = self.events.allow(at) else {
            return;
        };
        if missed > 0 {
            let worker = self.worker;
            tracing::info!("worker {worker}: {missed} events of sessions were not logged");
        }
        self.write_session(event);
    }

    fn write_session(&self, event: &Event) {
        let realm = &self.realm;
        match event {
            Event::Allocated {
                allocation,
                user,
                client,
                relayed,
                lifetime,
                protocol,
            } => {
                let (session, user) = (self.session(*allocation), Text(user));
                tracing::info!(
                    "session {session}: new, realm=<{realm}>, username=<{user}>, lifetime={lifetime}"
                );
                for relayed in relayed {
                    let protocol = match protocol {
                        RelayProtocol::Udp => "udp",
                        RelayProtocol::Tcp => "tcp",
                    };
                    tracing::debug!(
                        "session {session}: remote {client}, relayed {protocol} {relayed}"
                    );
                }
            }
            Event::Refreshed {
                allocation,
                user,
                lifetime,
            } => {
                let (session, user) = (self.session(*allocation), Text(user));
                tracing::info!(
                    "session {session}: refreshed, realm=<{realm}>, username=<{user}>, lifetime={lifetime}"
                );
            }
            Event::Deleted {
                allocation,
                user,
                client,
                cause,
                traffic,
                ..
            } => {
                let (session, user) = (self.session(*allocation), Text(user));
                let reason = match cause {
                    Ending::Deleted => "deleted by client",
                    Ending::Expired => "allocation timeout",
                    Ending::Disconnected => "connection closed",
                };
                for (side, flows) in [("usage", &traffic.client), ("peer usage", &traffic.peer)] {
                    tracing::info!(
                        "session {session}: {side}: realm=<{realm}>, username=<{user}>, rp={}, rb={}, sp={}, sb={}",
                        flows.received.packets,
                        flows.received.bytes,
                        flows.sent.packets,
                        flows.sent.bytes
                    );
                }
                tracing::info!(
                    "session {session}: closed, user <{user}> realm <{realm}>, remote {client}, reason: {reason}"
                );
                tracing::info!("session {session}: delete: realm=<{realm}>, username=<{user}>");
            }
            Event::Permitted { allocation, peer } => {
                tracing::debug!(
                    "session {}: peer {} permitted",
                    self.session(*allocation),
                    peer.ip()
                );
            }
            Event::PeerConnected {
                allocation,
                connection,
                peer,
            } => {
                let session = self.session(*allocation);
                tracing::debug!(
                    "session {session}: connection {:#010x} with TCP peer {peer}",
                    connection.0
                );
            }
            Event::Bound {
                allocation,
                channel,
                peer,
            } => {
                let session = self.session(*allocation);
                tracing::debug!("session {session}: channel {channel:#06x} bound to peer {peer}");
            }
            Event::Refused { .. }
            | Event::PeerForbidden { .. }
            | Event::ChallengesSuppressed { .. } => {}
        }
    }

    /// What anyone can cause: a few lines a second, and how many were left out.
    fn write_refusal(&mut self, now: Instant, event: &Event) {
        let at = Duration::from_millis(now.as_millis());
        let Some(missed) = self.refusals.allow(at).map(Missed) else {
            return;
        };
        match event {
            Event::PeerForbidden {
                allocation,
                user,
                peer,
            } => {
                let (session, user) = (self.session(*allocation), Text(user));
                tracing::info!("session {session}: peer {peer} of user <{user}> refused{missed}");
            }
            Event::Refused {
                client,
                user,
                method,
                code,
                ..
            } => {
                let (realm, user) = (&self.realm, Text(user.as_deref().unwrap_or_default()));
                tracing::info!(
                    "realm <{realm}> user <{user}>: incoming packet {method:?} processed, error {code}, remote {client}{missed}"
                );
            }
            Event::ChallengesSuppressed { client } => {
                tracing::info!("401 rate-limit exceeded from {client}, suppressing{missed}");
            }
            _ => {}
        }
    }

    fn session(&self, allocation: AllocationId) -> Session {
        Session {
            worker: self.worker,
            number: self.sessions.get(allocation).copied().unwrap_or_default(),
        }
    }
}

/// Eighteen digits, the first three of them the worker.
struct Session {
    worker: usize,
    number: u64,
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}{:015}", self.worker, self.number)
    }
}

/// How many lines were not written, if any.
struct Missed(u64);

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            missed => write!(f, " ({missed} more not logged)"),
        }
    }
}

/// Text from the network: cut to 64 characters, with everything escaped that could forge a line,
/// move the cursor or turn the direction of writing.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars().take(64) {
            let is_bidi = matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
            if character.is_control() || is_bidi || matches!(character, '\u{2028}' | '\u{2029}') {
                write!(f, "{}", character.escape_unicode())?;
            } else {
                write!(f, "{character}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use slotmap::SlotMap;
    use turnd_proto::Traffic;

    use super::*;

    #[test]
    fn text_from_the_network_stays_on_its_line() {
        let text = Text("a\nb\x1b[31m\u{202E}c\u{85}").to_string();
        assert_eq!(text, "a\\u{a}b\\u{1b}[31m\\u{202e}c\\u{85}");
        assert_eq!(Text(&"x".repeat(1000)).to_string().len(), 64);
    }

    /// A log that a test can read.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        fn take(&self) -> Vec<String> {
            let bytes = std::mem::take(&mut *self.0.lock().unwrap());
            let text = String::from_utf8(bytes).unwrap();
            text.lines().map(str::to_owned).collect()
        }
    }

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written at this level.
    fn logged(level: Level, work: impl FnOnce(&mut SessionLog, &Lines)) {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .with_level(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            work(&mut SessionLog::new(3, "turn.org"), &lines);
        });
    }

    /// One client makes and deletes an allocation so many times.
    fn churn(log: &mut SessionLog, second: u64, times: u32) {
        let client = "192.0.2.1:4001".parse().unwrap();
        let mut allocations: SlotMap<AllocationId, ()> = SlotMap::with_key();
        let now = Instant::from_millis(second * 1000);
        for _ in 0..times {
            let allocation = allocations.insert(());
            let user = "alice".to_owned();
            let made = Event::Allocated {
                allocation,
                user: user.clone(),
                client,
                protocol: RelayProtocol::Udp,
                relayed: vec![],
                lifetime: 600,
            };
            let deleted = Event::Deleted {
                allocation,
                user,
                client,
                cause: Ending::Deleted,
                traffic: Traffic::default(),
                life: Duration::ZERO,
            };
            log.write(now, &made);
            log.write(now, &deleted);
            allocations.remove(allocation);
        }
    }

    #[test]
    fn a_client_that_comes_and_goes_in_a_loop_does_not_fill_the_log() {
        logged(Level::INFO, |log, lines| {
            churn(log, 1, 10_000);
            // 250 of each, and the end of a session has four lines.
            let written = lines.take();
            assert_eq!(written.len(), 1250);
            assert_eq!(
                written[0],
                "session 003000000000000001: new, realm=<turn.org>, username=<alice>, lifetime=600"
            );
            churn(log, 10, 10_000);
            assert_eq!(lines.take(), [""; 0]);
            // Later what was left out is told, once, and sessions keep their numbers.
            churn(log, 11, 1);
            let written = lines.take();
            assert_eq!(
                written[0],
                "worker 3: 39500 events of sessions were not logged"
            );
            assert!(written[1].starts_with("session 003000000000020001: new"));
            assert_eq!(written.len(), 6);
        });
    }

    #[test]
    fn what_the_level_hides_costs_no_line() {
        let permitted = Event::Permitted {
            allocation: AllocationId::default(),
            peer: "8.8.8.8:9".parse().unwrap(),
        };
        let now = Instant::from_millis(1000);
        for (level, expected) in [(Level::INFO, 0), (Level::DEBUG, 500)] {
            logged(level, |log, lines| {
                (0..1000).for_each(|_| log.write(now, &permitted));
                assert_eq!(lines.take().len(), expected);
                churn(log, 1, 1);
                assert_eq!(lines.take().is_empty(), level == Level::DEBUG);
            });
        }
    }
}
