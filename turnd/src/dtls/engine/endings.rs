//! What time does to handshakes and associations, and how they end.

use std::collections::hash_map::Entry;

use turnd_proto::Instant;

use super::{Dtls, Established, HalfOpen, Path, Stage, source};

impl Dtls {
    pub(super) fn handshake_is_due(
        &mut self,
        now: Instant,
        path: Path,
        send: &mut impl FnMut(Path, u32, &[u8]),
    ) {
        let at = self.paths.get_mut(&path);
        let half_open = at
            .and_then(|at| at.half_open.as_mut())
            .expect("a timer is an association's");
        let end = half_open.begun + self.limits.handshake;
        if now >= end {
            self.end_half_open(path);
            return;
        }
        half_open.association.renumber_flight(&mut half_open.flight);
        for datagram in &half_open.flight {
            send(path, half_open.listener, datagram);
        }
        let deadline = (now + half_open.wait).min(end);
        half_open.wait *= 2;
        self.timers
            .shift(&mut half_open.deadline, deadline, path, Stage::HalfOpen);
    }

    pub(super) fn idle_time_is_over(
        &mut self,
        now: Instant,
        path: Path,
        in_use: &mut impl FnMut(Path) -> bool,
        send: &mut impl FnMut(Path, u32, &[u8]),
    ) {
        let at = self.paths.get_mut(&path);
        let established = at
            .and_then(|at| at.established.as_mut())
            .expect("a timer is an association's");
        let mut deadline = established.last_message + self.limits.idle;
        if deadline <= now && in_use(path) {
            deadline = now + self.limits.idle;
        }
        if deadline > now {
            self.timers.shift(
                &mut established.deadline,
                deadline,
                path,
                Stage::Established,
            );
            return;
        }
        let listener = established.listener;
        established.association.close(&mut self.buffers);
        self.end_established(path);
        self.closed.push_back(path);
        self.buffers
            .flush(|datagram| send(path, listener, datagram));
    }

    pub(super) fn end_half_open(&mut self, path: Path) -> Option<HalfOpen> {
        let Entry::Occupied(mut at) = self.paths.entry(path) else {
            return None;
        };
        let half_open = at.get_mut().half_open.take()?;
        if at.get().established.is_none() {
            at.remove();
        }
        self.timers
            .remove(half_open.deadline, path, Stage::HalfOpen);
        self.half_open -= 1;
        if let Entry::Occupied(mut of_source) = self.sources.entry(source(path.client.ip())) {
            *of_source.get_mut() -= 1;
            if *of_source.get() == 0 {
                of_source.remove();
            }
        }
        Some(half_open)
    }

    pub(super) fn end_established(&mut self, path: Path) -> Option<Established> {
        let Entry::Occupied(mut at) = self.paths.entry(path) else {
            return None;
        };
        let established = at.get_mut().established.take()?;
        if at.get().half_open.is_none() {
            at.remove();
        }
        self.timers
            .remove(established.deadline, path, Stage::Established);
        self.established -= 1;
        Some(established)
    }
}
