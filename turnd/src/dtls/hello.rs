//! A ClientHello before it has reached OpenSSL, and the HelloVerifyRequest that answers it
//! (RFC 6347 sections 4.2.1 and 4.2.2).

use super::{
    cookie::{self, Cookie},
    record::{CLIENT_HELLO, HEADER, Record},
};

/// Type, length, message_seq, fragment_offset, fragment_length.
const MESSAGE_HEADER: usize = 12;
const HELLO_VERIFY_REQUEST: u8 = 3;
/// What a server that may speak more says in a HelloVerifyRequest, whatever will be agreed on.
const DTLS_1_0: [u8; 2] = [0xFE, 0xFF];
/// Length of every HelloVerifyRequest made here, in bytes: shorter than the shortest ClientHello, which
/// has 67.
pub(super) const ANSWER: usize = HEADER + MESSAGE_HEADER + 2 + 1 + cookie::LENGTH;

/// How many HelloVerifyRequests a client may have followed before the one that its cookie is from. More
/// than one happens when a cookie came back too late.
const MAX_MESSAGE_SEQ: u16 = 4;
/// A client that counts further has sent four thousand million hellos.
const MAX_SEQUENCE: u64 = u32::MAX as u64;

/// The random of a ClientHello, by which its copies are known.
pub(super) type Random = [u8; 32];

/// A whole ClientHello in the first record of a datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientHello<'a> {
    /// The record's sequence number, 32 bits.
    pub(super) sequence: u64,
    /// How many handshake messages the client has sent before, at most [`MAX_MESSAGE_SEQ`].
    pub(super) message_seq: u16,
    /// `client_version`, `random` and `session_id`.
    pub(super) before_cookie: &'a [u8],
    pub(super) random: &'a Random,
    pub(super) cookie: &'a [u8],
    /// `cipher_suites` and `compression_methods`.
    pub(super) suites: &'a [u8],
    /// All that follows the cookie: the suites and the extensions.
    after_cookie: &'a [u8],
}

impl<'a> ClientHello<'a> {
    /// Nothing if the record's ClientHello is malformed, or is in fragments: nobody reassembles for
    /// strangers, and without fragments it fits the smallest MTU.
    pub(super) fn parse(record: &Record<'a>) -> Option<Self> {
        let (header, body) = record.fragment().split_first_chunk::<MESSAGE_HEADER>()?;
        let &[kind, l0, l1, l2, m0, m1, o0, o1, o2, f0, f1, f2] = header;
        let length = usize::try_from(u32::from_be_bytes([0, l0, l1, l2])).ok()?;
        let message_seq = u16::from_be_bytes([m0, m1]);
        let whole = [o0, o1, o2] == [0; 3] && [f0, f1, f2] == [l0, l1, l2] && body.len() == length;
        if kind != CLIENT_HELLO
            || !whole
            || message_seq > MAX_MESSAGE_SEQ
            || record.sequence() > MAX_SEQUENCE
        {
            return None;
        }

        let (version, rest) = body.split_first_chunk::<2>()?;
        let (random, rest) = rest.split_first_chunk::<32>()?;
        let (session_id, rest) = vector8(rest)?;
        let before_cookie = &body[..body.len() - rest.len()];
        let (cookie, after_cookie) = vector8(rest)?;
        let (cipher_suites, rest) = vector16(after_cookie)?;
        let (compression_methods, extensions) = vector8(rest)?;
        let suites = &after_cookie[..after_cookie.len() - extensions.len()];
        let extensions_fill = extensions.is_empty() || vector16(extensions)?.1.is_empty();
        let well_formed = version[0] == 0xFE
            && session_id.len() <= 32
            && cipher_suites.len() >= 2
            && cipher_suites.len().is_multiple_of(2)
            && !compression_methods.is_empty()
            && extensions_fill;
        well_formed.then_some(Self {
            sequence: record.sequence(),
            message_seq,
            before_cookie,
            random,
            cookie,
            suites,
            after_cookie,
        })
    }

    /// The answer to this hello: come again with this cookie. Its numbers are copied, so that nothing need
    /// be remembered.
    pub(super) fn answer(&self, cookie: &Cookie) -> [u8; ANSWER] {
        const MESSAGE: usize = ANSWER - HEADER;
        const BODY: usize = MESSAGE - MESSAGE_HEADER;
        let mut answer = [0; ANSWER];
        let (headers, body) = answer.split_at_mut(HEADER + MESSAGE_HEADER);
        write_headers(
            headers,
            self.sequence,
            MESSAGE,
            HELLO_VERIFY_REQUEST,
            self.message_seq,
            BODY,
        );
        body[..2].copy_from_slice(&DTLS_1_0);
        body[2] = cookie.len() as u8;
        body[3..].copy_from_slice(cookie);
        answer
    }

    /// Writes the hello that this one repeats as message `message_seq`: the same without its cookie.
    pub(super) fn write_without_cookie(&self, message_seq: u16, datagram: &mut Vec<u8>) {
        let body = self.before_cookie.len() + 1 + self.after_cookie.len();
        datagram.clear();
        datagram.resize(HEADER + MESSAGE_HEADER, 0);
        let sequence = u64::from(message_seq);
        write_headers(
            datagram,
            sequence,
            MESSAGE_HEADER + body,
            CLIENT_HELLO,
            message_seq,
            body,
        );
        datagram.extend_from_slice(self.before_cookie);
        datagram.push(0);
        datagram.extend_from_slice(self.after_cookie);
    }
}

/// Writes the header of a record in the clear and that of the one handshake message in it, whose body has
/// `body` bytes. Lengths come from a record, so they fit.
fn write_headers(
    to: &mut [u8],
    sequence: u64,
    fragment: usize,
    kind: u8,
    message_seq: u16,
    body: usize,
) {
    let body = &(body as u32).to_be_bytes()[1..];
    to[0] = 22;
    to[1..3].copy_from_slice(&DTLS_1_0);
    to[5..11].copy_from_slice(&sequence.to_be_bytes()[2..]);
    to[11..13].copy_from_slice(&(fragment as u16).to_be_bytes());
    to[13] = kind;
    to[14..17].copy_from_slice(body);
    to[17..19].copy_from_slice(&message_seq.to_be_bytes());
    to[22..25].copy_from_slice(body);
}

/// What stands behind a length of one byte, and what follows it.
fn vector8(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(length))
}

/// What stands behind a length of two bytes, and what follows it.
fn vector16(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(length)))
}
