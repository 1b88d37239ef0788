//! NAT behaviour discovery (RFC 5780): which listening addresses answer for each other.

use std::net::{IpAddr, SocketAddr};

use turnd_proto::{Discovery, ListenerId, Origin};

use super::{Bound, Listeners, Protocol};
use crate::{
    addresses::{Addresses, external},
    config::Settings,
    sockets::Socket,
};

/// Ports that belong together: the options of the first and of the second.
const PORTS: [[&str; 2]; 2] = [
    ["listening-port", "alt-listening-port"],
    ["tls-listening-port", "alt-tls-listening-port"],
];

impl Listeners {
    /// Where discovery is offered. The places of sockets are the same in every worker, so that each answers
    /// from another address through its own socket there.
    pub(crate) fn discovery(&self, settings: &Settings, addresses: &Addresses) -> Discovery {
        let mut discovery = Discovery::default();
        if !settings.binding.discovery {
            return discovery;
        }
        for (ip, other) in pairs(settings, addresses) {
            for protocol in [Protocol::Udp, Protocol::Tcp] {
                for options in PORTS {
                    let origins = |ip| {
                        let [first, second] = options.map(|option| {
                            let is_it = |it: &&Bound| it.is_at(ip, protocol, option);
                            self.bound.iter().find(is_it)
                        });
                        Some([origin(first?, settings), origin(second?, settings)])
                    };
                    if let (Some(own), Some(other)) = (origins(ip), origins(other)) {
                        discovery.offer(protocol == Protocol::Tcp, own, other);
                    }
                }
            }
        }
        if discovery.is_empty() {
            tracing::warn!(
                "rfc5780 has no effect: there are no two addresses of one family that clients \
                 reach, with the same two ports on both"
            );
        }
        discovery
    }
}

impl Bound {
    fn is_at(&self, ip: IpAddr, protocol: Protocol, option: &str) -> bool {
        self.address.ip() == ip
            && self.protocol == protocol
            && self.asked.1 == option
            && !self.is_behind_proxy
    }
}

fn origin(bound: &Bound, settings: &Settings) -> Origin {
    let socket = match bound.protocol {
        Protocol::Udp => Socket::Listener(bound.at),
        Protocol::Tcp => Socket::Acceptor(bound.at),
    };
    let (ip, port) = (bound.address.ip(), bound.address.port());
    Origin {
        listener: ListenerId(socket.number()),
        address: bound.address,
        told: SocketAddr::new(external(&settings.external, ip), port),
    }
}

/// Each listening address with its other one: the next of its family, as in coturn, and the first for the
/// last. Two that clients know by one name are no two for them.
fn pairs(settings: &Settings, addresses: &Addresses) -> Vec<(IpAddr, IpAddr)> {
    let mut pairs = Vec::new();
    for is_v4 in [true, false] {
        let mut told = Vec::new();
        let mut usable = Vec::new();
        for &ip in &addresses.listening {
            let name = external(&settings.external, ip);
            if ip.is_ipv4() == is_v4 && !ip.is_unspecified() && !told.contains(&name) {
                told.push(name);
                usable.push(ip);
            }
        }
        let others = usable.iter().cycle().skip(1);
        if usable.len() > 1 {
            pairs.extend(usable.iter().copied().zip(others.copied()));
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Machine, Outcome};

    fn pairs_of(options: &[&str]) -> Vec<String> {
        let machine = Machine {
            cores: 1,
            host_name: None,
            read: Box::new(|_| Err(std::io::ErrorKind::NotFound.into())),
            environment: Box::new(|_| None),
        };
        let args = ["turnd", "-n", "--rfc5780"].iter().chain(options);
        let Outcome::Run(loaded) = config::load_on(&machine, args.map(Into::into)) else {
            panic!("these options are fine: {options:?}");
        };
        let addresses = Addresses {
            awaited: Vec::new(),
            listening: loaded.settings.listening_ips.clone(),
            listening_is_explicit: true,
            relay: Vec::new(),
        };
        let pairs = pairs(&loaded.settings, &addresses).into_iter();
        pairs.map(|(ip, other)| format!("{ip}>{other}")).collect()
    }

    #[test]
    fn each_address_answers_for_the_next_of_its_family() {
        assert_eq!(
            pairs_of(&["-L", "192.0.2.1", "-L", "192.0.2.2"]),
            ["192.0.2.1>192.0.2.2", "192.0.2.2>192.0.2.1"]
        );
        let mixed = [
            "-L",
            "192.0.2.1",
            "-L",
            "2001:db8::1",
            "-L",
            "192.0.2.2",
            "-L",
            "192.0.2.3",
            "-L",
            "2001:db8::2",
        ];
        assert_eq!(
            pairs_of(&mixed),
            [
                "192.0.2.1>192.0.2.2",
                "192.0.2.2>192.0.2.3",
                "192.0.2.3>192.0.2.1",
                "2001:db8::1>2001:db8::2",
                "2001:db8::2>2001:db8::1"
            ]
        );
    }

    #[test]
    fn one_address_has_no_other_nor_have_two_behind_one() {
        assert!(pairs_of(&["-L", "192.0.2.1", "-L", "2001:db8::1"]).is_empty());
        let two = ["-L", "10.0.0.1", "-L", "10.0.0.2"];
        assert!(pairs_of(&[&two[..], &["-X", "203.0.113.1"]].concat()).is_empty());
        let mapped = [
            &two[..],
            &["-X", "203.0.113.1/10.0.0.1", "-X", "203.0.113.2/10.0.0.2"],
        ];
        assert_eq!(pairs_of(&mapped.concat()).len(), 2);
    }
}
