//! All associations of one worker.

mod endings;

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use turnd_proto::Instant;

use super::{
    DtlsContext, DtlsLimits, HandshakeCounts, MAX_MESSAGE, Path, Received,
    association::{Association, Handshake, Read},
    hello::ClientHello,
    pipe::Buffers,
    record::Record,
    timers::{Stage, Timers},
};
use crate::streams::limits::{Budget, PerAddress, source};

/// How long a flight waits for an answer before it is sent again; then twice as long each time (RFC 6347
/// section 4.2.4.1).
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// How old a handshake must be before another hello from its path may take its place.
const NOT_REPLACED_BEFORE: Duration = Duration::from_secs(1);

/// The associations of one worker.
pub struct Dtls {
    context: Arc<DtlsContext>,
    limits: DtlsLimits,
    paths: HashMap<Path, AtPath>,
    /// Half-open associations by source; nothing for a source that has none.
    sources: HashMap<IpAddr, usize>,
    half_open: usize,
    established: usize,
    /// Handshakes that were begun, ever.
    begun: u64,
    /// Of those, the ones that were finished.
    done: u64,
    /// Handshakes that may begin: each costs a signature.
    handshakes: Budget,
    handshakes_by_source: PerAddress,
    timers: Timers,
    closed: VecDeque<Path>,
    buffers: Buffers,
}

/// A path has one of these or both: a client that has lost its association begins a new one, and the old one
/// stands until the new one is made, as the hello may be a stranger's (RFC 6347 section 4.2.8).
#[derive(Default)]
struct AtPath {
    established: Option<Established>,
    half_open: Option<HalfOpen>,
}

struct Established {
    association: Association,
    listener: u32,
    /// The timer's; later messages do not move it.
    deadline: Instant,
    last_message: Instant,
    /// A message has been read from a datagram that may hold another.
    may_hold_more: bool,
}

struct HalfOpen {
    association: Association,
    listener: u32,
    begun: Instant,
    /// The timer's: to send the flight again, or to give up.
    deadline: Instant,
    /// How long the flight waits the next time.
    wait: Duration,
    /// The server's only flight that waits for an answer: ServerHello to ServerHelloDone.
    flight: Vec<Vec<u8>>,
}

impl Dtls {
    /// No association yet.
    #[must_use]
    pub fn new(context: Arc<DtlsContext>, mut limits: DtlsLimits) -> Self {
        // An idle time of nothing would be over again each time that it is looked at.
        limits.idle = limits.idle.max(Duration::from_millis(1));
        Self {
            context,
            limits,
            paths: HashMap::new(),
            sources: HashMap::new(),
            half_open: 0,
            handshakes: Budget::new(limits.handshakes_per_second, limits.handshakes_per_second),
            handshakes_by_source: PerAddress::new(limits.handshakes_per_source),
            established: 0,
            begun: 0,
            done: 0,
            timers: Timers::default(),
            closed: VecDeque::new(),
            buffers: Buffers::default(),
        }
    }

    /// Handshakes that begin from now on are done with this context and by these limits. Associations live
    /// on, also where there are more of them than the limits say.
    pub fn reconfigure(&mut self, context: Arc<DtlsContext>, mut limits: DtlsLimits) {
        limits.idle = limits.idle.max(Duration::from_millis(1));
        if limits != self.limits {
            let per_second = limits.handshakes_per_second;
            self.handshakes = Budget::new(per_second, per_second);
            self.handshakes_by_source = PerAddress::new(limits.handshakes_per_source);
        }
        (self.context, self.limits) = (context, limits);
    }

    /// Whether there is an association with this client, or a handshake under way.
    #[must_use]
    pub fn knows(&self, path: Path) -> bool {
        self.paths.contains_key(&path)
    }

    /// Takes a datagram that came to this worker through `listener`. Its first message is written to `plain`,
    /// and what must go back to the same client is given to `send`. Whatever is not a client's is dropped.
    ///
    /// # Panics
    ///
    /// If `plain` is shorter than [`MAX_MESSAGE`].
    pub fn receive(
        &mut self,
        now: Instant,
        path: Path,
        listener: u32,
        datagram: &[u8],
        plain: &mut [u8],
        send: impl FnMut(&[u8]),
    ) -> Received {
        let Some(first) = Record::first(datagram) else {
            return Received::Nothing;
        };
        if first.is_client_hello() {
            if let Some(hello) = ClientHello::parse(&first) {
                self.hello(now, (path, listener), &hello, datagram, send);
            }
            return Received::Nothing;
        }
        let Some(at) = self.paths.get(&path) else {
            return Received::Nothing;
        };
        if at.half_open.is_some() && (at.established.is_none() || first.is_of_a_handshake()) {
            if self.advance(now, path, listener, datagram) != Handshake::Finished {
                self.buffers.flush(send);
                return Received::Nothing;
            }
            // A message may stand behind the last one of the handshake.
        } else {
            if at
                .established
                .as_ref()
                .is_some_and(|established| established.may_hold_more)
            {
                while self.read(now, path, plain) != Received::Nothing {}
            }
            let at = self.paths.get_mut(&path);
            let Some(established) = at.and_then(|at| at.established.as_mut()) else {
                self.buffers.flush(send);
                return Received::Nothing;
            };
            established.association.load(datagram, &mut self.buffers);
        }
        self.next_message(now, path, plain, send)
    }

    /// The next message of the datagram that [`Dtls::receive`] took from this path last. What has not been
    /// asked for when the next datagram comes is lost.
    ///
    /// # Panics
    ///
    /// If `plain` is shorter than [`MAX_MESSAGE`].
    pub fn next_message(
        &mut self,
        now: Instant,
        path: Path,
        plain: &mut [u8],
        send: impl FnMut(&[u8]),
    ) -> Received {
        let received = self.read(now, path, plain);
        self.buffers.flush(send);
        received
    }

    /// Encrypts a message and gives the datagram to `send`. False if that cannot be done: the path has no
    /// established association, or the message is longer than [`MAX_MESSAGE`].
    pub fn send(&mut self, path: Path, message: &[u8], send: impl FnMut(&[u8])) -> bool {
        let at = self.paths.get_mut(&path);
        let Some(established) = at.and_then(|at| at.established.as_mut()) else {
            return false;
        };
        if message.len() > MAX_MESSAGE {
            return false;
        }
        let sent = established.association.write(message, &mut self.buffers);
        if !sent {
            self.end_established(path);
            self.closed.push_back(path);
        }
        self.buffers.flush(send);
        sent
    }

    /// Ends the path's association with a close_notify. [`Dtls::closed`] does not tell it.
    pub fn close(&mut self, path: Path, send: impl FnMut(&[u8])) {
        if let Some(mut established) = self.end_established(path) {
            established.association.close(&mut self.buffers);
            self.buffers.flush(send);
        }
        self.end_half_open(path);
    }

    /// The next path whose established association has ended: by the client, by an error, by its idle time,
    /// or because a new one of the same client has taken its place.
    pub fn closed(&mut self) -> Option<Path> {
        self.closed.pop_front()
    }

    /// When [`Dtls::handle_timeout`] has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Sends again what was lost, gives up handshakes that take too long, and ends associations without a
    /// message for the idle time, unless `in_use` says that something depends on them; those are asked for
    /// again after another idle time. `send` gets the path, the listener to answer through, and the datagram.
    pub fn handle_timeout(
        &mut self,
        now: Instant,
        mut in_use: impl FnMut(Path) -> bool,
        mut send: impl FnMut(Path, u32, &[u8]),
    ) {
        while let Some((path, stage)) = self.timers.due(now) {
            match stage {
                Stage::HalfOpen => self.handshake_is_due(now, path, &mut send),
                Stage::Established => self.idle_time_is_over(now, path, &mut in_use, &mut send),
            }
        }
    }

    /// How many associations there are, half-open ones among them.
    #[must_use]
    pub fn associations(&self) -> usize {
        self.half_open + self.established
    }

    /// How many handshakes have begun and not ended.
    #[must_use]
    pub fn half_open(&self) -> usize {
        self.half_open
    }

    /// What has become of handshakes.
    #[must_use]
    pub fn handshakes(&self) -> HandshakeCounts {
        let open = u64::try_from(self.half_open).unwrap_or(u64::MAX);
        HandshakeCounts {
            done: self.done,
            failed: self.begun - self.done - open,
        }
    }

    /// Forgets all associations, without a word to anybody; what was counted stays.
    pub fn begin_anew(&mut self) {
        self.paths.clear();
        self.sources.clear();
        (self.half_open, self.established) = (0, 0);
        self.timers = Timers::default();
        self.closed.clear();
        self.buffers = Buffers::default();
    }

    // ---- handshakes --------------------------------------------------------------------------------------

    /// A ClientHello, from anyone. Nothing is kept unless its cookie is good.
    fn hello(
        &mut self,
        now: Instant,
        client: (Path, u32),
        hello: &ClientHello<'_>,
        datagram: &[u8],
        mut send: impl FnMut(&[u8]),
    ) {
        let (path, listener) = client;
        let cookies = self.context.cookies();
        if !cookies.is_good(now, path, hello) {
            send(&hello.answer(&cookies.cookie(now, path, hello)));
            return;
        }
        if self.is_known(now, path, hello) {
            return;
        }
        self.end_half_open(path);
        let source = source(path.client.ip());
        let of_source = self.sources.get(&source).copied().unwrap_or(0);
        if self.associations() >= self.limits.associations
            || self.half_open >= self.limits.half_open
            || of_source >= self.limits.half_open_per_source
            || !self.handshakes_by_source.take(path.client.ip(), now)
            || !self.handshakes.take(now)
        {
            return;
        }
        let context = self.context.current();
        let begun = Association::begin(&context, hello, datagram, &mut self.buffers);
        if let Some(association) = begun {
            let flight = self
                .buffers
                .datagrams()
                .map(|datagram| datagram.to_vec())
                .collect();
            let deadline = now + FIRST_WAIT.min(self.limits.handshake);
            self.timers.set(deadline, path, Stage::HalfOpen);
            self.half_open += 1;
            self.begun += 1;
            *self.sources.entry(source).or_default() += 1;
            self.paths.entry(path).or_default().half_open = Some(HalfOpen {
                association,
                listener,
                begun: now,
                deadline,
                wait: FIRST_WAIT * 2,
                flight,
            });
        }
        self.buffers.flush(send);
    }

    /// Whether the path's associations have nothing to gain from this hello: it is a copy of the one that they
    /// began with, or one has begun just now.
    fn is_known(&self, now: Instant, path: Path, hello: &ClientHello<'_>) -> bool {
        let Some(at) = self.paths.get(&path) else {
            return false;
        };
        let is_of = |association: &Association| association.random() == hello.random;
        at.established
            .as_ref()
            .is_some_and(|established| is_of(&established.association))
            || at.half_open.as_ref().is_some_and(|half_open| {
                is_of(&half_open.association) || now.since(half_open.begun) < NOT_REPLACED_BEFORE
            })
    }

    /// Gives a datagram to the path's half-open association.
    fn advance(&mut self, now: Instant, path: Path, listener: u32, datagram: &[u8]) -> Handshake {
        let at = self.paths.get_mut(&path);
        let Some(half_open) = at.and_then(|at| at.half_open.as_mut()) else {
            return Handshake::Continues;
        };
        let handshake = half_open.association.advance(datagram, &mut self.buffers);
        match handshake {
            Handshake::Continues => {}
            Handshake::Failed => drop(self.end_half_open(path)),
            Handshake::Finished => self.establish(now, path, listener),
        }
        handshake
    }

    /// The path's handshake is done: its association takes the place of an older one.
    fn establish(&mut self, now: Instant, path: Path, listener: u32) {
        let Some(HalfOpen { association, .. }) = self.end_half_open(path) else {
            return;
        };
        if self.end_established(path).is_some() {
            self.closed.push_back(path);
        }
        let deadline = now + self.limits.idle;
        self.timers.set(deadline, path, Stage::Established);
        self.established += 1;
        self.done += 1;
        self.paths.entry(path).or_default().established = Some(Established {
            association,
            listener,
            deadline,
            last_message: now,
            may_hold_more: false,
        });
    }

    // ---- messages ----------------------------------------------------------------------------------------

    /// The next message from the path's established association. What to send is left in the buffers.
    fn read(&mut self, now: Instant, path: Path, plain: &mut [u8]) -> Received {
        assert!(
            plain.len() >= MAX_MESSAGE,
            "OpenSSL would make two messages of one"
        );
        let at = self.paths.get_mut(&path);
        let Some(established) = at.and_then(|at| at.established.as_mut()) else {
            return Received::Nothing;
        };
        let read = established.association.read(&mut self.buffers, plain);
        established.may_hold_more = matches!(read, Read::Message(_));
        match read {
            Read::Nothing => Received::Nothing,
            Read::Message(length) => {
                established.last_message = now;
                Received::Message(length)
            }
            Read::Closed => {
                self.end_established(path);
                self.closed.push_back(path);
                Received::Nothing
            }
        }
    }
}

impl fmt::Debug for Dtls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dtls")
            .field("half_open", &self.half_open)
            .field("established", &self.established)
            .finish_non_exhaustive()
    }
}
