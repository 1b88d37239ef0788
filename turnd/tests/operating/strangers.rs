//! What strangers get: nonces, also of another server, and a bounded number of answers.

use std::{io::ErrorKind, net::UdpSocket, time::Duration};

use turnd_wire::{Class, Method, Writer, attr};

use crate::{
    client::eventually, metrics::CONFIG, scrape::scrape, session::Session, support::turnd::Turnd,
};

#[test]
fn servers_with_one_nonce_secret_take_each_others_nonces_and_others_do_not() {
    let [one, two, other] = ["north", "north", "south"]
        .map(|secret| Turnd::start(&format!("{CONFIG}stateless-nonce-secret={secret}\n")));
    let client = Session::new(one.udp_v4(), "alice", "secret");
    client.allocate().relayed();
    // The same client, with the nonce it has.
    client.socket.connect(two.udp_v4()).unwrap();
    client.allocate().relayed();
    client.socket.connect(other.udp_v4()).unwrap();
    assert_eq!(client.allocate().error(), Some(438));
}

#[test]
fn one_address_is_told_401_so_often_and_others_go_on() {
    let turnd = Turnd::start(&format!(
        "{CONFIG}verbose\nunauthorized-ratelimit\nunauthorized-ratelimit-rps=3\n"
    ));
    let flooder = UdpSocket::bind("127.0.0.2:0").unwrap();
    flooder.connect(turnd.udp_v4()).unwrap();
    for id in 0..50 {
        let mut buffer = [0; 100];
        let mut request = Writer::new(
            &mut buffer,
            Class::Request,
            Method::ALLOCATE,
            [id; 12].into(),
        );
        request.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        flooder.send(request.finish().unwrap()).unwrap();
    }
    // Each is answered or not, and what is counted as answered has left.
    eventually("fifty requests are counted", || {
        let metrics = scrape(&turnd);
        let outcomes = ["responses", "dropped_responses"]
            .map(|it| metrics.value(&format!("turn_unauthenticated_401_{it}")));
        outcomes.iter().sum::<f64>() >= 50.0
    });
    flooder
        .set_read_timeout(Some(Duration::from_millis(1)))
        .unwrap();
    let mut answers = 0;
    loop {
        match flooder.recv(&mut [0; 1500]) {
            Ok(_) => answers += 1,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    // Three a second, and the fifty may have fallen into two or three.
    assert!((3..=9).contains(&answers), "{answers}");
    let metrics = scrape(&turnd);
    let sent = metrics.value("turn_unauthenticated_401_responses");
    assert_eq!(sent, f64::from(answers));
    assert_eq!(
        metrics.value("turn_unauthenticated_401_dropped_responses"),
        50.0 - sent
    );
    let other = Session::from(
        "127.0.0.3:0".parse().unwrap(),
        turnd.udp_v4(),
        "alice",
        "secret",
    );
    other.allocate().relayed();
    assert!(
        turnd
            .log()
            .contains("401 rate-limit exceeded from 127.0.0.2:"),
        "{}",
        turnd.log()
    );
}
