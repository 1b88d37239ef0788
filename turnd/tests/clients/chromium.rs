//! Two ends of a data channel in one page of headless Chromium, forbidden to meet other than through the relay.

use super::*;
use crate::support::foreign::{Facts, foreign, node, run, script};

#[test]
fn data_channel_over_ipv4() {
    relays(
        |turnd| format!("turn:{}?transport=udp", turnd.udp_v4()),
        "udp",
    );
}

#[test]
fn data_channel_over_ipv6() {
    relays(
        |turnd| format!("turn:{}?transport=udp", turnd.udp_v6()),
        "udp",
    );
}

#[test]
fn data_channel_over_tcp() {
    let url = |turnd: &Turnd| {
        let server = turnd.address("tcp", SocketAddr::is_ipv4);
        format!("turn:{server}?transport=tcp")
    };
    relays(url, "tcp");
}

#[test]
fn data_channel_over_tls() {
    let url = |turnd: &Turnd| {
        let server = turnd.address("tls", SocketAddr::is_ipv4);
        format!("turns:localhost:{}?transport=tcp", server.port())
    };
    relays(url, "tls");
}

fn relays(url: impl Fn(&Turnd) -> String, protocol: &str) {
    let (Some(node), Some(chromium), Some(certutil)) =
        (node(), foreign("chromium"), foreign("certutil"))
    else {
        return;
    };
    let certificates = Certificates::new(KeyKind::Ecdsa);
    let home = trusting_home(&certificates, &certutil);
    // Without allow-loopback-peers: each peer is the other's relayed address, and those are always reachable.
    let config = config(&format!("user={USER}:{PASSWORD}\nlt-cred-mech\n"));
    // One port for each family: localhost is either.
    let turnd = Turnd::start(&(config + &certificates.options()));
    let url = url(&turnd);

    let script = script("relay.mjs");
    let arguments = [&home, &node, &script, &chromium, &url, USER, PASSWORD];
    let printed = run("env", &arguments);

    let facts = Facts::of(&printed);
    for end in ["alice", "bob"] {
        let fact = |name: &str| facts.value(&format!("{end}_{name}"));
        assert_eq!(fact("messages"), "200", "{printed}");
        assert_eq!(fact("bytes"), "1629004", "{printed}");
        assert_eq!(fact("local"), format!("relay/{protocol}"), "{printed}");
        assert_eq!(fact("remote"), "relay", "{printed}");
    }
}

/// `HOME=` a directory with a certificate store that trusts the test's root.
fn trusting_home(certificates: &Certificates, certutil: &str) -> String {
    let home = certificates.directory().join("home");
    let store = home.join(".pki/nssdb");
    std::fs::create_dir_all(&store).expect("a directory");
    let store = format!("sql:{}", store.display());
    run(certutil, &["-N", "--empty-password", "-d", &store]);
    let root = certificates.path("root.pem");
    run(
        certutil,
        &["-A", "-n", "root", "-t", "C,,", "-i", &root, "-d", &store],
    );
    format!("HOME={}", home.display())
}
