//! What the log says was used is what was sent, and no more is relayed than `max-bps` lets through.

use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};

use crate::{session::Session, support::turnd::Turnd};

const CONFIG: &str = "listening-ip=127.0.0.1\nlistening-port=0\nrelay-ip=127.0.0.1\nrealm=example.org\n\
                      user=alice:secret\nallow-loopback-peers\nverbose\n";

fn peer() -> UdpSocket {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    peer
}

#[test]
fn usage_is_what_was_sent() {
    let turnd = Turnd::start(CONFIG);
    let (session, peer) = (Session::new(turnd.udp_v4(), "alice", "secret"), peer());
    session.allocate().relayed();
    assert_eq!(session.bind(peer.local_addr().unwrap()).error(), None);
    let mut buffer = [0; 2048];
    for length in 1..=100 {
        session.send_channel(&vec![7; length]);
        let (got, relay) = peer.recv_from(&mut buffer).unwrap();
        assert_eq!(got, length);
        if length % 2 == 0 {
            peer.send_to(&buffer[..got], relay).unwrap();
            assert_eq!(session.receive().len(), length);
        }
    }
    assert_eq!(session.delete().error(), None);
    let log = turnd.stop().log;
    let line = |kind: &str| {
        let found = log.lines().find_map(|line| line.split_once(kind));
        found
            .unwrap_or_else(|| panic!("no {kind} in {log}"))
            .1
            .to_owned()
    };
    let who = "realm=<example.org>, username=<alice>";
    assert_eq!(
        line(" usage: "),
        format!("{who}, rp=100, rb=5450, sp=50, sb=2750")
    );
    assert_eq!(
        line(" peer usage: "),
        format!("{who}, rp=50, rb=2550, sp=100, sb=5050")
    );
}

#[test]
fn no_more_is_relayed_than_max_bps_lets_through() {
    let turnd = Turnd::start(&format!("{CONFIG}max-bps=20000\n"));
    let (session, peer) = (Session::new(turnd.udp_v4(), "alice", "secret"), peer());
    session.allocate().relayed();
    assert_eq!(session.bind(peer.local_addr().unwrap()).error(), None);
    peer.set_read_timeout(Some(Duration::from_millis(5)))
        .unwrap();
    let (begun, mut received, mut buffer) = (Instant::now(), 0, [0; 2048]);
    // Ten times as much as may pass, for two seconds.
    while begun.elapsed() < Duration::from_secs(2) {
        session.send_channel(&[7; 1000]);
        if let Ok(got) = peer.recv(&mut buffer) {
            received += got;
        }
    }
    while let Ok(got) = peer.recv(&mut buffer) {
        received += got;
    }
    let seconds = begun.elapsed().as_secs_f64() + 1.0;
    let most = (seconds * 20_000.0) as usize + 2000;
    assert!((40_000..=most).contains(&received), "{received} of {most}");
}
