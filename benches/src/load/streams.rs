//! Clients over TCP and TLS: a connection each.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{WebPkiSupportedAlgorithms, aws_lc_rs},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use turnd_net::{TcpOptions, TcpStream};
use turnd_wire::framing::{self, Frame};

/// Bytes read at once.
const READ: usize = 256 * 1024;
/// More is not put in line for a connection: what does not fit counts as not sent.
const LINE: usize = 256 * 1024;

/// The connections, by number of the client.
pub(super) struct Streams {
    streams: Vec<Stream>,
    buffer: Box<[u8]>,
}

struct Stream {
    tcp: TcpStream,
    tls: Option<ClientConnection>,
    /// What has come and is not a whole message yet.
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    written: usize,
}

impl Streams {
    /// Connects so many clients.
    pub(super) fn connect(
        count: usize,
        from: IpAddr,
        server: SocketAddr,
        with_tls: bool,
    ) -> io::Result<Self> {
        let config = Arc::new(without_trust());
        let stream = |_| -> io::Result<Stream> {
            let name = ServerName::IpAddress(server.ip().into());
            let tls = with_tls.then(|| ClientConnection::new(Arc::clone(&config), name));
            Ok(Stream {
                tcp: TcpStream::connect((from, 0).into(), server, &TcpOptions::default(), |_| {
                    Ok(())
                })?,
                tls: tls.transpose().map_err(io::Error::other)?,
                incoming: Vec::new(),
                outgoing: Vec::new(),
                written: 0,
            })
        };
        Ok(Self {
            streams: (0..count).map(stream).collect::<io::Result<_>>()?,
            buffer: vec![0; READ].into_boxed_slice(),
        })
    }

    /// Puts a message in line that is made of these parts, padded to a multiple of four; false if the line is full.
    pub(super) fn send(&mut self, client: usize, parts: &[&[u8]]) -> bool {
        let line = &mut self.streams[client].outgoing;
        if line.len() > LINE {
            return false;
        }
        for part in parts {
            line.extend_from_slice(part);
        }
        // All messages before it were padded, too, so that the line's length tells.
        let length: usize = parts.iter().map(|part| part.len()).sum();
        line.resize(line.len() + length.next_multiple_of(4) - length, 0);
        true
    }

    /// Writes what the connections take.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.streams.iter_mut().try_for_each(Stream::flush)
    }

    /// Hands over every whole message that has come, padding included.
    pub(super) fn receive(&mut self, mut each: impl FnMut(usize, &[u8])) -> io::Result<()> {
        for (client, stream) in self.streams.iter_mut().enumerate() {
            stream.read(&mut self.buffer)?;
            let mut start = 0;
            while let Frame::Whole { length, .. } = framing::next(&stream.incoming[start..]) {
                each(client, &stream.incoming[start..start + length]);
                start += length;
            }
            stream.incoming.drain(..start);
        }
        Ok(())
    }
}

impl Stream {
    fn flush(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            if !tls.is_handshaking() && !self.outgoing.is_empty() {
                self.written += tls.writer().write(&self.outgoing[self.written..])?;
            }
            while tls.wants_write() {
                match tls.write_tls(&mut &self.tcp) {
                    Ok(_) => {}
                    Err(error) if is_for_later(&error) => break,
                    Err(error) => return Err(error),
                }
            }
        } else if !self.outgoing.is_empty() {
            match (&self.tcp).write(&self.outgoing[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if is_for_later(&error) => {}
                Err(error) => return Err(error),
            }
        }
        if self.written == self.outgoing.len() {
            self.outgoing.clear();
            self.written = 0;
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let count = match (&self.tcp).read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if is_for_later(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        let Some(tls) = &mut self.tls else {
            self.incoming.extend_from_slice(&buffer[..count]);
            return Ok(());
        };
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            tls.read_tls(&mut rest)?;
            let state = tls.process_new_packets().map_err(io::Error::other)?;
            let before = self.incoming.len();
            self.incoming
                .resize(before + state.plaintext_bytes_to_read(), 0);
            tls.reader().read_exact(&mut self.incoming[before..])?;
        }
        Ok(())
    }
}

/// Not an end of the connection: nothing now, or not connected yet.
fn is_for_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected | io::ErrorKind::Interrupted
    )
}

/// TLS that looks at no certificate: it is a cost that is measured here, not a secret that is kept.
fn without_trust() -> ClientConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for the default versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(algorithms)))
        .with_no_client_auth()
}

#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
