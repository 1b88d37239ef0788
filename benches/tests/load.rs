//! The generator against a server that is not ours: the crate `turn`, in a thread of this process.

#[path = "../benches/relay/turn_crate.rs"]
mod turn_crate;

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::OnceLock,
    thread,
    time::Duration,
};

use turnd_benches::load::{self, Load, Mode, Relayed, Report, Spacing, Transport};

/// One server for all tests.
fn server() -> SocketAddr {
    static SERVER: OnceLock<SocketAddr> = OnceLock::new();
    *SERVER.get_or_init(|| {
        let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("binding a socket");
        let address = free.local_addr().expect("a bound socket has an address");
        drop(free);
        thread::spawn(move || turn_crate::serve(address.port()).expect("serving"));
        address
    })
}

fn some(mode: Mode) -> Load {
    Load {
        server: server(),
        user: turn_crate::USER.to_owned(),
        password: turn_crate::PASSWORD.to_owned(),
        transport: Transport::Udp,
        mode,
        allocations: 4,
        size: 200,
        burst: 1,
        rate: Some(500),
        window: 8,
        spacing: Spacing::Even,
        indications: false,
        peers: Ipv4Addr::LOCALHOST.into(),
        sockets_of_their_own: false,
        warm_up: Duration::from_millis(50),
        time: Duration::from_millis(400),
        process: None,
    }
}

/// Runs a load at a rate that any machine relays.
fn relayed(load: &Load) -> Relayed {
    let Report::Relayed(relayed) = load::run(load).expect("running a load") else {
        panic!("a mode that relays");
    };
    assert!(relayed.sent >= 100, "{relayed:?}");
    assert!(relayed.arrived <= relayed.sent, "{relayed:?}");
    assert!(relayed.loss() < 0.5, "{relayed:?}");
    assert!(relayed.latency.p50 > 0.0, "{relayed:?}");
    relayed
}

#[test]
fn data_arrives_in_each_mode_that_relays() {
    for mode in [Mode::Up, Mode::Down, Mode::Both, Mode::Pair] {
        relayed(&some(mode));
    }
}

#[test]
fn data_arrives_by_indications_and_in_bursts() {
    let indications = true;
    for mode in [Mode::Up, Mode::Down] {
        relayed(&Load {
            indications,
            burst: 5,
            ..some(mode)
        });
    }
}

#[test]
fn data_arrives_through_sockets_of_their_own() {
    relayed(&Load {
        sockets_of_their_own: true,
        ..some(Mode::Both)
    });
}

#[test]
fn a_window_keeps_data_under_way() {
    relayed(&Load {
        rate: None,
        ..some(Mode::Up)
    });
}

#[test]
fn allocations_are_made_deleted_and_kept() {
    let Ok(Report::Allocated(allocated)) = load::run(&some(Mode::Alloc)) else {
        panic!("mode alloc");
    };
    assert!(allocated.cycles > 0, "{allocated:?}");
    let Ok(Report::Held(held)) = load::run(&some(Mode::Hold)) else {
        panic!("mode hold");
    };
    assert_eq!(held.allocations, 4);
}

#[test]
fn a_wrong_password_and_a_wrong_size_are_said() {
    let wrong = Load {
        password: "wrong".to_owned(),
        ..some(Mode::Up)
    };
    let told = load::run(&wrong).expect_err("a wrong password").to_string();
    assert!(told.contains("Allocate"), "{told}");
    let told = load::run(&Load {
        size: 15,
        ..some(Mode::Up)
    })
    .expect_err("too small");
    assert!(
        told.to_string().contains("size: 16 to 60000 bytes"),
        "{told}"
    );
}
