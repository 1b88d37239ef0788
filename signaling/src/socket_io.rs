//! The front end for socket.io clients, 1.x to 4.x, over polling and WebSocket.
//!
//! Handlers are plain closures: those run one after the other where the packets are read, so that the order of a
//! sender's events is kept. Asynchronous ones would each be a task of its own, and overtake each other.

use std::{
    convert::Infallible,
    fmt,
    future::ready,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeTuple};
use serde_json::Value;
use socketioxide::{
    SocketIo,
    extract::{AckSender, Event, SocketRef, TryData},
    handler::ConnectHandler,
    layer::SocketIoLayer,
    socket::DisconnectReason,
};

use crate::{
    backlog::{Backlog, Word},
    hub::{Ending, ErrorCode, SocketId},
    switchboard::{LARGEST_EVENT, Outlet, QueueFull, Switchboard, Visitor},
};

/// Packets that may wait in engine.io for a client that does not read; more waits in its [`Backlog`].
const QUEUE: usize = 32;
/// Above the largest event, so that one that is a little too large gets an answer.
const FRAME: usize = LARGEST_EVENT + 8 * 1024;
/// Events that a client may send before it is connected.
const EARLY: usize = 256;
/// Between pings, and for the answer.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// For a client that is cut off, to take what it is told. Nothing that it says counts any more.
const FAREWELL: Duration = Duration::from_secs(1);
/// Between attempts to end a connection whose queue is full.
const AGAIN: Duration = Duration::from_millis(100);
/// From the handshake until the client says which namespace it wants.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The layer that answers `/socket.io/`, for the clients of `board`.
pub fn layer(board: &Arc<Switchboard>) -> SocketIoLayer {
    let (layer, io) = SocketIo::builder()
        .max_buffer_size(QUEUE)
        .max_payload(FRAME as u64)
        .ws_max_message_size(FRAME)
        .ws_max_frame_size(FRAME)
        .ping_interval(PING_INTERVAL)
        .ping_timeout(PING_TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .build_layer();
    let (listeners, board) = (Arc::clone(board), Arc::clone(board));
    let connected = move |socket: SocketRef| {
        connect(&board, &socket);
        ready(())
    };
    // The client may speak, and leave, as soon as it is told that it is connected: that is before `connected` runs.
    io.ns(
        "/",
        connected.with(move |socket: SocketRef| {
            listen(&listeners, &socket);
            ready(Ok::<(), Infallible>(()))
        }),
    );
    layer
}

/// What a client says before it is known to the switchboard waits.
enum Door {
    Closed(Vec<(String, Option<Arguments>, AckSender)>),
    Open(SocketId),
    /// It has left, perhaps before it was known. What it said first does not count any more.
    Gone,
}

/// A client, as its connection knows it.
struct Client {
    door: Mutex<Door>,
    backlog: Arc<Backlog>,
}

impl Client {
    fn door(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, socket: &SocketRef, ack: AckSender, answer: Option<Value>) {
        if let Some(answer) = answer {
            // A full queue ends the connection when the next event comes.
            let _ = self.backlog.say(socket, Word::Answer(Some(ack), answer));
        }
    }
}

fn listen(board: &Arc<Switchboard>, socket: &SocketRef) {
    let client = Arc::new(Client {
        door: Mutex::new(Door::Closed(Vec::new())),
        backlog: Arc::default(),
    });
    socket.extensions.insert(Arc::clone(&client));
    let (ends, left) = (Arc::clone(board), Arc::clone(&client));
    socket.on_disconnect(move |reason: DisconnectReason| {
        let before = std::mem::replace(&mut *left.door(), Door::Gone);
        left.backlog.clear();
        if let Door::Open(id) = before {
            ends.disconnect(id, ending(&reason));
        }
        ready(())
    });
    let board = Arc::clone(board);
    socket.on_fallback(
        move |socket: SocketRef,
              Event(event): Event,
              TryData(data): TryData<Arguments>,
              ack: AckSender| {
            let mut door = client.door();
            match &mut *door {
                Door::Open(id) => {
                    let id = *id;
                    drop(door);
                    let answer = receive(&board, id, &event, data.ok());
                    client.answer(&socket, ack, answer);
                }
                Door::Closed(early) if early.len() < EARLY => early.push((event, data.ok(), ack)),
                // The ones before it are more than may come at once: the client is being cut off for that.
                Door::Closed(_) | Door::Gone => {}
            }
            ready(())
        },
    );
}

fn connect(board: &Arc<Switchboard>, socket: &SocketRef) {
    // The gate puts it there, before anything else sees the request.
    let Some(visitor) = socket.req_parts().extensions.get::<Visitor>().cloned() else {
        return disconnect(socket.clone());
    };
    let Some(client) = socket.extensions.get::<Arc<Client>>() else {
        return;
    };
    // Held until it is open: a client that leaves meanwhile waits, and is then known.
    let mut door = client.door();
    let Door::Closed(early) = &mut *door else {
        return;
    };
    let early = std::mem::take(early);
    let line = Line {
        socket: socket.clone(),
        backlog: Arc::clone(&client.backlog),
    };
    let Ok(id) = board.connect(visitor, Box::new(line)) else {
        let _ = socket.emit("sig_error", &Arguments(vec![busy()]));
        drop(door);
        return disconnect(socket.clone());
    };

    *door = Door::Open(id);
    for (event, data, ack) in early {
        let answer = receive(board, id, &event, data);
        client.answer(socket, ack, answer);
    }
}

fn receive(
    board: &Switchboard,
    id: SocketId,
    event: &str,
    data: Option<Arguments>,
) -> Option<Value> {
    let Some(Arguments(arguments)) = data else {
        let text = "the arguments cannot be read";
        board.refuse(id, event, ErrorCode::BadArgs, text);
        return None;
    };
    let (event, arguments) = board.event(id, event, &arguments)?;
    Some(serde_json::json!({ "event": event, "args": arguments }))
}

/// How a connection ended: by the client's will, or not.
fn ending(reason: &DisconnectReason) -> Ending {
    match reason {
        DisconnectReason::TransportClose
        | DisconnectReason::ClientNSDisconnect
        | DisconnectReason::ServerNSDisconnect => Ending::Closed,
        _ => Ending::Lost,
    }
}

fn busy() -> Value {
    let message = "there are too many connections";
    serde_json::json!({ "code": ErrorCode::Busy.as_str(), "event": "", "message": message })
}

fn disconnect(socket: SocketRef) {
    // An error says that it is disconnected already.
    let _ = socket.disconnect();
}

struct Line {
    socket: SocketRef,
    backlog: Arc<Backlog>,
}

impl Outlet for Line {
    fn send(&self, event: &str, arguments: &[Value]) -> Result<(), QueueFull> {
        // A closed socket tells so by itself.
        let word = Word::Event(event.to_owned(), Arguments(arguments.to_vec()));
        self.backlog.say(&self.socket, word)
    }

    fn close(self: Box<Self>) {
        // Closing at once, with input unread, makes the kernel discard what the client has not read: the reason.
        tokio::spawn(async move {
            tokio::time::sleep(FAREWELL).await;
            // Without room in its queue it stays open. There is some again, or it breaks.
            while self.socket.clone().disconnect().is_err() {
                tokio::time::sleep(AGAIN).await;
            }
        });
    }
}

/// All arguments of an event, as many as there are.
pub(crate) struct Arguments(pub(crate) Vec<Value>);

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // As a tuple: socketioxide takes anything else for the first argument alone. JSON does not count.
        deserializer.deserialize_tuple(0, Elements)
    }
}

struct Elements;

impl<'de> de::Visitor<'de> for Elements {
    type Value = Arguments;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("arguments")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut elements: A) -> Result<Arguments, A::Error> {
        let mut arguments = Vec::new();
        while let Some(argument) = elements.next_element()? {
            arguments.push(argument);
        }
        Ok(Arguments(arguments))
    }
}

impl Serialize for Arguments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for argument in &self.0 {
            tuple.serialize_element(argument)?;
        }
        tuple.end()
    }
}
