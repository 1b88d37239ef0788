//! What many loud connections cost those who are not loud.

use std::{io::Read, net::UdpSocket};

use crate::{
    client::{CONFIG, Client, PATIENCE, binding_request},
    support::turnd::Turnd,
};

/// How often it is looked.
const TRIES: usize = 5;
/// All that one wait of the server finds ready at most.
const LOUD: usize = 200;
/// Binding requests of each, in one read.
const REQUESTS: usize = 3000;

/// Clients that have no allocation.
fn loud(turnd: &Turnd) -> Vec<Client> {
    let mut loud: Vec<_> = (0..LOUD)
        .map(|_| Client::tcp(turnd.address_of("tcp")))
        .collect();
    loud.iter_mut().for_each(|client| {
        client.binding();
    });
    loud
}

fn ask_much(loud: &mut [Client]) {
    let requests = binding_request().1.repeat(REQUESTS);
    for client in loud {
        client.stream.write_all(&requests).unwrap();
    }
}

/// All clients over UDP share a buffer of the kernel, which must not overflow while connections are served
/// that have much to say: the worker hears them in between, and not after all that it found ready.
#[test]
fn a_client_over_udp_is_heard_between_connections_that_have_much_to_say() {
    // Whoever looks may be late, on a busy machine. A server that hears UDP last is never late to that.
    let waiting: Vec<usize> = (0..TRIES).map(|_| unheard_when_udp_was_heard()).collect();
    assert!(
        waiting.iter().any(|waiting| *waiting > LOUD / 2),
        "only {waiting:?} of {LOUD} connections waited longer than one datagram"
    );
}

/// How many connections wait for their first answer when a client over UDP has its own.
fn unheard_when_udp_was_heard() -> usize {
    let turnd = Turnd::start(CONFIG);
    let mut loud = loud(&turnd);
    let quiet = UdpSocket::bind("127.0.0.1:0").unwrap();
    quiet.set_read_timeout(Some(PATIENCE)).unwrap();

    turnd.signal("STOP");
    ask_much(&mut loud);
    let (_, request) = binding_request();
    quiet.send_to(&request, turnd.udp_v4()).unwrap();
    turnd.signal("CONT");

    quiet.recv(&mut [0; 256]).expect("an answer");
    let unheard = |client: &&Client| {
        let socket = client.stream.socket();
        socket.set_nonblocking(true).unwrap();
        socket.peek(&mut [0; 1]).is_err()
    };
    loud.iter().filter(unheard).count()
}

/// Strangers take turns: whoever has one request waits for a few of each of the others', and not for all.
#[test]
fn a_client_with_one_request_does_not_wait_for_all_requests_of_others() {
    let turnd = Turnd::start(CONFIG);
    let mut loud = loud(&turnd);
    let mut quiet = Client::tcp(turnd.address_of("tcp"));
    let length = quiet.binding().0.len();

    turnd.signal("STOP");
    ask_much(&mut loud);
    let (id, request) = binding_request();
    quiet.send(&request);
    turnd.signal("CONT");

    assert_eq!(quiet.reply_to(id).error(), None);
    let unanswered = |client: &&mut Client| {
        let mut socket = client.stream.socket();
        socket.set_nonblocking(true).unwrap();
        let mut answers = Vec::new();
        assert!(socket.read_to_end(&mut answers).is_err(), "no end");
        answers.len() < length * REQUESTS / 10
    };
    let waiting = loud.iter_mut().filter(unanswered).count();
    assert!(
        waiting > LOUD / 2,
        "only {waiting} of {LOUD} connections waited longer than one request"
    );
}
