//! RFC 8489 sections 9.2 and 14: long-term credentials.
//! Checks run in an order: a request that breaks two rules at once hears of the earlier one.

use turnd_wire::{
    Algorithm, Integrity, Key, Method, attr, integrity::user_hash, message::HEADER_LENGTH,
};

use crate::{
    client::{CHANNEL, Client, hex, next_id, with_peer},
    messages::{OK, Reply, Request},
    row::{ALL, DATAGRAMS, Row, decided, must},
    subject::Path,
};

const STORIES: &str = "crates/proto/tests/stories/authentication.rs";

pub(crate) const ROWS: &[Row] = &[
    must(
        "T8489-9.2-1",
        "NONCE begins with the cookie and says what the server can do",
    )
    .over(ALL, nonce_cookie),
    must(
        "T8489-9.2.4-1",
        "no signature: 401 with REALM and NONCE, itself unsigned",
    )
    .over(ALL, challenge),
    must("T8489-9.2.4-2", "another port gets another NONCE").over(DATAGRAMS, nonce_of_its_own),
    must(
        "T8489-9.2.4-3",
        "a signature without name, REALM or NONCE: 400",
    )
    .over(ALL, incomplete),
    must(
        "T8489-9.2.4-4",
        "neither algorithm attribute: MD5, answered with MESSAGE-INTEGRITY",
    )
    .over(ALL, as_before),
    must("T8489-9.2.4-5", "one of the two algorithm attributes: 400").over(ALL, one_of_two),
    must("T8489-9.2.4-6", "PASSWORD-ALGORITHMS not as sent: 400").over(ALL, bid_down),
    must("T8489-9.2.4-7", "PASSWORD-ALGORITHM not on the list: 400").over(ALL, not_offered),
    must("T8489-9.2.4-8", "NONCE with its features cleared: 438").over(ALL, stripped_nonce),
    must(
        "T8489-9.2.4-9",
        "SHA-256 for key and signature, and the answer signed so alone",
    )
    .over(ALL, sha256),
    must(
        "T8489-9.2.4-10",
        "with both signatures MESSAGE-INTEGRITY-SHA256 decides",
    )
    .over(ALL, stronger_decides),
    must(
        "T8489-14.6-1",
        "a shortened MESSAGE-INTEGRITY-SHA256 is never accepted",
    )
    .over(ALL, shortened),
    must(
        "T8489-9.2.4-11",
        "an unknown user hears what a wrong password does",
    )
    .over(ALL, unknown_user),
    must("T8489-9.2.4-12", "wrong signature: 401, unsigned").over(ALL, wrong_password),
    must(
        "T8489-9.2.4-13",
        "another's NONCE or a forged one: 438 with one that works at once",
    )
    .over(ALL, stale_nonce)
    .held(&[(
        STORIES,
        "a_stale_nonce_is_replaced_and_the_new_one_works_at_once",
    )]),
    decided(
        "T8489-9.2.4-14",
        "forged NONCE and wrong signature: 438, and no key is looked for",
    )
    .over(ALL, forged_twice)
    .held(&[(STORIES, "a_forged_nonce_costs_no_search_for_a_key")]),
    must(
        "T8489-9.2.4-15",
        "answers are signed as the request, without name, REALM and NONCE",
    )
    .over(ALL, answers_are_signed),
    decided("T8489-14.4-1", "USERHASH is as good as USERNAME").over(ALL, anonymous),
    must("T8489-14.3-1", "names may be written in any script").over(ALL, any_script),
];

fn requests() -> [Request; 4] {
    [
        Method::ALLOCATE,
        Method::REFRESH,
        Method::CREATE_PERMISSION,
        Method::CHANNEL_BIND,
    ]
    .map(Request::new)
}

/// What a 401 or 438 must bring, and what it must not.
#[track_caller]
fn expect_challenge(reply: &Reply, code: u16) {
    assert_eq!(reply.code(), code);
    for kind in [attr::REALM, attr::NONCE, attr::PASSWORD_ALGORITHMS] {
        assert!(reply.has(kind), "no {kind:?}");
    }
    assert!(reply.signatures().is_empty(), "it is signed");
    for kind in [attr::USERNAME, attr::USERHASH] {
        assert!(!reply.has(kind), "{kind:?}");
    }
}

/// A 400 brings none of what a challenge does.
#[track_caller]
fn expect_bad_request(reply: &Reply) {
    assert_eq!(reply.code(), 400);
    for kind in [attr::USERNAME, attr::USERHASH, attr::REALM, attr::NONCE] {
        assert!(!reply.has(kind), "{kind:?}");
    }
    assert!(reply.signatures().is_empty(), "it is signed");
}

fn nonce_cookie(path: &Path<'_>) {
    let mut client = path.client();
    let challenge = client.ask(&Request::allocate());
    let nonce = challenge.value(attr::NONCE).expect("NONCE");
    assert_eq!(nonce.get(..9), Some(&b"obMatJos2"[..]));
    // Both features, counted from the highest bit: password algorithms and anonymous names.
    assert_eq!(nonce.get(9..13), Some(&b"wAAA"[..]));
}

fn challenge(path: &Path<'_>) {
    let mut client = path.client();
    for request in requests() {
        expect_challenge(&client.ask(&request), 401);
    }
    // With a name, but no signature.
    client.say_hello();
    let named = Request::allocate().build(next_id(), |writer| client.name(writer));
    expect_challenge(&client.exchange(&named), 401);
}

fn nonce_of_its_own(path: &Path<'_>) {
    let mut nonces: Vec<_> = (0..4)
        .map(|_| path.client().ask(&Request::allocate()).value(attr::NONCE))
        .collect();
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 4);
}

fn incomplete(path: &Path<'_>) {
    let mut client = path.client();
    client.say_hello();
    let (user, realm, nonce) = (
        client.account.user.clone(),
        client.realm.clone(),
        client.nonce.clone(),
    );
    let without = |missing: attr::AttributeType, client: &Client| {
        Request::allocate().build(next_id(), |writer| {
            for (kind, value) in [
                (attr::USERNAME, user.as_bytes()),
                (attr::REALM, realm.as_bytes()),
                (attr::NONCE, &nonce),
            ] {
                if kind != missing {
                    writer.bytes(kind, value);
                }
            }
            writer.integrity(Integrity::Sha1, &client.key());
        })
    };
    for missing in [attr::USERNAME, attr::REALM, attr::NONCE] {
        let request = without(missing, &client);
        expect_bad_request(&client.exchange(&request));
    }
}

fn as_before(path: &Path<'_>) {
    let mut client = path.client();
    let reply = client.expect(OK, &client.allocate_request());
    assert_eq!(reply.signatures(), [Integrity::Sha1]);
}

fn one_of_two(path: &Path<'_>) {
    let mut client = path.client();
    client.say_hello();
    let offered = client.offered.clone();
    for (kind, value) in [
        (attr::PASSWORD_ALGORITHM, &[0, 2, 0, 0][..]),
        (attr::PASSWORD_ALGORITHMS, &offered),
    ] {
        let request = client.allocate_request().with(kind, value);
        expect_bad_request(&client.call(&request));
    }
}

fn bid_down(path: &Path<'_>) {
    let mut client = path.client();
    client.say_hello();
    client.algorithm = Some(Algorithm::Md5);
    for list in [&[0, 1, 0, 0][..], &[0, 1, 0, 0, 0, 2, 0, 0], b""] {
        client.offered = list.to_vec();
        expect_bad_request(&client.call(&client.allocate_request()));
    }
}

fn not_offered(path: &Path<'_>) {
    let mut client = path.client();
    client.say_hello();
    for number in [0, 3, 0xFFFF_u16] {
        let [n0, n1] = number.to_be_bytes();
        let request = client
            .allocate_request()
            .with(attr::PASSWORD_ALGORITHMS, &client.offered)
            .with(attr::PASSWORD_ALGORITHM, &[n0, n1, 0, 0]);
        expect_bad_request(&client.call(&request));
    }
}

fn stripped_nonce(path: &Path<'_>) {
    let mut client = path.client();
    client.say_hello();
    let nonce = client.nonce.clone();
    for features in [&b"AAAA"[..], b"QAAA"] {
        client.nonce = nonce.clone();
        client.nonce.splice(9..13, features.iter().copied());
        expect_challenge(&client.call(&client.allocate_request()), 438);
    }
    // Without the cookie at all.
    client.nonce = nonce[13..].to_vec();
    expect_challenge(&client.call(&client.allocate_request()), 438);
}

fn sha256(path: &Path<'_>) {
    let mut client = path.client().sha256();
    let reply = client.expect(OK, &client.allocate_request());
    assert_eq!(reply.signatures(), [Integrity::Sha256]);
    assert_eq!(client.refresh(600).signatures(), [Integrity::Sha256]);
    // The stronger key with the older signature, and the other way round.
    let mut mixed = path.client().sha256();
    mixed.signs = vec![Integrity::Sha1];
    let reply = mixed.call(&mixed.allocate_request());
    assert_eq!(
        (reply.code(), reply.signatures()),
        (OK, vec![Integrity::Sha1])
    );
    let mut mixed = path.client();
    mixed.signs = vec![Integrity::Sha256];
    let reply = mixed.call(&mixed.allocate_request());
    assert_eq!(
        (reply.code(), reply.signatures()),
        (OK, vec![Integrity::Sha256])
    );
}

fn stronger_decides(path: &Path<'_>) {
    let mut client = path.client();
    client.signs = vec![Integrity::Sha1, Integrity::Sha256];
    client.say_hello();
    let good = client.key();
    client.account.password.push('!');
    let bad = client.key();
    client.account.password.pop();
    for (sha1, sha256, code) in [(&good, &bad, 401), (&bad, &good, OK)] {
        let request = client.allocate_request().build(next_id(), |writer| {
            client.name(writer);
            writer.integrity(Integrity::Sha1, sha1);
            writer.integrity(Integrity::Sha256, sha256);
        });
        assert_eq!(client.exchange(&request).code(), code);
    }
}

fn shortened(path: &Path<'_>) {
    let mut client = path.client().sha256();
    client.say_hello();
    for (length, code) in [
        (4, 400),
        (15, 400),
        (16, 401),
        (20, 401),
        (28, 401),
        (30, 400),
        (36, 400),
        (32, OK),
    ] {
        let named = client
            .allocate_request()
            .build(next_id(), |writer| client.name(writer));
        let request = sign_short(named, length, &client.key());
        assert_eq!(client.exchange(&request).code(), code, "{length} bytes");
    }
}

/// Appends MESSAGE-INTEGRITY-SHA256 of so many bytes, right as far as it goes.
fn sign_short(mut bytes: Vec<u8>, length: usize, key: &Key) -> Vec<u8> {
    use hmac::{Hmac, KeyInit, Mac};
    let end = bytes.len() + 4 + length.next_multiple_of(4);
    let declared = u16::try_from(end - HEADER_LENGTH).expect("a short message");
    bytes[2..4].copy_from_slice(&declared.to_be_bytes());
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).expect("any length");
    mac.update(&bytes);
    let mut code = mac.finalize().into_bytes().to_vec();
    code.resize(length, 0);
    bytes.extend([0, 0x1C, 0, u8::try_from(length).expect("a short code")]);
    bytes.extend(code);
    bytes.resize(end, 0);
    bytes
}

fn unknown_user(path: &Path<'_>) {
    let (mut known, mut unknown) = (path.client(), path.client());
    known.account.password.push('!');
    let letters = unknown.account.user.len();
    unknown.account.user = "x".repeat(letters);
    for anonymous in [false, true] {
        known.anonymous = anonymous;
        unknown.anonymous = anonymous;
        let wrong = known.call(&known.allocate_request());
        let nobody = unknown.call(&unknown.allocate_request());
        expect_challenge(&wrong, 401);
        expect_challenge(&nobody, 401);
        assert_eq!(wrong.kinds(), nobody.kinds());
        assert_eq!(wrong.bytes.len(), nobody.bytes.len());
    }
}

fn wrong_password(path: &Path<'_>) {
    let mut client = path.client();
    client.account.password.push('!');
    expect_challenge(&client.call(&client.allocate_request()), 401);
    // A signature with one bit turned.
    client.account.password.pop();
    let mut request = client.signed(&client.allocate_request());
    *request.last_mut().expect("a message") ^= 1;
    expect_challenge(&client.exchange(&request), 401);
}

fn stale_nonce(path: &Path<'_>) {
    let mut client = path.client();
    client.say_hello();
    let good = client.nonce.clone();
    let mut strangers = vec![b"obMatJos2wAAAaaaaaaaaaaaaaaa".to_vec(), b"x".to_vec()];
    let mut forged = good.clone();
    *forged.last_mut().expect("a nonce") ^= 1;
    strangers.push(forged);
    if !path.transport.is_stream() {
        let mut other = path.client();
        other.say_hello();
        strangers.push(other.nonce.clone());
    }
    for nonce in strangers {
        client.nonce = nonce;
        expect_challenge(&client.call(&client.allocate_request()), 438);
    }
    // The client has learnt the last one that came.
    client.expect(OK, &client.allocate_request());
}

fn forged_twice(path: &Path<'_>) {
    let mut client = path.client();
    client.say_hello();
    client.nonce = b"obMatJos2wAAAaaaaaaaaaaaaaaa".to_vec();
    client.account.password.push('!');
    expect_challenge(&client.call(&client.allocate_request()), 438);
}

fn answers_are_signed(path: &Path<'_>) {
    for mut client in [path.client(), path.client().sha256()] {
        let (signs, peer) = (client.signs.clone(), path.peer().address());
        let replies = [
            client.call(&client.allocate_request()),
            client.call(&Request::refresh()),
            client.call(&with_peer(Request::create_permission(), &peer)),
            client.call(&with_peer(Request::channel_bind().channel(CHANNEL), &peer)),
            // Errors behind the credentials are signed as well.
            client.call(&Request::channel_bind()),
        ];
        for reply in replies {
            assert_eq!(reply.signatures(), signs, "{}", hex(&reply.bytes));
            for kind in [attr::USERNAME, attr::USERHASH, attr::REALM, attr::NONCE] {
                assert!(!reply.has(kind), "{kind:?}");
            }
        }
    }
}

fn anonymous(path: &Path<'_>) {
    let mut client = path.client();
    client.anonymous = true;
    client.allocate();
    // It is that user's allocation, whatever name he writes under.
    client.anonymous = false;
    assert_eq!(client.refresh(600).code(), OK);
    client.anonymous = true;
    let hash = user_hash("somebody else", &client.realm);
    let request = Request::refresh().build(next_id(), |writer| {
        writer.bytes(attr::USERHASH, &hash);
        writer.text(attr::REALM, &client.realm);
        writer.bytes(attr::NONCE, &client.nonce);
        writer.integrity(Integrity::Sha1, &client.key());
    });
    assert_eq!(client.exchange(&request).code(), 401);
}

fn any_script(path: &Path<'_>) {
    for mut client in [path.matrix(), path.matrix().sha256()] {
        client.allocate();
    }
}
