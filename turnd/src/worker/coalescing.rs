//! A pause before a busy worker looks for packets again, so that several come per look (`coalesce-usecs`).
//!
//! Below saturation falling asleep and waking costs more than relaying. A pause costs about as much as the wake-up that it
//! replaces, so it is made only where it gathers several packets more than would have come together anyway, and never
//! while something waits.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use turnd_net::{Events, Poller};

/// What came in so long tells what is to be expected.
const WINDOW: Duration = Duration::from_millis(5);
/// A pause must be expected to gather so many datagrams.
const WORTH_IT: u32 = 4;

/// Whether to pause, and how long.
pub(super) struct Coalescing {
    pause: Duration,
    /// Datagrams of a window from which on a pause is worth it.
    enough: u64,
    begun: Instant,
    /// Datagrams received when the window began.
    received: u64,
    is_busy: bool,
}

impl Coalescing {
    /// Pauses of so long; none if that is no time at all.
    pub(super) fn new(pause: Duration, now: Instant) -> Self {
        let enough = (WINDOW * WORTH_IT).as_nanos() / pause.as_nanos().max(1);
        Self {
            pause,
            enough: u64::try_from(enough).unwrap_or(u64::MAX),
            begun: now,
            received: 0,
            is_busy: false,
        }
    }

    /// Lets the calling thread sleep as exactly as it asks for. Without pauses it is left as it is.
    pub(super) fn prepare_thread(&self) {
        if !self.pause.is_zero() {
            // The usual slack of 50 us would be half a pause more. Where it cannot be had, pauses are longer.
            let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1000));
        }
    }

    /// Waits as [`Poller::wait`] does, but for a pause first if nothing waits and much is coming. `now` is the end of
    /// the last turn, and `received` how many datagrams came until then.
    pub(super) fn wait(
        &mut self,
        poller: &Poller,
        events: &mut Events,
        until: Option<Instant>,
        now: Instant,
        received: u64,
    ) -> io::Result<()> {
        if self.pause.is_zero() || !self.is_worth_it(now, received) {
            return poller.wait(events, until);
        }
        poller.look(events)?;
        let left = until.map_or(self.pause, |until| until.saturating_duration_since(now));
        if !events.is_empty() || left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(self.pause));
        poller.wait(events, until)
    }

    fn is_worth_it(&mut self, now: Instant, received: u64) -> bool {
        let took = now.saturating_duration_since(self.begun);
        if took >= WINDOW {
            // A window that lasted long had long waits in it.
            self.is_busy = received - self.received >= self.enough && took < 2 * WINDOW;
            self.begun = now;
            self.received = received;
        }
        self.is_busy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether pauses of 200 us are worth it after so many windows with as many datagrams a second.
    fn is_worth_it(per_second: u64) -> bool {
        let begin = Instant::now();
        let mut coalescing = Coalescing::new(Duration::from_micros(200), begin);
        let every = Duration::from_secs(1) / u32::try_from(per_second).unwrap();
        let mut result = false;
        for datagram in 1..per_second / 10 {
            let now = begin + every * u32::try_from(datagram).unwrap();
            result = coalescing.is_worth_it(now, datagram);
        }
        result
    }

    #[test]
    fn a_pause_is_made_where_it_gathers_four_datagrams() {
        assert!(!is_worth_it(1000));
        assert!(!is_worth_it(19_000));
        assert!(is_worth_it(21_000));
        assert!(is_worth_it(1_000_000));
    }

    #[test]
    fn what_was_busy_once_is_forgotten_in_a_window() {
        let begin = Instant::now();
        let mut coalescing = Coalescing::new(Duration::from_micros(100), begin);
        assert!(coalescing.is_worth_it(begin + WINDOW, 100_000));
        assert!(coalescing.is_worth_it(begin + WINDOW * 3 / 2, 100_001));
        assert!(!coalescing.is_worth_it(begin + WINDOW * 2, 100_002));
        // A second of silence says nothing of how packets come now.
        assert!(!coalescing.is_worth_it(begin + Duration::from_secs(1), 200_000));
    }
}
