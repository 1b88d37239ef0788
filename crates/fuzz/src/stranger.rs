//! One datagram of somebody without an account: at most one answer, at most three times as long, and nothing
//! is remembered.

use turnd_proto::Transport;
use turnd_wire::{Message, attr};

use crate::{
    input::Input,
    reflection::{Added, is_classic, is_classic_refusal, is_small},
    support::{Client, Network, Reply, Request, Setup},
};

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let flags = input.byte();
    let mut net = Network::with(Setup {
        fingerprint: flags & 1 != 0,
        legacy_channels: flags & 2 != 0,
        tcp_relay: flags & 4 != 0,
        sha256: flags & 8 == 0,
        stun: flags & 0xF0 != 0xF0,
        unauthorized: (flags & 0xC0 == 0xC0).then_some(1),
        ..Setup::default()
    });
    let from = *input.one(&[
        "192.0.2.1:4001",
        "[2a00::1]:4001",
        "9.9.9.9:50000",
        "[2002::1]:1",
    ]);
    let transports = [
        Transport::Udp,
        Transport::Tcp,
        Transport::Tls,
        Transport::Dtls,
    ];
    let client = Client::new(from).over(*input.one(&transports));
    let knows_a_nonce = input.flag();
    let mut datagram = input.rest().to_vec();
    if knows_a_nonce {
        put_nonce(&mut net, &client, &mut datagram);
    }

    let relayed = net.relay_up(&client, &datagram);
    assert_eq!(relayed, None, "nobody has permitted that");
    if let Some(answer) = net.take_reply() {
        // Whoever switches FINGERPRINT on for every message pays for it.
        let added = Added {
            fingerprint: flags & 1 != 0,
            ..Added::default()
        };
        is_small(&datagram, answer.len(), added);
        if is_classic(&datagram) {
            is_classic_refusal(&datagram, &answer);
            assert_eq!(client.from.path.transport, Transport::Dtls);
        } else {
            let reply = Reply::to(&datagram, answer);
            assert!(reply.signatures().is_empty(), "a key that nobody has shown");
            assert!(reply.relayed().is_empty());
        }
    }
    assert_eq!(net.take_reply(), None, "two answers");
    assert!(net.events.len() <= 2);
    assert_eq!((net.allocations(), net.ports.opened), (0, 0));
    assert!(net.asks.is_empty() && net.connecting.is_empty());
    net.servers[0].check_is_empty();
}

/// Puts a good nonce in the place of the one in the datagram, if there is one as long.
fn put_nonce(net: &mut Network, client: &Client, datagram: &mut [u8]) {
    let place = Message::parse(datagram)
        .ok()
        .and_then(|message| message.position(attr::NONCE));
    net.relay_up(client, &Request::allocate().unsigned());
    let Some(answer) = net.take_reply() else {
        return;
    };
    let answer = Message::parse(&answer).expect("the server sends messages");
    if let (Some(place), Some(nonce)) = (place, answer.attribute(attr::NONCE))
        && place.len() == nonce.len()
    {
        datagram[place].copy_from_slice(nonce);
    }
    net.events.clear();
}
