//! What is counted and bounded for clients that come over TCP.

use std::time::{Duration, Instant};

use crate::{
    client::{Client, Peer},
    metrics::CONFIG,
    support::turnd::Turnd,
};

fn tcp(turnd: &Turnd, peer: &Peer) -> Client {
    let mut client = Client::tcp(turnd.address("tcp", std::net::SocketAddr::is_ipv4));
    client.set_up(peer);
    client
}

/// Bytes of a client are those of its messages, without the padding that streams need.
#[test]
fn usage_is_what_was_sent() {
    let turnd = Turnd::start(&format!("{CONFIG}verbose\n"));
    let peer = Peer::new();
    let mut client = tcp(&turnd, &peer);
    for length in 1..=50 {
        client.echo(&peer, &vec![7; length]);
    }
    client.close();
    let who = "realm=<example.org>, username=<alice>";
    let line = turnd.wait_for_line_after(0, " peer usage: ");
    assert!(
        line.ends_with(&format!("{who}, rp=50, rb=1275, sp=50, sb=1275")),
        "{line}"
    );
    let line = turnd.wait_for_line_after(0, ": usage: ");
    assert!(
        line.ends_with(&format!("{who}, rp=50, rb=1475, sp=50, sb=1475")),
        "{line}"
    );
}

#[test]
fn no_more_is_relayed_than_max_bps_lets_through_and_the_connection_lives_on() {
    let turnd = Turnd::start(&format!("{CONFIG}max-bps=20000\n"));
    let (peer, other_peer) = (Peer::new(), Peer::new());
    let (mut client, mut other) = (tcp(&turnd, &peer), tcp(&turnd, &other_peer));
    peer.socket
        .set_read_timeout(Some(Duration::from_millis(5)))
        .unwrap();
    let (begun, mut received, mut buffer) = (Instant::now(), 0, [0; 2048]);
    // Ten times as much as may pass, for two seconds.
    while begun.elapsed() < Duration::from_secs(2) {
        client.send_channel(&[7; 1000]);
        if let Ok(got) = peer.socket.recv(&mut buffer) {
            received += got;
        }
    }
    while let Ok(got) = peer.socket.recv(&mut buffer) {
        received += got;
    }
    let seconds = begun.elapsed().as_secs_f64() + 1.0;
    let most = (seconds * 20_000.0) as usize + 2000;
    assert!((40_000..=most).contains(&received), "{received} of {most}");
    // It is the client's own bound.
    other.echo(&other_peer, b"not slowed");
    assert_eq!(client.binding().error(), None);
}
