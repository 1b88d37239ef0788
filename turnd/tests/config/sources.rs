//! Which file is read, what wins over what, and who may relay in the end.

use std::{io, path::Path};

use turnd::config::{self, Access, Loaded, Machine, Severity, Verbosity};

use crate::helpers::*;

#[test]
fn the_place_of_a_line_does_not_matter_and_the_last_scalar_counts() {
    let text = "user=alice:wonderland\nmax-port=60000\nrealm=first\nrealm=last\nmin-port=50000\n";
    let settings = settings(text);
    assert_eq!(settings.realm, "last");
    assert_eq!(settings.relay_ports, 50000..=60000);
}

#[test]
fn the_command_line_wins_over_the_file_and_adds_to_its_lists() {
    let text = "realm=file\nlistening-port=1111\ndenied-peer-ip=10.0.0.1\nverbose\nuser=a:b\n";
    let args = [
        "-r",
        "line",
        "-p=2222",
        "--denied-peer-ip",
        "10.0.0.2",
        "--verbose=no",
        "-u",
        "c:d",
    ];
    let settings = run(text, &args).settings;
    assert_eq!(settings.realm, "line");
    assert_eq!(settings.listening_port, 2222);
    assert_eq!(settings.peers.denied.len(), 2);
    assert_eq!(settings.log.verbosity, Verbosity::Quiet);
    assert_eq!(settings.users.len(), 2);
}

/// The entry point of coturn's container image leaves an empty word where it has found no address.
#[test]
fn a_word_that_belongs_to_no_option_is_a_warning_as_in_coturn() {
    let loaded = run(
        "realm=r\nuser=a:b",
        &["start", "--min-port=50000", "word", "-v", ""],
    );
    assert_eq!(loaded.settings.realm, "r");
    assert_eq!(*loaded.settings.relay_ports.start(), 50000);
    assert_eq!(loaded.settings.log.verbosity, Verbosity::Verbose);
    let told = "command line: a word belongs to no option and has no effect; every option begins with a dash";
    let warnings = loaded.notes.iter().filter(|note| note.to_string() == told);
    assert_eq!(warnings.count(), 3, "{:?}", loaded.notes);
}

#[test]
fn the_command_line_takes_letters_long_names_and_beginnings_of_names() {
    let args = [
        "-vf",
        "-m2",
        "-L",
        "192.0.2.1",
        "--listening-p",
        "5",
        "--rest-api-separator=@",
        "-a",
        "-q",
        "3",
    ];
    let settings = run("realm=r\nuser=a:b", &args).settings;
    assert_eq!(settings.log.verbosity, Verbosity::Verbose);
    assert!(settings.fingerprint);
    assert_eq!(settings.relay_threads, 2);
    assert_eq!(settings.listening_ips, [ip("192.0.2.1")]);
    assert_eq!(settings.listening_port, 5);
    assert_eq!(settings.rest_separator, '@');
    assert_eq!(settings.user_quota, Some(3));
}

#[test]
fn verbose_and_its_capital_differ() {
    assert_eq!(settings("verbose").log.verbosity, Verbosity::Verbose);
    assert_eq!(settings("verbose\nVerbose").log.verbosity, Verbosity::Extra);
}

#[test]
fn names_from_old_releases_do_not_stop_a_command_line() {
    let args = [
        "--no-tlsv1",
        "--no-loopback-peers",
        "--prod",
        "--no-dtls",
        "--ne=3",
        "--no-sslv2",
        "--no-tcp-relay",
    ];
    let notes = run(MINIMAL, &args).notes;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert_eq!(notes[0].severity, Severity::Info);
}

#[test]
fn without_a_name_the_usual_places_are_searched() {
    let machine = machine(|path| match path.to_str() {
        Some("turnserver.conf") => Err(io::ErrorKind::IsADirectory.into()),
        Some("/etc/coturn/turnserver.conf") => Ok(b"realm=found".to_vec()),
        _ => Err(io::ErrorKind::NotFound.into()),
    });
    let loaded = expect_run(load(&machine, &[]));
    assert_eq!(loaded.settings.realm, "found");
    assert_eq!(
        loaded.file.unwrap(),
        Path::new("/etc/coturn/turnserver.conf")
    );
}

#[test]
fn no_file_anywhere_is_a_warning_and_never_an_open_relay() {
    let machine = machine(|_| Err(io::ErrorKind::NotFound.into()));
    let loaded = expect_run(load(&machine, &[]));
    assert_eq!(loaded.settings.access, Access::Nobody);
    assert!(loaded.notes[0].text.starts_with("no turnserver.conf"));
    let loaded = expect_run(load(&machine, &["-n"]));
    assert!(
        !loaded
            .notes
            .iter()
            .any(|note| note.text.contains("turnserver.conf"))
    );
}

#[test]
fn a_file_that_is_named_must_be_there_and_readable() {
    let absent = machine(|_| Err(io::ErrorKind::NotFound.into()));
    assert_eq!(
        messages(load(&absent, &["-c", "/etc/a.conf"])),
        ["command line: config: there is no file /etc/a.conf"]
    );
    assert_eq!(
        messages(load(&absent, &["--config=a.conf"])),
        [
            "command line: config: there is no file a.conf in the current directory, /etc or /usr/local/etc"
        ]
    );
    let unreadable = machine(|_| Err(io::ErrorKind::PermissionDenied.into()));
    assert_eq!(
        messages(load(&unreadable, &["-c", "a.conf"])),
        ["command line: config: cannot read a.conf: permission denied"]
    );
    assert_eq!(
        messages(load(&unreadable, &[])),
        ["configuration: config: cannot read turnserver.conf: permission denied"]
    );
}

#[test]
fn the_real_machine_reads_real_files() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/nextcloud-talk.conf");
    let args = ["turnd".into(), "-c".into(), path.clone().into_os_string()];
    let loaded = expect_run(config::load(args));
    assert_eq!(loaded.settings.realm, "cloud.example");
    assert_eq!(loaded.file, Some(path));
}

#[test]
fn nobody_relays_anonymously_unless_it_is_written() {
    let Loaded {
        settings, notes, ..
    } = run("listening-port=1", &[]);
    assert_eq!(settings.access, Access::Nobody);
    assert_eq!(notes[0].severity, Severity::Warning);
    let Loaded {
        settings, notes, ..
    } = run("no-auth", &[]);
    assert_eq!(settings.access, Access::Anonymous);
    assert!(notes[0].text.contains("open relay"));
    assert_eq!(run("no-auth=0", &[]).settings.access, Access::Nobody);
}

#[test]
fn a_secret_alone_switches_authentication_on() {
    let settings = settings("static-auth-secret=x\nrealm=r");
    assert_eq!(settings.access, Access::Credentials);
}

#[test]
fn users_and_secrets_work_side_by_side() {
    let text = "lt-cred-mech\nuse-auth-secret\nstatic-auth-secret=x\nstatic-auth-secret=y\nuser=a:b\nrealm=r";
    let loaded = run(text, &[]);
    let settings = &loaded.settings;
    assert_eq!(
        (settings.users.len(), settings.shared_secrets.len()),
        (1, 2)
    );
    assert_eq!(notes(&loaded), [""; 0]);
}

#[test]
fn without_a_realm_the_domain_of_the_machine_is_taken_and_said() {
    let loaded = run("user=a:b", &[]);
    assert_eq!(loaded.settings.realm, "example.net");
    assert_eq!(
        notes(&loaded),
        [format!(
            "{FILE}:1: there is no realm, so \"example.net\" is used; it is the name of this machine or its domain"
        )]
    );
    let notes = notes(&run("user=a:0x00112233445566778899aabbccddeeff", &[]));
    assert!(notes[0].ends_with("works in the realm it was made for only"));
    let nameless = Machine {
        host_name: None,
        ..machine(|_| Ok(Vec::new()))
    };
    assert_eq!(expect_run(load(&nameless, &[])).settings.realm, "turnd");
}
