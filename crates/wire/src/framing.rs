//! Message boundaries on streams (RFC 8489 section 6.2.2, RFC 8656 section 12.5).
//!
//! A STUN message says its own length; a ChannelData message is padded to a multiple of four on
//! streams, with the padding not counted in its length field.

use crate::{channel_data, message, padded};

/// What stands at the front of a stream's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole message: its `length` bytes, of which the last `padding` are not part of it.
    Whole {
        /// Bytes that the message takes on the stream, padding included.
        length: usize,
        /// How many of them, at the end, are ChannelData padding (0 to 3).
        padding: usize,
    },
    /// Not yet: at least `needed` bytes in all must have arrived before it is worth asking again.
    Partial {
        /// Bytes needed from the start of the message, counting those that are there.
        needed: usize,
    },
    /// Neither STUN nor ChannelData: the stream cannot be followed any further.
    Broken,
}

/// Finds the message at the front of `buffer`.
#[must_use]
pub fn next(buffer: &[u8]) -> Frame {
    let Some(&[first, _, l0, l1]) = buffer.first_chunk::<4>() else {
        return match buffer.first() {
            Some(&first) if first >= 0x80 => Frame::Broken,
            _ => Frame::Partial { needed: 4 },
        };
    };
    let declared = usize::from(u16::from_be_bytes([l0, l1]));
    let (length, padding) = match first >> 6 {
        0b00 if declared % 4 == 0 => (message::HEADER_LENGTH + declared, 0),
        0b01 => {
            let bare = channel_data::HEADER_LENGTH + declared;
            (padded(bare), padded(bare) - bare)
        }
        _ => return Frame::Broken,
    };
    if buffer.len() < length {
        return Frame::Partial { needed: length };
    }
    Frame::Whole { length, padding }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_data_of_each_length_is_padded_to_four() {
        for data in 0..8_u8 {
            let mut stream = vec![0x40, 0, 0, data];
            stream.resize(4 + usize::from(data).next_multiple_of(4), 0xEE);
            let whole = stream.len();
            for cut in 0..whole {
                assert!(matches!(next(&stream[..cut]), Frame::Partial { .. }));
            }
            stream.extend_from_slice(&[0x40, 0]);
            assert_eq!(
                next(&stream),
                Frame::Whole {
                    length: whole,
                    padding: whole - 4 - usize::from(data)
                }
            );
        }
    }

    #[test]
    fn a_stun_message_ends_where_its_length_says() {
        let mut stream = vec![0, 1, 0, 8];
        stream.resize(28, 0);
        assert_eq!(next(&stream[..27]), Frame::Partial { needed: 28 });
        assert_eq!(
            next(&stream),
            Frame::Whole {
                length: 28,
                padding: 0
            }
        );
    }

    #[test]
    fn the_longest_length_does_not_wrap() {
        assert_eq!(
            next(&[0x40, 0, 0xFF, 0xFF]),
            Frame::Partial { needed: 65540 }
        );
        assert_eq!(next(&[0, 1, 0xFF, 0xFC]), Frame::Partial { needed: 65552 });
    }

    #[test]
    fn anything_else_breaks_the_stream() {
        assert_eq!(next(&[0x80]), Frame::Broken);
        assert_eq!(next(&[0xC0, 0, 0, 0]), Frame::Broken);
        assert_eq!(next(&[0, 1, 0, 3]), Frame::Broken);
    }
}
