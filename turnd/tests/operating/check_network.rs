//! What `turnd check` says of addresses and peers, and what the log says of them at start and when they are read again.

use std::{net::SocketAddr, sync::Arc};

use serde_json::Value;
use turnd_proto::{LiveRelays, OwnAddresses, PeerPolicy, PeerRules};

use crate::{
    check::{Place, data},
    reload::must_reload,
    support::{namespace, turnd::Turnd},
};

/// Level, line and text of each finding with this code.
fn findings(report: &Value, code: &str) -> Vec<(String, Option<u64>, String)> {
    let findings = report["findings"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    findings
        .filter(|it| it["code"] == code)
        .map(|it| {
            (
                text(&it["level"]),
                it["source"]["line"].as_u64(),
                text(&it["text"]),
            )
        })
        .collect()
}

/// As on a machine of a cloud, which has its public address somewhere else.
#[test]
fn a_private_relay_address_that_clients_are_told_is_to_look_at() {
    const MACHINE: &str = "for ip in 10.0.0.4 100.64.0.4 8.8.4.4; do ip address add $ip/32 dev lo; done; \
                           ip address add fd00::4/128 dev lo nodad";
    let test = "check_network::a_private_relay_address_that_clients_are_told_is_to_look_at";
    if !namespace::inside(MACHINE, test) {
        return;
    }
    let at = |ip: &str| {
        let local = "listening-ip=127.0.0.1";
        data("good.conf")
            .replace(&format!("{local}\n"), &format!("listening-ip={ip}\n"))
            .replace("relay-ip=127.0.0.1\n", "")
    };
    let told = |config: &str| {
        let report = Place::new(config).json(&[]);
        let told = findings(&report, "private-relay");
        assert_eq!(
            report["exit_code"],
            u8::from(!told.is_empty()),
            "{report:#}"
        );
        told
    };
    for ip in ["10.0.0.4", "100.64.0.4", "fd00::4"] {
        let text = format!(
            "relay {ip} is a private address and no external-ip maps it: clients on the internet are told \
             an address that they cannot reach; where all clients can, external-ip={ip}/{ip} says so"
        );
        let expected = ("warning".to_owned(), Some(2), text);
        assert_eq!(told(&at(ip)), [expected]);
    }
    for (ip, more) in [
        ("8.8.4.4", ""),
        ("127.0.0.1", ""),
        ("10.0.0.4", "external-ip=8.8.8.8\n"),
        ("10.0.0.4", "external-ip=8.8.8.8/10.0.0.4\n"),
        ("10.0.0.4", "external-ip=10.0.0.4/10.0.0.4\n"),
        ("10.0.0.4", "stun-only\n"),
    ] {
        assert_eq!(told(&format!("{}{more}", at(ip))), [], "{ip} {more}");
    }

    // The same at start, and when it becomes so.
    let warning = "WARNING relay 10.0.0.4 is a private address and no external-ip maps it";
    let turnd = Turnd::start(&at("10.0.0.4"));
    assert!(turnd.log().contains(warning), "{}", turnd.log());
    let turnd = Turnd::start(&format!("{}external-ip=8.8.8.8\n", at("10.0.0.4")));
    assert!(!turnd.log().contains(warning), "{}", turnd.log());
    must_reload(&turnd, &at("10.0.0.4"));
    assert!(turnd.log().contains(warning), "{}", turnd.log());
}

/// What guides for coturn recommend, so that its clients reach each other.
#[test]
fn a_rule_that_opens_the_services_of_this_machine_is_unsafe() {
    let test = "check_network::a_rule_that_opens_the_services_of_this_machine_is_unsafe";
    if !namespace::inside("ip address add 10.0.0.4/32 dev lo", test) {
        return;
    }
    let good = data("good.conf");
    let line = Some(good.lines().count() as u64 + 1);
    let said = |rule: &str| {
        let report = Place::new(&format!("{good}allowed-peer-ip={rule}\n")).json(&[]);
        findings(&report, "own-services")
    };
    for rule in ["10.0.0.4", "10.0.0.0-10.0.0.255"] {
        let [(level, at, text)] = &said(rule)[..] else {
            panic!("{rule} is told once");
        };
        assert_eq!((level.as_str(), *at), ("unsafe", line), "{rule}");
        assert!(
            text.contains("services of this machine at 10.0.0.4"),
            "{text}"
        );
    }
    assert_eq!(said("10.0.0.5"), []);
}

#[test]
fn an_external_ip_of_an_address_that_does_not_relay_has_no_effect() {
    let good = data("good.conf");
    let lines = good.lines().count() as u64;
    let pair =
        format!("{good}external-ip=203.0.113.4/127.0.0.1\nexternal-ip=203.0.113.5/10.0.0.9\n");
    let report = Place::new(&pair).json(&[]);
    let text = "external-ip: there is no relay address 10.0.0.9";
    let expected = ("no-effect".to_owned(), Some(lines + 2), text.to_owned());
    assert_eq!(findings(&report, "no-such-relay"), [expected]);
    assert_eq!(report["exit_code"], 1);

    let warning = format!("WARNING {text}");
    let turnd = Turnd::start(&pair);
    assert!(turnd.log().contains(&warning), "{}", turnd.log());
    let turnd = Turnd::start(&good);
    assert!(!turnd.log().contains(text), "{}", turnd.log());
    must_reload(&turnd, &pair);
    assert!(turnd.log().contains(&warning), "{}", turnd.log());
}

/// What is said of a rule is what the server makes of it.
#[test]
fn a_peer_that_a_rule_opens_and_that_nobody_should_reach_is_unsafe() {
    let good = data("good.conf");
    let lines = good.lines().count() as u64;
    let said = |rule: &str| {
        let report = Place::new(&format!("{good}allowed-peer-ip={rule}\n")).json(&[]);
        let codes = [
            "loopback-peers",
            "metadata-peers",
            "link-local-peers",
            "peers-not-opened",
        ];
        let said = codes.iter().flat_map(|code| {
            let findings = findings(&report, code).into_iter();
            findings.map(|(level, line, text)| {
                assert_eq!(line, Some(lines + 1), "{report:#}");
                (level, (*code).to_owned(), text)
            })
        });
        said.collect::<Vec<_>>()
    };
    let is_opened = |first: &str, last: &str, peer: &str| {
        let rules = PeerRules {
            allowed: vec![first.parse().unwrap()..=last.parse().unwrap()],
            ..PeerRules::default()
        };
        let own = Arc::new(OwnAddresses::new(vec![], vec![]));
        let policy = PeerPolicy::new(rules, own, vec![], Arc::new(LiveRelays::default()));
        policy
            .check(SocketAddr::new(peer.parse().unwrap(), 80))
            .is_ok()
    };
    let services = |ip| format!("the services of this machine that listen on {ip}");
    let cloud = |ip| format!("{ip}, where clouds tell this machine its credentials");
    let link = |ip| format!("{ip}, which is of this link alone");
    for (ip, code, what) in [
        ("127.0.0.1", "loopback-peers", services("127.0.0.1")),
        ("::1", "loopback-peers", services("::1")),
        (
            "169.254.169.254",
            "metadata-peers",
            cloud("169.254.169.254"),
        ),
        (
            "100.100.100.200",
            "metadata-peers",
            cloud("100.100.100.200"),
        ),
        ("fd00:ec2::254", "metadata-peers", cloud("fd00:ec2::254")),
        ("169.254.1.1", "link-local-peers", link("169.254.1.1")),
        ("fe80::1", "link-local-peers", link("fe80::1")),
    ] {
        let text = format!("allowed-peer-ip: clients can reach {what}");
        let expected = [("unsafe".to_owned(), code.to_owned(), text)];
        assert_eq!(said(ip), expected);
        assert!(is_opened(ip, ip, ip));
    }
    assert_eq!(said("127.0.0.1-127.0.0.1")[0].1, "loopback-peers");

    for (rule, first, last) in [
        ("127.0.0.0-127.255.255.255", "127.0.0.0", "127.255.255.255"),
        ("169.254.0.0/16", "169.254.0.0", "169.254.255.255"),
        ("fe80::/64", "fe80::", "fe80::ffff:ffff:ffff:ffff"),
    ] {
        let text = format!(
            "allowed-peer-ip: {first}-{last} opens nothing: loopback and link-local addresses are opened \
             one by one"
        );
        let expected = [("no-effect".to_owned(), "peers-not-opened".to_owned(), text)];
        assert_eq!(said(rule), expected);
        assert!(!is_opened(first, last, last) && !is_opened(first, last, first));
    }
    // A range is about more than what it does not open, and other addresses are no danger.
    for rule in ["0.0.0.0-255.255.255.255", "10.0.0.7", "192.0.2.1"] {
        assert_eq!(said(rule), [], "{rule}");
    }
    for peer in ["127.0.0.1", "169.254.169.254"] {
        assert!(!is_opened("0.0.0.0", "255.255.255.255", peer));
    }
}

#[test]
fn private_peers_that_a_rule_opens_are_not_said_to_be_refused() {
    let good = data("good.conf");
    let refused = |rules: &[&str]| {
        let rules: String = rules.iter().map(|rule| format!("{rule}\n")).collect();
        let report = Place::new(&format!("{good}{rules}")).json(&[]);
        let mut found = findings(&report, "private-peers-refused").into_iter();
        found.next().map(|(_, _, text)| {
            let (blocks, _) = text.split_once(" are refused, to which").unwrap();
            blocks.to_owned()
        })
    };
    let told = |text: &str| Some(format!("peers in {text}"));
    let all = told("10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and 100.64.0.0/10");
    assert_eq!(refused(&[]), all);
    assert_eq!(refused(&["allowed-peer-ip=10.1.0.0-10.1.255.255"]), all);
    assert_eq!(refused(&["allowed-peer-ip=0.0.0.0-255.255.255.255"]), None);
    assert_eq!(
        refused(&["allowed-peer-ip=10.0.0.0-10.255.255.255"]),
        told("172.16.0.0/12, 192.168.0.0/16 and 100.64.0.0/10")
    );
    // In two halves, and beside what the file denies itself.
    assert_eq!(
        refused(&[
            "allowed-peer-ip=10.128.0.0-11.0.0.0",
            "allowed-peer-ip=9.0.0.0-10.127.255.255",
            "denied-peer-ip=192.168.0.0-192.168.255.255",
        ]),
        told("172.16.0.0/12 and 100.64.0.0/10")
    );
    assert_eq!(
        refused(&[
            "allowed-peer-ip=10.0.0.0-10.255.255.255",
            "allowed-peer-ip=172.16.0.0-192.168.255.255",
        ]),
        told("100.64.0.0/10")
    );
}
