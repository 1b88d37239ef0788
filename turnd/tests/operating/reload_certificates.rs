//! Certificates and what else is said of TLS: taken on SIGHUP, and noticed when files change.

use std::{net::SocketAddr, os::unix::fs::symlink};

use crate::{
    client::{Peer, eventually},
    pki::Authority,
    reload::{BASE, must_reload, reload},
    support::turnd::Turnd,
    tls::tls,
};

const USER: &str = "user=alice:secret\nallow-loopback-peers\n";
const FILES: &str = "cert=cert.pem\npkey=key.pem\ntls-listening-port=0\n";

fn config(more: &str) -> String {
    format!("{BASE}{USER}{FILES}{more}")
}

fn start(authority: &Authority, config: &str) -> (Turnd, SocketAddr) {
    let turnd = Turnd::start_with_files(config, &authority.issue().files());
    let server = turnd.address_of("tcp+tls");
    (turnd, server)
}

#[test]
fn sighup_takes_new_certificate_files_and_connections_go_on() {
    let (authority, peer) = (Authority::new(), Peer::new());
    let (turnd, server) = start(&authority, &config(""));
    let (mut old, before) = tls(server, &authority).unwrap();
    old.set_up(&peer);

    let new = Authority::new();
    let issued = new.issue();
    turnd.write_file("new-cert.pem", &issued.cert);
    turnd.write_file("new-key.pem", &issued.key);
    let elsewhere = config("").replace(
        "cert=cert.pem\npkey=key.pem",
        "cert=new-cert.pem\npkey=new-key.pem",
    );
    let line = must_reload(&turnd, &elsewhere);
    assert!(line.contains("changed: TLS"), "{line}");

    let (mut client, after) = tls(server, &new).unwrap();
    assert_eq!(after.certificate, issued.der());
    assert_ne!(after.certificate, before.certificate);
    assert_eq!(client.binding().error(), None);
    old.echo(&peer, b"on the connection from before");
}

#[test]
fn sighup_reads_the_same_files_again() {
    let authority = Authority::new();
    let (turnd, server) = start(&authority, &config(""));
    let renewed = authority.issue();
    for (name, text) in renewed.files() {
        turnd.write_file(name, text);
    }
    let line = must_reload(&turnd, &config(""));
    assert!(line.contains("changed: certificate"), "{line}");
    let (_, agreed) = tls(server, &authority).unwrap();
    assert_eq!(agreed.certificate, renewed.der());
}

#[test]
fn a_certificate_that_cannot_be_read_changes_nothing_at_all() {
    let authority = Authority::new();
    let (turnd, server) = start(&authority, &config(""));
    let (_, before) = tls(server, &authority).unwrap();
    turnd.write_file("bad.pem", "half a certif");
    let seen = turnd.line_count();
    let bad = config("user=bob:builder\n").replace("cert=cert.pem", "cert=bad.pem");
    let line = reload(&turnd, &bad);
    assert!(line.contains("nothing has been changed"), "{line}");
    let line = turnd.wait_for_line_after(seen, "bad.pem");
    assert!(line.contains("ERROR"), "{line}");
    let (_, after) = tls(server, &authority).unwrap();
    assert_eq!(after.certificate, before.certificate);
    let bob = crate::session::Session::new(turnd.udp_v4(), "bob", "builder");
    assert_eq!(bob.allocate().error(), Some(401));
}

#[test]
fn another_cipher_list_holds_for_new_connections() {
    let (authority, peer) = (Authority::new(), Peer::new());
    let suite = |name: &str| config(&format!("cipher-list={name}\n"));
    let (turnd, server) = start(&authority, &suite("ECDHE-ECDSA-AES128-GCM-SHA256"));
    let (mut old, before) = tls(server, &authority).unwrap();
    old.set_up(&peer);
    assert!(before.suite.contains("AES_128_GCM"), "{}", before.suite);
    must_reload(&turnd, &suite("ECDHE-ECDSA-CHACHA20-POLY1305"));
    let (_, after) = tls(server, &authority).unwrap();
    assert!(after.suite.contains("CHACHA20"), "{}", after.suite);
    old.echo(&peer, b"with the suite from before");
}

#[test]
fn tls_is_switched_on_and_off_and_on_again() {
    let (authority, peer) = (Authority::new(), Peer::new());
    let plain = format!("{BASE}{USER}");
    let turnd = Turnd::start_with_files(&plain, &authority.issue().files());
    let server = turnd.address_of("tcp");
    assert!(tls(server, &authority).is_err());
    for _ in 0..2 {
        must_reload(&turnd, &config(""));
        let (mut client, _) = tls(server, &authority).unwrap();
        client.set_up(&peer);
        client.echo(&peer, b"over TLS");
        must_reload(&turnd, &plain);
        assert!(tls(server, &authority).is_err());
        client.echo(&peer, b"still over TLS");
        assert_eq!(client.binding().error(), None);
    }
}

/// Whoever writes certificate and key one after the other has a pair that does not fit in between.
#[test]
fn changed_files_are_noticed_when_they_fit_together() {
    let authority = Authority::new();
    let (turnd, server) = start(&authority, &config(""));
    let (_, before) = tls(server, &authority).unwrap();
    let renewed = authority.issue();
    let seen = turnd.line_count();
    turnd.write_file("cert.pem", &renewed.cert);
    let line = turnd.wait_for_line_after(seen, "certificate files have changed: ");
    assert!(
        line.contains("WARNING") && line.contains("does not match"),
        "{line}"
    );
    let (_, between) = tls(server, &authority).unwrap();
    assert_eq!(between.certificate, before.certificate);

    turnd.write_file("key.pem", &renewed.key);
    turnd.wait_for_line_after(seen, "certificate files have changed: read again");
    let (_, after) = tls(server, &authority).unwrap();
    assert_eq!(after.certificate, renewed.der());
    let warnings = turnd.log();
    let warnings = warnings
        .lines()
        .filter(|line| line.contains("does not match"));
    assert_eq!(warnings.count(), 1, "one pair, one warning");
}

/// certbot keeps links in `live` and points them to the next file in `archive`.
#[test]
fn links_that_are_swapped_are_noticed() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let write = |number: u32| {
        let issued = authority.issue();
        for (name, text) in issued.files() {
            std::fs::write(folder.path().join(format!("{number}-{name}")), text).unwrap();
        }
        issued
    };
    let point = |number: u32| {
        for name in ["cert.pem", "key.pem"] {
            let new = folder.path().join("new");
            symlink(format!("{number}-{name}"), &new).unwrap();
            std::fs::rename(new, folder.path().join(name)).unwrap();
        }
    };
    write(1);
    let renewed = write(2);
    point(1);
    let path = folder.path().display();
    let config =
        format!("{BASE}{USER}cert={path}/cert.pem\npkey={path}/key.pem\ntls-listening-port=0\n");
    let turnd = Turnd::start(&config);
    let server = turnd.address_of("tcp+tls");
    let seen = turnd.line_count();
    point(2);
    turnd.wait_for_line_after(seen, "certificate files have changed: read again");
    eventually("the new one is shown", || {
        tls(server, &authority).unwrap().1.certificate == renewed.der()
    });
}
