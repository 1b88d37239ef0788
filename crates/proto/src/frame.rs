//! The bytes around a peer's datagram on its way to the client. The data itself is not touched.

use turnd_wire::{DataIndication, TransactionId, channel_data};

use crate::io::Frame;

/// What goes in front of the data, and what behind it.
#[derive(Clone, Copy, Debug)]
pub enum Wrapping {
    /// The ChannelData header, and how many bytes of padding follow the data (0 to 3).
    Channel([u8; channel_data::HEADER_LENGTH], usize),
    /// Everything of a Data indication but the data.
    Indication(DataIndication),
}

impl Wrapping {
    /// The bytes in front, at most [`DataIndication::MAX_PREFIX`].
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        match self {
            Self::Channel(header, _) => header,
            Self::Indication(indication) => indication.prefix(),
        }
    }

    /// The bytes behind, at most [`DataIndication::MAX_SUFFIX`].
    #[must_use]
    pub fn suffix(&self) -> &[u8] {
        match self {
            Self::Channel(_, padding) => &[0; 3][..*padding],
            Self::Indication(indication) => indication.suffix(),
        }
    }
}

impl Frame {
    /// The wrapping of the `nth` datagram of a run (from 0). `None` if the data is too long for any
    /// message.
    #[must_use]
    pub fn around(&self, data: &[u8], nth: u32) -> Option<Wrapping> {
        match *self {
            Self::Channel { number, padded } => {
                let length = u16::try_from(data.len()).ok()?;
                let padding = if padded {
                    data.len().next_multiple_of(4) - data.len()
                } else {
                    0
                };
                let header = channel_data::header(number, length);
                Some(Wrapping::Channel(header, padding))
            }
            Self::Indication {
                id,
                peer,
                fingerprint,
            } => DataIndication::new(nth_id(id, nth), peer, data, fingerprint)
                .map(Wrapping::Indication),
        }
    }
}

/// Transaction ids of indications: something unpredictable, then a counter, so that none repeats.
pub(crate) fn indication_id(salt: [u8; 4], count: u64) -> TransactionId {
    let mut id = [0; 12];
    id[..4].copy_from_slice(&salt);
    id[4..].copy_from_slice(&count.to_be_bytes());
    id.into()
}

fn nth_id(id: TransactionId, nth: u32) -> TransactionId {
    let (&salt, count) = id.as_bytes().split_first_chunk().expect("12 bytes");
    let count = u64::from_be_bytes(count.try_into().expect("8 bytes"));
    indication_id(salt, count.wrapping_add(u64::from(nth)))
}
