//! Ports, descriptors, quotas: what happens when there is no more, and when there is again.

use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};

use turnd_wire::attr;

use crate::{
    session::Session,
    support::{blocks::free_block, turnd::Turnd},
};

/// A server of this many workers whose relay ports are `count` that nobody else has now.
fn with_ports(count: u16, workers: u16, more: &str) -> (Turnd, u16) {
    let first = free_block(count);
    let last = first + count - 1;
    let turnd = Turnd::start(&format!(
        "listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\nuser=alice:secret\nuser=bob:secret\n\
         relay-threads={workers}\nmin-port={first}\nmax-port={last}\nallow-loopback-peers\n{more}"
    ));
    (turnd, first)
}

fn alice(turnd: &Turnd) -> Session {
    Session::new(turnd.udp_v4(), "alice", "secret")
}

#[test]
fn a_full_range_is_508_at_once_and_a_freed_port_is_there_at_once() {
    let (turnd, first) = with_ports(10, 2, "");
    let sessions: Vec<Session> = (0..10).map(|_| alice(&turnd)).collect();
    let mut ports: Vec<u16> = sessions
        .iter()
        .map(|session| session.allocate().relayed().port())
        .collect();
    ports.sort_unstable();
    assert_eq!(ports, (first..first + 10).collect::<Vec<u16>>());

    let late = alice(&turnd);
    late.binding();
    let asked = Instant::now();
    assert_eq!(late.allocate().error(), Some(508));
    // Two round trips. Measured: below 1 ms.
    assert!(
        asked.elapsed() < Duration::from_millis(500),
        "{:?}",
        asked.elapsed()
    );

    assert_eq!(sessions[3].delete().error(), None);
    assert_eq!(late.allocate().error(), None);
}

#[test]
fn allocations_that_come_and_go_never_use_the_range_up() {
    let (turnd, _) = with_ports(4, 2, "");
    let sessions: Vec<Session> = (0..3).map(|_| alice(&turnd)).collect();
    for round in 0..500 {
        for session in &sessions {
            assert_eq!(session.allocate().error(), None, "round {round}");
        }
        for session in &sessions {
            assert_eq!(session.delete().error(), None, "round {round}");
        }
    }
}

#[test]
fn ports_of_other_programs_are_passed_over() {
    let (turnd, first) = with_ports(8, 1, "");
    let taken: Vec<UdpSocket> = (first..first + 7)
        .map(|port| UdpSocket::bind(("127.0.0.1", port)).unwrap())
        .collect();
    for _ in 0..5 {
        let session = alice(&turnd);
        assert_eq!(session.allocate().relayed().port(), first + 7);
        assert_eq!(session.delete().error(), None);
    }
    drop(taken);
}

#[test]
fn a_reserved_port_is_redeemed_once_at_whatever_worker_the_other_client_lands() {
    let (turnd, _) = with_ports(200, 4, "");
    for _ in 0..12 {
        let (rtp, rtcp, thief) = (alice(&turnd), alice(&turnd), alice(&turnd));
        let reply = rtp.allocate_with(|writer| writer.bytes(attr::EVEN_PORT, &[0x80]));
        let (even, token) = (reply.relayed().port(), reply.token());
        assert_eq!(even % 2, 0);
        let redeem = |session: &Session| {
            let token = token.clone();
            session.allocate_with(move |writer| writer.bytes(attr::RESERVATION_TOKEN, &token))
        };
        assert_eq!(redeem(&rtcp).relayed().port(), even + 1);
        assert_eq!(redeem(&thief).error(), Some(508));

        // And it relays.
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        assert_eq!(rtcp.bind(peer.local_addr().unwrap()).error(), None);
        rtcp.send_channel(b"report");
        let mut buffer = [0; 16];
        let (length, from) = peer.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..length], from.port()), (&b"report"[..], even + 1));
        peer.send_to(b"seen", from).unwrap();
        assert_eq!(rtcp.receive(), b"seen");
        assert_eq!(rtp.delete().error(), None);
        assert_eq!(rtcp.delete().error(), None);
    }
}

#[test]
fn a_token_that_nobody_made_is_508_whichever_worker_it_names() {
    let (turnd, _) = with_ports(20, 4, "");
    for worker in [0, 1, 2, 3, 4, 255] {
        let session = alice(&turnd);
        let token = [worker, 1, 2, 3, 4, 5, 6, 7];
        let reply = session.allocate_with(|writer| writer.bytes(attr::RESERVATION_TOKEN, &token));
        assert_eq!(reply.error(), Some(508), "worker {worker}");
        // The client can go on.
        assert_eq!(session.allocate().error(), None);
    }
}

#[test]
fn quotas_count_over_all_workers_and_each_user_for_itself() {
    let (turnd, _) = with_ports(200, 4, "user-quota=5\ntotal-quota=8\n");
    let of = |user: &str, count: usize| -> Vec<Session> {
        (0..count)
            .map(|_| Session::new(turnd.udp_v4(), user, "secret"))
            .collect()
    };
    let errors = |sessions: &[Session]| -> Vec<Option<u16>> {
        sessions
            .iter()
            .map(|session| session.allocate().error())
            .collect()
    };
    let alices = of("alice", 7);
    assert_eq!(
        errors(&alices),
        [None, None, None, None, None, Some(486), Some(486)]
    );
    let bobs = of("bob", 4);
    assert_eq!(errors(&bobs), [None, None, None, Some(486)]);
    assert_eq!(alices[0].delete().error(), None);
    assert_eq!(bobs[3].allocate().error(), None);
}

#[test]
fn without_descriptors_new_allocations_get_508_and_the_others_go_on() {
    let turnd = Turnd::start_with_few_files(
        "listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\nuser=alice:secret\nrelay-threads=1\nallow-loopback-peers\n",
        40,
    );
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let sessions: Vec<Session> = (0..60).map(|_| alice(&turnd)).collect();
    let (good, refused): (Vec<&Session>, Vec<&Session>) =
        sessions
            .iter()
            .partition(|session| match session.allocate().error() {
                None => true,
                Some(code) => {
                    assert_eq!(code, 508);
                    false
                }
            });
    assert!(
        good.len() > 5 && !refused.is_empty(),
        "{} of 60",
        good.len()
    );

    // Refusing costs what any answer costs, and does not spin.
    let before = turnd.cpu_time();
    let began = Instant::now();
    let mut asked = 0;
    while began.elapsed() < Duration::from_millis(300) {
        assert_eq!(refused[0].allocate().error(), Some(508));
        asked += 1;
        std::thread::yield_now();
    }
    let per_request = (turnd.cpu_time() - before) / asked;
    assert!(
        per_request < Duration::from_millis(5),
        "{per_request:?} each"
    );

    assert_eq!(good[0].bind(peer.local_addr().unwrap()).error(), None);
    good[0].send_channel(b"alive");
    let mut buffer = [0; 16];
    assert_eq!(peer.recv_from(&mut buffer).unwrap().0, 5);

    assert_eq!(good[1].delete().error(), None);
    assert_eq!(refused[1].allocate().error(), None);
}
