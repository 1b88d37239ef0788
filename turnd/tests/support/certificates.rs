//! Certificates of the test's own: a root that clients trust, an intermediate authority, and under it a
//! server and a client.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SignatureAlgorithm,
};

/// What a server's key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Ecdsa,
    Rsa,
}

impl KeyKind {
    fn algorithm(self) -> &'static SignatureAlgorithm {
        match self {
            Self::Ecdsa => &PKCS_ECDSA_P256_SHA256,
            Self::Rsa => &PKCS_RSA_SHA256,
        }
    }
}

/// Files in a directory that is removed with this.
pub(crate) struct Certificates {
    directory: tempfile::TempDir,
}

impl Certificates {
    /// For a server at localhost, 127.0.0.1 and ::1.
    pub(crate) fn new(kind: KeyKind) -> Self {
        let root = authority("turnd test root", None);
        let middle = authority("turnd test authority", Some(&root));
        let files = Self {
            directory: tempfile::tempdir().expect("a directory"),
        };
        files.write("root.pem", &root.pem());
        for (name, kind) in [("server", kind), ("client", KeyKind::Ecdsa)] {
            let key = KeyPair::generate_for(kind.algorithm()).expect("a key");
            let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
            let mut params = CertificateParams::new(names).expect("names");
            params.distinguished_name.push(DnType::CommonName, name);
            let leaf = params.signed_by(&key, &middle).expect("a certificate");
            files.write(&format!("{name}.pem"), &(leaf.pem() + &middle.pem()));
            files.write(&format!("{name}.key"), &key.serialize_pem());
        }
        files
    }

    /// `root.pem`, `server.pem`, `server.key`, `client.pem` or `client.key`.
    pub(crate) fn path(&self, name: &str) -> String {
        let path = self.directory.path().join(name);
        path.into_os_string().into_string().expect("UTF-8")
    }

    /// The lines of a configuration that offer TLS with them.
    pub(crate) fn options(&self) -> String {
        format!(
            "cert={}\npkey={}\ntls-listening-port=0\n",
            self.path("server.pem"),
            self.path("server.key")
        )
    }

    /// The directory they are in.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text).expect("writing a file");
    }
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str, above: Option<&Authority>) -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().expect("a key");
    match above {
        Some(above) => CertifiedIssuer::signed_by(params, key, above),
        None => CertifiedIssuer::self_signed(params, key),
    }
    .expect("a certificate")
}
