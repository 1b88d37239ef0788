//! What the state machine counts: requests and their ends, allocations, what was not relayed; and the
//! relay ports.

use turnd_proto::{Counters, Memory, RelayProtocol};

use super::families::Families;
use crate::{ports::RelayPorts, report::WorkerReport};

pub(super) fn add(families: &mut Families, server: &Counters) {
    add_requests(families, server);
    add_refusals(families, server);
    add_allocations(families, server);
    add_rights(families, server);
    add_drops(families, server);
    add_icmp(families, server);
}

fn add_requests(families: &mut Families, server: &Counters) {
    families
        .counter(
            "turnd_requests_total",
            "Requests received, by method; other: methods that this server does not have",
        )
        .by("method", server.requests.each());
    let mut responses = families.counter(
        "turnd_responses_total",
        "Replies sent, by method and class of the reply",
    );
    for (class, counts) in [
        ("success", &server.successes),
        ("error", &server.errors_by_method),
    ] {
        for (method, count) in counts.each() {
            responses = responses.sample(&[("method", method), ("class", class)], count);
        }
    }
    families
        .counter(
            "turnd_malformed_messages_total",
            "Datagrams of clients that were neither a message of STUN nor ChannelData",
        )
        .sample(&[], server.malformed);
}

fn add_refusals(families: &mut Families, server: &Counters) {
    families
        .counter("turnd_errors_total", "Error replies sent, by their code")
        .by("code", server.errors.each());
    families
        .counter(
            "turnd_auth_failures_total",
            "Requests that did not show who sent them, by the reason; no-credential is the first request of every session",
        )
        .by("reason", server.auth_failures.each());
    families
        .counter(
            "turnd_challenges_withheld_total",
            "Replies with 401 or 438 that were not sent, because nobody answers them where they go",
        )
        .sample(&[], server.challenges_withheld);
    families
        .counter(
            "turnd_quota_hits_total",
            "Allocations refused with 486, by the limit: user-quota, total-quota or bps-capacity",
        )
        .by(
            "quota",
            [
                ("user", server.user_quota_hits),
                ("total", server.total_quota_hits),
                ("bandwidth", server.capacity_hits),
            ],
        );
    families
        .counter(
            "turnd_peers_refused_total",
            "Peers refused with 403 because nobody may reach them",
        )
        .sample(&[], server.peers_forbidden);
    families
        .counter(
            "turnd_discovery_dropped_total",
            "Answers of NAT behaviour discovery that were not sent, because their source has had its share",
        )
        .sample(&[], server.discoveries_dropped);
}

/// Adds what nearly no memory does.
pub(super) fn add_memory(families: &mut Families, total: &WorkerReport, memory: &Memory) {
    families
        .gauge(
            "turnd_memory_short",
            "1 while memory is nearly gone and nothing new is begun",
        )
        .sample(&[], u64::from(memory.is_short()));
    let (server, worker) = (&total.server.memory_hits, &total.worker.memory_hits);
    families
        .counter(
            "turnd_memory_hits_total",
            "What was refused while memory was nearly gone, by what it was: requests with 508, connections and DTLS hellos; also what would have been refused anyway",
        )
        .by("refused", server.each().chain(worker.each()));
}

fn add_allocations(families: &mut Families, server: &Counters) {
    let mut live = families.gauge(
        "turnd_allocations",
        "Allocations that live, by the client's transport, the family of the relayed address and what is relayed",
    );
    for (kind, count) in server.allocations.each() {
        let labels = [
            ("transport", kind.transport.name()),
            ("family", kind.families.label()),
            ("relay", relay(kind.protocol)),
        ];
        live = live.sample(&labels, count);
    }
    families
        .counter("turnd_allocations_created_total", "Allocations made")
        .sample(&[], server.allocations_made);
    families
        .counter(
            "turnd_allocations_moved_total",
            "Times that an allocation went to another address of its client (RFC 8016)",
        )
        .sample(&[], server.allocations_moved);
    families
        .counter(
            "turnd_allocations_ended_total",
            "Allocations that ended, by the reason",
        )
        .by("reason", server.allocations_ended.each());
    families
        .histogram(
            "turnd_allocation_relayed_bytes",
            "Bytes of data that an allocation relayed in both directions, observed at its end",
        )
        .observed(&[], &server.allocation_bytes, 1.0);
    families
        .histogram(
            "turnd_allocation_duration_seconds",
            "How long an allocation lived, observed at its end",
        )
        .observed(&[], &server.allocation_seconds, 1.0);
}

fn add_rights(families: &mut Families, server: &Counters) {
    for (name, help, value) in [
        (
            "turnd_permissions",
            "Permissions that live",
            server.permissions,
        ),
        (
            "turnd_channels",
            "Channel bindings that live",
            server.channels,
        ),
        (
            "turnd_peer_connections",
            "Connections of TCP allocations with peers (RFC 6062)",
            server.peer_connections,
        ),
    ] {
        families.gauge(name, help).sample(&[], value);
    }
    for (name, help, value) in [
        (
            "turnd_permissions_installed_total",
            "Permissions installed or refreshed",
            server.permissions_made,
        ),
        (
            "turnd_channels_bound_total",
            "Channels bound or refreshed",
            server.channels_made,
        ),
    ] {
        families.counter(name, help).sample(&[], value);
    }
}

fn add_drops(families: &mut Families, server: &Counters) {
    let mut drops = families.counter(
        "turnd_relay_drops_total",
        "Messages with data that were not relayed, by direction and reason",
    );
    for (direction, counts) in [
        ("to-peer", &server.drops_to_peer),
        ("to-client", &server.drops_to_client),
    ] {
        for (reason, count) in counts.each() {
            drops = drops.sample(&[("direction", direction), ("reason", reason)], count);
        }
    }
}

fn add_icmp(families: &mut Families, server: &Counters) {
    families
        .counter(
            "turnd_icmp_messages_total",
            "ICMP messages about datagrams that relays sent to peers, by what became of them",
        )
        .by("result", server.icmp.each());
}

/// Adds how full the relay addresses are.
pub(super) fn add_ports(families: &mut Families, ports: &RelayPorts) {
    let usage: Vec<_> = ports
        .usage()
        .map(|usage| (usage.address.to_string(), usage))
        .collect();
    let count = |ports: usize| u64::try_from(ports).unwrap_or(u64::MAX);
    let mut all = families.gauge(
        "turnd_relay_ports",
        "Ports that relays may have, by relay address",
    );
    for (address, usage) in &usage {
        all = all.sample(&[("address", address)], count(usage.ports));
    }
    let mut used = families.gauge(
        "turnd_relay_ports_used",
        "Ports that allocations have or that are reserved (EVEN-PORT), by relay address",
    );
    for (address, usage) in &usage {
        used = used.sample(&[("address", address)], count(usage.used));
    }
}

const fn relay(protocol: RelayProtocol) -> &'static str {
    match protocol {
        RelayProtocol::Udp => "udp",
        RelayProtocol::Tcp => "tcp",
    }
}
