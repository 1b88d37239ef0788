//! Options under the heading "Connections".

use super::{COUNT, Kind::Number, PER_SECOND, SECONDS, Topic, row::obeyed, to};

pub(super) static TOPIC: Topic = Topic {
    heading: "Connections",
    options: &[
        obeyed(
            "max-connections",
            Number(SECONDS, to!(max_connections)),
            "TCP and TLS clients at once (not in coturn)",
        )
        .default("65536"),
        obeyed(
            "max-connections-per-address",
            Number(COUNT, to!(max_connections_per_address)),
            "the same from one address; 0: no limit (not in coturn)",
        )
        .default("1024"),
        obeyed(
            "tls-handshakes-per-second",
            Number(PER_SECOND, to!(tls_handshakes_per_second)),
            "TLS handshakes a second and worker (not in coturn)",
        )
        .default("200"),
        obeyed(
            "tls-handshakes-per-address",
            Number(PER_SECOND, to!(tls_handshakes_per_address)),
            "TLS handshakes a second and address (not in coturn)",
        )
        .default("50"),
        obeyed(
            "stream-queue-bytes",
            Number(16384..=16 << 20, to!(stream_queue_bytes)),
            "bytes that wait for a slow reader (not in coturn)",
        )
        .default("262144"),
        obeyed(
            "stream-queue-time",
            Number(10..=10_000, to!(stream_queue_time)),
            "milliseconds that relayed data waits (not in coturn)",
        )
        .default("200"),
    ],
};
