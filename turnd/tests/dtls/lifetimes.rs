//! How associations end, and what does not end them.

use std::time::Duration;

use turnd::dtls::{Credentials, DtlsLimits};

use crate::support::{Client, Pki, Server, path};

const IDLE: Duration = Duration::from_secs(60);

#[test]
fn a_client_that_closes_is_answered_and_reported_once() {
    let mut server = Server::usual();
    let mut client = Client::connected(&mut server, path(1));
    let last_words = [client.send(b"bye"), client.close()].concat();
    let (answers, messages) = server.receive(path(1), &last_words);
    assert_eq!(messages, [b"bye"], "what was said before the end is heard");
    client.receive(&answers);
    assert!(client.closed);
    assert_eq!(server.closed(), [path(1)]);
    assert_eq!(server.dtls.associations(), 0);
    assert_eq!(server.dtls.next_timeout(), None);
    assert!(server.answers(path(1), &last_words).is_empty());
    assert!(server.send(path(1), b"too late").is_none());
}

#[test]
fn the_server_closes_with_a_close_notify() {
    let mut server = Server::usual();
    let mut client = Client::connected(&mut server, path(1));
    let mut sent = Vec::new();
    server
        .dtls
        .close(path(1), |datagram| sent.push(datagram.to_vec()));
    client.receive(&sent);
    assert!(client.closed);
    assert_eq!(server.dtls.associations(), 0);
    assert!(server.closed().is_empty(), "the caller knows");
}

#[test]
fn an_association_without_a_message_for_the_idle_time_is_closed() {
    let mut server = Server::usual();
    let mut client = Client::connected(&mut server, path(1));
    assert!(server.wait(IDLE - Duration::from_millis(1)).is_empty());
    client.talk(&mut server, path(1));
    assert!(
        server.wait(IDLE - Duration::from_millis(1)).is_empty(),
        "a message has kept it"
    );
    let sent = server.wait(Duration::from_millis(1));
    let [(to, close_notify)] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    assert_eq!(*to, path(1));
    client.receive(std::slice::from_ref(close_notify));
    assert!(client.closed);
    assert_eq!(server.closed(), [path(1)]);
    assert_eq!(server.dtls.next_timeout(), None);
}

#[test]
fn an_association_in_use_is_kept_and_asked_for_no_oftener_than_the_idle_time() {
    let mut server = Server::usual();
    let mut used = Client::connected(&mut server, path(1));
    Client::connected(&mut server, path(2));
    let mut asked = Vec::new();
    for _ in 0..240 {
        server.wait_while(Duration::from_secs(1), |of| {
            asked.push(of);
            of == path(1)
        });
    }
    asked.sort_unstable();
    assert_eq!(asked, [path(1), path(1), path(1), path(1), path(2)]);
    assert_eq!(server.closed(), [path(2)]);
    used.talk(&mut server, path(1));
}

#[test]
fn a_new_association_takes_the_place_of_the_old_one_only_when_it_is_made() {
    let mut server = Server::usual();
    let mut old = Client::connected(&mut server, path(1));

    let mut new = Client::new(Pki::ecdsa());
    let hello = new.hello_with_cookie(&mut server, path(1));
    old.talk(&mut server, path(1));
    let flight = server.answers(path(1), &hello);
    assert_eq!(
        (server.dtls.associations(), server.dtls.half_open()),
        (2, 1)
    );
    old.talk(&mut server, path(1));
    assert!(server.closed().is_empty());

    for datagram in new.receive(&flight) {
        let answers = server.answers(path(1), &datagram);
        new.receive(&answers);
    }
    assert_eq!(server.closed(), [path(1)]);
    assert_eq!(
        (server.dtls.associations(), server.dtls.half_open()),
        (1, 0)
    );
    new.talk(&mut server, path(1));
    assert!(
        server
            .messages(path(1), &old.send(b"from before"))
            .is_empty()
    );
    new.talk(&mut server, path(1));
}

#[test]
fn the_first_message_may_come_with_the_end_of_the_handshake() {
    let mut server = Server::usual();
    Client::connected(&mut server, path(1));
    let mut new = Client::new(Pki::ecdsa());
    let hello = new.hello_with_cookie(&mut server, path(1));
    let flight = server.answers(path(1), &hello);
    let last = new.receive(&flight).concat();
    // The client may not speak before the server has finished: it finishes at a twin of the server's datagram.
    let (answers, _) = server.receive(path(1), &last);
    new.receive(&answers);
    let message = new.send(b"at once");
    assert_eq!(server.closed(), [path(1)]);
    assert_eq!(server.messages(path(1), &message), [b"at once"]);
}

#[test]
fn a_handshake_that_nobody_goes_on_with_leaves_the_old_association_alone() {
    let mut server = Server::usual();
    let mut old = Client::connected(&mut server, path(1));
    let hello = Client::new(Pki::ecdsa()).hello_with_cookie(&mut server, path(1));
    server.answers(path(1), &hello);
    for _ in 0..10 {
        server.wait(Duration::from_secs(1));
        old.talk(&mut server, path(1));
    }
    assert_eq!(
        (server.dtls.associations(), server.dtls.half_open()),
        (1, 0)
    );
    assert!(server.closed().is_empty());
}

#[test]
fn a_handshake_that_fails_leaves_the_old_association_alone() {
    let mut server = Server::usual();
    let mut old = Client::connected(&mut server, path(1));
    let mut distrustful = Client::new(Pki::other_ecdsa());
    distrustful.shake_hands(&mut server, path(1));
    assert!(distrustful.error.is_some());
    assert_eq!(
        (server.dtls.associations(), server.dtls.half_open()),
        (1, 0)
    );
    assert!(server.closed().is_empty());
    old.talk(&mut server, path(1));
}

#[test]
fn hellos_in_somebody_elses_name_touch_nothing() {
    let mut server = Server::usual();
    let mut client = Client::connected(&mut server, path(1));
    let mut timeout = server.dtls.next_timeout();
    for round in 0..1000 {
        let forged = Client::new(Pki::ecdsa()).hello();
        assert_eq!(server.answers(path(1), &forged)[0].len(), 48);
        assert_eq!(server.dtls.associations(), 1);
        assert_eq!(server.dtls.next_timeout(), timeout);
        if round % 100 == 0 {
            client.talk(&mut server, path(1));
            timeout = server.dtls.next_timeout();
        }
    }
}

#[test]
fn a_message_can_neither_be_replayed_nor_forged() {
    let mut server = Server::usual();
    let mut client = Client::connected(&mut server, path(1));
    let message = client.send(b"once");
    assert_eq!(server.messages(path(1), &message), [b"once"]);
    assert!(server.messages(path(1), &message).is_empty());
    let message = client.send(b"genuine");
    for bit in 0..message.len() * 8 {
        let mut forged = message.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        let nothing = (Vec::new(), Vec::new());
        assert_eq!(server.receive(path(1), &forged), nothing, "{bit}");
    }
    assert_eq!(server.messages(path(1), &message), [b"genuine"]);
    assert!(server.closed().is_empty());
}

#[test]
fn a_short_idle_time_is_a_limit_of_the_operator() {
    let limits = DtlsLimits {
        idle: Duration::ZERO,
        ..DtlsLimits::default()
    };
    let mut server = Server::new(&Pki::ecdsa().credentials(), limits);
    Client::connected(&mut server, path(1));
    server.wait_while(Duration::from_secs(1), |_| true);
    assert_eq!(server.dtls.associations(), 1);
}

#[test]
fn no_record_of_any_kind_and_length_ends_an_association_without_its_keys() {
    let suites = [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES128-CCM",
        "ECDHE-ECDSA-AES128-CCM8",
    ];
    for suite in suites {
        let ciphers = format!("{suite}:@SECLEVEL=0");
        let credentials = Credentials {
            ciphers: Some(&ciphers),
            ..Pki::ecdsa().credentials()
        };
        let mut server = Server::new(&credentials, DtlsLimits::default());
        let mut client = Client::with(Pki::ecdsa(), |client| {
            client.set_cipher_list(&ciphers).unwrap();
        });
        client.shake_hands(&mut server, path(1));
        assert!(client.connected, "{suite} {:?}", client.error);
        client.talk(&mut server, path(1));
        for kind in [20, 21, 22, 23, 24, 0, 255] {
            for epoch in [0, 1, 2] {
                for length in (0..=96).chain([16_384, 16_640, 18_432, 18_433]) {
                    let mut forged = vec![kind, 0xFE, 0xFD, 0, epoch, 0, 0, 0, 0, 1, 0];
                    forged.extend((length as u16).to_be_bytes());
                    forged.resize(forged.len() + length, 2);
                    let nothing = (Vec::new(), Vec::new());
                    let received = server.receive(path(1), &forged);
                    assert_eq!(received, nothing, "{suite} {kind} {epoch} {length}");
                }
            }
        }
        assert!(server.closed().is_empty());
        // The shortest that is genuine.
        let shortest = client.send(b"x");
        assert_eq!(server.messages(path(1), &shortest), [b"x"]);
        client.talk(&mut server, path(1));
    }
}
