//! Whom clients may reach through a relay.
//!
//! A peer address becomes a [`Host`] or a [`Peer`] here and nowhere else, and only those can be sent
//! to: [`PeerPolicy::check`] is the single gate. Default: what is not plainly somebody else's public
//! address is refused. An operator's allow rules come before the deny rules.

use core::{
    fmt,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
};
use std::sync::Arc;

use crate::{
    address_class::{Class, class},
    live_relays::{LiveRelay, LiveRelays},
    own_addresses::OwnAddresses,
};

/// What an operator decides about peers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerRules {
    /// Reachable whatever else says no. Ranges open [`Class::Private`] and [`Class::Special`]; a
    /// single address also opens [`Class::Reserved`].
    pub allowed: Vec<RangeInclusive<IpAddr>>,
    /// Refused unless allowed.
    pub denied: Vec<RangeInclusive<IpAddr>>,
    /// Opens 127.0.0.0/8 and ::1, for trying things out on one machine.
    pub allow_loopback: bool,
    /// Opens [`Class::Private`]: a LAN's own addresses.
    pub allow_private: bool,
}

/// A host that a client may send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    ip: IpAddr,
    reach: Reach,
}

impl Host {
    /// Its address, as the client gave it.
    #[must_use]
    pub const fn ip(&self) -> IpAddr {
        self.ip
    }
}

/// Which of a host's ports may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Somebody else's machine: all.
    Everything,
    /// This machine, allowed by a rule: all but the listeners.
    AllButListeners,
    /// This machine: only the ports of live relays.
    LiveRelays,
}

/// A transport address that a client may send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    asked: SocketAddr,
    wire: SocketAddr,
    reach: Reach,
}

impl Peer {
    /// The address as the client gave it.
    #[must_use]
    pub const fn asked(&self) -> SocketAddr {
        self.asked
    }

    /// This peer, as far as its host is within reach now.
    #[must_use]
    pub(crate) fn judged_as(self, host: Host) -> Self {
        let reach = host.reach;
        Self { reach, ..self }
    }

    /// Where its datagrams go and come from. Differs from what the client gave where that is the
    /// outside address of a relay of this server.
    #[must_use]
    pub const fn wire(&self) -> SocketAddr {
        self.wire
    }
}

/// Why a peer is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// By the default table.
    Class(Class),
    /// By a deny rule: the first and the last address of its range.
    Denied(IpAddr, IpAddr),
    /// It is this machine, and no live relay.
    Own,
    /// Port 0 is nowhere.
    NoPort,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Denied(first, last) => return write!(f, "{first}-{last}"),
            Self::Class(Class::Never) => "no unicast address of its own",
            Self::Class(Class::Reserved) => "a reserved address",
            Self::Class(Class::Private) => "a private address",
            Self::Class(Class::Special) => "a special-purpose address",
            Self::Own => "this server itself",
            Self::NoPort => "port 0",
        })
    }
}

/// Judges peers: whenever a permission or channel is made or refreshed, and all that there are when the
/// rules change ([`crate::Server::reconfigure`]). A packet is not judged anew, so that a permission for an
/// address that becomes this machine's lives on to its end: five minutes
/// ([`crate::Lifetimes::permission`]) after it was last granted.
#[derive(Debug)]
pub struct PeerPolicy {
    rules: PeerRules,
    own: Arc<OwnAddresses>,
    /// Where this server listens; an unspecified address stands for all.
    listeners: Vec<SocketAddr>,
    relays: Arc<LiveRelays>,
}

impl PeerPolicy {
    /// `listeners` are the addresses that this server listens on.
    #[must_use]
    pub fn new(
        rules: PeerRules,
        own: Arc<OwnAddresses>,
        listeners: Vec<SocketAddr>,
        relays: Arc<LiveRelays>,
    ) -> Self {
        Self {
            rules,
            own,
            listeners,
            relays,
        }
    }

    /// Whether a client may have a permission for the host of `address`. The port counts only where
    /// the host is this machine.
    ///
    /// # Errors
    /// [`Forbidden`] says why not: 403.
    pub fn check(&self, address: SocketAddr) -> Result<Host, Forbidden> {
        let ip = address.ip();
        let class = class(ip);
        if class == Some(Class::Never) {
            return Err(Forbidden::Class(Class::Never));
        }
        let is_own = self.is_own(ip);
        if self.is_allowed(ip, class) {
            let reach = if is_own {
                Reach::AllButListeners
            } else {
                Reach::Everything
            };
            return Ok(Host { ip, reach });
        }
        if let Some(range) = self.rules.denied.iter().find(|range| range.contains(&ip)) {
            return Err(Forbidden::Denied(*range.start(), *range.end()));
        }
        if is_own {
            return match self.relays.find(address) {
                Some(_) => Ok(Host {
                    ip,
                    reach: Reach::LiveRelays,
                }),
                None => Err(Forbidden::Own),
            };
        }
        match class {
            Some(Class::Private) if self.rules.allow_private => {}
            Some(class) => return Err(Forbidden::Class(class)),
            None => {}
        }
        Ok(Host {
            ip,
            reach: Reach::Everything,
        })
    }

    /// Whether a permission that a client has for a host may stay. Unlike [`Self::check`] it knows no port:
    /// of a host that is this machine the live relays stay in reach.
    ///
    /// # Errors
    /// [`Forbidden`] says why not.
    pub(crate) fn judge(&self, ip: IpAddr) -> Result<Host, Forbidden> {
        match self.check(SocketAddr::new(ip, 0)) {
            Err(Forbidden::Own) => Ok(Host {
                ip,
                reach: Reach::LiveRelays,
            }),
            judged => judged,
        }
    }

    /// Whether every peer gets the same answer from the other policy.
    pub(crate) fn judges_as(&self, other: &Self) -> bool {
        self.rules == other.rules
            && self.listeners == other.listeners
            && Arc::ptr_eq(&self.own, &other.own)
            && Arc::ptr_eq(&self.relays, &other.relays)
    }

    /// The peer at `port` of a permitted host.
    ///
    /// # Errors
    /// [`Forbidden`] says why that port is out of reach.
    pub fn peer(&self, host: Host, port: u16) -> Result<Peer, Forbidden> {
        let asked = SocketAddr::new(host.ip, port);
        if port == 0 {
            return Err(Forbidden::NoPort);
        }
        let wire = match host.reach {
            Reach::Everything => asked,
            Reach::AllButListeners if self.is_listener(asked) => return Err(Forbidden::Own),
            Reach::AllButListeners => self.relays.find(asked).map_or(asked, |it| it.address),
            Reach::LiveRelays => self.relays.find(asked).ok_or(Forbidden::Own)?.address,
        };
        Ok(Peer {
            asked,
            wire,
            reach: host.reach,
        })
    }

    /// The peer at an address for which no permission is asked, as over TCP (RFC 6062 section 5.2).
    ///
    /// # Errors
    /// [`Forbidden`] says why it is out of reach.
    pub(crate) fn at(&self, address: SocketAddr) -> Result<Peer, Forbidden> {
        let host = self.check(address)?;
        self.peer(host, address.port())
    }

    /// The peer as it is now: a relay of this server may have ended since, and its port may be
    /// somebody else's. `None` if it is out of reach now.
    #[must_use]
    pub fn still(&self, peer: Peer) -> Option<Peer> {
        let host = Host {
            ip: peer.asked.ip(),
            reach: peer.reach,
        };
        self.peer(host, peer.asked.port()).ok()
    }

    /// The relay of this process that the peer is, if it is one.
    pub(crate) fn relay(&self, peer: &Peer) -> Option<LiveRelay> {
        match peer.reach {
            Reach::Everything => None,
            Reach::AllButListeners | Reach::LiveRelays => self.relays.find(peer.wire),
        }
    }

    /// The address by which clients know the sender of a datagram: for a relay of this server its
    /// outside address.
    #[must_use]
    pub fn known_as(&self, wire: SocketAddr) -> SocketAddr {
        self.relays.external(wire)
    }

    /// Whether this is the address of a relay of this server: no client may come from there, or
    /// packets could be made to circle.
    #[must_use]
    pub fn is_live_relay(&self, address: SocketAddr) -> bool {
        self.relays.find(address).is_some()
    }

    fn is_allowed(&self, ip: IpAddr, class: Option<Class>) -> bool {
        if ip.is_loopback() && self.rules.allow_loopback {
            return true;
        }
        self.rules
            .allowed
            .iter()
            .filter(|range| range.contains(&ip))
            .any(|range| class != Some(Class::Reserved) || range.start() == range.end())
    }

    fn is_own(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || self.own.contains(ip) || self.relays.is_relay_address(ip)
    }

    fn is_listener(&self, address: SocketAddr) -> bool {
        let ip = address.ip();
        // An outside address, which no interface has, may lead to any listener.
        let is_outside = !ip.is_loopback() && !self.own.is_on_interface(ip);
        self.listeners.iter().any(|listener| {
            listener.port() == address.port()
                && (is_outside || listener.ip() == ip || listener.ip().is_unspecified())
        })
    }
}

#[cfg(test)]
mod tests;
