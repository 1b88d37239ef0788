//! What is agreed on, and with whom.

use openssl::{
    ssl::{SslContextBuilder, SslVersion},
    x509::X509,
};
use turnd::dtls::{Credentials, DtlsLimits};

use crate::support::{Client, Independent, Pki, Server, path};

/// A handshake of a client with these settings: whether both ends have finished it.
fn succeeds(server: &mut Server, pki: &Pki, set: impl FnOnce(&mut SslContextBuilder)) -> Client {
    let mut client = Client::with(pki, set);
    client.shake_hands(server, path(1));
    let established = server.dtls.associations() - server.dtls.half_open();
    assert_eq!(client.connected, established == 1, "{:?}", client.error);
    client
}

fn refused(server: &mut Server, pki: &Pki, alert: &str, set: impl FnOnce(&mut SslContextBuilder)) {
    let client = succeeds(server, pki, set);
    assert!(!client.connected);
    let error = client.error.expect("the server says why");
    assert!(error.contains(alert), "{error}");
    assert_eq!(server.dtls.associations(), 0);
    assert!(server.closed().is_empty(), "nothing was established");
}

#[test]
fn a_client_that_knows_only_the_root_finds_its_way_to_the_certificate() {
    for (pki, cipher) in [(Pki::ecdsa(), "ECDHE-ECDSA-"), (Pki::rsa(), "ECDHE-RSA-")] {
        let mut server = Server::new(&pki.credentials(), DtlsLimits::default());
        let mut client = succeeds(&mut server, pki, |_| {});
        assert!(client.connected, "{:?}", client.error);
        assert_eq!(client.ssl().version_str(), "DTLSv1.2");
        let chosen = client.ssl().current_cipher().unwrap();
        assert!(chosen.name().starts_with(cipher), "{}", chosen.name());
        assert!(
            chosen.description().contains("Mac=AEAD"),
            "{}",
            chosen.description()
        );
        client.talk(&mut server, path(1));
    }
}

#[test]
fn a_client_that_trusts_another_root_leaves() {
    let mut server = Server::usual();
    let mut client = Client::new(Pki::other_ecdsa());
    client.shake_hands(&mut server, path(1));
    assert!(client.error.unwrap().contains("certificate verify failed"));
    assert_eq!(
        server.dtls.associations(),
        0,
        "its alert has ended the handshake"
    );
}

#[test]
fn a_client_that_shares_no_code_with_the_server_is_served() {
    let mut server = Server::usual();
    let mut client = Independent::new();
    let mut to_server = client.wait(std::time::Duration::ZERO);
    while !to_server.is_empty() {
        let mut to_client = Vec::new();
        for datagram in &to_server {
            to_client.extend(server.answers(path(1), datagram));
        }
        to_server = to_client
            .iter()
            .flat_map(|datagram| client.receive(datagram))
            .collect();
    }
    assert!(client.connected);
    assert_eq!(client.certificate, Pki::ecdsa().leaf.to_der().unwrap());

    let there = client.send(b"to the server");
    assert_eq!(server.messages(path(1), &there), [b"to the server"]);
    let back = server.send(path(1), b"to the client").unwrap();
    client.receive(&back);
    assert_eq!(client.messages, [b"to the client"]);

    let answers = server.answers(path(1), &client.close());
    assert_eq!(server.closed(), [path(1)]);
    for answer in answers {
        client.receive(&answer);
    }
    assert!(client.closed);
}

#[test]
fn only_dtls_1_2_is_spoken() {
    refused(
        &mut Server::usual(),
        Pki::ecdsa(),
        "protocol version",
        |client| {
            client.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
            client
                .set_min_proto_version(Some(SslVersion::DTLS1))
                .unwrap();
            client
                .set_max_proto_version(Some(SslVersion::DTLS1))
                .unwrap();
        },
    );
}

#[test]
fn suites_without_forward_secrecy_or_authenticated_encryption_are_refused() {
    let weak = [
        "AES128-GCM-SHA256",
        "AES128-SHA",
        "ECDHE-RSA-AES128-SHA",
        "ECDHE-RSA-AES256-SHA384",
        "DHE-RSA-AES128-GCM-SHA256",
        "AECDH-AES128-SHA",
        "ECDHE-RSA-NULL-SHA",
        "PSK-AES128-GCM-SHA256",
    ];
    for suite in weak {
        let mut server = Server::new(&Pki::rsa().credentials(), DtlsLimits::default());
        refused(&mut server, Pki::rsa(), "handshake failure", |client| {
            client
                .set_cipher_list(&format!("{suite}:@SECLEVEL=0"))
                .unwrap();
            client.set_psk_client_callback(|_, _, identity, key| {
                identity[..2].copy_from_slice(b"i\0");
                key[0] = 1;
                Ok(1)
            });
        });
    }
}

#[test]
fn an_operator_may_choose_the_suites_but_only_authenticated_ones() {
    let credentials = Credentials {
        ciphers: Some("ALL:@SECLEVEL=0"),
        ..Pki::rsa().credentials()
    };
    let mut server = Server::new(&credentials, DtlsLimits::default());
    let client = succeeds(&mut server, Pki::rsa(), |client| {
        client.set_cipher_list("AES128-GCM-SHA256").unwrap();
    });
    assert_eq!(
        client.ssl().current_cipher().unwrap().name(),
        "AES128-GCM-SHA256"
    );

    for suite in [
        "AECDH-AES128-SHA",
        "AES128-SHA",
        "ECDHE-RSA-AES256-SHA384",
        "NULL-SHA256",
    ] {
        let mut server = Server::new(&credentials, DtlsLimits::default());
        refused(&mut server, Pki::rsa(), "handshake failure", |client| {
            client
                .set_cipher_list(&format!("{suite}:@SECLEVEL=0"))
                .unwrap();
        });
    }
}

#[test]
fn the_protocols_of_rfc_7443_are_accepted_and_others_are_not() {
    for (offered, chosen) in [
        (&b"\x09stun.turn"[..], &b"stun.turn"[..]),
        (b"\x12stun.nat-discovery", b"stun.nat-discovery"),
        (b"\x12stun.nat-discovery\x09stun.turn", b"stun.turn"),
        (b"\x06webrtc\x09stun.turn", b"stun.turn"),
    ] {
        let client = succeeds(&mut Server::usual(), Pki::ecdsa(), |client| {
            client.set_alpn_protos(offered).unwrap();
        });
        assert!(client.connected);
        assert_eq!(client.ssl().selected_alpn_protocol(), Some(chosen));
    }
    refused(
        &mut Server::usual(),
        Pki::ecdsa(),
        "no application protocol",
        |client| {
            client.set_alpn_protos(b"\x06webrtc\x02h2").unwrap();
        },
    );
}

#[test]
fn with_an_authority_for_clients_only_its_clients_come_in() {
    let authority = Pki::ecdsa().root_pem();
    let credentials = Credentials {
        client_ca: Some(&authority),
        ..Pki::ecdsa().credentials()
    };
    let with = |pki: &'static Pki| {
        move |client: &mut SslContextBuilder| {
            let mut chain = X509::stack_from_pem(&pki.chain).unwrap().into_iter();
            client.set_certificate(&chain.next().unwrap()).unwrap();
            client.add_extra_chain_cert(chain.next().unwrap()).unwrap();
            client.set_private_key(&pki.key).unwrap();
        }
    };
    let mut server = Server::new(&credentials, DtlsLimits::default());
    let mut client = succeeds(&mut server, Pki::ecdsa(), with(Pki::ecdsa()));
    assert!(client.connected, "{:?}", client.error);
    client.talk(&mut server, path(1));

    let mut server = Server::new(&credentials, DtlsLimits::default());
    refused(&mut server, Pki::ecdsa(), "alert handshake failure", |_| {});
    refused(&mut server, Pki::ecdsa(), "alert", with(Pki::other_ecdsa()));
}

#[test]
fn no_datagram_of_a_handshake_is_longer_than_the_smallest_mtu() {
    let mut server = Server::new(&Pki::rsa().credentials(), DtlsLimits::default());
    let mut client = Client::new(Pki::rsa());
    let hello = client.hello_with_cookie(&mut server, path(1));
    let flight = server.answers(path(1), &hello);
    assert!(
        flight.len() > 1,
        "a chain of RSA certificates is longer than one datagram"
    );
    assert!(
        flight
            .iter()
            .all(|datagram| datagram.len() <= 1280 - 40 - 8)
    );
}

#[test]
fn several_messages_may_share_a_datagram() {
    let mut server = Server::usual();
    let mut client = Client::connected(&mut server, path(1));
    let datagram: Vec<u8> = [&b"one"[..], b"two", b"three"]
        .iter()
        .flat_map(|message| client.send(message))
        .collect();
    assert_eq!(
        server.messages(path(1), &datagram),
        [&b"one"[..], b"two", b"three"]
    );
    client.talk(&mut server, path(1));
}

#[test]
fn the_longest_message_passes_and_a_longer_one_is_not_sent() {
    let mut server = Server::usual();
    let mut client = Client::connected(&mut server, path(1));
    let longest = vec![0x5A; turnd::dtls::MAX_MESSAGE];
    let datagram = client.send(&longest);
    assert_eq!(server.messages(path(1), &datagram), [longest.as_slice()]);
    let datagram = server.send(path(1), &longest).unwrap();
    client.receive(&[datagram]);
    assert_eq!(client.messages.pop().unwrap(), longest);
    assert!(server.send(path(1), &vec![0; longest.len() + 1]).is_none());
    client.talk(&mut server, path(1));
}
