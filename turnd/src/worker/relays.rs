//! The relay sockets of a worker, and how much is read from each of them at a time.

use turnd_net::UdpSocket;

use crate::ports::RelaySocket;

/// Most that is read from a relay in one turn.
const RELAY_BATCH: usize = 16;
/// Every so many reads of a relay are of [`RELAY_BATCH`].
const PROBE_INTERVAL: u8 = 16;

/// The socket of a relay.
pub(super) struct Relay {
    socket: RelaySocket,
    pub(super) helping: Helping,
}

impl Relay {
    pub(super) fn new(socket: RelaySocket) -> Self {
        Self {
            socket,
            helping: Helping::default(),
        }
    }

    pub(super) fn socket(&self) -> &UdpSocket {
        self.socket.socket()
    }

    pub(super) fn into_socket(self) -> RelaySocket {
        self.socket
    }
}

/// How many datagrams to ask a relay for. Most have one at a time, and asking for one is a fifth cheaper than asking
/// for many and getting one; what more there is the poller reports again. Now and then many are asked for, and as
/// many as came are asked for until the next time.
#[derive(Debug)]
pub(super) struct Helping {
    size: u8,
    reads: u8,
}

impl Default for Helping {
    fn default() -> Self {
        Self { size: 1, reads: 0 }
    }
}

impl Helping {
    /// How many to ask for now.
    pub(super) fn next(&mut self) -> usize {
        self.reads = (self.reads + 1) % PROBE_INTERVAL;
        if self.reads == 0 {
            RELAY_BATCH
        } else {
            usize::from(self.size)
        }
    }

    /// So many came.
    pub(super) fn got(&mut self, count: usize) {
        if self.reads == 0 {
            self.size = count.clamp(1, RELAY_BATCH) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads of a relay at which so many wait each time.
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
        let mut helping = Helping::default();
        let ones: Vec<_> = [vec![1; 15], vec![16]].concat();
        assert_eq!(asked(&mut helping, 1, 16), ones);
        assert_eq!(asked(&mut helping, 8, 16), ones);
        assert_eq!(asked(&mut helping, 8, 3), [8, 8, 8]);
        assert_eq!(asked(&mut helping, 0, 13).last(), Some(&16));
        assert_eq!(asked(&mut helping, 1, 2), [1, 1]);
    }
}
