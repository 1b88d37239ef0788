//! Events of the state machine as log lines in the shape that tools for coturn match on.
//!
//! Nothing a stranger can cause is written without a bound, and text from the network is never
//! written as it came.

use std::{fmt, time::Duration};

use slotmap::SecondaryMap;
use turnd_net::LogLimit;
use turnd_proto::{AllocationId, Ending, Event, Fault, Instant, RelayProtocol};

/// Refusals are logged at most this often; the rest is counted.
const REFUSAL_INTERVAL: Duration = Duration::from_millis(100);

/// Writes the events of one worker.
pub struct SessionLog {
    worker: usize,
    realm: String,
    sessions: SecondaryMap<AllocationId, u64>,
    made: u64,
    refusals: LogLimit,
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
        }
    }

    /// Writes one event.
    pub fn write(&mut self, now: Instant, event: &Event) {
        match event {
            Event::Allocated { allocation, .. } => {
                self.made += 1;
                self.sessions.insert(*allocation, self.made);
                self.write_session(event);
            }
            Event::Deleted { allocation, .. } => {
                self.write_session(event);
                self.sessions.remove(*allocation);
            }
            Event::Refreshed { .. }
            | Event::Permitted { .. }
            | Event::Bound { .. }
            | Event::PeerConnected { .. } => {
                self.write_session(event);
            }
            Event::Refused {
                fault: Fault::NotYetKnown,
                ..
            } => {}
            Event::Refused { .. } | Event::PeerForbidden { .. } => self.write_refusal(now, event),
        }
    }

    /// What an allocation goes through: bounded by what its user may do.
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
            } => {
                let (session, user) = (self.session(*allocation), Text(user));
                let reason = match cause {
                    Ending::Deleted => "deleted by client",
                    Ending::Expired => "allocation timeout",
                    Ending::Disconnected => "connection closed",
                };
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
            Event::Refused { .. } | Event::PeerForbidden { .. } => {}
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
    use super::Text;

    #[test]
    fn text_from_the_network_stays_on_its_line() {
        let text = Text("a\nb\x1b[31m\u{202E}c\u{85}").to_string();
        assert_eq!(text, "a\\u{a}b\\u{1b}[31m\\u{202e}c\\u{85}");
        assert_eq!(Text(&"x".repeat(1000)).to_string().len(), 64);
    }
}
