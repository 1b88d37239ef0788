//! coturn's command line and files: the options that release 4.17 knows, and older ones that are still found in files.

/// Whether coturn knows, or knew, an option of that name.
pub(in crate::config) fn knows(name: &str) -> bool {
    [FLAGS, SINGLE, ADDING_UP]
        .iter()
        .flat_map(|names| names.split_whitespace())
        .any(|known| known == name)
}

/// On or off; the value may be left out.
const FLAGS: &str = "\
    Verbose allow-loopback-peers check-origin-consistency cli daemon dh1066 dh2066 dh566 \
    drop-invalid-packets drop-invalid-packets-log dtls fingerprint help include-reason-string \
    keep-address-family log-binding lt-cred-mech mobility multiplex-peer new-log-timestamp no-auth \
    no-auth-pings no-cli no-config no-dtls no-dynamic-ip-list no-dynamic-realms no-http \
    no-loopback-peers no-multicast-peers no-rfc5780 no-software-attribute no-sslv2 no-sslv3 \
    no-stdout-log no-stun no-stun-backward-compatibility no-tcp no-tcp-relay no-tls no-tlsv1 \
    no-tlsv1_1 no-tlsv1_2 no-udp no-udp-relay oauth prod prometheus prometheus-tls \
    prometheus-username-labels raw-public-keys respond-http-unsupported \
    response-origin-only-with-rfc5780 rfc3489-compatibility rfc5766-channel-numbers rfc5780 \
    secure-stun server-relay sha256 simple-log software-attribute st-cred-mech stateless-nonce \
    stun-backward-compatibility stun-only syslog tlsv1 tlsv1_1 udp-gso udp-recvmmsg \
    udp-recvmmsg-log udp-self-balance udp-sendmmsg-log unauthorized-ratelimit use-auth-secret \
    verbose version web-admin web-admin-listen-on-workers";

/// With a value, of which the last one holds.
const SINGLE: &str = "\
    CA-file acme-redirect allocation-default-address-family alt-listening-port \
    alt-tls-listening-port bps-capacity cert channel-lifetime cipher-list cli-ip \
    cli-max-output-sessions cli-password cli-port config cpus db dh-file drain-min-allocations \
    ec-curve-name listening-device listening-port log-file log-min-level max-allocate-lifetime \
    max-allocate-timeout max-bps max-port min-port mongo-userdb multiplex-peer-max-peers \
    multiplex-peer-port mysql-userdb ne new-log-timestamp-format permission-lifetime pidfile pkey \
    pkey-pwd proc-group proc-user prometheus-address prometheus-cert prometheus-key \
    prometheus-path prometheus-port psql-userdb realm redis-statsdb redis-userdb relay-device \
    relay-threads rest-api-separator secret-key-file secret-ts-exp-time server-name sock-buf-size \
    sql-userdb stale-nonce stateless-nonce-secret syslog-facility tcp-proxy-port \
    tls-listening-port total-quota unauthorized-ratelimit-rps user-quota userdb web-admin-ip \
    web-admin-port";

/// With a value that adds to those before.
const ADDING_UP: &str = "\
    allowed-peer-ip alternate-server aux-server denied-peer-ip external-ip listening-ip relay-ip \
    static-auth-secret tcp-alternate-server tls-alternate-server udp-alternate-server user";

/// The letters of the command line.
#[cfg(test)]
const LETTERS: &[(char, &str)] = &[
    ('A', "allocation-default-address-family"),
    ('a', "lt-cred-mech"),
    ('B', "bps-capacity"),
    ('b', "userdb"),
    ('C', "rest-api-separator"),
    ('c', "config"),
    ('d', "listening-device"),
    ('E', "relay-ip"),
    ('e', "psql-userdb"),
    ('f', "fingerprint"),
    ('h', "help"),
    ('i', "relay-device"),
    ('J', "mongo-userdb"),
    ('K', "keep-address-family"),
    ('L', "listening-ip"),
    ('l', "log-file"),
    ('M', "mysql-userdb"),
    ('m', "relay-threads"),
    ('N', "redis-userdb"),
    ('n', "no-config"),
    ('O', "redis-statsdb"),
    ('o', "daemon"),
    ('p', "listening-port"),
    ('Q', "total-quota"),
    ('q', "user-quota"),
    ('r', "realm"),
    ('S', "stun-only"),
    ('s', "max-bps"),
    ('u', "user"),
    ('V', "Verbose"),
    ('v', "verbose"),
    ('X', "external-ip"),
    ('z', "no-auth"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::options::{Kind, Opt, all, find};

    fn options(names: &'static str) -> impl Iterator<Item = &'static Opt> {
        names
            .split_whitespace()
            .map(|name| find(name).unwrap_or_else(|| panic!("{name}")))
    }

    #[test]
    fn each_option_of_coturn_takes_a_value_where_coturns_does() {
        for option in options(FLAGS) {
            assert!(matches!(option.kind, Kind::Flag(_)), "{}", option.name);
        }
        for option in options(SINGLE).chain(options(ADDING_UP)) {
            assert!(!matches!(option.kind, Kind::Flag(_)), "{}", option.name);
        }
    }

    #[test]
    fn the_values_add_up_where_coturns_do() {
        for option in options(ADDING_UP) {
            assert!(option.repeatable, "{}", option.name);
        }
        for option in options(FLAGS).chain(options(SINGLE)) {
            assert!(!option.repeatable, "{}", option.name);
        }
    }

    #[test]
    fn the_letters_are_coturns() {
        let ours: Vec<_> = all()
            .filter_map(|option| Some((option.letter?, option.name)))
            .collect();
        for letter in LETTERS {
            assert!(ours.contains(letter), "{letter:?}");
        }
        assert_eq!(ours.len(), LETTERS.len(), "{ours:?}");
    }

    #[test]
    fn what_the_help_calls_our_own_is() {
        assert!(!knows("tcp-relay") && !knows("self-signed") && knows("no-tcp-relay"));
        let ours = all().filter(|option| option.help.contains("not in coturn"));
        for option in ours {
            assert!(!knows(option.name), "{}", option.name);
        }
    }
}
