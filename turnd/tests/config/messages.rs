//! What a configuration that is sound makes the server tell.

use std::io;

use turnd::config::Outcome;

use crate::helpers::*;

#[test]
fn an_unknown_name_is_told_with_line_and_nearest_name_and_the_rest_counts() {
    let loaded = run("realm=r\n\nmin_port=5\n[turn]\nuser=a:b\n=7\n", &[]);
    assert_eq!(loaded.settings.users.len(), 1);
    assert_eq!(
        notes(&loaded),
        [
            format!(
                "{FILE}:3: there is no option \"min_port\" (did you mean min-port?); the line has no effect"
            ),
            format!("{FILE}:4: there is no option \"[turn]\"; the line has no effect"),
            format!("{FILE}:6: there is no option \"\"; the line has no effect"),
        ]
    );
}

#[test]
fn what_is_taken_as_part_of_a_text_is_told() {
    let text = "realm=r # mine\nstatic-auth-secret=s;\nlog-file='/x'\nuser=a:b\t#c\nuser=d:e#f\n";
    assert_eq!(
        notes(&run(text, &[])),
        [
            format!("{FILE}:1: realm: the # and what follows it is taken as part of the value"),
            format!(
                "{FILE}:2: static-auth-secret: the semicolon at the end is taken as part of the value"
            ),
            format!("{FILE}:3: log-file: each single quote is taken as part of the value"),
            format!("{FILE}:4: user: the # and what follows it is taken as part of the value"),
        ]
    );
}

#[test]
fn what_has_no_effect_is_told_unless_it_is_switched_off() {
    let told = |line: &str| {
        let notes = notes(&run(&format!("{MINIMAL}{line}"), &[]));
        notes.into_iter().next().unwrap_or_default()
    };
    assert_eq!(
        told("cli"),
        format!("{FILE}:5: cli has no effect yet: there is no telnet console")
    );
    assert_eq!(told("cli=0"), "");
    assert_eq!(
        told("server-relay"),
        format!("{FILE}:5: server-relay has no effect: nothing is relayed without a permission")
    );
    assert_eq!(
        told("no-multicast-peers=0"),
        format!(
            "{FILE}:5: no-multicast-peers cannot be switched off: multicast and broadcast peers are always refused"
        )
    );
    assert_eq!(
        told("no-cli"),
        format!("{FILE}:5: accepted, nothing to do for: no-cli (line 5)")
    );
}

#[test]
fn help_and_version_are_printed_whatever_else_is_wrong() {
    for args in [
        &["-h"][..],
        &["--help"],
        &["--nonsense", "--help"],
        &["-c", "/none", "-h"],
    ] {
        let Outcome::Print(help) = load(&machine(|_| Err(io::ErrorKind::NotFound.into())), args)
        else {
            panic!("{args:?}");
        };
        assert!(help.contains("--listening-port=PORT"));
    }
    let Outcome::Print(version) = load(&machine(|_| Ok(Vec::new())), &["--version"]) else {
        panic!();
    };
    assert_eq!(version, format!("turnd {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn of_two_lines_of_an_option_that_has_one_value_the_first_is_told() {
    let text = "realm=a\nlistening-port=1111\nverbose\nuser=a:b\nrealm=b\nlistening-port=1111\nuser=c:d\n\
                static-auth-secret-file=x\npkey-pwd=1\npkey-pwd=1\nrealm=c\n";
    let counts = |line: u8, name: &str, other: u8| {
        format!("{FILE}:{line}: {name}: line {other} counts instead")
    };
    let loaded = expect_run(outcome_beside(&["x"], text, &["--realm=d", "-v"]));
    let told: Vec<_> = notes(&loaded)
        .into_iter()
        .filter(|note| note.ends_with("counts instead"))
        .collect();
    // What says the same again is no matter, as far as that may be shown; the command line is meant to win.
    assert_eq!(
        told,
        [
            counts(1, "realm", 5),
            counts(9, "pkey-pwd", 10),
            counts(5, "realm", 11),
        ]
    );
    assert_eq!(loaded.settings.realm, "d");
}

#[test]
fn what_else_was_read_is_told_beside_the_errors() {
    let text = "min-port=x\ndenied-peer-ips=10.0.0.0-10.255.255.255\nstale-nonce\nfingerprint\n";
    let Outcome::Invalid(errors, notes) = outcome(text, &[]) else {
        panic!("a port is a number");
    };
    assert_eq!(errors.len(), 1);
    let notes: Vec<_> = notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            format!(
                "{FILE}:2: there is no option \"denied-peer-ips\" (did you mean denied-peer-ip?); the line has no effect"
            ),
            format!("{FILE}:3: stale-nonce has no value; the default 600 is used"),
        ]
    );
}
