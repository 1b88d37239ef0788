//! Published test vectors, byte for byte: RFC 5769, and RFC 8489 appendix B.1 with its erratum.

use turnd_wire::{
    Algorithm, Class, Integrity, Key, Message, Method, ParseError, Writer,
    attr::{self, AttributeType},
    integrity::user_hash,
};

const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
const SHORT_TERM_ID: [u8; 12] = *b"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae";

/// Katakana "Matrix"; the password is already prepared.
const USER: &str = "マトリックス";
const REALM: &str = "example.org";
const LONG_TERM_PASSWORD: &str = "TheMatrIX";
const LONG_TERM_ID: [u8; 12] = *b"\x78\xad\x34\x33\xc6\xad\x72\xc0\x29\xda\x41\x2e";

/// RFC 5769 section 2.1. Its padding is 0x20, not zero.
const SAMPLE_REQUEST: &str = "
    00010058 2112a442 b7e7a701bc34d686fa87dfae
    80220010 5354554e207465737420636c69656e74
    00240004 6e0001ff
    80290008 932ff9b151263b36
    00060009 6576746a3a68367659202020
    00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2
    80280004 e57a3bcf";

/// RFC 5769 section 2.2.
const SAMPLE_IPV4_RESPONSE: &str = "
    0101003c 2112a442 b7e7a701bc34d686fa87dfae
    8022000b 7465737420766563746f7220
    00200008 0001a147e112a643
    00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7
    80280004 c07d4c96";

/// RFC 5769 section 2.3.
const SAMPLE_IPV6_RESPONSE: &str = "
    01010048 2112a442 b7e7a701bc34d686fa87dfae
    8022000b 7465737420766563746f7220
    00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9
    00080014 a382954e4be67bf11784c97c8292c275bfe3ed41
    80280004 c8fb0b4c";

/// RFC 5769 section 2.4.
const SAMPLE_LONG_TERM_REQUEST: &str = "
    00010060 2112a442 78ad3433c6ad72c029da412e
    00060012 e3839ee38388e383aae38383e382afe382b90000
    0015001c 662f2f3439396b39353464364f4c33346f4c39465354767936347341
    0014000b 6578616d706c652e6f726700
    00080014 f67024656dd64a3e02b8e0712e85c9a28ca89666";

/// RFC 8489 appendix B.1 as printed: the length says 0x9c, but 0x88 bytes follow, and the code was
/// computed over the wrong length.
const PRINTED_SHA256_REQUEST: &str = "
    0001009c 2112a442 78ad3433c6ad72c029da412e
    001e0020 4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704
    00150029 6f624d61744a6f733241414143662f2f3439396b39353464364f4c33346f4c39465354767936347341000000
    0014000b 6578616d706c652e6f726700
    001c0020 e4686c8f0edeb59013e07090010a93efccbccc544c0a45d9f830aa6d6f735a01";

/// RFC 8489 appendix B.1 as corrected by erratum 6268, which also adds PASSWORD-ALGORITHM.
const CORRECTED_SHA256_REQUEST: &str = "
    00010090 2112a442 78ad3433c6ad72c029da412e
    001e0020 4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704
    00150029 6f624d61744a6f733241414143662f2f3439396b39353464364f4c33346f4c39465354767936347341000000
    0014000b 6578616d706c652e6f726700
    001d0004 00020000
    001c0020 b5c7bf005b6c52a21c51c5e892f81924136296cb927c43149309278cc6518e65";

#[test]
fn sample_request() {
    let bytes = bytes(SAMPLE_REQUEST);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.class(), Class::Request);
    assert_eq!(message.method(), Method::BINDING);
    assert_eq!(message.transaction_id(), SHORT_TERM_ID.into());
    assert_eq!(
        kinds_and_lengths(&message),
        [
            (attr::SOFTWARE, 16),
            (attr::PRIORITY, 4),
            (attr::ICE_CONTROLLED, 8),
            (attr::USERNAME, 9),
            (attr::MESSAGE_INTEGRITY, 20),
            (attr::FINGERPRINT, 4),
        ]
    );
    assert_eq!(text(&message, attr::SOFTWARE), "STUN test client");
    assert_eq!(message.number32(attr::PRIORITY), Some(0x6e00_01ff));
    assert_eq!(text(&message, attr::USERNAME), "evtj:h6vY");
    assert_eq!(message.fingerprint(), Some(true));
    only_the_vector_is_authentic(&bytes, Integrity::Sha1, &short_term_key());
}

#[test]
fn sample_ipv4_response() {
    let bytes = bytes(SAMPLE_IPV4_RESPONSE);
    check_response(&bytes, "192.0.2.1:32853");
}

#[test]
fn sample_ipv6_response() {
    let bytes = bytes(SAMPLE_IPV6_RESPONSE);
    check_response(&bytes, "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
}

#[test]
fn sample_request_with_long_term_authentication() {
    let bytes = bytes(SAMPLE_LONG_TERM_REQUEST);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(
        kinds_and_lengths(&message),
        [
            (attr::USERNAME, 18),
            (attr::NONCE, 28),
            (attr::REALM, 11),
            (attr::MESSAGE_INTEGRITY, 20),
        ]
    );
    assert_eq!(text(&message, attr::USERNAME), USER);
    assert_eq!(text(&message, attr::REALM), REALM);
    assert_eq!(text(&message, attr::NONCE), "f//499k954d6OL34oL9FSTvy64sA");
    assert_eq!(message.fingerprint(), None);
    only_the_vector_is_authentic(&bytes, Integrity::Sha1, &long_term_key(Algorithm::Md5));
}

#[test]
fn the_writer_makes_the_same_long_term_request() {
    let mut buffer = [0xEE; 200];
    let mut writer = long_term_request(&mut buffer);
    writer.text(attr::USERNAME, USER);
    writer.text(attr::NONCE, "f//499k954d6OL34oL9FSTvy64sA");
    writer.text(attr::REALM, REALM);
    writer.integrity(Integrity::Sha1, &long_term_key(Algorithm::Md5));
    assert_eq!(writer.finish().unwrap(), bytes(SAMPLE_LONG_TERM_REQUEST));
}

#[test]
fn the_printed_sha256_request_is_refused() {
    let mut bytes = bytes(PRINTED_SHA256_REQUEST);
    assert_eq!(
        Message::parse(&bytes).unwrap_err(),
        ParseError::BadLength,
        "as printed"
    );

    bytes[3] = 0x88;
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(
        message.attribute(attr::USERHASH),
        Some(&user_hash(USER, REALM)[..])
    );
    let key = long_term_key(Algorithm::Sha256);
    assert!(
        !message.verify(Integrity::Sha256, &key),
        "the printed code covers the printed length"
    );
}

#[test]
fn the_corrected_sha256_request_is_accepted() {
    let bytes = bytes(CORRECTED_SHA256_REQUEST);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(
        kinds_and_lengths(&message),
        [
            (attr::USERHASH, 32),
            (attr::NONCE, 41),
            (attr::REALM, 11),
            (attr::PASSWORD_ALGORITHM, 4),
            (attr::MESSAGE_INTEGRITY_SHA256, 32),
        ]
    );
    assert_eq!(
        message.attribute(attr::USERHASH),
        Some(&user_hash(USER, REALM)[..])
    );
    let algorithm = message.number16(attr::PASSWORD_ALGORITHM).unwrap();
    assert_eq!(Algorithm::from_number(algorithm), Some(Algorithm::Sha256));
    let key = long_term_key(Algorithm::Sha256);
    only_the_vector_is_authentic(&bytes, Integrity::Sha256, &key);
}

#[test]
fn the_writer_makes_the_corrected_sha256_request() {
    let mut buffer = [0xEE; 200];
    let mut writer = long_term_request(&mut buffer);
    writer.bytes(attr::USERHASH, &user_hash(USER, REALM));
    writer.text(attr::NONCE, "obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA");
    writer.text(attr::REALM, REALM);
    writer.bytes(attr::PASSWORD_ALGORITHM, &[0, 2, 0, 0]);
    writer.integrity(Integrity::Sha256, &long_term_key(Algorithm::Sha256));
    assert_eq!(writer.finish().unwrap(), bytes(CORRECTED_SHA256_REQUEST));
}

#[test]
fn long_term_keys_of_the_vectors() {
    assert_eq!(
        long_term_key(Algorithm::Md5).as_bytes(),
        bytes("e8ca7ad59d5eb0518e312911d2dab2a9")
    );
    assert_eq!(
        long_term_key(Algorithm::Sha256).as_bytes(),
        bytes("dd295a613b9058c3c23d6dc7165bda072304d989c9d0af3a8c7e184b4f9bb4a1")
    );
}

fn check_response(bytes: &[u8], mapped: &str) {
    let message = Message::parse(bytes).unwrap();
    assert_eq!(message.class(), Class::Success);
    assert_eq!(message.method(), Method::BINDING);
    assert_eq!(message.transaction_id(), SHORT_TERM_ID.into());
    assert_eq!(text(&message, attr::SOFTWARE), "test vector");
    assert_eq!(
        message.xor_address(attr::XOR_MAPPED_ADDRESS),
        Some(mapped.parse().unwrap())
    );
    assert_eq!(message.fingerprint(), Some(true));
    only_the_vector_is_authentic(bytes, Integrity::Sha1, &short_term_key());
}

/// The vector verifies; with any one bit flipped it is not parsed, not authentic, or its
/// fingerprint is wrong or gone.
fn only_the_vector_is_authentic(vector: &[u8], integrity: Integrity, key: &Key) {
    let message = Message::parse(vector).unwrap();
    assert_eq!(message.integrity(), Some(integrity));
    assert!(message.verify(integrity, key));
    assert!(!message.verify(integrity, &Key::from_bytes(b"another").unwrap()));
    for bit in 0..vector.len() * 8 {
        let mut flipped = vector.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let accepted = Message::parse(&flipped).is_ok_and(|flipped| {
            flipped.verify(integrity, key) && flipped.fingerprint() == message.fingerprint()
        });
        assert!(!accepted, "bit {bit}");
    }
}

fn kinds_and_lengths(message: &Message) -> Vec<(AttributeType, usize)> {
    message
        .attributes()
        .map(|attribute| (attribute.kind, attribute.value.len()))
        .collect()
}

fn text<'a>(message: &Message<'a>, kind: AttributeType) -> &'a str {
    str::from_utf8(message.attribute(kind).unwrap()).unwrap()
}

fn long_term_request(buffer: &mut [u8]) -> Writer<'_> {
    Writer::new(buffer, Class::Request, Method::BINDING, LONG_TERM_ID.into())
}

fn short_term_key() -> Key {
    Key::from_bytes(PASSWORD).unwrap()
}

fn long_term_key(algorithm: Algorithm) -> Key {
    Key::long_term(algorithm, USER, REALM, LONG_TERM_PASSWORD)
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(|c| !c.is_whitespace()).collect();
    digits
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(&String::from_iter(pair), 16).unwrap())
        .collect()
}
