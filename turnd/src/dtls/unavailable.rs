//! The same types in a program that was built without DTLS. None of them can come into being.

use std::{convert::Infallible, sync::Arc};

use turnd_proto::Instant;

use super::{Credentials, DtlsLimits, HandshakeCounts, Path, Received};

/// The certificate and the rules; there is none in this build.
#[derive(Debug)]
pub struct DtlsContext(Infallible);

impl DtlsContext {
    /// # Errors
    ///
    /// Always, and says what to do about it.
    pub fn new(_credentials: &Credentials<'_>) -> Result<Self, String> {
        Err("this turnd was built without DTLS; build it with --features dtls, which needs OpenSSL, \
             or remove the option dtls"
            .to_owned())
    }

    /// # Errors
    ///
    /// Always, as [`Self::new`].
    pub fn read(credentials: &Credentials<'_>) -> Result<Prepared, String> {
        match Self::new(credentials)?.0 {}
    }

    /// Never called.
    pub fn take(&self, _prepared: Prepared) {
        match self.0 {}
    }
}

/// Credentials that have been found good; there are none in this build.
#[derive(Debug)]
pub struct Prepared(Infallible);

/// The associations of one worker; there are none in this build.
#[derive(Debug)]
pub struct Dtls(Infallible);

impl Dtls {
    /// Never called.
    #[must_use]
    pub fn new(context: Arc<DtlsContext>, _limits: DtlsLimits) -> Self {
        match context.0 {}
    }

    /// Never called.
    pub fn begin_anew(&mut self) {
        match self.0 {}
    }

    /// Never called.
    pub fn reconfigure(&mut self, _context: Arc<DtlsContext>, _limits: DtlsLimits) {
        match self.0 {}
    }

    /// Never called.
    #[must_use]
    pub fn knows(&self, _path: Path) -> bool {
        match self.0 {}
    }

    /// Never called.
    pub fn receive(
        &mut self,
        _now: Instant,
        _path: Path,
        _listener: u32,
        _datagram: &[u8],
        _plain: &mut [u8],
        _send: impl FnMut(&[u8]),
    ) -> Received {
        match self.0 {}
    }

    /// Never called.
    pub fn next_message(
        &mut self,
        _now: Instant,
        _path: Path,
        _plain: &mut [u8],
        _send: impl FnMut(&[u8]),
    ) -> Received {
        match self.0 {}
    }

    /// Never called.
    pub fn send(&mut self, _path: Path, _message: &[u8], _send: impl FnMut(&[u8])) -> bool {
        match self.0 {}
    }

    /// Never called.
    pub fn close(&mut self, _path: Path, _send: impl FnMut(&[u8])) {
        match self.0 {}
    }

    /// Never called.
    pub fn closed(&mut self) -> Option<Path> {
        match self.0 {}
    }

    /// Never called.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        match self.0 {}
    }

    /// Never called.
    pub fn handle_timeout(
        &mut self,
        _now: Instant,
        _in_use: impl FnMut(Path) -> bool,
        _send: impl FnMut(Path, u32, &[u8]),
    ) {
        match self.0 {}
    }

    /// Never called.
    #[must_use]
    pub fn associations(&self) -> usize {
        match self.0 {}
    }

    /// Never called.
    #[must_use]
    pub fn half_open(&self) -> usize {
        match self.0 {}
    }

    /// Never called.
    #[must_use]
    pub fn handshakes(&self) -> HandshakeCounts {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_who_wants_dtls_is_told_how_to_get_it() {
        let error = DtlsContext::new(&Credentials::default()).unwrap_err();
        assert!(error.contains("--features dtls"), "{error}");
        const { assert!(!crate::dtls::AVAILABLE) };
    }
}
