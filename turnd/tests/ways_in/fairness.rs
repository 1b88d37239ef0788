//! What many loud connections cost those who are not loud.

use std::net::UdpSocket;

use crate::{
    client::{CONFIG, Client, PATIENCE, binding_request},
    support::turnd::Turnd,
};

/// All that one wait of the server finds ready at most.
const LOUD: usize = 200;
/// Binding requests of each, in one read.
const REQUESTS: usize = 3000;

/// All clients over UDP share a buffer of the kernel, which must not overflow while connections are served
/// that have much to say: the worker hears them in between, and not after all that it found ready.
#[test]
fn a_client_over_udp_is_heard_between_connections_that_have_much_to_say() {
    let turnd = Turnd::start(CONFIG);
    let mut loud: Vec<_> = (0..LOUD)
        .map(|_| Client::tcp(turnd.address_of("tcp")))
        .collect();
    loud.iter_mut().for_each(|client| {
        client.binding();
    });
    let quiet = UdpSocket::bind("127.0.0.1:0").unwrap();
    quiet.set_read_timeout(Some(PATIENCE)).unwrap();

    turnd.signal("STOP");
    let requests = binding_request().1.repeat(REQUESTS);
    for client in &mut loud {
        client.stream.write_all(&requests).unwrap();
    }
    let (_, request) = binding_request();
    quiet.send_to(&request, turnd.udp_v4()).unwrap();
    turnd.signal("CONT");

    quiet.recv(&mut [0; 256]).expect("an answer");
    let unheard = |client: &&Client| {
        let socket = client.stream.socket();
        socket.set_nonblocking(true).unwrap();
        socket.peek(&mut [0; 1]).is_err()
    };
    let waiting = loud.iter().filter(unheard).count();
    assert!(
        waiting > LOUD / 2,
        "only {waiting} of {LOUD} connections waited longer than one datagram"
    );
}
