//! The front end for socket.io clients, 1.x to 4.x, over polling and WebSocket.
//!
//! Handlers are plain closures: those run one after the other where the packets are read, so that the order of a
//! sender's events is kept. Asynchronous ones would each be a task of its own, and overtake each other.

use std::{
    convert::Infallible,
    fmt,
    future::ready,
    sync::{Arc, Mutex, PoisonError},
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
    hub::{Ending, ErrorCode, SocketId},
    switchboard::{LARGEST_EVENT, Outlet, QueueFull, Switchboard, Visitor},
};

/// Packets that may wait for a client that does not read.
const QUEUE: usize = 1024;
/// Above the largest event, so that one that is a little too large gets an answer.
const FRAME: usize = LARGEST_EVENT + 8 * 1024;
/// Events that a client may send before it is connected.
const EARLY: usize = 256;
/// Between pings, and for the answer.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// For a client that is cut off, to take what it is told. Nothing that it says counts any more.
const FAREWELL: Duration = Duration::from_secs(1);
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

type SharedDoor = Arc<Mutex<Door>>;

fn listen(board: &Arc<Switchboard>, socket: &SocketRef) {
    let door = SharedDoor::new(Mutex::new(Door::Closed(Vec::new())));
    socket.extensions.insert(Arc::clone(&door));
    let (ends, left) = (Arc::clone(board), Arc::clone(&door));
    socket.on_disconnect(move |reason: DisconnectReason| {
        let mut door = left.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *door, Door::Gone);
        drop(door);
        if let Door::Open(id) = before {
            ends.disconnect(id, ending(&reason));
        }
        ready(())
    });
    let board = Arc::clone(board);
    socket.on_fallback(
        move |Event(event): Event, TryData(data): TryData<Arguments>, ack: AckSender| {
            let mut door = door.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *door {
                Door::Open(id) => {
                    let id = *id;
                    drop(door);
                    receive(&board, id, &event, data.ok(), ack);
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
    let Some(door) = socket.extensions.get::<SharedDoor>() else {
        return;
    };
    // Held until it is open: a client that leaves meanwhile waits, and is then known.
    let mut door = door.lock().unwrap_or_else(PoisonError::into_inner);
    let Door::Closed(early) = &mut *door else {
        return;
    };
    let early = std::mem::take(early);
    let Ok(id) = board.connect(visitor, Box::new(Line(socket.clone()))) else {
        let _ = socket.emit("sig_error", &Arguments(vec![busy()]));
        drop(door);
        return disconnect(socket.clone());
    };

    *door = Door::Open(id);
    for (event, data, ack) in early {
        receive(board, id, &event, data, ack);
    }
}

fn receive(
    board: &Switchboard,
    id: SocketId,
    event: &str,
    data: Option<Arguments>,
    ack: AckSender,
) {
    let Some(Arguments(arguments)) = data else {
        return board.refuse(
            id,
            event,
            ErrorCode::BadArgs,
            "the arguments cannot be read",
        );
    };
    if let Some((event, arguments)) = board.event(id, event, &arguments) {
        let answer = serde_json::json!({ "event": event, "args": arguments });
        // A full queue ends the connection when the next event comes.
        let _ = ack.send(&answer);
    }
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

struct Line(SocketRef);

impl Outlet for Line {
    fn send(&self, event: &str, arguments: &[Value]) -> Result<(), QueueFull> {
        use socketioxide::{SendError, SocketError};
        match self.0.emit(event, &Arguments(arguments.to_vec())) {
            Err(SendError::Socket(SocketError::InternalChannelFull)) => Err(QueueFull),
            // A closed socket tells so by itself.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn close(self: Box<Self>) {
        // Closing at once, with input unread, makes the kernel discard what the client has not read: the reason.
        tokio::spawn(async move {
            tokio::time::sleep(FAREWELL).await;
            disconnect(self.0);
        });
    }
}

/// All arguments of an event, as many as there are.
struct Arguments(Vec<Value>);

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
