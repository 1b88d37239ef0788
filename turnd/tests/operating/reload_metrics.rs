//! What the metrics show of a reload.

use std::collections::HashMap;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use crate::{
    client::Peer,
    metrics::CONFIG,
    reload::{alice, echo, must_reload},
    scrape::{Scrape, scrape},
    support::turnd::Turnd,
};

const EXPIRY: &str = "turnd_certificate_expiry_timestamp_seconds{of=\"turn\"}";
const PORTS: &str = "turnd_relay_ports{address=\"127.0.0.1\"}";

/// A certificate that ends with this year's first day, and its key.
fn until(year: i32) -> [(&'static str, String); 2] {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["turn.example.org".to_owned()]).unwrap();
    params.not_after = date_time_ymd(year, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    [
        ("cert.pem", certificate.pem()),
        ("key.pem", key.serialize_pem()),
    ]
}

/// Every sample of a counter, or of a histogram, which is made of counters.
fn counters(scrape: &Scrape) -> HashMap<&str, f64> {
    let mut kind = "";
    let mut counters = HashMap::new();
    for line in scrape.0.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            kind = rest.split(' ').nth(1).unwrap();
        } else if !line.starts_with('#') && (kind == "counter" || kind == "histogram") {
            let (series, value) = line.rsplit_once(' ').unwrap();
            counters.insert(series, value.parse().unwrap());
        }
    }
    counters
}

#[test]
fn certificate_and_ports_are_those_in_force_and_no_count_falls() {
    let config =
        format!("{CONFIG}cert=cert.pem\npkey=key.pem\ntls-listening-port=0\nmin-port=50000\n");
    let first = until(2030);
    let files = first.each_ref().map(|(name, text)| (*name, text.as_str()));
    let turnd = Turnd::start_with_files(&format!("{config}max-port=50099\n"), &files);
    let (client, peer) = (alice(&turnd), Peer::new());
    client.allocate().relayed();
    assert_eq!(client.bind(peer.address()).error(), None);
    echo(&client, &peer, b"before");
    let before = scrape(&turnd);
    before.expect(&[(EXPIRY, 1_893_456_000.0), (PORTS, 100.0)]);

    for (name, text) in until(2035) {
        turnd.write_file(name, &text);
    }
    let line = must_reload(&turnd, &format!("{config}max-port=50049\n"));
    assert!(line.contains("certificate"), "{line}");
    let after = scrape(&turnd);
    after.expect(&[(EXPIRY, 2_051_222_400.0), (PORTS, 50.0)]);
    let (old, new) = (counters(&before), counters(&after));
    assert!(old.len() > 100, "{}", before.0);
    for (series, value) in old {
        assert!(
            new[series] >= value,
            "{series} was {value} and is {}",
            new[series]
        );
    }
    echo(&client, &peer, b"after");
}
