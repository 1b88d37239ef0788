//! Options under the heading "Log".

use super::{
    Kind::{File, Flag, Text},
    Topic,
    row::{accepted, not_yet, obeyed},
    to,
};

pub(super) static TOPIC: Topic = Topic {
    heading: "Log",
    options: &[
        obeyed("verbose", Flag(to!(verbose)), "log sessions and requests").letter('v'),
        obeyed("Verbose", Flag(to!(extra_verbose)), "log everything").letter('V'),
        obeyed(
            "log-file",
            File(to!(log_file)),
            "file to log to; stdout or - for standard output alone",
        )
        .letter('l')
        .default("none"),
        obeyed(
            "no-stdout-log",
            Flag(to!(no_stdout_log)),
            "log to the file only",
        ),
        accepted(
            "simple-log",
            Flag(None),
            "one log file without date",
            "the log file always has the name given",
        ),
        accepted(
            "new-log-timestamp",
            Flag(None),
            "ISO 8601 time stamps",
            "time stamps are always ISO 8601",
        ),
        not_yet(
            "new-log-timestamp-format",
            Text(None),
            "form of the time stamps",
            "time stamps are ISO 8601",
        )
        .default("%FT%T.%f%z"),
        not_yet(
            "syslog",
            Flag(None),
            "log to syslog",
            "the log goes to standard output, which systemd keeps",
        ),
        not_yet(
            "syslog-facility",
            Text(None),
            "facility in syslog",
            "the log goes to standard output, which systemd keeps",
        ),
        not_yet(
            "log-min-level",
            Text(None),
            "lowest level to log",
            "verbose and Verbose choose",
        )
        .default("debug"),
        not_yet(
            "log-binding",
            Flag(None),
            "log Binding requests",
            "Binding requests are not logged one by one",
        ),
    ],
};
