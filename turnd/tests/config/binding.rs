//! How Binding requests are answered, and who is sent to another server.

use turnd::config::Binding;

use crate::helpers::{FILE, MINIMAL, ip, notes, run, settings};

const TWO: &str = "listening-ip=192.0.2.1\nlistening-ip=192.0.2.2\n";

#[test]
fn binding_is_plain_unless_something_is_written() {
    assert_eq!(settings(MINIMAL).binding, Binding::default());
    let text = "rfc5780\nrfc3489-compatibility\nstun-backward-compatibility\n";
    let all = settings(&format!("{MINIMAL}{TWO}{text}")).binding;
    let expected = Binding {
        authenticated: false,
        mapped_address: true,
        classic: true,
        discovery: true,
    };
    assert_eq!(all, expected);
    assert!(
        settings(&format!("{MINIMAL}secure-stun\n"))
            .binding
            .authenticated
    );
    // What coturn's templates have, without a word about it.
    let usual = "no-rfc5780\nno-stun-backward-compatibility\nresponse-origin-only-with-rfc5780\n";
    let loaded = run(&format!("{MINIMAL}{usual}"), &[]);
    assert_eq!(loaded.settings.binding, Binding::default());
    let about = |note: &String| note.contains("5780") && note.contains("no effect");
    assert!(!notes(&loaded).iter().any(about));
}

/// The next port, as in coturn; the one that is written; or like the first one chosen by the system.
#[test]
fn behaviour_discovery_has_a_second_port() {
    const BASE: &str = "user=alice:wonderland\nrealm=example.org\nself-signed\n";
    let ports = |text: &str| {
        let listen = settings(&format!("{BASE}{text}")).listen;
        (listen.alt_listening_port, listen.alt_tls_listening_port)
    };
    let on = |text: &str| ports(&format!("{TWO}rfc5780\n{text}"));
    assert_eq!(ports(TWO), (None, None));
    assert_eq!(on(""), (Some(3479), Some(5350)));
    assert_eq!(on("alt-listening-port=0"), (Some(3479), Some(5350)));
    assert_eq!(
        on("listening-port=4000\nalt-tls-listening-port=7"),
        (Some(4001), Some(7))
    );
    assert_eq!(
        on("listening-port=0\ntls-listening-port=65535"),
        (Some(0), Some(65534))
    );
    assert_eq!(on("alt-listening-port=9"), (Some(9), Some(5350)));
}

/// One that may be of a container is no second address that clients reach.
#[test]
fn behaviour_discovery_needs_two_addresses_by_name() {
    let lacking = |text: &str| {
        let loaded = run(&format!("{MINIMAL}{text}rfc5780\n"), &[]);
        let said = notes(&loaded);
        let said = said
            .iter()
            .any(|note| note.contains("rfc5780 has no effect: it needs two addresses"));
        assert_eq!(said, !loaded.settings.binding.discovery, "{text}");
        said
    };
    assert!(lacking(""));
    assert!(lacking("listening-ip=192.0.2.1\n"));
    assert!(lacking("listening-ip=192.0.2.1\nlistening-ip=192.0.2.1\n"));
    assert!(lacking(
        "listening-ip=192.0.2.1\nlistening-ip=2001:db8::1\n"
    ));
    assert!(lacking("listening-ip=0.0.0.0\nlistening-ip=192.0.2.1\n"));
    assert!(!lacking(TWO));
    assert!(!lacking(
        "listening-ip=2001:db8::1\nlistening-ip=2001:db8::2\n"
    ));
}

#[test]
fn what_has_no_effect_is_told() {
    for (text, expected) in [
        (
            "no-stun\nstun-backward-compatibility\n",
            "stun-backward-compatibility has no effect: no-stun (turnserver.conf:5) leaves no Binding request to answer",
        ),
        (
            "no-udp\nrfc3489-compatibility\n",
            "rfc3489-compatibility has no effect: such clients use UDP, and it is not served",
        ),
        (
            "secure-stun\nrfc3489-compatibility\n",
            "rfc3489-compatibility has no effect: secure-stun asks for credentials, which such clients do not have",
        ),
        (
            "no-stun\nsecure-stun\n",
            "secure-stun has no effect: no-stun leaves no Binding request to answer",
        ),
        (
            "stun-only\nalternate-server=203.0.113.1\n",
            "alternate-server has no effect: only requests of TURN are redirected, and stun-only is on",
        ),
        (
            "listening-ip=192.0.2.1\nanycast-ip=192.0.2.7/192.0.2.8\n",
            "anycast-ip has no effect: no listening-ip is 192.0.2.7",
        ),
    ] {
        let said = notes(&run(&format!("{MINIMAL}{text}"), &[]));
        let expected = format!("{FILE}:6: {expected}");
        assert!(said.contains(&expected), "{text}: {said:?}");
    }
    let open = run("no-auth\nalternate-server=203.0.113.1\n", &[]);
    let expected = "turnserver.conf:2: alternate-server has no effect: only clients with an account are \
                    redirected, and no-auth asks for none";
    assert!(notes(&open).iter().any(|note| note == expected));
}

#[test]
fn servers_are_read_in_every_form() {
    let text = "alternate-server=203.0.113.1 # the second\nalternate-server=203.0.113.1\n\
        alternate-server=[2001:db8::1]\nudp-alternate-server=203.0.113.2:4000\n\
        tcp-alternate-server=[2001:db8::2]:4001\n\
        tls-alternate-server=203.0.113.3:443/two.example.org\n\
        tls-alternate-server=203.0.113.4/three.example.org\n\
        drain-alternate-server=203.0.113.5\nanycast-ip=192.0.2.1/203.0.113.6\n";
    let redirects = settings(&format!("{MINIMAL}{text}")).redirects;
    let shown = |list: &[turnd_proto::Alternate]| {
        let all = list.iter().map(|it| {
            (
                it.ip.to_string(),
                it.port,
                it.domain.as_deref().unwrap_or("").to_owned(),
            )
        });
        all.collect::<Vec<_>>()
    };
    let server = |ip: &str, port, name: &str| (ip.to_owned(), port, name.to_owned());
    assert_eq!(
        shown(&redirects.any),
        [
            server("203.0.113.1", None, ""),
            server("2001:db8::1", None, "")
        ]
    );
    assert_eq!(
        shown(&redirects.udp),
        [server("203.0.113.2", Some(4000), "")]
    );
    assert_eq!(
        shown(&redirects.tcp),
        [server("2001:db8::2", Some(4001), "")]
    );
    assert_eq!(
        shown(&redirects.tls),
        [
            server("203.0.113.3", Some(443), "two.example.org"),
            server("203.0.113.4", None, "three.example.org")
        ]
    );
    assert_eq!(shown(&redirects.drain), [server("203.0.113.5", None, "")]);
    assert_eq!(redirects.anycast, [(ip("192.0.2.1"), ip("203.0.113.6"))]);
}
