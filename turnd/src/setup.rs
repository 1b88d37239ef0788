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
    AbuseLimits, Access, Bandwidth, BindingRules, DefaultFamily, FailedLogins, Lifetimes, Limits,
    LiveRelays, LongTerm, Memory, OwnAddresses, PeerPolicy, Quotas, Settings as ServerSettings,
    ThirdParty, TicketKey, nonce_key,
};
use turnd_wire::Family;

use crate::{
    addresses::Addresses,
    auth::{KeySources, SharedSecrets, TokenKeys, Users, all_forms},
    config::{self, Settings, UserSecret},
    dtls::DtlsLimits,
    encryption::{Encryption, EncryptionError},
    external::ExternalError,
    handshakes::Handshakes,
    listeners::Listeners,
    memory,
    metrics::MetricsError,
    metrics::Sources,
    own_addresses,
    ports::RelayPorts,
    process::identity::IdentityError,
    report::Reporter,
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
    /// A public address cannot be found out.
    External(ExternalError),
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
                    alone @ ("aux-server" | "listen") => format!("option {alone}"),
                    port => format!("options listening-ip, {port}"),
                };
                write!(
                    f,
                    "cannot listen on {protocol} {address}: {error} ({options})"
                )
            }
            Self::External(error) => write!(f, "{error}"),
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

/// What stays the same for as long as the program runs, whatever is configured.
pub struct Lasting {
    /// Nonces are made with it: those that clients have stay good.
    nonce_key: [u8; 32],
    /// Tickets are encrypted with it: those that clients have stay good.
    ticket_key: [u8; 32],
    /// How many allocations there are, and whose.
    pub quotas: Arc<Quotas>,
    /// How many bytes a second are granted.
    pub bandwidth: Arc<Bandwidth>,
    /// This machine's addresses.
    pub own: Arc<OwnAddresses>,
    /// Who tried wrong passwords.
    pub failed_logins: Arc<FailedLogins>,
    /// Whether there is enough of it.
    pub memory: Arc<Memory>,
}

/// What all workers share, and the sockets of each.
pub struct Setup {
    /// What no configuration replaces.
    pub lasting: Lasting,
    /// How often keys, or the realm that they are for, have changed.
    pub keys_state: u64,
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
        if addresses.relay.is_empty() && addresses.awaited.is_empty() {
            return Err(StartError::NoAddress("relay-ip"));
        }
        let offload = Offload::probe();
        let options = udp_options(settings, offload);
        let relay_ips: Vec<IpAddr> = addresses.relay.iter().map(|&(ip, _)| ip).collect();
        let encryption = encryption(settings, &addresses)?;
        let listeners = Listeners::bind(settings, &addresses, &options)?;
        let lasting = Lasting::new(settings)?;
        let relays = Relays {
            udp: Arc::new(LiveRelays::new(addresses.relay.iter().copied())),
            tcp: Arc::new(LiveRelays::new(addresses.relay.iter().copied())),
        };
        let server = server_settings(settings, &lasting, relays, (&addresses, &listeners), 0);
        let relay_options = UdpOptions {
            device: settings.listen.relay_device.clone(),
            hears_errors: true,
            ..options
        };
        check_relay_addresses(&relay_ips, &relay_options)?;
        check_relay_addresses(&addresses.awaited, &relay_options)?;
        Ok(Self {
            server: Arc::new(server),
            keys: Arc::new(key_sources(settings)),
            ports: Arc::new(
                RelayPorts::new(&relay_ips, &settings.relay_ports, relay_options)
                    .awaiting(&addresses.awaited),
            ),
            stream_rules: Arc::new(stream_rules(settings, encryption.as_ref(), &lasting)?),
            encryption: encryption.map(Arc::new),
            dtls_limits: dtls_limits(settings),
            addresses,
            listeners,
            offload,
            lasting,
            keys_state: 0,
        })
    }

    /// What metrics are told about.
    #[must_use]
    pub fn sources(&self, reporter: &Reporter, settings: &Settings) -> Sources {
        Sources {
            reporter: reporter.clone(),
            ports: self.ports.clone(),
            memory: self.lasting.memory.clone(),
            tls: self.encryption.as_ref().map(|it| it.tls.clone()),
            realm: settings.realm.clone(),
            serves_nobody: settings.serves_nobody(),
        }
    }
}

impl Lasting {
    fn new(settings: &Settings) -> Result<Self, StartError> {
        let own = own_addresses::find(&settings.external);
        let own = Arc::new(own.map_err(system("read this machine's addresses"))?);
        own_addresses::watch(&own).map_err(system("start a thread"))?;
        let memory = Arc::default();
        memory::watch(&memory).map_err(system("start a thread"))?;
        Ok(Self {
            nonce_key: match &settings.nonce_secret {
                Some(secret) => nonce_key(secret.expose()),
                None => random_key()?,
            },
            ticket_key: random_key()?,
            quotas: Arc::new(Quotas::new(settings.user_quota, settings.total_quota)),
            bandwidth: Arc::new(Bandwidth::new(
                settings.rates.max_bps,
                settings.rates.bps_capacity,
            )),
            own,
            failed_logins: Arc::default(),
            memory,
        })
    }
}

/// What sockets for datagrams are bound with.
pub(crate) fn udp_options(settings: &Settings, offload: Offload) -> UdpOptions {
    UdpOptions {
        receive_buffer: Some(settings.socket_buffer),
        send_buffer: Some(settings.socket_buffer),
        offload,
        ..UdpOptions::default()
    }
}

/// Whether sockets can be bound there at all; the ports are left alone until they are needed.
pub(crate) fn check_relay_addresses(
    addresses: &[IpAddr],
    options: &UdpOptions,
) -> Result<(), StartError> {
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
    lasting: &Lasting,
) -> Result<StreamRules, StartError> {
    let tls = match encryption {
        Some(encryption) => Some(tls(encryption)?),
        None => None,
    };
    let limits = &settings.connections;
    let connections = Connections::new(limits.total, limits.per_address);
    Ok(rules_for_streams(settings, tls, connections, lasting))
}

/// TLS for connections, with a thread that answers hellos.
pub(crate) fn tls(encryption: &Encryption) -> Result<Tls, StartError> {
    Ok(Tls {
        server: encryption.tls.clone(),
        handshakes: Handshakes::start().map_err(system("start a thread"))?,
    })
}

pub(crate) fn rules_for_streams(
    settings: &Settings,
    tls: Option<Tls>,
    connections: Arc<Connections>,
    lasting: &Lasting,
) -> StreamRules {
    StreamRules {
        tls,
        connections,
        memory: lasting.memory.clone(),
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
    }
}

pub(crate) fn dtls_limits(settings: &Settings) -> DtlsLimits {
    DtlsLimits {
        handshakes_per_second: settings.connections.handshakes_per_second,
        handshakes_per_source: settings.connections.handshakes_per_address,
        ..DtlsLimits::default()
    }
}

/// The relay addresses with their live ports.
pub(crate) struct Relays {
    pub(crate) udp: Arc<LiveRelays>,
    pub(crate) tcp: Arc<LiveRelays>,
}

/// What the state machines serve by.
pub(crate) fn server_settings(
    settings: &Settings,
    lasting: &Lasting,
    Relays {
        udp: relays,
        tcp: tcp_relays,
    }: Relays,
    (addresses, listeners): (&Addresses, &Listeners),
    keys_state: u64,
) -> ServerSettings {
    let own = lasting.own.clone();
    let discovery = listeners.discovery(settings, addresses);
    let listeners = listeners.addresses();
    ServerSettings {
        access: access(settings, lasting, keys_state),
        lifetimes: Lifetimes {
            max_allocation: settings.max_allocate_lifetime,
            permission: settings.permission_lifetime,
            channel: settings.channel_lifetime,
        },
        limits: Limits::default(),
        quotas: lasting.quotas.clone(),
        bandwidth: lasting.bandwidth.clone(),
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
        mobility: settings
            .mobility
            .then(|| TicketKey::new(&lasting.ticket_key)),
        stun: !settings.no_stun,
        binding: BindingRules {
            authenticated: settings.binding.authenticated,
            mapped_address: settings.binding.mapped_address,
            classic: settings.binding.classic,
            discovery,
        },
        redirects: settings.redirects.clone(),
        turn: !settings.stun_only,
        by_account: settings
            .metrics
            .as_ref()
            .is_some_and(|it| it.top_users.is_some()),
        unauthorized_per_second: settings.rates.unauthorized,
        abuse: AbuseLimits {
            new_peers: settings.rates.new_peers,
            challenges: settings.rates.challenges,
            failed_logins: settings.rates.failed_logins,
            failures: lasting.failed_logins.clone(),
        },
        memory: lasting.memory.clone(),
        denied_users: all_forms(
            &settings.denied_users,
            settings.users.iter().map(|user| &*user.name),
        )
        .into_iter()
        .collect(),
    }
}

fn access(settings: &Settings, lasting: &Lasting, keys_state: u64) -> Access {
    if settings.access == config::Access::Anonymous {
        return Access::DangerousAnyone;
    }
    // SHA-256 needs the passwords, and a client that is offered it takes it: with one stored MD5 key
    // that user would be locked out.
    let knows_passwords = !settings
        .users
        .iter()
        .any(|user| matches!(user.secret, UserSecret::Md5Key(_)));
    // A time-limited name cannot be found by its hash.
    let user_hashes = settings.shared_secrets.is_empty();
    let long_term = LongTerm::new(
        settings.realm.clone(),
        &lasting.nonce_key,
        settings.nonce_lifetime,
        knows_passwords,
        user_hashes,
    );
    let long_term = match &settings.third_party {
        Some(it) => long_term.with_third_party(ThirdParty::new(&it.server_name)),
        None => long_term,
    };
    Access::LongTerm(long_term.with_keys(keys_state))
}

pub(crate) fn key_sources(settings: &Settings) -> KeySources {
    KeySources {
        users: Users::new(&settings.users, &settings.realm),
        secrets: SharedSecrets::new(
            settings.shared_secrets.clone(),
            settings.rest_separator,
            settings.realm.clone(),
        ),
        tokens: settings
            .third_party
            .as_ref()
            .map_or_else(TokenKeys::default, |it| TokenKeys::new(&it.keys)),
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
