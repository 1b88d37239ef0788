//! Everything that strangers can make grow, and where it ends.

use std::time::Duration;

use serde_json::{Value, json};

use super::stage::{Stage, joined, message, without_text};
use crate::hub::{Busy, Ending, Limits, limits::Rate};

fn rate(burst: f64, per_second: f64) -> Rate {
    Rate { burst, per_second }
}

fn code(answer: &Value) -> &str {
    answer[1]["code"].as_str().unwrap_or("none")
}

#[test]
fn too_fast_and_slower() {
    let limits = Limits {
        commands: rate(4.0, 2.0),
        ..Limits::default()
    };
    let mut stage = Stage::in_blue(limits, &["ann", "bob"]);
    for n in 1..=3 {
        assert_eq!(stage.say("ann", message(n))[0], "sent");
    }
    let answer = without_text(stage.say("ann", message(4)));
    // What came too fast is not read, so its room is not known.
    assert_eq!(
        answer,
        json!(["sig_error", {"code": "rate_limited", "event": "message"}])
    );
    // Each has a supply of its own.
    assert_eq!(stage.say("bob", message(1))[0], "sent");
    stage.heard("ann");
    stage.seconds(0.499);
    assert_eq!(code(&stage.say("ann", message(4))), "rate_limited");
    stage.seconds(0.001);
    assert_eq!(stage.say("ann", message(4))[0], "sent");
    assert_eq!(code(&stage.say("ann", message(5))), "rate_limited");
    stage.seconds(60.0);
    for n in 5..=8 {
        assert_eq!(stage.say("ann", message(n))[0], "sent");
    }
    assert_eq!(code(&stage.say("ann", message(9))), "rate_limited");
    // The other heard nothing of what was refused.
    let heard = stage.heard("bob");
    let numbers = heard.as_array().unwrap().iter().map(|event| &event[2]["n"]);
    assert_eq!(numbers.collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8]);
    stage.finish();
}

fn three_strikes() -> Limits {
    Limits {
        strikes: rate(3.0, 0.1),
        ..Limits::default()
    }
}

#[test]
fn too_many_mistakes() {
    let mut stage = Stage::in_blue(three_strikes(), &["ann", "bob"]);
    // To find nobody is no mistake.
    for _ in 0..10 {
        let answer = stage.say(
            "ann",
            json!(["message", "blue", {"type": "x"}, {"to": "?"}]),
        );
        assert_eq!(code(&answer), "no_peer");
    }
    for command in [json!(["dance"]), json!(["join"]), json!(["leave", "red"])] {
        stage.say("ann", command);
    }
    stage.heard("ann");
    let answer = stage.say("ann", json!(["join", "red"]));
    assert_eq!(code(&answer), "already_in_room");
    // First the answer, then the end: at once, though it would come back.
    assert_eq!(
        stage.heard("ann"),
        json!([answer, ["CUT", "too_many_errors"]])
    );
    let bye = json!(["bye", "blue", "ann/1", {"reason": "lost", "number": 1}]);
    assert_eq!(stage.heard("bob"), json!([bye]));
    assert_eq!(stage.say("ann", json!(["join", "blue"])), Value::Null);
    assert_eq!(stage.hub.sockets(), 1);
    stage.finish();
}

#[test]
fn mistakes_are_forgiven_with_time() {
    let mut stage = Stage::in_blue(three_strikes(), &["ann"]);
    for _ in 0..20 {
        stage.say("ann", json!(["dance"]));
        stage.seconds(10.0);
    }
    for _ in 0..3 {
        stage.say("ann", json!(["dance"]));
    }
    assert_eq!(stage.hub.sockets(), 1);
    stage.garbage("ann", crate::hub::ErrorCode::BadArgs, "no event");
    assert_eq!(stage.hub.sockets(), 0);
    stage.finish();
}

#[test]
fn haste_is_a_mistake_too() {
    let limits = Limits {
        commands: rate(1.0, 0.1),
        ..three_strikes()
    };
    let mut stage = Stage::in_blue(limits, &["ann"]);
    for _ in 0..3 {
        assert_eq!(code(&stage.say("ann", message(1))), "rate_limited");
    }
    let answer = stage.say("ann", message(1));
    let heard = stage.heard("ann");
    assert_eq!(heard[3], answer);
    assert_eq!(heard[4], json!(["CUT", "too_many_errors"]));
    stage.finish();
}

#[test]
fn idle() {
    let idle = Limits::default().idle;
    let mut stage = Stage::of(2);
    for name in ["ann", "bob"] {
        stage.connect(name);
    }
    stage.join("bob", "blue");
    // What fails or changes nothing does not count as joining.
    stage.pass(idle / 2);
    stage.say("ann", json!(["leave", "blue"]));
    stage.say("ann", json!(["join", "?"]));
    stage.heard("ann");
    stage.pass(idle / 2 - Duration::from_millis(1));
    assert_eq!(stage.heard("ann"), json!([]));
    stage.pass(Duration::from_millis(1));
    assert_eq!(stage.heard("ann"), json!([["CUT", "idle"]]));
    assert_eq!(stage.heard("bob"), json!([]));
    // After leaving it counts from there.
    stage.pass(idle);
    stage.say("bob", json!(["leave", "blue"]));
    stage.heard("bob");
    stage.pass(idle - Duration::from_millis(1));
    assert_eq!(stage.heard("bob"), json!([]));
    stage.pass(Duration::from_millis(1));
    assert_eq!(stage.heard("bob"), json!([["CUT", "idle"]]));
    stage.assert_empty();
}

#[test]
fn a_slow_reader() {
    let mut stage = Stage::in_blue(Limits::default(), &["ann", "bob"]);
    stage.overflow("bob");
    assert_eq!(stage.heard("bob"), json!([["CUT", "slow_reader"]]));
    // There is no grace: what it has not read is not kept for it.
    let bye = json!(["bye", "blue", "bob/1", {"reason": "lost", "number": 2}]);
    assert_eq!(stage.heard("ann"), json!([bye]));
    stage.overflow("bob");
    stage.lose("bob");
    stage.seconds(60.0);
    assert_eq!(stage.heard("ann"), json!([]));
    assert_eq!(stage.heard("bob"), json!([]));
    stage.finish();
}

#[test]
fn connections() {
    let mut stage = Stage::new(Limits {
        sockets: 3,
        sockets_per_address: 2,
        ..Limits::default()
    });
    assert_eq!(stage.connect_from("a", "192.0.2.1"), Ok(()));
    assert_eq!(stage.connect_from("b", "::ffff:192.0.2.1"), Ok(()));
    assert_eq!(stage.connect_from("c", "192.0.2.1"), Err(Busy::Address));
    assert_eq!(stage.connect_from("c", "2001:db8::1"), Ok(()));
    assert_eq!(stage.connect_from("d", "192.0.2.2"), Err(Busy::Sockets));
    assert_eq!(stage.hub.sockets(), 3);
    // However a connection ends, there is a place again.
    stage.close("a");
    assert_eq!(stage.connect_from("a", "192.0.2.1"), Ok(()));
    stage.lose("b");
    assert_eq!(stage.connect_from("b", "192.0.2.1"), Ok(()));
    stage.overflow("a");
    assert_eq!(stage.connect_from("a", "192.0.2.1"), Ok(()));
    stage.seconds(120.0);
    assert_eq!(stage.heard("a"), json!([["CUT", "idle"]]));
    stage.assert_empty();
}

#[test]
fn rooms() {
    let mut stage = Stage::new(Limits {
        rooms: 2,
        ..Limits::default()
    });
    for (name, room) in [("a", "blue"), ("b", "red")] {
        stage.connect(name);
        stage.join(name, room);
    }
    stage.connect("c");
    let answer = without_text(stage.say("c", json!(["join", "green"])));
    let what = json!({"code": "busy", "event": "join", "room": "green"});
    assert_eq!(answer, json!(["sig_error", what]));
    // In a room that is there, there is a place.
    assert_eq!(
        stage.say("c", json!(["join", "blue"])),
        joined("blue", "c/2", &["a/1"], true)
    );
    stage.say("c", json!(["leave", "blue"]));
    // A room whose only member is away is a room still.
    stage.end(stage.socket("b"), Ending::Lost);
    assert_eq!(code(&stage.say("c", json!(["join", "green"]))), "busy");
    stage.pass(Limits::default().grace);
    assert_eq!(
        stage.say("c", json!(["join", "green"])),
        joined("green", "c/5", &[], false)
    );
    stage.finish();
}
