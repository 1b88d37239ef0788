//! The option `listen`: one listener each, as a URL.

use std::net::{IpAddr, SocketAddr};

use super::{
    error::{Findings, Origin},
    raw::{At, Raw},
    ways_in::{Listen, ListenUrl, Scheme},
};

/// Whether the ports of coturn are listened on: not if only `listen` says where.
pub(super) fn on_ports(raw: &Raw) -> bool {
    let is_written = raw.listening_port.last().is_some()
        || raw.tls_listening_port.last().is_some()
        || raw.listening_ip.last().is_some();
    is_written || raw.listen.last().is_none()
}

/// Where a listener with encryption is asked for.
pub(super) fn secure(raw: &Raw) -> Option<&Origin> {
    let mut all = raw.listen.all();
    let at = all.find(|at| at.value.scheme.is_secure())?;
    Some(&at.origin)
}

/// Where a listener for DTLS is asked for.
pub(super) fn dtls(raw: &Raw) -> Option<&Origin> {
    let mut all = raw.listen.all();
    let at = all.find(|at| at.value.scheme == Scheme::Dtls)?;
    Some(&at.origin)
}

/// Finds what contradicts each other or cannot be bound beside each other.
pub(super) fn judge(raw: &Raw, listen: &Listen, findings: &mut Findings) {
    let claims = claims(raw, listen);
    let mut before: Vec<&At<ListenUrl>> = Vec::new();
    for at in raw.listen.all() {
        let problem = opposite(raw, at.value.scheme)
            .or_else(|| before.iter().find_map(|before| clash(&at.value, before)))
            .or_else(|| claims.iter().find_map(|claim| claim.clash(&at.value)));
        if let Some(problem) = problem {
            findings.error(&at.origin, format!("listen: {}{problem}", at.value));
        }
        before.push(at);
    }
}

fn opposite(raw: &Raw, scheme: Scheme) -> Option<String> {
    let (name, origin) = match scheme {
        Scheme::Udp => ("no-udp", raw.no_udp.on()),
        Scheme::Tcp => ("no-tcp", raw.no_tcp.on()),
        Scheme::Tls => ("no-tls", raw.no_tls.on()),
        Scheme::Dtls => ("no-dtls", raw.no_dtls.on()),
    };
    let origin = origin?;
    Some(format!(
        ": {name} ({origin}) asks for the opposite; expected one of them"
    ))
}

/// Whether two lines cannot both hold. One socket takes both with and without encryption.
fn clash(url: &ListenUrl, before: &At<ListenUrl>) -> Option<String> {
    let (other, origin) = (&before.value, &before.origin);
    if url.scheme.is_datagrams() != other.scheme.is_datagrams()
        || !overlap(url.address, other.address)
    {
        return None;
    }
    if url.address != other.address {
        return Some(format!(
            ": {other} ({origin}) covers that or is covered by it; expected another port"
        ));
    }
    if url.scheme == other.scheme {
        return Some(format!(" is written already ({origin}); expected it once"));
    }
    (url.is_behind_proxy != other.is_behind_proxy).then(|| {
        format!(": on one port {other} ({origin}) differs; expected ?proxy for both or neither")
    })
}

fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() != 0
        && one.port() == other.port()
        && (covers(one.ip(), other.ip()) || covers(other.ip(), one.ip()))
}

/// Whether a socket on `listening` has what is sent to `ip`. One for every IPv6 address takes no IPv4.
pub(super) fn covers(listening: IpAddr, ip: IpAddr) -> bool {
    listening == ip || (listening.is_unspecified() && listening.is_ipv4() == ip.is_ipv4())
}

/// A port that another option takes.
struct Claim {
    option: &'static str,
    /// Empty: on every address of the machine.
    addresses: Vec<IpAddr>,
    port: u16,
    udp: bool,
    tcp: bool,
}

impl Claim {
    fn clash(&self, url: &ListenUrl) -> Option<String> {
        let is_used = if url.scheme.is_datagrams() {
            self.udp
        } else {
            self.tcp
        };
        let is_there = |ip: &IpAddr| overlap(SocketAddr::new(*ip, self.port), url.address);
        let is_everywhere = self.addresses.is_empty() && self.port != 0;
        let is_taken = self.addresses.iter().any(is_there)
            || (is_everywhere && self.port == url.address.port());
        (is_used && is_taken).then(|| {
            format!(
                ": {} listens there already; expected another address or port",
                self.option
            )
        })
    }
}

fn claims(raw: &Raw, listen: &Listen) -> Vec<Claim> {
    let (udp, tcp) = (listen.udp || listen.dtls, listen.tcp || listen.tls_over_tcp);
    let claim = |option, port, udp, tcp| Claim {
        option,
        addresses: raw.listening_ip.all().map(|at| at.value).collect(),
        port,
        udp,
        tcp,
    };
    let mut claims = Vec::new();
    if listen.on_ports {
        let port = raw.listening_port.or(super::listen::PORT);
        claims.push(claim("listening-port", port, udp, tcp));
        let (dtls, tls) = (listen.dtls, listen.tls_over_tcp);
        let port = listen.tls_listening_port;
        claims.push(claim("tls-listening-port", port, dtls, tls));
        let alt = listen.alt_listening_port;
        claims.extend(alt.map(|port| claim("alt-listening-port", port, udp, tcp)));
        let alt = listen.alt_tls_listening_port;
        claims.extend(alt.map(|port| claim("alt-tls-listening-port", port, dtls, tls)));
    }
    let proxy = raw.tcp_proxy_port.last();
    claims.extend(proxy.map(|at| claim("tcp-proxy-port", at.value, false, true)));
    claims.extend(listen.aux_servers.iter().map(|endpoint| Claim {
        option: "aux-server",
        addresses: vec![endpoint.ip()],
        port: endpoint.port(),
        udp,
        tcp,
    }));
    claims
}
