//! The certificate of the metrics, read by the same code as that of TURN.

use std::sync::Arc;

use rustls::ServerConfig;

use crate::{
    config::Identity,
    tls::{IdentitySource, TlsError, TlsServer, TlsSettings},
};

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

fn own_names() -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    // Without them there is still that name.
    let own = turnd_net::local_addresses().unwrap_or_default();
    names.extend(own.iter().map(ToString::to_string));
    names
}
