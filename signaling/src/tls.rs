//! HTTPS: certificate and key by the same code that turnd reads its own with, and again when they change.

use std::{path::PathBuf, sync::Arc};

use rustls::ServerConfig;
use turnd::{
    config::{self, Settings},
    tls::{IdentitySource, TlsError, TlsServer, TlsSettings},
};

use crate::{
    files::{LOOK, State, state},
    options::Options,
};

/// What connections are encrypted with.
#[derive(Clone, Debug)]
pub struct Tls {
    server: Arc<TlsServer>,
}

impl Tls {
    /// What the options ask for, or else what turnd has. `None`: plain HTTP.
    ///
    /// # Errors
    /// A file cannot be used.
    pub fn load(options: &Options, turnd: Option<&Settings>) -> Result<Option<Self>, TlsError> {
        let Some(identity) = identity(options, turnd) else {
            return Ok(None);
        };
        let (server, warnings) = TlsServer::load(TlsSettings {
            identity,
            ca_file: None,
            cipher_list: None,
            curves: None,
            tls12: true,
            http: true,
        })?;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let server = Arc::new(server);
        Ok(Some(Self { server }))
    }

    /// For the next connection. The protocols of TURN make no sense here.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        let mut config = ServerConfig::clone(&self.server.config());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// SHA-256 of the certificate, in hex with colons.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.server.fingerprint()
    }

    /// The first host name that the certificate is for, without those that stand for many.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let identity = self.server.identity();
        let certificate = webpki::EndEntityCert::try_from(identity.leaf()).ok()?;
        certificate
            .valid_dns_names()
            .find(|name| !name.starts_with('*') && *name != "localhost")
            .map(str::to_owned)
    }

    /// Reads the files again when one of them has changed. Never ends.
    pub async fn follow_files(self) {
        let paths = self.server.paths().into_iter().map(|it| it.1);
        let paths = paths.collect::<Vec<PathBuf>>();
        let mut known = states(&paths);
        loop {
            tokio::time::sleep(LOOK).await;
            let now = states(&paths);
            if now == known {
                continue;
            }
            known = now;
            match self.server.reload() {
                Ok(warnings) => {
                    tracing::info!("the certificate was read again: {}", self.fingerprint());
                    for warning in warnings {
                        tracing::warn!("{warning}");
                    }
                }
                Err(error) => tracing::error!("{error}"),
            }
        }
    }
}

fn identity(options: &Options, turnd: Option<&Settings>) -> Option<IdentitySource> {
    if options.plain_http {
        return None;
    }
    if options.self_signed {
        let mut names = vec!["localhost".to_owned()];
        let own = turnd_net::local_addresses().unwrap_or_default();
        names.extend(own.iter().map(ToString::to_string));
        return Some(IdentitySource::SelfSigned { names });
    }
    if let (Some(cert), Some(key)) = (&options.cert, &options.key) {
        return Some(IdentitySource::Files {
            cert: cert.clone(),
            key: key.clone(),
            key_password: None,
        });
    }
    match &turnd?.tls.as_ref()?.identity {
        config::Identity::Files {
            cert,
            key,
            key_password,
        } => Some(IdentitySource::Files {
            cert: cert.clone(),
            key: key.clone(),
            key_password: key_password.clone(),
        }),
        // A certificate that is made anew by each program cannot be shared.
        config::Identity::SelfSigned => None,
    }
}

fn states(paths: &[PathBuf]) -> Vec<State> {
    paths.iter().map(|path| state(path)).collect()
}
