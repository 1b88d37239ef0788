//! What the tests share.

use std::{
    ffi::OsString,
    io,
    net::IpAddr,
    path::{Path, PathBuf},
};

use turnd::config::{self, Loaded, Machine, Outcome, Settings, UserSecret};

pub(crate) const MINIMAL: &str = "\
listening-port=3478
external-ip=203.0.113.7
user=alice:wonderland
realm=example.org
";

pub(crate) const FILE: &str = "turnserver.conf";
pub(crate) const CORES: usize = 3;

/// What a file is told that says nothing about TCP relaying.
pub(crate) const NO_TCP_RELAY: &str =
    "configuration: TCP relaying (RFC 6062) is off, unlike in coturn; tcp-relay switches it on";

/// The certificates and keys that the templates name.
pub(crate) const CERTIFICATES: [&str; 8] = [
    "/etc/letsencrypt/live/turn.matrix.example/fullchain.pem",
    "/etc/letsencrypt/live/turn.matrix.example/privkey.pem",
    "/etc/jitsi/meet/meet.example.crt",
    "/etc/jitsi/meet/meet.example.key",
    "/etc/turnserver/fullchain.pem",
    "/etc/turnserver/privkey.pem",
    "/etc/ssl/turn.pem",
    "/etc/ssl/turn.key",
];

/// A machine of three cores named turn.example.net.
pub(crate) fn machine(read: impl Fn(&Path) -> io::Result<Vec<u8>> + 'static) -> Machine {
    Machine {
        cores: CORES,
        host_name: Some("turn.example.net".to_owned()),
        read: Box::new(read),
        environment: Box::new(|_| None),
    }
}

pub(crate) fn load(machine: &Machine, args: &[&str]) -> Outcome {
    let args = ["turnd"].iter().chain(args).map(OsString::from);
    config::load_on(machine, args)
}

/// What comes of a file and arguments behind `-c`, on a machine with no other file.
pub(crate) fn outcome(text: &str, args: &[&str]) -> Outcome {
    outcome_beside(&[], text, args)
}

/// The same on a machine that has `others` too, whatever is in them.
pub(crate) fn outcome_beside(others: &[&str], text: &str, args: &[&str]) -> Outcome {
    let args: Vec<_> = ["-c", FILE].iter().chain(args).copied().collect();
    load(&machine_with(text.as_bytes().to_vec(), others), &args)
}

/// A machine with the files [`FILE`], in which `bytes` are, and `others`.
pub(crate) fn machine_with(bytes: Vec<u8>, others: &[&str]) -> Machine {
    let others: Vec<_> = others.iter().map(PathBuf::from).collect();
    machine(move |path| match path {
        path if path == Path::new(FILE) => Ok(bytes.clone()),
        path if others.iter().any(|other| other == path) => Ok(b"PEM".to_vec()),
        _ => Err(io::ErrorKind::NotFound.into()),
    })
}

pub(crate) fn run(text: &str, args: &[&str]) -> Loaded {
    expect_run(outcome(text, args))
}

/// What comes of the template `name` where the files are that it names.
pub(crate) fn run_template(name: &str) -> Loaded {
    expect_run(outcome_beside(&CERTIFICATES, &template(name), &[]))
}

/// The notes that are not about TCP relaying, which every file gets that is silent about it.
pub(crate) fn notes(loaded: &Loaded) -> Vec<String> {
    let all = loaded.notes.iter().map(ToString::to_string);
    all.filter(|note| note != NO_TCP_RELAY).collect()
}

pub(crate) fn settings(text: &str) -> Settings {
    run(text, &[]).settings
}

pub(crate) fn mistakes(text: &str, args: &[&str]) -> Vec<String> {
    messages(outcome(text, args))
}

pub(crate) fn expect_run(outcome: Outcome) -> Loaded {
    match outcome {
        Outcome::Run(loaded) => *loaded,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn messages(outcome: Outcome) -> Vec<String> {
    match outcome {
        Outcome::Invalid(errors, _) => errors.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn template(name: &str) -> String {
    let path = format!("{}/tests/data/{name}.conf", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn password<'a>(settings: &'a Settings, name: &str) -> &'a str {
    let user = settings
        .users
        .iter()
        .find(|user| user.name == name)
        .unwrap();
    match &user.secret {
        UserSecret::Password(password) => password.expose(),
        UserSecret::Md5Key(_) => panic!("{name} has a key"),
    }
}
