//! Options under the heading "Authentication".

use super::{
    ANY, COUNT,
    Kind::{Character, File, Flag, Hidden, Number, Text, User},
    Topic,
    row::{accepted, ignored, not_yet, obeyed},
    to,
};

const NO_DATABASE: &str = "no database is read, so its users, secrets and realms are unknown";

pub(super) static TOPIC: Topic = Topic {
    heading: "Authentication",
    options: &[
        obeyed(
            "realm",
            Text(to!(realm)),
            "name of the authentication realm",
        )
        .letter('r')
        .default("domain of the host name"),
        obeyed(
            "user",
            User(to!(user)),
            "NAME:PASSWORD or NAME:0xKEY; switches authentication on",
        )
        .letter('u')
        .repeatable(),
        obeyed(
            "user-file",
            File(to!(user_file)),
            "file of users, one a line as behind user= (not in coturn)",
        )
        .repeatable(),
        obeyed(
            "denied-user",
            Text(to!(denied_user)),
            "who is shut out; a reload ends what he has",
        )
        .repeatable(),
        obeyed(
            "static-auth-secret",
            Hidden(to!(static_auth_secret)),
            "secret that time-limited credentials are made from",
        )
        .repeatable(),
        obeyed(
            "static-auth-secret-file",
            File(to!(static_auth_secret_file)),
            "file of such secrets, one a line (not in coturn)",
        )
        .repeatable(),
        obeyed(
            "use-auth-secret",
            Flag(to!(use_auth_secret)),
            "time-limited credentials; follows from static-auth-secret",
        )
        .coturn_ignores_value(),
        obeyed(
            "rest-api-separator",
            Character(to!(rest_separator)),
            "what separates expiry and user in such a user name",
        )
        .letter('C')
        .default(":"),
        obeyed(
            "lt-cred-mech",
            Flag(to!(long_term)),
            "long-term credentials; follows from user",
        )
        .letter('a'),
        obeyed(
            "no-auth",
            Flag(to!(no_auth)),
            "DANGEROUS: relay for anyone who asks",
        )
        .letter('z')
        .restart(),
        obeyed(
            "stale-nonce",
            Number(COUNT, to!(stale_nonce)),
            "seconds that a nonce is good for; 0: for ever",
        )
        .default("600"),
        accepted(
            "stateless-nonce",
            Flag(None),
            "nonces without memory",
            "nonces are always authenticated time stamps",
        ),
        obeyed(
            "stateless-nonce-secret",
            Hidden(to!(nonce_secret)),
            "what servers with the same nonces share",
        )
        .restart(),
        obeyed(
            "secure-stun",
            Flag(to!(secure_stun)),
            "authentication for Binding too",
        ),
        obeyed(
            "unauthorized-ratelimit",
            Flag(to!(unauthorized_ratelimit)),
            "limit 401 replies per address",
        ),
        obeyed(
            "unauthorized-ratelimit-rps",
            Number(ANY, to!(unauthorized_ratelimit_rps)),
            "401 replies per second and address; below 1: 10",
        )
        .default("10"),
        obeyed(
            "unanswered-challenges",
            Number(COUNT, to!(unanswered_challenges)),
            "401s a second to who never answers; 0: no limit",
        )
        .default("10"),
        obeyed(
            "failed-logins",
            Number(COUNT, to!(failed_logins)),
            "wrong passwords a minute and address; 0: no limit",
        )
        .default("20"),
        obeyed(
            "oauth",
            Flag(to!(oauth)),
            "third-party tokens (RFC 7635), of the keys of oauth-key",
        ),
        obeyed(
            "oauth-key",
            Hidden(to!(oauth_key)),
            "KID:KEY[:ALGORITHM[:NOT-AFTER]] of tokens (not in coturn)",
        )
        .repeatable(),
        obeyed(
            "oauth-key-file",
            File(to!(oauth_key_file)),
            "file of such keys, one a line (not in coturn)",
        )
        .repeatable(),
        obeyed(
            "server-name",
            Text(to!(server_name)),
            "name of the server in third-party tokens",
        )
        .default("realm"),
        ignored(
            "check-origin-consistency",
            Flag(None),
            "ORIGIN must stay the same",
            "ORIGIN never became a standard and is not looked at",
        ),
        accepted(
            "no-auth-pings",
            Flag(None),
            "no keep-alives to databases",
            "no database is used",
        )
        .coturn_ignores_value(),
        accepted(
            "no-dynamic-ip-list",
            Flag(None),
            "no peer lists from databases",
            "no database is used",
        )
        .coturn_ignores_value(),
        accepted(
            "no-dynamic-realms",
            Flag(None),
            "no realms from databases",
            "no database is used",
        )
        .coturn_ignores_value(),
        not_yet(
            "secret-key-file",
            File(None),
            "key for an encrypted database password",
            NO_DATABASE,
        ),
    ],
};
