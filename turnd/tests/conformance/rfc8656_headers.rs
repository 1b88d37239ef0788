//! RFC 8656 sections 11.5 and 13 to 16: ICMP, and what the headers of datagrams become. Routers and captures of
//! packets are needed to see it, which the tests in `turnd/tests/network` have.

use crate::row::{Row, decided, must, should};

const ICMP: &str = "crates/proto/tests/stories/icmp.rs";
const DATA: &str = "crates/proto/tests/stories/data.rs";
const ROUTERS: &str = "turnd/tests/network/routers.rs";
const UNDELIVERED: &str = "turnd/tests/network/undelivered.rs";
const HEADERS: &str = "turnd/tests/network/ip_header.rs";

const TO_PEERS: (&str, &str) = (
    HEADERS,
    "datagrams_to_peers_have_default_headers_and_df_where_it_was_asked_for",
);
const TO_CLIENTS: (&str, &str) = (HEADERS, "datagrams_to_clients_have_default_headers");
const WHOSE: (&str, &str) = (
    ICMP,
    "the_permission_of_whom_the_datagram_was_for_decides_and_no_port",
);

pub(crate) const ROWS: &[Row] = &[
    must(
        "T8656-11.5-1",
        "ICMP about a datagram to a permitted peer comes as a Data indication",
    )
    .held(&[
        (ICMP, "each_type_that_clients_are_told_of_has_its_form"),
        (
            UNDELIVERED,
            "a_closed_port_is_told_of_whatever_way_the_datagram_took",
        ),
        (
            ROUTERS,
            "the_mtu_of_the_path_is_told_whenever_a_datagram_may_not_be_fragmented",
        ),
    ]),
    must("T8656-11.5-2", "ICMP about anything else: silence")
        .held(&[WHOSE, (ICMP, "nobody_is_told_of_a_relay_that_is_over")]),
    must(
        "T8656-11.5-3",
        "whoever sent the ICMP, whom the datagram was for decides",
    )
    .held(&[WHOSE, (ROUTERS, "a_router_that_cannot_go_on_is_heard")]),
    must(
        "T8656-13-1",
        "from one family to the other DONT-FRAGMENT is ignored",
    )
    .held(&[(
        DATA,
        "dont_fragment_has_no_meaning_where_datagrams_are_translated",
    )]),
    should("T8656-14-1", "DSCP is copied or fixed: it is 0").held(&[TO_PEERS, TO_CLIENTS]),
    should("T8656-14-2", "ECN is copied or Not-ECT: it is Not-ECT").held(&[TO_PEERS, TO_CLIENTS]),
    should(
        "T8656-14-3",
        "DF is set for DONT-FRAGMENT, and for nothing else",
    )
    .held(&[TO_PEERS]),
    decided("T8656-14-4", "TTL and hop limit are the system's").held(&[TO_PEERS, TO_CLIENTS]),
    should(
        "T8656-15-1",
        "from a stream: Not-ECT, DF only for DONT-FRAGMENT",
    )
    .held(&[(HEADERS, "streams_lend_datagrams_nothing_but_dont_fragment")]),
    should(
        "T8656-16-1",
        "to a stream: fragments come whole, marks are not passed on",
    )
    .held(&[(
        HEADERS,
        "fragments_of_peers_reach_a_stream_whole_and_leave_no_mark_on_it",
    )]),
];
