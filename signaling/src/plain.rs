//! The front end for plain WebSocket: a JSON array a message, the event's name first.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Extension,
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, close_code},
    },
    response::Response,
};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{
    hub::{Ending, ErrorCode, SocketId},
    switchboard::{LARGEST_EVENT, Outlet, QueueFull, Switchboard, Visitor},
};

/// Messages that may wait for a client that does not read, and bytes of them.
const QUEUE: usize = 1024;
const QUEUE_BYTES: usize = 1024 * 1024;
/// Above the largest event, so that one that is a little too large gets an answer.
const FRAME: usize = LARGEST_EVENT + 8 * 1024;
/// Between pings, and for the answer.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// For a client that is cut off, to take what it is told.
const FAREWELL: Duration = Duration::from_secs(2);

/// Answers `GET /ws`.
pub async fn upgrade(
    State(board): State<Arc<Switchboard>>,
    Extension(visitor): Extension<Visitor>,
    request: WebSocketUpgrade,
) -> Response {
    request
        .max_message_size(FRAME)
        .max_frame_size(FRAME)
        .on_upgrade(move |socket| serve(board, visitor, socket))
}

async fn serve(board: Arc<Switchboard>, visitor: Visitor, mut socket: WebSocket) {
    let (sender, mut queue) = mpsc::channel(QUEUE);
    let waiting = Arc::<AtomicUsize>::default();
    let line = Line {
        queue: sender,
        waiting: Arc::clone(&waiting),
    };
    let Ok(id) = board.connect(visitor, Box::new(line)) else {
        return close(socket, close_code::AGAIN, "there are too many connections").await;
    };
    let mut heard = Instant::now();
    let mut pings = tokio::time::interval(PING_INTERVAL);
    loop {
        tokio::select! {
            event = queue.recv() => match event {
                Some(text) => {
                    waiting.fetch_sub(text.len(), Ordering::Relaxed);
                    if write(&mut socket, Message::Text(text.into())).await.is_err() {
                        return board.disconnect(id, Ending::Lost);
                    }
                }
                None => return close(socket, close_code::POLICY, "see sig_error").await,
            },
            read = socket.recv() => {
                heard = Instant::now();
                match read {
                    Some(Ok(Message::Text(text))) => receive(&board, id, &text),
                    Some(Ok(Message::Binary(_))) => {
                        board.refuse(id, "", ErrorCode::BadArgs, "events are text, not bytes");
                    }
                    Some(Ok(Message::Close(_))) => return board.disconnect(id, Ending::Closed),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Err(error)) => {
                        board.disconnect(id, Ending::Lost);
                        let (code, text) = complaint(&error);
                        return close(socket, code, text).await;
                    }
                    None => return board.disconnect(id, Ending::Lost),
                }
            }
            _ = pings.tick() => {
                let silent = heard.elapsed() > PING_INTERVAL + PING_TIMEOUT;
                if silent || write(&mut socket, Message::Ping(Vec::new().into())).await.is_err() {
                    return board.disconnect(id, Ending::Lost);
                }
            }
        }
    }
}

fn receive(board: &Switchboard, id: SocketId, text: &str) {
    let mut message = match serde_json::from_str::<Vec<Value>>(text) {
        Ok(message) if !message.is_empty() => message,
        _ => {
            let text = "an event is a JSON array: its name and its arguments";
            return board.refuse(id, "", ErrorCode::BadArgs, text);
        }
    };
    match message.remove(0) {
        Value::String(event) => {
            board.event(id, &event, &message);
        }
        _ => board.refuse(
            id,
            "",
            ErrorCode::BadArgs,
            "the name of an event is a string",
        ),
    }
}

/// Writes, but does not wait for ever: what else comes for this client waits in its queue meanwhile.
async fn write(socket: &mut WebSocket, message: Message) -> Result<(), ()> {
    let written = tokio::time::timeout(PING_INTERVAL + PING_TIMEOUT, socket.send(message)).await;
    matches!(written, Ok(Ok(()))).then_some(()).ok_or(())
}

async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    let farewell = async {
        socket.send(Message::Close(Some(frame))).await.ok()?;
        // The client answers; then nothing of what it was told is lost.
        while let Some(Ok(_)) = socket.recv().await {}
        Some(())
    };
    let _ = tokio::time::timeout(FAREWELL, farewell).await;
}

fn complaint(error: &axum::Error) -> (u16, &'static str) {
    // axum keeps what happened to itself, but for the words.
    let error = error.to_string();
    if error.contains("too long") || error.contains("too large") {
        (close_code::SIZE, "an event may be 64 KiB long")
    } else if error.contains("UTF-8") {
        (close_code::INVALID, "text is UTF-8")
    } else {
        (close_code::PROTOCOL, "this is not WebSocket")
    }
}

struct Line {
    queue: mpsc::Sender<String>,
    /// Bytes in the queue.
    waiting: Arc<AtomicUsize>,
}

impl Outlet for Line {
    fn send(&self, event: &str, arguments: &[Value]) -> Result<(), QueueFull> {
        let mut message = Vec::with_capacity(arguments.len() + 1);
        message.push(Value::from(event));
        message.extend_from_slice(arguments);
        let text = Value::from(message).to_string();
        let length = text.len();
        // Before it can be taken out. One message alone may be longer.
        let before = self.waiting.fetch_add(length, Ordering::Relaxed);
        if before > 0 && before + length > QUEUE_BYTES {
            self.waiting.fetch_sub(length, Ordering::Relaxed);
            return Err(QueueFull);
        }
        match self.queue.try_send(text) {
            Err(mpsc::error::TrySendError::Full(_)) => Err(QueueFull),
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
        }
    }

    fn close(self: Box<Self>) {
        // The task sees that its queue has no sender any more, behind the last message.
    }
}
