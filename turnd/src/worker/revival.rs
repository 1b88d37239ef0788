//! How a worker goes on after a panic. What it was doing to one of its sessions has stopped halfway, and nobody
//! knows what else is only half done, so all its sessions end. Its listening sockets stay open: the kernel spreads
//! clients over them, and would move those of other workers if one were closed. Letters, counts and the names
//! of what was stay too; whatever still comes for a session that has ended finds nobody.

use std::mem;

use slotmap::SecondaryMap;
use turnd_net::Outbox;

use super::{Worker, streams::Streams};
use crate::{mailbox::Letter, sockets::Socket};

impl Worker {
    /// Ends every session, so that the loop can be entered again.
    pub fn revive(&mut self) {
        let now = self.parts.clock.now();
        // First what others see: no relay may be found whose socket is gone.
        self.parts.server.begin_anew(now);
        self.forget_peers();
        self.relays = SecondaryMap::new();
        self.forget_streams();
        if let Some(dtls) = &mut self.dtls {
            dtls.begin_anew();
        }
        self.forget_data();
        self.is_draining = false;
        self.since_listeners = 0;
        let ended = self.told;
        self.tell_allocations();
        self.counts.restarts += 1;
        tracing::error!(
            "worker {} begins anew after a panic: its {ended} allocations have ended, those of other workers go on",
            self.parts.index
        );
        // The end of each session.
        self.drain(now);
    }

    /// Peers' connections, also those that went to other workers, and those that came from there.
    fn forget_peers(&mut self) {
        let mut peers = mem::take(&mut self.peers);
        for (connection, worker) in peers.handed_over() {
            self.tell(worker, Letter::CloseConnection(connection));
        }
        for peer in peers.streams.values() {
            let owner = usize::from(peer.connection.server());
            if owner != self.parts.index {
                self.tell(owner, Letter::ConnectionEnded(peer.connection));
            }
        }
        peers.streams.clear();
        self.peers.streams = peers.streams;
    }

    fn forget_streams(&mut self) {
        let new = Streams::new(&self.parts.stream_rules);
        let mut old = mem::replace(&mut self.streams, new);
        old.connections.clear();
        self.streams.connections = old.connections;
        // Their answers come, though nobody waits for them any more.
        self.streams.answering = old.answering;
        self.streams.resting = old.resting;
        let listens = |socket: &Socket| matches!(socket, Socket::Acceptor(_));
        self.streams.resting.retain(|(_, socket)| listens(socket));
        self.counts.connections.tls = 0;
    }

    /// What was received and not sent on.
    fn forget_data(&mut self) {
        self.received.clear();
        self.message.clear();
        self.outbox = Outbox::new();
        // Those of others must come back to them. The bytes lie in the slots, whose memory stays: a second one of its
        // size would not come zeroed from the kernel, and all of it would be in use.
        self.return_parcels();
        self.slots.clear();
    }
}
