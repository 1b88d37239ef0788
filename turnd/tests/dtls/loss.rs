//! A network that loses, repeats and mixes up datagrams, with a clock that the tests move.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use turnd::dtls::DtlsLimits;

use crate::support::{Client, Independent, Pki, Server, path};

const TICK: Duration = Duration::from_millis(500);

#[derive(Clone, Copy)]
enum To {
    Server,
    Client,
}

/// What the network does to datagram number so-and-so: how many copies arrive.
type Fate<'a> = &'a dyn Fn(usize) -> usize;

/// Handshakes over a network until both ends are done and a message has passed each way. Tells how many
/// datagrams that took, and how long.
fn until_both_speak(fate: Fate<'_>) -> (usize, Duration) {
    let mut server = Server::usual();
    let mut client = Independent::new();
    let mut network = VecDeque::new();
    let mut numbers = HashSet::new();
    let (mut sent, mut time) = (0, Duration::ZERO);
    for datagram in client.wait(Duration::ZERO) {
        network.push_back((To::Server, datagram));
    }
    loop {
        while let Some((to, datagram)) = network.pop_front() {
            // A HelloVerifyRequest has the number of its hello.
            if matches!(to, To::Client) && datagram[13] != 3 {
                let fresh = numbers_of(&datagram)
                    .iter()
                    .all(|&number| numbers.insert(number));
                assert!(fresh, "a number was used twice");
            }
            for _ in 0..fate(sent) {
                match to {
                    To::Server => network.extend(
                        server
                            .answers(path(1), &datagram)
                            .into_iter()
                            .map(|it| (To::Client, it)),
                    ),
                    To::Client => network.extend(
                        client
                            .receive(&datagram)
                            .into_iter()
                            .map(|it| (To::Server, it)),
                    ),
                }
            }
            sent += 1;
        }
        if client.connected && server.dtls.associations() > server.dtls.half_open() {
            break;
        }
        assert!(
            time < Duration::from_secs(20),
            "no handshake after {sent} datagrams"
        );
        time += TICK;
        network.extend(
            server
                .wait(TICK)
                .into_iter()
                .map(|(_, it)| (To::Client, it)),
        );
        network.extend(client.wait(TICK).into_iter().map(|it| (To::Server, it)));
    }
    let there = client.send(b"there");
    assert_eq!(server.messages(path(1), &there), [b"there"]);
    client.receive(&server.send(path(1), b"back").unwrap());
    assert_eq!(client.messages, [b"back"]);
    assert!(server.closed().is_empty());
    (sent, time)
}

/// The epoch and sequence number of each record, as one number.
fn numbers_of(mut datagram: &[u8]) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Some(header) = datagram.first_chunk::<13>() {
        numbers.push(u64::from_be_bytes(header[3..11].try_into().unwrap()));
        datagram = &datagram[13 + usize::from(u16::from_be_bytes([header[11], header[12]]))..];
    }
    numbers
}

#[test]
fn a_handshake_survives_the_loss_of_any_one_datagram() {
    let (count, time) = until_both_speak(&|_| 1);
    assert!(count >= 6, "three round trips");
    assert_eq!(time, Duration::ZERO);
    for lost in 0..count {
        let (_, time) = until_both_speak(&|number| usize::from(number != lost));
        assert!(
            Duration::ZERO < time && time <= Duration::from_secs(3),
            "{lost} {time:?}"
        );
    }
}

#[test]
fn a_handshake_survives_the_loss_of_any_two_datagrams() {
    let (count, _) = until_both_speak(&|_| 1);
    for first in 0..count {
        for second in first + 1..count + 2 {
            until_both_speak(&|number| usize::from(number != first && number != second));
        }
    }
}

#[test]
fn a_handshake_survives_repeated_datagrams() {
    let (_, time) = until_both_speak(&|_| 3);
    assert_eq!(time, Duration::ZERO);
}

#[test]
fn each_lost_part_of_a_long_flight_is_sent_again() {
    let begin = || {
        let mut server = Server::new(&Pki::rsa().credentials(), DtlsLimits::default());
        let mut client = Client::new(Pki::rsa());
        let hello = client.hello_with_cookie(&mut server, path(1));
        let flight = server.answers(path(1), &hello);
        (server, client, flight)
    };
    let parts = begin().2.len();
    assert!(parts > 1);
    for lost in 0..parts {
        let (mut server, mut client, mut flight) = begin();
        flight.remove(lost);
        assert!(client.receive(&flight).is_empty());
        let again: Vec<_> = server
            .wait(Duration::from_secs(1))
            .into_iter()
            .map(|it| it.1)
            .collect();
        assert_eq!(again.len(), parts);
        for datagram in client.receive(&again) {
            let answers = server.answers(path(1), &datagram);
            client.receive(&answers);
        }
        assert!(client.connected, "{lost} {:?}", client.error);
        client.talk(&mut server, path(1));
    }
}

#[test]
fn a_long_flight_may_arrive_in_any_order() {
    let mut server = Server::new(&Pki::rsa().credentials(), DtlsLimits::default());
    let mut client = Client::new(Pki::rsa());
    let hello = client.hello_with_cookie(&mut server, path(1));
    let mut flight = server.answers(path(1), &hello);
    flight.reverse();
    let mut last = client.receive(&flight);
    last.reverse();
    for datagram in last {
        let answers = server.answers(path(1), &datagram);
        client.receive(&answers);
    }
    assert!(client.connected, "{:?}", client.error);
    client.talk(&mut server, path(1));
}

#[test]
fn a_flight_is_sent_again_after_one_three_and_seven_seconds_and_given_up_after_ten() {
    let mut server = Server::usual();
    let mut client = Client::new(Pki::ecdsa());
    let hello = client.hello_with_cookie(&mut server, path(1));
    let flight = server.answers(path(1), &hello);
    let mut sent_at = Vec::new();
    for second in 1..=20 {
        let sent = server.wait(Duration::from_secs(1));
        if !sent.is_empty() {
            assert_eq!(sent.len(), flight.len());
            sent_at.push(second);
        }
        assert_eq!(server.dtls.associations(), usize::from(second < 10));
    }
    assert_eq!(sent_at, [1, 3, 7]);
    assert!(server.closed().is_empty());
}
