//! How much to ask a socket for at a time.

/// Every so many reads a socket is asked for [`PROBE`].
const PROBE_INTERVAL: u8 = 16;
const PROBE: u8 = 16;

/// How many datagrams to ask a socket for. Most sockets have one at a time, and asking for one is a fifth cheaper than
/// asking for many and getting one; what more there is the poller reports again. Now and then several are asked for,
/// and as many as came are asked for until the next time; who gives all that was asked for, and that was not just
/// one, is asked for twice as many.
#[derive(Debug)]
pub(crate) struct Helping {
    size: u8,
    most: u8,
    reads: u8,
}

impl Helping {
    /// For a socket that is never asked for more than `most`.
    pub(crate) const fn up_to(most: u8) -> Self {
        Self {
            size: 1,
            most,
            reads: 0,
        }
    }

    /// How many to ask for now.
    pub(crate) fn next(&mut self) -> usize {
        self.reads = (self.reads + 1) % PROBE_INTERVAL;
        usize::from(self.asked())
    }

    /// So many came.
    pub(crate) fn got(&mut self, count: usize) {
        let asked = self.asked();
        let count = u8::try_from(count).unwrap_or(u8::MAX);
        if asked > 1 && count >= asked {
            self.size = asked.saturating_mul(2).min(self.most);
        } else if self.reads == 0 {
            self.size = count.clamp(1, self.most);
        }
    }

    fn asked(&self) -> u8 {
        if self.reads == 0 {
            self.size.max(PROBE).min(self.most)
        } else {
            self.size
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads of a socket at which so many wait each time.
    fn asked(helping: &mut Helping, waiting: usize, reads: usize) -> Vec<usize> {
        let read = |_| {
            let asked = helping.next();
            helping.got(waiting.min(asked));
            asked
        };
        (0..reads).map(read).collect()
    }

    #[test]
    fn one_at_a_time_until_more_are_found_and_again_when_they_are_gone() {
        let mut helping = Helping::up_to(16);
        let ones: Vec<_> = [vec![1; 15], vec![16]].concat();
        assert_eq!(asked(&mut helping, 1, 16), ones);
        assert_eq!(asked(&mut helping, 7, 16), ones);
        assert_eq!(asked(&mut helping, 6, 3), [7, 7, 7]);
        assert_eq!(asked(&mut helping, 0, 13).last(), Some(&16));
        assert_eq!(asked(&mut helping, 1, 2), [1, 1]);
    }

    #[test]
    fn more_and_more_while_there_is_always_more() {
        let mut helping = Helping::up_to(128);
        assert_eq!(asked(&mut helping, 1000, 16).last(), Some(&16));
        assert_eq!(asked(&mut helping, 1000, 5), [32, 64, 128, 128, 128]);
        assert_eq!(asked(&mut helping, 20, 11), [128; 11]);
        assert_eq!(asked(&mut helping, 20, 2), [20, 40]);
    }

    #[test]
    fn never_more_than_it_may() {
        let mut helping = Helping::up_to(4);
        assert!(
            asked(&mut helping, 1000, 100)
                .iter()
                .all(|&asked| asked <= 4)
        );
    }
}
