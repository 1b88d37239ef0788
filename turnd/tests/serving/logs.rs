//! What the log says of sessions, and what it never says.

use std::path::Path;

use turnd_wire::{Method, attr};

use crate::{session::Session, support::turnd::Turnd};

const CONFIG: &str = "listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\nuser=alice:wonderland\n\
                      static-auth-secret=lookingglass\nrelay-threads=1\n";

/// A session from its allocation to its end, and one that is refused under a name that would forge
/// lines.
fn happen(turnd: &Turnd) {
    let session = Session::new(turnd.udp_v4(), "alice", "wonderland");
    session.allocate().relayed();
    let refreshed = session.request(Method::REFRESH, |writer| {
        writer.number32(attr::LIFETIME, 700)
    });
    assert_eq!(refreshed.error(), None);
    assert_eq!(session.delete().error(), None);
    let forger = Session::new(
        turnd.udp_v4(),
        "eve\n2026-01-01 INFO session 1: new\u{1b}[31m",
        "x",
    );
    assert_eq!(forger.allocate().error(), Some(401));
}

#[test]
fn sessions_are_logged_in_the_shape_that_tools_for_coturn_read() {
    let turnd = Turnd::start(&format!("{CONFIG}verbose\n"));
    happen(&turnd);
    let log = turnd.stop().log;
    for expected in [
        " INFO session 000000000000000001: new, realm=<example.org>, username=<alice>, lifetime=600",
        " INFO session 000000000000000001: refreshed, realm=<example.org>, username=<alice>, lifetime=700",
        " INFO session 000000000000000001: delete: realm=<example.org>, username=<alice>",
        "incoming packet Allocate processed, error 401 Unauthenticated, remote 127.0.0.1:",
    ] {
        assert!(log.contains(expected), "{expected}\nis not in\n{log}");
    }
    // Every line has its time and level, so none was forged.
    for line in log.lines() {
        assert!(line.len() > 30 && line.as_bytes()[10] == b'T', "{line}");
    }
    for secret in ["wonderland", "lookingglass", "\u{1b}"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn without_verbose_sessions_leave_no_line() {
    let turnd = Turnd::start(CONFIG);
    happen(&turnd);
    let log = turnd.stop().log;
    assert!(!log.contains("session 0"), "{log}");
}

#[test]
fn a_log_file_gets_what_standard_output_gets_or_all_of_it() {
    let file =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("turnd-log-{}", std::process::id()));
    let turnd = Turnd::start(&format!("{CONFIG}verbose\nlog-file={}\n", file.display()));
    happen(&turnd);
    let printed = turnd.stop().log;
    let written = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(printed.trim_end(), written.trim_end());
    assert!(
        written.contains("session 000000000000000001: delete"),
        "{written}"
    );
}
