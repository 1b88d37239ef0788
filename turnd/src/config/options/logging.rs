//! Options under the heading "Log".

use super::{
    Kind::{File, Flag, Text},
    Topic,
    row::{accepted, obeyed},
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
            "file to log to, one a day; or stdout, -, syslog",
        )
        .letter('l')
        .default("none"),
        obeyed(
            "simple-log",
            Flag(to!(simple_log)),
            "one log file, without a date in its name",
        ),
        obeyed(
            "no-stdout-log",
            Flag(to!(no_stdout_log)),
            "log to the other places only",
        ),
        obeyed("syslog", Flag(to!(syslog)), "log to syslog"),
        obeyed(
            "syslog-facility",
            Text(to!(syslog_facility)),
            "facility in syslog",
        )
        .default("LOG_USER"),
        obeyed("journald", Flag(to!(journald)), "log to systemd's journal"),
        obeyed("log-format", Text(to!(log_format)), "text or json").default("text"),
        obeyed(
            "log-min-level",
            Text(to!(log_min_level)),
            "debug, info, warning or error",
        )
        .default("debug"),
        obeyed(
            "log-addresses",
            Text(to!(log_addresses)),
            "of clients and peers: full, masked, none",
        )
        .default("full"),
        obeyed(
            "log-binding",
            Flag(to!(log_binding)),
            "with verbose, log Binding requests",
        ),
        accepted(
            "new-log-timestamp",
            Flag(None),
            "ISO 8601 time stamps",
            "time stamps are always ISO 8601",
        ),
        obeyed(
            "new-log-timestamp-format",
            Text(to!(log_time_stamp)),
            "form of the time stamps (strftime)",
        )
        .default("%FT%T.%f%z"),
    ],
};
