//! `turnd healthcheck`, as a container runs it.

use std::{
    net::UdpSocket,
    process::{Command, Output},
};

use crate::support::{is_root, turnd::Turnd};

const CONFIG: &str =
    "listening-ip=127.0.0.1\nlistening-port=0\nuser=alice:wonderland\nrealm=example.org\n";

fn healthcheck(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turnd"));
    command.arg("healthcheck").args(args).output().unwrap()
}

fn told(output: &Output) -> (Option<i32>, String) {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn a_server_that_answers_is_healthy_and_one_that_has_ended_is_not() {
    let turnd = Turnd::start(CONFIG);
    let urls = ["udp", "tcp"].map(|protocol| {
        let address = turnd.address(protocol, std::net::SocketAddr::is_ipv4);
        (protocol, format!("{protocol}://{address}"), address)
    });
    for (protocol, url, address) in &urls {
        let expected = format!("turnd answers on {protocol} {address}\n");
        assert_eq!(told(&healthcheck(&["--to", url])), (Some(0), expected));
    }
    turnd.stop();
    for (protocol, url, address) in &urls {
        let (code, said) = told(&healthcheck(&[&format!("--to={url}")]));
        let expected = format!("turnd: healthcheck: no answer on {protocol} {address}: ");
        assert_eq!(code, Some(1), "{said}");
        assert!(said.starts_with(&expected), "{said}");
    }
}

/// As a process is that was stopped, or that hangs.
#[test]
fn a_server_that_is_silent_is_not_healthy() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let url = format!("udp://{}", silent.local_addr().unwrap());
    let (code, said) = told(&healthcheck(&["--to", &url, "--timeout=1"]));
    assert_eq!(code, Some(1), "{said}");
}

#[test]
fn what_cannot_be_asked_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let write = |text: &str| {
        let path = directory.path().join("a.conf");
        std::fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let no_port = write(CONFIG);
    let (code, said) = told(&healthcheck(&["-c", &no_port]));
    assert_eq!(code, Some(255));
    assert!(
        said.contains("the system chose the port of 127.0.0.1:0; expected --to"),
        "{said}"
    );
    let no_plain =
        write("listening-ip=127.0.0.1\nno-udp\nno-tcp\nself-signed\nuser=a:b\nrealm=r\n");
    let (code, said) = told(&healthcheck(&["-c", &no_plain]));
    assert_eq!(code, Some(255));
    assert!(said.contains("no plain UDP or TCP listener"), "{said}");
    for (args, expected) in [
        (
            &["--to=a.example"][..],
            "--to: \"a.example\" is no server; expected udp://",
        ),
        (&["--to"], "--to: \"\" is no server"),
        (
            &["--timeout", "0"],
            "--timeout: \"0\" is not from 1 to 60 seconds",
        ),
        (&["--nonsense"], "there is no option"),
        (&["-c", "missing.conf"], "missing.conf"),
    ] {
        let (code, said) = told(&healthcheck(args));
        assert_eq!(code, Some(255), "{said}");
        assert!(said.contains(expected), "{said}");
    }
    let (code, said) = told(&healthcheck(&["--help"]));
    assert_eq!(code, Some(0));
    assert!(said.contains("Exit codes:"), "{said}");
}

/// In a network of its own, because only fixed ports can be found in a file: as `-c` alone, on a wildcard, without
/// Binding requests, and behind TLS and PROXY listeners that are not asked.
#[test]
fn the_configuration_tells_whom_to_ask() {
    if !is_root() {
        return;
    }
    for (config, expected) in [
        ("", "udp 127.0.0.1:3478"),
        ("no-stun\nlistening-port=3555", "udp 127.0.0.1:3555"),
        (
            "no-udp\nself-signed\nlistening-ip=127.0.0.1",
            "tcp 127.0.0.1:3478",
        ),
        (
            "listen=tls://127.0.0.1:443\nself-signed\nlisten=udp://[::]:3479",
            "udp [::1]:3479",
        ),
    ] {
        let config = format!("{config}\nuser=alice:wonderland\nrealm=example.org\n");
        let mut command = Command::new("unshare");
        command
            .args([
                "--net",
                "sh",
                "-c",
                "ip link set lo up && exec \"$0\" \"$@\"",
            ])
            .arg(env!("CARGO_BIN_EXE_turnd"));
        let turnd = Turnd::start_with(command, &config, &[]);
        let asked = Command::new("nsenter")
            .arg(format!("--target={}", turnd.pid()))
            .args([
                "--net",
                env!("CARGO_BIN_EXE_turnd"),
                "healthcheck",
                "--config",
            ])
            .arg(turnd.directory().join("turnserver.conf"))
            .output()
            .unwrap();
        let expected = format!("turnd answers on {expected}\n");
        assert_eq!(told(&asked), (Some(0), expected), "{config}");
        turnd.stop();
    }
}
