//! The part of the settings that says how Binding requests are answered, and who is sent to another server.

use std::net::IpAddr;

use turnd_proto::{Alternate, Redirects};

use super::{
    error::{About, Findings, Origin},
    raw::{At, Raw, Slot},
    settings::Access,
    ways_in::Listen,
};

const CLASSIC: &str = "rfc3489-compatibility";

/// How Binding requests are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// Only those of users; there is at least one user or secret.
    pub authenticated: bool,
    /// With MAPPED-ADDRESS beside XOR-MAPPED-ADDRESS.
    pub mapped_address: bool,
    /// Those of RFC 3489 too, over UDP.
    pub classic: bool,
    /// With NAT behaviour discovery (RFC 5780), where there are two addresses for it.
    pub discovery: bool,
}

pub(super) fn binding(
    raw: &Raw,
    access: Access,
    listen: &Listen,
    findings: &mut Findings,
) -> Binding {
    secure_stun(raw, access, findings);
    let is_closed = raw.secure_stun.is_on();
    for (name, slot) in [
        ("rfc5780", &raw.rfc5780),
        (CLASSIC, &raw.rfc3489_compatibility),
        (
            "stun-backward-compatibility",
            &raw.stun_backward_compatibility,
        ),
    ] {
        let Some(on) = slot.on() else {
            continue;
        };
        let is_classic = name == CLASSIC;
        let why = if let Some(no_stun) = raw.no_stun.on() {
            format!("no-stun ({no_stun}) leaves no Binding request to answer")
        } else if is_classic && !listen.udp {
            "such clients use UDP, and it is not served".to_owned()
        } else if is_classic && is_closed {
            "secure-stun asks for credentials, which such clients do not have".to_owned()
        } else {
            continue;
        };
        findings.warn_of(About::NoEffect, on, format!("{name} has no effect: {why}"));
    }
    Binding {
        authenticated: is_closed,
        mapped_address: raw.stun_backward_compatibility.is_on(),
        classic: raw.rfc3489_compatibility.is_on(),
        discovery: discovery(raw, listen, findings),
    }
}

/// What asks for credentials must know some, and would answer nobody else.
fn secure_stun(raw: &Raw, access: Access, findings: &mut Findings) {
    let Some(on) = raw.secure_stun.on() else {
        return;
    };
    let text = match access {
        Access::Credentials if raw.no_stun.is_on() => {
            let text = "secure-stun has no effect: no-stun leaves no Binding request to answer";
            return findings.warn_of(About::NoEffect, on, text);
        }
        Access::Credentials => return,
        Access::Anonymous => "secure-stun: no-auth asks for the opposite; expected one of them",
        Access::Nobody => {
            "secure-stun: nobody could be answered; expected a user or a static-auth-secret too"
        }
    };
    findings.error(on, text);
}

/// Whether it can be offered. Addresses that are merely there may be those of containers, which no client
/// can reach: so both must be named.
fn discovery(raw: &Raw, listen: &Listen, findings: &mut Findings) -> bool {
    let Some(on) = raw.rfc5780.on() else {
        return false;
    };
    let count = |is_v4: bool| {
        let mut named: Vec<IpAddr> = raw.listening_ip.all().map(|at| at.value).collect();
        named.retain(|ip| ip.is_ipv4() == is_v4 && !ip.is_unspecified());
        named.sort();
        named.dedup();
        named.len()
    };
    if !listen.on_ports || (count(true) < 2 && count(false) < 2) {
        let text = "rfc5780 has no effect: it needs two addresses of one family that clients reach; \
                    name both with listening-ip";
        findings.warn_of(About::NoEffect, on, text);
        return false;
    }
    true
}

pub(super) fn redirects(raw: &Raw, access: Access, findings: &mut Findings) -> Redirects {
    let lists = [
        ("alternate-server", &raw.alternate_server),
        ("udp-alternate-server", &raw.udp_alternate_server),
        ("tcp-alternate-server", &raw.tcp_alternate_server),
        ("tls-alternate-server", &raw.tls_alternate_server),
        ("drain-alternate-server", &raw.drain_alternate_server),
    ];
    for (name, slot) in lists {
        tell(
            raw,
            access,
            name,
            slot.last().map(|at| &at.origin),
            findings,
        );
    }
    let anycast = raw.anycast_ip.last();
    tell(
        raw,
        access,
        "anycast-ip",
        anycast.map(|at| &at.origin),
        findings,
    );
    let list = |slot: &Slot<Alternate>| {
        let mut all: Vec<Alternate> = Vec::new();
        for at in slot.all() {
            if !all.contains(&at.value) {
                all.push(at.value.clone());
            }
        }
        all
    };
    Redirects {
        any: list(&raw.alternate_server),
        udp: list(&raw.udp_alternate_server),
        tcp: list(&raw.tcp_alternate_server),
        tls: list(&raw.tls_alternate_server),
        drain: list(&raw.drain_alternate_server),
        anycast: anycasts(raw, findings),
    }
}

/// Nobody believes an answer that is not signed, and there is nothing to redirect without TURN.
fn tell(raw: &Raw, access: Access, name: &str, origin: Option<&Origin>, findings: &mut Findings) {
    let why = match access {
        _ if raw.stun_only.is_on() => "only requests of TURN are redirected, and stun-only is on",
        Access::Anonymous => {
            "only clients with an account are redirected, and no-auth asks for none"
        }
        Access::Nobody => "only clients with an account are redirected, and there is none",
        Access::Credentials => return,
    };
    if let Some(origin) = origin {
        findings.warn_of(
            About::NoEffect,
            origin,
            format!("{name} has no effect: {why}"),
        );
    }
}

/// Each anycast address once, and it must be one that somebody listens on.
fn anycasts(raw: &Raw, findings: &mut Findings) -> Vec<(IpAddr, IpAddr)> {
    let mut found: Vec<(IpAddr, IpAddr)> = Vec::new();
    let listening: Vec<IpAddr> = raw.listening_ip.all().map(|at| at.value).collect();
    let is_everywhere = listening.is_empty() || listening.iter().any(IpAddr::is_unspecified);
    for At {
        value: (anycast, unicast),
        origin,
    } in raw.anycast_ip.all()
    {
        let before = found.iter().find(|(known, _)| known == anycast);
        if before.is_some_and(|(_, known)| known != unicast) {
            let text = format!(
                "anycast-ip: {anycast} has a unicast address already; expected one for each"
            );
            findings.error(origin, text);
        } else if before.is_none() {
            found.push((*anycast, *unicast));
        }
        if !is_everywhere && !listening.contains(anycast) {
            let text = format!("anycast-ip has no effect: no listening-ip is {anycast}");
            findings.warn_of(About::NoEffect, origin, text);
        }
    }
    found
}
