//! The network itself.

use core::{net::SocketAddr, time::Duration};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use turnd_proto::{
    Answer, Ask, AskId, ConnectFailure, ConnectionId, Event, FiveTuple, Frame, Hairpin, Instant,
    Now, OpenedRelay, Output, OwnAddresses, PortWish, RelayId, RelayRefusal, Run, Server, Settings,
    StreamMeter, Withdrawn,
};
use turnd_wire::{ChannelData, Class, Family, Message, Method, attr};

use super::{Client, Keys, Ports, Reply, Setup, at, peer_of};

/// What a peer receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerGets {
    /// The relay socket's own address.
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) data: Vec<u8>,
    pub(crate) dont_fragment: bool,
    /// The way it takes if `to` is a relay of this process.
    pub(crate) hairpin: Option<Hairpin>,
}

/// What a client receives from a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClientGets {
    Channel {
        client: SocketAddr,
        number: u16,
        data: Vec<u8>,
    },
    Indication {
        client: SocketAddr,
        peer: SocketAddr,
        data: Vec<u8>,
    },
}

/// Servers and all that they need.
pub(crate) struct Network {
    pub(crate) servers: Vec<Server>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) own: Arc<OwnAddresses>,
    pub(crate) now: Now,
    pub(crate) keys: Keys,
    pub(crate) ports: Ports,
    pub(crate) events: Vec<Event>,
    /// Whether questions wait in `asks` until [`Self::answer_asks`].
    pub(crate) hold: bool,
    pub(crate) asks: Vec<(usize, AskId, Ask)>,
    /// Connections with peers that are being made; tests answer.
    pub(crate) connecting: Vec<(usize, AskId, ConnectionId, SocketAddr)>,
    /// Connections that were joined, and whose.
    pub(crate) joined: Vec<(SocketAddr, ConnectionId)>,
    /// What counts the bytes of connections that were claimed.
    pub(crate) meters: Vec<Arc<StreamMeter>>,
    /// Connections that were closed.
    pub(crate) closed: Vec<ConnectionId>,
    /// Clients whose connections were to be ended.
    pub(crate) shut_out: Vec<SocketAddr>,
    /// Which server has the clients that moved, by their paths and the server they write to.
    pub(crate) forwarded: HashMap<(usize, FiveTuple), usize>,
    /// Replies that nobody has looked at.
    replies: Vec<(turnd_proto::Client, Vec<u8>)>,
    /// Open relay sockets and whose they are.
    sockets: HashMap<SocketAddr, (usize, RelayId)>,
    /// The next pair gets stuck halfway: its first socket is open when its second one fails.
    pub(crate) stick: bool,
    /// The first sockets of pairs that were refused: the server may close them, open or not.
    refused: HashSet<(usize, RelayId)>,
}

impl Network {
    pub(crate) fn new() -> Self {
        Self::with(Setup::default())
    }

    /// Nobody needs credentials.
    pub(crate) fn open() -> Self {
        Self::with(Setup::open())
    }

    pub(crate) fn with(setup: Setup) -> Self {
        let own = Arc::new(setup.own());
        let settings = Arc::new(setup.settings(own.clone(), None));
        let servers =
            (0..setup.servers).map(|index| Server::new(settings.clone(), index, &[index + 1; 32]));
        let inside = setup.relays.iter().map(|(inside, _)| inside.parse());
        Self {
            servers: servers.collect(),
            settings: settings.clone(),
            own,
            now: Now {
                instant: Instant::from_millis(1_000_000),
                unix: 1_700_000_000,
            },
            keys: Keys::some_users(),
            ports: Ports::new(inside.collect::<Result<_, _>>().expect("addresses")),
            events: Vec::new(),
            hold: false,
            asks: Vec::new(),
            connecting: Vec::new(),
            joined: Vec::new(),
            meters: Vec::new(),
            closed: Vec::new(),
            shut_out: Vec::new(),
            forwarded: HashMap::new(),
            replies: Vec::new(),
            sockets: HashMap::new(),
            stick: false,
            refused: HashSet::new(),
        }
    }

    /// Gives every server other settings; how many servers there are cannot change. Returns what each has
    /// taken from its clients.
    pub(crate) fn reconfigure(&mut self, setup: Setup) -> Vec<Withdrawn> {
        let settings = setup.settings(self.own.clone(), Some(&self.settings));
        settings.quotas.set_limits(setup.quota, setup.total_quota);
        self.settings = Arc::new(settings);
        let mut withdrawn = Vec::new();
        for index in 0..self.servers.len() {
            let settings = self.settings.clone();
            withdrawn.push(self.servers[index].reconfigure(self.now, settings));
            self.drain(index);
        }
        withdrawn
    }

    /// A server begins anew, after a panic of whoever drives it, who drops all of its sockets.
    pub(crate) fn begin_anew(&mut self, index: usize) {
        self.servers[index].begin_anew(self.now);
        let is_its = |_: &SocketAddr, socket: &mut (usize, RelayId)| socket.0 == index;
        for (address, _) in self.sockets.extract_if(is_its) {
            self.ports.close(address);
        }
        self.refused.retain(|(server, _)| *server != index);
        self.drain(index);
    }

    /// A client of a user that exists: `alice`, `bob` or `carol`.
    pub(crate) fn client(&self, user: &str) -> Client {
        let (address, password) = match user {
            "alice" => ("192.0.2.1:4001", "wonderland"),
            "bob" => ("192.0.2.2:4002", "builder"),
            "carol" => ("192.0.2.3:4003", "christmas"),
            _ => panic!("nobody knows {user}"),
        };
        Client::new(address).user(user, password)
    }

    /// Lets time pass; servers are woken exactly when they want to be.
    pub(crate) fn wait(&mut self, seconds: u64) {
        self.wait_millis(seconds * 1000);
    }

    pub(crate) fn wait_millis(&mut self, millis: u64) {
        let start = self.now.instant;
        let until = start + Duration::from_millis(millis);
        let due = |server: &Server| server.next_timeout().filter(|at| *at <= until);
        while let Some(next) = self.servers.iter().filter_map(due).min() {
            self.now.instant = next.max(self.now.instant);
            for index in 0..self.servers.len() {
                self.servers[index].handle_timeout(self.now);
                self.drain(index);
            }
        }
        self.now.instant = until;
        self.now.unix += (until.as_millis() / 1000) - (start.as_millis() / 1000);
    }

    /// Has the first server do of what is due as much as it does at a time.
    pub(crate) fn run_timers(&mut self) {
        self.servers[0].handle_timeout(self.now);
        self.drain(0);
    }

    /// Lets time pass while whoever drives the servers is busy elsewhere.
    pub(crate) fn wait_without_timers(&mut self, seconds: u64) {
        self.now.instant = self.now.instant + Duration::from_secs(seconds);
        self.now.unix += seconds;
    }

    /// Sends bytes to a server and gives the answer. Nobody else may be answered.
    pub(crate) fn exchange(&mut self, client: &Client, bytes: &[u8]) -> Option<Reply> {
        assert!(self.replies.is_empty(), "a reply that nobody looked at");
        assert_eq!(self.relay_up(client, bytes), None);
        let (to, reply) = self.replies.pop()?;
        assert_eq!(to, client.from);
        assert!(self.replies.is_empty(), "two replies");
        Some(Reply::to(bytes, reply))
    }

    /// Sends bytes to a server that may answer by another way than they came, and maybe with something that is
    /// no message of today.
    pub(crate) fn exchange_elsewhere(
        &mut self,
        client: &Client,
        bytes: &[u8],
    ) -> Option<(turnd_proto::Client, Vec<u8>)> {
        assert!(self.replies.is_empty(), "a reply that nobody looked at");
        assert_eq!(self.relay_up(client, bytes), None);
        let reply = self.replies.pop();
        assert!(self.replies.is_empty(), "two replies");
        reply
    }

    /// Sends bytes to a server that may relay them.
    pub(crate) fn relay_up(&mut self, client: &Client, bytes: &[u8]) -> Option<PeerGets> {
        let forwarded = self.forwarded.get(&(client.server, client.from.path));
        let index = forwarded.copied().unwrap_or(client.server);
        let hop = self.servers[index].handle_datagram(self.now, client.from, bytes);
        self.drain_of(index, client.server);
        let hop = hop?;
        let mut sockets = self.sockets.iter();
        let (&from, _) = sockets
            .find(|(_, socket)| **socket == (index, hop.relay))
            .expect("data leaves through open sockets only");
        Some(PeerGets {
            from,
            to: hop.peer.wire(),
            data: bytes[hop.data].to_vec(),
            dont_fragment: hop.dont_fragment,
            hairpin: hop.hairpin,
        })
    }

    /// A datagram arrives at a relay, named as peers see it. What does its client get?
    pub(crate) fn peer_sends(
        &mut self,
        relay: SocketAddr,
        from: &str,
        data: &[u8],
    ) -> Option<ClientGets> {
        let (index, id) = self.socket(relay)?;
        self.arrives(index, id, at(from), data)
    }

    /// The server and the name of the relay that peers see at `outside`.
    pub(crate) fn socket(&self, outside: SocketAddr) -> Option<(usize, RelayId)> {
        let mut sockets = self.sockets.iter();
        let is_seen_at = |inside: &SocketAddr| self.settings.relays.external(*inside) == outside;
        sockets
            .find(|(inside, _)| is_seen_at(inside))
            .map(|(_, socket)| *socket)
    }

    /// What one client sent arrives at the relay of another, which is the one that the server named.
    pub(crate) fn pass_on(&mut self, sent: &PeerGets) -> Option<ClientGets> {
        let socket = self.sockets.get(&sent.to).copied();
        if let (Some((index, relay)), Some(hairpin)) = (socket, sent.hairpin) {
            assert_eq!((usize::from(hairpin.server), hairpin.relay), (index, relay));
            assert_eq!(hairpin.from, sent.from, "as if its relay had sent it");
        }
        self.turn_around(sent)
    }

    /// What one client sent takes the way that it was told, whoever has the relay's port by now.
    pub(crate) fn turn_around(&mut self, sent: &PeerGets) -> Option<ClientGets> {
        let hairpin = sent.hairpin.expect("the peer is a relay of this process");
        let index = usize::from(hairpin.server);
        self.arrives(index, hairpin.relay, hairpin.from, &sent.data)
    }

    /// Answers what was held back, in order.
    pub(crate) fn answer_asks(&mut self) {
        self.hold = false;
        for (index, id, ask) in core::mem::take(&mut self.asks) {
            self.answer(index, id, &ask);
            self.drain(index);
        }
    }

    /// Answers a single question that was held back; those that follow from it still are.
    pub(crate) fn answer_one(&mut self, index: usize, id: AskId, ask: &Ask) {
        self.answer(index, id, ask);
        self.drain(index);
    }

    /// An answer to a question that was held back.
    pub(crate) fn take_reply(&mut self) -> Option<Vec<u8>> {
        if self.replies.is_empty() {
            return None;
        }
        Some(self.replies.remove(0).1)
    }

    pub(crate) fn allocations(&self) -> usize {
        self.servers.iter().map(Server::allocations).sum()
    }

    fn arrives(
        &mut self,
        index: usize,
        relay: RelayId,
        from: SocketAddr,
        data: &[u8],
    ) -> Option<ClientGets> {
        let server = &mut self.servers[index];
        let hop = server.to_client(self.now, relay, from, Run::one(data.len()))?;
        assert!(
            server.poll_output().is_none(),
            "the fast path queues nothing"
        );
        let wrapping = hop.frame.around(data, 0).expect("data that fits");
        let bytes = [wrapping.prefix(), data, wrapping.suffix()].concat();
        let client = hop.to.path.client;
        Some(match hop.frame {
            Frame::Channel { .. } => {
                let message = ChannelData::parse(&bytes).expect("ChannelData");
                assert_eq!(bytes.len(), 4 + message.data.len(), "no padding over UDP");
                ClientGets::Channel {
                    client,
                    number: message.channel,
                    data: message.data.to_vec(),
                }
            }
            Frame::Indication { .. } => {
                let message = Message::parse(&bytes).expect("a Data indication");
                assert_eq!(message.class(), Class::Indication);
                assert_eq!(message.method(), Method::DATA);
                assert_ne!(message.fingerprint(), Some(false));
                ClientGets::Indication {
                    client,
                    peer: peer_of(&message),
                    data: message.attribute(attr::DATA).expect("DATA").to_vec(),
                }
            }
        })
    }

    fn drain(&mut self, index: usize) {
        self.drain_of(index, index);
    }

    /// What a server wants done because of what came by `arrived`, which may be another one.
    fn drain_of(&mut self, index: usize, arrived: usize) {
        while let Some(output) = self.servers[index].poll_output() {
            match output {
                Output::Reply { to, bytes } => self.replies.push((to, bytes)),
                Output::Ask(id, ask) if self.hold => {
                    // A pair that is given up meanwhile may have been opened, for all that the server knows.
                    if let Ask::OpenRelay {
                        relay,
                        port: PortWish::EvenAndNext(_),
                        ..
                    } = ask
                    {
                        self.refused.insert((index, relay));
                    }
                    self.asks.push((index, id, ask));
                }
                Output::Ask(id, ask) => self.answer(index, id, &ask),
                Output::CloseRelay(relay) => self.close(index, relay),
                Output::Join { client, connection } => {
                    self.joined.push((client.path.client, connection));
                }
                Output::CloseConnection(connection) => self.closed.push(connection),
                Output::Forward {
                    server,
                    from,
                    message,
                } => {
                    let server = usize::from(server);
                    let hop = self.servers[server].handle_datagram(self.now, from, &message);
                    assert_eq!(hop, None, "a request carries no data");
                    self.drain_of(server, arrived);
                }
                Output::PathTaken(client) => {
                    self.forwarded.insert((arrived, client.path), index);
                }
                Output::PathLeft(client) => {
                    self.forwarded.retain(|(_, path), _| *path != client.path);
                }
                Output::CloseClient(client) => self.shut_out.push(client.path.client),
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    fn answer(&mut self, index: usize, id: AskId, ask: &Ask) {
        let answer = match ask {
            Ask::FindKeys { user, owner_in } => {
                let unix = if owner_in.is_some() { 0 } else { self.now.unix };
                Answer::Keys(self.keys.find(user, unix))
            }
            Ask::FindTokenKeys { kid } => Answer::TokenKeys(self.keys.token_keys(kid)),
            _ if !self.servers[index].is_waiting(id) => return,
            &Ask::OpenRelay {
                relay,
                family,
                port,
                ..
            } => Answer::Relay(self.open_socket(index, relay, family, port)),
            &Ask::ClaimReservation { relay, token } => {
                Answer::Relay(self.claim(index, relay, token))
            }
            &Ask::Connect {
                connection, peer, ..
            } => {
                let peer = peer.wire();
                return self.connecting.push((index, id, connection, peer));
            }
            Ask::BindConnection {
                connection, user, ..
            } => {
                let owner = self.servers.get_mut(usize::from(connection.server()));
                let claim = |owner: &mut Server| {
                    let meter = owner.handle_connection_claim(self.now, *connection, user)?;
                    self.meters.push(meter);
                    Ok(())
                };
                let unknown = Err(turnd_proto::BindRefusal::Unknown);
                Answer::ConnectionBound(owner.map_or(unknown, claim))
            }
        };
        self.servers[index].handle_answer(self.now, id, answer);
    }

    /// The peer that was asked for last answers, or refuses.
    pub(crate) fn peer_answers(&mut self, connected: bool) -> Option<Vec<u8>> {
        let (index, id, ..) = self.connecting.pop().expect("a connection is asked for");
        let answer = connected.then_some(()).ok_or(ConnectFailure);
        self.servers[index].handle_answer(self.now, id, Answer::Connected(answer));
        self.drain(index);
        self.take_reply()
    }

    /// A peer connects to a relay, named as peers see it.
    pub(crate) fn peer_connects(&mut self, relay: SocketAddr, from: &str) -> Option<ConnectionId> {
        let (index, id) = self.socket(relay)?;
        let taken = self.servers[index].handle_peer_connection(self.now, id, at(from));
        self.drain(index);
        taken
    }

    /// The connection of a client ends.
    pub(crate) fn client_disconnects(&mut self, client: &Client) {
        let path = client.from.path;
        let forwarded = self.forwarded.get(&(client.server, path));
        let index = forwarded.copied().unwrap_or(client.server);
        self.servers[index].handle_closed(self.now, &path);
        self.drain(index);
    }

    fn open_socket(
        &mut self,
        index: usize,
        relay: RelayId,
        family: Family,
        port: PortWish,
    ) -> Result<OpenedRelay, RelayRefusal> {
        let opened = self.ports.open(family, port);
        if matches!(port, PortWish::EvenAndNext(_)) && (opened.is_err() || self.stick) {
            self.refused.insert((index, relay));
        }
        let opened = opened?;
        self.sockets.insert(opened.address, (index, relay));
        if let Some(next) = opened.next
            && core::mem::take(&mut self.stick)
        {
            self.ports.close(next);
            return Err(RelayRefusal::NoCapacity);
        }
        self.refused.remove(&(index, relay));
        if let (PortWish::EvenAndNext(next), Some(address)) = (port, opened.next) {
            self.sockets.insert(address, (index, next));
        }
        Ok(opened)
    }

    fn claim(
        &mut self,
        index: usize,
        relay: RelayId,
        token: turnd_proto::ReservationToken,
    ) -> Result<OpenedRelay, RelayRefusal> {
        let other = self.servers.get_mut(usize::from(token[0]));
        let claimed = other.and_then(|other| other.handle_claim(self.now, token));
        let (_, address) = claimed.ok_or(RelayRefusal::NoSuchReservation)?;
        self.sockets.insert(address, (index, relay));
        Ok(OpenedRelay {
            address,
            next: None,
        })
    }

    fn close(&mut self, index: usize, relay: RelayId) {
        let may_be_closed = self.refused.remove(&(index, relay));
        let mut sockets = self.sockets.iter();
        let socket = sockets.find(|(_, socket)| **socket == (index, relay));
        let Some((&address, _)) = socket else {
            assert!(may_be_closed, "only open sockets are closed");
            return;
        };
        self.sockets.remove(&address);
        self.ports.close(address);
    }
}
