//! RFC 8489 section 6.2: what lies between client and server, and where answers come from.

use std::{
    io::Write,
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
};

use openssl::ssl::SslVersion;

use crate::{
    client::{PATIENCE, unsigned},
    messages::{OK, Reply, Request},
    row::{ALL, BOTH, Dtls, Row, STREAMS, Tcp, Tls, Udp, V4, must, should},
    subject::Path,
};

const HANDSHAKE: &str = "turnd/tests/dtls/handshake.rs";
/// Listens on every address.
const EVERYWHERE: &str = "listening-ip=0.0.0.0\nlistening-ip=::\n";

pub(crate) const ROWS: &[Row] = &[
    must(
        "T8489-6.2.2-1",
        "messages in one segment or byte by byte, ChannelData cut anywhere",
    )
    .over(STREAMS, segments),
    should("T8489-6.2.2-2", "the connection stays open after an answer").over(STREAMS, stays_open),
    must("T8489-6.2.2-3", "who has hung up is not called back").over(&[Tcp], no_call_back),
    must("T8489-6.2.3-1", "ECDHE-RSA-AES128-GCM-SHA256 is enough")
        .over(&[Tls, Dtls], mandatory_suite),
    must("T8489-6.2.3-2", "DHE-RSA-AES128-GCM-SHA256 is enough")
        .over(&[Tls, Dtls], finite_field)
        .departs(
            "Suites with CBC, static RSA or finite-field Diffie-Hellman do not exist here.",
            "handshake failure",
        ),
    must(
        "T8489-6.2.3-3",
        "nothing without forward secrecy, nothing broken, nothing older than 1.2",
    )
    .over(&[Tls, Dtls], weak_suites)
    .held(&[(HANDSHAKE, "only_dtls_1_2_is_spoken")]),
    must(
        "T8489-6.3.1-3",
        "XOR-MAPPED-ADDRESS is the client's own, in its family",
    )
    .over(ALL, mapped),
    must("T8489-6.3.1-3b", "also where one port serves both families")
        .on(EVERYWHERE)
        .over(ALL, mapped),
    must(
        "T8489-6.3.1.2-1",
        "the answer comes from the address that was asked",
    )
    .on(EVERYWHERE)
    .over(&[Udp], answers_from)
    .by(V4),
];

fn segments(path: &Path<'_>) {
    let mut client = path.client();
    let (first, second) = (unsigned(&Request::binding()), unsigned(&Request::binding()));
    client.send(&[&first[..], &second].concat());
    assert_eq!(client.reply_to(&first).code(), OK);
    assert_eq!(client.reply_to(&second).code(), OK);
    let request = unsigned(&Request::binding());
    for byte in &request {
        client.send(&[*byte]);
    }
    assert_eq!(client.reply_to(&request).code(), OK);

    let (mut client, relay, peer) = path.bound();
    let whole = [&[0x40, 1, 0, 5][..], b"apple\0\0\0"].concat();
    for cut in 1..whole.len() {
        client.send(&whole[..cut]);
        client.send(&whole[cut..]);
        assert_eq!(peer.next(), (b"apple".to_vec(), relay), "cut at {cut}");
    }
}

fn stays_open(path: &Path<'_>) {
    let mut client = path.client();
    for _ in 0..3 {
        assert_eq!(client.ask(&Request::binding()).code(), OK);
    }
    // An error is no reason to hang up either.
    assert_eq!(client.ask(&Request::allocate()).code(), 401);
    client.expect_nothing();
}

fn no_call_back(path: &Path<'_>) {
    let server = path.server();
    let socket = TcpStream::connect(server).expect("a connection");
    let own = socket.local_addr().expect("a socket");
    let mut client = path.client();
    {
        let mut socket = socket;
        socket
            .write_all(&unsigned(&Request::binding()))
            .expect("sending");
        // With the answer unread, the system resets the connection, and its port is free at once.
        client.expect_nothing();
    }
    let Ok(listener) = TcpListener::bind(own) else {
        // Somebody else's by now, or the system keeps it a while: nobody can be called back there.
        return;
    };
    listener.set_nonblocking(true).expect("an option");
    client.expect_nothing();
    assert!(listener.accept().is_err(), "the server called back");
}

fn mandatory_suite(path: &Path<'_>) {
    let client = path.handshake(|client| {
        client
            .set_cipher_list("ECDHE-RSA-AES128-GCM-SHA256")
            .expect("a suite");
        client.set_max_proto_version(two(path)).expect("a version");
    });
    let mut client = client.expect("a handshake");
    assert_eq!(client.agreed().cipher, "ECDHE-RSA-AES128-GCM-SHA256");
    client.expect_nothing();
}

fn finite_field(path: &Path<'_>) {
    let client = path.handshake(|client| {
        client
            .set_cipher_list("DHE-RSA-AES128-GCM-SHA256")
            .expect("a suite");
        client.set_max_proto_version(two(path)).expect("a version");
    });
    client.expect("a handshake").expect_nothing();
}

/// Version 1.2 of what the path speaks.
fn two(path: &Path<'_>) -> Option<SslVersion> {
    Some(match path.transport {
        Dtls => SslVersion::DTLS1_2,
        _ => SslVersion::TLS1_2,
    })
}

fn weak_suites(path: &Path<'_>) {
    for suite in [
        "AES128-GCM-SHA256",
        "AES256-SHA",
        "eNULL",
        "aNULL",
        "ECDHE-RSA-AES128-SHA",
        "PSK-AES128-GCM-SHA256",
    ] {
        let refused = path.handshake(|client| {
            client
                .set_cipher_list(&format!("{suite}:@SECLEVEL=0"))
                .expect("a suite");
            client.set_max_proto_version(two(path)).expect("a version");
            if suite.starts_with("PSK") {
                client.set_psk_client_callback(|_, _, _, _| Ok(0));
            }
        });
        assert!(refused.is_err(), "{suite} was agreed on");
    }
    let versions: &[SslVersion] = match path.transport {
        Dtls => &[SslVersion::DTLS1],
        _ => &[SslVersion::TLS1, SslVersion::TLS1_1],
    };
    for version in versions {
        let refused = path.handshake(|client| {
            client.set_cipher_list("ALL:@SECLEVEL=0").expect("suites");
            client
                .set_min_proto_version(Some(*version))
                .expect("a version");
            client
                .set_max_proto_version(Some(*version))
                .expect("a version");
        });
        assert!(refused.is_err(), "{version:?} was agreed on");
    }
}

fn mapped(path: &Path<'_>) {
    let mut client = path.client();
    let reply = client.ask(&Request::binding());
    assert_eq!(reply.mapped(), Some(client.local()));
}

fn answers_from(path: &Path<'_>) {
    let port = path.server().port();
    let ask = |address: SocketAddr| {
        let any = if address.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        };
        let socket = UdpSocket::bind(any).expect("binding a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let request = unsigned(&Request::binding());
        socket.send_to(&request, address).expect("sending");
        let mut buffer = [0; 548];
        let (length, from) = socket.recv_from(&mut buffer).expect("an answer");
        assert_eq!(Reply::to(&request, buffer[..length].to_vec()).code(), OK);
        from
    };
    for ip in ["127.0.0.1", "127.0.0.2", "127.77.0.3"] {
        let address = SocketAddr::new(ip.parse().expect("an address"), port);
        assert_eq!(ask(address), address);
    }
    let v6 = path.subject.server(Udp, BOTH[1]).expect("it listens there");
    let v6 = SocketAddr::new("::1".parse().expect("an address"), v6.port());
    assert_eq!(ask(v6), v6);
}
