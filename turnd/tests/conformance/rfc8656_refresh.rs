//! RFC 8656 section 8: Refresh, and the life of an allocation.

use std::net::SocketAddr;

use turnd_wire::Family;

use crate::{
    client::CHANNEL,
    messages::{OK, Request},
    rfc8656_allocate::{GRANTED, expect_both},
    row::{ALL, Row, must},
    subject::Path,
};

const LIFETIMES: &str = "crates/proto/tests/stories/lifetimes.rs";
const REFRESH: &str = "crates/proto/tests/stories/refresh.rs";

pub(crate) const ROWS: &[Row] = &[
    must("T8656-6-2", "data does not prolong an allocation").held(&[(
        LIFETIMES,
        "an_allocation_lasts_as_long_as_granted_whatever_flows",
    )]),
    must("T8656-8.2-1", "LIFETIME 0 ends an allocation at once").over(ALL, refresh_zero),
    must(
        "T8656-8.2-2",
        "Refresh keeps LIFETIME within the same bounds",
    )
    .over(ALL, refresh_lifetimes),
    must(
        "T8656-8.2-3",
        "Refresh of a family that the allocation lacks: 443",
    )
    .over(ALL, refresh_family),
    must("T8656-8.1-4", "one half of a dual allocation ends alone").over(ALL, refresh_half),
    must("T8656-8.1-5", "without a family both halves are refreshed")
        .over(ALL, refresh_both)
        .held(&[(REFRESH, "without_a_family_both_halves_are_meant")]),
];

fn refresh_zero(path: &Path<'_>) {
    let (mut client, relay, peer) = path.bound();
    assert_eq!(client.refresh(0).lifetime(), Some(0));
    assert_eq!(client.refresh(600).code(), 437);
    assert_eq!(client.permit(&[peer.address()]), 437);
    client.send_channel(CHANNEL, b"from the dead");
    client.send_data(peer.address(), b"from the dead");
    // A new allocation of the same client has none of what the old one had.
    let mut again = client;
    let new = again.allocate();
    again.send_channel(CHANNEL, b"from the dead");
    again.must_permit(peer.address());
    again.send_data(peer.address(), b"alive");
    peer.expect(b"alive", new);
    if new != relay {
        peer.send(relay, b"to the dead");
    }
    peer.send(new, b"hello");
    again.expect_data(peer.address(), b"hello");
}

fn refresh_lifetimes(path: &Path<'_>) {
    let mut client = path.client();
    client.allocate();
    assert_eq!(client.call(&Request::refresh()).lifetime(), Some(600));
    for (asked, granted) in GRANTED {
        assert_eq!(client.refresh(asked).lifetime(), Some(granted), "{asked}");
    }
}

fn refresh_family(path: &Path<'_>) {
    let mut client = path.client();
    client.allocate();
    let other = client.family.other();
    let request = Request::refresh().family(other).lifetime(700);
    client.expect(443, &request);
    let request = Request::refresh().family(client.family).lifetime(700);
    assert_eq!(client.call(&request).lifetime(), Some(700));
}

fn refresh_half(path: &Path<'_>) {
    let mut client = path.client();
    let reply = client.call(&Request::allocate().dual());
    let relay = reply
        .relayed()
        .into_iter()
        .find(SocketAddr::is_ipv4)
        .expect("IPv4");
    let (v4, v6) = (path.peer_of(Family::V4), path.peer_of(Family::V6));
    client.must_bind(CHANNEL, v4.address());
    client.must_bind(CHANNEL + 1, v6.address());
    let end = Request::refresh().family(Family::V6).lifetime(0);
    assert_eq!(client.call(&end).lifetime(), Some(0));
    assert_eq!(client.permit(&[v6.address()]), 443);
    assert_eq!(client.bind(CHANNEL + 2, v6.address()), 443);
    client.send_channel(CHANNEL + 1, b"through the dead half");
    client.send_channel(CHANNEL, b"through the other");
    v4.expect(b"through the other", relay);
    v4.send(relay, b"and back");
    client.expect_channel(CHANNEL, b"and back");
    assert_eq!(client.refresh(600).code(), OK);
}

fn refresh_both(path: &Path<'_>) {
    let mut client = path.client();
    expect_both(&client.call(&Request::allocate().dual()));
    assert_eq!(client.refresh(900).lifetime(), Some(900));
    let half = Request::refresh().family(Family::V6).lifetime(900);
    client.expect(OK, &half);
    assert_eq!(client.refresh(0).lifetime(), Some(0));
    assert_eq!(client.refresh(900).code(), 437, "both are gone");
}
