//! What a client is told.

use std::sync::Arc;

use serde_json::{Value, json};

use super::RoomName;

/// Something to tell a client. Where there is a `number`, packets to a member count up from 1; 0 is none.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of docs/SIGNALING.md")]
pub enum Packet {
    /// To who has joined.
    Joined {
        room: RoomName,
        id: Arc<str>,
        info: JoinInfo,
    },
    /// To the others.
    OtherJoined {
        room: RoomName,
        id: Arc<str>,
        count: usize,
        number: u64,
    },
    /// To who could not join.
    Full { room: RoomName, id: Arc<str> },
    /// To who has left.
    Leaved { room: RoomName, id: Arc<str> },
    /// To the others.
    Bye {
        room: RoomName,
        id: Arc<str>,
        reason: Reason,
        number: u64,
    },
    /// What another member says.
    Message {
        room: RoomName,
        data: Arc<Value>,
        from: Arc<str>,
        number: u64,
    },
    /// A message was passed on, or is kept for whoever comes back. Only ever an acknowledgement.
    Sent { room: RoomName, count: usize },
    /// It is time for new TURN credentials.
    TurnRefresh { room: RoomName, id: Arc<str> },
    /// What was asked for cannot be done.
    Error {
        code: ErrorCode,
        event: String,
        room: Option<RoomName>,
        message: String,
    },
}

/// What a new member is told of the room and of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinInfo {
    /// Members, this one included.
    pub count: usize,
    /// The ids of the others.
    pub peers: Vec<Arc<str>>,
    /// Gives way when both offer.
    pub polite: bool,
    /// The member's secret.
    pub resume: Arc<str>,
    /// Whether a place was taken up again.
    pub resumed: bool,
}

/// Why somebody is gone, or cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// By `leave`.
    Leave,
    /// The connection ended.
    Lost,
    /// The same member has come with another connection.
    Replaced,
    /// Too many mistakes.
    Strikes,
    /// In no room for too long.
    Idle,
    /// Did not read what it was sent.
    SlowReader,
}

impl Reason {
    /// The reason in a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leave => "leave",
            Self::Lost => "lost",
            Self::Replaced => "replaced",
            Self::Strikes => "too_many_errors",
            Self::Idle => "idle",
            Self::SlowReader => "slow_reader",
        }
    }
}

/// Why something cannot be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the codes are those of docs/SIGNALING.md")]
pub enum ErrorCode {
    AlreadyInRoom,
    NotInRoom,
    NoPeer,
    UnknownCommand,
    BadArgs,
    TooLarge,
    RateLimited,
    Forbidden,
    Busy,
    Disconnected,
}

impl ErrorCode {
    /// As clients see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AlreadyInRoom => "already_in_room",
            Self::NotInRoom => "not_in_room",
            Self::NoPeer => "no_peer",
            Self::UnknownCommand => "unknown_command",
            Self::BadArgs => "bad_args",
            Self::TooLarge => "too_large",
            Self::RateLimited => "rate_limited",
            Self::Forbidden => "forbidden",
            Self::Busy => "busy",
            Self::Disconnected => "disconnected",
        }
    }
}

impl Packet {
    /// The event's name and its arguments. `turn` is added where TURN credentials belong.
    #[must_use]
    pub fn event(&self, turn: Option<&Value>) -> (&'static str, Vec<Value>) {
        let pair = |room: &RoomName, id: &Arc<str>| vec![json!(room.as_str()), json!(&**id)];
        match self {
            Self::Joined { room, id, info } => {
                let mut arguments = pair(room, id);
                arguments.push(info.value(turn));
                ("joined", arguments)
            }
            Self::OtherJoined {
                room,
                id,
                count,
                number,
            } => {
                let mut arguments = pair(room, id);
                arguments.push(numbered(json!({ "count": count }), *number));
                ("other_joined", arguments)
            }
            Self::Full { room, id } => ("full", pair(room, id)),
            Self::Leaved { room, id } => ("leaved", pair(room, id)),
            Self::Bye {
                room,
                id,
                reason,
                number,
            } => {
                let mut arguments = pair(room, id);
                arguments.push(numbered(json!({ "reason": reason.as_str() }), *number));
                ("bye", arguments)
            }
            Self::Message {
                room,
                data,
                from,
                number,
            } => {
                let third = numbered(json!({ "from": &**from }), *number);
                let arguments = vec![json!(room.as_str()), Value::clone(data), third];
                ("message", arguments)
            }
            Self::Sent { room, count } => ("sent", vec![json!(room.as_str()), json!(count)]),
            Self::TurnRefresh { room, .. } => {
                let turn = turn.cloned().unwrap_or_else(|| json!({}));
                ("turn_refresh", vec![json!(room.as_str()), turn])
            }
            Self::Error {
                code,
                event,
                room,
                message,
            } => {
                let mut what = json!({ "code": code.as_str(), "event": event, "message": message });
                if let Some(room) = room {
                    what["room"] = json!(room.as_str());
                }
                ("sig_error", vec![what])
            }
        }
    }

    /// What is said to a client before its connection is closed.
    #[must_use]
    pub fn farewell(reason: Reason) -> Self {
        Self::Error {
            code: ErrorCode::Disconnected,
            event: String::new(),
            room: None,
            message: reason.as_str().to_owned(),
        }
    }

    /// Whose TURN credentials belong into this.
    #[must_use]
    pub fn turn_for(&self) -> Option<&Arc<str>> {
        match self {
            Self::Joined { id, .. } | Self::TurnRefresh { id, .. } => Some(id),
            _ => None,
        }
    }

    pub(super) fn number(&mut self, count: u64) {
        match self {
            Self::OtherJoined { number, .. }
            | Self::Bye { number, .. }
            | Self::Message { number, .. } => *number = count,
            _ => {}
        }
    }
}

impl JoinInfo {
    fn value(&self, turn: Option<&Value>) -> Value {
        let peers = self.peers.iter().map(|id| &**id).collect::<Vec<_>>();
        let mut info = json!({
            "count": self.count,
            "peers": peers,
            "polite": self.polite,
            "resume": &*self.resume,
            "resumed": self.resumed,
        });
        if let (Some(info), Some(turn)) = (info.as_object_mut(), turn.and_then(Value::as_object)) {
            info.extend(turn.clone());
        }
        info
    }
}

fn numbered(mut third: Value, number: u64) -> Value {
    if number > 0 {
        third["number"] = json!(number);
    }
    third
}
