//! coturn's own metrics, each by its name, type and labels there, so that what was made for coturn goes
//! on working. Counters have no `_total` there. What differs: they move while allocations are up.

use turnd_proto::{Traffic, Transport};

use super::{
    families::{Families, Labels},
    top_users::Shown,
};
use crate::report::WorkerReport;

/// The name of a traffic counter, what it counts, and where to find it.
type TrafficCounter = (&'static str, &'static str, fn(&Traffic) -> u64);

const TRAFFIC: [TrafficCounter; 8] = [
    ("rcvp", "messages with data received from clients", |it| {
        it.client.received.packets
    }),
    (
        "rcvb",
        "bytes of messages with data received from clients",
        |it| it.client.received.bytes,
    ),
    ("sentp", "messages with data sent to clients", |it| {
        it.client.sent.packets
    }),
    (
        "sentb",
        "bytes of messages with data sent to clients",
        |it| it.client.sent.bytes,
    ),
    ("peer_rcvp", "packets received from peers", |it| {
        it.peer.received.packets
    }),
    ("peer_rcvb", "bytes of data received from peers", |it| {
        it.peer.received.bytes
    }),
    ("peer_sentp", "packets sent to peers", |it| {
        it.peer.sent.packets
    }),
    ("peer_sentb", "bytes of data sent to peers", |it| {
        it.peer.sent.bytes
    }),
];

/// Adds them. `users`: those that have a label, if users have labels at all.
pub(super) fn add(
    families: &mut Families,
    realm: &str,
    total: &WorkerReport,
    users: Option<&Shown>,
) {
    add_binding(families, total);
    add_challenges(families, total);
    for (name, help, of) in TRAFFIC {
        add_traffic(families, realm, total, users, (name, help, of));
    }
    for (name, help, of) in TRAFFIC {
        families
            .counter(
                &format!("turn_total_traffic_{name}"),
                &format!("In all: {help}"),
            )
            .sample(&[], of(&total.server.traffic));
    }
    add_allocations(families, total);
    add_system_calls(families, total);
}

fn add_binding(families: &mut Families, total: &WorkerReport) {
    let server = &total.server;
    for (name, help, value) in [
        (
            "stun_binding_request",
            "Binding requests received",
            server.requests.binding,
        ),
        (
            "stun_binding_response",
            "Success replies to Binding requests",
            server.successes.binding,
        ),
        (
            "stun_binding_error",
            "Error replies to Binding requests",
            server.errors_by_method.binding,
        ),
    ] {
        families.counter(name, help).sample(&[], value);
    }
}

fn add_challenges(families: &mut Families, total: &WorkerReport) {
    let sent = total.server.errors.unauthenticated;
    let limit = &total.server.challenge_limit;
    for (name, help, value) in [
        (
            "turn_unauthenticated_401_requests",
            "Requests whose reply is a 401, sent or not",
            sent + limit.dropped,
        ),
        (
            "turn_unauthenticated_401_responses",
            "Replies with 401 that were sent",
            sent,
        ),
        (
            "turn_unauthenticated_401_dropped_responses",
            "Replies with 401 that unauthorized-ratelimit held back",
            limit.dropped,
        ),
        (
            "turn_ratelimit_hash_collisions",
            "Sources that shared an entry of the rate limit's table with another",
            limit.collisions,
        ),
    ] {
        families.counter(name, help).sample(&[], value);
    }
    for (name, help, value) in [
        (
            "turn_ratelimit_occupied_buckets",
            "Entries of the rate limit's table that hold a source",
            limit.occupied,
        ),
        (
            "turn_ratelimit_total_buckets",
            "Entries of the rate limit's table; 0 when the limit is off",
            limit.entries,
        ),
    ] {
        families.gauge(name, help).sample(&[], value);
    }
}

fn add_traffic(
    families: &mut Families,
    realm: &str,
    total: &WorkerReport,
    users: Option<&Shown>,
    (name, help, of): TrafficCounter,
) {
    let name = format!("turn_traffic_{name}");
    let help = format!("By realm: {help}");
    let mut family = families.counter(&name, &help);
    let Some(users) = users else {
        family.sample(&[("realm", realm)], of(&total.server.traffic));
        return;
    };
    for (user, traffic) in users.each() {
        let labels: Labels<'_> = &[("realm", realm), ("user", user)];
        family = family.sample(labels, of(traffic));
    }
}

fn add_allocations(families: &mut Families, total: &WorkerReport) {
    let mut counts = [("UDP", 0), ("TCP", 0), ("TLS/TCP", 0), ("DTLS", 0)];
    for (kind, count) in total.server.allocations.each() {
        let at = match kind.transport {
            Transport::Udp => 0,
            Transport::Tcp => 1,
            Transport::Tls => 2,
            Transport::Dtls => 3,
        };
        counts[at].1 += count;
    }
    families
        .gauge(
            "turn_total_allocations",
            "Allocations that live, by the transport of their clients",
        )
        .by("type", counts);
}

fn add_system_calls(families: &mut Families, total: &WorkerReport) {
    let worker = &total.worker;
    let lost = total.server.drops_to_peer.sum()
        + total.server.drops_to_client.sum()
        + worker.send_drops.sum();
    for (name, help, value) in [
        (
            "turn_packet_processed",
            "Datagrams received, from clients and from peers",
            worker.received,
        ),
        (
            "turn_packet_dropped",
            "Data that was received and not handed on, for whatever reason",
            lost,
        ),
        (
            "turn_udp_recvmmsg_calls",
            "Calls that asked the kernel for datagrams",
            worker.receive_calls,
        ),
        (
            "turn_udp_recvmmsg_packets",
            "Datagrams that those calls brought",
            worker.received,
        ),
        (
            "turn_udp_sendmmsg_flushes",
            "Calls that gave the kernel datagrams",
            worker.send_calls,
        ),
        (
            "turn_udp_sendmmsg_datagrams",
            "Datagrams that the kernel took",
            worker.sent,
        ),
        (
            "turn_udp_sendmmsg_gso_datagrams",
            "Of those, datagrams that left in runs (UDP_SEGMENT)",
            worker.gso_datagrams,
        ),
    ] {
        families.counter(name, help).sample(&[], value);
    }
}
