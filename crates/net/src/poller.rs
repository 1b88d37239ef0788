//! Which sockets have something: epoll, level-triggered, with a wake-up from other threads and an alarm.
//!
//! The alarm stays set from one wait to the next. A timeout for each wait would have the kernel start a timer before it and
//! stop it after, of which a busy loop needs tens of thousands a second and hardly ever one that goes off.

use std::{
    cell::Cell,
    io,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::{
    event::{
        EventfdFlags, Timespec,
        epoll::{self, CreateFlags, EventData, EventFlags},
        eventfd,
    },
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create,
        timerfd_settime,
    },
};

/// The waker's own token. No caller can have it: its generation is never given out.
const WAKER: u64 = u64::MAX;
/// The alarm's, which nobody can have either.
const ALARM: u64 = u64::MAX - 1;
const NO_TIME: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// Names a socket in events: a slot of the caller's, and the generation of what is in it, so that a
/// late event for something that is gone names nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    /// The slot.
    pub slot: u32,
    /// Its generation, less than `u32::MAX`.
    pub generation: u32,
}

impl From<Token> for u64 {
    fn from(token: Token) -> Self {
        Self::from(token.generation) << 32 | Self::from(token.slot)
    }
}

impl From<u64> for Token {
    fn from(bits: u64) -> Self {
        Self {
            slot: bits as u32,
            generation: (bits >> 32) as u32,
        }
    }
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest(EventFlags);

impl Interest {
    /// Only an error or the end of both directions, which cannot be turned off.
    pub const NONE: Self = Self(EventFlags::empty());
    /// Something can be read.
    pub const READABLE: Self = Self(EventFlags::IN);
    /// Something can be written.
    pub const WRITABLE: Self = Self(EventFlags::OUT);
    /// Either.
    pub const BOTH: Self = Self(EventFlags::IN.union(EventFlags::OUT));

    /// To read, to write, both, or neither.
    #[must_use]
    pub const fn of(read: bool, write: bool) -> Option<Self> {
        match (read, write) {
            (true, true) => Some(Self::BOTH),
            (true, false) => Some(Self::READABLE),
            (false, true) => Some(Self::WRITABLE),
            (false, false) => None,
        }
    }
}

/// What a socket is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Something can be read, if only an error or the end.
    pub readable: bool,
    /// Something can be written.
    pub writable: bool,
    /// The socket has an error, or its other end is closed.
    pub closed: bool,
    /// The socket has an error, or something in its error queue.
    pub error: bool,
}

/// Waits for sockets.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
    waker: Waker,
    alarm: OwnedFd,
    /// When the alarm goes off, if it is set.
    set_for: Cell<Option<Instant>>,
}

/// Ends a wait from any thread. Waking several times before the wait ends is waking once.
#[derive(Clone, Debug)]
pub struct Waker {
    eventfd: Arc<OwnedFd>,
}

impl Waker {
    /// Ends the wait that goes on, or the next one.
    pub fn wake(&self) {
        // Fails only when the counter is full, which takes 2^64 - 1 of these.
        let _ = rustix::io::write(&*self.eventfd, &1_u64.to_ne_bytes());
    }
}

impl Poller {
    /// A poller with nothing to wait for.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let eventfd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let each_time = EventFlags::IN | EventFlags::ET;
        epoll::add(&epoll, &eventfd, EventData::new_u64(WAKER), each_time)?;
        let waker = Waker {
            eventfd: Arc::new(eventfd),
        };
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let alarm = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        epoll::add(&epoll, &alarm, EventData::new_u64(ALARM), each_time)?;
        Ok(Self {
            epoll,
            waker,
            alarm,
            set_for: Cell::new(None),
        })
    }

    /// What wakes this poller.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Waits for `source` too. It is forgotten when it is closed.
    ///
    /// # Errors
    /// Those of `epoll_ctl`: no memory, too many watches, already added.
    pub fn add(&self, source: impl AsFd, token: Token, interest: Interest) -> io::Result<()> {
        let data = EventData::new_u64(token.into());
        Ok(epoll::add(&self.epoll, source, data, interest.0)?)
    }

    /// Changes what is waited for.
    ///
    /// # Errors
    /// Those of `epoll_ctl`: not added.
    pub fn modify(&self, source: impl AsFd, token: Token, interest: Interest) -> io::Result<()> {
        let data = EventData::new_u64(token.into());
        Ok(epoll::modify(&self.epoll, source, data, interest.0)?)
    }

    /// Makes what is waited for of `source` what is wanted. A source of which nothing is wanted is
    /// forgotten: one with both directions over would be reported for ever.
    ///
    /// # Errors
    /// As of [`Self::add`] and [`Self::modify`]; `has` is then what it was.
    pub fn watch(
        &self,
        source: impl AsFd,
        token: Token,
        has: &mut Option<Interest>,
        wants: Option<Interest>,
    ) -> io::Result<()> {
        match (*has, wants) {
            (has, wants) if has == wants => {}
            (None, Some(interest)) => self.add(source, token, interest)?,
            (Some(_), Some(interest)) => self.modify(source, token, interest)?,
            (_, None) => self.remove(source)?,
        }
        *has = wants;
        Ok(())
    }

    /// Forgets a source that stays open.
    ///
    /// # Errors
    /// Those of `epoll_ctl`: not added.
    pub fn remove(&self, source: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, source)?)
    }

    /// Waits until a source is ready, somebody wakes, or it is `until`; without that as long as it takes. Any wait may
    /// end early, with nothing: by a signal, or by the alarm of an earlier wait.
    ///
    /// # Errors
    /// Those of `epoll_wait` and `timerfd_settime`, which only a broken program gets.
    pub fn wait(&self, events: &mut Events, until: Option<Instant>) -> io::Result<()> {
        // An alarm that is set for an earlier time is left: it ends a wait for nothing, once, and whoever puts off what he
        // waits for again and again has no more to pay for it.
        let is_set = |until| self.set_for.get().is_some_and(|set| set <= until);
        if let Some(until) = until.filter(|&until| !is_set(until)) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return self.look(events);
            }
            self.set_alarm(until, left)?;
        }
        self.gather(events, None)
    }

    /// Looks which sources are ready, and waits for none.
    ///
    /// # Errors
    /// As of [`Self::wait`].
    pub fn look(&self, events: &mut Events) -> io::Result<()> {
        self.gather(events, Some(&NO_TIME))
    }

    fn set_alarm(&self, at: Instant, left: Duration) -> io::Result<()> {
        let left = left.try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
        let alarm = Itimerspec {
            it_interval: NO_TIME,
            it_value: left,
        };
        timerfd_settime(&self.alarm, TimerfdTimerFlags::empty(), &alarm)?;
        self.set_for.set(Some(at));
        Ok(())
    }

    fn gather(&self, events: &mut Events, timeout: Option<&Timespec>) -> io::Result<()> {
        events.woken = false;
        events.list.clear();
        let spare = rustix::buffer::spare_capacity(&mut events.list);
        match epoll::wait(&self.epoll, spare, timeout) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        // Neither is read: each time that they are written or go off they are told of once.
        events.list.retain(|event| match event.data.u64() {
            WAKER => {
                events.woken = true;
                false
            }
            ALARM => {
                self.set_for.set(None);
                false
            }
            _ => true,
        });
        Ok(())
    }
}

/// What a wait found.
pub struct Events {
    list: Vec<epoll::Event>,
    woken: bool,
}

impl Events {
    /// Whether nothing is ready, and nobody woke the poller.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.woken && self.list.is_empty()
    }

    /// Room for this many sources at a time; the others are found by the next wait.
    #[must_use]
    pub fn with_capacity(count: usize) -> Self {
        Self {
            list: Vec::with_capacity(count.max(1)),
            woken: false,
        }
    }

    /// Whether somebody woke the poller.
    #[must_use]
    pub const fn woken(&self) -> bool {
        self.woken
    }

    /// The sources that are ready.
    pub fn iter(&self) -> impl Iterator<Item = (Token, Readiness)> + '_ {
        self.list.iter().map(|event| {
            let flags = event.flags;
            let closed = flags.intersects(EventFlags::ERR | EventFlags::HUP | EventFlags::RDHUP);
            let readiness = Readiness {
                readable: flags.contains(EventFlags::IN) || closed,
                writable: flags.contains(EventFlags::OUT),
                closed,
                error: flags.contains(EventFlags::ERR),
            };
            (Token::from(event.data.u64()), readiness)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// Waits until something is ready or the time has come, through waits that end early.
    fn wait_until(poller: &Poller, until: Instant) -> Events {
        let mut events = Events::with_capacity(4);
        while Instant::now() < until && events.is_empty() {
            poller.wait(&mut events, Some(until)).unwrap();
        }
        events
    }

    #[test]
    fn a_wait_ends_in_time_whatever_was_waited_for_before() {
        let poller = Poller::new().unwrap();
        let begin = Instant::now();
        let after = |millis| begin + Duration::from_millis(millis);
        // The alarm is set for later than what is waited for next, goes off, and is set again.
        poller.waker().wake();
        assert!(wait_until(&poller, after(3_600_000)).woken());
        for until in [after(5), after(5), begin, after(20), after(10), after(30)] {
            assert!(wait_until(&poller, until).is_empty());
            assert!(Instant::now() >= until);
        }
        assert!(begin.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn an_alarm_that_went_off_does_not_end_the_next_wait() {
        let poller = Poller::new().unwrap();
        let mut events = Events::with_capacity(4);
        let soon = Instant::now() + Duration::from_millis(1);
        poller.wait(&mut events, Some(soon)).unwrap();
        poller.wait(&mut events, Some(soon)).unwrap();
        let until = Instant::now() + Duration::from_millis(20);
        poller.wait(&mut events, Some(until)).unwrap();
        assert!(Instant::now() >= until);
    }

    #[test]
    fn waking_twice_is_waking_once_and_counts_before_the_wait() {
        let poller = Poller::new().unwrap();
        let waker = poller.waker();
        std::thread::spawn(move || {
            waker.wake();
            waker.wake();
        })
        .join()
        .unwrap();
        let mut events = Events::with_capacity(4);
        poller.wait(&mut events, None).unwrap();
        assert!(events.woken());
        assert_eq!(events.iter().count(), 0);
        poller.look(&mut events).unwrap();
        assert!(!events.woken());
    }

    #[test]
    fn a_token_carries_slot_and_generation() {
        let token = Token {
            slot: 7,
            generation: 9,
        };
        assert_eq!(Token::from(u64::from(token)), token);
    }
}
