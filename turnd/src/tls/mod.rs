//! TLS for clients over TCP (RFC 8656 section 3.1, RFC 7443): from files and options to a configuration that
//! rustls serves connections with, and that can be replaced while it does. No sockets here.

mod certificates;
mod ciphers;
mod curves;
mod encrypted_key;
mod error;
mod files;
mod identity;
mod private_key;
mod self_signed;
mod server_config;
#[cfg(test)]
mod tests;

use std::{fmt, path::PathBuf, sync::Arc, time::SystemTime};

use arc_swap::ArcSwap;
use rustls::{ServerConfig, crypto::aws_lc_rs::Ticketer, server::ProducesTickets};

pub use error::{TlsError, TlsProblem};
pub use identity::Identity;

use crate::config::Secret;

/// What the configuration says of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// What the server proves itself with.
    pub identity: IdentitySource,
    /// coturn's `CA-file`: if set, every client has to show a certificate that chains to one of these.
    pub ca_file: Option<PathBuf>,
    /// coturn's `cipher-list`: OpenSSL's cipher string, in which suites of TLS 1.3 may be named as well.
    /// Not set: what the library holds to be good.
    pub cipher_list: Option<String>,
    /// coturn's `ec-curve-name`: one name or several with colons between. Not set: what the library
    /// holds to be good.
    pub curves: Option<String>,
    /// TLS 1.2 is served besides 1.3. False with `no-tlsv1_2`.
    pub tls12: bool,
    /// HTTP is answered on this port too, so that browsers may ask for it (ALPN, RFC 7301).
    pub http: bool,
}

/// Where certificate and key come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentitySource {
    /// coturn's `cert`, `pkey` and `pkey-pwd`. Relative paths start at the working directory.
    Files {
        /// The chain in PEM, the server's own certificate first.
        cert: PathBuf,
        /// The private key in PEM; may be the same file.
        key: PathBuf,
        /// Opens the key, if it is encrypted.
        key_password: Option<Secret>,
    },
    /// A certificate that nobody vouches for, made at the start and kept in memory.
    SelfSigned {
        /// IP addresses and host names that it is for.
        names: Vec<String>,
    },
}

/// The TLS configuration in use, shared by all workers.
///
/// Connections hold the configuration they were made with, so that [`TlsServer::reload`] ends none.
#[derive(Debug)]
pub struct TlsServer {
    current: ArcSwap<Loaded>,
}

/// One reading of the files, whole or not at all.
pub struct Loaded {
    settings: TlsSettings,
    config: Arc<ServerConfig>,
    identity: Arc<Identity>,
    /// The bytes of the CA file.
    ca: Option<Vec<u8>>,
    ticketer: Arc<dyn ProducesTickets>,
}

impl TlsServer {
    /// Reads the files. The texts are warnings for the log, one line each.
    ///
    /// # Errors
    ///
    /// A file or an option cannot be used.
    pub fn load(settings: TlsSettings) -> Result<(Self, Vec<String>), TlsError> {
        let (loaded, warnings) = Loaded::read(settings, None)?;
        let current = ArcSwap::from_pointee(loaded);
        Ok((Self { current }, warnings))
    }

    /// What a new connection uses.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.load().config)
    }

    /// Reads the files again. New connections get what is in them now; those that are there go on with what
    /// they have. The texts are warnings for the log, one line each. Waits for files: not for a worker.
    ///
    /// Tickets stay good, unless the file of the authorities has changed: who resumes a session shows no
    /// certificate, so one that is trusted no longer would open the door for as long as its ticket lives.
    /// A self-signed certificate stays until two weeks before its end.
    ///
    /// # Errors
    ///
    /// A file cannot be used. Then everything stays as it was, and the text says so.
    pub fn reload(&self) -> Result<Vec<String>, TlsError> {
        let (loaded, warnings) = self.read(self.settings())?;
        self.take(loaded);
        Ok(warnings)
    }

    /// The first half of a reload, maybe with other settings: reads everything and changes nothing.
    ///
    /// # Errors
    ///
    /// As of [`Self::reload`].
    pub fn read(&self, settings: TlsSettings) -> Result<(Loaded, Vec<String>), TlsError> {
        let before = self.current.load_full();
        Loaded::read(settings, Some(&before)).map_err(TlsError::while_reloading)
    }

    /// The second half: what was read is used from now on.
    pub fn take(&self, loaded: Loaded) {
        self.current.store(Arc::new(loaded));
    }

    /// What is in use now.
    #[must_use]
    pub fn current(&self) -> Arc<Loaded> {
        self.current.load_full()
    }

    /// Certificate and key that new connections get.
    #[must_use]
    pub fn identity(&self) -> Arc<Identity> {
        Arc::clone(&self.current.load().identity)
    }

    /// SHA-256 of the certificate that new connections get, in hex with colons.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.current.load().identity.fingerprint()
    }

    /// What was configured.
    #[must_use]
    pub fn settings(&self) -> TlsSettings {
        self.current.load().settings.clone()
    }

    /// The files that are read, each with the option that names it. None with a self-signed certificate and
    /// no CA file.
    #[must_use]
    pub fn paths(&self) -> Vec<(&'static str, PathBuf)> {
        let settings = self.settings();
        let own = match settings.identity {
            IdentitySource::Files { cert, key, .. } => [Some(("cert", cert)), Some(("pkey", key))],
            IdentitySource::SelfSigned { .. } => [None, None],
        };
        let authorities = settings.ca_file.map(|ca| ("CA-file", ca));
        own.into_iter().flatten().chain(authorities).collect()
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.identity.fmt(f)
    }
}

impl Loaded {
    /// The settings that it was read by.
    #[must_use]
    pub fn settings(&self) -> &TlsSettings {
        &self.settings
    }

    /// Certificate and key.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What certificates of clients are checked against (PEM), if they are asked for.
    #[must_use]
    pub fn client_authorities(&self) -> Option<&[u8]> {
        self.ca.as_deref()
    }

    fn read(
        settings: TlsSettings,
        before: Option<&Loaded>,
    ) -> Result<(Self, Vec<String>), TlsError> {
        let now = SystemTime::now();
        let (identity, mut warnings) = match &settings.identity {
            IdentitySource::Files {
                cert,
                key,
                key_password,
            } => {
                let identity = Identity::read(cert, key, key_password.as_ref())?;
                let warning = certificates::validity_warning(identity.leaf(), now);
                let warning = warning.map(|text| format!("cert {}: {text}", cert.display()));
                (Arc::new(identity), warning.into_iter().collect())
            }
            IdentitySource::SelfSigned { names } => {
                let is_own = |before: &&Loaded| {
                    matches!(before.settings.identity, IdentitySource::SelfSigned { .. })
                };
                (own(names, before.filter(is_own), now)?, Vec::new())
            }
        };
        let ca = match &settings.ca_file {
            Some(path) => Some(files::read("CA-file", path)?),
            None => None,
        };
        let ticketer = match before.filter(|before| before.ca == ca) {
            Some(before) => Arc::clone(&before.ticketer),
            None => Ticketer::new().map_err(server_config::refused)?,
        };
        let config = server_config::build(
            &settings,
            &identity,
            ca.as_deref(),
            Arc::clone(&ticketer),
            &mut warnings,
        )?;
        let loaded = Self {
            settings,
            config: Arc::new(config),
            identity,
            ca,
            ticketer,
        };
        Ok((loaded, warnings))
    }
}

/// The self-signed identity: the one that is there while it lasts, or a new one.
fn own(
    names: &[String],
    before: Option<&Loaded>,
    now: SystemTime,
) -> Result<Arc<Identity>, TlsError> {
    match before.map(|before| &before.identity) {
        Some(identity) if certificates::validity_warning(identity.leaf(), now).is_none() => {
            Ok(Arc::clone(identity))
        }
        _ => self_signed::make(names, now).map(Arc::new),
    }
}
