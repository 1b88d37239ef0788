//! Bytes that no client sends, made from those that clients do send.

use std::time::Duration;

use proptest::{prelude::*, sample::Index};

use crate::support::{Client, Independent, Pki, Server, path};

/// A way to spoil a datagram.
#[derive(Clone, Debug)]
enum Spoil {
    Set(Index, u8),
    /// Sets a byte near the beginning.
    Header(usize, u8),
    Flip(Index, u8),
    Cut(Index),
    Append(Vec<u8>),
    Double,
    /// Takes a part out of the middle.
    Remove(Index, Index),
    /// Puts a length of 16 bits somewhere.
    Length(Index, u16),
}

fn spoil() -> impl Strategy<Value = Spoil> {
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, to)| Spoil::Set(at, to)),
        4 => (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Spoil::Flip(at, bit)),
        1 => any::<Index>().prop_map(Spoil::Cut),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Spoil::Append),
        1 => Just(Spoil::Double),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Spoil::Remove(from, to)),
        // Most of what there is to spoil stands in the headers.
        4 => (0..70_usize, any::<u8>()).prop_map(|(at, to)| Spoil::Header(at, to)),
        2 => (any::<Index>(), prop_oneof![0..100_u16, any::<u16>()])
            .prop_map(|(at, length)| Spoil::Length(at, length)),
    ]
}

impl Spoil {
    fn apply(&self, datagram: &mut Vec<u8>) {
        if datagram.is_empty() {
            return;
        }
        let place = |at: &Index| at.index(datagram.len());
        match self {
            Self::Set(at, to) => {
                let at = place(at);
                datagram[at] = *to;
            }
            Self::Header(at, to) => {
                let at = at % datagram.len();
                datagram[at] = *to;
            }
            Self::Flip(at, bit) => {
                let at = place(at);
                datagram[at] ^= 1 << bit;
            }
            Self::Cut(at) => {
                let at = place(at);
                datagram.truncate(at);
            }
            Self::Append(bytes) => datagram.extend_from_slice(bytes),
            Self::Double => datagram.extend_from_within(..),
            Self::Remove(from, to) => {
                let (from, to) = (place(from), place(to));
                datagram.drain(from.min(to)..from.max(to));
            }
            Self::Length(at, length) => {
                let at = place(at);
                let bytes = length.to_be_bytes();
                for (to, byte) in datagram[at..].iter_mut().zip(bytes) {
                    *to = byte;
                }
            }
        }
    }
}

fn spoiled(datagram: &[u8], ways: &[Spoil]) -> Vec<u8> {
    let mut datagram = datagram.to_vec();
    ways.iter().for_each(|way| way.apply(&mut datagram));
    datagram
}

fn ways() -> impl Strategy<Value = Vec<Spoil>> {
    prop::collection::vec(spoil(), 1..4)
}

/// Lets all time limits pass: nothing is left, whatever came before.
fn nothing_stays(server: &mut Server) {
    for _ in 0..20 {
        server.wait(Duration::from_secs(30));
    }
    assert_eq!(
        (server.dtls.associations(), server.dtls.half_open()),
        (0, 0)
    );
    assert_eq!(server.dtls.next_timeout(), None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_dropped_or_answered_with_fewer(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut server = Server::usual();
        let answers = server.answers(path(1), &bytes).concat();
        prop_assert!(answers.len() < bytes.len() || bytes.is_empty());
        prop_assert_eq!(server.dtls.associations(), 0);
    }

    #[test]
    fn a_spoiled_first_hello_is_dropped_or_answered_with_less(
        ways in prop::collection::vec(ways(), 20),
        independent in any::<bool>(),
    ) {
        let mut server = Server::usual();
        let hello = if independent {
            Independent::new().wait(Duration::ZERO).remove(0)
        } else {
            Client::new(Pki::ecdsa()).hello()
        };
        for ways in ways {
            let spoiled = spoiled(&hello, &ways);
            let answers = server.answers(path(1), &spoiled).concat();
            prop_assert!(answers.len() < spoiled.len() || answers.is_empty());
        }
        prop_assert_eq!(server.dtls.associations(), 0);
    }

    /// Spoiled copies arrive before each of the client's datagrams. They may end the handshake, as nothing
    /// protects its first messages, but not the association that there was before.
    #[test]
    fn a_spoiled_handshake_harms_no_association(
        ways in prop::collection::vec(ways(), 12),
        live_before in any::<bool>(),
    ) {
        let mut server = Server::usual();
        let mut old = live_before.then(|| Client::connected(&mut server, path(1)));
        let mut client = Client::new(Pki::ecdsa());
        let mut to_server = client.receive(&[]);
        let mut ways = ways.chunks(3);
        while !to_server.is_empty() {
            let mut to_client = Vec::new();
            for datagram in &to_server {
                for ways in ways.next().unwrap_or_default() {
                    to_client.extend(server.answers(path(1), &spoiled(datagram, ways)));
                }
                to_client.extend(server.answers(path(1), datagram));
                prop_assert!(server.dtls.associations() <= 1 + usize::from(live_before));
            }
            to_server = client.receive(&to_client);
        }
        let replaced = server.closed();
        if let Some(old) = &mut old {
            if replaced.is_empty() {
                old.talk(&mut server, path(1));
            } else {
                prop_assert_eq!(&replaced, &[path(1)]);
            }
        }
        let established = server.dtls.associations() - server.dtls.half_open();
        if client.connected && established == 1 && (!live_before || !replaced.is_empty()) {
            client.talk(&mut server, path(1));
        }
        nothing_stays(&mut server);
    }

    /// Every record of a whole association, spoiled, comes to an established one.
    #[test]
    fn spoiled_records_neither_end_an_association_nor_speak_for_the_client(
        ways in prop::collection::vec(ways(), 24),
    ) {
        let mut server = Server::usual();
        let mut client = Client::new(Pki::ecdsa());
        let mut seen = Vec::new();
        let mut to_server = client.receive(&[]);
        while !to_server.is_empty() {
            let mut to_client = Vec::new();
            for datagram in &to_server {
                to_client.extend(server.answers(path(1), datagram));
            }
            seen.append(&mut to_server);
            to_server = client.receive(&to_client);
        }
        prop_assert!(client.connected);
        let message = client.send(b"the only one");
        seen.push(message.clone());
        let mut heard = Vec::new();
        for (number, ways) in ways.iter().enumerate() {
            let spoiled = spoiled(&seen[number % seen.len()], ways);
            heard.extend(server.receive(path(1), &spoiled).1);
        }
        heard.extend(server.receive(path(1), &message).1);
        // A way may have left the record whole.
        prop_assert_eq!(heard, [b"the only one"]);
        prop_assert!(server.closed().is_empty());
        client.talk(&mut server, path(1));
    }
}
