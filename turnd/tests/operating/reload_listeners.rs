//! SIGHUP: listeners that come and go.

use std::{
    net::{SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

use crate::{
    client::{Client, Peer, eventually},
    reload::{BASE, alice, echo, must_reload, refresh, reload},
    session::Session,
    support::{blocks::free_port, turnd::Turnd},
};

const USER: &str = "user=alice:secret\nallow-loopback-peers\n";

fn aux(port: u16) -> String {
    format!("{BASE}{USER}aux-server=127.0.0.1:{port}\n")
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Whether a Binding request to it is answered.
fn answers(server: SocketAddr) -> bool {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server).unwrap();
    let patience = Duration::from_millis(300);
    socket.set_read_timeout(Some(patience)).unwrap();
    let (_, request) = crate::client::binding_request();
    socket.send(&request).is_ok() && socket.recv(&mut [0; 200]).is_ok()
}

fn can_be_bound(address: SocketAddr) -> bool {
    UdpSocket::bind(address).is_ok()
}

#[test]
fn a_new_listener_answers_and_old_ones_do_not_notice() {
    let turnd = Turnd::start(&format!("{BASE}{USER}"));
    let (old, peer) = (alice(&turnd), Peer::new());
    old.allocate().relayed();
    assert_eq!(old.bind(peer.address()).error(), None);
    let before = turnd.listening();

    let port = free_port();
    let seen = turnd.line_count();
    let line = must_reload(&turnd, &aux(port));
    assert!(line.contains("changed: listeners"), "{line}");
    turnd.wait_for_line_after(seen, &format!("listening on udp 127.0.0.1:{port}"));
    // Ports that the system chose stay as they are: nothing else was bound.
    assert_eq!(turnd.listening().len(), before.len() + 2);

    // Enough clients for every worker.
    for _ in 0..20 {
        let client = Session::new(at(port), "alice", "secret");
        client.allocate().relayed();
        assert_eq!(client.bind(peer.address()).error(), None);
        echo(&client, &peer, b"over the new one");
    }
    let mut stream = Client::tcp(at(port));
    stream.set_up(&peer);
    stream.echo(&peer, b"over its TCP");
    echo(&old, &peer, b"over the old one");
    assert_eq!(refresh(&old).error(), None);
}

#[test]
fn allocations_on_a_listener_that_was_removed_live_on_and_then_it_is_closed() {
    let port = free_port();
    let turnd = Turnd::start(&aux(port));
    let peer = Peer::new();
    // On both workers, most likely.
    let clients: Vec<Session> = (0..8)
        .map(|_| Session::new(at(port), "alice", "secret"))
        .collect();
    for client in &clients {
        client.allocate().relayed();
        assert_eq!(client.bind(peer.address()).error(), None);
    }
    let mut stream = Client::tcp(at(port));
    stream.set_up(&peer);

    let seen = turnd.line_count();
    must_reload(&turnd, &format!("{BASE}{USER}"));
    turnd.wait_for_line_after(
        seen,
        &format!("no longer listening on udp 127.0.0.1:{port}"),
    );
    assert!(!answers(at(port)), "no new client is answered");
    assert!(TcpStream::connect(at(port)).is_err(), "nor can one connect");
    let stranger = Session::new(turnd.udp_v4(), "alice", "secret");
    stranger.allocate().relayed();
    for client in &clients {
        echo(client, &peer, b"lives on");
        assert_eq!(refresh(client).error(), None);
    }
    stream.echo(&peer, b"lives on");

    let seen = turnd.line_count();
    let (last, others) = clients.split_last().unwrap();
    for client in others {
        assert_eq!(client.delete().error(), None);
    }
    echo(last, &peer, b"the last one, too");
    assert_eq!(last.delete().error(), None);
    turnd.wait_for_line_after(seen, &format!("closed udp 127.0.0.1:{port}"));
    eventually("the port is free", || can_be_bound(at(port)));
    stream.echo(&peer, b"a connection needs no listener");
}

#[test]
fn a_listener_that_comes_back_before_it_was_closed_serves_again() {
    let port = free_port();
    let turnd = Turnd::start(&aux(port));
    let (client, peer) = (Session::new(at(port), "alice", "secret"), Peer::new());
    client.allocate().relayed();
    assert_eq!(client.bind(peer.address()).error(), None);
    for _ in 0..3 {
        must_reload(&turnd, &format!("{BASE}{USER}"));
        assert!(!answers(at(port)));
        echo(&client, &peer, b"without it");
        must_reload(&turnd, &aux(port));
        assert!(answers(at(port)));
        let mut stream = Client::tcp(at(port));
        assert_eq!(stream.binding().error(), None);
        echo(&client, &peer, b"with it");
    }
    // It is not one of those that are to be closed.
    assert_eq!(client.delete().error(), None);
    must_reload(
        &turnd,
        &format!("{BASE}{USER}user=bob:builder\naux-server=127.0.0.1:{port}\n"),
    );
    assert!(answers(at(port)));
}

#[test]
fn a_protocol_that_is_switched_off_and_on_again() {
    let turnd = Turnd::start(&format!("{BASE}{USER}"));
    let (client, peer) = (alice(&turnd), Peer::new());
    let (udp, tcp) = (turnd.udp_v4(), turnd.address_of("tcp"));
    client.allocate().relayed();
    assert_eq!(client.bind(peer.address()).error(), None);
    must_reload(&turnd, &format!("{BASE}{USER}no-udp\n"));
    assert!(!answers(udp));
    echo(&client, &peer, b"lives on");
    assert_eq!(Client::tcp(tcp).binding().error(), None);
    must_reload(&turnd, &format!("{BASE}{USER}no-tcp\n"));
    assert!(answers(udp));
    assert!(TcpStream::connect(tcp).is_err());
    echo(&client, &peer, b"as before");
}

#[test]
fn an_address_that_cannot_be_had_changes_nothing_at_all() {
    let turnd = Turnd::start(&format!("{BASE}{USER}"));
    let (taken, free) = (UdpSocket::bind("127.0.0.1:0").unwrap(), free_port());
    let taken = taken.local_addr().map(|address| (taken, address)).unwrap();
    let seen = turnd.line_count();
    let config = format!("{}aux-server={}\nuser=bob:builder\n", aux(free), taken.1);
    let line = reload(&turnd, &config);
    assert!(line.contains("nothing has been changed"), "{line}");
    let line = turnd.wait_for_line_after(seen, &format!("cannot listen on udp {}", taken.1));
    assert!(line.contains("aux-server"), "{line}");
    assert!(
        can_be_bound(at(free)),
        "the other one is not listened on either"
    );
    let bob = Session::new(turnd.udp_v4(), "bob", "builder");
    assert_eq!(bob.allocate().error(), Some(401));
    // Put right, it is all taken.
    drop(taken);
    must_reload(&turnd, &config);
    bob.allocate().relayed();
    assert!(answers(at(free)));
}

#[test]
fn listeners_of_our_own_come_and_go() {
    let (first, second) = (free_port(), free_port());
    let config = |ports: &[u16]| {
        let lines = ports
            .iter()
            .map(|port| format!("listen=udp://127.0.0.1:{port}\n"));
        format!("realm=example.org\nrelay-threads=2\nrelay-ip=127.0.0.1\n{USER}")
            + &lines.collect::<String>()
    };
    let turnd = Turnd::start(&config(&[first]));
    assert!(answers(at(first)));
    assert!(
        TcpStream::connect(at(first)).is_err(),
        "UDP and nothing else"
    );
    assert_eq!(turnd.listening().len(), 1, "no other port is listened on");
    let client = Session::new(at(first), "alice", "secret");
    client.allocate().relayed();

    let line = must_reload(&turnd, &config(&[first, second]));
    assert!(line.contains("changed: listeners"), "{line}");
    assert!(answers(at(first)) && answers(at(second)));

    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let seen = turnd.line_count();
    let line = reload(&turnd, &config(&[first, port]));
    assert!(line.contains("nothing has been changed"), "{line}");
    turnd.wait_for_line_after(seen, "(option listen)");
    assert!(answers(at(second)));

    must_reload(&turnd, &config(&[second]));
    assert!(!answers(at(first)), "no new client is answered");
    assert!(answers(at(second)));
    assert_eq!(refresh(&client).error(), None, "who is there lives on");
}
