//! Clients that are sent to another server (RFC 8489 section 10, RFC 8155 section 6).

use std::net::SocketAddr;

use turnd_wire::{Method, address, attr};

use crate::{
    session::{Reply, Session},
    support::turnd::Turnd,
};

const BASE: &str = "listening-ip=127.0.0.1\nlistening-port=0\nno-tcp\nrealm=example.org\n\
    user=alice:secret\nrelay-threads=1\nallow-loopback-peers\n";

fn alice(turnd: &Turnd) -> Session {
    Session::new(turnd.udp_v4(), "alice", "secret")
}

fn targets(reply: &Reply) -> Vec<SocketAddr> {
    assert_eq!(reply.error(), Some(300));
    let message = reply.message();
    assert!(message.has(attr::MESSAGE_INTEGRITY));
    let all = message.attributes();
    let servers = all.filter(|it| it.kind == attr::ALTERNATE_SERVER);
    servers
        .map(|it| address::read(it.value).expect("an address"))
        .collect()
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn an_allocate_with_credentials_is_sent_to_each_in_turn() {
    let servers = "alternate-server=203.0.113.1\nalternate-server=203.0.113.2:4000\n\
        alternate-server=[2001:db8::1]:5000\ntls-alternate-server=203.0.113.9\n";
    let turnd = Turnd::start(&format!("{BASE}{servers}"));
    let client = alice(&turnd);
    let unsigned = client.exchange(Method::ALLOCATE, |writer| {
        writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    });
    assert_eq!(unsigned.error(), Some(401));
    assert!(!unsigned.message().has(attr::ALTERNATE_SERVER));
    let second = at("[2001:db8::1]:5000");
    for server in ["203.0.113.1:3478", "203.0.113.2:4000", "203.0.113.1:3478"] {
        assert_eq!(targets(&client.allocate()), [at(server), second]);
    }
    assert_eq!(client.binding().error(), None);
}

#[test]
fn a_reload_changes_who_is_sent_where() {
    let turnd = Turnd::start(BASE);
    let client = alice(&turnd);
    let reload = |config: &str| {
        let seen = turnd.line_count();
        turnd.write_file("turnserver.conf", config);
        turnd.signal("HUP");
        turnd.wait_for_line_after(seen, "changed: redirects");
    };
    reload(&format!("{BASE}udp-alternate-server=203.0.113.1\n"));
    assert_eq!(targets(&client.allocate()), [at("203.0.113.1:3478")]);
    reload(BASE);
    client.allocate().relayed();
}

/// The list that all servers of a group may have: they send away only while they drain.
#[test]
fn while_it_drains_clients_are_sent_to_the_others() {
    let first = Turnd::start(BASE);
    let own = first.udp_v4();
    let group = format!("{BASE}alternate-server={own}\nalternate-server=203.0.113.2:4000\n");
    for config in [
        group,
        format!("{BASE}drain-alternate-server=203.0.113.2:4000\n"),
    ] {
        let seen = first.line_count();
        first.write_file("turnserver.conf", &config);
        first.signal("HUP");
        first.wait_for_line_after(seen, "changed: redirects");
        let client = alice(&first);
        client.allocate().relayed();
        assert_eq!(client.delete().error(), None);
    }
    let stays = alice(&first);
    stays.allocate().relayed();
    let seen = first.line_count();
    first.signal("USR1");
    first.wait_for_line_after(seen, "SIGUSR1 received: draining");
    assert_eq!(targets(&alice(&first).allocate()), [at("203.0.113.2:4000")]);
    assert_eq!(stays.permit(at("127.0.0.1:9")).error(), None);
    assert_eq!(stays.delete().error(), None);
    assert!(first.wait().status.success());
}

#[test]
fn a_client_of_an_anycast_address_is_sent_to_the_unicast_one() {
    let config = format!(
        "{BASE}listening-ip=127.0.0.9\nrelay-ip=127.0.0.1\nanycast-ip=127.0.0.9/127.0.0.1\n"
    );
    let turnd = Turnd::start(&config);
    let addresses = turnd.addresses("udp");
    let anycast = addresses
        .iter()
        .find(|it| it.ip() == at("127.0.0.9:0").ip());
    let client = Session::new(*anycast.unwrap(), "alice", "secret");
    assert_eq!(client.binding().error(), None);
    let unicast = targets(&client.allocate());
    assert_eq!(
        unicast,
        [turnd.address("udp", |it| it.ip() == at("127.0.0.1:0").ip())]
    );
    let client = Session::new(unicast[0], "alice", "secret");
    client.allocate().relayed();
}
