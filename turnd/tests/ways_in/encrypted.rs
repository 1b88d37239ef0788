//! Clients over TLS, as they should be and otherwise.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use rustls::{
    AlertDescription, ClientConfig, ClientConnection, Error, HandshakeKind, ProtocolVersion,
    RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, ServerName};

use crate::{
    client::{CONFIG, Client, Peer, Stream, connect, expect_freed},
    pki::{Authority, Issued, NAME},
    support::turnd::Turnd,
};

type TlsStream = StreamOwned<ClientConnection, TcpStream>;

impl Stream for TlsStream {
    fn socket(&self) -> &TcpStream {
        &self.sock
    }

    fn say_goodbye(&mut self) {
        self.conn.send_close_notify();
        let _ = self.flush();
    }
}

/// What a client is like.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) roots: Vec<CertificateDer<'static>>,
    pub(crate) versions: Vec<&'static SupportedProtocolVersion>,
    pub(crate) alpn: Vec<&'static str>,
}

impl Tls {
    /// Lines that make a server take what [`Issued::files`] names.
    pub(crate) const CONFIG: &str = "cert=cert.pem\npkey=key.pem\n";

    /// A client that trusts this authority.
    pub(crate) fn trusting(root: CertificateDer<'static>) -> Self {
        Self {
            roots: vec![root],
            versions: rustls::ALL_VERSIONS.to_vec(),
            alpn: Vec::new(),
        }
    }

    pub(crate) fn version(self, version: &'static SupportedProtocolVersion) -> Self {
        Self {
            versions: vec![version],
            ..self
        }
    }

    pub(crate) fn alpn(self, alpn: &[&'static str]) -> Self {
        Self {
            alpn: alpn.to_vec(),
            ..self
        }
    }

    pub(crate) fn config(&self, identity: Option<&Issued>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        for root in &self.roots {
            roots.add(root.clone()).unwrap();
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            Some(it) => builder
                .with_client_auth_cert(vec![it.der()], it.key_der())
                .unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self
            .alpn
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        Arc::new(config)
    }
}

/// What was agreed on.
#[derive(Debug)]
pub(crate) struct Agreed {
    pub(crate) version: ProtocolVersion,
    pub(crate) kind: HandshakeKind,
    pub(crate) alpn: Option<String>,
    pub(crate) certificate: CertificateDer<'static>,
}

/// Shakes hands on a connection.
pub(crate) fn shake_hands(
    socket: TcpStream,
    config: &Arc<ClientConfig>,
) -> io::Result<(TlsStream, Agreed)> {
    let name = ServerName::try_from(NAME).unwrap();
    let mut tls = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut socket = socket;
    while tls.is_handshaking() {
        tls.complete_io(&mut socket)?;
    }
    let alpn = tls.alpn_protocol().map(<[u8]>::to_vec);
    let agreed = Agreed {
        version: tls.protocol_version().unwrap(),
        kind: tls.handshake_kind().unwrap(),
        alpn: alpn.map(|name| String::from_utf8(name).unwrap()),
        certificate: tls.peer_certificates().unwrap()[0].clone(),
    };
    Ok((StreamOwned::new(tls, socket), agreed))
}

/// A client that is through with the handshake.
pub(crate) fn tls(server: SocketAddr, config: &Arc<ClientConfig>) -> (Client, Agreed) {
    let (stream, agreed) = shake_hands(connect(server), config).expect("a handshake");
    (Client::over(stream), agreed)
}

/// How a server refuses a client: in the handshake or, with TLS 1.3, when the client thinks it is over.
pub(crate) fn refusal(server: SocketAddr, config: &Arc<ClientConfig>) -> Error {
    match shake_hands(connect(server), config) {
        Err(error) => tls_error(error),
        Ok((mut stream, _)) => match stream.read(&mut [0; 16]) {
            Err(error) => tls_error(error),
            Ok(count) => panic!("{count} bytes instead of an alert"),
        },
    }
}

fn tls_error(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => panic!("no alert, but {error}"),
    }
}

/// The first flight of a TLS client.
pub(crate) fn hello() -> Vec<u8> {
    let config = Tls::trusting(Authority::new().der()).config(None);
    let name = ServerName::try_from(NAME).unwrap();
    let mut tls = ClientConnection::new(config, name).unwrap();
    let mut bytes = Vec::new();
    tls.write_tls(&mut bytes).unwrap();
    bytes
}

/// A server with a certificate of this authority, and these lines more.
pub(crate) fn start(authority: &Authority, more: &str) -> Turnd {
    let config = format!("{CONFIG}tls-listening-port=0\n{}{more}", Tls::CONFIG);
    Turnd::start_with_files(&config, &authority.issue().files())
}

/// The port for everything and the one for TLS; both take either.
pub(crate) fn both_ports(turnd: &Turnd) -> [SocketAddr; 2] {
    let all = turnd.listening().into_iter();
    let ports: Vec<SocketAddr> = all
        .filter(|it| it.protocols == "tcp+tls")
        .map(|it| it.address)
        .collect();
    ports.try_into().expect("two listeners for TCP and TLS")
}

/// RFC 8656 section 3.1: TURN over TLS, in both versions, relays as it does over TCP; on both ports
/// either is taken.
#[test]
fn both_versions_and_plain_tcp_are_served_on_both_ports() {
    let authority = Authority::new();
    let turnd = start(&authority, "");
    let peer = Peer::new();
    for server in both_ports(&turnd) {
        for (version, expected) in [
            (&TLS12, ProtocolVersion::TLSv1_2),
            (&TLS13, ProtocolVersion::TLSv1_3),
        ] {
            let config = Tls::trusting(authority.der()).version(version).config(None);
            let (mut client, agreed) = tls(server, &config);
            assert_eq!(agreed.version, expected);
            client.set_up(&peer);
            for length in [0, 1, 2, 3, 4, 1200, 20_000] {
                client.echo(&peer, &vec![0xA5; length]);
            }
            assert_eq!(client.binding().mapped(), client.local());
        }
        let mut client = Client::tcp(server);
        client.set_up(&peer);
        client.echo(&peer, b"plain");
    }
}

/// RFC 8446 section 5.1: records need not begin where messages do, nor segments where records do.
#[test]
fn a_tls_stream_that_comes_byte_by_byte_is_served() {
    let authority = Authority::new();
    let turnd = start(&authority, "");
    let [server, _] = both_ports(&turnd);
    let config = Tls::trusting(authority.der()).config(None);
    let mut clock = Client::tcp(server);
    let mut socket = connect(server);
    let name = ServerName::try_from(NAME).unwrap();
    let mut tls = ClientConnection::new(config, name).unwrap();
    let mut send = |tls: &mut ClientConnection, socket: &mut TcpStream| {
        let mut bytes = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut bytes).unwrap();
        }
        for byte in bytes {
            socket.write_all(&[byte]).unwrap();
            // Answered by the same worker: it has read the byte.
            clock.binding();
        }
    };
    while tls.is_handshaking() {
        send(&mut tls, &mut socket);
        if tls.wants_read() && tls.is_handshaking() {
            tls.read_tls(&mut socket).unwrap();
            tls.process_new_packets().unwrap();
        }
    }
    let (id, request) = crate::client::binding_request();
    // Two records with half a message each.
    for half in request.chunks(10) {
        tls.writer().write_all(half).unwrap();
        send(&mut tls, &mut socket);
    }
    let mut client = Client::over(StreamOwned::new(tls, socket));
    assert_eq!(client.reply_to(id).mapped(), client.local());
}

/// RFC 8446 section 5.1: a handshake message may be in several records, a hello too.
#[test]
fn a_hello_in_two_records_is_served() {
    let authority = Authority::new();
    let turnd = start(&authority, "");
    for server in both_ports(&turnd) {
        let config = Tls::trusting(authority.der()).config(None);
        let name = ServerName::try_from(NAME).unwrap();
        let mut tls = ClientConnection::new(config, name).unwrap();
        let mut hello = Vec::new();
        tls.write_tls(&mut hello).unwrap();
        let (header, message) = hello.split_at(5);
        let mut socket = connect(server);
        for part in message.chunks(message.len().div_ceil(2)) {
            let length = u16::try_from(part.len()).unwrap().to_be_bytes();
            socket
                .write_all(&[&header[..3], &length, part].concat())
                .unwrap();
        }
        tls.complete_io(&mut socket).unwrap();
        let mut client = Client::over(StreamOwned::new(tls, socket));
        assert_eq!(client.binding().mapped(), client.local());
    }
}

/// RFC 7443 section 3: the two application protocols; RFC 7301 section 3.2: the alert for any other.
#[test]
fn the_application_protocols_of_rfc_7443_are_chosen_and_others_refused() {
    let authority = Authority::new();
    let turnd = start(&authority, "");
    let [server, _] = both_ports(&turnd);
    for version in [&TLS12, &TLS13] {
        let client = Tls::trusting(authority.der()).version(version);
        for (offered, chosen) in [
            (&[][..], None),
            (&["stun.turn"][..], Some("stun.turn")),
            (&["stun.nat-discovery"], Some("stun.nat-discovery")),
            (&["h2", "stun.turn"], Some("stun.turn")),
        ] {
            let config = client.clone().alpn(offered).config(None);
            let (mut client, agreed) = tls(server, &config);
            assert_eq!(agreed.alpn.as_deref(), chosen);
            assert_eq!(client.binding().error(), None);
        }
        let config = client.alpn(&["h2", "http/1.1"]).config(None);
        let alert = AlertDescription::NoApplicationProtocol;
        assert_eq!(refusal(server, &config), Error::AlertReceived(alert));
    }
}

#[test]
fn no_tlsv1_2_refuses_it_with_an_alert_and_serves_1_3() {
    let authority = Authority::new();
    let turnd = start(&authority, "no-tlsv1_2\n");
    let [server, _] = both_ports(&turnd);
    let client = Tls::trusting(authority.der());
    let old = client.clone().version(&TLS12).config(None);
    let alert = AlertDescription::ProtocolVersion;
    assert_eq!(refusal(server, &old), Error::AlertReceived(alert));
    let (mut client, _) = tls(server, &client.version(&TLS13).config(None));
    assert_eq!(client.binding().error(), None);
}

#[test]
fn a_session_is_resumed_in_both_versions() {
    let authority = Authority::new();
    let turnd = start(&authority, "");
    let peer = Peer::new();
    for server in both_ports(&turnd) {
        for version in [&TLS12, &TLS13] {
            let config = Tls::trusting(authority.der()).version(version).config(None);
            for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
                let (mut client, agreed) = tls(server, &config);
                // Post-quantum or not, the first is full and the next is not.
                assert_eq!(agreed.kind, expected, "{:?}", agreed.version);
                client.set_up(&peer);
                client.echo(&peer, b"over it");
                client.close();
            }
        }
    }
}

/// RFC 8656 section 3.1: the end of a TLS connection is the end of its allocation, with a closing alert
/// or without.
#[test]
fn a_closing_alert_and_an_abrupt_end_both_end_the_allocation() {
    let authority = Authority::new();
    let turnd = start(&authority, "");
    let [server, _] = both_ports(&turnd);
    for version in [&TLS12, &TLS13] {
        let config = Tls::trusting(authority.der()).version(version).config(None);
        // The alert alone is enough: the socket stays open at this end.
        let (mut client, _) = tls(server, &config);
        let relayed = client.allocate().relayed();
        client.stream.say_goodbye();
        expect_freed(relayed);
        client.expect_end();

        let (mut client, _) = tls(server, &config);
        let relayed = client.allocate().relayed();
        drop(client);
        expect_freed(relayed);
    }
}

/// A record that was tampered with ends its connection with an alert, and no other.
#[test]
fn a_forged_record_ends_the_connection_and_nobody_elses() {
    let authority = Authority::new();
    let turnd = start(&authority, "");
    let [server, _] = both_ports(&turnd);
    let peer = Peer::new();
    let config = Tls::trusting(authority.der()).config(None);
    let (mut other, _) = tls(server, &config);
    other.set_up(&peer);
    for version in [&TLS12, &TLS13] {
        let config = Tls::trusting(authority.der()).version(version).config(None);
        let (mut stream, _) = shake_hands(connect(server), &config).unwrap();
        let mut record = vec![23, 3, 3, 0, 40];
        record.extend([7; 40]);
        stream.sock.write_all(&record).unwrap();
        let error = stream.read(&mut [0; 16]).unwrap_err();
        let alert = AlertDescription::BadRecordMac;
        assert_eq!(tls_error(error), Error::AlertReceived(alert));
        other.echo(&peer, b"untouched");
    }
}
