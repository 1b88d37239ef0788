//! ChannelData: a 4-byte header in front of application data (RFC 8656 section 12.4).

/// Length of the ChannelData header: channel number and length, 2 bytes each.
pub const HEADER_LENGTH: usize = 4;

/// The channel numbers that RFC 8656 section 12 lets a client bind.
pub const CHANNELS: core::ops::RangeInclusive<u16> = 0x4000..=0x4FFF;

/// The channel numbers of RFC 5766 section 11, which older clients still draw from.
pub const LEGACY_CHANNELS: core::ops::RangeInclusive<u16> = 0x4000..=0x7FFF;

/// A ChannelData message that was received in a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelData<'a> {
    /// The channel number, as the sender wrote it: this floor does not judge its range.
    pub channel: u16,
    /// The application data, without any padding that followed it.
    pub data: &'a [u8],
}

impl<'a> ChannelData<'a> {
    /// Reads a ChannelData message. `None` where the header is cut or promises more than follows;
    /// bytes beyond the promised length are padding and ignored (RFC 8656 section 12.6).
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (&[c0, c1, l0, l1], rest) = bytes.split_first_chunk::<HEADER_LENGTH>()?;
        let data = rest.get(..usize::from(u16::from_be_bytes([l0, l1])))?;
        Some(Self {
            channel: u16::from_be_bytes([c0, c1]),
            data,
        })
    }
}

/// The header for `length` bytes on `channel`. Over streams the caller pads the data to a multiple
/// of four; the length stays the unpadded one.
#[must_use]
pub const fn header(channel: u16, length: u16) -> [u8; HEADER_LENGTH] {
    let [c0, c1] = channel.to_be_bytes();
    let [l0, l1] = length.to_be_bytes();
    [c0, c1, l0, l1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_data_come_back() {
        let mut bytes = header(0x4001, 3).to_vec();
        bytes.extend_from_slice(b"abc");
        let parsed = ChannelData::parse(&bytes).unwrap();
        assert_eq!((parsed.channel, parsed.data), (0x4001, &b"abc"[..]));
    }

    #[test]
    fn padding_behind_the_length_is_not_data() {
        let parsed = ChannelData::parse(&[0x40, 0, 0, 1, b'x', 0, 0, 0]).unwrap();
        assert_eq!(parsed.data, b"x");
    }

    #[test]
    fn a_length_beyond_the_datagram_is_refused() {
        assert_eq!(ChannelData::parse(&[0x40, 0, 0, 2, b'x']), None);
        assert_eq!(ChannelData::parse(&[0x40, 0, 0xFF, 0xFF]), None);
        assert_eq!(ChannelData::parse(&[0x40, 0, 0]), None);
    }

    #[test]
    fn empty_data_is_data() {
        assert_eq!(
            ChannelData::parse(&[0x40, 0, 0, 0]).unwrap().data,
            &[] as &[u8]
        );
    }
}
