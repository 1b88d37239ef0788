//! The kinds of values and how each is read. Strict: what is not plainly meant is refused.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    ops::RangeInclusive,
};

use turnd_proto::Alternate;

use super::{
    settings::{DefaultFamily, PublicName, Secret, StaticUser, UserSecret},
    ways_in::{ListenUrl, Scheme},
};

/// Addresses from the lower to the higher, both ends included, of one family.
pub(super) type IpRange = RangeInclusive<IpAddr>;

/// A public address, with the private one behind it or for all of its family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) public: Public,
    pub(super) private: Option<IpAddr>,
}

/// A public address, or what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Public {
    Address(IpAddr),
    Name(PublicName),
}

/// Why a value is refused. Never holds the value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bad {
    /// Goes on after the value: `is not a port`.
    pub(super) what: &'static str,
    pub(super) expected: Cow<'static, str>,
}

fn bad<T>(what: &'static str, expected: impl Into<Cow<'static, str>>) -> Result<T, Bad> {
    let expected = expected.into();
    Err(Bad { what, expected })
}

/// On or off. Nothing means on; else the first character tells, as in coturn.
pub(super) fn flag(text: &str) -> Result<bool, Bad> {
    match text {
        "on" | "On" | "ON" => return Ok(true),
        "off" | "Off" | "OFF" => return Ok(false),
        _ => {}
    }
    match text.chars().next() {
        None | Some('1'..='9' | 'y' | 'Y' | 't' | 'T') => Ok(true),
        Some('0' | 'n' | 'N' | 'f' | 'F') => Ok(false),
        Some(_) => bad(
            "is neither on nor off",
            "nothing, or one of 1 0 yes no true false on off",
        ),
    }
}

/// A UDP or TCP port.
pub(super) fn port(text: &str) -> Result<u16, Bad> {
    match digits(text).and_then(|text| text.parse().ok()) {
        Some(port) => Ok(port),
        None => bad("is not a port", "a number from 0 to 65535"),
    }
}

/// A whole number within `range`.
pub(super) fn number(text: &str, range: &RangeInclusive<i64>) -> Result<i64, Bad> {
    let (low, high) = (range.start(), range.end());
    let expected = || format!("a whole number from {low} to {high}");
    let Some(_) = digits(text.strip_prefix('-').unwrap_or(text)) else {
        return bad("is not a number", expected());
    };
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => bad("is out of range", expected()),
    }
}

/// `text` if it is decimal digits and nothing else; `parse` alone would take a `+`.
fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

/// An address that a socket can have.
pub(super) fn address(text: &str) -> Result<IpAddr, Bad> {
    const EXPECTED: &str = "an IPv4 or IPv6 address (a host name is not looked up)";
    match text.parse::<IpAddr>() {
        Ok(address) if address.is_multicast() => bad("is a multicast address", EXPECTED),
        Ok(address) => Ok(address.to_canonical()),
        Err(_) => bad("is not an address", EXPECTED),
    }
}

/// An address and a port, `ip:port` or `[ip]:port`.
pub(super) fn endpoint(text: &str) -> Result<SocketAddr, Bad> {
    const EXPECTED: &str = "IP:PORT, or [IP]:PORT for IPv6, with a port from 0 to 65535 (a host name is not looked up)";
    match text.parse::<SocketAddr>() {
        Ok(endpoint) if endpoint.ip().is_multicast() => bad("is a multicast address", EXPECTED),
        Ok(SocketAddr::V6(endpoint)) => Ok(canonical(endpoint)),
        Ok(endpoint) => Ok(endpoint),
        Err(_) => bad("is not an address and a port", EXPECTED),
    }
}

/// `ip`, `ip:port`, `[ip]` or `[ip]:port`, and maybe `/name` behind it.
pub(super) fn alternate(text: &str) -> Result<Alternate, Bad> {
    const EXPECTED: &str = "IP or IP:PORT, [IP] or [IP]:PORT for IPv6, and maybe /NAME behind it, the host name in that server's certificate";
    let (server, domain) = match text.split_once('/') {
        Some((server, name)) => (server, Some(name)),
        None => (text, None),
    };
    if domain.is_some_and(|name| !is_host_name(name)) {
        return bad("has no host name behind the slash", EXPECTED);
    }
    let bare = |text: &str| {
        let in_brackets = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        match in_brackets {
            Some(ip) => ip.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            None => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        }
    };
    let (ip, port) = match (bare(server), server.parse::<SocketAddr>()) {
        (Some(ip), _) => (ip, None),
        (None, Ok(address)) => (address.ip(), Some(address.port())),
        (None, Err(_)) if server.parse::<Ipv6Addr>().is_ok() => {
            return bad("has an IPv6 address without brackets", EXPECTED);
        }
        (None, Err(_)) => return bad("is not a server", EXPECTED),
    };
    let ip = ip.to_canonical();
    if ip.is_unspecified() || ip.is_multicast() || port == Some(0) {
        return bad("is nothing that clients can reach", EXPECTED);
    }
    Ok(Alternate {
        ip,
        port,
        domain: domain.map(Into::into),
    })
}

/// `anycast/unicast`.
pub(super) fn anycast(text: &str) -> Result<(IpAddr, IpAddr), Bad> {
    const EXPECTED: &str = "ANYCAST-IP/UNICAST-IP, two addresses of one family";
    let usable = |text: &str| address(text.trim()).ok().filter(|ip| !ip.is_unspecified());
    let pair = text.split_once('/');
    match pair.map(|(anycast, unicast)| (usable(anycast), usable(unicast))) {
        Some((Some(anycast), Some(unicast)))
            if anycast.is_ipv4() == unicast.is_ipv4() && anycast != unicast =>
        {
            Ok((anycast, unicast))
        }
        Some((Some(_), Some(_))) => bad("are no two addresses of one family", EXPECTED),
        _ => bad("is not a pair of addresses", EXPECTED),
    }
}

/// `scheme://ip:port`, for TCP and TLS maybe with `?proxy` behind it.
pub(super) fn listener(text: &str) -> Result<ListenUrl, Bad> {
    const EXPECTED: &str = "udp://, tcp://, tls:// or dtls:// and IP:PORT, or [IP]:PORT for IPv6, such as udp://[::]:3478 (a host name is not looked up)";
    let Some((scheme, rest)) = text.split_once("://") else {
        return bad("is not a listener", EXPECTED);
    };
    let scheme = match scheme {
        "udp" => Scheme::Udp,
        "tcp" => Scheme::Tcp,
        "tls" => Scheme::Tls,
        "dtls" => Scheme::Dtls,
        _ => return bad("has a scheme that is not known", EXPECTED),
    };
    let (address, is_behind_proxy) = match rest.split_once('?') {
        None => (rest, false),
        Some((address, "proxy")) => (address, true),
        Some(_) => return bad("has something else than proxy behind the ?", EXPECTED),
    };
    if is_behind_proxy && scheme.is_datagrams() {
        return bad(
            "asks for a PROXY header on UDP",
            "?proxy behind tcp:// or tls:// only",
        );
    }
    let Ok(address) = endpoint(address) else {
        return bad("has no address and port to listen on", EXPECTED);
    };
    Ok(ListenUrl {
        scheme,
        address,
        is_behind_proxy,
    })
}

/// Keeps the scope of a link-local address, which it cannot be bound without.
fn canonical(endpoint: SocketAddrV6) -> SocketAddr {
    match endpoint.ip().to_canonical() {
        IpAddr::V4(ip) => (ip, endpoint.port()).into(),
        IpAddr::V6(_) => endpoint.into(),
    }
}

/// The name of a network interface, as Linux allows it (`dev_valid_name` in net/core/dev.c).
pub(super) fn device(text: &str) -> Result<String, Bad> {
    let refused = |character: char| {
        character.is_whitespace() || character.is_control() || matches!(character, '/' | ':')
    };
    if !(1..=15).contains(&text.len()) || matches!(text, "." | "..") || text.contains(refused) {
        return bad(
            "is not the name of an interface",
            "1 to 15 bytes without blank, slash or colon, such as eth0",
        );
    }
    Ok(text.to_owned())
}

/// The beginning of a URL, fit to stand in a header of HTTP.
pub(super) fn url(text: &str) -> Result<String, Bad> {
    let host = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    let has_host = host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'));
    if !has_host || text.len() > 512 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return bad(
            "is not a URL to redirect to",
            "http:// or https:// and a host, at most 512 characters of ASCII without blanks",
        );
    }
    Ok(text.to_owned())
}

/// `public` or `public/private`.
pub(super) fn mapping(text: &str) -> Result<Mapping, Bad> {
    const EXPECTED: &str =
        "PUBLIC-IP or PUBLIC-IP/PRIVATE-IP, or a host name or auto in place of PUBLIC-IP";
    let usable = |text: &str| match address(text) {
        Ok(address) if !address.is_unspecified() => Some(address),
        _ => None,
    };
    let (public, private) = match text.split_once('/') {
        Some((public, private)) => (public.trim(), Some(usable(private.trim()))),
        None => (text.trim(), None),
    };
    let public = match usable(public) {
        Some(public) => Some(Public::Address(public)),
        None if public == "auto" => Some(Public::Name(PublicName::Auto)),
        None => is_host_name(public).then(|| Public::Name(PublicName::Host(public.to_owned()))),
    };
    match (public, private) {
        (Some(Public::Address(public)), Some(Some(private)))
            if public.is_ipv4() != private.is_ipv4() =>
        {
            bad("mixes IPv4 and IPv6", "two addresses of one family")
        }
        (Some(public), None) => Ok(Mapping {
            public,
            private: None,
        }),
        (Some(public), Some(Some(private))) => Ok(Mapping {
            public,
            private: Some(private),
        }),
        _ => bad("is not an address or a pair of them", EXPECTED),
    }
}

/// A host and maybe the port behind it.
pub(super) fn host_port(text: &str, default: u16) -> Result<(String, u16), Bad> {
    const EXPECTED: &str = "a host name or address, and maybe a port behind a colon: HOST:PORT";
    let plain = |host: &str, port| Ok((host.to_owned(), port));
    if let Ok(address) = text.parse::<SocketAddr>() {
        return plain(&address.ip().to_string(), address.port());
    }
    if text.parse::<IpAddr>().is_ok() {
        return plain(text, default);
    }
    let (host, port) = text
        .split_once(':')
        .map_or((text, None), |(host, port)| (host, Some(port)));
    let port = port.map_or(Some(default), |port| {
        port.parse().ok().filter(|port| *port > 0)
    });
    match port {
        Some(port) if is_host_name(host) => plain(host, port),
        _ => bad("is not a server", EXPECTED),
    }
}

/// Letters, digits, hyphens and dots, as in RFC 1123 section 2.1; the last label has a letter, so that no address that
/// is written wrongly is taken for a name.
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = label.as_bytes();
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-' || *byte == b'_';
        bytes.len() <= 63
            && is_edge(bytes.first())
            && is_edge(bytes.last())
            && bytes.iter().all(allowed)
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    let last = name.rsplit('.').next().unwrap_or("");
    name.len() <= 253
        && name.split('.').all(is_label)
        && last.bytes().any(|byte| byte.is_ascii_alphabetic())
}

const PEERS: &str =
    "an address, a range (10.0.0.1-10.0.0.9) or a block (10.0.0.0/8); a host name is not looked up";

/// `ip`, `ip-ip` or `ip/prefix`.
pub(super) fn peers(text: &str) -> Result<IpRange, Bad> {
    if let Some((address, prefix)) = text.split_once('/') {
        return block(address, prefix);
    }
    if let Some((first, last)) = text.split_once('-') {
        return span(first, last);
    }
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(address.to_canonical()..=address.to_canonical()),
        Err(_) => bad("is not an address", PEERS),
    }
}

fn span(first: &str, last: &str) -> Result<IpRange, Bad> {
    let (Ok(first), Ok(last)) = (first.trim().parse(), last.trim().parse()) else {
        return bad("is not a range of addresses", PEERS);
    };
    let (first, last) = canonical_ends(first, last);
    if first.is_ipv4() != last.is_ipv4() {
        return bad("mixes IPv4 and IPv6", "two addresses of one family");
    }
    if first > last {
        return bad("runs backwards", "the lower address first");
    }
    Ok(first..=last)
}

fn block(address: &str, prefix: &str) -> Result<IpRange, Bad> {
    let Ok(address) = address.parse::<IpAddr>() else {
        return bad("is not a block of addresses", PEERS);
    };
    let width = if address.is_ipv4() { 32 } else { 128 };
    let prefix = digits(prefix).and_then(|text| text.parse::<u32>().ok());
    let Some(prefix) = prefix.filter(|prefix| *prefix <= width) else {
        return bad(
            "has a prefix that is no number of bits",
            format!("a prefix from 0 to {width}"),
        );
    };
    let (first, last) = ends(address, prefix);
    if first != address {
        return bad(
            "has bits set behind the prefix",
            format!("{first}/{prefix}, or the address alone"),
        );
    }
    let (first, last) = canonical_ends(first, last);
    Ok(first..=last)
}

/// First and last address of the block that `address` is in.
fn ends(address: IpAddr, prefix: u32) -> (IpAddr, IpAddr) {
    match address {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(prefix).unwrap_or(0);
            let bits = address.to_bits();
            let (first, last) = (bits & !host, bits | host);
            (
                Ipv4Addr::from_bits(first).into(),
                Ipv4Addr::from_bits(last).into(),
            )
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(prefix).unwrap_or(0);
            let bits = address.to_bits();
            let (first, last) = (bits & !host, bits | host);
            (
                Ipv6Addr::from_bits(first).into(),
                Ipv6Addr::from_bits(last).into(),
            )
        }
    }
}

/// IPv4 written as IPv4-mapped IPv6 becomes IPv4, because peers are compared in that form. A range
/// that only begins or ends in the mapped block stays as it is, and so does the whole of it: lists that
/// go round deny it, and mean the notation, which no peer has here, and not every peer with an IPv4 address.
fn canonical_ends(first: IpAddr, last: IpAddr) -> (IpAddr, IpAddr) {
    match (first.to_canonical(), last.to_canonical()) {
        (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::BROADCAST)) => (first, last),
        (IpAddr::V6(_), _) | (_, IpAddr::V6(_)) => (first, last),
        ends => ends,
    }
}

/// `name:password` or `name:0x<32 hex digits>`; blanks after the colon do not count.
pub(super) fn user(text: &str) -> Result<StaticUser, Bad> {
    const EXPECTED: &str = "NAME:PASSWORD, or NAME:0xKEY with a key of 32 hexadecimal digits";
    let Some((name, secret)) = text.split_once(':') else {
        return bad("has no colon", EXPECTED);
    };
    let secret = secret.trim_start_matches([' ', '\t']);
    if name.is_empty() {
        return bad("has no name before the colon", EXPECTED);
    }
    if name.len() > 508 || name.contains(char::is_control) {
        return bad(
            "has a name that no client can send",
            "a name of at most 508 bytes without control characters",
        );
    }
    let secret = match secret.strip_prefix("0x") {
        _ if secret.is_empty() => return bad("has no password after the colon", EXPECTED),
        None => UserSecret::Password(Secret::new(secret)),
        Some(key) => match hex_key(key) {
            Some(key) => UserSecret::Md5Key(key),
            None => return bad("has a key that is not 32 hexadecimal digits", EXPECTED),
        },
    };
    let name = name.to_owned();
    Ok(StaticUser { name, secret })
}

fn hex_key(text: &str) -> Option<[u8; 16]> {
    let mut key = [0; 16];
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(key)
}

/// A text that is not shown.
pub(super) fn secret(text: &str) -> Result<Secret, Bad> {
    if text.is_empty() {
        return bad("is empty", "a text");
    }
    Ok(Secret::new(text))
}

/// One character that cannot be part of a time stamp.
pub(super) fn separator(text: &str) -> Result<char, Bad> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) if !character.is_ascii_digit() && !character.is_control() => {
            Ok(character)
        }
        _ => bad(
            "cannot separate a time stamp from a name",
            "one character that is not a digit",
        ),
    }
}

/// `ipv4`, `ipv6` or `keep`.
pub(super) fn family(text: &str) -> Result<DefaultFamily, Bad> {
    match text.to_ascii_lowercase().as_str() {
        "ipv4" => Ok(DefaultFamily::V4),
        "ipv6" => Ok(DefaultFamily::V6),
        "keep" => Ok(DefaultFamily::AsClient),
        _ => bad("is not an address family", "ipv4, ipv6 or keep"),
    }
}
