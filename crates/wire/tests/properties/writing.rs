//! The two ways to make a message: into a buffer of any size, and around data that stays in place.

use std::net::SocketAddr;

use proptest::{prelude::*, sample::Index};
use turnd_wire::{
    Class, DataIndication, ErrorCode, Integrity, Message, Method, Writer,
    attr::{self, AttributeType},
    writer::BufferTooSmall,
};

use crate::helpers::*;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_writer_says_whether_the_message_fits(
        calls in prop::collection::vec(call(), 0..12), room in any::<Index>(),
    ) {
        let mut enough = vec![0xEE; 500_000];
        let whole = run(&mut enough, &calls).map(<[u8]>::to_vec);
        if let Ok(whole) = &whole {
            prop_assert!(Message::parse(whole).is_ok());
        }
        let needed = whole.as_ref().map_or(70_000, Vec::len);
        let mut buffer = vec![0xAA; room.index(needed + 8)];
        let fits = whole.is_ok() && buffer.len() >= needed;
        let written = run(&mut buffer, &calls).map(<[u8]>::to_vec);
        prop_assert_eq!(written.is_ok(), fits);
        if fits {
            prop_assert_eq!(written, whole);
        }
    }

    #[test]
    fn a_data_indication_framed_around_its_data_is_what_the_writer_writes(
        id: [u8; 12], peer in socket_address(), fingerprint: bool,
        data in prop_oneof![9 => bytes(0..1500), 1 => bytes(65_440..65_540)],
    ) {
        let mut buffer = [0xEE; 70_000];
        let mut writer = Writer::new(&mut buffer, Class::Indication, Method::DATA, id.into());
        writer.xor_address(attr::XOR_PEER_ADDRESS, peer);
        writer.bytes(attr::DATA, &data);
        if fingerprint {
            writer.fingerprint();
        }
        let framed = DataIndication::new(id.into(), peer, &data, fingerprint)
            .map(|frame| [frame.prefix(), &data, frame.suffix()].concat());
        prop_assert_eq!(framed.as_deref(), writer.finish().ok());
    }
}

/// One call of a writer.
#[derive(Clone, Debug)]
enum Call {
    Bytes(AttributeType, Vec<u8>),
    Text(AttributeType, String),
    Number(AttributeType, u32),
    Plain(AttributeType, SocketAddr),
    Xor(AttributeType, SocketAddr),
    Error(u16, String),
    Integrity(Integrity),
    Fingerprint,
}

fn call() -> impl Strategy<Value = Call> {
    let values =
        prop_oneof![20 => bytes(0..64), 1 => bytes(32_000..34_000), 1 => bytes(65_500..66_000)];
    prop_oneof![
        3 => (any_kind(), values).prop_map(|(kind, value)| Call::Bytes(kind, value)),
        1 => (any_kind(), "\\PC{0,40}").prop_map(|(kind, text)| Call::Text(kind, text)),
        1 => (any_kind(), any::<u32>()).prop_map(|(kind, number)| Call::Number(kind, number)),
        1 => (any_kind(), socket_address()).prop_map(|(kind, address)| Call::Plain(kind, address)),
        1 => (any_kind(), socket_address()).prop_map(|(kind, address)| Call::Xor(kind, address)),
        1 => (300..=699_u16, "\\PC{0,300}").prop_map(|(code, reason)| Call::Error(code, reason)),
        1 => integrity().prop_map(Call::Integrity),
        1 => Just(Call::Fingerprint),
    ]
}

fn run<'b>(buffer: &'b mut [u8], calls: &[Call]) -> Result<&'b [u8], BufferTooSmall> {
    let mut writer = Writer::new(buffer, Class::Success, Method::ALLOCATE, [4; 12].into());
    for call in calls {
        match call {
            Call::Bytes(kind, value) => writer.bytes(*kind, value),
            Call::Text(kind, text) => writer.text(*kind, text),
            Call::Number(kind, number) => writer.number32(*kind, *number),
            Call::Plain(kind, address) => writer.address(*kind, *address),
            Call::Xor(kind, address) => writer.xor_address(*kind, *address),
            Call::Error(code, reason) => {
                writer.error_code(ErrorCode::new(*code).unwrap(), reason);
            }
            Call::Integrity(integrity) => writer.integrity(*integrity, &key()),
            Call::Fingerprint => writer.fingerprint(),
        }
    }
    writer.finish()
}
