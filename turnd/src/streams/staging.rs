//! Messages put together for one stream, so that they are written in one go.

use super::StreamId;

/// Whole messages for one stream, one after the other.
#[derive(Debug, Default)]
pub struct Staging {
    to: Option<StreamId>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Staging {
    /// Whom the messages are for, if there are any.
    #[must_use]
    pub fn to(&self) -> Option<StreamId> {
        self.to
    }

    /// Adds a message made of `parts`. What is there must be for the same stream.
    ///
    /// # Panics
    /// If it is for another.
    pub fn push(&mut self, to: StreamId, parts: &[&[u8]]) {
        assert!(
            self.to.is_none_or(|other| other == to),
            "what is for another stream has left"
        );
        self.to = Some(to);
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.ends.push(self.bytes.len());
    }

    /// All bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The messages, one by one.
    pub fn messages(&self) -> impl Iterator<Item = &[u8]> {
        let starts = core::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| &self.bytes[start..end])
    }

    /// What is left after the first `written` bytes: the rest of a message that has begun, and then
    /// whole ones.
    pub fn after(&self, written: usize) -> (&[u8], impl Iterator<Item = &[u8]>) {
        let first = self.ends.partition_point(|&end| end <= written);
        let start = match first {
            0 => 0,
            at => self.ends[at - 1],
        };
        let (rest, whole) = match self.ends.get(first) {
            Some(&end) if written > start => (&self.bytes[written..end], first + 1),
            _ => (&[][..], first),
        };
        let messages = (whole..self.ends.len()).map(|at| {
            let start = if at == 0 { 0 } else { self.ends[at - 1] };
            &self.bytes[start..self.ends[at]]
        });
        (rest, messages)
    }

    /// Forgets everything; keeps the memory.
    pub fn clear(&mut self) {
        self.to = None;
        self.bytes.clear();
        self.ends.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_begins_with_the_rest_of_a_message() {
        let mut staging = Staging::default();
        for parts in [&[b"aa", b"a".as_slice()][..], &[b"bb"], &[b"cccc"]] {
            staging.push(StreamId::default(), parts);
        }
        let after = |written| {
            let (rest, whole) = staging.after(written);
            let whole: Vec<_> = whole
                .map(|message| str::from_utf8(message).unwrap())
                .collect();
            (str::from_utf8(rest).unwrap().to_owned(), whole.join(","))
        };
        assert_eq!(after(0), (String::new(), "aaa,bb,cccc".into()));
        assert_eq!(after(1), ("aa".into(), "bb,cccc".into()));
        assert_eq!(after(3), (String::new(), "bb,cccc".into()));
        assert_eq!(after(4), ("b".into(), "cccc".into()));
        assert_eq!(after(8), ("c".into(), String::new()));
        assert_eq!(after(9), (String::new(), String::new()));
    }
}
