//! Calls in browsers, through `signaling` and, because they may go no other way, through `turnd`.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use crate::{
    judge,
    support::{
        certificates::{Certificates, KeyKind},
        foreign::{Facts, foreign, node, script},
        servers::{Signaling, Turnd, identity},
    },
};

struct Site {
    turnd: Turnd,
    signaling: Signaling,
    _certificates: Option<Certificates>,
}

/// A turnd that clients reach only over `transport`, and the site beside it.
fn site(transport: &str, lifetime: &str) -> Site {
    site_with(transport, lifetime, &[])
}

/// The same, with `more` arguments for signaling.
fn site_with(transport: &str, lifetime: &str, more: &[&str]) -> Site {
    let certificates = (transport == "tls").then(|| Certificates::new(KeyKind::Ecdsa));
    let only = match (transport, &certificates) {
        ("udp", _) => "no-tcp\n".to_owned(),
        ("tcp", _) => "no-udp\n".to_owned(),
        (_, Some(certificates)) => format!("no-udp\nno-tcp\n{}", identity(certificates)),
        _ => unreachable!("there are three"),
    };
    let turnd = Turnd::start(&only);
    let config = turnd.config();
    let mut arguments = vec!["--turn-config", &config, "--credential-lifetime", lifetime];
    arguments.extend(more);
    if certificates.is_some() {
        // Browsers know the test's root; the page itself has no need of it.
        arguments.extend(["--plain-http", "--turn-host", "localhost"]);
    }
    let signaling = Signaling::start(&arguments);
    Site {
        turnd,
        signaling,
        _certificates: certificates,
    }
}

impl Site {
    fn root(&self) -> Option<String> {
        Some(self._certificates.as_ref()?.path("root.pem"))
    }

    /// One of the scenarios of `call.mjs`, between these two browsers.
    fn call(&self, browsers: [&str; 2], scenario: &str, more: &[&str]) -> Option<Facts> {
        let [one, other] = [foreign(browsers[0])?, foreign(browsers[1])?];
        let url = self.signaling.url();
        let root = self.root();
        let mut arguments = vec![one.as_str(), &other, &url, scenario];
        if let Some(root) = &root {
            foreign("certutil")?;
            arguments.extend(["--ca", root]);
        }
        arguments.extend(more);
        judge("call.mjs", &arguments)
    }
}

fn relayed(transport: &str, browsers: [&str; 2]) {
    let site = site(transport, "600");
    let Some(facts) = site.call(browsers, "basic", &[]) else {
        return;
    };
    for end in [0, 1] {
        let pair = facts.value(&format!("pair_{end}")).to_owned();
        let [local, remote] = pair.split('-').collect::<Vec<_>>()[..] else {
            panic!("no pair: {pair}");
        };
        // A check may overtake the candidate that it comes from: then the address is learned from it (RFC 8445
        // section 7.3.1.3). That the other end relays is what its own pair says.
        assert!(matches!(remote, "relay" | "prflx"), "{pair}");
        // Firefox does not tell over what it reaches its relay; it has no other way here.
        let silent = browsers[end] == "firefox-esr" && local.starts_with("relay/");
        assert!(silent || local == format!("relay/{transport}"), "{pair}");
    }
    drop(site.turnd);
}

#[test]
fn call_over_udp() {
    relayed("udp", ["chromium", "chromium"]);
}

#[test]
fn call_over_tcp() {
    relayed("tcp", ["chromium", "chromium"]);
}

#[test]
fn call_over_tls() {
    relayed("tls", ["chromium", "chromium"]);
}

#[test]
fn call_in_firefox() {
    relayed("udp", ["firefox-esr", "firefox-esr"]);
}

#[test]
fn call_between_two_engines() {
    relayed("udp", ["chromium", "firefox-esr"]);
}

#[test]
fn the_older_name_for_a_newcomer_begins_a_call_too() {
    let site = site_with("udp", "600", &["--other-joined", "otherjoin"]);
    site.call(["chromium", "chromium"], "basic", &[]);
}

#[test]
fn a_closed_tab_is_known_within_a_second() {
    site("udp", "600").call(["chromium", "chromium"], "tab", &[]);
}

#[test]
fn a_full_room_is_told_in_words() {
    site("udp", "600").call(["chromium", "chromium"], "full", &[]);
}

/// Where the server lets three in, the page is for two all the same.
#[test]
fn a_room_for_three_is_one_for_two_to_the_page() {
    for scenario in ["third", "full"] {
        let site = site_with("udp", "600", &["--capacity", "3"]);
        site.call(["chromium", "chromium"], scenario, &[]);
    }
}

#[test]
fn what_others_send_runs_nothing() {
    site("udp", "600").call(["chromium", "chromium"], "xss", &[]);
}

#[test]
fn expired_credentials_are_replaced_during_a_call() {
    site("udp", "8").call(["chromium", "chromium"], "expiry", &["--life", "8"]);
}

/// Signaling is killed and started again. Pictures go on, and afterwards the two know of each other again.
#[test]
fn a_call_outlives_the_signalling_server() {
    let (Some(node), Some(chromium)) = (node(), foreign("chromium")) else {
        return;
    };
    let Site {
        turnd, signaling, ..
    } = site("udp", "600");
    let (script, url) = (script("call.mjs"), signaling.url());
    let mut child = Command::new("timeout")
        .args([
            "--kill-after=5",
            "60",
            &node,
            &script,
            &chromium,
            &chromium,
            &url,
            "restart",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starting node");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut printed = String::new();
    let mut signaling = Some(signaling);
    while let Some(Ok(line)) = output.next() {
        printed += &format!("{line}\n");
        if line == "waiting=restart" {
            signaling = signaling.take().map(Signaling::restart);
            let stdin = child.stdin.as_mut().expect("a pipe");
            stdin.write_all(b"it is back\n").expect("telling node");
        }
    }
    assert!(
        child.wait().expect("waiting for node").success(),
        "{printed}"
    );
    assert_eq!(Facts::of(&printed).value("failed"), "0", "{printed}");
    drop((turnd, signaling));
}

/// A page of the shape that the old course taught, with its client of 2017.
#[test]
fn a_page_of_the_old_course_works_unchanged() {
    let Some(chromium) = foreign("chromium") else {
        return;
    };
    let turnd = Turnd::start("user=demo:demo-demo\n");
    let signaling = Signaling::start(&["--allow-origin", "*"]);
    let port = turnd.option("listening-port");
    let (name, password) = time_limited(&turnd.option("static-auth-secret"));
    let servers = format!(
        r#"[{{"urls":"turn:127.0.0.1:{port}","username":"{name}","credential":"{password}"}}]"#
    );
    judge("course.mjs", &[&chromium, &signaling.url(), &servers]);
}

fn time_limited(secret: &str) -> (String, String) {
    let name = format!("{}:course", signaling::switchboard::unix() + 600);
    let password = turnd::auth::password(secret, &name);
    (name, password)
}
