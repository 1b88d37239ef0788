//! The one certificate that TLS and DTLS are offered with: read at start, and again when the operator
//! says that it has changed.

use std::{fmt, sync::Arc};

use crate::{
    addresses::Addresses,
    config::{self, Settings},
    dtls::{Credentials, DtlsContext},
    tls::{IdentitySource, TlsError, TlsServer, TlsSettings},
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

impl EncryptionError {
    fn while_reloading(self) -> Self {
        match self {
            Self::Dtls(error) => {
                Self::Dtls(format!("{error}; TLS has the new certificate all the same"))
            }
            other => other,
        }
    }
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
        let dtls = if settings.listen.dtls {
            let context = with_credentials(&tls, DtlsContext::new)?;
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
    /// See [`EncryptionError`]. What was in force stays in force; only if DTLS alone cannot take what
    /// TLS has taken do they differ from then on, and the error says so.
    pub fn reload(&self) -> Result<Vec<String>, EncryptionError> {
        let warnings = self.tls.reload().map_err(EncryptionError::Tls)?;
        if let Some(dtls) = &self.dtls {
            with_credentials(&self.tls, |credentials| dtls.replace(credentials))
                .map_err(EncryptionError::while_reloading)?;
        }
        Ok(warnings)
    }
}

fn with_credentials<T>(
    tls: &TlsServer,
    take: impl FnOnce(&Credentials<'_>) -> Result<T, String>,
) -> Result<T, EncryptionError> {
    let identity = tls.identity();
    let authorities = tls.client_authorities();
    take(&Credentials {
        chain: identity.certificate_pem().as_bytes(),
        key: identity.private_key_pem().expose().as_bytes(),
        password: None,
        client_ca: authorities.as_deref(),
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
