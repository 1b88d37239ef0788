//! TCP: connections come, go, fail and stop taking bytes.

use std::{
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    os::fd::BorrowedFd,
    time::{Duration, Instant},
};

use turnd_net::{
    Events, Interest, Poller, SLOT_CAPACITY, Slots, TcpListener, TcpOptions, TcpStream, Token,
};

use crate::support::{V4, V6};

const TOKEN: Token = Token {
    slot: 1,
    generation: 0,
};

fn listen(address: &str, reuse_port: bool) -> TcpListener {
    let options = TcpOptions {
        reuse_port,
        ..TcpOptions::default()
    };
    TcpListener::bind(address.parse().unwrap(), &options).unwrap()
}

/// Waits until the source is ready; fails after ten seconds.
fn wait(source: impl std::os::fd::AsFd, interest: Interest) {
    let poller = Poller::new().unwrap();
    poller.add(source, TOKEN, interest).unwrap();
    let mut events = Events::with_capacity(1);
    let until = Instant::now() + Duration::from_secs(10);
    poller.wait(&mut events, Some(until)).unwrap();
    assert_eq!(events.iter().count(), 1, "nothing within ten seconds");
}

fn accept(listener: &TcpListener) -> TcpStream {
    wait(listener, Interest::READABLE);
    listener.accept().unwrap().unwrap()
}

fn connect(from: SocketAddr, to: SocketAddr, reuse_port: bool) -> TcpStream {
    let options = TcpOptions {
        reuse_port,
        ..TcpOptions::default()
    };
    let stream = TcpStream::connect(from, to, &options, |_| Ok(())).unwrap();
    wait(&stream, Interest::WRITABLE);
    stream
}

#[test]
fn bytes_go_both_ways_and_each_end_can_finish_alone() {
    for address in [V4, V6] {
        let listener = listen(address, false);
        assert!(listener.accept().unwrap().is_none());
        let from = address.parse().unwrap();
        let client = connect(from, listener.local_addr(), false);
        client.connected().unwrap();
        let server = accept(&listener);
        assert_eq!(server.local_addr(), listener.local_addr());

        (&client).write_all(b"hello").unwrap();
        client.finish().unwrap();
        let mut buffer = [0; 16];
        wait(&server, Interest::READABLE);
        assert_eq!((&server).read(&mut buffer).unwrap(), 5);
        wait(&server, Interest::READABLE);
        assert_eq!((&server).read(&mut buffer).unwrap(), 0);
        (&server).write_all(b"bye").unwrap();
        wait(&client, Interest::READABLE);
        assert_eq!((&client).read(&mut buffer).unwrap(), 3);
        assert_eq!(&buffer[..3], b"bye");
    }
}

#[test]
fn a_connection_can_start_at_the_address_that_a_listener_has() {
    let relay = listen(V4, true);
    let peer = listen(V4, false);
    let stream = connect(relay.local_addr(), peer.local_addr(), true);
    stream.connected().unwrap();
    assert_eq!(accept(&peer).peer_addr(), relay.local_addr());
}

#[test]
fn nobody_hears_of_a_connection_whose_socket_is_refused() {
    let peer = listen(V4, false);
    let options = TcpOptions::default();
    let refuse = |_: BorrowedFd<'_>| Err(ErrorKind::QuotaExceeded.into());
    let refused = TcpStream::connect(V4.parse().unwrap(), peer.local_addr(), &options, refuse);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::QuotaExceeded);
    let client = connect(V4.parse().unwrap(), peer.local_addr(), false);
    client.connected().unwrap();
    accept(&peer);
    assert!(peer.accept().unwrap().is_none(), "one has connected");
}

#[test]
fn a_refused_connection_says_so() {
    let peer = listen(V4, false);
    let nobody = peer.local_addr();
    drop(peer);
    let stream = connect(V4.parse().unwrap(), nobody, false);
    let error = stream.connected().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn writing_stops_when_nobody_reads() {
    let listener = listen(V4, false);
    let client = connect(V4.parse().unwrap(), listener.local_addr(), false);
    let server = accept(&listener);
    let block = [7; 64 * 1024];
    let mut written = 0;
    loop {
        match (&server).write(&block) {
            Ok(count) => written += count,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                break;
            }
        }
        assert!(written < 64 << 20, "the kernel takes everything");
    }
    let mut read = 0;
    let mut buffer = vec![0; 1 << 20];
    while read < written {
        wait(&client, Interest::READABLE);
        read += (&client).read(&mut buffer).unwrap();
    }
    assert_eq!(read, written);
}

#[test]
fn a_slot_takes_what_a_stream_gives() {
    let mut slots = Slots::new(1);
    assert!(slots.fill(|_| Ok(0)).unwrap().is_none());
    assert!(slots.fill(|_| Err(ErrorKind::WouldBlock.into())).is_err());
    let piece = slots.fill(|room| {
        assert_eq!(room.len(), SLOT_CAPACITY);
        room[..3].copy_from_slice(b"abc");
        Ok(3)
    });
    assert_eq!(slots.bytes(piece.unwrap().unwrap()), b"abc");
    assert!(slots.fill(|_| Ok(1)).unwrap().is_none(), "no slot is free");
    slots.clear();
    assert_eq!(slots.free(), 1);
}
