//! The page `/test` names the fault of a server that has it.

use std::net::UdpSocket;

use signaling::{switchboard::unix, tokens::RoomTokens};
use turnd::config::Secret;

use crate::support::{
    certificates::{Certificates, KeyKind},
    foreign::{Facts, foreign, node, run, script},
    servers::{ROOM_SECRET, Signaling, Turnd, free_port, identity},
};

/// One line of what the tester is asked.
struct Case {
    name: &'static str,
    url: String,
    username: &'static str,
    credential: &'static str,
    verdict: &'static str,
}

fn verdicts(cases: &[Case]) {
    let signaling = Signaling::start(&[]);
    let asked = cases.iter().map(|case| {
        serde_json::json!({
            "name": case.name, "urls": [case.url], "username": case.username, "credential": case.credential,
        })
    });
    let Some(printed) = tell(&signaling, &asked.collect()) else {
        return;
    };
    let facts = Facts::of(&printed);
    for case in cases {
        let told = facts.value(&format!("{}.0", case.name));
        assert_eq!(told, case.verdict, "{}: {printed}", case.name);
    }
}

/// What the page of `signaling` says to these cases of `tester.mjs`.
fn tell(signaling: &Signaling, cases: &serde_json::Value) -> Option<String> {
    let (node, chromium) = (node()?, foreign("chromium")?);
    let asked = serde_json::json!({ "cases": cases }).to_string();
    let url = format!("{}test", signaling.url());
    let printed = run(&node, &[&script("tester.mjs"), &chromium, &url, &asked]);
    let facts = Facts::of(&printed);
    assert_eq!(facts.value("page_errors"), "0", "{printed}");
    assert_eq!(facts.value("leaks"), "0", "{printed}");
    Some(printed)
}

const PASSWORD: &str = "a-good-password";

fn base(more: &str) -> Turnd {
    Turnd::start_bare(&format!(
        "realm=example.org\nuser=demo:{PASSWORD}\nallow-loopback-peers\n{more}"
    ))
}

fn case(name: &'static str, url: String, verdict: &'static str) -> Case {
    Case {
        name,
        url,
        username: "demo",
        credential: PASSWORD,
        verdict,
    }
}

fn turn(turnd: &Turnd, transport: &str) -> String {
    let port = turnd.option("listening-port");
    format!("turn:127.0.0.1:{port}?transport={transport}")
}

#[test]
fn what_works_is_said_to_work() {
    let turnd = base("");
    verdicts(&[
        case("udp", turn(&turnd, "udp"), "ok"),
        case("tcp", turn(&turnd, "tcp"), "ok"),
    ]);
}

/// Whoever holds a room's token is told of the servers, and whoever waits in that room hears nothing of it.
#[test]
fn the_sites_own_servers_by_a_token() {
    let turnd = Turnd::start("");
    let (signaling, _secret) = Signaling::start_closed(&turnd);
    let tokens = RoomTokens::new(Secret::new(ROOM_SECRET));
    let token = tokens.make("blue", unix() + 600);
    let guest = serde_json::json!({ "room": "blue", "token": token });
    let case = serde_json::json!([{ "name": "own", "own": true, "guest": guest }]);
    let Some(printed) = tell(&signaling, &case) else {
        return;
    };
    let facts = Facts::of(&printed);
    // The first is a STUN server on this machine, whose answer is no news to the browser.
    let told = [facts.value("own.1"), facts.value("own.2")];
    assert_eq!(told, ["ok", "ok"], "{printed}");
}

#[test]
fn credentials_that_do_not_count() {
    let turnd = base("");
    let wrong = Case {
        credential: "another-password",
        ..case("wrong", turn(&turnd, "udp"), "credential-wrong")
    };
    let secret = Turnd::start("");
    let expired = Case {
        username: "1700000000:somebody",
        ..case("expired", turn(&secret, "udp"), "credential-expired")
    };
    verdicts(&[wrong, expired]);
}

#[test]
fn servers_that_refuse() {
    let quota = base("user-quota=1\n");
    let port = free_port();
    let ports = base(&format!("min-port={port}\nmax-port={port}\n"));
    // Its own relays are peers to turnd whatever else is said of loopback, unless that is refused by name.
    let peers = Turnd::start_bare(&format!(
        "realm=example.org\nuser=demo:{PASSWORD}\ndenied-peer-ip=127.0.0.1\n"
    ));
    verdicts(&[
        case("quota", turn(&quota, "udp"), "quota"),
        case("ports", turn(&ports, "udp"), "no-ports"),
        case("peers", turn(&peers, "udp"), "refused-peer"),
    ]);
}

#[test]
fn servers_that_are_not_there() {
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let silent_port = silent.local_addr().expect("a bound socket").port();
    let closed = free_port();
    verdicts(&[
        case(
            "silent",
            format!("turn:127.0.0.1:{silent_port}?transport=udp"),
            "silent",
        ),
        case(
            "closed",
            format!("turn:127.0.0.1:{closed}?transport=tcp"),
            "closed-port",
        ),
        case("name", "turn:nothing.invalid:3478".to_owned(), "unresolved"),
        case("syntax", "turn://127.0.0.1:3478".to_owned(), "syntax"),
    ]);
}

#[test]
fn certificates_that_nobody_trusts() {
    let certificates = Certificates::new(KeyKind::Ecdsa);
    let options = identity(&certificates);
    let turnd = base(&options);
    let silent_turn = base(&format!("{options}no-tcp\nno-udp\nhttp-page\n"));
    let url = |turnd: &Turnd| {
        let port = turnd.option("tls-listening-port");
        format!("turns:localhost:{port}?transport=tcp")
    };
    verdicts(&[
        case("untrusted", url(&turnd), "untrusted"),
        case("tls-only", url(&silent_turn), "closed-port"),
    ]);
}
