//! The whole of `docs/SIGNALING.md`, as clients that others wrote see it.

use crate::{
    judge,
    support::{
        foreign::{Facts, python, run, script},
        servers::{ROOM_SECRET, Signaling, Turnd},
    },
};

/// Lets one member send as fast as the scripts do, where rates are not what is tested.
const FAST: &[&str] = &["--max-rate", "20000", "--grace", "3"];

fn table(version: &str, transport: &str) {
    let signaling = Signaling::start(FAST);
    let url = signaling.url();
    judge("probe.mjs", &[&url, version, transport, "--grace", "3"]);
}

#[test]
fn socket_io_2_over_polling() {
    table("2", "polling");
}

#[test]
fn socket_io_2_over_websocket() {
    table("2", "websocket");
}

#[test]
fn socket_io_3_over_polling() {
    table("3", "polling");
}

#[test]
fn socket_io_3_over_websocket() {
    table("3", "websocket");
}

#[test]
fn socket_io_4_over_polling() {
    table("4", "polling");
}

#[test]
fn socket_io_4_over_websocket() {
    table("4", "websocket");
}

#[test]
fn socket_io_4_that_upgrades() {
    table("4", "default");
}

#[test]
fn plain_websocket() {
    let signaling = Signaling::start(FAST);
    judge("ws.mjs", &[&signaling.url(), "--grace", "3"]);
}

#[test]
fn python_over_both_transports() {
    let Some(python) = python() else { return };
    let signaling = Signaling::start(FAST);
    for transport in ["polling", "websocket"] {
        let script = script("probe.py");
        let printed = run(&python, &[&script, &signaling.url(), transport]);
        assert_eq!(Facts::of(&printed).value("failed"), "0", "{printed}");
    }
}

/// 10 000 messages from one member to the other: all of them, once, in order.
fn order(version: &str, transport: &str) {
    let signaling = Signaling::start(&["--max-rate", "3000"]);
    let url = signaling.url();
    let arguments = [&url, version, transport, "10000", "--rate", "2000"];
    let Some(facts) = judge("order.mjs", &arguments) else {
        return;
    };
    for fact in ["inversions", "twice", "wrong", "lost"] {
        assert_eq!(facts.value(fact), "0", "{fact}");
    }
    assert_eq!(facts.value("messages"), "10000");
}

#[test]
fn ten_thousand_messages_over_websocket() {
    order("4", "websocket");
}

#[test]
fn ten_thousand_messages_over_polling() {
    order("4", "polling");
}

#[test]
fn ten_thousand_messages_to_the_oldest_client() {
    order("2", "default");
}

#[test]
fn ten_thousand_messages_over_plain_websocket() {
    order("ws", "ws");
}

#[test]
fn foreign_origins_are_refused() {
    let signaling = Signaling::start(&[]);
    judge("origin.mjs", &[&signaling.url()]);
}

#[test]
fn a_named_origin_may_connect() {
    let origin = "https://app.example.org";
    let signaling = Signaling::start(&["--allow-origin", origin]);
    judge("origin.mjs", &[&signaling.url(), "--allowed", origin]);
}

#[test]
fn rooms_with_tokens() {
    let turnd = Turnd::start("");
    let (signaling, _secret) = Signaling::start_closed(&turnd);
    let secret = ["--secret", ROOM_SECRET, "--ttl", "3600"];
    for way in [["4", "websocket"], ["ws", "ws"]] {
        let url = signaling.url();
        let arguments = [&[url.as_str()][..], &way, &secret].concat();
        judge("access.mjs", &arguments);
    }
}

#[test]
fn credentials_are_refreshed_in_time() {
    let turnd = Turnd::start("");
    let config = turnd.config();
    let signaling = Signaling::start(&["--turn-config", &config, "--credential-lifetime", "4"]);
    judge(
        "access.mjs",
        &[&signaling.url(), "4", "websocket", "--ttl", "4"],
    );
}

#[test]
fn without_a_turn_server_there_are_no_credentials() {
    let signaling = Signaling::start(&[]);
    judge(
        "access.mjs",
        &[&signaling.url(), "4", "polling", "--turn", "no"],
    );
}

#[test]
fn floods_and_slow_readers_harm_nobody_else() {
    for way in [["4", "websocket"], ["ws", "ws"]] {
        // What may come at once from one sender fits into the queue of one reader.
        let signaling = Signaling::start(&["--max-rate", "240"]);
        let url = signaling.url();
        judge("flood.mjs", &[&url, way[0], way[1], "--rate", "240"]);
    }
}

/// Two members that are away, each with as much waiting as is kept: one message more once brought the server down.
#[test]
fn overflow_of_two_members_that_are_away() {
    let signaling = Signaling::start(&["--max-rate", "20000", "--grace", "8", "--capacity", "3"]);
    let url = signaling.url();
    let only = [
        "--capacity",
        "3",
        "--grace",
        "8",
        "--only",
        "overflow_of_two",
    ];
    judge("ws.mjs", &[&[url.as_str()][..], &only].concat());
}

#[test]
fn a_flood_over_socket_io_learns_why_it_is_cut_off() {
    let signaling = Signaling::start(&[]);
    judge(
        "flood.mjs",
        &[&signaling.url(), "4", "websocket", "--only", "flood"],
    );
}

/// Not through `Signaling::start`, which lets everybody in.
#[test]
fn handshakes_are_counted() {
    let arguments = ["--listen", "127.0.0.1:0", "--no-metrics"].map(str::to_owned);
    let program = Signaling::run(&arguments);
    let url = format!("http://{}/", program.wait_for("listening on "));
    program.wait_for("open http");
    let only = ["--only", "connect_rate", "--connects", "150"];
    judge(
        "flood.mjs",
        &[&[url.as_str(), "ws", "x"][..], &only].concat(),
    );
}
