//! What comes back from peers, and from the network about what went to them: only what a client has permitted
//! reaches it, wherever it is by then, in a frame that it can read, and of errors no more than it may be told.

use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use turnd_proto::{Frame, Icmp, Instant, RelayId, Run, Transport};
use turnd_wire::{ChannelData, Class, Message, Method, attr};

use crate::{
    input::Input,
    support::{Client, Network, OK, OTHER_PEER, PEER, PEER_V6, Request, SAME_HOST, Setup, at},
};

const CHANNEL: u16 = 0x4000;
const PERMITTED: [&str; 3] = [PEER, OTHER_PEER, PEER_V6];
/// Life of an allocation and of a permission, in seconds.
const ALLOCATION: u64 = 600;
const PERMISSION: u64 = 300;
/// The longest indication of an ICMP message: with IPv6 and FINGERPRINT.
const LONGEST_ICMP: usize = 68;

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut peers = Peers::new(input.byte());
    while !input.is_empty() {
        peers.step(&mut input);
        peers.net.servers[0].check();
    }
    peers.net.wait(10_000);
    peers.net.servers[0].check_is_empty();
    assert_eq!(peers.net.ports.in_use(), 0);
}

struct Peers {
    net: Network,
    flags: u8,
    /// Where it is, or was.
    client: Client,
    /// Those of the client, one for TCP, and one that is closed.
    relays: Vec<RelayId>,
    tcp_relay: RelayId,
    closed: RelayId,
    ticket: Option<Vec<u8>>,
    is_away: bool,
    /// When the allocation and its permissions end.
    ends: Instant,
    permitted_until: Instant,
    begun: Instant,
    /// How often the client was told of ICMP messages, and when last.
    told: u64,
    told_at: Option<Instant>,
}

impl Peers {
    fn new(flags: u8) -> Self {
        let mut net = Network::with(Setup {
            fingerprint: flags & 1 != 0,
            tcp_relay: true,
            max_bps: (flags & 2 != 0).then_some(3000),
            mobility: flags & 32 != 0,
            ..Setup::open()
        });
        let over = if flags & 4 == 0 {
            Transport::Udp
        } else {
            Transport::Tcp
        };
        let mut client = Client::new("192.0.2.1:4001").over(over);
        let mut request = Request::allocate().dual();
        if flags & 32 != 0 {
            request = request.with(attr::MOBILITY_TICKET, &[]);
        }
        let reply = client.call(&mut net, &request);
        client.must_bind(&mut net, CHANNEL, PEER);
        client.must_permit(&mut net, OTHER_PEER);
        client.must_permit(&mut net, PEER_V6);
        let mut tcp = Client::new("192.0.2.2:4001").over(Transport::Tcp);
        let for_tcp = Request::bare_allocate().with(attr::REQUESTED_TRANSPORT, &[6, 0, 0, 0]);
        let tcp_relay = tcp.call(&mut net, &for_tcp).relay();
        tcp.must_permit(&mut net, PEER);
        let mut gone = Client::new("192.0.2.3:4001");
        let closed = gone.allocate(&mut net);
        gone.must_permit(&mut net, PEER);
        let id = |relay: &SocketAddr| net.socket(*relay).expect("it is open").1;
        let relays = reply.relayed().iter().map(id).collect();
        let (tcp_relay, closed) = (id(&tcp_relay), id(&closed));
        assert_eq!(gone.refresh(&mut net, 0).code(), OK);
        let begun = net.now.instant;
        Self {
            flags,
            client,
            relays,
            tcp_relay,
            closed,
            ticket: reply.value(attr::MOBILITY_TICKET),
            is_away: false,
            ends: begun + Duration::from_secs(ALLOCATION),
            permitted_until: begun + Duration::from_secs(PERMISSION),
            begun,
            told: 0,
            told_at: None,
            net,
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        if self.flags & 16 != 0 && input.flag() {
            match input.byte() % 8 {
                0 => self.refresh(),
                1 => self.leave(),
                2 => self.come_back(input),
                _ => self.undelivered(input),
            }
            self.net.wait_millis(u64::from(input.byte()) * 20);
            return;
        }
        let from = source(input);
        if self.flags & 8 != 0 && input.flag() {
            // A connection, which is told to the client once.
            let (server, relay) = (&mut self.net.servers[0], self.tcp_relay);
            let taken = server.handle_peer_connection(self.net.now, relay, from);
            let told: Vec<_> = core::iter::from_fn(|| server.poll_output()).collect();
            assert!(told.len() <= 4, "{told:?}");
            assert!(taken.is_none() || from.ip() == at(PEER).ip());
            return;
        }
        self.data(from, input);
        self.net.wait_millis(u64::from(input.byte()) * 1500);
    }

    fn data(&mut self, from: SocketAddr, input: &mut Input<'_>) {
        let relay = *input.one(&self.relays);
        let each = usize::from(input.number()) % 65_508;
        let datagrams = u32::from(input.byte() % 64) + 1;
        let bytes = each * datagrams as usize;
        let run = Run {
            datagrams,
            each,
            bytes,
        };
        let server = &mut self.net.servers[0];
        if let Some(hop) = server.to_client(self.net.now, relay, from, run) {
            assert!((1..=datagrams).contains(&hop.datagrams));
            assert_eq!(hop.to, self.client.from);
            assert!(!self.is_away, "nobody is there");
            let nth = hop.datagrams - 1;
            let is_stream = self.client.from.path.transport.is_stream();
            arrives(&hop.frame, nth, &vec![0xDA; each], from, is_stream);
        }
        let queued = server.poll_output();
        assert!(queued.is_none(), "the fast path queues nothing");
    }

    /// ICMP messages about what one relay sent to one address, perhaps many of them.
    fn undelivered(&mut self, input: &mut Input<'_>) {
        let relay = match input.byte() % 4 {
            0 => self.closed,
            nth => self.relays[usize::from(nth) % self.relays.len()],
        };
        let about = source(input);
        let icmp = Icmp {
            kind: input.byte(),
            code: input.byte(),
            mtu: u32::from(input.number()) << 8 | 7,
        };
        let now = self.net.now;
        let is_told_of = match about.ip() {
            IpAddr::V4(_) => [3, 11].contains(&icmp.kind),
            IpAddr::V6(_) => [1, 2, 3].contains(&icmp.kind),
        };
        let is_permitted = is_permitted(about) && now.instant < self.permitted_until;
        let may_be_told =
            relay != self.closed && is_told_of && is_permitted && !self.is_away && self.is_alive();
        for _ in 0..=input.byte() {
            let is_due = self
                .told_at
                .is_none_or(|at| now.instant.since(at) >= Duration::from_secs(1));
            let hop = self.net.servers[0].handle_icmp(now, relay, about, icmp);
            assert!(self.net.servers[0].poll_output().is_none());
            let Some(hop) = hop else {
                assert!(!(may_be_told && is_due), "{icmp:?} about {about}");
                continue;
            };
            assert!(may_be_told, "{icmp:?} about {about}");
            assert_eq!(hop.to, self.client.from);
            self.is_readable(&hop.bytes, about, icmp);
            self.told += 1;
            self.told_at = Some(now.instant);
            let most = 10 + now.instant.since(self.begun).as_millis() / 100;
            assert!(u128::from(self.told) <= most, "told {} times", self.told);
        }
    }

    fn is_readable(&self, bytes: &[u8], about: SocketAddr, icmp: Icmp) {
        assert!(bytes.len() <= LONGEST_ICMP, "{} bytes", bytes.len());
        let read = Message::parse(bytes).expect("a Data indication");
        assert_eq!(
            (read.class(), read.method()),
            (Class::Indication, Method::DATA)
        );
        assert_eq!(read.xor_address(attr::XOR_PEER_ADDRESS), Some(about));
        assert_eq!(read.attribute(attr::DATA), Some(&[][..]));
        let fingerprint = (self.flags & 1 != 0).then_some(true);
        assert_eq!(read.fingerprint(), fingerprint);
        let value = read.attribute(attr::ICMP).expect("ICMP");
        assert_eq!(value[..4], [0, 0, icmp.kind, icmp.code]);
        let tells_an_mtu = match about.ip() {
            IpAddr::V4(_) => (icmp.kind, icmp.code) == (3, 4),
            IpAddr::V6(_) => icmp.kind == 2,
        };
        let mtu = if tells_an_mtu { icmp.mtu } else { 0 };
        assert_eq!(value[4..], mtu.to_be_bytes());
    }

    fn is_alive(&self) -> bool {
        self.net.now.instant < self.ends
    }

    /// The client asks for more time for everything.
    fn refresh(&mut self) {
        let is_good = self.is_alive() && !self.is_away;
        let reply = self.client.refresh(&mut self.net, 600);
        assert_eq!(reply.code() == OK, is_good);
        if is_good {
            let now = self.net.now.instant;
            self.ends = now + Duration::from_secs(ALLOCATION);
            self.permitted_until = now + Duration::from_secs(PERMISSION);
            for peer in PERMITTED {
                self.client.must_permit(&mut self.net, peer);
            }
        }
    }

    /// The connection of the client ends: so does its allocation, unless it has a ticket.
    fn leave(&mut self) {
        if !self.client.from.path.transport.is_stream() || self.is_away {
            return;
        }
        self.net.client_disconnects(&self.client);
        self.is_away = true;
        if self.ticket.is_none() {
            self.ends = self.ends.min(self.net.now.instant);
        }
    }

    /// The client shows its ticket somewhere else, and sends data from there.
    fn come_back(&mut self, input: &mut Input<'_>) {
        let Some(ticket) = &self.ticket else {
            return;
        };
        let mut there = self.client.clone();
        there
            .from
            .path
            .client
            .set_port(5000 + u16::from(input.byte()));
        let other = [Transport::Udp, Transport::Tls, Transport::Dtls];
        there = there.over(*input.one(&other));
        if there.from == self.client.from {
            return;
        }
        let resume = Request::refresh().with(attr::MOBILITY_TICKET, ticket);
        let reply = there.call(&mut self.net, &resume);
        assert_eq!(reply.code() == OK, self.is_alive(), "{reply:?}");
        if !self.is_alive() {
            return;
        }
        self.ticket = reply.value(attr::MOBILITY_TICKET);
        self.ends = self.net.now.instant + Duration::from_secs(ALLOCATION);
        there.channel(&mut self.net, CHANNEL, b"here");
        (self.client, self.is_away) = (there, false);
    }
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

fn is_permitted(peer: SocketAddr) -> bool {
    // Nobody is at port 0.
    peer.port() != 0 && PERMITTED.iter().any(|it| at(it).ip() == peer.ip())
}

/// The frame around these data is one that the client can read.
fn arrives(frame: &Frame, nth: u32, data: &[u8], from: SocketAddr, is_stream: bool) {
    assert!(is_permitted(from));
    let Some(around) = frame.around(data, nth) else {
        assert!(data.len() > 65_400, "{} bytes fit", data.len());
        return;
    };
    let bytes = [around.prefix(), data, around.suffix()].concat();
    match *frame {
        Frame::Channel { number, padded } => {
            assert_eq!((number, from, padded), (CHANNEL, at(PEER), is_stream));
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
