//! Messages on a stream: where one ends and the next begins, however the bytes arrive.

use std::net::SocketAddr;

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use turnd_wire::{Class, Method, TransactionId, attr, channel_data};

use crate::{
    client::{
        CHANNEL, CONFIG, Client, PATIENCE, Peer, Reply, ask_for_channel, ask_for_udp,
        binding_request, channel_message, expect_freed, message,
    },
    encrypted::{Tls, both_ports, start, tls},
    pki::Authority,
    support::turnd::Turnd,
};

/// Lengths of the ChannelData of a conversation: each remainder of four, and the empty one.
const LENGTHS: [usize; 9] = [0, 1, 2, 3, 4, 5, 6, 7, 700];

/// What a client of a whole conversation sends once it has a nonce.
struct Conversation {
    bytes: Vec<u8>,
    requests: Vec<(TransactionId, Method)>,
    /// What the peer gets, in order.
    at_peer: Vec<Vec<u8>>,
}

impl Conversation {
    fn new(client: &Client, peer: SocketAddr) -> Self {
        let mut it = Self {
            bytes: Vec::new(),
            requests: Vec::new(),
            at_peer: Vec::new(),
        };
        it.ask(Method::BINDING, binding_request());
        it.ask(
            Method::ALLOCATE,
            client.signed(Method::ALLOCATE, ask_for_udp),
        );
        let permission = client.signed(Method::CREATE_PERMISSION, |writer| {
            writer.xor_address(attr::XOR_PEER_ADDRESS, peer);
        });
        it.ask(Method::CREATE_PERMISSION, permission);
        let channel = client.signed(Method::CHANNEL_BIND, |writer| ask_for_channel(writer, peer));
        it.ask(Method::CHANNEL_BIND, channel);
        for length in LENGTHS {
            let data = filling(length);
            it.bytes.extend(channel_message(&data));
            it.at_peer.push(data);
            it.ask(Method::BINDING, binding_request());
        }
        let data = b"in an indication".to_vec();
        let (_, send) = message(Class::Indication, Method::SEND, |writer| {
            writer.xor_address(attr::XOR_PEER_ADDRESS, peer);
            writer.bytes(attr::DATA, &data);
        });
        it.bytes.extend(send);
        it.at_peer.push(data);
        it.ask(Method::BINDING, binding_request());
        it
    }

    fn ask(&mut self, method: Method, (id, bytes): (TransactionId, Vec<u8>)) {
        self.bytes.extend(bytes);
        self.requests.push((id, method));
    }

    /// Each request has its answer, the peer each datagram, and the way back is as good.
    fn check(&self, client: &mut Client, peer: &Peer) {
        for &(id, method) in &self.requests {
            let reply = client.reply_to(id);
            let got = (reply.message().method(), reply.error());
            assert_eq!(got, (method, None));
        }
        let mut relayed = None;
        for data in &self.at_peer {
            let (arrived, from) = peer.receive();
            assert_eq!(&arrived, data);
            relayed = Some(from);
        }
        for length in LENGTHS {
            let data = filling(length);
            peer.socket.send_to(&data, relayed.unwrap()).unwrap();
            assert_eq!(client.receive(), data);
        }
    }
}

fn filling(length: usize) -> Vec<u8> {
    (0..length).map(|at| at as u8 ^ 0x5A).collect()
}

/// A client that has a nonce, and what it is about to say.
fn about_to_talk(turnd: &Turnd, peer: &Peer) -> (Client, Conversation) {
    let mut client = Client::tcp(turnd.address_of("tcp"));
    client.learn_nonce();
    let conversation = Conversation::new(&client, peer.address());
    (client, conversation)
}

/// Another client of the same worker. When it is answered, what was sent before has been read.
struct Clock(Client);

impl Clock {
    fn new(turnd: &Turnd) -> Self {
        Self(Client::tcp(turnd.address_of("tcp")))
    }

    fn tick(&mut self) {
        assert_eq!(self.0.binding().error(), None);
    }
}

/// RFC 8489 section 6.2.2: messages follow each other without anything between them.
#[test]
fn a_whole_conversation_in_one_write_is_served() {
    let turnd = Turnd::start(CONFIG);
    let peer = Peer::new();
    let (mut client, conversation) = about_to_talk(&turnd, &peer);
    client.send(&conversation.bytes);
    conversation.check(&mut client, &peer);
}

/// RFC 8656 section 12.5: the length field is what tells the end of a message, not the segments.
#[test]
fn a_conversation_that_comes_byte_by_byte_is_served() {
    let turnd = Turnd::start(CONFIG);
    let (peer, mut clock) = (Peer::new(), Clock::new(&turnd));
    let (mut client, conversation) = about_to_talk(&turnd, &peer);
    for byte in &conversation.bytes {
        client.send(&[*byte]);
        clock.tick();
    }
    conversation.check(&mut client, &peer);
}

/// RFC 8656 section 12.5: the same for any cuts.
#[test]
fn a_conversation_that_is_cut_anywhere_is_served_as_if_it_were_not() {
    let turnd = Turnd::start(CONFIG);
    // Fixed seed: the same cuts every time.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let config = Config {
        cases: 48,
        failure_persistence: None,
        max_shrink_iters: 100,
        ..Config::default()
    };
    let cuts = prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 1..24);
    TestRunner::new_with_rng(config, rng)
        .run(&cuts, |cuts| {
            let (peer, mut clock) = (Peer::new(), Clock::new(&turnd));
            let (mut client, conversation) = about_to_talk(&turnd, &peer);
            let bytes = &conversation.bytes;
            let mut cuts: Vec<(usize, bool)> = cuts
                .iter()
                .map(|(at, is_read)| (at.index(bytes.len()), *is_read))
                .collect();
            cuts.sort_unstable();
            let mut start = 0;
            for (end, is_read) in cuts {
                client.send(&bytes[start..end]);
                if is_read {
                    clock.tick();
                }
                start = end;
            }
            client.send(&bytes[start..]);
            conversation.check(&mut client, &peer);
            Ok(())
        })
        .unwrap();
}

/// RFC 8656 section 12.5: ChannelData over streams is padded to a multiple of four, by the server too;
/// the padding is not counted in the length.
#[test]
fn channel_data_to_the_client_is_padded() {
    let turnd = Turnd::start(CONFIG);
    let peer = Peer::new();
    let mut client = Client::tcp(turnd.address_of("tcp"));
    let relayed = client.set_up(&peer);
    for length in LENGTHS {
        let data = filling(length);
        peer.socket.send_to(&data, relayed).unwrap();
        let mut bytes = vec![0; 4 + length.next_multiple_of(4)];
        client.stream.read_exact(&mut bytes).unwrap();
        let header = channel_data::header(CHANNEL, u16::try_from(length).unwrap());
        assert_eq!(bytes[..4], header, "length {length}");
        assert_eq!(bytes[4..4 + length], data, "length {length}");
        // Padding shows nothing of what was in memory before.
        assert!(bytes[4 + length..].iter().all(|&byte| byte == 0));
    }
    // Nothing was left over.
    assert_eq!(client.binding().error(), None);
}

/// RFC 8656 section 12.5: a message whose padding has not come yet is not whole.
#[test]
fn channel_data_without_its_padding_waits_for_it() {
    let turnd = Turnd::start(CONFIG);
    let (peer, mut clock) = (Peer::new(), Clock::new(&turnd));
    let mut client = Client::tcp(turnd.address_of("tcp"));
    client.set_up(&peer);
    for length in 1..4 {
        let bytes = channel_message(&filling(length));
        client.send(&bytes[..4 + length]);
        clock.tick();
        client.send(&bytes[4 + length..]);
        assert_eq!(peer.receive().0, filling(length));
    }
    client.echo(&peer, b"and goes on");
}

/// RFC 8656 section 12.5: the longest data that a datagram can carry comes through in both directions;
/// what fits no datagram is dropped, and what follows it on the stream is served.
#[test]
fn the_longest_channel_data_comes_through_and_what_no_datagram_carries_is_dropped() {
    let turnd = Turnd::start(CONFIG);
    let peer = Peer::new();
    let mut client = Client::tcp(turnd.address_of("tcp"));
    client.set_up(&peer);
    // 65535 less the headers of IPv4 and UDP.
    client.echo(&peer, &filling(65_507));
    client.send_channel(&filling(65_508));
    client.send_channel(&filling(65_532));
    client.echo(&peer, b"behind them");
}

/// A length beyond what the largest buffer for a datagram holds: nobody waits for the rest of it.
#[test]
fn channel_data_that_announces_65535_bytes_ends_the_connection_and_nobody_elses() {
    let turnd = Turnd::start(CONFIG);
    let peer = Peer::new();
    let mut other = Client::tcp(turnd.address_of("tcp"));
    other.set_up(&peer);
    for length in [65_533, 65_535] {
        let own_peer = Peer::new();
        let mut client = Client::tcp(turnd.address_of("tcp"));
        let relayed = client.set_up(&own_peer);
        client.send(&channel_data::header(CHANNEL, length));
        client.expect_end();
        expect_freed(relayed);
        other.echo(&peer, b"untouched");
    }
}

/// RFC 8489 section 6.2.2: who cannot be followed any further is cut off. Nobody else is.
#[test]
fn what_is_no_message_ends_the_connection_and_nobody_elses() {
    let turnd = Turnd::start(CONFIG);
    let server = turnd.address_of("tcp");
    let peer = Peer::new();
    let mut other = Client::tcp(server);
    other.set_up(&peer);

    let (_, binding) = binding_request();
    let with = |at: usize, value: &[u8]| {
        let mut bytes = binding.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        bytes
    };
    let nonsense = [
        ("a length that is no multiple of four", with(2, &[0, 3])),
        ("a length that no buffer holds", with(2, &[0xFF, 0xFC])),
        ("another magic cookie", with(4, &[1, 2, 3, 4])),
        ("the first bits 10", vec![0x80; 20]),
        ("the first bits 11", vec![0xFF; 20]),
        (
            "a number of no method, and no cookie",
            [&[0x3F][..], &[0; 19]].concat(),
        ),
    ];
    for (what, bytes) in nonsense {
        // As the first thing that comes, and in the midst of a session.
        for is_first in [true, false] {
            let mut client = Client::tcp(server);
            if !is_first {
                assert_eq!(client.allocate().error(), None, "{what}");
            }
            client.send(&bytes);
            client.expect_end();
            other.echo(&peer, what.as_bytes());
        }
    }
}

/// ChannelData is nothing a connection can begin with: no channel is bound there.
#[test]
fn a_connection_that_begins_with_channel_data_gets_nothing() {
    let turnd = Turnd::start(CONFIG);
    let mut client = Client::tcp(turnd.address_of("tcp"));
    client.send_channel(b"hello");
    client.expect_end();
}

/// RFC 8656 section 12.6: data on a channel that is not bound is dropped without a word.
#[test]
fn channel_data_without_a_channel_is_dropped_and_the_connection_goes_on() {
    let turnd = Turnd::start(CONFIG);
    let mut client = Client::tcp(turnd.address_of("tcp"));
    assert_eq!(client.allocate().error(), None);
    client.send_channel(b"nobody listens");
    assert_eq!(client.binding().error(), None);
}

/// RFC 8489 section 6.2.2: a client may finish its half of the connection, which ends the whole.
#[test]
fn a_request_before_the_clients_end_is_answered() {
    let turnd = Turnd::start(CONFIG);
    let mut client = Client::tcp(turnd.address_of("tcp"));
    let (id, bytes) = binding_request();
    client.send(&bytes);
    let socket = client.stream.socket();
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let reply: Reply = client.reply_to(id);
    assert_eq!(reply.mapped(), client.local());
    client.expect_end();
}

/// RFC 8656 section 11.4: without a channel, data comes in Data indications, over streams as well.
#[test]
fn without_a_channel_data_comes_in_indications() {
    let turnd = Turnd::start(CONFIG);
    let peer = Peer::new();
    let mut client = Client::tcp(turnd.address_of("tcp"));
    let relayed = client.allocate().relayed();
    let permission = client.request(Method::CREATE_PERMISSION, |writer| {
        writer.xor_address(attr::XOR_PEER_ADDRESS, peer.address());
    });
    assert_eq!(permission.error(), None);
    for length in LENGTHS {
        let data = filling(length);
        peer.socket.send_to(&data, relayed).unwrap();
        let indication = Reply(client.next().expect("an indication"));
        let message = indication.message();
        let kind = (message.class(), message.method());
        assert_eq!(kind, (Class::Indication, Method::DATA));
        assert_eq!(message.attribute(attr::DATA), Some(&data[..]));
        let from = message.xor_address(attr::XOR_PEER_ADDRESS);
        assert_eq!(from, Some(peer.address()));
    }
}

/// RFC 8489 section 6.2.2: a client need not wait for an answer before it asks again. Many more requests
/// than one read takes are answered each, in their order, over TCP and TLS.
#[test]
fn thousands_of_requests_in_one_write_are_answered_in_order() {
    let authority = Authority::new();
    let turnd = start(&authority, "");
    let [server, _] = both_ports(&turnd);
    let config = Tls::trusting(authority.der()).config(None);
    for mut client in [Client::tcp(server), tls(server, &config).0] {
        let (ids, requests): (Vec<_>, Vec<_>) = (0..5000).map(|_| binding_request()).unzip();
        client.send(&requests.concat());
        for id in ids {
            assert_eq!(client.reply_to(id).mapped(), client.local());
        }
    }
}

/// The same with messages that are many times longer than what follows them: whatever part of one is there
/// when the buffer is full, nothing behind it is lost. The channel is not bound, so nothing leaves.
#[test]
fn short_requests_behind_long_messages_are_answered_in_order() {
    let authority = Authority::new();
    let turnd = start(&authority, "");
    let [server, _] = both_ports(&turnd);
    let config = Tls::trusting(authority.der()).config(None);
    for mut client in [Client::tcp(server), tls(server, &config).0] {
        assert_eq!(client.allocate().error(), None);
        let (mut ids, mut bytes) = (Vec::new(), Vec::new());
        for length in (0..60_000).step_by(1500) {
            bytes.extend(channel_message(&filling(length)));
            let (id, request) = binding_request();
            bytes.extend(request);
            ids.push(id);
        }
        client.send(&bytes);
        for id in ids {
            assert_eq!(client.reply_to(id).mapped(), client.local());
        }
    }
}
