//! Messages to start from, and what a stranger does to them.

use std::{
    net::{IpAddr, SocketAddr},
    ops::Range,
};

use proptest::{prelude::*, sample::select, test_runner::FileFailurePersistence};
use turnd_wire::{
    Class, Integrity, Key, Method, Writer,
    attr::{self, AttributeType},
};

pub(crate) type Attributes = [(AttributeType, Vec<u8>)];

pub(crate) fn write(class: Class, method: Method, id: [u8; 12], list: &Attributes) -> Vec<u8> {
    let mut buffer = [0xEE; 4096];
    let mut writer = Writer::new(&mut buffer, class, method, id.into());
    list.iter()
        .for_each(|(kind, value)| writer.bytes(*kind, value));
    writer.finish().unwrap().to_vec()
}

pub(crate) fn write_signed(class: Class, list: &Attributes, integrity: Integrity) -> Vec<u8> {
    let mut buffer = [0xEE; 4096];
    let mut writer = Writer::new(&mut buffer, class, Method::REFRESH, [5; 12].into());
    list.iter()
        .for_each(|(kind, value)| writer.bytes(*kind, value));
    writer.integrity(integrity, &key());
    writer.finish().unwrap().to_vec()
}

/// Appends attributes as someone would who does not hold the key.
pub(crate) fn append(message: &mut Vec<u8>, list: &Attributes) {
    for (kind, value) in list {
        message.extend(kind.0.to_be_bytes());
        message.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        message.extend(value);
        message.resize(message.len().next_multiple_of(4), 0x20);
    }
    set_length(message);
}

pub(crate) fn append_fingerprint(message: &mut Vec<u8>) {
    append(message, &[(attr::FINGERPRINT, vec![0; 4])]);
    correct_fingerprint(message.len() - 8, message);
}

/// Makes the FINGERPRINT at this offset right for the message as it is now.
pub(crate) fn correct_fingerprint(at: usize, message: &mut [u8]) {
    let crc = crc32fast::hash(&message[..at]) ^ 0x5354_554E;
    message[at + 4..at + 8].copy_from_slice(&crc.to_be_bytes());
}

pub(crate) fn set_length(message: &mut [u8]) {
    let length = u16::try_from(message.len() - 20).unwrap();
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

pub(crate) fn key() -> Key {
    Key::from_bytes(b"a key").unwrap()
}

pub(crate) fn integrity_kind(integrity: Integrity) -> AttributeType {
    match integrity {
        Integrity::Sha1 => attr::MESSAGE_INTEGRITY,
        Integrity::Sha256 => attr::MESSAGE_INTEGRITY_SHA256,
    }
}

pub(crate) fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::with_cases(4096)
    }
}

pub(crate) fn bytes(length: Range<usize>) -> impl Strategy<Value = Vec<u8>> + Clone {
    prop::collection::vec(any::<u8>(), length)
}

/// Known and unknown attributes, none of which protects the message.
pub(crate) fn attributes() -> impl Strategy<Value = Vec<(AttributeType, Vec<u8>)>> {
    prop::collection::vec((unprotected_kind(), bytes(0..40)), 0..10)
}

pub(crate) fn unprotected_kind() -> impl Strategy<Value = AttributeType> {
    any_kind().prop_filter("protects the message", |kind| {
        !matches!(
            *kind,
            attr::MESSAGE_INTEGRITY | attr::MESSAGE_INTEGRITY_SHA256 | attr::FINGERPRINT
        )
    })
}

pub(crate) fn any_kind() -> impl Strategy<Value = AttributeType> + Clone {
    prop_oneof![
        3 => select(attr::TABLE).prop_map(|row| row.number),
        1 => any::<u16>().prop_map(AttributeType),
    ]
}

pub(crate) fn class() -> impl Strategy<Value = Class> {
    select(&[
        Class::Request,
        Class::Indication,
        Class::Success,
        Class::Error,
    ])
}

pub(crate) fn method() -> impl Strategy<Value = Method> {
    (0..=0xFFF_u16).prop_map(|number| Method::new(number).unwrap())
}

pub(crate) fn integrity() -> impl Strategy<Value = Integrity> {
    select(&[Integrity::Sha1, Integrity::Sha256])
}

/// Not `any::<SocketAddr>()`: that has flow labels, which STUN does not carry.
pub(crate) fn socket_address() -> impl Strategy<Value = SocketAddr> {
    any::<(IpAddr, u16)>().prop_map(SocketAddr::from)
}
