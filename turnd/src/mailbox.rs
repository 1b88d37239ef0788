//! The only door between threads: bounded, and it wakes whoever it is for.

use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};

use turnd_net::Waker;
use turnd_proto::{AskId, RelayId, ReservationToken};

use crate::ports::RelaySocket;

/// Letters that may lie in a mailbox. More than that means that its worker is stuck.
const CAPACITY: usize = 1024;

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
    /// Finish.
    Stop,
}

/// The side that letters are put in.
#[derive(Clone)]
pub struct Sender {
    queue: SyncSender<Letter>,
    waker: Waker,
}

/// The side that letters are taken out of.
pub struct Mailbox {
    queue: Receiver<Letter>,
}

/// An empty mailbox, whose letters wake through `waker`.
#[must_use]
pub fn mailbox(waker: Waker) -> (Sender, Mailbox) {
    let (sender, receiver) = mpsc::sync_channel(CAPACITY);
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
    /// Gives the letter back if the mailbox is full or its worker is gone.
    pub fn send(&self, letter: Letter) -> Result<(), Letter> {
        self.queue.try_send(letter).map_err(|error| match error {
            TrySendError::Full(letter) | TrySendError::Disconnected(letter) => letter,
        })?;
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
