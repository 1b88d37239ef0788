//! The one certificate that TLS and DTLS are offered with: read at start, and again when the operator
//! says that it has changed.

use std::{fmt, sync::Arc};

use crate::{
    addresses::Addresses,
    config::{self, Settings},
    dtls::{Credentials, DtlsContext},
    tls::{IdentitySource, Loaded, TlsError, TlsServer, TlsSettings},
};

/// What connections and associations are encrypted with.
pub struct Encryption {
    /// For TLS.
    pub tls: Arc<TlsServer>,
    /// For DTLS, if it is offered.
    pub dtls: Option<Arc<DtlsContext>>,
}

/// Why encryption cannot be offered as it was asked for.
#[derive(Debug)]
pub enum EncryptionError {
    /// A file, the key or the lists.
    Tls(TlsError),
    /// The same for DTLS, which is more particular.
    Dtls(String),
}

impl fmt::Display for EncryptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(error) => write!(f, "{error}"),
            Self::Dtls(error) => write!(f, "cannot offer DTLS: {error}"),
        }
    }
}

impl std::error::Error for EncryptionError {}

/// What a reload has read, found good, and not put in force yet.
pub struct Prepared {
    change: Change,
    /// What an operator should know of it, one line each.
    pub warnings: Vec<String>,
}

impl Prepared {
    /// TLS, where there was none before.
    #[must_use]
    pub fn tls_that_is_new(&self) -> Option<&Encryption> {
        match &self.change {
            Change::On(encryption) => Some(encryption),
            Change::Off | Change::Keep | Change::Renew { .. } => None,
        }
    }

    /// Everything stays as it is, and no file is read.
    #[must_use]
    pub const fn kept() -> Self {
        Self {
            change: Change::Keep,
            warnings: Vec::new(),
        }
    }
}

enum Change {
    Keep,
    /// Nothing is encrypted from now on.
    Off,
    /// Nothing was until now.
    On(Encryption),
    Renew {
        tls: Box<Loaded>,
        dtls: Dtls,
    },
}

/// What becomes of DTLS.
enum Dtls {
    Off,
    On(Arc<DtlsContext>),
    Renew(crate::dtls::Prepared),
}

impl Encryption {
    /// Reads everything that is needed, and returns what an operator should know of it.
    ///
    /// # Errors
    /// See [`EncryptionError`].
    pub fn load(
        wanted: &config::TlsSettings,
        settings: &Settings,
        addresses: &Addresses,
    ) -> Result<(Self, Vec<String>), EncryptionError> {
        let (tls, warnings) = TlsServer::load(tls_settings(wanted, settings, addresses))
            .map_err(EncryptionError::Tls)?;
        let dtls = if settings.listen.has_dtls() {
            let context = with_credentials(&tls.current(), DtlsContext::new)?;
            Some(Arc::new(context))
        } else {
            None
        };
        let tls = Arc::new(tls);
        Ok((Self { tls, dtls }, warnings))
    }

    /// Reads the files again. Connections and associations that are up go on as they are. Reads files:
    /// not for a thread that relays.
    ///
    /// # Errors
    /// See [`EncryptionError`]. What was in force stays in force then.
    pub fn reload(&self) -> Result<Vec<String>, EncryptionError> {
        let (tls, warnings) = self
            .tls
            .read(self.tls.settings())
            .map_err(EncryptionError::Tls)?;
        if let Some(dtls) = &self.dtls {
            dtls.take(with_credentials(&tls, DtlsContext::read)?);
        }
        self.tls.take(tls);
        Ok(warnings)
    }

    /// Reads everything that `settings` need, beside what is in force; changes nothing.
    ///
    /// # Errors
    /// See [`EncryptionError`].
    pub fn prepare(
        now: Option<&Self>,
        settings: &Settings,
        addresses: &Addresses,
    ) -> Result<Prepared, EncryptionError> {
        let (change, warnings) = match (now, &settings.tls) {
            (_, None) => (Change::Off, Vec::new()),
            (None, Some(wanted)) => {
                let (encryption, warnings) = Self::load(wanted, settings, addresses)?;
                (Change::On(encryption), warnings)
            }
            (Some(now), Some(wanted)) => {
                let wanted = tls_settings(wanted, settings, addresses);
                let (tls, warnings) = now.tls.read(wanted).map_err(EncryptionError::Tls)?;
                let dtls = match &now.dtls {
                    _ if !settings.listen.has_dtls() => Dtls::Off,
                    Some(_) => Dtls::Renew(with_credentials(&tls, DtlsContext::read)?),
                    None => Dtls::On(Arc::new(with_credentials(&tls, DtlsContext::new)?)),
                };
                let tls = Box::new(tls);
                (Change::Renew { tls, dtls }, warnings)
            }
        };
        Ok(Prepared { change, warnings })
    }

    /// Puts in force what was prepared; returns what there is now.
    #[must_use]
    pub fn commit(now: Option<&Arc<Self>>, prepared: Prepared) -> Option<Arc<Self>> {
        match (now, prepared.change) {
            (now, Change::Keep) => now.cloned(),
            (_, Change::Off) => None,
            (_, Change::On(encryption)) => Some(Arc::new(encryption)),
            (None, Change::Renew { .. }) => None,
            (Some(now), Change::Renew { tls, dtls }) => {
                now.tls.take(*tls);
                let dtls = match dtls {
                    Dtls::Off => None,
                    Dtls::On(context) => Some(context),
                    Dtls::Renew(prepared) => {
                        if let Some(context) = &now.dtls {
                            context.take(prepared);
                        }
                        now.dtls.clone()
                    }
                };
                let tls = now.tls.clone();
                Some(Arc::new(Self { tls, dtls }))
            }
        }
    }
}

fn with_credentials<T>(
    tls: &Loaded,
    take: impl FnOnce(&Credentials<'_>) -> Result<T, String>,
) -> Result<T, EncryptionError> {
    let identity = tls.identity();
    take(&Credentials {
        chain: identity.certificate_pem().as_bytes(),
        key: identity.private_key_pem().expose().as_bytes(),
        password: None,
        client_ca: tls.client_authorities(),
        ciphers: tls.settings().cipher_list.as_deref(),
    })
    .map_err(EncryptionError::Dtls)
}

fn tls_settings(
    wanted: &config::TlsSettings,
    settings: &Settings,
    addresses: &Addresses,
) -> TlsSettings {
    let identity = match &wanted.identity {
        config::Identity::Files {
            cert,
            key,
            key_password,
        } => IdentitySource::Files {
            cert: cert.clone(),
            key: key.clone(),
            key_password: key_password.clone(),
        },
        config::Identity::SelfSigned => IdentitySource::SelfSigned {
            names: self_signed_names(addresses),
        },
    };
    TlsSettings {
        identity,
        ca_file: wanted.ca_file.clone(),
        cipher_list: wanted.cipher_list.clone(),
        curves: wanted.curves.clone(),
        tls12: wanted.tls12,
        http: settings.http.is_answered(),
    }
}

/// Every name that a client on this machine or beside it may use.
fn self_signed_names(addresses: &Addresses) -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    // Without them there are still the names above and below.
    let own = turnd_net::local_addresses().unwrap_or_default();
    let outside = addresses.relay.iter().map(|(_, external)| external);
    for ip in own.iter().chain(outside) {
        let name = ip.to_string();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
