//! What the metrics say, against what was sent.

use std::{collections::HashSet, net::UdpSocket, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use crate::{
    pki::Authority,
    scrape::{Scrape, scrape},
    session::Session,
    support::{
        foreign::{attempt, python, script},
        turnd::Turnd,
    },
    tls::tls,
};

pub(crate) const CONFIG: &str = "\
listening-ip=127.0.0.1
listening-port=0
relay-ip=127.0.0.1
allow-loopback-peers
relay-threads=2
realm=example.org
user=alice:secret
user=bob:secret
prometheus
prometheus-address=127.0.0.1
prometheus-port=0
";

const MESSAGES: u8 = 10;
const ANSWERS: u8 = 4;

fn peer() -> UdpSocket {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let patience = Some(Duration::from_secs(5));
    peer.set_read_timeout(patience).unwrap();
    peer
}

#[test]
fn counters_equal_what_was_sent_while_the_allocation_is_up() {
    let turnd = Turnd::start(CONFIG);
    let alice = Session::new(turnd.udp_v4(), "alice", "secret");
    let relayed = alice.allocate().relayed();
    let peer = peer();
    assert_eq!(alice.bind(peer.local_addr().unwrap()).error(), None);
    for number in 0..MESSAGES {
        alice.send_channel(&[number; 100]);
        let length = peer.recv(&mut [0; 2000]).unwrap();
        assert_eq!(length, 100);
    }
    for number in 0..ANSWERS {
        peer.send_to(&[number; 200], relayed).unwrap();
        assert_eq!(alice.receive().len(), 200);
    }
    assert_eq!(alice.binding().error(), None);

    let now = scrape(&turnd);
    now.expect(&[
        ("turn_total_traffic_rcvp", 10.0),
        ("turn_total_traffic_rcvb", 1040.0),
        ("turn_total_traffic_peer_sentp", 10.0),
        ("turn_total_traffic_peer_sentb", 1000.0),
        ("turn_total_traffic_peer_rcvp", 4.0),
        ("turn_total_traffic_peer_rcvb", 800.0),
        ("turn_total_traffic_sentp", 4.0),
        ("turn_total_traffic_sentb", 816.0),
        ("turn_traffic_rcvb{realm=\"example.org\"}", 1040.0),
        ("turn_traffic_peer_rcvb{realm=\"example.org\"}", 800.0),
        ("turn_total_allocations{type=\"UDP\"}", 1.0),
        ("turn_total_allocations{type=\"TCP\"}", 0.0),
        ("stun_binding_request", 1.0),
        ("stun_binding_response", 1.0),
        ("stun_binding_error", 0.0),
        (
            "turnd_allocations{transport=\"udp\",family=\"ipv4\",relay=\"udp\"}",
            1.0,
        ),
        ("turnd_channels", 1.0),
        ("turnd_permissions", 1.0),
        ("turnd_relay_ports_used{address=\"127.0.0.1\"}", 1.0),
        ("turnd_relay_ports{address=\"127.0.0.1\"}", 16384.0),
        ("turnd_requests_total{method=\"allocate\"}", 2.0),
        (
            "turnd_responses_total{method=\"channel-bind\",class=\"success\"}",
            1.0,
        ),
        ("turnd_allocation_duration_seconds_count", 0.0),
        ("turnd_ready", 1.0),
        ("turnd_draining", 0.0),
        // Requests, their answers, and the data.
        ("turn_packet_processed", 18.0),
        ("turn_packet_dropped", 0.0),
    ]);

    assert_eq!(alice.delete().error(), None);
    scrape(&turnd).expect(&[
        ("turn_total_allocations{type=\"UDP\"}", 0.0),
        ("turnd_allocations_ended_total{reason=\"deleted\"}", 1.0),
        ("turnd_allocation_duration_seconds_count", 1.0),
        ("turnd_allocation_relayed_bytes_sum", 1800.0),
        ("turn_total_traffic_rcvb", 1040.0),
    ]);
}

#[test]
fn refusals_and_drops_are_counted_by_their_reason() {
    let turnd = Turnd::start(&format!("{CONFIG}user-quota=1\ndenied-peer-ip=192.0.2.1\n"));
    let alice = Session::new(turnd.udp_v4(), "alice", "secret");
    let relayed = alice.allocate().relayed();
    let again = Session::new(turnd.udp_v4(), "alice", "secret").allocate();
    assert_eq!(again.error(), Some(486));
    let guesser = Session::new(turnd.udp_v4(), "alice", "guess").allocate();
    assert_eq!(guesser.error(), Some(401));
    let nobody = Session::new(turnd.udp_v4(), "nobody", "secret").allocate();
    assert_eq!(nobody.error(), Some(401));
    let forbidden = alice.permit("192.0.2.1:9".parse().unwrap());
    assert_eq!(forbidden.error(), Some(403));
    // A channel that is not bound, and a peer without permission.
    alice.send_channel(b"nowhere");
    assert_eq!(alice.binding().error(), None);
    let before = scrape(&turnd);
    peer().send_to(b"stranger", relayed).unwrap();
    wait_for(
        &turnd,
        "turnd_relay_drops_total{direction=\"to-client\",reason=\"no-permission\"}",
        1.0,
    );
    before.expect(&[
        ("turnd_errors_total{code=\"486\"}", 1.0),
        ("turnd_errors_total{code=\"403\"}", 1.0),
        // Four first requests without credentials, and two with wrong ones.
        ("turnd_errors_total{code=\"401\"}", 6.0),
        ("turn_unauthenticated_401_requests", 6.0),
        ("turn_unauthenticated_401_responses", 6.0),
        ("turnd_auth_failures_total{reason=\"no-credential\"}", 4.0),
        ("turnd_auth_failures_total{reason=\"wrong-password\"}", 1.0),
        ("turnd_auth_failures_total{reason=\"unknown-user\"}", 1.0),
        ("turnd_quota_hits_total{quota=\"user\"}", 1.0),
        ("turnd_quota_hits_total{quota=\"total\"}", 0.0),
        ("turnd_peers_refused_total", 1.0),
        (
            "turnd_relay_drops_total{direction=\"to-peer\",reason=\"no-channel\"}",
            1.0,
        ),
        ("turn_packet_dropped", 1.0),
    ]);
}

/// What a stranger's datagram comes to has no answer that could be waited for.
fn wait_for(turnd: &Turnd, series: &str, value: f64) {
    for _ in 0..200 {
        if scrape(turnd).value(series) >= value {
            return;
        }
    }
    panic!("{series} did not come to {value}");
}

/// The password of a time-limited name.
fn password(secret: &str, name: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(name.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[test]
fn hostile_user_names_make_no_more_series_than_asked_for_and_are_escaped() {
    let turnd = Turnd::start(
        "listening-ip=127.0.0.1\nlistening-port=0\nrelay-ip=127.0.0.1\nallow-loopback-peers\n\
         realm=example.org\nuse-auth-secret\nstatic-auth-secret=north\nprometheus\n\
         prometheus-address=127.0.0.1\nprometheus-port=0\nprometheus-username-labels\n\
         prometheus-top-users=3\n",
    );
    let peer = peer();
    let mut sessions = Vec::new();
    for number in 0..12 {
        let name = format!("4000000000:a\"}} 1\\{number}\u{202e}{{é=");
        let session = Session::new(turnd.udp_v4(), &name, &password("north", &name));
        assert_eq!(session.allocate().error(), None);
        assert_eq!(session.bind(peer.local_addr().unwrap()).error(), None);
        sessions.push(session);
    }
    let send_all = || {
        for session in &sessions {
            session.send_channel(&[7; 50]);
            assert_eq!(peer.recv(&mut [0; 2000]).unwrap(), 50);
        }
    };
    send_all();
    scrape(&turnd);
    send_all();
    // A user's figures come in steps while his allocation is up, and are whole at its end.
    for session in &sessions {
        assert_eq!(session.delete().error(), None);
    }
    let now = scrape(&turnd);
    let series = now.series("turn_traffic_rcvp{");
    assert!(series.len() <= 4, "{series:#?}");
    assert!(series.iter().any(|it| it.contains("user=\"(others)\"")));
    let sum: f64 = series
        .iter()
        .filter_map(|it| it.rsplit(' ').next()?.parse::<f64>().ok())
        .sum();
    assert!((sum - now.value("turn_total_traffic_rcvp")).abs() < 0.5);
    parse_independently(&now);
}

#[test]
fn an_independent_parser_reads_every_family_as_it_was_meant() {
    let turnd = Turnd::start(CONFIG);
    parse_independently(&scrape(&turnd));
}

/// Every family has a type and a help text, and no series is there twice.
fn parse_independently(scrape: &Scrape) {
    let names = scrape.0.lines().filter(|line| !line.starts_with('#'));
    let names: Vec<_> = names.filter_map(|line| line.rsplit_once(' ')).collect();
    let distinct: HashSet<_> = names.iter().map(|(series, _)| series).collect();
    assert_eq!(distinct.len(), names.len(), "a series is there twice");
    let Some(python) = python() else { return };
    let (is_good, printed) = attempt(&python, &[&script("parse_metrics.py")], &scrape.0);
    assert!(is_good, "{printed}");
    assert!(
        printed.contains(&format!("samples={}\n", names.len())),
        "{printed}"
    );
}

/// A flood of hellos would look like an attack on TLS itself, or like a certificate that nobody trusts.
#[test]
fn a_hello_that_is_turned_away_is_no_handshake_that_failed() {
    let authority = Authority::new();
    let config = format!(
        "{CONFIG}cert=cert.pem\npkey=key.pem\ntls-listening-port=0\ntls-handshakes-per-address=1\n"
    );
    let turnd = Turnd::start_with_files(&config, &authority.issue().files());
    let server = turnd.address_of("tcp+tls");
    let (done, refused): (Vec<_>, Vec<_>) = (0..8)
        .map(|_| tls(server, &authority))
        .partition(Result::is_ok);
    let of =
        |result: &str| format!("turnd_handshakes_total{{protocol=\"tls\",result=\"{result}\"}}");
    scrape(&turnd).expect(&[
        (&of("done"), done.len() as f64),
        (&of("refused"), refused.len() as f64),
        (&of("failed"), 0.0),
    ]);
    assert!(!done.is_empty() && refused.len() >= 3, "{}", refused.len());
}
