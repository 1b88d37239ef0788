//! The part of lowering that decides where the PROXY protocol is spoken, and with whom.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
};

use super::{
    error::{About, Findings},
    listen::PORT,
    raw::{At, Raw},
    value::IpRange,
    ways_in::{Listen, ProxyProtocol},
};

pub(super) fn proxy(raw: &Raw, listen: &Listen, findings: &mut Findings) -> ProxyProtocol {
    let others = tcp_ports(raw, listen);
    let mut proxy = ProxyProtocol::default();
    for at in raw.proxy_protocol_port.all() {
        let port = at.value;
        if raw
            .tcp_proxy_port
            .last()
            .is_some_and(|at| at.value == port && port != 0)
        {
            continue;
        }
        if !others.contains(&port) {
            let text = format!(
                "proxy-protocol-port: TCP clients are not served on port {port}; \
                 expected the port of a listener, or tcp-proxy-port for one more"
            );
            findings.error(&at.origin, text);
        } else if !proxy.ports.contains(&port) {
            proxy.ports.push(port);
        }
    }
    if let Some(at) = raw.tcp_proxy_port.last() {
        further_port(at, &others, &mut proxy, findings);
    }
    proxy.trusted = trusted(raw, &proxy, findings);
    proxy
}

/// The ports that clients are served on over TCP, plain or with TLS.
fn tcp_ports(raw: &Raw, listen: &Listen) -> Vec<u16> {
    let mut ports = Vec::new();
    if listen.on_ports && listen.tcp {
        ports.push(raw.listening_port.or(PORT));
        ports.extend(listen.alt_listening_port);
    }
    if listen.on_ports && listen.tls_over_tcp {
        ports.push(listen.tls_listening_port);
        ports.extend(listen.alt_tls_listening_port);
    }
    if listen.tcp || listen.tls_over_tcp {
        ports.extend(listen.aux_servers.iter().map(|endpoint| endpoint.port()));
    }
    ports.retain(|port| *port != 0);
    ports
}

/// A port that is listened on anyway cannot be bound twice: there the proxy has it to itself, as in
/// coturn.
fn further_port(at: &At<u16>, others: &[u16], proxy: &mut ProxyProtocol, findings: &mut Findings) {
    let port = at.value;
    if !others.contains(&port) {
        proxy.port = Some(port);
    } else if !proxy.ports.contains(&port) {
        proxy.ports.push(port);
    }
    if others.iter().any(|other| *other != port) {
        findings.info_of(
            About::Coturn,
            &at.origin,
            "tcp-proxy-port: the other TCP and TLS listeners stay, unlike in coturn; \
             no-tcp and no-tls switch them off",
        );
    }
}

fn trusted(raw: &Raw, proxy: &ProxyProtocol, findings: &mut Findings) -> Vec<IpRange> {
    let written: Vec<IpRange> = raw
        .proxy_protocol_from
        .all()
        .map(|at| at.value.clone())
        .collect();
    let listener = raw.listen.all().find(|at| at.value.is_behind_proxy);
    if !proxy.is_used() && listener.is_none() {
        if let Some(at) = raw.proxy_protocol_from.last() {
            let text = "proxy-protocol-from has no effect: \
                 there is no tcp-proxy-port, no proxy-protocol-port and no listen with ?proxy";
            findings.warn_of(About::NoEffect, &at.origin, text);
        }
        return Vec::new();
    }
    if !written.is_empty() {
        return written;
    }
    let port = raw.tcp_proxy_port.last();
    let port = port.or(raw.proxy_protocol_port.last());
    let listener = listener.map(|at| &at.origin);
    if let Some(origin) = port.map(|at| &at.origin).or(listener) {
        findings.info(
            origin,
            "proxy-protocol-from is not written, so every host of a local network is believed: \
             loopback, private and link-local addresses",
        );
    }
    LOCAL.to_vec()
}

/// Loopback, RFC 1918 and RFC 4193, link-local.
const LOCAL: [IpRange; 8] = [
    v4([127, 0, 0, 0], [127, 255, 255, 255]),
    v4([10, 0, 0, 0], [10, 255, 255, 255]),
    v4([172, 16, 0, 0], [172, 31, 255, 255]),
    v4([192, 168, 0, 0], [192, 168, 255, 255]),
    v4([169, 254, 0, 0], [169, 254, 255, 255]),
    v6(1, 1),
    v6(0xfc00 << 112, u128::MAX >> 7 | 0xfc00 << 112),
    v6(0xfe80 << 112, u128::MAX >> 10 | 0xfe80 << 112),
];

const fn v4(first: [u8; 4], last: [u8; 4]) -> IpRange {
    let (first, last) = (u32::from_be_bytes(first), u32::from_be_bytes(last));
    RangeInclusive::new(
        IpAddr::V4(Ipv4Addr::from_bits(first)),
        IpAddr::V4(Ipv4Addr::from_bits(last)),
    )
}

const fn v6(first: u128, last: u128) -> IpRange {
    RangeInclusive::new(
        IpAddr::V6(Ipv6Addr::from_bits(first)),
        IpAddr::V6(Ipv6Addr::from_bits(last)),
    )
}
