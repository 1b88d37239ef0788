//! What holds for every message and for every sequence of bytes.

mod any_bytes;
mod helpers;
mod writing;

use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use turnd_wire::{
    ChannelData, Class, ErrorCode, Integrity, Message, Method, address, attr, channel_data,
    framing::{self, Frame},
};

use helpers::*;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_message_comes_back_as_it_was_written(
        class in class(), method in method(), id: [u8; 12], list in attributes(),
    ) {
        let bytes = write(class, method, id, &list);
        let message = Message::parse(&bytes).unwrap();
        prop_assert_eq!((message.class(), message.method()), (class, method));
        prop_assert_eq!(message.transaction_id(), id.into());
        let read: Vec<_> = message
            .attributes()
            .map(|attribute| (attribute.kind, attribute.value.to_vec()))
            .collect();
        prop_assert_eq!(read, list);
    }

    #[test]
    fn the_first_of_repeated_attributes_wins(
        kind in unprotected_kind(), values in prop::collection::vec(bytes(0..12), 1..5),
        between in attributes(),
    ) {
        let mut list: Vec<_> = values.iter().map(|value| (kind, value.clone())).collect();
        list.splice(1..1, between);
        let bytes = write(Class::Request, Method::SEND, [1; 12], &list);
        let message = Message::parse(&bytes).unwrap();
        prop_assert!(message.has(kind));
        prop_assert_eq!(message.attribute(kind), Some(&values[0][..]));
    }

    #[test]
    fn what_follows_the_integrity_changes_nothing(
        before in attributes(), after in attributes(), integrity in integrity(), class in class(),
    ) {
        let bytes = write_signed(class, &before, integrity);
        let original = Message::parse(&bytes).unwrap();
        let mut longer = bytes.clone();
        append(&mut longer, &after);
        append(&mut longer, &[(integrity_kind(integrity), vec![0; integrity.length()])]);
        let longer = Message::parse(&longer).unwrap();

        let kinds = before.iter().chain(&after).map(|(kind, _)| *kind);
        for kind in kinds.chain(attr::TABLE.iter().map(|row| row.number)) {
            prop_assert_eq!(longer.attribute(kind), original.attribute(kind), "{}", kind);
        }
        prop_assert!(longer.verify(integrity, &key()));
    }

    #[test]
    fn the_stronger_integrity_and_the_fingerprint_may_follow(
        before in attributes(), ignored in attributes(),
    ) {
        let mut bytes = write_signed(Class::Request, &before, Integrity::Sha1);
        append(&mut bytes, &ignored);
        append(&mut bytes, &[(attr::MESSAGE_INTEGRITY_SHA256, vec![7; 32])]);
        append(&mut bytes, &ignored);
        append_fingerprint(&mut bytes);
        let message = Message::parse(&bytes).unwrap();
        prop_assert_eq!(message.attribute(attr::MESSAGE_INTEGRITY_SHA256), Some(&[7; 32][..]));
        prop_assert_eq!(message.integrity(), Some(Integrity::Sha256));
        prop_assert!(message.verify(Integrity::Sha1, &key()));
        prop_assert!(!message.verify(Integrity::Sha256, &key()), "a forged code");
        prop_assert_eq!(message.fingerprint(), Some(true));
    }

    #[test]
    fn a_fingerprint_must_be_last(list in attributes(), value in bytes(0..8), kind in any_kind()) {
        let mut bytes = write(Class::Request, Method::BINDING, [2; 12], &list);
        append_fingerprint(&mut bytes);
        prop_assert_eq!(Message::parse(&bytes).unwrap().fingerprint(), Some(true));

        // Even one that is right for the length of the whole message.
        let at = bytes.len() - 8;
        append(&mut bytes, &[(kind, value)]);
        correct_fingerprint(at, &mut bytes);
        prop_assert_eq!(Message::parse(&bytes).unwrap().fingerprint(), Some(false));
    }

    #[test]
    fn a_stream_cut_anywhere_yields_the_same_messages(
        messages in prop::collection::vec(stream_message(), 1..8),
        cuts in prop::collection::vec(1..40_usize, 1..20),
    ) {
        let stream = messages.concat();
        let mut cuts = cuts.iter().cycle();
        let (mut arrived, mut start, mut read) = (0, 0, Vec::new());
        while start < stream.len() {
            match framing::next(&stream[start..arrived]) {
                Frame::Whole { length, padding } => {
                    prop_assert!(padding < 4);
                    read.push(stream[start..start + length].to_vec());
                    start += length;
                }
                Frame::Partial { needed } => {
                    prop_assert!(needed > arrived - start);
                    prop_assert!(needed <= messages[read.len()].len(), "waits for too much");
                    arrived = stream.len().min(arrived + cuts.next().unwrap());
                }
                Frame::Broken => prop_assert!(false, "at {}", start),
            }
        }
        prop_assert_eq!(read, messages);
    }

    #[test]
    fn channel_data_comes_back(channel: u16, data in bytes(0..200), padding in bytes(0..4)) {
        let header = channel_data::header(channel, u16::try_from(data.len()).unwrap());
        let bytes = [&header[..], &data, &padding].concat();
        let parsed = ChannelData { channel, data: &data };
        prop_assert_eq!(ChannelData::parse(&bytes), Some(parsed));
    }

    #[test]
    fn addresses_come_back(address in socket_address(), id: [u8; 12]) {
        let mut value = [0xEE; address::MAX_LENGTH];
        let length = address::write(&mut value, address);
        prop_assert_eq!(address::read(&value[..length]), Some(address));
        let length = address::write_xor(&mut value, address, id.into());
        prop_assert_eq!(address::read_xor(&value[..length], id.into()), Some(address));
    }

    #[test]
    fn an_address_of_another_length_is_none(
        address in socket_address(), id: [u8; 12], length in 0..64_usize,
    ) {
        let mut value = [0; address::MAX_LENGTH];
        let right = address::write(&mut value, address);
        let mut value = value.to_vec();
        value.resize(length, 0);
        prop_assert_eq!(address::read(&value).is_some(), length == right);
        prop_assert_eq!(address::read_xor(&value, id.into()).is_some(), length == right);
    }

    #[test]
    fn a_number_of_another_length_is_none(value in bytes(0..8)) {
        let list = [(attr::LIFETIME, value.clone())];
        let bytes = write(Class::Request, Method::REFRESH, [8; 12], &list);
        let message = Message::parse(&bytes).unwrap();
        let whole = value.as_slice().try_into().ok().map(u32::from_be_bytes);
        prop_assert_eq!(message.number32(attr::LIFETIME), whole);
        let front = value.first_chunk().copied().map(u16::from_be_bytes);
        prop_assert_eq!(message.number16(attr::LIFETIME), front);
    }

    #[test]
    fn reserved_bits_of_an_error_code_are_ignored(number in 300..=699_u16, reserved: [u8; 3]) {
        let code = ErrorCode::new(number).unwrap();
        let mut value = code.to_bytes();
        value[..2].copy_from_slice(&reserved[..2]);
        value[2] |= reserved[2] & 0b1111_1000;
        prop_assert_eq!(ErrorCode::parse(&value), Some((code, &[][..])));
    }
}

#[test]
fn a_shortened_code_is_refused() {
    let list = [(attr::SOFTWARE, b"abcde".to_vec())];
    for integrity in [Integrity::Sha1, Integrity::Sha256] {
        for length in 0..=integrity.length() {
            let mut bytes = write(Class::Request, Method::REFRESH, [7; 12], &list);
            append(&mut bytes, &[(integrity_kind(integrity), vec![0; length])]);
            let at = bytes.len() - length.next_multiple_of(4);
            let code = code(integrity, &bytes[..at - 4]);
            bytes[at..at + length].copy_from_slice(&code[..length]);
            let message = Message::parse(&bytes).unwrap();
            let whole = length == integrity.length();
            assert_eq!(message.verify(integrity, &key()), whole, "{length}");
        }
    }
}

/// The authentication code under [`key`], made without the crate.
fn code(integrity: Integrity, covered: &[u8]) -> Vec<u8> {
    fn mac<M: Mac + KeyInit>(covered: &[u8]) -> Vec<u8> {
        let mac = <M as KeyInit>::new_from_slice(key().as_bytes()).unwrap();
        mac.chain_update(covered).finalize().into_bytes().to_vec()
    }
    match integrity {
        Integrity::Sha1 => mac::<Hmac<sha1::Sha1>>(covered),
        Integrity::Sha256 => mac::<Hmac<sha2::Sha256>>(covered),
    }
}

/// A STUN message, or ChannelData with the padding that streams ask for.
fn stream_message() -> impl Strategy<Value = Vec<u8>> {
    let stun = (class(), method(), attributes())
        .prop_map(|(class, method, list)| write(class, method, [6; 12], &list));
    let channel_data = (0x4000..=0x7FFF_u16, bytes(0..50)).prop_map(|(channel, data)| {
        let header = channel_data::header(channel, u16::try_from(data.len()).unwrap());
        let mut message = [&header[..], &data].concat();
        message.resize(message.len().next_multiple_of(4), 0);
        message
    });
    prop_oneof![stun, channel_data]
}
