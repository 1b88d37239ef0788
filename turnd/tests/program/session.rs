//! The client of `serving`, with any number of channels and with requests as bytes; and small things that
//! several files need.

use std::{
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use turnd_wire::{
    Algorithm, ChannelData, Class, Integrity, Key, Message, Method, Writer, attr, channel_data,
};

#[allow(dead_code, reason = "the other binary uses the rest of it")]
#[path = "../serving/session.rs"]
mod base;

pub(crate) use crate::support::blocks::free_block;
pub(crate) use base::{REALM, Reply, Session};

/// What a client gets from a peer.
#[derive(Debug, PartialEq)]
pub(crate) enum Arrival {
    Channel(u16, Vec<u8>),
    Indication(SocketAddr, Vec<u8>),
}

impl Session {
    pub(crate) fn alice(server: SocketAddr) -> Self {
        Self::new(server, "alice", "secret")
    }

    pub(crate) fn refresh(&self, lifetime: u32) -> Reply {
        self.request(Method::REFRESH, |writer| {
            writer.number32(attr::LIFETIME, lifetime);
        })
    }

    pub(crate) fn bind_channel(&self, channel: u16, peer: SocketAddr) -> Reply {
        self.request(Method::CHANNEL_BIND, |writer| {
            channel_and_peer(writer, channel, peer);
        })
    }

    /// ChannelData with bytes behind its end, which stand for nothing.
    pub(crate) fn send_padded(&self, channel: u16, data: &[u8], padding: usize) {
        let length = u16::try_from(data.len()).unwrap();
        let mut bytes = channel_data::header(channel, length).to_vec();
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len() + padding, 0xDD);
        self.socket.send(&bytes).unwrap();
    }

    pub(crate) fn send_on(&self, channel: u16, data: &[u8]) {
        self.send_padded(channel, data, 0);
    }

    /// What comes next of data; not that some of it could not be delivered.
    pub(crate) fn arrival(&self) -> Arrival {
        let mut buffer = vec![0; 65_536];
        let length = self.socket.recv(&mut buffer).expect("something arrives");
        let bytes = &buffer[..length];
        if let Ok(message) = Message::parse(bytes) {
            assert_eq!(message.method(), Method::DATA);
            if message.has(attr::ICMP) {
                return self.arrival();
            }
            let peer = message.xor_address(attr::XOR_PEER_ADDRESS).expect("a peer");
            return Arrival::Indication(peer, message.attribute(attr::DATA).unwrap().to_vec());
        }
        let message = ChannelData::parse(bytes).expect("ChannelData");
        Arrival::Channel(message.channel, message.data.to_vec())
    }
}

pub(crate) fn channel_and_peer(writer: &mut Writer<'_>, channel: u16, peer: SocketAddr) {
    let [high, low] = channel.to_be_bytes();
    writer.bytes(attr::CHANNEL_NUMBER, &[high, low, 0, 0]);
    writer.xor_address(attr::XOR_PEER_ADDRESS, peer);
}

/// A request of alice's, signed, as bytes.
pub(crate) fn signed(method: Method, nonce: &[u8], fill: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
    let key = Key::long_term(Algorithm::Md5, "alice", REALM, "secret");
    let mut buffer = [0; 500];
    let mut writer = Writer::new(&mut buffer, Class::Request, method, [0xC3; 12].into());
    fill(&mut writer);
    writer.text(attr::USERNAME, "alice");
    writer.text(attr::REALM, REALM);
    writer.bytes(attr::NONCE, nonce);
    writer.integrity(Integrity::Sha1, &key);
    writer.finish().unwrap().to_vec()
}

/// A socket that waits five seconds for what is sent to it.
pub(crate) fn peer(address: &str) -> UdpSocket {
    let peer = UdpSocket::bind(address).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    peer
}

pub(crate) fn receive(peer: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_536];
    let (length, from) = peer.recv_from(&mut buffer).expect("something arrives");
    buffer.truncate(length);
    (buffer, from)
}

/// A generator with a fixed seed: the same numbers every time.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }
}
