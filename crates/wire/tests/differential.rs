//! The crate against `stun` 0.17, an implementation by other people: what one writes the other
//! reads, with the same values, codes and checksums.

use std::net::{IpAddr, SocketAddr};

use proptest::{
    prelude::*,
    sample::{Index, select, subsequence},
    test_runner::FileFailurePersistence,
};
use stun::{
    addr::MappedAddress,
    agent::TransactionId as TheirId,
    attributes::AttrType,
    error_code::{ErrorCode as TheirErrorCode, ErrorCodeAttribute},
    fingerprint::{FINGERPRINT, fingerprint_value},
    integrity::MessageIntegrity,
    message::{
        CLASS_ERROR_RESPONSE, CLASS_INDICATION, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, Getter,
        METHOD_ALLOCATE, METHOD_BINDING, METHOD_CHANNEL_BIND, METHOD_CONNECT,
        METHOD_CONNECTION_ATTEMPT, METHOD_CONNECTION_BIND, METHOD_CREATE_PERMISSION, METHOD_DATA,
        METHOD_REFRESH, METHOD_SEND, Message as TheirMessage, MessageClass, MessageType,
        Method as TheirMethod, Setter,
    },
    textattrs::TextAttribute,
    uattrs::UnknownAttributes,
    xoraddr::XorMappedAddress,
};
use turnd_wire::{
    Algorithm, Class, ErrorCode, Integrity, Key, Message, Method, Writer, address,
    attr::{self, AttributeType},
};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn they_read_what_we_write(sample in sample()) {
        let mut buffer = [0xEE; 8192];
        let mut theirs = read_theirs(write_ours(&mut buffer, &sample));
        prop_assert_eq!(theirs.typ, sample.their_kind);
        prop_assert_eq!(theirs.transaction_id.0, sample.id);
        prop_assert_eq!(theirs.attributes.0.len(), sample.attributes.len() + 2);
        for (kind, value) in &sample.attributes {
            prop_assert_eq!(&their_value(&theirs, *kind, value), value);
        }
        sample.their_key().check(&mut theirs).unwrap();
        prop_assert!(MessageIntegrity(b"wrong".to_vec()).check(&mut theirs).is_err());
        FINGERPRINT.check(&theirs).unwrap();
    }

    #[test]
    fn we_read_what_they_write(sample in sample()) {
        let theirs = write_theirs(&sample);
        let ours = Message::parse(&theirs.raw).unwrap();
        prop_assert_eq!((ours.class(), ours.method()), sample.kind);
        prop_assert_eq!(ours.transaction_id(), sample.id.into());
        prop_assert_eq!(ours.attributes().count(), sample.attributes.len() + 2);
        for (kind, value) in &sample.attributes {
            prop_assert_eq!(&our_value(&ours, *kind, value), value);
        }
        prop_assert!(ours.verify(Integrity::Sha1, &sample.our_key()));
        prop_assert!(!ours.verify(Integrity::Sha1, &Key::from_bytes(b"wrong").unwrap()));
        prop_assert_eq!(ours.fingerprint(), Some(true));
    }

    #[test]
    fn both_write_the_same_bytes(sample in sample()) {
        let mut buffer = [0xEE; 8192];
        prop_assert_eq!(write_ours(&mut buffer, &sample), write_theirs(&sample).raw);
    }

    #[test]
    fn the_checksum_is_the_same(body in prop::collection::vec(any::<u8>(), 0..256)) {
        let mut buffer = [0; 512];
        let mut writer = Writer::new(&mut buffer, Class::Request, Method::BINDING, [1; 12].into());
        writer.bytes(attr::DATA, &body);
        writer.fingerprint();
        let message = writer.finish().unwrap();
        let (covered, fingerprint) = message.split_at(message.len() - 8);
        prop_assert_eq!(&fingerprint[4..], fingerprint_value(covered).to_be_bytes());
    }

    #[test]
    fn they_accept_every_mutation_that_we_accept(
        sample in sample(),
        changes in prop::collection::vec(any::<(Index, u8)>(), 1..4),
    ) {
        let mut buffer = [0; 8192];
        let mut bytes = write_ours(&mut buffer, &sample).to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(ours) = Message::parse(&bytes) {
            let theirs = read_theirs(&bytes);
            prop_assert_eq!(theirs.typ.value(), u16::from_be_bytes([bytes[0], bytes[1]]));
            // They read 0x8020 as XOR-MAPPED-ADDRESS, as drafts before RFC 5389 had it.
            for attribute in ours.attributes().filter(|attribute| attribute.kind.0 != 0x8020) {
                let found = theirs.attributes.0.iter().any(|their| {
                    their.typ.0 == attribute.kind.0 && their.value == attribute.value
                });
                prop_assert!(found, "{:?}", attribute);
            }
        }
    }
}

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::with_cases(4096)
    }
}

/// A message to be written by both; integrity and fingerprint follow the attributes.
#[derive(Clone, Debug)]
struct Sample {
    kind: (Class, Method),
    their_kind: MessageType,
    id: [u8; 12],
    attributes: Vec<(AttributeType, Value)>,
    credentials: [String; 3],
}

/// An attribute's value, by the form in which it is written.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Bytes(Vec<u8>),
    Text(String),
    Number(u32),
    Plain(SocketAddr),
    Xor(SocketAddr),
    Error(u16, String),
    Unknown(Vec<u16>),
}

impl Sample {
    fn our_key(&self) -> Key {
        let [user, realm, password] = &self.credentials;
        Key::long_term(Algorithm::Md5, user, realm, password)
    }

    fn their_key(&self) -> MessageIntegrity {
        let [user, realm, password] = self.credentials.clone();
        MessageIntegrity::new_long_term_integrity(user, realm, password)
    }
}

fn write_ours<'b>(buffer: &'b mut [u8], sample: &Sample) -> &'b [u8] {
    let (class, method) = sample.kind;
    let mut writer = Writer::new(buffer, class, method, sample.id.into());
    for (kind, value) in &sample.attributes {
        match value {
            Value::Bytes(bytes) => writer.bytes(*kind, bytes),
            Value::Text(text) => writer.text(*kind, text),
            Value::Number(number) => writer.number32(*kind, *number),
            Value::Plain(address) => writer.address(*kind, *address),
            Value::Xor(address) => writer.xor_address(*kind, *address),
            Value::Error(code, reason) => {
                writer.error_code(ErrorCode::new(*code).unwrap(), reason);
            }
            Value::Unknown(kinds) => {
                let bytes: Vec<u8> = kinds.iter().flat_map(|kind| kind.to_be_bytes()).collect();
                writer.bytes(*kind, &bytes);
            }
        }
    }
    writer.integrity(Integrity::Sha1, &sample.our_key());
    writer.fingerprint();
    writer.finish().unwrap()
}

fn write_theirs(sample: &Sample) -> TheirMessage {
    let mut message = TheirMessage::new();
    message.typ = sample.their_kind;
    message.transaction_id = TheirId(sample.id);
    message.write_header();
    for (kind, value) in &sample.attributes {
        add_theirs(&mut message, AttrType(kind.0), value);
    }
    sample.their_key().add_to(&mut message).unwrap();
    FINGERPRINT.add_to(&mut message).unwrap();
    message
}

/// Adds an attribute with their setter for values of this form, if they have one.
fn add_theirs(message: &mut TheirMessage, kind: AttrType, value: &Value) {
    match value.clone() {
        Value::Bytes(bytes) => message.add(kind, &bytes),
        Value::Text(text) if has_text_type(kind) => {
            TextAttribute::new(kind, text).add_to(message).unwrap();
        }
        Value::Text(text) => message.add(kind, text.as_bytes()),
        Value::Number(number) => message.add(kind, &number.to_be_bytes()),
        Value::Plain(address) => {
            let (ip, port) = (address.ip(), address.port());
            MappedAddress { ip, port }.add_to_as(message, kind).unwrap();
        }
        Value::Xor(address) => {
            let (ip, port) = (address.ip(), address.port());
            XorMappedAddress { ip, port }
                .add_to_as(message, kind)
                .unwrap();
        }
        Value::Error(code, reason) => {
            let (code, reason) = (TheirErrorCode(code), reason.into_bytes());
            ErrorCodeAttribute { code, reason }.add_to(message).unwrap();
        }
        Value::Unknown(kinds) => {
            let kinds = kinds.into_iter().map(AttrType).collect();
            UnknownAttributes(kinds).add_to(message).unwrap();
        }
    }
}

fn read_theirs(bytes: &[u8]) -> TheirMessage {
    let mut message = TheirMessage::new();
    message.unmarshal_binary(bytes).unwrap();
    message
}

/// What their getter reads, in the same form as `like`.
fn their_value(message: &TheirMessage, kind: AttributeType, like: &Value) -> Value {
    let kind = AttrType(kind.0);
    let raw = message.get(kind).unwrap();
    match like {
        Value::Bytes(_) => Value::Bytes(raw),
        Value::Text(_) if has_text_type(kind) => {
            Value::Text(TextAttribute::get_from_as(message, kind).unwrap().text)
        }
        Value::Text(_) => Value::Text(String::from_utf8(raw).unwrap()),
        Value::Number(_) => Value::Number(u32::from_be_bytes(raw.try_into().unwrap())),
        Value::Plain(_) => {
            let mut address = MappedAddress::default();
            address.get_from_as(message, kind).unwrap();
            Value::Plain(SocketAddr::new(address.ip, address.port))
        }
        Value::Xor(_) => {
            let mut address = XorMappedAddress::default();
            address.get_from_as(message, kind).unwrap();
            Value::Xor(SocketAddr::new(address.ip, address.port))
        }
        Value::Error(..) => {
            let mut error = ErrorCodeAttribute::default();
            error.get_from(message).unwrap();
            Value::Error(error.code.0, String::from_utf8(error.reason).unwrap())
        }
        Value::Unknown(_) => {
            let mut unknown = UnknownAttributes(Vec::new());
            unknown.get_from(message).unwrap();
            Value::Unknown(unknown.0.iter().map(AttrType::value).collect())
        }
    }
}

/// What we read, in the same form as `like`.
fn our_value(message: &Message, kind: AttributeType, like: &Value) -> Value {
    let raw = message.attribute(kind).unwrap();
    match like {
        Value::Bytes(_) => Value::Bytes(raw.to_vec()),
        Value::Text(_) => Value::Text(str::from_utf8(raw).unwrap().to_owned()),
        Value::Number(_) => Value::Number(message.number32(kind).unwrap()),
        Value::Plain(_) => Value::Plain(address::read(raw).unwrap()),
        Value::Xor(_) => Value::Xor(message.xor_address(kind).unwrap()),
        Value::Error(..) => {
            let (code, reason) = ErrorCode::parse(raw).unwrap();
            Value::Error(code.number(), str::from_utf8(reason).unwrap().to_owned())
        }
        Value::Unknown(_) => {
            let (kinds, _) = raw.as_chunks::<2>();
            Value::Unknown(kinds.iter().copied().map(u16::from_be_bytes).collect())
        }
    }
}

fn has_text_type(kind: AttrType) -> bool {
    let kinds = [attr::USERNAME, attr::REALM, attr::NONCE, attr::SOFTWARE];
    kinds.contains(&AttributeType(kind.0))
}

fn sample() -> impl Strategy<Value = Sample> {
    let credentials = [text(), text(), text()];
    (message_type(), any::<[u8; 12]>(), attributes(), credentials).prop_map(
        |((kind, their_kind), id, attributes, credentials)| Sample {
            kind,
            their_kind,
            id,
            attributes,
            credentials,
        },
    )
}

fn message_type() -> impl Strategy<Value = ((Class, Method), MessageType)> {
    const CLASSES: &[(Class, MessageClass)] = &[
        (Class::Request, CLASS_REQUEST),
        (Class::Indication, CLASS_INDICATION),
        (Class::Success, CLASS_SUCCESS_RESPONSE),
        (Class::Error, CLASS_ERROR_RESPONSE),
    ];
    const METHODS: &[(Method, TheirMethod)] = &[
        (Method::BINDING, METHOD_BINDING),
        (Method::ALLOCATE, METHOD_ALLOCATE),
        (Method::REFRESH, METHOD_REFRESH),
        (Method::SEND, METHOD_SEND),
        (Method::DATA, METHOD_DATA),
        (Method::CREATE_PERMISSION, METHOD_CREATE_PERMISSION),
        (Method::CHANNEL_BIND, METHOD_CHANNEL_BIND),
        (Method::CONNECT, METHOD_CONNECT),
        (Method::CONNECTION_BIND, METHOD_CONNECTION_BIND),
        (Method::CONNECTION_ATTEMPT, METHOD_CONNECTION_ATTEMPT),
    ];
    (select(CLASSES), select(METHODS)).prop_map(|((class, their_class), (method, their_method))| {
        ((class, method), MessageType::new(their_method, their_class))
    })
}

/// Up to a dozen attributes of different kinds, each with a value of its form.
fn attributes() -> impl Strategy<Value = Vec<(AttributeType, Value)>> {
    let computed = [
        attr::MESSAGE_INTEGRITY,
        attr::MESSAGE_INTEGRITY_SHA256,
        attr::FINGERPRINT,
    ];
    let mut kinds: Vec<AttributeType> = attr::TABLE.iter().map(|row| row.number).collect();
    kinds.retain(|kind| !computed.contains(kind));
    let some = subsequence(kinds, 0..=12).prop_shuffle();
    some.prop_flat_map(|kinds| {
        let with_values = kinds.into_iter().map(|kind| (Just(kind), value(kind)));
        with_values.collect::<Vec<_>>()
    })
}

fn value(kind: AttributeType) -> BoxedStrategy<Value> {
    match kind {
        attr::USERNAME | attr::REALM | attr::NONCE | attr::SOFTWARE | attr::ALTERNATE_DOMAIN => {
            text().prop_map(Value::Text).boxed()
        }
        attr::LIFETIME
        | attr::PRIORITY
        | attr::CONNECTION_ID
        | attr::CHANNEL_NUMBER
        | attr::REQUESTED_TRANSPORT
        | attr::CACHE_TIMEOUT
        | attr::CHANGE_REQUEST => any::<u32>().prop_map(Value::Number).boxed(),
        attr::MAPPED_ADDRESS
        | attr::ALTERNATE_SERVER
        | attr::RESPONSE_ORIGIN
        | attr::OTHER_ADDRESS => socket_address().prop_map(Value::Plain).boxed(),
        attr::XOR_MAPPED_ADDRESS | attr::XOR_PEER_ADDRESS | attr::XOR_RELAYED_ADDRESS => {
            socket_address().prop_map(Value::Xor).boxed()
        }
        attr::ERROR_CODE => (300..=699_u16, "[ -~]{0,127}")
            .prop_map(|(code, reason)| Value::Error(code, reason))
            .boxed(),
        attr::UNKNOWN_ATTRIBUTES => any::<Vec<u16>>().prop_map(Value::Unknown).boxed(),
        _ => prop::collection::vec(any::<u8>(), 0..80)
            .prop_map(Value::Bytes)
            .boxed(),
    }
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,24}"
}

/// Not `any::<SocketAddr>()`: that has flow labels, which STUN does not carry.
fn socket_address() -> impl Strategy<Value = SocketAddr> {
    any::<(IpAddr, u16)>().prop_map(SocketAddr::from)
}
