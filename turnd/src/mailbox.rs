//! The only door between threads. It wakes whoever it is for.
//!
//! It needs no bound of its own: a worker has no more than a fixed number of questions to others open
//! at a time, each of which is one letter there and one back; reports are asked for a few at a time; and every
//! other letter is the one about the end of a connection, or an order of the control side, which must not be
//! lost and comes no faster than an operator changes files.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
};

use rustls::ServerConnection;
use turnd_net::{TcpStream, Waker};
use turnd_proto::{
    AskId, BindRefusal, ConnectionId, FiveTuple, RelayId, ReservationToken, StreamMeter,
};

use crate::{
    parcels::{PARCELS, Parcel},
    ports::RelaySocket,
    report::Reply,
    streams::{Connection, StreamId},
    worker::Reconfigure,
};

/// Parcels that wait at one worker.
const WAITING: usize = 4 * PARCELS;

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
    /// This connection is about an allocation of yours, as its message says (RFC 8016). It is yours from now on.
    TakeStream {
        /// The connection. Nothing of it has been read behind the message, but what it keeps.
        connection: Box<Connection>,
        /// The message.
        message: Vec<u8>,
    },
    /// What comes from this client is for worker `to`, which has his allocation now.
    HandOn {
        /// Who has it.
        to: usize,
        /// The client.
        path: FiveTuple,
    },
    /// It is not any more.
    HandOnNoMore {
        /// Who had it.
        to: usize,
        /// The client.
        path: FiveTuple,
    },
    /// The association of a client of yours has ended, or he has an allocation elsewhere.
    PathClosed(FiveTuple),
    /// Do this, and let go of the acknowledgement when it is done.
    Order(Order, Acknowledgement),
    /// Answer as soon as this is read: it shows that your loop turns. There is one under way at most.
    Beat(tokio::sync::oneshot::Sender<()>),
    /// Close the UDP socket at this place, on which no worker has an allocation.
    CloseListener(usize),
    /// Say what you have counted.
    Report(Reply),
    /// Finish.
    Stop,
}

/// What the control side wants to know done.
pub enum Order {
    /// Serve by new settings.
    Reconfigure(Box<Reconfigure>),
    /// Make no new allocations any more.
    RefuseAllocations,
}

/// Dropped by a worker when it has done what its letter says; who waits sees the end of the channel.
pub struct Acknowledgement {
    pub(crate) _sender: tokio::sync::mpsc::Sender<std::convert::Infallible>,
}

/// The side that letters and parcels are put in.
#[derive(Clone)]
pub struct Sender {
    queue: mpsc::Sender<Letter>,
    parcels: SyncSender<Parcel>,
    returned: SyncSender<Parcel>,
    /// Parcels were put in and the worker was woken for them, but has not looked yet.
    is_woken: Arc<AtomicBool>,
    waker: Waker,
}

/// The side that they are taken out of.
pub struct Mailbox {
    queue: Receiver<Letter>,
    parcels: Receiver<Parcel>,
    returned: Receiver<Parcel>,
    is_woken: Arc<AtomicBool>,
}

/// An empty mailbox, whose letters and parcels wake through `waker`.
#[must_use]
pub fn mailbox(waker: Waker) -> (Sender, Mailbox) {
    let (letters, queue) = mpsc::channel();
    let (parcels_in, parcels) = mpsc::sync_channel(WAITING);
    let (returned_in, returned) = mpsc::sync_channel(PARCELS);
    let is_woken = Arc::new(AtomicBool::new(false));
    let sender = Sender {
        queue: letters,
        parcels: parcels_in,
        returned: returned_in,
        is_woken: is_woken.clone(),
        waker,
    };
    let mailbox = Mailbox {
        queue,
        parcels,
        returned,
        is_woken,
    };
    (sender, mailbox)
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

    /// Puts a parcel in without waiting.
    ///
    /// # Errors
    /// Gives the parcel back if its worker is gone or has too many.
    pub(crate) fn send_parcel(&self, parcel: Parcel) -> Result<(), Parcel> {
        let put_in = self.parcels.try_send(parcel);
        put_in.map_err(|(TrySendError::Full(it) | TrySendError::Disconnected(it))| it)?;
        if !self.is_woken.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
        Ok(())
    }

    /// Gives an emptied parcel back to its owner, who finds it when he needs it.
    pub(crate) fn return_parcel(&self, parcel: Parcel) {
        // There is room for all that he has, unless he is gone.
        let _ = self.returned.try_send(parcel);
    }
}

impl Mailbox {
    /// The next letter, if there is one.
    #[must_use]
    pub fn take(&self) -> Option<Letter> {
        self.queue.try_recv().ok()
    }

    /// Parcels that come from here on wake again. To be called before those that are there are taken.
    pub(crate) fn expect_parcels(&self) {
        self.is_woken.swap(false, Ordering::AcqRel);
    }

    /// The next parcel, if there is one.
    pub(crate) fn take_parcel(&self) -> Option<Parcel> {
        self.parcels.try_recv().ok()
    }

    /// The next parcel that comes back, if there is one.
    pub(crate) fn take_returned(&self) -> Option<Parcel> {
        self.returned.try_recv().ok()
    }
}
