//! Options under the heading "Program".

use super::{
    Kind::{File, Flag},
    Topic,
    row::obeyed,
    to,
};

pub(super) static TOPIC: Topic = Topic {
    heading: "Program",
    options: &[
        obeyed("config", File(to!(config)), "read this file; it must exist")
            .letter('c')
            .default("turnserver.conf in . or /etc")
            .command_line_only()
            .restart(),
        obeyed("no-config", Flag(to!(no_config)), "read no file")
            .letter('n')
            .command_line_only()
            .restart(),
        obeyed("help", Flag(to!(help)), "print this help and exit")
            .letter('h')
            .command_line_only()
            .restart(),
        obeyed("version", Flag(to!(version)), "print the version and exit")
            .command_line_only()
            .restart(),
    ],
};
