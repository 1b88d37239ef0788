//! Questions to the caller, and what waits for their answers.

use turnd_wire::{Message, attr};

use crate::{
    allocate::Opening,
    auth::Claim,
    connect::Connecting,
    connection_bind::Binding,
    io::{
        Answer, Ask, AskId, BindRefusal, Client, FiveTuple, OpenedRelay, Output, RelayRefusal,
        UserId,
    },
    server::Server,
    settings::Lifetimes,
    time::{Instant, Now},
    timers::Timer,
};

/// Requests that wait for a key are kept whole; a longer one than this has no business being one.
const MAX_KEPT_REQUEST: usize = 2048;

/// What waits for an answer.
#[derive(Debug)]
pub(crate) enum Waiting {
    /// A request whose signature cannot be checked yet.
    Keys {
        client: Client,
        request: Box<[u8]>,
        claim: Claim,
        until: Instant,
    },
    /// An allocation whose socket is not there yet.
    Relay {
        opening: Box<Opening>,
        until: Instant,
    },
    /// A Connect whose peer is not connected yet.
    Connect {
        connecting: Box<Connecting>,
        until: Instant,
    },
    /// A ConnectionBind whose connection with the peer is not here yet.
    Bind {
        binding: Box<Binding>,
        until: Instant,
    },
}

impl Waiting {
    const fn until(&self) -> Instant {
        match self {
            Self::Keys { until, .. }
            | Self::Relay { until, .. }
            | Self::Connect { until, .. }
            | Self::Bind { until, .. } => *until,
        }
    }
}

impl Server {
    /// Takes the answer to an [`Ask`]. An answer that nobody waits for any more is ignored.
    pub fn handle_answer(&mut self, now: Now, id: AskId, answer: Answer) {
        let (now, unix) = (now.instant, now.unix);
        let Some(waiting) = self.take_waiting(id) else {
            return;
        };
        match (waiting, answer) {
            (
                Waiting::Keys {
                    client,
                    request,
                    claim,
                    ..
                },
                Answer::Keys(credentials),
            ) => {
                self.keys_found(now, client, &request, &claim, &credentials);
            }
            (
                Waiting::Keys {
                    client,
                    request,
                    claim,
                    ..
                },
                Answer::TokenKeys(keys),
            ) => self.token_keys_found((now, unix), client, &request, &claim, &keys),
            (Waiting::Relay { opening, .. }, Answer::Relay(result)) => {
                self.socket_answered(now, *opening, result);
            }
            (Waiting::Connect { connecting, .. }, Answer::Connected(result)) => {
                self.connect_answered(now, &connecting, result);
            }
            (Waiting::Bind { binding, .. }, Answer::ConnectionBound(result)) => {
                self.bind_answered(now, &binding, result);
            }
            (waiting, _) => self.give_up(now, waiting),
        }
    }

    /// Whether a question still waits. A socket that comes too late has no place here.
    #[must_use]
    pub fn is_waiting(&self, id: AskId) -> bool {
        self.waiting.contains_key(id)
    }

    /// Whether no question more is asked. Those to peers do not count.
    pub(crate) fn waits_for_too_much(&self) -> bool {
        self.waiting.len() - self.connects >= self.settings.limits.waiting
    }

    pub(crate) fn take_waiting(&mut self, id: AskId) -> Option<Waiting> {
        let waiting = self.waiting.remove(id)?;
        self.connects -= usize::from(matches!(waiting, Waiting::Connect { .. }));
        self.timers.unset(waiting.until(), Timer::Ask(id));
        Some(waiting)
    }

    /// Asks for the keys of whoever signed a request, or of the owner of the client's allocation.
    pub(crate) fn ask_for_keys(
        &mut self,
        now: Instant,
        client: Client,
        message: &Message<'_>,
        claim: Claim,
        owner: Option<String>,
    ) {
        if message.bytes().len() > MAX_KEPT_REQUEST {
            return;
        }
        let owner_in = owner.is_some().then(|| claim.realm.clone());
        let ask = match &claim.user {
            UserId::Name(kid) if message.has(attr::ACCESS_TOKEN) => {
                Ask::FindTokenKeys { kid: kid.clone() }
            }
            user => Ask::FindKeys {
                user: owner.map_or_else(|| user.clone(), UserId::Name),
                owner_in,
            },
        };
        let waiting = Waiting::Keys {
            client,
            request: message.bytes().into(),
            claim,
            until: now + Lifetimes::ANSWER,
        };
        self.ask(now, waiting, ask);
    }

    /// Asks, and remembers what for. With too much waiting already the request is dropped as if it
    /// had been lost on the way; the client sends it again.
    pub(crate) fn ask(&mut self, now: Instant, waiting: Waiting, ask: Ask) {
        if self.waits_for_too_much() {
            if let Waiting::Relay { mut opening, .. } = waiting {
                // Nothing was asked for, so that there is nothing to close.
                if let Some(next) = opening.give_up_next() {
                    self.table.forget_relay(next);
                }
                self.opening_answered(now, *opening, Err(RelayRefusal::NoCapacity));
            }
            return;
        }
        if let Waiting::Relay { opening, .. } = &waiting {
            let path = opening.reply.client.path;
            self.opening.insert(path, opening.relay());
        }
        self.ask_unlimited(waiting, ask);
    }

    /// Asks, however much waits already.
    pub(crate) fn ask_unlimited(&mut self, waiting: Waiting, ask: Ask) -> AskId {
        self.connects += usize::from(matches!(waiting, Waiting::Connect { .. }));
        let until = waiting.until();
        let id = self.waiting.insert(waiting);
        self.timers.set(until, Timer::Ask(id));
        self.outputs.push_back(Output::Ask(id, ask));
        id
    }

    /// No answer came in time.
    pub(crate) fn ask_due(&mut self, now: Instant, id: AskId) {
        if let Some(waiting) = self.take_waiting(id) {
            self.give_up(now, waiting);
        }
    }

    /// The requests of a client who is gone need no keys: another may have his path when they come.
    pub(crate) fn forget_keys_for(&mut self, path: &FiveTuple) {
        // Questions to peers may be many, and they alone are not looked through.
        if self.waiting.len() == self.connects {
            return;
        }
        let is_his = |waiting: &Waiting| matches!(waiting, Waiting::Keys { client, .. } if client.path == *path);
        let his = self.waiting.iter().filter(|(_, it)| is_his(it));
        for id in his.map(|(id, _)| id).collect::<Vec<_>>() {
            self.take_waiting(id);
        }
    }

    fn give_up(&mut self, now: Instant, waiting: Waiting) {
        match waiting {
            // As if the request had been lost on the way.
            Waiting::Keys { .. } => {}
            Waiting::Relay { opening, .. } => {
                self.socket_answered(now, *opening, Err(RelayRefusal::NoCapacity));
            }
            Waiting::Connect { connecting, .. } => self.connect_given_up(now, &connecting),
            Waiting::Bind { binding, .. } => {
                self.bind_answered(now, &binding, Err(BindRefusal::Unknown));
            }
        }
    }

    /// A relay socket is there, or is not.
    fn socket_answered(
        &mut self,
        now: Instant,
        opening: Opening,
        result: Result<OpenedRelay, RelayRefusal>,
    ) {
        let path = &opening.reply.client.path;
        if self.opening.get(path) == Some(&opening.relay()) {
            self.opening.remove(path);
            self.opening_answered(now, opening, result);
        } else {
            // The client's connection has ended meanwhile, and another may be in its place.
            self.abandon(opening, result);
        }
    }

    /// Whether an allocation of this client is on its way.
    pub(crate) fn is_opening(&self, path: &FiveTuple) -> bool {
        self.opening.contains_key(path)
    }
}
