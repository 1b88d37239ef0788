//! Handshakes in memory, and the files they need, made anew for each test.

mod cipher_lists;
mod files;
mod handshakes;
mod keys;
mod reload;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use rustls::{
    ClientConfig, ClientConnection, Error, RootCertStore, ServerConnection,
    SupportedProtocolVersion, crypto::aws_lc_rs,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tempfile::TempDir;

use super::{IdentitySource, TlsServer, TlsSettings};

const NAME: &str = "turn.example.org";
const DAY: Duration = Duration::from_secs(86_400);

/// An authority that signs for servers and clients.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate in PEM and its key.
struct Issued {
    cert: String,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        // Two authorities differ in their names too.
        let name = format!("authority {:02x?}", &key.public_key_raw()[1..9]);
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn sign(&self, key: KeyPair, valid: (SystemTime, SystemTime)) -> Issued {
        let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let at =
            |time: SystemTime| date_time_ymd(1970, 1, 1) + time.duration_since(UNIX_EPOCH).unwrap();
        params.not_before = at(valid.0);
        params.not_after = at(valid.1);
        let cert = params.signed_by(&key, &self.0).unwrap().pem();
        Issued { cert, key }
    }

    /// For an ECDSA P-256 key, valid today.
    fn issue(&self) -> Issued {
        let now = SystemTime::now();
        self.sign(KeyPair::generate().unwrap(), (now - DAY, now + 90 * DAY))
    }

    fn pem(&self) -> String {
        self.0.pem()
    }
}

/// Files in a directory of their own.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Writes `cert.pem` and `key.pem`, and returns settings that name them.
    fn settings(&self, issued: &Issued) -> TlsSettings {
        TlsSettings {
            identity: IdentitySource::Files {
                cert: self.write("cert.pem", &issued.cert),
                key: self.write("key.pem", issued.key.serialize_pem()),
                key_password: None,
            },
            ..self_signed()
        }
    }
}

fn self_signed() -> TlsSettings {
    TlsSettings {
        identity: IdentitySource::SelfSigned {
            names: vec![
                NAME.to_owned(),
                "192.0.2.1".to_owned(),
                "2001:db8::1".to_owned(),
            ],
        },
        ca_file: None,
        cipher_list: None,
        curves: None,
        tls12: true,
        http: false,
    }
}

/// A server, which has nothing to warn of.
fn load(settings: TlsSettings) -> TlsServer {
    let (server, warnings) = TlsServer::load(settings).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    server
}

/// What a client is like, besides trusting one certificate.
struct Client {
    versions: Vec<&'static SupportedProtocolVersion>,
    /// `None` for all.
    suite: Option<rustls::SupportedCipherSuite>,
    alpn: Vec<&'static str>,
    identity: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
}

impl Client {
    fn new() -> Self {
        Self {
            versions: rustls::ALL_VERSIONS.to_vec(),
            suite: None,
            alpn: Vec::new(),
            identity: None,
        }
    }

    fn of(version: &'static SupportedProtocolVersion) -> Self {
        Self {
            versions: vec![version],
            ..Self::new()
        }
    }

    fn trusting(self, root: CertificateDer<'static>) -> Arc<ClientConfig> {
        let mut provider = aws_lc_rs::default_provider();
        if let Some(suite) = self.suite {
            provider.cipher_suites = vec![suite];
        }
        let mut roots = RootCertStore::empty();
        roots.add(root).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match self.identity {
            Some((cert, key)) => builder.with_client_auth_cert(vec![cert], key).unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self
            .alpn
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        Arc::new(config)
    }

    /// Trusts the certificate itself that the server has now.
    fn of_server(self, server: &TlsServer) -> Arc<ClientConfig> {
        self.trusting(server.identity().leaf().clone())
    }
}

/// Two ends of a connection.
struct Pair {
    client: ClientConnection,
    server: ServerConnection,
}

/// What went wrong at either end, the client's first.
#[derive(Debug, PartialEq)]
struct Broken {
    client: Option<Error>,
    server: Option<Error>,
}

impl Pair {
    fn new(client: &Arc<ClientConfig>, server: &TlsServer) -> Self {
        let name = ServerName::try_from(NAME).unwrap();
        Self {
            client: ClientConnection::new(Arc::clone(client), name).unwrap(),
            server: ServerConnection::new(server.config()).unwrap(),
        }
    }

    /// Carries bytes both ways until there are none, or an end gives up and has said so to the other.
    fn run(&mut self) -> Result<(), Box<Broken>> {
        let mut broken = Broken {
            client: None,
            server: None,
        };
        loop {
            let mut wire = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut wire).unwrap();
            }
            let up = wire.len();
            let mut rest = wire.as_slice();
            while !rest.is_empty() && broken.server.is_none() {
                self.server.read_tls(&mut rest).unwrap();
                broken.server = self.server.process_new_packets().err();
            }
            let mut wire = Vec::new();
            while self.server.wants_write() {
                self.server.write_tls(&mut wire).unwrap();
            }
            let mut rest = wire.as_slice();
            while !rest.is_empty() && broken.client.is_none() {
                self.client.read_tls(&mut rest).unwrap();
                broken.client = self.client.process_new_packets().err();
            }
            if up + wire.len() == 0 {
                break;
            }
        }
        match broken {
            Broken {
                client: None,
                server: None,
            } => Ok(()),
            broken => Err(Box::new(broken)),
        }
    }

    /// Sends a line to the server and one back.
    fn talk(&mut self) {
        use std::io::{Read, Write};
        self.client.writer().write_all(b"question").unwrap();
        self.run().unwrap();
        let mut heard = [0; 8];
        self.server.reader().read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"question");
        self.server.writer().write_all(b"response").unwrap();
        self.run().unwrap();
        self.client.reader().read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"response");
    }
}

/// A connection that is there and works.
fn connect(client: &Arc<ClientConfig>, server: &TlsServer) -> Pair {
    let mut pair = Pair::new(client, server);
    pair.run().unwrap();
    pair.talk();
    pair
}

/// A connection that both ends, or one, refuse.
fn refused(client: &Arc<ClientConfig>, server: &TlsServer) -> Broken {
    *Pair::new(client, server).run().unwrap_err()
}

/// The text of the error that these settings come to.
fn error_of(settings: TlsSettings) -> String {
    TlsServer::load(settings).unwrap_err().to_string()
}

/// A file of `turnd/tests/data/tls`.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/tls")
        .join(name)
}
