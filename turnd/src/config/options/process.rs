//! Options under the heading "Process".

use super::{
    Kind::{File, Flag, Text},
    Topic,
    row::not_yet,
};

pub(super) static TOPIC: Topic = Topic {
    heading: "Process",
    options: &[
        not_yet(
            "daemon",
            Flag(None),
            "run in the background",
            "the server stays in the foreground",
        )
        .letter('o'),
        not_yet(
            "pidfile",
            File(None),
            "file for the process id",
            "no file is written; systemd knows the process",
        )
        .default("/var/run/turnserver.pid"),
        not_yet(
            "proc-user",
            Text(None),
            "user to become after start",
            "the server stays the user that starts it",
        ),
        not_yet(
            "proc-group",
            Text(None),
            "group to become after start",
            "the server stays in the group that starts it",
        ),
    ],
};
