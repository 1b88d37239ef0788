//! Rooms of two and of eight, and what the others hear.

use serde_json::{Value, json};

use super::stage::{Stage, joined, message, message_from};
use crate::hub::Limits;

const NAMES: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];

#[test]
fn as_many_as_fit() {
    for capacity in [2, 8] {
        let mut stage = Stage::of(capacity);
        for (at, name) in NAMES.iter().take(capacity).enumerate() {
            stage.connect(name);
            let answer = stage.say(name, json!(["join", "blue"]));
            let peers = NAMES[..at].iter().map(|name| format!("{name}/1"));
            let peers = peers.collect::<Vec<_>>();
            let peers = peers.iter().map(String::as_str).collect::<Vec<_>>();
            let id = format!("{name}/1");
            assert_eq!(answer, joined("blue", &id, &peers, at > 0));
            assert_eq!(stage.heard(name), json!([answer]));
            for other in &NAMES[..at] {
                let news = json!(["other_joined", "blue", id, {"count": at + 1}]);
                assert_eq!(stage.heard(other), json!([news]));
            }
        }
        stage.connect("late");
        let full = json!(["full", "blue", "late/1"]);
        assert_eq!(stage.say("late", json!(["join", "blue"])), full);
        assert_eq!(stage.heard("late"), json!([full]));
        for name in &NAMES[..capacity] {
            assert_eq!(stage.heard(name), json!([]));
        }
        // It is in no room, so may join another, or this one when there is a place.
        let answer = stage.say("late", json!(["message", "blue", {"type": "x"}]));
        assert_eq!(answer[1]["code"], "not_in_room");
        stage.close("a");
        assert_eq!(stage.say("late", json!(["join", "blue"]))[0], "joined");
        stage.finish();
    }
}

#[test]
fn a_message_to_seven_and_to_one() {
    let limits = Limits {
        capacity: 8,
        ..Limits::default()
    };
    let mut stage = Stage::in_blue(limits, &NAMES[..8]);
    assert_eq!(stage.say("d", message(1)), json!(["sent", "blue", 7]));
    let to_one = json!(["message", "blue", {"type": "n", "n": 2}, {"to": "f/1"}]);
    assert_eq!(stage.say("d", to_one), json!(["sent", "blue", 1]));
    for (at, name) in NAMES[..8].iter().enumerate() {
        // Each has heard of those who came after it.
        let first = 8 - at as u64;
        let mut expected = Vec::new();
        if *name != "d" {
            expected.push(message_from("d/1", 1, first));
        }
        if *name == "f" {
            expected.push(message_from("d/1", 2, first + 1));
        }
        assert_eq!(stage.heard(name), Value::from(expected), "{name}");
    }
    stage.finish();
}

#[test]
fn rooms_do_not_hear_each_other() {
    let mut stage = Stage::in_blue(Limits::default(), &["ann", "bob"]);
    for name in ["cat", "dan"] {
        stage.connect(name);
        stage.join(name, "red");
    }
    stage.heard("cat");
    stage.say("ann", message(1));
    stage.say(
        "ann",
        json!(["message", "blue", {"type": "x"}, {"to": "cat/1"}]),
    );
    stage.say("bob", json!(["leave", "blue"]));
    stage.say("bob", json!(["join", "red"]));
    stage.say("bob", json!(["leave", "red"]));
    assert_eq!(stage.heard("cat"), json!([]));
    assert_eq!(stage.heard("dan"), json!([]));
    stage.finish();
}

#[test]
fn every_stay_has_a_name_of_its_own() {
    let mut stage = Stage::in_blue(Limits::default(), &["ann"]);
    assert_eq!(
        stage.say("ann", json!(["leave", "blue"])),
        json!(["leaved", "blue", "ann/1"])
    );
    assert_eq!(stage.hub.rooms(), 0);
    let answer = stage.say("ann", json!(["join", "blue"]));
    assert_eq!(answer, joined("blue", "ann/3", &[], false));
    stage.finish();
}

#[test]
fn who_stays_makes_the_next_offer() {
    let mut stage = Stage::in_blue(Limits::default(), &["ann", "bob"]);
    stage.close("ann");
    stage.connect("cat");
    let answer = stage.say("cat", json!(["join", "blue"]));
    assert_eq!(answer, joined("blue", "cat/1", &["bob/1"], true));
    let answer = stage.say("bob", json!(["join", "blue"]));
    assert_eq!(answer, joined("blue", "bob/1", &["cat/1"], false));
    stage.finish();
}
