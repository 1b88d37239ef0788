//! SIGHUP: the configuration is read again, and what differs is put in force while everybody is served.
//!
//! In two steps. [`Running::prepare`] reads, judges and opens all that is new, and may fail, whereupon
//! nothing has changed. [`Running::commit`] cannot fail: it replaces what is shared and writes a letter to each
//! worker. Workers take it one after the other, so that for some microseconds one may serve by the old
//! settings and another by the new.

use std::{
    fs,
    net::IpAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use turnd_proto::Settings as ServerSettings;

use super::differences::{Differences, differences, without_restarts};
use crate::{
    addresses::{Addresses, doubts},
    auth::KeySources,
    config::{External, Identity, Settings, TlsSettings},
    encryption::{self, Encryption, EncryptionError},
    listeners::{Bound, Listeners, Retired},
    own_addresses,
    ports::RelayPorts,
    setup::{self, Relays, Setup, StartError, system},
    summary,
    worker::{Reconfigure, Tls},
};

/// What the program runs by.
pub struct Running {
    /// Where the settings were read, if in a file.
    pub file: Option<PathBuf>,
    /// The settings in force. What needs a new start is as it was at the start.
    pub settings: Settings,
    /// What was made of them.
    pub setup: Setup,
}

/// New settings and all that they need, found good and not in force yet.
pub struct Prepared {
    differences: Differences,
    settings: Settings,
    addresses: Addresses,
    listeners: Listeners,
    encryption: encryption::Prepared,
    /// The thread that answers hellos, where there is none yet.
    tls: Option<Tls>,
    server: ServerSettings,
    keys: Option<KeySources>,
    keys_state: u64,
    ports: RelayPorts,
}

/// How long a file must have been left alone before it is read, and how long that is waited for.
const REST: Duration = Duration::from_millis(100);
const REST_LIMIT: Duration = Duration::from_secs(1);

impl Running {
    /// Waits a moment for whoever is writing the file just now: half a configuration may be a good one.
    ///
    /// # Errors
    /// When the file is empty, which no operator means.
    pub async fn wait_for_file(&self) -> Result<(), String> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let is_fresh = || {
            let changed = fs::metadata(file).and_then(|it| it.modified());
            let age = changed.map(|changed| SystemTime::now().duration_since(changed));
            matches!(age, Ok(Ok(age)) if age < REST)
        };
        let at_rest = async {
            while is_fresh() {
                tokio::time::sleep(REST / 4).await;
            }
        };
        // After that it is read as it is.
        let _ = tokio::time::timeout(REST_LIMIT, at_rest).await;
        match fs::metadata(file) {
            Ok(it) if it.len() == 0 => Err(format!("{}: the file is empty", file.display())),
            // What else is wrong with it is told by whoever reads it.
            _ => Ok(()),
        }
    }

    /// Makes everything ready that `new` needs. Reads files and binds sockets.
    ///
    /// # Errors
    /// As of [`Setup::new`]; nothing has changed then.
    pub fn prepare(&self, new: &Settings) -> Result<Prepared, StartError> {
        self.prepare_with(new, |settings, addresses| {
            let now = self.setup.encryption.as_deref();
            Encryption::prepare(now, settings, addresses)
        })
    }

    /// The same for other addresses of `external-ip`. Certificates and keys are left alone, which whom the process has
    /// become may not be allowed to read any more; one of our own making names the addresses, and is made again.
    ///
    /// # Errors
    /// As of [`Self::prepare`].
    pub fn prepare_external(&self, external: External) -> Result<Prepared, StartError> {
        let new = Settings {
            external,
            ..self.settings.clone()
        };
        let is_our_own = |tls: &TlsSettings| tls.identity == Identity::SelfSigned;
        if new.tls.as_ref().is_some_and(is_our_own) {
            return self.prepare(&new);
        }
        self.prepare_with(&new, |_, _| Ok(encryption::Prepared::kept()))
    }

    fn prepare_with(
        &self,
        new: &Settings,
        encryption: impl FnOnce(&Settings, &Addresses) -> Result<encryption::Prepared, EncryptionError>,
    ) -> Result<Prepared, StartError> {
        let setup = &self.setup;
        let differences = differences(&self.settings, new);
        let settings = without_restarts(&self.settings, new.clone());
        let addresses =
            Addresses::find(&settings).map_err(system("read this machine's addresses"))?;
        if addresses.relay.is_empty() && addresses.awaited.is_empty() {
            return Err(StartError::NoAddress("relay-ip"));
        }
        let encryption = encryption(&settings, &addresses).map_err(StartError::Encryption)?;
        let udp = setup::udp_options(&settings, setup.offload);
        let before = Some(&setup.listeners);
        let listeners = Listeners::bind_beside(before, &settings, &addresses, &udp)?;
        let relay_ips: Vec<IpAddr> = addresses.relay.iter().map(|&(ip, _)| ip).collect();
        let device = settings.listen.relay_device.clone();
        setup::check_relay_addresses(
            &relay_ips,
            &turnd_net::UdpOptions {
                device: device.clone(),
                ..udp
            },
        )?;
        let is_about_keys =
            |name: &&str| matches!(*name, "users" | "secrets" | "realm" | "keys of tokens");
        let keys_changed = differences.taken.iter().any(is_about_keys);
        let keys_state = setup.keys_state + u64::from(keys_changed);
        let server = setup::server_settings(
            &settings,
            &setup.lasting,
            self.relays(&addresses, &settings),
            (&addresses, &listeners),
            keys_state,
        );
        Ok(Prepared {
            keys: keys_changed.then(|| setup::key_sources(&settings)),
            ports: setup
                .ports
                .with(&relay_ips, &settings.relay_ports, device)
                .awaiting(&addresses.awaited),
            tls: match (&setup.stream_rules.tls, encryption.tls_that_is_new()) {
                (None, Some(new)) => Some(setup::tls(new)?),
                (there, _) => there.clone(),
            },
            differences,
            addresses,
            listeners,
            encryption,
            server,
            keys_state,
            settings,
        })
    }

    /// The live ports of the relay addresses; the same ones if nothing has changed about the addresses that
    /// are this machine's, so that nobody has to be judged anew.
    fn relays(&self, addresses: &Addresses, settings: &Settings) -> Relays {
        let server = &self.setup.server;
        let is_same = addresses.relay == self.setup.addresses.relay;
        if is_same && settings.external == self.settings.external {
            return Relays {
                udp: server.relays.clone(),
                tcp: server.tcp_relays.clone(),
            };
        }
        Relays {
            udp: Arc::new(server.relays.with(addresses.relay.iter().copied())),
            tcp: Arc::new(server.tcp_relays.with(addresses.relay.iter().copied())),
        }
    }

    /// Puts in force what was prepared. The letters are for the workers, in their order.
    #[must_use]
    pub fn commit(&mut self, new: Prepared) -> (Vec<Reconfigure>, Changed) {
        let setup = &mut self.setup;
        let fingerprint = |encryption: &Option<Arc<Encryption>>| {
            encryption.as_ref().map(|it| it.tls.fingerprint())
        };
        let old_fingerprint = fingerprint(&setup.encryption);
        setup.encryption = Encryption::commit(setup.encryption.as_ref(), new.encryption);
        setup.dtls_limits = setup::dtls_limits(&new.settings);

        let settings = &new.settings;
        let lasting = &setup.lasting;
        lasting
            .quotas
            .set_limits(settings.user_quota, settings.total_quota);
        lasting
            .bandwidth
            .set_limits(settings.rates.max_bps, settings.rates.bps_capacity);
        lasting
            .own
            .set_named(own_addresses::named(&settings.external));
        let connections = setup.stream_rules.connections.clone();
        connections.set_limits(settings.connections.total, settings.connections.per_address);
        let tls = new.tls.filter(|_| setup.encryption.is_some());
        let rules = setup::rules_for_streams(settings, tls, connections, &setup.lasting);
        setup.stream_rules = Arc::new(rules);
        new.ports.commit();
        setup.ports = Arc::new(new.ports);
        if let Some(keys) = new.keys {
            setup.keys = Arc::new(keys);
        }
        setup.keys_state = new.keys_state;
        setup.server = Arc::new(new.server);
        setup.addresses = new.addresses;

        let mut listeners = new.listeners;
        let fates = listeners.fates(&setup.listeners);
        let changed = Changed {
            differences: new.differences,
            certificate: fingerprint(&setup.encryption)
                .filter(|it| Some(it) != old_fingerprint.as_ref()),
            listening: missing_in(&setup.listeners.bound, &listeners.bound),
            not_listening: missing_in(&listeners.bound, &setup.listeners.bound),
        };
        let sockets = std::mem::take(&mut listeners.workers);
        setup.listeners = listeners;
        let setup = &self.setup;
        let letters = sockets.into_iter().map(|sockets| Reconfigure {
            server: setup.server.clone(),
            keys: setup.keys.clone(),
            ports: setup.ports.clone(),
            stream_rules: setup.stream_rules.clone(),
            dtls: setup.encryption.as_ref().and_then(|it| it.dtls.clone()),
            dtls_limits: setup.dtls_limits,
            realm: new.settings.realm.clone(),
            sockets,
            fates: fates.clone(),
        });
        let letters = letters.collect();
        self.settings = new.settings;
        (letters, changed)
    }

    /// UDP sockets that no worker has an allocation on any more, of those that take nobody new.
    pub fn take_idle(&mut self) -> Vec<Bound> {
        use std::sync::atomic::Ordering;
        let is_idle = |it: &mut Retired| it.workers.load(Ordering::Acquire) == 0;
        let retired = &mut self.setup.listeners.retired;
        retired.extract_if(.., is_idle).map(|it| it.bound).collect()
    }
}

impl Prepared {
    /// What will be in force: without what needs a new start.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What an operator should know of the files that were read, and of the addresses, one line each.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        let is_relaying = !self.settings.stun_only;
        let doubts = is_relaying.then(|| doubts(&self.settings.external, &self.addresses));
        let doubts = doubts.into_iter().flatten();
        let warnings = self.encryption.warnings.iter().cloned();
        warnings.chain(doubts.map(|doubt| doubt.to_string()))
    }
}

/// Those of `all` that are not among `some`.
fn missing_in(some: &[Bound], all: &[Bound]) -> Vec<Bound> {
    let is_missing = |bound: &&Bound| !some.iter().any(|it| it.is_socket_of(bound));
    all.iter().filter(is_missing).copied().collect()
}

/// What a reload has done, for the log.
pub struct Changed {
    differences: Differences,
    /// The fingerprint of a new certificate.
    certificate: Option<String>,
    listening: Vec<Bound>,
    not_listening: Vec<Bound>,
}

impl Changed {
    /// Writes it to the log: what is listened on, what needs a new start, and one line for all.
    pub fn log(&self, why: &str) {
        for bound in &self.listening {
            tracing::info!("listening on {}", summary::listener(bound));
        }
        for bound in &self.not_listening {
            let rest = match bound.protocol {
                crate::listeners::Protocol::Udp => "its allocations live on",
                crate::listeners::Protocol::Tcp => "its connections live on",
            };
            tracing::info!(
                "no longer listening on {}; {rest}",
                summary::listener(bound)
            );
        }
        if let Some(fingerprint) = &self.certificate {
            tracing::info!("certificate read again, SHA-256 {fingerprint}");
        }
        let Differences { taken, need_start } = &self.differences;
        if !need_start.is_empty() {
            let options = need_start.join(", ");
            tracing::warn!("needs a new start: {options}; until then the old values hold");
        }
        let sockets = [
            ("listening addresses", &self.listening),
            ("listening addresses", &self.not_listening),
        ];
        let mut changed = taken.clone();
        for (name, bounds) in sockets {
            if !bounds.is_empty() && !changed.contains(&"listeners") && !changed.contains(&name) {
                changed.push(name);
            }
        }
        if self.certificate.is_some() && !changed.contains(&"TLS") {
            changed.push("certificate");
        }
        if changed.is_empty() {
            tracing::info!("{why}: configuration read again, nothing has changed");
        } else {
            let changed = changed.join(", ");
            tracing::info!("{why}: configuration read again, changed: {changed}");
        }
    }
}
