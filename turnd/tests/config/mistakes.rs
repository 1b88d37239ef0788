//! What a configuration that is wrong makes the server tell instead of starting.

use std::ffi::OsString;

use turnd::config;

use crate::helpers::*;

#[test]
fn every_mistake_is_told_by_line_option_value_and_what_is_expected() {
    let table = include_str!("../data/mistakes.txt");
    let cases: Vec<_> = table.split("\n\n").skip(1).collect();
    assert!(cases.len() > 40);
    for case in cases {
        let (lines, message) = case.split_once("\n> ").expect("a case has a message");
        let message = format!("{FILE}:{}", message.trim_end());
        assert_eq!(mistakes(lines, &[]), [message], "{lines}");
    }
}

#[test]
fn every_mistake_of_the_command_line_is_told() {
    let cases: &[(&[&str], &str)] = &[
        (&["--nonsense"], r#"there is no option "--nonsense""#),
        (
            &["--min_port=5"],
            r#"there is no option "--min_port" (did you mean min-port?)"#,
        ),
        (
            &["--us"],
            r#""--us" is short for several options: user, user-file, use-auth-secret, user-quota, userdb"#,
        ),
        (&["-y"], r#"there is no option "-y""#),
        (&["--user"], "--user has no value; expected --user=VALUE"),
        (
            &["-u", "hunter2"],
            "user: the value has no colon; expected NAME:PASSWORD, or NAME:0xKEY with a key of 32 hexadecimal digits",
        ),
        (
            &["-p", "x"],
            r#"listening-port: "x" is not a port; expected a number from 0 to 65535"#,
        ),
        (
            &["--no-auth", "false"],
            r#"the word after "--no-auth" belongs to no option; a value that can be left out needs an equal sign: --option=value"#,
        ),
        (
            &["false", "--no-auth", "false"],
            r#"the word after "--no-auth" belongs to no option; a value that can be left out needs an equal sign: --option=value"#,
        ),
    ];
    for (args, expected) in cases {
        assert_eq!(
            mistakes(MINIMAL, args)[0],
            format!("command line: {expected}"),
            "{args:?}"
        );
    }
    assert_eq!(
        mistakes(MINIMAL, &["-n"]),
        ["command line: config and no-config contradict each other; expected one of them"]
    );
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_no_text_is_told() {
    use std::os::unix::ffi::OsStringExt;
    let args = [
        "turnd".into(),
        "-n".into(),
        "-r".into(),
        OsString::from_vec(vec![0xff]),
    ];
    let outcome = config::load_on(&machine(|_| Ok(Vec::new())), args);
    assert_eq!(
        messages(outcome),
        ["command line: realm: the value is not UTF-8; expected text"]
    );
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_lines() {
    let text = "min-port=a\nuse-auth-secret\nuser=b\nrealm=r\nfingerprint=c\n";
    let messages = mistakes(text, &["-q", "d"]);
    let starts = [
        "turnserver.conf:1: min-port",
        "turnserver.conf:2: use-auth-secret",
        "turnserver.conf:3: user",
        "turnserver.conf:5: fingerprint",
        "command line: user-quota",
    ];
    assert_eq!(messages.len(), starts.len(), "{messages:?}");
    for (message, start) in messages.iter().zip(starts) {
        assert!(message.starts_with(start), "{message}");
    }
}

#[test]
fn bytes_that_are_no_text_are_told_by_line() {
    let machine = machine(|_| Ok(b"# caf\xe9 \0\nrealm=caf\xe9\nuser=a\0:b\n".to_vec()));
    assert_eq!(
        messages(load(&machine, &["-c", FILE])),
        [
            "turnserver.conf:2: the line is not UTF-8; expected text in UTF-8",
            "turnserver.conf:3: the line has a NUL byte; expected text",
        ]
    );
}

#[test]
fn a_file_that_is_something_else_does_not_fill_the_journal() {
    let messages = mistakes(&"min-port=x\n".repeat(100_000), &[]);
    assert_eq!(messages.len(), 101);
    assert_eq!(
        messages[100],
        "turnserver.conf:100: 99900 more errors are not shown"
    );
    let notes = run(&"nonsense\n".repeat(100_000), &[]).notes;
    assert!(notes.len() <= 101);
    let long = "x".repeat(1 << 20);
    let message = &mistakes(&format!("min-port={long}"), &[])[0];
    assert!(message.len() < 200, "{message}");
}

#[test]
fn no_message_and_no_debug_output_shows_a_secret() {
    let text = "user=alice:TOPSECRET\nuser=bob:0x00112233445566778899aabbccddeeff\nuser=TOPSECRET\n\
                static-auth-secret=TOPSECRET # TOPSECRET\ncli-password=TOPSECRET\nmysql-userdb=password=TOPSECRET\n\
                pkey-pwd=TOPSECRET\nself-signed\n";
    let errors = mistakes(
        text,
        &[
            "--user",
            "TOPSECRET",
            "--use-auth-secret",
            "TOPSECRET",
            "-u=TOPSECRET",
        ],
    );
    assert!(errors.len() >= 3);
    assert!(!errors.concat().contains("TOPSECRET"), "{errors:?}");
    let sound = text.replace("user=TOPSECRET\n", "");
    let shown = format!("{:?}", run(&sound, &[]));
    assert!(
        !shown.contains("TOPSECRET") && !shown.contains("[0, 17, 34"),
        "{shown}"
    );
}
