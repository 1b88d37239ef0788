//! The crate's numbers and names against IANA's STUN registries.

use std::{collections::BTreeMap, ops::RangeInclusive};

use turnd_wire::{
    Algorithm, ErrorCode, Family, Method,
    attr::{self, AttributeType},
    channel_data::CHANNELS,
};

#[test]
fn every_registered_attribute_is_in_the_table() {
    for entry in registry().filter(|entry| !entry.is_reserved()) {
        let kind = AttributeType(*entry.numbers.start());
        assert_eq!(kind.name(), Some(entry.name), "0x{:04X}", kind.0);
    }
}

#[test]
fn the_table_has_no_attribute_that_is_not_registered() {
    let registered: BTreeMap<u16, Entry> = registry()
        .filter(|entry| !entry.is_reserved())
        .map(|entry| (*entry.numbers.start(), entry))
        .collect();
    for row in attr::TABLE {
        let (rfc, _) = row.source.split_once(" section ").unwrap();
        let reference = registered[&row.number.0].reference;
        assert_eq!(rfc.replace(' ', ""), reference, "{}", row.name);
    }
}

#[test]
fn a_reserved_number_has_no_name() {
    for entry in registry().filter(Entry::is_reserved) {
        for number in entry.numbers {
            assert_eq!(AttributeType(number).name(), None, "0x{number:04X}");
        }
    }
}

#[test]
fn the_table_is_in_order_so_that_names_are_found() {
    assert!(attr::TABLE.is_sorted_by(|a, b| a.number < b.number));
    for row in attr::TABLE {
        assert_eq!(row.number.name(), Some(row.name));
        assert_eq!(row.number.to_string(), row.name);
    }
    assert_eq!(AttributeType(0xC057).to_string(), "0xC057");
}

#[test]
fn the_lower_half_of_the_numbers_must_be_understood() {
    for number in 0..=u16::MAX {
        assert_eq!(AttributeType(number).is_required(), number <= 0x7FFF);
    }
}

#[test]
fn methods_are_the_registered_ones() {
    let registered = [
        (Method::BINDING, 0x001, "Binding"),
        (Method::ALLOCATE, 0x003, "Allocate"),
        (Method::REFRESH, 0x004, "Refresh"),
        (Method::SEND, 0x006, "Send"),
        (Method::DATA, 0x007, "Data"),
        (Method::CREATE_PERMISSION, 0x008, "CreatePermission"),
        (Method::CHANNEL_BIND, 0x009, "ChannelBind"),
        (Method::CONNECT, 0x00A, "Connect"),
        (Method::CONNECTION_BIND, 0x00B, "ConnectionBind"),
        (Method::CONNECTION_ATTEMPT, 0x00C, "ConnectionAttempt"),
    ];
    for (method, number, name) in registered {
        assert_eq!((method.number(), method.name()), (number, Some(name)));
    }
    let named = (0..=0xFFF).filter_map(|number| Method::new(number)?.name());
    assert_eq!(named.count(), registered.len());
}

#[test]
fn error_codes_are_the_registered_ones() {
    // 487 Role Conflict is registered too, but only ICE agents send it.
    let registered = [
        (ErrorCode::TRY_ALTERNATE, 300, "Try Alternate"),
        (ErrorCode::BAD_REQUEST, 400, "Bad Request"),
        (ErrorCode::UNAUTHENTICATED, 401, "Unauthenticated"),
        (ErrorCode::FORBIDDEN, 403, "Forbidden"),
        (ErrorCode::MOBILITY_FORBIDDEN, 405, "Mobility Forbidden"),
        (ErrorCode::UNKNOWN_ATTRIBUTE, 420, "Unknown Attribute"),
        (ErrorCode::ALLOCATION_MISMATCH, 437, "Allocation Mismatch"),
        (ErrorCode::STALE_NONCE, 438, "Stale Nonce"),
        (
            ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED,
            440,
            "Address Family not Supported",
        ),
        (ErrorCode::WRONG_CREDENTIALS, 441, "Wrong Credentials"),
        (
            ErrorCode::UNSUPPORTED_TRANSPORT,
            442,
            "Unsupported Transport Protocol",
        ),
        (
            ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH,
            443,
            "Peer Address Family Mismatch",
        ),
        (
            ErrorCode::CONNECTION_ALREADY_EXISTS,
            446,
            "Connection Already Exists",
        ),
        (
            ErrorCode::CONNECTION_TIMEOUT_OR_FAILURE,
            447,
            "Connection Timeout or Failure",
        ),
        (
            ErrorCode::ALLOCATION_QUOTA_REACHED,
            486,
            "Allocation Quota Reached",
        ),
        (ErrorCode::SERVER_ERROR, 500, "Server Error"),
        (
            ErrorCode::INSUFFICIENT_CAPACITY,
            508,
            "Insufficient Capacity",
        ),
    ];
    for (code, number, reason) in registered {
        assert_eq!((code.number(), code.reason()), (number, reason));
    }
    let with_reason = (300..=699)
        .filter_map(ErrorCode::new)
        .filter(|code| !code.reason().is_empty());
    assert_eq!(with_reason.count(), registered.len());
}

#[test]
fn small_registries() {
    assert_eq!((Family::V4.number(), Family::V6.number()), (0x01, 0x02));
    assert_eq!(
        (Algorithm::Md5.number(), Algorithm::Sha256.number()),
        (0x0001, 0x0002)
    );
    assert_eq!(CHANNELS, 0x4000..=0x4FFF);
}

/// One line of the registry's copy.
struct Entry {
    numbers: RangeInclusive<u16>,
    name: &'static str,
    reference: &'static str,
}

impl Entry {
    fn is_reserved(&self) -> bool {
        self.name.starts_with("Reserved")
    }
}

/// The registry still calls CHANGE-REQUEST reserved, although RFC 5780 section 7.2 brought it back.
const CHANGE_REQUEST: &str = "Reserved; was CHANGE-REQUEST prior to RFC5389";

fn registry() -> impl Iterator<Item = Entry> {
    include_str!("data/iana-stun-attributes.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let mut fields = line.split('|').map(str::trim);
            let numbers = fields.next().unwrap();
            let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
            let name = match fields.next().unwrap() {
                CHANGE_REQUEST => "CHANGE-REQUEST",
                name => name,
            };
            Entry {
                numbers: hex(first)..=hex(last),
                name,
                reference: fields.next().unwrap(),
            }
        })
}

fn hex(number: &str) -> u16 {
    u16::from_str_radix(number.strip_prefix("0x").unwrap(), 16).unwrap()
}
