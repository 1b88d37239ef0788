//! Datagrams to peers that came to nothing: ICMP messages become indications (RFC 8656 section 11.5).

use std::net::SocketAddr;

use turnd_net::{Outbox, Undelivered};
use turnd_proto::{Icmp, IcmpHop, Now, RelayId, Transport};

use super::{Worker, relays::Relay};
use crate::sockets::Socket;

/// Most that is read from the error queue of a relay in one turn.
const BATCH: usize = 16;

impl Worker {
    /// Reads what has come about datagrams of a relay. A relay that is then read has its error taken away, so
    /// that the poller is quiet when the queue is empty.
    pub(super) fn read_undelivered(&mut self, now: Now, relay: RelayId) {
        self.tell_undelivered(now, relay, None);
    }

    /// The same after a datagram to `peer` was too long for our own link: there the kernel does not say which
    /// port it was for.
    pub(super) fn tell_undelivered(&mut self, now: Now, relay: RelayId, peer: Option<SocketAddr>) {
        let Some(socket) = self.relays.get(relay).map(Relay::socket) else {
            return;
        };
        let mut came = Vec::new();
        if let Err(error) = socket.recv_undelivered(BATCH, &mut came) {
            self.report(now, "read what came back from peers", &error);
        }
        for undelivered in came {
            let Undelivered {
                mut to,
                kind,
                code,
                mtu,
            } = undelivered;
            if let Some(peer) = peer
                && to == SocketAddr::new(peer.ip(), 0)
            {
                to = peer;
            }
            let icmp = Icmp { kind, code, mtu };
            if let Some(hop) = self.parts.server.handle_icmp(now, relay, to, icmp) {
                self.tell_client(now, &hop);
            }
        }
    }

    /// Sends an indication in its turn behind the data that the client is sent, and like that it is left out if
    /// a stream has too much to read.
    fn tell_client(&mut self, now: Now, hop: &IcmpHop) {
        match Socket::of(hop.to.listener.0) {
            Socket::Stream(id) => {
                if self.streams.staging.to() != Some(id) {
                    self.send_staged(now);
                }
                self.streams.staging.push(id, &[&hop.bytes]);
                self.send_staged(now);
            }
            _ if hop.to.path.transport == Transport::Dtls => {
                self.encrypt(now, &hop.to, &hop.bytes, Outbox::push_copy);
            }
            socket => self.push_reply(socket, &hop.to, &hop.bytes),
        }
    }
}
