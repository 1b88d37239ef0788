//! Secrets that are kept apart from the configuration.

use std::{collections::HashMap, ffi::OsString, io, os::unix::ffi::OsStringExt, path::Path};

use turnd::config::{Identity, Machine, Outcome};

use super::helpers::{expect_run, load, machine, messages, password};

/// A machine with these files and variables.
fn machine_of(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Machine {
    let owned = |pairs: &[(&str, &str)]| -> HashMap<String, String> {
        let pairs = pairs
            .iter()
            .map(|(name, text)| ((*name).into(), (*text).into()));
        pairs.collect()
    };
    let (files, variables) = (owned(files), owned(variables));
    let read = move |path: &Path| match files.get(path.to_str().unwrap()) {
        Some(text) => Ok(text.clone().into_bytes()),
        None => Err(io::ErrorKind::NotFound.into()),
    };
    Machine {
        environment: Box::new(move |name| variables.get(name).map(Into::into)),
        ..machine(read)
    }
}

fn outcome(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Outcome {
    load(&machine_of(files, variables), &["-c", "turnserver.conf"])
}

#[test]
fn a_byte_order_mark_belongs_to_no_secret() {
    let settings = expect_run(outcome(
        &[
            (
                "turnserver.conf",
                "user-file=users\nstatic-auth-secret-file=secrets\nprometheus\nprometheus-user=ops\nprometheus-password-file=metrics\n",
            ),
            ("users", "\u{feff}alice:wonderland\n"),
            ("secrets", "\u{feff}north\n"),
            ("metrics", "\u{feff}long enough, this one\n"),
        ],
        &[],
    ))
    .settings;
    assert_eq!(password(&settings, "alice"), "wonderland");
    assert_eq!(settings.shared_secrets[0].expose(), "north");
    let metrics = settings.metrics.unwrap();
    let login = metrics.login.unwrap();
    assert_eq!(login.password.expose(), "long enough, this one");
}

#[test]
fn users_and_secrets_come_from_files_one_a_line() {
    let settings = expect_run(outcome(
        &[
            (
                "turnserver.conf",
                "user-file=/etc/turnd/users\nstatic-auth-secret-file=secrets\nuser=carol:christmas\n",
            ),
            ("/etc/turnd/users", "# ours\nalice:wonderland\n\n  bob:0x00112233445566778899aabbccddeeff\r\n"),
            ("/etc/secrets", "north\nsouth\n"),
        ],
        &[],
    ))
    .settings;
    let names: Vec<&str> = settings
        .users
        .iter()
        .map(|user| user.name.as_str())
        .collect();
    assert_eq!(names, ["carol", "alice", "bob"]);
    assert_eq!(password(&settings, "alice"), "wonderland");
    let secrets: Vec<&str> = settings
        .shared_secrets
        .iter()
        .map(|it| it.expose())
        .collect();
    assert_eq!(secrets, ["north", "south"]);
}

#[test]
fn a_mistake_in_such_a_file_is_named_by_its_line_and_not_shown() {
    let files = [
        (
            "turnserver.conf",
            "user-file=users\nstatic-auth-secret-file=none\nuser=dora:explorer\n",
        ),
        ("users", "alice:wonderland\nhunter2\n"),
    ];
    let errors = messages(outcome(&files, &[]));
    assert_eq!(errors.len(), 2, "{errors:#?}");
    assert!(
        errors[0].starts_with(
            "turnserver.conf:2: static-auth-secret-file: there is no file none in the current directory"
        ),
        "{errors:#?}"
    );
    assert_eq!(
        errors[1],
        "users:2: user-file: the value has no colon; expected NAME:PASSWORD, or NAME:0xKEY with a key of 32 hexadecimal digits"
    );
}

#[test]
fn a_file_with_nothing_in_it_is_told() {
    let files = [
        ("turnserver.conf", "user-file=users\n"),
        ("users", "# nobody yet\n"),
    ];
    let loaded = expect_run(outcome(&files, &[]));
    let notes: Vec<String> = loaded.notes.iter().map(ToString::to_string).collect();
    let line = "users:1: user-file: there is nothing in the file".to_owned();
    assert!(notes.contains(&line), "{notes:#?}");
}

#[test]
fn the_environment_counts_and_an_empty_variable_does_not() {
    let files = [("turnserver.conf", "realm=example.org\n")];
    let variables = [
        ("TURND_USER", "alice:wonderland"),
        ("TURND_STATIC_AUTH_SECRET", "north"),
        ("TURND_PKEY_PWD", ""),
    ];
    let settings = expect_run(outcome(&files, &variables)).settings;
    assert_eq!(password(&settings, "alice"), "wonderland");
    assert_eq!(settings.shared_secrets.len(), 1);
    let errors = messages(outcome(&files, &[("TURND_USER", "alice")]));
    assert!(
        errors[0].starts_with("environment, TURND_USER: user: the value has no colon"),
        "{errors:?}"
    );
}

#[test]
fn systemds_credentials_are_taken_and_found_by_name() {
    let files = [
        ("turnserver.conf", "user-file=more\n"),
        ("/run/credentials/turnd/static-auth-secret", "north\n"),
        ("/run/credentials/turnd/more", "alice:wonderland\n"),
    ];
    let variables = [("CREDENTIALS_DIRECTORY", "/run/credentials/turnd")];
    let loaded = expect_run(outcome(&files, &variables));
    assert_eq!(loaded.settings.shared_secrets[0].expose(), "north");
    assert_eq!(password(&loaded.settings, "alice"), "wonderland");
    let notes: Vec<String> = loaded.notes.iter().map(ToString::to_string).collect();
    let told = "configuration: static-auth-secret: taken from systemd's credentials".to_owned();
    assert!(notes.contains(&told), "{notes:#?}");
}

#[test]
fn a_certificate_that_systemd_copies_once_is_warned_of() {
    let text = "user=alice:wonderland\nexternal-ip=192.0.2.1\ncert=c.pem\npkey=k.pem\n";
    let told = |directory: &str| {
        let (cert, key) = (format!("{directory}/c.pem"), format!("{directory}/k.pem"));
        let files = [("turnserver.conf", text), (&cert, "PEM"), (&key, "PEM")];
        let variables = [("CREDENTIALS_DIRECTORY", "/run/credentials/turnd")];
        let loaded = expect_run(outcome(&files, &variables));
        let notes = loaded.notes.iter().map(ToString::to_string);
        let about: Vec<_> = notes
            .filter(|note| note.contains("renewed certificate"))
            .collect();
        about
    };
    let [note] = &told("/run/credentials/turnd")[..] else {
        panic!("once, and not for the key as well");
    };
    assert!(note.starts_with("turnserver.conf:3: cert: "), "{note}");
    assert!(told("/etc").is_empty());
}

#[test]
fn a_secret_on_the_command_line_is_warned_of() {
    let machine = machine_of(&[("turnserver.conf", "realm=example.org\n")], &[]);
    let args = ["-c", "turnserver.conf", "-u", "alice:wonderland"];
    let loaded = expect_run(load(&machine, &args));
    let notes: Vec<String> = loaded.notes.iter().map(ToString::to_string).collect();
    let told = "command line: user: every user of this machine can see the command line; \
                user-file keeps the secret"
        .to_owned();
    assert!(notes.contains(&told), "{notes:#?}");
    assert!(!notes.iter().any(|note| note.contains("wonderland")));
}

#[test]
fn a_password_of_the_key_is_in_one_place() {
    let files = [
        (
            "turnserver.conf",
            "user=alice:wonderland\ncert=c.pem\npkey=k.pem\npkey-pwd=x\npkey-pwd-file=pwd\n",
        ),
        ("c.pem", "PEM"),
        ("k.pem", "PEM"),
        ("pwd", "y\n"),
    ];
    let errors = messages(outcome(&files, &[]));
    assert_eq!(
        errors,
        ["turnserver.conf:5: pkey-pwd-file: there is a pkey-pwd too; expected one of them"]
    );
}

#[test]
fn every_secret_on_the_command_line_is_warned_of_once_and_with_a_better_place() {
    let machine = machine_of(&[("turnserver.conf", "user=carol:christmas\n")], &[]);
    let args = [
        "-c",
        "turnserver.conf",
        "--static-auth-secret=hush",
        "--static-auth-secret=hush too",
        "--pkey-pwd=hush",
        "--prometheus-password=hush",
        "--stateless-nonce-secret=hush, and long enough for a nonce",
        "--cli-password=hush",
        "--psql-userdb=host=localhost password=hush",
    ];
    let loaded = expect_run(load(&machine, &args));
    let notes: Vec<String> = loaded.notes.iter().map(ToString::to_string).collect();
    for (option, instead) in [
        ("static-auth-secret", "static-auth-secret-file"),
        ("pkey-pwd", "pkey-pwd-file"),
        ("prometheus-password", "prometheus-password-file"),
        ("stateless-nonce-secret", "the configuration file"),
        ("cli-password", "the configuration file"),
        ("psql-userdb", "the configuration file"),
    ] {
        let told = format!(
            "command line: {option}: every user of this machine can see the command line; \
             {instead} keeps the secret"
        );
        let times = notes.iter().filter(|note| **note == told).count();
        assert_eq!(times, 1, "{told}\n{notes:#?}");
    }
    assert!(
        !notes.iter().any(|note| note.contains("hush")),
        "{notes:#?}"
    );
    // Where only readers of the file see it, there is nothing to say.
    let told = |note: &String| note.contains("user: every user");
    assert!(!notes.iter().any(told), "{notes:#?}");
}

#[test]
fn a_credential_that_cannot_be_read_ends_the_start() {
    let given = "/run/credentials/turnd";
    let machine = Machine {
        environment: Box::new(move |name| (name == "CREDENTIALS_DIRECTORY").then(|| given.into())),
        ..machine(move |path| match path {
            path if path == Path::new("turnserver.conf") => Ok(b"user=carol:christmas\n".to_vec()),
            path if path.ends_with("turnd/users") => Err(io::Error::other("permission denied")),
            _ => Err(io::ErrorKind::NotFound.into()),
        })
    };
    assert_eq!(
        messages(load(&machine, &["-c", "turnserver.conf"])),
        ["configuration: user: cannot read /run/credentials/turnd/users: permission denied"]
    );
}

#[test]
fn a_variable_that_is_no_text_is_an_error_and_not_left_out() {
    let machine = Machine {
        environment: Box::new(|name| {
            (name == "TURND_STATIC_AUTH_SECRET").then(|| OsString::from_vec(b"no\xffrth".to_vec()))
        }),
        ..machine_of(&[("turnserver.conf", "user=carol:christmas\n")], &[])
    };
    assert_eq!(
        messages(load(&machine, &["-c", "turnserver.conf"])),
        [
            "environment, TURND_STATIC_AUTH_SECRET: static-auth-secret: the value is not UTF-8; expected text"
        ]
    );
}

#[test]
fn the_password_of_the_key_comes_from_its_file_the_credentials_or_the_environment() {
    let files = |written: &'static str| {
        [
            ("turnserver.conf", written),
            ("pwd", "of the file\nand no second line\n"),
            ("/run/credentials/turnd/pkey-pwd", "of the credential\n"),
            ("/run/credentials/turnd/fullchain.pem", "PEM"),
            ("/run/credentials/turnd/privkey.pem", "PEM"),
        ]
    };
    let credentials = ("CREDENTIALS_DIRECTORY", "/run/credentials/turnd");
    let variable = ("TURND_PKEY_PWD", "of the environment");
    // Absolute, because relative names are found among credentials only where there are some.
    let absolute = "user=a:b\ncert=/run/credentials/turnd/fullchain.pem\n\
                    pkey=/run/credentials/turnd/privkey.pem\npkey-pwd-file=pwd\n";
    let relative = "user=a:b\ncert=fullchain.pem\npkey=privkey.pem\npkey-pwd-file=pwd\n";
    let none: &[(&str, &str)] = &[];
    for (written, variables, expected) in [
        (absolute, none, "of the file"),
        (relative, &[credentials], "of the credential"),
        (relative, &[credentials, variable], "of the environment"),
        (absolute, &[variable], "of the environment"),
    ] {
        let settings = expect_run(outcome(&files(written), variables)).settings;
        let Identity::Files {
            cert, key_password, ..
        } = settings.tls.unwrap().identity
        else {
            panic!("{written}");
        };
        assert_eq!(cert, Path::new("/run/credentials/turnd/fullchain.pem"));
        assert_eq!(key_password.unwrap().expose(), expected);
    }
}
