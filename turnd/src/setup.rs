//! From the configuration to what the floors below need: sockets, key sources and the state
//! machine's settings. Everything that can go wrong at start goes wrong here, before anyone is served.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use turnd_net::{Offload, UdpOptions, UdpSocket};
use turnd_proto::{
    Access, Bandwidth, DefaultFamily, Lifetimes, Limits, LiveRelays, LongTerm, PeerPolicy, Quotas,
    Settings as ServerSettings, nonce_key,
};
use turnd_wire::Family;

use crate::{
    addresses::Addresses,
    auth::{KeySources, SharedSecrets, Users},
    config::{self, Settings, UserSecret},
    dtls::DtlsLimits,
    encryption::{Encryption, EncryptionError},
    handshakes::Handshakes,
    listeners::Listeners,
    metrics::MetricsError,
    own_addresses,
    ports::RelayPorts,
    process::identity::IdentityError,
    streams::{QueueLimits, http::HttpRules, limits::Connections},
    worker::{StreamRules, Tls},
};

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
        /// UDP or TCP.
        protocol: &'static str,
        /// Which.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
        /// The option that names the port.
        options: &'static str,
    },
    /// A relay address cannot be had.
    Relay {
        /// Which.
        address: IpAddr,
        /// Why not.
        error: io::Error,
    },
    /// TLS or DTLS cannot be offered as it was asked for.
    Encryption(EncryptionError),
    /// Metrics cannot be served as they were asked for.
    Metrics(MetricsError),
    /// The process cannot become who it is to be.
    Identity(IdentityError),
    /// The file for the process's number cannot be had.
    PidFile {
        /// Which.
        path: PathBuf,
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
            Self::Listen {
                protocol,
                address,
                error,
                options,
            } => {
                let options = match *options {
                    _ if is_about_the_device(error) => "option listening-device".to_owned(),
                    "aux-server" => "option aux-server".to_owned(),
                    port => format!("options listening-ip, {port}"),
                };
                write!(
                    f,
                    "cannot listen on {protocol} {address}: {error} ({options})"
                )
            }
            Self::Encryption(error) => write!(f, "{error}"),
            Self::Metrics(error) => write!(f, "{error}"),
            Self::Identity(error) => write!(f, "{error}"),
            Self::PidFile { path, error } => {
                write!(f, "pidfile: cannot take {}: {error}", path.display())
            }
            Self::Relay { address, error } => {
                let option = if is_about_the_device(error) {
                    "relay-device"
                } else {
                    "relay-ip"
                };
                write!(f, "cannot relay from {address}: {error} (option {option})")
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

/// There is no network interface of that name.
fn is_about_the_device(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error())
}

/// Names a system error's circumstances.
pub fn system(what: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |error| StartError::System { what, error }
}

/// What all workers share, and the sockets of each.
pub struct Setup {
    /// The addresses in force.
    pub addresses: Addresses,
    /// The listening sockets.
    pub listeners: Listeners,
    /// The certificate, if there is one.
    pub encryption: Option<Arc<Encryption>>,
    /// How much clients may make a worker keep for DTLS.
    pub dtls_limits: DtlsLimits,
    /// What holds for connections.
    pub stream_rules: Arc<StreamRules>,
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
    /// Opens what must be there before anyone is served.
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
        let encryption = encryption(settings, &addresses)?;
        let listeners = Listeners::bind(settings, &addresses, &options)?;
        let bound = listeners.bound.iter().map(|bound| bound.address).collect();
        let relay_options = UdpOptions {
            device: settings.listen.relay_device.clone(),
            ..options
        };
        check_relay_addresses(&relay_ips, &relay_options)?;
        Ok(Self {
            server: Arc::new(server_settings(settings, &addresses, bound)?),
            keys: Arc::new(key_sources(settings)),
            ports: Arc::new(RelayPorts::new(
                &relay_ips,
                &settings.relay_ports,
                relay_options,
            )),
            stream_rules: Arc::new(stream_rules(settings, encryption.as_ref())?),
            encryption: encryption.map(Arc::new),
            dtls_limits: dtls_limits(settings),
            addresses,
            listeners,
            offload,
        })
    }
}

/// Whether sockets can be bound there at all; the ports are left alone until they are needed.
fn check_relay_addresses(addresses: &[IpAddr], options: &UdpOptions) -> Result<(), StartError> {
    for &address in addresses {
        UdpSocket::bind(SocketAddr::new(address, 0), options)
            .map_err(|error| StartError::Relay { address, error })?;
    }
    Ok(())
}

/// What is asked for must be had: a client that wants encryption must not find it missing.
fn encryption(
    settings: &Settings,
    addresses: &Addresses,
) -> Result<Option<Encryption>, StartError> {
    let Some(wanted) = &settings.tls else {
        return Ok(None);
    };
    let (encryption, warnings) =
        Encryption::load(wanted, settings, addresses).map_err(StartError::Encryption)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(Some(encryption))
}

fn stream_rules(
    settings: &Settings,
    encryption: Option<&Encryption>,
) -> Result<StreamRules, StartError> {
    let tls = match encryption {
        Some(encryption) => Some(Tls {
            server: encryption.tls.clone(),
            handshakes: Handshakes::start().map_err(system("start a thread"))?,
        }),
        None => None,
    };
    Ok(StreamRules {
        tls,
        connections: Connections::new(settings.connections.total, settings.connections.per_address),
        trusted_proxies: settings.proxy.trusted.clone(),
        http: HttpRules {
            acme_redirect: settings.http.acme_redirect.clone(),
            respond_unsupported: settings.http.respond_unsupported,
            page: settings.http.page,
        },
        queue: QueueLimits {
            bytes: settings.stream_queue.bytes,
            time: settings.stream_queue.time,
        },
        handshakes_per_second: settings.connections.handshakes_per_second,
        handshakes_per_address: settings.connections.handshakes_per_address,
    })
}

fn dtls_limits(settings: &Settings) -> DtlsLimits {
    DtlsLimits {
        handshakes_per_second: settings.connections.handshakes_per_second,
        handshakes_per_source: settings.connections.handshakes_per_address,
        ..DtlsLimits::default()
    }
}

fn server_settings(
    settings: &Settings,
    addresses: &Addresses,
    listeners: Vec<SocketAddr>,
) -> Result<ServerSettings, StartError> {
    let relays = Arc::new(LiveRelays::new(addresses.relay.iter().copied()));
    let tcp_relays = Arc::new(LiveRelays::new(addresses.relay.iter().copied()));
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
        bandwidth: Arc::new(Bandwidth::new(
            settings.rates.max_bps,
            settings.rates.bps_capacity,
        )),
        peers: PeerPolicy::new(
            settings.peers.clone(),
            own.clone(),
            listeners.clone(),
            relays.clone(),
        ),
        tcp_peers: PeerPolicy::new(settings.peers.clone(), own, listeners, tcp_relays.clone()),
        relays,
        tcp_relays,
        default_family: match settings.default_family {
            config::DefaultFamily::V4 => DefaultFamily::Is(Family::V4),
            config::DefaultFamily::V6 => DefaultFamily::Is(Family::V6),
            config::DefaultFamily::AsClient => DefaultFamily::AsClient,
        },
        fingerprint: settings.fingerprint,
        legacy_channels: settings.legacy_channels,
        udp_relay: settings.udp_relay,
        tcp_relay: settings.tcp_relay,
        stun: !settings.no_stun,
        turn: !settings.stun_only,
        by_account: settings
            .metrics
            .as_ref()
            .is_some_and(|it| it.top_users.is_some()),
        unauthorized_per_second: settings.rates.unauthorized,
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
    let nonce_key = match &settings.nonce_secret {
        Some(secret) => nonce_key(secret.expose()),
        None => random_key()?,
    };
    Ok(Access::LongTerm(LongTerm::new(
        settings.realm.clone(),
        &nonce_key,
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
