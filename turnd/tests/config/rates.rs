//! How much a second there may be of something.

use turnd::config::Rates;

use crate::helpers::{FILE, MINIMAL, mistakes, notes, run, settings};

#[test]
fn nothing_but_abuse_is_limited_unless_it_is_written() {
    let against_abuse = Rates {
        challenges: Some(10),
        failed_logins: Some(20),
        new_peers: Some(10),
        ..Rates::default()
    };
    let of_nothing = settings(MINIMAL);
    assert_eq!(of_nothing.rates, against_abuse);
    assert_eq!(of_nothing.nonce_secret, None);
    let zero = settings(&format!(
        "{MINIMAL}max-bps=0\nbps-capacity=0\nunanswered-challenges=0\nfailed-logins=0\n\
         new-peers-per-second=0\n"
    ));
    assert_eq!(zero.rates, Rates::default());
}

#[test]
fn rates_and_the_secret_of_nonces_are_read() {
    let text = "max-bps=125000\nbps-capacity=10000000\nunauthorized-ratelimit\n\
                stateless-nonce-secret=north\n";
    let settings = settings(&format!("{MINIMAL}{text}"));
    assert_eq!(settings.rates.max_bps, Some(125_000));
    assert_eq!(settings.rates.bps_capacity, Some(10_000_000));
    assert_eq!(settings.rates.unauthorized, Some(10));
    assert_eq!(settings.nonce_secret.unwrap().expose(), "north");
}

#[test]
fn the_rate_of_refusals_is_ten_unless_it_is_positive() {
    for (written, expected) in [("3", 3), ("0", 10), ("-7", 10)] {
        let text =
            format!("{MINIMAL}unauthorized-ratelimit\nunauthorized-ratelimit-rps={written}\n");
        assert_eq!(settings(&text).rates.unauthorized, Some(expected));
    }
    let alone = run(&format!("{MINIMAL}unauthorized-ratelimit-rps=3\n"), &[]);
    assert_eq!(alone.settings.rates.unauthorized, None);
    assert_eq!(
        notes(&alone),
        [format!(
            "{FILE}:5: unauthorized-ratelimit-rps has no effect without unauthorized-ratelimit"
        )]
    );
}

#[test]
fn a_capacity_without_a_share_is_a_mistake() {
    let said = mistakes(&format!("{MINIMAL}bps-capacity=1000\n"), &[]);
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with(&format!("{FILE}:5: bps-capacity: without max-bps")));
}
