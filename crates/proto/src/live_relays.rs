//! Which ports of which relay addresses are in use, for all servers of a process: a peer may be
//! another allocation of this server, but nothing else on this machine.
//!
//! Also the one place that knows how a relay address looks from outside (1:1 NAT).

use core::{
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicU64, Ordering},
};

use std::sync::Arc;

use turnd_wire::Family;

/// One address that relay sockets are bound to.
#[derive(Debug)]
struct RelayAddress {
    local: IpAddr,
    /// What peers see instead, where a NAT stands in front.
    external: IpAddr,
    /// A bit for each port. Written by the server that owns the socket, read by all; nothing else
    /// hangs on the order, so relaxed access will do.
    live: Arc<[AtomicU64]>,
    /// No new relays are opened there, but old ones may live on, or be known by the address seen from
    /// outside that they were told once.
    is_former: bool,
}

/// The relay addresses and their live ports.
#[derive(Debug, Default)]
pub struct LiveRelays {
    addresses: Vec<RelayAddress>,
}

impl LiveRelays {
    /// From pairs of local address and the address seen from outside (the same without NAT).
    #[must_use]
    pub fn new(addresses: impl IntoIterator<Item = (IpAddr, IpAddr)>) -> Self {
        let addresses = addresses
            .into_iter()
            .map(|(local, external)| RelayAddress {
                local,
                external,
                live: no_ports(),
                is_former: false,
            })
            .collect();
        Self { addresses }
    }

    /// The same relays with other addresses, for new settings of servers that go on. Both know, and keep
    /// knowing, the same live ports. What is not among `addresses` any more is kept as long as relays
    /// live there.
    #[must_use]
    pub fn with(&self, addresses: impl IntoIterator<Item = (IpAddr, IpAddr)>) -> Self {
        let mut new = Self::new(addresses);
        for address in &mut new.addresses {
            if let Some(known) = self.addresses.iter().find(|it| it.local == address.local) {
                address.live = known.live.clone();
            }
        }
        for former in &self.addresses {
            let mut others = new.addresses.iter();
            let stays = others.any(|it| (it.local, it.external) == (former.local, former.external));
            let lives = || {
                former
                    .live
                    .iter()
                    .any(|word| word.load(Ordering::Relaxed) != 0)
            };
            if !stays && lives() {
                new.addresses.push(RelayAddress {
                    local: former.local,
                    external: former.external,
                    live: former.live.clone(),
                    is_former: true,
                });
            }
        }
        new
    }

    /// Whether relays of this family can be had at all.
    #[must_use]
    pub fn has_family(&self, family: Family) -> bool {
        self.addresses
            .iter()
            .any(|address| !address.is_former && Family::of(address.local) == family)
    }

    /// How a relay socket's address looks from outside.
    #[must_use]
    pub fn external(&self, local: SocketAddr) -> SocketAddr {
        let known = self
            .addresses
            .iter()
            .find(|address| address.local == local.ip());
        SocketAddr::new(
            known.map_or(local.ip(), |known| known.external),
            local.port(),
        )
    }

    /// The local address of the live relay that is known, inside or outside, as `address`.
    #[must_use]
    pub fn find(&self, address: SocketAddr) -> Option<SocketAddr> {
        let (word, bit) = place(address.port());
        self.addresses
            .iter()
            .filter(|relay| relay.local == address.ip() || relay.external == address.ip())
            .find(|relay| relay.live[word].load(Ordering::Relaxed) & bit != 0)
            .map(|relay| SocketAddr::new(relay.local, address.port()))
    }

    /// Whether `ip` is a relay address, inside or outside.
    #[must_use]
    pub fn is_relay_address(&self, ip: IpAddr) -> bool {
        self.addresses
            .iter()
            .any(|relay| relay.local == ip || relay.external == ip)
    }

    pub(crate) fn set_live(&self, local: SocketAddr, live: bool) {
        let (word, bit) = place(local.port());
        let Some(relay) = self
            .addresses
            .iter()
            .find(|relay| relay.local == local.ip())
        else {
            return;
        };
        if live {
            relay.live[word].fetch_or(bit, Ordering::Relaxed);
        } else {
            relay.live[word].fetch_and(!bit, Ordering::Relaxed);
        }
    }
}

fn no_ports() -> Arc<[AtomicU64]> {
    (0..1024).map(|_| AtomicU64::new(0)).collect()
}

fn place(port: u16) -> (usize, u64) {
    (usize::from(port / 64), 1 << (port % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_port_is_found_by_both_names_and_only_while_it_lives() {
        let inside: SocketAddr = "10.0.0.5:50000".parse().unwrap();
        let outside: SocketAddr = "8.8.4.4:50000".parse().unwrap();
        let relays = LiveRelays::new([(inside.ip(), outside.ip())]);
        assert_eq!(relays.find(outside), None);
        relays.set_live(inside, true);
        assert_eq!(relays.find(outside), Some(inside));
        assert_eq!(relays.find(inside), Some(inside));
        assert_eq!(relays.external(inside), outside);
        assert_eq!(relays.find("8.8.4.4:50001".parse().unwrap()), None);
        relays.set_live(inside, false);
        assert_eq!(relays.find(outside), None);
    }

    #[test]
    fn every_port_has_a_bit_of_its_own() {
        let ip: IpAddr = "::1".parse().unwrap();
        let relays = LiveRelays::new([(ip, ip)]);
        for port in 0..=u16::MAX {
            let address = SocketAddr::new(ip, port);
            relays.set_live(address, true);
            assert!(relays.find(address).is_some());
            relays.set_live(address, false);
            assert!(relays.find(address).is_none());
        }
    }
}
