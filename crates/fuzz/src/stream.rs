//! What comes out of a stream: messages, however it is cut, and what may stand in front of the first one.

use turnd::streams::{
    http::{self, HttpAnswer, HttpRules},
    proxy_protocol::{self, Header},
};
use turnd_wire::{
    ChannelData, Message, ParseError,
    framing::{self, Frame},
};

use crate::input::Input;

/// The longest message: a STUN header and all that its length can say.
const LONGEST: usize = 20 + 65_532;

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let cuts = input.some();
    let stream = input.rest();
    let whole = frames(stream, &[]);
    assert_eq!(frames(stream, cuts), whole, "cut by {cuts:?}");
    for frame in whole {
        if frame[0] < 0x40 {
            assert_ne!(Message::parse(frame).err(), Some(ParseError::BadLength));
        } else {
            assert!(ChannelData::parse(frame).is_some());
        }
    }
}

/// The messages of a stream that arrives in pieces of so many bytes each, and one by one where they are 0.
fn frames<'a>(stream: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let (mut cuts, mut found) = (cuts.iter().cycle(), Vec::new());
    let (mut start, mut arrived) = (0, 0);
    loop {
        match framing::next(&stream[start..arrived]) {
            Frame::Whole { length, padding } => {
                assert!(padding < 4 && length.is_multiple_of(4) && length <= LONGEST);
                found.push(&stream[start..start + length]);
                start += length;
            }
            Frame::Partial { needed } => {
                assert!(needed > arrived - start && needed <= LONGEST);
                if arrived == stream.len() {
                    return found;
                }
                let piece = cuts.next().map_or(stream.len(), |cut| usize::from(*cut));
                arrived = stream.len().min(arrived + piece.max(1));
            }
            Frame::Broken => return found,
        }
    }
}

/// PROXY headers and HTTP, byte after byte: what has been decided stays so.
pub(crate) fn opening(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let flags = input.byte();
    let rules = HttpRules {
        acme_redirect: (flags & 1 != 0).then(|| "http://acme.example/".to_owned()),
        respond_unsupported: flags & 2 != 0,
        page: flags & 4 != 0,
    };
    let stream = input.rest();
    let (mut header, mut answered) = (Header::Partial, false);
    for end in 0..=stream.len() {
        let arrived = &stream[..end];
        let read = proxy_protocol::read(arrived);
        assert!(
            header == Header::Partial || read == header,
            "{header:?} became {read:?}"
        );
        header = read;
        if let Header::Done { length, .. } = header {
            assert!(length <= end && length <= proxy_protocol::MAX_HEADER);
        }
        assert!(header != Header::Partial || end < proxy_protocol::MAX_HEADER);
        let _ = http::looks_like_http(arrived);
        match http::answer(&rules, arrived) {
            HttpAnswer::Respond(answer) => {
                assert!(answer.len() < 4096 && answer.starts_with(b"HTTP/1.1 "));
                answered = true;
            }
            HttpAnswer::NeedMore => assert!(!answered && end < http::MAX_HEAD),
            HttpAnswer::Close => assert!(!answered),
        }
    }
}
