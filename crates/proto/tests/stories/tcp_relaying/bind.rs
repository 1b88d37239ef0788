//! ConnectionBind (RFC 6062 sections 4.4 and 5.4).

use turnd_proto::{ConnectionId, Transport};
use turnd_wire::{Method, attr};

use super::{
    PEER, alice, attempt, bind, connect, connected, data_connection, for_tcp, network, setup,
};
use crate::support::{Client, Network, OK, Request, Setup, at};

/// T6062-5.2-6
#[test]
fn connections_have_names_of_their_own_that_nobody_guesses() {
    let mut net = network();
    let (mut alice, _) = alice(&mut net);
    let mut ids: Vec<_> = (0..8)
        .map(|at| {
            connected(
                &mut net,
                &mut alice,
                &format!("8.8.8.7:{}", 2000 + at),
                true,
            )
            .unwrap()
            .0
        })
        .collect();
    let steps: Vec<u32> = ids
        .windows(2)
        .map(|pair| pair[1].wrapping_sub(pair[0]))
        .collect();
    assert!(
        steps.iter().any(|step| *step != steps[0]),
        "{ids:x?} count up"
    );
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 8);
}

/// T6062-5.2-7
#[test]
fn a_connection_that_nobody_binds_is_closed_after_thirty_seconds() {
    let mut net = network();
    let (mut alice, relay) = alice(&mut net);
    alice.must_permit(&mut net, PEER);
    let made = connected(&mut net, &mut alice, PEER, true).unwrap();
    let taken = net.peer_connects(relay, "8.8.8.7:999").unwrap();
    assert_eq!(attempt(&mut net), (taken, at("8.8.8.7:999")));
    net.wait_millis(29_999);
    assert_eq!(net.closed, []);
    net.wait_millis(1);
    net.closed.sort();
    let mut both = [made, taken];
    both.sort();
    assert_eq!(net.closed, both);
    let mut late = data_connection(&net, "alice", 5000, 0);
    assert_eq!(late.call(&mut net, &bind(made)).code(), 400);
}

/// T6062-5.4-1
#[test]
fn a_connection_is_bound_once_and_by_its_name() {
    let mut net = network();
    let (mut alice, _) = alice(&mut net);
    let id = connected(&mut net, &mut alice, PEER, true).unwrap();
    for transport in [Transport::Udp, Transport::Dtls] {
        let mut wrong = data_connection(&net, "alice", 5000, 0).over(transport);
        assert_eq!(wrong.call(&mut net, &bind(id)).code(), 400, "{transport:?}");
    }
    let mut data = data_connection(&net, "alice", 5001, 0);
    let nameless = Request::new(Method::CONNECTION_BIND);
    let short = nameless.clone().with(attr::CONNECTION_ID, &[0; 3]);
    for wrong in [
        nameless,
        short,
        bind(ConnectionId(id.0 ^ 1)),
        bind(ConnectionId(id.0 | 0xFF00_0000)),
    ] {
        assert_eq!(data.call(&mut net, &wrong).code(), 400);
    }
    // The control connection is none for data.
    assert_eq!(alice.call(&mut net, &bind(id)).code(), 400);
    assert_eq!(net.joined, []);
    assert_eq!(data.call(&mut net, &bind(id)).code(), OK);
    let mut second = data_connection(&net, "alice", 5002, 0);
    assert_eq!(second.call(&mut net, &bind(id)).code(), 400);
    assert_eq!(net.joined, [(data.address(), id)]);
}

/// T6062-5.4-1
#[test]
fn a_peer_that_has_not_answered_cannot_be_bound() {
    let mut net = network();
    let (mut alice, _) = alice(&mut net);
    assert_eq!(alice.try_call(&mut net, &connect(PEER)), None);
    let (_, _, id, _) = net.connecting[0];
    let mut data = data_connection(&net, "alice", 5000, 0);
    assert_eq!(data.call(&mut net, &bind(id)).code(), 400);
}

/// T6062-5.4-2
#[test]
fn a_connection_is_bound_by_its_owner_only() {
    let mut net = network();
    let (mut alice, _) = alice(&mut net);
    let id = connected(&mut net, &mut alice, PEER, true).unwrap();
    let mut bob = data_connection(&net, "bob", 5000, 0);
    assert_eq!(bob.call(&mut net, &bind(id)).code(), 441);
    assert_eq!(net.joined, []);
    let mut data = data_connection(&net, "alice", 5001, 0);
    assert_eq!(
        data.call(&mut net, &bind(id)).code(),
        OK,
        "bob has not spoiled it"
    );
}

#[test]
fn a_connection_is_found_from_every_server_of_the_process() {
    let mut net = Network::with(Setup {
        servers: 3,
        ..setup()
    });
    let mut alice = net.client("alice").over(Transport::Tcp).on_server(2);
    alice.call(&mut net, &for_tcp());
    let id = connected(&mut net, &mut alice, PEER, true).unwrap();
    assert_eq!(id.server(), 2);
    let mut data = data_connection(&net, "alice", 5000, 1);
    assert_eq!(data.call(&mut net, &bind(id)).code(), OK);
    assert_eq!(net.joined, [(data.address(), id)]);
}

/// Both would be granted: what peers send over UDP would stand among the bytes of the TCP peer.
#[test]
fn a_connection_whose_allocation_is_on_its_way_cannot_be_bound() {
    let mut net = Network::with(Setup {
        open: true,
        ..setup()
    });
    net.hold = true;
    let alice = Client::new("192.0.2.1:4001").over(Transport::Tcp);
    let allocate = Request::allocate().build([1; 12].into(), |_| ());
    assert_eq!(net.exchange(&alice, &allocate), None);
    let bind = bind(ConnectionId(1)).build([2; 12].into(), |_| ());
    let reply = net.exchange(&alice, &bind).expect("a refusal at once");
    assert_eq!(reply.code(), 400);
}
