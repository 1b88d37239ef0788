//! Which relay ports are free, and the sockets bound to them.
//!
//! A port is drawn at random (RFC 6056) from those that are free, in constant time however full the
//! range is, and can be drawn again as soon as its socket is closed. Shared by all workers; the lock
//! is taken when an allocation is made or ends, never on the way of a packet. The range may change while
//! ports are taken, of the old range and the new.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use turnd_net::{TcpListener, TcpOptions, TcpStream, UdpOptions, UdpSocket};
use turnd_proto::RelayRefusal;
use turnd_wire::Family;

use crate::process::limits::for_client;

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
    pairs: Vec<Pair>,
    /// The pairs with both halves free, with only the even one, with only the odd one.
    lists: [Vec<u16>; 3],
    range: RangeInclusive<u16>,
    /// A bit for each port that is taken, also of former ranges.
    taken: Box<[u64; 1024]>,
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
        let mut pool = Self {
            first: 0,
            pairs: Vec::new(),
            lists: [Vec::new(), Vec::new(), Vec::new()],
            range: range.clone(),
            taken: Box::new([0; 1024]),
        };
        pool.set_range(range);
        pool
    }

    /// Draws from another range from now on. Ports that are taken stay so until they are given back.
    pub fn set_range(&mut self, range: &RangeInclusive<u16>) {
        let first = range.start() & !1;
        let count = usize::from((range.end() | 1) - first) / 2 + 1;
        self.first = first;
        self.pairs = vec![Pair::default(); count];
        self.lists = [Vec::new(), Vec::new(), Vec::new()];
        self.range = range.clone();
        for port in range.clone() {
            if !self.is_taken(port) {
                self.set(port, true);
            }
        }
    }

    /// How many ports there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.range.len()
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
        self.mark(port, true);
        if wish == Wish::EvenAndNext {
            self.mark(port + 1, true);
        }
        Some(port)
    }

    /// Makes a port free again that was taken.
    pub fn give_back(&mut self, port: u16) {
        self.mark(port, false);
    }

    fn is_taken(&self, port: u16) -> bool {
        self.taken[usize::from(port / 64)] >> (port % 64) & 1 != 0
    }

    fn mark(&mut self, port: u16, taken: bool) {
        let (word, bit) = (&mut self.taken[usize::from(port / 64)], 1 << (port % 64));
        if taken {
            *word |= bit;
        } else {
            *word &= !bit;
        }
        if self.range.contains(&port) {
            self.set(port, !taken);
        }
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
    addresses: Vec<(IpAddr, Pool)>,
    range: RangeInclusive<u16>,
    options: UdpOptions,
    /// Families of which there will be addresses.
    awaited: Vec<Family>,
}

/// The ports of one address. Lives as long as one of them is taken, also if nobody draws from it any more.
type Pool = Arc<Mutex<PortPool>>;

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
    /// Those of [`TcpStream::connect`], and of [`for_client`] before the peer hears of it.
    pub fn connect(&self, peer: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(self.socket.local_addr(), peer, &self.options, |socket| {
            for_client(socket).map(drop)
        })
    }
}

/// A port that is taken.
struct Lease {
    pool: Pool,
    ip: IpAddr,
    port: u16,
}

impl Drop for Lease {
    fn drop(&mut self) {
        locked(&self.pool).give_back(self.port);
    }
}

impl RelayPorts {
    /// Every address has the whole range for itself.
    #[must_use]
    pub fn new(addresses: &[IpAddr], range: &RangeInclusive<u16>, options: UdpOptions) -> Self {
        let addresses = addresses
            .iter()
            .map(|&ip| (ip, Arc::new(Mutex::new(PortPool::new(range)))))
            .collect();
        Self {
            addresses,
            range: range.clone(),
            options,
            awaited: Vec::new(),
        }
    }

    /// These come later: until then there is no room, and it is not said that there is no such family.
    #[must_use]
    pub fn awaiting(self, addresses: &[IpAddr]) -> Self {
        let awaited = addresses.iter().map(|&ip| Family::of(ip)).collect();
        Self { awaited, ..self }
    }

    /// Other addresses, another range, other options. What is taken of an address that stays is known to
    /// both; nothing changes for the old ones before [`Self::commit`].
    #[must_use]
    pub fn with(
        &self,
        addresses: &[IpAddr],
        range: &RangeInclusive<u16>,
        device: Option<String>,
    ) -> Self {
        let mut new = Self::new(
            addresses,
            range,
            UdpOptions {
                device,
                ..self.options.clone()
            },
        );
        for (ip, pool) in &mut new.addresses {
            if let Some((_, known)) = self.addresses.iter().find(|(known, _)| known == ip) {
                *pool = known.clone();
            }
        }
        new
    }

    /// Draws from this range from now on, whoever asks.
    pub fn commit(&self) {
        for (_, pool) in &self.addresses {
            locked(pool).set_range(&self.range);
        }
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
            return Err(if self.awaited.contains(&family) {
                RelayRefusal::NoCapacity
            } else {
                RelayRefusal::NoSuchFamily
            });
        }
        // Spread over the addresses, and try the others when one is full.
        let start = match addresses.len() {
            1 => 0,
            count => usize::try_from(random() % count as u64).unwrap_or(0),
        };
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
        let (ip, pool) = &self.addresses[address];
        let lease = |port| Lease {
            pool: pool.clone(),
            ip: *ip,
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
            let address = SocketAddr::new(lease.ip, lease.port);
            match UdpSocket::bind(address, &self.options).and_then(for_client) {
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
        let address = SocketAddr::new(lease.ip, lease.port);
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
            for_client(TcpListener::bind(address, &shared)?)
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
        locked(&self.addresses[address].1)
    }
}

/// No operation leaves a pool half done, so a lock poisoned by a panic is still good.
fn locked(pool: &Pool) -> MutexGuard<'_, PortPool> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From the operating system: relay ports must not be guessable.
fn random() -> u64 {
    getrandom::u64().expect("the operating system gives random numbers")
}

#[cfg(test)]
mod tests;
