//! `turnd check`: what it prints for a good, an unsafe and a bad file, and what it finds out about this
//! machine.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use crate::support::certificates::{Certificates, KeyKind};

/// A directory with a file `turnserver.conf` in it, which only its owner can read.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new(config: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.file(), config).unwrap();
        place.protect(0o600);
        place
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("turnserver.conf")
    }

    fn protect(&self, mode: u32) {
        fs::set_permissions(self.file(), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn check(&self, args: &[&str]) -> Checked {
        let mut command = Command::new(env!("CARGO_BIN_EXE_turnd"));
        let command = command
            .current_dir(self.0.path())
            .args(["check", "-c", "turnserver.conf"]);
        Checked::from(command.args(args).output().unwrap())
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let args: Vec<_> = ["--format", "json"].iter().chain(args).copied().collect();
        let checked = self.check(&args);
        let value: Value = serde_json::from_str(&checked.text).unwrap();
        assert_eq!(value["exit_code"], checked.code, "{}", checked.text);
        value
    }
}

pub(crate) struct Checked {
    pub(crate) code: i32,
    pub(crate) text: String,
}

impl From<Output> for Checked {
    fn from(output: Output) -> Self {
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        Self {
            code: output.status.code().unwrap(),
            text: String::from_utf8(output.stdout).unwrap(),
        }
    }
}

pub(crate) fn data(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/check")
        .join(name);
    fs::read_to_string(path).unwrap()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Without what differs between machines and grows with the table: the defaults, the width of columns, the
/// end of a certificate, and as whom files were opened.
fn golden(text: &str) -> String {
    let paragraphs = text.split("\n\n").filter(|paragraph| {
        let machine_dependent = ["Defaults\n", "Not checked\n  files were opened as root"];
        !machine_dependent
            .iter()
            .any(|start| paragraph.starts_with(start))
    });
    let text = paragraphs.collect::<Vec<_>>().join("\n\n");
    let line = |line: &str| {
        if line.starts_with("On this machine, as ") {
            return "On this machine".to_owned();
        }
        let indent = line.len() - line.trim_start().len();
        let columns = line
            .split("  ")
            .map(str::trim)
            .filter(|column| !column.is_empty());
        let columns = columns.map(|column| match column {
            column if column.starts_with("certificate until ") => "certificate until ...",
            column => column,
        });
        " ".repeat(indent) + &columns.collect::<Vec<_>>().join("  ")
    };
    // Whether coturn is installed.
    let mut is_of_coturns = false;
    let lines = text.lines().filter(|line| {
        is_of_coturns = line.starts_with("  coturn takes users from ")
            || line.starts_with("  coturn takes secrets from ")
            || (is_of_coturns && line.starts_with("    "));
        !is_of_coturns
    });
    lines.map(|text| line(text) + "\n").collect()
}

fn assert_golden(name: &str, checked: &Checked) {
    let (expected, text) = (data(name), golden(&checked.text));
    assert!(expected == text, "{name} should be:\n{text}");
}

#[test]
fn a_good_file_is_told_whole_and_ends_with_0() {
    let place = Place::new(&data("good.conf"));
    let checked = place.check(&[]);
    assert_golden("good.txt", &checked);
    assert_eq!(checked.code, 0);
    // What nobody wrote is there with its default.
    let json = place.json(&[]);
    let options = json["options"].as_array().unwrap();
    let nonce = options
        .iter()
        .find(|it| it["name"] == "stale-nonce")
        .unwrap();
    assert_eq!(
        (nonce["value"].as_str(), nonce["source"]["kind"].as_str()),
        (Some("600"), Some("default"))
    );
    assert_eq!(json["verdict"], "fine");
}

#[test]
fn an_unsafe_file_is_told_so_point_by_point_and_ends_with_1() {
    let place = Place::new(&data("unsafe.conf"));
    place.protect(0o644);
    let checked = place.check(&["-u", "bob:builder"]);
    assert_golden("unsafe.txt", &checked);
    assert_eq!(checked.code, 1);
}

#[test]
fn a_bad_file_ends_with_255_and_all_its_errors() {
    let place = Place::new(&data("bad.conf"));
    let checked = place.check(&[]);
    assert_golden("bad.txt", &checked);
    assert_eq!(checked.code, 255);
    let json = place.json(&[]);
    assert_eq!(json["verdict"], "cannot-start");
    let errors = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["level"] == "error");
    let lines: Vec<_> = errors
        .filter_map(|it| it["source"]["line"].as_u64())
        .collect();
    assert_eq!(lines, [2, 3, 5, 6, 7]);
}

#[test]
fn what_turnd_cannot_start_with_check_ends_with_255_for_too() {
    for config in [
        "listening-ip=192.0.2.77\nstun-only\n",
        "listening-ip=127.0.0.1\nrelay-ip=192.0.2.77\n",
    ] {
        let place = Place::new(config);
        let serving = Command::new(env!("CARGO_BIN_EXE_turnd"))
            .arg("-c")
            .arg(place.file())
            .output()
            .unwrap();
        assert!(!serving.status.success());
        assert_eq!(place.check(&[]).code, 255, "{config}");
    }
}

#[test]
fn every_rule_speaks_where_it_should_and_is_silent_elsewhere() {
    let good = data("good.conf");
    let codes = |config: &str, args: &[&str]| {
        let findings = Place::new(config).json(args)["findings"]
            .as_array()
            .unwrap()
            .clone();
        findings
            .iter()
            .map(|it| it["code"].as_str().unwrap().to_owned())
            // Whether coturn is installed.
            .filter(|code| code != "users-in-database")
            .collect::<Vec<_>>()
    };
    let silent = codes(&good, &[]);
    assert_eq!(silent, ["private-peers-refused"]);
    let without = |name: &str| -> String {
        good.split_inclusive('\n')
            .filter(|line| !line.starts_with(name))
            .collect()
    };
    for (config, code) in [
        (
            format!("{good}allowed-peer-ip=10.1.0.0-10.1.255.255\n"),
            "private-peers",
        ),
        (
            format!("{good}allowed-peer-ip=fd00::/64\n"),
            "private-peers",
        ),
        (
            format!("{good}allowed-peer-ip=10.1.0.0/16\n"),
            "peer-blocks",
        ),
        (
            format!("{good}user=a:long enough, this one\n"),
            "users-and-secrets",
        ),
        (
            format!("{good}external-ip=203.0.113.5/127.0.0.1\n"),
            "external-pair",
        ),
        (format!("{good}cpus=1\nhttp-page\n"), "not-in-coturn"),
        (
            format!("{good}min-port=50000\nmax-port=50009\n"),
            "quota-above-ports",
        ),
        (
            format!("{good}self-signed\ntls-listening-port=0\n"),
            "dtls-off",
        ),
        (
            format!("{good}self-signed\ntls-listening-port=0\ncipher-list=ECDHE\n"),
            "ciphers",
        ),
        (without("static-auth-secret"), "nobody-relays"),
        (without("log-file"), "log-file"),
    ] {
        let said = codes(&config, &[]);
        assert!(
            said.iter().any(|it| it == code),
            "{code}: {said:?}\n{config}"
        );
    }
    let metrics = format!("{good}prometheus\nprometheus-port=0\n");
    let is_served = !codes(&metrics, &[]).contains(&"no-effect".to_owned());
    let is_told = |config: &str| codes(config, &[]).contains(&"open-metrics".to_owned());
    assert_eq!(is_told(&metrics), is_served);
    assert!(!is_told(&format!(
        "{metrics}prometheus-address=127.0.0.1\n"
    )));
    assert_eq!(
        is_told(&format!("{metrics}prometheus-address=0.0.0.0\n")),
        is_served
    );
    // Few addresses may be named, and a file that denies local networks itself loses nothing.
    let few = format!("{good}allowed-peer-ip=10.1.0.0-10.1.0.255\n");
    assert!(!codes(&few, &[]).contains(&"private-peers".to_owned()));
    let denied = "denied-peer-ip=10.0.0.0-10.255.255.255\ndenied-peer-ip=172.16.0.0-172.31.255.255\n\
                  denied-peer-ip=192.168.0.0-192.168.255.255\n";
    assert_eq!(codes(&format!("{good}{denied}"), &[]), [] as [&str; 0]);
}

#[test]
fn a_file_of_secrets_that_everybody_can_read_is_told() {
    let place = Place::new(
        "listening-ip=127.0.0.1\nlistening-port=0\nuser-file=users\nstatic-auth-secret-file=secrets\n\
         pkey-pwd-file=password\nprometheus\nprometheus-port=0\nprometheus-user=reader\n\
         prometheus-password-file=scraping\n",
    );
    let files = [
        ("user-file", "users", "alice:wonderland"),
        (
            "static-auth-secret-file",
            "secrets",
            "a secret that is long",
        ),
        ("pkey-pwd-file", "password", "open sesame"),
        ("prometheus-password-file", "scraping", "look here"),
    ];
    for (_, name, text) in files {
        fs::write(place.0.path().join(name), text).unwrap();
    }
    let told = |mode| -> Vec<String> {
        for (_, name, _) in files {
            let path = place.0.path().join(name);
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let report = place.json(&[]);
        let findings = report["findings"].as_array().unwrap().iter();
        findings
            .filter(|it| it["code"] == "readable-secrets")
            .map(|it| it["text"].as_str().unwrap().to_owned())
            .collect()
    };
    let expected = files.map(|(option, name, _)| {
        format!("{option}: every user of this machine can read secrets in {name} (mode 0644)")
    });
    assert_eq!(told(0o644), expected);
    assert_eq!(told(0o640), [] as [&str; 0]);
}

#[test]
fn no_secret_is_in_any_form_of_the_report() {
    let place = Place::new(
        "user=alice:hunter22\nstatic-auth-secret=hunter23\npkey-pwd=hunter24\nuser=x:0x1\n",
    );
    for args in [
        &[][..],
        &["--format=json"],
        &["-u", "bob:hunter25", "--min-port=hunter26"],
    ] {
        let text = place.check(args).text.replace("hunter26", "");
        assert!(!text.contains("hunter"), "{text}");
    }
}

#[test]
fn listeners_of_our_own_are_told_and_no_port_besides() {
    let config = data("good.conf")
        .replace("listening-port=0\n", "")
        .replace("listening-ip=127.0.0.1\n", "listen=udp://127.0.0.1:0\n");
    let checked = Place::new(&config).check(&[]);
    let tried = checked.text.split("\nOn this machine").nth(1);
    let tried = tried.unwrap_or_else(|| panic!("{}", checked.text));
    let listeners: Vec<&str> = tried
        .lines()
        .filter(|line| line.starts_with("  listen "))
        .collect();
    assert_eq!(listeners.len(), 1, "{}", checked.text);
    assert!(listeners[0].contains("udp 127.0.0.1:0"), "{}", checked.text);
    assert_eq!(checked.code, 0, "{}", checked.text);
}

#[test]
fn a_certificate_that_does_not_fit_its_key_is_found() {
    let (one, other) = (
        Certificates::new(KeyKind::Ecdsa),
        Certificates::new(KeyKind::Ecdsa),
    );
    let tls = |key: &str| {
        format!(
            "{}cert={}\npkey={key}\ntls-listening-port=0\n",
            data("good.conf"),
            one.path("server.pem")
        )
    };
    fs::set_permissions(one.path("server.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let fine = Place::new(&tls(&one.path("server.key"))).check(&[]);
    assert_eq!(fine.code, 0, "{}", fine.text);
    assert!(fine.text.contains("certificate until "), "{}", fine.text);
    let ciphers = tls(&one.path("server.key")) + "cipher-list=ECDHE+AESGCM:CAMELLIA256-SHA\n";
    let last = ciphers.lines().count();
    let json = Place::new(&ciphers).json(&[]);
    let findings = json["findings"].as_array().unwrap();
    let about = |it: &&Value| {
        it["text"]
            .as_str()
            .unwrap()
            .starts_with("cipher-list: these")
    };
    let found = findings.iter().find(about).expect("a cipher nobody has");
    assert_eq!(found["source"]["line"], last, "{found}");
    assert_eq!(found["code"], "tls");
    let mismatch = Place::new(&tls(&other.path("server.key"))).check(&[]);
    assert_eq!(mismatch.code, 255, "{}", mismatch.text);
    assert!(mismatch.text.contains("server.key"), "{}", mismatch.text);
}

#[test]
fn files_are_opened_as_the_user_that_will_serve() {
    if !is_root() {
        assert!(std::env::var_os("CI").is_none(), "CI runs these as root");
        return;
    }
    let certificates = Certificates::new(KeyKind::Ecdsa);
    let key = certificates.path("server.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let config = format!(
        "{}{}tls-listening-port=0\n",
        data("good.conf"),
        certificates.options()
    );
    let place = Place::new(&config);
    assert_eq!(place.check(&[]).code, 0, "{}", place.check(&[]).text);

    let json = place.json(&["--proc-user=nobody"]);
    assert_eq!(
        (&json["verdict"], &json["checked_as"]),
        (&"doubtful".into(), &"nobody".into())
    );
    let findings = json["findings"].as_array().unwrap();
    let of_others = findings.iter().filter(|it| it["code"] == "file-of-others");
    let texts: String = of_others.map(|it| it["text"].as_str().unwrap()).collect();
    assert!(
        texts.contains(&format!("pkey: {key} cannot be read as nobody")),
        "{texts}"
    );
    assert!(
        texts.contains("config: turnserver.conf cannot be read as nobody"),
        "{texts}"
    );

    let nobody = place.check(&["--proc-user=nobody-of-that-name"]);
    assert_eq!(nobody.code, 255, "{}", nobody.text);
}

#[test]
fn the_words_and_options_of_the_command_are_its_own() {
    let run = |args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_turnd"))
            .args(args)
            .output()
            .unwrap()
    };
    let text = |output: Output| String::from_utf8(output.stdout).unwrap();
    for command in ["check", "convert", "healthcheck"] {
        let help = text(run(&["help", command]));
        assert_eq!(help, text(run(&[command, "--help"])));
        assert!(help.contains("Exit codes:"));
        assert!(help.lines().all(|line| line.len() <= 100), "{help}");
        assert!(text(run(&["--help"])).contains(&format!("turnd {command} ")));
    }
    assert_eq!(run(&["check", "--format=xml"]).status.code(), Some(255));
    assert_eq!(run(&["help", "nothing"]).status.code(), Some(255));
    // A word that is no command is a mistake, unless coturn was meant.
    assert_eq!(run(&["serve"]).status.code(), Some(255));
    assert_eq!(run(&["-n", "check"]).status.code(), Some(255));
}

#[test]
fn a_word_behind_the_command_is_the_file() {
    let place = Place::new(&data("good.conf"));
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_turnd"));
        let command = command.current_dir(place.0.path()).arg("check").args(args);
        Checked::from(command.output().unwrap())
    };
    let named = run(&["turnserver.conf", "--format=json"]);
    assert_eq!(named.code, 0, "{}", named.text);
    assert_eq!(
        named.text,
        run(&["--format=json", "-c", "turnserver.conf"]).text
    );
    let missing = run(&["turnserver.cnf"]);
    assert_eq!(missing.code, 255);
    assert!(missing.text.contains("turnserver.cnf"), "{}", missing.text);
}

#[test]
fn what_else_is_wrong_is_told_beside_the_errors() {
    let place =
        Place::new("min-port=x\ndenied-peer-ips=10.0.0.0-10.255.255.255\nrealm=a\nrealm=b\n");
    let checked = place.check(&[]);
    assert_eq!(checked.code, 255);
    for said in [
        "line 2: there is no option",
        "line 3: realm: line 4 counts instead",
    ] {
        assert!(checked.text.contains(said), "{}", checked.text);
    }
    // The same at a start.
    let started = Command::new(env!("CARGO_BIN_EXE_turnd"))
        .arg("-c")
        .arg(place.file())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&started.stderr);
    let warnings: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("turnd: warning: "))
        .collect();
    assert_eq!(warnings.len(), 2, "{said}");
}

#[test]
fn ports_that_nothing_listens_on_are_no_defaults() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("turnserver.conf");
    for (listen, expected) in [("listen=udp://127.0.0.1:0\n", false), ("", true)] {
        let config =
            format!("{listen}relay-ip=127.0.0.1\nuser=alice:wonderland\nrealm=example.org\n");
        std::fs::write(&file, config).unwrap();
        let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_turnd"));
        let checked = check.args(["check", "-c"]).arg(&file).output().unwrap();
        let said = String::from_utf8(checked.stdout).unwrap();
        let mut lines = said.lines().map(str::trim_start);
        assert_eq!(
            lines.any(|line| line.starts_with("listening-port ")),
            expected,
            "{said}"
        );
    }
}

/// The commonest file of coturn's with a web page: nothing is wrong with it, and nobody could make a call.
#[test]
fn users_in_a_database_only_are_told_at_its_line_and_in_the_last() {
    let place = Place::new(
        "listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\nlt-cred-mech\nmysql-userdb=host=db user=turn\n",
    );
    let checked = place.check(&[]);
    assert_eq!(checked.code, 1);
    let last = checked.text.lines().last().unwrap();
    assert!(last.contains("NOBODY CAN RELAY"), "{last}");
    let json = place.json(&[]);
    let findings = json["findings"].as_array().unwrap();
    let found = findings
        .iter()
        .find(|it| it["code"] == "users-not-read")
        .unwrap();
    assert_eq!(found["source"]["line"], 5, "{found}");
    assert!(
        found["text"].as_str().unwrap().contains("user-file"),
        "{found}"
    );
}
