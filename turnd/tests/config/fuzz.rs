//! Whatever is in a file or on a command line, the reader survives it.

use std::net::Ipv4Addr;

use proptest::prelude::*;
use turnd::config::{Origin, Outcome};

use crate::helpers::*;
proptest! {
    #[test]
    fn no_bytes_upset_the_reader_and_every_error_names_its_line(
        text in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..400),
            prop::collection::vec(likely_line(), 0..20).prop_map(|lines| lines.concat().into_bytes()),
        ]
    ) {
        let lines = text.split(|byte| *byte == b'\n').count();
        let machine = machine_with(text, &[]);
        if let Outcome::Invalid(errors, _) = load(&machine, &["-c", FILE]) {
            for error in errors {
                match error.origin {
                    Origin::File { line, .. } => prop_assert!((1..=lines).contains(&line)),
                    ref other => prop_assert!(false, "{other}: {error}"),
                }
                prop_assert!(!error.to_string().contains(['\n', '\0']));
            }
        }
    }

    #[test]
    fn no_words_upset_the_command_line(args in prop::collection::vec("-{0,2}[a-zA-Z=:0-9. -]{0,20}", 0..6)) {
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let _ = load(&machine(|_| Ok(MINIMAL.into())), &args);
    }

    #[test]
    fn a_block_is_the_range_of_its_ends(bits in any::<u32>(), prefix in 0_u32..=32) {
        let host = u32::MAX.checked_shr(prefix).unwrap_or(0);
        let (first, last) = (Ipv4Addr::from_bits(bits & !host), Ipv4Addr::from_bits(bits | host));
        let block = settings(&format!("denied-peer-ip={first}/{prefix}"));
        let range = settings(&format!("denied-peer-ip={first}-{last}"));
        prop_assert_eq!(block.peers.denied, range.peers.denied);
    }
}

/// A line of a known name and a value that may fit.
fn likely_line() -> impl Strategy<Value = String> {
    let names = [
        "listening-port",
        "listening-ip",
        "external-ip",
        "user",
        "realm",
        "denied-peer-ip",
        "min-port",
        "max-port",
        "stale-nonce",
        "no-auth",
        "stun-only",
        "no-stun",
        "rest-api-separator",
        "cert",
        "CA-file",
        "tls-listening-port",
        "self-signed",
        "dtls",
        "no-dtls",
        "no-tls",
        "no-tcp",
        "no-udp",
        "aux-server",
        "listening-device",
        "tcp-proxy-port",
        "proxy-protocol-port",
        "proxy-protocol-from",
        "acme-redirect",
        "tcp-relay",
        "no-tcp-relay",
        "no-udp-relay",
        "max-connections",
        "stream-queue-time",
        "",
        "use-auth-secret",
        "static-auth-secret",
        "log-file",
        "no-cli",
        "prometheus",
        "nonsense",
    ];
    let values = "[0-9a-f.:/x#\"= é\u{0}-]{0,12}";
    (
        prop::sample::select(names.to_vec()),
        "[ =\t]{0,2}",
        values,
        "\r?\n",
    )
        .prop_map(|(name, separator, value, end)| format!("{name}{separator}{value}{end}"))
}
