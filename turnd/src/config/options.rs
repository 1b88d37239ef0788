//! THE TABLE: every option there is, each in one row. A new option is a row here and a field in the
//! settings. The reader of files, the command line, the help and the tests all walk this table.

use super::{
    raw::{Raw, Slot},
    settings::{DefaultFamily, Secret, StaticUser},
    value::{IpRange, Mapping},
};
use Kind::{
    Address, Character, Device, Endpoint, Family, File, Flag, Hidden, Mappings, Number, Peers,
    Port, Text, Url, User,
};
use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
};

/// An option.
pub(super) struct Opt {
    /// Its long name, the same in a file and on the command line.
    pub(super) name: &'static str,
    /// Its letter on the command line.
    pub(super) letter: Option<char>,
    /// What its value is, and where it goes.
    pub(super) kind: Kind,
    /// What holds without it, for the help.
    pub(super) default: &'static str,
    /// Each value adds to those before instead of replacing them.
    pub(super) repeatable: bool,
    /// What it is for, in a line.
    pub(super) help: &'static str,
    /// What becomes of it.
    pub(super) status: Status,
    /// coturn switches this flag on even if its value says off.
    pub(super) coturn_ignores_value: bool,
    /// Cannot stand in a file.
    pub(super) command_line_only: bool,
}

/// What becomes of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// It is done.
    Obeyed,
    /// It asks for what is so anyway; the text says what that is.
    Accepted(&'static str),
    /// It has no effect, which the text explains; worth a warning.
    Ignored(&'static str),
    /// It will have an effect one day; the text says what happens until then.
    NotYet(&'static str),
    /// The server does not start with it, for the reason given.
    Refused(&'static str),
}

/// Where a value goes.
pub(super) type Place<T> = fn(&mut Raw) -> &mut Slot<T>;

/// What a value is, and where it goes; `None` for options that are not obeyed.
pub(super) enum Kind {
    /// On or off; the value may be left out.
    Flag(Option<Place<bool>>),
    /// A UDP or TCP port.
    Port(Option<Place<u16>>),
    /// A whole number in a range.
    Number(RangeInclusive<i64>, Option<Place<i64>>),
    /// An address.
    Address(Option<Place<IpAddr>>),
    /// An address and a port.
    Endpoint(Option<Place<SocketAddr>>),
    /// A public address and maybe the private one behind it.
    Mappings(Option<Place<Mapping>>),
    /// A range of addresses.
    Peers(Option<Place<IpRange>>),
    /// A name and password.
    User(Option<Place<StaticUser>>),
    /// A secret, or a text that may have one in it.
    Hidden(Option<Place<Secret>>),
    /// One character.
    Character(Option<Place<char>>),
    /// An address family.
    Family(Option<Place<DefaultFamily>>),
    /// The name of a network interface.
    Device(Option<Place<String>>),
    /// The beginning of a URL.
    Url(Option<Place<String>>),
    /// Any text.
    Text(Option<Place<String>>),
    /// The path of a file.
    File(Option<Place<String>>),
}

/// Options under one heading of the help.
pub(super) struct Topic {
    pub(super) heading: &'static str,
    pub(super) options: &'static [Opt],
}

/// Every option.
pub(super) fn all() -> impl Iterator<Item = &'static Opt> {
    TABLE.iter().flat_map(|topic| topic.options)
}

/// The option of that name.
pub(super) fn find(name: &str) -> Option<&'static Opt> {
    all().find(|option| option.name == name)
}

/// Says where the value of an option goes.
macro_rules! to {
    ($field:ident) => {
        Some(|raw| &mut raw.$field)
    };
}

const COUNT: RangeInclusive<i64> = 0..=i32::MAX as i64;
const SECONDS: RangeInclusive<i64> = 1..=i32::MAX as i64;
const ANY: RangeInclusive<i64> = i32::MIN as i64..=i32::MAX as i64;
const PER_SECOND: RangeInclusive<i64> = 1..=1_000_000;
const RATE: RangeInclusive<i64> = 0..=i64::MAX;

const NO_DATABASE: &str = "no database is read, so its users, secrets and realms are unknown";
const NO_METRICS: &str = "there are no metrics";
const NO_CONSOLE: &str = "there is no telnet console";
const NO_WEB_ADMIN: &str = "there is no web administration";
const NO_DISCOVERY: &str = "NAT behaviour discovery is not answered";
const NO_REDIRECT: &str = "clients are served here instead of redirected";
const BATCHED: &str = "datagrams are always received and sent in batches";
const OLD_TLS: &str = "TLS 1.0 and 1.1 are never offered";
const OLD_DH: &str = "key exchange uses elliptic curves";

/// Every option by topic, the topics in the order of the help.
pub(super) static TABLE: &[Topic] = &[
    Topic {
        heading: "Program",
        options: &[
            obeyed("config", File(to!(config)), "read this file; it must exist")
                .letter('c')
                .default("turnserver.conf in . or /etc")
                .command_line_only(),
            obeyed("no-config", Flag(to!(no_config)), "read no file")
                .letter('n')
                .command_line_only(),
            obeyed("help", Flag(to!(help)), "print this help and exit")
                .letter('h')
                .command_line_only(),
            obeyed("version", Flag(to!(version)), "print the version and exit").command_line_only(),
        ],
    },
    Topic {
        heading: "Listeners",
        options: &[
            obeyed(
                "listening-port",
                Port(to!(listening_port)),
                "UDP and TCP port for clients; 0 lets the system choose",
            )
            .letter('p')
            .default("3478"),
            obeyed(
                "listening-ip",
                Address(to!(listening_ip)),
                "address to listen on",
            )
            .letter('L')
            .default("all of the machine")
            .repeatable(),
            obeyed(
                "sock-buf-size",
                Number(ANY, to!(socket_buffer)),
                "bytes of receive and send buffer per socket",
            )
            .default("2097152"),
            obeyed(
                "tls-listening-port",
                Port(to!(tls_listening_port)),
                "port for TLS and DTLS, if there is a certificate",
            )
            .default("5349"),
            obeyed(
                "alt-listening-port",
                Port(to!(alt_listening_port)),
                "second port, for NAT behaviour discovery to come; 0: none",
            )
            .default("0"),
            obeyed(
                "alt-tls-listening-port",
                Port(to!(alt_tls_listening_port)),
                "second TLS port, likewise; 0: none",
            )
            .default("0"),
            obeyed(
                "aux-server",
                Endpoint(to!(aux_server)),
                "further address and port to listen on",
            )
            .repeatable(),
            obeyed(
                "listening-device",
                Device(to!(listening_device)),
                "network interface to listen on, and no other",
            )
            .letter('d'),
            obeyed("no-udp", Flag(to!(no_udp)), "no clients over plain UDP"),
            obeyed("no-tcp", Flag(to!(no_tcp)), "no clients over plain TCP"),
            obeyed("no-tls", Flag(to!(no_tls)), "no clients over TLS"),
            obeyed("dtls", Flag(to!(dtls)), "serve clients over DTLS"),
            obeyed("no-dtls", Flag(to!(no_dtls)), "no DTLS, as without this"),
            obeyed(
                "tcp-proxy-port",
                Port(to!(tcp_proxy_port)),
                "further TCP port for a proxy that speaks the PROXY protocol",
            ),
            obeyed(
                "proxy-protocol-port",
                Port(to!(proxy_protocol_port)),
                "a port above that only a proxy connects to (not in coturn)",
            )
            .repeatable(),
            obeyed(
                "proxy-protocol-from",
                Peers(to!(proxy_protocol_from)),
                "address, range or block of proxies (not in coturn)",
            )
            .repeatable(),
            ignored(
                "udp-self-balance",
                Flag(None),
                "redirect clients between own addresses",
                "the workers share every listening address evenly",
            ),
            obeyed(
                "acme-redirect",
                Url(to!(acme_redirect)),
                "redirect ACME challenges to this URL, token appended",
            ),
            obeyed(
                "respond-http-unsupported",
                Flag(to!(respond_http_unsupported)),
                "answer other HTTP with an error instead of closing",
            ),
            obeyed(
                "http-page",
                Flag(to!(http_page)),
                "answer GET / with a tiny page (not in coturn)",
            ),
        ],
    },
    Topic {
        heading: "Connections",
        options: &[
            obeyed(
                "max-connections",
                Number(SECONDS, to!(max_connections)),
                "TCP and TLS clients at once (not in coturn)",
            )
            .default("65536"),
            obeyed(
                "max-connections-per-address",
                Number(COUNT, to!(max_connections_per_address)),
                "the same from one address; 0: no limit (not in coturn)",
            )
            .default("1024"),
            obeyed(
                "tls-handshakes-per-second",
                Number(PER_SECOND, to!(tls_handshakes_per_second)),
                "TLS handshakes a second and worker (not in coturn)",
            )
            .default("200"),
            obeyed(
                "tls-handshakes-per-address",
                Number(PER_SECOND, to!(tls_handshakes_per_address)),
                "TLS handshakes a second and address (not in coturn)",
            )
            .default("50"),
            obeyed(
                "stream-queue-bytes",
                Number(16384..=16 << 20, to!(stream_queue_bytes)),
                "bytes that wait for a slow reader (not in coturn)",
            )
            .default("262144"),
            obeyed(
                "stream-queue-time",
                Number(10..=10_000, to!(stream_queue_time)),
                "milliseconds that relayed data waits (not in coturn)",
            )
            .default("200"),
        ],
    },
    Topic {
        heading: "Relay",
        options: &[
            obeyed(
                "relay-ip",
                Address(to!(relay_ip)),
                "address to open relay ports on",
            )
            .letter('E')
            .default("listening-ip")
            .repeatable(),
            obeyed(
                "external-ip",
                Mappings(to!(external_ip)),
                "address behind 1:1 NAT: one a family, or PUBLIC/PRIVATE",
            )
            .letter('X')
            .repeatable(),
            obeyed("min-port", Port(to!(min_port)), "lowest relay port").default("49152"),
            obeyed("max-port", Port(to!(max_port)), "highest relay port").default("65535"),
            obeyed(
                "allocation-default-address-family",
                Family(to!(default_family)),
                "if a client names none: ipv4, ipv6, or keep for its own",
            )
            .letter('A')
            .default("ipv4"),
            obeyed(
                "keep-address-family",
                Flag(to!(keep_family)),
                "old way to say allocation-default-address-family=keep",
            )
            .letter('K'),
            obeyed(
                "relay-threads",
                Number(ANY, to!(relay_threads)),
                "worker threads, at most 128; 0 is taken as 1",
            )
            .letter('m')
            .default("one per core"),
            obeyed(
                "cpus",
                Number(SECONDS, to!(cpus)),
                "number of cores, where it is detected wrongly",
            )
            .default("detected"),
            obeyed(
                "relay-device",
                Device(to!(relay_device)),
                "network interface to relay through, and no other",
            )
            .letter('i'),
            obeyed(
                "no-udp-relay",
                Flag(to!(no_udp_relay)),
                "no relaying over UDP",
            ),
            obeyed(
                "tcp-relay",
                Flag(to!(tcp_relay)),
                "relay over TCP (RFC 6062); coturn does without being asked",
            ),
            obeyed(
                "no-tcp-relay",
                Flag(to!(no_tcp_relay)),
                "no relaying over TCP, as without this",
            ),
            ignored(
                "server-relay",
                Flag(None),
                "relay without permissions",
                "nothing is relayed without a permission",
            ),
            not_yet(
                "mobility",
                Flag(None),
                "let clients move to another address",
                "a client that moves must allocate anew",
            ),
            ignored(
                "multiplex-peer",
                Flag(None),
                "one relay port for many clients",
                "every allocation has its own relay port",
            )
            .coturn_ignores_value(),
            ignored(
                "multiplex-peer-port",
                Number(1..=65000, None),
                "first port of multiplex-peer",
                "every allocation has its own relay port",
            )
            .default("3480"),
            ignored(
                "multiplex-peer-max-peers",
                Number(1..=65535, None),
                "peers per session of multiplex-peer",
                "every allocation has its own relay port",
            )
            .default("256"),
            accepted("udp-recvmmsg", Flag(None), "receive in batches", BATCHED),
            ignored(
                "udp-recvmmsg-log",
                Flag(None),
                "log how batches fill",
                BATCHED,
            ),
            ignored(
                "udp-sendmmsg-log",
                Flag(None),
                "log how batches fill",
                BATCHED,
            ),
            accepted(
                "udp-gso",
                Flag(None),
                "let the kernel segment sends",
                "used wherever the kernel can",
            ),
        ],
    },
    Topic {
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
                "static-auth-secret",
                Hidden(to!(static_auth_secret)),
                "secret that time-limited credentials are made from",
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
            .letter('z'),
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
            not_yet(
                "stateless-nonce-secret",
                Hidden(None),
                "key of the nonces, for several servers",
                "the key is drawn at every start",
            ),
            refused(
                "secure-stun",
                Flag(None),
                "authentication for Binding too",
                "turnd cannot ask for it yet and would answer everybody",
            ),
            not_yet(
                "unauthorized-ratelimit",
                Flag(None),
                "limit refusals per address",
                "refusals are not limited",
            ),
            not_yet(
                "unauthorized-ratelimit-rps",
                Number(ANY, None),
                "refusals per second and address",
                "refusals are not limited",
            )
            .default("10"),
            not_yet(
                "oauth",
                Flag(None),
                "third-party tokens (RFC 7635)",
                "tokens are not accepted",
            ),
            accepted(
                "server-name",
                Text(None),
                "name of the server in tokens",
                "only third-party tokens need it",
            ),
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
    },
    Topic {
        heading: "Peers",
        options: &[
            obeyed(
                "allowed-peer-ip",
                Peers(to!(allowed_peers)),
                "address, range a-b or block a/n; wins over denied",
            )
            .repeatable(),
            obeyed(
                "denied-peer-ip",
                Peers(to!(denied_peers)),
                "address, range a-b or block a/n",
            )
            .repeatable(),
            obeyed(
                "allow-private-peers",
                Flag(to!(allow_private)),
                "open the addresses of local networks (not in coturn)",
            ),
            obeyed(
                "allow-loopback-peers",
                Flag(to!(allow_loopback)),
                "open 127.0.0.0/8 and ::1, for tests",
            ),
            accepted(
                "no-multicast-peers",
                Flag(None),
                "refuse multicast and broadcast peers",
                "multicast and broadcast peers are always refused",
            ),
        ],
    },
    Topic {
        heading: "Limits",
        options: &[
            obeyed(
                "user-quota",
                Number(COUNT, to!(user_quota)),
                "allocations and reserved ports per user; 0: no limit",
            )
            .letter('q')
            .default("0"),
            obeyed(
                "total-quota",
                Number(COUNT, to!(total_quota)),
                "allocations and reserved ports in total; 0: no limit",
            )
            .letter('Q')
            .default("0"),
            obeyed(
                "max-allocate-lifetime",
                Number(SECONDS, to!(max_allocate_lifetime)),
                "most seconds an allocation is granted, 600 or more",
            )
            .default("3600"),
            obeyed(
                "channel-lifetime",
                Number(SECONDS, to!(channel_lifetime)),
                "seconds that a channel lasts",
            )
            .default("600"),
            obeyed(
                "permission-lifetime",
                Number(SECONDS, to!(permission_lifetime)),
                "seconds that a permission lasts",
            )
            .default("300"),
            not_yet(
                "max-bps",
                Number(RATE, None),
                "bytes per second and session, each way",
                "rates are not limited",
            )
            .letter('s')
            .default("0"),
            not_yet(
                "bps-capacity",
                Number(RATE, None),
                "bytes per second of all sessions",
                "rates are not limited",
            )
            .letter('B')
            .default("0"),
            accepted(
                "max-allocate-timeout",
                Number(COUNT, None),
                "seconds that a stranger is remembered",
                "nothing is remembered before a valid credential",
            )
            .default("60"),
            not_yet(
                "drain-min-allocations",
                Number(COUNT, None),
                "exit at this number of allocations when draining",
                "the server cannot drain",
            )
            .default("0"),
            accepted(
                "drop-invalid-packets",
                Flag(None),
                "drop malformed datagrams early",
                "malformed datagrams never leave a trace",
            ),
            ignored(
                "drop-invalid-packets-log",
                Flag(None),
                "log those drops",
                "malformed datagrams never leave a trace",
            ),
        ],
    },
    Topic {
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
    },
    Topic {
        heading: "Log",
        options: &[
            obeyed("verbose", Flag(to!(verbose)), "log sessions and requests").letter('v'),
            obeyed("Verbose", Flag(to!(extra_verbose)), "log everything").letter('V'),
            obeyed(
                "log-file",
                File(to!(log_file)),
                "file to log to; stdout or - for standard output alone",
            )
            .letter('l')
            .default("none"),
            obeyed(
                "no-stdout-log",
                Flag(to!(no_stdout_log)),
                "log to the file only",
            ),
            accepted(
                "simple-log",
                Flag(None),
                "one log file without date",
                "the log file always has the name given",
            ),
            accepted(
                "new-log-timestamp",
                Flag(None),
                "ISO 8601 time stamps",
                "time stamps are always ISO 8601",
            ),
            not_yet(
                "new-log-timestamp-format",
                Text(None),
                "form of the time stamps",
                "time stamps are ISO 8601",
            )
            .default("%FT%T.%f%z"),
            not_yet(
                "syslog",
                Flag(None),
                "log to syslog",
                "the log goes to standard output, which systemd keeps",
            ),
            not_yet(
                "syslog-facility",
                Text(None),
                "facility in syslog",
                "the log goes to standard output, which systemd keeps",
            ),
            not_yet(
                "log-min-level",
                Text(None),
                "lowest level to log",
                "verbose and Verbose choose",
            )
            .default("debug"),
            not_yet(
                "log-binding",
                Flag(None),
                "log Binding requests",
                "Binding requests are not logged one by one",
            ),
        ],
    },
    Topic {
        heading: "TLS",
        options: &[
            obeyed(
                "cert",
                File(to!(cert)),
                "certificate chain, PEM; switches TLS on",
            )
            .default("turn_server_cert.pem"),
            obeyed("pkey", File(to!(pkey)), "private key, PEM").default("turn_server_pkey.pem"),
            obeyed(
                "pkey-pwd",
                Hidden(to!(pkey_pwd)),
                "password of the private key",
            ),
            obeyed(
                "self-signed",
                Flag(to!(self_signed)),
                "TLS without a certificate, for trying out (not in coturn)",
            ),
            obeyed(
                "cipher-list",
                Text(to!(cipher_list)),
                "cipher suites, as OpenSSL names them",
            )
            .default("the strong ones"),
            obeyed(
                "CA-file",
                File(to!(ca_file)),
                "ask clients for a certificate of this authority, PEM",
            ),
            obeyed(
                "ec-curve-name",
                Text(to!(ec_curve_name)),
                "curve for key exchange",
            )
            .default("X25519 and others"),
            accepted("dh-file", File(None), "Diffie-Hellman parameters", OLD_DH),
            ignored("dh566", Flag(None), "short Diffie-Hellman group", OLD_DH),
            ignored("dh1066", Flag(None), "short Diffie-Hellman group", OLD_DH),
            accepted("dh2066", Flag(None), "long Diffie-Hellman group", OLD_DH),
            ignored("tlsv1", Flag(None), "allow TLS 1.0", OLD_TLS),
            ignored("tlsv1_1", Flag(None), "allow TLS 1.1", OLD_TLS),
            accepted("no-tlsv1", Flag(None), "no TLS 1.0", OLD_TLS),
            accepted("no-tlsv1_1", Flag(None), "no TLS 1.1", OLD_TLS),
            obeyed("no-tlsv1_2", Flag(to!(no_tlsv1_2)), "TLS 1.3 only"),
            accepted("no-sslv2", Flag(None), "no SSL 2", OLD_TLS),
            accepted("no-sslv3", Flag(None), "no SSL 3", OLD_TLS),
            ignored(
                "raw-public-keys",
                Flag(None),
                "keys without certificates (RFC 7250)",
                "no TURN client has them",
            ),
        ],
    },
    Topic {
        heading: "Databases",
        options: &[
            not_yet("userdb", File(None), "SQLite database", NO_DATABASE).letter('b'),
            not_yet("db", File(None), "same as userdb", NO_DATABASE),
            not_yet(
                "psql-userdb",
                Hidden(None),
                "PostgreSQL database",
                NO_DATABASE,
            )
            .letter('e'),
            not_yet(
                "sql-userdb",
                Hidden(None),
                "same as psql-userdb",
                NO_DATABASE,
            ),
            not_yet("mysql-userdb", Hidden(None), "MySQL database", NO_DATABASE).letter('M'),
            not_yet(
                "mongo-userdb",
                Hidden(None),
                "MongoDB database",
                NO_DATABASE,
            )
            .letter('J'),
            not_yet("redis-userdb", Hidden(None), "Redis database", NO_DATABASE).letter('N'),
            not_yet(
                "redis-statsdb",
                Hidden(None),
                "Redis for status and traffic",
                "nothing is published",
            )
            .letter('O'),
        ],
    },
    Topic {
        heading: "Administration",
        options: &[
            not_yet("prometheus", Flag(None), "serve metrics", NO_METRICS).coturn_ignores_value(),
            not_yet(
                "prometheus-port",
                Port(None),
                "port of the metrics",
                NO_METRICS,
            )
            .default("9641"),
            not_yet(
                "prometheus-address",
                Address(None),
                "address of the metrics",
                NO_METRICS,
            ),
            not_yet(
                "prometheus-path",
                Text(None),
                "path of the metrics",
                NO_METRICS,
            )
            .default("/metrics"),
            not_yet(
                "prometheus-username-labels",
                Flag(None),
                "metrics by user",
                NO_METRICS,
            )
            .coturn_ignores_value(),
            not_yet(
                "prometheus-tls",
                Flag(None),
                "metrics over HTTPS",
                NO_METRICS,
            ),
            not_yet(
                "prometheus-cert",
                File(None),
                "certificate of the metrics",
                NO_METRICS,
            ),
            not_yet(
                "prometheus-key",
                File(None),
                "key of the metrics",
                NO_METRICS,
            ),
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
            not_yet("web-admin-ip", Address(None), "its address", NO_WEB_ADMIN)
                .default("127.0.0.1"),
            not_yet("web-admin-port", Port(None), "its port", NO_WEB_ADMIN).default("8080"),
            not_yet(
                "web-admin-listen-on-workers",
                Flag(None),
                "web administration on the TURN ports",
                NO_WEB_ADMIN,
            ),
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
    },
    Topic {
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
                "that is so anyway",
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
    },
];

const fn obeyed(name: &'static str, kind: Kind, help: &'static str) -> Opt {
    row(name, kind, help, Status::Obeyed)
}

const fn accepted(name: &'static str, kind: Kind, help: &'static str, note: &'static str) -> Opt {
    row(name, kind, help, Status::Accepted(note))
}

const fn ignored(name: &'static str, kind: Kind, help: &'static str, note: &'static str) -> Opt {
    row(name, kind, help, Status::Ignored(note))
}

const fn not_yet(name: &'static str, kind: Kind, help: &'static str, note: &'static str) -> Opt {
    row(name, kind, help, Status::NotYet(note))
}

const fn refused(name: &'static str, kind: Kind, help: &'static str, reason: &'static str) -> Opt {
    row(name, kind, help, Status::Refused(reason))
}

const fn row(name: &'static str, kind: Kind, help: &'static str, status: Status) -> Opt {
    Opt {
        name,
        letter: None,
        kind,
        default: "",
        repeatable: false,
        help,
        status,
        coturn_ignores_value: false,
        command_line_only: false,
    }
}

impl Opt {
    const fn letter(mut self, letter: char) -> Self {
        self.letter = Some(letter);
        self
    }

    const fn default(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    const fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    const fn coturn_ignores_value(mut self) -> Self {
        self.coturn_ignores_value = true;
        self
    }

    const fn command_line_only(mut self) -> Self {
        self.command_line_only = true;
        self
    }
}

impl Kind {
    /// What stands for the value in the help.
    pub(super) fn placeholder(&self) -> Option<&'static str> {
        Some(match self {
            Flag(_) => return None,
            Port(_) => "PORT",
            Number(..) => "NUMBER",
            Address(_) => "IP",
            Endpoint(_) => "IP:PORT",
            Mappings(_) => "IP[/IP]",
            Peers(_) => "IPS",
            User(_) => "USER",
            Hidden(_) => "SECRET",
            Character(_) => "CHAR",
            Family(_) => "FAMILY",
            Device(_) => "NAME",
            Url(_) => "URL",
            Text(_) => "TEXT",
            File(_) => "FILE",
        })
    }

    /// Whether a message may show the value.
    pub(super) fn is_secret(&self) -> bool {
        matches!(self, User(_) | Hidden(_))
    }

    /// Whether ` # text` behind the value is a comment, which it is where no value has a `#`.
    pub(super) fn takes_comment(&self) -> bool {
        !matches!(self, User(_) | Hidden(_) | Character(_) | Text(_) | File(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_and_letters_are_unique() {
        let (mut names, mut letters) = (HashSet::new(), HashSet::new());
        for option in all() {
            assert!(names.insert(option.name), "{}", option.name);
            if let Some(letter) = option.letter {
                assert!(letters.insert(letter), "{letter}");
            }
        }
    }

    #[test]
    fn every_row_says_what_it_is_for_and_what_becomes_of_it() {
        for option in all() {
            let note = match option.status {
                Status::Obeyed => "done",
                Status::Accepted(note)
                | Status::Ignored(note)
                | Status::NotYet(note)
                | Status::Refused(note) => note,
            };
            for text in [option.help, note] {
                assert!(!text.is_empty() && text.is_ascii(), "{}", option.name);
                assert!(!text.ends_with(['.', ' ']), "{}: {text}", option.name);
            }
        }
    }

    #[test]
    fn a_value_has_a_place_if_and_only_if_the_option_is_obeyed() {
        for option in all() {
            let placed = match &option.kind {
                Flag(place) => place.is_some(),
                Port(place) => place.is_some(),
                Number(_, place) => place.is_some(),
                Address(place) => place.is_some(),
                Endpoint(place) => place.is_some(),
                Mappings(place) => place.is_some(),
                Peers(place) => place.is_some(),
                User(place) => place.is_some(),
                Hidden(place) => place.is_some(),
                Character(place) => place.is_some(),
                Family(place) => place.is_some(),
                Device(place) | Url(place) | Text(place) | File(place) => place.is_some(),
            };
            assert_eq!(placed, option.status == Status::Obeyed, "{}", option.name);
        }
    }

    #[test]
    fn what_the_stock_templates_use_is_known() {
        const USED: &str = "listening-port tls-listening-port listening-ip relay-ip external-ip \
            min-port max-port fingerprint lt-cred-mech use-auth-secret static-auth-secret user realm \
            server-name cert pkey cipher-list dh-file no-tlsv1 no-tlsv1_1 no-tcp no-udp no-tls no-dtls \
            no-tcp-relay no-udp-relay no-multicast-peers no-loopback-peers denied-peer-ip \
            allowed-peer-ip keep-address-family user-quota total-quota max-bps bps-capacity \
            stale-nonce no-cli no-rfc5780 no-stun-backward-compatibility \
            response-origin-only-with-rfc5780 no-software-attribute mobility verbose log-file \
            simple-log syslog no-stdout-log new-log-timestamp pidfile proc-user proc-group prometheus \
            userdb";
        for name in USED.split_whitespace() {
            assert!(find(name).is_some(), "{name}");
        }
    }

    #[test]
    fn coturns_letters_are_known() {
        for letter in "cdpLEXimlrubBeMJNOqQsCKAvVofhznaS".chars() {
            assert!(
                all().any(|option| option.letter == Some(letter)),
                "{letter}"
            );
        }
    }
}
