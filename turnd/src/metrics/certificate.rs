//! The certificate of the metrics, read by the same code as that of TURN.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use rustls::ServerConfig;

use crate::{
    config::Identity,
    tls::{IdentitySource, TlsError, TlsServer, TlsSettings},
};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

pub(super) fn load(identity: &Identity) -> Result<(TlsServer, Vec<String>), TlsError> {
    let identity = match identity {
        Identity::Files {
            cert,
            key,
            key_password,
        } => IdentitySource::Files {
            cert: cert.clone(),
            key: key.clone(),
            key_password: key_password.clone(),
        },
        Identity::SelfSigned => IdentitySource::SelfSigned { names: own_names() },
    };
    TlsServer::load(TlsSettings {
        identity,
        ca_file: None,
        cipher_list: None,
        curves: None,
        tls12: true,
        http: true,
    })
}

/// What a new connection uses. The protocols of TURN make no sense here.
pub(super) fn over_http(tls: &TlsServer) -> Arc<ServerConfig> {
    let mut config = ServerConfig::clone(&tls.config());
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// Reads the files again. What cannot be used is told, and the old one stays.
pub(super) fn reload(tls: &TlsServer) {
    match tls.reload() {
        Ok(warnings) => {
            for warning in warnings {
                tracing::warn!("metrics: {warning}");
            }
            tracing::info!(
                "metrics: certificate read again, SHA-256 {}",
                tls.fingerprint()
            );
        }
        Err(error) => tracing::error!("metrics: {error}"),
    }
}

/// Reads the files again when one of them has changed. Never ends.
pub(super) async fn follow_files(tls: Option<Arc<TlsServer>>) {
    let Some(tls) = tls else {
        return std::future::pending().await;
    };
    let paths: Vec<PathBuf> = tls.paths().into_iter().map(|(_, path)| path).collect();
    let mut known = states(&paths);
    loop {
        tokio::time::sleep(LOOK).await;
        let now = states(&paths);
        if now != known {
            known = now;
            reload(&tls);
        }
    }
}

/// What changes when a file is replaced.
fn states(paths: &[PathBuf]) -> Vec<Option<(SystemTime, u64)>> {
    let state = |path: &Path| {
        let about = path.metadata().ok()?;
        Some((about.modified().ok()?, about.len()))
    };
    paths.iter().map(|path| state(path)).collect()
}

fn own_names() -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    // Without them there is still that name.
    let own = turnd_net::local_addresses().unwrap_or_default();
    names.extend(own.iter().map(ToString::to_string));
    names
}
