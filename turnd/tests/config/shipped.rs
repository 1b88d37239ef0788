//! The file that is shipped, and that of the containers, as an operator reads them: what they say is so.

use std::{collections::BTreeSet, path::Path};

use turnd::config::{self, Access, Standing};

use crate::helpers::*;

fn shipped(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

/// The options that are commented out: a name right behind the sign. Prose has a blank there.
fn commented(text: &str) -> Vec<&str> {
    let lines = text.lines().filter_map(|line| line.strip_prefix('#'));
    lines
        .filter(|line| line.starts_with(|first: char| first.is_ascii_alphabetic()))
        .collect()
}

fn warnings(text: &str) -> Vec<String> {
    let loaded = run(text, &[]);
    let warnings = loaded.notes.iter();
    warnings
        .filter(|note| note.severity == config::Severity::Warning)
        .map(ToString::to_string)
        .collect()
}

#[test]
fn it_starts_a_server_on_loopback_without_a_warning() {
    let text = shipped("turnserver.conf");
    assert_eq!(warnings(&text), [] as [String; 0]);
    let settings = settings(&text);
    assert!(
        settings
            .listening_ips
            .iter()
            .all(std::net::IpAddr::is_loopback)
    );
    assert_eq!(settings.access, Access::Credentials);
}

/// Each alone in front of the file, so that what the file says itself counts.
#[test]
fn every_line_that_is_commented_out_would_be_understood() {
    let text = shipped("turnserver.conf");
    let lines = commented(&text);
    assert!(lines.len() > 45, "{lines:?}");
    for line in lines {
        let with = match line {
            // Halves of a pair, or with a file that this machine does not have.
            line if line.ends_with('=') => continue,
            "unauthorized-ratelimit-rps=10" => format!("unauthorized-ratelimit\n{line}"),
            "external-ip=auto" | "external-ip-stun-server=stun.example.org" => {
                "external-ip=auto\nexternal-ip-stun-server=stun.example.org".to_owned()
            }
            "use-auth-secret" => format!("{line}\nstatic-auth-secret=a-secret-of-your-own"),
            line if line.starts_with("prometheus-") => format!("prometheus\n{line}"),
            "bps-capacity=0" => format!("max-bps=1000\n{line}"),
            "proc-group=turnd" => format!("proc-user=turnd\n{line}"),
            "simple-log" => format!("log-file=a.log\n{line}"),
            "proxy-protocol-from=10.0.0.0/24" | "proxy-protocol-port=3478" => {
                "proxy-protocol-from=10.0.0.0/24\nproxy-protocol-port=3478".to_owned()
            }
            line => line.to_owned(),
        };
        let loaded = outcome_beside(FILES, &format!("{text}\n{with}\n"), &[]);
        let config::Outcome::Run(loaded) = loaded else {
            let said = format!("{loaded:?}");
            assert!(
                said.contains("cert") || said.contains("pkey") || said.contains("/etc/turnd/"),
                "{line}: {said}"
            );
            continue;
        };
        for note in &loaded.notes {
            let note = note.to_string();
            assert!(
                !note.contains("has no effect") && !note.contains("not yet"),
                "{line}: {note}"
            );
        }
    }
}

const FILES: &[&str] = &[
    "/etc/turnd/fullchain.pem",
    "/etc/turnd/privkey.pem",
    "/etc/turnd/static-auth-secret",
    "/etc/turnd/users",
];

/// A value that an operator sees commented out is taken for the default where it looks like one.
#[test]
fn numbers_and_words_that_are_commented_out_are_the_defaults() {
    let text = shipped("turnserver.conf");
    let reference: Vec<_> = config::reference()
        .into_iter()
        .flat_map(|heading| heading.options)
        .collect();
    let mut compared = BTreeSet::new();
    for line in text.lines().map(|line| line.trim_start_matches('#')) {
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let Some(option) = reference.iter().find(|option| option.name == name) else {
            continue;
        };
        assert!(matches!(option.standing, Standing::Obeyed), "{name}");
        let is_an_example = ["user-quota", "total-quota", "relay-threads"].contains(&name);
        let default = option.default.split_whitespace().next().unwrap_or("");
        let is_number = value.parse::<u64>().is_ok() && default.parse::<u64>().is_ok();
        let is_word = [
            "log-min-level",
            "log-format",
            "log-addresses",
            "prometheus-path",
        ];
        if (is_number && !is_an_example) || is_word.contains(&name) {
            compared.insert((name, value, default));
        }
    }
    let wrong: Vec<_> = compared
        .iter()
        .filter(|(_, value, default)| value != default)
        .collect();
    assert!(compared.len() > 10, "{compared:?}");
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn that_of_the_containers_needs_nothing_but_its_secret() {
    let text = shipped("compose/turnserver.conf");
    let loaded = outcome_beside(&["/run/secrets/turn-secret"], &text, &[]);
    let config::Outcome::Run(loaded) = loaded else {
        panic!("{loaded:?}");
    };
    assert_eq!(loaded.settings.access, Access::Credentials);
    for note in &loaded.notes {
        assert_eq!(note.severity, config::Severity::Info, "{note}");
    }
    let without = outcome(&text, &[]);
    assert!(
        format!("{without:?}").contains("turn-secret"),
        "{without:?}"
    );
}
