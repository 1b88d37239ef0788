//! What the server proves itself with: a certificate chain and its private key.

use std::{fmt, fmt::Write, path::Path, sync::Arc, time::Duration};

use pem::{EncodeConfig, LineEnding, Pem};
use rustls::{
    Error, InconsistentKeys,
    crypto::{CryptoProvider, aws_lc_rs},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use super::{
    certificates,
    error::{TlsError, TlsProblem},
    files, private_key,
};
use crate::config::Secret;

/// A certificate chain and its private key, which belong together. `Debug` shows the fingerprint only.
pub struct Identity {
    key: PrivateKeyDer<'static>,
    certified: Arc<CertifiedKey>,
}

/// Why a chain and a key are no identity.
pub(super) enum Unfit {
    /// The key is of another kind than TLS uses, or no key.
    Key(String),
    /// The first certificate.
    Certificate(String),
    /// The two do not belong together.
    Mismatch,
}

impl Identity {
    /// Takes a chain, the server's own certificate first, and its key.
    pub(super) fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, Unfit> {
        let provider: CryptoProvider = aws_lc_rs::default_provider();
        let signing = provider
            .key_provider
            .load_private_key(key.clone_key())
            .map_err(|error| Unfit::Key(error.to_string()))?;
        let certified = CertifiedKey::new(chain, signing);
        match certified.keys_match() {
            Ok(()) => {}
            Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                return Err(Unfit::Mismatch);
            }
            Err(error) => return Err(Unfit::Certificate(error.to_string())),
        }
        Ok(Self {
            key,
            certified: Arc::new(certified),
        })
    }

    /// Reads the two files, which may be one and the same.
    pub(super) fn read(
        cert: &Path,
        key: &Path,
        password: Option<&Secret>,
    ) -> Result<Self, TlsError> {
        let chain = certificates::parse("cert", cert, &files::read("cert", cert)?)?;
        let private = private_key::parse(key, &files::read("pkey", key)?, password)?;
        Self::new(chain, private).map_err(|unfit| match unfit {
            Unfit::Key(why) => TlsError::of_file("pkey", key, TlsProblem::BadPrivateKey(why)),
            Unfit::Certificate(why) => {
                TlsError::of_file("cert", cert, TlsProblem::BadCertificate(1, why))
            }
            Unfit::Mismatch => {
                TlsError::of_file("pkey", key, TlsProblem::Mismatch(cert.to_owned()))
            }
        })
    }

    pub(super) fn certified(&self) -> &Arc<CertifiedKey> {
        &self.certified
    }

    /// The server's own certificate.
    #[must_use]
    pub fn leaf(&self) -> &CertificateDer<'static> {
        self.certified
            .cert
            .first()
            .expect("keys_match has looked at it")
    }

    /// SHA-256 of the server's own certificate, as 32 pairs of upper-case hex digits with colons between:
    /// what `openssl x509 -fingerprint -sha256` prints.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut text = String::with_capacity(95);
        for byte in Sha256::digest(self.leaf()) {
            let colon = if text.is_empty() { "" } else { ":" };
            write!(text, "{colon}{byte:02X}").expect("a string takes what is written");
        }
        text
    }

    /// When the server's own certificate expires, since 1970; nothing if that cannot be read.
    #[must_use]
    pub fn expiry(&self) -> Option<Duration> {
        certificates::expiry(self.leaf())
    }

    /// The whole chain in PEM, the server's own certificate first.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        let chain = self.certified.cert.iter();
        chain
            .map(|der| encode("CERTIFICATE", der.as_ref()))
            .collect()
    }

    /// The private key in PEM, not encrypted: for another TLS library in this process, never for a log or
    /// a file.
    #[must_use]
    pub fn private_key_pem(&self) -> Secret {
        let tag = match &self.key {
            PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
            PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
            _ => "PRIVATE KEY",
        };
        Secret::new(encode(tag, self.key.secret_der()))
    }
}

fn encode(tag: &str, der: &[u8]) -> String {
    let lines = EncodeConfig::new().set_line_ending(LineEnding::LF);
    pem::encode_config(&Pem::new(tag, der), lines)
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("fingerprint", &self.fingerprint())
            .finish_non_exhaustive()
    }
}
