//! Why the TLS side could not be set up, in one line that names the option and the file.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// Why the TLS side could not be set up, or not be read again. `Display` is one line: the option, the
/// file, and what is wrong. Never holds a key or a password.
#[derive(Debug)]
pub struct TlsError {
    option: &'static str,
    path: Option<PathBuf>,
    problem: TlsProblem,
    kept: bool,
}

/// What is wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsProblem {
    /// The file cannot be read.
    Unreadable(io::Error),
    /// The file is longer than this many bytes, far more than it can need.
    TooLong(u64),
    /// The file holds no certificate in PEM form.
    NoCertificate,
    /// A certificate, counted from 1, is there and cannot be used.
    BadCertificate(usize, String),
    /// The file holds no private key in PEM form.
    NoPrivateKey,
    /// A private key is there and cannot be used.
    BadPrivateKey(String),
    /// The private key is encrypted and there is no password.
    PasswordMissing,
    /// The password does not open the private key.
    PasswordWrong,
    /// The private key is encrypted in a way that this server does not know.
    UnknownEncryption(String),
    /// The private key is not the one of the certificate in this file.
    Mismatch(PathBuf),
    /// The cipher list leaves no cipher suite, because of what it names, quoted.
    NoCipherSuite(String),
    /// A certificate of this server's own could not be made.
    SelfSigned(String),
    /// The TLS library refuses the configuration as a whole.
    Refused(String),
}

impl TlsError {
    pub(super) fn of_option(option: &'static str, problem: TlsProblem) -> Self {
        Self {
            option,
            path: None,
            problem,
            kept: false,
        }
    }

    pub(super) fn of_file(option: &'static str, path: &Path, problem: TlsProblem) -> Self {
        Self {
            option,
            path: Some(path.to_owned()),
            problem,
            kept: false,
        }
    }

    /// The same, said of a configuration that was to replace one in use.
    pub(super) fn while_reloading(self) -> Self {
        Self { kept: true, ..self }
    }

    /// The option as coturn spells it: `cert`, `pkey`, `pkey-pwd`, `CA-file`, `cipher-list`, or
    /// `self-signed`.
    #[must_use]
    pub fn option(&self) -> &'static str {
        self.option
    }

    /// The file, if it is about one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> &TlsProblem {
        &self.problem
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.option)?;
        if let Some(path) = &self.path {
            write!(f, " {}", path.display())?;
        }
        write!(f, ": {}", self.problem)?;
        if self.kept {
            f.write_str("; what was loaded before stays in use")?;
        }
        Ok(())
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            TlsProblem::Unreadable(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "cannot be read: {error}"),
            Self::TooLong(most) => write!(f, "is longer than {most} bytes: not a PEM file"),
            Self::NoCertificate => {
                f.write_str("has no certificate in it (\"BEGIN CERTIFICATE\" is expected)")
            }
            Self::BadCertificate(which, why) => {
                write!(f, "certificate {which} in it is not usable: {why}")
            }
            Self::NoPrivateKey => {
                f.write_str("has no private key in it (\"BEGIN ... PRIVATE KEY\" is expected)")
            }
            Self::BadPrivateKey(why) => write!(f, "the private key in it is not usable: {why}"),
            Self::PasswordMissing => {
                f.write_str("the private key in it is encrypted and pkey-pwd is not set")
            }
            Self::PasswordWrong => f.write_str("the password does not open the private key"),
            Self::UnknownEncryption(how) => write!(
                f,
                "the private key in it is encrypted with {how}, which is not supported: \
                 `openssl pkcs8 -topk8` writes it anew"
            ),
            Self::Mismatch(cert) => write!(
                f,
                "the private key in it does not match the first certificate in {} (cert)",
                cert.display()
            ),
            Self::NoCipherSuite(named) => write!(
                f,
                "leaves no cipher suite that this server has{named}: it has ECDHE with AES-GCM or ChaCha20"
            ),
            Self::SelfSigned(why) => write!(f, "no certificate could be made: {why}"),
            Self::Refused(why) => write!(f, "does not make a TLS configuration: {why}"),
        }
    }
}
