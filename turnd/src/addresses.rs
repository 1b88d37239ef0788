//! Which addresses the server listens on, relays from and is known by: what the configuration says,
//! and what this machine has where it says nothing.

mod doubts;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
};

use turnd_wire::Family;

use crate::config::{External, Settings};

pub(crate) use doubts::{Doubt, doubts};

/// The addresses in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// To listen on.
    pub listening: Vec<IpAddr>,
    /// Whether the configuration named them: then every one of them must work.
    pub listening_is_explicit: bool,
    /// To relay from, each with the address that clients are told.
    pub relay: Vec<(IpAddr, IpAddr)>,
    /// To relay from when it is known what clients are to be told.
    pub awaited: Vec<IpAddr>,
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
        let relay = relay_addresses(settings, &usable, route).into_iter();
        let (awaited, relay): (Vec<_>, Vec<_>) =
            relay.partition(|&ip| is_awaited(&settings.external, ip));
        Self {
            listening,
            listening_is_explicit,
            relay: relay
                .into_iter()
                .map(|ip| (ip, external(&settings.external, ip)))
                .collect(),
            awaited,
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

/// What clients are told in place of an address of this machine.
pub(crate) fn external(external: &External, relay: IpAddr) -> IpAddr {
    mapped(external, relay).unwrap_or(relay)
}

/// The same, if anything says so.
fn mapped(external: &External, relay: IpAddr) -> Option<IpAddr> {
    if let Some(pair) = external.pairs.iter().find(|pair| pair.private == relay) {
        return Some(pair.public);
    }
    let named = |private| {
        let mut names = external.named.iter().filter(|it| it.private == private);
        names.find_map(|name| name.public(relay))
    };
    let plain = match relay {
        IpAddr::V4(_) => external.plain_v4.map(IpAddr::V4),
        IpAddr::V6(_) => external.plain_v6.map(IpAddr::V6),
    };
    named(Some(relay)).or(plain).or_else(|| named(None))
}

/// Whether it is not known yet what clients are to be told: a name says so, which has not been answered.
fn is_awaited(external: &External, relay: IpAddr) -> bool {
    let has_pair = external.pairs.iter().any(|pair| pair.private == relay);
    let has_plain = match relay {
        IpAddr::V4(_) => external.plain_v4.is_some(),
        IpAddr::V6(_) => external.plain_v6.is_some(),
    };
    let named = |private| external.named.iter().find(|it| it.private == private);
    let name = match named(Some(relay)) {
        None if has_plain => None,
        None => named(None),
        own => own,
    };
    !has_pair && name.is_some_and(|name| name.is_awaited(relay))
}

/// Of one link only.
pub(crate) fn is_link_local(ip: IpAddr) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Machine, Outcome};

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn ips(text: &str) -> Vec<IpAddr> {
        text.split_whitespace().map(ip).collect()
    }

    /// The addresses on a machine that has `own`, of which the default routes use `routes`.
    fn choose(options: &[&str], own: &str, routes: &str) -> Addresses {
        let machine = Machine {
            cores: 1,
            host_name: None,
            read: Box::new(|_| Err(io::ErrorKind::NotFound.into())),
            environment: Box::new(|_| None),
        };
        let args = ["turnd", "-n"].iter().chain(options).map(Into::into);
        let Outcome::Run(loaded) = config::load_on(&machine, args) else {
            panic!("these options are fine: {options:?}");
        };
        let routes = ips(routes);
        Addresses::choose(&loaded.settings, ips(own), |family| {
            routes.iter().copied().find(|&ip| Family::of(ip) == family)
        })
    }

    fn relays(addresses: &Addresses) -> String {
        let pairs = addresses
            .relay
            .iter()
            .map(|(relay, told)| format!("{relay}={told}"));
        pairs.collect::<Vec<_>>().join(" ")
    }

    const CLOUD: &str = "127.0.0.1 10.0.0.5 172.17.0.1 ::1 2600:1::5 fe80::5";

    #[test]
    fn a_machine_with_containers_listens_everywhere_and_relays_where_the_route_goes() {
        let addresses = choose(&[], CLOUD, "10.0.0.5 2600:1::5");
        assert_eq!(
            addresses.listening,
            ips("127.0.0.1 10.0.0.5 172.17.0.1 ::1 2600:1::5")
        );
        assert!(!addresses.listening_is_explicit);
        assert_eq!(relays(&addresses), "10.0.0.5=10.0.0.5 2600:1::5=2600:1::5");
    }

    #[test]
    fn what_is_written_counts_relay_ip_before_listening_ip() {
        let listening = choose(&["-L", "10.0.0.5"], CLOUD, "172.17.0.1");
        assert_eq!(
            (listening.listening.clone(), listening.listening_is_explicit),
            (ips("10.0.0.5"), true)
        );
        assert_eq!(relays(&listening), "10.0.0.5=10.0.0.5");
        let relay = choose(&["-L", "10.0.0.5", "-E", "172.17.0.1"], CLOUD, "10.0.0.5");
        assert_eq!(relays(&relay), "172.17.0.1=172.17.0.1");
        let any = choose(&["-L", "0.0.0.0"], CLOUD, "10.0.0.5");
        assert_eq!(relays(&any), "10.0.0.5=10.0.0.5 2600:1::5=2600:1::5");
    }

    #[test]
    fn without_a_route_any_address_will_do_and_loopback_only_as_the_last() {
        assert_eq!(
            relays(&choose(&[], "127.0.0.1 ::1 192.168.0.9", "")),
            "192.168.0.9=192.168.0.9"
        );
        assert_eq!(
            relays(&choose(&[], "127.0.0.1 ::1", "")),
            "127.0.0.1=127.0.0.1 ::1=::1"
        );
        assert_eq!(relays(&choose(&[], "fe80::1", "")), "");
    }

    #[test]
    fn an_outside_address_is_told_for_its_family_and_a_pair_for_its_address() {
        let options = [
            "-E",
            "10.0.0.5",
            "-E",
            "10.0.0.6",
            "-E",
            "2600:1::5",
            "-X",
            "8.8.4.4",
            "-X",
            "9.9.9.9/10.0.0.6",
        ];
        let addresses = choose(&options, CLOUD, "");
        assert_eq!(
            relays(&addresses),
            "10.0.0.5=8.8.4.4 10.0.0.6=9.9.9.9 2600:1::5=2600:1::5"
        );
    }
}
