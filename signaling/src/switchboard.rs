//! The hub and the connections it speaks through: the one lock, the clock, and the randomness.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use tokio::sync::Notify;

use crate::{
    hub::{
        Busy, Ending, ErrorCode, Hub, Identity, Limits, Output, Packet, Reason, RoomName, SocketId,
        bucket::Bucket, limits::Rate,
    },
    metrics::Metrics,
    options::{LogAddresses, Spelling},
    tokens::RoomTokens,
    turn::TurnOffer,
};

/// The longest event that is read, in bytes of JSON.
pub const LARGEST_EVENT: usize = 64 * 1024;
/// Lines of the log that clients can cause.
const LOG_LINES: Rate = Rate {
    burst: 200.0,
    per_second: 20.0,
};

/// A way to a client. Both calls return at once.
pub trait Outlet: Send {
    /// Queues an event.
    ///
    /// # Errors
    /// The queue is full: the client does not read.
    fn send(&self, event: &str, arguments: &[Value]) -> Result<(), QueueFull>;
    /// Ends the connection, behind what is queued. May call back into the switchboard.
    fn close(self: Box<Self>);
}

/// A client does not read what it is sent.
#[derive(Debug)]
pub struct QueueFull;

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The client's address.
    pub address: IpAddr,
    /// The host that it knows this server by.
    pub host: String,
}

/// What the switchboard is made with.
#[derive(Debug)]
pub struct Setup {
    /// The bounds of the hub.
    pub limits: Limits,
    /// What members are told of TURN at first.
    pub turn: Option<TurnOffer>,
    /// Who may join.
    pub tokens: Option<RoomTokens>,
    /// How a newcomer is told of.
    pub spelling: Spelling,
    /// How addresses are logged.
    pub log_addresses: LogAddresses,
}

/// Connects everybody with everybody.
pub struct Switchboard {
    setup: Setup,
    /// What members are told of TURN.
    turn: RwLock<Option<TurnOffer>>,
    metrics: Metrics,
    state: Mutex<State>,
    /// The time at which the hub wants to be called may have changed.
    changed: Notify,
}

struct State {
    hub: Hub,
    lines: HashMap<SocketId, Line>,
    last: u64,
    log: Bucket,
    log_left_out: u64,
}

struct Line {
    outlet: Box<dyn Outlet>,
    visitor: Visitor,
    /// What stands for it in names for TURN: the member that it was first. A connection that joins and leaves is one user of
    /// turnd, whose quota would not bind it otherwise.
    turn_user: OnceLock<Arc<str>>,
}

impl Switchboard {
    /// A switchboard without connections.
    #[must_use]
    pub fn new(mut setup: Setup) -> Arc<Self> {
        let state = State {
            hub: Hub::new(setup.limits.clone()),
            lines: HashMap::new(),
            last: 0,
            log: Bucket::full(Instant::now(), LOG_LINES),
            log_left_out: 0,
        };
        Arc::new(Self {
            turn: RwLock::new(setup.turn.take()),
            setup,
            metrics: Metrics::new(),
            state: Mutex::new(state),
            changed: Notify::new(),
        })
    }

    /// The counters.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// In the format that Prometheus reads.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        let state = self.lock();
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.sockets.set(count(state.hub.sockets()));
        self.metrics.rooms.set(count(state.hub.rooms()));
        drop(state);
        self.metrics.text()
    }

    /// Takes a connection.
    ///
    /// # Errors
    /// There are too many.
    pub fn connect(&self, visitor: Visitor, outlet: Box<dyn Outlet>) -> Result<SocketId, Busy> {
        let now = Instant::now();
        let mut state = self.lock();
        state.last += 1;
        let socket = SocketId(state.last);
        let taken = state.hub.handle_connected(now, socket, visitor.address);
        if let Err(busy) = taken {
            let why = match busy {
                Busy::Sockets => "sockets",
                Busy::Address => "address",
            };
            self.metrics.turned_away.with_label_values(&[why]).inc();
            return Err(busy);
        }
        let line = Line {
            outlet,
            visitor,
            turn_user: OnceLock::new(),
        };
        state.lines.insert(socket, line);
        self.deliver(now, state);
        Ok(socket)
    }

    /// A client says something. Returns the event and arguments that answer it.
    pub fn event(
        &self,
        socket: SocketId,
        event: &str,
        arguments: &[Value],
    ) -> Option<(&'static str, Vec<Value>)> {
        let now = Instant::now();
        let mut state = self.lock();
        let refusal = if size(arguments) > LARGEST_EVENT {
            Some((ErrorCode::TooLarge, "an event may be 64 KiB long"))
        } else if event == "join" && !self.admits(&state.hub, arguments) {
            Some((
                ErrorCode::Forbidden,
                "this server wants a token for the room",
            ))
        } else {
            None
        };
        let hub = &mut state.hub;
        let answer = match refusal {
            Some(refusal) => hub.handle_refused(now, socket, event, arguments, refusal),
            None => hub.handle_event(now, socket, event, arguments, identity()),
        }?;
        let turn = state
            .lines
            .get(&socket)
            .and_then(|line| self.turn(&answer, line));
        self.deliver(now, state);
        Some(answer.event(turn.as_ref()))
    }

    /// A client has sent what is no event.
    pub fn refuse(&self, socket: SocketId, event: &str, code: ErrorCode, text: &str) {
        let now = Instant::now();
        let mut state = self.lock();
        state
            .hub
            .handle_refused(now, socket, event, &[], (code, text));
        self.deliver(now, state);
    }

    /// A connection has ended.
    pub fn disconnect(&self, socket: SocketId, ending: Ending) {
        let now = Instant::now();
        let mut state = self.lock();
        state.lines.remove(&socket);
        state.hub.handle_disconnected(now, socket, ending);
        self.deliver(now, state);
    }

    /// TURN credentials for the member whose secret this is.
    #[must_use]
    pub fn turn_for_member(&self, secret: &str, host: &str) -> Option<Value> {
        let member = self.lock().hub.member_with_secret(secret)?;
        self.turn_over_http(&member, host)
    }

    /// TURN credentials for who holds a token for the room.
    #[must_use]
    pub fn turn_for_token(&self, room: &str, token: &str, host: &str) -> Option<Value> {
        let tokens = self.setup.tokens.as_ref()?;
        if RoomName::new(room).is_none() || !tokens.admits(room, token, unix()) {
            return None;
        }
        self.turn_over_http(&identity().id, host)
    }

    /// Whether there is a TURN server to tell of.
    #[must_use]
    pub fn has_turn(&self) -> bool {
        self.with_offer(|_| ()).is_some()
    }

    /// Tells everybody of TURN by `offer` from now on: what members were told before may soon count no more.
    pub fn offer(&self, offer: TurnOffer) {
        let lifetime = offer.lifetime();
        *self.turn.write().unwrap_or_else(PoisonError::into_inner) = Some(offer);
        let now = Instant::now();
        let mut state = self.lock();
        state.hub.handle_new_credentials(now, refresh(lifetime));
        self.deliver(now, state);
    }

    /// Does what is to be done with time. Never ends.
    pub async fn keep_time(&self) {
        loop {
            let next = self.lock().hub.poll_timeout();
            match next {
                Some(next) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(next.into()) => {
                            let now = Instant::now();
                            let mut state = self.lock();
                            state.hub.handle_timeout(now);
                            self.deliver(now, state);
                        }
                        () = self.changed.notified() => {}
                    }
                }
                None => self.changed.notified().await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what the hub has to say, under the lock, so that everybody gets it in one order; and closes
    /// connections without it, because they may call back.
    fn deliver(&self, now: Instant, mut state: MutexGuard<'_, State>) {
        let mut closing = Vec::new();
        while let Some(output) = state.hub.poll_output() {
            match output {
                Output::Send(socket, packet) => self.send(now, &mut state, socket, &packet),
                Output::Disconnect(socket, reason) => {
                    self.metrics
                        .disconnected
                        .with_label_values(&[reason.as_str()])
                        .inc();
                    if let Some(line) = state.lines.remove(&socket) {
                        let farewell = Packet::farewell(reason);
                        // Whoever is cut off for not reading will not read this either.
                        let _ = self.write(&line, &farewell);
                        let from = self.setup.log_addresses.show(line.visitor.address);
                        state.log(now, || format!("{from}: disconnected: {}", reason.as_str()));
                        closing.push(line.outlet);
                    }
                }
            }
        }
        drop(state);
        self.changed.notify_one();
        for outlet in closing {
            outlet.close();
        }
    }

    fn send(&self, now: Instant, state: &mut State, socket: SocketId, packet: &Packet) {
        let Some(line) = state.lines.get(&socket) else {
            return;
        };
        if self.write(line, packet).is_err() {
            state.hub.handle_overflow(now, socket);
            return;
        }
        let from = line.visitor.address;
        if let Some(text) = self.tell(packet, from) {
            state.log(now, || text);
        }
    }

    fn write(&self, line: &Line, packet: &Packet) -> Result<(), QueueFull> {
        let turn = self.turn(packet, line);
        if turn.is_some() {
            let way = match packet {
                Packet::Joined { .. } => "joined",
                _ => "turn_refresh",
            };
            self.metrics.credentials.with_label_values(&[way]).inc();
        }
        let (event, arguments) = packet.event(turn.as_ref());
        self.metrics.sent.with_label_values(&[event]).inc();
        if let Packet::Error { code, .. } = packet {
            self.metrics
                .refused
                .with_label_values(&[code.as_str()])
                .inc();
        }
        if event == "other_joined" {
            let mut names = self.setup.spelling.names().iter();
            return names.try_for_each(|name| line.outlet.send(name, &arguments));
        }
        line.outlet.send(event, &arguments)
    }

    fn turn(&self, packet: &Packet, line: &Line) -> Option<Value> {
        let member = packet.turn_for()?;
        let user = line.turn_user.get_or_init(|| Arc::clone(member));
        self.with_offer(|offer| offer.servers(user, &line.visitor.host, unix()))
    }

    fn turn_over_http(&self, member: &str, host: &str) -> Option<Value> {
        let told = self.with_offer(|offer| offer.servers(member, host, unix()))?;
        self.metrics.credentials.with_label_values(&["http"]).inc();
        Some(told)
    }

    fn with_offer<T>(&self, ask: impl FnOnce(&TurnOffer) -> T) -> Option<T> {
        let offer = self.turn.read().unwrap_or_else(PoisonError::into_inner);
        offer.as_ref().map(ask)
    }

    /// Whether somebody may join: with a token, or as the member that it has been.
    fn admits(&self, hub: &Hub, arguments: &[Value]) -> bool {
        let Some(tokens) = &self.setup.tokens else {
            return true;
        };
        let Some(room) = arguments.first().and_then(Value::as_str) else {
            return true; // Refused for a better reason.
        };
        let option = |name: &str| arguments.get(1)?.get(name)?.as_str();
        option("token").is_some_and(|token| tokens.admits(room, token, unix()))
            || option("resume").is_some_and(|secret| {
                secret.split('.').next() == Some(room) && hub.member_with_secret(secret).is_some()
            })
    }

    /// The line of the log that a packet is worth. Rooms are not named: who knows the name can join.
    fn tell(&self, packet: &Packet, from: IpAddr) -> Option<String> {
        let from = self.setup.log_addresses.show(from);
        match packet {
            Packet::Joined { id, info, .. } => {
                let how = if info.resumed { "is back" } else { "joined" };
                let with = match &info.peers[..] {
                    [] => "alone".to_owned(),
                    peers => format!("with {}", peers.join(", ")),
                };
                Some(format!("session {id}: {how} from {from}, {with}"))
            }
            Packet::Leaved { id, .. } => Some(format!("session {id}: left")),
            Packet::Bye { id, reason, .. } if *reason != Reason::Leave => {
                Some(format!("session {id}: {}", reason.as_str()))
            }
            _ => None,
        }
    }
}

impl State {
    fn log(&mut self, now: Instant, text: impl FnOnce() -> String) {
        if !self.log.take(now) {
            self.log_left_out += 1;
            return;
        }
        let left_out = std::mem::take(&mut self.log_left_out);
        if left_out > 0 {
            tracing::info!("{left_out} lines left out");
        }
        tracing::info!("{}", text());
    }
}

/// After what time members get new credentials, of those that are good for `lifetime`.
#[must_use]
pub fn refresh(lifetime: Option<Duration>) -> Option<Duration> {
    lifetime.map(|lifetime| lifetime * 3 / 4)
}

fn identity() -> Identity {
    Identity {
        id: random::<12>().into(),
        secret: random::<24>().into(),
    }
}

fn random<const BYTES: usize>() -> String {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since 1970.
#[must_use]
pub fn unix() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// The length of the arguments as JSON, in bytes.
fn size(arguments: &[Value]) -> usize {
    let mut counted = Counter(0);
    // Counting never fails, and what came as JSON can be written as JSON.
    let _ = serde_json::to_writer(&mut counted, arguments);
    counted.0
}

struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
