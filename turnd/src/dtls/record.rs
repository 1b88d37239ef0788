//! The frame of DTLS records (RFC 6347 section 4.1). Only what is sent in the clear is looked at here.

/// Type, version, epoch, sequence number, length.
pub(super) const HEADER: usize = 13;
/// Where the sequence number stands in a record, 48 bits.
const SEQUENCE: core::ops::Range<usize> = 5..11;

const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const ALERT: u8 = 21;
/// The handshake type of a ClientHello.
pub(super) const CLIENT_HELLO: u8 = 1;

/// A record, or the first of a datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    kind: u8,
    epoch: u16,
    sequence: u64,
    bytes: &'a [u8],
}

impl<'a> Record<'a> {
    /// The first record of these bytes; nothing if they are not one, or not all of one.
    pub(super) fn first(bytes: &'a [u8]) -> Option<Self> {
        let &[kind, major, _, e0, e1, s0, s1, s2, s3, s4, s5, l0, l1] =
            bytes.first_chunk::<HEADER>()?;
        let bytes = bytes.get(..HEADER + usize::from(u16::from_be_bytes([l0, l1])))?;
        (major == 0xFE).then_some(Self {
            kind,
            epoch: u16::from_be_bytes([e0, e1]),
            sequence: u64::from_be_bytes([0, 0, s0, s1, s2, s3, s4, s5]),
            bytes,
        })
    }

    /// Whether a ClientHello begins here that is not part of an encrypted session.
    pub(super) fn is_client_hello(&self) -> bool {
        self.kind == HANDSHAKE && self.epoch == 0 && self.fragment().first() == Some(&CLIENT_HELLO)
    }

    /// Whether, of two associations on one path, the one that is still being made is meant: nothing of an
    /// established one is sent in the clear, and data and alerts under keys are the established one's.
    pub(super) fn is_of_a_handshake(&self) -> bool {
        self.epoch == 0 || !matches!(self.kind, APPLICATION_DATA | ALERT)
    }

    pub(super) fn epoch(&self) -> u16 {
        self.epoch
    }

    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Whether each handshake message in this record, if there are any, or each one that a part of is here, says
    /// that it has at most `longest` bytes in all.
    pub(super) fn messages_are_within(&self, longest: usize) -> bool {
        let mut rest = self.fragment();
        while self.kind == HANDSHAKE && !rest.is_empty() {
            let Some(&[_, l0, l1, l2, _, _, _, _, _, f0, f1, f2]) = rest.first_chunk::<12>() else {
                return false;
            };
            let [length, here] = [[0, l0, l1, l2], [0, f0, f1, f2]].map(u32::from_be_bytes);
            let after = rest.get(12..).and_then(|rest| rest.get(here as usize..));
            match after {
                Some(after) if length as usize <= longest => rest = after,
                _ => return false,
            }
        }
        true
    }

    /// What follows the header.
    pub(super) fn fragment(&self) -> &'a [u8] {
        &self.bytes[HEADER..]
    }

    /// The header and the fragment.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// The records of a datagram, up to the first that is not whole.
pub(super) fn records(mut datagram: &[u8]) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || {
        let record = Record::first(datagram)?;
        datagram = &datagram[record.bytes.len()..];
        Some(record)
    })
}

/// Adds `offset` to the sequence numbers of a datagram's records in the clear, which nothing protects.
pub(super) fn renumber(datagram: &mut [u8], offset: u64) {
    let mut rest = datagram;
    while let Some(record) = Record::first(rest) {
        let length = record.bytes.len();
        if record.epoch == 0 {
            // Both are far below 2^47: the first numbers of an association, and an offset of 32 bits.
            let sequence = record.sequence.saturating_add(offset).to_be_bytes();
            rest[SEQUENCE].copy_from_slice(&sequence[2..]);
        }
        rest = &mut rest[length..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record in the clear with these handshake messages, each by the length it says it has and the length
    /// of the part that is here.
    fn handshake(messages: &[(u32, u32)]) -> Vec<u8> {
        let mut fragment = Vec::new();
        for (length, here) in messages {
            fragment.push(11);
            fragment.extend(&length.to_be_bytes()[1..]);
            fragment.extend([0; 5]);
            fragment.extend(&here.to_be_bytes()[1..]);
            fragment.resize(fragment.len() + *here as usize, 0x5A);
        }
        let mut record = vec![HANDSHAKE, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0];
        record.extend((fragment.len() as u16).to_be_bytes());
        record.append(&mut fragment);
        record
    }

    #[test]
    fn what_a_message_says_of_its_length_is_looked_at_behind_other_messages_too() {
        let within = |record: &[u8]| Record::first(record).unwrap().messages_are_within(1000);
        assert!(within(&handshake(&[(1000, 7)])));
        assert!(within(&handshake(&[(5, 5), (0, 0), (1000, 7)])));
        assert!(!within(&handshake(&[(1001, 7)])));
        assert!(!within(&handshake(&[(5, 5), (1001, 0)])));
        let mut cut = handshake(&[(5, 5), (5, 5)]);
        cut.pop();
        cut[12] -= 1;
        assert!(
            !within(&cut),
            "a part that is not all here is not OpenSSL's to interpret"
        );
    }

    #[test]
    fn renumbering_moves_what_is_in_the_clear_and_nothing_else() {
        let mut sealed = handshake(&[(5, 5)]);
        sealed[4] = 1;
        let mut datagram = [handshake(&[(5, 5)]), sealed.clone(), handshake(&[(0, 0)])].concat();
        renumber(&mut datagram, 0x1_0203);
        let numbers: Vec<_> = records(&datagram).map(|record| record.sequence()).collect();
        assert_eq!(numbers, [0x1_0203, 0, 0x1_0203]);
        assert_eq!(records(&datagram).nth(1).unwrap().bytes(), sealed);
    }
}
