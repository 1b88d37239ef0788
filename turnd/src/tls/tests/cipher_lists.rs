//! Cipher strings as they stand in real files, and what they come to.

use rustls::SupportedCipherSuite;

use super::*;
use crate::tls::ciphers::{Selection, select};

/// The suites of TLS 1.2 in the order that a group stands for, by letters: `e`CDSA or `r`SA with AES-`2`56-GCM,
/// AES-`1`28-GCM or `c`haCha20.
const ALL: &str = "e2 e1 ec r2 r1 rc";

fn short(suite: SupportedCipherSuite) -> &'static str {
    match format!("{suite:?}").as_str() {
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" => "e2",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" => "e1",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" => "ec",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" => "r2",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" => "r1",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256" => "rc",
        "TLS13_AES_256_GCM_SHA384" => "T2",
        "TLS13_AES_128_GCM_SHA256" => "T1",
        "TLS13_CHACHA20_POLY1305_SHA256" => "Tc",
        other => panic!("{other}"),
    }
}

fn all_of(selection: &Selection) -> String {
    let suites: Vec<_> = selection.suites.iter().map(|suite| short(*suite)).collect();
    suites.join(" ")
}

/// A list, the suites of TLS 1.2 it comes to, and the names it is warned of.
const LISTS: &[(&str, &str, &str)] = &[
    // One name, in each spelling.
    ("ECDHE-RSA-AES128-GCM-SHA256", "r1", ""),
    ("ECDHE-RSA-AES256-GCM-SHA384", "r2", ""),
    ("ECDHE-RSA-CHACHA20-POLY1305", "rc", ""),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", "e1", ""),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", "e2", ""),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", "ec", ""),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "r1", ""),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "r2", ""),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "rc", ""),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "e1", ""),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "e2", ""),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ec", ""),
    // Words for groups.
    ("DEFAULT", ALL, ""),
    ("ALL", ALL, ""),
    ("HIGH", ALL, ""),
    ("SECURE128", ALL, ""),
    ("SECURE256:+SECURE128", ALL, ""),
    ("ECDHE", ALL, ""),
    ("EECDH", ALL, ""),
    ("kEECDH", ALL, ""),
    ("kECDHE", ALL, ""),
    ("TLSv1.2", ALL, ""),
    ("AESGCM", "e2 e1 r2 r1", ""),
    ("AES", "e2 e1 r2 r1", ""),
    ("AES128", "e1 r1", ""),
    ("AES256", "e2 r2", ""),
    ("CHACHA20", "ec rc", ""),
    ("aRSA", "r2 r1 rc", ""),
    ("aECDSA", "e2 e1 ec", ""),
    ("ECDHE+AESGCM", "e2 e1 r2 r1", ""),
    ("EECDH+aRSA+AES256", "r2", ""),
    ("ECDHE+CHACHA20:ECDHE+AES128", "ec rc e1 r1", ""),
    // Taking away and moving.
    (
        "HIGH:!aNULL:!eNULL:!MD5:!RC4:!3DES:!DES:!DSS:!PSK:!LOW:!EXP:!SHA1:!kRSA",
        ALL,
        "",
    ),
    ("HIGH:!RSA:!SHA:!SHA256:!SHA384:!nonsense", ALL, ""),
    ("ALL:!CHACHA20", "e2 e1 r2 r1", ""),
    ("ALL:-AES128:-aECDSA", "r2 rc", ""),
    (
        "ALL:-AES128:ECDHE-RSA-AES128-GCM-SHA256",
        "e2 ec r2 rc r1",
        "",
    ),
    ("!AES128:ALL:ECDHE-RSA-AES128-GCM-SHA256", "e2 ec r2 rc", ""),
    ("ALL:+aECDSA", "r2 r1 rc e2 e1 ec", ""),
    ("ECDHE-RSA-CHACHA20-POLY1305:ALL", "rc e2 e1 ec r2 r1", ""),
    ("DEFAULT:@STRENGTH", ALL, ""),
    ("DEFAULT@SECLEVEL=1", ALL, ""),
    ("@SECLEVEL=0:HIGH", ALL, ""),
    ("HIGH:+RC4:+kRSA:+aECDSA", "r2 r1 rc e2 e1 ec", ""),
    // Separators, and spelling.
    (
        "ECDHE-RSA-AES128-GCM-SHA256,ECDHE-RSA-AES256-GCM-SHA384",
        "r1 r2",
        "",
    ),
    (
        " ECDHE-RSA-AES128-GCM-SHA256 ; ecdhe-rsa-aes256-gcm-sha384 ::",
        "r1 r2",
        "",
    ),
    // What is not here.
    (
        "DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
        "r1",
        "DHE-RSA-AES128-GCM-SHA256",
    ),
    (
        "AES128-SHA:ECDHE-RSA-AES128-SHA256:AESGCM",
        "e2 e1 r2 r1",
        "AES128-SHA, ECDHE-RSA-AES128-SHA256",
    ),
    (
        "HIGH:kEDH+AESGCM:MEDIUM:kEDH+AESGCM",
        ALL,
        "kEDH+AESGCM, MEDIUM",
    ),
    ("ALL:N\u{f6}ns\u{7}nse", ALL, "N\u{f6}ns\\u{7}nse"),
];

#[test]
fn lists_mean_what_they_mean_to_openssl() {
    assert!(LISTS.len() >= 40);
    for (list, expected, unknown) in LISTS {
        let selection = select(list, true).unwrap();
        assert_eq!(all_of(&selection), format!("T2 T1 Tc {expected}"), "{list}");
        let told: Vec<String> = match *unknown {
            "" => vec![],
            names => vec![format!(
                "cipher-list: these name no cipher suite that this server has, and are passed over: {names}"
            )],
        };
        assert_eq!(selection.warnings, told, "{list}");
        assert_eq!(all_of(&select(list, false).unwrap()), "T2 T1 Tc", "{list}");
    }
}

/// Lists that people have in their files: name, list, suites of TLS 1.2, how many names are warned of.
const REAL: &[(&str, &str, &str, usize)] = &[
    (
        "Mozilla, intermediate, 5.7",
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
         ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:\
         DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305",
        "e1 r1 e2 r2 ec rc",
        3,
    ),
    (
        "Mozilla, old",
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA256:\
         ECDHE-RSA-AES128-SHA:AES256-GCM-SHA384:AES128-SHA256:DES-CBC3-SHA",
        "e1 r1",
        5,
    ),
    (
        "Jitsi",
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
         ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:\
         DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384",
        "e1 r1 e2 r2 ec rc",
        2,
    ),
    (
        "BigBlueButton",
        "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:\
         ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
         DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-SHA384",
        "ec rc e2 r2 e1 r1",
        3,
    ),
    (
        "Synapse, as its guides have it",
        "ECDHE-RSA-AES256-GCM-SHA512:DHE-RSA-AES256-GCM-SHA512:ECDHE-RSA-AES256-GCM-SHA384:\
         DHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-SHA384",
        "r2",
        4,
    ),
    (
        "Nextcloud Talk",
        "ECDH+AESGCM:DH+AESGCM:ECDH+AES256:DH+AES256:ECDH+AES128:DH+AES:RSA+AESGCM:RSA+AES:!aNULL:!MD5:!DSS",
        "e2 e1 r2 r1",
        5,
    ),
    (
        "cipherli.st",
        "EECDH+AESGCM:EDH+AESGCM:AES256+EECDH:AES256+EDH",
        "e2 e1 r2 r1",
        2,
    ),
    ("nginx", "HIGH:!aNULL:!MD5", ALL, 0),
    (
        "an old hardening guide",
        "EECDH+ECDSA+AESGCM EECDH+aRSA+AESGCM EECDH+ECDSA+SHA384 EECDH+aRSA+SHA384 EECDH EDH+aRSA RC4 \
         !aNULL !eNULL !LOW !3DES !MD5 !EXP !PSK !SRP !DSS",
        "e2 e1 r2 r1 ec rc",
        4,
    ),
];

#[test]
fn lists_of_real_files_serve() {
    for (whose, list, expected, unknown) in REAL {
        let selection = select(list, true).unwrap();
        assert_eq!(
            all_of(&selection),
            format!("T2 T1 Tc {expected}"),
            "{whose}"
        );
        let told: Vec<_> = selection
            .warnings
            .iter()
            .map(|line| line.split(", ").count() - 1)
            .collect();
        let expected: Vec<usize> = [*unknown].into_iter().filter(|count| *count > 0).collect();
        assert_eq!(told, expected, "{whose}: {:?}", selection.warnings);
    }
}

#[test]
fn suites_of_1_3_stay_unless_they_are_named() {
    for (list, tls12, expected) in [
        (
            "TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256",
            true,
            "T1 r1",
        ),
        (
            "ECDHE-RSA-AES128-GCM-SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384",
            true,
            "Tc T2 r1",
        ),
        (
            "HIGH:!TLS_AES_128_GCM_SHA256:!AES256",
            true,
            "T2 Tc e1 ec r1 rc",
        ),
        ("TLSv1.3:AES128", true, "T2 T1 Tc e1 r1"),
        ("TLS_AES_128_GCM_SHA256", false, "T1"),
        ("nonsense", false, "T2 T1 Tc"),
    ] {
        assert_eq!(all_of(&select(list, tls12).unwrap()), expected, "{list}");
    }
}

#[test]
fn naming_1_3_alone_ends_1_2_and_says_so() {
    let selection = select("TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256", true).unwrap();
    assert_eq!(all_of(&selection), "T1");
    assert_eq!(
        selection.warnings,
        [
            "cipher-list: these name no cipher suite that this server has, and are passed over: TLS_AES_128_CCM_SHA256",
            "cipher-list names suites of TLS 1.3 only: clients with TLS 1.2 are refused",
        ]
    );
}

#[test]
fn the_order_counts_when_suites_are_named() {
    for (list, ordered) in [
        ("DEFAULT", false),
        ("HIGH:!aNULL", false),
        ("ALL:!ECDHE-RSA-AES128-GCM-SHA256", false),
        ("ECDHE-RSA-AES128-GCM-SHA256:ALL", true),
        ("TLS_AES_128_GCM_SHA256:ALL", true),
    ] {
        assert_eq!(select(list, true).unwrap().ordered, ordered, "{list}");
    }
}

#[test]
fn a_list_that_leaves_nothing_is_an_error() {
    let it_has = "it has ECDHE with AES-GCM or ChaCha20";
    for (list, tls12, named) in [
        ("", true, ""),
        ("ALL:!ALL", true, ""),
        ("!TLSv1.3", false, ""),
        (
            "AES128-SHA:DHE-RSA-AES128-GCM-SHA256",
            true,
            ", not AES128-SHA, DHE-RSA-AES128-GCM-SHA256",
        ),
        ("kRSA:!AES", true, ", not kRSA"),
        (
            "TLS_AES_128_CCM_SHA256",
            true,
            ", not TLS_AES_128_CCM_SHA256",
        ),
    ] {
        let said = error_of(TlsSettings {
            cipher_list: Some(list.to_owned()),
            tls12,
            ..self_signed()
        });
        let told =
            format!("cipher-list: leaves no cipher suite that this server has{named}: {it_has}");
        assert_eq!(said, told, "{list}");
    }
}
