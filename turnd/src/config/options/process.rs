//! Options under the heading "Process".

use super::{
    Kind::{File, Flag, Text},
    Topic,
    row::obeyed,
    to,
};

pub(super) static TOPIC: Topic = Topic {
    heading: "Process",
    options: &[
        obeyed(
            "daemon",
            Flag(to!(daemon)),
            "run in the background; returns when all is served",
        )
        .letter('o')
        .restart(),
        obeyed(
            "pidfile",
            File(to!(pid_file)),
            "file for the process's number, removed at the end",
        )
        .default("none")
        .restart(),
        obeyed(
            "proc-user",
            Text(to!(proc_user)),
            "user to become when ports and keys are open",
        )
        .restart(),
        obeyed("proc-group", Text(to!(proc_group)), "group to become then")
            .default("that of proc-user")
            .restart(),
        obeyed(
            "core-dumps",
            Flag(to!(core_dumps)),
            "let its memory, with the secrets, be dumped and read",
        )
        .restart(),
    ],
};
