//! Text and JSON, and what is in a line.

use serde_json::Value;
use turnd_wire::{Method, attr};

use super::*;

const EVIL: &str = "eve\"}\r\n{\"time\":\"x\" \u{1b}[31m\u{202e}\\<>";

#[test]
fn json_is_one_object_a_line_with_what_the_line_is_about() {
    let turnd = Turnd::start(&format!(
        "{CONFIG}Verbose\nlog-format=json\nrealm=example.org\n"
    ));
    let session = alice(turnd.udp_v4());
    session.allocate().relayed();
    assert_eq!(session.permit("127.0.0.1:9".parse().unwrap()).error(), None);
    assert_eq!(
        session.permit("10.0.0.1:9".parse().unwrap()).error(),
        Some(403)
    );
    assert_eq!(session.delete().error(), None);
    let client = session.socket.local_addr().unwrap();
    let eve = Session::new(turnd.udp_v4(), EVIL, "guess");
    assert_eq!(eve.allocate().error(), Some(401));
    let log = turnd.stop().log;
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        let message = line["message"].as_str().unwrap();
        assert!(
            !message.contains(|it: char| it.is_control() || it == '\u{202e}'),
            "{message}"
        );
        // RFC 3339 with milliseconds and zone: 2026-01-31T12:00:00.000+00:00.
        let time = line["time"].as_str().unwrap();
        assert_eq!(
            (time.len(), &time[10..11], &time[19..20], &time[26..27]),
            (29, "T", ".", ":")
        );
        assert!(["DEBUG", "INFO", "WARNING"].contains(&line["level"].as_str().unwrap()));
    }
    let find = |text: &str| {
        let has_text = |line: &&Value| line["message"].as_str().unwrap().contains(text);
        lines
            .iter()
            .find(has_text)
            .unwrap_or_else(|| panic!("{text} is not in {log}"))
    };
    let new = find(": new, ");
    assert_eq!(new["session"], "000000000000000001");
    assert_eq!(new["realm"], "example.org");
    assert_eq!(new["user"], "alice");
    assert_eq!(new["lifetime"], 600);
    assert_eq!(new["client"], format!("127.0.0.1:{}", client.port()));
    assert_eq!(find("lifetime updated")["peer"], "127.0.0.1");
    let denied = find("A peer IP 10.0.0.1 denied in the range: a private address");
    assert_eq!(denied["peer"], "10.0.0.1");
    assert_eq!(find(": closed (2nd stage)")["reason"], "deleted by client");
    let failed = find("incoming packet ALLOCATE processed, error 401");
    assert_eq!(
        (&failed["code"], &failed["method"]),
        (&401.into(), &"ALLOCATE".into())
    );
    let escaped = "eve\"}\\u{d}\\u{a}{\"time\":\"x\" \\u{1b}[31m\\u{202e}\\\\u{3c}\\u{3e}";
    assert_eq!(failed["user"], escaped);
}

#[test]
fn the_time_is_written_as_asked_for() {
    let turnd = Turnd::start(&format!("{CONFIG}new-log-timestamp-format=[%Y/%m/%d %f]\n"));
    let log = turnd.stop().log;
    for line in log.lines() {
        // [2026/01/31 123] INFO
        let (time, rest) = line.split_at(16);
        let shape: String = time.replace(|it: char| it.is_ascii_digit(), "0");
        assert_eq!(
            (shape.as_str(), &rest[..1]),
            ("[0000/00/00 000]", " "),
            "{line}"
        );
    }
}

#[test]
fn only_what_is_important_enough_is_written() {
    // A port below 1024 is worth a warning.
    let noisy = format!("{CONFIG}verbose\nmin-port=1000\nsimple-log\nlog-file=turnd.log\n");
    for (level, words) in [
        ("debug", &[" INFO ", " WARNING "][..]),
        ("info", &[" INFO ", " WARNING "]),
        ("warning", &[" WARNING "]),
        ("error", &[]),
    ] {
        let config = format!("{noisy}log-min-level={level}\nsyslog-facility=user\n");
        let stopped = Turnd::fail_to_start(&format!("{config}listening-ip=192.0.2.1\n"), &[]);
        for word in [" DEBUG ", " INFO ", " WARNING "] {
            let is_there = stopped.log.contains(word);
            assert_eq!(
                is_there,
                words.contains(&word),
                "{level}: {word}\n{}",
                stopped.log
            );
        }
        assert!(stopped.log.contains(" ERROR "), "{level}\n{}", stopped.log);
    }
}

#[test]
fn binding_requests_are_logged_if_that_is_asked_for() {
    for (options, expected) in [
        ("verbose", 0),
        ("verbose\nlog-binding", 1),
        ("log-binding", 0),
    ] {
        let turnd = Turnd::start(&format!("{CONFIG}{options}\n"));
        let client = alice(turnd.udp_v4());
        assert_eq!(client.binding().error(), None);
        let port = client.socket.local_addr().unwrap().port();
        let log = turnd.stop().log;
        let line = format!(
            " INFO session 000000000000000000: realm <example.org> user <>: \
             incoming packet BINDING processed, success, remote 127.0.0.1:{port}"
        );
        assert_eq!(log.matches(&line).count(), expected, "{options}\n{log}");
    }
}

/// The lines of coturn that tools match on, in their order. The session's number, name and realm are in each.
#[test]
fn every_request_of_a_session_is_told_as_coturn_tells_it() {
    let turnd = Turnd::start(&format!(
        "{CONFIG}verbose\ndenied-peer-ip=203.0.113.0-203.0.113.9\ndenied-peer-ip=198.51.100.7\n"
    ));
    let session = alice(turnd.udp_v4());
    session.allocate().relayed();
    let peer = "127.0.0.1:9".parse().unwrap();
    assert_eq!(session.permit(peer).error(), None);
    assert_eq!(session.bind(peer).error(), None);
    let refreshed = session.request(Method::REFRESH, |writer| {
        writer.number32(attr::LIFETIME, 600);
    });
    assert_eq!(refreshed.error(), None);
    assert_eq!(
        session.permit("203.0.113.5:9".parse().unwrap()).error(),
        Some(403)
    );
    assert_eq!(session.delete().error(), None);
    let (server, client) = (turnd.udp_v4(), session.socket.local_addr().unwrap());
    let log = turnd.stop().log;
    let id = "session 000000000000000001:";
    let done = |method: &str| {
        format!(
            "{id} realm <example.org> user <alice>: incoming packet {method} processed, success"
        )
    };
    let name = "realm=<example.org>, username=<alice>";
    let expected = [
        format!("handle_udp_packet: New UDP endpoint: local {server}, remote {client}"),
        format!("{id} new, {name}, lifetime=600"),
        done("ALLOCATE"),
        done("CREATE_PERMISSION"),
        done("CHANNEL_BIND"),
        format!("{id} refreshed, {name}, lifetime=600"),
        done("REFRESH"),
        format!(
            "{id} A peer IP 203.0.113.5 denied in the range: 203.0.113.0-203.0.113.9, user <alice>"
        ),
        format!("{id} usage: {name}, rp=0, rb=0, sp=0, sb=0"),
        format!("{id} peer usage: {name}, rp=0, rb=0, sp=0, sb=0"),
        format!(
            "{id} closed (2nd stage), user <alice> realm <example.org> origin <>, local {server}, remote {client}, \
             reason: deleted by client"
        ),
        format!("{id} delete: {name}"),
        done("REFRESH"),
    ];
    let mut lines = log
        .lines()
        .map(|line| line.split_once(" INFO ").map_or(line, |it| it.1));
    for line in expected {
        assert!(lines.any(|it| it == line), "{line}\n{log}");
    }
}
