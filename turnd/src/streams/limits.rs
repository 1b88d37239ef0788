//! How many connections, and how many TLS handshakes, strangers may cause.
//!
//! [`Connections`] is shared by all workers, under a lock that is taken when a connection is accepted,
//! renamed or closed. The budgets belong to one worker each. Wherever something is counted by address,
//! an IPv6 address counts as its /64 (see [`source`]).

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use foldhash::fast::RandomState;
use turnd_proto::Instant;

/// Who is counted: an IPv4 address (also one that came mapped into IPv6), or the /64 of an IPv6 address,
/// because one customer gets at least that much.
#[must_use]
pub fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

// ---- connections ------------------------------------------------------------------------------------

/// The open client connections of all workers.
#[derive(Debug)]
pub struct Connections {
    limits: Limits,
    counts: Mutex<Counts>,
}

/// The most of each; 0: no limit. Nothing else hangs on them, so that their order does not matter.
#[derive(Debug)]
struct Limits {
    total: AtomicU32,
    per_source: AtomicU32,
}

#[derive(Debug, Default)]
struct Counts {
    total: u32,
    /// Never zero: memory is bounded by the connections there are.
    sources: HashMap<IpAddr, u32, RandomState>,
}

/// Why a connection gets no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// All clients together have as many as are allowed.
    Total,
    /// The client's address has.
    Address,
}

impl Connections {
    /// At most `total` connections, and `per_source` of one source. 0: no limit.
    #[must_use]
    pub fn new(total: u32, per_source: u32) -> Arc<Self> {
        Arc::new(Self {
            limits: Limits {
                total: total.into(),
                per_source: per_source.into(),
            },
            counts: Mutex::default(),
        })
    }

    /// Other limits hold from now on. Connections that are there stay.
    pub fn set_limits(&self, total: u32, per_source: u32) {
        self.limits.total.store(total, Ordering::Relaxed);
        self.limits.per_source.store(per_source, Ordering::Relaxed);
    }

    fn per_source(&self) -> u32 {
        self.limits.per_source.load(Ordering::Relaxed)
    }

    /// A place for a connection from `address`.
    ///
    /// # Errors
    /// When one of the limits has been reached.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Place, Refused> {
        self.place(Some(source(address)))
    }

    /// A place for a connection from a load balancer, which counts for no address until
    /// [`Place::rename`]: else the balancer's own address would use up what one client may have.
    ///
    /// # Errors
    /// When there are as many connections as are allowed in all.
    pub fn admit_unnamed(self: &Arc<Self>) -> Result<Place, Refused> {
        self.place(None)
    }

    /// Connections that hold a place.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.counts().total
    }

    fn place(self: &Arc<Self>, source: Option<IpAddr>) -> Result<Place, Refused> {
        let mut counts = self.counts();
        if reached(self.limits.total.load(Ordering::Relaxed), counts.total) {
            return Err(Refused::Total);
        }
        if let Some(source) = source {
            counts.enter(source, self.per_source())?;
        }
        counts.total += 1;
        drop(counts);
        Ok(Place {
            connections: Arc::clone(self),
            source,
        })
    }

    /// No operation leaves the counts half done, so a lock poisoned by a panic is still good.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn enter(&mut self, source: IpAddr, limit: u32) -> Result<(), Refused> {
        let held = self.sources.get(&source).copied().unwrap_or(0);
        if reached(limit, held) {
            return Err(Refused::Address);
        }
        self.sources.insert(source, held + 1);
        Ok(())
    }

    fn leave(&mut self, source: IpAddr) {
        match self.sources.get_mut(&source) {
            Some(held) if *held > 1 => *held -= 1,
            _ => {
                self.sources.remove(&source);
            }
        }
    }
}

fn reached(limit: u32, held: u32) -> bool {
    limit != 0 && held >= limit
}

/// The right to be connected. Dropping it gives it back.
#[derive(Debug)]
pub struct Place {
    connections: Arc<Connections>,
    source: Option<IpAddr>,
}

impl Place {
    /// Lets the connection count for `address`, which a PROXY header has told, instead of the one before.
    ///
    /// # Errors
    /// [`Refused::Address`] when that address has no place left. The connection then counts as before,
    /// until it is closed.
    pub fn rename(&mut self, address: IpAddr) -> Result<(), Refused> {
        let new = source(address);
        if self.source == Some(new) {
            return Ok(());
        }
        let mut counts = self.connections.counts();
        counts.enter(new, self.connections.per_source())?;
        if let Some(old) = self.source.replace(new) {
            counts.leave(old);
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.connections.counts();
        counts.total -= 1;
        if let Some(source) = self.source {
            counts.leave(source);
        }
    }
}

// ---- handshakes -------------------------------------------------------------------------------------

/// A token bucket: in any time t at most `per_second` * t + `burst` tokens are taken.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Tokens a second, or thousandths of a token a millisecond.
    per_second: u32,
    /// In thousandths of a token.
    capacity: u64,
    level: u64,
    filled: Instant,
}

/// What one token is in the units of [`Budget::level`].
const TOKEN: u64 = 1000;

impl Budget {
    /// A full bucket. `per_second` 0: no limit. A `burst` of 0 counts as 1, below which nothing could
    /// ever be taken.
    #[must_use]
    pub fn new(per_second: u32, burst: u32) -> Self {
        let capacity = u64::from(burst.max(1)) * TOKEN;
        Self {
            per_second,
            capacity,
            level: capacity,
            filled: Instant::from_millis(0),
        }
    }

    /// Takes a token; false if there is none.
    pub fn take(&mut self, now: Instant) -> bool {
        self.level = self.level_at(now);
        self.filled = self.filled.max(now);
        if self.per_second == 0 {
            return true;
        }
        match self.level.checked_sub(TOKEN) {
            Some(level) => {
                self.level = level;
                true
            }
            None => false,
        }
    }

    /// When the next token can be taken: `now` if one is there, else rounded up to whole milliseconds.
    #[must_use]
    pub fn next(&self, now: Instant) -> Instant {
        let missing = TOKEN.saturating_sub(self.level_at(now));
        if self.per_second == 0 || missing == 0 {
            return now;
        }
        // A clock that was read a little earlier than the last one must not shorten the wait.
        self.filled.max(now) + Duration::from_millis(missing.div_ceil(u64::from(self.per_second)))
    }

    fn level_at(&self, now: Instant) -> u64 {
        let passed = now.as_millis().saturating_sub(self.filled.as_millis());
        let gained = passed.saturating_mul(u64::from(self.per_second));
        self.level.saturating_add(gained).min(self.capacity)
    }
}

/// How many windows [`PerAddress`] remembers.
pub const REMEMBERED: usize = 4096;

const WINDOW: Duration = Duration::from_secs(1);

/// How many handshakes one source may start in a second.
///
/// A source's window of a second begins with its first start, the next one with the first start after
/// its end; so any second can see at most twice the limit, at the end of one and the beginning of the
/// next. The latest [`REMEMBERED`] windows are known, and a source whose window had to be forgotten is
/// allowed. Someone with that many addresses is stopped by the [`Budget`] of all clients, which should be
/// asked after this, so that a source over its limit takes nothing from the others.
#[derive(Debug)]
pub struct PerAddress {
    limit: u32,
    /// Grows to [`REMEMBERED`], then the oldest makes way.
    windows: Vec<Window>,
    /// Where in `windows` the next one goes: where the oldest is, once it is full.
    next: usize,
    /// Where each source's latest window is, while it is there: no more than `windows`.
    latest: HashMap<IpAddr, usize, RandomState>,
}

#[derive(Debug)]
struct Window {
    source: IpAddr,
    begin: Instant,
    taken: u32,
}

impl PerAddress {
    /// At most `limit` starts of one source in its window. 0: no limit.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        Self {
            limit,
            windows: Vec::new(),
            next: 0,
            latest: HashMap::default(),
        }
    }

    /// Counts a start from `address`; false, and not counted, if it has had its share.
    pub fn take(&mut self, address: IpAddr, now: Instant) -> bool {
        if self.limit == 0 {
            return true;
        }
        let source = source(address);
        let slot = self.latest.get(&source);
        if let Some(window) = slot.and_then(|&slot| self.windows.get_mut(slot))
            && now.since(window.begin) < WINDOW
        {
            let allowed = window.taken < self.limit;
            window.taken += u32::from(allowed);
            return allowed;
        }
        self.begin(source, now);
        true
    }

    fn begin(&mut self, source: IpAddr, now: Instant) {
        let window = Window {
            source,
            begin: now,
            taken: 1,
        };
        let slot = self.next;
        self.next = (slot + 1) % REMEMBERED;
        match self.windows.get_mut(slot) {
            Some(place) => {
                let old = std::mem::replace(place, window);
                // The source may have begun a later window elsewhere.
                if self.latest.get(&old.source) == Some(&slot) {
                    self.latest.remove(&old.source);
                }
            }
            None => self.windows.push(window),
        }
        self.latest.insert(source, slot);
    }
}

#[cfg(test)]
mod tests;
