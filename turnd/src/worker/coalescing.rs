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

/// What happened in so long tells what is to be expected.
const WINDOW: Duration = Duration::from_millis(5);
/// A pause must be expected to save so many wake-ups.
const WORTH_IT: u32 = 4;
/// Windows with pauses after one without, which tells how often packets come of themselves: those of a run, or of a burst,
/// come together anyway.
const PAUSED: u32 = 15;

/// Whether to pause, and how long.
pub(super) struct Coalescing {
    pause: Duration,
    begun: Instant,
    /// Datagrams received until the last turn.
    received: u64,
    /// Turns of this window that received something.
    wakes: u32,
    /// Windows in which pauses are still made, this one among them.
    paused: u32,
}

impl Coalescing {
    /// Pauses of so long; none if that is no time at all.
    pub(super) fn new(pause: Duration, now: Instant) -> Self {
        Self {
            pause,
            begun: now,
            received: 0,
            wakes: 0,
            paused: 0,
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
        self.wakes += u32::from(received > self.received);
        self.received = received;
        let took = now.saturating_duration_since(self.begun);
        if took >= WINDOW {
            let wakes = std::mem::take(&mut self.wakes);
            self.begun = now;
            self.paused = match self.paused {
                // A window that lasted long had long waits in it.
                _ if took >= 2 * WINDOW => 0,
                0 if self.pause * wakes >= WINDOW * WORTH_IT => PAUSED,
                0 => 0,
                // Most of it was no pause: less comes than before.
                _ if self.pause * wakes < WINDOW / 4 => 0,
                left => left - 1,
            };
        }
        self.paused > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_micros(200);

    /// In how many of a thousand looks pauses are worth it, with so many wake-ups a second without them and datagrams
    /// in each.
    fn share(per_second: u32, datagrams: u64) -> u32 {
        let mut now = Instant::now();
        let mut coalescing = Coalescing::new(PAUSE, now);
        let every = Duration::from_secs(1) / per_second;
        let (mut received, mut paused) = (0, 0);
        for _ in 0..1000 {
            let pauses = coalescing.is_worth_it(now, received);
            let step = if pauses { every.max(PAUSE) } else { every };
            now += step;
            let came = step.as_nanos() / every.as_nanos();
            received += datagrams * u64::try_from(came).unwrap();
            paused += u32::from(pauses);
        }
        paused
    }

    #[test]
    fn a_pause_is_made_where_it_saves_four_wake_ups() {
        assert_eq!(share(1000, 1), 0);
        assert_eq!(share(19_000, 1), 0);
        assert!(share(21_000, 1) > 600);
        assert!(share(100_000, 1) > 300);
    }

    #[test]
    fn what_comes_together_anyway_is_no_reason_for_a_pause() {
        // 50 000 datagrams a second in runs, or in bursts that a network card hands over at once.
        assert_eq!(share(6250, 8), 0);
        assert_eq!(share(1600, 32), 0);
    }

    #[test]
    fn what_was_busy_once_is_forgotten_when_less_comes() {
        let begin = Instant::now();
        let busy = |until: Instant| {
            let mut coalescing = Coalescing::new(PAUSE, begin);
            let mut now = begin;
            let mut received = 0;
            while now < until {
                now += WINDOW / 200;
                received += 1;
                coalescing.is_worth_it(now, received);
            }
            assert!(coalescing.is_worth_it(now, received));
            (coalescing, received)
        };
        let window = begin + WINDOW;
        // A packet or two in a window, and a second of silence.
        let (mut coalescing, received) = busy(window);
        assert!(coalescing.is_worth_it(window + WINDOW / 2, received + 1));
        assert!(!coalescing.is_worth_it(window + WINDOW, received + 2));
        let (mut coalescing, received) = busy(window);
        assert!(!coalescing.is_worth_it(window + Duration::from_secs(1), received + 100_000));
    }
}
