//! The rooms as a state machine: what a socket asks for goes in, what sockets are to be told comes out.
//!
//! There is no I/O here and no clock. Every input carries the time; after each input the outputs are drained with
//! [`Hub::poll_output`], in order; and [`Hub::poll_timeout`] says when [`Hub::handle_timeout`] is next wanted.
//! Names of sockets are chosen by the caller, each once. The protocol in words: `docs/SIGNALING.md`.

pub(crate) mod addresses;
pub(crate) mod bucket;
mod command;
mod deadlines;
mod join;
pub mod limits;
mod packet;
mod room;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;

pub use command::{JoinOptions, RoomName};
pub use limits::Limits;
pub use packet::{ErrorCode, JoinInfo, Packet, Reason};

use addresses::Addresses;
use bucket::Bucket;
use command::Command;
use deadlines::{Deadline, Deadlines};
use room::Room;

/// The caller's name for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(pub u64);

/// What a new member will be called, and the secret that it proves itself with. Both are random, and
/// never the same twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Told to everybody in the room.
    pub id: Arc<str>,
    /// Told to the member alone.
    pub secret: Arc<str>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Tell the socket.
    Send(SocketId, Packet),
    /// Tell the socket why, and close its connection. The hub has forgotten it already.
    Disconnect(SocketId, Reason),
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client closed it: it has left.
    Closed,
    /// It broke off: the client may come back.
    Lost,
}

/// Why a connection is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// There are as many as may be.
    Sockets,
    /// There are as many from this address as may be.
    Address,
}

/// Everybody who is connected, and every room.
#[derive(Debug)]
pub struct Hub {
    limits: Limits,
    sockets: HashMap<SocketId, Socket>,
    rooms: HashMap<RoomName, Room>,
    addresses: Addresses,
    deadlines: Deadlines,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
struct Socket {
    from: IpAddr,
    room: Option<RoomName>,
    /// When it is cut off, unless it joins.
    idle_at: Option<Instant>,
    commands: Bucket,
    strikes: Bucket,
}

impl Hub {
    /// A hub without rooms.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            sockets: HashMap::new(),
            rooms: HashMap::new(),
            addresses: Addresses::default(),
            deadlines: Deadlines::default(),
            outputs: VecDeque::new(),
        }
    }

    /// A connection has come up.
    ///
    /// # Errors
    /// It is one too many; the hub does not know it then.
    pub fn handle_connected(
        &mut self,
        now: Instant,
        socket: SocketId,
        from: IpAddr,
    ) -> Result<(), Busy> {
        if self.sockets.len() >= self.limits.sockets {
            return Err(Busy::Sockets);
        }
        if !self.addresses.enter(from, self.limits.sockets_per_address) {
            return Err(Busy::Address);
        }
        let state = Socket {
            from,
            room: None,
            idle_at: None,
            commands: Bucket::full(now, self.limits.commands),
            strikes: Bucket::full(now, self.limits.strikes),
        };
        self.sockets.insert(socket, state);
        self.wait_for_join(now, socket);
        Ok(())
    }

    /// A connection has ended. One that the hub does not know (any more) is no fault.
    pub fn handle_disconnected(&mut self, now: Instant, socket: SocketId, ending: Ending) {
        let Some(state) = self.forget(socket) else {
            return;
        };
        let Some(name) = state.room else { return };
        let until = now + self.limits.grace;
        let member = self.room_mut(&name).member_of(socket);
        if ending == Ending::Lost && member.comes_back {
            member.lose(until);
            let id = Arc::clone(&member.id);
            self.deadlines.at(until, Deadline::Grace(name, id));
        } else {
            let id = Arc::clone(&member.id);
            self.depart(&name, &id, Reason::Lost);
        }
    }

    /// A socket says `event`, with what stands behind it. If it joins with that, it will be `identity`.
    ///
    /// Returns the answer: what the socket is told, which is among the outputs too, or [`Packet::Sent`],
    /// which is not. `None` if the socket is not known (any more).
    pub fn handle_event(
        &mut self,
        now: Instant,
        socket: SocketId,
        event: &str,
        arguments: &[Value],
        identity: Identity,
    ) -> Option<Packet> {
        let state = self.sockets.get_mut(&socket)?;
        if !state.commands.take(now) {
            let problem = Problem::new(ErrorCode::RateLimited, "slower, please");
            return Some(self.refuse(now, socket, event, None, problem));
        }
        let done = Command::parse(event, arguments).and_then(|command| match command {
            Command::Join(room, options) => self.join(now, socket, room, options, identity),
            Command::Leave(room) => self.leave(now, socket, room, identity),
            Command::Message { room, data, to } => self.message(socket, room, data, to.as_deref()),
        });
        Some(done.unwrap_or_else(|problem| {
            self.refuse(now, socket, event, room_among(arguments), problem)
        }))
    }

    /// A socket has sent what the caller refuses: something that is no event at all, too much of it, or a
    /// `join` without the token for it. Returns the answer, which is among the outputs too.
    pub fn handle_refused(
        &mut self,
        now: Instant,
        socket: SocketId,
        event: &str,
        arguments: &[Value],
        (code, text): (ErrorCode, &str),
    ) -> Option<Packet> {
        self.sockets.get(&socket)?;
        let room = room_among(arguments);
        Some(self.refuse(now, socket, event, room, Problem::new(code, text)))
    }

    /// A socket reads slower than others speak to it.
    pub fn handle_overflow(&mut self, now: Instant, socket: SocketId) {
        self.cut(now, socket, Reason::SlowReader);
    }

    /// There are other TURN credentials than members were told, to be told anew after `refresh`.
    pub fn handle_new_credentials(&mut self, now: Instant, refresh: Option<Duration>) {
        self.limits.refresh = refresh;
        let rooms = self.rooms.iter();
        let members =
            rooms.flat_map(|(name, room)| room.ids().map(|id| (name.clone(), id.clone())));
        for (name, id) in members.collect::<Vec<_>>() {
            if let Some(at) = self.room_mut(&name).member_mut(&id).refresh_at {
                let deadline = Deadline::Refresh(name.clone(), Arc::clone(&id));
                self.deadlines.cancel(at, deadline);
            }
            self.refresh(now, name, id);
        }
    }

    /// When [`Self::handle_timeout`] is wanted.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(deadline) = self.deadlines.due(now) {
            match deadline {
                Deadline::Idle(socket) => self.cut(now, socket, Reason::Idle),
                Deadline::Grace(room, id) => self.depart(&room, &id, Reason::Lost),
                Deadline::Refresh(room, id) => self.refresh(now, room, id),
            }
        }
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// How many connections there are.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.sockets.len()
    }

    /// How many rooms there are.
    #[must_use]
    pub fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// The name of the member whose secret this is, as [`JoinInfo::resume`] told it.
    #[must_use]
    pub fn member_with_secret(&self, secret: &str) -> Option<Arc<str>> {
        let (name, _) = secret.split_once('.')?;
        let room = self.rooms.get(name)?;
        Some(Arc::clone(&room.with_secret(secret)?.id))
    }

    // ---- commands ----

    fn leave(
        &mut self,
        now: Instant,
        socket: SocketId,
        name: RoomName,
        identity: Identity,
    ) -> Result<Packet, Problem> {
        let id = match &self.socket(socket).room {
            Some(own) if *own != name => {
                let text = "you are in another room";
                return Err(Problem::new(ErrorCode::NotInRoom, text));
            }
            Some(_) => {
                let id = Arc::clone(&self.room_mut(&name).member_of(socket).id);
                self.socket_mut(socket).room = None;
                self.wait_for_join(now, socket);
                self.depart(&name, &id, Reason::Leave);
                id
            }
            None => identity.id,
        };
        let answer = Packet::Leaved { room: name, id };
        self.send(socket, answer.clone());
        Ok(answer)
    }

    fn message(
        &mut self,
        socket: SocketId,
        name: RoomName,
        data: Arc<Value>,
        to: Option<&str>,
    ) -> Result<Packet, Problem> {
        if self.socket(socket).room.as_ref() != Some(&name) {
            return Err(Problem::new(ErrorCode::NotInRoom, "join this room first"));
        }
        let room = self.room_mut(&name);
        let from = Arc::clone(&room.member_of(socket).id);
        let is_meant = |id: &&Arc<str>| **id != from && to.is_none_or(|to| to == &***id);
        let receivers = room.ids().filter(is_meant).cloned().collect::<Vec<_>>();
        for id in &receivers {
            let packet = Packet::Message {
                room: name.clone(),
                data: Arc::clone(&data),
                from: Arc::clone(&from),
                number: 0,
            };
            self.tell(&name, id, packet);
        }
        // Telling one may have been too much for another who is away and had been told before.
        let has_it = |id: &&Arc<str>| receivers.contains(id);
        let count = self.room_mut(&name).ids().filter(has_it).count();
        if count == 0 {
            let text = "there is nobody to take this message";
            return Err(Problem::new(ErrorCode::NoPeer, text));
        }
        Ok(Packet::Sent { room: name, count })
    }

    /// Tells the socket what is wrong, and cuts it off if it has been told often enough.
    fn refuse(
        &mut self,
        now: Instant,
        socket: SocketId,
        event: &str,
        room: Option<RoomName>,
        problem: Problem,
    ) -> Packet {
        let answer = Packet::Error {
            code: problem.code,
            event: event.chars().take(32).collect(),
            room,
            message: problem.text,
        };
        self.send(socket, answer.clone());
        if problem.code != ErrorCode::NoPeer && !self.socket_mut(socket).strikes.take(now) {
            self.cut(now, socket, Reason::Strikes);
        }
        answer
    }

    // ---- ends ----

    /// Takes the member out of the room and tells the others.
    fn depart(&mut self, name: &RoomName, id: &Arc<str>, reason: Reason) {
        let room = self.room_mut(name);
        let member = room.remove(id);
        self.deadlines.cancel_member(name, &member);
        if self.room_mut(name).is_empty() {
            self.rooms.remove(name);
            return;
        }
        let others = self.room_mut(name).ids().cloned().collect::<Vec<_>>();
        for other in others {
            let packet = Packet::Bye {
                room: name.clone(),
                id: Arc::clone(id),
                reason,
                number: 0,
            };
            self.tell(name, &other, packet);
        }
    }

    fn refresh(&mut self, now: Instant, name: RoomName, id: Arc<str>) {
        let again = self.limits.refresh.map(|interval| now + interval);
        let member = self.room_mut(&name).member_mut(&id);
        member.refresh_at = again;
        let socket = member.socket;
        if let Some(again) = again {
            let deadline = Deadline::Refresh(name.clone(), Arc::clone(&id));
            self.deadlines.at(again, deadline);
        }
        // Who is away gets fresh ones when it comes back.
        if let Some(socket) = socket {
            self.send(socket, Packet::TurnRefresh { room: name, id });
        }
    }

    /// Ends a connection from our side. Its member has left.
    fn cut(&mut self, now: Instant, socket: SocketId, reason: Reason) {
        if self.sockets.contains_key(&socket) {
            self.outputs.push_back(Output::Disconnect(socket, reason));
            self.handle_disconnected(now, socket, Ending::Closed);
        }
    }

    fn forget(&mut self, socket: SocketId) -> Option<Socket> {
        let state = self.sockets.remove(&socket)?;
        self.addresses.leave(state.from);
        if let Some(at) = state.idle_at {
            self.deadlines.cancel(at, Deadline::Idle(socket));
        }
        Some(state)
    }

    // ---- helpers ----

    fn wait_for_join(&mut self, now: Instant, socket: SocketId) {
        let at = now + self.limits.idle;
        self.socket_mut(socket).idle_at = Some(at);
        self.deadlines.at(at, Deadline::Idle(socket));
    }

    fn stop_waiting(&mut self, socket: SocketId) {
        if let Some(at) = self.socket_mut(socket).idle_at.take() {
            self.deadlines.cancel(at, Deadline::Idle(socket));
        }
    }

    fn send(&mut self, socket: SocketId, packet: Packet) {
        self.outputs.push_back(Output::Send(socket, packet));
    }

    /// Tells a member, now or when it comes back. One that is away and has too much waiting is dropped.
    ///
    /// Nobody is told who is gone: telling one member can drop it, what the others hear of that can drop more of
    /// them, and a caller that goes through a list meets those.
    fn tell(&mut self, name: &RoomName, id: &Arc<str>, packet: Packet) {
        let bounds = self.limits.waiting;
        let room = self.rooms.get_mut(name);
        let Some(member) = room.and_then(|room| room.find_mut(id)) else {
            return;
        };
        match member.tell(packet, bounds) {
            Ok(Some((socket, packet))) => self.send(socket, packet),
            Ok(None) => {}
            Err(room::Overflow) => self.depart(name, id, Reason::Lost),
        }
    }

    fn socket(&self, socket: SocketId) -> &Socket {
        &self.sockets[&socket]
    }

    fn socket_mut(&mut self, socket: SocketId) -> &mut Socket {
        self.sockets.get_mut(&socket).expect("a socket we know")
    }

    /// A room that a socket or a deadline names is there.
    fn room_mut(&mut self, name: &RoomName) -> &mut Room {
        self.rooms.get_mut(name).expect("a room we know")
    }
}

/// The room that an event is about, if it is about one.
fn room_among(arguments: &[Value]) -> Option<RoomName> {
    RoomName::new(arguments.first()?.as_str()?)
}

/// Why a command is not done.
#[derive(Debug)]
struct Problem {
    code: ErrorCode,
    text: String,
}

impl Problem {
    fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { code, text }
    }
}
