//! What the table says of a change of an option is what a reload does.

use std::{ffi::OsString, path::Path};

use super::{Change, Kind, Opt, Status, all};
use crate::{
    config::{Machine, Outcome, Settings, load_on},
    control::differences::differences,
};

/// Good for most options.
const BASE: &str = "user=alice:wonderland\nrealm=example.org\ncert=cert.pem\npkey=key.pem\n";

/// Metrics are served, with a password.
const METRICS: &str =
    "user=alice:wonderland\nprometheus\nprometheus-user=reader\nprometheus-password=x\n";

/// Metrics are served over TLS.
const HTTPS: &str = "user=alice:wonderland\nrealm=example.org\nprometheus-tls\n\
    prometheus-cert=cert.pem\nprometheus-key=key.pem\n";

/// Tokens could be accepted, and are.
const OAUTH_KEY: &str = "user=alice:wonderland\nrealm=example.org\n\
    oauth-key=north:AAAAAAAAAAAAAAAAAAAAAA==:A128GCM\n";
const OAUTH: &str = "user=alice:wonderland\nrealm=example.org\noauth\n\
    oauth-key=north:AAAAAAAAAAAAAAAAAAAAAA==:A128GCM\n";

/// Options that need company, or a value of their own: the option, what stands beside it, and its line.
const SPECIAL: &[(&str, &str, &str)] = &[
    ("no-auth", "realm=example.org\n", "no-auth"),
    (
        "rfc5780",
        "listening-ip=192.0.2.1\nlistening-ip=192.0.2.2\n",
        "rfc5780",
    ),
    ("self-signed", "realm=example.org\n", "self-signed"),
    (
        "no-udp-relay",
        "user=alice:wonderland\nrealm=example.org\ntcp-relay\n",
        "no-udp-relay",
    ),
    (
        "use-auth-secret",
        "static-auth-secret=north\n",
        "use-auth-secret",
    ),
    ("prometheus-port", METRICS, "prometheus-port=5999"),
    (
        "prometheus-address",
        METRICS,
        "prometheus-address=192.0.2.7",
    ),
    ("prometheus-path", METRICS, "prometheus-path=/other"),
    (
        "prometheus-username-labels",
        METRICS,
        "prometheus-username-labels",
    ),
    (
        "prometheus-top-users",
        "user=alice:wonderland\nprometheus\nprometheus-username-labels\n",
        "prometheus-top-users=7",
    ),
    ("prometheus-tls", BASE, "prometheus-tls"),
    ("prometheus-cert", HTTPS, "prometheus-cert=other.pem"),
    ("prometheus-key", HTTPS, "prometheus-key=other.pem"),
    ("prometheus-user", METRICS, "prometheus-user=zed"),
    ("prometheus-password", METRICS, "prometheus-password=other"),
    (
        "prometheus-password-file",
        "user=alice:wonderland\nprometheus\n",
        "prometheus-user=zed\nprometheus-password-file=password",
    ),
    (
        "bps-capacity",
        "user=alice:wonderland\nmax-bps=1000\n",
        "bps-capacity=5000",
    ),
    (
        "unauthorized-ratelimit-rps",
        "user=alice:wonderland\nunauthorized-ratelimit\n",
        "unauthorized-ratelimit-rps=7",
    ),
    ("oauth", OAUTH_KEY, "oauth"),
    (
        "oauth-key",
        "user=alice:wonderland\nrealm=example.org\noauth\n",
        "oauth-key=north:AAAAAAAAAAAAAAAAAAAAAA==:A128GCM",
    ),
    ("server-name", OAUTH, "server-name=other"),
    // What is in every file here is no user and no such key, but a secret.
    ("oauth-key-file", BASE, "static-auth-secret-file=secrets"),
    ("user-file", BASE, "static-auth-secret-file=secrets"),
    ("pkey-pwd-file", BASE, "pkey-pwd-file=password"),
    ("simple-log", "log-file=/tmp/a.log\n", "simple-log"),
    ("syslog-facility", "syslog\n", "syslog-facility=LOG_LOCAL3"),
    ("log-format", BASE, "log-format=json"),
    ("log-min-level", BASE, "log-min-level=error"),
    ("log-addresses", BASE, "log-addresses=masked"),
    ("log-binding", "verbose\n", "log-binding"),
    (
        "new-log-timestamp-format",
        BASE,
        "new-log-timestamp-format=%H",
    ),
    ("cert", BASE, "cert=other.pem"),
    ("pkey", BASE, "pkey=other.pem"),
    ("cipher-list", BASE, "cipher-list=ECDHE+AESGCM"),
    ("no-stdout-log", "log-file=/tmp/a.log\n", "no-stdout-log"),
    (
        "proxy-protocol-port",
        "proxy-protocol-from=10.0.0.1\n",
        "proxy-protocol-port=3478",
    ),
    (
        "proxy-protocol-from",
        "tcp-proxy-port=8888\n",
        "proxy-protocol-from=10.0.0.1",
    ),
    ("acme-redirect", BASE, "acme-redirect=http://example.org/"),
    ("max-port", BASE, "max-port=60000"),
    (
        "rest-api-separator",
        "static-auth-secret=north\n",
        "rest-api-separator=!",
    ),
    (
        "allocation-default-address-family",
        BASE,
        "allocation-default-address-family=ipv6",
    ),
];

/// Options that say what is so anyway, or follow from others.
const CHANGE_NOTHING: [&str; 4] = ["lt-cred-mech", "use-auth-secret", "no-dtls", "no-tcp-relay"];

fn settings(text: String) -> Result<Settings, String> {
    let said = text.clone();
    let read = move |path: &Path| match path.ends_with("turnserver.conf") {
        true => Ok(text.clone().into_bytes()),
        false => Ok(b"anything".to_vec()),
    };
    let machine = Machine {
        cores: 4,
        host_name: None,
        read: Box::new(read),
        environment: Box::new(|_| None),
    };
    let args = ["turnd", "-c", "turnserver.conf"].map(OsString::from);
    match load_on(&machine, args) {
        Outcome::Run(loaded) => Ok(loaded.settings),
        Outcome::Invalid(errors, _) => Err(format!("{said}: {errors:?}")),
        Outcome::Print(text) => panic!("{text}"),
    }
}

/// What stands beside an option, and its own line.
fn lines(option: &Opt) -> (&'static str, String) {
    if let Some((_, base, line)) = SPECIAL.iter().find(|it| it.0 == option.name) {
        return (base, (*line).to_owned());
    }
    let value = match &option.kind {
        Kind::Flag(_) => return (BASE, option.name.to_owned()),
        Kind::Port(_) => "5999".to_owned(),
        Kind::Number(range, _) => (*range.end()).min(range.start().max(&1) + 2000).to_string(),
        Kind::Address(_) => "192.0.2.7".to_owned(),
        Kind::Endpoint(_) => "192.0.2.7:5999".to_owned(),
        Kind::Alternate(_) => "203.0.113.7:5999/other.example.org".to_owned(),
        Kind::Anycast(_) => "192.0.2.7/203.0.113.7".to_owned(),
        Kind::Listener(_) => "udp://192.0.2.7:5999".to_owned(),
        Kind::Mappings(_) => "203.0.113.7".to_owned(),
        Kind::Peers(_) => "198.51.100.0/24".to_owned(),
        Kind::User(_) => "zed:zebra".to_owned(),
        Kind::Hidden(_) | Kind::Text(_) | Kind::File(_) => "other".to_owned(),
        Kind::Character(_) => "!".to_owned(),
        Kind::Family(_) => "ipv6".to_owned(),
        Kind::Device(_) => "lo".to_owned(),
        Kind::Url(_) => "http://example.org/".to_owned(),
    };
    (BASE, format!("{}={value}", option.name))
}

/// What a reload does with the change of one option that the table does not say.
fn contradiction(option: &Opt) -> Option<String> {
    let (base, line) = lines(option);
    let (before, after) = (
        settings(base.to_owned()),
        settings(format!("{base}{line}\n")),
    );
    let (before, after) = match (before, after) {
        (Ok(before), Ok(after)) => (before, after),
        (Err(error), _) | (_, Err(error)) => return Some(error),
    };
    let found = differences(&before, &after);
    let (is_taken, is_named) = (!found.taken.is_empty(), !found.need_start.is_empty());
    let expected = match option.change {
        _ if CHANGE_NOTHING.contains(&option.name) => (false, false),
        Change::Reload => (true, false),
        Change::Restart => (false, true),
    };
    ((is_taken, is_named) != expected).then(|| format!("{line}: {found:?}"))
}

#[test]
fn a_change_of_an_option_is_taken_or_named_as_the_table_says() {
    let in_files = |option: &&Opt| option.status == Status::Obeyed && !option.command_line_only;
    let wrong: Vec<String> = all().filter(in_files).filter_map(contradiction).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
