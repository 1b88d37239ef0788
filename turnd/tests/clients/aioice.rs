//! aioice, the ICE and TURN client under Python's aiortc.

use super::*;
use crate::support::{
    echo::EchoPeer,
    foreign::{Facts, python, run, script},
};

#[test]
fn ipv4_client() {
    relays("udp", SocketAddr::is_ipv4);
}

#[test]
fn ipv6_client() {
    relays("udp", SocketAddr::is_ipv6);
}

#[test]
fn tcp_client() {
    relays("tcp", SocketAddr::is_ipv4);
    relays("tcp", SocketAddr::is_ipv6);
}

#[test]
fn tls_client() {
    relays("tls", SocketAddr::is_ipv4);
}

fn relays(protocol: &str, family: fn(&SocketAddr) -> bool) {
    let Some(python) = python() else { return };
    let certificates = Certificates::new(KeyKind::Ecdsa);
    let turnd = secured(&certificates, "");
    let server = turnd.address(protocol, family);
    let peer = EchoPeer::start(V4);
    let [server_port, peer_port] =
        [server, peer.address()].map(|address| address.port().to_string());
    let (script, server_ip) = (script("aioice_relay.py"), server.ip().to_string());
    let root = certificates.path("root.pem");

    let printed = run(
        &python,
        &[
            &script,
            protocol,
            &root,
            &server_ip,
            &server_port,
            USER,
            PASSWORD,
            "127.0.0.1",
            &peer_port,
        ],
    );

    let facts = Facts::of(&printed);
    assert_eq!(facts.value("relayed_ip"), "127.0.0.1", "{printed}");
    assert_eq!(facts.value("echoed"), "200", "{printed}");
    assert_eq!(facts.value("refreshed"), "600", "{printed}");
    assert_eq!(facts.value("echoed_after_refresh"), "200", "{printed}");
    assert_eq!(facts.value("wrong_password"), "401", "{printed}");
}
