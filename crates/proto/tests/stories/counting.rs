//! What is counted, and what is limited by a rate.

use turnd_proto::{Event, Flow, Traffic};

use crate::support::{Client, Network, OK, PEER, Request, Setup};

fn flow(packets: u64, bytes: u64) -> Flow {
    Flow { packets, bytes }
}

fn traffic(net: &Network) -> Traffic {
    net.servers[0].counters(net.now).traffic
}

#[test]
fn traffic_moves_while_the_allocation_lives_and_is_told_at_its_end() {
    let mut net = Network::open();
    let mut client = Client::new("192.0.2.1:4001");
    let relay = client.allocate(&mut net);
    client.must_bind(&mut net, 0x4000, PEER);
    assert!(client.channel(&mut net, 0x4000, &[1; 100]).is_some());
    assert!(net.peer_sends(relay, PEER, &[2; 201]).is_some());
    // A permission is for all ports of the host; what came to no avail has arrived all the same.
    assert!(net.peer_sends(relay, "8.8.8.8:77", &[3; 10]).is_some());
    assert!(net.peer_sends(relay, "1.2.3.4:5", &[4; 50]).is_none());
    let mut expected = Traffic::default();
    expected.client.received = flow(1, 104);
    expected.peer.sent = flow(1, 100);
    expected.peer.received = flow(3, 261);
    // ChannelData, and an indication: header, XOR-PEER-ADDRESS, DATA and two bytes of padding.
    expected.client.sent = flow(2, 205 + 20 + 12 + 4 + 12);
    assert_eq!(traffic(&net), expected);

    net.wait(90);
    assert_eq!(client.refresh(&mut net, 0).code(), OK);
    let told = net.events.iter().find_map(|event| match event {
        Event::Deleted { traffic, life, .. } => Some((*traffic, life.as_secs())),
        _ => None,
    });
    assert_eq!(told, Some((expected, 90)));
    let counters = net.servers[0].counters(net.now);
    assert_eq!(counters.traffic, expected);
    assert_eq!(counters.drops_to_client.no_permission, 1);
    assert_eq!(
        (counters.allocations_made, counters.allocations.sum()),
        (1, 0)
    );
    assert_eq!(counters.allocation_bytes.sum(), 361);
    assert_eq!((counters.permissions, counters.channels), (0, 0));
}

#[test]
fn refusals_are_counted_by_what_was_wrong() {
    let mut net = Network::with(Setup {
        quota: Some(1),
        ..Setup::default()
    });
    let mut alice = net.client("alice");
    alice.allocate(&mut net);
    let mut again = Client::new("192.0.2.77:4001").user("alice", "wonderland");
    assert_eq!(again.call(&mut net, &Request::allocate()).code(), 486);
    let mut guesser = Client::new("192.0.2.9:4001").user("alice", "guess");
    assert_eq!(guesser.call(&mut net, &Request::allocate()).code(), 401);
    let mut nobody = Client::new("192.0.2.10:4001").user("nobody", "x");
    assert_eq!(nobody.call(&mut net, &Request::allocate()).code(), 401);
    let counters = net.servers[0].counters(net.now);
    let failures = counters.auth_failures;
    assert_eq!((failures.wrong_password, failures.unknown_user), (1, 1));
    assert_eq!(failures.sum(), failures.no_credential + 2);
    assert_eq!(counters.errors.allocation_quota_reached, 1);
    assert_eq!(
        (counters.user_quota_hits, counters.total_quota_hits),
        (1, 0)
    );
    assert_eq!(counters.errors.unauthenticated, failures.sum());
    assert_eq!(counters.successes.allocate, 1);
}

#[test]
fn an_allocation_relays_no_more_than_max_bps_each_way() {
    let mut net = Network::with(Setup {
        max_bps: Some(10_000),
        ..Setup::open()
    });
    let mut client = Client::new("192.0.2.1:4001");
    let relay = client.allocate(&mut net);
    client.must_bind(&mut net, 0x4000, PEER);
    let (mut up, mut down) = (0, 0);
    for _ in 0..1000 {
        net.wait_millis(10);
        up += u64::from(client.channel(&mut net, 0x4000, &[1; 500]).is_some());
        down += u64::from(net.peer_sends(relay, PEER, &[1; 500]).is_some());
    }
    // Ten seconds, and the second that may come at once.
    assert_eq!((up, down), (220, 220));
    let counters = net.servers[0].counters(net.now);
    assert_eq!(counters.drops_to_peer.rate_limit, 780);
    assert_eq!(counters.drops_to_client.rate_limit, 780);
    assert_eq!(counters.traffic.peer.sent, flow(220, 110_000));
}

#[test]
fn whoever_comes_when_the_capacity_is_given_out_is_refused() {
    let mut net = Network::with(Setup {
        max_bps: Some(600),
        bps_capacity: Some(1000),
        ..Setup::open()
    });
    let mut clients: Vec<Client> = (1..=3)
        .map(|number| Client::new(&format!("192.0.2.{number}:4001")))
        .collect();
    let codes: Vec<u16> = clients
        .iter_mut()
        .map(|client| client.call(&mut net, &Request::allocate()).code())
        .collect();
    assert_eq!(codes, [OK, OK, 486]);
    assert_eq!(net.servers[0].counters(net.now).capacity_hits, 1);
    assert_eq!(clients[0].refresh(&mut net, 0).code(), OK);
    assert_eq!(clients[2].call(&mut net, &Request::allocate()).code(), OK);
    assert_eq!(net.settings.bandwidth.granted(), 1000);
}

#[test]
fn a_source_gets_no_more_challenges_than_it_may() {
    let mut net = Network::with(Setup {
        unauthorized: Some(3),
        ..Setup::default()
    });
    let mut answered = 0;
    for port in 4000..4010 {
        let mut client = Client::new(&format!("192.0.2.1:{port}")).anonymous();
        answered += u64::from(client.try_call(&mut net, &Request::allocate()).is_some());
    }
    assert_eq!(answered, 3);
    let limit = net.servers[0].counters(net.now).challenge_limit;
    assert_eq!((limit.dropped, limit.occupied), (7, 1));
    let told = |event: &&Event| matches!(event, Event::ChallengesSuppressed { .. });
    assert_eq!(net.events.iter().filter(told).count(), 1);
    net.wait(1);
    let mut client = Client::new("192.0.2.1:5000").anonymous();
    assert!(client.try_call(&mut net, &Request::allocate()).is_some());
}

#[test]
fn an_accounts_traffic_moves_while_its_allocation_lives() {
    let mut net = Network::with(Setup {
        by_account: true,
        ..Setup::default()
    });
    let mut alice = net.client("alice");
    alice.allocate(&mut net);
    alice.must_bind(&mut net, 0x4000, PEER);
    for _ in 0..300 {
        assert!(alice.channel(&mut net, 0x4000, &[1; 100]).is_some());
    }
    let told = |net: &Network| {
        let accounts = net.servers[0].accounts().expect("accounts are counted");
        let alice = accounts.iter().find(|(name, _)| *name == "alice");
        alice
            .expect("alice has moved something")
            .1
            .traffic
            .peer
            .sent
    };
    assert_eq!(told(&net), flow(256, 25_600));
    assert_eq!(alice.refresh(&mut net, 0).code(), OK);
    assert_eq!(told(&net), flow(300, 30_000));
}
