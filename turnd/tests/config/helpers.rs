//! What the tests share.

use std::{ffi::OsString, io, net::IpAddr, path::Path};

use turnd::config::{self, Loaded, Machine, Outcome, Settings, UserSecret};

pub(crate) const MINIMAL: &str = "\
listening-port=3478
external-ip=203.0.113.7
user=alice:wonderland
realm=example.org
";

pub(crate) const FILE: &str = "turnserver.conf";
pub(crate) const CORES: usize = 3;

/// A machine of three cores named turn.example.net.
pub(crate) fn machine(read: impl Fn(&Path) -> io::Result<Vec<u8>> + 'static) -> Machine {
    Machine {
        cores: CORES,
        host_name: Some("turn.example.net".to_owned()),
        read: Box::new(read),
    }
}

pub(crate) fn load(machine: &Machine, args: &[&str]) -> Outcome {
    let args = ["turnd"].iter().chain(args).map(OsString::from);
    config::load_on(machine, args)
}

/// What comes of a file and arguments behind `-c`.
pub(crate) fn outcome(text: &str, args: &[&str]) -> Outcome {
    let bytes = text.as_bytes().to_vec();
    let args: Vec<_> = ["-c", FILE].iter().chain(args).copied().collect();
    load(&machine(move |_| Ok(bytes.clone())), &args)
}

pub(crate) fn run(text: &str, args: &[&str]) -> Loaded {
    expect_run(outcome(text, args))
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
        Outcome::Invalid(errors) => errors.iter().map(ToString::to_string).collect(),
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
