//! What the server says of itself at start: where it listens, where it relays from, whom it refuses,
//! and what to write into a page.

use std::net::{IpAddr, SocketAddr};

use turnd_proto::PeerRules;

use crate::{
    addresses::doubts,
    config::{Access, Settings, StaticUser},
    listeners::Bound,
    setup::Setup,
};

/// Writes the summary to the log.
pub fn log(settings: &Settings, setup: &Setup) {
    for bound in &setup.listeners.bound {
        tracing::info!("listening on {}", listener(bound));
    }
    for (address, error) in &setup.listeners.missed {
        tracing::warn!("not listening on {address}: {error}");
    }
    if let Some(tls) = setup.encryption.as_ref().map(|it| &it.tls) {
        let source = match tls.paths().first() {
            Some((_, path)) => path.display().to_string(),
            None => "self-signed, good for trying out and for nothing else".to_owned(),
        };
        tracing::info!("certificate: {source}, SHA-256 {}", tls.fingerprint());
    }
    let workers = settings.relay_threads;
    let (gro, gso) = (on(setup.offload.gro), on(setup.offload.gso));
    tracing::info!("{workers} workers, segmentation offload: receive {gro}, send {gso}");
    let discovery = setup.server.binding.discovery.len();
    if discovery > 0 {
        tracing::info!("NAT behaviour discovery (RFC 5780) on {discovery} of the listeners");
    }
    if settings.stun_only {
        tracing::info!("TURN is off (stun-only)");
        return;
    }
    let (first, last) = (settings.relay_ports.start(), settings.relay_ports.end());
    for (relay, external) in &setup.addresses.relay {
        if relay == external {
            tracing::info!("relaying from {relay} ports {first}-{last}");
        } else {
            tracing::info!(
                "relaying from {relay} ports {first}-{last}, clients are told {external}"
            );
        }
    }
    for relay in &setup.addresses.awaited {
        tracing::warn!("not relaying from {relay} before its external-ip is found");
    }
    for doubt in doubts(&settings.external, &setup.addresses) {
        tracing::warn!("{doubt}");
    }
    tracing::info!("peers refused: {}", refused(&settings.peers));
    for (name, rules) in [
        ("allowed", &settings.peers.allowed),
        ("denied", &settings.peers.denied),
    ] {
        for rule in rules {
            tracing::info!("peers {name} by a rule: {}-{}", rule.start(), rule.end());
        }
    }
    match settings.access {
        Access::Anonymous => tracing::warn!("no-auth: anyone may relay through this server"),
        Access::Nobody => tracing::warn!(
            "nobody may relay: there is no user and no static-auth-secret; only STUN is served"
        ),
        Access::Credentials => {}
    }
    warn_of_short_passwords(settings);
    tracing::info!("example: {}", example(settings, setup));
}

fn warn_of_short_passwords(settings: &Settings) {
    let users = &settings.users;
    let short = users.iter().filter(|user| user.has_short_password());
    let (count, least) = (short.count(), StaticUser::LEAST_PASSWORD);
    if count > 0 {
        let of = users.len();
        tracing::warn!(
            "user: {count} of {of} passwords have fewer than {least} characters; whoever records a login can try \
             them all, so take the output of: openssl rand -hex 16"
        );
    }
}

/// `udp 192.0.2.1:3478`, `tcp+tls 192.0.2.1:5349 behind a proxy`.
pub(crate) fn listener(bound: &Bound) -> String {
    let (plain, secure) = bound.protocol.names();
    let name = match (bound.takes.plain, bound.takes.secure) {
        (true, true) => format!("{plain}+{secure}"),
        (false, true) => secure.to_owned(),
        _ => plain.to_owned(),
    };
    let proxy = if bound.is_behind_proxy {
        ", each connection with a PROXY header"
    } else {
        ""
    };
    format!("{name} {}{proxy}", bound.address)
}

fn on(is_on: bool) -> &'static str {
    if is_on { "on" } else { "off" }
}

fn refused(peers: &PeerRules) -> String {
    let mut refused = vec!["multicast", "link-local", "reserved", "this machine"];
    if !peers.allow_loopback {
        refused.insert(0, "loopback");
    }
    if !peers.allow_private {
        refused.insert(0, "private networks (allow-private-peers opens them)");
    }
    refused.join(", ")
}

/// A URL that a browser can use, with what else it needs.
fn example(settings: &Settings, setup: &Setup) -> String {
    let bound = setup.listeners.bound.first();
    let host = host(setup, bound.map(|bound| bound.address));
    let url = match bound {
        Some(bound) => {
            let port = bound.address.port();
            let scheme = match (settings.access, bound.takes.plain) {
                (Access::Nobody, true) => "stun",
                (Access::Nobody, false) => "stuns",
                (_, true) => "turn",
                (_, false) => "turns",
            };
            format!(
                "{scheme}:{host}:{port}?transport={}",
                bound.protocol.names().0
            )
        }
        None => format!("turn:{host}"),
    };
    match (settings.access, settings.users.first()) {
        (Access::Anonymous, _) | (Access::Nobody, _) => url,
        (Access::Credentials, Some(user)) => {
            format!("{url} with username {:?} and its password", user.name)
        }
        (Access::Credentials, None) => format!(
            "{url} with username \"EXPIRY{}USER\" and password base64(HMAC-SHA1(static-auth-secret, username))",
            settings.rest_separator
        ),
    }
}

/// The address that clients most likely reach the server by.
fn host(setup: &Setup, bound: Option<SocketAddr>) -> String {
    let told = setup.addresses.relay.first().map(|&(_, external)| external);
    let ip = match bound.map(|bound| bound.ip()) {
        Some(ip) if setup.addresses.listening_is_explicit && !ip.is_unspecified() => {
            let outside = setup.addresses.relay.iter().find(|(relay, _)| *relay == ip);
            Some(outside.map_or(ip, |&(_, external)| external))
        }
        other => told.or(other),
    };
    match ip {
        Some(IpAddr::V6(ip)) => format!("[{ip}]"),
        Some(IpAddr::V4(ip)) => ip.to_string(),
        None => "HOST".to_owned(),
    }
}
