//! A client's data connection and a peer's, joined (RFC 6062 sections 5.4 and 5.5): what one sends the
//! other gets, as fast as the slower of them takes it.
//!
//! In each direction no more waits than one read has brought, and while it waits nothing more is read.
//! When one side has finished sending, the other is told so behind all that was sent, and may go on.

use std::io::{self, Read, Write};

use turnd_net::{Interest, TcpStream};
use turnd_proto::Now;

use super::{Worker, peers::PeerStream};
use crate::{
    sockets::Socket,
    streams::{Connection, Input, PeerStreamId, StreamId},
};

impl Worker {
    /// Moves what can be moved, once in each direction, and waits for what must come next.
    pub(super) fn splice(&mut self, now: Now, stream: StreamId, id: PeerStreamId) {
        self.since_listeners += 1;
        let moved = match (
            self.streams.connections.get_mut(stream),
            self.peers.streams.get_mut(id),
        ) {
            (Some(client), Some(peer)) => move_both(now, client, peer, &mut self.streams.cipher),
            _ => return,
        };
        match moved {
            Ok(Splice::GoesOn) => self.watch_splice(now, stream, id),
            Ok(Splice::IsOver) | Err(_) => self.close_stream(now, stream),
        }
    }

    fn watch_splice(&mut self, now: Now, stream: StreamId, id: PeerStreamId) {
        let (Some(client), Some(peer)) = (
            self.streams.connections.get_mut(stream),
            self.peers.streams.get_mut(id),
        ) else {
            return;
        };
        let from_client = !peer.client_ended && peer.unsent.is_empty();
        let from_peer = !peer.peer_ended && !client.is_behind();
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

fn move_both(
    now: Now,
    client: &mut Connection,
    peer: &mut PeerStream,
    memory: &mut [u8],
) -> io::Result<Splice> {
    client.drain(now.instant)?;
    to_peer(now, client, peer, memory)?;
    to_client(now, client, peer, memory)?;
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
    now: Now,
    client: &mut Connection,
    peer: &mut PeerStream,
    memory: &mut [u8],
) -> io::Result<()> {
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
        let written = write(&peer.socket, &early)?;
        peer.unsent = early[written..].to_vec();
    }
    // What is decrypted already makes no socket readable.
    let half = memory.len() / 2;
    let mut again = true;
    while again && peer.unsent.is_empty() && !peer.client_ended {
        let (room, cipher) = memory.split_at_mut(half);
        match client.layer.read(&client.socket, room, cipher)? {
            Input::Nothing => again = false,
            Input::End => peer.client_ended = true,
            Input::Bytes(count) => {
                client.last_heard = now.instant;
                let written = write(&peer.socket, &room[..count])?;
                peer.unsent = room[written..count].to_vec();
                again = client.layer.has_input();
            }
        }
    }
    Ok(())
}

fn to_client(
    now: Now,
    client: &mut Connection,
    peer: &mut PeerStream,
    memory: &mut [u8],
) -> io::Result<()> {
    if peer.peer_ended || client.is_behind() {
        return Ok(());
    }
    match (&peer.socket).read(memory) {
        Ok(0) => peer.peer_ended = true,
        Ok(count) => {
            client.last_heard = now.instant;
            client.send_raw(now.instant, &memory[..count])?;
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
