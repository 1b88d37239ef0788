//! What a client can say. Whoever has a [`Command`] has a whole one.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde_json::Value;

use super::{ErrorCode, Problem};

/// Longest name of a room, in characters.
const ROOM_NAME: usize = 64;
/// Longest token, secret or id that can be right.
const WORD: usize = 256;

/// The name of a room: 1 to 64 of `A-Z a-z 0-9 _ -`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomName(Arc<str>);

impl RoomName {
    /// Takes a name that can be one.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let fits = (1..=ROOM_NAME).contains(&name.len());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        (fits && name.bytes().all(plain)).then(|| Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for RoomName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What stands behind the room in `join`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JoinOptions {
    /// Shows that the room may be joined.
    pub token: Option<String>,
    /// This client would come back after a lost connection.
    pub comes_back: bool,
    /// The secret of the member that this client is.
    pub resume: Option<String>,
    /// The number of the last packet that came before the connection was lost.
    pub seen: Option<u64>,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Command {
    Join(RoomName, JoinOptions),
    Leave(RoomName),
    Message {
        room: RoomName,
        data: Arc<Value>,
        to: Option<String>,
    },
}

impl Command {
    /// Reads an event with its arguments.
    pub(super) fn parse(event: &str, arguments: &[Value]) -> Result<Self, Problem> {
        match (event, arguments) {
            ("join", [name]) => Ok(Self::Join(room(name)?, JoinOptions::default())),
            ("join", [name, options]) => Ok(Self::Join(room(name)?, join_options(options)?)),
            ("join", _) => Err(wrong("join takes a room and, if need be, options")),
            ("leave", [name]) => Ok(Self::Leave(room(name)?)),
            ("leave", _) => Err(wrong("leave takes a room")),
            ("message", [name, data]) => message(name, data, None),
            ("message", [name, data, options]) => message(name, data, Some(options)),
            ("message", _) => Err(wrong("message takes a room, data and, if need be, {to}")),
            _ => {
                let text = "there are join, leave and message";
                Err(Problem::new(ErrorCode::UnknownCommand, text))
            }
        }
    }
}

fn message(name: &Value, data: &Value, options: Option<&Value>) -> Result<Command, Problem> {
    let room = room(name)?;
    if !data.get("type").is_some_and(Value::is_string) {
        return Err(wrong("the data of a message is an object with a type"));
    }
    let to = match options {
        None => None,
        Some(options) => addressee(fields(options)?)?,
    };
    let data = Arc::new(data.clone());
    Ok(Command::Message { room, data, to })
}

/// To everybody only if nobody is named: `null` may be a name that is missing by mistake.
fn addressee(options: &Fields) -> Result<Option<String>, Problem> {
    match options.get("to") {
        Some(Value::Null) => Err(wrong("to is the id of a member")),
        _ => word(options, "to"),
    }
}

fn room(name: &Value) -> Result<RoomName, Problem> {
    let name = name.as_str().and_then(RoomName::new);
    name.ok_or_else(|| wrong("a room's name is 1 to 64 of A-Z a-z 0-9 _ -"))
}

fn join_options(options: &Value) -> Result<JoinOptions, Problem> {
    let fields = fields(options)?;
    let (comes_back, resume) = match fields.get("resume") {
        None | Some(Value::Null | Value::Bool(false)) => (false, None),
        Some(Value::Bool(true)) => (true, None),
        Some(_) => (true, word(fields, "resume")?),
    };
    let seen = match fields.get("seen") {
        None | Some(Value::Null) => None,
        Some(seen) => Some(seen.as_u64().ok_or_else(|| wrong("seen is a number"))?),
    };
    Ok(JoinOptions {
        token: word(fields, "token")?,
        comes_back,
        resume,
        seen,
    })
}

type Fields = serde_json::Map<String, Value>;

fn fields(options: &Value) -> Result<&Fields, Problem> {
    options
        .as_object()
        .ok_or_else(|| wrong("the options are an object"))
}

fn word(fields: &Fields, name: &str) -> Result<Option<String>, Problem> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(word)) if word.len() <= WORD => Ok(Some(word.clone())),
        Some(_) => Err(wrong(format!("{name} is a string of at most {WORD} bytes"))),
    }
}

fn wrong(text: impl Into<String>) -> Problem {
    Problem::new(ErrorCode::BadArgs, text)
}
