//! Allocations that come and go on a real server: descriptors, ports and memory come back. `TURND_SOAK_SOCKETS`
//! sets how many there are; the state machine alone has its own in `crates/proto/tests/soak`.

use std::fs;

use turnd_wire::attr;

use crate::{
    session::{Session, free_block, peer, receive},
    support::turnd::Turnd,
};

const USUAL: usize = 1500;
const CLIENTS: usize = 10;
const PORTS: u16 = 40;
/// What the heap may grow by that has been used all over once, in bytes.
const NOISE: usize = 1 << 20;

#[test]
fn churn_gives_back_descriptors_ports_and_memory() {
    let wanted = std::env::var("TURND_SOAK_SOCKETS").map(|it| it.parse().expect("a number"));
    let cycles = wanted.unwrap_or(USUAL);
    let first = free_block(PORTS);
    let last = first + PORTS - 1;
    let turnd = Turnd::start(&format!(
        "listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\nuser=alice:secret\nallow-loopback-peers\n\
         relay-threads=2\nstale-nonce=0\nmin-port={first}\nmax-port={last}\n"
    ));
    let sessions: Vec<Session> = (0..CLIENTS)
        .map(|_| Session::alice(turnd.udp_v4()))
        .collect();
    let peer = peer("127.0.0.1:0");
    // Every client once in every way, so that buffers and tables have their size.
    for round in 0..30 {
        cycle(&sessions, &peer, round);
    }
    let before = (open_files(turnd.pid()), resident(turnd.pid()));
    let mut made = 0;
    for round in 30.. {
        if made >= cycles {
            break;
        }
        cycle(&sessions, &peer, round);
        made += CLIENTS;
    }
    let after = (open_files(turnd.pid()), resident(turnd.pid()));
    println!("{made} allocations: {before:?} files and bytes, and then {after:?}");
    assert_eq!(after.0, before.0, "descriptors");
    let grown = after.1.saturating_sub(before.1);
    assert!(
        grown <= NOISE,
        "{grown} bytes more after {made} allocations"
    );

    // All ports are there: two for each client and two more would be too many.
    let more: Vec<Session> = (0..usize::from(PORTS))
        .map(|_| Session::alice(turnd.udp_v4()))
        .collect();
    assert!(
        more.iter()
            .all(|session| session.allocate().error().is_none())
    );
    assert_eq!(sessions[0].allocate().error(), Some(508));
}

/// Every client has an allocation, some with a reserved port that another one redeems, and gives it back.
fn cycle(sessions: &[Session], peer: &std::net::UdpSocket, round: usize) {
    let address = peer.local_addr().expect("an address");
    for (number, pair) in sessions.chunks(2).enumerate() {
        let [one, other] = pair else { continue };
        let reserves = (round + number).is_multiple_of(3);
        let reply = one.allocate_with(|writer| {
            if reserves {
                writer.bytes(attr::EVEN_PORT, &[0x80]);
            }
        });
        assert_eq!(reply.error(), None, "round {round}");
        let second = if reserves {
            other.allocate_with(|writer| writer.bytes(attr::RESERVATION_TOKEN, &reply.token()))
        } else {
            other.allocate()
        };
        assert_eq!(second.error(), None, "round {round}");
        assert_eq!(one.bind_channel(0x4000, address).error(), None);
        assert_eq!(other.permit(address).error(), None);
        one.send_on(0x4000, b"data");
        assert_eq!(receive(peer), (b"data".to_vec(), reply.relayed()));
        if round.is_multiple_of(2) {
            assert_eq!(one.refresh(600).error(), None);
        }
    }
    for session in sessions {
        assert_eq!(session.delete().error(), None, "round {round}");
    }
}

fn open_files(pid: u32) -> usize {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).expect("a process");
    files.count()
}

fn resident(pid: u32) -> usize {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).expect("a process");
    let pages = statm.split(' ').nth(1).expect("a second field");
    pages.parse::<usize>().expect("a number") * 4096
}
