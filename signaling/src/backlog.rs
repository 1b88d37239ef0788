//! What waits for a client of socket.io that does not read as fast as it is told.
//!
//! engine.io bounds its queue in packets, and a packet may be long. So that queue is short, and what does not fit into it
//! waits here, bounded in bytes. A ping of engine.io has to fit as well: whose queue is full at that moment is lost.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::Value;
use socketioxide::{
    SendError, SocketError,
    extract::{AckSender, SocketRef},
};

use crate::{socket_io::Arguments, switchboard::QueueFull};

/// Bytes that may wait for one client. A single event may be longer: in memory some are a dozen times what they are as JSON.
const MOST: usize = 512 * 1024;
/// Between looks whether there is room again, while there is and while there is not: engine.io tells nobody.
const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_millis(50);

/// Something for a client.
pub(crate) enum Word {
    /// An event.
    Event(String, Arguments),
    /// The answer to one of its own; nothing when it has been given.
    Answer(Option<AckSender>, Value),
}

/// What waits, in order.
#[derive(Default)]
pub(crate) struct Backlog(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: VecDeque<Word>,
    bytes: usize,
    is_followed: bool,
}

impl Backlog {
    /// Says it now, or behind what waits.
    ///
    /// # Errors
    /// Too much waits already.
    pub(crate) fn say(
        self: &Arc<Self>,
        socket: &SocketRef,
        mut word: Word,
    ) -> Result<(), QueueFull> {
        let mut state = self.lock();
        let is_first = state.waiting.is_empty();
        if is_first && word.goes_out(socket) {
            return Ok(());
        }
        let bytes = state.bytes + word.size();
        if !is_first && bytes > MOST {
            return Err(QueueFull);
        }
        state.bytes = bytes;
        state.waiting.push_back(word);
        if !std::mem::replace(&mut state.is_followed, true) {
            tokio::spawn(follow(Arc::clone(self), socket.clone()));
        }
        Ok(())
    }

    /// Forgets what waits: the client is gone.
    pub(crate) fn clear(&self) {
        let mut state = self.lock();
        state.waiting.clear();
        state.bytes = 0;
    }

    /// Says what there is room for.
    fn go_on(&self, socket: &SocketRef) -> Progress {
        let mut state = self.lock();
        let mut progress = Progress::None;
        while let Some(mut word) = state.waiting.pop_front() {
            let size = word.size();
            if !word.goes_out(socket) {
                state.waiting.push_front(word);
                return progress;
            }
            state.bytes -= size;
            progress = Progress::Some;
        }
        state.is_followed = false;
        Progress::All
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much of what waited has been said.
enum Progress {
    None,
    Some,
    All,
}

async fn follow(backlog: Arc<Backlog>, socket: SocketRef) {
    let mut pause = SHORT;
    loop {
        pause = match backlog.go_on(&socket) {
            Progress::None => LONG.min(pause * 2),
            Progress::Some => SHORT,
            Progress::All => return,
        };
        tokio::time::sleep(pause).await;
    }
}

impl Word {
    /// Whether there was room for it; for what a closed connection is told there always is.
    fn goes_out(&mut self, socket: &SocketRef) -> bool {
        match self {
            Self::Event(event, arguments) => !is_full(&socket.emit(&*event, arguments)),
            // Sending one takes it even where there is no room.
            Self::Answer(ack, answer) => {
                let has_room = !is_full(&socket.emit("", &Nothing));
                if has_room && let Some(ack) = ack.take() {
                    // Gone with the connection, if at all.
                    let _ = ack.send(answer);
                }
                has_room
            }
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Event(event, Arguments(arguments)) => {
                event.len() + arguments.iter().map(size).sum::<usize>()
            }
            Self::Answer(_, answer) => size(answer),
        }
    }
}

fn is_full(sent: &Result<(), SendError>) -> bool {
    matches!(
        sent,
        Err(SendError::Socket(SocketError::InternalChannelFull))
    )
}

/// About what it takes in memory.
fn size(value: &Value) -> usize {
    let inner = match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| size_of::<String>() + name.len() + size(value))
            .sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    size_of::<Value>() + inner
}

/// What cannot be sent: an attempt tells whether there would be room.
struct Nothing;

impl Serialize for Nothing {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("nothing"))
    }
}
