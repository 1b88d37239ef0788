//! Options under the heading "STUN and TURN".

use super::{
    Kind::{Alternate, Flag},
    Topic,
    row::{accepted, ignored, obeyed},
    to,
};

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
        obeyed(
            "rfc5780",
            Flag(to!(rfc5780)),
            "NAT behaviour discovery; needs two addresses of a family",
        )
        .coturn_ignores_value(),
        accepted(
            "no-rfc5780",
            Flag(None),
            "no NAT behaviour discovery",
            "it is off unless rfc5780 is written",
        ),
        accepted(
            "response-origin-only-with-rfc5780",
            Flag(None),
            "RESPONSE-ORIGIN only with NAT behaviour discovery",
            "that is so anyway",
        ),
        obeyed(
            "stun-backward-compatibility",
            Flag(to!(stun_backward_compatibility)),
            "answer Binding with MAPPED-ADDRESS too, for old clients",
        ),
        obeyed(
            "rfc3489-compatibility",
            Flag(to!(rfc3489_compatibility)),
            "answer classic STUN over UDP",
        ),
        ignored(
            "include-reason-string",
            Flag(None),
            "detailed reasons in error replies",
            "the reasons are in the log, not in the replies",
        ),
        obeyed(
            "alternate-server",
            Alternate(to!(alternate_server)),
            "server to redirect clients to; several take turns",
        )
        .repeatable(),
        obeyed(
            "tls-alternate-server",
            Alternate(to!(tls_alternate_server)),
            "the same for clients over TLS and DTLS",
        )
        .repeatable(),
        obeyed(
            "tcp-alternate-server",
            Alternate(to!(tcp_alternate_server)),
            "the same for clients over TCP",
        )
        .repeatable(),
        obeyed(
            "udp-alternate-server",
            Alternate(to!(udp_alternate_server)),
            "the same for clients over UDP",
        )
        .repeatable(),
        obeyed(
            "drain-alternate-server",
            Alternate(to!(drain_alternate_server)),
            "server to redirect to while this one drains (not in coturn)",
        )
        .repeatable(),
    ],
};
