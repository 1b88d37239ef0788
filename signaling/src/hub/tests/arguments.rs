//! Arguments that are wrong, and those that only look it.

use serde_json::{Value, json};

use super::stage::{Stage, error, without_text};
use crate::hub::{ErrorCode, Limits, limits::Rate};

/// A hub that has patience.
fn patient() -> Stage {
    let strikes = Rate {
        burst: 1000.0,
        per_second: 0.0,
    };
    let mut stage = Stage::new(Limits {
        strikes,
        ..Limits::default()
    });
    stage.connect("ann");
    stage
}

#[test]
fn names_of_rooms() {
    let mut stage = patient();
    let longest = "x".repeat(64);
    for name in ["a", "Blue_room-7", "0", "-", "_", &longest] {
        let answer = stage.say("ann", json!(["join", name]));
        assert_eq!(answer[0], "joined", "{name}");
        assert_eq!(answer[1], name);
        stage.say("ann", json!(["leave", name]));
    }
    let too_long = "x".repeat(65);
    for name in ["", " ", "a b", "a/b", "a.b", "é", "a\0", "<b>", &too_long] {
        for command in [
            json!(["join", name]),
            json!(["leave", name]),
            json!(["message", name, {"type": "x"}]),
        ] {
            let word = command[0].as_str().unwrap().to_owned();
            let answer = without_text(stage.say("ann", command));
            // What is no name of a room is not repeated.
            assert_eq!(answer, error("bad_args", &word, None), "{name:?}");
        }
    }
    for name in [
        json!(null),
        json!(1),
        json!(["blue"]),
        json!({"room": "blue"}),
        json!(true),
    ] {
        let answer = without_text(stage.say("ann", json!(["join", name])));
        assert_eq!(answer, error("bad_args", "join", None), "{name}");
    }
    stage.finish();
}

fn assert_all_bad(commands: &[Value]) {
    let mut stage = patient();
    for command in commands {
        let word = command[0].as_str().unwrap();
        let answer = without_text(stage.say("ann", command.clone()));
        assert_eq!(answer, error("bad_args", word, Some("blue")), "{command}");
    }
    assert_eq!(stage.hub.rooms(), 0);
    stage.finish();
}

#[test]
fn bad_options_of_join() {
    let long = "x".repeat(257);
    assert_all_bad(&[
        json!(["join", "blue", null]),
        json!(["join", "blue", "resume"]),
        json!(["join", "blue", []]),
        json!(["join", "blue", 7]),
        json!(["join", "blue", {}, {}]),
        json!(["join", "blue", {"token": 7}]),
        json!(["join", "blue", {"token": {}}]),
        json!(["join", "blue", {"token": long}]),
        json!(["join", "blue", {"resume": 1}]),
        json!(["join", "blue", {"resume": ["x"]}]),
        json!(["join", "blue", {"resume": long}]),
        json!(["join", "blue", {"seen": "1"}]),
        json!(["join", "blue", {"seen": -1}]),
        json!(["join", "blue", {"seen": 1.5}]),
        json!(["join", "blue", {"seen": true}]),
    ]);
}

#[test]
fn good_options_of_join() {
    let mut stage = patient();
    let longest = "x".repeat(256);
    for options in [
        json!({}),
        json!({"token": null, "resume": null, "seen": null}),
        json!({"token": longest, "resume": longest, "seen": u64::MAX}),
        json!({"resume": true, "seen": 0}),
        json!({"resume": false}),
        json!({"resume": ""}),
        json!({"resume": "blue."}),
        json!({"colour": [1, 2], "Token": 7}),
    ] {
        let answer = stage.say("ann", json!(["join", "blue", options]));
        assert_eq!(answer[0], "joined", "{options}");
        assert_eq!(answer[3]["resumed"], false, "{options}");
        stage.say("ann", json!(["leave", "blue"]));
    }
    stage.finish();
}

#[test]
fn bad_leaves_and_messages() {
    let long = "x".repeat(257);
    assert_all_bad(&[
        json!(["leave", "blue", {}]),
        json!(["message", "blue"]),
        json!(["message", "blue", null]),
        json!(["message", "blue", "offer"]),
        json!(["message", "blue", []]),
        json!(["message", "blue", {}]),
        json!(["message", "blue", {"type": null}]),
        json!(["message", "blue", {"type": 1}]),
        json!(["message", "blue", {"Type": "offer"}]),
        json!(["message", "blue", {"type": "x"}, null]),
        json!(["message", "blue", {"type": "x"}, "bob/1"]),
        json!(["message", "blue", {"type": "x"}, {"to": 1}]),
        json!(["message", "blue", {"type": "x"}, {"to": ["bob/1"]}]),
        json!(["message", "blue", {"type": "x"}, {"to": long}]),
        json!(["message", "blue", {"type": "x"}, {}, {}]),
    ]);
}

#[test]
fn a_long_name_of_an_event_is_cut_short() {
    let mut stage = patient();
    let answer = without_text(stage.say("ann", json!(["é".repeat(1000)])));
    assert_eq!(answer, error("unknown_command", &"é".repeat(32), None));
    stage.finish();
}

#[test]
fn what_is_no_event() {
    let mut stage = patient();
    stage.garbage("ann", ErrorCode::TooLarge, "too long");
    let what = json!({"code": "too_large", "event": "", "message": "too long"});
    assert_eq!(stage.heard("ann"), json!([["sig_error", what]]));
    // After the end of a connection there may still be something of it on its way.
    stage.close("ann");
    stage.garbage("ann", ErrorCode::BadArgs, "late");
    assert_eq!(stage.say("ann", json!(["join", "blue"])), Value::Null);
    stage.overflow("ann");
    stage.close("ann");
    assert_eq!(stage.heard("ann"), json!([]));
    stage.assert_empty();
}
