//! RFC 7443: the application protocols of STUN and TURN.

use crate::{
    row::{Dtls, Row, Tls, should},
    subject::Path,
};

pub(crate) const ROWS: &[Row] = &[
    should(
        "T7443-1",
        "stun.turn and stun.nat-discovery are chosen, and none is needed",
    )
    .over(&[Tls, Dtls], chosen),
    should(
        "T7443-1b",
        "only foreign protocols: no_application_protocol",
    )
    .over(&[Tls, Dtls], foreign),
];

/// A list as ALPN has it.
fn list(names: &[&str]) -> Vec<u8> {
    let mut list = Vec::new();
    for name in names {
        list.push(u8::try_from(name.len()).expect("a short name"));
        list.extend(name.as_bytes());
    }
    list
}

fn chosen(path: &Path<'_>) {
    for (offered, expected) in [
        (&["stun.turn"][..], Some("stun.turn")),
        (&["stun.nat-discovery"], Some("stun.nat-discovery")),
        (&["h2", "stun.turn"], Some("stun.turn")),
    ] {
        let client = path.handshake(|client| {
            client.set_alpn_protos(&list(offered)).expect("a list");
        });
        let mut client = client.unwrap_or_else(|why| panic!("{offered:?}: {why}"));
        assert_eq!(client.agreed().alpn.as_deref(), expected, "{offered:?}");
        client.expect_nothing();
    }
    let mut client = path.client();
    assert_eq!(client.agreed().alpn, None);
    client.expect_nothing();
}

fn foreign(path: &Path<'_>) {
    let refused = path.handshake(|client| {
        client
            .set_alpn_protos(&list(&["h2", "http/1.1"]))
            .expect("a list");
    });
    let why = refused.err().expect("no handshake");
    assert!(why.contains("no application protocol"), "{why}");
}
