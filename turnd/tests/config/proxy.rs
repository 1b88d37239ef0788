//! Where the PROXY protocol is spoken, and whose word is taken.

use turnd::config::{ProxyProtocol, Severity};

use crate::helpers::*;

fn proxy(text: &str) -> ProxyProtocol {
    settings(text).proxy
}

/// Those of the notes that are about the PROXY protocol.
fn told(text: &str) -> Vec<String> {
    let notes = notes(&run(&format!("stun-only\n{text}"), &[]));
    notes
        .into_iter()
        .filter(|note| note.contains("proxy"))
        .collect()
}

const BELIEVED: &str = "proxy-protocol-from is not written, so every host of a local network is \
                        believed: loopback, private and link-local addresses";
const STAY: &str = "tcp-proxy-port: the other TCP and TLS listeners stay, unlike in coturn; \
                    no-tcp and no-tls switch them off";

#[test]
fn nobody_is_believed_unless_it_is_asked_for() {
    assert_eq!(proxy(""), ProxyProtocol::default());
    assert!(!proxy("").is_used());
}

#[test]
fn a_further_port_is_one_more_listener_and_the_others_stay() {
    let used = proxy("tcp-proxy-port=8443");
    assert_eq!((used.port, used.ports.as_slice()), (Some(8443), &[][..]));
    assert!(used.is_used());
    let settings = settings("tcp-proxy-port=8443");
    assert!(settings.listen.tcp);
    assert_eq!(
        told("tcp-proxy-port=8443"),
        [format!("{FILE}:2: {STAY}"), format!("{FILE}:2: {BELIEVED}")]
    );
    assert_eq!(
        told("tcp-proxy-port=8443\nno-tcp\nproxy-protocol-from=::1"),
        [""; 0]
    );
    assert_eq!(proxy("tcp-proxy-port=0").port, Some(0));
}

#[test]
fn a_further_port_that_is_listened_on_anyway_belongs_to_the_proxy() {
    let used = proxy("tcp-proxy-port=3478");
    assert_eq!((used.port, used.ports), (None, vec![3478]));
    let used = proxy("tcp-proxy-port=3478\nproxy-protocol-port=3478");
    assert_eq!((used.port, used.ports), (None, vec![3478]));
    let used = proxy("tcp-proxy-port=3478\nno-tcp");
    assert_eq!((used.port, used.ports), (Some(3478), vec![]));
    assert_eq!(
        told("tcp-proxy-port=3478"),
        [format!("{FILE}:2: {BELIEVED}")]
    );
}

#[test]
fn any_listener_of_tcp_can_be_behind_a_proxy() {
    let text = "self-signed\nlistening-port=1\nalt-listening-port=2\ntls-listening-port=3\n\
                alt-tls-listening-port=4\naux-server=192.0.2.1:5\ntcp-proxy-port=6\n";
    let all = "proxy-protocol-port=5\nproxy-protocol-port=4\nproxy-protocol-port=3\n\
               proxy-protocol-port=2\nproxy-protocol-port=1\nproxy-protocol-port=2\n\
               proxy-protocol-port=6\n";
    let used = proxy(&format!("{text}{all}"));
    assert_eq!((used.port, used.ports), (Some(6), vec![5, 4, 3, 2, 1]));
    let without_tcp = mistakes(&format!("{text}{all}no-tcp\n"), &[]);
    let refused = |port| {
        format!("proxy-protocol-port: TCP clients are not served on port {port}; expected the port")
    };
    assert_eq!(without_tcp.len(), 3, "{without_tcp:?}");
    for (message, port) in without_tcp.iter().zip([2, 1, 2]) {
        assert!(message.contains(&refused(port)), "{message}");
    }
    let without_tls = mistakes(&format!("{text}{all}no-tls\n"), &[]);
    assert_eq!(without_tls.len(), 2, "{without_tls:?}");
}

#[test]
fn who_is_written_is_believed_and_nobody_else() {
    let text = "proxy-protocol-port=3478\nproxy-protocol-from=192.0.2.7\n\
                proxy-protocol-from=2001:db8::/64\n";
    let trusted = proxy(text).trusted;
    assert_eq!(
        trusted,
        [
            ip("192.0.2.7")..=ip("192.0.2.7"),
            ip("2001:db8::")..=ip("2001:db8::ffff:ffff:ffff:ffff"),
        ]
    );
    assert_eq!(told(text), [""; 0]);
}

#[test]
fn without_a_word_local_networks_are_believed() {
    let trusted = proxy("proxy-protocol-port=3478").trusted;
    let is_trusted = |text: &str| trusted.iter().any(|range| range.contains(&ip(text)));
    for inside in [
        "127.0.0.1",
        "127.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.168.0.0",
        "192.168.255.255",
        "169.254.0.0",
        "169.254.255.255",
        "::1",
        "fc00::",
        "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fe80::",
        "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ] {
        assert!(is_trusted(inside), "{inside}");
    }
    for outside in [
        "126.255.255.255",
        "128.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "100.64.0.1",
        "::",
        "::2",
        "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fe00::",
        "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fec0::",
        "2001:db8::1",
    ] {
        assert!(!is_trusted(outside), "{outside}");
    }
    assert_eq!(
        told("proxy-protocol-port=3478"),
        [format!("{FILE}:2: {BELIEVED}")]
    );
}

#[test]
fn trust_without_a_port_has_no_effect_and_is_told() {
    let loaded = run("stun-only\nproxy-protocol-from=10.0.0.0/8", &[]);
    assert_eq!(loaded.settings.proxy, ProxyProtocol::default());
    assert_eq!(loaded.notes[0].severity, Severity::Warning);
    assert_eq!(
        notes(&loaded),
        [format!(
            "{FILE}:2: proxy-protocol-from has no effect: \
             there is no tcp-proxy-port, no proxy-protocol-port and no listen with ?proxy"
        )]
    );
}
