//! Options under the heading "Relay".

use super::{
    ANY,
    Kind::{Address, Device, Family, Flag, Mappings, Number, Port, Text},
    PAUSE, SECONDS, Topic,
    row::{accepted, ignored, obeyed},
    to,
};

const BATCHED: &str = "datagrams are always received and sent in batches";

pub(super) static TOPIC: Topic = Topic {
    heading: "Relay",
    options: &[
        obeyed(
            "relay-ip",
            Address(to!(relay_ip)),
            "address to open relay ports on",
        )
        .letter('E')
        .default("listening-ip")
        .repeatable(),
        obeyed(
            "external-ip",
            Mappings(to!(external_ip)),
            "address, name or auto, behind 1:1 NAT; or PUBLIC/PRIVATE",
        )
        .letter('X')
        .repeatable(),
        obeyed(
            "external-ip-stun-server",
            Text(to!(external_ip_stun_server)),
            "HOST[:PORT] that external-ip=auto asks",
        ),
        obeyed(
            "external-ip-interval",
            Number(1..=86_400, to!(external_ip_interval)),
            "seconds between lookups of names (not in coturn)",
        )
        .default("60"),
        obeyed("min-port", Port(to!(min_port)), "lowest relay port").default("49152"),
        obeyed("max-port", Port(to!(max_port)), "highest relay port").default("65535"),
        obeyed(
            "allocation-default-address-family",
            Family(to!(default_family)),
            "if a client names none: ipv4, ipv6, or keep for its own",
        )
        .letter('A')
        .default("ipv4"),
        obeyed(
            "keep-address-family",
            Flag(to!(keep_family)),
            "old way to say allocation-default-address-family=keep",
        )
        .letter('K'),
        obeyed(
            "relay-threads",
            Number(ANY, to!(relay_threads)),
            "worker threads, at most 128; 0 is taken as 1",
        )
        .letter('m')
        .default("one per core")
        .restart(),
        obeyed(
            "coalesce-usecs",
            Number(PAUSE, to!(coalesce)),
            "pause of a busy worker, for more packets (not in coturn)",
        )
        .default("0")
        .restart(),
        obeyed(
            "cpus",
            Number(SECONDS, to!(cpus)),
            "number of cores, where it is detected wrongly",
        )
        .default("detected")
        .restart(),
        obeyed(
            "relay-device",
            Device(to!(relay_device)),
            "network interface to relay through, and no other",
        )
        .letter('i'),
        obeyed(
            "no-udp-relay",
            Flag(to!(no_udp_relay)),
            "no relaying over UDP",
        ),
        obeyed(
            "tcp-relay",
            Flag(to!(tcp_relay)),
            "relay over TCP (RFC 6062), off without this (not in coturn)",
        ),
        obeyed(
            "no-tcp-relay",
            Flag(to!(no_tcp_relay)),
            "no relaying over TCP, as without this",
        ),
        ignored(
            "server-relay",
            Flag(None),
            "relay without permissions",
            "nothing is relayed without a permission",
        ),
        obeyed(
            "mobility",
            Flag(to!(mobility)),
            "let clients move to another address",
        ),
        ignored(
            "multiplex-peer",
            Flag(None),
            "one relay port for many clients",
            "every allocation has its own relay port",
        )
        .coturn_ignores_value(),
        ignored(
            "multiplex-peer-port",
            Number(1..=65000, None),
            "first port of multiplex-peer",
            "every allocation has its own relay port",
        )
        .default("3480"),
        ignored(
            "multiplex-peer-max-peers",
            Number(1..=65535, None),
            "peers per session of multiplex-peer",
            "every allocation has its own relay port",
        )
        .default("256"),
        accepted("udp-recvmmsg", Flag(None), "receive in batches", BATCHED),
        ignored(
            "udp-recvmmsg-log",
            Flag(None),
            "log how batches fill",
            BATCHED,
        ),
        ignored(
            "udp-sendmmsg-log",
            Flag(None),
            "log how batches fill",
            BATCHED,
        ),
        accepted(
            "udp-gso",
            Flag(None),
            "let the kernel segment sends",
            "used wherever the kernel can",
        ),
    ],
};
