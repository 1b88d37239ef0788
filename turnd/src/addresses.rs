//! Which addresses the server listens on, relays from and is known by: what the configuration says,
//! and what this machine has where it says nothing.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
};

use turnd_wire::Family;

use crate::config::{External, Settings};

/// The addresses in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Every address of this machine.
    pub own: Vec<IpAddr>,
    /// To listen on.
    pub listening: Vec<IpAddr>,
    /// Whether the configuration named them: then every one of them must work.
    pub listening_is_explicit: bool,
    /// To relay from, each with the address that clients are told.
    pub relay: Vec<(IpAddr, IpAddr)>,
}

impl Addresses {
    /// Looks at the machine.
    ///
    /// # Errors
    /// When the interfaces cannot be read.
    pub fn find(settings: &Settings) -> io::Result<Self> {
        let own = turnd_net::local_addresses()?;
        Ok(Self::choose(settings, own, route_source))
    }

    /// `route` gives the address that packets to the public network leave from.
    fn choose(
        settings: &Settings,
        own: Vec<IpAddr>,
        route: impl Fn(Family) -> Option<IpAddr>,
    ) -> Self {
        let usable: Vec<IpAddr> = own
            .iter()
            .copied()
            .filter(|&ip| !is_link_local(ip))
            .collect();
        let listening_is_explicit = !settings.listening_ips.is_empty();
        let listening = if listening_is_explicit {
            settings.listening_ips.clone()
        } else {
            usable.clone()
        };
        let relay = relay_addresses(settings, &usable, route)
            .into_iter()
            .map(|ip| (ip, external(&settings.external, ip)))
            .collect();
        Self {
            own,
            listening,
            listening_is_explicit,
            relay,
        }
    }
}

/// In order: what relay-ip says, what listening-ip says, the address of the default route of each
/// family, any address of that family, and loopback if the machine has nothing else.
fn relay_addresses(
    settings: &Settings,
    usable: &[IpAddr],
    route: impl Fn(Family) -> Option<IpAddr>,
) -> Vec<IpAddr> {
    if !settings.relay_ips.is_empty() {
        return settings.relay_ips.clone();
    }
    let listening = &settings.listening_ips;
    if !listening.is_empty() && !listening.iter().any(IpAddr::is_unspecified) {
        return listening.clone();
    }
    let first = |family, loopback| {
        let fits = |ip: &&IpAddr| Family::of(**ip) == family && ip.is_loopback() == loopback;
        usable.iter().find(fits).copied()
    };
    let families = [Family::V4, Family::V6];
    let public: Vec<IpAddr> = families
        .into_iter()
        .filter_map(|family| route(family).or_else(|| first(family, false)))
        .collect();
    if public.is_empty() {
        return families
            .into_iter()
            .filter_map(|family| first(family, true))
            .collect();
    }
    public
}

fn external(external: &External, relay: IpAddr) -> IpAddr {
    if let Some(pair) = external.pairs.iter().find(|pair| pair.private == relay) {
        return pair.public;
    }
    match relay {
        IpAddr::V4(_) => external.plain_v4.map_or(relay, IpAddr::V4),
        IpAddr::V6(_) => external.plain_v6.map_or(relay, IpAddr::V6),
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Asks the routing table by connecting a UDP socket, which sends nothing. The targets are reserved
/// for documentation, so that no special route leads to them.
fn route_source(family: Family) -> Option<IpAddr> {
    let (any, target): (SocketAddr, SocketAddr) = match family {
        Family::V4 => (
            (Ipv4Addr::UNSPECIFIED, 0).into(),
            (Ipv4Addr::new(192, 0, 2, 1), 9).into(),
        ),
        Family::V6 => (
            (Ipv6Addr::UNSPECIFIED, 0).into(),
            (Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 1), 9).into(),
        ),
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(target).ok()?;
    let source = socket.local_addr().ok()?.ip();
    (!source.is_unspecified() && !source.is_loopback()).then_some(source)
}
