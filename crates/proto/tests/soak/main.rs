//! Years of allocations in minutes of a clock that a test moves: in the end nothing is left, and on the way
//! nothing has grown. `TURND_SOAK_CYCLES` sets how many allocations there are.

// The simulated network of the stories.
#[allow(dead_code, unused_imports, reason = "the stories use more of it")]
#[path = "../stories/support/mod.rs"]
mod support;

use allocation_counter::measure;
use turnd_proto::{Server, Transport};
use turnd_wire::attr;

use support::{Client, Network, OK, PEER, PEER_V6, Request, Setup};

/// Clients at a time.
const CLIENTS: usize = 20;
const USUAL: usize = 20_000;

struct Churn {
    net: Network,
    clients: Vec<Client>,
    made: usize,
}

impl Churn {
    fn new() -> Self {
        let net = Network::with(Setup {
            servers: 2,
            tcp_relay: true,
            by_account: true,
            unauthorized: Some(1000),
            quota: Some(u32::try_from(2 * CLIENTS).expect("few")),
            ..Setup::default()
        });
        let clients = (0..CLIENTS)
            .map(|number| {
                let over = [Transport::Udp, Transport::Tcp][number % 2];
                let (user, password) = [("alice", "wonderland"), ("bob", "builder")][number % 2];
                let address = format!("192.0.2.{}:4001", number + 1);
                let client = Client::new(&address).user(user, password);
                client.over(over).on_server(number / 2 % 2)
            })
            .collect();
        Self {
            net,
            clients,
            made: 0,
        }
    }

    /// Every client has an allocation once, in one of the ways that there are, and loses it in one of the ways.
    fn round(&mut self, round: usize) {
        let net = &mut self.net;
        for (number, client) in self.clients.iter_mut().enumerate() {
            let wish = match (round + number) % 5 {
                0 => Request::allocate(),
                1 => Request::allocate().dual(),
                2 => Request::allocate().even_port(true),
                3 if client.from.path.transport.is_stream() => {
                    Request::bare_allocate().with(attr::REQUESTED_TRANSPORT, &[6, 0, 0, 0])
                }
                _ => Request::allocate().lifetime(3600),
            };
            let mut reply = client.call(net, &wish);
            if reply.code() == 438 {
                reply = client.call(net, &wish);
            }
            assert_eq!(reply.code(), OK, "round {round}, client {number}: {wish:?}");
            self.made += 1;
            let relay = reply.relayed()[0];
            client.must_permit(net, PEER);
            let is_dual = reply.relayed().len() == 2;
            let is_tcp = (round + number) % 5 == 3 && client.from.path.transport.is_stream();
            if is_tcp {
                let taken = net.peer_connects(relay, PEER);
                assert!(taken.is_some());
                assert!(net.take_reply().is_some(), "ConnectionAttempt");
            } else {
                client.must_bind(net, 0x4000, if is_dual { PEER_V6 } else { PEER });
                assert!(client.channel(net, 0x4000, b"data").is_some());
                assert!(client.send(net, PEER, b"data").is_some());
            }
        }
        net.wait(200);
        for (number, client) in self.clients.iter_mut().enumerate() {
            match (round + number) % 3 {
                0 => assert_eq!(client.refresh(net, 0).code(), OK),
                1 if client.from.path.transport.is_stream() => net.client_disconnects(client),
                // The rest expires, some of it after a refresh.
                2 => assert_eq!(client.refresh(net, 600).code(), OK),
                _ => {}
            }
        }
        net.wait(3700);
        net.events.clear();
        net.closed.clear();
        net.joined.clear();
        assert_eq!((net.allocations(), net.ports.in_use()), (0, 0));
        net.servers.iter().for_each(Server::check_is_empty);
    }
}

#[test]
fn churn_leaves_nothing_behind() {
    let wanted = std::env::var("TURND_SOAK_CYCLES").map(|it| it.parse().expect("a number"));
    let cycles = wanted.unwrap_or(USUAL);
    let mut churn = Churn::new();
    // Tables get their size.
    for round in 0..15 {
        churn.round(round);
    }
    let mut round = 15;
    let mut block = |rounds: usize, churn: &mut Churn| {
        let heap = measure(|| {
            for _ in 0..rounds {
                churn.round(round);
                round += 1;
            }
        });
        heap.bytes_current
    };
    let mut grown = 0;
    while churn.made < cycles {
        grown += block(15, &mut churn);
    }
    assert!(
        grown.abs() < 4096,
        "{grown} bytes of heap after {} allocations",
        churn.made
    );
    let counters = churn.net.servers[0].counters(churn.net.now);
    assert_eq!(counters.allocations.sum(), 0);
    println!("{} allocations, {grown} bytes", churn.made);
}
