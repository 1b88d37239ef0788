//! What Prometheus is told. No label depends on what a client sends.

use prometheus::{
    Encoder as _, IntCounterVec, IntGauge, Opts, Registry, TextEncoder, core::Collector,
};

/// The counters of a server.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Connections of clients.
    pub sockets: IntGauge,
    /// Rooms.
    pub rooms: IntGauge,
    /// Packets to clients, by event.
    pub sent: IntCounterVec,
    /// What clients were refused, by code.
    pub refused: IntCounterVec,
    /// Connections that the server ended, by reason.
    pub disconnected: IntCounterVec,
    /// Handshakes that were not taken, by reason.
    pub turned_away: IntCounterVec,
    /// TURN credentials given, by the way they went.
    pub credentials: IntCounterVec,
}

impl Metrics {
    /// All of them, at nothing.
    ///
    /// # Panics
    /// Never: the names are good, and each is used once.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        Self {
            sockets: gauge(&registry, "signaling_sockets", "Connections of clients"),
            rooms: gauge(
                &registry,
                "signaling_rooms",
                "Rooms with at least one member",
            ),
            sent: counter(
                &registry,
                "signaling_events_total",
                "Events sent to clients",
                "event",
            ),
            refused: counter(
                &registry,
                "signaling_errors_total",
                "sig_error sent to clients",
                "code",
            ),
            disconnected: counter(
                &registry,
                "signaling_disconnects_total",
                "Connections that the server ended",
                "reason",
            ),
            turned_away: counter(
                &registry,
                "signaling_handshakes_refused_total",
                "Handshakes that were not taken",
                "reason",
            ),
            credentials: counter(
                &registry,
                "signaling_turn_credentials_total",
                "TURN credentials given to clients",
                "way",
            ),
            registry,
        }
    }

    /// In the format that Prometheus reads.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        // Into memory, nothing can fail.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        String::from_utf8(text).unwrap_or_default()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    let gauge = IntGauge::new(name, help).expect("a good name");
    registered(registry, gauge)
}

fn counter(registry: &Registry, name: &str, help: &str, label: &str) -> IntCounterVec {
    let counter = IntCounterVec::new(Opts::new(name, help), &[label]).expect("a good name");
    registered(registry, counter)
}

fn registered<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> C {
    let registration = registry.register(Box::new(collector.clone()));
    registration.expect("each name once");
    collector
}
