//! From the configuration to what the floors below need: sockets, key sources and the state
//! machine's settings. Everything that can go wrong at start goes wrong here, before anyone is served.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use turnd_net::{Offload, UdpOptions, UdpSocket};
use turnd_proto::{
    Access, DefaultFamily, Lifetimes, Limits, LiveRelays, LongTerm, PeerPolicy, Quotas,
    Settings as ServerSettings,
};
use turnd_wire::Family;

use crate::{
    addresses::Addresses,
    auth::{KeySources, SharedSecrets, Users},
    config::{self, Settings, UserSecret},
    own_addresses,
    ports::RelayPorts,
};

/// How often a port is tried that must be free on several addresses at once.
const PORT_TRIES: usize = 20;

/// What stops a start.
#[derive(Debug)]
pub enum StartError {
    /// The interfaces or the clock cannot be read, a thread cannot be started, and so on.
    System {
        /// What was tried.
        what: &'static str,
        /// How it failed.
        error: io::Error,
    },
    /// A listening address cannot be had.
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// A relay address cannot be had.
    Relay {
        /// Which.
        address: IpAddr,
        /// Why not.
        error: io::Error,
    },
    /// Nothing to listen on or to relay from.
    NoAddress(&'static str),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System { what, error } => write!(f, "cannot {what}: {error}"),
            Self::Listen { address, error } => {
                write!(
                    f,
                    "cannot listen on udp {address}: {error} (options listening-ip, listening-port)"
                )
            }
            Self::Relay { address, error } => {
                write!(f, "cannot relay from {address}: {error} (option relay-ip)")
            }
            Self::NoAddress(option) => {
                write!(
                    f,
                    "this machine has no address to use; name one with {option}"
                )
            }
        }
    }
}

impl std::error::Error for StartError {}

/// Names a system error's circumstances.
pub fn system(what: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |error| StartError::System { what, error }
}

/// What all workers share, and the sockets of each.
pub struct Setup {
    /// The addresses in force.
    pub addresses: Addresses,
    /// The port that is listened on, also where the system chose it.
    pub listening_port: u16,
    /// One set of sockets for each worker.
    pub listeners: Vec<Vec<UdpSocket>>,
    /// What could not be listened on, where that is no reason not to start.
    pub missed: Vec<(SocketAddr, io::Error)>,
    /// For every worker's state machine.
    pub server: Arc<ServerSettings>,
    /// Where keys come from.
    pub keys: Arc<KeySources>,
    /// Where relay sockets come from.
    pub ports: Arc<RelayPorts>,
    /// What the kernel can do.
    pub offload: Offload,
}

impl Setup {
    /// Binds every socket of every worker before any of them is served: the kernel spreads clients
    /// over a group of sockets, and would spread them anew if the group grew.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn new(settings: &Settings) -> Result<Self, StartError> {
        let addresses =
            Addresses::find(settings).map_err(system("read this machine's addresses"))?;
        if addresses.relay.is_empty() {
            return Err(StartError::NoAddress("relay-ip"));
        }
        let offload = Offload::probe();
        let options = UdpOptions {
            receive_buffer: Some(settings.socket_buffer),
            send_buffer: Some(settings.socket_buffer),
            offload,
            ..UdpOptions::default()
        };
        let relay_ips: Vec<IpAddr> = addresses.relay.iter().map(|&(ip, _)| ip).collect();
        let (listening_port, listeners, missed) = listen(settings, &addresses, &options)?;
        check_relay_addresses(&relay_ips)?;
        let bound = listeners
            .first()
            .into_iter()
            .flatten()
            .map(UdpSocket::local_addr)
            .collect();
        Ok(Self {
            server: Arc::new(server_settings(settings, &addresses, bound)?),
            keys: Arc::new(key_sources(settings)),
            ports: Arc::new(RelayPorts::new(&relay_ips, &settings.relay_ports, options)),
            addresses,
            listening_port,
            listeners,
            missed,
            offload,
        })
    }
}

/// Whether sockets can be bound there at all; the ports are left alone until they are needed.
fn check_relay_addresses(addresses: &[IpAddr]) -> Result<(), StartError> {
    for &address in addresses {
        std::net::UdpSocket::bind((address, 0))
            .map_err(|error| StartError::Relay { address, error })?;
    }
    Ok(())
}

type Listening = (u16, Vec<Vec<UdpSocket>>, Vec<(SocketAddr, io::Error)>);

/// Binds the listening addresses for every worker. With port 0 the system chooses one port for all
/// addresses, which may take more than one try.
fn listen(
    settings: &Settings,
    addresses: &Addresses,
    options: &UdpOptions,
) -> Result<Listening, StartError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match listen_once(settings, addresses, options) {
            Err(StartError::Listen { error, .. })
                if settings.listening_port == 0
                    && error.kind() == io::ErrorKind::AddrInUse
                    && tries < PORT_TRIES => {}
            result => return result,
        }
    }
}

fn listen_once(
    settings: &Settings,
    addresses: &Addresses,
    options: &UdpOptions,
) -> Result<Listening, StartError> {
    let mut port = settings.listening_port;
    if settings.relay_threads > 1 {
        port = unshared_port(addresses, port)?;
    }
    let mut listeners: Vec<Vec<UdpSocket>> =
        (0..settings.relay_threads).map(|_| Vec::new()).collect();
    let mut missed = Vec::new();
    'addresses: for &ip in &addresses.listening {
        let options = UdpOptions {
            reuse_port: settings.relay_threads > 1,
            packet_info: ip.is_unspecified(),
            ..options.clone()
        };
        for (worker, sockets) in listeners.iter_mut().enumerate() {
            let address = SocketAddr::new(ip, port);
            match UdpSocket::bind(address, &options) {
                Ok(socket) => {
                    port = socket.local_addr().port();
                    sockets.push(socket);
                }
                Err(error) if worker == 0 && may_miss(addresses, &error) => {
                    missed.push((address, error));
                    continue 'addresses;
                }
                Err(error) => return Err(StartError::Listen { address, error }),
            }
        }
    }
    if listeners.iter().all(Vec::is_empty) {
        return Err(StartError::NoAddress("listening-ip"));
    }
    Ok((port, listeners, missed))
}

/// The port, or one that the system chooses for 0, if nobody has it on any of the addresses. The kernel
/// lets every server of the same user into a group of sockets, and would give it a share of our clients.
fn unshared_port(addresses: &Addresses, mut port: u16) -> Result<u16, StartError> {
    for &ip in &addresses.listening {
        let address = SocketAddr::new(ip, port);
        match UdpSocket::bind(address, &UdpOptions::default()) {
            Ok(socket) => port = socket.local_addr().port(),
            Err(error) if may_miss(addresses, &error) => {}
            Err(error) => return Err(StartError::Listen { address, error }),
        }
    }
    Ok(port)
}

/// An address that nobody asked for may be gone again or not be ready yet.
fn may_miss(addresses: &Addresses, error: &io::Error) -> bool {
    !addresses.listening_is_explicit && error.kind() == io::ErrorKind::AddrNotAvailable
}

fn server_settings(
    settings: &Settings,
    addresses: &Addresses,
    listeners: Vec<SocketAddr>,
) -> Result<ServerSettings, StartError> {
    let relays = Arc::new(LiveRelays::new(addresses.relay.iter().copied()));
    let own = own_addresses::find(&settings.external);
    let own = Arc::new(own.map_err(system("read this machine's addresses"))?);
    own_addresses::watch(&own).map_err(system("start a thread"))?;
    Ok(ServerSettings {
        access: access(settings)?,
        lifetimes: Lifetimes {
            max_allocation: settings.max_allocate_lifetime,
            permission: settings.permission_lifetime,
            channel: settings.channel_lifetime,
        },
        limits: Limits::default(),
        quotas: Arc::new(Quotas::new(settings.user_quota, settings.total_quota)),
        peers: PeerPolicy::new(settings.peers.clone(), own, listeners, relays.clone()),
        relays,
        default_family: match settings.default_family {
            config::DefaultFamily::V4 => DefaultFamily::Is(Family::V4),
            config::DefaultFamily::V6 => DefaultFamily::Is(Family::V6),
            config::DefaultFamily::AsClient => DefaultFamily::AsClient,
        },
        fingerprint: settings.fingerprint,
        legacy_channels: settings.legacy_channels,
        stun: !settings.no_stun,
        turn: !settings.stun_only,
    })
}

fn access(settings: &Settings) -> Result<Access, StartError> {
    if settings.access == config::Access::Anonymous {
        return Ok(Access::DangerousAnyone);
    }
    // SHA-256 needs the passwords, and a client that is offered it takes it: with one stored MD5 key
    // that user would be locked out.
    let knows_passwords = !settings
        .users
        .iter()
        .any(|user| matches!(user.secret, UserSecret::Md5Key(_)));
    // A time-limited name cannot be found by its hash.
    let user_hashes = settings.shared_secrets.is_empty();
    Ok(Access::LongTerm(LongTerm::new(
        settings.realm.clone(),
        &random_key()?,
        settings.nonce_lifetime,
        knows_passwords,
        user_hashes,
    )))
}

fn key_sources(settings: &Settings) -> KeySources {
    KeySources {
        users: Users::new(&settings.users, &settings.realm),
        secrets: SharedSecrets::new(
            settings.shared_secrets.clone(),
            settings.rest_separator,
            settings.realm.clone(),
        ),
    }
}

/// From the operating system.
///
/// # Errors
/// When it has none to give.
pub fn random_key() -> Result<[u8; 32], StartError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| StartError::System {
        what: "get random numbers from the operating system",
        error: io::Error::other(error.to_string()),
    })?;
    Ok(key)
}
