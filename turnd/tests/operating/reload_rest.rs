//! SIGHUP: what connections get, what the log says, and which services there are.

use std::io::{Read, Write};

use crate::{
    client::{Client, connect, connect_unless_refused, eventually},
    reload::{BASE, alice, must_reload},
    support::turnd::Turnd,
};

const USER: &str = "user=alice:secret\n";

/// What a browser gets that asks for the page.
fn page(turnd: &Turnd) -> String {
    let mut socket = connect(turnd.address_of("tcp"));
    let _ = socket.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut answer = Vec::new();
    // A reset says as much as an end.
    let _ = socket.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn http_is_answered_and_not_answered_any_more() {
    let turnd = Turnd::start(&format!("{BASE}{USER}"));
    assert_eq!(page(&turnd), "");
    let line = must_reload(&turnd, &format!("{BASE}{USER}http-page\n"));
    assert!(line.contains("changed: HTTP"), "{line}");
    assert!(page(&turnd).starts_with("HTTP/1.1 200"));
    must_reload(&turnd, &format!("{BASE}{USER}"));
    assert_eq!(page(&turnd), "");
}

#[test]
fn fewer_connections_are_let_in_and_those_that_are_there_stay() {
    let turnd = Turnd::start(&format!("{BASE}{USER}"));
    let server = turnd.address_of("tcp");
    let mut clients: Vec<Client> = (0..3).map(|_| Client::tcp(server)).collect();
    for client in &mut clients {
        assert_eq!(client.binding().error(), None);
    }
    must_reload(&turnd, &format!("{BASE}{USER}max-connections=2\n"));
    let is_closed = |mut socket: std::net::TcpStream| {
        let (_, request) = crate::client::binding_request();
        socket.write_all(&request).is_err() || !matches!(socket.read(&mut [0; 64]), Ok(1..))
    };
    assert!(connect_unless_refused(server).is_none_or(is_closed));
    for client in &mut clients {
        assert_eq!(client.binding().error(), None);
    }
    must_reload(&turnd, &format!("{BASE}{USER}max-connections=4\n"));
    assert_eq!(Client::tcp(server).binding().error(), None);
}

#[test]
fn sessions_are_logged_from_the_moment_that_is_asked_for_and_not_longer() {
    let turnd = Turnd::start(&format!("{BASE}{USER}"));
    let sessions = |turnd: &Turnd| turnd.log().matches("new, realm=<").count();
    alice(&turnd).allocate().relayed();
    must_reload(&turnd, &format!("{BASE}{USER}verbose\n"));
    assert_eq!(sessions(&turnd), 0);
    alice(&turnd).allocate().relayed();
    eventually("the session is logged", || sessions(&turnd) == 1);
    must_reload(&turnd, &format!("{BASE}{USER}"));
    alice(&turnd).allocate().relayed();
    // Lines come in order: one of the session would be before that of the reload.
    must_reload(&turnd, &format!("{BASE}{USER}"));
    assert_eq!(sessions(&turnd), 1);
}

#[test]
fn the_family_that_a_client_gets_unasked_can_be_changed() {
    let both = BASE.replace("listening-port", "listening-ip=::1\nlistening-port");
    let turnd = Turnd::start(&format!("{both}{USER}"));
    assert!(alice(&turnd).allocate().relayed().is_ipv4());
    must_reload(
        &turnd,
        &format!("{both}{USER}allocation-default-address-family=ipv6\n"),
    );
    assert!(alice(&turnd).allocate().relayed().is_ipv6());
}

#[test]
fn stun_alone_and_turn_again() {
    let turnd = Turnd::start(&format!("{BASE}{USER}"));
    must_reload(&turnd, &format!("{BASE}{USER}no-stun\n"));
    let client = alice(&turnd);
    client.allocate().relayed();
    must_reload(&turnd, &format!("{BASE}{USER}stun-only\n"));
    assert_eq!(client.binding().error(), None);
    must_reload(&turnd, &format!("{BASE}{USER}"));
    assert_eq!(crate::reload::refresh(&client).error(), None);
}
