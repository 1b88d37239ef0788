//! What is listened on, what is relayed, and how much a connection may ask for.

use std::time::Duration;

use turnd::config::{ConnectionLimits, Http, StreamQueue};

use crate::helpers::*;

#[test]
fn each_way_in_can_be_left_out() {
    let ways = |text: &str| {
        let listen = settings(text).listen;
        (listen.udp, listen.tcp, listen.tls_over_tcp)
    };
    assert_eq!(ways(""), (true, true, false));
    assert_eq!(ways("no-udp"), (false, true, false));
    assert_eq!(ways("no-tcp"), (true, false, false));
    assert_eq!(ways("no-udp=0\nno-tcp=no"), (true, true, false));
    assert_eq!(ways("self-signed\nno-udp\nno-tcp"), (false, false, true));
    assert_eq!(
        ways("tcp-proxy-port=1\nno-udp\nno-tcp"),
        (false, false, false)
    );
}

#[test]
fn alternate_ports_are_listened_on_when_written_and_not_zero() {
    let ports = |text: &str| {
        let listen = settings(text).listen;
        (listen.alt_listening_port, listen.alt_tls_listening_port)
    };
    assert_eq!(ports(""), (None, None));
    assert_eq!(
        ports("alt-listening-port=0\nalt-tls-listening-port=0"),
        (None, None)
    );
    assert_eq!(
        ports("alt-listening-port=3479\nalt-tls-listening-port=5350"),
        (Some(3479), Some(5350))
    );
}

#[test]
fn auxiliary_servers_add_up_and_count_once() {
    let text = "listening-ip=192.0.2.1\naux-server=192.0.2.9:3479 # third\n\
                aux-server=[2001:db8::9]:443\naux-server=\"[::ffff:192.0.2.9]:3479\"\n\
                aux-server=[fe80::1%3]:443\naux-server=192.0.2.1:3479\n";
    let servers = run(text, &["--aux-server", "0.0.0.0:0"])
        .settings
        .listen
        .aux_servers;
    let servers: Vec<_> = servers.iter().map(ToString::to_string).collect();
    assert_eq!(
        servers,
        [
            "192.0.2.9:3479",
            "[2001:db8::9]:443",
            "[fe80::1%3]:443",
            "192.0.2.1:3479",
            "0.0.0.0:0",
        ]
    );
}

#[test]
fn an_auxiliary_server_that_is_listened_on_anyway_is_told_and_left_out() {
    let text = "stun-only\nlistening-ip=192.0.2.1\nalt-listening-port=99\n\
                aux-server=192.0.2.1:3478\naux-server=192.0.2.1:99\naux-server=192.0.2.2:3478\n\
                listening-ip=::\naux-server=[2001:db8::1]:3478\naux-server=[2001:db8::1]:1\n";
    let loaded = run(text, &[]);
    let left: Vec<_> = ["192.0.2.2:3478", "[2001:db8::1]:1"]
        .map(|endpoint| endpoint.parse().unwrap())
        .into();
    assert_eq!(loaded.settings.listen.aux_servers, left);
    assert_eq!(
        notes(&loaded),
        [
            format!("{FILE}:4: aux-server: 192.0.2.1:3478 is listened on without this"),
            format!("{FILE}:5: aux-server: 192.0.2.1:99 is listened on without this"),
            format!("{FILE}:8: aux-server: [2001:db8::1]:3478 is listened on without this"),
        ]
    );
}

#[test]
fn listeners_and_relays_can_be_bound_to_an_interface() {
    let listen = run("relay-device=wg-peers.100", &["-d", "eth0"])
        .settings
        .listen;
    assert_eq!(listen.listening_device.as_deref(), Some("eth0"));
    assert_eq!(listen.relay_device.as_deref(), Some("wg-peers.100"));
    let longest = settings("listening-device=fifteen-letters # the longest").listen;
    assert_eq!(longest.listening_device.as_deref(), Some("fifteen-letters"));
}

#[test]
fn tcp_is_relayed_if_asked_and_a_silent_file_is_told_that_it_is_not() {
    let relays = |text: &str| {
        let loaded = run(text, &[]);
        let told = loaded
            .notes
            .iter()
            .filter(|note| note.to_string() == NO_TCP_RELAY);
        let told = told.count();
        (loaded.settings.udp_relay, loaded.settings.tcp_relay, told)
    };
    assert_eq!(relays(""), (true, false, 1));
    assert_eq!(relays("no-tcp-relay=0"), (true, false, 1));
    assert_eq!(relays("no-tcp-relay"), (true, false, 0));
    assert_eq!(relays("tcp-relay=no"), (true, false, 0));
    assert_eq!(relays("tcp-relay"), (true, true, 0));
    assert_eq!(relays("tcp-relay\nno-udp-relay"), (false, true, 0));
    assert_eq!(relays("stun-only"), (true, false, 0));
    assert_eq!(relays("no-tcp"), (true, false, 0));
    assert_eq!(relays("no-tcp\nself-signed"), (true, false, 1));
    assert_eq!(relays("no-tcp\ntcp-proxy-port=1"), (true, false, 1));
    assert_eq!(
        relays("stun-only\nno-udp-relay\nno-tcp-relay"),
        (false, false, 0)
    );
    let loaded = expect_run(load(&machine_with(Vec::new(), &[]), &["-n", "--no-auth"]));
    assert!(
        !loaded
            .notes
            .iter()
            .any(|note| note.to_string() == NO_TCP_RELAY)
    );
}

#[test]
fn no_tcp_relay_is_taken_without_a_word() {
    let text = format!("{MINIMAL}no-tcp-relay\n");
    assert_eq!(run(&text, &[]).notes, []);
}

#[test]
fn tcp_relaying_that_no_client_can_ask_for_is_told() {
    let text = format!("{MINIMAL}tcp-relay\nno-tcp\n");
    assert_eq!(
        notes(&run(&text, &[])),
        [format!(
            "{FILE}:5: tcp-relay has no effect: no client can come over TCP or TLS"
        )]
    );
}

#[test]
fn http_is_answered_as_far_as_it_is_asked_for() {
    assert_eq!(settings("").http, Http::default());
    let url = "https://acme.example/.well-known/acme-challenge/";
    let http = settings(&format!("acme-redirect={url}\nrespond-http-unsupported\n")).http;
    assert_eq!(http.acme_redirect.as_deref(), Some(url));
    assert!(http.respond_unsupported && !http.page);
    assert!(settings("http-page\n").http.page);
    let longest = format!("http://{}", "a".repeat(505));
    let http = settings(&format!("acme-redirect={longest}")).http;
    assert_eq!(http.acme_redirect, Some(longest.clone()));
    assert_eq!(mistakes(&format!("acme-redirect={longest}a"), &[]).len(), 1);
}

#[test]
fn no_header_of_http_can_be_smuggled_into_a_redirect() {
    let machine = machine_with(Vec::new(), &[]);
    for url in [
        "http://a/\r\nX: y",
        "http://a/\0",
        "http://a/é",
        "http://a/\tb",
    ] {
        let outcome = load(&machine, &["-n", "--acme-redirect", url]);
        let message = &messages(outcome)[0];
        assert!(message.contains("is not a URL to redirect to"), "{message}");
        assert!(!message.contains(['\r', '\n', '\t', '\0']), "{message}");
    }
}

#[test]
fn connections_are_bounded_whatever_is_written() {
    let usual = ConnectionLimits {
        total: 65536,
        per_address: 1024,
        handshakes_per_second: 200,
        handshakes_per_address: 50,
    };
    assert_eq!(settings("").connections, usual);
    let text = "max-connections=7\nmax-connections-per-address=0\n\
                tls-handshakes-per-second=8\ntls-handshakes-per-address=9\n";
    let written = ConnectionLimits {
        total: 7,
        per_address: 0,
        handshakes_per_second: 8,
        handshakes_per_address: 9,
    };
    assert_eq!(settings(text).connections, written);
    assert_eq!(
        settings("max-connections-per-address=3")
            .connections
            .per_address,
        3
    );
}

#[test]
fn what_waits_for_a_slow_reader_is_bounded_in_bytes_and_time() {
    let queue = |bytes, millis| StreamQueue {
        bytes,
        time: Duration::from_millis(millis),
    };
    assert_eq!(settings("").stream_queue, queue(262_144, 200));
    let text = "stream-queue-bytes=16777216\nstream-queue-time=10000";
    assert_eq!(settings(text).stream_queue, queue(16 << 20, 10_000));
}
