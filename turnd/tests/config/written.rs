//! What is told of what was written: what is in force, and where it comes from.

use turnd::config::{self, Origin, Written};

use crate::helpers::*;

fn written(text: &str, args: &[&str]) -> Vec<Written> {
    let machine = machine_with(text.as_bytes().to_vec(), &[]);
    let args = ["turnd", "-c", FILE].iter().chain(args).map(Into::into);
    config::examine_on(&machine, args).written
}

fn told(text: &str, args: &[&str]) -> Vec<String> {
    let written = written(text, args);
    let told = written
        .iter()
        .map(|it| format!("{}={} {}", it.name, it.value, it.origin));
    told.filter(|it| !it.starts_with("config=")).collect()
}

#[test]
fn the_later_of_two_values_is_told_and_every_one_of_those_that_add_up() {
    let text = "min-port=5000\nlistening-ip=192.0.2.1\nmin-port=6000\nlistening-ip=192.0.2.2\n\
                max-port=7000\nmax-port=\nfingerprint=yes\n";
    assert_eq!(
        told(text, &["-f=off", "--listening-ip=192.0.2.3"]),
        [
            "listening-ip=192.0.2.1 turnserver.conf:2",
            "min-port=6000 turnserver.conf:3",
            "listening-ip=192.0.2.2 turnserver.conf:4",
            "listening-ip=192.0.2.3 command line",
            "fingerprint=off command line",
        ]
    );
    // One without a value takes back all before it, also where they add up.
    let text = "proxy-protocol-port=1\nproxy-protocol-port=2\nproxy-protocol-port=\nproxy-protocol-port=3\n";
    assert_eq!(told(text, &[]), ["proxy-protocol-port=3 turnserver.conf:4"]);
}

#[test]
fn secrets_are_told_of_and_not_told() {
    let text = "user=alice:wonder\nstatic-auth-secret=hush\npkey-pwd=hush\nmysql-userdb=host=x password=hush\n";
    let written = written(text, &[]);
    let secrets: Vec<_> = written.iter().filter(|it| it.is_secret).collect();
    let values: Vec<_> = secrets.iter().map(|it| it.value.as_str()).collect();
    assert_eq!(values, ["alice:***", "***", "***", "***"]);
}

#[test]
fn a_file_with_errors_tells_what_could_be_read() {
    let text = "realm=example.org\nmin-port=abc\nlog-file=/tmp/\u{1b}[31m\n";
    assert_eq!(
        told(text, &[]),
        [
            "realm=example.org turnserver.conf:1",
            "log-file=/tmp/\\u{1b}[31m turnserver.conf:3"
        ]
    );
    let origin = written(text, &[])[0].origin.clone();
    assert!(matches!(origin, Origin::File { line: 1, .. }));
}
