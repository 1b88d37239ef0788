//! What comes back from peers: only what a client has permitted reaches it, in a frame that it can read.

use core::net::SocketAddr;

use turnd_proto::{Frame, Run, Transport};
use turnd_wire::{ChannelData, Class, Message, Method, attr};

use crate::{
    input::Input,
    support::{Client, Network, OTHER_PEER, PEER, PEER_V6, Request, SAME_HOST, Setup, at},
};

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let flags = input.byte();
    let mut net = Network::with(Setup {
        fingerprint: flags & 1 != 0,
        tcp_relay: true,
        max_bps: (flags & 2 != 0).then_some(3000),
        ..Setup::open()
    });
    let over = if flags & 4 == 0 {
        Transport::Udp
    } else {
        Transport::Tcp
    };
    let mut client = Client::new("192.0.2.1:4001").over(over);
    let reply = client.call(&mut net, &Request::allocate().dual());
    client.must_bind(&mut net, 0x4000, PEER);
    client.must_permit(&mut net, OTHER_PEER);
    client.must_permit(&mut net, PEER_V6);
    let mut tcp = Client::new("192.0.2.2:4001").over(Transport::Tcp);
    let for_tcp = Request::bare_allocate().with(attr::REQUESTED_TRANSPORT, &[6, 0, 0, 0]);
    let tcp_relay = tcp.call(&mut net, &for_tcp).relay();
    tcp.must_permit(&mut net, PEER);

    let [relays, tcp_relays] = [reply.relayed(), vec![tcp_relay]].map(|relays| {
        let id = |relay: SocketAddr| net.socket(relay).expect("it is open").1;
        relays.into_iter().map(id).collect::<Vec<_>>()
    });
    while !input.is_empty() {
        let from = source(&mut input);
        if flags & 8 != 0 && input.flag() {
            // A connection, which is told to the client once.
            let relay = tcp_relays[0];
            let taken = net.servers[0].handle_peer_connection(net.now, relay, from);
            let told: Vec<_> = core::iter::from_fn(|| net.servers[0].poll_output()).collect();
            assert!(told.len() <= 4, "{told:?}");
            assert!(taken.is_none() || from.ip() == at(PEER).ip());
            net.servers[0].check();
            continue;
        }
        let relay = *input.one(&relays);
        let each = usize::from(input.number()) % 65_508;
        let datagrams = u32::from(input.byte() % 64) + 1;
        let bytes = each * datagrams as usize;
        let run = Run {
            datagrams,
            each,
            bytes,
        };
        if let Some(hop) = net.servers[0].to_client(net.now, relay, from, run) {
            assert!((1..=datagrams).contains(&hop.datagrams));
            assert_eq!(hop.to, client.from);
            let nth = hop.datagrams - 1;
            arrives(&hop.frame, nth, &vec![0xDA; each], from, over.is_stream());
        }
        assert!(
            net.servers[0].poll_output().is_none(),
            "the fast path queues nothing"
        );
        net.servers[0].check();
        net.wait_millis(u64::from(input.byte()) * 1500);
    }
    net.wait(10_000);
    net.servers[0].check_is_empty();
    assert_eq!(net.ports.in_use(), 0);
}

fn source(input: &mut Input<'_>) -> SocketAddr {
    match input.byte() % 8 {
        0 => at(PEER),
        1 => at(SAME_HOST),
        2 => at(OTHER_PEER),
        3 => at(PEER_V6),
        4 => SocketAddr::new(at(PEER).ip(), input.number()),
        5 => SocketAddr::from(([0; 4].map(|_: u8| input.byte()), input.number())),
        6 => SocketAddr::from(([0; 16].map(|_: u8| input.byte()), input.number())),
        _ => SocketAddr::new(at(PEER_V6).ip(), input.number()),
    }
}

/// The frame around these data is one that the client can read.
fn arrives(frame: &Frame, nth: u32, data: &[u8], from: SocketAddr, is_stream: bool) {
    let permitted = [PEER, OTHER_PEER, PEER_V6].map(|peer| at(peer).ip());
    assert!(permitted.contains(&from.ip()));
    let Some(around) = frame.around(data, nth) else {
        assert!(data.len() > 65_400, "{} bytes fit", data.len());
        return;
    };
    let bytes = [around.prefix(), data, around.suffix()].concat();
    match *frame {
        Frame::Channel { number, padded } => {
            assert_eq!((number, from, padded), (0x4000, at(PEER), is_stream));
            let read = ChannelData::parse(&bytes).expect("ChannelData");
            assert_eq!((read.channel, read.data), (number, data));
            assert!(!padded || bytes.len().is_multiple_of(4));
        }
        Frame::Indication { peer, .. } => {
            let read = Message::parse(&bytes).expect("a Data indication");
            assert_eq!(
                (read.class(), read.method()),
                (Class::Indication, Method::DATA)
            );
            assert_eq!(
                (read.xor_address(attr::XOR_PEER_ADDRESS), peer),
                (Some(from), from)
            );
            assert_eq!(read.attribute(attr::DATA), Some(data));
            assert_ne!(read.fingerprint(), Some(false));
        }
    }
}
