//! Whoever begins a message, or a TLS record, and leaves it at that. What a worker keeps for such connections is limited,
//! and nobody else pays for it.

use std::{io::Write, net::SocketAddr, net::TcpStream};

use crate::{
    client::{Client, binding_request, connect, eventually, read},
    encrypted::{Tls, both_ports, start, tls},
    pki::Authority,
};

/// A connection that is a client's like any other, and then begins a message of which so many bytes come.
fn hoard(server: SocketAddr, bytes: usize) -> TcpStream {
    let mut socket = connect(server);
    socket.write_all(&binding_request().1).unwrap();
    assert!(read(&mut socket, &mut [0; 256]) > 0);
    let mut beginning = binding_request().1;
    // More than comes.
    beginning[2..4].copy_from_slice(&0xFF00_u16.to_be_bytes());
    beginning.resize(bytes, 0);
    // The connection may be closed before all of it is written.
    let _ = socket.write_all(&beginning);
    socket
}

fn has_ended(socket: &TcpStream) -> bool {
    socket.set_nonblocking(true).unwrap();
    match socket.peek(&mut [0; 16]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}

/// A worker keeps 8 MiB. Whoever holds all of it shut out every client whose hello was to be read, and every
/// message in two segments.
#[test]
fn beginnings_that_fill_what_a_worker_keeps_shut_nobody_out() {
    let authority = Authority::new();
    let turnd = start(&authority, "");
    let [server, _] = both_ports(&turnd);
    let mut hoards: Vec<TcpStream> = (0..139).map(|_| hoard(server, 60_000)).collect();
    hoards.extend((0..200).map(|_| hoard(server, 500)));
    eventually("it is more than is kept", || hoards.iter().any(has_ended));

    let config = Tls::trusting(authority.der()).config(None);
    for _ in 0..5 {
        assert_eq!(tls(server, &config).0.binding().error(), None);
        let mut client = Client::tcp(server);
        let (id, request) = binding_request();
        client.send(&request[..7]);
        client.send(&request[7..]);
        assert_eq!(client.reply_to(id).error(), None);
    }
    // Those that have held most for longest had to go, and no others.
    assert!(has_ended(&hoards[0]));
    assert!(!has_ended(hoards.last().unwrap()));
}
