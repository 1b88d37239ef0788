//! Datagrams to closed ports of this machine: the client is told (RFC 8656 section 11.5), and nothing else
//! suffers from it.

use std::{
    net::{SocketAddr, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use crate::{
    client::{CONFIG, Client, Peer},
    pki::Authority,
    scrape::scrape,
    session::Session,
    support::{echo::EchoPeer, turn_client::TurnClient, turnd::Turnd},
    tls::tls,
    told,
};

/// The port of a service that nobody has any more.
const CLOSED: &str = "127.0.0.1:9";
const CLOSED_V6: &str = "[::1]:9";
const NO_PORT: [u8; 8] = [0, 0, 3, 3, 0, 0, 0, 0];
const NO_PORT_V6: [u8; 8] = [0, 0, 1, 4, 0, 0, 0, 0];

fn closed() -> SocketAddr {
    CLOSED.parse().unwrap()
}

#[test]
fn a_closed_port_is_told_of_whatever_way_the_datagram_took() {
    let turnd = Turnd::start(&format!("{CONFIG}listening-ip=::1\n"));
    for (any, server, closed, icmp) in [
        ("127.0.0.1:0", turnd.udp_v4(), CLOSED, NO_PORT),
        ("[::1]:0", turnd.udp_v6(), CLOSED_V6, NO_PORT_V6),
    ] {
        let session = Session::new(server, "alice", "secret");
        let reply = if server.is_ipv4() {
            session.allocate()
        } else {
            session.allocate_v6()
        };
        let relayed = reply.relayed();
        let closed: SocketAddr = closed.parse().unwrap();
        assert_eq!(session.bind(closed).error(), None);
        let peer = UdpSocket::bind(any).unwrap();
        for round in 0..4 {
            session.send_channel(&[round; 100]);
            assert_eq!(told(&session.datagram()), (closed, icmp.to_vec()));
            let neighbour = SocketAddr::new(closed.ip(), 7);
            session.send_indication(neighbour, &[round], false);
            assert_eq!(told(&session.datagram()), (neighbour, icmp.to_vec()));
            // The relay goes on for everybody else.
            session.send_indication(peer.local_addr().unwrap(), &[round; 3], false);
            let mut buffer = [0; 16];
            assert_eq!(peer.recv_from(&mut buffer).unwrap(), (3, relayed));
            peer.send_to(&[round; 4], relayed).unwrap();
            assert_eq!(session.receive(), [round; 4]);
        }
    }
}

/// A run of datagrams, of which each but the first finds what came of the one before.
#[test]
fn a_run_to_a_closed_port_costs_no_datagram_to_others() {
    let turnd = Turnd::start(CONFIG);
    let session = Session::new(turnd.udp_v4(), "alice", "secret");
    session.allocate().relayed();
    let peer = Peer::new();
    assert_eq!(session.bind(peer.address()).error(), None);
    for round in 0..50 {
        for nth in 0..10 {
            session.send_indication(closed(), &[nth; 100], false);
            session.send_channel(&[round, nth]);
        }
        for nth in 0..10 {
            assert_eq!(peer.receive().0, [round, nth]);
        }
    }
}

#[test]
fn clients_on_streams_are_told() {
    let authority = Authority::new();
    let issued = authority.issue();
    let turnd = Turnd::start_with_files(
        &format!("{CONFIG}cert=cert.pem\npkey=key.pem\ntls-listening-port=0\n"),
        &issued.files(),
    );
    let tcp = Client::tcp(turnd.address("tcp", SocketAddr::is_ipv4));
    let (tls, _) = tls(turnd.address("tls", SocketAddr::is_ipv4), &authority).unwrap();
    for mut client in [tcp, tls] {
        client.allocate().relayed();
        assert_eq!(client.bind(closed()).error(), None);
        for length in 0..4 {
            client.send_channel(&vec![1; length]);
            let message = client.next().expect("an indication");
            assert_eq!(told(&message), (closed(), NO_PORT.to_vec()));
        }
        assert_eq!(client.binding().error(), None);
    }
}

#[cfg(feature = "dtls")]
#[test]
fn a_client_over_dtls_is_told() {
    use turnd_wire::{Class, Message, Method};

    use crate::{
        client::{ask_for_channel, ask_for_udp, channel_message, message},
        dtls,
    };

    let turnd = Turnd::start(
        "listening-ip=127.0.0.1\nlistening-port=0\nno-auth\nallow-loopback-peers\nself-signed\n\
         tls-listening-port=0\ndtls\n",
    );
    let mut client = dtls::Client::connect(turnd.udp_v4()).expect("a handshake");
    for (method, with_channel) in [(Method::ALLOCATE, false), (Method::CHANNEL_BIND, true)] {
        let (_, request) = message(Class::Request, method, |writer| {
            if with_channel {
                ask_for_channel(writer, closed());
            } else {
                ask_for_udp(writer);
            }
        });
        client.send(&request);
        let reply = client.next();
        assert_eq!(Message::parse(&reply).unwrap().class(), Class::Success);
    }
    for _ in 0..3 {
        client.send(&channel_message(b"anyone?"));
        assert_eq!(told(&client.next()), (closed(), NO_PORT.to_vec()));
    }
}

/// A client that knows nothing of ICMP takes the indication for an empty datagram. Without DATA it would stop
/// to read, as that of Pion does.
#[tokio::test]
async fn a_client_that_knows_nothing_of_icmp_goes_on() {
    let turnd = Turnd::start(CONFIG);
    let peer = EchoPeer::start("127.0.0.1".parse().unwrap());
    let client = TurnClient::allocate(turnd.udp_v4(), "alice", "secret", "example.org").await;
    client.permit(closed()).await;
    client.expect_empty_from(closed()).await;
    client.echo(peer.address(), 100).await;
}

#[test]
fn a_flood_to_a_closed_port_is_told_of_in_bounds_and_leaves_the_worker_alone() {
    let turnd = Turnd::start(&format!(
        "{CONFIG}prometheus\nprometheus-address=127.0.0.1\nprometheus-port=0\n"
    ));
    let (hog, quiet) = (
        Session::new(turnd.udp_v4(), "alice", "secret"),
        Session::new(turnd.udp_v4(), "alice", "secret"),
    );
    let peer = Peer::new();
    for (session, to) in [(&hog, closed()), (&quiet, peer.address())] {
        session.allocate().relayed();
        assert_eq!(session.bind(to).error(), None);
    }
    let began = Instant::now();
    for round in 0..400_u32 {
        for _ in 0..50 {
            hog.send_channel(&[0xEE; 200]);
        }
        quiet.send_channel(&round.to_be_bytes());
        let (data, relayed) = peer.receive();
        assert_eq!(data, round.to_be_bytes());
        peer.socket.send_to(&data, relayed).unwrap();
        assert_eq!(quiet.receive(), data);
    }
    let seconds = began.elapsed().as_secs_f64();
    let scrape = scrape(&turnd);
    let told = scrape.value("turnd_icmp_messages_total{result=\"told\"}");
    assert!(
        (10.0..=11.0 + seconds * 10.0).contains(&told),
        "{told} times in {seconds} s"
    );
    assert!(scrape.value("turnd_icmp_messages_total{result=\"rate-limit\"}") > 1000.0);
    assert_eq!(
        scrape.value("turnd_send_drops_total{reason=\"error\"}"),
        0.0
    );

    // Nothing is left that would wake the worker.
    let before = turnd.cpu_time();
    thread::sleep(Duration::from_millis(500));
    let spent = turnd.cpu_time() - before;
    assert!(spent < Duration::from_millis(100), "{spent:?} of 500 ms");
}
