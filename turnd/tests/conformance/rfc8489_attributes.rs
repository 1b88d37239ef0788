//! RFC 8489 sections 9 and 14: what counts of a message's attributes.

use turnd_wire::{Key, Message, attr, message::HEADER_LENGTH};

use crate::{
    client::{CHANNEL, Client, hex, next_id, unsigned, with_peer},
    messages::{OK, OPTIONAL, Request, UNKNOWN},
    row::{ALL, Row, must},
    subject::Path,
};

const BAD_INPUT: &str = "crates/proto/tests/stories/bad_input.rs";

pub(crate) const ROWS: &[Row] = &[
    must("T8489-9-1", "what follows MESSAGE-INTEGRITY has no effect")
        .over(ALL, behind_sha1)
        .held(&[(
            BAD_INPUT,
            "no_attributes_behind_the_signature_change_the_answer",
        )]),
    must(
        "T8489-9-2",
        "what follows MESSAGE-INTEGRITY-SHA256 has no effect",
    )
    .over(ALL, behind_sha256),
    must(
        "T8489-14-1",
        "padding may be anything and is signed as it came; ours is zero",
    )
    .over(ALL, padding),
    must(
        "T8489-14-2",
        "of an attribute that is repeated the first counts",
    )
    .over(ALL, repeated),
    must(
        "T8489-14-3",
        "the length of an attribute leaves its padding out",
    )
    .over(ALL, lengths),
    must(
        "T8489-14-4",
        "USERNAME, REALM and NONCE have a longest length: 400",
    )
    .over(ALL, too_long),
];

/// What is appended behind the signature is counted in the length only: nothing but FINGERPRINT may stand there
/// (RFC 8489 section 14.5).
fn with_tail(signed: &[u8], tail: &Request) -> Vec<u8> {
    let tail = &unsigned(tail)[HEADER_LENGTH..];
    let mut bytes = [signed, tail].concat();
    let length = u16::try_from(bytes.len() - HEADER_LENGTH).expect("a short message");
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    bytes
}

fn behind_sha1(path: &Path<'_>) {
    ignores_tail(path, path.client());
}

fn behind_sha256(path: &Path<'_>) {
    ignores_tail(path, path.client().sha256());
}

fn ignores_tail(path: &Path<'_>, mut client: Client) {
    let (peer, other) = (path.peer(), path.peer());
    let relay = client.allocate();
    let end = with_tail(
        &client.signed(&Request::refresh()),
        &Request::refresh().lifetime(0),
    );
    let reply = client.exchange(&end);
    assert_eq!((reply.code(), reply.lifetime()), (OK, Some(600)));

    let request = with_peer(Request::channel_bind().channel(CHANNEL), &peer.address());
    let more = with_peer(
        Request::channel_bind().channel(CHANNEL + 1),
        &other.address(),
    );
    let bytes = with_tail(&client.signed(&request), &more);
    assert_eq!(client.exchange(&bytes).code(), OK);
    client.send_channel(CHANNEL + 1, b"behind");
    client.send_channel(CHANNEL, b"before");
    peer.expect(b"before", relay);

    let unknown = with_tail(
        &client.signed(&Request::refresh()),
        &Request::refresh().with(UNKNOWN, b"?"),
    );
    assert_eq!(client.exchange(&unknown).code(), OK);
}

/// Signs a message as it stands, whatever is in its padding.
fn sign(mut bytes: Vec<u8>, key: &Key) -> Vec<u8> {
    use hmac::{Hmac, KeyInit, Mac};
    let length = u16::try_from(bytes.len() + 24 - HEADER_LENGTH).expect("a short message");
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(key.as_bytes()).expect("any length");
    mac.update(&bytes);
    bytes.extend([0, 8, 0, 20]);
    bytes.extend(mac.finalize().into_bytes());
    bytes
}

fn padding(path: &Path<'_>) {
    let mut client = path.client();
    client.say_hello();
    let request = client.allocate_request().with(OPTIONAL, b"x");
    let mut bytes = request.build(next_id(), |writer| client.name(writer));
    let at = bytes
        .windows(5)
        .position(|it| it == [0xFA, 0xBC, 0, 1, b'x']);
    let at = at.expect("the attribute") + 5;
    bytes[at..at + 3].copy_from_slice(b"   ");
    let reply = client.exchange(&sign(bytes, &client.key()));
    assert_eq!(reply.code(), OK);

    let challenge = client.ask(&Request::allocate());
    for reply in [reply, challenge] {
        for (value, padding) in attributes(&reply.bytes) {
            assert!(padding.iter().all(|byte| *byte == 0), "behind {value:?}");
        }
    }
}

/// Each attribute's value and padding, found without the server's own parser.
fn attributes(bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut rest = &bytes[HEADER_LENGTH..];
    let mut found = Vec::new();
    while let [_, _, l0, l1, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        let (value, after) = after.split_at(length);
        let (padding, after) = after.split_at(length.next_multiple_of(4) - length);
        found.push((value, padding));
        rest = after;
    }
    assert!(rest.is_empty(), "{}", hex(bytes));
    found
}

fn repeated(path: &Path<'_>) {
    let (mut client, peer, other) = (path.client(), path.peer(), path.peer());
    let request = client.allocate_request().lifetime(1000).lifetime(2000);
    let reply = client.call(&request);
    assert_eq!(reply.lifetime(), Some(1000));
    let relay = reply.relay();
    client.must_permit(peer.address());
    let two = Request::send(&peer.address().to_string(), b"first")
        .with(attr::DATA, b"second")
        .peer(&other.address().to_string());
    client.send(&unsigned(&two));
    peer.expect(b"first", relay);
    client.send_data(other.address(), b"after it");
    other.expect(b"after it", relay);
}

fn lengths(path: &Path<'_>) {
    let mut client = path.client();
    let challenge = client.ask(&Request::allocate());
    client.learn(&challenge);
    for bytes in [
        &challenge.bytes,
        &client.call(&client.allocate_request()).bytes,
    ] {
        attributes(bytes);
        let message = Message::parse(bytes).expect("a message");
        for attribute in message.attributes() {
            let expected: &[usize] = match attribute.kind {
                attr::REALM => &[client.realm.len()],
                attr::LIFETIME => &[4],
                attr::XOR_MAPPED_ADDRESS | attr::XOR_RELAYED_ADDRESS => &[8, 20],
                attr::MESSAGE_INTEGRITY => &[20],
                _ => continue,
            };
            assert!(
                expected.contains(&attribute.value.len()),
                "{:?}",
                attribute.kind
            );
        }
        // Text is told apart from its padding only by the length.
        for kind in [attr::REALM, attr::NONCE, attr::SOFTWARE] {
            let value = message.attribute(kind).unwrap_or(b"x");
            assert_ne!(value.last(), Some(&0), "{kind:?} ends with padding");
        }
        if let Some(error) = message.attribute(attr::ERROR_CODE) {
            assert_ne!(error.get(4..).unwrap_or_default().last(), Some(&0));
        }
    }
}

fn too_long(path: &Path<'_>) {
    let mut client = path.client();
    client.say_hello();
    let (name, realm, nonce) = (
        client.account.user.clone(),
        client.realm.clone(),
        client.nonce.clone(),
    );
    client.account.user = "a".repeat(509);
    client.expect(400, &Request::allocate());
    client.account.user = name;
    client.realm = "r".repeat(128);
    client.expect(400, &Request::allocate());
    client.realm = realm;
    client.nonce = [&nonce[..], &[b'n'; 128]].concat();
    client.expect(400, &Request::allocate());
    client.nonce = nonce;
    client.expect(OK, &client.allocate_request());
}
