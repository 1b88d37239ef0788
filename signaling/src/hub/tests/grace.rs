//! Lost connections: who comes back, with what, and who does not.

use std::time::Duration;

use serde_json::{Value, json};

use super::stage::{Stage, joined, message, message_from, resumed};
use crate::hub::{Limits, limits::Waiting};

fn duo() -> Stage {
    Stage::in_blue(Limits::default(), &["ann", "bob"])
}

/// `bob` is back on a new connection, with its secret.
fn come_back(stage: &mut Stage, mut options: Value) -> Value {
    options["resume"] = json!("blue.key-bob/1");
    stage.connect("bob");
    stage.say("bob", json!(["join", "blue", options]))
}

fn back() -> Value {
    resumed("blue", "bob/1", &["ann/1"], true)
}

#[test]
fn lost_and_back_with_what_waited_in_order() {
    let mut stage = duo();
    stage.say("ann", message(1));
    stage.lose("bob");
    for n in 2..=4 {
        // Kept counts as passed on.
        assert_eq!(stage.say("ann", message(n)), json!(["sent", "blue", 1]));
    }
    stage.seconds(9.0);
    assert_eq!(come_back(&mut stage, json!({})), back());
    let waited = (2..=4).map(|n| message_from("ann/1", n, n as u64));
    let heard = std::iter::once(back()).chain(waited).collect::<Value>();
    assert_eq!(stage.heard("bob"), heard);
    // It is a member like before, and its place no longer ends.
    stage.seconds(60.0);
    stage.say("ann", message(5));
    assert_eq!(stage.heard("bob"), json!([message_from("ann/1", 5, 5)]));
    stage.say("bob", message(6));
    // The other has noticed nothing.
    assert_eq!(stage.heard("ann"), json!([message_from("bob/1", 6, 2)]));
    stage.finish();
}

#[test]
fn seen_replays_what_was_on_its_way() {
    for (seen, first) in [(0, 1), (1, 2), (3, 4), (4, 5), (u64::MAX, 6)] {
        let mut stage = duo();
        for n in 1..=3 {
            stage.say("ann", message(n));
        }
        stage.lose("bob");
        for n in 4..=5 {
            stage.say("ann", message(n));
        }
        come_back(&mut stage, json!({"seen": seen}));
        let missing = (first..=5).map(|n| message_from("ann/1", n, n as u64));
        let heard = std::iter::once(back()).chain(missing).collect::<Value>();
        assert_eq!(stage.heard("bob"), heard, "seen {seen}");
        stage.finish();
    }
}

#[test]
fn news_of_the_room_waits_too() {
    let limits = Limits {
        capacity: 3,
        ..Limits::default()
    };
    let mut stage = Stage::in_blue(limits, &["ann", "bob"]);
    stage.lose("bob");
    stage.connect("cat");
    stage.join("cat", "blue");
    stage.say("ann", json!(["leave", "blue"]));
    stage.connect("bob");
    stage.say("bob", json!(["join", "blue", {"resume": "blue.key-bob/1"}]));
    let heard = json!([
        // Who stays longest is first now, and does not give way.
        resumed("blue", "bob/1", &["cat/1"], false),
        ["other_joined", "blue", "cat/1", {"count": 3, "number": 1}],
        ["bye", "blue", "ann/1", {"reason": "leave", "number": 2}],
    ]);
    assert_eq!(stage.heard("bob"), heard);
    stage.finish();
}

#[test]
fn back_while_the_old_connection_stands() {
    let mut stage = duo();
    stage.say("ann", message(1));
    stage.say("ann", message(2));
    let old = stage.socket("bob");
    stage.heard("bob");
    assert_eq!(come_back(&mut stage, json!({"seen": 1})), back());
    assert_eq!(stage.heard_by(old), json!([["CUT", "replaced"]]));
    let heard = json!([back(), message_from("ann/1", 2, 2)]);
    assert_eq!(stage.heard("bob"), heard);
    // The end of the old connection is nobody's.
    stage.end(old, crate::hub::Ending::Lost);
    stage.seconds(60.0);
    assert_eq!(stage.heard("ann"), json!([]));
    assert_eq!(stage.say("ann", message(3)), json!(["sent", "blue", 1]));
    // Without `seen` nothing is told twice.
    come_back(&mut stage, json!({}));
    assert_eq!(stage.heard("bob"), json!([back()]));
    stage.finish();
}

#[test]
fn too_late() {
    let grace = Limits::default().grace;
    let mut stage = duo();
    stage.lose("bob");
    stage.pass(grace - Duration::from_millis(1));
    assert_eq!(stage.heard("ann"), json!([]));
    stage.pass(Duration::from_millis(1));
    let bye = json!(["bye", "blue", "bob/1", {"reason": "lost", "number": 2}]);
    assert_eq!(stage.heard("ann"), json!([bye]));
    let newcomer = joined("blue", "bob/1", &["ann/1"], true);
    assert_eq!(come_back(&mut stage, json!({"seen": 0})), newcomer);
    let news = json!(["other_joined", "blue", "bob/1", {"count": 2, "number": 3}]);
    assert_eq!(stage.heard("ann"), json!([news]));
    stage.finish();
}

#[test]
fn a_wrong_secret_is_that_of_a_newcomer() {
    let limits = Limits {
        capacity: 3,
        ..Limits::default()
    };
    for secret in [
        "key-bob/1",
        "blue.key-bob/2",
        "blue.key-bob/",
        "red.key-bob/1",
        "bob/1",
        "",
    ] {
        let mut stage = Stage::in_blue(limits.clone(), &["ann", "bob"]);
        stage.lose("bob");
        stage.connect("eve");
        let answer = stage.say(
            "eve",
            json!(["join", "blue", {"resume": secret, "seen": 0}]),
        );
        let newcomer = joined("blue", "eve/1", &["ann/1", "bob/1"], true);
        assert_eq!(answer, newcomer, "{secret}");
        stage.finish();
    }
    // The right secret is worth nothing in another room.
    let mut stage = duo();
    stage.lose("bob");
    stage.connect("bob");
    let answer = stage.say("bob", json!(["join", "red", {"resume": "blue.key-bob/1"}]));
    assert_eq!(answer, joined("red", "bob/1", &[], false));
    stage.finish();
}

#[test]
fn the_place_is_kept_from_others() {
    let mut stage = duo();
    stage.lose("bob");
    stage.connect("cat");
    let answer = stage.say("cat", json!(["join", "blue", {"resume": "wrong"}]));
    assert_eq!(answer, json!(["full", "blue", "cat/1"]));
    assert_eq!(come_back(&mut stage, json!({})), back());
    stage.finish();
}

#[test]
fn no_grace_without_asking_or_after_closing() {
    for (options, closes) in [
        (json!({}), false),
        (json!({"resume": false}), false),
        (json!({"resume": true}), true),
    ] {
        let mut stage = Stage::in_blue(Limits::default(), &["ann"]);
        stage.connect("bob");
        stage.say("bob", json!(["join", "blue", options]));
        stage.heard("ann");
        if closes {
            stage.close("bob");
        } else {
            stage.lose("bob");
        }
        let bye = json!(["bye", "blue", "bob/1", {"reason": "lost", "number": 2}]);
        assert_eq!(stage.heard("ann"), json!([bye]), "{options}");
        stage.finish();
    }
}

#[test]
fn who_came_back_once_may_come_back_again() {
    let mut stage = Stage::in_blue(Limits::default(), &["ann"]);
    stage.connect("bob");
    // At first it did not ask for its place to be kept; with the secret it does.
    stage.say("bob", json!(["join", "blue"]));
    stage.heard("ann");
    assert_eq!(come_back(&mut stage, json!({})), back());
    for n in 1..=3 {
        stage.lose("bob");
        stage.say("ann", message(n));
        stage.seconds(9.0);
        assert_eq!(come_back(&mut stage, json!({})), back());
        let heard = json!([back(), message_from("ann/1", n, n as u64)]);
        assert_eq!(stage.heard("bob"), heard);
    }
    assert_eq!(stage.heard("ann"), json!([]));
    stage.finish();
}

#[test]
fn everybody_away() {
    let mut stage = duo();
    stage.lose("ann");
    stage.seconds(6.0);
    stage.lose("bob");
    assert_eq!((stage.hub.sockets(), stage.hub.rooms()), (0, 1));
    stage.seconds(5.0);
    stage.connect("bob");
    stage.say("bob", json!(["join", "blue", {"resume": "blue.key-bob/1"}]));
    let heard = json!([
        resumed("blue", "bob/1", &[], false),
        ["bye", "blue", "ann/1", {"reason": "lost", "number": 1}],
    ]);
    assert_eq!(stage.heard("bob"), heard);
    stage.lose("bob");
    stage.seconds(10.0);
    stage.assert_empty();
}

fn small(packets: usize, capacity: usize) -> Limits {
    Limits {
        capacity,
        waiting: Waiting {
            packets,
            bytes: usize::MAX,
        },
        ..Limits::default()
    }
}

#[test]
fn too_much_waits() {
    let mut stage = Stage::in_blue(small(3, 2), &["ann", "bob"]);
    // What was sent before the connection was lost makes place for what waits.
    for n in 1..=5 {
        stage.say("ann", message(n));
    }
    stage.lose("bob");
    for n in 6..=8 {
        assert_eq!(stage.say("ann", message(n))[0], "sent");
    }
    assert_eq!(stage.heard("ann"), json!([]));
    // One too many: nobody has it.
    let answer = stage.say("ann", message(9));
    assert_eq!(answer[1]["code"], "no_peer");
    let bye = json!(["bye", "blue", "bob/1", {"reason": "lost", "number": 2}]);
    assert_eq!(stage.heard("ann"), json!([bye, answer]));
    // Its time was not over yet, and ends nothing now.
    stage.seconds(60.0);
    assert_eq!(stage.heard("ann"), json!([]));
    stage.finish();
}

#[test]
fn too_many_bytes_wait() {
    let limits = Limits {
        waiting: Waiting {
            packets: 1000,
            bytes: 10_000,
        },
        ..Limits::default()
    };
    for data in [
        json!({"type": "x", "sdp": "v".repeat(6000)}),
        json!({"type": "x", "list": vec![0; 200]}),
        json!({"type": "x", "v".repeat(6000): {"a": ["b"]}}),
    ] {
        let mut stage = Stage::in_blue(limits.clone(), &["ann", "bob"]);
        stage.lose("bob");
        let command = json!(["message", "blue", data]);
        assert_eq!(stage.say("ann", command.clone())[0], "sent");
        assert_eq!(stage.say("ann", command)[1]["code"], "no_peer");
        stage.finish();
    }
}

/// Three are away and have as much waiting as may be: each that is dropped drops the next.
fn three_away() -> Stage {
    let names = ["ann", "bob", "cat", "dan"];
    let mut stage = Stage::in_blue(small(3, 5), &names);
    for name in &names[1..] {
        stage.lose(name);
    }
    for n in 1..=3 {
        assert_eq!(stage.say("ann", message(n)), json!(["sent", "blue", 3]));
    }
    stage
}

fn three_byes(first_number: u64) -> Vec<Value> {
    // Each hears of those who went before it, and has too much then.
    let gone = ["bob/1", "cat/1", "dan/1"].iter().zip(first_number..);
    gone.map(|(id, number)| json!(["bye", "blue", id, {"reason": "lost", "number": number}]))
        .collect()
}

#[test]
fn a_message_drops_all_who_are_away() {
    let mut stage = three_away();
    let answer = stage.say("ann", message(4));
    assert_eq!(answer[1]["code"], "no_peer");
    let mut heard = three_byes(4);
    heard.push(answer);
    assert_eq!(stage.heard("ann"), Value::from(heard));
    stage.finish();
}

#[test]
fn a_newcomer_drops_all_who_are_away() {
    let mut stage = three_away();
    stage.connect("eve");
    stage.say("eve", json!(["join", "blue", {"resume": true}]));
    let mut heard = three_byes(5);
    heard.insert(
        0,
        json!(["other_joined", "blue", "eve/1", {"count": 5, "number": 4}]),
    );
    assert_eq!(stage.heard("ann"), Value::from(heard));
    let events = stage.heard("eve");
    assert_eq!(events[0][3]["count"], 5);
    assert_eq!(events.as_array().map(Vec::len), Some(4), "{events}");
    stage.finish();
}

#[test]
fn the_last_who_is_there_drops_all_who_are_away() {
    for closes in [false, true] {
        let mut stage = three_away();
        if closes {
            stage.close("ann");
        } else {
            stage.say("ann", json!(["leave", "blue"]));
        }
        assert_eq!(stage.hub.rooms(), 0);
        stage.finish();
    }
}
