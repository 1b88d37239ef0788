//! Behind a proxy that tells who the client is (PROXY protocol, versions 1 and 2).

use std::{io::Write, net::SocketAddr};

use crate::{
    client::{
        CONFIG, Client, Peer, binding_request, connect, connect_unless_refused, eventually,
        expect_freed, read,
    },
    encrypted::{Tls, shake_hands},
    pki::Authority,
    support::{blocks::free_port, turnd::Turnd},
};

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Header of version 1 (section 2.1).
fn line(client: &str) -> Vec<u8> {
    let client: SocketAddr = client.parse().unwrap();
    let (family, server) = if client.is_ipv4() {
        ("TCP4", "192.0.2.200")
    } else {
        ("TCP6", "2001:db8::200")
    };
    let (ip, port) = (client.ip(), client.port());
    format!("PROXY {family} {ip} {server} {port} 3478\r\n").into_bytes()
}

/// Header of version 2 (section 2.2), with `more` behind the addresses.
fn binary(client: &str, more: &[u8]) -> Vec<u8> {
    let client: SocketAddr = client.parse().unwrap();
    let server: SocketAddr = if client.is_ipv4() {
        "192.0.2.200:3478"
    } else {
        "[2001:db8::200]:3478"
    }
    .parse()
    .unwrap();
    let mut addresses = Vec::new();
    for end in [client, server] {
        match end.ip() {
            std::net::IpAddr::V4(ip) => addresses.extend(ip.octets()),
            std::net::IpAddr::V6(ip) => addresses.extend(ip.octets()),
        }
    }
    for end in [client, server] {
        addresses.extend(end.port().to_be_bytes());
    }
    addresses.extend(more);
    header(0x21, if client.is_ipv4() { 0x11 } else { 0x21 }, &addresses)
}

fn header(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    bytes.extend([command, family]);
    bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A server with one port more, for a proxy on this machine.
fn start(more: &str) -> (Turnd, SocketAddr) {
    let config = format!("{CONFIG}tcp-proxy-port=0\nproxy-protocol-from=127.0.0.1\n{more}");
    proxied(Turnd::start(&config))
}

fn proxied(turnd: Turnd) -> (Turnd, SocketAddr) {
    let found = turnd.listening().into_iter().find(|it| it.is_behind_proxy);
    let address = found.expect("a listener behind a proxy").address;
    (turnd, address)
}

/// A client behind the proxy.
fn through(server: SocketAddr, header: &[u8]) -> Client {
    let mut client = Client::tcp(server);
    client.send(header);
    client
}

/// XOR-MAPPED-ADDRESS (RFC 8489 section 14.2) is the client's, not the proxy's.
#[test]
fn the_address_of_the_header_is_the_clients() {
    let (turnd, server) = start("");
    let peer = Peer::new();
    for (client, header) in [
        ("192.0.2.1:5", line("192.0.2.1:5")),
        ("[2001:db8::1]:65535", line("[2001:db8::1]:65535")),
        ("198.51.100.7:40000", binary("198.51.100.7:40000", b"")),
        ("[2001:db8::2]:1", binary("[2001:db8::2]:1", b"")),
        // A TLV: PP2_TYPE_NOOP.
        ("192.0.2.9:9", binary("192.0.2.9:9", &[4, 0, 2, 0, 0])),
    ] {
        let expected: SocketAddr = client.parse().unwrap();
        // With the first message in the same segment, and without.
        let mut client = through(server, &header);
        assert_eq!(client.binding().mapped(), expected);
        let (id, request) = binding_request();
        let mut client = through(server, &[&header[..], &request].concat());
        assert_eq!(client.reply_to(id).mapped(), expected);
        client.set_up(&peer);
        client.echo(&peer, b"through the proxy");
    }
    // The other port is as it was.
    let mut direct = Client::tcp(turnd.address_of("tcp"));
    assert_eq!(direct.binding().mapped(), direct.local());
}

#[test]
fn a_header_that_comes_byte_by_byte_is_read() {
    let (turnd, server) = start("");
    let mut clock = Client::tcp(turnd.address_of("tcp"));
    for header in [line("192.0.2.1:5"), binary("192.0.2.1:5", &[4, 0, 1, 0])] {
        let mut client = Client::tcp(server);
        for byte in header {
            client.send(&[byte]);
            // Answered by the same worker: it has read the byte.
            clock.binding();
        }
        assert_eq!(client.binding().mapped().to_string(), "192.0.2.1:5");
    }
}

/// Two clients whose proxy gives them different addresses, and one whose address comes again.
#[test]
fn connections_are_counted_by_the_address_of_the_header() {
    let (_turnd, server) = start("max-connections-per-address=2\n");
    let mut first: Vec<Client> = (1..3)
        .map(|port| through(server, &line(&format!("192.0.2.1:{port}"))))
        .collect();
    for client in &mut first {
        assert_eq!(client.binding().error(), None);
    }
    through(server, &line("192.0.2.1:3")).expect_end();
    let mut other = through(server, &line("192.0.2.2:1"));
    assert_eq!(other.binding().error(), None);
    // An IPv6 client is as many as its /64 has.
    let mut of_block: Vec<Client> = (1..3)
        .map(|host| through(server, &line(&format!("[2001:db8::{host}]:1"))))
        .collect();
    for client in &mut of_block {
        assert_eq!(client.binding().error(), None);
    }
    through(server, &line("[2001:db8::ffff]:1")).expect_end();
    first.remove(0).close();
    eventually("the address has room again", || {
        let mut client = through(server, &line("192.0.2.1:4"));
        let (_, request) = binding_request();
        client.stream.write_all(&request).is_ok() && read(&mut client.stream, &mut [0; 99]) > 0
    });
}

/// The bound of all connections is that of all, whoever the header says they are.
#[test]
fn the_total_counts_over_all_addresses() {
    let (_turnd, server) = start("max-connections=3\n");
    let mut kept: Vec<Client> = (1..4)
        .map(|host| through(server, &line(&format!("192.0.2.{host}:1"))))
        .collect();
    for client in &mut kept {
        assert_eq!(client.binding().error(), None);
    }
    // It may be cut off before it knows that it is connected, or before this is written.
    if let Some(mut socket) = connect_unless_refused(server) {
        let _ = socket.write_all(&line("192.0.2.4:1"));
        assert_eq!(read(&mut socket, &mut [0; 64]), 0);
    }
}

/// Sections 2.1 and 2.2: the balancer's own connections count with the addresses that they have.
#[test]
fn without_a_client_in_the_header_the_sockets_address_is_used() {
    let (_turnd, server) = start("");
    for header in [
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(),
        header(0x20, 0x00, b""),
        header(0x20, 0x11, &[1; 12]),
        // A UNIX socket's client.
        header(0x21, 0x31, &[b'x'; 216]),
    ] {
        let mut client = through(server, &header);
        assert_eq!(client.binding().mapped(), client.local());
    }
}

/// A port for a proxy serves nobody else: who comes without a header has not come through the proxy.
#[test]
fn a_connection_without_a_header_is_closed() {
    let (_turnd, server) = start("");
    let (_, binding) = binding_request();
    for bytes in [
        &binding[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
        b"PROXY TCP5 ",
        &header(0x22, 0x11, &[1; 12]),
        &header(0x21, 0x11, &[1; 11]),
        &header(0x21, 0x11, &[1; 4000])[..100],
    ] {
        through(server, bytes).expect_end();
    }
    let mut good = through(server, &line("192.0.2.1:5"));
    assert_eq!(good.binding().error(), None);
}

/// Forged addresses: who is not a proxy may not say who it is, and is told nothing.
#[test]
fn a_proxy_that_is_not_trusted_is_cut_off() {
    for (shown, told) in [
        ("full", "127.0.0.1"),
        ("masked", "127.0.0.x"),
        ("none", "-"),
    ] {
        let config = format!(
            "{CONFIG}tcp-proxy-port=0\nproxy-protocol-from=192.0.2.1\nproxy-protocol-from=198.51.100.0/24\n\
             log-addresses={shown}\n"
        );
        let (turnd, server) = proxied(Turnd::start(&config));
        for header in [line("192.0.2.1:5"), binary("192.0.2.1:5", b"")] {
            // It may be cut off before it knows that it is connected, or before this is written.
            if let Some(mut socket) = connect_unless_refused(server) {
                let _ = socket.write_all(&header);
                assert_eq!(read(&mut socket, &mut [0; 64]), 0);
            }
        }
        turnd.wait_for_line_after(0, &format!(" {told} is not in proxy-protocol-from"));
        let mut direct = Client::tcp(turnd.address_of("tcp"));
        assert_eq!(direct.binding().error(), None);
    }
}

/// The header comes before TLS (section 2), on the port of its own and on one that is named.
#[test]
fn tls_behind_a_header_is_served() {
    let authority = Authority::new();
    let (plain, secure) = (free_port(), free_port());
    let config = CONFIG.replace("listening-port=0", &format!("listening-port={plain}"));
    let turnd = Turnd::start_with_files(
        &format!(
            "{config}tls-listening-port={secure}\n{}tcp-proxy-port=0\nproxy-protocol-port={secure}\n\
             proxy-protocol-from=127.0.0.0/8\n",
            Tls::CONFIG
        ),
        &authority.issue().files(),
    );
    let (turnd, own) = {
        let all = turnd.listening().into_iter();
        let behind: Vec<SocketAddr> = all
            .filter(|it| it.is_behind_proxy)
            .map(|it| it.address)
            .collect();
        assert_eq!(behind.len(), 2, "{behind:?}");
        assert_eq!(behind[0].port(), secure);
        (turnd, behind[1])
    };
    let named = SocketAddr::new(own.ip(), secure);
    let config = Tls::trusting(authority.der()).config(None);
    for server in [own, named] {
        for header in [line("192.0.2.1:5"), binary("192.0.2.1:5", b"")] {
            let mut socket = connect(server);
            socket.write_all(&header).unwrap();
            let (stream, _) = shake_hands(socket, &config).unwrap();
            let mut client = Client::over(stream);
            assert_eq!(client.binding().mapped().to_string(), "192.0.2.1:5");
            let relayed = client.allocate().relayed();
            client.close();
            expect_freed(relayed);
        }
        // Plain too, and nothing without a header.
        let mut client = through(server, &line("192.0.2.1:5"));
        assert_eq!(client.binding().mapped().to_string(), "192.0.2.1:5");
        through(server, &crate::encrypted::hello()).expect_end();
    }
    let mut direct = Client::tcp(SocketAddr::new(own.ip(), plain));
    assert_eq!(direct.binding().mapped(), direct.local());
    drop(turnd);
}

/// A proxy may have two connections of one client's address, an old one that it has not given up yet and
/// a new one: the end of the one is not the end of the other's allocation.
#[test]
fn the_end_of_a_connection_leaves_another_of_the_same_address_alone() {
    let (turnd, server) = start("");
    let mut old = through(server, &line("192.0.2.1:5"));
    old.binding();
    let mut new = through(server, &line("192.0.2.1:5"));
    let peer = Peer::new();
    new.set_up(&peer);
    old.close();
    // Answered by the same worker, which has seen the end by then.
    let mut clock = Client::tcp(turnd.address_of("tcp"));
    for _ in 0..10 {
        clock.binding();
    }
    new.echo(&peer, b"still there");
}
