//! A client over TLS.

use std::{
    io,
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, ServerName};

use crate::{
    client::{Client, Stream, connect},
    pki::{Authority, NAME},
};

type TlsStream = StreamOwned<ClientConnection, TcpStream>;

impl Stream for TlsStream {
    fn socket(&self) -> &TcpStream {
        &self.sock
    }
}

/// What was agreed on.
pub(crate) struct Agreed {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) suite: String,
}

/// A client that trusts this authority, through with the handshake, and what was agreed on.
pub(crate) fn tls(server: SocketAddr, authority: &Authority) -> io::Result<(Client, Agreed)> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(NAME).unwrap();
    let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = connect(server);
    while tls.is_handshaking() {
        tls.complete_io(&mut socket)?;
    }
    let agreed = Agreed {
        certificate: tls.peer_certificates().unwrap()[0].clone(),
        suite: format!("{:?}", tls.negotiated_cipher_suite().unwrap().suite()),
    };
    Ok((Client::over(StreamOwned::new(tls, socket)), agreed))
}
