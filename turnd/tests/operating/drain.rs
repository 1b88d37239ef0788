//! SIGUSR1, and SIGTERM with `drain-timeout`: the end waits for allocations.

use std::time::{Duration, Instant};

use crate::{
    client::Peer,
    reload::{BASE, alice, echo, must_reload, refresh},
    scrape::get,
    session::Session,
    support::turnd::Turnd,
};

const USER: &str = "user=alice:secret\nallow-loopback-peers\n";

fn start(more: &str) -> Turnd {
    Turnd::start(&format!("{BASE}{USER}{more}"))
}

/// A client with a channel to the peer.
fn client(turnd: &Turnd, peer: &Peer) -> Session {
    let client = alice(turnd);
    client.allocate().relayed();
    assert_eq!(client.bind(peer.address()).error(), None);
    client
}

/// Everything but a new allocation is served.
fn is_draining(turnd: &Turnd, client: &Session, peer: &Peer) {
    let newcomer = alice(turnd);
    assert_eq!(newcomer.binding().error(), None);
    assert_eq!(newcomer.allocate().error(), Some(508));
    assert_eq!(refresh(client).error(), None);
    assert_eq!(client.permit(peer.address()).error(), None);
    assert_eq!(client.bind(peer.address()).error(), None);
    echo(client, peer, b"goes on");
}

#[test]
fn sigusr1_refuses_new_allocations_and_ends_with_the_last_old_one() {
    let (turnd, peer) = (start(""), Peer::new());
    let (first, second) = (client(&turnd, &peer), client(&turnd, &peer));
    let seen = turnd.line_count();
    turnd.signal("USR1");
    let line = turnd.wait_for_line_after(seen, "SIGUSR1 received: draining");
    assert!(line.contains("2 allocations are left"), "{line}");
    is_draining(&turnd, &first, &peer);
    assert_eq!(first.delete().error(), None);
    is_draining(&turnd, &second, &peer);
    // A reload in between changes nothing about it.
    must_reload(&turnd, &format!("{BASE}{USER}user=bob:builder\n"));
    is_draining(&turnd, &second, &peer);
    let began = Instant::now();
    assert_eq!(second.delete().error(), None);
    let stopped = turnd.wait();
    assert!(stopped.status.success(), "{}", stopped.status);
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    assert!(
        stopped.log.contains("drained: 0 allocations are left"),
        "{}",
        stopped.log
    );
}

#[test]
fn without_allocations_sigusr1_ends_it_at_once() {
    let turnd = start("");
    turnd.signal("USR1");
    let stopped = turnd.wait();
    assert!(stopped.status.success());
    assert!(stopped.took < Duration::from_secs(1), "{:?}", stopped.took);
}

#[test]
fn the_end_comes_at_drain_min_allocations() {
    let (turnd, peer) = (start("drain-min-allocations=2\n"), Peer::new());
    let clients: Vec<Session> = (0..3).map(|_| client(&turnd, &peer)).collect();
    let seen = turnd.line_count();
    turnd.signal("USR1");
    turnd.wait_for_line_after(seen, "SIGUSR1 received: draining");
    is_draining(&turnd, &clients[0], &peer);
    assert_eq!(clients[0].delete().error(), None);
    let stopped = turnd.wait();
    assert!(stopped.status.success());
    assert!(
        stopped.log.contains("drained: 2 allocations are left"),
        "{}",
        stopped.log
    );
}

#[test]
fn drain_timeout_ends_it_whatever_is_left() {
    let (turnd, peer) = (start("drain-timeout=1\n"), Peer::new());
    let client = client(&turnd, &peer);
    let seen = turnd.line_count();
    turnd.signal("USR1");
    turnd.wait_for_line_after(seen, "SIGUSR1 received: draining");
    is_draining(&turnd, &client, &peer);
    let stopped = turnd.wait();
    assert!(stopped.status.success());
    assert!(
        stopped
            .log
            .contains("drain-timeout has passed: 1 allocations are cut off"),
        "{}",
        stopped.log
    );
}

#[test]
fn sigterm_drains_if_a_time_is_given_for_it_and_a_second_one_ends_it_at_once() {
    for (first, second) in [("TERM", "TERM"), ("INT", "TERM"), ("USR1", "INT")] {
        let (turnd, peer) = (start("drain-timeout=600\n"), Peer::new());
        let client = client(&turnd, &peer);
        let seen = turnd.line_count();
        turnd.signal(first);
        turnd.wait_for_line_after(seen, &format!("SIG{first} received"));
        is_draining(&turnd, &client, &peer);
        let stopped = turnd.stop_by(second);
        assert!(stopped.status.success());
        assert!(
            stopped.took < Duration::from_millis(500),
            "{:?}",
            stopped.took
        );
    }
}

#[test]
fn sigterm_drains_to_the_last_allocation() {
    let (turnd, peer) = (start("drain-timeout=600\n"), Peer::new());
    let client = client(&turnd, &peer);
    let seen = turnd.line_count();
    turnd.signal("TERM");
    turnd.wait_for_line_after(seen, "SIGTERM received");
    is_draining(&turnd, &client, &peer);
    assert_eq!(client.delete().error(), None);
    assert!(turnd.wait().status.success());
}

#[test]
fn sigterm_ends_it_at_once_where_there_is_nothing_to_wait_for() {
    let turnd = start("drain-timeout=600\n");
    let stopped = turnd.stop();
    assert!(stopped.status.success());
    assert!(
        stopped.took < Duration::from_millis(500),
        "{:?}",
        stopped.took
    );
}

/// A drain that takes too long can be given an end without a new start.
#[test]
fn the_time_can_be_changed_while_it_drains() {
    let (turnd, peer) = (start(""), Peer::new());
    let client = client(&turnd, &peer);
    let seen = turnd.line_count();
    turnd.signal("USR1");
    turnd.wait_for_line_after(seen, "SIGUSR1 received: draining");
    is_draining(&turnd, &client, &peer);
    must_reload(&turnd, &format!("{BASE}{USER}drain-timeout=1\n"));
    assert!(turnd.wait().status.success());
}

#[test]
fn readiness_ends_with_the_drain_and_health_does_not() {
    let metrics = "prometheus\nprometheus-address=127.0.0.1\nprometheus-port=0\n";
    for (signal, more) in [("USR1", ""), ("TERM", "drain-timeout=600\n")] {
        let (turnd, peer) = (start(&format!("{metrics}{more}")), Peer::new());
        let client = client(&turnd, &peer);
        assert_eq!(get(&turnd, "/readyz").status, 200);
        let seen = turnd.line_count();
        turnd.signal(signal);
        turnd.wait_for_line_after(seen, "draining");
        let answer = get(&turnd, "/readyz");
        assert_eq!(answer.status, 503);
        assert!(answer.body.contains("draining"), "{}", answer.body);
        assert_eq!(get(&turnd, "/healthz").status, 200);
        is_draining(&turnd, &client, &peer);
    }
}
