//! Every cell of the table in `docs/SIGNALING.md`: what `ann` says in which state, and who hears what.

use serde_json::{Value, json};

use super::stage::{Stage, error, joined, without_text, without_texts};

/// Where `ann` is.
#[derive(Clone, Copy, Debug)]
enum State {
    /// In no room; there is nobody.
    Nowhere,
    /// In no room; `bob` is in `blue`.
    BeforeOne,
    /// In no room; `bob` and `cat` fill `blue`.
    BeforeFull,
    /// Alone in `blue`.
    Alone,
    /// In `blue`, where `bob` came second.
    WithBob,
}

/// `ann` says `command`. It is answered with `answer`, and `bob`, who is never away, hears `bob`.
fn cell(state: State, command: Value, answer: Value, bob: Value) {
    let mut stage = Stage::of(2);
    for name in ["ann", "bob", "cat"] {
        stage.connect(name);
    }
    let inside: &[&str] = match state {
        State::Nowhere => &[],
        State::BeforeOne => &["bob"],
        State::BeforeFull => &["bob", "cat"],
        State::Alone => &["ann"],
        State::WithBob => &["ann", "bob"],
    };
    for name in inside {
        stage.say(name, json!(["join", "blue"]));
    }
    for name in ["ann", "bob", "cat"] {
        stage.heard(name);
    }
    let place = format!("{state:?}, {command}");
    let said = without_text(stage.say("ann", command));
    assert_eq!(said, answer, "the answer: {place}");
    // `sent` is only ever an acknowledgement; everything else is an event too, once.
    let events = if answer[0] == "sent" {
        json!([])
    } else {
        json!([answer])
    };
    let heard = without_texts(stage.heard("ann"));
    assert_eq!(heard, events, "what ann hears: {place}");
    assert_eq!(stage.heard("bob"), bob, "what bob hears: {place}");
    if !bob.as_array().is_some_and(Vec::is_empty) {
        assert_eq!(stage.heard("cat"), json!([]), "what cat hears: {place}");
    }
    stage.finish();
}

#[test]
fn join() {
    let command = json!(["join", "blue"]);
    let news = json!([["other_joined", "blue", "ann/1", {"count": 2}]]);
    let first = joined("blue", "ann/1", &[], false);
    cell(State::Nowhere, command.clone(), first.clone(), json!([]));
    let second = joined("blue", "ann/1", &["bob/1"], true);
    cell(State::BeforeOne, command.clone(), second, news);
    let full = json!(["full", "blue", "ann/1"]);
    cell(State::BeforeFull, command.clone(), full, json!([]));
    // For the same room: the same again, and nothing to the other.
    cell(State::Alone, command.clone(), first, json!([]));
    let again = joined("blue", "ann/1", &["bob/1"], false);
    cell(State::WithBob, command, again, json!([]));
}

#[test]
fn join_another_room() {
    let refused = error("already_in_room", "join", Some("red"));
    for state in [State::Alone, State::WithBob] {
        cell(state, json!(["join", "red"]), refused.clone(), json!([]));
    }
    let red = joined("red", "ann/1", &[], false);
    for state in [State::Nowhere, State::BeforeOne, State::BeforeFull] {
        cell(state, json!(["join", "red"]), red.clone(), json!([]));
    }
}

#[test]
fn leave() {
    let command = json!(["leave", "blue"]);
    let left = json!(["leaved", "blue", "ann/1"]);
    for state in [
        State::Nowhere,
        State::BeforeOne,
        State::BeforeFull,
        State::Alone,
    ] {
        cell(state, command.clone(), left.clone(), json!([]));
    }
    let bye = json!([["bye", "blue", "ann/1", {"reason": "leave"}]]);
    cell(State::WithBob, command, left, bye);
}

#[test]
fn leave_another_room() {
    let refused = error("not_in_room", "leave", Some("red"));
    for state in [State::Alone, State::WithBob] {
        cell(state, json!(["leave", "red"]), refused.clone(), json!([]));
    }
}

#[test]
fn message() {
    let data = json!({"type": "offer", "sdp": "v=0\r\n", "unknown": [1, null]});
    let command = json!(["message", "blue", data]);
    let refused = error("not_in_room", "message", Some("blue"));
    for state in [State::Nowhere, State::BeforeOne, State::BeforeFull] {
        cell(state, command.clone(), refused.clone(), json!([]));
    }
    let nobody = error("no_peer", "message", Some("blue"));
    cell(State::Alone, command.clone(), nobody, json!([]));
    let heard = json!([["message", "blue", data, {"from": "ann/1"}]]);
    cell(State::WithBob, command, json!(["sent", "blue", 1]), heard);
}

#[test]
fn message_to_one() {
    let to = |id: &str| json!(["message", "blue", {"type": "x"}, {"to": id}]);
    let nobody = error("no_peer", "message", Some("blue"));
    cell(State::Alone, to("bob/1"), nobody.clone(), json!([]));
    cell(State::WithBob, to("cat/1"), nobody.clone(), json!([]));
    // Nobody talks to itself.
    cell(State::WithBob, to("ann/1"), nobody, json!([]));
    let heard = json!([["message", "blue", {"type": "x"}, {"from": "ann/1"}]]);
    cell(
        State::WithBob,
        to("bob/1"),
        json!(["sent", "blue", 1]),
        heard.clone(),
    );
    // Without `to` it is for everybody; `null` may be a name that got lost.
    let command = json!(["message", "blue", {"type": "x"}, {}]);
    cell(State::WithBob, command, json!(["sent", "blue", 1]), heard);
    let command = json!(["message", "blue", {"type": "x"}, {"to": null}]);
    let refused = error("bad_args", "message", Some("blue"));
    cell(State::WithBob, command, refused, json!([]));
}

#[test]
fn message_to_another_room() {
    let refused = error("not_in_room", "message", Some("red"));
    for state in [State::Nowhere, State::Alone, State::WithBob] {
        let command = json!(["message", "red", {"type": "x"}]);
        cell(state, command, refused.clone(), json!([]));
    }
}

#[test]
fn anything_else() {
    for state in [
        State::Nowhere,
        State::BeforeOne,
        State::BeforeFull,
        State::Alone,
        State::WithBob,
    ] {
        for word in ["", "Join", "joined", "bye", "sent", "disconnect"] {
            let refused = error("unknown_command", word, Some("blue"));
            cell(state, json!([word, "blue"]), refused, json!([]));
        }
    }
    cell(
        State::Nowhere,
        json!(["dance"]),
        error("unknown_command", "dance", None),
        json!([]),
    );
}

#[test]
fn nonsense_is_judged_before_the_state() {
    for state in [
        State::Nowhere,
        State::BeforeOne,
        State::BeforeFull,
        State::Alone,
        State::WithBob,
    ] {
        for word in ["join", "leave", "message"] {
            cell(
                state,
                json!([word]),
                error("bad_args", word, None),
                json!([]),
            );
        }
        let refused = error("bad_args", "message", Some("red"));
        cell(
            state,
            json!(["message", "red", {"type": 1}]),
            refused,
            json!([]),
        );
    }
}
