//! The cookie exchange: what strangers can cause, which is next to nothing.

use std::{net::SocketAddr, time::Duration};

use allocation_counter::measure;
use turnd::dtls::{MAX_MESSAGE, Path, Received};

use crate::support::{Client, Pki, Server, path};

/// Where in a hello of OpenSSL's client, which names no session, the cookie stands.
const COOKIE: std::ops::Range<usize> = 61..81;

fn is_hello_verify_request(answers: &[Vec<u8>]) -> bool {
    matches!(answers, [answer] if answer.len() == 48 && answer[0] == 22 && answer[13] == 3)
}

#[test]
fn any_number_of_first_hellos_leaves_nothing_behind() {
    let mut server = Server::usual();
    let hello = Client::new(Pki::ecdsa()).hello();
    let mut plain = vec![0; MAX_MESSAGE];
    let mut answers = 0;
    let heap = measure(|| {
        for host in 0..100_000 {
            let send = |answer: &[u8]| {
                assert!(answer.len() < hello.len());
                answers += 1;
            };
            let received = server
                .dtls
                .receive(server.now, path(host), 0, &hello, &mut plain, send);
            assert_eq!(received, Received::Nothing);
        }
    });
    assert_eq!(answers, 100_000);
    assert_eq!(heap.count_total, 0, "not even for a moment");
    assert_eq!(server.dtls.associations(), 0);
    assert_eq!(server.dtls.next_timeout(), None);
}

#[test]
fn the_answer_copies_the_numbers_of_the_hello_and_says_dtls_1_0() {
    let mut server = Server::usual();
    let mut hello = Client::new(Pki::ecdsa()).hello();
    hello[10] = 9;
    hello[18] = 1;
    let answer = server.answers(path(1), &hello).remove(0);
    assert_eq!(
        answer[..13],
        [22, 0xFE, 0xFF, 0, 0, 0, 0, 0, 0, 0, 9, 0, 35]
    );
    assert_eq!(answer[13..25], [3, 0, 0, 23, 0, 1, 0, 0, 0, 0, 0, 23]);
    assert_eq!(answer[25..28], [0xFE, 0xFF, 20]);
}

#[test]
fn even_the_shortest_hello_is_longer_than_its_answer() {
    let mut hello = vec![22, 0xFE, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 54];
    hello.extend([1, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, 42, 0xFE, 0xFD]);
    hello.extend([0x5A; 32]);
    hello.extend([0, 0, 0, 2, 0xC0, 0x2B, 1, 0]);
    assert_eq!(hello.len(), 67);
    assert!(is_hello_verify_request(
        &Server::usual().answers(path(1), &hello)
    ));
}

#[test]
fn a_cookie_is_good_for_its_address_alone() {
    let mut server = Server::usual();
    let hello = Client::new(Pki::ecdsa()).hello_with_cookie(&mut server, path(1));
    let Path {
        client,
        server: address,
    } = path(1);
    for other in [
        path(2),
        Path {
            client: SocketAddr::new(client.ip(), client.port() + 1),
            ..path(1)
        },
        Path {
            server: SocketAddr::new(address.ip(), address.port() + 1),
            ..path(1)
        },
        Path {
            client: "[2001:db8::1]:50000".parse().unwrap(),
            ..path(1)
        },
    ] {
        assert!(
            is_hello_verify_request(&server.answers(other, &hello)),
            "{other:?}"
        );
    }
    assert_eq!(server.dtls.associations(), 0);
    let flight = server.answers(path(1), &hello);
    assert!(
        !flight.is_empty() && !is_hello_verify_request(&flight),
        "for that it is good"
    );
    assert_eq!(server.dtls.half_open(), 1);
}

#[test]
fn a_cookie_with_any_other_bit_gets_a_new_one() {
    let mut server = Server::usual();
    let hello = Client::new(Pki::ecdsa()).hello_with_cookie(&mut server, path(1));
    // Its length stands before it.
    assert_eq!(hello[COOKIE.start - 1], 20);
    for bit in 0..COOKIE.len() * 8 {
        let mut other = hello.clone();
        other[COOKIE.start + bit / 8] ^= 1 << (bit % 8);
        assert!(
            is_hello_verify_request(&server.answers(path(1), &other)),
            "{bit}"
        );
    }
    // The client's random, and the first cipher suite.
    for place in [27, 58, COOKIE.end + 2] {
        let mut other = hello.clone();
        other[place] ^= 1;
        assert!(
            is_hello_verify_request(&server.answers(path(1), &other)),
            "{place}"
        );
    }
    assert_eq!(server.dtls.associations(), 0);
}

#[test]
fn a_cookie_of_another_process_gets_a_new_one() {
    let mut server = Server::usual();
    let hello = Client::new(Pki::ecdsa()).hello_with_cookie(&mut server, path(1));
    assert!(is_hello_verify_request(
        &Server::usual().answers(path(1), &hello)
    ));
}

#[test]
fn a_cookie_lives_for_a_minute_and_the_handshake_goes_on_with_the_next() {
    let mut server = Server::usual();
    let mut client = Client::new(Pki::ecdsa());
    let hello = client.hello_with_cookie(&mut server, path(1));
    server.wait(Duration::from_secs(61));
    let again = server.answers(path(1), &hello);
    assert!(is_hello_verify_request(&again));

    let third = client.receive(&again).remove(0);
    server.wait(Duration::from_secs(60));
    let flight = server.answers(path(1), &third);
    assert!(!flight.is_empty() && !is_hello_verify_request(&flight));
    let last = client.receive(&flight);
    for datagram in last {
        let answers = server.answers(path(1), &datagram);
        client.receive(&answers);
    }
    assert!(client.connected, "{:?}", client.error);
    client.talk(&mut server, path(1));
}

#[test]
fn the_first_record_after_the_exchange_has_the_number_of_the_hello() {
    let mut server = Server::usual();
    let mut client = Client::new(Pki::ecdsa());
    let mut hello = client.hello_with_cookie(&mut server, path(1));
    // As if the client had repeated itself forty times.
    hello[10] = 41;
    let flight = server.answers(path(1), &hello);
    assert_eq!(flight[0][5..11], [0, 0, 0, 0, 0, 41]);
    for datagram in client.receive(&flight) {
        // The client's own records have gone on from number 1, and OpenSSL takes them beside number 41.
        let answers = server.answers(path(1), &datagram);
        client.receive(&answers);
    }
    assert!(client.connected, "{:?}", client.error);
    client.talk(&mut server, path(1));
}

#[test]
fn a_copy_of_the_hello_begins_no_second_association() {
    let mut server = Server::usual();
    let mut client = Client::new(Pki::ecdsa());
    let hello = client.hello_with_cookie(&mut server, path(1));
    let flight = server.answers(path(1), &hello);
    assert!(server.answers(path(1), &hello).is_empty());
    assert_eq!(server.dtls.associations(), 1);
    for datagram in client.receive(&flight) {
        let answers = server.answers(path(1), &datagram);
        client.receive(&answers);
    }
    assert!(client.connected);
    assert!(
        server.answers(path(1), &hello).is_empty(),
        "also when the handshake is over"
    );
    assert_eq!(
        (server.dtls.associations(), server.dtls.half_open()),
        (1, 0)
    );
    client.talk(&mut server, path(1));
}

#[test]
fn a_hello_in_fragments_and_whatever_is_no_hello_is_dropped() {
    let mut server = Server::usual();
    let hello = Client::new(Pki::ecdsa()).hello();
    let (first, rest) = hello[25..].split_at(40);
    for (offset, fragment) in [(0_u16, first), (40, rest)] {
        let mut datagram = hello[..25].to_vec();
        datagram[11..13].copy_from_slice(&(12 + fragment.len() as u16).to_be_bytes());
        datagram[20..22].copy_from_slice(&offset.to_be_bytes());
        datagram[23..25].copy_from_slice(&(fragment.len() as u16).to_be_bytes());
        datagram.extend_from_slice(fragment);
        assert!(server.answers(path(1), &datagram).is_empty());
    }
    for kind in (0..=255).filter(|&kind| kind != 22) {
        let mut datagram = hello.clone();
        datagram[0] = kind;
        assert!(server.answers(path(1), &datagram).is_empty(), "{kind}");
    }
    for length in 0..hello.len() {
        assert!(
            server.answers(path(1), &hello[..length]).is_empty(),
            "{length}"
        );
    }
    let mut established = Server::usual();
    let mut client = Client::connected(&mut established, path(1));
    assert!(
        server
            .answers(path(1), &client.send(b"a stranger's"))
            .is_empty()
    );
    assert_eq!(server.dtls.associations(), 0);
}
