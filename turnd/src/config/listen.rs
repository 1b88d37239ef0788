//! The part of lowering that decides what is listened on, what is relayed, and how much a connection
//! may ask for.

use std::{net::SocketAddr, time::Duration};

use super::{
    error::{About, Findings, Origin},
    listen_urls::{self, covers},
    raw::{Raw, Slot},
    tls::Offer,
    ways_in::{ConnectionLimits, Http, Listen, StreamQueue},
};

/// The port for STUN and TURN (RFC 8656 section 4).
pub(super) const PORT: u16 = 3478;
/// The same over TLS and DTLS.
const TLS_PORT: u16 = 5349;

pub(super) fn listen(raw: &Raw, offer: &Offer, findings: &mut Findings) -> Listen {
    let (no_udp, no_tcp) = (raw.no_udp.on(), raw.no_tcp.on());
    let has_other = raw.listen.last().is_some()
        || offer.over_tcp
        || offer.dtls
        || raw.tcp_proxy_port.last().is_some();
    if let (Some(no_udp), Some(no_tcp), false) = (no_udp, no_tcp, has_other) {
        let without_tls = match raw.no_tls.on() {
            Some(no_tls) => format!("no-tls ({no_tls})"),
            None => "no certificate for TLS".to_owned(),
        };
        let text = format!(
            "no-udp: with no-tcp ({no_tcp}) and {without_tls} nothing is left to listen on; \
             expected one of UDP, TCP, TLS and DTLS"
        );
        findings.error(no_udp, text);
    }
    let on_ports = listen_urls::on_ports(raw);
    let listen = Listen {
        on_ports,
        listeners: raw.listen.all().map(|at| at.value).collect(),
        udp: no_udp.is_none(),
        tcp: no_tcp.is_none(),
        tls_over_tcp: offer.over_tcp,
        dtls: offer.dtls,
        tls_listening_port: raw.tls_listening_port.or(TLS_PORT),
        alt_listening_port: second(
            "alt-listening-port",
            &raw.alt_listening_port,
            raw.listening_port.or(PORT),
            raw,
            findings,
        ),
        alt_tls_listening_port: second(
            "alt-tls-listening-port",
            &raw.alt_tls_listening_port,
            raw.tls_listening_port.or(TLS_PORT),
            raw,
            findings,
        ),
        aux_servers: aux_servers(raw, findings),
        listening_device: raw.listening_device.last().map(|at| at.value.clone()),
        relay_device: raw.relay_device.last().map(|at| at.value.clone()),
    };
    listen_urls::judge(raw, &listen, findings);
    listen
}

/// A port beside another, which must be there. NAT behaviour discovery needs one: if none is written it is the
/// next one, as in coturn, or chosen by the system like the first.
fn second(
    option: &str,
    slot: &Slot<u16>,
    first: u16,
    raw: &Raw,
    findings: &mut Findings,
) -> Option<u16> {
    let on_ports = listen_urls::on_ports(raw);
    let Some(at) = slot.last().filter(|at| at.value != 0) else {
        let is_needed = raw.rfc5780.is_on() && on_ports;
        return is_needed.then(|| match first {
            0 => 0,
            first => first.checked_add(1).unwrap_or(first - 1),
        });
    };
    if !on_ports {
        let text = format!(
            "{option} has no effect: only listen says where to listen; \
             another line of it, or listening-port, adds a port"
        );
        findings.warn_of(About::NoEffect, &at.origin, text);
        return None;
    }
    Some(at.value)
}

/// Each once, and none that the listening addresses cover: a port cannot be bound twice.
fn aux_servers(raw: &Raw, findings: &mut Findings) -> Vec<SocketAddr> {
    let ports = [raw.listening_port.or(PORT), raw.alt_listening_port.or(0)];
    let is_covered = |endpoint: SocketAddr| {
        let mut listening = raw.listening_ip.all().map(|at| at.value);
        listening.any(|listening| covers(listening, endpoint.ip()))
            && endpoint.port() != 0
            && ports.contains(&endpoint.port())
    };
    let mut endpoints = Vec::new();
    for at in raw.aux_server.all() {
        if is_covered(at.value) {
            let text = format!("aux-server: {} is listened on without this", at.value);
            findings.info(&at.origin, text);
        } else if at.value.port() == 0 || !endpoints.contains(&at.value) {
            endpoints.push(at.value);
        }
    }
    endpoints
}

/// Whether UDP, and whether TCP, is relayed. `has_file`: not only the command line counts;
/// `has_streams`: clients can come over TCP or TLS, as they must for TCP to be relayed to them (RFC
/// 6062 section 5.1).
pub(super) fn relaying(
    raw: &Raw,
    has_file: bool,
    has_streams: bool,
    findings: &mut Findings,
) -> (bool, bool) {
    let (tcp, no_tcp) = (raw.tcp_relay.on(), raw.no_tcp_relay.on());
    if let (Some(tcp), Some(no_tcp)) = (tcp, no_tcp) {
        let text = format!(
            "tcp-relay: no-tcp-relay ({no_tcp}) asks for the opposite; expected one of them"
        );
        findings.error(tcp, text);
    }
    let stun_only = raw.stun_only.is_on();
    if let (Some(no_udp), None, false) = (raw.no_udp_relay.on(), tcp, stun_only) {
        findings.error(
            no_udp,
            "no-udp-relay: without TCP relaying nothing is left to relay; \
             expected tcp-relay too, or stun-only for STUN alone",
        );
    }
    if let (Some(tcp), false) = (tcp, has_streams) {
        let text = "tcp-relay has no effect: no client can come over TCP or TLS";
        findings.warn_of(About::NoEffect, tcp, text);
    }
    let is_silent = tcp.is_none() && no_tcp.is_none() && raw.tcp_relay.off().is_none();
    if has_file && has_streams && is_silent && !stun_only {
        findings.info_of(
            About::Coturn,
            &Origin::Configuration,
            "TCP relaying (RFC 6062) is off, unlike in coturn; tcp-relay switches it on",
        );
    }
    (!raw.no_udp_relay.is_on(), tcp.is_some())
}

pub(super) fn http(raw: &Raw) -> Http {
    Http {
        acme_redirect: raw.acme_redirect.last().map(|at| at.value.clone()),
        respond_unsupported: raw.respond_http_unsupported.is_on(),
        page: raw.http_page.is_on(),
    }
}

pub(super) fn connections(raw: &Raw) -> ConnectionLimits {
    ConnectionLimits {
        total: count(raw.max_connections.or(65536)),
        per_address: count(raw.max_connections_per_address.or(1024)),
        handshakes_per_second: count(raw.tls_handshakes_per_second.or(200)),
        handshakes_per_address: count(raw.tls_handshakes_per_address.or(50)),
    }
}

pub(super) fn stream_queue(raw: &Raw) -> StreamQueue {
    StreamQueue {
        bytes: usize::try_from(raw.stream_queue_bytes.or(262_144)).unwrap_or(usize::MAX),
        time: Duration::from_millis(raw.stream_queue_time.or(200).unsigned_abs()),
    }
}

/// The table bounds every number, so that no value is changed here.
fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
