//! Mobility (RFC 8016): clients that come back from another address.

mod streams;

use core::net::SocketAddr;
use std::collections::HashSet;

use turnd_proto::Event;
use turnd_wire::attr;

use crate::support::{
    Client, ClientGets, Network, OK, OTHER_PEER, PEER, Reply, Request, Setup, at, time_limited,
};

const CHANNEL: u16 = 0x4001;
/// Addresses that alice has in turn.
const SECOND: &str = "198.51.100.7:7007";
const THIRD: &str = "203.0.113.8:8008";

fn setup() -> Setup {
    Setup {
        mobility: true,
        ..Setup::default()
    }
}

fn network() -> Network {
    Network::with(setup())
}

fn mobile() -> Request {
    Request::allocate().with(attr::MOBILITY_TICKET, &[])
}

fn show(ticket: &[u8]) -> Request {
    Request::refresh().with(attr::MOBILITY_TICKET, ticket)
}

fn ticket_in(reply: &Reply) -> Vec<u8> {
    assert_eq!(reply.code(), OK);
    reply.value(attr::MOBILITY_TICKET).expect("a ticket")
}

/// The same user somewhere else, at a server of the process.
fn moved(client: &Client, address: &str, server: usize) -> Client {
    let mut there = client.clone().on_server(server);
    there.from.path.client = at(address);
    there.nonce = None;
    there
}

/// Whom the data of a peer goes to.
fn reached(net: &mut Network, relay: SocketAddr) -> Option<SocketAddr> {
    Some(match net.peer_sends(relay, PEER, b"down")? {
        ClientGets::Channel { client, .. } | ClientGets::Indication { client, .. } => client,
    })
}

/// Alice with a channel to a peer; her relay and her ticket.
fn alice(net: &mut Network) -> (Client, SocketAddr, Vec<u8>) {
    let mut alice = net.client("alice");
    let (relay, ticket) = settle(net, &mut alice);
    (alice, relay, ticket)
}

fn settle(net: &mut Network, client: &mut Client) -> (SocketAddr, Vec<u8>) {
    let reply = client.call(net, &mobile());
    client.must_bind(net, CHANNEL, PEER);
    (reply.relay(), ticket_in(&reply))
}

/// T8016-3.1.2-1 and -2
#[test]
fn nobody_gets_a_ticket_where_mobility_is_off() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    assert_eq!(alice.call(&mut net, &mobile()).code(), 405);
    let full = Request::allocate().with(attr::MOBILITY_TICKET, &[7; 53]);
    assert_eq!(alice.call(&mut net, &full).code(), 400);
    assert_eq!(alice.call(&mut net, &show(&[7; 53])).code(), 405);
    assert_eq!(net.allocations(), 0);
}

/// T8016-3.1.2-2 and -3
#[test]
fn who_asks_gets_a_ticket_in_a_short_reply_and_who_does_not_gets_none() {
    let mut net = network();
    let mut alice = net.client("alice");
    let full = Request::allocate().with(attr::MOBILITY_TICKET, &[7; 53]);
    assert_eq!(alice.call(&mut net, &full).code(), 400);
    let reply = alice.call(&mut net, &mobile().dual().fingerprint());
    assert!(reply.bytes.len() <= 548, "{}", reply.bytes.len());
    assert_eq!(ticket_in(&reply).len(), 53);

    let mut bob = net.client("bob");
    let reply = bob.call(&mut net, &Request::allocate());
    assert!(!reply.has(attr::MOBILITY_TICKET));
    // Without one his allocation stays where it is.
    assert_eq!(bob.call(&mut net, &show(&[7; 53])).code(), 400);
    let mut elsewhere = moved(&bob, SECOND, 0);
    assert_eq!(elsewhere.call(&mut net, &show(&[])).code(), 400);
    assert_eq!(elsewhere.call(&mut net, &Request::refresh()).code(), 437);
}

#[test]
fn an_allocate_that_is_sent_again_gets_the_same_ticket() {
    let mut net = network();
    let mut alice = net.client("alice");
    alice.say_hello(&mut net);
    let bytes = alice.signed(&mobile());
    let first = alice.deliver(&mut net, &bytes).unwrap();
    let second = alice.deliver(&mut net, &bytes).unwrap();
    assert_eq!(first, second);
}

/// T8016-3.2.2-1, -5 and -6: at the server that has the allocation, and at another one.
#[test]
fn a_client_takes_its_allocation_along() {
    for server in [0, 1] {
        let mut net = Network::with(Setup {
            servers: 2,
            ..setup()
        });
        let (alice, relay, ticket) = alice(&mut net);
        let mut there = moved(&alice, SECOND, server);
        let reply = there.call(&mut net, &show(&ticket).lifetime(1200));
        assert_eq!(reply.kinds()[..2], [attr::LIFETIME, attr::MOBILITY_TICKET]);
        assert_eq!(reply.lifetime(), Some(1200));
        assert_ne!(ticket_in(&reply), ticket);

        // Until there is data on the new path, the old one is as good as ever.
        assert_eq!(reached(&mut net, relay), Some(alice.address()));
        assert!(alice.channel(&mut net, CHANNEL, b"old").is_some());
        there.must_permit(&mut net, OTHER_PEER);
        assert_eq!(reached(&mut net, relay), Some(alice.address()));

        // Channel and permissions have come along.
        let up = there.channel(&mut net, CHANNEL, b"new").expect("a channel");
        assert_eq!((up.to, up.data), (at(PEER), b"new".to_vec()));
        assert_eq!(reached(&mut net, relay), Some(there.address()));
        assert!(there.send(&mut net, OTHER_PEER, b"new").is_some());

        // Nothing is left of the old path and the old ticket.
        let mut here = alice.clone();
        assert_eq!(here.channel(&mut net, CHANNEL, b"late"), None);
        assert_eq!(here.refresh(&mut net, 600).code(), 437);
        assert_eq!(here.call(&mut net, &show(&ticket)).code(), 400);
        let mut third = moved(&alice, THIRD, 0);
        assert_eq!(third.call(&mut net, &show(&ticket)).code(), 400);
        assert_eq!(net.allocations(), 1);
        let moves: Vec<_> = net
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Moved { from, to, .. } => Some((from.client, to.client)),
                _ => None,
            })
            .collect();
        assert_eq!(moves, [(alice.address(), there.address())]);
        let counted = |net: &Network| net.servers[0].counters(net.now).allocations_moved;
        assert_eq!(counted(&net), 1);

        assert_eq!(there.refresh(&mut net, 0).code(), OK);
        assert_eq!((net.allocations(), net.ports.in_use()), (0, 0));
        assert!(net.forwarded.is_empty());
    }
}

/// A Send indication is data too.
#[test]
fn a_send_indication_moves_as_channel_data_does() {
    let mut net = network();
    let (alice, relay, ticket) = alice(&mut net);
    let mut there = moved(&alice, SECOND, 0);
    there.call(&mut net, &show(&ticket));
    // What goes to nobody shows as well where the client is.
    assert_eq!(there.send(&mut net, OTHER_PEER, b"no permission"), None);
    assert_eq!(reached(&mut net, relay), Some(there.address()));
}

/// T8016-3.2.2-2
#[test]
fn a_ticket_is_no_good_where_the_allocation_is() {
    let mut net = network();
    let (mut alice, relay, ticket) = alice(&mut net);
    assert_eq!(alice.call(&mut net, &show(&ticket)).code(), 400);
    assert_eq!(alice.call(&mut net, &show(&[])).code(), 400);
    assert_eq!(reached(&mut net, relay), Some(alice.address()));
    assert_eq!(alice.refresh(&mut net, 600).code(), OK);
    // Nor where its owner has another one.
    let mut there = moved(&alice, SECOND, 0);
    there.call(&mut net, &mobile());
    assert_eq!(there.call(&mut net, &show(&ticket)).code(), 400);
    assert_eq!(net.allocations(), 2);
}

/// T8016-3.2.2-3
#[test]
fn a_forged_ticket_is_refused_and_that_of_a_dead_allocation_matches_nothing() {
    let mut net = network();
    let (mut alice, _, ticket) = alice(&mut net);
    let mut there = moved(&alice, SECOND, 0);
    for bit in 0..ticket.len() * 8 {
        let mut forged = ticket.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(there.call(&mut net, &show(&forged)).code(), 400, "{bit}");
    }
    for length in [0, 1, 12, ticket.len() - 1] {
        let cut = &ticket[..length];
        assert_eq!(there.call(&mut net, &show(cut)).code(), 400, "{length}");
    }
    assert_eq!(alice.refresh(&mut net, 0).code(), OK);
    assert_eq!(there.call(&mut net, &show(&ticket)).code(), 437);
    // Whoever has its place in the tables now is somebody else.
    alice.allocate(&mut net);
    assert_eq!(there.call(&mut net, &show(&ticket)).code(), 437);
}

#[test]
fn a_ticket_is_good_for_as_long_as_the_allocation_lives() {
    let mut net = network();
    let (alice, _, ticket) = alice(&mut net);
    net.wait_without_timers(600);
    let mut there = moved(&alice, SECOND, 0);
    assert_eq!(there.call(&mut net, &show(&ticket)).code(), 437);
    assert_eq!(net.ports.in_use(), 0);
}

/// T8016-3.2.2-4: also from where the other user has been served, and with an allocation of his own there.
#[test]
fn a_ticket_is_good_for_its_user_alone() {
    let mut net = network();
    let (alice, relay, ticket) = alice(&mut net);
    let mut bob = net.client("bob");
    assert_eq!(bob.refresh(&mut net, 600).code(), 437);
    assert_eq!(bob.call(&mut net, &show(&ticket)).code(), 441);
    bob.allocate(&mut net);
    assert_eq!(bob.call(&mut net, &show(&ticket)).code(), 400);
    assert_eq!(reached(&mut net, relay), Some(alice.address()));

    // A client without credentials is asked for them first, and a wrong password helps nobody.
    let mut stranger = moved(&alice, SECOND, 0);
    let unsigned = show(&ticket).unsigned();
    let reply = net.exchange(&stranger, &unsigned).expect("a challenge");
    assert_eq!(reply.code(), 401);
    stranger.password = "looking glass".to_owned();
    assert_eq!(stranger.call(&mut net, &show(&ticket)).code(), 401);
    let mut there = moved(&alice, SECOND, 0);
    ticket_in(&there.call(&mut net, &show(&ticket)));
    // And bob, on the path that is alice's now, is not alice.
    let mut bob = moved(&bob, SECOND, 0);
    assert_eq!(bob.call(&mut net, &show(&ticket)).code(), 441);
}

/// A time-limited name that is over is good for its allocation still, wherever the client is.
#[test]
fn an_expired_name_moves_its_allocation_as_it_refreshes_it() {
    let mut net = network();
    net.keys.secrets.push("north");
    let user = format!("{}:dave", net.now.unix + 60);
    let password = time_limited("north", &user);
    let mut dave = Client::new("192.0.2.4:4004").user(&user, &password);
    let (relay, ticket) = settle(&mut net, &mut dave);
    net.wait(90);
    let mut there = moved(&dave, SECOND, 0);
    assert_eq!(there.call(&mut net, &mobile()).code(), 401);
    ticket_in(&there.call(&mut net, &show(&ticket)));
    assert!(there.channel(&mut net, CHANNEL, b"x").is_some());
    assert_eq!(reached(&mut net, relay), Some(there.address()));
}

/// T8016-3.2.2-7
#[test]
fn a_refresh_that_is_sent_again_gets_the_same_answer_for_thirty_seconds() {
    for server in [0, 1] {
        let mut net = Network::with(Setup {
            servers: 2,
            ..setup()
        });
        let (alice, _, ticket) = alice(&mut net);
        let mut there = moved(&alice, SECOND, server);
        there.say_hello(&mut net);
        let bytes = there.signed(&show(&ticket));
        let first = there.deliver(&mut net, &bytes).unwrap();
        net.wait(29);
        assert_eq!(there.deliver(&mut net, &bytes).unwrap(), first);
        // So does a new request with the old ticket, whose sender may have given up on the first.
        let again = there.call(&mut net, &show(&ticket));
        assert_eq!(ticket_in(&again), ticket_in(&first));
        assert!(there.channel(&mut net, CHANNEL, b"x").is_some());
        assert_eq!(there.deliver(&mut net, &bytes).unwrap(), first);
        net.wait(1);
        assert_eq!(there.deliver(&mut net, &bytes).unwrap().code(), 400);
        assert_eq!(there.refresh(&mut net, 600).code(), OK);
    }
}

/// The answer was lost and the client has moved on: all it has is the old ticket.
#[test]
fn until_the_new_path_is_used_the_old_ticket_moves_once_more() {
    let mut net = network();
    let (alice, relay, ticket) = alice(&mut net);
    let mut second = moved(&alice, SECOND, 0);
    second.call(&mut net, &show(&ticket));
    let mut third = moved(&alice, THIRD, 0);
    let newest = ticket_in(&third.call(&mut net, &show(&ticket)));
    assert_eq!(second.channel(&mut net, CHANNEL, b"x"), None);
    assert_eq!(reached(&mut net, relay), Some(alice.address()));
    assert!(third.channel(&mut net, CHANNEL, b"x").is_some());
    // Then it is over with it.
    assert_eq!(second.call(&mut net, &show(&ticket)).code(), 400);
    ticket_in(&second.call(&mut net, &show(&newest)));

    // Half a minute later it would have been, too.
    net.wait(30);
    let mut first = moved(&alice, "192.0.2.1:4002", 0);
    assert_eq!(first.call(&mut net, &show(&newest)).code(), 400);
}

/// T8016-3.2.2-8
#[test]
fn tickets_rest_while_mobility_is_off() {
    let mut net = network();
    let (alice, relay, ticket) = alice(&mut net);
    net.reconfigure(Setup::default());
    let mut there = moved(&alice, SECOND, 0);
    assert_eq!(there.call(&mut net, &show(&ticket)).code(), 405);
    assert_eq!(reached(&mut net, relay), Some(alice.address()));
    net.reconfigure(setup());
    ticket_in(&there.call(&mut net, &show(&ticket)));
}

/// T8016-5-1
#[test]
fn tickets_have_nothing_in_common_that_could_be_guessed() {
    let mut net = network();
    let (alice, _, mut ticket) = alice(&mut net);
    let mut seen = HashSet::new();
    for port in 20_001..=20_500 {
        let mut there = moved(&alice, &format!("198.51.100.7:{port}"), 0);
        ticket = ticket_in(&there.call(&mut net, &show(&ticket)));
        for part in [&ticket[..12], &ticket[12..21], &ticket[37..]] {
            assert!(seen.insert(part.to_vec()), "{part:?}");
        }
    }
}

/// T8016-D-1: whoever only ever asks has one path more, and nobody pays for those before.
#[test]
fn a_chain_of_resumes_without_data_holds_one_path_more_and_its_place() {
    for servers in [1, 2] {
        let mut net = Network::with(Setup {
            quota: Some(1),
            servers,
            ..setup()
        });
        let (mut alice, relay, mut ticket) = alice(&mut net);
        let mut paths = Vec::new();
        for round in 0..1000 {
            let address = format!("198.51.100.7:{}", 20_000 + round);
            let mut there = moved(&alice, &address, round % usize::from(servers));
            ticket = ticket_in(&there.call(&mut net, &show(&ticket)));
            paths.push(there);
            assert_eq!(net.forwarded.len(), 1);
            net.events.clear();
        }
        assert_eq!(net.allocations(), 1);
        assert_eq!(net.settings.quotas.total(), 1);
        assert_eq!(reached(&mut net, relay), Some(alice.address()));
        let mut last = paths.pop().unwrap();
        for path in &mut paths {
            assert_eq!(path.channel(&mut net, CHANNEL, b"x"), None);
        }
        let mut other = moved(&alice, THIRD, 0);
        assert_eq!(other.call(&mut net, &mobile()).code(), 486);
        assert!(alice.channel(&mut net, CHANNEL, b"x").is_some());
        assert!(last.channel(&mut net, CHANNEL, b"x").is_some());
        assert_eq!(last.refresh(&mut net, 0).code(), OK);
        assert_eq!(net.settings.quotas.total(), 0);
        assert_eq!(alice.refresh(&mut net, 0).code(), 437);
        assert!(net.forwarded.is_empty());
    }
}

/// The data of an allocation whose client is a relay of this server would go round in circles.
#[test]
fn no_client_comes_back_as_a_relay_of_this_server() {
    let mut net = network();
    let (alice, relay, ticket) = alice(&mut net);
    let bob = net.client("bob").allocate(&mut net);
    for address in [bob, relay] {
        let mut there = moved(&alice, &address.to_string(), 0);
        assert_eq!(there.call(&mut net, &show(&ticket)).code(), 403);
    }
    assert_eq!(reached(&mut net, relay), Some(alice.address()));
}

#[test]
fn a_ticket_with_life_time_zero_ends_the_allocation() {
    let mut net = network();
    let (mut alice, _, ticket) = alice(&mut net);
    let mut there = moved(&alice, SECOND, 0);
    let reply = there.call(&mut net, &show(&ticket).lifetime(0));
    assert_eq!((reply.code(), reply.lifetime()), (OK, Some(0)));
    assert!(!reply.has(attr::MOBILITY_TICKET));
    assert_eq!((net.allocations(), net.ports.in_use()), (0, 0));
    assert_eq!(alice.refresh(&mut net, 600).code(), 437);
}

/// What had expired on the path of the request hid that the ticket's allocation has, too.
#[test]
fn a_ticket_brings_nothing_back_that_has_expired() {
    let mut net = Network::with(Setup {
        mobility: true,
        ..Setup::open()
    });
    let mut first = Client::new("192.0.2.1:4001");
    let (_, ticket) = settle(&mut net, &mut first);
    let mut second = Client::new("192.0.2.2:4002");
    second.allocate(&mut net);
    net.wait_without_timers(600);
    assert_eq!(second.call(&mut net, &show(&ticket)).code(), 437);
    assert_eq!((net.allocations(), net.ports.in_use()), (0, 0));
}
