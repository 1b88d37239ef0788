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
        "closed (2nd stage), user <alice> realm <example.org> origin <>, local 127.0.0.1:",
        "check_stun_auth: user <eve\\u{a}2026-01-01 INFO session 1: new\\u{1b}[31m> credentials are incorrect, remote 127.0.0.1:",
        ": incoming packet ALLOCATE processed, error 401: Unauthorized, remote 127.0.0.1:",
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
fn without_verbose_sessions_leave_no_line_but_failed_logins_do() {
    let turnd = Turnd::start(CONFIG);
    happen(&turnd);
    let log = turnd.stop().log;
    let lines: Vec<&str> = log.lines().filter(|it| it.contains("session 0")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("check_stun_auth"), "{log}");
}

#[test]
fn a_log_file_gets_what_standard_output_gets_or_all_of_it() {
    let file =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("turnd-log-{}", std::process::id()));
    let turnd = Turnd::start(&format!(
        "{CONFIG}verbose\nsimple-log\nlog-file={}\n",
        file.display()
    ));
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
