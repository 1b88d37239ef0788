//! One client's association: an OpenSSL object from the ClientHello with a good cookie on.

use openssl::{
    error::ErrorStack,
    ssl::{Error, ErrorCode, Ssl, SslContextRef, SslStream},
};

use super::{
    hello::{ClientHello, Random},
    pipe::{Buffers, Pipe},
    record::{self, Record},
};

/// The longest datagram of a handshake, in bytes of UDP payload: with the headers of UDP and IPv6 it passes
/// a link with the smallest MTU of IPv6, 1280.
const MTU: u32 = 1200;

/// The longest handshake message of a client, in bytes: its certificates, if it has any.
const LONGEST_MESSAGE: usize = 16_384;
/// A client sends one record under keys before it is answered, its Finished, and repeats it a few times.
const MOST_EARLY_RECORDS: u8 = 16;

/// How a handshake stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handshake {
    Continues,
    Finished,
    Failed,
}

/// What a datagram held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    Nothing,
    Message(usize),
    /// The client has closed the association, or an error has ended it.
    Closed,
}

/// What OpenSSL said to a call.
enum Verdict<T> {
    Done(T),
    WantsDatagram,
    Over(ErrorCode),
}

/// An association, half-open or established.
pub(super) struct Association {
    stream: SslStream<Pipe>,
    random: Random,
    /// What to add to OpenSSL's sequence numbers in the clear: how far the client's were ahead when the
    /// handshake began, as the first answer must have the number of the hello (RFC 6347 section 4.2.1),
    /// and one for each record sent again.
    offset: u64,
    /// How many records under keys have come before the handshake was over.
    early_records: u8,
}

impl Association {
    /// Begins a handshake with a hello whose cookie is good and which stands first in `datagram`. The
    /// server's flight is left in `buffers`. Nothing if OpenSSL refuses at once; then `buffers` may hold
    /// the alert.
    ///
    /// OpenSSL is made to believe that it did the cookie exchange: it gets the hello without the cookie,
    /// and its HelloVerifyRequest goes nowhere. After that it counts messages as the client does.
    pub(super) fn begin(
        context: &SslContextRef,
        hello: &ClientHello<'_>,
        datagram: &[u8],
        buffers: &mut Buffers,
    ) -> Option<Self> {
        // Each earlier hello took a number, and OpenSSL takes none twice.
        let offset = hello.sequence.checked_sub(u64::from(hello.message_seq))?;
        let mut ssl = Ssl::new(context).ok()?;
        ssl.set_mtu(MTU).ok()?;
        let stream = SslStream::new(ssl, Pipe::default()).ok()?;
        let mut association = Self {
            stream,
            random: *hello.random,
            offset,
            early_records: 0,
        };
        for message_seq in 0..hello.message_seq {
            buffers.load_with(|incoming| hello.write_without_cookie(message_seq, incoming));
            let handshake = association.call(buffers, SslStream::accept);
            buffers.clear();
            if !matches!(handshake, Verdict::WantsDatagram) {
                return None;
            }
        }
        (association.advance(datagram, buffers) == Handshake::Continues).then_some(association)
    }

    /// The random of the hello that this began with.
    pub(super) fn random(&self) -> &Random {
        &self.random
    }

    /// Takes a datagram of the handshake. What to send is left in `buffers`. OpenSSL has a timer of its own, by
    /// the system's clock, and may add its flight once more when a datagram comes after a second.
    pub(super) fn advance(&mut self, datagram: &[u8], buffers: &mut Buffers) -> Handshake {
        self.load(datagram, buffers);
        match self.call(buffers, SslStream::accept) {
            Verdict::Done(()) => Handshake::Finished,
            Verdict::WantsDatagram => Handshake::Continues,
            Verdict::Over(_) => Handshake::Failed,
        }
    }

    /// Makes this the datagram to read, without the records that are no use and that anyone who knows the
    /// addresses could send. During the handshake, OpenSSL keeps what comes too early: it makes room for ten
    /// messages of the length they say they have, and for a hundred records under keys, 16 KB each. After
    /// it, OpenSSL 3.0 ends an association over a record too short for the cipher, instead of dropping it.
    pub(super) fn load(&mut self, datagram: &[u8], buffers: &mut Buffers) {
        let ssl = self.stream.ssl();
        let shortest = ssl
            .current_cipher()
            .map_or(0, |cipher| shortest_fragment(cipher.name()));
        let established = ssl.is_init_finished();
        let early = &mut self.early_records;
        buffers.load(datagram, |record| match record.epoch() {
            0 => !established && record.messages_are_within(LONGEST_MESSAGE),
            1 if record.fragment().len() < shortest => false,
            1 if established => true,
            1 => {
                *early = early.saturating_add(1);
                *early <= MOST_EARLY_RECORDS
            }
            _ => false,
        });
    }

    /// Writes the next message of the datagram in `buffers` to `plain`, or of one before it that held
    /// several.
    pub(super) fn read(&mut self, buffers: &mut Buffers, plain: &mut [u8]) -> Read {
        // OpenSSL drops records that are not the client's, but may leave a note of it behind that looks
        // like an error of the call. An association that is really over says so again.
        for _ in 0..2 {
            match self.call(buffers, |stream| stream.ssl_read(plain)) {
                Verdict::Done(length) => return Read::Message(length),
                Verdict::WantsDatagram => return Read::Nothing,
                Verdict::Over(ErrorCode::ZERO_RETURN) => {
                    self.close(buffers);
                    return Read::Closed;
                }
                Verdict::Over(_) => {}
            }
        }
        Read::Closed
    }

    /// Encrypts a message, at most [`MAX_MESSAGE`](super::MAX_MESSAGE) bytes, to `buffers`.
    pub(super) fn write(&mut self, message: &[u8], buffers: &mut Buffers) -> bool {
        matches!(
            self.call(buffers, |stream| stream.ssl_write(message)),
            Verdict::Done(_)
        )
    }

    /// Leaves a close_notify in `buffers`.
    pub(super) fn close(&mut self, buffers: &mut Buffers) {
        let _already_closed = self.call(buffers, SslStream::shutdown);
    }

    /// Gives the records of a flight new sequence numbers, so that it can be sent again: a client takes no
    /// number twice, also of a record that it has not used.
    pub(super) fn renumber_flight(&mut self, flight: &mut [Vec<u8>]) {
        let sent = flight
            .iter()
            .map(|datagram| record::records(datagram).count());
        let sent = sent.sum::<usize>() as u64;
        for datagram in flight {
            record::renumber(datagram, sent);
        }
        self.offset += sent;
    }

    /// Lends the buffers to OpenSSL for one call.
    fn call<T>(
        &mut self,
        buffers: &mut Buffers,
        call: impl FnOnce(&mut SslStream<Pipe>) -> Result<T, Error>,
    ) -> Verdict<T> {
        // OpenSSL keeps errors by thread, and takes one that another association left for this one's.
        drop(ErrorStack::get());
        let earlier = buffers.datagrams().count();
        std::mem::swap(&mut self.stream.get_mut().0, buffers);
        let result = call(&mut self.stream);
        std::mem::swap(&mut self.stream.get_mut().0, buffers);
        self.renumber(buffers, earlier);
        match result {
            Ok(value) => Verdict::Done(value),
            Err(error) if error.code() == ErrorCode::WANT_READ => Verdict::WantsDatagram,
            Err(error) => Verdict::Over(error.code()),
        }
    }

    /// Moves the numbers of the datagrams behind the first `earlier` ones.
    fn renumber(&self, buffers: &mut Buffers, earlier: usize) {
        if self.offset == 0 {
            return;
        }
        for datagram in buffers.datagrams().skip(earlier) {
            if Record::first(datagram).is_some_and(|first| first.epoch() == 0) {
                record::renumber(datagram, self.offset);
            }
        }
    }
}

/// The shortest fragment of a record under this cipher, in bytes: one without data.
fn shortest_fragment(cipher: &str) -> usize {
    /// In front of the data with GCM and CCM.
    const EXPLICIT_NONCE: usize = 8;
    const TAG: usize = 16;
    if cipher.contains("CHACHA20") {
        TAG
    } else if cipher.contains("CCM8") {
        EXPLICIT_NONCE + TAG / 2
    } else {
        EXPLICIT_NONCE + TAG
    }
}
