//! What is listened on, what is relayed, and how much a connection may ask for.

use std::time::Duration;

use turnd::config::{ConnectionLimits, Http, Scheme, StreamQueue};

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

#[test]
fn listeners_of_our_own_count_alone_unless_a_port_or_an_address_is_written() {
    let text = "listen=udp://[::]:3000\nlisten=tcp://192.0.2.1:80?proxy\n";
    let listen = settings(text).listen;
    let urls: Vec<_> = listen.listeners.iter().map(ToString::to_string).collect();
    assert_eq!(urls, ["udp://[::]:3000", "tcp://192.0.2.1:80?proxy"]);
    assert!(!listen.on_ports);
    assert!(settings("").listen.on_ports);
    for beside in [
        "listening-port=3479",
        "tls-listening-port=5349\nself-signed",
        "listening-ip=192.0.2.9",
    ] {
        assert!(
            settings(&format!("{text}{beside}\n")).listen.on_ports,
            "{beside}"
        );
    }
    assert!(!settings("listen=udp://[::]:1").listen.has_streams());
    assert!(settings("listen=tcp://[::]:1").listen.has_streams());
}

#[test]
fn listeners_for_tls_and_dtls_need_a_certificate() {
    for scheme in ["tls", "dtls"] {
        let [message] = &mistakes(&format!("listen={scheme}://192.0.2.1:443"), &[])[..] else {
            panic!("one mistake");
        };
        assert!(message.starts_with(&format!("{FILE}:1: listen: cert is not written")));
        assert!(message.ends_with("expected cert and pkey, or self-signed for trying out"));
        let settings = settings(&format!("listen={scheme}://192.0.2.1:443\nself-signed"));
        assert!(settings.tls.is_some());
        assert_eq!(settings.listen.has_dtls(), scheme == "dtls");
    }
    // DTLS alone, where TLS is not wanted.
    let dtls = settings("listen=dtls://192.0.2.1:443\nself-signed\nno-tls");
    assert!(dtls.tls.is_some() && !dtls.listen.has_streams());
}

#[test]
fn listeners_that_cannot_be_beside_each_other_are_refused() {
    let cases = [
        (
            "listen=udp://192.0.2.1:1\nlisten=udp://192.0.2.1:1",
            "udp://192.0.2.1:1 is written already (FILE:1); expected it once",
        ),
        (
            "listen=udp://0.0.0.0:1\nlisten=udp://192.0.2.1:1",
            "udp://192.0.2.1:1: udp://0.0.0.0:1 (FILE:1) covers that or is covered by it; expected another port",
        ),
        (
            "listening-port=5\nlisten=tcp://192.0.2.1:5",
            "tcp://192.0.2.1:5: listening-port listens there already; expected another address or port",
        ),
        (
            "aux-server=192.0.2.1:5\nlisten=udp://0.0.0.0:5",
            "udp://0.0.0.0:5: aux-server listens there already; expected another address or port",
        ),
        (
            "no-udp\nlisten=udp://192.0.2.1:5",
            "udp://192.0.2.1:5: no-udp (FILE:1) asks for the opposite; expected one of them",
        ),
        (
            "self-signed\nlisten=tcp://[::1]:5\nlisten=tls://[::1]:5?proxy",
            "tls://[::1]:5?proxy: on one port tcp://[::1]:5 (FILE:2) differs; expected ?proxy for both or neither",
        ),
    ];
    for (text, message) in cases {
        let line = text.lines().count();
        let expected = format!("{FILE}:{line}: listen: {}", message.replace("FILE", FILE));
        assert_eq!(mistakes(text, &[]), [expected]);
    }
    for text in [
        "listen=udp://0.0.0.0:1\nlisten=udp://[::]:1\nlisten=tcp://192.0.2.1:1",
        "self-signed\nlisten=tcp://[::1]:5\nlisten=tls://[::1]:5",
        "listen=udp://[::1]:0\nlisten=udp://[::1]:0",
        "listening-ip=192.0.2.9\nlisten=udp://192.0.2.1:3478",
    ] {
        settings(text);
    }
}

#[test]
fn a_second_port_beside_one_that_is_not_listened_on_is_told() {
    let loaded = run(
        "stun-only\nlisten=udp://192.0.2.1:1\nalt-listening-port=7\n",
        &[],
    );
    assert_eq!(loaded.settings.listen.alt_listening_port, None);
    assert_eq!(
        notes(&loaded),
        [format!(
            "{FILE}:3: alt-listening-port has no effect: only listen says where to listen; \
             another line of it, or listening-port, adds a port"
        )]
    );
}

#[test]
fn clients_are_sent_to_a_port_that_is_listened_on() {
    let ports = |text: &str| {
        let settings = settings(text);
        [Scheme::Udp, Scheme::Tcp, Scheme::Tls, Scheme::Dtls].map(|it| settings.port_for(it))
    };
    assert_eq!(ports(""), [Some(3478), Some(3478), None, None]);
    assert_eq!(
        ports("self-signed\ndtls\nno-tcp"),
        [Some(3478), None, Some(5349), Some(5349)]
    );
    assert_eq!(
        ports("self-signed\nlisten=udp://[::]:7\nlisten=tcp://[::]:8?proxy\nlisten=tls://[::]:9"),
        [Some(7), None, Some(9), None]
    );
}
