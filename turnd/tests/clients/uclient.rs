//! `turnutils_uclient` of Debian's coturn. It exits with 0 whatever was lost, so its figures are what counts.

use super::*;
use crate::support::{
    echo::EchoPeer,
    foreign::{foreign, modern_tls, run},
};

const CLIENTS: u32 = 2;
const MESSAGES: u32 = 40;

#[test]
fn channels() {
    relays(&long_term(), V4, &["-e", "127.0.0.1"], 1);
}

#[test]
fn channels_with_full_datagrams() {
    relays(&long_term(), V4, &["-e", "127.0.0.1", "-l", "1200"], 1);
}

#[test]
fn indications() {
    relays(&long_term(), V4, &["-e", "127.0.0.1", "-s"], 1);
}

#[test]
fn ipv6_channels() {
    relays(&long_term(), V6, &["-e", "::1", "-x"], 1);
}

#[test]
fn ipv6_indications() {
    relays(&long_term(), V6, &["-e", "::1", "-x", "-s"], 1);
}

#[test]
fn ipv6_relay_for_an_ipv4_client() {
    relays(&long_term(), V4, &["-e", "::1", "-x"], 1);
}

#[test]
fn ipv4_relay_for_an_ipv6_client() {
    relays(&long_term(), V6, &["-e", "127.0.0.1", "-X"], 1);
}

#[test]
fn dual_allocation_reaches_an_ipv4_peer() {
    relays(&long_term(), V4, &["-e", "127.0.0.1", "-Z"], 1);
}

#[test]
fn dual_allocation_reaches_an_ipv6_peer() {
    relays(&long_term(), V4, &["-e", "::1", "-Z"], 1);
}

#[test]
fn between_two_relayed_addresses_by_channels() {
    relays(&long_term(), V4, &["-y"], 2);
}

#[test]
fn between_two_relayed_addresses_by_indications() {
    relays(&long_term(), V4, &["-y", "-s"], 2);
}

#[test]
fn dont_fragment() {
    relays(&long_term(), V4, &["-e", "127.0.0.1", "-g"], 1);
}

#[test]
fn padded_channel_data() {
    // 101 bytes, so that there is something to pad.
    relays(&long_term(), V4, &["-e", "127.0.0.1", "-D", "-l", "101"], 1);
}

#[test]
fn extra_permissions_and_channels() {
    relays(&long_term(), V4, &["-e", "127.0.0.1", "-G"], 1);
}

#[test]
fn shared_secret() {
    let config = config(&format!(
        "use-auth-secret\nstatic-auth-secret={SECRET}\nallow-loopback-peers\n"
    ));
    relays_for(
        &config,
        V4,
        &["-W", SECRET, "-u", "bob"],
        &["-e", "127.0.0.1"],
        1,
    );
}

/// The same with a user of the long-term mechanism.
fn relays(config: &str, server_ip: IpAddr, flags: &[&str], ends: u32) {
    relays_for(
        config,
        server_ip,
        &["-u", USER, "-w", PASSWORD],
        flags,
        ends,
    );
}

/// Every message that the clients send comes back to them; `ends` of each client's session send them.
fn relays_for(config: &str, server_ip: IpAddr, credentials: &[&str], flags: &[&str], ends: u32) {
    let Some(uclient) = foreign("turnutils_uclient") else {
        return;
    };
    let turnd = Turnd::start(config);
    let server = if server_ip.is_ipv4() {
        turnd.udp_v4()
    } else {
        turnd.udp_v6()
    };
    let flags = [credentials, flags].concat();
    let printed = echoed(&uclient, server, &flags);
    let expected = CLIENTS * MESSAGES * ends;
    assert_eq!(
        Tally::of(&printed),
        Some(Tally {
            sent: expected,
            received: expected,
            lost: 0
        }),
        "{printed}"
    );
}

/// Runs the clients against a peer that sends everything back; what they print.
pub(crate) fn echoed(uclient: &str, server: SocketAddr, flags: &[&str]) -> String {
    let peer = EchoPeer::start(if flags.contains(&"::1") { V6 } else { V4 });
    let [port, peer_port] = [server, peer.address()].map(|address| address.port().to_string());
    let [clients, messages] = [CLIENTS, MESSAGES].map(|number| number.to_string());
    let library = format!("LD_PRELOAD={}", modern_tls());
    // -z: one millisecond between two messages of a client.
    let load = ["-m", &clients, "-n", &messages, "-z", "1"];
    let addresses = ["-r", &peer_port, "-p", &port, &server.ip().to_string()];
    run(
        "env",
        &[&[&library, uclient], flags, &load, &addresses].concat(),
    )
}

/// Every message comes back over this way in, on each of the ports that take it.
pub(crate) fn relays_over(protocol: &str, flags: &[&str], ends: u32) {
    let Some(uclient) = foreign("turnutils_uclient") else {
        return;
    };
    let certificates = Certificates::new(KeyKind::Rsa);
    let turnd = secured(&certificates, "");
    let servers = turnd.addresses(protocol);
    let servers: Vec<_> = servers.iter().filter(|server| server.is_ipv4()).collect();
    assert_eq!(servers.len(), 2, "the plain port and the one for TLS");
    for &server in servers {
        let flags = [&["-u", USER, "-w", PASSWORD], flags].concat();
        let printed = echoed(&uclient, server, &flags);
        let expected = CLIENTS * MESSAGES * ends;
        let tally = Tally {
            sent: expected,
            received: expected,
            lost: 0,
        };
        assert_eq!(Tally::of(&printed), Some(tally), "{printed}");
    }
}

#[test]
fn tcp_channels() {
    relays_over("tcp", &["-t", "-e", "127.0.0.1"], 1);
}

#[test]
fn tcp_indications() {
    relays_over("tcp", &["-t", "-s", "-e", "127.0.0.1", "-l", "1200"], 1);
}

#[test]
fn tcp_between_two_relayed_addresses() {
    // Not over TLS: there this client loses its last messages with any server, because it does not read
    // what OpenSSL has decrypted ahead.
    relays_over("tcp", &["-t", "-y"], 2);
}

#[test]
fn tls_channels() {
    relays_over("tls", &["-t", "-S", "-e", "127.0.0.1"], 1);
}

#[test]
fn tls_indications() {
    relays_over("tls", &["-t", "-S", "-s", "-e", "127.0.0.1"], 1);
}

/// RFC 6062: the clients of a run are each other's peers.
#[test]
fn tcp_is_relayed_to_clients_on_tcp() {
    relays_tcp("tcp", &["-T"]);
}

#[test]
fn tcp_is_relayed_to_clients_on_tls() {
    relays_tcp("tls", &["-T", "-S"]);
}

fn relays_tcp(protocol: &str, flags: &[&str]) {
    let Some(uclient) = foreign("turnutils_uclient") else {
        return;
    };
    let certificates = Certificates::new(KeyKind::Ecdsa);
    let turnd = secured(&certificates, "tcp-relay\nrelay-threads=2\n");
    let server = turnd.address(protocol, SocketAddr::is_ipv4);
    let flags = [&["-u", USER, "-w", PASSWORD], flags].concat();
    let printed = echoed(&uclient, server, &flags);
    let tally = Tally::of(&printed).expect(&printed);
    assert!(tally.sent >= CLIENTS * MESSAGES, "{printed}");
    assert_eq!((tally.received, tally.lost), (tally.sent, 0), "{printed}");
}

/// The figures at the end of what uclient prints.
#[derive(Debug, PartialEq)]
struct Tally {
    sent: u32,
    received: u32,
    lost: u32,
}

impl Tally {
    fn of(printed: &str) -> Option<Self> {
        Some(Self {
            sent: last_number(printed, "tot_send_msgs=")?,
            received: last_number(printed, "tot_recv_msgs=")?,
            lost: last_number(printed, "Total lost packets ")?,
        })
    }
}

fn last_number(text: &str, after: &str) -> Option<u32> {
    let (_, rest) = text.rsplit_once(after)?;
    let digits = rest
        .split(|character: char| !character.is_ascii_digit())
        .next()?;
    digits.parse().ok()
}
