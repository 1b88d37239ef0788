//! Whether TLS and DTLS are offered, and with what.

use std::{io, path::PathBuf};

use turnd::config::{Identity, Severity, TlsSettings};

use crate::helpers::*;

const CERT: &str = "turn_server_cert.pem";
const KEY: &str = "turn_server_pkey.pem";

/// What is offered on a machine with the files `others`.
fn tls_beside(others: &[&str], text: &str) -> Option<TlsSettings> {
    expect_run(outcome_beside(others, text, &[])).settings.tls
}

fn notes_beside(others: &[&str], text: &str) -> Vec<String> {
    notes(&expect_run(outcome_beside(others, text, &[])))
}

fn paths(tls: Option<TlsSettings>) -> (PathBuf, PathBuf) {
    match tls.expect("TLS is on").identity {
        Identity::Files { cert, key, .. } => (cert, key),
        Identity::SelfSigned => panic!("the files are not used"),
    }
}

#[test]
fn everything_written_about_tls_is_in_the_settings() {
    let text = "cert=/s/c\npkey=/s/k\npkey-pwd=open sesame\nCA-file=/s/ca\n\
                cipher-list=\"ECDHE+AESGCM:!aNULL\"\nec-curve-name=secp384r1\nno-tlsv1_2\n";
    let tls = tls_beside(&["/s/c", "/s/k", "/s/ca"], text).unwrap();
    let Identity::Files {
        cert,
        key,
        key_password,
    } = tls.identity
    else {
        panic!("the files are not used");
    };
    assert_eq!((cert, key), ("/s/c".into(), "/s/k".into()));
    assert_eq!(key_password.unwrap().expose(), "open sesame");
    assert_eq!(tls.ca_file, Some("/s/ca".into()));
    assert_eq!(tls.cipher_list.as_deref(), Some("ECDHE+AESGCM:!aNULL"));
    assert_eq!(tls.curves.as_deref(), Some("secp384r1"));
    assert!(!tls.tls12);
}

#[test]
fn what_is_not_written_about_tls_has_its_default() {
    let tls = settings("self-signed\ncipher-list=\nec-curve-name=").tls;
    let plain = TlsSettings {
        identity: Identity::SelfSigned,
        ca_file: None,
        cipher_list: None,
        curves: None,
        tls12: true,
    };
    assert_eq!(tls, Some(plain));
}

#[test]
fn relative_names_are_looked_for_where_the_file_is_looked_for() {
    let others = ["etc/coturn/c.pem", "/etc/k.pem", "/usr/local/etc/k.pem"];
    let found = paths(tls_beside(&others, "cert=c.pem\npkey=k.pem"));
    assert_eq!(found, ("etc/coturn/c.pem".into(), "/etc/k.pem".into()));
}

#[test]
fn the_half_that_is_not_written_has_its_usual_name() {
    let found = paths(tls_beside(
        &["/s/c", "/etc/turn_server_pkey.pem"],
        "cert=/s/c",
    ));
    assert_eq!(found, ("/s/c".into(), "/etc/turn_server_pkey.pem".into()));
    let found = paths(tls_beside(&["/s/k", CERT], "pkey=/s/k"));
    assert_eq!(found, (CERT.into(), "/s/k".into()));
    let found = paths(tls_beside(&[CERT, KEY], "tls-listening-port=443"));
    assert_eq!(found, (CERT.into(), KEY.into()));
}

#[test]
fn files_of_the_usual_names_are_used_unasked_and_told() {
    assert_eq!(
        paths(tls_beside(&[CERT, KEY], "")),
        (CERT.into(), KEY.into())
    );
    assert_eq!(
        notes_beside(&[CERT, KEY], "user=a:b\nrealm=r"),
        [format!(
            "configuration: cert and pkey are not written; {CERT} and {KEY} are there and are used"
        )]
    );
    assert_eq!(tls_beside(&[CERT], ""), None);
    assert_eq!(tls_beside(&[KEY], ""), None);
    assert_eq!(tls_beside(&[CERT, KEY], "no-tls"), None);
}

#[test]
fn a_file_of_the_usual_name_that_cannot_be_read_leaves_tls_off_and_is_told() {
    let machine = machine(|path| match path.to_str() {
        Some(CERT) => Ok(Vec::new()),
        Some("/etc/turn_server_pkey.pem") => Err(io::ErrorKind::PermissionDenied.into()),
        _ => Err(io::ErrorKind::NotFound.into()),
    });
    let loaded = expect_run(load(&machine, &["-n", "--stun-only"]));
    assert_eq!(loaded.settings.tls, None);
    assert_eq!(
        notes(&loaded),
        ["configuration: TLS is off: cannot read /etc/turn_server_pkey.pem: permission denied"]
    );
}

#[test]
fn a_file_that_is_named_must_be_readable() {
    let machine = machine(|path| match path.to_str() {
        Some("/s/c" | "etc/ca") => Ok(Vec::new()),
        Some("/s/k" | "coturn/ca") => Err(io::ErrorKind::PermissionDenied.into()),
        _ => Err(io::ErrorKind::NotFound.into()),
    });
    let args = ["-n", "--cert=/s/c", "--pkey=/s/k"];
    assert_eq!(
        messages(load(&machine, &args)),
        ["command line: pkey: cannot read /s/k: permission denied"]
    );
    let args = ["-n", "--self-signed", "--CA-file=ca"];
    assert_eq!(
        messages(load(&machine, &args)),
        ["command line: CA-file: cannot read coturn/ca: permission denied"]
    );
}

#[test]
fn a_name_that_would_upset_a_terminal_is_shown_harmless_and_cut() {
    let text = format!("cert=/\u{1b}[31m{}\npkey={FILE}", "x".repeat(1 << 20));
    let message = &mistakes(&text, &[])[0];
    assert!(message.starts_with(&format!(
        r"{FILE}:1: cert: there is no file /\u{{1b}}[31mxx"
    )));
    assert!(message.len() < 5000);
}

#[test]
fn tls_that_is_switched_off_needs_no_certificate_and_says_what_is_not_used() {
    let text = "user=a:b\nrealm=r\ncert=/none\ntls-listening-port=443\nno-tls\n";
    let loaded = run(text, &[]);
    assert_eq!(loaded.settings.tls, None);
    assert!(!loaded.settings.listen.tls_over_tcp);
    assert_eq!(
        notes(&loaded),
        [format!(
            "{FILE}:5: no-tls: TLS is off, so not used: cert ({FILE}:3), tls-listening-port ({FILE}:4)"
        )]
    );
    assert_eq!(notes(&run("stun-only\nno-tls\nno-dtls", &[])), [""; 0]);
}

#[test]
fn an_option_of_tls_without_a_certificate_is_told_once() {
    let told = [format!(
        "{FILE}:2: TLS is off: there is no certificate \
         (options cert and pkey; self-signed makes one for trying out)"
    )];
    for line in [
        "alt-tls-listening-port=5350",
        "pkey-pwd=x",
        "cipher-list=DEFAULT",
        "ec-curve-name=X25519",
        "no-tlsv1_2",
    ] {
        let loaded = run(&format!("stun-only\n{line}"), &[]);
        assert_eq!(notes(&loaded), told, "{line}");
        assert_eq!(loaded.notes[0].severity, Severity::Info);
    }
    assert_eq!(
        notes(&run(
            "stun-only\nno-tlsv1_2=0\nalt-tls-listening-port=0",
            &[]
        )),
        [""; 0]
    );
}

#[test]
fn dtls_is_off_unless_asked_for_and_does_not_depend_on_tls_and_udp() {
    let services = |text: &str| {
        let settings = settings(text);
        let listen = settings.listen;
        assert!(settings.tls.is_some(), "{text}");
        (listen.udp, listen.tls_over_tcp, listen.dtls)
    };
    assert_eq!(services("self-signed"), (true, true, false));
    assert_eq!(services("self-signed\nno-dtls"), (true, true, false));
    assert_eq!(services("self-signed\nno-dtls=0"), (true, true, false));
    assert_eq!(services("self-signed\ndtls"), (true, true, true));
    assert_eq!(services("self-signed\ndtls\nno-dtls=0"), (true, true, true));
    assert_eq!(services("self-signed\ndtls\nno-tls"), (true, false, true));
    assert_eq!(
        services("self-signed\ndtls\nno-tls\nno-udp\nno-tcp"),
        (false, false, true)
    );
}

#[test]
fn without_tls_1_2_dtls_stays_at_its_own_1_2_and_that_is_told() {
    let loaded = run("stun-only\nself-signed\nno-tlsv1_2", &[]);
    assert!(!loaded.settings.tls.as_ref().unwrap().tls12);
    assert_eq!(notes(&loaded), [""; 0]);
    let loaded = run("stun-only\nself-signed\nno-tlsv1_2\ndtls", &[]);
    assert_eq!(
        notes(&loaded),
        [format!(
            "{FILE}:3: no-tlsv1_2: this is for TLS; DTLS stays at 1.2"
        )]
    );
}

#[test]
fn a_command_line_alone_can_try_out_tls() {
    let machine = machine(|_| Err(io::ErrorKind::NotFound.into()));
    let args = ["-n", "--self-signed", "--dtls", "--tls-listening-port=0"];
    let settings = expect_run(load(&machine, &args)).settings;
    assert_eq!(settings.tls.unwrap().identity, Identity::SelfSigned);
    assert!(settings.listen.dtls && settings.listen.tls_over_tcp);
    assert_eq!(settings.listen.tls_listening_port, 0);
}
