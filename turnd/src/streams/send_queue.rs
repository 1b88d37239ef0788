//! What a slow stream cannot take yet.
//!
//! The queue holds no more than the stream carries in a given time at its own rate, and never more
//! than a given number of bytes. What does not fit is left out: whole messages, the newest first, so
//! that the stream never breaks and what was promised to it arrives. A video's key frame, many times
//! the size of what the kernel takes at once, fits; a minute of video for a reader that went away
//! does not.

use std::{collections::VecDeque, time::Duration};

use turnd_proto::Instant;

/// A queue bounded by time still takes this much, however slow the stream is.
const FLOOR: usize = 32 * 1024;
/// Answers to requests go past the bounds by this much; they are what a client waits for.
const RESERVE: usize = 16 * 1024;
/// More bytes than the longest message has: ChannelData of 65535, with its header and padding.
const LONGEST: usize = 65_536 + 4;
/// A rate is measured over at least this long.
const WINDOW: Duration = Duration::from_millis(50);

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    /// Bytes at most, 16 KiB or more.
    pub bytes: usize,
    /// At most what the stream carries in this time at the rate seen last, but 32 KiB in any case.
    pub time: Duration,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// From a peer: may be left out.
    Data,
    /// The same while memory is short: waits only where little waits already.
    DataInNeed,
    /// An answer: is left out only by a stream that takes nothing at all.
    Answer,
}

/// Bytes that wait to be written to one stream. Empty, it holds no memory.
#[derive(Debug)]
pub struct SendQueue {
    limits: QueueLimits,
    bytes: VecDeque<u8>,
    rate: Rate,
    /// When the stream last took anything, or when it began not to.
    moved: Instant,
}

impl SendQueue {
    /// Empty.
    #[must_use]
    pub fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            bytes: VecDeque::new(),
            rate: Rate::default(),
            moved: Instant::default(),
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Since when the stream has taken nothing, if something waits for it.
    #[must_use]
    pub fn stuck_since(&self) -> Option<Instant> {
        (!self.bytes.is_empty()).then_some(self.moved)
    }

    /// Adds the rest of a message whose beginning is on its way: that cannot be left out.
    pub fn push_rest(&mut self, now: Instant, rest: &[u8]) {
        self.begin(now);
        self.bytes.extend(rest);
    }

    /// Adds a whole message, or leaves it out if too much waits already.
    #[must_use = "a message that was left out is to be counted"]
    pub fn push(&mut self, now: Instant, kind: Kind, message: &[u8]) -> bool {
        let limit = match kind {
            Kind::Data => self.limit(),
            Kind::DataInNeed => self.limit().min(FLOOR),
            Kind::Answer => self.limits.bytes + RESERVE,
        };
        if self.bytes.len() + message.len() > limit {
            return false;
        }
        self.begin(now);
        self.bytes.extend(message);
        true
    }

    /// The bytes to write next: all, or more than the longest message. What follows a message's beginning
    /// is here too, so that it can become one TLS record.
    #[must_use]
    pub fn front(&mut self) -> &[u8] {
        let (first, second) = self.bytes.as_slices();
        if first.len() < LONGEST && !second.is_empty() {
            self.bytes.make_contiguous();
        }
        self.bytes.as_slices().0
    }

    /// The stream took this many bytes of the front.
    pub fn taken(&mut self, now: Instant, count: usize) {
        self.bytes.drain(..count);
        if count > 0 {
            self.moved = now;
        }
        self.rate.taken(now, count);
        if self.bytes.is_empty() {
            self.bytes = VecDeque::new();
            self.rate.pause();
        }
    }

    fn begin(&mut self, now: Instant) {
        if self.bytes.is_empty() {
            self.moved = now;
            self.rate.begin(now);
        }
    }

    fn limit(&self) -> usize {
        let Some(per_second) = self.rate.per_second else {
            return self.limits.bytes;
        };
        let time = u64::try_from(self.limits.time.as_millis()).unwrap_or(u64::MAX);
        let by_time = per_second.saturating_mul(time) / 1000;
        usize::try_from(by_time)
            .unwrap_or(usize::MAX)
            .max(FLOOR)
            .min(self.limits.bytes)
    }
}

/// How fast the stream takes bytes while there are bytes to take.
#[derive(Debug, Default)]
struct Rate {
    /// Bytes per second, once known.
    per_second: Option<u64>,
    since: Option<Instant>,
    bytes: u64,
}

impl Rate {
    fn begin(&mut self, now: Instant) {
        self.since = Some(now);
        self.bytes = 0;
    }

    /// Nothing waits any more: how long until the next byte says nothing about the stream.
    fn pause(&mut self) {
        self.since = None;
    }

    fn taken(&mut self, now: Instant, count: usize) {
        let Some(since) = self.since else {
            return;
        };
        self.bytes = self.bytes.saturating_add(count as u64);
        let elapsed = now.since(since);
        if elapsed < WINDOW {
            return;
        }
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let measured = self.bytes.saturating_mul(1000) / millis.max(1);
        // Half of it new: one window does not decide, three nearly do.
        self.per_second = Some(match self.per_second {
            Some(before) => before / 2 + measured / 2,
            None => measured,
        });
        self.begin(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: QueueLimits = QueueLimits {
        bytes: 256 * 1024,
        time: Duration::from_millis(200),
    };

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    /// Lets the stream take `rate` bytes per second for `millis`, with something always waiting.
    fn drain(queue: &mut SendQueue, from: u64, millis: u64, rate: usize) {
        for step in 1..=millis / 10 {
            let count = (rate / 100).min(queue.len());
            queue.taken(at(from + step * 10), count);
            while queue.len() < FLOOR / 2 {
                assert!(queue.push(at(from + step * 10), Kind::Data, &[0; 1000]));
            }
        }
    }

    #[test]
    fn a_key_frame_that_comes_at_once_fits() {
        let mut queue = SendQueue::new(LIMITS);
        for _ in 0..200 {
            assert!(queue.push(at(0), Kind::Data, &[0; 1200]));
        }
        assert_eq!(queue.len(), 240_000);
    }

    #[test]
    fn the_byte_bound_leaves_out_whole_messages_and_keeps_room_for_answers() {
        let mut queue = SendQueue::new(LIMITS);
        let accepted = (0..1000).filter(|_| queue.push(at(0), Kind::Data, &[0; 1200]));
        assert_eq!(accepted.count(), 256 * 1024 / 1200);
        assert!(queue.push(at(0), Kind::Answer, &[0; 1200]));
        assert!(queue.len() <= LIMITS.bytes + RESERVE);
        let accepted = (0..1000).filter(|_| queue.push(at(0), Kind::Answer, &[0; 1200]));
        assert!(accepted.count() < RESERVE / 1200 + 2);
    }

    #[test]
    fn the_time_bound_follows_the_rate_of_the_stream() {
        let mut queue = SendQueue::new(LIMITS);
        queue.push_rest(at(0), &[0; 20_000]);
        drain(&mut queue, 0, 1000, 300_000);
        let limit = queue.limit();
        assert!((54_000..=66_000).contains(&limit), "{limit}");
        while queue.push(at(1000), Kind::Data, &[0; 1000]) {}
        assert!(queue.len() <= limit && queue.len() > limit - 1000);
    }

    #[test]
    fn a_very_slow_stream_still_gets_the_floor_and_a_fast_one_no_more_than_the_bytes() {
        let mut slow = SendQueue::new(LIMITS);
        slow.push_rest(at(0), &[0; 20_000]);
        drain(&mut slow, 0, 2000, 1000);
        assert_eq!(slow.limit(), FLOOR);
        let mut fast = SendQueue::new(LIMITS);
        fast.push_rest(at(0), &[0; 20_000_000]);
        for step in 1..=100 {
            fast.taken(at(step * 10), 100_000);
        }
        assert_eq!(fast.limit(), LIMITS.bytes);
    }

    #[test]
    fn the_rest_of_a_message_is_never_left_out() {
        let mut queue = SendQueue::new(LIMITS);
        while queue.push(at(0), Kind::Answer, &[0; 1000]) {}
        let before = queue.len();
        queue.push_rest(at(0), &[1; 5000]);
        assert_eq!(queue.len(), before + 5000);
    }

    #[test]
    fn it_tells_since_when_nothing_moves_and_holds_no_memory_when_empty() {
        let mut queue = SendQueue::new(LIMITS);
        assert_eq!(queue.stuck_since(), None);
        assert!(queue.push(at(5), Kind::Data, &[0; 100]));
        assert_eq!(queue.stuck_since(), Some(at(5)));
        queue.taken(at(9), 50);
        assert_eq!(queue.stuck_since(), Some(at(9)));
        queue.taken(at(20), 50);
        assert_eq!(queue.stuck_since(), None);
        assert_eq!(queue.bytes.capacity(), 0);
    }

    /// Bytes lie in a ring, whose end comes to lie within messages sooner or later.
    #[test]
    fn a_message_that_begins_at_the_front_is_there_in_one_piece() {
        let mut queue = SendQueue::new(LIMITS);
        let message = |number: u8| vec![number; 900 + usize::from(number)];
        for number in 0..100 {
            assert!(queue.push(at(0), Kind::Data, &message(number)));
        }
        for number in 0..=u8::MAX {
            let first = message(number);
            assert_eq!(queue.front().get(..first.len()), Some(&first[..]));
            queue.taken(at(0), first.len());
            let next = number.wrapping_add(100);
            assert!(queue.push(at(0), Kind::Data, &message(next)));
        }
    }

    #[test]
    fn a_pause_does_not_count_as_a_slow_stream() {
        let mut queue = SendQueue::new(LIMITS);
        queue.push_rest(at(0), &[0; 100_000]);
        for step in 1..=10 {
            queue.taken(at(step * 10), 10_000);
        }
        let rate = queue.rate.per_second;
        assert!(queue.push(at(60_000), Kind::Data, &[0; 100]));
        queue.taken(at(60_001), 100);
        assert_eq!(queue.rate.per_second, rate);
    }
}
