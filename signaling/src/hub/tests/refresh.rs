//! New TURN credentials with time, secrets, and what is due when.

use std::time::Duration;

use serde_json::json;

use super::stage::Stage;
use crate::hub::Limits;

const REFRESH: Duration = Duration::from_secs(5);

fn refreshing() -> Limits {
    Limits {
        refresh: Some(REFRESH),
        ..Limits::default()
    }
}

#[test]
fn at_intervals_for_each_from_its_join() {
    let event = json!(["turn_refresh", "blue", {}]);
    let mut stage = Stage::in_blue(refreshing(), &["ann"]);
    stage.seconds(2.0);
    stage.connect("bob");
    stage.join("bob", "blue");
    stage.heard("ann");
    stage.seconds(2.999);
    assert_eq!(
        (stage.heard("ann"), stage.heard("bob")),
        (json!([]), json!([]))
    );
    stage.seconds(0.001);
    assert_eq!(
        (stage.heard("ann"), stage.heard("bob")),
        (json!([event]), json!([]))
    );
    stage.seconds(2.0);
    assert_eq!(
        (stage.heard("ann"), stage.heard("bob")),
        (json!([]), json!([event]))
    );
    stage.seconds(13.0);
    assert_eq!(stage.heard("ann"), json!([event, event, event]));
    assert_eq!(stage.heard("bob"), json!([event, event]));
    // Whoever left gets no more.
    stage.say("bob", json!(["leave", "blue"]));
    stage.heard("bob");
    stage.seconds(20.0);
    assert_eq!(stage.heard("bob"), json!([]));
    stage.finish();
}

#[test]
fn new_ones_go_to_everybody_at_once_and_age_from_then_on() {
    let event = json!(["turn_refresh", "blue", {}]);
    let mut stage = Stage::in_blue(refreshing(), &["ann", "bob"]);
    stage.heard("ann");
    stage.heard("bob");
    stage.seconds(4.0);
    stage.new_credentials(Some(REFRESH));
    for member in ["ann", "bob"] {
        assert_eq!(stage.heard(member), json!([event]));
    }
    stage.seconds(4.999);
    assert_eq!(stage.heard("ann"), json!([]));
    stage.seconds(0.001);
    assert_eq!(stage.heard("ann"), json!([event]));
    // Some do not age.
    stage.new_credentials(None);
    stage.seconds(1e6);
    assert_eq!(stage.heard("ann"), json!([event]));
    stage.finish();
}

#[test]
fn none_without_turn() {
    let mut stage = Stage::in_blue(Limits::default(), &["ann"]);
    assert_eq!(stage.hub.poll_timeout(), None);
    stage.seconds(1e6);
    assert_eq!(stage.heard("ann"), json!([]));
    stage.finish();
}

#[test]
fn none_while_away() {
    let mut stage = Stage::in_blue(refreshing(), &["ann"]);
    stage.lose("ann");
    stage.seconds(6.0);
    stage.connect("ann");
    stage.say("ann", json!(["join", "blue", {"resume": "blue.key-ann/1"}]));
    // `joined` brings fresh ones; nothing waited.
    let heard = stage.heard("ann");
    assert_eq!(heard.as_array().map(Vec::len), Some(1), "{heard}");
    stage.seconds(4.0);
    assert_eq!(stage.heard("ann"), json!([["turn_refresh", "blue", {}]]));
    stage.finish();
}

#[test]
fn secrets_of_members() {
    let mut stage = Stage::in_blue(Limits::default(), &["ann", "bob"]);
    let whose = |stage: &Stage, secret: &str| stage.hub.member_with_secret(secret);
    assert_eq!(whose(&stage, "blue.key-ann/1").as_deref(), Some("ann/1"));
    assert_eq!(whose(&stage, "blue.key-bob/1").as_deref(), Some("bob/1"));
    for wrong in [
        "",
        ".",
        "blue",
        "blue.",
        "blue.key-ann/",
        "red.key-ann/1",
        "key-ann/1",
        "blue.key-ann/1x",
    ] {
        assert_eq!(whose(&stage, wrong), None, "{wrong}");
    }
    // Away it is still a member; after that no more.
    stage.lose("ann");
    assert_eq!(whose(&stage, "blue.key-ann/1").as_deref(), Some("ann/1"));
    stage.seconds(10.0);
    assert_eq!(whose(&stage, "blue.key-ann/1"), None);
    stage.say("bob", json!(["leave", "blue"]));
    assert_eq!(whose(&stage, "blue.key-bob/1"), None);
    stage.finish();
}

#[test]
fn deadlines_come_and_go() {
    let limits = refreshing();
    let mut stage = Stage::new(limits.clone());
    assert_eq!(stage.hub.poll_timeout(), None);
    stage.connect("ann");
    assert_eq!(stage.hub.poll_timeout(), Some(stage.now + limits.idle));
    stage.join("ann", "blue");
    let refresh = stage.now + REFRESH;
    assert_eq!(stage.hub.poll_timeout(), Some(refresh));
    stage.seconds(1.0);
    stage.say("ann", json!(["leave", "blue"]));
    assert_eq!(stage.hub.poll_timeout(), Some(stage.now + limits.idle));
    stage.join("ann", "red");
    stage.lose("ann");
    assert_eq!(stage.hub.poll_timeout(), Some(stage.now + REFRESH));
    stage.seconds(5.0);
    // The end of its grace, or the next refresh: the same moment here.
    assert_eq!(stage.hub.poll_timeout(), Some(stage.now + REFRESH));
    stage.seconds(5.0);
    stage.assert_empty();
    // To be woken for nothing does no harm.
    stage.hub.handle_timeout(stage.now);
    stage.assert_empty();
}
