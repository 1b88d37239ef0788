//! What all associations share: the certificate, the rules of the handshake, and the key of the cookies.

use std::{
    fmt,
    sync::{PoisonError, RwLock},
};

use openssl::{
    error::ErrorStack,
    pkey::{PKey, Private},
    ssl::{
        AlpnError, SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions,
        SslSessionCacheMode, SslVerifyMode, SslVersion,
    },
    stack::Stack,
    x509::{X509, store::X509StoreBuilder},
};

use super::{Credentials, cookie::Cookies};

/// Forward secrecy and authenticated encryption: what every client with DTLS 1.2 of the last ten years has.
const CIPHERS: &str = "ECDHE+AESGCM:ECDHE+CHACHA20";
/// What no list of an operator brings back. The digests stand for suites with CBC or RC4 or without a cipher:
/// with encrypt-then-MAC, OpenSSL 3.0 ends an association over a record with a wrong code, which anyone can
/// send, instead of dropping it.
const NEVER: &str = ":!aNULL:!eNULL:!PSK:!SRP:!MD5:!SHA1:!SHA256:!SHA384";
/// TURN and NAT discovery (RFC 7443), the first one preferred.
const PROTOCOLS: [&[u8]; 2] = [b"stun.turn", b"stun.nat-discovery"];

/// The certificate and the rules, one for a process.
pub struct DtlsContext {
    current: RwLock<SslContext>,
    cookies: Cookies,
}

/// Credentials that have been found good.
pub struct Prepared(SslContext);

impl DtlsContext {
    /// # Errors
    ///
    /// One line that says which of the credentials cannot be used and why.
    pub fn new(credentials: &Credentials<'_>) -> Result<Self, String> {
        let mut key = [0; 64];
        getrandom::fill(&mut key)
            .map_err(|error| format!("the operating system gives no random numbers: {error}"))?;
        Ok(Self {
            current: RwLock::new(build(credentials)?),
            cookies: Cookies::new(&key),
        })
    }

    /// Credentials for [`Self::take`], which cannot fail any more.
    ///
    /// # Errors
    ///
    /// As of [`DtlsContext::new`].
    pub fn read(credentials: &Credentials<'_>) -> Result<Prepared, String> {
        build(credentials).map(Prepared)
    }

    /// Shows these credentials in handshakes that begin from now on. Associations live on.
    pub fn take(&self, prepared: Prepared) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = prepared.0;
    }

    /// The same in one step.
    ///
    /// # Errors
    ///
    /// As of [`DtlsContext::new`]; the old credentials then stay.
    pub fn replace(&self, credentials: &Credentials<'_>) -> Result<(), String> {
        self.take(Self::read(credentials)?);
        Ok(())
    }

    /// What the next handshake is done with.
    pub(super) fn current(&self) -> SslContext {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn cookies(&self) -> &Cookies {
        &self.cookies
    }
}

impl fmt::Debug for DtlsContext {
    /// Without anything secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DtlsContext").finish_non_exhaustive()
    }
}

fn build(credentials: &Credentials<'_>) -> Result<SslContext, String> {
    let mut builder = rules().map_err(|error| said("OpenSSL", &error))?;
    let ciphers = format!("{}{NEVER}", credentials.ciphers.unwrap_or(CIPHERS));
    builder
        .set_cipher_list(&ciphers)
        .map_err(|error| said("the cipher suites", &error))?;
    set_certificate(&mut builder, credentials)?;
    if let Some(authorities) = credentials.client_ca {
        ask_for_certificates(&mut builder, authorities)?;
    }
    Ok(builder.build())
}

/// What does not depend on the configuration.
fn rules() -> Result<SslContextBuilder, ErrorStack> {
    let mut builder = SslContext::builder(SslMethod::dtls_server())?;
    builder.set_min_proto_version(Some(SslVersion::DTLS1_2))?;
    builder.set_max_proto_version(Some(SslVersion::DTLS1_2))?;
    // The MTU is set by hand: there is no socket to ask. Sessions are not resumed, neither by ticket nor from
    // a cache: a server's flight is then always in the clear, so that it can be sent again by `Dtls`.
    builder.set_options(
        SslOptions::COOKIE_EXCHANGE
            | SslOptions::NO_QUERY_MTU
            | SslOptions::NO_RENEGOTIATION
            | SslOptions::NO_COMPRESSION
            | SslOptions::NO_TICKET
            | SslOptions::CIPHER_SERVER_PREFERENCE,
    );
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_mode(SslMode::RELEASE_BUFFERS | SslMode::NO_AUTO_CHAIN);
    // The exchange is over before OpenSSL sees a hello (see `Association::begin`): what it would send goes
    // nowhere, and the cookie that it is shown has been found good.
    builder.set_cookie_generate_cb(|_, cookie| {
        cookie[0] = 0;
        Ok(1)
    });
    builder.set_cookie_verify_cb(|_, _| true);
    builder.set_alpn_select_callback(|_, offered| select_protocol(offered));
    Ok(builder)
}

/// One of the protocols spoken here, or the alert no_application_protocol (RFC 7301 section 3.2). A client
/// that offers none is not asked.
fn select_protocol(offered: &[u8]) -> Result<&[u8], AlpnError> {
    PROTOCOLS
        .iter()
        .find_map(|ours| names(offered).find(|name| name == ours))
        .ok_or(AlpnError::ALERT_FATAL)
}

/// The names of a protocol list, each behind a length of one byte.
fn names(mut list: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&length, rest) = list.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(length))?;
        list = rest;
        Some(name)
    })
}

fn set_certificate(
    builder: &mut SslContextBuilder,
    credentials: &Credentials<'_>,
) -> Result<(), String> {
    let chain = certificates("the certificate", credentials.chain)?;
    let mut chain = chain.into_iter();
    let Some(own) = chain.next() else {
        return Err("the certificate: there is none".to_owned());
    };
    builder
        .set_certificate(&own)
        .map_err(|error| said("the certificate", &error))?;
    for intermediate in chain {
        builder
            .add_extra_chain_cert(intermediate)
            .map_err(|error| said("the certificate's chain", &error))?;
    }
    let key = private_key(credentials).map_err(|error| said("the private key", &error))?;
    builder
        .set_private_key(&key)
        .and_then(|()| builder.check_private_key())
        .map_err(|error| said("the private key does not fit the certificate", &error))
}

fn private_key(credentials: &Credentials<'_>) -> Result<PKey<Private>, ErrorStack> {
    // Always with a callback: without one OpenSSL asks at the terminal.
    PKey::private_key_from_pem_callback(credentials.key, |to| {
        let password = credentials.password.unwrap_or_default();
        match to.get_mut(..password.len()) {
            Some(to) => to.copy_from_slice(password),
            None => return Ok(0),
        }
        Ok(password.len())
    })
}

/// Only clients with a certificate of these authorities finish a handshake.
fn ask_for_certificates(builder: &mut SslContextBuilder, authorities: &[u8]) -> Result<(), String> {
    let authorities = certificates("the clients' authorities", authorities)?;
    if authorities.is_empty() {
        return Err("the clients' authorities: there are none".to_owned());
    }
    let ask = |builder: &mut SslContextBuilder| {
        let mut store = X509StoreBuilder::new()?;
        let mut names = Stack::new()?;
        for authority in authorities {
            names.push(authority.subject_name().to_owned()?)?;
            store.add_cert(authority)?;
        }
        builder.set_client_ca_list(names);
        builder.set_verify_cert_store(store.build())?;
        builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        Ok(())
    };
    ask(builder).map_err(|error| said("the clients' authorities", &error))
}

fn certificates(what: &str, pem: &[u8]) -> Result<Vec<X509>, String> {
    X509::stack_from_pem(pem).map_err(|error| said(what, &error))
}

/// One line: what it is about, and OpenSSL's first reason.
fn said(what: &str, error: &ErrorStack) -> String {
    let reason = error
        .errors()
        .first()
        .and_then(openssl::error::Error::reason);
    format!("{what}: {}", reason.unwrap_or("OpenSSL gives no reason"))
}
