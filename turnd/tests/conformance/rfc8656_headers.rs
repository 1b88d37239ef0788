//! RFC 8656 sections 11.5 and 13 to 16: ICMP, and what the headers of datagrams become. For most of it routers and
//! captures of packets are needed, which the tests in `turnd/tests/network` have.

use std::net::SocketAddr;

use turnd_wire::{Class, Family, Message, Method, attr};

use crate::{
    client::CHANNEL,
    row::{ALL, Row, decided, must, should},
    subject::Path,
};

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
    .over(ALL, closed_port)
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
    should(
        "T8656-13-2",
        "what our overhead makes too long is cut up, and no peer is told of it",
    )
    .held(&[(
        HEADERS,
        "what_our_overhead_makes_too_long_is_cut_up_and_no_peer_is_told",
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

/// The port of a service that nobody has any more.
const DISCARD: u16 = 9;

fn closed_port(path: &Path<'_>) {
    let (mut client, relay, peer) = path.permitted();
    let closed = SocketAddr::new(peer.address().ip(), DISCARD);
    client.must_bind(CHANNEL, closed);
    // Type and code of "port unreachable", behind two bytes that are reserved.
    let unreachable = match client.family {
        Family::V4 => [0, 0, 3, 3, 0, 0, 0, 0],
        Family::V6 => [0, 0, 1, 4, 0, 0, 0, 0],
    };
    for by_channel in [true, false] {
        if by_channel {
            client.send_channel(CHANNEL, b"anyone?");
        } else {
            client.send_data(closed, b"anyone?");
        }
        let bytes = client.next().expect("an indication and not the end");
        let message = Message::parse(&bytes).expect("a STUN message");
        let kind = (message.class(), message.method());
        assert_eq!(kind, (Class::Indication, Method::DATA));
        assert_eq!(message.xor_address(attr::XOR_PEER_ADDRESS), Some(closed));
        assert_eq!(message.attribute(attr::ICMP), Some(&unreachable[..]));
    }
    // It is no reason to end anything.
    client.send_data(peer.address(), b"as before");
    peer.expect(b"as before", relay);
}
