//! Bytes from strangers: nothing that can be received panics.

use proptest::{prelude::*, sample::Index};
use turnd_wire::{
    Algorithm, ChannelData, Class, DataIndication, ErrorCode, Family, Integrity, Key, Message,
    Method, ParseError, TransactionId, address, attr, demultiplex,
    framing::{self, Frame},
};

use crate::helpers::*;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_bytes_panic(bytes in bytes(0..300)) {
        read_everything(&bytes);
    }

    #[test]
    fn no_attributes_panic(bytes in stun_like()) {
        read_everything(&bytes);
    }

    #[test]
    fn no_mutation_of_a_message_panics(
        list in attributes(), integrity in integrity(),
        changes in prop::collection::vec(any::<(Index, u8)>(), 0..6), cut in any::<Index>(),
    ) {
        let mut bytes = write_signed(Class::Request, &list, integrity);
        append_fingerprint(&mut bytes);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_everything(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        read_everything(&bytes);
    }

    #[test]
    fn a_whole_frame_is_never_refused_for_its_length(bytes in prop_oneof![bytes(20..64), stun_like()]) {
        let whole = match framing::next(&bytes) {
            Frame::Whole { length, .. } => &bytes[..length],
            _ => return Ok(()),
        };
        if whole[0] < 0x40 {
            prop_assert_ne!(Message::parse(whole).err(), Some(ParseError::BadLength));
        } else {
            prop_assert!(ChannelData::parse(whole).is_some());
        }
    }
}

#[test]
fn every_truncation_of_a_message_is_refused() {
    let list = [(attr::SOFTWARE, b"abcde".to_vec())];
    let bytes = write_signed(Class::Request, &list, Integrity::Sha1);
    for length in 0..bytes.len() {
        let expected = if length < 20 {
            ParseError::NotStun
        } else {
            ParseError::BadLength
        };
        assert_eq!(Message::parse(&bytes[..length]).unwrap_err(), expected);
    }
}

/// Calls every function of the crate that takes received bytes.
fn read_everything(bytes: &[u8]) {
    let id = bytes.first_chunk().map_or([9; 12], |id| *id).into();
    let _ = bytes.first().map(|first| demultiplex(*first));
    let _ = framing::next(bytes);
    let _ = ChannelData::parse(bytes);
    let _ = DataIndication::new(id, ([192, 0, 2, 1], 9).into(), bytes, true);
    read_value(bytes, id);
    match Message::parse(bytes) {
        Ok(message) => read_message(&message),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn read_message(message: &Message) {
    let _ = (message.class(), message.method(), message.integrity());
    let _ = (message.fingerprint(), format!("{message:?}"));
    for integrity in [Integrity::Sha1, Integrity::Sha256] {
        let _ = message.verify(integrity, &key());
    }
    for attribute in message.attributes() {
        read_value(attribute.value, message.transaction_id());
    }
    let present: Vec<_> = message
        .attributes()
        .map(|attribute| attribute.kind)
        .collect();
    for kind in attr::TABLE.iter().map(|row| row.number).chain(present) {
        assert_eq!(message.has(kind), message.attribute(kind).is_some());
        let _ = (message.number16(kind), message.number32(kind));
        let _ = (message.xor_address(kind), kind.name());
    }
}

fn read_value(value: &[u8], id: TransactionId) {
    let _ = (address::read(value), address::read_xor(value, id));
    let _ = (ErrorCode::parse(value), Key::from_bytes(value));
    if let Some(&first) = value.first() {
        let _ = Family::from_number(first);
    }
    if let Some(number) = value.first_chunk().map(|bytes| u16::from_be_bytes(*bytes)) {
        let _ = (
            Method::new(number),
            ErrorCode::new(number),
            Algorithm::from_number(number),
        );
    }
}

/// A sound header, then attributes whose lengths may lie.
fn stun_like() -> impl Strategy<Value = Vec<u8>> {
    let attribute = (any_kind(), 0..40_u16, bytes(0..40)).prop_map(|(kind, length, value)| {
        [&kind.0.to_be_bytes()[..], &length.to_be_bytes(), &value].concat()
    });
    let body = prop::collection::vec(attribute, 0..8);
    (body, any::<bool>()).prop_map(|(body, whole)| {
        let mut bytes = write(Class::Request, Method::ALLOCATE, [3; 12], &[]);
        bytes.extend(body.concat());
        if whole {
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        set_length(&mut bytes);
        bytes
    })
}
