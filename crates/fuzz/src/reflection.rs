//! What an answer may cost that goes to somebody who has shown no key: his address may be another's.

use turnd_wire::{Message, ParseError};

/// The shortest Allocate that makes sense, in bytes; a bare header is refused with as much.
const SHORTEST: usize = 28;
/// FINGERPRINT, which whoever sends it gets, and THIRD-PARTY-AUTHORIZATION of the name in these tests.
const FINGERPRINT: usize = 8;
const THIRD_PARTY: usize = 20;

/// What whoever runs the server has added to a challenge.
#[derive(Clone, Copy, Default)]
pub(crate) struct Added {
    /// FINGERPRINT in every message.
    pub(crate) fingerprint: bool,
    pub(crate) third_party: bool,
}

/// Fails if an answer is more than three times as long as what was sent.
pub(crate) fn is_small(sent: &[u8], answer: usize, added: Added) {
    let message = Message::parse(sent).ok();
    let has_fingerprint = message.and_then(|it| it.fingerprint()) == Some(true);
    let mut most = 3 * sent.len();
    if has_fingerprint {
        most -= 3 * FINGERPRINT;
    }
    most = most.max(3 * SHORTEST);
    if has_fingerprint || added.fingerprint {
        most += FINGERPRINT;
    }
    if added.third_party {
        most += THIRD_PARTY;
    }
    assert!(answer <= most, "{answer} bytes for {}", sent.len());
}

/// Whether it is a message of RFC 3489, which knows no cookie.
pub(crate) fn is_classic(bytes: &[u8]) -> bool {
    Message::parse(bytes).err() == Some(ParseError::NoMagicCookie)
}

/// Fails if this is not the refusal of such a message, which DTLS wants (RFC 7350 section 4.3).
pub(crate) fn is_classic_refusal(sent: &[u8], answer: &[u8]) {
    assert_eq!(answer[4..20], sent[4..20], "the transaction");
    assert_eq!((answer[0] & 1, answer[1] & 0x10), (1, 0x10), "an error");
    assert_eq!(answer[20..], [0, 9, 0, 4, 0, 0, 5, 0], "500 and no more");
}
