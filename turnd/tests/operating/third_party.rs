//! Tokens of an authorization server (RFC 7635) at a running turnd, and what its configuration says of them.

use std::time::{SystemTime, UNIX_EPOCH};

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use turnd_wire::{Integrity, Key, Method, Writer, attr};

use crate::{
    reload::must_reload,
    session::{Reply, Session},
    support::turnd::Turnd,
};

const BASE: &str = "listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\n";
const KEY: [u8; 32] = *b"HGkj32KJGiuy098sdfaqbNjOiaz71923";
const MAC_KEY: &[u8; 20] = b"ZksjpweoixXmvn67534m";

/// A token that was made just now for a server of this name.
fn token(server: &str) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let stamp = (now.as_secs() << 16).to_be_bytes();
    let lifetime = 700_u32.to_be_bytes();
    let block = [&[0, 20], &MAC_KEY[..], &stamp, &lifetime].concat();
    let payload = Payload {
        msg: &block,
        aad: server.as_bytes(),
    };
    let nonce = b"h4j3k2l2n4b5";
    let encrypted = Aes256Gcm::new((&KEY).into()).encrypt(nonce.into(), payload);
    [&[0, 12], &nonce[..], &encrypted.unwrap()].concat()
}

/// An Allocate with a token for a server of this name.
fn allocate(turnd: &Turnd, server: &str) -> Reply {
    let client = Session::new(turnd.udp_v4(), "", "");
    let ask = |writer: &mut Writer<'_>| writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    let challenge = client.exchange(Method::ALLOCATE, ask);
    assert_eq!(challenge.error(), Some(401));
    let nonce = challenge.message().attribute(attr::NONCE).unwrap();
    client.exchange(Method::ALLOCATE, |writer| {
        ask(writer);
        writer.number32(attr::LIFETIME, 3600);
        writer.text(attr::USERNAME, "north");
        writer.text(attr::REALM, "example.org");
        writer.bytes(attr::NONCE, nonce);
        writer.bytes(attr::ACCESS_TOKEN, &token(server));
        writer.integrity(Integrity::Sha1, &Key::from_bytes(MAC_KEY).unwrap());
    })
}

#[test]
fn a_token_is_good_for_this_server_as_long_as_its_key_is() {
    let line = format!("# of the north\nnorth:{}\n", STANDARD.encode(KEY));
    let with_key = format!("{BASE}oauth\nserver-name=turn.example.net\noauth-key-file=keys\n");
    let turnd = Turnd::start_with_files(&with_key, &[("keys", &line)]);
    let reply = allocate(&turnd, "turn.example.net");
    assert_eq!(reply.error(), None);
    assert!(
        reply
            .message()
            .verify(Integrity::Sha1, &Key::from_bytes(MAC_KEY).unwrap())
    );
    let lifetime = reply.message().number32(attr::LIFETIME).unwrap();
    assert!((600..=705).contains(&lifetime), "{lifetime}");
    assert_eq!(allocate(&turnd, "turn.example.com").error(), Some(401));

    // Without a name of its own the server is called as its realm is.
    must_reload(
        &turnd,
        &with_key.replace("server-name=turn.example.net\n", ""),
    );
    assert_eq!(allocate(&turnd, "turn.example.net").error(), Some(401));
    assert_eq!(allocate(&turnd, "example.org").error(), None);

    // Over since 1970, and of the wrong name.
    for other in [
        format!("north:{}:A256GCM:1\n", STANDARD.encode(KEY)),
        line.replace("north:", "south:"),
    ] {
        turnd.write_file("keys", &other);
        must_reload(&turnd, &with_key);
        assert_eq!(allocate(&turnd, "turn.example.net").error(), Some(401));
    }
    turnd.write_file("keys", &line);
    must_reload(&turnd, &with_key);
    assert_eq!(allocate(&turnd, "turn.example.net").error(), None);
    must_reload(&turnd, &format!("{BASE}user=alice:secret\n"));
    assert_eq!(allocate(&turnd, "turn.example.net").error(), Some(420));
}

#[test]
fn what_is_no_key_is_told_without_showing_it() {
    let good = STANDARD.encode(KEY);
    for (value, what) in [
        ("", "empty"),
        (":YWJj", "begins with no name of a key"),
        ("north", "has no key"),
        ("north:s3cret!", "has a key that is not base64"),
        ("north:YWJj", "has a key that is not of 32 bytes"),
        (
            &format!("north:{good}:A128GCM"),
            "has a key that is not of 16 bytes",
        ),
        (
            &format!("north:{good}:A512GCM"),
            "names an algorithm that is not known",
        ),
        (&format!("north:{good}:A256GCM:never"), "ends in no time"),
        (&format!("north:{good}:A256GCM:1:2"), "has too many parts"),
        (&format!("alice:{good}"), "is a user's name, too"),
    ] {
        let config = format!("{BASE}user=alice:secret\noauth\noauth-key={value}\n");
        let stopped = Turnd::fail_to_start(&config, &[]);
        let line = stopped.log.lines().find(|line| line.contains("oauth-key"));
        let line = line.unwrap_or_else(|| panic!("{value}: {}", stopped.log));
        assert!(
            line.contains("turnserver.conf:6") || line.contains("line 6"),
            "{line}"
        );
        assert!(value.is_empty() || line.contains(what), "{line}");
        assert!(!stopped.log.contains("s3cret") && !stopped.log.contains(&good));
    }
}
