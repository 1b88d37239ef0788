//! Ports and descriptors that came and went: nothing is lost on the way.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use turnd_wire::attr;

use crate::{
    session::{Arrival, Reply, Session, free_block, peer, receive},
    support::turnd::Turnd,
};

const CONFIG: &str = "listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\nuser=alice:secret\nallow-loopback-peers\n";

fn with_ports(count: u16, more: &str) -> (Turnd, u16) {
    let first = free_block(count);
    let last = first + count - 1;
    let turnd = Turnd::start(&format!(
        "{CONFIG}min-port={first}\nmax-port={last}\n{more}"
    ));
    (turnd, first)
}

#[test]
fn two_thousand_allocations_use_every_port_of_the_range_and_no_other() {
    let (turnd, first) = with_ports(20, "relay-threads=4\n");
    // Enough clients that every worker has some.
    let sessions: Vec<Session> = (0..10).map(|_| Session::alice(turnd.udp_v4())).collect();
    let mut seen = BTreeSet::new();
    for _ in 0..200 {
        for session in &sessions {
            seen.insert(session.allocate().relayed().port());
        }
        for session in &sessions {
            assert_eq!(session.delete().error(), None);
        }
    }
    assert_eq!(seen, (first..first + 20).collect());
}

#[test]
fn a_reserved_port_is_nobody_elses_and_outlives_the_allocation_it_was_reserved_with() {
    let (turnd, even) = with_ports(2, "relay-threads=4\n");
    for _ in 0..8 {
        let (rtp, other, rtcp) = (
            Session::alice(turnd.udp_v4()),
            Session::alice(turnd.udp_v4()),
            Session::alice(turnd.udp_v4()),
        );
        let reply = reserve(&rtp);
        assert_eq!(reply.relayed().port(), even);
        assert_eq!(other.allocate().error(), Some(508));
        assert_eq!(rtp.delete().error(), None);
        assert_eq!(other.allocate().relayed().port(), even);
        assert_eq!(rtp.allocate().error(), Some(508));
        assert_eq!(redeem(&rtcp, &reply.token()).relayed().port(), even + 1);
        assert_eq!(other.delete().error(), None);
        assert_eq!(rtcp.delete().error(), None);
    }
}

#[test]
fn what_cannot_be_had_even_leaves_the_odd_ports_to_the_others() {
    let (turnd, first) = with_ports(3, "relay-threads=1\n");
    let sessions: Vec<Session> = (0..4).map(|_| Session::alice(turnd.udp_v4())).collect();
    let even =
        |session: &Session| session.allocate_with(|writer| writer.bytes(attr::EVEN_PORT, &[0]));
    let mut ports = [
        even(&sessions[0]).relayed().port(),
        even(&sessions[1]).relayed().port(),
    ];
    ports.sort_unstable();
    assert_eq!(ports, [first, first + 2]);
    assert_eq!(even(&sessions[2]).error(), Some(508));
    assert_eq!(reserve(&sessions[3]).error(), Some(508));
    assert_eq!(sessions[2].allocate().relayed().port(), first + 1);
}

#[test]
fn descriptors_that_ran_out_are_all_there_again_afterwards() {
    let turnd = Turnd::start_with_few_files(&format!("{CONFIG}relay-threads=1\n"), 40);
    let sessions: Vec<Session> = (0..60).map(|_| Session::alice(turnd.udp_v4())).collect();
    let mut capacities = Vec::new();
    for _ in 0..3 {
        let good: Vec<&Session> = sessions
            .iter()
            .filter(|session| session.allocate().error().is_none())
            .collect();
        capacities.push(good.len());
        // A pair that is half there: the first socket opens, the second does not.
        assert_eq!(good[0].delete().error(), None);
        for _ in 0..20 {
            assert_eq!(reserve(sessions.last().unwrap()).error(), Some(508));
        }
        assert_eq!(good[0].allocate().error(), None);
        for session in good {
            assert_eq!(session.delete().error(), None);
        }
    }
    assert!(
        capacities[0] > 5 && capacities.iter().all(|&count| count == capacities[0]),
        "{capacities:?}"
    );
}

#[test]
fn without_descriptors_it_rests_between_refusals_and_relays_both_ways() {
    let turnd = Turnd::start_with_few_files(&format!("{CONFIG}relay-threads=1\n"), 40);
    let peer = peer("127.0.0.1:0");
    let sessions: Vec<Session> = (0..60).map(|_| Session::alice(turnd.udp_v4())).collect();
    let relayed = sessions[0].allocate().relayed();
    let bound = sessions[0].bind_channel(0x4001, peer.local_addr().unwrap());
    assert_eq!(bound.error(), None);
    for session in &sessions[1..] {
        session.allocate();
    }
    let refused = &sessions[59];
    let (before, began) = (turnd.cpu_time(), Instant::now());
    for round in 0..100_u8 {
        assert_eq!(refused.allocate().error(), Some(508));
        sessions[0].send_on(0x4001, &[round]);
        assert_eq!(receive(&peer).0, [round]);
        peer.send_to(&[round], relayed).unwrap();
        assert_eq!(sessions[0].arrival(), Arrival::Channel(0x4001, vec![round]));
        // Not to wait for anything: what it does when nobody asks is what is measured.
        thread::sleep(Duration::from_millis(5));
    }
    let (used, took) = (turnd.cpu_time() - before, began.elapsed());
    // Measured: 3 to 4 ms of 515 ms.
    assert!(used < took / 2, "{used:?} of {took:?}");
}

fn reserve(session: &Session) -> Reply {
    session.allocate_with(|writer| writer.bytes(attr::EVEN_PORT, &[0x80]))
}

fn redeem(session: &Session, token: &[u8]) -> Reply {
    session.allocate_with(|writer| writer.bytes(attr::RESERVATION_TOKEN, token))
}
