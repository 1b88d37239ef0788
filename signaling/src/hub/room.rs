//! A room and who is in it.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use serde_json::Value;
use subtle::ConstantTimeEq;

use super::{Packet, SocketId, limits::Waiting};

/// Members in the order in which they came. There is always at least one.
#[derive(Debug, Default)]
pub(super) struct Room {
    members: Vec<Member>,
}

/// Somebody who has joined and not left.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: Arc<str>,
    /// The room's name, a dot, and something random: so it tells where to look for the member.
    pub(super) secret: Arc<str>,
    /// `None` while its connection is lost.
    pub(super) socket: Option<SocketId>,
    /// Would take up its place again.
    pub(super) comes_back: bool,
    pub(super) refresh_at: Option<Instant>,
    lost_until: Option<Instant>,
    history: History,
}

/// The last packets to a member that comes back: a connection can take some of them with it.
#[derive(Debug, Default)]
struct History {
    sent: u64,
    packets: VecDeque<(u64, Packet)>,
    bytes: usize,
    /// The last packet that was written before the connection was lost.
    lost_after: u64,
}

/// More has come for a member that is away than is kept.
#[derive(Debug)]
pub(super) struct Overflow;

impl Room {
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.members.iter().map(|member| &member.id)
    }

    pub(super) fn add(&mut self, member: Member) {
        self.members.push(member);
    }

    pub(super) fn remove(&mut self, id: &str) -> Member {
        let at = self.position(|member| &*member.id == id);
        self.members.remove(at)
    }

    /// The member that the hub knows to be there.
    pub(super) fn member_mut(&mut self, id: &str) -> &mut Member {
        let at = self.position(|member| &*member.id == id);
        &mut self.members[at]
    }

    /// The member, if it is there.
    pub(super) fn find_mut(&mut self, id: &str) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| &*member.id == id)
    }

    /// The member of a socket that is in this room.
    pub(super) fn member_of(&mut self, socket: SocketId) -> &mut Member {
        let at = self.position(|member| member.socket == Some(socket));
        &mut self.members[at]
    }

    pub(super) fn with_secret(&self, secret: &str) -> Option<&Member> {
        let same = |member: &&Member| member.secret.as_bytes().ct_eq(secret.as_bytes()).into();
        self.members.iter().find(same)
    }

    /// Whether somebody was here before this one.
    pub(super) fn is_first(&self, id: &str) -> bool {
        self.members.first().is_some_and(|first| &*first.id == id)
    }

    fn position(&self, is: impl Fn(&Member) -> bool) -> usize {
        self.members
            .iter()
            .position(is)
            .expect("a member of this room")
    }
}

impl Member {
    pub(super) fn new(id: Arc<str>, secret: Arc<str>, socket: SocketId, comes_back: bool) -> Self {
        Self {
            id,
            secret,
            socket: Some(socket),
            comes_back,
            refresh_at: None,
            lost_until: None,
            history: History::default(),
        }
    }

    pub(super) fn lost_until(&self) -> Option<Instant> {
        self.lost_until
    }

    /// The connection is gone; the place is kept until then.
    pub(super) fn lose(&mut self, until: Instant) {
        self.socket = None;
        self.lost_until = Some(until);
        self.history.lost_after = self.history.sent;
    }

    /// Takes up the place with another connection. Returns the packets that are missing there: those
    /// after `seen`, or those that came while there was no connection.
    pub(super) fn resume(&mut self, socket: SocketId, seen: Option<u64>) -> Vec<Packet> {
        let was_lost = self.lost_until.take().is_some();
        self.comes_back = true;
        self.socket = Some(socket);
        // It may not have said so when it joined; with the secret in its hand it has now.
        self.comes_back = true;
        let history = &self.history;
        let after = seen.unwrap_or(if was_lost {
            history.lost_after
        } else {
            history.sent
        });
        let missing = history.packets.iter().filter(|(number, _)| *number > after);
        missing.map(|(_, packet)| packet.clone()).collect()
    }

    /// A packet for this member: to be sent now, or kept.
    pub(super) fn tell(
        &mut self,
        mut packet: Packet,
        bounds: Waiting,
    ) -> Result<Option<(SocketId, Packet)>, Overflow> {
        if self.comes_back {
            let sent_already = self.socket.is_some();
            self.history.push(&mut packet);
            self.history.shorten(bounds, sent_already)?;
        }
        Ok(self.socket.map(|socket| (socket, packet)))
    }
}

impl History {
    fn push(&mut self, packet: &mut Packet) {
        self.sent += 1;
        packet.number(self.sent);
        self.bytes += size(packet);
        self.packets.push_back((self.sent, packet.clone()));
    }

    /// Forgets the oldest until what is left is within `bounds`, if they have been `sent_already`.
    fn shorten(&mut self, bounds: Waiting, sent_already: bool) -> Result<(), Overflow> {
        while self.packets.len() > bounds.packets || self.bytes > bounds.bytes {
            let oldest = self.packets.front().map_or(0, |(number, _)| *number);
            if !sent_already && oldest > self.lost_after {
                return Err(Overflow);
            }
            let Some((_, packet)) = self.packets.pop_front() else {
                break;
            };
            self.bytes -= size(&packet);
        }
        Ok(())
    }
}

/// What a packet keeps in memory, about, in bytes.
fn size(packet: &Packet) -> usize {
    match packet {
        Packet::Message { data, .. } => 128 + value_size(data),
        _ => 128,
    }
}

fn value_size(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(value_size).sum(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, value)| name.len() + 64 + value_size(value))
                .sum(),
            _ => 0,
        }
}
