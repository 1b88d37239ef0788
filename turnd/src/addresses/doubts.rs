//! Addresses that are likely not meant as they are written. The server works with them, and some of its clients may not.

use std::{fmt, net::IpAddr};

use turnd_proto::{Class, class};

use super::{Addresses, mapped};
use crate::config::External;

/// What an operator should look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Clients are told this relay address of a private network, and nothing says that they should be.
    Private(IpAddr),
    /// An `external-ip` is for this relay address, which is none.
    NoRelay(IpAddr),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Private(ip) => write!(
                f,
                "relay {ip} is a private address and no external-ip maps it: clients on the internet are told \
                 an address that they cannot reach; where all clients can, external-ip={ip}/{ip} says so"
            ),
            Self::NoRelay(ip) => write!(f, "external-ip: there is no relay address {ip}"),
        }
    }
}

/// All of them, each once. Nothing is relayed with `stun-only`, and nothing is to be asked then.
pub(crate) fn doubts(external: &External, addresses: &Addresses) -> Vec<Doubt> {
    let relay = || addresses.relay.iter().map(|&(ip, _)| ip);
    let is_told =
        |ip: &IpAddr| class(*ip) == Some(Class::Private) && mapped(external, *ip).is_none();
    let private = relay().filter(is_told).map(Doubt::Private);

    let pairs = external.pairs.iter().map(|it| it.private);
    let halves = pairs.chain(external.named.iter().filter_map(|it| it.private));
    let is_relay = |ip: &IpAddr| relay().any(|it| it == *ip) || addresses.awaited.contains(ip);
    let idle = halves.filter(|ip| !is_relay(ip)).map(Doubt::NoRelay);
    private.chain(idle).collect()
}

#[cfg(test)]
mod tests {
    use turnd_wire::Family;

    use super::*;
    use crate::config::{ExternalName, ExternalPair, PublicName};

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn of(external: &External, relay: &str, awaited: &str) -> Vec<Doubt> {
        let ips = |text: &str| text.split_whitespace().map(ip).collect::<Vec<_>>();
        let relay = ips(relay).into_iter().map(|ip| (ip, ip)).collect();
        let addresses = Addresses {
            listening: vec![],
            listening_is_explicit: false,
            relay,
            awaited: ips(awaited),
        };
        doubts(external, &addresses)
    }

    fn name(private: Option<&str>, found: &[&str], missing: Option<Family>) -> ExternalName {
        ExternalName {
            name: PublicName::Auto,
            private: private.map(ip),
            found: found.iter().map(|text| ip(text)).collect(),
            missing,
        }
    }

    #[test]
    fn of_relay_addresses_only_private_ones_that_are_told_as_they_are_may_be_a_mistake() {
        let nothing = External::default();
        for told in [
            "10.0.0.4",
            "172.17.0.2",
            "192.168.1.2",
            "100.64.0.4",
            "fd00::4",
        ] {
            assert_eq!(of(&nothing, told, ""), [Doubt::Private(ip(told))]);
            assert_eq!(of(&nothing, "", told), []);
        }
        for fine in ["127.0.0.1", "::1", "8.8.4.4", "2600:1::5", "169.254.1.1"] {
            assert_eq!(of(&nothing, fine, ""), [], "{fine}");
        }
    }

    #[test]
    fn what_is_said_of_one_family_is_not_said_of_the_other() {
        let both = "10.0.0.4 fd00::4";
        let plain = External {
            plain_v4: Some([8, 8, 8, 8].into()),
            ..External::default()
        };
        assert_eq!(of(&plain, both, ""), [Doubt::Private(ip("fd00::4"))]);
        let named = External {
            named: vec![name(None, &["2600:1::5"], None)],
            ..External::default()
        };
        assert_eq!(of(&named, both, ""), [Doubt::Private(ip("10.0.0.4"))]);
    }

    #[test]
    fn an_address_of_an_external_ip_relays_or_will_or_is_told() {
        let pair = |private| ExternalPair {
            public: ip("8.8.8.8"),
            private: ip(private),
        };
        let external = External {
            pairs: vec![pair("10.0.0.4"), pair("10.0.0.9")],
            named: vec![
                name(Some("10.0.0.5"), &[], None),
                name(Some("10.0.0.8"), &[], None),
            ],
            ..External::default()
        };
        let expected = ["10.0.0.9", "10.0.0.8"].map(|text| Doubt::NoRelay(ip(text)));
        assert_eq!(of(&external, "10.0.0.4", "10.0.0.5"), expected);
    }
}
