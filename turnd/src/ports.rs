//! Which relay ports are free, and the sockets bound to them.
//!
//! A port is drawn at random (RFC 6056) from those that are free, in constant time however full the
//! range is, and can be drawn again as soon as its socket is closed. Shared by all workers; the lock
//! is taken when an allocation is made or ends, never on the way of a packet.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use turnd_net::{TcpListener, TcpOptions, TcpStream, UdpOptions, UdpSocket};
use turnd_proto::RelayRefusal;
use turnd_wire::Family;

/// How often a port that turns out to be somebody else's is put aside for another before giving up.
const TRIES: usize = 32;

/// What a caller may want of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Any port.
    Any,
    /// An even one.
    Even,
    /// An even one whose successor is free too; both are taken.
    EvenAndNext,
}

/// The free ports of one range, in pairs of an even port and the next.
#[derive(Debug)]
pub struct PortPool {
    /// The even port of pair 0.
    first: u16,
    size: usize,
    pairs: Vec<Pair>,
    /// The pairs with both halves free, with only the even one, with only the odd one.
    lists: [Vec<u16>; 3],
}

#[derive(Clone, Copy, Debug, Default)]
struct Pair {
    even_free: bool,
    odd_free: bool,
    /// Where in its list the pair stands.
    place: u16,
}

impl Pair {
    fn list(self) -> Option<usize> {
        match (self.even_free, self.odd_free) {
            (true, true) => Some(BOTH),
            (true, false) => Some(EVEN),
            (false, true) => Some(ODD),
            (false, false) => None,
        }
    }
}

const BOTH: usize = 0;
const EVEN: usize = 1;
const ODD: usize = 2;

impl PortPool {
    /// All ports of the range are free.
    #[must_use]
    pub fn new(range: &RangeInclusive<u16>) -> Self {
        let first = range.start() & !1;
        let count = usize::from((range.end() | 1) - first) / 2 + 1;
        let mut pool = Self {
            first,
            size: range.len(),
            pairs: vec![Pair::default(); count],
            lists: [Vec::new(), Vec::new(), Vec::new()],
        };
        for port in range.clone() {
            pool.give_back(port);
        }
        pool
    }

    /// How many ports there are.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// How many ports are free.
    #[must_use]
    pub fn free(&self) -> usize {
        self.lists[BOTH].len() * 2 + self.lists[EVEN].len() + self.lists[ODD].len()
    }

    /// Takes a port out of those that `wish` fits, every one as likely as the other. `random` must be
    /// uniform over all its values.
    pub fn take(&mut self, wish: Wish, random: u64) -> Option<u16> {
        let [both, even, odd] = [BOTH, EVEN, ODD].map(|list| self.lists[list].len());
        let choices = match wish {
            Wish::Any => both * 2 + even + odd,
            Wish::Even => both + even,
            Wish::EvenAndNext => both,
        };
        let choice =
            usize::try_from(random % u64::try_from(choices).ok().filter(|&n| n > 0)?).ok()?;
        let (list, at, odd_half) = match wish {
            Wish::Any if choice < both * 2 => (BOTH, choice / 2, choice % 2 == 1),
            Wish::Any if choice < both * 2 + even => (EVEN, choice - both * 2, false),
            Wish::Any => (ODD, choice - both * 2 - even, true),
            _ if choice < both => (BOTH, choice, false),
            _ => (EVEN, choice - both, false),
        };
        let pair = self.lists[list][at];
        let port = self.first + pair * 2 + u16::from(odd_half);
        self.set(port, false);
        if wish == Wish::EvenAndNext {
            self.set(port + 1, false);
        }
        Some(port)
    }

    /// Makes a port free again.
    pub fn give_back(&mut self, port: u16) {
        self.set(port, true);
    }

    fn set(&mut self, port: u16, free: bool) {
        let index = (port - self.first) / 2;
        let before = self.pairs[usize::from(index)];
        let mut after = before;
        if port.is_multiple_of(2) {
            after.even_free = free;
        } else {
            after.odd_free = free;
        }
        if let Some(list) = before.list() {
            let place = usize::from(before.place);
            self.lists[list].swap_remove(place);
            if let Some(&moved) = self.lists[list].get(place) {
                self.pairs[usize::from(moved)].place = before.place;
            }
        }
        if let Some(list) = after.list() {
            after.place = u16::try_from(self.lists[list].len()).unwrap_or(u16::MAX);
            self.lists[list].push(index);
        }
        self.pairs[usize::from(index)] = after;
    }
}

/// How full a relay address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortUsage {
    /// Which.
    pub address: IpAddr,
    /// Ports that relays may have there.
    pub ports: usize,
    /// Of those, ports that are not free: of allocations, or reserved.
    pub used: usize,
}

/// The relay addresses with their free ports.
pub struct RelayPorts {
    addresses: Vec<(IpAddr, Mutex<PortPool>)>,
    options: UdpOptions,
}

/// A bound relay socket. Its port is free again when it is dropped.
pub struct RelaySocket {
    // Dropped in this order: the socket is closed before its port can be drawn again.
    socket: UdpSocket,
    _lease: Lease,
}

impl RelaySocket {
    /// The socket itself.
    #[must_use]
    pub fn socket(&self) -> &UdpSocket {
        &self.socket
    }
}

/// A bound relay socket for TCP. Its port is free again when it is dropped.
pub struct RelayListener {
    socket: TcpListener,
    options: TcpOptions,
    _lease: Lease,
}

impl RelayListener {
    /// The listening socket.
    #[must_use]
    pub fn socket(&self) -> &TcpListener {
        &self.socket
    }

    /// Begins to connect to a peer from the relayed transport address (RFC 6062 section 5.2).
    ///
    /// # Errors
    /// Those of [`TcpStream::connect`].
    pub fn connect(&self, peer: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(self.socket.local_addr(), peer, &self.options)
    }
}

/// A port that is taken.
struct Lease {
    ports: Arc<RelayPorts>,
    address: usize,
    port: u16,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.ports.pool(self.address).give_back(self.port);
    }
}

impl RelayPorts {
    /// Every address has the whole range for itself.
    #[must_use]
    pub fn new(addresses: &[IpAddr], range: &RangeInclusive<u16>, options: UdpOptions) -> Self {
        let addresses = addresses
            .iter()
            .map(|&ip| (ip, Mutex::new(PortPool::new(range))))
            .collect();
        Self { addresses, options }
    }

    /// How full each relay address is.
    pub fn usage(&self) -> impl Iterator<Item = PortUsage> {
        self.addresses
            .iter()
            .enumerate()
            .map(|(at, &(address, _))| {
                let pool = self.pool(at);
                PortUsage {
                    address,
                    ports: pool.size(),
                    used: pool.size() - pool.free(),
                }
            })
    }

    /// Free ports of all addresses.
    #[must_use]
    pub fn free(&self) -> usize {
        (0..self.addresses.len())
            .map(|at| self.pool(at).free())
            .sum()
    }

    /// Binds a socket, or two with [`Wish::EvenAndNext`].
    ///
    /// # Errors
    /// [`RelayRefusal::NoSuchFamily`] if there is no such relay address at all,
    /// [`RelayRefusal::NoCapacity`] if no port or descriptor is left.
    pub fn open(
        self: &Arc<Self>,
        family: Family,
        wish: Wish,
    ) -> Result<(RelaySocket, Option<RelaySocket>), RelayRefusal> {
        self.open_with(family, wish, Self::bind)
    }

    /// Binds a socket that TCP peers can connect to (RFC 6062 section 5.1).
    ///
    /// # Errors
    /// As of [`Self::open`].
    pub fn open_listener(self: &Arc<Self>, family: Family) -> Result<RelayListener, RelayRefusal> {
        self.open_with(family, Wish::Any, Self::bind_listener)
    }

    fn open_with<T>(
        self: &Arc<Self>,
        family: Family,
        wish: Wish,
        bind: impl Fn(&Self, Vec<Lease>) -> Result<T, (io::Error, Vec<Lease>)>,
    ) -> Result<T, RelayRefusal> {
        let mut addresses: Vec<usize> = (0..self.addresses.len())
            .filter(|&at| Family::of(self.addresses[at].0) == family)
            .collect();
        if addresses.is_empty() {
            return Err(RelayRefusal::NoSuchFamily);
        }
        // Spread over the addresses, and try the others when one is full.
        let start = usize::try_from(random() % addresses.len() as u64).unwrap_or(0);
        addresses.rotate_left(start);
        addresses
            .into_iter()
            .find_map(|address| self.open_at(address, wish, &bind))
            .ok_or(RelayRefusal::NoCapacity)
    }

    fn open_at<T>(
        self: &Arc<Self>,
        address: usize,
        wish: Wish,
        bind: impl Fn(&Self, Vec<Lease>) -> Result<T, (io::Error, Vec<Lease>)>,
    ) -> Option<T> {
        // Ports of other programs are held until we are done, so that none is drawn twice.
        let mut others: Vec<Vec<Lease>> = Vec::new();
        while others.len() < TRIES {
            let leases = self.lease(address, wish)?;
            match bind(self, leases) {
                Ok(bound) => return Some(bound),
                Err((error, leases)) if error.kind() == io::ErrorKind::AddrInUse => {
                    others.push(leases)
                }
                Err(_) => return None,
            }
        }
        None
    }

    fn lease(self: &Arc<Self>, address: usize, wish: Wish) -> Option<Vec<Lease>> {
        let first = self.pool(address).take(wish, random())?;
        let last = if wish == Wish::EvenAndNext {
            first + 1
        } else {
            first
        };
        let lease = |port| Lease {
            ports: self.clone(),
            address,
            port,
        };
        Some((first..=last).map(lease).collect())
    }

    fn bind(
        &self,
        mut leases: Vec<Lease>,
    ) -> Result<(RelaySocket, Option<RelaySocket>), (io::Error, Vec<Lease>)> {
        let mut sockets = Vec::with_capacity(leases.len());
        for lease in &leases {
            let address = SocketAddr::new(self.addresses[lease.address].0, lease.port);
            match UdpSocket::bind(address, &self.options) {
                Ok(socket) => sockets.push(socket),
                Err(error) => return Err((error, leases)),
            }
        }
        let mut bound = sockets
            .into_iter()
            .zip(leases.drain(..))
            .map(|(socket, lease)| RelaySocket {
                socket,
                _lease: lease,
            });
        let first = bound.next().expect("at least one port is leased");
        let second = bound.next();
        drop(bound);
        Ok((first, second))
    }

    fn bind_listener(
        &self,
        mut leases: Vec<Lease>,
    ) -> Result<RelayListener, (io::Error, Vec<Lease>)> {
        let Some(lease) = leases.pop() else {
            return Err((io::ErrorKind::InvalidInput.into(), leases));
        };
        let address = SocketAddr::new(self.addresses[lease.address].0, lease.port);
        let shared = TcpOptions {
            reuse_port: true,
            device: self.options.device.clone(),
        };
        let alone = TcpOptions {
            reuse_port: false,
            ..shared.clone()
        };
        // Sockets that connect to peers will share the port. That must not hide that somebody else
        // listens there.
        let bound = TcpListener::bind(address, &alone).and_then(|probe| {
            drop(probe);
            TcpListener::bind(address, &shared)
        });
        match bound {
            Ok(socket) => Ok(RelayListener {
                socket,
                options: shared,
                _lease: lease,
            }),
            Err(error) => Err((error, vec![lease])),
        }
    }

    fn pool(&self, address: usize) -> MutexGuard<'_, PortPool> {
        let (_, pool) = &self.addresses[address];
        pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From the operating system: relay ports must not be guessable.
fn random() -> u64 {
    getrandom::u64().expect("the operating system gives random numbers")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Enough for tests: a full-period generator.
    fn numbers() -> impl FnMut() -> u64 {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        }
    }

    #[test]
    fn every_port_is_handed_out_once_and_comes_back() {
        for range in [
            49152..=65535,
            1024..=1024,
            1025..=1025,
            1025..=1030,
            0..=65535,
            65535..=65535,
        ] {
            let mut pool = PortPool::new(&range);
            let mut random = numbers();
            let all: HashSet<u16> = range.clone().collect();
            for _ in 0..2 {
                let mut taken = HashSet::new();
                while let Some(port) = pool.take(Wish::Any, random()) {
                    assert!(taken.insert(port));
                }
                assert_eq!(taken, all);
                assert_eq!(pool.free(), 0);
                taken.into_iter().for_each(|port| pool.give_back(port));
            }
        }
    }

    #[test]
    fn even_wishes_get_even_ports_and_leave_the_neighbour_usable() {
        let mut pool = PortPool::new(&(50001..=50006));
        let mut random = numbers();
        let mut even: Vec<u16> = std::iter::from_fn(|| pool.take(Wish::Even, random())).collect();
        even.sort_unstable();
        assert_eq!(even, [50002, 50004, 50006]);
        let mut rest: Vec<u16> = std::iter::from_fn(|| pool.take(Wish::Any, random())).collect();
        rest.sort_unstable();
        assert_eq!(rest, [50001, 50003, 50005]);
    }

    #[test]
    fn a_pair_is_taken_whole_or_not_at_all() {
        let mut pool = PortPool::new(&(50000..=50003));
        assert_eq!(pool.take(Wish::Even, 0).map(|port| port % 2), Some(0));
        let pair = pool.take(Wish::EvenAndNext, 0).unwrap();
        assert_eq!(pair % 2, 0);
        assert_eq!(pool.free(), 1);
        assert_eq!(pool.take(Wish::EvenAndNext, 0), None);
        pool.give_back(pair + 1);
        assert_eq!(pool.take(Wish::EvenAndNext, 0), None);
        pool.give_back(pair);
        assert_eq!(pool.take(Wish::EvenAndNext, 0), Some(pair));
    }

    #[test]
    fn draws_are_even_over_the_range() {
        let mut pool = PortPool::new(&(49152..=65535));
        let mut random = numbers();
        let mut bins = [0_u32; 64];
        for _ in 0..64_000 {
            let port = pool.take(Wish::Any, random()).unwrap();
            bins[usize::from(port - 49152) / 256] += 1;
            pool.give_back(port);
        }
        // Chi square with 63 degrees of freedom: 103.4 is passed by chance once in a thousand.
        let chi: f64 = bins
            .iter()
            .map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0)
            .sum();
        assert!(chi < 103.4, "{chi}");
    }
}
