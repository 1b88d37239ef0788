//! New settings for servers that serve.

use core::time::Duration;

use turnd_proto::{Ending, Event, Lifetimes, PeerRules, Transport, Withdrawn};

use turnd_wire::{Method, attr};

use crate::support::{
    Client, Network, OK, OTHER_PEER, PEER, Reply, Request, SAME_HOST, Setup, time_limited,
};

const CHANNEL: u16 = 0x4000;
const OTHER_CHANNEL: u16 = 0x4001;

fn denying(ip: &str) -> PeerRules {
    let ip = ip.parse().unwrap();
    PeerRules {
        denied: vec![ip..=ip],
        ..PeerRules::default()
    }
}

#[test]
fn a_denied_host_is_cut_off_with_its_channels_and_others_are_not() {
    let mut net = Network::new();
    let mut client = net.client("alice");
    let relay = client.allocate(&mut net);
    client.must_bind(&mut net, CHANNEL, PEER);
    client.must_permit(&mut net, SAME_HOST);
    client.must_bind(&mut net, OTHER_CHANNEL, OTHER_PEER);
    let withdrawn = net.reconfigure(Setup {
        rules: denying("8.8.8.8"),
        ..Setup::default()
    });
    let expected = Withdrawn {
        permissions: 1,
        ..Withdrawn::default()
    };
    assert_eq!(withdrawn, [expected]);
    assert_eq!(net.servers[0].counters(net.now).permissions, 1);
    net.servers[0].check();

    assert_eq!(client.channel(&mut net, CHANNEL, b"up"), None);
    assert_eq!(client.send(&mut net, SAME_HOST, b"up"), None);
    for from in [PEER, SAME_HOST] {
        assert_eq!(net.peer_sends(relay, from, b"down"), None);
    }
    assert!(client.channel(&mut net, OTHER_CHANNEL, b"up").is_some());
    assert!(net.peer_sends(relay, OTHER_PEER, b"down").is_some());
    assert_eq!(client.bind(&mut net, CHANNEL, PEER), 403);
    // Its number is bound all the same, for as long as it was.
    assert_eq!(client.bind(&mut net, CHANNEL, OTHER_PEER), 400);

    // Allowed again it has to be asked for again.
    assert_eq!(net.reconfigure(Setup::default()), [Withdrawn::default()]);
    assert_eq!(client.channel(&mut net, CHANNEL, b"up"), None);
    client.must_bind(&mut net, CHANNEL, PEER);
    assert!(client.channel(&mut net, CHANNEL, b"up").is_some());
    assert!(net.peer_sends(relay, PEER, b"down").is_some());
}

#[test]
fn relays_of_this_server_stay_in_reach_of_each_other() {
    let mut net = Network::new();
    let (mut alice, mut bob) = (net.client("alice"), net.client("bob"));
    let (of_alice, of_bob) = (alice.allocate(&mut net), bob.allocate(&mut net));
    alice.must_bind(&mut net, CHANNEL, &of_bob.to_string());
    bob.must_bind(&mut net, CHANNEL, &of_alice.to_string());
    let withdrawn = net.reconfigure(Setup {
        rules: denying("8.8.8.8"),
        ..Setup::default()
    });
    assert_eq!(withdrawn, [Withdrawn::default()]);
    let sent = alice.channel(&mut net, CHANNEL, b"to bob").unwrap();
    assert!(net.pass_on(&sent).is_some());
    let sent = bob.channel(&mut net, CHANNEL, b"to alice").unwrap();
    assert!(net.pass_on(&sent).is_some());
    // And stop with them, as ever.
    assert_eq!(bob.refresh(&mut net, 0).code(), OK);
    assert_eq!(alice.channel(&mut net, CHANNEL, b"to nobody"), None);
}

#[test]
fn an_address_that_is_relayed_from_no_more_keeps_its_allocations() {
    let mut net = Network::new();
    let (mut alice, mut bob) = (net.client("alice"), net.client("bob"));
    let old = alice.allocate(&mut net);
    assert_eq!(old.ip().to_string(), "9.9.9.9");
    alice.must_bind(&mut net, CHANNEL, PEER);
    // The same address inside is known by another outside.
    net.reconfigure(Setup {
        relays: vec![("10.0.0.5", "9.9.9.1"), ("2606::5", "2606::5")],
        ..Setup::default()
    });
    assert!(alice.channel(&mut net, CHANNEL, b"up").is_some());
    let new = bob.allocate(&mut net);
    assert_eq!(new.ip().to_string(), "9.9.9.1");
    // By its old name, which alice was told and has told others, it is found still.
    bob.must_bind(&mut net, CHANNEL, &old.to_string());
    assert!(bob.channel(&mut net, CHANNEL, b"to alice").is_some());
    // When its last relay is gone, so is the old name.
    assert_eq!(alice.refresh(&mut net, 0).code(), OK);
    assert_eq!(bob.refresh(&mut net, 0).code(), OK);
    assert_eq!(bob.channel(&mut net, CHANNEL, b"to nobody"), None);
}

#[test]
fn peers_over_tcp_that_are_denied_are_disconnected() {
    let with_tcp = || Setup {
        tcp_relay: true,
        ..Setup::default()
    };
    let mut net = Network::with(with_tcp());
    let mut client = net.client("alice").over(Transport::Tcp);
    let allocate = Request::bare_allocate().with(attr::REQUESTED_TRANSPORT, &[6, 0, 0, 0]);
    assert_eq!(client.call(&mut net, &allocate).code(), OK);
    let connect = |peer: &str| Request::new(Method::CONNECT).peer(peer);
    for peer in [PEER, OTHER_PEER] {
        let bytes = client.signed(&connect(peer));
        assert!(client.deliver(&mut net, &bytes).is_none());
    }
    let connections: Vec<_> = net.connecting.iter().map(|it| it.2).collect();
    let withdrawn = net.reconfigure(Setup {
        rules: denying("8.8.8.8"),
        ..with_tcp()
    });
    assert_eq!(withdrawn[0].connections, 1);
    assert_eq!(net.closed, [connections[0]]);
    // The other one comes about.
    assert!(net.peer_answers(true).is_some());
}

#[test]
fn the_owner_is_looked_for_again_once_when_keys_have_changed() {
    let mut net = Network::new();
    let mut client = net.client("alice");
    client.allocate(&mut net);
    let lookups = net.keys.lookups;
    assert_eq!(client.refresh(&mut net, 600).code(), OK);
    assert_eq!(
        net.keys.lookups, lookups,
        "the key of the allocation serves"
    );
    net.reconfigure(Setup {
        keys: 1,
        ..Setup::default()
    });
    for _ in 0..3 {
        assert_eq!(client.refresh(&mut net, 600).code(), OK);
    }
    assert_eq!(net.keys.lookups, lookups + 1);

    // Who is not among the users any more can do nothing.
    net.keys.change_password("alice", "looking-glass");
    assert_eq!(client.refresh(&mut net, 600).code(), OK);
    net.reconfigure(Setup {
        keys: 2,
        ..Setup::default()
    });
    assert_eq!(client.refresh(&mut net, 600).code(), 401);
    assert_eq!(client.permit(&mut net, PEER), 401);
    assert_eq!(net.allocations(), 1);
    client.password = "looking-glass".to_owned();
    assert_eq!(client.refresh(&mut net, 600).code(), OK);
}

fn denying_users(names: &[&'static str]) -> Setup {
    Setup {
        denied_users: names.to_vec(),
        ..Setup::default()
    }
}

#[test]
fn a_user_who_is_shut_out_loses_what_he_has_and_gets_nothing_more() {
    let mut net = Network::new();
    let (mut alice, mut bob) = (net.client("alice"), net.client("bob"));
    let mut again = Client::new("192.0.2.1:4999").user("alice", "wonderland");
    let relay = alice.allocate(&mut net);
    alice.must_bind(&mut net, CHANNEL, PEER);
    again.allocate(&mut net);
    bob.allocate(&mut net);
    bob.must_bind(&mut net, CHANNEL, PEER);

    let withdrawn = net.reconfigure(denying_users(&["alice", "mallory"]));
    assert_eq!(withdrawn[0].allocations, 2);
    assert_eq!(net.allocations(), 1);
    assert_eq!(net.shut_out.len(), 2);
    assert!(net.shut_out.contains(&again.address()));
    let denied = |event: &&Event| matches!(event, Event::Deleted { cause: Ending::Denied, user, .. } if user == "alice");
    assert_eq!(net.events.iter().filter(denied).count(), 2);
    assert_eq!(alice.channel(&mut net, CHANNEL, b"up"), None);
    assert_eq!(net.peer_sends(relay, PEER, b"down"), None);
    net.servers[0].check();

    // Whatever he asks for; who only claims his name gets the 401 that everybody gets.
    assert_eq!(alice.call(&mut net, &Request::allocate()).code(), 403);
    assert_eq!(alice.refresh(&mut net, 600).code(), 403);
    assert_eq!(alice.permit(&mut net, PEER), 403);
    assert_eq!(alice.bind(&mut net, CHANNEL, PEER), 403);
    alice.password = "guessed".to_owned();
    assert_eq!(alice.call(&mut net, &Request::allocate()).code(), 401);
    assert!(bob.channel(&mut net, CHANNEL, b"up").is_some());
    assert_eq!(bob.refresh(&mut net, 600).code(), OK);

    // A reload that has nothing to do with it ends nothing, and one that lets him in does.
    assert_eq!(
        net.reconfigure(denying_users(&["alice", "mallory"])),
        [Withdrawn::default()]
    );
    net.reconfigure(Setup::default());
    alice.password = "wonderland".to_owned();
    alice.allocate(&mut net);
}

#[test]
fn every_time_limited_name_of_a_user_is_his() {
    let mut net = Network::new();
    net.keys.secrets = vec!["north"];
    let expires = net.now.unix + 1000;
    let client = |stamp: u64, account: &str, port: u16| {
        let user = format!("{stamp}:{account}");
        let password = time_limited("north", &user);
        Client::new(&format!("192.0.2.1:{port}")).user(&user, &password)
    };
    let mut daves = [
        client(expires, "dave", 4001),
        client(expires + 1, "dave", 4002),
    ];
    let mut erins = [
        client(expires, "erin", 4003),
        client(expires + 1, "erin", 4004),
    ];
    for client in daves.iter_mut().chain(&mut erins) {
        client.allocate(&mut net);
    }
    let one_of_erins: &'static str = Box::leak(erins[0].user.clone().into_boxed_str());
    let withdrawn = net.reconfigure(denying_users(&["dave", one_of_erins]));
    assert_eq!(withdrawn[0].allocations, 3);
    for client in &mut daves {
        assert_eq!(client.call(&mut net, &Request::allocate()).code(), 403);
    }
    assert_eq!(erins[0].refresh(&mut net, 600).code(), 403);
    assert_eq!(erins[1].refresh(&mut net, 600).code(), OK);
    let mut third = client(expires + 2, "dave", 4005);
    assert_eq!(third.call(&mut net, &Request::allocate()).code(), 403);
}

/// The answer that a socket is there comes when its user is none any more.
#[test]
fn an_allocation_on_its_way_is_not_made_for_who_was_shut_out() {
    let mut net = Network::new();
    let mut alice = net.client("alice");
    alice.say_hello(&mut net);
    net.hold = true;
    assert!(alice.try_call(&mut net, &Request::allocate()).is_none());
    // The key is found, and the socket asked for.
    let (index, id, ask) = net.asks.remove(0);
    net.answer_one(index, id, &ask);
    net.reconfigure(denying_users(&["alice"]));
    net.answer_asks();
    let reply = net.take_reply().expect("an answer");
    assert_eq!(Reply { bytes: reply }.code(), 403);
    assert_eq!((net.allocations(), net.ports.in_use()), (0, 0));
    net.servers[0].check_is_empty();
}

/// With his connections, on either side.
#[test]
fn peers_over_tcp_of_who_is_shut_out_are_let_go() {
    let with_tcp = |denied_users| Setup {
        tcp_relay: true,
        denied_users,
        ..Setup::default()
    };
    let mut net = Network::with(with_tcp(vec![]));
    let mut client = net.client("alice").over(Transport::Tcp);
    let allocate = Request::bare_allocate().with(attr::REQUESTED_TRANSPORT, &[6, 0, 0, 0]);
    assert_eq!(client.call(&mut net, &allocate).code(), OK);
    let bytes = client.signed(&Request::new(Method::CONNECT).peer(PEER));
    assert!(client.deliver(&mut net, &bytes).is_none());
    let connection = net.connecting[0].2;
    net.reconfigure(with_tcp(vec!["alice"]));
    assert_eq!(net.closed, [connection]);
    assert_eq!(net.shut_out, [client.address()]);
}

#[test]
fn nobody_but_the_owner_profits_from_a_former_realm() {
    let mut net = Network::new();
    let (mut owner, mut other) = (net.client("alice"), net.client("bob"));
    owner.allocate(&mut net);
    other.say_hello(&mut net);
    net.reconfigure(Setup {
        realm: "new.org",
        keys: 1,
        ..Setup::default()
    });
    assert_eq!(owner.refresh(&mut net, 600).code(), OK);
    assert_eq!(owner.permit(&mut net, PEER), OK);
    assert_eq!(other.call(&mut net, &Request::allocate()).code(), 401);
    // Nor does bob, whom this network's keys of the former realm would let in, from alice's address.
    let mut bob = net.client("bob");
    bob.from = owner.from;
    bob.nonce.clone_from(&owner.nonce);
    assert_eq!(bob.refresh(&mut net, 600).code(), 441);
    // The allocation ends, and its realm with it.
    assert_eq!(owner.refresh(&mut net, 0).code(), OK);
    assert_eq!(owner.call(&mut net, &Request::allocate()).code(), 401);
}

#[test]
fn quotas_and_life_times_hold_from_the_next_request_on() {
    let mut net = Network::new();
    let mut client = net.client("alice");
    client.allocate(&mut net);
    client.must_bind(&mut net, CHANNEL, PEER);
    net.reconfigure(Setup {
        lifetimes: Lifetimes {
            max_allocation: Duration::from_secs(700),
            permission: Duration::from_secs(10),
            ..Lifetimes::default()
        },
        ..Setup::default()
    });
    net.wait(299);
    assert!(client.channel(&mut net, CHANNEL, b"as granted").is_some());
    let reply = client.refresh(&mut net, 3600);
    assert_eq!(reply.lifetime(), Some(700));
    client.must_permit(&mut net, PEER);
    net.wait(11);
    assert_eq!(client.channel(&mut net, CHANNEL, b"too late"), None);
}

#[test]
fn a_server_that_refuses_allocations_does_everything_else() {
    let mut net = Network::new();
    let (mut old, mut new) = (net.client("alice"), net.client("bob"));
    let relay = old.allocate(&mut net);
    for server in &mut net.servers {
        server.refuse_allocations(true);
    }
    assert_eq!(new.call(&mut net, &Request::allocate()).code(), 508);
    old.must_bind(&mut net, CHANNEL, PEER);
    assert!(old.channel(&mut net, CHANNEL, b"up").is_some());
    assert!(net.peer_sends(relay, PEER, b"down").is_some());
    assert_eq!(old.refresh(&mut net, 600).code(), OK);
    // New settings do not let it forget.
    net.reconfigure(Setup::default());
    assert_eq!(new.call(&mut net, &Request::allocate()).code(), 508);
    for server in &mut net.servers {
        server.refuse_allocations(false);
    }
    new.allocate(&mut net);
}
