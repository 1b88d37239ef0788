//! Options under the heading "Limits".

use super::{
    COUNT,
    Kind::{Flag, Number},
    RATE, SECONDS, Topic,
    row::{accepted, ignored, obeyed},
    to,
};

pub(super) static TOPIC: Topic = Topic {
    heading: "Limits",
    options: &[
        obeyed(
            "user-quota",
            Number(COUNT, to!(user_quota)),
            "allocations and reserved ports per user; 0: no limit",
        )
        .letter('q')
        .default("0"),
        obeyed(
            "total-quota",
            Number(COUNT, to!(total_quota)),
            "allocations and reserved ports in total; 0: no limit",
        )
        .letter('Q')
        .default("0"),
        obeyed(
            "max-allocate-lifetime",
            Number(SECONDS, to!(max_allocate_lifetime)),
            "most seconds an allocation is granted, 600 or more",
        )
        .default("3600"),
        obeyed(
            "channel-lifetime",
            Number(SECONDS, to!(channel_lifetime)),
            "seconds that a channel lasts",
        )
        .default("600"),
        obeyed(
            "permission-lifetime",
            Number(SECONDS, to!(permission_lifetime)),
            "seconds that a permission lasts",
        )
        .default("300"),
        obeyed(
            "max-bps",
            Number(RATE, to!(max_bps)),
            "bytes per second and allocation, each way; 0: no limit",
        )
        .letter('s')
        .default("0"),
        obeyed(
            "bps-capacity",
            Number(RATE, to!(bps_capacity)),
            "sum of max-bps that may be given out; 0: no limit",
        )
        .letter('B')
        .default("0"),
        obeyed(
            "new-peers-per-second",
            Number(COUNT, to!(new_peers)),
            "peers an allocation may meet; 0: no limit",
        )
        .default("10"),
        accepted(
            "max-allocate-timeout",
            Number(COUNT, None),
            "seconds that a stranger is remembered",
            "nothing is remembered before a valid credential",
        )
        .default("60"),
        obeyed(
            "drain-min-allocations",
            Number(COUNT, to!(drain_min_allocations)),
            "exit at this number of allocations when draining",
        )
        .default("0"),
        obeyed(
            "drain-timeout",
            Number(COUNT, to!(drain_timeout)),
            "most seconds that a drain, also by SIGTERM, takes",
        )
        .default("0"),
        accepted(
            "drop-invalid-packets",
            Flag(None),
            "drop malformed datagrams early",
            "malformed datagrams never leave a trace",
        ),
        ignored(
            "drop-invalid-packets-log",
            Flag(None),
            "log those drops",
            "malformed datagrams never leave a trace",
        ),
    ],
};
