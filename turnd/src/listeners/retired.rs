//! Listening sockets that a reload takes away: UDP ones serve the allocations that live on them until the last
//! has ended, TCP ones are closed.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicUsize},
};

use super::{Bound, Listeners, Protocol};
use crate::worker::Fates;

/// A UDP socket that takes nobody new.
#[derive(Clone, Debug)]
pub struct Retired {
    /// What it was.
    pub bound: Bound,
    /// How many workers may have an allocation on it.
    pub workers: Arc<AtomicUsize>,
}

impl Listeners {
    /// Keeps what was there and is not asked for any more, as far as allocations may live on it.
    pub(super) fn retire(&mut self, before: Vec<Bound>) {
        let is_left = |bound: &Bound| !self.bound.iter().any(|it| it.is_socket_of(bound));
        let left = before.into_iter().filter(is_left);
        let retired = left.filter(|bound| bound.protocol == Protocol::Udp);
        self.retired = retired
            .map(|bound| Retired {
                bound,
                workers: Arc::new(AtomicUsize::new(self.workers.len())),
            })
            .collect();
    }

    /// Everything that is bound, also what takes nobody new.
    pub(super) fn all(&self) -> Vec<Bound> {
        let retired = self.retired.iter().map(|retired| retired.bound);
        self.bound.iter().copied().chain(retired).collect()
    }

    /// Its addresses.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.all().iter().map(|bound| bound.address).collect()
    }

    /// What becomes of the sockets of before, in the workers that have them.
    #[must_use]
    pub fn fates(&self, before: &Self) -> Fates {
        let mut fates = Fates::default();
        for bound in &self.bound {
            match bound.protocol {
                Protocol::Udp => fates.udp.push((bound.at, bound.takes)),
                Protocol::Tcp => fates
                    .tcp
                    .push((bound.at, bound.takes, bound.is_behind_proxy)),
            }
        }
        for retired in &self.retired {
            fates
                .retired
                .push((retired.bound.at, retired.workers.clone()));
        }
        let closed = before.bound.iter().filter(|old| {
            old.protocol == Protocol::Tcp && !self.bound.iter().any(|it| it.is_socket_of(old))
        });
        fates.closed = closed.map(|bound| bound.at).collect();
        fates
    }
}
