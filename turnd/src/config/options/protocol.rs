//! Options under the heading "STUN and TURN".

use super::{
    Kind::{Flag, Text},
    Topic,
    row::{accepted, ignored, not_yet, obeyed},
    to,
};

const NO_DISCOVERY: &str = "NAT behaviour discovery is not answered";
const NO_REDIRECT: &str = "clients are served here instead of redirected";

pub(super) static TOPIC: Topic = Topic {
    heading: "STUN and TURN",
    options: &[
        obeyed(
            "fingerprint",
            Flag(to!(fingerprint)),
            "add FINGERPRINT always, not only when asked with one",
        )
        .letter('f'),
        obeyed(
            "stun-only",
            Flag(to!(stun_only)),
            "serve STUN alone, no TURN",
        )
        .letter('S'),
        obeyed(
            "no-stun",
            Flag(to!(no_stun)),
            "do not answer Binding requests",
        ),
        obeyed(
            "rfc5766-channel-numbers",
            Flag(to!(legacy_channels)),
            "accept channels 0x5000 to 0x7FFF too, for old clients",
        ),
        ignored(
            "software-attribute",
            Flag(None),
            "tell the server's name and version",
            "they are never told",
        ),
        accepted(
            "no-software-attribute",
            Flag(None),
            "do not tell the server's name and version",
            "they are never told",
        ),
        not_yet(
            "rfc5780",
            Flag(None),
            "NAT behaviour discovery",
            NO_DISCOVERY,
        )
        .coturn_ignores_value(),
        accepted(
            "no-rfc5780",
            Flag(None),
            "no NAT behaviour discovery",
            NO_DISCOVERY,
        ),
        accepted(
            "response-origin-only-with-rfc5780",
            Flag(None),
            "RESPONSE-ORIGIN only with NAT behaviour discovery",
            "it is never sent",
        ),
        ignored(
            "stun-backward-compatibility",
            Flag(None),
            "answer Binding in the old form too",
            "clients older than RFC 5389 are not served",
        ),
        ignored(
            "rfc3489-compatibility",
            Flag(None),
            "answer classic STUN",
            "clients older than RFC 5389 are not served",
        ),
        ignored(
            "include-reason-string",
            Flag(None),
            "detailed reasons in error replies",
            "the reasons are in the log, not in the replies",
        ),
        not_yet(
            "alternate-server",
            Text(None),
            "server to redirect clients to",
            NO_REDIRECT,
        )
        .repeatable(),
        not_yet(
            "tls-alternate-server",
            Text(None),
            "server to redirect TLS clients to",
            NO_REDIRECT,
        )
        .repeatable(),
        not_yet(
            "tcp-alternate-server",
            Text(None),
            "server to redirect TCP clients to",
            NO_REDIRECT,
        )
        .repeatable(),
        not_yet(
            "udp-alternate-server",
            Text(None),
            "server to redirect UDP clients to",
            NO_REDIRECT,
        )
        .repeatable(),
    ],
};
