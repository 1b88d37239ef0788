//! SIGHUP: what a changed configuration does to clients that are there and to those that come.

use std::{
    net::{SocketAddr, UdpSocket},
    ops::Range,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use turnd_wire::{Method, attr};

use crate::{
    client::{Client, Peer, eventually},
    session::{Reply, Session},
    support::{blocks::free_block, turnd::Turnd},
};

/// Everything but users and rules. Two workers, so that all of them have to be told.
pub(crate) const BASE: &str =
    "listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\nrelay-threads=2\n";
const USER: &str = "user=alice:secret\n";
const LOOPBACK: &str = "allow-loopback-peers\n";

/// Longest that a client may still be served by rules that have been changed.
const CUT: Duration = Duration::from_secs(1);

/// Has the server read this configuration, and returns its last line about it.
pub(crate) fn reload(turnd: &Turnd, config: &str) -> String {
    turnd.write_file("turnserver.conf", config);
    let seen = turnd.line_count();
    turnd.signal("HUP");
    turnd.wait_for_line_after(seen, "SIGHUP received: ")
}

/// The same; the configuration is good.
pub(crate) fn must_reload(turnd: &Turnd, config: &str) -> String {
    let line = reload(turnd, config);
    assert!(line.contains("configuration read again"), "{line}");
    line
}

pub(crate) fn alice(turnd: &Turnd) -> Session {
    Session::new(turnd.udp_v4(), "alice", "secret")
}

pub(crate) fn refresh(session: &Session) -> Reply {
    session.request(Method::REFRESH, |writer| {
        writer.number32(attr::LIFETIME, 3600);
    })
}

/// Sends to the peer and back.
pub(crate) fn echo(session: &Session, peer: &Peer, data: &[u8]) {
    session.send_channel(data);
    let (received, relayed) = peer.receive();
    assert_eq!(received, data);
    peer.socket.send_to(data, relayed).unwrap();
    assert_eq!(session.receive(), data);
}

fn lifetime(reply: &Reply) -> u32 {
    assert_eq!(reply.error(), None);
    reply.message().number32(attr::LIFETIME).unwrap()
}

#[test]
fn what_is_as_it_was_is_left_alone() {
    let config = format!("{BASE}{USER}");
    let turnd = Turnd::start(&config);
    let client = alice(&turnd);
    client.allocate().relayed();
    let line = must_reload(&turnd, &config);
    assert!(line.contains("nothing has changed"), "{line}");
    assert_eq!(refresh(&client).error(), None);
}

#[test]
fn a_new_user_gets_in_and_one_that_was_removed_cannot_even_refresh() {
    let turnd = Turnd::start(&format!("{BASE}{USER}user=bob:builder\n{LOOPBACK}"));
    let (alice, peer) = (alice(&turnd), Peer::new());
    let bob = Session::new(turnd.udp_v4(), "bob", "builder");
    for client in [&alice, &bob] {
        client.allocate().relayed();
        assert_eq!(client.bind(peer.address()).error(), None);
    }
    let carol = Session::new(turnd.udp_v4(), "carol", "christmas");
    assert_eq!(carol.allocate().error(), Some(401));

    let line = must_reload(
        &turnd,
        &format!("{BASE}{USER}user=carol:christmas\n{LOOPBACK}"),
    );
    assert!(line.contains("changed: users"), "{line}");

    carol.allocate().relayed();
    assert_eq!(refresh(&alice).error(), None);
    echo(&alice, &peer, b"stays");
    assert_eq!(refresh(&bob).error(), Some(401));
    assert_eq!(bob.permit(peer.address()).error(), Some(401));
    // What he was granted ends by itself.
    echo(&bob, &peer, b"until it expires");
    let again = Session::new(turnd.udp_v4(), "bob", "builder");
    assert_eq!(again.allocate().error(), Some(401));
}

#[test]
fn users_of_a_file_of_their_own_are_read_again_too() {
    let config = format!("{BASE}user-file=users\n");
    let turnd = Turnd::start_with_files(&config, &[("users", "alice:secret\n")]);
    alice(&turnd).allocate().relayed();
    turnd.write_file("users", "carol:christmas\n");
    let line = must_reload(&turnd, &config);
    assert!(line.contains("changed: users"), "{line}");
    let carol = Session::new(turnd.udp_v4(), "carol", "christmas");
    carol.allocate().relayed();
    assert_eq!(alice(&turnd).allocate().error(), Some(401));
}

#[test]
fn a_changed_password_is_needed_for_the_next_request() {
    let turnd = Turnd::start(&format!("{BASE}{USER}"));
    let old = alice(&turnd);
    old.allocate().relayed();
    must_reload(&turnd, &format!("{BASE}user=alice:changed\n"));
    assert_eq!(refresh(&old).error(), Some(401));
    let new = Session::new(turnd.udp_v4(), "alice", "changed");
    new.allocate().relayed();
}

/// A time-limited name and its password by this secret.
fn credential(secret: &str, user: &str, seconds: i64) -> (String, String) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let expires = i64::try_from(now.as_secs()).unwrap() + seconds;
    let name = format!("{expires}:{user}");
    let password = turnd::auth::password(secret, &name);
    (name, password)
}

#[test]
fn secrets_are_replaced_while_calls_go_on() {
    let turnd = Turnd::start(&format!("{BASE}static-auth-secret=north\n"));
    let client = |secret: &str, seconds| {
        let (name, password) = credential(secret, "dora", seconds);
        Session::new(turnd.udp_v4(), &name, &password)
    };
    let first = client("north", 3600);
    first.allocate().relayed();
    assert_eq!(client("south", 3600).allocate().error(), Some(401));

    // The new one is added, then the old one is taken out.
    must_reload(
        &turnd,
        &format!("{BASE}static-auth-secret=north\nstatic-auth-secret=south\n"),
    );
    let second = client("south", 3600);
    second.allocate().relayed();
    assert_eq!(refresh(&first).error(), None);
    must_reload(&turnd, &format!("{BASE}static-auth-secret=south\n"));
    assert_eq!(refresh(&second).error(), None);
    assert_eq!(refresh(&first).error(), Some(401));
    assert_eq!(client("north", 3600).allocate().error(), Some(401));
}

/// An allocation lives as long as it is refreshed, also beyond its credential's time; a reload that has nothing
/// to do with its secret must not change that.
#[test]
fn a_credential_whose_time_is_over_keeps_its_allocation_across_a_reload() {
    let turnd = Turnd::start(&format!("{BASE}static-auth-secret=north\n"));
    let (name, password) = credential("north", "dora", 2);
    let client = Session::new(turnd.udp_v4(), &name, &password);
    client.allocate().relayed();
    eventually("the credential is over", || {
        let fresh = Session::new(turnd.udp_v4(), &name, &password);
        let reply = fresh.allocate();
        if reply.error().is_none() {
            fresh.delete();
        }
        reply.error() == Some(401)
    });
    must_reload(&turnd, &format!("{BASE}static-auth-secret=north\n{USER}"));
    assert_eq!(refresh(&client).error(), None);
    assert_eq!(refresh(&client).error(), None);
}

#[test]
fn a_peer_that_is_denied_is_cut_off_at_once_and_others_are_not() {
    let old = format!("{BASE}{USER}allowed-peer-ip=127.0.0.1\nallowed-peer-ip=127.0.0.2\n");
    let turnd = Turnd::start(&old);
    let denied = Peer::new();
    let other = UdpSocket::bind("127.0.0.2:0").unwrap();
    let (by_channel, by_permission, allowed) = (alice(&turnd), alice(&turnd), alice(&turnd));
    for client in [&by_channel, &by_permission, &allowed] {
        client.allocate().relayed();
    }
    assert_eq!(by_channel.bind(denied.address()).error(), None);
    assert_eq!(by_permission.permit(denied.address()).error(), None);
    assert_eq!(allowed.bind(other.local_addr().unwrap()).error(), None);
    echo(&by_channel, &denied, b"before");
    by_permission.send_indication(denied.address(), b"before", false);
    let (_, relayed) = denied.receive();

    let began = Instant::now();
    let new = format!("{BASE}{USER}allowed-peer-ip=127.0.0.2\ndenied-peer-ip=127.0.0.1\n");
    let line = must_reload(&turnd, &new);
    let took = began.elapsed();
    // Measured: 5 to 30 ms, most of it the kill command.
    assert!(took < CUT, "{took:?}");
    assert!(line.contains("changed: peers"), "{line}");

    by_channel.send_channel(b"after");
    by_permission.send_indication(denied.address(), b"after", false);
    denied.socket.send_to(b"after", relayed).unwrap();
    // What a worker let through would be there before its answer to a later request.
    assert!(by_channel.hears_nothing() && by_permission.hears_nothing());
    denied.socket.set_nonblocking(true).unwrap();
    assert!(denied.socket.recv(&mut [0; 16]).is_err());
    assert_eq!(by_channel.bind(denied.address()).error(), Some(403));

    allowed.send_channel(b"goes on");
    let mut buffer = [0; 16];
    let (length, _) = other.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"goes on");

    // Allowed again, it is asked for again.
    denied.socket.set_nonblocking(false).unwrap();
    must_reload(&turnd, &old);
    assert_eq!(by_channel.bind(denied.address()).error(), None);
    echo(&by_channel, &denied, b"again");
}

#[test]
fn a_newly_allowed_peer_can_be_had() {
    let turnd = Turnd::start(&format!("{BASE}{USER}"));
    let (client, peer) = (alice(&turnd), Peer::new());
    client.allocate().relayed();
    assert_eq!(client.bind(peer.address()).error(), Some(403));
    must_reload(&turnd, &format!("{BASE}{USER}{LOOPBACK}"));
    assert_eq!(client.bind(peer.address()).error(), None);
    echo(&client, &peer, b"now");
}

#[test]
fn a_denied_peer_over_tcp_is_disconnected() {
    let with_tcp = format!("{BASE}{USER}tcp-relay\n");
    let turnd = Turnd::start(&format!("{with_tcp}allowed-peer-ip=127.0.0.1\n"));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = listener.local_addr().unwrap();
    let mut client = Client::tcp(turnd.address_of("tcp"));
    let reply = client.request(Method::ALLOCATE, |writer| {
        writer.bytes(attr::REQUESTED_TRANSPORT, &[6, 0, 0, 0]);
    });
    assert_eq!(reply.error(), None);
    let reply = client.request(Method::CONNECT, |writer| {
        writer.xor_address(attr::XOR_PEER_ADDRESS, peer);
    });
    assert_eq!(reply.error(), None);
    let (mut accepted, _) = listener.accept().unwrap();
    must_reload(&turnd, &format!("{with_tcp}denied-peer-ip=127.0.0.1\n"));
    accepted.set_read_timeout(Some(CUT)).unwrap();
    let end = std::io::Read::read(&mut accepted, &mut [0; 16]);
    let is_over = match end {
        Ok(count) => count == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    };
    assert!(is_over, "the peer is still connected");
    assert_eq!(client.binding().error(), None);
}

#[test]
fn quotas_are_lowered_and_raised_for_who_comes_next() {
    let with_quota = |quota: u32| format!("{BASE}{USER}user-quota={quota}\n");
    let turnd = Turnd::start(&with_quota(2));
    let (first, second) = (alice(&turnd), alice(&turnd));
    first.allocate().relayed();
    second.allocate().relayed();
    assert_eq!(alice(&turnd).allocate().error(), Some(486));

    let line = must_reload(&turnd, &with_quota(1));
    assert!(line.contains("changed: quotas"), "{line}");
    for client in [&first, &second] {
        assert_eq!(refresh(client).error(), None);
    }
    assert_eq!(second.delete().error(), None);
    assert_eq!(alice(&turnd).allocate().error(), Some(486));

    must_reload(&turnd, &with_quota(3));
    let (third, fourth) = (alice(&turnd), alice(&turnd));
    third.allocate().relayed();
    fourth.allocate().relayed();
    assert_eq!(alice(&turnd).allocate().error(), Some(486));
}

#[test]
fn life_times_hold_from_the_next_request_on() {
    let turnd = Turnd::start(&format!("{BASE}{USER}"));
    let client = alice(&turnd);
    client.allocate().relayed();
    assert_eq!(lifetime(&refresh(&client)), 3600);
    must_reload(&turnd, &format!("{BASE}{USER}max-allocate-lifetime=700\n"));
    assert_eq!(lifetime(&refresh(&client)), 700);
}

/// Clients learn the realm when they come. Who is there cannot be told of a new one without being refused, which
/// ends calls in browsers.
#[test]
fn a_new_realm_is_for_new_clients_and_old_ones_keep_theirs() {
    let turnd = Turnd::start(&format!("{BASE}{USER}static-auth-secret=north\n"));
    let (name, password) = credential("north", "dora", 3600);
    let limited = Session::new(turnd.udp_v4(), &name, &password);
    let named = alice(&turnd);
    for client in [&limited, &named] {
        client.allocate().relayed();
    }
    let stranger = alice(&turnd);
    let nonce = stranger.binding();
    assert_eq!(nonce.error(), None);
    let renamed = BASE.replace("realm=example.org", "realm=example.net");
    must_reload(
        &turnd,
        &format!("{renamed}{USER}static-auth-secret=north\n"),
    );
    for client in [&limited, &named] {
        assert_eq!(refresh(client).error(), None);
        assert_eq!(refresh(client).error(), None);
    }
    let challenge = stranger.exchange(Method::ALLOCATE, |_| ());
    let realm = challenge.message().attribute(attr::REALM).unwrap().to_vec();
    assert_eq!(realm, b"example.net");
    // A client without an allocation cannot come by the old one.
    assert_eq!(stranger.allocate().error(), Some(401));
    // And who is taken out with the old realm is out.
    must_reload(&turnd, &format!("{renamed}static-auth-secret=north\n"));
    assert_eq!(refresh(&named).error(), Some(401));
    assert_eq!(refresh(&limited).error(), None);
}

#[test]
fn nonces_of_before_stay_good() {
    let turnd = Turnd::start(&format!("{BASE}{USER}"));
    let client = alice(&turnd);
    client.allocate().relayed();
    assert_eq!(client.delete().error(), None);
    must_reload(
        &turnd,
        &format!("{BASE}{USER}stale-nonce=300\nuser=bob:builder\n"),
    );
    // With the nonce that it has, and no 438 in between.
    client.allocate().relayed();
}

#[test]
fn the_relay_range_moves_for_new_allocations_and_old_ones_stay_where_they_are() {
    let range = || {
        let first = free_block(10);
        first..first + 10
    };
    let within = |range: &Range<u16>| {
        let (first, last) = (range.start, range.end - 1);
        format!("{BASE}{USER}{LOOPBACK}min-port={first}\nmax-port={last}\n")
    };
    let (old_range, new_range) = (range(), range());
    let turnd = Turnd::start(&within(&old_range));
    let (old, peer) = (alice(&turnd), Peer::new());
    let relayed = old.allocate().relayed();
    assert!(old_range.contains(&relayed.port()));
    assert_eq!(old.bind(peer.address()).error(), None);

    let line = must_reload(&turnd, &within(&new_range));
    assert!(line.contains("changed: relay ports"), "{line}");
    let new = alice(&turnd);
    assert!(new_range.contains(&new.allocate().relayed().port()));
    echo(&old, &peer, b"from the old range");
    // Both reach each other as relays of this server.
    assert_eq!(new.bind(relayed).error(), None);

    assert_eq!(old.delete().error(), None);
    let more: Vec<Session> = (0..9).map(|_| alice(&turnd)).collect();
    for client in &more {
        assert!(new_range.contains(&client.allocate().relayed().port()));
    }
    // Ten ports are ten allocations: what was freed in the old range is none of them.
    assert_eq!(alice(&turnd).allocate().error(), Some(508));
}

#[test]
fn another_outside_address_is_told_to_new_clients() {
    let told = |ip: &str| format!("{BASE}{USER}external-ip={ip}\n");
    let turnd = Turnd::start(&told("8.8.4.4"));
    let (old, new) = (alice(&turnd), alice(&turnd));
    assert_eq!(old.allocate().relayed().ip().to_string(), "8.8.4.4");
    must_reload(&turnd, &told("8.8.8.8"));
    assert_eq!(new.allocate().relayed().ip().to_string(), "8.8.8.8");
    assert_eq!(refresh(&old).error(), None);
}

#[test]
fn a_bad_file_changes_nothing_and_every_line_that_is_wrong_is_named() {
    let turnd = Turnd::start(&format!("{BASE}{USER}"));
    let client = alice(&turnd);
    client.allocate().relayed();
    let seen = turnd.line_count();
    let bad = format!("{BASE}user=bob:builder\nmin-port=http\nuser-quota=-1\n");
    let line = reload(&turnd, &bad);
    assert!(line.contains("nothing has been changed"), "{line}");
    assert!(line.ends_with("because of 2 errors"), "{line}");
    for wrong in [
        "turnserver.conf:6: min-port",
        "turnserver.conf:7: user-quota",
    ] {
        let line = turnd.wait_for_line_after(seen, wrong);
        assert!(line.contains("ERROR"), "{line}");
    }
    assert_eq!(refresh(&client).error(), None);
    alice(&turnd).allocate().relayed();
    let bob = Session::new(turnd.udp_v4(), "bob", "builder");
    assert_eq!(bob.allocate().error(), Some(401));
    // One that somebody has emptied, or is about to write, would take everything away.
    let line = reload(&turnd, "");
    assert!(line.contains("nothing has been changed"), "{line}");
    assert!(line.ends_with("because of 1 error"), "{line}");
    assert_eq!(refresh(&client).error(), None);
    // And a file that is gone is no reason to end.
    turnd.remove_file("turnserver.conf");
    let seen = turnd.line_count();
    turnd.signal("HUP");
    turnd.wait_for_line_after(seen, "nothing has been changed");
    assert_eq!(refresh(&client).error(), None);
}

#[test]
fn what_cannot_change_while_it_runs_is_named_and_the_rest_is_taken() {
    let turnd = Turnd::start(&format!("{BASE}{USER}"));
    let seen = turnd.line_count();
    let threads = BASE.replace("relay-threads=2", "relay-threads=3");
    let config = format!("{threads}{USER}sock-buf-size=100000\nuser=bob:builder\n");
    let line = must_reload(&turnd, &config);
    assert!(line.contains("changed: users"), "{line}");
    let line = turnd.wait_for_line_after(seen, "needs a new start: ");
    assert!(line.contains("relay-threads, sock-buf-size"), "{line}");
    Session::new(turnd.udp_v4(), "bob", "builder")
        .allocate()
        .relayed();
}

#[test]
fn a_reload_that_asks_for_the_background_goes_on_logging_to_standard_output() {
    let turnd = Turnd::start(&format!("{BASE}{USER}"));
    let seen = turnd.line_count();
    must_reload(&turnd, &format!("{BASE}{USER}daemon\n"));
    let line = turnd.wait_for_line_after(seen, "needs a new start: ");
    assert!(line.contains("daemon"), "{line}");
    let seen = turnd.line_count();
    must_reload(&turnd, &format!("{BASE}{USER}daemon\nuser=bob:builder\n"));
    turnd.wait_for_line_after(seen, "changed: users");
}

/// Neither does a slip of the editor open the relay, nor does it close an open one half.
#[test]
fn an_open_relay_is_closed_or_opened_by_a_new_start_only() {
    let turnd = Turnd::start(&format!("{BASE}{USER}"));
    let client = alice(&turnd);
    client.allocate().relayed();
    let seen = turnd.line_count();
    must_reload(&turnd, &format!("{BASE}no-auth\n"));
    turnd.wait_for_line_after(seen, "needs a new start: no-auth");
    assert_eq!(
        alice(&turnd).exchange(Method::ALLOCATE, |_| ()).error(),
        Some(401)
    );
    assert_eq!(refresh(&client).error(), None);
    alice(&turnd).allocate().relayed();
}

#[test]
fn many_signals_in_a_row_end_with_the_last_configuration() {
    let turnd = Turnd::start(&format!("{BASE}{USER}{LOOPBACK}failed-logins=0\n"));
    let (client, peer) = (alice(&turnd), Peer::new());
    client.allocate().relayed();
    assert_eq!(client.bind(peer.address()).error(), None);
    for round in 0..30 {
        let config = format!(
            "{BASE}{USER}{LOOPBACK}failed-logins=0\nuser=bob:{round}\nuser-quota={}\n",
            round + 5
        );
        turnd.write_file("turnserver.conf", &config);
        turnd.signal("HUP");
        echo(&client, &peer, b"between two of them");
    }
    let last: SocketAddr = turnd.udp_v4();
    eventually("the last one is in force", || {
        let bob = Session::new(last, "bob", "29");
        let reply = bob.allocate();
        reply.error().is_none() && bob.delete().error().is_none()
    });
    assert_eq!(refresh(&client).error(), None);
}
