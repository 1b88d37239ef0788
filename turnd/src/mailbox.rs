//! The only door between threads. It wakes whoever it is for.
//!
//! It needs no bound of its own: a worker has no more than a fixed number of questions to others open
//! at a time, each of which is one letter there and one back; reports are asked for a few at a time; and every
//! other letter is the one about the end of a connection, or the order to stop, which must not be lost.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
};

use rustls::ServerConnection;
use turnd_net::{TcpStream, Waker};
use turnd_proto::{AskId, BindRefusal, ConnectionId, RelayId, ReservationToken, StreamMeter};

use crate::{ports::RelaySocket, report::Reply, streams::StreamId};

/// What one thread tells a worker.
pub enum Letter {
    /// A client of worker `from` redeems a reservation of yours.
    Claim {
        /// Who wants to know.
        from: usize,
        /// Its question.
        ask: AskId,
        /// How it will name the relay.
        relay: RelayId,
        /// What the client presented.
        token: ReservationToken,
    },
    /// The answer to a claim: the reserved socket, or that there is none.
    Claimed {
        /// Your question.
        ask: AskId,
        /// How you name the relay.
        relay: RelayId,
        /// The socket, which is yours from now on.
        socket: Option<RelaySocket>,
    },
    /// A client of worker `from` binds its connection to a peer of yours.
    ClaimConnection {
        /// Who wants to know.
        from: usize,
        /// Its question.
        ask: AskId,
        /// Which peer.
        connection: ConnectionId,
        /// Who the client is.
        user: String,
    },
    /// The answer to that: the peer's socket, or why it cannot be had.
    ConnectionClaimed {
        /// Your question.
        ask: AskId,
        /// Which peer.
        connection: ConnectionId,
        /// The socket, which is yours from now on, and where what it carries is counted.
        claimed: Result<(TcpStream, Arc<StreamMeter>), BindRefusal>,
    },
    /// A connection of yours, whose socket went to another worker, is over.
    ConnectionEnded(ConnectionId),
    /// A connection whose socket came to you is to end.
    CloseConnection(ConnectionId),
    /// The answer to a TLS hello, or what is wrong with it, with the alert that says so; nothing if TLS
    /// cannot be had at all.
    HelloAnswered {
        /// Whose hello it was.
        stream: StreamId,
        /// The connection, and how it took the hello.
        answered: Option<(Box<ServerConnection>, io::Result<()>)>,
    },
    /// Say what you have counted.
    Report(Reply),
    /// Finish.
    Stop,
}

/// The side that letters are put in.
#[derive(Clone)]
pub struct Sender {
    queue: mpsc::Sender<Letter>,
    waker: Waker,
}

/// The side that letters are taken out of.
pub struct Mailbox {
    queue: Receiver<Letter>,
}

/// An empty mailbox, whose letters wake through `waker`.
#[must_use]
pub fn mailbox(waker: Waker) -> (Sender, Mailbox) {
    let (sender, receiver) = mpsc::channel();
    let sender = Sender {
        queue: sender,
        waker,
    };
    (sender, Mailbox { queue: receiver })
}

impl Sender {
    /// Puts a letter in without waiting.
    ///
    /// # Errors
    /// Gives the letter back if its worker is gone.
    pub fn send(&self, letter: Letter) -> Result<(), Letter> {
        self.queue
            .send(letter)
            .map_err(|mpsc::SendError(letter)| letter)?;
        self.waker.wake();
        Ok(())
    }
}

impl Mailbox {
    /// The next letter, if there is one.
    #[must_use]
    pub fn take(&self) -> Option<Letter> {
        self.queue.try_recv().ok()
    }
}
