//! SIGUSR2: a certificate that was renewed is taken without anybody noticing.

use rustls::HandshakeKind;

use crate::{
    client::Peer,
    encrypted::{Tls, both_ports, start, tls},
    pki::Authority,
};

#[test]
fn sigusr2_swaps_the_certificate_for_new_connections_and_the_old_ones_go_on() {
    let authority = Authority::new();
    let turnd = start(&authority, "");
    let [server, _] = both_ports(&turnd);
    let peer = Peer::new();
    let trusting = Tls::trusting(authority.der());
    let resuming = trusting.config(None);
    let (mut old, before) = tls(server, &resuming);
    old.set_up(&peer);

    let renewed = authority.issue();
    for (name, text) in renewed.files() {
        turnd.write_file(name, text);
    }
    let seen = turnd.line_count();
    turnd.signal("USR2");
    turnd.wait_for_line_after(seen, "SIGUSR2 received: certificate read again, SHA-256 ");

    let (mut new, after) = tls(server, &trusting.config(None));
    assert_eq!(after.certificate, renewed.der());
    assert_ne!(after.certificate, before.certificate);
    assert_eq!(new.binding().error(), None);
    old.echo(&peer, b"on the connection from before");
    assert_eq!(old.binding().error(), None);
    // The tickets of before are good still.
    let (_, resumed) = tls(server, &resuming);
    assert_eq!(resumed.kind, HandshakeKind::Resumed);
}

#[test]
fn sigusr2_with_files_that_are_no_use_keeps_what_was_there_and_names_the_file() {
    let authority = Authority::new();
    let turnd = start(&authority, "");
    let [server, _] = both_ports(&turnd);
    let config = Tls::trusting(authority.der()).config(None);
    let (_, first) = tls(server, &config);
    let other = authority.issue();

    let unread = |text: &str| {
        let seen = turnd.line_count();
        turnd.signal("USR2");
        let line = turnd.wait_for_line_after(seen, "SIGUSR2 received: ");
        assert!(
            line.contains("ERROR") && line.contains(text),
            "{text}: {line}"
        );
        assert!(
            line.contains("what was loaded before stays in use"),
            "{line}"
        );
        let fresh = Tls::trusting(authority.der()).config(None);
        let (mut client, now) = tls(server, &fresh);
        assert_eq!(now.certificate, first.certificate, "{text}");
        assert_eq!(client.binding().error(), None);
    };
    turnd.write_file("key.pem", &other.key);
    unread("key.pem: the private key in it does not match the first certificate in ");
    turnd.write_file("cert.pem", "half a certif");
    unread("cert.pem: has no certificate in it");
    turnd.remove_file("cert.pem");
    unread("cert.pem: cannot be read: ");

    // Put right, it is taken.
    turnd.write_file("cert.pem", &other.cert);
    let seen = turnd.line_count();
    turnd.signal("USR2");
    turnd.wait_for_line_after(seen, "certificate read again");
    let (_, last) = tls(server, &Tls::trusting(authority.der()).config(None));
    assert_eq!(last.certificate, other.der());
}

/// coturn ends on no such signal either: an operator's script may send it to every server.
#[test]
fn sigusr2_without_a_certificate_changes_nothing() {
    let turnd = crate::support::turnd::Turnd::start(crate::client::CONFIG);
    let seen = turnd.line_count();
    turnd.signal("USR2");
    turnd.wait_for_line_after(seen, "there is no certificate to read again");
    let mut client = crate::client::Client::tcp(turnd.address_of("tcp"));
    assert_eq!(client.binding().error(), None);
}
