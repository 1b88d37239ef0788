//! The codec allocates nothing: not when reading, not when writing, not when it refuses.

use std::hint::black_box;

use turnd_wire::{
    Algorithm, ChannelData, Class, DataIndication, ErrorCode, Integrity, Key, Message, Method,
    Writer, attr, channel_data, demultiplex, framing, integrity::user_hash,
};

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(black_box(vec![1_u8]))), 1);
}

#[test]
fn reading_a_message() {
    let bytes = allocate_request();
    let key = key();
    let count = allocations(|| {
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.method(), Method::ALLOCATE);
        assert_eq!(message.attributes().count(), 10);
        for row in attr::TABLE {
            black_box((message.attribute(row.number), message.has(row.number)));
            black_box((message.number16(row.number), message.number32(row.number)));
            black_box(message.xor_address(row.number));
        }
        assert_eq!(message.integrity(), Some(Integrity::Sha256));
        assert!(message.verify(Integrity::Sha1, &key));
        assert!(message.verify(Integrity::Sha256, &key));
        assert_eq!(message.fingerprint(), Some(true));
    });
    assert_eq!(count, 0);
}

#[test]
fn refusing_a_message() {
    let bytes = allocate_request();
    let wrong = Key::from_bytes(b"wrong").unwrap();
    let count = allocations(|| {
        for length in 0..bytes.len() {
            assert!(Message::parse(&bytes[..length]).is_err());
        }
        let message = Message::parse(&bytes).unwrap();
        assert!(!message.verify(Integrity::Sha1, &wrong));
        assert!(!message.verify(Integrity::Sha256, &wrong));
    });
    assert_eq!(count, 0);
}

#[test]
fn writing_a_message() {
    let key = key();
    let mut buffer = [0; 512];
    let count = allocations(|| {
        let id = [1; 12].into();
        let mut writer = Writer::new(&mut buffer, Class::Error, Method::ALLOCATE, id);
        writer.error_code(ErrorCode::STALE_NONCE, ErrorCode::STALE_NONCE.reason());
        writer.text(attr::REALM, "example.org");
        writer.bytes(attr::NONCE, b"a nonce");
        writer.number32(attr::LIFETIME, 600);
        writer.address(attr::ALTERNATE_SERVER, ([192, 0, 2, 1], 3478).into());
        writer.xor_address(attr::XOR_RELAYED_ADDRESS, ([192, 0, 2, 1], 49_152).into());
        writer.integrity(Integrity::Sha1, &key);
        writer.integrity(Integrity::Sha256, &key);
        writer.fingerprint();
        assert!(writer.finish().is_ok());
        assert!(
            Writer::new(&mut [], Class::Error, Method::ALLOCATE, id)
                .finish()
                .is_err()
        );
    });
    assert_eq!(count, 0);
}

#[test]
fn deriving_keys() {
    let count = allocations(|| {
        black_box(Key::long_term(Algorithm::Md5, "user", "realm", "pass"));
        black_box(Key::long_term(Algorithm::Sha256, "user", "realm", "pass"));
        black_box(user_hash("user", "realm"));
    });
    assert_eq!(count, 0);
}

#[test]
fn relaying_data() {
    let datagram = [&channel_data::header(0x4000, 1200)[..], &[0xAB; 1200]].concat();
    let count = allocations(|| {
        black_box(demultiplex(datagram[0]));
        black_box(framing::next(&datagram));
        let data = ChannelData::parse(&datagram).unwrap().data;
        for peer in ["192.0.2.1:9", "[2001:db8::1]:9"] {
            let peer = peer.parse().unwrap();
            let frame = DataIndication::new([2; 12].into(), peer, data, true).unwrap();
            black_box((frame.prefix(), frame.suffix()));
        }
    });
    assert_eq!(count, 0);
}

fn allocations(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).count_total
}

fn allocate_request() -> Vec<u8> {
    let mut buffer = [0; 512];
    let id = [1; 12].into();
    let mut writer = Writer::new(&mut buffer, Class::Request, Method::ALLOCATE, id);
    writer.text(attr::USERNAME, "user");
    writer.text(attr::REALM, "realm");
    writer.text(attr::NONCE, "nonce");
    writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    writer.number32(attr::LIFETIME, 600);
    writer.xor_address(attr::XOR_PEER_ADDRESS, ([192, 0, 2, 1], 9).into());
    writer.bytes(attr::DATA, &[0xAB; 101]);
    writer.integrity(Integrity::Sha1, &key());
    writer.integrity(Integrity::Sha256, &key());
    writer.fingerprint();
    writer.finish().unwrap().to_vec()
}

fn key() -> Key {
    Key::long_term(Algorithm::Md5, "user", "realm", "pass")
}
