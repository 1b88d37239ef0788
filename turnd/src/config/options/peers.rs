//! Options under the heading "Peers".

use super::{
    Kind::{Flag, Peers},
    Topic,
    row::{accepted, obeyed},
    to,
};

pub(super) static TOPIC: Topic = Topic {
    heading: "Peers",
    options: &[
        obeyed(
            "allowed-peer-ip",
            Peers(to!(allowed_peers)),
            "address, range a-b or block a/n; wins over denied",
        )
        .repeatable(),
        obeyed(
            "denied-peer-ip",
            Peers(to!(denied_peers)),
            "address, range a-b or block a/n",
        )
        .repeatable(),
        obeyed(
            "allow-private-peers",
            Flag(to!(allow_private)),
            "open the addresses of local networks (not in coturn)",
        ),
        obeyed(
            "allow-loopback-peers",
            Flag(to!(allow_loopback)),
            "open 127.0.0.0/8 and ::1, for tests",
        ),
        accepted(
            "no-multicast-peers",
            Flag(None),
            "refuse multicast and broadcast peers",
            "multicast and broadcast peers are always refused",
        ),
    ],
};
