//! Addresses and routes that come and go, and machines with one family only.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use turnd_wire::{Family, attr};

use crate::{
    routed::{CONFIG, PEER, at, inside, peer, receive},
    session::Session,
    support::{
        namespace::{self, sh, within},
        turnd::Turnd,
    },
};

/// The second address, which comes and goes.
const OTHER: &str = "9.9.9.2";

fn echo(session: &Session, peer: &std::net::UdpSocket, number: u32) {
    session.send_channel(&number.to_be_bytes());
    let (data, from) = receive(peer);
    assert_eq!(data, number.to_be_bytes());
    peer.send_to(&data, from).unwrap();
    assert_eq!(session.receive(), data);
}

/// A client with a channel to the peer, from a relay at this address.
fn with_relay_at(server: SocketAddr, ip: &str) -> Session {
    loop {
        let session = Session::new(server, "alice", "secret");
        let relayed = session.allocate().relayed();
        if relayed.ip().to_string() == ip {
            assert_eq!(session.bind(at(PEER)).error(), None);
            return session;
        }
        assert_eq!(session.delete().error(), None);
    }
}

/// Lines about errors of sockets: no more than one a minute.
fn complaints(turnd: &Turnd) -> usize {
    let log = turnd.log();
    log.lines().filter(|line| line.contains("cannot ")).count()
}

#[test]
fn an_address_that_goes_takes_only_its_own_relays_along_and_may_come_back() {
    if !inside("links::an_address_that_goes_takes_only_its_own_relays_along_and_may_come_back") {
        return;
    }
    sh("ip addr add 9.9.9.2/24 dev wan0");
    let turnd = Turnd::start(&format!(
        "{CONFIG}relay-ip={OTHER}\nlistening-ip={OTHER}\nrelay-threads=1\n"
    ));
    let receiver = peer(PEER);
    let stays = with_relay_at(turnd.udp_v4(), "9.9.9.1");
    let goes = with_relay_at(turnd.udp_v4(), OTHER);
    let addresses = turnd.addresses("udp");
    let lost = addresses.iter().find(|it| it.ip().to_string() == OTHER);
    let outside = within("peer", || Session::new(*lost.unwrap(), "alice", "secret"));
    for (number, session) in (0..).zip([&stays, &goes]) {
        echo(session, &receiver, number);
    }
    assert_eq!(outside.binding().error(), None);
    let over_v6 = || {
        let session = Session::new(turnd.udp_v4(), "alice", "secret");
        session.allocate_v6().error()
    };
    assert_eq!(over_v6(), None);

    sh("ip addr del 9.9.9.2/24 dev wan0; ip addr del 2606::1/64 dev wan0");
    for number in 0..100 {
        goes.send_channel(b"lost");
        echo(&stays, &receiver, number);
    }
    // New ones get the address that is left; of a family that is gone there is none.
    for _ in 0..10 {
        with_relay_at(turnd.udp_v4(), "9.9.9.1");
    }
    assert_eq!(over_v6(), Some(508));
    assert!(complaints(&turnd) <= 1, "{}", turnd.log());

    sh("ip addr add 9.9.9.2/24 dev wan0; ip addr add 2606::1/64 dev wan0 nodad");
    echo(&stays, &receiver, 1);
    echo(&goes, &receiver, 2);
    assert_eq!(outside.binding().error(), None);
    assert_eq!(over_v6(), None);
}

#[test]
fn a_route_that_is_gone_costs_datagrams_and_nothing_else() {
    if !inside("links::a_route_that_is_gone_costs_datagrams_and_nothing_else") {
        return;
    }
    let turnd = Turnd::start(&format!("{CONFIG}relay-threads=1\n"));
    let receiver = peer(PEER);
    let session = with_relay_at(turnd.udp_v4(), "9.9.9.1");
    echo(&session, &receiver, 0);
    sh("ip route del default");
    for _ in 0..100 {
        session.send_channel(b"lost");
        assert!(session.hears_nothing());
    }
    assert!(complaints(&turnd) <= 1, "{}", turnd.log());
    let before = turnd.cpu_time();
    let began = Instant::now();
    thread::sleep(Duration::from_millis(500));
    let spent = turnd.cpu_time() - before;
    assert!(spent < began.elapsed() / 5, "{spent:?}");
    sh("ip route add default via 9.9.9.254");
    echo(&session, &receiver, 1);
}

const ONE_FAMILY: &str = "listening-port=0\nrealm=example.org\nuser=alice:secret\n";

/// An Allocate for both families: the error of the second one.
fn second_family(session: &Session) -> Option<u16> {
    let reply = session.allocate_with(|writer| {
        writer.bytes(
            attr::ADDITIONAL_ADDRESS_FAMILY,
            &[Family::V6.number(), 0, 0, 0],
        );
    });
    reply.relayed();
    let message = reply.message();
    let value = message.attribute(attr::ADDRESS_ERROR_CODE)?;
    Some(u16::from(value[2]) * 100 + u16::from(value[3]))
}

#[test]
fn without_ipv6_there_is_everything_else() {
    let prepare =
        "for it in all default lo; do echo 1 > /proc/sys/net/ipv6/conf/$it/disable_ipv6; done";
    if !namespace::inside(prepare, "links::without_ipv6_there_is_everything_else") {
        return;
    }
    let turnd = Turnd::start(ONE_FAMILY);
    assert!(turnd.addresses("udp").iter().all(SocketAddr::is_ipv4));
    let session = Session::new(turnd.udp_v4(), "alice", "secret");
    assert_eq!(session.allocate_v6().error(), Some(440));
    assert_eq!(second_family(&session), Some(440));
    assert_eq!(session.delete().error(), None);
    assert!(session.allocate().relayed().is_ipv4());
}

#[test]
fn with_only_ipv6_too() {
    let prepare = "ip addr del 127.0.0.1/8 dev lo";
    if !namespace::inside(prepare, "links::with_only_ipv6_too") {
        return;
    }
    let turnd = Turnd::start(ONE_FAMILY);
    assert!(turnd.addresses("udp").iter().all(SocketAddr::is_ipv6));
    let session = Session::new(turnd.udp_v6(), "alice", "secret");
    assert_eq!(session.allocate().error(), Some(440));
    assert!(session.allocate_v6().relayed().is_ipv6());
}
