//! Where turnd answers otherwise than coturn 4.6.1, and why.

/// A difference.
pub(super) struct Difference {
    /// The case.
    pub(super) case: &'static str,
    /// What turnd answered, message by message; `-` is silence.
    pub(super) turnd: &'static str,
    /// What coturn answered.
    pub(super) coturn: &'static str,
    /// Why turnd does not do the same.
    pub(super) why: &'static str,
}

const fn row(
    case: &'static str,
    turnd: &'static str,
    coturn: &'static str,
    why: &'static str,
) -> Difference {
    Difference {
        case,
        turnd,
        coturn,
        why,
    }
}

pub(super) const DIFFERENCES: &[Difference] = &[
    row(
        "binding, PADDING",
        "420",
        "200",
        "RFC 5780 is off here: its attributes are as unknown as any other, and PADDING makes answers long",
    ),
    row(
        "binding, without magic cookie",
        "-",
        "no message",
        "RFC 3489 is not spoken: nobody who checks a cookie asks like that, and the answer has a forgeable source",
    ),
    row(
        "binding, attribute beyond the end",
        "-",
        "200",
        "RFC 8489 section 6.3: a malformed message is dropped",
    ),
    row(
        "method nobody has",
        "-",
        "401",
        "an answer to a method that does not exist is of use only to whoever forges a source",
    ),
    row(
        "Send as a request",
        "-",
        "401",
        "as for any method that has no requests",
    ),
    row(
        "Connect over UDP",
        "-",
        "403",
        "without TCP relaying the method does not exist here, as if it had never been defined",
    ),
    row("ConnectionBind over UDP", "-", "400", "likewise"),
    row(
        "other realm",
        "401",
        "437",
        "RFC 8489 section 9.2.4: who has signed for another realm is told the right one",
    ),
    row(
        "unknown attribute behind MESSAGE-INTEGRITY",
        "200",
        "420",
        "RFC 8489 section 14.5: what stands there is ignored",
    ),
    row(
        "Allocate for protocol 99",
        "442",
        "400",
        "RFC 8656 section 7.2: a protocol that is not supported is 442",
    ),
    row(
        "Allocate, additional IPv4",
        "400",
        "200",
        "RFC 8656 section 7.2: ADDITIONAL-ADDRESS-FAMILY is IPv6 or an error; coturn 4.6.1 has it at a draft's number",
    ),
    row(
        "Allocate, both family attributes",
        "400",
        "200",
        "RFC 8656 section 7.2; coturn 4.6.1 has one of them at a draft's number",
    ),
    row(
        "Allocate, EVEN-PORT of two bytes",
        "400",
        "200",
        "RFC 8656 section 18.7: it has one byte",
    ),
    row(
        "Allocate, made-up token",
        "508",
        "404",
        "RFC 8656 section 7.2: a token that is not good is 508; there is no 404",
    ),
    row(
        "Allocate, reserved port by its token",
        "200 200 200",
        "200 200 437",
        "coturn keeps an allocation that was ended, and its five-tuple, for a while",
    ),
    row(
        "Refresh to the end",
        "200 200 437",
        "200 200 200",
        "RFC 8656 section 8.2: without an allocation it is 437; coturn keeps the ended one for a while",
    ),
    row(
        "CreatePermission without allocation",
        "437",
        "400",
        "RFC 8656 section 5: 437",
    ),
    row(
        "CreatePermission for a private address",
        "200 403",
        "200 200",
        "private networks are not reached unless allow-private-peers opens them",
    ),
    row(
        "CreatePermission for a metadata service",
        "200 403",
        "200 200",
        "a cloud's metadata service gives keys to whoever can reach it",
    ),
    row(
        "CreatePermission, malformed address",
        "200 400",
        "200 200",
        "RFC 8656 section 10.2: there is no peer address in it",
    ),
    row(
        "ChannelBind without allocation",
        "437",
        "400",
        "RFC 8656 section 5: 437",
    ),
    row(
        "ChannelBind, number of RFC 5766",
        "200 400",
        "200 200",
        "RFC 8656 section 12: 0x5000 and above are others' now; rfc5766-channel-numbers opens them",
    ),
    row(
        "ChannelBind, port 0",
        "200 403",
        "200 400",
        "a sound address that no datagram can be sent to is a forbidden peer, not a malformed request",
    ),
    row(
        "ChannelBind, this server's listener",
        "200 403",
        "200 200",
        "allow-loopback-peers opens this host, but never the server's own listeners: packets could be made to circle",
    ),
];
