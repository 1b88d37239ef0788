//! What the loops of the workers count: system calls, connections, and how long a turn takes.

use super::{collection::Known, families::Families};
use crate::report::{Handshakes, LoopCounters};

/// Microseconds of a second.
const MICROS: f64 = 1e6;

/// Adds what all workers together have counted.
pub(super) fn add(families: &mut Families, worker: &LoopCounters) {
    for (name, help, value) in [
        (
            "turnd_received_datagrams_total",
            "Datagrams received",
            worker.received,
        ),
        (
            "turnd_sent_datagrams_total",
            "Datagrams that the kernel took",
            worker.sent,
        ),
        (
            "turnd_gro_runs_total",
            "Runs of datagrams that the kernel put together (UDP_GRO)",
            worker.gro_runs,
        ),
        (
            "turnd_gro_datagrams_total",
            "Datagrams received in such runs",
            worker.gro_datagrams,
        ),
        (
            "turnd_gso_datagrams_total",
            "Datagrams sent in runs (UDP_SEGMENT)",
            worker.gso_datagrams,
        ),
        (
            "turnd_hairpin_datagrams_total",
            "Datagrams that went from one relay of this server to another in memory, and are neither received nor sent there",
            worker.hairpins,
        ),
        (
            "turnd_worker_restarts_total",
            "Workers that began anew after a panic, and whose allocations ended with it",
            worker.restarts,
        ),
    ] {
        families.counter(name, help).sample(&[], value);
    }
    families
        .histogram(
            "turnd_receive_batch_messages",
            "Messages that one receive call brought; a run that the kernel put together is one",
        )
        .observed(&[], &worker.batches, 1.0);
    families
        .counter(
            "turnd_send_drops_total",
            "Datagrams and messages that were not sent, by the reason",
        )
        .by("reason", worker.send_drops.each());
    families
        .gauge(
            "turnd_connections",
            "Open connections: of clients by transport, and with peers (RFC 6062)",
        )
        .by("transport", worker.connections.each());
    add_handshakes(families, &worker.handshakes);
}

fn add_handshakes(families: &mut Families, handshakes: &Handshakes) {
    families
        .counter(
            "turnd_handshakes_total",
            "Handshakes of TLS and DTLS, by how they ended",
        )
        .sample(
            &[("protocol", "tls"), ("result", "done")],
            handshakes.tls_done,
        )
        .sample(
            &[("protocol", "tls"), ("result", "failed")],
            handshakes.tls_failed,
        )
        .sample(
            &[("protocol", "tls"), ("result", "refused")],
            handshakes.tls_refused,
        )
        .sample(
            &[("protocol", "dtls"), ("result", "done")],
            handshakes.dtls_done,
        )
        .sample(
            &[("protocol", "dtls"), ("result", "failed")],
            handshakes.dtls_failed,
        );
}

/// Adds what shows whether work is spread evenly, and whether a worker stands still.
#[expect(clippy::cast_precision_loss, reason = "microseconds of a turn")]
pub(super) fn add_each(families: &mut Families, known: &Known) {
    let names: Vec<String> = (0..known.workers.len()).map(|it| it.to_string()).collect();
    let reports: Vec<_> = names
        .iter()
        .zip(&known.workers)
        .filter_map(|(name, report)| Some((name.as_str(), report.as_deref()?)))
        .collect();

    let mut up = families.gauge("turnd_worker_up", "1 if the worker answers, else 0");
    for (index, name) in names.iter().enumerate() {
        let is_up = !known.silent.contains(&index);
        up = up.sample(&[("worker", name)], u64::from(is_up));
    }
    let mut allocations = families.gauge(
        "turnd_worker_allocations",
        "Allocations that live, by worker",
    );
    for &(name, report) in &reports {
        let count = report.server.allocations.sum();
        allocations = allocations.sample(&[("worker", name)], count);
    }
    let mut received = families.counter(
        "turnd_worker_received_datagrams_total",
        "Datagrams received, by worker",
    );
    for &(name, report) in &reports {
        received = received.sample(&[("worker", name)], report.worker.received);
    }
    let mut turns = families.histogram(
        "turnd_worker_turn_seconds",
        "How long turns of the loop took, without waiting, by worker; a packet waits one turn at most",
    );
    for &(name, report) in &reports {
        turns = turns.observed(&[("worker", name)], &report.worker.turn_micros, MICROS);
    }
    let mut longest = families.gauge(
        "turnd_worker_longest_turn_seconds",
        "The longest turn of the loop since the start, by worker",
    );
    for &(name, report) in &reports {
        let seconds = report.worker.longest_turn as f64 / MICROS;
        longest = longest.number(&[("worker", name)], seconds);
    }
}
