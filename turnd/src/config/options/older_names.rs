//! Options under the heading "Names from older releases of coturn".

use super::{
    Kind::{Flag, Text},
    Topic,
    row::{accepted, ignored},
};

pub(super) static TOPIC: Topic = Topic {
    heading: "Names from older releases of coturn",
    options: &[
        accepted(
            "no-loopback-peers",
            Flag(None),
            "refuse loopback peers",
            "they are refused unless allow-loopback-peers is written",
        ),
        accepted(
            "no-stun-backward-compatibility",
            Flag(None),
            "answer Binding in the new form only",
            "that is so unless stun-backward-compatibility is written",
        ),
        accepted(
            "prod",
            Flag(None),
            "do not tell details of the server",
            "they are never told",
        ),
        accepted(
            "secret-ts-exp-time",
            Text(None),
            "expiry of secrets",
            "the expiry is in the credential",
        ),
        accepted(
            "no-http",
            Flag(None),
            "no HTTP",
            "it is answered only where an option asks for it",
        ),
        ignored(
            "st-cred-mech",
            Flag(None),
            "short-term credentials",
            "TURN has long-term credentials only",
        ),
        ignored(
            "sha256",
            Flag(None),
            "SHA-256 for old drafts",
            "clients of RFC 8489 are served without it",
        ),
        accepted(
            "ne",
            Text(None),
            "number of the network engine",
            "there is one engine",
        ),
    ],
};
