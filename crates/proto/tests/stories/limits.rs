//! What clients can make grow has an end.

use turnd_proto::{Limits, MemoryHits};
use turnd_wire::attr;

use crate::support::{Client, Network, OK, OTHER_PEER, PEER, Request, Setup, time_limited};

fn peer(number: usize) -> String {
    format!("8.8.{}.{}:5000", number / 200, number % 200 + 1)
}

#[test]
fn while_memory_is_short_nothing_new_is_begun_and_what_is_there_goes_on() {
    let mut net = Network::new();
    let (mut alice, mut bob) = (net.client("alice"), net.client("bob"));
    let relay = alice.allocate(&mut net);
    alice.must_bind(&mut net, 0x4000, PEER);
    net.settings.memory.set_short(true);
    assert_eq!(bob.call(&mut net, &Request::allocate()).code(), 508);
    assert_eq!(alice.permit(&mut net, OTHER_PEER), 508);
    assert_eq!(alice.bind(&mut net, 0x4001, OTHER_PEER), 508);
    // New settings do not make more of it.
    net.reconfigure(Setup::default());
    assert_eq!(bob.call(&mut net, &Request::allocate()).code(), 508);
    let expected = MemoryHits {
        allocations: 2,
        permissions: 1,
        channels: 1,
        peer_connections: 0,
    };
    assert_eq!(net.servers[0].counters(net.now).memory_hits, expected);

    assert_eq!(alice.refresh(&mut net, 600).code(), OK);
    assert_eq!(alice.permit(&mut net, PEER), OK);
    assert_eq!(alice.bind(&mut net, 0x4000, PEER), OK);
    assert!(alice.channel(&mut net, 0x4000, b"up").is_some());
    assert!(net.peer_sends(relay, PEER, b"down").is_some());

    net.settings.memory.set_short(false);
    alice.must_permit(&mut net, OTHER_PEER);
    bob.allocate(&mut net);
}

#[test]
fn while_memory_is_short_no_peer_is_connected_to() {
    let mut net = Network::with(Setup {
        tcp_relay: true,
        ..Setup::default()
    });
    let mut alice = net.client("alice").over(turnd_proto::Transport::Tcp);
    let allocate = Request::bare_allocate().with(attr::REQUESTED_TRANSPORT, &[6, 0, 0, 0]);
    assert_eq!(alice.call(&mut net, &allocate).code(), OK);
    net.settings.memory.set_short(true);
    let connect = Request::new(turnd_wire::Method::CONNECT).peer(PEER);
    assert_eq!(alice.call(&mut net, &connect).code(), 508);
    let hits = net.servers[0].counters(net.now).memory_hits;
    assert_eq!((hits.peer_connections, hits.sum()), (1, 1));
    net.settings.memory.set_short(false);
    assert!(
        alice.try_call(&mut net, &connect).is_none(),
        "the peer is waited for"
    );
}

#[test]
fn an_allocation_holds_128_permissions() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    for number in 0..128 {
        client.must_permit(&mut net, &peer(number));
    }
    for number in 128..1000 {
        assert_eq!(client.permit(&mut net, &peer(number)), 508);
    }
    // Those that are there stay, and can be refreshed, alone and together.
    client.must_permit(&mut net, &peer(7));
    let again = (0..40).fold(Request::create_permission(), |request, number| {
        request.peer(&peer(number))
    });
    assert_eq!(client.call(&mut net, &again).code(), OK);
    for number in 0..128 {
        assert!(client.send(&mut net, &peer(number), b"x").is_some());
    }
    // A channel needs a permission, too.
    assert_eq!(client.bind(&mut net, 0x4000, &peer(500)), 508);
    client.must_bind(&mut net, 0x4000, &peer(5));
}

#[test]
fn permissions_that_do_not_all_fit_are_none() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    for number in 0..127 {
        client.must_permit(&mut net, &peer(number));
    }
    let two = Request::create_permission()
        .peer(&peer(300))
        .peer(&peer(301));
    assert_eq!(client.call(&mut net, &two).code(), 508);
    assert_eq!(client.send(&mut net, &peer(300), b"x"), None);
    // One host twice is one.
    let one = Request::create_permission()
        .peer("8.8.9.9:1")
        .peer("8.8.9.9:2")
        .peer(&peer(3));
    assert_eq!(client.call(&mut net, &one).code(), OK);
}

#[test]
fn an_expired_permission_makes_room() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    for number in 0..128 {
        client.must_permit(&mut net, &peer(number));
    }
    net.wait_without_timers(300);
    client.must_permit(&mut net, &peer(500));
    assert_eq!(client.send(&mut net, &peer(0), b"x"), None);
}

#[test]
fn an_allocation_holds_64_channels() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    for number in 0..64 {
        client.must_bind(&mut net, 0x4000 + number, &peer(number.into()));
    }
    assert_eq!(client.bind(&mut net, 0x4040, &peer(64)), 508);
    // Without its channel it has no permission either.
    assert_eq!(client.send(&mut net, &peer(64), b"x"), None);
    client.must_bind(&mut net, 0x4000, &peer(0));
    assert!(client.channel(&mut net, 0x403F, b"x").is_some());
}

#[test]
fn a_channel_bound_again_and_again_is_one() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    client.allocate(&mut net);
    for _ in 0..1000 {
        client.must_bind(&mut net, 0x4000, &peer(0));
    }
    for number in 1..64 {
        client.must_bind(&mut net, 0x4000 + number, &peer(number.into()));
    }
}

#[test]
fn so_many_requests_wait_and_no_more() {
    let waiting = 10;
    let mut net = Network::with(Setup {
        limits: Limits {
            waiting,
            ..Limits::default()
        },
        ..Setup::default()
    });
    let mut clients: Vec<Client> = (1..=20)
        .map(|port| Client::new(&format!("192.0.2.1:4{port:03}")).user("alice", "wonderland"))
        .collect();
    for client in &mut clients {
        client.say_hello(&mut net);
    }
    net.hold = true;
    for client in &mut clients {
        assert_eq!(client.try_call(&mut net, &Request::allocate()), None);
    }
    assert_eq!(net.asks.len(), waiting);
    net.answer_asks();
    let answers = core::iter::from_fn(|| net.take_reply()).count();
    assert_eq!((answers, net.allocations()), (waiting, waiting));
    // As if they had been lost on the way: sent again, they are served.
    for client in &mut clients[waiting..] {
        client.allocate(&mut net);
    }
}

/// Where there is room for one question at a time.
fn one_waits(setup: Setup) -> Network {
    Network::with(Setup {
        limits: Limits {
            waiting: 1,
            ..setup.limits
        },
        ..setup
    })
}

#[test]
fn who_waits_too_long_makes_room() {
    let mut net = one_waits(Setup::default());
    let mut alice = net.client("alice");
    let mut bob = net.client("bob");
    alice.say_hello(&mut net);
    bob.say_hello(&mut net);
    net.hold = true;
    assert_eq!(alice.try_call(&mut net, &Request::allocate()), None);
    net.wait(10);
    net.asks.clear();
    net.hold = false;
    bob.allocate(&mut net);
}

#[test]
fn with_too_much_waiting_a_socket_is_refused_at_once() {
    let mut net = one_waits(Setup::open());
    net.hold = true;
    let mut one = Client::new("192.0.2.1:1");
    let mut two = Client::new("192.0.2.1:2");
    assert_eq!(one.try_call(&mut net, &Request::allocate()), None);
    assert_eq!(two.call(&mut net, &Request::allocate()).code(), 508);
    assert_eq!(two.call(&mut net, &Request::allocate().dual()).code(), 508);
    net.answer_asks();
    assert!(net.take_reply().is_some());
    two.allocate(&mut net);
}

// Quotas.

#[test]
fn a_user_has_so_many_allocations_on_all_servers_together() {
    let mut net = Network::with(Setup {
        quota: Some(3),
        servers: 2,
        ..Setup::default()
    });
    let at_port = |port: u16| {
        let alice = Client::new(&format!("192.0.2.1:4{port:03}")).user("alice", "wonderland");
        alice.on_server(usize::from(port % 2))
    };
    let mut clients: Vec<Client> = (1..=4).map(at_port).collect();
    for client in &mut clients[..3] {
        client.allocate(&mut net);
    }
    assert_eq!(clients[3].call(&mut net, &Request::allocate()).code(), 486);
    // Counted by user: another one at the same address is not hers.
    let mut bob = clients[3].clone().user("bob", "builder");
    bob.allocate(&mut net);
    assert_eq!(clients[0].refresh(&mut net, 0).code(), OK);
    at_port(5).allocate(&mut net);
    net.wait(600);
    for port in 6..=8 {
        at_port(port).allocate(&mut net);
    }
}

#[test]
fn new_time_stamps_are_no_new_accounts() {
    let mut net = Network::with(Setup {
        quota: Some(2),
        ..Setup::default()
    });
    net.keys.secrets = vec!["secret"];
    let expires = net.now.unix + 100;
    let mut with_stamp = |stamp: u64, account: &str, port: u16| {
        let user = format!("{stamp}:{account}");
        let password = time_limited("secret", &user);
        let mut client = Client::new(&format!("192.0.2.1:4{port:03}")).user(&user, &password);
        client.call(&mut net, &Request::allocate()).code()
    };
    assert_eq!(with_stamp(expires, "dave", 1), OK);
    assert_eq!(with_stamp(expires + 1, "dave", 2), OK);
    assert_eq!(with_stamp(expires + 2, "dave", 3), 486);
    assert_eq!(with_stamp(expires, "erin", 4), OK);
}

#[test]
fn what_fails_costs_no_place() {
    let mut net = Network::with(Setup {
        quota: Some(1),
        total_quota: Some(1),
        ..Setup::default()
    });
    let mut alice = net.client("alice");
    net.ports.fail = 5;
    for _ in 0..5 {
        assert_eq!(alice.call(&mut net, &Request::allocate()).code(), 508);
    }
    alice.allocate(&mut net);
    let mut bob = net.client("bob");
    assert_eq!(bob.call(&mut net, &Request::allocate()).code(), 486);
    net.wait(600);
    bob.allocate(&mut net);
}

#[test]
fn a_bad_request_is_refused_as_such_even_over_quota() {
    let mut net = Network::with(Setup {
        quota: Some(0),
        ..Setup::default()
    });
    let mut alice = net.client("alice");
    assert_eq!(alice.call(&mut net, &Request::bare_allocate()).code(), 400);
    assert_eq!(alice.call(&mut net, &Request::allocate()).code(), 486);
}

#[test]
fn allocations_come_and_go_for_ever_in_few_ports() {
    let mut net = Network::open();
    net.ports.range = 50_000..=50_003;
    let mut client = Client::new("192.0.2.1:4001");
    for _ in 0..5_000 {
        client.allocate(&mut net);
        assert_eq!(client.refresh(&mut net, 0).code(), OK);
    }
    assert_eq!(net.ports.in_use(), 0);
    assert_eq!(net.servers[0].next_timeout(), None);
}

// Reserved ports.

fn reserve() -> Request {
    Request::allocate().even_port(true)
}

fn redeem(token: Option<Vec<u8>>) -> Request {
    Request::allocate().with(attr::RESERVATION_TOKEN, &token.expect("a token"))
}

/// A network in which a user has so many places.
fn with_quota(quota: u32, servers: u8) -> Network {
    Network::with(Setup {
        quota: Some(quota),
        servers,
        ..Setup::default()
    })
}

#[test]
fn a_reserved_port_costs_a_place_until_it_expires() {
    let mut net = with_quota(2, 1);
    let mut alice = net.client("alice");
    assert_eq!(alice.call(&mut net, &reserve()).code(), OK);
    assert_eq!(alice.refresh(&mut net, 0).code(), OK);
    // The port still waits: there is one place for an allocation, and none for another pair.
    assert_eq!(alice.call(&mut net, &reserve()).code(), 486);
    alice.allocate(&mut net);
    let mut second = Client::new("192.0.2.1:5001").user("alice", "wonderland");
    assert_eq!(second.call(&mut net, &Request::allocate()).code(), 486);
    net.wait(30);
    second.allocate(&mut net);
}

#[test]
fn making_and_deleting_pairs_takes_no_more_ports_than_the_quota() {
    let mut net = with_quota(4, 1);
    let mut alice = net.client("alice");
    for _ in 0..100 {
        if alice.call(&mut net, &reserve()).code() == OK {
            assert_eq!(alice.refresh(&mut net, 0).code(), OK);
        }
    }
    assert_eq!(net.ports.in_use(), 3);
    net.wait(30);
    assert_eq!(net.ports.in_use(), 0);
}

#[test]
fn who_has_one_place_gets_no_pair() {
    let mut net = with_quota(1, 1);
    let mut alice = net.client("alice");
    assert_eq!(alice.call(&mut net, &reserve()).code(), 486);
    assert_eq!(net.ports.opened, 0);
    alice.allocate(&mut net);
}

#[test]
fn a_user_redeems_at_any_server_with_the_place_the_port_had() {
    for server in [0, 1] {
        let mut net = with_quota(2, 2);
        let mut rtp = net.client("alice");
        let token = rtp.call(&mut net, &reserve()).token();
        let rtcp = Client::new("192.0.2.1:5001").user("alice", "wonderland");
        let mut rtcp = rtcp.on_server(server);
        let reply = rtcp.call(&mut net, &redeem(token));
        assert_eq!(reply.relay().port(), 50_001, "server {server}");
        // It is the allocation's now: kept after the reservation's end, given back with its own.
        net.wait(60);
        let mut third = Client::new("192.0.2.1:5002").user("alice", "wonderland");
        assert_eq!(third.call(&mut net, &Request::allocate()).code(), 486);
        assert_eq!(rtcp.refresh(&mut net, 0).code(), OK);
        third.allocate(&mut net);
    }
}

#[test]
fn while_a_token_is_on_its_way_its_place_is_nobody_elses() {
    let mut net = with_quota(2, 2);
    let mut rtp = net.client("alice");
    let token = rtp.call(&mut net, &reserve()).token();
    let rtcp = Client::new("192.0.2.1:5001").user("alice", "wonderland");
    let mut rtcp = rtcp.on_server(1);
    let mut third = Client::new("192.0.2.1:5002").user("alice", "wonderland");
    rtcp.say_hello(&mut net);
    third.say_hello(&mut net);

    net.hold = true;
    assert_eq!(rtcp.try_call(&mut net, &redeem(token)), None);
    let (server, id, keys) = net.asks.remove(0);
    net.answer_one(server, id, &keys);
    let claim = net.asks.remove(0);
    net.hold = false;
    assert_eq!(third.call(&mut net, &Request::allocate()).code(), 486);
    net.answer_one(claim.0, claim.1, &claim.2);
    assert!(net.take_reply().is_some());
    assert_eq!(net.allocations(), 2);
}

#[test]
fn a_redemption_that_fails_leaves_the_port_its_place() {
    let mut net = with_quota(2, 2);
    let mut rtp = net.client("alice");
    let token = rtp.call(&mut net, &reserve()).token();
    let rtcp = Client::new("192.0.2.1:5001").user("alice", "wonderland");
    let mut rtcp = rtcp.on_server(1);
    rtcp.say_hello(&mut net);
    net.hold = true;
    assert_eq!(rtcp.try_call(&mut net, &redeem(token.clone())), None);
    let (server, id, keys) = net.asks.remove(0);
    net.answer_one(server, id, &keys);
    // The claim gets lost between the servers.
    net.asks.clear();
    net.hold = false;
    net.wait(10);
    assert!(net.take_reply().is_some(), "508");
    let mut third = Client::new("192.0.2.1:5002").user("alice", "wonderland");
    assert_eq!(third.call(&mut net, &Request::allocate()).code(), 486);
    assert_eq!(
        rtcp.call(&mut net, &redeem(token)).relay().port(),
        50_001,
        "sent again, the token is good"
    );
}

#[test]
fn another_user_pays_for_the_port_himself() {
    let mut net = with_quota(2, 1);
    let mut alice = net.client("alice");
    let token = alice.call(&mut net, &reserve()).token();
    let mut bob = net.client("bob");
    assert_eq!(bob.call(&mut net, &redeem(token)).code(), OK);
    // Hers is free again, and his is taken.
    Client::new("192.0.2.1:5001")
        .user("alice", "wonderland")
        .allocate(&mut net);
    let mut again = Client::new("192.0.2.2:5002").user("bob", "builder");
    assert_eq!(again.call(&mut net, &reserve()).code(), 486);
    again.allocate(&mut net);
}

#[test]
fn a_server_keeps_so_many_ports_waiting_and_no_more() {
    let mut net = Network::with(Setup {
        limits: Limits {
            reservations: 3,
            ..Limits::default()
        },
        ..Setup::open()
    });
    let mut client = Client::new("192.0.2.1:1");
    for _ in 0..3 {
        assert_eq!(client.call(&mut net, &reserve()).code(), OK);
        assert_eq!(client.refresh(&mut net, 0).code(), OK);
    }
    assert_eq!(client.call(&mut net, &reserve()).code(), 508);
    assert_eq!(net.ports.in_use(), 3);
    // Everything else goes on, and the first to expire makes room.
    client.allocate(&mut net);
    assert_eq!(client.refresh(&mut net, 0).code(), OK);
    net.wait(30);
    assert_eq!(client.call(&mut net, &reserve()).code(), OK);
}

/// What drives the server may be told to close a pair that it could not open, but none that it never heard of.
#[test]
fn a_pair_that_is_not_even_asked_for_is_not_closed() {
    let mut net = one_waits(Setup::open());
    net.hold = true;
    let first = Request::allocate().build([1; 12].into(), |_| ());
    assert_eq!(net.exchange(&Client::new("192.0.2.1:4001"), &first), None);
    let pair = Request::allocate().even_port(true);
    let pair = pair.build([2; 12].into(), |_| ());
    let reply = net.exchange(&Client::new("192.0.2.2:4001"), &pair);
    assert_eq!(reply.expect("a refusal at once").code(), 508);
}
