//! Where relay sockets come from: ports in order, unless a test takes them away.

use core::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
};
use std::collections::HashSet;

use turnd_proto::{OpenedRelay, PortWish, RelayRefusal};
use turnd_wire::Family;

/// The relay addresses and their ports.
pub(crate) struct Ports {
    addresses: Vec<IpAddr>,
    pub(crate) range: RangeInclusive<u16>,
    used: HashSet<SocketAddr>,
    /// That many of the next sockets cannot be had.
    pub(crate) fail: usize,
    /// No port of this family is left.
    pub(crate) full: Option<Family>,
    /// How many sockets were ever opened.
    pub(crate) opened: usize,
}

impl Ports {
    pub(crate) fn new(addresses: Vec<IpAddr>) -> Self {
        Self {
            addresses,
            range: 50_000..=50_999,
            used: HashSet::new(),
            fail: 0,
            full: None,
            opened: 0,
        }
    }

    /// How many sockets are open.
    pub(crate) fn in_use(&self) -> usize {
        self.used.len()
    }

    pub(crate) fn open(
        &mut self,
        family: Family,
        wish: PortWish,
    ) -> Result<OpenedRelay, RelayRefusal> {
        let ip = self.addresses.iter().find(|ip| Family::of(**ip) == family);
        let ip = *ip.ok_or(RelayRefusal::NoSuchFamily)?;
        if self.fail > 0 || self.full == Some(family) {
            self.fail = self.fail.saturating_sub(1);
            return Err(RelayRefusal::NoCapacity);
        }
        let free = |port: u16| {
            self.range.contains(&port) && !self.used.contains(&SocketAddr::new(ip, port))
        };
        let suits = |&port: &u16| match wish {
            PortWish::Any => free(port),
            PortWish::Even => port.is_multiple_of(2) && free(port),
            PortWish::EvenAndNext(_) => port.is_multiple_of(2) && free(port) && free(port + 1),
        };
        let port = self.range.clone().find(suits);
        let port = port.ok_or(RelayRefusal::NoCapacity)?;
        let next = matches!(wish, PortWish::EvenAndNext(_));
        let opened = OpenedRelay {
            address: SocketAddr::new(ip, port),
            next: next.then(|| SocketAddr::new(ip, port + 1)),
        };
        for address in [Some(opened.address), opened.next].into_iter().flatten() {
            self.used.insert(address);
            self.opened += 1;
        }
        Ok(opened)
    }

    pub(crate) fn close(&mut self, address: SocketAddr) {
        assert!(self.used.remove(&address), "{address} was not open");
    }
}
