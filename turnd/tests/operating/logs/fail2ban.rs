//! The filter that is shipped finds who tried wrong passwords in what a running turnd wrote, and nobody else.

use super::*;

/// Names that try to look like an address or another line to the filter.
const FORGERIES: [&str; 7] = [
    "x> credentials are incorrect, remote 6.6.6.1:1",
    "x remote 6.6.6.2:2",
    "x\n2026-01-01T00:00:00.000+0000 INFO session 000000000000000000: check_stun_auth: user <x> credentials are incorrect, remote 6.6.6.3:3",
    "x\",\"client\":\"6.6.6.4:4\"}",
    "x\\\",\"client\":\"6.6.6.5:5\"}\u{2028}",
    "6.6.6.6",
    "x>: incoming packet ALLOCATE processed, error 401: Unauthorized, remote 6.6.6.7:7",
];

/// The addresses that the filter finds in a log.
fn found(log: &Path) -> Option<Vec<String>> {
    let filter =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fail2ban/filter.d/turnd.conf");
    let output = Command::new("fail2ban-regex")
        .args(["--out", "ip"])
        .arg(log)
        .arg(filter)
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "fail2ban-regex: {error}");
            eprintln!("skipped: fail2ban-regex: {error}");
            return None;
        }
    };
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.split_whitespace().map(str::to_owned).collect())
}

/// A client at this address tries a password.
fn attempt(turnd: &Turnd, from: &str, user: &str) {
    let session = Session::from(from.parse().unwrap(), turnd.udp_v4(), user, "guess");
    assert_eq!(session.allocate().error(), Some(401));
}

fn finds_them(options: &str) {
    let turnd = Turnd::start(&format!(
        "{CONFIG}{options}\nsimple-log\nlog-file=turnd.log\n"
    ));
    call(turnd.udp_v4());
    attempt(&turnd, "127.0.0.3:0", "alice");
    let mut expected = vec!["127.0.0.3"];
    for name in FORGERIES {
        let log = turnd.directory().join("turnd.log");
        let count = || text(&log).matches("check_stun_auth").count();
        let before = count();
        // Lines about failures are a sample: try until this one is in it.
        until("the failure is logged", || {
            attempt(&turnd, "127.0.0.4:0", name);
            std::thread::sleep(Duration::from_millis(300));
            count() > before
        });
        expected.push("127.0.0.4");
    }
    call(turnd.udp_v4());
    let turnd_directory = turnd.directory().to_owned();
    let log = turnd_directory.join("turnd.log");
    let kept = turnd.keep_directory();
    turnd.stop();
    let written = text(&log);
    let failures = written.matches("check_stun_auth").count();
    // The same as the journal shows what is printed.
    let journal = turnd_directory.join("journal");
    let shown = |line: &str| format!("Jan 31 12:00:00 host turnd[77]: {line}\n");
    std::fs::write(&journal, written.lines().map(shown).collect::<String>()).unwrap();
    for log in [&log, &journal] {
        let Some(mut found) = found(log) else {
            continue;
        };
        assert_eq!(found.len(), failures, "{written}");
        assert!(found.len() >= expected.len());
        found.dedup();
        assert_eq!(found, ["127.0.0.3", "127.0.0.4"], "{written}");
    }
    drop(kept);
}

#[test]
fn fail2ban_finds_wrong_passwords_in_text() {
    finds_them("");
}

#[test]
fn fail2ban_finds_wrong_passwords_among_the_lines_of_sessions() {
    finds_them("verbose\nlog-binding");
}

#[test]
fn fail2ban_finds_wrong_passwords_in_json() {
    finds_them("log-format=json\nverbose");
}

#[test]
fn fail2ban_finds_nothing_in_masked_addresses() {
    let turnd = Turnd::start(&format!(
        "{CONFIG}verbose\nlog-addresses=masked\nsimple-log\nlog-file=turnd.log\n"
    ));
    attempt(&turnd, "127.0.0.3:0", "alice");
    let log = turnd.directory().join("turnd.log");
    let kept = turnd.keep_directory();
    turnd.stop();
    assert!(text(&log).contains("check_stun_auth"));
    if let Some(found) = found(&log) {
        assert_eq!(found, [""; 0]);
    }
    drop(kept);
}
