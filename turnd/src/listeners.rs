//! Where clients are listened for: which ports, on which addresses, for which protocols, and the
//! sockets of every worker for them.

mod discovery;
mod endpoints;
mod retired;

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use turnd_net::{TcpListener, TcpOptions, UdpOptions, UdpSocket};

use crate::{
    addresses::Addresses,
    config::Settings,
    setup::StartError,
    sockets::{Acceptor, Listener, Takes},
};

use endpoints::{Endpoint, endpoints};
pub use retired::Retired;

/// How often a port is tried that must be free on several addresses at once.
const PORT_TRIES: usize = 20;

/// Every listening socket.
pub struct Listeners {
    /// One set for each worker: what was bound now.
    pub workers: Vec<Sockets>,
    /// What is listened on, in the order of the configuration; what was before, too.
    pub bound: Vec<Bound>,
    /// What could not be listened on, where that is no reason not to start.
    pub missed: Vec<(SocketAddr, io::Error)>,
    /// UDP sockets that take nobody new, and are there until the last of their allocations has ended.
    pub retired: Vec<Retired>,
    /// Where in the workers' lists the next socket stands. No place is used twice, so that a late event
    /// for a socket that is gone names no other.
    next: Next,
}

/// The next place for UDP and for TCP.
#[derive(Clone, Copy, Debug, Default)]
struct Next {
    udp: usize,
    tcp: usize,
}

/// The listening sockets of one worker, each with its place in the worker's list.
#[derive(Default)]
pub struct Sockets {
    /// UDP.
    pub listeners: Vec<(usize, Listener)>,
    /// TCP.
    pub acceptors: Vec<(usize, Acceptor)>,
}

/// Something that is listened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Where, also if the system chose the port.
    pub address: SocketAddr,
    /// UDP or TCP.
    pub protocol: Protocol,
    /// Plain or under TLS or DTLS, or both.
    pub takes: Takes,
    /// Whether a PROXY header comes first.
    pub is_behind_proxy: bool,
    /// Where it stands in the list of every worker for its protocol.
    pub at: usize,
    /// The port that was asked for, which may have been 0, and by which option.
    asked: (u16, &'static str),
}

/// What a listening socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// Connections.
    Tcp,
}

impl Protocol {
    /// Its name, and that of what it is called with encryption.
    #[must_use]
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Udp => ("udp", "dtls"),
            Self::Tcp => ("tcp", "tls"),
        }
    }
}

impl Takes {
    /// Nobody is taken.
    pub const NOTHING: Self = Self {
        plain: false,
        secure: false,
    };

    const fn is_something(self) -> bool {
        self.plain || self.secure
    }

    /// What either takes.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            plain: self.plain || other.plain,
            secure: self.secure || other.secure,
        }
    }
}

impl Listeners {
    /// Binds every socket of every worker before any of them is served: the kernel spreads clients
    /// over a group of sockets, and would spread them anew if the group grew.
    ///
    /// # Errors
    /// When an address cannot be had, or nothing is left to listen on.
    pub fn bind(
        settings: &Settings,
        addresses: &Addresses,
        udp: &UdpOptions,
    ) -> Result<Self, StartError> {
        Self::bind_beside(None, settings, addresses, udp)
    }

    /// The same beside those of `before`, which go on: only what is new is bound.
    ///
    /// # Errors
    /// As of [`Self::bind`].
    pub fn bind_beside(
        before: Option<&Self>,
        settings: &Settings,
        addresses: &Addresses,
        udp: &UdpOptions,
    ) -> Result<Self, StartError> {
        let mut listeners = Self {
            workers: Vec::new(),
            bound: Vec::new(),
            missed: Vec::new(),
            retired: Vec::new(),
            next: before.map(|before| before.next).unwrap_or_default(),
        };
        let before: Vec<Bound> = before.map(Self::all).unwrap_or_default();
        let workers = settings.relay_threads;
        listeners.workers.resize_with(workers, Sockets::default);
        for endpoint in endpoints(settings, addresses) {
            listeners.bind_endpoint(&endpoint, &before, settings, udp)?;
        }
        if listeners.bound.is_empty() {
            return Err(StartError::NoAddress("listening-ip"));
        }
        listeners.retire(before);
        Ok(listeners)
    }

    /// What [`Listeners::bind`] would bind, with the option that asks for it and whether its address was
    /// named: then it must work.
    #[must_use]
    pub fn planned(settings: &Settings, addresses: &Addresses) -> Vec<(Bound, &'static str, bool)> {
        let mut planned = Vec::new();
        for endpoint in endpoints(settings, addresses) {
            for &ip in &endpoint.addresses {
                let both = [(Protocol::Udp, endpoint.udp), (Protocol::Tcp, endpoint.tcp)];
                for (protocol, takes) in both.into_iter().filter(|(_, it)| it.is_something()) {
                    let bound = Bound {
                        address: SocketAddr::new(ip, endpoint.port),
                        protocol,
                        takes,
                        is_behind_proxy: endpoint.is_behind_proxy && protocol == Protocol::Tcp,
                        at: planned.len(),
                        asked: (endpoint.port, endpoint.options),
                    };
                    planned.push((bound, endpoint.options, endpoint.is_explicit));
                }
            }
        }
        planned
    }

    /// With port 0 the system chooses one port for all addresses and both protocols, which may take
    /// more than one try.
    fn bind_endpoint(
        &mut self,
        endpoint: &Endpoint,
        before: &[Bound],
        settings: &Settings,
        udp: &UdpOptions,
    ) -> Result<(), StartError> {
        // Of two endpoints that look the same, both with port 0, each has its own.
        let is_free = |bound: &&Bound| !self.bound.iter().any(|it| it.is_socket_of(bound));
        let before: Vec<Bound> = before.iter().filter(is_free).copied().collect();
        for _ in 1..PORT_TRIES {
            let mut attempt = Attempt::new(endpoint, &before, self.next, settings, udp);
            match attempt.bind_all() {
                Err(StartError::Listen { error, .. })
                    if endpoint.port == 0 && error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    self.add(attempt);
                    return Ok(());
                }
            }
        }
        let mut last = Attempt::new(endpoint, &before, self.next, settings, udp);
        last.bind_all()?;
        self.add(last);
        Ok(())
    }

    fn add(&mut self, attempt: Attempt<'_>) {
        for (all, new) in self.workers.iter_mut().zip(attempt.workers) {
            all.listeners.extend(new.listeners);
            all.acceptors.extend(new.acceptors);
        }
        self.bound.extend(attempt.bound);
        self.missed.extend(attempt.missed);
        self.next = attempt.next;
    }
}

impl Bound {
    /// Whether both are the same socket of every worker.
    #[must_use]
    pub fn is_socket_of(&self, other: &Self) -> bool {
        (self.protocol, self.at) == (other.protocol, other.at)
    }

    /// Whether it is what this endpoint asks for.
    fn is_for(&self, endpoint: &Endpoint, ip: IpAddr, protocol: Protocol) -> bool {
        let is_port = match endpoint.port {
            0 => self.asked == (0, endpoint.options),
            port => self.address.port() == port,
        };
        is_port && self.protocol == protocol && self.address.ip() == ip
    }
}

/// The sockets of one endpoint, as far as they are bound.
struct Attempt<'a> {
    endpoint: &'a Endpoint,
    /// What is bound already.
    before: &'a [Bound],
    next: Next,
    device: Option<String>,
    udp: &'a UdpOptions,
    /// 0 until the system has chosen one.
    port: u16,
    workers: Vec<Sockets>,
    bound: Vec<Bound>,
    missed: Vec<(SocketAddr, io::Error)>,
}

impl<'a> Attempt<'a> {
    fn new(
        endpoint: &'a Endpoint,
        before: &'a [Bound],
        next: Next,
        settings: &Settings,
        udp: &'a UdpOptions,
    ) -> Self {
        let mut workers = Vec::new();
        workers.resize_with(settings.relay_threads, Sockets::default);
        Self {
            endpoint,
            before,
            next,
            device: settings.listen.listening_device.clone(),
            udp,
            port: endpoint.port,
            workers,
            bound: Vec::new(),
            missed: Vec::new(),
        }
    }

    fn bind_all(&mut self) -> Result<(), StartError> {
        for &ip in &self.endpoint.addresses {
            for (protocol, takes) in [
                (Protocol::Udp, self.endpoint.udp),
                (Protocol::Tcp, self.endpoint.tcp),
            ] {
                if !takes.is_something() {
                    continue;
                }
                let is_behind_proxy = self.endpoint.is_behind_proxy && protocol == Protocol::Tcp;
                let is_for = |it: &&Bound| it.is_for(self.endpoint, ip, protocol);
                if let Some(there) = self.before.iter().find(is_for) {
                    self.port = there.address.port();
                    self.bound.push(Bound {
                        takes,
                        is_behind_proxy,
                        ..*there
                    });
                    continue;
                }
                let bound = match protocol {
                    Protocol::Udp => self.bind_udp(ip, takes),
                    Protocol::Tcp => self.bind_tcp(ip, takes),
                };
                let at = match bound {
                    Ok(at) => at,
                    // An address that nobody asked for may be gone again or not be ready yet.
                    Err(error)
                        if !self.endpoint.is_explicit
                            && error.kind() == io::ErrorKind::AddrNotAvailable =>
                    {
                        self.missed.push((SocketAddr::new(ip, self.port), error));
                        break;
                    }
                    Err(error) => {
                        return Err(StartError::Listen {
                            protocol: protocol.names().0,
                            address: SocketAddr::new(ip, self.port),
                            error,
                            options: self.endpoint.options,
                        });
                    }
                };
                self.bound.push(Bound {
                    address: SocketAddr::new(ip, self.port),
                    protocol,
                    takes,
                    is_behind_proxy,
                    at,
                    asked: (self.endpoint.port, self.endpoint.options),
                });
            }
        }
        Ok(())
    }

    /// The kernel lets every server of the same user into a group of sockets, and would give it a
    /// share of our clients: so the address is first asked for alone. Returns the place of the sockets.
    fn bind_udp(&mut self, ip: IpAddr, takes: Takes) -> io::Result<usize> {
        let is_shared = self.workers.len() > 1;
        let alone = UdpOptions {
            device: self.device.clone(),
            packet_info: ip.is_unspecified(),
            keeps_room: true,
            ..self.udp.clone()
        };
        if is_shared {
            let probe = UdpSocket::bind(SocketAddr::new(ip, self.port), &alone)?;
            self.port = probe.local_addr().port();
        }
        let options = UdpOptions {
            reuse_port: is_shared,
            ..alone
        };
        let at = self.next.udp;
        for worker in &mut self.workers {
            let socket = UdpSocket::bind(SocketAddr::new(ip, self.port), &options)?;
            self.port = socket.local_addr().port();
            worker.listeners.push((at, Listener::new(socket, takes)));
        }
        self.next.udp += 1;
        Ok(at)
    }

    fn bind_tcp(&mut self, ip: IpAddr, takes: Takes) -> io::Result<usize> {
        let is_shared = self.workers.len() > 1;
        let alone = TcpOptions {
            reuse_port: false,
            device: self.device.clone(),
        };
        if is_shared {
            let probe = TcpListener::bind(SocketAddr::new(ip, self.port), &alone)?;
            self.port = probe.local_addr().port();
        }
        let options = TcpOptions {
            reuse_port: is_shared,
            ..alone
        };
        let at = self.next.tcp;
        for worker in &mut self.workers {
            let socket = TcpListener::bind(SocketAddr::new(ip, self.port), &options)?;
            self.port = socket.local_addr().port();
            let acceptor = Acceptor::new(socket, takes, self.endpoint.is_behind_proxy);
            worker.acceptors.push((at, acceptor));
        }
        self.next.tcp += 1;
        Ok(at)
    }
}
