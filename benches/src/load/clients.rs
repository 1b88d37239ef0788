//! The clients: their ways to the server, and their dialogues with it.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use turnd_wire::{ChannelData, Message, Protocol, attr, demultiplex};

use super::{
    Load, Transport,
    ends::Ends,
    session::{Answer, Ask, Credentials, Session},
    streams::Streams,
};

/// The address of the first client, where they share a socket.
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 64, 0, 0);
/// A request that is not answered is sent again after so long.
const REPEAT_AFTER: Duration = Duration::from_millis(500);
const ATTEMPTS: u32 = 8;
/// How many requests may be under way at once.
const AT_ONCE: usize = 64;

/// How clients reach the server.
enum Ways {
    Datagrams(Box<Ends>),
    Streams(Streams),
}

/// All clients.
pub(super) struct Clients {
    ways: Ways,
    server: SocketAddr,
    sessions: Vec<Session>,
    credentials: Credentials,
    next_id: u64,
    pub(super) repeated: u64,
}

/// A request that waits for its answer.
struct Waiting {
    client: usize,
    sent: Instant,
    attempts: u32,
}

impl Clients {
    /// So many clients that know nothing yet.
    pub(super) fn new(load: &Load, count: usize) -> io::Result<Self> {
        let own: IpAddr = load.peers;
        let ways = match load.transport {
            Transport::Udp if load.shares_sockets() => {
                Ways::Datagrams(Box::new(Ends::sharing(FIRST)?))
            }
            Transport::Udp => Ways::Datagrams(Box::new(Ends::each(count, own)?)),
            Transport::Tcp | Transport::Tls => {
                let with_tls = load.transport == Transport::Tls;
                Ways::Streams(Streams::connect(count, own, load.server, with_tls)?)
            }
        };
        // Not those of an earlier run, whose answers the server may remember.
        let since_epoch = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        Ok(Self {
            ways,
            server: load.server,
            sessions: (0..count).map(|_| Session::default()).collect(),
            credentials: Credentials {
                user: load.user.clone(),
                password: load.password.clone(),
            },
            next_id: since_epoch.as_nanos() as u64,
            repeated: 0,
        })
    }

    /// The relayed address of a client that has an allocation.
    pub(super) fn relayed(&self, client: usize) -> io::Result<SocketAddr> {
        let refused = || io::Error::other("the server told no relayed IPv4 address");
        let relayed = self.sessions[client].relayed;
        relayed.filter(SocketAddr::is_ipv4).ok_or_else(refused)
    }

    /// Lets each of these clients ask for what `ask` says of it, a few at a time, until all are answered. `next` hears of each
    /// answer and may have the client ask for something else.
    pub(super) fn ask(
        &mut self,
        clients: impl IntoIterator<Item = usize>,
        ask: impl Fn(usize) -> Ask,
        mut next: impl FnMut(&mut Self, usize) -> Option<Ask>,
    ) -> io::Result<()> {
        let mut clients = clients.into_iter();
        let mut waiting: Vec<Waiting> = Vec::with_capacity(AT_ONCE);
        loop {
            for client in clients.by_ref().take(AT_ONCE - waiting.len()) {
                waiting.push(self.begin(client, ask(client)));
            }
            self.flush()?;
            if waiting.is_empty() {
                return Ok(());
            }
            for (client, answer) in self.answers()? {
                let Some(place) = waiting.iter().position(|one| one.client == client) else {
                    continue;
                };
                match answer {
                    Answer::Stray => {}
                    Answer::Challenge => self.send(client),
                    Answer::Refused(why) => return Err(io::Error::other(why)),
                    Answer::Success => match next(self, client) {
                        Some(ask) => waiting[place] = self.begin(client, ask),
                        None => drop(waiting.swap_remove(place)),
                    },
                }
            }
            self.repeat(&mut waiting)?;
        }
    }

    /// Forgets all that a client learnt, so that the server challenges it anew.
    pub(super) fn forget(&mut self, client: usize) {
        self.sessions[client] = Session::default();
    }

    fn begin(&mut self, client: usize, ask: Ask) -> Waiting {
        self.next_id += 1;
        self.sessions[client].begin(ask, self.next_id);
        self.send(client);
        Waiting {
            client,
            sent: Instant::now(),
            attempts: 1,
        }
    }

    /// Puts the request under way in line.
    fn send(&mut self, client: usize) {
        let Some(request) = self.sessions[client].request(&self.credentials) else {
            return;
        };
        match &mut self.ways {
            Ways::Datagrams(ends) => {
                let piece = ends.keep(&request);
                ends.send(client, self.server, &[piece]);
            }
            Ways::Streams(streams) => {
                streams.send(client, &[&request]);
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.ways {
            Ways::Datagrams(ends) => {
                ends.flush();
                Ok(())
            }
            Ways::Streams(streams) => streams.flush(),
        }
    }

    fn answers(&mut self) -> io::Result<Vec<(usize, Answer)>> {
        let mut answers = Vec::new();
        let (sessions, credentials) = (&mut self.sessions, &self.credentials);
        let each = |client: usize, bytes: &[u8]| {
            if let (Ok(message), Some(session)) = (Message::parse(bytes), sessions.get_mut(client))
            {
                answers.push((client, session.answer(&message, credentials)));
            }
        };
        receive(&mut self.ways, each)?;
        Ok(answers)
    }

    fn repeat(&mut self, waiting: &mut [Waiting]) -> io::Result<()> {
        let now = Instant::now();
        for one in waiting {
            if now.duration_since(one.sent) < REPEAT_AFTER {
                continue;
            }
            if one.attempts == ATTEMPTS {
                let told = format!("{} does not answer", self.server);
                return Err(io::Error::new(io::ErrorKind::TimedOut, told));
            }
            one.sent = now;
            one.attempts += 1;
            if let Ways::Datagrams(_) = self.ways {
                self.repeated += 1;
                self.send(one.client);
            }
        }
        Ok(())
    }

    /// Puts a burst of equal messages in line, each with this head in front of the filling; returns how many.
    pub(super) fn send_burst(
        &mut self,
        client: usize,
        head: &[u8],
        filling: &[u8],
        count: usize,
    ) -> u64 {
        match &mut self.ways {
            Ways::Datagrams(ends) => {
                let pieces = [ends.keep(head), ends.keep(filling)];
                for _ in 0..count {
                    ends.send(client, self.server, &pieces);
                }
                count as u64
            }
            Ways::Streams(streams) => {
                let sent = (0..count).take_while(|_| streams.send(client, &[head, filling]));
                sent.count() as u64
            }
        }
    }

    /// Sends what is in line; returns how many datagrams the kernel did not take.
    pub(super) fn send_all(&mut self) -> io::Result<u64> {
        match &mut self.ways {
            Ways::Datagrams(ends) => Ok(ends.flush()),
            Ways::Streams(streams) => streams.flush().map(|()| 0),
        }
    }

    /// Hands over the data of each message that has come.
    pub(super) fn receive_data(&mut self, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        receive(&mut self.ways, |_, bytes| match bytes.first() {
            Some(&first) if demultiplex(first) == Protocol::Channel => {
                each(ChannelData::parse(bytes).map_or(&[], |message| message.data));
            }
            _ => {
                let message = Message::parse(bytes).ok();
                let data = message.and_then(|message| message.attribute(attr::DATA));
                each(data.unwrap_or_default());
            }
        })
    }
}

fn receive(ways: &mut Ways, mut each: impl FnMut(usize, &[u8])) -> io::Result<()> {
    match ways {
        Ways::Datagrams(ends) => ends.receive(each),
        Ways::Streams(streams) => streams.receive(&mut each),
    }
}
