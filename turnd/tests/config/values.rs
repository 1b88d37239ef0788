//! Each kind of value, and what follows from it.

use std::{net::IpAddr, time::Duration};

use turnd::config::{DefaultFamily, Loaded, Severity, UserSecret};

use crate::helpers::*;

#[test]
fn a_flag_reads_its_value_as_coturn_does() {
    for on in [
        "", "=", "=1", "=9", "=y", "=Yes", "=true", "=T", "=on", "=On", "=ON", " # yes",
    ] {
        assert!(settings(&format!("fingerprint{on}")).fingerprint, "{on}");
    }
    for off in [
        "=0", "=n", "=No", "=false", "=F", "=off", "=Off", "=OFF", " 0 # no",
    ] {
        assert!(!settings(&format!("fingerprint{off}")).fingerprint, "{off}");
    }
}

#[test]
fn off_means_off_even_where_coturn_does_not_listen() {
    let Loaded {
        settings, notes, ..
    } = run("user=a:b\nrealm=r\nuse-auth-secret=0\n", &[]);
    assert_eq!(settings.shared_secrets, []);
    assert_eq!(
        notes[0].text,
        "use-auth-secret is off, as written; coturn ignores the value and has it on"
    );
}

#[test]
fn peers_are_addresses_ranges_and_blocks_of_both_families() {
    let cases = [
        ("10.0.0.1", "10.0.0.1", "10.0.0.1"),
        ("10.0.0.1-10.0.0.9", "10.0.0.1", "10.0.0.9"),
        ("10.0.0.1 - 10.0.0.9", "10.0.0.1", "10.0.0.9"),
        ("10.0.0.0/8 # LAN", "10.0.0.0", "10.255.255.255"),
        ("10.0.0.1/32", "10.0.0.1", "10.0.0.1"),
        ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
        ("fd00::1", "fd00::1", "fd00::1"),
        ("fd00::1-fd00::9", "fd00::1", "fd00::9"),
        (
            "fc00::/7",
            "fc00::",
            "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ),
        ("::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("::ffff:10.0.0.0/104", "10.0.0.0", "10.255.255.255"),
        ("::ffff:10.0.0.1-::ffff:10.0.0.9", "10.0.0.1", "10.0.0.9"),
    ];
    for (text, first, last) in cases {
        let settings = settings(&format!("denied-peer-ip={text}"));
        assert_eq!(settings.peers.denied, [ip(first)..=ip(last)], "{text}");
    }
}

#[test]
fn a_user_is_split_at_the_first_colon() {
    let settings =
        settings("realm=r\nuser=a:b:c\nuser=d: \te f\nuser=g:0x00112233445566778899AAbbCCddEEff");
    assert_eq!(password(&settings, "a"), "b:c");
    assert_eq!(password(&settings, "d"), "e f");
    let key = [
        0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,
        0xff,
    ];
    assert_eq!(settings.users[2].secret, UserSecret::Md5Key(key));
}

#[test]
fn the_later_of_two_equal_users_counts() {
    let Loaded {
        settings, notes, ..
    } = run("realm=r\nuser=a:b\nuser=c:d\n", &["--user=a:e"]);
    assert_eq!(settings.users.len(), 2);
    assert_eq!(password(&settings, "a"), "e");
    let told = format!("command line: user: \"a\" was given before ({FILE}:2); this one counts");
    assert!(
        notes.iter().any(|note| note.to_string() == told),
        "{notes:#?}"
    );
}

#[test]
fn a_number_or_port_without_a_value_means_the_default() {
    let text = "listening-port=\nstale-nonce\nmin-port=\nmax-allocate-lifetime=\nuser-quota=\n";
    let Loaded {
        settings, notes, ..
    } = run(text, &[]);
    assert_eq!(settings.listening_port, 3478);
    assert_eq!(settings.nonce_lifetime, Some(Duration::from_secs(600)));
    assert_eq!(settings.relay_ports, 49152..=65535);
    assert_eq!(
        notes[0].to_string(),
        format!("{FILE}:1: listening-port has no value; the default 3478 is used")
    );
}

#[test]
fn zero_and_less_have_the_meaning_coturn_gives_them() {
    let settings = settings(
        "listening-port=0\nstale-nonce=0\nuser-quota=0\ntotal-quota=7\nrelay-threads=-1\nsock-buf-size=0\n\
         max-allocate-lifetime=60\n",
    );
    assert_eq!(settings.listening_port, 0);
    assert_eq!(settings.nonce_lifetime, None);
    assert_eq!((settings.user_quota, settings.total_quota), (None, Some(7)));
    assert_eq!(settings.relay_threads, 1);
    assert_eq!(settings.socket_buffer, 2_097_152);
    assert_eq!(settings.max_allocate_lifetime, Duration::from_secs(600));
}

#[test]
fn a_socket_buffer_that_is_none_is_the_default() {
    for text in ["sock-buf-size=0", "sock-buf-size=-1", "sock-buf-size="] {
        assert_eq!(settings(text).socket_buffer, 2_097_152, "{text}");
    }
    assert_eq!(settings("sock-buf-size=65536").socket_buffer, 65536);
}

#[test]
fn threads_follow_the_cores_and_stop_at_128() {
    let threads = |text: &str| settings(text).relay_threads;
    assert_eq!(threads("cpus=2"), 2);
    assert_eq!(threads("cpus=2\nrelay-threads=4"), 4);
    assert_eq!(threads("relay-threads=0"), 1);
    assert_eq!(threads("relay-threads=1000"), 128);
}

#[test]
fn one_plain_external_address_a_family_and_any_number_of_pairs() {
    let settings = settings(
        "external-ip=203.0.113.7\nexternal-ip=2001:db8::7\n\
         external-ip=203.0.113.8/10.0.0.8\nexternal-ip=203.0.113.9/10.0.0.9\nexternal-ip=203.0.113.9/10.0.0.9\n",
    );
    assert!(settings.external.plain_v4.is_some() && settings.external.plain_v6.is_some());
    assert_eq!(settings.external.pairs.len(), 2);
}

#[test]
fn the_family_of_a_relay_can_be_chosen() {
    let family = |text: &str| settings(text).default_family;
    assert_eq!(
        family("allocation-default-address-family=ipv6"),
        DefaultFamily::V6
    );
    assert_eq!(
        family("allocation-default-address-family=keep"),
        DefaultFamily::AsClient
    );
    assert_eq!(family("keep-address-family"), DefaultFamily::AsClient);
    assert_eq!(family("keep-address-family=0"), DefaultFamily::V4);
}

#[test]
fn an_unspecified_relay_address_is_as_good_as_none() {
    let Loaded {
        settings, notes, ..
    } = run("relay-ip=0.0.0.0\nlistening-ip=0.0.0.0", &[]);
    assert_eq!(settings.relay_ips, [] as [IpAddr; 0]);
    assert_eq!(settings.listening_ips, [ip("0.0.0.0")]);
    assert_eq!(notes[0].severity, Severity::Warning);
}

#[test]
fn a_list_that_denies_the_mapped_notation_denies_no_ipv4_peer() {
    // As it stands in lists that go round, each line of which is meant.
    let list = "denied-peer-ip=10.0.0.0-10.255.255.255\n\
                denied-peer-ip=::ffff:0.0.0.0-::ffff:255.255.255.255\n";
    for list in [
        list.to_owned(),
        list.replace("0.0.0.0-::ffff:255.255.255.255", "0:0/96"),
    ] {
        let loaded = run(&format!("{MINIMAL}{list}"), &[]);
        let denied = &loaded.settings.peers.denied;
        assert_eq!(denied.len(), 2);
        assert!(denied.iter().any(|range| range.contains(&ip("10.1.1.1"))));
        assert!(!denied.iter().any(|range| range.contains(&ip("8.8.8.8"))));
        assert_eq!(notes(&loaded), [] as [&str; 0]);
    }
    // A part of it stands for the addresses that it maps.
    let part = settings(&format!("{MINIMAL}denied-peer-ip=::ffff:192.0.2.0/120\n"));
    assert!(part.peers.denied[0].contains(&ip("192.0.2.7")));
}

#[test]
fn a_list_that_denies_every_ipv4_peer_is_told() {
    let all = format!("{MINIMAL}denied-peer-ip=0.0.0.0-255.255.255.255\n");
    let told = format!(
        "{FILE}:5: denied-peer-ip: no peer with an IPv4 address can be reached; allowed-peer-ip opens some of them"
    );
    assert_eq!(notes(&run(&all, &[])), [told]);
    let some = format!("{all}allowed-peer-ip=192.0.2.1\n");
    assert_eq!(notes(&run(&some, &[])), [] as [&str; 0]);
}
