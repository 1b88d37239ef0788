//! From what was written to what is to be done: defaults, and the rules that bind several options.
//! Whatever is contradictory or would open more than the file asks for is an error.

use std::{
    net::{IpAddr, Ipv4Addr},
    ops::RangeInclusive,
    time::Duration,
};

use turnd_proto::PeerRules;

use super::{
    access::{access, denied_users, realm, shared_secrets, users},
    binding::{binding, redirects},
    draining::drain,
    error::{About, Findings, Origin},
    listen::{self, connections, http, listen, relaying, stream_queue},
    logging::log,
    metrics::metrics,
    process::process,
    proxy::proxy,
    rates::rates,
    raw::{At, Raw, Slot},
    search::Machine,
    settings::{DefaultFamily, External, ExternalName, ExternalPair, PublicName, Settings},
    third_party::third_party,
    tls,
    value::{self, IpRange, Mapping, Public},
};

/// Most worker threads, as in coturn.
const MOST_THREADS: i64 = 128;
/// Bytes of a socket's buffer.
const SOCKET_BUFFER: i64 = 2 << 20;
/// Seconds that every allocation may have (RFC 8656 section 3.2).
const LEAST_ALLOCATION: i64 = 600;

/// The settings that `raw` amounts to; of no use if `findings` has an error afterwards. `has_file`:
/// not only the command line counts.
pub(super) fn lower(
    raw: &Raw,
    has_file: bool,
    machine: &Machine,
    findings: &mut Findings,
) -> Settings {
    let users = users(raw, findings);
    let shared_secrets = shared_secrets(raw, findings);
    let realm = realm(raw, machine, &users, findings);
    let third_party = third_party(raw, &realm, &users, findings);
    let tokens = third_party.is_some();
    let access = access(raw, (&users, &shared_secrets, tokens), findings);
    let (stun_only, no_stun) = services(raw, findings);
    let offer = tls::offer(raw, machine, findings);
    let listen = listen(raw, &offer, findings);
    let binding = binding(raw, access, &listen, findings);
    let proxy = proxy(raw, &listen, findings);
    let has_streams = listen.has_streams() || proxy.is_used();
    let metrics = metrics(raw, &offer, machine, findings);
    let (udp_relay, tcp_relay) = relaying(raw, has_file, has_streams, findings);
    Settings {
        listening_ips: distinct(&raw.listening_ip),
        listening_port: raw.listening_port.or(listen::PORT),
        listen,
        tls: offer.tls,
        proxy,
        http: http(raw),
        connections: connections(raw),
        stream_queue: stream_queue(raw),
        relay_ips: relay_ips(raw, findings),
        external: external(raw, findings),
        relay_ports: relay_ports(raw, findings),
        udp_relay,
        tcp_relay,
        mobility: raw.mobility.is_on(),
        relay_threads: relay_threads(raw, machine, findings),
        coalesce: Duration::from_micros(raw.coalesce.or(0).unsigned_abs()),
        realm,
        access,
        users,
        denied_users: denied_users(raw, access, findings),
        shared_secrets,
        third_party,
        rest_separator: raw.rest_separator.or(':'),
        fingerprint: raw.fingerprint.is_on(),
        nonce_lifetime: limit(raw.stale_nonce.or(600))
            .map(|seconds| Duration::from_secs(seconds.into())),
        nonce_secret: raw.nonce_secret.last().map(|at| at.value.clone()),
        user_quota: limit(raw.user_quota.or(0)),
        total_quota: limit(raw.total_quota.or(0)),
        rates: rates(raw, findings),
        max_allocate_lifetime: max_allocate_lifetime(raw, findings),
        channel_lifetime: seconds(raw.channel_lifetime.or(600)),
        permission_lifetime: seconds(raw.permission_lifetime.or(300)),
        peers: peers(raw, findings),
        legacy_channels: raw.legacy_channels.is_on(),
        default_family: default_family(raw),
        socket_buffer: socket_buffer(raw),
        stun_only,
        no_stun,
        binding,
        redirects: redirects(raw, access, findings),
        metrics,
        log: log(raw, findings),
        process: process(raw, findings),
        drain: drain(raw),
    }
}

fn distinct(slot: &Slot<IpAddr>) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for at in slot.all() {
        if !addresses.contains(&at.value) {
            addresses.push(at.value);
        }
    }
    addresses
}

/// `0.0.0.0` is what people write for "any"; it cannot be told to a client.
fn relay_ips(raw: &Raw, findings: &mut Findings) -> Vec<IpAddr> {
    for at in raw.relay_ip.all().filter(|at| at.value.is_unspecified()) {
        findings.warn(
            &at.origin,
            format!(
                "relay-ip: {} is no address that clients can be told; it counts as not written",
                at.value
            ),
        );
    }
    let mut addresses = distinct(&raw.relay_ip);
    addresses.retain(|address| !address.is_unspecified());
    addresses
}

fn external(raw: &Raw, findings: &mut Findings) -> External {
    let mut external = External {
        interval: Duration::from_secs(raw.external_ip_interval.or(60) as u64),
        ..External::default()
    };
    let (mut v4, mut v6) = (None, None);
    for at in raw.external_ip.all() {
        let public = match &at.value.public {
            Public::Address(public) => *public,
            Public::Name(name) => {
                let name = ExternalName {
                    name: name.clone(),
                    private: at.value.private,
                    found: Vec::new(),
                    missing: None,
                };
                add_name(&mut external, name, &at.origin, findings);
                continue;
            }
        };
        if let Some(private) = at.value.private {
            let pair = ExternalPair { public, private };
            add_pair(&mut external.pairs, pair, &at.origin, findings);
            continue;
        }
        let before: &mut Option<(IpAddr, &Origin)> =
            if public.is_ipv4() { &mut v4 } else { &mut v6 };
        match before {
            Some(before) => findings.error(&at.origin, second_plain(*before)),
            None => *before = Some((public, &at.origin)),
        }
        match public {
            IpAddr::V4(public) => external.plain_v4 = Some(public),
            IpAddr::V6(public) => external.plain_v6 = Some(public),
        }
    }
    external.stun_server = stun_server(raw, findings);
    external
}

/// Each question once, and one for each private address.
fn add_name(external: &mut External, name: ExternalName, origin: &Origin, findings: &mut Findings) {
    let named = external.named.iter().find(|it| it.private == name.private);
    let pairs = external.pairs.iter();
    let has_pair = pairs
        .map(|it| Some(it.private))
        .any(|it| it == name.private);
    if named.is_some() || has_pair {
        let text = match name.private {
            Some(private) => {
                format!("external-ip: {private} already has a public address; expected one")
            }
            None => {
                "external-ip: there is a name already; expected one, or NAME/PRIVATE-IP for each"
                    .to_owned()
            }
        };
        return findings.error(origin, text);
    }
    external.named.push(name);
}

/// turnd asks no stranger by itself: there is no default.
fn stun_server(raw: &Raw, findings: &mut Findings) -> Option<(String, u16)> {
    let is_auto = |at: &&At<Mapping>| at.value.public == Public::Name(PublicName::Auto);
    let auto = raw.external_ip.all().find(is_auto);
    let Some(at) = raw.external_ip_stun_server.last() else {
        if let Some(auto) = auto {
            findings.error(
                &auto.origin,
                "external-ip: auto needs a STUN server to ask; expected an external-ip-stun-server",
            );
        }
        return None;
    };
    if auto.is_none() {
        findings.warn(
            &at.origin,
            "external-ip-stun-server has no effect: no external-ip is auto",
        );
    }
    match value::host_port(&at.value, 3478) {
        Ok(server) => Some(server),
        Err(bad) => {
            let text = format!(
                "external-ip-stun-server: {:?} {}; expected {}",
                at.value, bad.what, bad.expected
            );
            findings.error(&at.origin, text);
            None
        }
    }
}

fn add_pair(
    pairs: &mut Vec<ExternalPair>,
    pair: ExternalPair,
    origin: &Origin,
    findings: &mut Findings,
) {
    let ExternalPair { public, private } = pair;
    match pairs.iter().find(|other| other.private == private) {
        None => pairs.push(pair),
        Some(other) if other.public == public => {}
        Some(ExternalPair { public, .. }) => findings.error(
            origin,
            format!("external-ip: {private} already has the public address {public}; expected one"),
        ),
    }
}

fn second_plain((public, origin): (IpAddr, &Origin)) -> String {
    let family = if public.is_ipv4() { "IPv4" } else { "IPv6" };
    format!(
        "external-ip: there is a public {family} address already, {public} ({origin}); \
         expected one a family, or PUBLIC-IP/PRIVATE-IP for each"
    )
}

fn relay_ports(raw: &Raw, findings: &mut Findings) -> RangeInclusive<u16> {
    judge_port("min-port", &raw.min_port, findings);
    judge_port("max-port", &raw.max_port, findings);
    let (min, max) = (raw.min_port.or(49152), raw.max_port.or(65535));
    let written = raw.min_port.last().or(raw.max_port.last());
    if let Some(at) = written.filter(|_| min > max && max > 0) {
        findings.error(
            &at.origin,
            format!("min-port: {min} is above max-port {max}; expected the lower port first"),
        );
    }
    min..=max
}

fn judge_port(name: &str, slot: &Slot<u16>, findings: &mut Findings) {
    let Some(At { value, origin }) = slot.last() else {
        return;
    };
    if *value == 0 {
        let text = format!("{name}: \"0\" is not a relay port; expected a number from 1 to 65535");
        findings.error(origin, text);
    } else if *value < 1024 {
        let why = "ports below 1024 need privileges and belong to other services";
        findings.warn_of(About::Unsafe, origin, format!("{name}: {why}"));
    }
}

fn relay_threads(raw: &Raw, machine: &Machine, findings: &mut Findings) -> usize {
    let detected = i64::try_from(machine.cores)
        .unwrap_or(MOST_THREADS)
        .min(MOST_THREADS);
    let (name, at) = match (raw.relay_threads.last(), raw.cpus.last()) {
        (Some(at), _) => ("relay-threads", Some(at)),
        (None, at) => ("cpus", at),
    };
    if let Some(at) = at.filter(|at| at.value > MOST_THREADS) {
        findings.warn(
            &at.origin,
            format!(
                "{name}: {} is more than turnd uses; {MOST_THREADS} are started",
                at.value
            ),
        );
    }
    let threads = at.map_or(detected, |at| at.value).clamp(1, MOST_THREADS);
    usize::try_from(threads).unwrap_or(1)
}

fn max_allocate_lifetime(raw: &Raw, findings: &mut Findings) -> Duration {
    let Some(at) = raw.max_allocate_lifetime.last() else {
        return seconds(3600);
    };
    if at.value < LEAST_ALLOCATION {
        findings.warn(
            &at.origin,
            "max-allocate-lifetime: less than 600 seconds cannot be granted; 600 are",
        );
    }
    seconds(at.value.max(LEAST_ALLOCATION))
}

fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(seconds.unsigned_abs())
}

/// 0 stands for no limit.
fn limit(number: i64) -> Option<u32> {
    u32::try_from(number).ok().filter(|number| *number > 0)
}

fn peers(raw: &Raw, findings: &mut Findings) -> PeerRules {
    let is_v4 = |at: &At<IpRange>| at.value.start().is_ipv4();
    let denies_all = |at: &&At<IpRange>| {
        *at.value.start() == Ipv4Addr::UNSPECIFIED && *at.value.end() == Ipv4Addr::BROADCAST
    };
    if let Some(all) = raw.denied_peers.all().find(denies_all)
        && !raw.allowed_peers.all().any(is_v4)
        && !raw.stun_only.is_on()
    {
        findings.warn(
            &all.origin,
            "denied-peer-ip: no peer with an IPv4 address can be reached; allowed-peer-ip opens some of them",
        );
    }
    PeerRules {
        allowed: raw.allowed_peers.all().map(|at| at.value.clone()).collect(),
        denied: raw.denied_peers.all().map(|at| at.value.clone()).collect(),
        allow_loopback: raw.allow_loopback.is_on(),
        allow_private: raw.allow_private.is_on(),
    }
}

/// The newer spelling wins over the older.
fn default_family(raw: &Raw) -> DefaultFamily {
    let without = if raw.keep_family.is_on() {
        DefaultFamily::AsClient
    } else {
        DefaultFamily::V4
    };
    raw.default_family.or(without)
}

fn socket_buffer(raw: &Raw) -> usize {
    match usize::try_from(raw.socket_buffer.or(SOCKET_BUFFER)) {
        Ok(bytes) if bytes > 0 => bytes,
        _ => SOCKET_BUFFER.unsigned_abs() as usize,
    }
}

fn services(raw: &Raw, findings: &mut Findings) -> (bool, bool) {
    if let (Some(stun_only), Some(no_stun)) = (raw.stun_only.on(), raw.no_stun.on()) {
        findings.error(
            stun_only,
            format!(
                "stun-only: with no-stun ({no_stun}) nothing is left to serve; expected one of them"
            ),
        );
    }
    (raw.stun_only.is_on(), raw.no_stun.is_on())
}
