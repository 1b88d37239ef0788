//! `join`: the one command that has three outcomes.

use std::{sync::Arc, time::Instant};

use super::{
    ErrorCode, Hub, Identity, JoinInfo, JoinOptions, Packet, Problem, Reason, RoomName, SocketId,
    deadlines::Deadline, room::Member,
};

impl Hub {
    pub(super) fn join(
        &mut self,
        now: Instant,
        socket: SocketId,
        name: RoomName,
        options: JoinOptions,
        identity: Identity,
    ) -> Result<Packet, Problem> {
        if let Some(own) = self.socket(socket).room.clone() {
            return self.join_again(socket, &own, name);
        }
        if let Some(secret) = &options.resume
            && let Some(room) = self.rooms.get(&name)
            && let Some(member) = room.with_secret(secret)
        {
            let id = Arc::clone(&member.id);
            return Ok(self.resume(now, socket, name, &id, options.seen));
        }
        match self.rooms.get(&name) {
            Some(room) if room.len() >= self.limits.capacity => {
                let packet = Packet::Full {
                    room: name,
                    id: identity.id,
                };
                self.send(socket, packet.clone());
                Ok(packet)
            }
            None if self.rooms.len() >= self.limits.rooms => {
                let text = "there are too many rooms";
                Err(Problem::new(ErrorCode::Busy, text))
            }
            _ => Ok(self.enter(now, socket, name, options.comes_back, identity)),
        }
    }

    fn join_again(
        &mut self,
        socket: SocketId,
        own: &RoomName,
        name: RoomName,
    ) -> Result<Packet, Problem> {
        if *own != name {
            let text = "you are in another room: leave it first";
            return Err(Problem::new(ErrorCode::AlreadyInRoom, text));
        }
        let id = Arc::clone(&self.room_mut(own).member_of(socket).id);
        let packet = self.joined(name, &id, false);
        self.send(socket, packet.clone());
        Ok(packet)
    }

    fn enter(
        &mut self,
        now: Instant,
        socket: SocketId,
        name: RoomName,
        comes_back: bool,
        identity: Identity,
    ) -> Packet {
        let Identity { id, secret } = identity;
        let secret = format!("{name}.{secret}").into();
        let mut member = Member::new(Arc::clone(&id), secret, socket, comes_back);
        if let Some(interval) = self.limits.refresh {
            let at = now + interval;
            member.refresh_at = Some(at);
            self.deadlines
                .at(at, Deadline::Refresh(name.clone(), Arc::clone(&id)));
        }
        let room = self.rooms.entry(name.clone()).or_default();
        let others = room.ids().cloned().collect::<Vec<_>>();
        room.add(member);
        let count = room.len();
        self.stop_waiting(socket);
        self.socket_mut(socket).room = Some(name.clone());

        let packet = self.joined(name.clone(), &id, false);
        self.send(socket, packet.clone());
        for other in others {
            let news = Packet::OtherJoined {
                room: name.clone(),
                id: Arc::clone(&id),
                count,
                number: 0,
            };
            self.tell(&name, &other, news);
        }
        packet
    }

    /// The member is back, with another connection.
    fn resume(
        &mut self,
        now: Instant,
        socket: SocketId,
        name: RoomName,
        id: &Arc<str>,
        seen: Option<u64>,
    ) -> Packet {
        let member = self.room_mut(&name).member_mut(id);
        let (before, lost_until) = (member.socket, member.lost_until());
        let missing = member.resume(socket, seen);
        if let Some(until) = lost_until {
            let deadline = Deadline::Grace(name.clone(), Arc::clone(id));
            self.deadlines.cancel(until, deadline);
        }
        self.stop_waiting(socket);
        self.socket_mut(socket).room = Some(name.clone());
        if let Some(before) = before {
            // The client knows sooner than the server that its old connection is dead.
            self.socket_mut(before).room = None;
            self.cut(now, before, Reason::Replaced);
        }
        let packet = self.joined(name, id, true);
        self.send(socket, packet.clone());
        for packet in missing {
            self.send(socket, packet);
        }
        packet
    }

    fn joined(&mut self, name: RoomName, id: &Arc<str>, resumed: bool) -> Packet {
        let room = self.room_mut(&name);
        let info = JoinInfo {
            count: room.len(),
            peers: room.ids().filter(|other| *other != id).cloned().collect(),
            polite: !room.is_first(id),
            resume: Arc::clone(&room.member_mut(id).secret),
            resumed,
        };
        Packet::Joined {
            room: name,
            id: Arc::clone(id),
            info,
        }
    }
}
