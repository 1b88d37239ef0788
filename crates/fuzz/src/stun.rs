//! Reading STUN messages, ChannelData and everything in them.

use turnd_wire::{
    Algorithm, ChannelData, DataIndication, ErrorCode, Family, Integrity, Key, Message, Method,
    TransactionId, Writer, address, attr, demultiplex,
};

pub(crate) fn run(bytes: &[u8]) {
    let _ = bytes.first().map(|first| demultiplex(*first));
    let id: TransactionId = bytes.first_chunk().map_or([9; 12], |id| *id).into();
    value(bytes, id);
    if let Some(data) = ChannelData::parse(bytes) {
        assert!(data.data.len() + 4 <= bytes.len());
    }
    if let Some(wrapped) = DataIndication::new(id, ([192, 0, 2, 1], 9).into(), bytes, true) {
        let whole = [wrapped.prefix(), bytes, wrapped.suffix()].concat();
        let read = Message::parse(&whole).expect("what is written here can be read");
        assert_eq!(read.attribute(attr::DATA), Some(bytes));
        assert_eq!(read.fingerprint(), Some(true));
    }
    if let Ok(read) = Message::parse(bytes) {
        message(&read);
    }
}

fn message(read: &Message<'_>) {
    assert!(!format!("{read:?}").is_empty());
    let key = Key::from_bytes(b"a key").expect("a short one");
    for integrity in [Integrity::Sha1, Integrity::Sha256] {
        assert!(!read.verify(integrity, &key), "nobody signed this");
    }
    let mut copy = vec![0; 4 * read.bytes().len() + 64];
    let mut writer = Writer::new(
        &mut copy,
        read.class(),
        read.method(),
        read.transaction_id(),
    );
    for attribute in read.attributes() {
        value(attribute.value, read.transaction_id());
        assert!(read.has(attribute.kind));
        let place = read.position(attribute.kind).expect("it is there");
        assert_eq!(read.attribute(attribute.kind), read.bytes().get(place));
        let _ = (read.number16(attribute.kind), read.number32(attribute.kind));
        let _ = read.xor_address(attribute.kind);
        writer.bytes(attribute.kind, attribute.value);
    }
    // What counts of it, written anew, is the same message.
    let copy = writer.finish().expect("room for all");
    let again = Message::parse(copy).expect("what is written here can be read");
    assert_eq!(
        (again.class(), again.method()),
        (read.class(), read.method())
    );
    assert!(copy.len() <= read.bytes().len(), "padding and all");
    let kinds = |message: &Message<'_>| -> Vec<_> {
        let pairs = message.attributes().map(|it| (it.kind, it.value.to_vec()));
        pairs.collect()
    };
    assert_eq!(kinds(&again), kinds(read));
}

fn value(bytes: &[u8], id: TransactionId) {
    for read in [address::read(bytes), address::read_xor(bytes, id)] {
        assert!(read.is_none_or(|_| matches!(bytes.len(), 8 | 20)));
    }
    let _ = (ErrorCode::parse(bytes), Key::from_bytes(bytes));
    let _ = bytes.first().map(|first| Family::from_number(*first));
    if let Some(number) = bytes.first_chunk() {
        let number = u16::from_be_bytes(*number);
        let _ = (Method::new(number), ErrorCode::new(number));
        let _ = Algorithm::from_number(number);
    }
}
