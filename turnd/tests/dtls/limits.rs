//! What clients with addresses of their own can make the server hold.

use std::{net::SocketAddr, time::Duration};

use turnd::dtls::{DtlsLimits, Path};

use crate::support::{Client, Pki, Server, path};

fn server(limits: DtlsLimits) -> Server {
    Server::new(&Pki::ecdsa().credentials(), limits)
}

/// Begins a handshake and leaves it; whether the server has answered.
fn begin(server: &mut Server, path: Path) -> bool {
    let hello = Client::new(Pki::ecdsa()).hello_with_cookie(server, path);
    !server.answers(path, &hello).is_empty()
}

#[test]
fn beyond_the_limit_no_handshake_begins_and_the_established_ones_go_on() {
    let mut server = server(DtlsLimits {
        half_open: 8,
        ..DtlsLimits::default()
    });
    let mut client = Client::connected(&mut server, path(1000));
    for host in 0..8 {
        assert!(begin(&mut server, path(host)));
    }
    for host in 8..16 {
        assert!(!begin(&mut server, path(host)));
    }
    assert_eq!(
        (server.dtls.associations(), server.dtls.half_open()),
        (9, 8)
    );
    client.talk(&mut server, path(1000));

    for _ in 0..10 {
        server.wait(Duration::from_secs(1));
    }
    assert_eq!(server.dtls.half_open(), 0, "they had ten seconds");
    assert!(begin(&mut server, path(8)));
    assert!(
        server.closed().is_empty(),
        "only the end of what was established is told"
    );
}

#[test]
fn one_source_has_a_share_of_the_handshakes_whatever_its_ports() {
    let sources = ["192.0.2.7:", "[2001:db8:1:2::1]:", "[::ffff:192.0.2.8]:"];
    let mut server = server(DtlsLimits {
        half_open_per_source: 3,
        ..DtlsLimits::default()
    });
    for source in sources {
        let from = |port: u16| Path {
            client: format!("{source}{port}").parse::<SocketAddr>().unwrap(),
            ..path(0)
        };
        for port in 1..=3 {
            assert!(begin(&mut server, from(port)));
        }
        assert!(!begin(&mut server, from(4)));
    }
    let same_site = Path {
        client: "[2001:db8:1:2:ffff::9]:9".parse().unwrap(),
        ..path(0)
    };
    assert!(!begin(&mut server, same_site));
    let next_site = Path {
        client: "[2001:db8:1:3::1]:9".parse().unwrap(),
        ..path(0)
    };
    assert!(begin(&mut server, next_site));
}

#[test]
fn a_finished_handshake_makes_room_for_the_next_of_its_source() {
    let limits = DtlsLimits {
        half_open: 1,
        half_open_per_source: 1,
        ..DtlsLimits::default()
    };
    let mut server = server(limits);
    for port in 1..=5 {
        let path = Path {
            client: SocketAddr::from(([10, 0, 0, 1], port)),
            ..path(0)
        };
        Client::connected(&mut server, path);
    }
    assert_eq!(
        (server.dtls.associations(), server.dtls.half_open()),
        (5, 0)
    );
}

#[test]
fn established_associations_have_a_limit_too() {
    let mut server = server(DtlsLimits {
        associations: 3,
        ..DtlsLimits::default()
    });
    let mut clients: Vec<_> = (0..3)
        .map(|host| Client::connected(&mut server, path(host)))
        .collect();
    assert!(!begin(&mut server, path(3)));
    let close = clients[0].close();
    server.answers(path(0), &close);
    assert!(begin(&mut server, path(3)));
    clients[1].talk(&mut server, path(1));
}

#[test]
fn a_client_that_starts_anew_has_its_unfinished_handshake_replaced_after_a_second() {
    let mut server = server(DtlsLimits {
        half_open_per_source: 1,
        ..DtlsLimits::default()
    });
    assert!(begin(&mut server, path(1)));
    assert!(
        !begin(&mut server, path(1)),
        "a signature a second is what one path can cost"
    );
    server.wait(Duration::from_secs(1));
    assert!(begin(&mut server, path(1)));
    assert_eq!(
        (server.dtls.associations(), server.dtls.half_open()),
        (1, 1)
    );
    server.wait(Duration::from_secs(20));
    assert_eq!(
        (server.dtls.associations(), server.dtls.half_open()),
        (0, 0)
    );
    assert_eq!(server.dtls.next_timeout(), None);
}
