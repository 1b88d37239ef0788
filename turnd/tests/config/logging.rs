//! Options of the log.

use turnd::{
    config::{LogAddresses, LogFormat, LogLevel, LogSettings},
    log::TimeStamp,
};

use crate::helpers::*;

fn log(text: &str) -> LogSettings {
    settings(&format!("{MINIMAL}{text}\n")).log
}

fn mistake(text: &str) -> String {
    let text = format!("{MINIMAL}{text}\n");
    let told = mistakes(&text, &[]);
    assert_eq!(told.len(), 1, "{told:?}");
    told[0].clone()
}

#[test]
fn a_log_goes_somewhere_whatever_is_written() {
    for (text, file, stdout, syslog, journald) in [
        ("", None, true, None, false),
        ("log-file=/x", Some("/x"), true, None, false),
        ("log-file=/x\nno-stdout-log", Some("/x"), false, None, false),
        ("no-stdout-log", None, true, None, false),
        ("log-file=-\nno-stdout-log", None, true, None, false),
        ("log-file=stdout", None, true, None, false),
        (
            "log-file=stdout\nsyslog\nno-stdout-log",
            None,
            true,
            Some(1),
            false,
        ),
        (
            "log-file=syslog\nno-stdout-log",
            None,
            false,
            Some(1),
            false,
        ),
        (
            "syslog\nsyslog-facility=LOG_LOCAL3",
            None,
            true,
            Some(19),
            false,
        ),
        ("syslog-facility=LOG_LOCAL3", None, true, None, false),
        (
            "journald\nno-stdout-log\nlog-file=/x",
            Some("/x"),
            false,
            None,
            true,
        ),
    ] {
        let log = log(text);
        let found = (
            log.file.map(|file| file.path.display().to_string()),
            log.stdout,
            log.syslog.map(|facility| facility.number()),
            log.journald,
        );
        assert_eq!(
            found,
            (file.map(str::to_owned), stdout, syslog, journald),
            "{text}"
        );
    }
}

#[test]
fn a_log_file_is_a_new_one_each_day_unless_it_is_simple() {
    assert!(log("log-file=/x").file.unwrap().is_daily);
    assert!(!log("log-file=/x\nsimple-log").file.unwrap().is_daily);
}

#[test]
fn what_is_logged_and_how() {
    let default = log("");
    assert_eq!(default, LogSettings::default());
    let log = log(
        "log-min-level=Warning\nlog-format=JSON\nlog-addresses=masked\nlog-binding\n\
                   new-log-timestamp\nnew-log-timestamp-format=%s",
    );
    assert_eq!(log.min_level, LogLevel::Warning);
    assert_eq!(log.format, LogFormat::Json);
    assert_eq!(log.addresses, LogAddresses::Masked);
    assert!(log.bindings);
    assert_eq!(log.time_stamp, TimeStamp::parse("%s").unwrap());
}

#[test]
fn words_that_stand_for_nothing_are_mistakes() {
    for (option, expected) in [
        (
            "log-format=xml",
            "log-format: \"xml\" is not known; expected text or json",
        ),
        (
            "log-min-level=",
            "log-min-level: \"\" is not known; expected debug, info, warning or error",
        ),
        (
            "log-addresses=half",
            "log-addresses: \"half\" is not known; expected full, masked or none",
        ),
        (
            "syslog-facility=LOG_LOCAL8",
            "syslog-facility: \"LOG_LOCAL8\" is not known; expected a facility of syslog, such as LOG_DAEMON or LOG_LOCAL0",
        ),
        (
            "new-log-timestamp-format=%F%n",
            "new-log-timestamp-format: \"%F%n\" breaks the line; expected a form of strftime, \
             with %f for milliseconds, of at most 47 characters",
        ),
    ] {
        assert_eq!(mistake(option), format!("{FILE}:5: {expected}"));
    }
}
