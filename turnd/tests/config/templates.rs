//! Whole files keep their meaning.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    time::Duration,
};

use turnd::config::{
    Access, DefaultFamily, ExternalPair, Http, Identity, Loaded, Outcome, ProxyProtocol, Verbosity,
};

use crate::helpers::*;

#[test]
fn four_lines_are_a_complete_configuration() {
    let Loaded {
        settings,
        notes,
        file,
    } = run(MINIMAL, &[]);
    let notes: Vec<_> = notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes, [NO_TCP_RELAY]);
    assert_eq!(file.unwrap(), Path::new(FILE));
    assert_eq!(settings.listening_port, 3478);
    assert_eq!(settings.listening_ips, [] as [IpAddr; 0]);
    assert_eq!(
        settings.external.plain_v4,
        Some(Ipv4Addr::new(203, 0, 113, 7))
    );
    assert_eq!(settings.access, Access::Credentials);
    assert_eq!(settings.realm, "example.org");
    assert_eq!(password(&settings, "alice"), "wonderland");
}

#[test]
fn what_is_not_written_has_coturns_default_or_a_safer_one() {
    let settings = settings(MINIMAL);
    assert_eq!(settings.relay_ports, 49152..=65535);
    assert_eq!(settings.relay_threads, CORES);
    assert_eq!(settings.relay_ips, [] as [IpAddr; 0]);
    assert_eq!(settings.rest_separator, ':');
    assert_eq!(settings.nonce_lifetime, Some(Duration::from_secs(600)));
    assert_eq!((settings.user_quota, settings.total_quota), (None, None));
    assert_eq!(settings.max_allocate_lifetime, Duration::from_secs(3600));
    assert_eq!(settings.channel_lifetime, Duration::from_secs(600));
    assert_eq!(settings.permission_lifetime, Duration::from_secs(300));
    assert_eq!(settings.peers, turnd_proto::PeerRules::default());
    assert_eq!(settings.default_family, DefaultFamily::V4);
    assert_eq!(settings.socket_buffer, 2_097_152);
    assert!(!settings.fingerprint && !settings.legacy_channels);
    assert!(!settings.stun_only && !settings.no_stun);
    assert!(settings.listen.udp && settings.listen.tcp && settings.udp_relay);
    assert!(!settings.listen.tls_over_tcp && !settings.listen.dtls && !settings.tcp_relay);
    assert_eq!(settings.listen.tls_listening_port, 5349);
    assert_eq!(settings.tls, None);
    assert_eq!(settings.proxy, ProxyProtocol::default());
    assert_eq!(settings.http, Http::default());
    assert_eq!(settings.log.verbosity, Verbosity::Quiet);
    assert_eq!((settings.log.file, settings.log.stdout), (None, true));
}

#[test]
fn the_templates_of_large_deployments_start_unchanged() {
    for name in [
        "synapse",
        "jitsi",
        "bigbluebutton",
        "nextcloud-talk",
        "everything",
    ] {
        let settings = run_template(name).settings;
        assert_eq!(settings.access, Access::Credentials, "{name}");
    }
    let sample = settings(&template("sample"));
    assert_eq!(sample.access, Access::Nobody);
}

#[test]
fn a_template_serves_the_transports_that_it_served_with_coturn() {
    for (name, tcp, tls) in [
        ("synapse", true, true),
        ("jitsi", false, true),
        ("bigbluebutton", true, true),
        ("nextcloud-talk", true, false),
        ("everything", false, false),
        ("sample", true, false),
    ] {
        let settings = run_template(name).settings;
        let listen = settings.listen;
        assert!(listen.udp && !listen.dtls, "{name}");
        assert_eq!((listen.tcp, listen.tls_over_tcp), (tcp, tls), "{name}");
        assert_eq!(settings.tls.is_some(), tls, "{name}");
    }
}

#[test]
fn a_template_whose_certificate_is_missing_does_not_start() {
    assert_eq!(
        mistakes(&template("jitsi"), &[]),
        [
            format!("{FILE}:6: cert: there is no file /etc/jitsi/meet/meet.example.crt"),
            format!("{FILE}:7: pkey: there is no file /etc/jitsi/meet/meet.example.key"),
        ]
    );
}

#[test]
fn the_template_of_bigbluebutton_keeps_its_meaning() {
    let Loaded {
        settings, notes, ..
    } = run_template("bigbluebutton");
    assert_eq!(settings.relay_ips, [ip("192.0.2.10")]);
    assert_eq!(settings.relay_ports, 32769..=65535);
    assert_eq!(settings.default_family, DefaultFamily::AsClient);
    assert_eq!(
        settings.log.file.map(|file| file.path),
        Some(PathBuf::from("/var/log/coturn.log"))
    );
    let notes: Vec<_> = notes.iter().map(ToString::to_string).collect();
    assert_eq!(settings.listen.tls_listening_port, 443);
    assert!(settings.listen.tls_over_tcp && !settings.listen.dtls);
    let identity = Identity::Files {
        cert: "/etc/turnserver/fullchain.pem".into(),
        key: "/etc/turnserver/privkey.pem".into(),
        key_password: None,
    };
    let tls = settings.tls.unwrap();
    assert_eq!(tls.identity, identity);
    assert_eq!(
        tls.cipher_list.as_deref(),
        Some("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384")
    );
    let accepted = notes.last().unwrap();
    assert!(
        accepted.contains("accepted, nothing to do for: dh-file (line 22)"),
        "{accepted}"
    );
}

#[test]
fn every_common_name_in_every_common_spelling_keeps_its_meaning() {
    let settings = run_template("everything").settings;
    assert_eq!(
        settings.listening_ips,
        [ip("192.0.2.10"), ip("2001:db8::10")]
    );
    assert_eq!(settings.relay_ports, 50000..=60000);
    let pair = ExternalPair {
        public: ip("203.0.113.9"),
        private: ip("192.0.2.10"),
    };
    assert_eq!(settings.external.pairs, [pair]);
    let secrets: Vec<_> = settings
        .shared_secrets
        .iter()
        .map(|secret| secret.expose())
        .collect();
    assert_eq!(secrets, ["this year's secret", "last-years-secret="]);
    assert_eq!(password(&settings, "bob"), "builder");
    let denied = [
        ip("10.0.0.0")..=ip("10.255.255.255"),
        ip("172.16.0.0")..=ip("172.31.255.255"),
    ];
    assert_eq!(settings.peers.denied, denied);
    assert_eq!(settings.peers.allowed, [ip("10.0.0.7")..=ip("10.0.0.7")]);
    assert_eq!(settings.log.verbosity, Verbosity::Verbose);
    assert!(!settings.log.stdout);
}

#[test]
fn the_file_that_comes_with_turnd_is_sound() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/turnserver.conf");
    let text = std::fs::read_to_string(path).unwrap();
    let _ = settings(&text);
    let suggested: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .filter(|line| line.starts_with(char::is_alphabetic))
        .collect();
    assert!(suggested.contains(&"self-signed"), "{suggested:?}");
    for line in suggested {
        let said = match outcome(line, &[]) {
            Outcome::Run(loaded) => notes(&loaded),
            other => messages(other),
        };
        let is_unknown = said.iter().any(|text| text.contains("there is no option"));
        assert!(!is_unknown, "{said:?}");
    }
}
