//! A client's data connection and a peer's, joined (RFC 6062 sections 5.4 and 5.5): what one sends the
//! other gets, as fast as the slower of them takes it.
//!
//! In each direction no more waits than one read has brought, and while it waits nothing more is read.
//! An allocation that may relay only so much a second is read no faster (`max-bps`).
//! When one side has finished sending, the other is told so behind all that was sent, and may go on.

use std::{
    io::{self, Read, Write},
    sync::Arc,
};

use turnd_net::{Interest, TcpStream};
use turnd_proto::{Direction, Instant, Now, Server, StreamMeter};

use super::{
    Worker,
    peers::{PeerState, PeerStream},
};
use crate::{
    sockets::Socket,
    streams::{Connection, Input, PeerStreamId, StreamId},
};

impl Worker {
    /// Moves what can be moved, once in each direction, and waits for what must come next.
    pub(super) fn splice(&mut self, now: Now, stream: StreamId, id: PeerStreamId) {
        self.since_listeners += 1;
        let (Some(client), Some(peer)) = (
            self.streams.connections.get_mut(stream),
            self.peers.streams.get_mut(id),
        ) else {
            return;
        };
        let mut pace = Pace {
            now,
            server: &mut self.parts.server,
            meter: peer.meter.clone(),
        };
        match move_both(&mut pace, client, peer, &mut self.streams.cipher) {
            Ok(Splice::GoesOn) => self.watch_splice(now, stream, id),
            Ok(Splice::IsOver) | Err(_) => self.close_stream(now, stream),
        }
    }

    /// Goes on with pairs that had to wait for their pace. One that has to wait again does so to another turn, whatever
    /// it was told.
    pub(super) fn wake_paused(&mut self, now: Now) {
        let is_due = |&&(due, _): &&(Instant, PeerStreamId)| due <= now.instant;
        let due = self.peers.paused.iter().take_while(is_due).count();
        for _ in 0..due {
            let Some((_, id)) = self.peers.paused.first().filter(is_due).copied() else {
                return;
            };
            self.peers.paused.pop_first();
            let Some(peer) = self.peers.streams.get_mut(id) else {
                continue;
            };
            peer.wakes = None;
            if let PeerState::Joined(stream) = peer.state {
                self.splice(now, stream, id);
            }
        }
    }

    fn watch_splice(&mut self, now: Now, stream: StreamId, id: PeerStreamId) {
        let (Some(client), Some(peer)) = (
            self.streams.connections.get_mut(stream),
            self.peers.streams.get_mut(id),
        ) else {
            return;
        };
        let (to_peer, to_client) = (peer.pauses.to_peer, peer.pauses.to_client);
        let from_client = !peer.client_ended && peer.unsent.is_empty() && to_peer.is_none();
        let from_peer = !peer.peer_ended && !client.is_behind() && to_client.is_none();
        if let Some(due) = [to_peer, to_client].into_iter().flatten().min()
            && peer.wakes.is_none_or(|wakes| due < wakes)
        {
            if let Some(later) = peer.wakes.replace(due) {
                self.peers.paused.remove(&(later, id));
            }
            self.peers.paused.insert((due, id));
        }
        let client_wants = Interest::of(from_client, client.is_behind());
        let peer_wants = Interest::of(from_peer, !peer.unsent.is_empty());
        let poller = &self.parts.poller;
        let (client_token, peer_token) = (
            Socket::Stream(stream).token(),
            Socket::PeerStream(id).token(),
        );
        let watched = poller
            .watch(
                &client.socket,
                client_token,
                &mut client.interest,
                client_wants,
            )
            .and_then(|()| poller.watch(&peer.socket, peer_token, &mut peer.interest, peer_wants));
        if watched.is_err() {
            self.close_stream(now, stream);
        }
    }
}

/// Whether there is anything left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Splice {
    GoesOn,
    IsOver,
}

/// Counts what is moved, and says how much may be.
struct Pace<'a> {
    now: Now,
    server: &'a mut Server,
    meter: Option<Arc<StreamMeter>>,
}

impl Pace<'_> {
    /// How much of `memory` may be read into; when to come back if none.
    fn limit<'m>(
        &self,
        direction: Direction,
        memory: &'m mut [u8],
    ) -> Result<&'m mut [u8], Instant> {
        let Some(meter) = &self.meter else {
            return Ok(memory);
        };
        let room = meter.room(self.now, direction)?.min(memory.len());
        Ok(&mut memory[..room])
    }

    fn count(&mut self, direction: Direction, bytes: usize) {
        if let Some(meter) = &self.meter {
            meter.count(self.now, direction, bytes);
        }
        self.server.count_stream(direction, bytes);
    }
}

fn move_both(
    pace: &mut Pace<'_>,
    client: &mut Connection,
    peer: &mut PeerStream,
    memory: &mut [u8],
) -> io::Result<Splice> {
    client.drain(pace.now.instant)?;
    to_peer(pace, client, peer, memory)?;
    to_client(pace, client, peer, memory)?;
    if peer.client_ended && peer.unsent.is_empty() && !peer.peer_told {
        // Fails if the peer has closed both directions, and then it needs no telling.
        let _ = peer.socket.finish();
        peer.peer_told = true;
    }
    if peer.peer_ended && !client.is_behind() && !peer.client_told {
        peer.client_told = client.layer.finish(&client.socket).unwrap_or(true);
    }
    let is_over = peer.peer_told && peer.client_told && !client.is_behind();
    Ok(if is_over {
        Splice::IsOver
    } else {
        Splice::GoesOn
    })
}

fn to_peer(
    pace: &mut Pace<'_>,
    client: &mut Connection,
    peer: &mut PeerStream,
    memory: &mut [u8],
) -> io::Result<()> {
    peer.pauses.to_peer = None;
    if !peer.unsent.is_empty() {
        let written = write(&peer.socket, &peer.unsent)?;
        peer.unsent.drain(..written);
        if !peer.unsent.is_empty() {
            return Ok(());
        }
        peer.unsent = Vec::new();
    }
    let early = client.take_stash();
    if !early.is_empty() {
        pace.count(Direction::ToPeer, early.len());
        let written = write(&peer.socket, &early)?;
        peer.unsent = early[written..].to_vec();
    }
    // What is decrypted already makes no socket readable.
    let half = memory.len() / 2;
    let mut again = true;
    while again && peer.unsent.is_empty() && !peer.client_ended {
        let (room, cipher) = memory.split_at_mut(half);
        let room = match pace.limit(Direction::ToPeer, room) {
            Ok(room) => room,
            Err(until) => {
                peer.pauses.to_peer = Some(until);
                break;
            }
        };
        match client.layer.read(&client.socket, room, cipher)? {
            Input::Nothing => again = false,
            Input::End => peer.client_ended = true,
            Input::Bytes(count) => {
                client.last_heard = pace.now.instant;
                pace.count(Direction::ToPeer, count);
                let written = write(&peer.socket, &room[..count])?;
                peer.unsent = room[written..count].to_vec();
                again = client.layer.has_input();
            }
        }
    }
    Ok(())
}

fn to_client(
    pace: &mut Pace<'_>,
    client: &mut Connection,
    peer: &mut PeerStream,
    memory: &mut [u8],
) -> io::Result<()> {
    peer.pauses.to_client = None;
    if peer.peer_ended || client.is_behind() {
        return Ok(());
    }
    let memory = match pace.limit(Direction::ToClient, memory) {
        Ok(memory) => memory,
        Err(until) => {
            peer.pauses.to_client = Some(until);
            return Ok(());
        }
    };
    match (&peer.socket).read(memory) {
        Ok(0) => peer.peer_ended = true,
        Ok(count) => {
            client.last_heard = pace.now.instant;
            pace.count(Direction::ToClient, count);
            client.send_raw(pace.now.instant, &memory[..count])?;
        }
        Err(error) if is_transient(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

fn write(mut socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match socket.write(&bytes[written..]) {
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
