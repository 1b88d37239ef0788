//! Clients by name, what they hear, and a clock that only moves when it is told to.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::hub::{Busy, Ending, ErrorCode, Hub, Identity, Limits, Output, Packet, SocketId};

/// A hub and its clients. A client `ann` that says its n-th event would become the member `ann/n`, with the
/// secret `R.key-ann/n` in the room R.
pub(super) struct Stage {
    pub(super) hub: Hub,
    pub(super) now: Instant,
    clients: HashMap<SocketId, Client>,
    sockets: HashMap<String, SocketId>,
    connections: u64,
}

#[derive(Default)]
struct Client {
    said: usize,
    heard: Vec<Value>,
    cut: bool,
}

impl Stage {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            hub: Hub::new(limits),
            now: Instant::now(),
            clients: HashMap::new(),
            sockets: HashMap::new(),
            connections: 0,
        }
    }

    /// Default limits, but for the capacity.
    pub(super) fn of(capacity: usize) -> Self {
        Self::new(Limits {
            capacity,
            ..Limits::default()
        })
    }

    /// These clients, connected and in the room `blue` in this order, and what they heard of it forgotten.
    pub(super) fn in_blue(limits: Limits, names: &[&str]) -> Self {
        let mut stage = Self::new(limits);
        for name in names {
            stage.connect(name);
            stage.say(name, json!(["join", "blue", {"resume": true}]));
        }
        for name in names {
            stage.heard(name);
        }
        stage
    }

    /// A new connection of this client, from an address of its own.
    pub(super) fn connect(&mut self, name: &str) {
        let host = self.connections % 200;
        let from = format!("192.0.2.{host}");
        self.connect_from(name, &from).expect("room for one more");
    }

    pub(super) fn connect_from(&mut self, name: &str, from: &str) -> Result<(), Busy> {
        self.connections += 1;
        let socket = SocketId(self.connections);
        let from = from.parse().expect("an address");
        self.hub.handle_connected(self.now, socket, from)?;
        self.clients.insert(socket, Client::default());
        self.sockets.insert(name.to_owned(), socket);
        Ok(())
    }

    pub(super) fn socket(&self, name: &str) -> SocketId {
        self.sockets[name]
    }

    /// Says `[event, arguments...]`; returns the answer in the same form, or null.
    pub(super) fn say(&mut self, name: &str, event: Value) -> Value {
        let socket = self.socket(name);
        let client = self.clients.get_mut(&socket).expect("a client");
        client.said += 1;
        let id = format!("{name}/{}", client.said);
        let identity = Identity {
            secret: format!("key-{id}").into(),
            id: id.into(),
        };
        let event = event.as_array().expect("an event");
        let (word, arguments) = event.split_first().expect("a name");
        let word = word.as_str().expect("a name");
        let answer = self
            .hub
            .handle_event(self.now, socket, word, arguments, identity);
        self.drain();
        answer.map_or(Value::Null, |packet| event_of(&packet))
    }

    /// The client joins, and it is of no interest what it hears.
    pub(super) fn join(&mut self, name: &str, room: &str) {
        let answer = self.say(name, json!(["join", room, {"resume": true}]));
        assert_eq!(answer[0], "joined", "{answer}");
        self.heard(name);
    }

    pub(super) fn garbage(&mut self, name: &str, code: ErrorCode, text: &str) {
        let socket = self.socket(name);
        self.hub
            .handle_refused(self.now, socket, "", &[], (code, text));
        self.drain();
    }

    pub(super) fn overflow(&mut self, name: &str) {
        let socket = self.socket(name);
        self.hub.handle_overflow(self.now, socket);
        self.drain();
    }

    pub(super) fn lose(&mut self, name: &str) {
        self.end(self.socket(name), Ending::Lost);
    }

    pub(super) fn close(&mut self, name: &str) {
        self.end(self.socket(name), Ending::Closed);
    }

    pub(super) fn end(&mut self, socket: SocketId, ending: Ending) {
        self.hub.handle_disconnected(self.now, socket, ending);
        self.drain();
    }

    /// Time passes, and the hub is woken whenever it wants to be.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(next) = self.hub.poll_timeout().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.hub.handle_timeout(self.now);
            self.drain();
            let next = self.hub.poll_timeout();
            assert!(
                next.is_none_or(|next| next > self.now),
                "nothing is overdue"
            );
        }
        self.now = until;
    }

    pub(super) fn new_credentials(&mut self, refresh: Option<Duration>) {
        self.hub.handle_new_credentials(self.now, refresh);
        self.drain();
    }

    pub(super) fn seconds(&mut self, seconds: f64) {
        self.pass(Duration::from_secs_f64(seconds));
    }

    /// What this client heard since it was last asked; `["CUT", reason]` for the end by the server.
    pub(super) fn heard(&mut self, name: &str) -> Value {
        let socket = self.socket(name);
        self.heard_by(socket)
    }

    pub(super) fn heard_by(&mut self, socket: SocketId) -> Value {
        let client = self.clients.get_mut(&socket).expect("a client");
        Value::Array(std::mem::take(&mut client.heard))
    }

    /// Everybody goes, and nothing of them is left.
    pub(super) fn finish(mut self) {
        for socket in self.clients.keys().copied().collect::<Vec<_>>() {
            self.end(socket, Ending::Closed);
        }
        // Who is away comes to an end too.
        self.pass(self.hub.limits.grace);
        self.assert_empty();
    }

    pub(super) fn assert_empty(&self) {
        assert_eq!(self.hub.sockets(), 0, "sockets");
        assert_eq!(self.hub.rooms(), 0, "rooms");
        assert!(self.hub.addresses.is_empty(), "addresses");
        assert_eq!(self.hub.poll_timeout(), None, "deadlines");
    }

    fn drain(&mut self) {
        while let Some(output) = self.hub.poll_output() {
            let (Output::Send(socket, _) | Output::Disconnect(socket, _)) = output;
            let client = self.clients.get_mut(&socket).expect("a client");
            assert!(!client.cut, "{output:?} to a client that was cut off");
            match output {
                Output::Send(_, packet) => client.heard.push(event_of(&packet)),
                Output::Disconnect(_, reason) => {
                    client.cut = true;
                    client.heard.push(json!(["CUT", reason.as_str()]));
                }
            }
        }
    }
}

/// A packet as plain WebSocket carries it.
pub(super) fn event_of(packet: &Packet) -> Value {
    let (name, arguments) = packet.event(None);
    let mut event = vec![json!(name)];
    event.extend(arguments);
    Value::Array(event)
}

/// The event `joined` of a newcomer.
pub(super) fn joined(room: &str, id: &str, peers: &[&str], polite: bool) -> Value {
    json!(["joined", room, id, {
        "count": peers.len() + 1,
        "peers": peers,
        "polite": polite,
        "resume": format!("{room}.key-{id}"),
        "resumed": false,
    }])
}

/// The event `joined` of a member that is back.
pub(super) fn resumed(room: &str, id: &str, peers: &[&str], polite: bool) -> Value {
    let mut event = joined(room, id, peers, polite);
    event[3]["resumed"] = json!(true);
    event
}

/// A command `message` to `blue` with a number in it.
pub(super) fn message(n: usize) -> Value {
    json!(["message", "blue", {"type": "n", "n": n}])
}

/// The event `message` with that number, as a member that comes back hears it.
pub(super) fn message_from(id: &str, n: usize, number: u64) -> Value {
    json!(["message", "blue", {"type": "n", "n": n}, {"from": id, "number": number}])
}

/// The event `sig_error` without the text for people, which may change.
pub(super) fn without_text(mut event: Value) -> Value {
    if event[0] == "sig_error" {
        let text = event[1]
            .as_object_mut()
            .and_then(|what| what.remove("message"));
        assert!(text.is_some_and(|text| text.as_str() != Some("")), "a text");
    }
    event
}

/// All of them without it.
pub(super) fn without_texts(events: Value) -> Value {
    let events = events.as_array().expect("events").clone();
    events.into_iter().map(without_text).collect()
}

/// A `sig_error`, without its text.
pub(super) fn error(code: &str, event: &str, room: Option<&str>) -> Value {
    let mut what = json!({"code": code, "event": event});
    if let Some(room) = room {
        what["room"] = json!(room);
    }
    json!(["sig_error", what])
}
