//! What each packet looks like on the wire.

use std::sync::Arc;

use serde_json::{Value, json};

use super::stage::event_of;
use crate::hub::{ErrorCode, JoinInfo, Packet, Reason, RoomName};

fn blue() -> RoomName {
    RoomName::new("blue").unwrap()
}

fn joined() -> Packet {
    let info = JoinInfo {
        count: 2,
        peers: vec!["b".into()],
        polite: true,
        resume: "blue.key".into(),
        resumed: false,
    };
    Packet::Joined {
        room: blue(),
        id: "a".into(),
        info,
    }
}

/// Packets that may carry a number.
fn numbered(number: u64) -> [Packet; 3] {
    let (room, id) = (blue(), Arc::<str>::from("a"));
    [
        Packet::OtherJoined {
            room: room.clone(),
            id: Arc::clone(&id),
            count: 2,
            number,
        },
        Packet::Bye {
            room: room.clone(),
            id: Arc::clone(&id),
            reason: Reason::Leave,
            number,
        },
        Packet::Message {
            room,
            data: json!({"type": "x", "n": [1]}).into(),
            from: id,
            number,
        },
    ]
}

#[test]
fn events_with_and_without_a_number() {
    let [news, bye, message] = numbered(0).map(|packet| event_of(&packet));
    assert_eq!(news, json!(["other_joined", "blue", "a", {"count": 2}]));
    assert_eq!(bye, json!(["bye", "blue", "a", {"reason": "leave"}]));
    let data = json!({"type": "x", "n": [1]});
    assert_eq!(message, json!(["message", "blue", data, {"from": "a"}]));

    let [news, bye, message] = numbered(7).map(|packet| event_of(&packet));
    assert_eq!(news[3], json!({"count": 2, "number": 7}));
    assert_eq!(bye[3], json!({"reason": "leave", "number": 7}));
    assert_eq!(message[3], json!({"from": "a", "number": 7}));
}

#[test]
fn short_events() {
    let (room, id) = (blue(), Arc::<str>::from("a"));
    let full = Packet::Full {
        room: room.clone(),
        id: Arc::clone(&id),
    };
    assert_eq!(event_of(&full), json!(["full", "blue", "a"]));
    let leaved = Packet::Leaved {
        room: room.clone(),
        id,
    };
    assert_eq!(event_of(&leaved), json!(["leaved", "blue", "a"]));
    let sent = Packet::Sent { room, count: 3 };
    assert_eq!(event_of(&sent), json!(["sent", "blue", 3]));
}

#[test]
fn turn_credentials_belong_to_a_member() {
    let turn = json!({"username": "1:a", "ttl": 3600});
    let (name, arguments) = joined().event(Some(&turn));
    assert_eq!(name, "joined");
    let info = json!({
        "count": 2, "peers": ["b"], "polite": true, "resume": "blue.key", "resumed": false,
        "username": "1:a", "ttl": 3600,
    });
    assert_eq!(arguments, [json!("blue"), json!("a"), info]);
    let (_, arguments) = joined().event(None);
    let info = json!({
        "count": 2, "peers": ["b"], "polite": true, "resume": "blue.key", "resumed": false,
    });
    assert_eq!(arguments[2], info);

    let refresh = Packet::TurnRefresh {
        room: blue(),
        id: "a".into(),
    };
    let (name, arguments) = refresh.event(Some(&turn));
    assert_eq!(
        (name, arguments),
        ("turn_refresh", vec![json!("blue"), turn.clone()])
    );
    assert_eq!(event_of(&refresh), json!(["turn_refresh", "blue", {}]));

    for packet in [joined(), refresh] {
        assert_eq!(packet.turn_for().map(|id| &**id), Some("a"));
    }
    for packet in numbered(1) {
        assert_eq!(packet.turn_for(), None);
        // And in no other event.
        assert_eq!(packet.event(Some(&turn)), packet.event(None));
    }
}

#[test]
fn errors() {
    let packet = |room| Packet::Error {
        code: ErrorCode::Busy,
        event: "join".into(),
        room,
        message: "no".into(),
    };
    let what = json!({"code": "busy", "event": "join", "room": "blue", "message": "no"});
    assert_eq!(event_of(&packet(Some(blue()))), json!(["sig_error", what]));
    let what = json!({"code": "busy", "event": "join", "message": "no"});
    assert_eq!(event_of(&packet(None)), json!(["sig_error", what]));
    for (code, word) in [
        (ErrorCode::AlreadyInRoom, "already_in_room"),
        (ErrorCode::NotInRoom, "not_in_room"),
        (ErrorCode::NoPeer, "no_peer"),
        (ErrorCode::UnknownCommand, "unknown_command"),
        (ErrorCode::BadArgs, "bad_args"),
        (ErrorCode::TooLarge, "too_large"),
        (ErrorCode::RateLimited, "rate_limited"),
        (ErrorCode::Forbidden, "forbidden"),
        (ErrorCode::Busy, "busy"),
        (ErrorCode::Disconnected, "disconnected"),
    ] {
        assert_eq!(code.as_str(), word);
    }
}

#[test]
fn farewells() {
    for (reason, word) in [
        (Reason::Leave, "leave"),
        (Reason::Lost, "lost"),
        (Reason::Replaced, "replaced"),
        (Reason::Strikes, "too_many_errors"),
        (Reason::Idle, "idle"),
        (Reason::SlowReader, "slow_reader"),
    ] {
        let what = json!({"code": "disconnected", "event": "", "message": word});
        let event = event_of(&Packet::farewell(reason));
        assert_eq!(event, Value::from(vec![json!("sig_error"), what]));
    }
}
