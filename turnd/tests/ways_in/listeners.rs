//! Which ways in there are: the running program is asked, and what it said of itself compared.

use std::{
    io::{ErrorKind, Write},
    net::{IpAddr, SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

use crate::{
    client::{CONFIG, Client, PATIENCE, Peer, binding_request, connect, read},
    encrypted::{Tls, both_ports, tls},
    pki::Authority,
    support::{blocks::free_port, turnd::Turnd},
};

/// What answers at an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Answers {
    udp: bool,
    dtls: bool,
    tcp: bool,
    tls: bool,
}

struct Asker {
    authority: Authority,
}

impl Asker {
    /// A server with these lines, which may also say where the certificate is.
    fn start(config: &str) -> (Self, Turnd) {
        let authority = Authority::new();
        let turnd = Turnd::start_with_files(config, &authority.issue().files());
        (Self { authority }, turnd)
    }

    fn ask(&self, address: SocketAddr) -> Answers {
        let (udp, dtls) = over_udp(address);
        let mut answers = Answers {
            udp,
            dtls,
            ..Answers::default()
        };
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused),
            Ok(_) => {
                answers.tcp = over_tcp(address);
                let config = Tls::trusting(self.authority.der()).config(None);
                answers.tls =
                    speaks_tls(address) && tls(address, &config).0.binding().error().is_none();
            }
        }
        answers
    }

    /// Everything in the summary answers as it says, and nothing else does at its address.
    fn compare(&self, turnd: &Turnd) -> Vec<(SocketAddr, String)> {
        let mut told: Vec<(SocketAddr, String)> = Vec::new();
        for line in turnd.listening() {
            match told
                .iter_mut()
                .find(|(address, _)| *address == line.address)
            {
                Some((_, protocols)) => *protocols += &format!("+{}", line.protocols),
                None => told.push((line.address, line.protocols)),
            }
        }
        for (address, protocols) in &told {
            let said = |name| protocols.split('+').any(|said| said == name);
            let expected = Answers {
                udp: said("udp"),
                dtls: said("dtls"),
                tcp: said("tcp"),
                tls: said("tls"),
            };
            assert_eq!(self.ask(*address), expected, "{address} {protocols}");
        }
        told
    }
}

fn over_tcp(address: SocketAddr) -> bool {
    let mut socket = connect(address);
    let (_, request) = binding_request();
    socket.write_all(&request).is_ok() && read(&mut socket, &mut [0; 20]) > 0
}

/// Whether a TLS hello is answered with a record of a handshake.
fn speaks_tls(address: SocketAddr) -> bool {
    let mut socket = connect(address);
    let mut first = [0];
    socket.write_all(&crate::encrypted::hello()).is_ok()
        && read(&mut socket, &mut first) == 1
        && first == [22]
}

/// A plain Binding request and then a DTLS hello: answers come in that order.
fn over_udp(address: SocketAddr) -> (bool, bool) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(address).unwrap();
    // Longer than loopback takes; waited for where nothing answers.
    socket
        .set_read_timeout(Some(Duration::from_millis(400)))
        .unwrap();
    let (_, request) = binding_request();
    // Where nothing is bound, the second send or the receive hears of it.
    let _ = socket.send(&request);
    let _ = socket.send(&dtls_hello());
    let mut answers = (false, false);
    let mut buffer = [0; 2048];
    while let Ok(length) = socket.recv(&mut buffer) {
        match buffer[..length].first() {
            Some(0..=3) => answers.0 = true,
            Some(20..=63) => answers.1 = true,
            other => panic!("{other:?}"),
        }
        if answers == (true, true) {
            break;
        }
    }
    answers
}

/// A ClientHello without a cookie (RFC 6347 section 4.2.1), which gets a HelloVerifyRequest.
fn dtls_hello() -> Vec<u8> {
    let mut body = vec![0xFE, 0xFD];
    body.extend([7; 32]);
    // No session, no cookie, one suite (TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256), no compression.
    body.extend([0, 0, 0, 2, 0xC0, 0x2B, 1, 0]);
    // supported_groups, ec_point_formats, signature_algorithms.
    let extensions = [
        0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0, 0, 13, 0, 4, 0, 2, 4, 3,
    ];
    body.extend([0, extensions.len() as u8]);
    body.extend(extensions);
    let length = body.len() as u8;
    let mut message = vec![1, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, length];
    message.extend(body);
    let mut record = vec![
        22,
        0xFE,
        0xFF,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        message.len() as u8,
    ];
    record.extend(message);
    record
}

/// The protocols of each address, as the summary has them.
fn protocols(told: &[(SocketAddr, String)]) -> Vec<&str> {
    told.iter()
        .map(|(_, protocols)| protocols.as_str())
        .collect()
}

const SECURE: &str = "cert=cert.pem\npkey=key.pem\n";

#[test]
fn without_options_udp_and_tcp_are_served() {
    let (asker, turnd) = Asker::start(CONFIG);
    assert_eq!(protocols(&asker.compare(&turnd)), ["udp+tcp"]);
}

#[test]
fn with_a_certificate_tls_is_served_on_both_ports() {
    let (asker, turnd) = Asker::start(&format!("{CONFIG}{SECURE}tls-listening-port=0\n"));
    let told = asker.compare(&turnd);
    // Without dtls the second port has nothing to do on UDP.
    assert_eq!(protocols(&told), ["udp+tcp+tls", "tcp+tls"]);
}

#[test]
fn each_no_takes_one_way_in_away() {
    for (options, expected) in [
        ("no-tcp\nno-tls\n", &["udp"][..]),
        ("no-udp\nno-tls\n", &["tcp"]),
        ("no-tcp\n", &["udp+tls", "tls"]),
        ("no-udp\n", &["tcp+tls", "tcp+tls"]),
        ("no-udp\nno-tcp\n", &["tls", "tls"]),
        ("no-tls\n", &["udp+tcp"]),
        ("no-dtls\n", &["udp+tcp+tls", "tcp+tls"]),
    ] {
        let config = format!("{CONFIG}{SECURE}tls-listening-port=0\n{options}");
        let (asker, turnd) = Asker::start(&config);
        assert_eq!(protocols(&asker.compare(&turnd)), expected, "{options}");
    }
}

#[test]
#[cfg(feature = "dtls")]
fn dtls_is_served_beside_or_without_the_others() {
    for (options, expected) in [
        ("", &["udp+dtls+tcp+tls", "udp+dtls+tcp+tls"][..]),
        ("no-udp\n", &["dtls+tcp+tls", "dtls+tcp+tls"]),
        ("no-tls\n", &["udp+dtls+tcp", "udp+dtls"]),
        ("no-udp\nno-tcp\nno-tls\n", &["dtls", "dtls"]),
    ] {
        let config = format!("{CONFIG}{SECURE}tls-listening-port=0\ndtls\n{options}");
        let (asker, turnd) = Asker::start(&config);
        assert_eq!(protocols(&asker.compare(&turnd)), expected, "{options}");
    }
}

#[test]
fn every_port_that_is_named_is_listened_on() {
    let [first, alternative, secure, secure_alternative] = [(); 4].map(|()| free_port());
    let config = CONFIG.replace("listening-port=0", &format!("listening-port={first}"));
    let (asker, turnd) = Asker::start(&format!(
        "{config}{SECURE}alt-listening-port={alternative}\ntls-listening-port={secure}\n\
         alt-tls-listening-port={secure_alternative}\naux-server=127.0.0.1:0\naux-server=127.0.0.2:0\n"
    ));
    let told = asker.compare(&turnd);
    let ports: Vec<u16> = told.iter().map(|(address, _)| address.port()).collect();
    assert_eq!(ports[..4], [first, alternative, secure, secure_alternative]);
    assert_eq!(
        protocols(&told),
        [
            "udp+tcp+tls",
            "udp+tcp+tls",
            "tcp+tls",
            "tcp+tls",
            "udp+tcp+tls",
            "udp+tcp+tls"
        ]
    );
    assert_eq!(told[4].0.ip().to_string(), "127.0.0.1");
    assert_eq!(told[5].0.ip().to_string(), "127.0.0.2");
}

/// A port that two options name is one listener, which takes what either asks for.
#[test]
fn one_port_may_be_for_everything() {
    let port = free_port();
    let config = CONFIG.replace("listening-port=0", &format!("listening-port={port}"));
    let (asker, turnd) = Asker::start(&format!("{config}{SECURE}tls-listening-port={port}\n"));
    assert_eq!(protocols(&asker.compare(&turnd)), ["udp+tcp+tls"]);
}

#[test]
fn a_listening_device_serves_who_comes_through_it() {
    let (asker, turnd) = Asker::start(&format!(
        "{CONFIG}{SECURE}tls-listening-port=0\nlistening-device=lo\n"
    ));
    let told = asker.compare(&turnd);
    assert_eq!(protocols(&told), ["udp+tcp+tls", "tcp+tls"]);
}

/// It once started, and had no relay for anybody.
#[test]
fn a_device_that_is_not_there_stops_the_start() {
    for option in ["listening-device", "relay-device"] {
        let config = format!("{CONFIG}relay-ip=127.0.0.1\n{option}=no-such-device\n");
        let stopped = Turnd::fail_to_start(&config, &[]);
        assert_eq!(stopped.status.code(), Some(1), "{}", stopped.log);
        assert!(stopped.log.contains("No such device"), "{}", stopped.log);
        let named = format!("(option {option})");
        assert!(stopped.log.contains(&named), "{}", stopped.log);
    }
}

#[test]
fn streams_are_served_over_ipv6_and_on_every_address() {
    for (listening, asked) in [("::1", "::1"), ("0.0.0.0", "127.0.0.1"), ("::", "::1")] {
        let config = CONFIG.replace(
            "listening-ip=127.0.0.1",
            &format!("listening-ip={listening}"),
        );
        let (asker, turnd) = Asker::start(&format!(
            "{config}{SECURE}tls-listening-port=0\nrelay-ip=127.0.0.1\n"
        ));
        let ip: IpAddr = asked.parse().unwrap();
        for server in both_ports(&turnd) {
            let server = SocketAddr::new(ip, server.port());
            let mut client = Client::tcp(server);
            assert_eq!(client.binding().mapped(), client.local(), "{listening}");
            let config = Tls::trusting(asker.authority.der()).config(None);
            let (mut client, _) = tls(server, &config);
            let peer = Peer::new();
            client.set_up(&peer);
            client.echo(&peer, b"over any address");
        }
    }
}

#[test]
#[cfg(feature = "dtls")]
fn listeners_of_our_own_take_what_their_scheme_says_and_nothing_else() {
    let (asker, turnd) = Asker::start(&format!(
        "realm=example.org\nuser=alice:secret\nrelay-ip=127.0.0.1\n{SECURE}\
         listen=udp://127.0.0.1:0\nlisten=tcp://127.0.0.1:0\n\
         listen=tls://127.0.0.1:0\nlisten=dtls://127.0.0.1:0\n"
    ));
    let told = asker.compare(&turnd);
    assert_eq!(protocols(&told), ["udp", "tcp", "tls", "dtls"]);
}

#[test]
fn listeners_of_our_own_on_one_port_share_it_and_add_to_coturns_ports() {
    let port = free_port();
    let (asker, turnd) = Asker::start(&format!(
        "{CONFIG}no-udp\ncert=cert.pem\npkey=key.pem\ntls-listening-port=0\n\
         listen=tls://127.0.0.1:{port}\nlisten=tcp://127.0.0.1:{port}\n"
    ));
    let told = asker.compare(&turnd);
    assert_eq!(protocols(&told), ["tcp+tls", "tcp+tls", "tcp+tls"]);
    assert!(told.iter().any(|(address, _)| address.port() == port));
}

#[test]
fn a_listener_of_our_own_behind_a_proxy_waits_for_its_header() {
    let turnd = Turnd::start(
        "realm=example.org\nuser=alice:secret\nrelay-ip=127.0.0.1\n\
         listen=tcp://127.0.0.1:0?proxy\nproxy-protocol-from=127.0.0.1\n",
    );
    let [listening] = &turnd.listening()[..] else {
        panic!("one listener:\n{}", turnd.log());
    };
    assert!(listening.is_behind_proxy);
    assert!(!over_tcp(listening.address), "no header came");
    let mut socket = connect(listening.address);
    let header = b"PROXY TCP4 192.0.2.7 192.0.2.200 4711 3478\r\n";
    socket.write_all(header).unwrap();
    let mapped = Client::over(socket).binding().mapped();
    assert_eq!(mapped, "192.0.2.7:4711".parse().unwrap());
}
