//! Which ports of which relay addresses are in use, and by which relays, for all servers of a process: a
//! peer may be another allocation of this server, but nothing else on this machine.
//!
//! Also the one place that knows how a relay address looks from outside (1:1 NAT).

use core::{
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicU64, Ordering},
};

use std::sync::{Arc, OnceLock};

use slotmap::{Key, KeyData};
use turnd_wire::Family;

use crate::io::RelayId;

/// Ports whose owners lie together.
const BLOCK: usize = 64;
/// Bits of a relay's slot. Each relay is a file descriptor, of which a process has fewer.
const SLOT_BITS: u32 = 24;
/// Where the number of the server stands, above the slot and below the generation.
const SERVER_BITS: u64 = 0xff << SLOT_BITS;

/// A relay that serves an allocation, of whatever server of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveRelay {
    /// The address that its socket is bound to.
    pub address: SocketAddr,
    /// The index of the server that it belongs to.
    pub server: u8,
    /// How that server names it.
    pub relay: RelayId,
}

/// One address that relay sockets are bound to.
#[derive(Debug)]
struct RelayAddress {
    local: IpAddr,
    /// What peers see instead, where a NAT stands in front.
    external: IpAddr,
    /// The owner of each port. Written by the server that owns the socket, read by all; nothing else
    /// hangs on the order, so relaxed access will do.
    live: Arc<Ports>,
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
                live: Arc::default(),
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
            if !stays && former.live.any() {
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

    /// The live relay that is known, inside or outside, as `address`.
    #[must_use]
    pub fn find(&self, address: SocketAddr) -> Option<LiveRelay> {
        self.addresses
            .iter()
            .filter(|known| known.local == address.ip() || known.external == address.ip())
            .find_map(|known| {
                let (server, relay) = known.live.owner(address.port())?;
                Some(LiveRelay {
                    address: SocketAddr::new(known.local, address.port()),
                    server,
                    relay,
                })
            })
    }

    /// Whether `ip` is a relay address, inside or outside.
    #[must_use]
    pub fn is_relay_address(&self, ip: IpAddr) -> bool {
        self.addresses
            .iter()
            .any(|relay| relay.local == ip || relay.external == ip)
    }

    /// The relay bound to `local` serves an allocation of this server from now on, or none any more.
    pub(crate) fn set_live(&self, local: SocketAddr, owner: Option<(u8, RelayId)>) {
        let mut addresses = self.addresses.iter();
        if let Some(known) = addresses.find(|known| known.local == local.ip()) {
            known.live.set(local.port(), owner);
        }
    }

    /// A server has no relays any more.
    pub(crate) fn forget(&self, server: u8) {
        for known in &self.addresses {
            for word in known.live.words() {
                // Nobody but its owner changes it.
                let owned = word.load(Ordering::Relaxed);
                if owned != 0 && unpack(owned).0 == server {
                    word.store(0, Ordering::Relaxed);
                }
            }
        }
    }
}

/// The owners of all ports of an address. There is memory for those that were ever used, and their
/// neighbours.
#[derive(Debug)]
struct Ports(Box<[OnceLock<Block>]>);

type Block = Box<[AtomicU64; BLOCK]>;

impl Default for Ports {
    fn default() -> Self {
        let blocks = (usize::from(u16::MAX) + 1) / BLOCK;
        Self((0..blocks).map(|_| OnceLock::new()).collect())
    }
}

impl Ports {
    fn owner(&self, port: u16) -> Option<(u8, RelayId)> {
        let (block, place) = place(port);
        let word = self.0[block].get()?[place].load(Ordering::Relaxed);
        (word != 0).then(|| unpack(word))
    }

    fn set(&self, port: u16, owner: Option<(u8, RelayId)>) {
        let (block, place) = place(port);
        let word = owner.map_or(0, |(server, relay)| pack(server, relay));
        let empty = || Box::new([const { AtomicU64::new(0) }; BLOCK]);
        self.0[block].get_or_init(empty)[place].store(word, Ordering::Relaxed);
    }

    /// Those that were ever used, and their neighbours.
    fn words(&self) -> impl Iterator<Item = &AtomicU64> {
        self.0.iter().filter_map(OnceLock::get).flat_map(|it| &**it)
    }

    fn any(&self) -> bool {
        self.words().any(|word| word.load(Ordering::Relaxed) != 0)
    }
}

fn place(port: u16) -> (usize, usize) {
    (usize::from(port) / BLOCK, usize::from(port) % BLOCK)
}

/// An owner in one word, which is read and written whole. Never 0: generations of relays that exist are not.
fn pack(server: u8, relay: RelayId) -> u64 {
    let bits = relay.data().as_ffi();
    debug_assert_eq!(bits & SERVER_BITS, 0, "fewer relays than slots");
    bits & !SERVER_BITS | u64::from(server) << SLOT_BITS
}

fn unpack(word: u64) -> (u8, RelayId) {
    let server = word >> SLOT_BITS & 0xff;
    let relay = KeyData::from_ffi(word & !SERVER_BITS).into();
    (server as u8, relay)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name that a server might give a relay.
    fn relay(slot: u32, generation: u32) -> RelayId {
        KeyData::from_ffi(u64::from(generation) << 32 | u64::from(slot)).into()
    }

    #[test]
    fn a_live_port_is_found_by_both_names_and_only_while_it_lives() {
        let inside: SocketAddr = "10.0.0.5:50000".parse().unwrap();
        let outside: SocketAddr = "8.8.4.4:50000".parse().unwrap();
        let relays = LiveRelays::new([(inside.ip(), outside.ip())]);
        assert_eq!(relays.find(outside), None);
        relays.set_live(inside, Some((3, relay(7, 1))));
        let found = LiveRelay {
            address: inside,
            server: 3,
            relay: relay(7, 1),
        };
        assert_eq!(relays.find(outside), Some(found));
        assert_eq!(relays.find(inside), Some(found));
        assert_eq!(relays.external(inside), outside);
        assert_eq!(relays.find("8.8.4.4:50001".parse().unwrap()), None);
        relays.set_live(inside, None);
        assert_eq!(relays.find(outside), None);
    }

    #[test]
    fn every_port_has_an_owner_of_its_own() {
        let ip: IpAddr = "::1".parse().unwrap();
        let relays = LiveRelays::new([(ip, ip)]);
        for port in 0..=u16::MAX {
            let address = SocketAddr::new(ip, port);
            relays.set_live(address, Some((0, relay(1, 1))));
            assert!(relays.find(address).is_some());
            relays.set_live(address, None);
            assert!(relays.find(address).is_none());
        }
        assert!(!relays.addresses[0].live.any());
    }

    #[test]
    fn owners_come_back_as_they_were_put_in() {
        for server in [0, 1, u8::MAX] {
            for relay in [relay(1, 1), relay((1 << SLOT_BITS) - 1, u32::MAX)] {
                assert_eq!(unpack(pack(server, relay)), (server, relay));
            }
        }
    }
}
