//! New settings for a server that serves: what is there is judged by them, and goes on.

use std::sync::Arc;

use crate::{
    io::{AllocationId, RelayProtocol},
    server::Server,
    settings::Settings,
    time::Now,
};

/// What new settings have taken from clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Withdrawn {
    /// Permissions, with the channels that hang on them.
    pub permissions: usize,
    /// Connections with peers (RFC 6062).
    pub connections: usize,
    /// Allocations of users who are shut out, with all that hung on them.
    pub allocations: usize,
}

impl Server {
    /// Serves by these settings from now on. What an allocation was granted it keeps for as long as it was
    /// granted, except for peers who may not be reached any more, which are cut off at once. Only the
    /// allocations of users who are shut out end.
    /// Whoever owns an allocation is looked for again (see [`crate::Ask::FindKeys`]) at the next request
    /// about it, if keys have changed.
    ///
    /// The relays of `settings` must know the live ports of those before: [`crate::LiveRelays::with`].
    pub fn reconfigure(&mut self, now: Now, settings: Arc<Settings>) -> Withdrawn {
        let before = core::mem::replace(&mut self.settings, settings);
        let settings = &self.settings;
        self.table
            .set_relays(settings.relays.clone(), settings.tcp_relays.clone());
        let is_same = settings.peers.judges_as(&before.peers)
            && settings.tcp_peers.judges_as(&before.tcp_peers);
        let allocations = if settings.denied_users == before.denied_users {
            0
        } else {
            self.end_denied(now.instant)
        };
        let withdrawn = if is_same {
            Withdrawn::default()
        } else {
            self.judge_peers(now)
        };
        Withdrawn {
            allocations,
            ..withdrawn
        }
    }

    /// Makes no new allocations (508, which is for later; 403 would be for good), or makes them again. Everything
    /// else goes on.
    pub fn refuse_allocations(&mut self, refuse: bool) {
        self.refuses_allocations = refuse;
    }

    /// Takes from every allocation the peers that it may not reach any more.
    fn judge_peers(&mut self, now: Now) -> Withdrawn {
        let mut withdrawn = Withdrawn::default();
        let ids: Vec<AllocationId> = self.table.ids().collect();
        for id in ids {
            let Some(allocation) = self.table.allocation_mut(id) else {
                continue;
            };
            let peers = match allocation.protocol {
                RelayProtocol::Udp => &self.settings.peers,
                RelayProtocol::Tcp => &self.settings.tcp_peers,
            };
            let gone = allocation.judge(now.instant, |ip| peers.judge(ip));
            withdrawn.permissions += gone;
            self.counters.permissions -= gone as u64;
            let connections = allocation.connections.clone();
            for connection in connections {
                let peer = self.connections.get(connection).map(|it| it.peer);
                let peers = &self.settings.tcp_peers;
                // Unlike a datagram's, its peer is not looked at again.
                if peer.is_some_and(|peer| peers.at(peer).is_err()) {
                    self.close_connection(connection);
                    withdrawn.connections += 1;
                }
            }
        }
        withdrawn
    }
}
