//! Options under the heading "Administration".

use super::{
    COUNT,
    Kind::{Address, Flag, Hidden, Number, Port},
    Topic,
    row::{accepted, not_yet},
};

const NO_CONSOLE: &str = "there is no telnet console";
const NO_WEB_ADMIN: &str = "there is no web administration";

pub(super) static TOPIC: Topic = Topic {
    heading: "Administration",
    options: &[
        not_yet("cli", Flag(None), "telnet console", NO_CONSOLE),
        accepted("no-cli", Flag(None), "no telnet console", NO_CONSOLE),
        not_yet(
            "cli-ip",
            Address(None),
            "address of the console",
            NO_CONSOLE,
        )
        .default("127.0.0.1"),
        not_yet("cli-port", Port(None), "port of the console", NO_CONSOLE).default("5766"),
        not_yet(
            "cli-password",
            Hidden(None),
            "password of the console",
            NO_CONSOLE,
        ),
        not_yet(
            "cli-max-output-sessions",
            Number(COUNT, None),
            "sessions that the console lists",
            NO_CONSOLE,
        )
        .default("256"),
        not_yet("web-admin", Flag(None), "web administration", NO_WEB_ADMIN),
        not_yet("web-admin-ip", Address(None), "its address", NO_WEB_ADMIN).default("127.0.0.1"),
        not_yet("web-admin-port", Port(None), "its port", NO_WEB_ADMIN).default("8080"),
        not_yet(
            "web-admin-listen-on-workers",
            Flag(None),
            "web administration on the TURN ports",
            NO_WEB_ADMIN,
        ),
    ],
};
